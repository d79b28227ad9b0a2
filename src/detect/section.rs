//! The blocks that a value stands in, by name: a secret in `jwt: { secret: … }` is not that of an id in `aws: { key: … }`.

use std::collections::BTreeSet;

use super::names::{Word, affix, is_branded, is_foreign, is_telling, words};
use super::structure::indent;
use super::vocabulary::{BRANDS, GENERIC};
use crate::aws::{key_id, secret};
use crate::decode::is_base64;

/// How far before a value a block around it may begin, in bytes.
const REACH: usize = 2 << 10;
/// How far before its bracket the name of a block may begin, in bytes.
const NAME: usize = 80;

/// The blocks around a value, innermost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    /// Where the value stands.
    at: usize,
    /// No block that begins before this is known.
    from: usize,
    all: Vec<Block>,
}

#[derive(Debug, Clone)]
struct Block {
    start: usize,
    kind: Kind,
    /// What its name says besides generic words.
    owner: Vec<String>,
    /// It is no call, and its name none of a key.
    holds: bool,
}

/// Whose a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// By its name AWS's.
    Branded,
    /// By its name of something else that has secrets.
    Foreign,
    /// Its name says what it is, and nothing of keys.
    Told,
    Unknown,
}

impl Blocks {
    /// The blocks around the value at `at`, as far as they begin behind `floor`.
    pub(super) fn around(text: &[u8], floor: usize, at: usize) -> Self {
        let from = at.saturating_sub(REACH).max(floor);
        let mut all = Vec::new();
        let mut push = |start: usize, name: &[u8]| {
            let words = words(name);
            // `variable "access_key" {` names what is in it, and no owner.
            let of_key = |w: &Word| GENERIC.contains(&w.text.as_str()) && !BRANDS.contains(&w.text.as_str());
            let holds = text[start] != b'(' && !words.iter().any(of_key);
            let (kind, owner) = (Kind::of(name), affix(&words));
            all.push(Block { start, kind, owner, holds });
        };
        let (mut closed, mut left) = (0, indent(text, at));
        let mut line_end = None;
        for i in (from..at).rev() {
            match text[i] {
                b'}' | b']' | b')' => closed += 1,
                b'{' | b'[' | b'(' if closed > 0 => closed -= 1,
                b'{' | b'[' | b'(' => push(i, before_bracket(&text[i.saturating_sub(NAME).max(from)..i])),
                b'\n' => {
                    if let Some(end) = line_end {
                        let line = &text[i + 1..end];
                        let content = line.trim_ascii();
                        let indent = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count() as u32;
                        if closed == 0 && indent < left && !content.is_empty() && content[0] != b'#' {
                            left = indent;
                            if let Some(name) = content.strip_suffix(b":") {
                                push(i + 1, name);
                            }
                        }
                    }
                    line_end = Some(i);
                }
                _ => {}
            }
        }
        // The first line of the text has no end before it.
        if let Some(end) = line_end.filter(|_| from == 0) {
            let name = text[..end].trim_ascii_end().strip_suffix(b":");
            if let Some(name) = name.filter(|n| closed == 0 && left > 0 && n.first() != Some(&b' ')) {
                push(0, name);
            }
        }
        Self { at, from, all }
    }

    /// Those that are not around the other value too.
    fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Block> {
        let shared = |b: &Block| other.all.iter().any(|o| o.start == b.start);
        self.all.iter().filter(move |b| b.start > other.at || other.from <= b.start && !shared(b))
    }

    /// Whether the names of these blocks and of those in `other`, in which both have names of their own, are of two owners: each says
    /// something that the other does not.
    pub(super) fn are_of_two_owners(&self, other: &Self) -> bool {
        let owners = |of: &Self, but: &Self| -> BTreeSet<String> {
            of.without(but).filter(|b| b.holds).flat_map(|b| b.owner.clone()).collect()
        };
        let (of_self, of_other) = (owners(self, other), owners(other, self));
        !(of_self.is_subset(&of_other) || of_other.is_subset(&of_self))
    }

