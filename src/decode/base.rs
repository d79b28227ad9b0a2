//! Values in base64 or hexadecimal digits, decoded where they stand.

use std::ops::Range;

use crate::aws::secret::{self, SecretClass};
use crate::finding::Encoding;

use super::unpack::{self, Format};
use super::{Carriers, Rewrite};

/// A base64 run shorter than this is a word.
const MIN_BASE64: usize = 16;
/// A run of hexadecimal digits shorter than this is a number.
pub(super) const MIN_HEX: usize = 24;
/// A shorter run is no container with anything in it.
const MIN_PACKED: usize = 40;
/// Lines of wrapped base64 are at least this long.
const MIN_WRAPPED: usize = 56;

/// Replace each run of base64 or hexadecimal digits that encodes text, or in which something is `anchored`, by what it
/// encodes. A random value of 40 characters never encodes printable text, so secrets as they are stay.
pub(super) fn decode(
    text: &[u8],
    carriers: Carriers,
    anchored: &dyn Fn(&[u8]) -> bool,
    out: &mut Rewrite<'_>,
) -> bool {
    let mut at = 0;
    let (mut decoded, mut any) = (Vec::new(), false);
    // Before it each line is a run of its own: together they encode nothing.
    let mut alone_until = 0;
    while at < text.len() {
        if value(text[at]).is_none() {
            at += 1;
            continue;
        }
        let run = run_end(text, at);
        let bytes = &text[at..run];
        let digits = at + hex_prefix(text, at);
        if carriers.hex
            && let Some(end) = hex_lines(text, digits, run, &mut decoded)
            && worth(&decoded, anchored)
        {
            out.replace(at..end, &decoded, Encoding::Hex);
            (at, any) = (end, true);
            continue;
        }
        if carriers.base64 && bytes.len() >= MIN_BASE64 {
            let (end, padded) =
                if at < alone_until { (run, run + padding(text, run)) } else { wrapped(text, at, run) };
            base64(&text[at..end], &mut decoded);
            if worth(&decoded, anchored) {
                out.replace(at..padded, &decoded, Encoding::Base64);
                (at, any) = (padded, true);
                continue;
            }
            if end > run {
                alone_until = end;
                continue;
            }
        }
        at = run;
    }
    any
}

/// The shortest run that encodes a secret, with nothing or the end of a line behind it, and the longest.
const SECRET_RUN: [usize; 2] = [54, 84];

/// Replace each run of base64 or hexadecimal digits that encodes a secret and nothing else. Of random bytes none does: all of them
/// would have to be characters of base64.
pub(super) fn secrets(text: &[u8], out: &mut Rewrite<'_>) {
    let [shortest, longest] = SECRET_RUN;
    let mut decoded = Vec::new();
    // Each run that is long enough has a byte at one of these places.
    let mut at = shortest - 1;
    while at < text.len() {
        if value(text[at]).is_none() {
            at += shortest;
            continue;
        }
        let back = text[..at].iter().rev().take(longest).take_while(|&&b| value(b).is_some()).count();
        let (start, end) = (at - back, run_end(text, at));
        at = end + shortest;
        if end - start < shortest {
            continue;
        }
        let digits = start + hex_prefix(text, start);
        let run_end = end.min(start + longest);
        let encoding = if hex(&text[digits..run_end], &mut decoded) {
            Encoding::Hex
        } else {
            base64(&text[start..run_end], &mut decoded);
            Encoding::Base64
        };
        let secret = decoded.trim_ascii_end();
        let is_secret = matches!(secret::classify(secret), SecretClass::Plausible | SecretClass::Wordy);
        if end - start <= longest && is_secret {
            let padding = padding(text, end);
            out.replace(start..end + padding, secret, encoding);
            at += padding;
        }
    }
}

/// A run of base64 that encodes a compressed stream or an archive.
#[derive(Debug)]
pub struct Packed {
    /// Where the run stands.
    pub range: Range<usize>,
    /// What kind of container it is.
    pub format: Format,
    /// The container.
    pub bytes: Vec<u8>,
}

/// The heads of such runs, as far as all of one kind have them in common; what begins with one of them is decoded and looked at.
const HEADS: [&[u8]; 7] = [b"H4sI", b"UEsDB", b"QlpoM", b"QlpoN", b"QlpoO", b"KLUv", b"N3q8r"];
/// That of xz, behind its first character, which depends on the alphabet.
const XZ: &[u8] = b"Td6WF";

/// Whether a run of base64 that begins with `text` may encode a compressed stream or an archive.
pub fn begins_packed(text: &[u8]) -> bool {
    HEADS.iter().any(|head| text.starts_with(head))
        || matches!(text, [b'/' | b'_', rest @ ..] if rest.starts_with(XZ))
}

/// How much of a run tells whether it was encoded twice.
const NESTED_HEAD: usize = 96;
/// A shorter run holds no value that was encoded twice.
const MIN_NESTED: usize = 40;

