//! The entries of a pack in the order of their offsets, and the trees that their deltas form.
//!
//! About 40 bytes an entry. Everything here comes from headers; nothing is inflated.

use std::ops::Range;

use gix::objs::Kind as ObjectKind;

use super::pack::{Pack, Stored};

/// Marks an entry without a base in this pack.
pub(super) const NONE: u32 = u32::MAX;

/// Headers are parsed by several threads from this many entries on.
const PARALLEL_FROM: usize = 20_000;

/// Headers that are fetched together.
const AT_ONCE: usize = 32;

/// The tables. Entries are numbered by offset.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// One for each entry, and one for the end of the last one.
    rows: Vec<Row>,
    /// The delta base of each entry, or [`NONE`].
    bases: Vec<u32>,
    /// Children of all entries, the heaviest of each last.
    child_list: Vec<u32>,
    /// Bytes to inflate in an entry and all below it.
    weights: Vec<u64>,
}

/// What a visit needs to know of an entry. Children are visited all over the pack, and each look at another table would
/// be another wait for memory.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Its offset in the lower 48 bits, the length of its header in the next 8, and its role.
    place: u64,
    /// What it inflates to, as declared.
    size: u64,
    /// Its position in the index.
    position: u32,
    /// Where its children begin in `child_list`; they end where those of the next entry begin.
    children: u32,
}

const OFFSET_BITS: u32 = 48;
/// Offsets from here on are outside of any pack.
const OUTSIDE: u64 = (1 << OFFSET_BITS) - 1;

impl Row {
    fn new(offset: u64, position: u32, parsed: &Parsed) -> Self {
        let header = u64::from(parsed.header_len) << OFFSET_BITS;
        let place = offset.min(OUTSIDE) | header | parsed.role.code() << (OFFSET_BITS + 8);
        Self { place, size: parsed.size, position, children: 0 }
    }

    fn offset(self) -> u64 {
        self.place & OUTSIDE
    }

    /// Where the zlib stream begins.
    fn data(self) -> u64 {
        self.offset() + (self.place >> OFFSET_BITS & 0xff)
    }

    fn role(self) -> Role {
        Role::of(self.place >> (OFFSET_BITS + 8))
    }

    fn set_role(&mut self, role: Role) {
        let mask = (1 << (OFFSET_BITS + 8)) - 1;
        self.place = self.place & mask | role.code() << (OFFSET_BITS + 8);
    }
}

/// How an entry is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Whole.
    Whole(ObjectKind),
    /// A delta to another entry of this pack.
    Child,
    /// A delta to an object that is not in this pack, by id.
    Stray,
    /// Its header cannot be read, or its base is nowhere.
    Broken,
    /// A delta in a circle of deltas, or below one. Such entries have no children here.
    Circle,
}

impl Role {
    fn code(self) -> u64 {
        match self {
            Self::Whole(ObjectKind::Commit) => 0,
            Self::Whole(ObjectKind::Tree) => 1,
            Self::Whole(ObjectKind::Blob) => 2,
            Self::Whole(ObjectKind::Tag) => 3,
            Self::Child => 4,
            Self::Stray => 5,
            Self::Broken => 6,
            Self::Circle => 7,
        }
    }

    fn of(code: u64) -> Self {
        match code {
            0 => Self::Whole(ObjectKind::Commit),
            1 => Self::Whole(ObjectKind::Tree),
            2 => Self::Whole(ObjectKind::Blob),
            3 => Self::Whole(ObjectKind::Tag),
            4 => Self::Child,
            5 => Self::Stray,
            6 => Self::Broken,
            _ => Self::Circle,
        }
    }
}

/// What one header says.
#[derive(Debug, Clone, Copy)]
struct Parsed {
    size: u64,
    base: u32,
    header_len: u8,
    role: Role,
}

