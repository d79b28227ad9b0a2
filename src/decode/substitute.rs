//! Commands of sed, perl and vi that put one text in place of another: `s/NAME/VALUE/g`. Their slashes touch the value, and a slash of
//! the value is escaped.

use std::ops::Range;

use super::Rewrite;
use crate::aws::secret;
use crate::finding::Encoding;

/// Part the texts of such commands with a sign that no value holds.
pub(super) fn part(text: &[u8], out: &mut Rewrite<'_>) {
    let mut done = 0;
    for at in memchr::memmem::find_iter(text, b"s/") {
        if at < done || !begins(text[..at].last()) {
            continue;
        }
        let Some(value) = value(text, at + 2) else { continue };
        done = value.end + 1;
        out.replace(value.start - 1..value.start, b"|", Encoding::Escape);
        for slash in memchr::memchr_iter(b'/', &text[value.clone()]).map(|slash| value.start + slash) {
            let signs = text[..slash].iter().rev().take_while(|b| **b == b'\\').count();
            out.replace(slash - signs..slash + 1, b"/", Encoding::Escape);
        }
        out.replace(value.end..done, b"|", Encoding::Escape);
    }
}

/// Whether a command may begin behind this: `1s/`, `%s/`, but no word and no path.
fn begins(before: Option<&u8>) -> bool {
    before.is_none_or(|b| !(b.is_ascii_alphabetic() || b"/._-".contains(b)))
}

/// The text that a command whose first one begins at `at` puts in place of it, if a secret may be in it.
fn value(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + length(&text[at..])? + 1;
    let end = start + length(&text[start..])?;
    let flags = text[end + 1..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let ends =
        text.get(end + 1 + flags).is_none_or(|b| b.is_ascii_whitespace() || b"'\"`;,})\\|&".contains(b));
    (flags < 4 && ends && end - start >= secret::LEN).then_some(start..end)
}

/// How long one text of a command is: up to a slash that is not escaped.
fn length(text: &[u8]) -> Option<usize> {
    const LONGEST: usize = 200;
    let text = &text[..text.len().min(LONGEST)];
    let line = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
    memchr::memchr_iter(b'/', line).find(|slash| line[..*slash].last() != Some(&b'\\'))
}

#[cfg(test)]
mod tests {
    use super::super::View;

    const SECRET: &str = "t7Kp2mXw9RqLz4VbN8cYd3HsF6gJ1aQeU5oPiWx+";

    #[test]
    fn the_texts_of_a_command_are_parted_and_their_slashes_plain() {
        let (slash, plain) = (SECRET.replace('L', "\\/"), SECRET.replace('L', "/"));
        let twice = SECRET.replace('L', "\\\\/");
        for (text, expected) in [
            (format!("sed 's/KEY/{SECRET}/g' f"), format!("sed 's/KEY|{SECRET}|g' f")),
            (format!("s/A\\/B/{slash}/;"), format!("s/A\\/B|{plain}|;")),
            (format!(":%s/KEY/{twice}/gc"), format!(":%s/KEY|{plain}|gc")),
            (format!("-e s/A/{SECRET}/ -e s/B/{SECRET}/"), format!("-e s/A|{SECRET}| -e s/B|{SECRET}|")),
        ] {
            let view = View::plain(text.as_bytes(), 0).through(super::part);
            assert_eq!(String::from_utf8_lossy(&view.text), expected);
        }
    }

    #[test]
    fn what_is_no_command_stays() {
        for text in [
            format!("https://host/docs/KEY/{SECRET}/x"),
            format!("keys/KEY/{SECRET}/"),
            format!("s/KEY\n/{SECRET}/"),
            format!("s/KEY/{SECRET}"),
            format!("s/KEY/{SECRET}/and/more"),
            "s/KEY/short/g".to_owned(),
        ] {
            let view = View::plain(text.as_bytes(), 0).through(super::part);
            assert_eq!(String::from_utf8_lossy(&view.text), text);
        }
    }
}
