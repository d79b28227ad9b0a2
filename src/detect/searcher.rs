//! Finding all literals of a set in one pass.
//!
//! Where the processor can, 64 places of a text are looked at together: each byte's low six bits are looked up in a table, which has
//! for them one bit for each of eight buckets of literals; where the five bytes from a place on have a bit in common, the place is
//! compared with the literals of that bucket. Elsewhere `aho_corasick::packed` (Teddy) does nearly the same with half bytes, at half
//! the speed, and at a third for texts of a few hundred bytes.

use aho_corasick::{Span, packed};

use super::buckets::{self, BUCKETS};
use crate::proven::lanes::{DEPTH, LANES, Lanes, Tables};

/// Texts of fewer bytes than this are short for Teddy.
const SHORT: usize = 48;

/// Literals that Teddy takes.
const MAX_PACKED: usize = 64;

/// Finds all literals of a set.
#[derive(Debug)]
pub(super) enum Searcher {
    /// With the instructions of some processors.
    Wide(Box<Wide>),
    /// With Teddy.
    Packed(Packed),
}

impl Searcher {
    /// A searcher for literals of one byte at least, of which none begins with another.
    pub(super) fn new(literals: &[&[u8]]) -> Self {
        match Wide::new(literals) {
            Some(wide) => Self::Wide(Box::new(wide)),
            None => Self::Packed(Packed::new(literals)),
        }
    }

    /// Call `found` with the place and the index of every literal in `text`, until it says stop.
    pub(super) fn each(&self, text: &[u8], found: impl FnMut(usize, usize) -> bool) {
        match self {
            Self::Wide(searcher) => searcher.each(text, found),
            Self::Packed(searcher) => searcher.each(text, found),
        }
    }

    /// Whether literals are found in the order of their places.
    pub(super) fn is_in_order(&self) -> bool {
        match self {
            Self::Wide(_) => true,
            Self::Packed(packed) => packed.searchers.len() <= 1,
        }
    }
}

/// The one that looks at many places together.
#[derive(Debug)]
pub(super) struct Wide {
    lanes: Lanes,
    buckets: [Vec<Literal>; BUCKETS],
}

#[derive(Debug)]
struct Literal {
    bytes: Box<[u8]>,
    /// Its first eight bytes, as far as it has them, and which of the eight these are.
    head: u64,
    mask: u64,
    index: usize,
}

impl Literal {
    fn new(bytes: &[u8], index: usize) -> Self {
        let mut head = [0; 8];
        let len = bytes.len().min(8);
        head[..len].copy_from_slice(&bytes[..len]);
        let mask = u64::MAX >> (64 - 8 * len);
        Self { bytes: bytes.into(), head: u64::from_le_bytes(head), mask, index }
    }
}

impl Wide {
    fn new(literals: &[&[u8]]) -> Option<Self> {
        let mut buckets: [Vec<Literal>; BUCKETS] = Default::default();
        let lanes = Lanes::new(|| Self::fill(literals, &mut buckets))?;
        Some(Self { lanes, buckets })
    }

    /// Deal the literals, and make the tables that tell the buckets.
    fn fill(literals: &[&[u8]], buckets: &mut [Vec<Literal>; BUCKETS]) -> Tables {
        let mut tables = [[0; LANES]; DEPTH];
        for (bucket, members) in buckets::deal(literals).iter().enumerate() {
            for &index in members {
                let bytes = literals[index];
                for (place, table) in tables.iter_mut().enumerate() {
                    match bytes.get(place) {
                        Some(byte) => table[usize::from(byte & 63)] |= 1 << bucket,
                        None => table.iter_mut().for_each(|set| *set |= 1 << bucket),
                    }
                }
                buckets[bucket].push(Literal::new(bytes, index));
            }
        }
        tables
    }