/// Whether a run of base64 or of hexadecimal digits begins like text that was encoded twice, in the one or the other. Of random
/// characters that were encoded once, one in a billion does.
pub fn begins_nested(run: &[u8]) -> bool {
    let decode = |run: &[u8]| {
        let (mut out, digits) = (Vec::new(), run.iter().all(u8::is_ascii_hexdigit));
        if digits {
            hex(&run[..run.len() & !1], &mut out);
        } else {
            base64(run, &mut out);
        }
        out
    };
    // Nearly all others end here.
    let in_alphabet = |bytes: &[u8]| bytes.iter().all(|&b| value(b).is_some());
    if run.len() < MIN_NESTED
        || !run[..4].iter().all(u8::is_ascii_hexdigit) && !in_alphabet(&decode(&run[..4]))
    {
        return false;
    }
    let inner = decode(&run[..run.len().min(NESTED_HEAD)]);
    let inner = &inner[..inner.iter().take_while(|&&b| !matches!(b, b'=' | b'\r' | b'\n')).count()];
    if inner.len() < MIN_HEX || !in_alphabet(inner) {
        return false;
    }
    decode(inner).into_iter().all(is_printable)
}

/// Whether there is such a run in a text.
pub fn has_nested(text: &[u8]) -> bool {
    text.split(|&b| value(b).is_none()).any(begins_nested)
}

/// All runs of a text that encode a container.
pub(super) fn packed(text: &[u8]) -> Vec<Packed> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if value(text[at]).is_none() {
            at += 1;
            continue;
        }
        let run = run_end(text, at);
        if run - at < MIN_PACKED || !begins_packed(&text[at..run]) {
            at = run;
            continue;
        }
        let (end, padded) = wrapped(text, at, run);
        let mut bytes = Vec::new();
        base64(&text[at..end], &mut bytes);
        if let Some(format) = unpack::format(&bytes[..bytes.len().min(unpack::HEAD)]) {
            found.push(Packed { range: at..padded, format, bytes });
        }
        at = padded;
    }
    found
}

fn run_end(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|&&b| value(b).is_some()).count()
}

/// The end of a base64 run that may be wrapped into lines (MIME, YAML blocks), and the end of its padding.
fn wrapped(text: &[u8], start: usize, first_end: usize) -> (usize, usize) {
    let (mut end, width) = (first_end, first_end - start);
    if width < MIN_WRAPPED {
        return (end, end + padding(text, end));
    }
    loop {
        let blank =
            text[end..].iter().take(40).take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        if !text[end..end + blank].contains(&b'\n') && !text[end..end + blank].contains(&b'\r') {
            break;
        }
        let next = run_end(text, end + blank);
        let len = next - (end + blank);
        if len == 0 || len > width {
            break;
        }
        end = next;
        if len < width {
            break;
        }
    }
    (end, end + padding(text, end))
}

/// Length of the padding behind a run that ends at `end`.
fn padding(text: &[u8], end: usize) -> usize {
    text[end..].iter().take(2).take_while(|&&b| b == b'=').count()
}

/// The six bits of a base64 character, standard or URL alphabet.
fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn base64(run: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let (mut bits, mut count) = (0u32, 0);
    for v in run.iter().filter_map(|&b| value(b)) {
        bits = bits << 6 | u32::from(v);
        count += 6;
        if count >= 8 {
            count -= 8;
            into.push((bits >> count) as u8);
        }
    }
}

/// How many characters at the head of a run only say that hexadecimal digits follow: `0x`, and the `x` of the `\\x` that
/// `PostgreSQL` writes.
fn hex_prefix(text: &[u8], at: usize) -> usize {
    match &text[at..] {
        [b'0', b'x' | b'X', ..] => 2,
        [b'x', ..] if at > 0 && text[at - 1] == b'\\' => 1,
        _ => 0,
    }
}

/// Decode the digits that begin at `start`, in lines if they go on behind `first_end`. Gives their end.
fn hex_lines(text: &[u8], start: usize, first_end: usize, into: &mut Vec<u8>) -> Option<usize> {
    if !text[start..first_end].iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let (end, _) = wrapped(text, start, first_end);
    if hex(&text[start..end], into) {
        return Some(end);
    }
    (end > first_end && hex(&text[start..first_end], into)).then_some(first_end)
}

/// Decode hexadecimal digits, white space left aside. `false`: it is something else.
fn hex(run: &[u8], into: &mut Vec<u8>) -> bool {
    into.clear();
    if run.len() < MIN_HEX {
        return false;
    }
    let mut digits = run.iter().filter(|b| !b.is_ascii_whitespace()).map(|&b| char::from(b).to_digit(16));
    while let Some(high) = digits.next() {
        let (Some(high), Some(Some(low))) = (high, digits.next()) else { return false };
        into.push((high << 4 | low) as u8);
    }
    true
}

/// Whether decoded bytes are text, or hold what is looked for.
fn worth(decoded: &[u8], anchored: &dyn Fn(&[u8]) -> bool) -> bool {
    decoded.len() >= 12 && (decoded.iter().copied().all(is_printable) || anchored(decoded))
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n')
}
