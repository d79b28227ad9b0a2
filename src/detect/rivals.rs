//! Of the pairs that are possible, those that are taken where several ids want one secret, or one id has several.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::assign::{Edge, assign};
use super::pair::{IdAt, SecretAt};

/// Up to this cost little speaks against a pair.
const LITTLE: u32 = 32;

/// The secret of each id. People write examples beside what is real, and words in capitals look like ids: what is none takes what real
/// ids leave, except what is clearly its own.
pub(super) fn real_first(ids: &[IdAt], secrets: usize, edges: &[Edge]) -> Vec<Option<usize>> {
    const CLEARLY: u32 = 10;
    let (examples, others): (Vec<Edge>, Vec<Edge>) =
        edges.iter().partition(|e| !ids[e.id].candidate.class.real);
    // Up to what cost a real id may have a secret that an example would take first.
    let mut most = vec![u32::MAX; secrets];
    for of_one in examples.chunk_by(|a, b| a.id == b.id) {
        if let Some(e) = of_one.iter().min_by_key(|e| e.cost) {
            most[e.secret] = most[e.secret].min(e.cost + CLEARLY);
        }
    }
    let others: Vec<Edge> = others.into_iter().filter(|e| e.cost <= most[e.secret]).collect();
    let mut pairs = assign(ids.len(), secrets, &without_rivals(ids.len(), secrets, &others));
    let mut taken = vec![false; secrets];
    pairs.iter().flatten().for_each(|&secret| taken[secret] = true);
    let left: Vec<Edge> = examples.into_iter().filter(|e| !taken[e.secret]).collect();
    for (pair, found) in pairs.iter_mut().zip(assign(ids.len(), secrets, &left)) {
        *pair = pair.or(found);
    }
    pairs
}

/// The pairs that are possible where one place of an id tells its secret clearly: its other places have no other secret, unless they
/// tell it as clearly. `None`: that rules nothing out.
pub(super) fn known_elsewhere(
    text: &[u8],
    ids: &[IdAt],
    secrets: &[SecretAt],
    edges: &[Edge],
    pairs: &[Option<usize>],
) -> Option<Vec<Edge>> {
    const CLEARLY: u32 = 8;
    let id = |e: &Edge| &text[ids[e.id].candidate.span.clone()];
    let secret = |e: &Edge| &text[secrets[e.secret].candidate.span.clone()];
    let chosen = || edges.iter().filter(|e| pairs[e.id] == Some(e.secret));
    let clear = |e: &Edge| secrets[e.secret].label.clear;
    let mut known: HashMap<&[u8], &Edge> = HashMap::new();
    for e in chosen().filter(|e| e.cost <= LITTLE) {
        let best = known.entry(id(e)).or_insert(e);
        if (Reverse(clear(e)), e.cost) < (Reverse(clear(best)), best.cost) {
            *best = e;
        }
    }
    let differs = |e: &Edge| known.get(id(e)).filter(|best| secret(best) != secret(e));
    let is_doubtful =
        |e: &&Edge| differs(e).is_some_and(|best| e.cost >= best.cost + CLEARLY || clear(e) < clear(best));
    let doubtful: HashSet<&[u8]> = chosen().filter(is_doubtful).map(id).collect();
    let possible = |e: &&Edge| !(doubtful.contains(id(e)) && is_doubtful(e));
    (!doubtful.is_empty()).then(|| edges.iter().filter(possible).copied().collect())
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
