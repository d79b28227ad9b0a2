//! Keeps secrets out of texts that come from outside.
//!
//! The fields `secret` and `session_token` are masked one by one, but a secret can also stand in a path, in the name of a
//! branch, in the subject of a commit. Every such text goes through a [`Redactor`], which replaces each run of eight
//! or more bytes that it shares with a secret of the report.

use std::borrow::Cow;
use std::ops::Range;

use crate::finding::{Finding, MASK, Note};
use crate::report::Options;
use crate::rules::RuleSet;
use crate::scan::Outcome;

/// The shortest part of a secret that is taken out, in bytes.
const PART: usize = 8;

/// Takes parts of secrets out of texts.
#[derive(Debug, Default)]
pub struct Redactor {
    /// All parts of [`PART`] bytes of all secrets, sorted.
    parts: Vec<u64>,
    /// One bit for the hash of each part, and many that are not set: nearly every look-up ends here, which a report of
    /// a million secrets needs. Its length is a power of two.
    filter: Vec<u64>,
    /// Secrets shorter than a part, whole.
    short: Vec<Vec<u8>>,
}

impl Redactor {
    /// For the secrets of all findings of `outcome`, but not for documentation examples and placeholders, which are no
    /// secrets and whose words are found in ordinary texts. Does nothing if `options` show secrets.
    ///
    /// The prefix that a rule gives a secret is no secret either, and often the name of a file.
    pub fn new(outcome: &Outcome, rules: &RuleSet, options: &Options) -> Self {
        let mut redactor = Self::default();
        if options.show_secrets {
            return redactor;
        }
        for finding in outcome.findings.iter().filter(|finding| is_secret(finding)) {
            let part = rules.rules.iter().find(|r| r.id == finding.rule_id).and_then(|r| r.secret.as_ref());
            let prefixes = part.map_or(&[][..], |p| &p.prefixes);
            for secret in finding.secret.iter().chain(&finding.session_token).chain(&finding.runners_up) {
                let text = secret.expose();
                let prefix = prefixes.iter().find(|p| text.starts_with(p.as_str())).map_or(0, String::len);
                redactor.add(&text.as_bytes()[prefix..]);
            }
        }
        redactor.seal();
        redactor
    }

    /// All secrets are there.
    fn seal(&mut self) {
        self.parts.sort_unstable();
        self.parts.dedup();
        self.short.sort_unstable();
        self.short.dedup();
        self.filter = vec![0; (self.parts.len() / 8).next_power_of_two()];
        for &part in &self.parts {
            let bit = hash(part);
            let mask = self.filter.len() - 1;
            self.filter[(bit >> 6) as usize & mask] |= 1 << (bit & 63);
        }
    }

    fn has(&self, part: u64) -> bool {
        let bit = hash(part);
        self.filter[(bit >> 6) as usize & (self.filter.len() - 1)] >> (bit & 63) & 1 != 0
            && self.parts.binary_search(&part).is_ok()
    }

    fn add(&mut self, secret: &[u8]) {
        if secret.len() >= PART {
            self.parts.extend(secret.windows(PART).map(number));
        } else if !secret.is_empty() {
            self.short.push(secret.to_vec());
        }
    }

