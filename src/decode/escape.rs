//! Escapes of single characters: backslash escapes of any nesting, percent encoding, HTML entities.

use crate::aws::{key_id, secret};
use crate::finding::Encoding;

use super::base::MIN_HEX;
use super::{Rewrite, is_base64};

/// Undo escapes in `text`.
///
/// Any number of backslashes before an escape letter is one escape (`\n`, `\\n`, `\\\\n`): JSON in JSON in JSON is read
/// in one pass, and no value that is looked for holds a backslash or a percent sign of its own.
pub fn unescape(text: &[u8], out: &mut Rewrite<'_>) {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'\\', b'%', b'&', &text[at..]) {
        let start = at + found;
        let undone = match text[start] {
            b'\\' => backslash(&text[start..]),
            b'%' => percent(&text[start..]),
            _ => entity(&text[start..]),
        };
        match undone {
            Undone::Char { len, to, encoding } => {
                let mut utf8 = [0; 4];
                out.replace(start..start + len, to.encode_utf8(&mut utf8).as_bytes(), encoding);
                at = start + len;
            }
            Undone::Nothing { len } => at = start + len,
        }
    }
}

/// Take the byte order mark away that a text begins with.
pub(super) fn strip_mark(text: &[u8], out: &mut Rewrite<'_>) {
    const MARK: &str = "\u{feff}";
    if text.starts_with(MARK.as_bytes()) {
        out.remove(0..MARK.len());
    }
}

/// Undo what forms write for blanks, where the signs of assignments beside them tell that it is one: `key+%3D+value`.
pub(super) fn form(text: &[u8], out: &mut Rewrite<'_>) {
    let is_form = |b: &u8| b.is_ascii_alphanumeric() || b"*-._%+&=".contains(b);
    let is_sign = |at: usize| {
        let sign = text[at..].get(..3).is_some_and(|sign| matches!(sign, b"%3A" | b"%3D" | b"%3a" | b"%3d"));
        sign && (text.get(at + 3) == Some(&b'+') || text[..at].last() == Some(&b'+'))
    };
    let mut done = 0;
    for at in memchr::memmem::find_iter(text, b"%3").filter(|at| is_sign(*at)) {
        if at < done {
            continue;
        }
        let start = at - text[done..at].iter().rev().take_while(|b| is_form(b)).count();
        done = at + text[at..].iter().take_while(|b| is_form(b)).count();
        for plus in memchr::memchr_iter(b'+', &text[start..done]) {
            out.replace(start + plus..start + plus + 1, b" ", Encoding::Percent);
        }
    }
}

/// Undo what programs and tables do to quotes within quotes: `""id"": ""x""`. What is empty stays, and literals that touch.
pub(super) fn undouble(text: &[u8], out: &mut Rewrite<'_>) {
    for at in memchr::memmem::find_iter(text, b"\"\"") {
        let before = text[..at].last().copied().unwrap_or_default();
        let behind = text.get(at + 2).copied().unwrap_or_default();
        if before != b'"' && behind != b'"' && is_base64(before) != is_base64(behind) {
            out.remove(at..at + 1);
        }
    }
}

/// Take terminal colours out of `text`: `ESC [ 3 2 m` ends with a letter that touches the value behind it. Logs that were pasted
/// somewhere have lost their ESC, or show it in another way.
pub(super) fn strip_colours(text: &[u8], out: &mut Rewrite<'_>) {
    for open in memchr::memchr_iter(b'[', text) {
        let rest = &text[open + 1..];
        let len = rest.iter().take(24).take_while(|b| matches!(b, b'0'..=b'9' | b';' | b':' | b'?')).count();
        let Some(last) = rest.get(len).filter(|b| b.is_ascii_alphabetic()) else { continue };
        let end = open + len + 2;
        if text[..open].ends_with(&[ESC as u8]) {
            // what git has changed: the new word right behind the old one
            if text[..open].ends_with(b"\x1b[m\x1b") && rest.starts_with(b"32m") {
                out.replace(open - 1..end, b" ", Encoding::Escape);
            } else if matches!(last, b'H' | b'f' | b'E')
                && text[..open - 1].last().is_some_and(|b| *b != b'\n')
            {
                // the cursor moves to another line
                out.replace(open - 1..end, b"\n", Encoding::Escape);
            } else {
                out.remove(open - 1..end);
            }
        } else if *last == b'm'
            && ends_in_colour(&text[..end])
            && text.get(end).is_some_and(|b| *b > b' ')
            && !is_secret_long(rest)
        {
            out.remove(open..end);
        }
    }
}

/// Whether a text begins with a run of base64 as long as a secret: one can begin as a colour does (`[2mxm0+Ze7X…`).
fn is_secret_long(text: &[u8]) -> bool {
    text.iter().take(secret::LEN + 1).take_while(|b| is_base64(**b)).count() == secret::LEN
}

