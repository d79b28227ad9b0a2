//! What it costs that a secret is an id's, by its name, by the text between them, and by what they are parts of.

use std::ops::Range;

use super::label::{Clear, Label, Says};
use super::names::{is_filler, owners};
use super::pair::{IdAt, OTHERS};
use super::structure::{Gap, indent};
use super::vocabulary::{STAGES, USES};

/// What the name of a secret costs. `partner`: it stands in the column of the id's secret.
pub(super) fn name_cost(says: Says, touching: bool, partner: bool, gap: Gap) -> i64 {
    match (says, touching) {
        (Says::Yes, _) => 0,
        // the name stands at the head of the column
        (Says::Nothing | Says::Other, false) if partner => 12,
        (Says::Maybe, _) => 10,
        (Says::Nothing | Says::Other, true) => 3,
        (Says::No, _) => 15,
        // a value without a name must be near: the next argument, the next column
        (Says::Nothing, false) => 25 + nearness(gap),
        // a value with another name may be it only right beside the id
        (Says::Other, false) => 45 + 2 * nearness(gap),
    }
}

/// What the text between two values costs: its length, blank lines, lines that are drawn, blocks that end and begin.
pub(super) fn gap_cost(gap: Gap) -> i64 {
    const SECTION: i64 = 25;
    let distance = if gap.lines == 0 {
        2 * log2(gap.bytes / 16)
    } else {
        4 + 4 * log2(gap.lines as usize) + log2(gap.bytes / 256)
    };
    let (closed, opened) = (i64::from(gap.closed.min(6)), i64::from(gap.opened.min(6)));
    let blocks = 12 * closed.min(opened) + 3 * (closed - opened).abs();
    let section = if gap.header { SECTION } else { 0 };
    section
        + distance
        + 3 * i64::from(gap.blanks.min(3))
        + 3 * i64::from(gap.headings.min(2))
        + 10 * i64::from(gap.rules.min(2))
        + blocks
}

/// What the names of an id and a secret cost: `PROD_KEY_ID` has `PROD_SECRET`. `owned`: they stand under the same key.
pub(super) fn affix_cost(id: &IdAt, secret: &Label, owned: bool, gap: Gap) -> i64 {
    let mut cost = 0;
    if secret.says == Says::Yes && !owned && are_of_two_owners(&id.name.affix, &secret.affix, gap) {
        cost += OTHERS;
    }
    if matches!(secret.says, Says::Yes | Says::Maybe) {
        cost += match (id.name.affix.is_empty(), secret.affix.is_empty()) {
            (true, true) => 0,
            (false, false) if id.name.affix == secret.affix => -20,
            (false, false) => 35,
            _ => 8,
        };
        cost += match &id.name.purposes {
            Some(purposes) if *purposes != secret.purposes => 12,
            Some(purposes) if !purposes.is_empty() && id.name.affix.is_empty() => -20,
            _ => 0,
        };
    }
    if secret.foreign && !owned && owners(&secret.affix).all(|word| !id.name.affix.contains(word)) {
        cost += OTHERS; // the secret of something else beside an id whose own is not there
    }
    cost
}

/// Whether what the names of an id and a secret say of their owners parts them: two stages, or no word in common and a new paragraph,
/// heading or block between.
fn are_of_two_owners(id: &[String], secret: &[String], gap: Gap) -> bool {
    let stages = |of: &[String]| of.iter().any(|word| STAGES.contains(&word.as_str()));
    let same = |a: &String, b: &String| a.starts_with(b.as_str()) || b.starts_with(a.as_str());
    let apart = gap.blanks > 0 || gap.headings > 0 || gap.header || gap.closed > 0 && gap.opened > 0;
    !(id.is_empty() || secret.is_empty())
        && (apart || stages(id) && stages(secret))
        && !id.iter().any(|a| secret.iter().any(|b| same(a, b)))
}

/// Whether an id stands in the credential scope of a signature (`ID/20230915/eu-west-1/s3/…`), or in a URL that is signed in the old
/// way.
pub(super) fn is_scope(text: &[u8], id: &Range<usize>) -> bool {
    match &text[id.end..] {
        [b'/', day @ ..] => {
            day.get(..9).is_some_and(|d| d[..8].iter().all(u8::is_ascii_digit) && d[8] == b'/')
        }
        [b'&', ..] => text[..id.start].ends_with(b"AWSAccessKeyId="),
        _ => false,
    }
}

