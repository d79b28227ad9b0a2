//! Blocks of ids beside blocks of secrets: which stands at the place of which.

use std::collections::HashMap;
use std::ops::Range;

use super::label::is_assigned;
use super::names::{name, spelled, words};
use super::pair::Slot;
use super::structure::Gap;

/// How far before a value its key may begin, in bytes.
const KEY: usize = 80;

/// Ids and secrets in one order.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) order: &'a [Slot],
    /// Where each value of `order` stands.
    pub(super) spans: &'a [Range<usize>],
    /// What lies between each value of `order` and the next.
    pub(super) gaps: &'a [Gap],
}

/// What stands at the place of what, where ids and secrets stand in blocks of their kind next to one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// For each id the secret at its place.
    pub(super) partner: Vec<Option<usize>>,
    /// For each secret the id whose it is by its key or by its index, and no other's.
    pub(super) owner: Vec<Option<usize>>,
}

impl Line<'_> {
    /// The secrets under the same keys as ids, with the same indices, or in the same rows of two columns. Each pair of them is
    /// `possible`.
    pub(super) fn columns(
        &self,
        ids: usize,
        secrets: usize,
        possible: &dyn Fn(usize, usize) -> bool,
    ) -> Columns {
        let mut columns = Columns { partner: vec![None; ids], owner: vec![None; secrets] };
        let is_id = |s: &Slot| matches!(s, Slot::Id(_));
        let blocks: Vec<usize> =
            self.order.chunk_by(|a, b| is_id(a) == is_id(b)).map(<[Slot]>::len).collect();
        let mut start = 0;
        for pair in blocks.windows(2) {
            let (a, b) = (start..start + pair[0], start + pair[0]..start + pair[0] + pair[1]);
            start = b.start;
            if a.len().max(b.len()) < 2 {
                continue;
            }
            let in_order = || a.clone().zip(b.clone()).collect::<Vec<_>>();
            let listed = || (a.len() != b.len() && self.listed(&a, &b)).then(in_order);
            let (ranks, owned) = match self.keyed(&a, &b).or_else(listed) {
                Some(ranks) => (ranks, true),
                None if a.len() == b.len() && self.even(&a, &b) => (in_order(), false),
                None => continue,
            };
            let pairs: Vec<(usize, usize)> = ranks
                .into_iter()
                .filter_map(|(x, y)| match (self.order[x], self.order[y]) {
                    (Slot::Id(id), Slot::Secret(secret)) | (Slot::Secret(secret), Slot::Id(id)) => {
                        Some((id, secret))
                    }
                    _ => None,
                })
                .collect();
            if pairs.iter().all(|&(id, secret)| possible(id, secret)) {
                for (id, secret) in pairs {
                    columns.partner[id].get_or_insert(secret);
                    if owned {
                        columns.owner[secret].get_or_insert(id);
                    }
                }
            }
        }
        columns
    }

    /// Whether two blocks of one length are evenly spaced.
    fn even(&self, a: &Range<usize>, b: &Range<usize>) -> bool {
        let even = |block: &Range<usize>| {
            let lines = |g: &Gap| (g.lines, g.header);
            self.gaps[block.start..block.end - 1].windows(2).all(|w| lines(&w[0]) == lines(&w[1]))
        };
        let lines = |rank: usize| self.gaps[rank].lines;
        even(a)
            && even(b)
            && lines(a.start) == lines(b.start)
            // Else the id and the secret that meet are a pair.
            && lines(a.start) <= lines(b.start - 1)
    }

    /// Whether two blocks are the lists of a program, each in brackets and with nothing else in it.
    fn listed(&self, a: &Range<usize>, b: &Range<usize>) -> bool {
        let quote = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`');
        let between = |rank: usize| &self.text[self.spans[rank].end..self.spans[rank + 1].start];
        let items = |block: &Range<usize>| {
            let gap = |rank| between(rank).iter().all(|b| quote(b) || *b == b',');
            (block.start..block.end - 1).all(gap)
        };
        let opened = |before: &[u8]| before.iter().rev().find(|b| !quote(b)) == Some(&b'[');
        let closed = |behind: &[u8]| behind.iter().find(|b| !quote(b) && **b != b',') == Some(&b']');
        let (before, behind) = (self.spans[a.start].start, self.spans[b.end - 1].end);
        let meet = between(b.start - 1);
        opened(&self.text[before.saturating_sub(KEY)..before])
            && closed(meet)
            && opened(meet)
            && closed(&self.text[behind..self.text.len().min(behind + KEY)])
            && items(a)
            && items(b)
    }

    /// The values of two blocks that have the same key, if each has one and no other of its block the same.
    fn keyed(&self, a: &Range<usize>, b: &Range<usize>) -> Option<Vec<(usize, usize)>> {
        let keys = |block: &Range<usize>| {
            let mut keys = HashMap::new();
            for rank in block.clone() {
                if keys.insert(self.key(rank)?, rank).is_some() {
                    return None;
                }
            }
            Some(keys)
        };
        let (of_a, of_b) = (keys(a)?, keys(b)?);
        let mut pairs: Vec<(usize, usize)> =
            of_a.iter().filter_map(|(key, &x)| of_b.get(key).map(|&y| (x, y))).collect();
        pairs.sort_unstable();
        let most = pairs.len() * 2 >= a.len().min(b.len());
        (!pairs.is_empty() && most).then_some(pairs)
    }

    /// The letters and digits of the name that a value is assigned to.
    fn key(&self, rank: usize) -> Option<String> {
        let start = self.spans[rank].start;
        let floor = rank.checked_sub(1).map_or(0, |before| self.spans[before].end);
        let before = &self.text[floor.max(start.saturating_sub(KEY))..start];
        let words = words(before);
        let named = is_assigned(before, words.last()?);
        named.then(|| spelled(&words[name(before, &words, words.len() - 1)]))
    }
}
