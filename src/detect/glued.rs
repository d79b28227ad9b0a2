//! Values among the strings of a program. Compilers of Rust and Go put these one behind another with nothing between, and keep
//! their lengths elsewhere.

use std::cell::OnceCell;
use std::ops::Range;

use crate::aws::key_id;
use crate::aws::secret::{self, SecretClass};
use crate::decode::is_base64_any;

/// Length of an id.
const ID: usize = key_id::LEN;

/// Whether an id between these texts may be one string among others, were they those of a program: its secret is the next one, or
/// what touches it is no character of an id.
pub(super) fn may_be_id(before: &[u8], behind: &[u8]) -> bool {
    let of_id = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    begins_secret(behind) || !(of_id(before.last()) || of_id(behind.first()))
}

/// Whether the secret of the id at `span` follows in the same path or URL, `/ID/SECRET/us-east-1`, or touches it and both are a word.
pub(super) fn has_secret_behind(text: &[u8], span: &Range<usize>) -> bool {
    let before = text[..span.start].iter().rev().take(1).take_while(|b| is_base64_any(**b)).count();
    let behind = text[span.end..].iter().take(1 + secret::LEN + 1).take_while(|b| is_base64_any(**b)).count();
    let run = &text[span.start - before..span.end + behind];
    let secret = behind_ids(run).next().filter(|secret| secret.start < before + ID + 2);
    secret.is_some() && text.get(span.end + behind) != Some(&b'=')
}

/// The secrets in a run of base64 characters, each behind its id: parts of a path, or both the whole of the run.
pub(super) fn behind_ids(run: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_id = |from: usize| run.get(from..from + ID).is_some_and(key_id::has_shape);
    let word = run.len() == ID + secret::LEN && is_id(0) && begins_secret(&run[ID..]);
    let in_path = move |slash: usize| {
        let (id, end) = (slash.checked_sub(ID)?, slash + 1 + secret::LEN);
        let parts = id.checked_sub(1).is_none_or(|before| run[before] == b'/')
            && run.get(end).is_none_or(|b| *b == b'/');
        (parts && is_id(id) && begins_secret(&run[slash + 1..])).then_some(slash + 1..end)
    };
    let touching = word.then_some(ID..run.len()).into_iter();
    touching.chain(memchr::memchr_iter(b'/', run).filter_map(in_path))
}

/// A text that may be of a program: it is looked at when it matters, and once.
pub(super) struct Strings<'t> {
    text: &'t [u8],
    in_program: OnceCell<bool>,
}

impl<'t> Strings<'t> {
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self { text, in_program: OnceCell::new() }
    }

    /// Whether the id at `span` is one string of a program among others.
    pub(super) fn has_id(&self, span: &Range<usize>) -> bool {
        may_be_id(&self.text[..span.start], &self.text[span.end..]) && self.in_program()
    }

    /// The secrets that touch an id in a run of base64 characters, in order.
    pub(super) fn secrets(&self, run: Range<usize>) -> Vec<Range<usize>> {
        let text = self.text;
        let mut found: Vec<Range<usize>> = Vec::new();
        if run.len() < ID + secret::LEN {
            return found;
        }
        for mark in memchr::memmem::find_iter(&text[run.clone()], b"IA") {
            let Some(at) = (run.start + mark).checked_sub(2).filter(|at| *at >= run.start) else { continue };
            if !text[at..run.end].get(..ID).is_some_and(key_id::has_shape) {
                continue;
            }
            let (behind, last) = (at + ID, found.last().map_or(run.start, |last| last.end));
            // Avro writes twice the length before a text: `(` before an id, `P` before a secret.
            let avro = at.checked_sub(1).is_some_and(|before| text[before] == b'(')
                && text[behind..run.end].first() == Some(&b'P')
                && begins_secret(&text[(behind + 1).min(run.end)..run.end]);
            let behind = behind + usize::from(avro);
            let span = if begins_secret(&text[behind..run.end]) {
                behind..behind + secret::LEN
            } else if at >= last + secret::LEN && begins_secret(&text[at - secret::LEN..]) {
                at - secret::LEN..at
            } else {
                continue;
            };
            found.push(span);
        }
        if found.is_empty() || self.in_program() { found } else { Vec::new() }
    }

    /// Whether this is text of a program, or other binary data. Lists that NUL ends, as that of an environment, are text.
    fn in_program(&self) -> bool {
        let control = |b: &u8| matches!(b, 1..=6 | 14..=26 | 28..=31);
        *self
            .in_program
            .get_or_init(|| memchr::memchr(0, self.text).is_some() && self.text.iter().any(control))
    }
}

