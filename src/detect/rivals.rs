//! Of the pairs that are possible, those that are taken where several ids want one secret, or one id has several.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::assign::{Edge, UNPAIRED, assign};
use super::candidate::Candidate;
use super::label::{Clear, Says};
use super::pair::{Choice, IdAt, SecretAt, pair};
use crate::finding::Note;
use crate::rules::Part;

/// Up to this cost little speaks against a pair.
const LITTLE: u32 = 32;
/// By so much more a pair costs clearly more than another.
const CLEARLY: u32 = 8;
/// By so much more it is a poor one.
const POOR: u32 = 40;

/// Where one secret has a clearer name than another, costs about as much, and is no other id's rather, the other costs more, unless
/// it alone stands in the id's paragraph, or it `is_closer`: `SECRET_KEY` between an id and its `AWS_SECRET_ACCESS_KEY`. The edges
/// of each id stand together.
pub(super) fn clearest_first(
    secrets: &[SecretAt],
    in_one_paragraph: &dyn Fn(&Edge) -> bool,
    is_closer: &dyn Fn(&Edge, &Edge) -> bool,
    edges: &mut [Edge],
) {
    const ABOUT: u32 = 16;
    let named = |e: &Edge| {
        let label = &secrets[e.secret].label;
        matches!(label.says, Says::Yes | Says::Maybe).then_some(label.clear)
    };
    let mut least = vec![u32::MAX; secrets.len()];
    for e in edges.iter() {
        least[e.secret] = least[e.secret].min(e.cost);
    }
    for of_one in edges.chunk_by_mut(|a, b| a.id == b.id) {
        // For each clearness the cheapest, in the id's paragraph or any.
        let mut cheapest: [[Option<Edge>; 3]; 2] = [[None; 3]; 2];
        for e in of_one.iter().filter(|e| e.cost == least[e.secret]) {
            let Some(clearness) = named(e) else { continue };
            let of = if in_one_paragraph(e) { 0..2 } else { 1..2 };
            for cheapest in &mut cheapest[of] {
                let best = &mut cheapest[clearness as usize];
                *best = best.filter(|best| best.cost <= e.cost).or(Some(*e));
            }
        }
        for e in of_one {
            let about = e.cost.saturating_add(ABOUT);
            let cheapest = &cheapest[usize::from(!in_one_paragraph(e))];
            let gives_way = |to: &Edge| to.cost <= about && !is_closer(e, to);
            if named(e).is_some_and(|own| cheapest[own as usize + 1..].iter().flatten().any(gives_way)) {
                e.cost += ABOUT;
            }
        }
    }
}

/// The secret of each id. People write examples beside what is real, and words in capitals look like ids: what is none takes what real
/// ids leave, except what is clearly its own.
pub(super) fn real_first(ids: &[IdAt], secrets: &[SecretAt], edges: &[Edge]) -> Vec<Option<usize>> {
    const MUCH: u32 = 10;
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
            most[e.secret] = most[e.secret].min(e.cost + MUCH);
        }
    }
    let others: Vec<Edge> = others.into_iter().filter(|e| e.cost <= most[e.secret]).collect();
    let mut pairs = assign_stably(ids.len(), secrets.len(), &others);
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

/// Pair the one id and the one secret with a name that no other place tells of: walls between sections do not part what has no other,
/// unless they are of two owners, which `parted` says.
pub(super) fn left_over(
    text: &[u8],
    ids: &[IdAt],
    secrets: &[SecretAt],
    part: &Part,
    parted: &dyn Fn(usize, usize) -> bool,
    choices: &mut [Choice],
) {
    if choices.iter().all(|choice| choice.secret.is_some()) {
        return;
    }
    let of_id = |id: usize| &text[ids[id].candidate.span.clone()];
    let of_secret = |secret: usize| &text[secrets[secret].candidate.span.clone()];
    let pairs =
        choices.iter().enumerate().filter_map(|(id, choice)| Some((of_id(id), of_secret(choice.secret?))));
    let (known_ids, known_secrets): (HashSet<_>, HashSet<_>) = pairs.unzip();
    let is_left =
        |secret: &usize| secrets[*secret].label.is_named() && !known_secrets.contains(of_secret(*secret));
    let left_ids: Vec<usize> = (0..ids.len()).filter(|id| !known_ids.contains(of_id(*id))).collect();
    let left_secrets: Vec<usize> = (0..secrets.len()).filter(is_left).collect();
    let one = are_one(text, left_ids.iter().map(|id| &ids[*id].candidate))
        && are_one(text, left_secrets.iter().map(|secret| &secrets[*secret].candidate));
    if known_ids.is_empty() || !one {
        return;
    }
    let ids: Vec<IdAt> = left_ids.iter().map(|id| ids[*id].clone()).collect();
    let secrets: Vec<SecretAt> = left_secrets.iter().map(|secret| secrets[*secret].clone()).collect();
    for (id, choice) in left_ids.into_iter().zip(pair(text, &ids, &secrets, part)) {
        let secret = choice.secret.map(|secret| left_secrets[secret]);
        choices[id].secret = secret.filter(|secret| !parted(id, *secret));
    }
}

/// Whether values are one, wherever it stands.
pub(super) fn are_one<'a>(text: &[u8], values: impl Iterator<Item = &'a Candidate>) -> bool {
    let mut values = values.map(|value| &text[value.span.clone()]);
    values.next().is_some_and(|first| values.all(|value| value == first))
}

/// The secret of each id, at the least cost as long as no id loses its own to another that has none, and makes do with a poor one.
fn assign_stably(ids: usize, secrets: usize, edges: &[Edge]) -> Vec<Option<usize>> {
    const ROUNDS: usize = 4;
    let mut edges = without_rivals(ids, secrets, edges);
    let mut pairs = assign(ids, secrets, &edges);
    for _ in 0..ROUNDS {
        let taken = taken_from_others(secrets, &edges, &pairs);
        if taken.is_empty() {
            break;
        }
        edges.retain(|e| !taken.contains(&(e.id, e.secret)));
        pairs = assign(ids, secrets, &edges);
    }
    pairs
}

/// The pairs whose secret is clearly that of another id, which has a poor one for it.
fn taken_from_others(secrets: usize, edges: &[Edge], pairs: &[Option<usize>]) -> HashSet<(usize, usize)> {
    let mut of_ids = vec![UNPAIRED; pairs.len()];
    let mut of_secrets = vec![None; secrets];
    for e in edges.iter().filter(|e| pairs[e.id] == Some(e.secret)) {
        of_ids[e.id] = e.cost;
        of_secrets[e.secret] = Some(*e);
    }
    let is_poor = |e: &&Edge| e.cost <= LITTLE && of_ids[e.id] >= e.cost + POOR;
    let taker = |e: &Edge| of_secrets[e.secret].filter(|by| by.cost >= e.cost + CLEARLY);
    edges.iter().filter(is_poor).filter_map(taker).map(|by| (by.id, by.secret)).collect()
}

/// The pairs that are possible beside those that are clear: where an id and a secret cost little, less than either with any other, and
/// clearly so, or all other secrets would be poor ones for the id. No id without a secret elsewhere is a reason to part these.
fn without_rivals(ids: usize, secrets: usize, edges: &[Edge]) -> Vec<Edge> {
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
