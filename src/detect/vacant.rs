//! Ids whose secret is kept elsewhere: its name stands beside the id, and behind the name is nothing, or where it comes from.

use std::ops::Range;

use super::label::{Label, Says};
use super::names::{Word, affix, is_branded, name, spelled, words};
use super::pair::IdAt;
use super::structure::{Gap, indent};

/// How far from an id the name of its secret may stand, in bytes.
const REACH: usize = 400;
/// The same in lines.
const LINES: u32 = 6;

/// The name of a secret behind which there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vacant {
    /// The letters and digits of the name, lower case.
    pub(super) name: String,
    /// The names in what stands for the value, each as [`Self::name`].
    refers: Vec<String>,
}

impl Vacant {
    /// Beside an id, with no other value between. `room` is the text around the id up to the next values.
    pub(super) fn beside(text: &[u8], id: &IdAt, room: Range<usize>) -> Option<Self> {
        let span = &id.candidate.span;
        let behind = span.end..room.end.min(span.end + REACH).max(span.end);
        let before = room.start.max(span.start.saturating_sub(REACH)).min(span.start)..span.start;
        let cut = |at: usize| at != text.len();
        let of = |part: Range<usize>, between: &dyn Fn(Range<usize>) -> Range<usize>| {
            let piece = &text[part.clone()];
            named_secret(piece).find_map(|at| {
                let gap = Gap::of(&text[between(part.start + at..part.start + at)]);
                let near = !gap.header
                    && gap.lines <= LINES
                    && (gap.lines == 0 || indent(text, part.start + at) == indent(text, span.start))
                    && in_one_block(&text[between(part.start + at..part.start + at)]);
                near.then(|| Self::at(piece, at, cut(part.end), id)).flatten()
            })
        };
        of(behind, &|at| span.end..at.start).or_else(|| of(before, &|at| at.end..span.start))
    }

    /// The name that stands at `at`, if it is that of the id's secret and has no value. `cut`: another value follows the text.
    fn at(text: &[u8], at: usize, cut: bool, id: &IdAt) -> Option<Self> {
        let line = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
        let start = text[line..at].trim_ascii_start();
        if start.starts_with(b"#") || start.starts_with(b"//") {
            return None;
        }
        let end = memchr::memchr(b'\n', &text[at..]).map(|len| at + len);
        if end.is_none() && cut && !quoted_before(&text[at..]) {
            return None;
        }
        let piece = &text[line..end.unwrap_or(text.len())];
        let words = words(piece);
        let word = words.iter().position(|w| line + w.end > at)?;
        let named = name(piece, &words, word);
        let own = &words[in_words(piece, &words, named)];
        let value = value(&piece[own.last()?.end..])?;
        let next = end.map_or(&b""[..], |end| &text[end + 1..]);
        let same = is_branded(own) == id.name.branded && affix(own) == id.name.affix;
        let empty = value.is_empty() && !goes_on(piece, next);
        (same && (empty || is_elsewhere(value)))
            .then(|| Self { name: spelled(own), refers: identifiers(value) })
    }

    /// Whether what stands for the value names a secret with this label.
    pub(super) fn may_mean(&self, label: &Label) -> bool {
        // A name some words away was read out of what stands for the value.
        label.says != Says::Maybe && self.is_referred(label)
    }

    /// Whether a secret with this label may be the one all the same: named so again, or by its name one of AWS's.
    pub(super) fn may_be_beside(&self, label: &Label) -> bool {
        let same = self.name == label.name;
        (label.own || same) && !(label.says == Says::Maybe && (same || self.is_referred(label)))
    }

    fn is_referred(&self, label: &Label) -> bool {
        self.refers.iter().any(|r| label.name.ends_with(r.as_str()))
    }

    /// Whether the secret behind the id and the vacant name has the same name.
    pub(super) fn is_filled_later(&self, secret: &Label) -> bool {
        secret.says == Says::Yes && secret.name == self.name
    }

    /// Whether a secret behind an id has the name that goes with the id's.
    pub(super) fn is_filled(id: &IdAt, secret: &Label) -> bool {
        secret.says == Says::Yes && (secret.own || !id.name.branded) && secret.affix == id.name.affix
    }
}

