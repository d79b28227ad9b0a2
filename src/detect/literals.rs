//! What is searched for to find the values of a rule: its prefixes, in every way that they may be written, and its keywords.

use crate::aws::base::BASE64;
use crate::rules::{Check, Part};

/// The longest literal that is searched for; longer prefixes are cut.
const MAX_LITERAL: usize = 8;

/// How a literal is written in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// As it is.
    Plain,
    /// As UTF-16, either byte order: the NUL at either end is left out.
    Utf16,
    /// As UTF-32, either byte order.
    Utf32,
    /// Inside base64, at any alignment.
    Base64,
    /// As UTF-16 inside base64.
    Base64Wide,
    /// The head of base64 that encodes a compressed stream or an archive.
    Packed,
    /// As hexadecimal digits.
    Hex,
    /// As numbers, one by one: `41 4b`, `0x41, 0x4b`, `[65, 75]`.
    Bytes,
    /// As `\u0041`, `\x41`, `%41`, `&#65;` or `&#x41;`.
    Escaped,
    /// A keyword of a label, plain.
    Keyword,
    /// A keyword of a label, as UTF-16.
    KeywordUtf16,
}

/// All literals of a part. Ids come in every carrier. A secret with a prefix of its own is a token in some setting:
/// plain, or in base64.
pub(super) fn add_part(part: &Part, secret: bool, add: &mut impl FnMut(Vec<u8>, Carrier)) {
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(MAX_LITERAL);
        bytes
    };
    for prefix in &part.prefixes {
        let p = prefix.as_bytes();
        add(cut(p.to_vec()), Carrier::Plain);
        if p.len() < 4 {
            continue; // its encodings would be too short to mean anything
        }
        for alignment in 0..3 {
            add(cut(base64_inner(p, alignment)), Carrier::Base64);
        }
        if secret {
            continue;
        }
        add(cut(utf16(p)), Carrier::Utf16);
        // The last two characters are the same for several prefixes.
        let tail = &p[p.len() - 2..];
        add(vec![tail[0], 0, 0, 0, tail[1]], Carrier::Utf32);
        for alignment in 0..3 {
            add(cut(base64_inner(&[0, tail[0], 0, tail[1], 0], alignment)), Carrier::Base64Wide);
        }
        let hex = |upper: bool| p.iter().flat_map(|b| hex_digits(*b, upper)).collect::<Vec<u8>>();
        add(cut(hex(false)), Carrier::Hex);
        add(cut(hex(true)), Carrier::Hex);
        if part.check == Some(Check::AwsKeyId) {
            add_bytes(p, add);
        }
        let digits = hex_digits(p[0], false);
        let (h, l) = (char::from(digits[0]), char::from(digits[1]));
        for text in [
            format!("\\u00{h}{l}"),
            format!("\\u{{{h}{l}}}"),
            format!("\\x{h}{l}\\x"),
            format!("%{h}{l}%"),
            format!("&#{};", p[0]),
            format!("&#x{h}{l};"),
        ] {
            add(text.into_bytes(), Carrier::Escaped);
        }
    }
    for keyword in &part.keywords {
        add(cut(keyword.as_bytes().to_vec()), Carrier::Keyword);
        // in UTF-16 the common spelling must do
        if part.check == Some(Check::AwsSecret) && *keyword == keyword.to_lowercase() && keyword.len() < 6 {
            add(cut(utf16(keyword.as_bytes())), Carrier::KeywordUtf16);
        }
    }
}

/// What bytes as numbers have for a prefix: its second and its third, or its third and its last. One number alone is everywhere in data,
/// and would cost every scan a tenth.
fn add_bytes(prefix: &[u8], add: &mut impl FnMut(Vec<u8>, Carrier)) {
    let &[.., second, third, last] = prefix else { return };
    let literals = [
        format!("{second},{third},"),
        format!("{second}, {third},"),
        format!("{second},\n"),
        format!("0x{second:02x},"),
        format!("0x{second:02X},"),
        format!("{second:02x} {third:02x} "),
        format!("{second:02X} {third:02X} "),
        // words of two bytes
        format!("{second:02x} {third:02x}{last:02x}"),
        format!(" {second:02x}{third:02x} "),
        // of `[default]`, `aws_access_key_id = ` at the start of a file the second ends a line of sixteen
        format!("{third:02x} {last:02x} "),
        format!(" {third:02x}{last:02x} "),
    ];
    for literal in literals {
        add(literal.into_bytes(), Carrier::Bytes);
    }
}

/// UTF-16 of ASCII, without the NUL at the end that little endian has and big endian has in front: both orders hold it.
fn utf16(ascii: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = ascii.iter().flat_map(|&b| [b, 0]).collect();
    out.pop();
    out
}

fn hex_digits(byte: u8, upper: bool) -> [u8; 2] {
    let table = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    [table[usize::from(byte >> 4)], table[usize::from(byte & 15)]]
}

/// The base64 characters that `bytes` decide alone when they start `alignment` bytes into a group of three.
fn base64_inner(bytes: &[u8], alignment: usize) -> Vec<u8> {
    let bit = |i: usize| {
        let byte = bytes[i / 8 - alignment];
        usize::from(byte >> (7 - i % 8) & 1)
    };
    let (first, end) = ((alignment * 8).div_ceil(6), (alignment + bytes.len()) * 8 / 6);
    (first..end).map(|c| BASE64[(0..6).fold(0, |v, k| v << 1 | bit(c * 6 + k))]).collect()
}
