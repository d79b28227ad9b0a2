//! The name in front of a value: what it says about the value.
//!
//! Of all names before a value the nearest counts.

use std::ops::Range;

use super::heads::Head;
use super::names::{
    Word, affix, find, is_branded, is_filler, is_foreign_value, is_of_anything, is_own, name, purposes,
    spelled, words,
};
use super::naming::naming;
use super::vocabulary::STAGES;
use crate::rules::Part;

/// What the text before a value says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// What the nearest name says.
    pub(super) says: Says,
    /// It names the value so clearly that it needs no id.
    pub(super) alone: bool,
    /// What the name says besides: `prod` of `PROD_AWS_SECRET_KEY`. Lower case, sorted.
    pub(super) affix: Vec<String>,
    /// What the name says the value is for, in words that else tell little.
    pub(super) purposes: Vec<String>,
    /// The name is that of something else that has secrets, and says nothing of AWS: `DB_PASSWORD`.
    pub(super) foreign: bool,
    /// The name says that it is AWS's own: `AWS_KEY`, `secret_access_key`.
    pub(super) own: bool,
    /// The letters and digits of the name, lower case.
    pub(super) name: String,
    /// How clearly the name is that of one of AWS's secrets.
    pub(super) clear: Clear,
}

/// How clearly a name is that of one of AWS's secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Clear {
    /// Many things have one: `password`, `secret`.
    #[default]
    General,
    /// `secret_key`
    Key,
    /// `AWS_SECRET`, `Secret access key`
    Own,
}

impl Label {
    /// Whether a name says that it is, or may be, such a value.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.says, Says::Yes | Says::Maybe)
    }

    /// That of a session token, which is known by its head and needs no name. `read`: what its name says, if it has one.
    pub(super) fn of_token(read: Self) -> Self {
        let affix = if read.says == Says::Yes { read.affix } else { Vec::new() };
        Self { says: Says::Yes, own: true, affix, ..Self::default() }
    }
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

/// Read the text before the value at `span`, not further back than `floor`, where another value ends.
pub(super) fn read(text: &[u8], floor: usize, span: Range<usize>, part: &Part) -> Label {
    read_name(&naming(text, floor, span), part)
}

/// What the head of a table says of a value that stands in it. `None`: nothing of use.
pub(super) fn in_column(head: &Head<'_>, part: &Part) -> Option<Label> {
    // All words at the head of a column are one name.
    let joined =
        |name: &[u8]| -> Vec<u8> { name.iter().map(|b| if *b == b' ' { b'_' } else { *b }).collect() };
    let read = |name: &[u8]| read_name(&[&joined(name)[..], b" = "].concat(), part);
    let own = read(head.names[head.column]);
    // Some call the secret of an access key its token.
    let tells = matches!(own.says, Says::Yes | Says::No) || own.foreign && !own.name.contains("access");
    // Or the secrets stand in another column.
    (tells || head.names.iter().any(|name| read(name).says == Says::Yes)).then_some(own)
}

/// What stands between the name of a value and the value in markup.
const MARKUP: &[&str] = &["value", "content", "td", "string", "type", "hidden", "text"];

