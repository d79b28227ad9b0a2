//! Secrets without an id: whether what stands around one says enough to report it.

use std::ops::Range;

use super::label::Says;
use super::names::{spelled, words};
use super::pair::SecretAt;
use super::structure::Gap;
use crate::aws::other::{self, Whose};
use crate::rules::{Check, Part};

/// How far from a mail host an SES password may stand.
const HOST_REACH: usize = 600;
/// How far from a secret the id that belongs to it may stand, in bytes.
const ID_REACH: usize = 300;

/// Whether a secret is reported without an id.
pub(super) fn stands_alone(text: &[u8], part: &Part, secret: &SecretAt) -> bool {
    let at = secret.candidate.span.clone();
    if part.check == Some(Check::AwsSesPassword) {
        let around = &text[at.start.saturating_sub(HOST_REACH)..text.len().min(at.end + HOST_REACH)];
        let host = part.keywords.iter().any(|k| memchr::memmem::find(around, k.as_bytes()).is_some());
        return host && matches!(secret.label.says, Says::Yes | Says::Maybe);
    }
    secret.label.alone
        && !secret.candidate.soft
        && !secret.candidate.class.wordy
        && !is_of_another(text, &at, &secret.label.name)
}

/// Whether the id beside a secret is that of another provider: its clients have the same names for both. A secret that is named AWS's is
/// so only where the id cannot be AWS's.
fn is_of_another(text: &[u8], secret: &Range<usize>, name: &str) -> bool {
    let from = secret.start.saturating_sub(ID_REACH);
    let around = from..text.len().min(secret.end + ID_REACH);
    let mut at = from;
    text[around].split(|b| !b.is_ascii_alphanumeric()).any(|word| {
        let id = at..at + word.len();
        at = id.end + 1;
        let is_other = match other::whose(word) {
            Some(Whose::Others) => true,
            Some(Whose::Unmarked) => !["aws", "amazon", "amz"].iter().any(|brand| name.contains(brand)),
            None => false,
        };
        is_other && is_id_beside(text, &id, secret, name)
    })
}

/// Whether a key id stands on the line of a secret or on the next, and has the name that goes with the secret's or is next to it. Further
/// away another section may have begun: where every line has a margin, as in a mail, its header is not seen without an id of AWS.
fn is_id_beside(text: &[u8], id: &Range<usize>, secret: &Range<usize>, name: &str) -> bool {
    let between = if id.end <= secret.start { id.end..secret.start } else { secret.end..id.start };
    let Some(between) = text.get(between) else { return false };
    let gap = Gap::of(between);
    let next = between.iter().all(|b| b"\"', \t;|".contains(b));
    gap.lines <= 1
        && gap.closed == 0
        && gap.opened == 0
        && (next || goes_with(name_before(&text[..id.start]), name))
}

/// Whether names are those of an id and its secret: without what they say of that, they are the same.
fn goes_with(id: &[u8], secret: &str) -> bool {
    let id = spelled(&words(id));
    let is_id = (id.contains("access") || id.contains("key")) && !id.contains("secret");
    let owner =
        |name: &str| ["access", "secret", "key", "id"].iter().fold(name.to_owned(), |n, w| n.replace(w, ""));
    let (of_id, of_secret) = (owner(&id), owner(secret));
    is_id && (of_id.ends_with(&of_secret) || of_secret.ends_with(&of_id))
}

/// The name that a value is assigned to which stands behind a text.
fn name_before(text: &[u8]) -> &[u8] {
    const LONGEST: usize = 60;
    let sign = text.iter().rev().take(8).take_while(|b| b" \t\"'`=:>(,".contains(b)).count();
    let text = &text[..text.len() - sign];
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-. ".contains(b);
    let len = text.iter().rev().take(LONGEST).take_while(|b| is_name(b)).count();
    &text[text.len() - len..]
}