/// Whether no block begins or ends in a text that does not do both.
fn in_one_block(text: &[u8]) -> bool {
    let mut open = 0;
    for b in text {
        match b {
            b'{' | b'[' => open += 1,
            b'}' | b']' if open == 0 => return false,
            b'}' | b']' => open -= 1,
            _ => {}
        }
    }
    open == 0
}

/// The whole of a name of a line: to the words at `named` others may belong, parted by blanks, up to a colon.
fn in_words(line: &[u8], words: &[Word], named: Range<usize>) -> Range<usize> {
    let blank = |pair: &&[Word]| line[pair[0].end..pair[1].start] == *b" ";
    let behind = words[named.end - 1..].windows(2).take_while(blank).count();
    let before = words[..=named.start].windows(2).rev().take_while(blank).count();
    let whole = named.start - before..named.end + behind;
    let is_name = line[words[whole.end - 1].end..].first() == Some(&b':');
    if is_name { whole } else { named }
}

/// Where a word with `secret` in it stands.
fn named_secret(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(text, b"ecret").chain(memchr::memmem::find_iter(text, b"ECRET"))
}

/// Whether a value in quotes begins and ends in `text`.
fn quoted_before(text: &[u8]) -> bool {
    let sign = text.iter().position(|b| matches!(b, b'=' | b':'));
    let value = sign.map_or(&b""[..], |at| text[at + 1..].trim_ascii_start());
    match value.first() {
        Some(quote @ (b'"' | b'\'')) => value[1..].contains(quote),
        _ => false,
    }
}

/// What is assigned by a text that begins behind a name: without quotes where it is in quotes, to the end of the line otherwise.
fn value(text: &[u8]) -> Option<&[u8]> {
    let sign = text.iter().take_while(|b| b" \t\"'`])=:>".contains(b)).count();
    let sign = text[..sign].iter().position(|b| matches!(b, b'=' | b':'))?;
    let value = text[sign + 1..].trim_ascii();
    let value = value.strip_prefix(b">").unwrap_or(value).trim_ascii_start();
    match value.first() {
        Some(quote @ (b'"' | b'\'')) => value[1..].split(|b| b == quote).next(),
        _ => Some(value),
    }
}

/// Whether the line behind one that ends with a sign holds the value.
fn goes_on(line: &[u8], next: &[u8]) -> bool {
    let indent = |line: &[u8]| line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let next = next.split(|b| *b == b'\n').next().unwrap_or_default();
    let done = matches!(line.trim_ascii_end().last(), Some(b'"' | b'\'' | b','));
    !done
        && !next.trim_ascii().is_empty()
        && (indent(next) > indent(line) || !next.iter().any(|b| matches!(b, b'=' | b':')))
}

/// Whether a value says where the secret comes from, or that it is not told.
fn is_elsewhere(value: &[u8]) -> bool {
    const NONE: &[&[u8]] = &[b"null", b"none", b"nil", b"undefined", b"\"\"", b"''"];
    const SOURCES: &[&[u8]] = &[b"env", b"vault", b"secrets.", b"ssm", b"getsecret", b"secretsmanager"];
    const DUMMIES: &[&[u8]] = &[
        b"changeme",
        b"change-me",
        b"change_me",
        b"redacted",
        b"[redacted",
        b"[masked",
        b"[hidden",
        b"(hidden",
        b"(sensitive",
        b"dummy",
        b"placeholder",
        b"todo",
        b"your",
    ];
    let lower = value.to_ascii_lowercase();
    let word = lower.split(|b| matches!(b, b',' | b';' | b'}' | b' ' | b'#')).next().unwrap_or_default();
    if value.ends_with(b"(") || is_hash(value) {
        return false; // the value is on the next line, or here
    }
    matches!(value.first(), Some(b'$' | b'<' | b'%' | b'!' | b'*')) && value.len() > 1
        || value.starts_with(b"{{")
        || value.starts_with(b"#{")
        || [&b"enc["[..], b"enc(", b"{cipher}"].iter().any(|head| lower.starts_with(head))
        || NONE.contains(&word)
        || word.len() > 2 && word.iter().all(|b| *b == word[0])
        || DUMMIES.iter().any(|dummy| word.starts_with(dummy))
        || SOURCES.iter().any(|s| memchr::memmem::find(&lower, s).is_some())
}