/// Read the text before a value.
fn read_name(before: &[u8], part: &Part) -> Label {
    let words = words(before);
    let nearest = |labels: &[String], fits: &dyn Fn(&(usize, usize)) -> bool| -> Option<(usize, usize)> {
        let found = labels.iter().filter_map(|l| find_label(before, &words, l));
        found.filter(fits).max_by_key(|&(last, len)| (last, len))
    };
    // `type: gs` above `secret_access_key: ` makes it no key of that.
    let in_line = |&(last, len): &(usize, usize)| {
        let mut left = len;
        let begins = |word: &Word| {
            left = left.saturating_sub(word.text.len());
            left == 0
        };
        let first = words[..=last].iter().rposition(begins).unwrap_or(last);
        !before[words[first].start..words[last].end].contains(&b'\n')
    };
    let (yes, no) = (nearest(&part.labels, &|_| true), nearest(&part.anti_labels, &in_line));
    let alone = nearest(&part.alone_labels, &|_| true);
    let best = yes.max(alone);
    let assigned = words.last().is_some_and(|last| is_assigned(before, last));
    let called = || !words.is_empty() && is_called(before, &words[name(before, &words, words.len() - 1)]);
    // What lines above say of their own values says nothing of one that has a name on its line.
    let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    if let Some((at, _)) = no
        && no > best
        && !(words[at].end <= line && (assigned || called()))
        && !is_argument(before, &words[name(before, &words, at)])
    {
        return Label { says: Says::No, ..Label::default() };
    }
    // Without a label the last name counts; markup may stand behind it: `name="csrf-token" content="`.
    let telling = || {
        let markup = |w: &&Word| MARKUP.contains(&w.text.as_str());
        let behind = words.iter().rev().take_while(markup).count();
        words.len().checked_sub(behind + 1).filter(|at| words[*at].start >= line)
    };
    let anchor = best.map(|(last, _)| last).or_else(telling).or_else(|| words.len().checked_sub(1));
    let name = anchor.map_or(0..0, |word| name(before, &words, word));
    let named = &words[name.clone()];
    // `user: jenkins` above is said of a user.
    let said = || {
        let (Some(first), Some(last)) = (named.first(), named.last()) else { return false };
        let key = before[..first.start].rsplit(|b| *b == b'\n').next().unwrap_or_default();
        best.is_none() && last.end <= line && matches!(key.trim_ascii_end(), [.., b':' | b'='])
    };
    let label = Label {
        affix: affix(named),
        purposes: purposes(named),
        foreign: (is_foreign_value(named) || best.is_none() && is_of_anything(named)) && !said(),
        own: is_own(named),
        name: spelled(named),
        ..Label::default()
    };
    let token = joined(before);
    if token < before.len() && !label.own && best.is_none_or(|(last, _)| words[last].start < token) {
        return Label { says: Says::No, ..Label::default() };
    }
    let Some((last, _)) = best else {
        // An id is no secret, unless people took the two for one another: `access_key_id = SECRET`.
        let is_id =
            named.last().is_some_and(|w| w.text == "id") && !label.own && find(named, "key").is_none();
        if assigned && is_id {
            return Label { says: Says::No, ..label };
        }
        // A name says more than that it is a key.
        let other = assigned && words.last().is_some_and(|w| !is_filler(&w.text)) && !label.affix.is_empty();
        return Label { says: if other { Says::Other } else { Says::Nothing }, ..label };
    };
    let told = spelled(&words[name.start.min(last.saturating_sub(2))..=last]);
    let alone = alone.is_some_and(|(at, _)| at == last);
    let clearly = alone || told.ends_with("secretaccesskey");
    let tells = |(at, word): &(usize, &Word)| {
        let stage = name.contains(at) && STAGES.contains(&word.text.as_str());
        !stage && !is_filler(&word.text)
    };
    let behind: Vec<usize> =
        words.iter().enumerate().skip(last + 1).filter(tells).map(|(at, _)| at).collect();
    let says = match behind[..] {
        [] => Says::Yes,
        // `AWS_SECRET_ACCESS_KEY_BILLING`: whose it is
        [at] if clearly && name.contains(&at) => Says::Yes,
        [_] | [_, _] | [_, _, _] => Says::Maybe,
        _ => Says::Nothing,
    };
    let alone = says == Says::Yes && alone;
    let clear = match () {
        () if says != Says::Yes => Clear::General,
        () if label.own || told.ends_with("secretaccesskey") || told.ends_with("accesskeysecret") => {
            Clear::Own
        }
        () if told.ends_with("secretkey") => Clear::Key,
        () => Clear::General,
    };
    Label { says, alone, clear, ..label }
}

