//! Blocks of ids beside blocks of secrets: which stands at the place of which.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::label::is_assigned;
use super::names::{is_filler, is_generic, name, spelled, words};
use super::pair::Slot;
use super::structure::{Gap, indent, line_start};
use super::vocabulary::GENERIC;

/// How far before a value its key may begin, in bytes.
const KEY: usize = 80;
/// How far before a value the words may begin that tell whose it is.
const TOLD: usize = 120;

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
    /// `possible`, and no column has secrets that are `named` as such and others that are named as something else, or lines whose names
    /// are `at_odds`.
    pub(super) fn columns(
        &self,
        ids: usize,
        secrets: usize,
        possible: &dyn Fn(usize, usize) -> bool,
        named: &dyn Fn(usize) -> Option<bool>,
        at_odds: &dyn Fn(usize, usize) -> bool,
    ) -> Columns {
        let mut columns = Columns { partner: vec![None; ids], owner: vec![None; secrets] };
        let is_id = |s: &Slot| matches!(s, Slot::Id(_));
        let lengths: Vec<usize> =
            self.order.chunk_by(|a, b| is_id(a) == is_id(b)).map(<[Slot]>::len).collect();
        let mut start = 0;
        let mut blocks = Vec::new();
        for pair in lengths.windows(2) {
            let (a, b) = (start..start + pair[0], start + pair[0]..start + pair[0] + pair[1]);
            start = b.start;
            if a.len().max(b.len()) > 1 {
                blocks.push((a, b));
            }
        }
        for (a, b) in &blocks {
            let pairs = self
                .keyed(a, b)
                .or_else(|| self.listed(a, b))
                .or_else(|| self.told(a, b, Self::above))
                .or_else(|| self.told(a, b, Self::below));
            for (id, secret) in pairs.unwrap_or_default() {
                if possible(id, secret) {
                    columns.partner[id].get_or_insert(secret);
                    columns.owner[secret].get_or_insert(id);
                }
            }
        }
        for (a, b) in &blocks {
            let pairs = self.in_columns(a, b).unwrap_or_default();
            let free = |secret: usize| columns.owner[secret].is_none();
            // Neighbours in a list have one name before them all.
            let apart = self.gaps[a.start].lines > 1;
            let any = |is_secret: bool| pairs.iter().any(|pair| named(pair.1) == Some(is_secret));
            let mixed = apart && any(true) && any(false);
            let lines = self.gaps[a.start].lines > 0;
            let mixed = mixed || lines && pairs.iter().any(|&(id, secret)| at_odds(id, secret));
            if !mixed && pairs.iter().all(|&(id, secret)| possible(id, secret) && free(secret)) {
                for (id, secret) in pairs {
                    columns.partner[id].get_or_insert(secret);
                }
            }
        }
        columns
    }

    /// Ids and secrets by their places in the order.
    fn pairs(&self, ranks: impl IntoIterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
        let pair = |(x, y): (usize, usize)| match (self.order[x], self.order[y]) {
            (Slot::Id(id), Slot::Secret(secret)) | (Slot::Secret(secret), Slot::Id(id)) => Some((id, secret)),
            _ => None,
        };
        ranks.into_iter().filter_map(pair).collect()
    }

    /// The end of `a` and the start of `b`, as far as `joined` holds of what lies between neighbours in them.
    fn meeting(
        a: &Range<usize>,
        b: &Range<usize>,
        joined: impl Fn(usize) -> bool,
    ) -> (Range<usize>, Range<usize>) {
        let before = (a.start..a.end - 1).rev().take_while(|&rank| joined(rank)).count();
        let behind = (b.start..b.end - 1).take_while(|&rank| joined(rank)).count();
        (a.end - 1 - before..a.end, b.start..b.start + 1 + behind)
    }

    /// Whether the id and the secret that meet are nearer to one another than those of a block are: then they are a pair.
    fn are_near(&self, a: &Range<usize>, b: &Range<usize>) -> bool {
        let (within, meet) = (&self.gaps[a.start], &self.gaps[b.start - 1]);
        (within.blanks, within.lines) > (meet.blanks, meet.lines)
    }

    /// The ids and secrets of two blocks of one length that are evenly spaced; or of two lines where they meet.
    fn in_columns(&self, a: &Range<usize>, b: &Range<usize>) -> Option<Vec<(usize, usize)>> {
        let lines = |rank: usize| self.gaps[rank].lines;
        let blocks = |rank: usize| self.gaps[rank].closed > 0 || self.gaps[rank].opened > 0;
        let even = |block: &Range<usize>| {
            let lines = |g: &Gap| (g.lines, g.header);
            self.gaps[block.start..block.end - 1].windows(2).all(|w| lines(&w[0]) == lines(&w[1]))
        };
        if a.len() == b.len()
            && even(a)
            && even(b)
            && lines(a.start) == lines(b.start)
            && !self.are_near(a, b)
            && (blocks(b.start - 1) || !(blocks(a.start) || blocks(b.start)))
        {
            return Some(self.pairs(a.clone().zip(b.clone())));
        }
        let (a, b) = Self::meeting(a, b, |rank| lines(rank) == 0);
        (a.len() > 1 && a.len() == b.len() && lines(b.start - 1) > 0).then(|| self.pairs(a.zip(b)))
    }

    /// The ids and secrets of two lists of a program, in brackets and with nothing else in them.
    fn listed(&self, a: &Range<usize>, b: &Range<usize>) -> Option<Vec<(usize, usize)>> {
        let quote = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`');
        let between = |rank: usize| {
            let gap = self.spans[rank].end..self.spans[rank + 1].start; // backwards where an id stands in a secret
            self.text.get(gap).unwrap_or_default()
        };
        let opened = |before: &[u8]| before.iter().rev().find(|b| !quote(b)) == Some(&b'[');
        let closed = |behind: &[u8]| behind.iter().find(|b| !quote(b) && **b != b',') == Some(&b']');
        let meet = between(b.start - 1);
        if !(closed(meet) && opened(meet)) {
            return None;
        }
        let (a, b) = Self::meeting(a, b, |rank| between(rank).iter().all(|b| quote(b) || *b == b','));
        let (before, behind) = (self.spans[a.start].start, self.spans[b.end - 1].end);
        let whole = opened(&self.text[before.saturating_sub(KEY)..before])
            && closed(&self.text[behind..self.text.len().min(behind + KEY)]);
        (whole && a.len().max(b.len()) > 1).then(|| self.pairs(a.zip(b)))
    }

    /// The ids and secrets of two maps that have the same key, if each has one and no other of its map the same.
    fn keyed(&self, a: &Range<usize>, b: &Range<usize>) -> Option<Vec<(usize, usize)>> {
        let (a, b) = Self::meeting(a, b, |rank| {
            let gap = self.gaps[rank];
            let deepest =
                || self.spans[rank..rank + 2].iter().map(|s| indent(self.text, s.start)).max().unwrap_or(0);
            let flat = gap.opened == 0 && gap.closed == 0 || gap.lines == 1 && self.is_item(rank + 1);
            flat && !gap.header && gap.min_indent.is_none_or(|m| m >= deepest())
        });
        let keys = |block: &Range<usize>| {
            let mut keys = HashMap::new();
            for rank in block.clone() {
                if keys.insert(self.key(rank)?, rank).is_some() {
                    return None;
                }
            }
            Some(keys)
        };
        if a.len().max(b.len()) < 2 {
            return None;
        }
        let (of_a, of_b) = (keys(&a)?, keys(&b)?);
        // `cache id` is no owner of the id that is called `key id`.
        let owns = |(key, _): &(&String, &usize)| !is_generic(key) && !is_filler(key);
        let mut ranks: Vec<(usize, usize)> =
            of_a.iter().filter(owns).filter_map(|(key, &x)| of_b.get(key).map(|&y| (x, y))).collect();
        ranks.sort_unstable();
        let most = ranks.len() * 2 >= a.len().min(b.len());
        (!ranks.is_empty() && most).then(|| self.pairs(ranks))
    }

    /// The ids and secrets beside which the same words stand: of each block one value alone has the word, and all have such a word.
    fn told(
        &self,
        a: &Range<usize>,
        b: &Range<usize>,
        beside: fn(&Self, usize, usize) -> &[u8],
    ) -> Option<Vec<(usize, usize)>> {
        let (a, b) = Self::meeting(a, b, |rank| {
            let gap = self.gaps[rank];
            gap.closed == gap.opened && gap.closed < 2 && gap.lines < 4 && !gap.header
        });
        if a.len() < 2 || a.len() != b.len() || self.are_near(&a, &b) {
            return None;
        }
        let telling = |block: &Range<usize>| {
            let mut telling: BTreeMap<String, Option<usize>> = BTreeMap::new();
            // What stands beside the first value may be a heading of all.
            let lines = (self.gaps[block.start].lines as usize).max(1);
            for rank in block.clone() {
                for word in words(beside(self, rank, lines)) {
                    let tells = names_one(&word.text);
                    let of = telling.entry(word.text).or_insert(Some(rank).filter(|_| tells));
                    *of = of.filter(|one| *one == rank);
                }
            }
            telling
        };
        let (of_a, of_b) = (telling(&a), telling(&b));
        let mut ranks = vec![None; a.len()];
        for (word, x) in of_a {
            if let (Some(x), Some(Some(y))) = (x, of_b.get(&word))
                && *ranks[x - a.start].get_or_insert(*y) != *y
            {
                return None;
            }
        }
        let ranks: Vec<usize> = ranks.into_iter().collect::<Option<_>>()?;
        let all = ranks.iter().collect::<HashSet<_>>().len() == ranks.len();
        all.then(|| self.pairs(a.zip(ranks)))
    }

    /// The text before a value, back to another.
    fn before(&self, rank: usize) -> &[u8] {
        let start = self.spans[rank].start;
        let floor = rank.checked_sub(1).map_or(0, |before| self.spans[before].end);
        &self.text[floor.max(start.saturating_sub(TOLD)).min(start)..start]
    }

    /// That text, at most so many lines of it.
    fn above(&self, rank: usize, lines: usize) -> &[u8] {
        let before = self.before(rank);
        let end = memchr::memrchr_iter(b'\n', before).nth(lines - 1);
        &before[end.map_or(0, |end| end + 1)..]
    }

    /// The text behind a value up to another, at most so many lines.
    fn below(&self, rank: usize, lines: usize) -> &[u8] {
        let end = self.spans[rank].end;
        let next = self.spans.get(rank + 1).map_or(self.text.len(), |next| next.start);
        let behind = &self.text[end..next.min(end + TOLD).max(end)];
        &behind[..memchr::memchr_iter(b'\n', behind).nth(lines - 1).unwrap_or(behind.len())]
    }

    /// Whether a value stands in a line that is an item of a list, and in no braces.
    fn is_item(&self, rank: usize) -> bool {
        let start = self.spans[rank].start;
        let line = &self.text[line_start(self.text, start)..start];
        line.trim_ascii_start().starts_with(b"- ") && !line.iter().any(|b| matches!(b, b'{' | b'}'))
    }

    /// The letters and digits of the name that a value is assigned to, or that stands before it on its line.
    fn key(&self, rank: usize) -> Option<String> {
        let before = self.before(rank);
        let before = &before[before.len().saturating_sub(KEY)..];
        let words = words(before);
        let last = words.last()?;
        let sign = &before[last.end..];
        let beside = || sign.len() <= 12 && !sign.contains(&b'\n');
        let key = spelled(&words[name(before, &words, words.len() - 1)]);
        let lettered = || key.bytes().any(|b| b.is_ascii_alphabetic());
        (is_assigned(before, last) || beside() && lettered()).then_some(key)
    }
}

/// Whether a word may be the name of an owner: no number, and none of the words that name keys.
pub(super) fn names_one(word: &str) -> bool {
    let of_keys = GENERIC.contains(&word) || word.contains("secret") || word.contains("access");
    word.bytes().any(|b| b.is_ascii_alphabetic()) && !of_keys
}