/// Whether a text ends in a terminal colour, with or without the ESC before it: `[1;32m`.
pub fn ends_in_colour(text: &[u8]) -> bool {
    const LONGEST: usize = 11; // three numbers
    let Some(numbers) = text.strip_suffix(b"m") else { return false };
    let len = numbers.iter().rev().take(LONGEST).take_while(|b| matches!(b, b'0'..=b'9' | b';')).count();
    let (before, numbers) = numbers.split_at(numbers.len() - len);
    before.ends_with(b"[") && numbers.split(|b| *b == b';').all(|n| matches!(n.len(), 1..=3))
}

/// Draw tables with `|`, `-`, `=` and `+` that are drawn with lines of Unicode (U+2500 to U+257F).
pub(super) fn draw_plainly(text: &[u8], out: &mut Rewrite<'_>) {
    let mut done = 0;
    for start in memchr::memchr_iter(0xe2, text) {
        if start >= done {
            let drawn: Vec<u8> = text[start..].chunks_exact(3).map_while(plainly).collect();
            if !drawn.is_empty() {
                done = start + 3 * drawn.len();
                out.replace(start..done, &drawn, Encoding::Escape);
            }
        }
    }
}

/// The sign of ASCII for a line of Unicode.
fn plainly(sign: &[u8]) -> Option<u8> {
    let [0xe2, high @ 0x94..=0x95, low @ 0x80..=0xbf] = *sign else { return None };
    Some(match (high, low) {
        (0x94, 0x80 | 0x81 | 0x84 | 0x85 | 0x88 | 0x89) | (0x95, 0x8c | 0x8d | 0xb4 | 0xb6 | 0xb8 | 0xba) => {
            b'-'
        }
        (0x94, 0x82 | 0x83 | 0x86 | 0x87 | 0x8a | 0x8b) | (0x95, 0x8e | 0x8f | 0x91 | 0xb5 | 0xb7 | 0xb9) => {
            b'|'
        }
        (0x95, 0x90) => b'=',
        _ => b'+',
    })
}

/// Undo quoted-printable: `=3D`, and `=` at the end of a line that goes on.
pub(super) fn quoted_printable(text: &[u8], out: &mut Rewrite<'_>) {
    let mut done = 0;
    for start in memchr::memchr_iter(b'=', text) {
        let rest = &text[start + 1..];
        if start < done {
            continue;
        }
        if rest.starts_with(b"\n") {
            out.remove(start..start + 2);
        } else if rest.starts_with(b"\r\n") {
            out.remove(start..start + 3);
        } else if let Some(to) = byte(rest)
            && (to.is_ascii() || is_printed(&text[..start], rest))
        {
            out.replace(start..start + 3, &[to], Encoding::QuotedPrintable);
            done = start + 3;
        }
    }
}

/// The byte that two hexadecimal digits at the start of a text are.
fn byte(text: &[u8]) -> Option<u8> {
    text.get(..2).and_then(|digits| number(digits, 16)).map(|byte| byte as u8)
}

/// Whether `=` and the digits with which `rest` begins stand for a byte beyond ASCII, which is one of several, or a letter of a
/// text in Latin-1, and not for the sign behind a name and the start of its value.
fn is_printed(before: &[u8], rest: &[u8]) -> bool {
    let high = |text: &[u8]| text.first() == Some(&b'=') && byte(&text[1..]).is_some_and(|byte| byte >= 0x80);
    let behind_one = before.len() >= 3 && high(&before[before.len() - 3..]);
    let named = before.last().is_some_and(|b| b.is_ascii_alphanumeric() || b"_\"']".contains(b));
    behind_one || high(&rest[2..]) || !named
}

/// The control character that begins a terminal sequence.
const ESC: char = '\u{1b}';

enum Undone {
    /// `len` bytes stand for one character.
    Char { len: usize, to: char, encoding: Encoding },
    /// `len` bytes are no escape.
    Nothing { len: usize },
}

fn backslash(text: &[u8]) -> Undone {
    let slashes = text.iter().take_while(|&&b| b == b'\\').count();
    let nothing = Undone::Nothing { len: slashes };
    let Some(&letter) = text.get(slashes) else { return nothing };
    let simple = |to| Undone::Char { len: slashes + 1, to, encoding: Encoding::Escape };
    match letter {
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'e' if text.get(slashes + 1) == Some(&b'[') => simple(ESC),
        // where a word begins, in a pattern
        b'b' if key_id::begins(&text[slashes + 1..]) => simple('\u{8}'),
        b'/' | b'"' | b'\'' | b'`' | b'+' | b'=' | b':' | b'-' | b'_' | b'.' | b'&' | b'@' | b'$' => {
            simple(char::from(letter))
        }
        b'u' | b'x' if text.get(slashes + 1) == Some(&b'{') => {
            let digits = text[slashes + 2..].iter().take(7).take_while(|b| b.is_ascii_hexdigit()).count();
            match number(&text[slashes + 2..slashes + 2 + digits], 16) {
                Some(to) if text.get(slashes + 2 + digits) == Some(&b'}') => {
                    Undone::Char { len: slashes + digits + 3, to, encoding: Encoding::Escape }
                }
                _ => nothing,
            }
        }
        // the head of a long value, as PostgreSQL writes one
        b'x' if is_long_hex(&text[slashes + 1..]) => nothing,
        b'u' | b'x' | b'U' => {
            let digits = match letter {
                b'u' => 4,
                b'x' => 2,
                _ => 8,
            };
            match text.get(slashes + 1..slashes + 1 + digits).and_then(|d| number(d, 16)) {
                Some(to) => Undone::Char { len: slashes + 1 + digits, to, encoding: Encoding::Escape },
                None => nothing,
            }
        }
        b'0'..=b'3' => match text.get(slashes..slashes + 3).and_then(|d| number(d, 8)) {
            Some(to) if is_octal(to, &text[slashes + 3..]) => {
                Undone::Char { len: slashes + 3, to, encoding: Encoding::Escape }
            }
            _ => nothing,
        },
        _ => nothing,
    }
}