/// The last place where a label stands: index of its last word, and its length in characters. `a * b` stands where `b` does, if `a`
/// is a word before it in the same name.
fn find_label(text: &[u8], words: &[Word], label: &str) -> Option<(usize, usize)> {
    let Some((first, rest)) = label.split_once(" * ") else { return find(words, label) };
    let (last, len) = find(words, rest)?;
    let name = name(text, words, last).start..last;
    words[name].iter().any(|w| w.text == first).then_some((last, len))
}

/// Whether the value behind the text is assigned to its last word: `name = `, `"name": "`.
pub(super) fn is_assigned(text: &[u8], last: &Word) -> bool {
    let sign = &text[last.end..];
    sign.len() <= 12 && sign.iter().any(|b| matches!(b, b'=' | b':')) && !sign.contains(&b'\n')
}

/// Whether the value behind the text is given to a call with a name: `put("name", "`.
fn is_called(text: &[u8], name: &[Word]) -> bool {
    let quote = |b: u8| matches!(b, b'"' | b'\'');
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return false };
    let sign: Vec<u8> = text[last.end..].iter().copied().filter(|b| *b != b' ').collect();
    matches!(sign[..], [a, b',', b] if quote(a) && quote(b))
        && matches!(text[..first.start].trim_ascii_end(), [.., b'(', b] if quote(*b))
}

/// Whether a name is an argument or item of its own, behind and before others: `, "sha256", `. It names nothing then.
fn is_argument(text: &[u8], name: &[Word]) -> bool {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return false };
    let before = text[..first.start].strip_suffix(b"\"").or_else(|| text[..first.start].strip_suffix(b"'"));
    let behind = text[last.end..].strip_prefix(b"\"").or_else(|| text[last.end..].strip_prefix(b"'"));
    before.is_some_and(|t| t.trim_ascii_end().ends_with(b","))
        && behind.is_some_and(|t| t.trim_ascii_start().starts_with(b","))
}

/// Where in the text words begin that a dash, a dot or an underscore joins to the value behind it, as in the head of a token: `pk.`,
/// `django-insecure-`. The end of the text if none does.
fn joined(text: &[u8]) -> usize {
    let joins = |b: &u8| matches!(b, b'-' | b'.' | b'_');
    let run = text.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || joins(b)).count();
    let head = &text[text.len() - run..];
    if head.last().is_some_and(joins) && head.iter().any(u8::is_ascii_alphanumeric) {
        text.len() - run
    } else {
        text.len()
    }
}

/// What the name of an id says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct IdName {
    /// What it says besides that it is an id's.
    pub(super) affix: Vec<String>,
    /// The same, in words that else tell little; `None` without a name.
    pub(super) purposes: Option<Vec<String>>,
    /// It speaks of AWS.
    pub(super) branded: bool,
    /// It is that of a user.
    pub(super) login: bool,
    /// Its letters and digits, lower case.
    pub(super) name: String,
}

/// What the name of the id at `span` says.
pub(super) fn of_id(text: &[u8], floor: usize, span: Range<usize>) -> IdName {
    let before = &*naming(text, floor, span);
    let words = words(before);
    let named = |w: &Word| {
        matches!(w.stem(), "id" | "key" | "access" | "user" | "username" | "login")
            || w.text.contains("accesskey") && !w.text.contains("secret")
    };
    let Some(last) = words.iter().rposition(named) else { return IdName::default() };
    let name = name(before, &words, last);
    let own = words[name.end..].iter().all(|w| is_filler(&w.text) || w.text == "s3");
    if !own {
        return IdName::default();
    }
    let login = matches!(words[last].text.as_str(), "user" | "username" | "login");
    let name = &words[name];
    IdName {
        login,
        affix: affix(name),
        purposes: Some(purposes(name)),
        branded: is_branded(name),
        name: spelled(name),
    }
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
