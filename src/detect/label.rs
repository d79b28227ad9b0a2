//! The name in front of a value: what it says about the value.
//!
//! Of all names before a value the nearest counts.

use std::borrow::Cow;

use super::names::{
    STAGES, Word, affix, find, is_branded, is_filler, is_foreign, is_own, name, spelled, words,
};
use crate::rules::Part;

/// How far before a value its name may begin, in bytes.
const REACH: usize = 160;

/// What the text before a value says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// What the nearest name says.
    pub(super) says: Says,
    /// It names the value so clearly that it needs no id.
    pub(super) alone: bool,
    /// What the name says besides: `prod` of `PROD_AWS_SECRET_KEY`. Lower case, sorted.
    pub(super) affix: Vec<String>,
    /// The name is that of something else that has secrets, and says nothing of AWS: `DB_PASSWORD`.
    pub(super) foreign: bool,
    /// The name says that it is AWS's own: `AWS_KEY`, `secret_access_key`.
    pub(super) own: bool,
    /// The letters and digits of the name, lower case.
    pub(super) name: String,
}

/// What a name says of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Says {
    /// It is such a value.
    Yes,
    /// It may be: the name is some words away.
    Maybe,
    /// There is no name.
    #[default]
    Nothing,
    /// It has a name of its own, which nobody knows.
    Other,
    /// It is something else: a hash, a commit.
    No,
}

/// Read the text before `start`, not further back than `floor`, where another value ends.
pub(super) fn read(text: &[u8], floor: usize, start: usize, part: &Part) -> Label {
    let before = &*surroundings(text, floor, start);
    let words = words(before);
    let nearest = |labels: &[String]| -> Option<(usize, usize)> {
        labels.iter().filter_map(|l| find(&words, l)).max_by_key(|&(last, len)| (last, len))
    };
    let (yes, no) = (nearest(&part.labels), nearest(&part.anti_labels));
    let alone = nearest(&part.alone_labels);
    let best = yes.max(alone);
    let assigned = words.last().is_some_and(|last| is_assigned(before, last));
    // What lines above say of their own values says nothing of one that has a name on its line.
    let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    if let Some((at, _)) = no
        && no > best
        && !(assigned && words[at].end <= line)
    {
        return Label { says: Says::No, ..Label::default() };
    }
    // Without a label the last name counts.
    let anchor = best.map(|(last, _)| last).or_else(|| words.len().checked_sub(1));
    let name = anchor.map_or(0..0, |word| name(before, &words, word));
    let named = &words[name.clone()];
    let label = Label {
        affix: affix(named),
        foreign: is_foreign(named),
        own: is_own(named),
        name: spelled(named),
        ..Label::default()
    };
    let Some((last, _)) = best else {
        // A name says more than that it is a key.
        let other = assigned && words.last().is_some_and(|w| !is_filler(&w.text)) && !label.affix.is_empty();
        return Label { says: if other { Says::Other } else { Says::Nothing }, ..label };
    };
    let tells = |(at, word): &(usize, &Word)| {
        let stage = name.contains(at) && STAGES.contains(&word.text.as_str());
        !stage && !is_filler(&word.text)
    };
    let says = match words.iter().enumerate().skip(last + 1).filter(tells).count() {
        0 => Says::Yes,
        1..=3 => Says::Maybe,
        _ => Says::Nothing,
    };
    let alone = says == Says::Yes && alone.is_some_and(|(at, _)| at == last);
    Label { says, alone, ..label }
}

/// Whether the value behind the text is assigned to its last word: `name = `, `"name": "`.
fn is_assigned(text: &[u8], last: &Word) -> bool {
    let sign = &text[last.end..];
    sign.len() <= 12 && sign.iter().any(|b| matches!(b, b'=' | b':')) && !sign.contains(&b'\n')
}

/// The text before a value, as far as it may name it. Descriptions are left out: they stand between a name and its value, and are as
/// long as people like.
fn surroundings(text: &[u8], floor: usize, start: usize) -> Cow<'_, [u8]> {
    let from = floor.max(start.saturating_sub(REACH));
    let wide = &text[floor.max(start.saturating_sub(3 * REACH)).min(from)..start];
    let mut left = Vec::new();
    let mut rest = wide;
    while let Some(at) = memchr::memmem::find(rest, b"escription") {
        let (before, after) = rest.split_at(at + b"escription".len());
        let described = described(after);
        let word = if described > 0 { "description".len() } else { 0 };
        left.extend_from_slice(&before[..before.len().saturating_sub(word)]);
        rest = &after[described..];
    }
    if rest.len() == wide.len() {
        return Cow::Borrowed(&text[from..start]);
    }
    left.extend_from_slice(rest);
    Cow::Owned(left.split_off(left.len().saturating_sub(REACH)))
}

/// Length of what a description says, which may begin behind its name.
fn described(text: &[u8]) -> usize {
    let sign = text.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b':' | b'=')).count();
    if !text[..sign].iter().any(|b| matches!(b, b':' | b'=')) {
        return 0;
    }
    let end = |stop: u8| memchr::memchr2(stop, b'\n', &text[sign..]).map_or(0, |len| sign + len);
    match text[..sign].last() {
        Some(quote @ (b'"' | b'\'')) => end(*quote),
        _ => end(b'\n'),
    }
}

/// What the name before an id says: its affix, and whether it speaks of AWS.
pub(super) fn of_id(text: &[u8], floor: usize, start: usize) -> (Vec<String>, bool) {
    let before = &*surroundings(text, floor, start);
    let words = words(before);
    let named = |w: &Word| matches!(w.text.as_str(), "id" | "key" | "access" | "user" | "username" | "login");
    let Some(last) = words.iter().rposition(named) else { return (Vec::new(), false) };
    let name = name(before, &words, last);
    let own = words[name.end..].iter().all(|w| is_filler(&w.text) || w.text == "s3");
    if own { (affix(&words[name.clone()]), is_branded(&words[name])) } else { (Vec::new(), false) }
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
