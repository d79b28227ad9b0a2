//! Of the pairs that are possible, those that are taken where several ids want one secret, or one id has several.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::assign::{Edge, assign};
use super::label::Clear;
use super::pair::{IdAt, SecretAt};
use crate::finding::Note;

/// Up to this cost little speaks against a pair.
const LITTLE: u32 = 32;

/// The secret of each id. People write examples beside what is real, and words in capitals look like ids: what is none takes what real
/// ids leave, except what is clearly its own.
pub(super) fn real_first(ids: &[IdAt], secrets: &[SecretAt], edges: &[Edge]) -> Vec<Option<usize>> {
    const CLEARLY: u32 = 10;
    // A secret with a name of AWS's own tells by itself that it is one: what is no id has it only right beside it.
    let is_left = |e: &&Edge| {
        let (id, secret) = (&ids[e.id].candidate.class, &secrets[e.secret]);
        let none = !(id.real || id.notes.contains(&Note::Canary));
        none && e.cost > LITTLE && secret.candidate.class.real && secret.label.clear == Clear::Own
    };
    let (examples, others): (Vec<Edge>, Vec<Edge>) =
        edges.iter().filter(|e| !is_left(e)).partition(|e| !ids[e.id].candidate.class.real);
    // Up to what cost a real id may have a secret that an example would take first.
    let mut most = vec![u32::MAX; secrets.len()];
    for of_one in examples.chunk_by(|a, b| a.id == b.id) {
        if let Some(e) = of_one.iter().min_by_key(|e| e.cost) {
            most[e.secret] = most[e.secret].min(e.cost + CLEARLY);
        }
    }
    let others: Vec<Edge> = others.into_iter().filter(|e| e.cost <= most[e.secret]).collect();
    let mut pairs = assign(ids.len(), secrets.len(), &without_rivals(ids.len(), secrets.len(), &others));
    let mut taken = vec![false; secrets.len()];
    pairs.iter().flatten().for_each(|&secret| taken[secret] = true);
    let left: Vec<Edge> = examples.into_iter().filter(|e| !taken[e.secret]).collect();
    for (pair, found) in pairs.iter_mut().zip(assign(ids.len(), secrets.len(), &left)) {
        *pair = pair.or(found);
    }
    pairs
}

/// The pairs that are possible where one place of an id tells its secret clearly, or one of a secret its id: their other places have
/// none else, unless they tell it as clearly. `None`: that rules nothing out.
pub(super) fn known_elsewhere(
    text: &[u8],
    ids: &[IdAt],
    secrets: &[SecretAt],
    edges: &[Edge],
    pairs: &[Option<usize>],
) -> Option<Vec<Edge>> {
    let id = |e: &Edge| &text[ids[e.id].candidate.span.clone()];
    let secret = |e: &Edge| &text[secrets[e.secret].candidate.span.clone()];
    let clear = |e: &Edge| secrets[e.secret].label.clear;
    let chosen: Vec<Edge> = edges.iter().filter(|e| pairs[e.id] == Some(e.secret)).copied().collect();
    // An example goes with many ids, and what is no id tells nothing of a secret.
    let tells = |e: &Edge| ids[e.id].candidate.class.real && secrets[e.secret].candidate.class.real;
    let of_ids = doubtful(edges, &chosen, |_| true, clear, |e| (id(e), secret(e)));
    let of_secrets = doubtful(edges, &chosen, tells, clear, |e| (secret(e), id(e)));
    let is_doubtful = |place: usize| of_ids.contains(&place) || of_secrets.contains(&place);
    let possible = edges.iter().enumerate().filter(|(place, _)| !is_doubtful(*place)).map(|(_, e)| *e);
    (!(of_ids.is_empty() && of_secrets.is_empty())).then(|| possible.collect())
}

/// The places in `edges` of the pairs that are in doubt, as another pair of the same value is told more clearly, by one that `tells`.
/// `sides`: that value, and what it is paired with.
fn doubtful<'a>(
    edges: &[Edge],
    chosen: &[Edge],
    tells: impl Fn(&Edge) -> bool,
    clear: impl Fn(&Edge) -> Clear,
    sides: impl Fn(&Edge) -> (&'a [u8], &'a [u8]),
) -> HashSet<usize> {
    const CLEARLY: u32 = 8;
    let mut known: HashMap<&[u8], &Edge> = HashMap::new();
    for e in chosen.iter().filter(|e| e.cost <= LITTLE && tells(e)) {
        let best = known.entry(sides(e).0).or_insert(e);
        if (Reverse(clear(e)), e.cost) < (Reverse(clear(best)), best.cost) {
            *best = e;
        }
    }
    let is_doubtful = |e: &Edge| {
        let (value, other) = sides(e);
        known.get(value).is_some_and(|best| {
            sides(best).1 != other && (e.cost >= best.cost + CLEARLY || clear(e) < clear(best))
        })
    };
    let values: HashSet<&[u8]> = chosen.iter().filter(|e| is_doubtful(e)).map(|e| sides(e).0).collect();
    if values.is_empty() {
        return HashSet::new();
    }
    let in_doubt = |e: &Edge| values.contains(sides(e).0) && is_doubtful(e);
    edges.iter().enumerate().filter(|(_, e)| in_doubt(e)).map(|(place, _)| place).collect()
}

/// The pairs that are possible beside those that are clear: where an id and a secret cost little, less than either with any other, and
/// clearly so, or all other secrets would be poor ones for the id. No id without a secret elsewhere is a reason to part these.
fn without_rivals(ids: usize, secrets: usize, edges: &[Edge]) -> Vec<Edge> {
    const CLEARLY: u32 = 8;
    const POOR: u32 = 40;
    // The cheapest pair of each, and the cost of the next one.
    let two_best = |count: usize, of: fn(&Edge) -> usize| {
        let mut best: Vec<(Option<Edge>, u32)> = vec![(None, u32::MAX); count];
        for e in edges {
            let (first, next) = &mut best[of(e)];
            match first {
                Some(f) if e.cost >= f.cost => *next = (*next).min(e.cost),
                _ => *next = first.replace(*e).map_or(u32::MAX, |f| f.cost),
            }
        }
        best
    };
    let (of_ids, of_secrets) = (two_best(ids, |e| e.id), two_best(secrets, |e| e.secret));
    let clear = |e: &Edge| {
        let ((of_id, id_next), (of_secret, secret_next)) = (of_ids[e.id], of_secrets[e.secret]);
        let first = of_id == Some(*e) && of_secret == Some(*e);
        let alone = id_next >= e.cost + POOR;
        let apart = id_next.min(secret_next) >= e.cost + CLEARLY;
        e.cost <= LITTLE && first && (alone || apart)
    };
    let is_clear = |e: &Option<Edge>| e.as_ref().is_some_and(clear);
    let parts = |e: &Edge| !clear(e) && (is_clear(&of_ids[e.id].0) || is_clear(&of_secrets[e.secret].0));
    edges.iter().filter(|e| !parts(e)).copied().collect()
}