    /// `text` without parts of secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The same for a line that people read: of what has thousands of characters, such as a path that is made to be long, both ends.
    pub fn line<'a>(&self, text: &'a str) -> Cow<'a, str> {
        const LONGEST: usize = 1000; // characters
        const END: usize = 400;
        let shown = self.text(text);
        let len = shown.chars().count();
        if len <= LONGEST {
            return shown;
        }
        let head: String = shown.chars().take(END).collect();
        let tail: String = shown.chars().skip(len - END).collect();
        Cow::Owned(format!("{head}… {} characters …{tail}", len - 2 * END))
    }

    /// `text` without parts of secrets.
    pub fn bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let hidden = self.hidden(text);
        if hidden.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut shown = Vec::with_capacity(text.len());
        let mut from = 0;
        for range in hidden {
            shown.extend_from_slice(&text[from..range.start]);
            shown.extend_from_slice(MASK.as_bytes());
            from = range.end;
        }
        shown.extend_from_slice(&text[from..]);
        Cow::Owned(shown)
    }

    /// `text` without parts of secrets, cut in three at `highlight` (bytes of `text`). A part that is taken out goes whole
    /// to the piece in which it begins.
    pub fn cut(&self, text: &str, highlight: (usize, usize)) -> [String; 3] {
        let end = floor(text, highlight.1.min(text.len()));
        let start = floor(text, highlight.0.min(end));
        let mut pieces = [String::new(), String::new(), String::new()];
        let hidden = self.hidden(text.as_bytes());
        let mut hidden = hidden.iter().peekable();
        for (at, character) in text.char_indices() {
            let piece = usize::from(at >= start) + usize::from(at >= end);
            while hidden.peek().is_some_and(|range| range.end <= at) {
                hidden.next();
            }
            match hidden.peek() {
                Some(range) if range.contains(&at) => {
                    if at == range.start {
                        pieces[piece].push_str(MASK);
                    }
                }
                _ => pieces[piece].push(character),
            }
        }
        pieces
    }

    /// The ranges to take out, sorted, widened to whole UTF-8 characters, apart from each other.
    fn hidden(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        if !self.parts.is_empty() {
            for (start, part) in text.windows(PART).enumerate() {
                if self.has(number(part)) {
                    ranges.push(start..start + PART);
                }
            }
        }
        for short in &self.short {
            let starts = text.windows(short.len()).enumerate().filter(|(_, part)| part == short);
            ranges.extend(starts.map(|(start, _)| start..start + short.len()));
        }
        ranges.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for mut range in ranges {
            while range.start > 0 && is_continuation(text[range.start]) {
                range.start -= 1;
            }
            while range.end < text.len() && is_continuation(text[range.end]) {
                range.end += 1;
            }
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}

fn is_secret(finding: &Finding) -> bool {
    !finding.notes.iter().any(|note| matches!(note, Note::DocumentationExample | Note::Placeholder))
}

fn number(part: &[u8]) -> u64 {
    u64::from_le_bytes(part.try_into().expect("windows of PART bytes"))
}

fn hash(part: u64) -> u64 {
    part.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(secret.as_bytes());
        }
        redactor.seal();
        redactor
    }

    #[test]
    fn of_long_lines_both_ends_are_shown() {
        let secret = "q7Tn+Wd3kZ0bXr9/LmVfYcUj2sHgA5oPeI8uKtRD";
        let redactor = redactor(&[secret]);
        let line = format!("a.zip!{}", "é".repeat(994));
        assert_eq!(redactor.line(&line), line);
        // cut in the middle of a secret, which is hidden before
        let line = format!("a.zip!{}{secret}{}: encrypted", "é".repeat(380), "x".repeat(60_000));
        let shown = redactor.line(&line);
        assert!(shown.starts_with("a.zip!éé") && shown.ends_with("xx: encrypted"), "{shown}");
        assert!(shown.contains(" characters …") && !shown.contains(&secret[..4]), "{shown}");
        assert!(shown.chars().count() < 900);
    }

    #[test]
    fn takes_out_any_long_part_of_a_secret_and_nothing_else() {
        let redactor = redactor(&["q8Zr1LmV0aTbYc5N", "pin"]);
        for (text, shown) in [
            ("nothing here", "nothing here"),
            ("a q8Zr1LmV0aTbYc5N b", "a ************ b"),
            ("a/1LmV0aTb/c", "a/************/c"),
            ("1LmV0aT", "1LmV0aT"),
            ("q8Zr1LmV1LmV0aTb", "************"),
            ("é1LmV0aTbé", "é************é"),
            ("spinner", "s************ner"),
        ] {
            assert_eq!(redactor.text(text), shown);
        }
        assert_eq!(&*redactor.bytes(b"\xff1LmV0aTb\x80"), b"\xff************", "widened to the broken byte");
    }

    #[test]
    fn finds_each_of_many_secrets() {
        let secrets: Vec<String> = (0..5000_u64).map(|n| format!("{:016x}", hash(n + 1) ^ n << 40)).collect();
        let redactor = redactor(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
        for secret in &secrets {
            assert_eq!(redactor.text(&format!("<{secret}>")), "<************>");
        }
        assert_eq!(redactor.text("a text without any of them"), "a text without any of them");
    }

    #[test]
    fn cuts_at_the_highlight_and_never_inside_a_character() {
        let redactor = redactor(&["q8Zr1LmV0aTbYc5N"]);
        assert_eq!(redactor.cut("id=AKIA x", (3, 7)), ["id=", "AKIA", " x"]);
        assert_eq!(redactor.cut("k q8Zr1LmV0aTbYc5N x", (4, 18)), ["k ************", "", " x"]);
        assert_eq!(redactor.cut("ééé", (1, 3)), ["", "é", "éé"]);
        assert_eq!(redactor.cut("abc", (9, 2)), ["ab", "", "c"]);
    }
}