/// Whether three digits stand for `to` in octal: a character that is seen, a space, or a byte beyond ASCII among others.
fn is_octal(to: char, behind: &[u8]) -> bool {
    let high = |text: &[u8]| matches!(text, [b'\\', b'2' | b'3', b'0'..=b'7', b'0'..=b'7', ..]);
    to.is_ascii_graphic()
        || to.is_ascii_whitespace()
        || to == ESC
        || matches!(to, '\u{80}'..='\u{bf}')
        || high(behind)
}

/// Whether hexadecimal digits begin here that are a value, and no escape with text behind it.
fn is_long_hex(text: &[u8]) -> bool {
    text.get(..MIN_HEX).is_some_and(is_hex)
}

/// `%2F`, `%252F` of any nesting, and the `%u002F` of old JavaScript.
fn percent(text: &[u8]) -> Undone {
    let mut at = 1;
    if text.get(1) == Some(&b'u') {
        return match text.get(2..6).and_then(|d| number(d, 16)) {
            Some(to) => Undone::Char { len: 6, to, encoding: Encoding::Percent },
            None => Undone::Nothing { len: 1 },
        };
    }
    while text.get(at..at + 2) == Some(b"25") && text.get(at + 2..at + 4).is_some_and(is_hex) {
        at += 2;
    }
    let nothing = Undone::Nothing { len: 1 };
    let Some(first) = text.get(at..).and_then(byte) else { return nothing };
    if first.is_ascii() || first == 0xa0 {
        return Undone::Char { len: at + 2, to: char::from(first), encoding: Encoding::Percent };
    }
    // the others of a character, each behind as many signs
    let mut utf8 = vec![first];
    while utf8.len() < 4 {
        let next = utf8.len() * (at + 2);
        let Some(more) = text.get(next..).filter(|t| t.starts_with(&text[..at])).and_then(|t| byte(&t[at..]))
        else {
            return nothing;
        };
        utf8.push(more);
        if let Some(to) = str::from_utf8(&utf8).ok().and_then(|t| t.chars().next()) {
            return Undone::Char { len: next + at + 2, to, encoding: Encoding::Percent };
        }
    }
    nothing
}

/// Named entities that occur in or beside values.
const ENTITIES: [(&[u8], char); 18] = [
    (b"quot", '"'),
    (b"apos", '\''),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"nbsp", ' '),
    (b"plus", '+'),
    (b"sol", '/'),
    (b"equals", '='),
    (b"colon", ':'),
    (b"comma", ','),
    (b"semi", ';'),
    (b"NewLine", '\n'),
    (b"Tab", '\t'),
    (b"lowbar", '_'),
    (b"num", '#'),
    (b"amp", '&'),
    (b"shy", '\u{ad}'),
    (b"ZeroWidthSpace", '\u{200b}'),
];

/// `&quot;`, `&#43;`, `&#x2B;`, and `&amp;quot;` of any nesting.
fn entity(text: &[u8]) -> Undone {
    let mut at = 1;
    while text.get(at..).is_some_and(|t| t.starts_with(b"amp;")) {
        at += 4;
    }
    let rest = &text[at..];
    let found = if let Some(number_text) = rest.strip_prefix(b"#") {
        let (digits, radix) = match number_text.first() {
            Some(b'x' | b'X') => (&number_text[1..], 16),
            _ => (number_text, 10),
        };
        let len = digits.iter().take(8).take_while(|b| b.is_ascii_hexdigit()).count();
        let end = at + (rest.len() - digits.len()) + len;
        match number(&digits[..len], radix) {
            Some(to) if text.get(end) == Some(&b';') => Some((end + 1, to)),
            _ => None,
        }
    } else {
        ENTITIES
            .iter()
            .find(|(name, _)| rest.starts_with(name) && rest.get(name.len()) == Some(&b';'))
            .map(|(name, to)| (at + name.len() + 1, *to))
    };
    match found {
        Some((len, to)) => Undone::Char { len, to, encoding: Encoding::Html },
        None if at > 1 => Undone::Char { len: at, to: '&', encoding: Encoding::Html },
        None => Undone::Nothing { len: 1 },
    }
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// The character with that code; `None` for bad digits and for codes that are none (surrogates).
fn number(digits: &[u8], radix: u32) -> Option<char> {
    let text = std::str::from_utf8(digits).ok().filter(|t| !t.is_empty() && !t.starts_with('+'))?;
    char::from_u32(u32::from_str_radix(text, radix).ok()?)
}