/// Whether a list or a call ends and another begins between two values on one line: `"…"), ("…"`.
pub(super) fn are_of_two(between: &[u8]) -> bool {
    let mut open = 0u32;
    let mut left = false;
    for byte in between {
        match byte {
            b'(' | b'[' if left => return true,
            b'(' | b'[' => open += 1,
            b')' | b']' if open > 0 => open -= 1,
            b')' | b']' => left = true,
            _ => {}
        }
    }
    false
}

/// Whether one secret stands with an id in one statement on a line or in one block, and another elsewhere.
pub(super) fn is_closer(text: &[u8], id: &Range<usize>, one: &Range<usize>, other: &Range<usize>) -> bool {
    const NEAR: usize = 400;
    let between = |secret: &Range<usize>| {
        let (first, last) = if secret.start < id.start { (secret, id) } else { (id, secret) };
        text.get(first.end..last.start).unwrap_or_default()
    };
    let (near, far) = (between(one), between(other));
    if near.len() > NEAR || far.len() > NEAR || are_of_two(near) {
        return false;
    }
    let (near, far) = (Gap::of(near), Gap::of(far));
    let level = |gap: &Gap, secret: &Range<usize>| {
        gap.lines == 0 || indent(text, secret.start) == indent(text, id.start)
    };
    let inside = near.closed == 0 && near.opened == 0 && near.blanks == 0 && level(&near, one);
    let outside = far.closed > 0 || far.opened > 0 || !level(&far, other);
    inside && (outside || near.lines == 0 && far.lines > 0)
}

/// Whether a secret is part of a URL of which `id` is none, and which is none of S3: `postgres://user:SECRET@host`.
pub(super) fn is_in_other_url(text: &[u8], secret: &Range<usize>, id: &Range<usize>) -> bool {
    const LONGEST: usize = 400;
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'|');
    let before = &text[secret.start.saturating_sub(LONGEST)..secret.start];
    let before = &before[before.iter().rposition(ends).map_or(0, |end| end + 1)..];
    let Some(scheme) = memchr::memmem::find(before, b"://") else { return false };
    let store =
        [&b"s3"[..], b"aws"].iter().any(|store| memchr::memmem::find(&before[..scheme], store).is_some());
    let from = secret.start - before.len();
    let to = secret.end + text[secret.end..].iter().take(LONGEST).take_while(|b| !ends(b)).count();
    !store && !(from..to).contains(&id.start)
}

/// Whether a value is a key of reCAPTCHA: `AAAAA` stands behind its first eight characters, as in those that Google publishes for
/// tests. One secret of 4,096 begins as they do.
pub(super) fn is_of_recaptcha(value: &[u8]) -> bool {
    value.starts_with(b"6L") && value.get(8..13) == Some(b"AAAAA")
}

/// Whether a secret has the name of something that nobody knows, beside an id that has a name without: `ZumataSecret` is not that of
/// `AWSAccessKey`.
pub(super) fn is_of_unknown(id: &IdAt, secret: &Label) -> bool {
    let telling =
        |word: &String| !(is_filler(word) || [STAGES, USES].iter().any(|list| list.contains(&word.as_str())));
    let less_clear = if id.name.branded { Clear::Own } else { Clear::Key };
    id.name.purposes.is_some()
        && id.name.affix.is_empty()
        && !secret.own
        && secret.says == Says::Yes
        && secret.clear < less_clear
        && (secret.name.ends_with("secret") || secret.name.ends_with("secretkey"))
        && secret.affix.iter().any(telling)
}

/// What it costs to skip candidates: convex, so that of two ways to pair four values the one that keeps their order
/// is cheaper than the nested one.
pub(super) fn rank_cost(step: i64) -> i64 {
    (2 * (step - 1).pow(2)).min(40)
}

/// How much distance speaks against a value without a name.
pub(super) fn nearness(gap: Gap) -> i64 {
    10 * i64::from(gap.lines.min(20)) + i64::from((gap.bytes / 10).min(200) as u32)
}

pub(super) fn log2(n: usize) -> i64 {
    i64::from((n + 1).ilog2())
}
