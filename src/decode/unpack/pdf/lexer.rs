//! The words of a page's content, and of a font's map.

/// What stands in the text.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'t> {
    Number(&'t [u8]),
    /// Without its slash.
    Name(&'t [u8]),
    /// What a string in parentheses or in hexadecimal digits stands for.
    Text(Vec<u8>),
    /// The start of a list.
    Open,
    /// The end of a list.
    Close,
    /// The start or the end of a dictionary, or something else that matters to nobody.
    Mark,
    /// From its `%` to the end of the line.
    Comment(&'t [u8]),
    /// An operator.
    Word(&'t [u8]),
}

/// The first token of `text`, and the length up to its end; `None` where it may go on behind the text, of which `at_end` says
/// that there is no more.
pub(super) fn token(text: &[u8], at_end: bool) -> Option<(Token<'_>, usize)> {
    let start = text.iter().position(|b| !is_space(*b))?;
    let rest = &text[start..];
    let (token, len) = match rest[0] {
        b'(' => literal(rest)?,
        b'<' if rest.get(1) == Some(&b'<') => (Token::Mark, 2),
        b'>' if rest.get(1) == Some(&b'>') => (Token::Mark, 2),
        b'<' => hexadecimal(rest)?,
        b'[' => (Token::Open, 1),
        b']' => (Token::Close, 1),
        b'%' => {
            let len = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let len = len.or(at_end.then_some(rest.len()))?;
            (Token::Comment(&rest[..len]), len)
        }
        b')' | b'>' | b'{' | b'}' => (Token::Mark, 1),
        first => {
            let word = |text: &[u8]| text.iter().position(|b| !is_regular(*b));
            let behind = usize::from(first == b'/');
            let len = word(&rest[behind..]).map(|len| len + behind).or(at_end.then_some(rest.len()))?;
            let token = match first {
                b'/' => Token::Name(&rest[1..len]),
                b'0'..=b'9' | b'+' | b'-' | b'.' => Token::Number(&rest[..len]),
                _ => Token::Word(&rest[..len]),
            };
            (token, len)
        }
    };
    // A bracket at the very end may be the first of two.
    let cut = len == rest.len() && !at_end && matches!(rest[0], b'<' | b'>') && len == 1;
    (!cut).then_some((token, start + len))
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | 0)
}

/// Whether a byte may stand in a name, a number or a word.
pub(super) fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !b"()<>[]{}/%".contains(&byte)
}

/// The number that up to four bytes are.
pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// The text that a string is in UTF-16. A last byte that stands alone is a character.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks(2).map(|unit| number(unit) as u16);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A string in parentheses, which may have pairs of them in it.
fn literal(text: &[u8]) -> Option<(Token<'static>, usize)> {
    let mut out = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    loop {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'(' => {
                depth += 1;
                if depth > 1 {
                    out.push(byte);
                }
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some((Token::Text(out), at));
                }
                out.push(byte);
            }
            b'\\' => {
                let escaped = *text.get(at)?;
                at += 1;
                match escaped {
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'b' => out.push(8),
                    b'f' => out.push(12),
                    b'\r' => at += usize::from(*text.get(at)? == b'\n'),
                    b'\n' => {}
                    b'0'..=b'7' => {
                        let mut code = u32::from(escaped - b'0');
                        for _ in 0..2 {
                            let Some(digit) = char::from(*text.get(at)?).to_digit(8) else { break };
                            code = code * 8 + digit;
                            at += 1;
                        }
                        out.push(code as u8);
                    }
                    other => out.push(other),
                }
            }
            other => out.push(other),
        }
    }
}

/// A string in hexadecimal digits; a last one that stands alone counts as the first of two.
fn hexadecimal(text: &[u8]) -> Option<(Token<'static>, usize)> {
    let len = memchr::memchr(b'>', text)? + 1;
    let digits: Vec<u8> =
        text[..len].iter().filter_map(|b| char::from(*b).to_digit(16)).map(|digit| digit as u8).collect();
    let bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0));
    Some((Token::Text(bytes.collect()), len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told() {
        let text = |t: &[u8]| Token::Text(t.to_vec());
        for (given, wanted) in [
            (&b" 12.5 Td"[..], (Token::Number(b"12.5"), 5)),
            (b"-1[", (Token::Number(b"-1"), 2)),
            (b"/F1 12 Tf", (Token::Name(b"F1"), 3)),
            (b"T* ", (Token::Word(b"T*"), 2)),
            (b"(a\\(b(c)\\101\\n\\\nd)Tj", (text(b"a(b(c)A\nd"), 18)),
            (b"(\\0534\\5)", (text(b"+4\x05"), 9)),
            (b"<41 4B4>", (text(b"AK@"), 8)),
            (b"<< /A", (Token::Mark, 2)),
            (b"[(a)]", (Token::Open, 1)),
            (b"% x\nTj", (Token::Comment(b"% x"), 3)),
        ] {
            assert_eq!(token(given, false), Some(wanted), "{}", String::from_utf8_lossy(given));
        }
        for open in [&b"12"[..], b"(a", b"(a\\", b"<41", b"<", b"T*", b"% x", b"/F1", b"  ", b"(\\1"] {
            assert_eq!(token(open, false), None, "{}", String::from_utf8_lossy(open));
        }
        assert_eq!(token(b"ET", true), Some((Token::Word(b"ET"), 2)));
    }
}