    fn each(&self, text: &[u8], mut found: impl FnMut(usize, usize) -> bool) {
        let mut at = 0;
        while let Some(mut block) = self.lanes.next(text, at) {
            at = block.start + LANES;
            while block.some != 0 {
                let lane = block.some.trailing_zeros() as usize;
                block.some &= block.some - 1;
                let rest = &text[block.start + lane..];
                let mut set = block.sets[lane];
                let head = head(rest);
                while set != 0 {
                    let bucket = set.trailing_zeros() as usize;
                    set &= set - 1;
                    for literal in &self.buckets[bucket] {
                        if head & literal.mask == literal.head
                            && rest.starts_with(&literal.bytes)
                            && !found(block.start + lane, literal.index)
                        {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// The first eight bytes of a text, with NUL for those that it does not have.
fn head(text: &[u8]) -> u64 {
    if let Some(head) = text.first_chunk() {
        return u64::from_le_bytes(*head);
    }
    let mut head = [0; 8];
    head[..text.len()].copy_from_slice(text);
    u64::from_le_bytes(head)
}

/// The one that uses Teddy.
#[derive(Debug)]
pub(super) struct Packed {
    searchers: Vec<(packed::Searcher, Vec<usize>)>,
    /// Lengths of the literals.
    lengths: Vec<usize>,
}

impl Packed {
    fn new(literals: &[&[u8]]) -> Self {
        let all: Vec<usize> = (0..literals.len()).collect();
        let searchers = all.chunks(MAX_PACKED).map(|chunk| {
            let order = buckets::order(chunk.iter().map(|i| literals[*i]));
            let order: Vec<usize> = order.into_iter().map(|i| chunk[i]).collect();
            // The wide form takes more literals, but is slower on every text.
            let packed = packed::Config::new()
                .only_teddy_fat(Some(false))
                .builder()
                .extend(order.iter().map(|i| literals[*i]))
                .build()
                .expect("Teddy takes up to 64 literals that are not empty");
            (packed, order)
        });
        Self { searchers: searchers.collect(), lengths: literals.iter().map(|l| l.len()).collect() }
    }

    fn each(&self, text: &[u8], mut found: impl FnMut(usize, usize) -> bool) {
        // Of short texts Teddy makes no use of SIMD: they are made longer.
        if text.len() < SHORT {
            let mut padded = [0; SHORT];
            padded[..text.len()].copy_from_slice(text);
            return self.each_in_long(&padded, |pos, index| {
                pos + self.lengths[index] > text.len() || found(pos, index)
            });
        }
        self.each_in_long(text, found);
    }

    /// Matches of Teddy do not overlap, so each search starts one byte behind the start of the last match, or `AKIAKIA…` is missed.
    fn each_in_long(&self, text: &[u8], mut found: impl FnMut(usize, usize) -> bool) {
        for (searcher, order) in &self.searchers {
            let mut at = 0;
            while let Some(m) = searcher.find_in(text, Span { start: at, end: text.len() }) {
                at = m.start() + 1;
                if !found(m.start(), order[m.pattern().as_usize()]) {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(each: impl FnOnce(&mut dyn FnMut(usize, usize) -> bool)) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        each(&mut |pos, index| {
            found.push((pos, index));
            true
        });
        found.sort_unstable();
        found
    }

    proptest! {
        /// Both find what a look at every place finds.
        #[test]
        fn all_literals_are_found(
            literals in prop::collection::btree_set("[ab!AB\\x00]{3,9}", 1..90),
            pieces in prop::collection::vec(
                prop_oneof!["[ab!AB\\x00]{0,9}", "[a-z]{0,70}", any::<prop::sample::Index>().prop_map(|i| format!("#{}", i.index(1 << 20)))],
                0..60,
            ),
        ) {
            let mut kept: Vec<&[u8]> = Vec::new();
            for literal in literals.iter().map(String::as_bytes) {
                if !kept.iter().any(|k| literal.starts_with(k)) {
                    kept.push(literal);
                }
            }
            let piece = |piece: &String| match piece.strip_prefix('#') {
                Some(number) => kept[number.parse::<usize>().unwrap() % kept.len()].to_vec(),
                None => piece.as_bytes().to_vec(),
            };
            let text = pieces.iter().map(piece).collect::<Vec<_>>().concat();
            let is_there = |(pos, index): &(usize, usize)| text[*pos..].starts_with(kept[*index]);
            let places = (0..text.len()).flat_map(|pos| (0..kept.len()).map(move |index| (pos, index)));
            let wanted: Vec<(usize, usize)> = places.filter(is_there).collect();
            let packed = Packed::new(&kept);
            prop_assert_eq!(&all(|found| packed.each(&text, found)), &wanted);
            if let Some(wide) = Wide::new(&kept) {
                prop_assert_eq!(&all(|found| wide.each(&text, found)), &wanted);
            }
        }
    }
}