impl Forest {
    pub(super) fn new(pack: &Pack, threads: usize) -> Self {
        let n = pack.index().len;
        let (offsets, positions) = sorted(pack);
        let finder = Finder::new(&offsets, pack.end());
        let mut parsed;
        if n < PARALLEL_FROM || threads < 2 {
            parsed = parse_all(pack, &finder, 0..n);
        } else {
            let chunk = n.div_ceil(threads * 4);
            let next = std::sync::atomic::AtomicUsize::new(0);
            let finder = &finder;
            let mut parts: Vec<(usize, Vec<Parsed>)> = std::thread::scope(|scope| {
                let work = || {
                    let mut mine = Vec::new();
                    loop {
                        let from = next.fetch_add(chunk, std::sync::atomic::Ordering::Relaxed);
                        if from >= n {
                            return mine;
                        }
                        let to = n.min(from + chunk);
                        mine.push((from, parse_all(pack, finder, from..to)));
                    }
                };
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                workers.into_iter().flat_map(|w| w.join().expect("parsing a header cannot panic")).collect()
            });
            parts.sort_unstable_by_key(|part| part.0);
            parsed = Vec::with_capacity(n);
            parsed.extend(parts.into_iter().flat_map(|part| part.1));
        }
        let rows = offsets.iter().zip(&positions).zip(&parsed);
        let mut forest = Self {
            rows: rows.map(|((offset, position), parsed)| Row::new(*offset, *position, parsed)).collect(),
            bases: parsed.iter().map(|p| p.base).collect(),
            ..Self::default()
        };
        let end = Parsed { size: 0, base: NONE, header_len: 0, role: Role::Broken };
        forest.rows.push(Row::new(pack.end(), 0, &end));
        forest.link(&parsed);
        forest
    }

    /// Make the child lists and the weights.
    fn link(&mut self, parsed: &[Parsed]) {
        let n = parsed.len();
        let mut start = vec![0u32; n + 1];
        for p in parsed.iter().filter(|p| p.base != NONE) {
            start[p.base as usize + 1] += 1;
        }
        for i in 0..n {
            start[i + 1] += start[i];
        }
        let mut fill = start.clone();
        let mut list = vec![0u32; start[n] as usize];
        for (i, p) in parsed.iter().enumerate().filter(|(_, p)| p.base != NONE) {
            let slot = &mut fill[p.base as usize];
            list[*slot as usize] = i as u32;
            *slot += 1;
        }
        drop(fill);
        for (row, start) in self.rows.iter_mut().zip(&start) {
            row.children = *start;
        }
        drop(start);
        self.child_list = list;

        // Bases stand before their children unless deltas name them by id: then an order is made first.
        let forward = parsed.iter().enumerate().all(|(i, p)| p.base == NONE || (p.base as usize) < i);
        let order: Option<Vec<u32>> = (!forward).then(|| self.breadth_first(parsed));
        let mut weights: Vec<u64> = parsed.iter().map(|p| p.size.saturating_add(64)).collect();
        let add = &mut |i: usize| {
            let base = parsed[i].base;
            if base != NONE {
                weights[base as usize] = weights[base as usize].saturating_add(weights[i]);
            }
        };
        match &order {
            None => (0..n).rev().for_each(add),
            Some(order) => order.iter().rev().for_each(|&i| add(i as usize)),
        }
        for i in 0..n {
            let children = self.rows[i].children as usize..self.rows[i + 1].children as usize;
            let children = &mut self.child_list[children];
            if let Some(heaviest) = (0..children.len()).max_by_key(|&k| weights[children[k] as usize]) {
                let last = children.len() - 1;
                children.swap(heaviest, last);
            }
        }
        self.weights = weights;
    }

    /// All entries, bases before children. Leaves out those in or below a circle.
    fn breadth_first(&mut self, parsed: &[Parsed]) -> Vec<u32> {
        let mut order: Vec<u32> =
            (0..parsed.len() as u32).filter(|&i| parsed[i as usize].base == NONE).collect();
        let mut at = 0;
        while let Some(&entry) = order.get(at) {
            at += 1;
            order.extend_from_slice(self.children(entry));
        }
        if order.len() < parsed.len() {
            let mut reached = vec![false; parsed.len()];
            for &i in &order {
                reached[i as usize] = true;
            }
            for i in (0..parsed.len()).filter(|&i| !reached[i]) {
                self.rows[i].set_role(Role::Circle);
            }
        }
        order
    }

    pub(super) fn len(&self) -> usize {
        self.bases.len()
    }

    pub(super) fn position(&self, entry: u32) -> usize {
        self.rows[entry as usize].position as usize
    }

    pub(super) fn offset(&self, entry: u32) -> u64 {
        self.rows[entry as usize].offset()
    }