/// Whether a value is that of a password as systems keep it: `$6$…`.
fn is_hash(value: &[u8]) -> bool {
    let scheme = value.iter().skip(1).take_while(|b| b.is_ascii_alphanumeric()).count();
    value.first() == Some(&b'$') && scheme > 0 && value.get(1 + scheme) == Some(&b'$')
}

/// The names in a value.
fn identifiers(value: &[u8]) -> Vec<String> {
    value
        .split(|b| !(b.is_ascii_alphanumeric() || *b == b'_'))
        .map(|identifier| spelled(&words(identifier)))
        .filter(|name| name.len() > 3)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::candidate::{Candidate, Class};
    use crate::detect::label::IdName;

    /// What stands vacant beside the id that `@` stands for.
    fn beside(text: &str, branded: bool) -> Option<Vacant> {
        let at = text.find('@').unwrap();
        let candidate = Candidate { span: at..at + 1, class: Class::default(), soft: false };
        let id = IdAt { candidate, name: IdName { branded, ..IdName::default() }, row: None };
        Vacant::beside(text.as_bytes(), &id, 0..text.len())
    }

    #[test]
    fn a_secret_is_elsewhere_where_its_name_has_no_value() {
        for (text, branded) in [
            ("AWS_KEY = '@'\nAWS_SECRET = os.environ['AWS_SECRET']\n", true),
            ("AWS_ACCESS_KEY_ID=@\nREGION=x\nAWS_SECRET_ACCESS_KEY=${S}\n", true),
            ("AWS_SECRET_ACCESS_KEY=\nAWS_ACCESS_KEY_ID=@\n", true),
            ("{\"AccessKey\":\"@\",\"SecretKey\":\"\",\"x\":1}", false),
            ("  access_key_id: @\n  secret_access_key: <%= ENV['S'] %>\n", false),
            ("  access_key: @\n  secret_key: !vault s3\n", false),
            ("AWS_KEY=@\nAWS_SECRET=changeme\n", true),
            ("AWS_KEY=@\nAWS_SECRET=xxxxxxxx\n", true),
            ("AWS_KEY=@\nAWS_SECRET=[REDACTED]\n", true),
            ("aws access key: @\naws secret access key:\n", true),
            ("AWS_KEY: @\nAWS_SECRET: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n", true),
        ] {
            assert!(beside(text, branded).is_some(), "{text}");
        }
    }

    #[test]
    fn a_name_with_a_value_is_not_vacant() {
        for (text, branded) in [
            ("AWS_KEY = '@'\nAWS_SECRET = SECRET\n", true),
            ("AWS_KEY = '@'\nAWS_SECRET = os.environ.get(\n    'x', 'y')\n", true),
            ("key:\n  dev: @\nsecret:\n  dev: x\n", false),
            ("key = @\nsecret =\n  x\n", false),
            ("secret: ''\nx:\n  key: @\n", false),
            ("secret:$6$salt$x\nkey = @\n", false),
            ("key = @\n# secret =\n", false),
            ("key = @\n[other]\nsecret = ''\n", false),
            ("key = @ }\nx = { secret = ''\n", false),
            ("['secret' => env('X')],\nkey: @\n", false),
            ("KEY = '@'\nAWS_SECRET = os.environ['X']\n", false),
        ] {
            assert_eq!(beside(text, branded), None, "{text}");
        }
    }

    #[test]
    fn what_it_refers_to_may_be_it() {
        let vacant = beside("AWS_KEY=@\nAWS_SECRET=${DEPLOY_SECRET}\n", true).unwrap();
        let label = |says, name: &str| Label { says, name: name.to_owned(), ..Label::default() };
        assert!(vacant.may_mean(&label(Says::Yes, "deploysecret")));
        assert!(!vacant.may_mean(&label(Says::Yes, "secretkey")));
        assert!(!vacant.may_mean(&label(Says::Nothing, "")));
        assert!(vacant.may_be_beside(&label(Says::Yes, "awssecret")));
        assert!(!vacant.may_be_beside(&label(Says::Maybe, "awssecret")));
        assert!(!vacant.may_be_beside(&label(Says::Yes, "secretkey")));
    }
}