/// Whether a text begins with 40 characters that may be a secret.
fn begins_secret(text: &[u8]) -> bool {
    text.get(..secret::LEN).is_some_and(|value| {
        matches!(secret::classify(value), SecretClass::Plausible | SecretClass::Wordy | SecretClass::Example)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID_TEXT: &str = "AKIAQ7ZT5MVD3XKW2RNB";
    const SECRET: &str = "t7Kp2mXw9RqLz4VbN8cYd3HsF6gJ1aQeU5oPiWx+";

    #[test]
    fn an_id_among_strings_is_one_in_a_program_only() {
        let cases = [
            (format!("us-east-1{ID_TEXT}{SECRET}eu"), true),
            (format!("uploading{ID_TEXT}unknown key"), true),
            (format!("uploading{ID_TEXT}Unknown key"), false),
            (format!("X{ID_TEXT}unknown key"), false),
        ];
        for (text, expected) in cases {
            let at = text.find("AKIA").unwrap();
            let span = at..at + ID;
            let in_text = |text: &str| Strings::of(text.as_bytes()).has_id(&span);
            assert!(!in_text(&text), "{text}");
            assert!(!in_text(&format!("{text}\0{text}")), "{text}");
            assert_eq!(in_text(&format!("{text}\0\x01")), expected, "{text}");
        }
    }

    #[test]
    fn the_secret_that_touches_an_id_is_found_on_either_side() {
        let other = "AKIAV5C2JQ7XNM4TZ3LH";
        let second = "Zq8vW1nB5yTgR0kLx/J3mD7cHfE2sPaUo6iN9dQw";
        let found = |text: &str| -> Vec<String> {
            let program = format!("\0\x01 {text} ");
            let run = 3..3 + text.len();
            let strings = Strings::of(program.as_bytes());
            strings.secrets(run).into_iter().map(|s| program[s].to_owned()).collect()
        };
        assert_eq!(found(&format!("{ID_TEXT}{SECRET}")), [SECRET]);
        assert_eq!(found(&format!("east{ID_TEXT}{SECRET}usage")), [SECRET]);
        assert_eq!(found(&format!("{SECRET}{ID_TEXT}")), [SECRET]);
        assert_eq!(found(&format!("{ID_TEXT}{SECRET}{other}{second}")), [SECRET, second]);
        assert_eq!(found(&format!("{ID_TEXT}{SECRET}abc{other}")), [SECRET]);
        assert!(found(&format!("{ID_TEXT}thequickbrownfoxjumpsoverthelazydogagain")).is_empty());
        assert!(Strings::of(format!("{ID_TEXT}{SECRET}").as_bytes()).secrets(0..60).is_empty());
    }

    #[test]
    fn the_secret_behind_an_id_is_part_of_its_path_or_of_its_word() {
        let found = |run: &str| -> Vec<String> {
            behind_ids(run.as_bytes()).map(|secret| run[secret].to_owned()).collect()
        };
        assert_eq!(found(&format!("{ID_TEXT}{SECRET}")), [SECRET]);
        assert_eq!(found(&format!("com/{ID_TEXT}/{SECRET}/us")), [SECRET]);
        assert_eq!(found(&format!("/{ID_TEXT}/{SECRET}")), [SECRET]);
        for other in [
            format!("{ID_TEXT}{SECRET}x"),
            format!("x{ID_TEXT}{SECRET}"),
            format!("x{ID_TEXT}/{SECRET}/us"),
            format!("/{ID_TEXT}/{SECRET}us"),
            format!("/{ID_TEXT}/the/quick/brown/fox/jumps/over/lazy/dogs/x"),
        ] {
            assert!(found(&other).is_empty(), "{other}");
        }
    }

    #[test]
    fn an_id_is_one_where_its_secret_is_behind_it() {
        for (text, expected) in [
            (format!("sns://{ID_TEXT}/{SECRET}/us-east-1"), true),
            (format!("\"{ID_TEXT}{SECRET}\""), true),
            (format!("{ID_TEXT}{SECRET}="), false),
            (format!("{ID_TEXT}{SECRET}-x"), false),
            (format!("-{ID_TEXT}{SECRET}"), false),
            (format!("{ID_TEXT}/{SECRET}abc/x"), false),
        ] {
            let at = text.find("AKIA").unwrap();
            assert_eq!(has_secret_behind(text.as_bytes(), &(at..at + ID)), expected, "{text}");
        }
    }
}
