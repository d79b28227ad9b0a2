//! Names of which one is half of a pair and the other its other half: `id` and `key`, `s3_key` and `s3_secret`.

use super::columns::Columns;
use super::cost::are_of_two;
use super::label::{Clear, Says};
use super::owners::column;
use super::pair::{IdAt, SecretAt, Slot};
use super::structure::{Gap, line_start};

/// How many values away, and how many lines, the other half stands at most.
const VALUES: usize = 2;
const LINES: u32 = 6;

/// What ends the name of an id and that of its secret, the clearest first.
const HALVES: &[(&str, &str)] =
    &[("accesskey", "secretkey"), ("key", "secret"), ("id", "secret"), ("keyid", "key"), ("id", "key")];

/// Make the two halves stand at the same place: so the `SECRET_KEY` of a program beside them is none of theirs. What says by its name
/// that it is AWS's tells more.
pub(super) fn join(
    text: &[u8],
    ids: &[IdAt],
    secrets: &[SecretAt],
    order: &[Slot],
    gaps: &[Gap],
    possible: &dyn Fn(usize, usize) -> bool,
    columns: &mut Columns,
) {
    for (rank, slot) in order.iter().enumerate() {
        let Slot::Id(id) = *slot else { continue };
        let name = &ids[id].name;
        if name.purposes.is_none() || columns.partner[id].is_some() {
            continue;
        }
        let behind = (rank + 1..order.len()).map(|other| (other, other - 1));
        let before = (0..rank).rev().map(|other| (other, other));
        let mut beside = along(order, gaps, behind);
        beside.extend(along(order, gaps, before));
        let is_upper = |at: usize| {
            let last = text[..at].iter().rev().take(40).find(|b| b.is_ascii_alphabetic());
            last.is_some_and(u8::is_ascii_uppercase)
        };
        let same_case = |secret: usize| {
            is_upper(ids[id].candidate.span.start) == is_upper(secrets[secret].candidate.span.start)
        };
        let in_one_block = |secret: usize| {
            let (id, secret) = (&ids[id].candidate.span, &secrets[secret].candidate.span);
            let between = text.get(id.end.min(secret.end)..id.start.max(secret.start)).unwrap_or_default();
            let column = |at: usize| column(&text[line_start(text, at)..at]).0;
            !are_of_two(between) && (!between.contains(&b'\n') || column(id.start) == column(secret.start))
        };
        let half = |secret: usize| {
            let label = &secrets[secret].label;
            let fits = |(a, b): &(&str, &str)| {
                name.name.strip_suffix(a).is_some_and(|head| label.name.strip_suffix(b) == Some(head))
            };
            let is_one = label.says != Says::No && possible(id, secret) && columns.owner[secret].is_none();
            HALVES.iter().position(fits).filter(|_| is_one && same_case(secret) && in_one_block(secret))
        };
        let halves = beside.iter().filter_map(|&(near, secret)| Some((half(secret)?, near, secret)));
        let Some((which, near, secret)) = halves.clone().min() else { continue };
        let is_alone = halves.filter(|other| (other.0, other.1) == (which, near)).count() == 1;
        let clearer = |at: usize, other: usize| {
            let label = &secrets[other].label;
            let clear =
                label.clear == Clear::Key && (HALVES[which].1 == "secret" || at < near) && same_case(other);
            label.says == Says::Yes && other != secret && (label.clear == Clear::Own || clear)
        };
        if is_alone && !beside.iter().any(|(at, other)| clearer(*at, *other)) {
            columns.partner[id] = Some(secret);
            columns.owner[secret] = Some(id);
        }
    }
}

/// The secrets on one side of an id in its paragraph and block, each with how far away it is. `others`: each place in the order there,
/// and that of the gap before it.
fn along(order: &[Slot], gaps: &[Gap], others: impl Iterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
    let mut lines = 0;
    let mut found = Vec::new();
    for (near, (other, gap)) in others.take(VALUES).enumerate() {
        let gap = gaps[gap];
        lines += gap.lines;
        let parts = gap.header || gap.blanks + gap.headings + gap.closed + gap.opened > 0 || lines > LINES;
        match order[other] {
            Slot::Secret(secret) if !parts => found.push((near, secret)),
            _ => break,
        }
    }
    found
}