    /// Everything from the zlib stream of an entry on.
    pub(super) fn data<'p>(&self, pack: &'p Pack, entry: u32) -> &'p [u8] {
        pack.bytes_at(self.rows[entry as usize].data())
    }

    /// The zlib stream of an entry, up to the next entry.
    pub(super) fn stream<'p>(&self, pack: &'p Pack, entry: u32) -> &'p [u8] {
        let (start, end) = (self.rows[entry as usize].data(), self.rows[entry as usize + 1].offset());
        let data = self.data(pack, entry);
        &data[..data.len().min(end.saturating_sub(start) as usize)]
    }

    pub(super) fn size(&self, entry: u32) -> u64 {
        self.rows[entry as usize].size
    }

    pub(super) fn role(&self, entry: u32) -> Role {
        self.rows[entry as usize].role()
    }

    /// The entry that an entry is a delta to, or [`NONE`].
    pub(super) fn base(&self, entry: u32) -> u32 {
        self.bases[entry as usize]
    }

    /// Bytes to inflate in an entry and all below it.
    pub(super) fn weight(&self, entry: u32) -> u64 {
        self.weights[entry as usize]
    }

    pub(super) fn children(&self, entry: u32) -> &[u32] {
        let (row, next) = (self.rows[entry as usize], self.rows[entry as usize + 1]);
        if row.role() == Role::Circle {
            return &[];
        }
        &self.child_list[row.children as usize..next.children as usize]
    }
}

/// Offsets in ascending order, each with its position in the index.
fn sorted(pack: &Pack) -> (Vec<u64>, Vec<u32>) {
    let index = pack.index();
    let n = index.len;
    let shift = usize::BITS - n.leading_zeros();
    // One word for both sorts twice as fast as a pair; it does unless the pack is of 2^(64 - shift) bytes.
    if pack.len().leading_zeros() > shift {
        let outside = pack.len();
        let mut keys: Vec<u64> = (0..n).map(|p| index.offset(p).min(outside) << shift | p as u64).collect();
        keys.sort_unstable();
        let mask = (1u64 << shift) - 1;
        return (keys.iter().map(|k| k >> shift).collect(), keys.iter().map(|k| (k & mask) as u32).collect());
    }
    let mut keys: Vec<(u64, u32)> = (0..n).map(|p| (index.offset(p), p as u32)).collect();
    keys.sort_unstable();
    keys.into_iter().unzip()
}

/// Finds entries by offset.
struct Finder<'a> {
    offsets: &'a [u64],
    /// First entry at or behind `i << SHIFT`.
    buckets: Vec<u32>,
}

impl<'a> Finder<'a> {
    const SHIFT: u32 = 8;

    /// `end` is that of the last entry.
    fn new(offsets: &'a [u64], end: u64) -> Self {
        let mut buckets = Vec::with_capacity((end >> Self::SHIFT) as usize + 2);
        for (i, &offset) in offsets.iter().enumerate() {
            if offset > end {
                break;
            }
            while buckets.len() as u64 <= offset >> Self::SHIFT {
                buckets.push(i as u32);
            }
        }
        Self { offsets, buckets }
    }

    fn find(&self, offset: u64) -> Option<u32> {
        let bucket = (offset >> Self::SHIFT) as usize;
        let from = *self.buckets.get(bucket)? as usize;
        let to = self.buckets.get(bucket + 1).map_or(self.offsets.len(), |&b| b as usize);
        let i = from + self.offsets[from..to].partition_point(|&o| o < offset);
        (self.offsets.get(i) == Some(&offset)).then_some(i as u32)
    }
}

/// The headers of these entries.
fn parse_all(pack: &Pack, finder: &Finder<'_>, entries: Range<usize>) -> Vec<Parsed> {
    let mut parsed = Vec::with_capacity(entries.len());
    for from in entries.clone().step_by(AT_ONCE) {
        let block = from..entries.end.min(from + AT_ONCE);
        // Each header is a wait for memory, and what to do next depends on what it says: so they are fetched together before.
        std::hint::black_box(finder.offsets[block.clone()].iter().fold(0, |all, o| all ^ pack.byte_at(*o)));
        parsed.extend(block.map(|i| parse(pack, finder, i)));
    }
    parsed
}

fn parse(pack: &Pack, finder: &Finder<'_>, entry: usize) -> Parsed {
    let mut parsed = Parsed { size: 0, base: NONE, header_len: 0, role: Role::Broken };
    let Ok(header) = pack.header(finder.offsets[entry]) else { return parsed };
    parsed.size = header.size;
    parsed.header_len = header.len as u8;
    match header.stored {
        Stored::Whole(kind) => parsed.role = Role::Whole(kind),
        Stored::OffsetDelta(offset) => {
            if let Some(base) = finder.find(offset) {
                parsed.role = Role::Child;
                parsed.base = base;
            }
        }
        Stored::IdDelta(id) => {
            let base = pack.index().find(id).and_then(|p| finder.find(pack.index().offset(p)));
            match base {
                Some(base) if base as usize != entry => {
                    parsed.role = Role::Child;
                    parsed.base = base;
                }
                _ => parsed.role = Role::Stray,
            }
        }
    }
    parsed
}