    /// Whether a secret in these blocks is by their names another's than an id's in `id`.
    pub(super) fn are_of_others(&self, id: &Self) -> bool {
        let branded = || id.without(self).any(|b| b.kind == Kind::Branded);
        // `jenkinsKey: …` and `jenkinsSecret: …` are one's.
        let of_both =
            |block: &Block| id.without(self).any(|b| b.kind == Kind::Foreign && b.owner == block.owner);
        let mut own = self.without(id).peekable();
        let innermost = own.peek().map(|b| b.kind);
        own.any(|b| b.kind == Kind::Foreign && !of_both(b)) || innermost == Some(Kind::Told) && branded()
    }
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        let words = words(name);
        if is_branded(&words) {
            Self::Branded
        } else if is_foreign(&words) {
            Self::Foreign
        } else if !words.is_empty() && is_telling(&words) {
            Self::Told
        } else {
            Self::Unknown
        }
    }
}

/// The name of a block that begins behind `text`: what stands before its bracket since the last sign, on this line or, alone, on the
/// one before. A value is no name: behind one a bracket belongs to something else, as a terminal colour.
fn before_bracket(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_end();
    let last = text.rsplit(|b| !is_base64(*b)).find(|run| !run.is_empty()).unwrap_or_default();
    if key_id::has_shape(last) || secret::has_shape(last) {
        return &[];
    }
    let from = text.iter().rposition(|b| b"\n{}[](),;".contains(b)).map_or(0, |at| at + 1);
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether in the text the secret `$` is by its block another's than the id `@`.
    fn apart(text: &str) -> bool {
        let of = |mark| Blocks::around(text.as_bytes(), 0, text.find(mark).unwrap());
        of('$').are_of_others(&of('@'))
    }

    #[test]
    fn blocks_with_names_part_what_is_in_them() {
        for text in [
            "{\"aws\":{\"key\":\"@\"},\"twitter\":{\"token_secret\":\"$\"}}",
            "{\n  \"Aws\": {\n    \"Key\": \"@\"\n  },\n  \"Jwt\":\n  {\n    \"Secret\": \"$\"\n  }\n}",
            "twitter:\n  secret: $\naws:\n  key: @\n",
            "jenkinsKey:\n  Value: @\ngithubSecret:\n  Value: $\n",
            "x:\n  aws:\n    key: @\n  session:\n    store:\n      secret: $\n",
            "'s3' => ['key' => '@'],\n'stripe' => ['secret' => '$'],",
            "aws: { key: '@' },\napp: { secret: '$' }",
        ] {
            assert!(apart(text), "{text}");
        }
    }

    #[test]
    fn two_owners_are_told_by_what_only_one_of_them_is_called() {
        let apart = |text: &str| {
            let of = |mark| Blocks::around(text.as_bytes(), 0, text.find(mark).unwrap());
            of('$').are_of_two_owners(&of('@'))
        };
        for text in [
            "{\"archive\":{\"key_id\":\"@\"},\"thumbs\":{\"secret\":\"$\"}}",
            "media:\n  environment:\n    key: @\nqa:\n  environment:\n    secret: $\n",
        ] {
            assert!(apart(text), "{text}");
        }
        for text in [
            "{\"id\":{\"value\":\"@\"},\"secret\":{\"value\":\"$\"}}",
            "variables:\n  key: @\nsecrets:\n  secret: $\n",
            "setUser(\"@\"); authenticate(\"$\")",
            "variable \"access_key\" {\n  default = \"@\"\n}\nlocals {\n  aws_secret_key = \"$\"\n}",
            "aws:\n  key: @\n  prod:\n    secret: $\n",
        ] {
            assert!(!apart(text), "{text}");
        }
    }

    #[test]
    fn blocks_without_a_say_do_not() {
        for text in [
            "{\"key\":{\"value\":\"@\"},\"secret\":{\"value\":\"$\"}}",
            "twitter:\n  key: @\n  secret: $\n",
            "twitter:\n  aws:\n    key: @\n  credentials:\n    secret: $\n",
            "aws:\n  key: @\n  prod:\n    secret: $\n",
            "AccessKey:\n  Default: @\nSecretKey:\n  Default: $\n",
            "aws_key = \"@\"\nsecret = \"$\"\n",
            "jenkinsKey:\n  Value: @\njenkinsSecret:\n  Value: $\n",
            "id @ AKIAQ3EGRRZOLB5XH4GS[0m\nsecret $",
            "id @ AKIAQ3EGRRZOLB5XH4GS\u{fffd}[0m\nsecret $",
            "provider \"aws\" {\n  key = \"@\"\n}\nvariable \"deploy_secret\" {\n  default = \"$\"\n}",
        ] {
            assert!(!apart(text), "{text}");
        }
    }
}
