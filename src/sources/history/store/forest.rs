//! The entries of a pack in the order of their offsets, and the trees that their deltas form.
//!
//! About 45 bytes an entry. Everything here comes from headers; nothing is inflated.

use gix::objs::Kind as ObjectKind;

use super::pack::{Pack, Stored};

/// Marks an entry without a base in this pack.
pub(super) const NONE: u32 = u32::MAX;

/// Headers are parsed by several threads from this many entries on.
const PARALLEL_FROM: usize = 20_000;

/// The tables. Entries are numbered by offset.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// Offset of each entry, ascending, and the end of the last one.
    offsets: Vec<u64>,
    /// Position of each entry in the index.
    positions: Vec<u32>,
    /// What each entry inflates to, as declared.
    sizes: Vec<u64>,
    /// Length of each entry's header.
    header_lens: Vec<u8>,
    roles: Vec<Role>,
    /// The delta base of each entry, or [`NONE`].
    bases: Vec<u32>,
    /// Children of entry `i`: `child_list[child_start[i]..child_start[i + 1]]`, the heaviest last.
    child_start: Vec<u32>,
    child_list: Vec<u32>,
    /// Bytes to inflate in an entry and all below it.
    weights: Vec<u64>,
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
        let (mut offsets, positions) = sorted(pack);
        offsets.push(pack.end());
        let finder = Finder::new(&offsets, n);
        let mut parsed = Vec::new();
        if n < PARALLEL_FROM || threads < 2 {
            parsed.extend((0..n).map(|i| parse(pack, &finder, i)));
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
                        mine.push((from, (from..to).map(|i| parse(pack, finder, i)).collect::<Vec<_>>()));
                    }
                };
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                workers.into_iter().flat_map(|w| w.join().expect("parsing a header cannot panic")).collect()
            });
            parts.sort_unstable_by_key(|part| part.0);
            parsed.reserve_exact(n);
            parsed.extend(parts.into_iter().flat_map(|part| part.1));
        }
        let mut forest = Self {
            positions,
            sizes: parsed.iter().map(|p| p.size).collect(),
            header_lens: parsed.iter().map(|p| p.header_len).collect(),
            roles: parsed.iter().map(|p| p.role).collect(),
            bases: parsed.iter().map(|p| p.base).collect(),
            ..Self::default()
        };
        forest.link(&parsed);
        drop(finder);
        forest.offsets = offsets;
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
        (self.child_start, self.child_list) = (start, list);

        // Bases stand before their children unless deltas name them by id: then an order is made first.
        let forward = parsed.iter().enumerate().all(|(i, p)| p.base == NONE || (p.base as usize) < i);
        let order: Option<Vec<u32>> = (!forward).then(|| self.breadth_first(parsed));
        let mut weights: Vec<u64> = self.sizes.iter().map(|s| s.saturating_add(64)).collect();
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
            let children = self.child_start[i] as usize..self.child_start[i + 1] as usize;
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
                self.roles[i] = Role::Circle;
            }
        }
        order
    }

    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    pub(super) fn position(&self, entry: u32) -> usize {
        self.positions[entry as usize] as usize
    }

    pub(super) fn offset(&self, entry: u32) -> u64 {
        self.offsets[entry as usize]
    }

    /// Everything from the zlib stream of an entry on.
    pub(super) fn data<'p>(&self, pack: &'p Pack, entry: u32) -> &'p [u8] {
        pack.bytes_at(
            self.offsets[entry as usize].saturating_add(u64::from(self.header_lens[entry as usize])),
        )
    }

    /// The zlib stream of an entry, up to the next entry.
    pub(super) fn stream<'p>(&self, pack: &'p Pack, entry: u32) -> &'p [u8] {
        let end = self.offsets[entry as usize + 1];
        let start = self.offsets[entry as usize].saturating_add(u64::from(self.header_lens[entry as usize]));
        let data = self.data(pack, entry);
        &data[..data.len().min(end.saturating_sub(start) as usize)]
    }

    pub(super) fn size(&self, entry: u32) -> u64 {
        self.sizes[entry as usize]
    }

    pub(super) fn role(&self, entry: u32) -> Role {
        self.roles[entry as usize]
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
        let i = entry as usize;
        if self.roles[i] == Role::Circle {
            return &[];
        }
        &self.child_list[self.child_start[i] as usize..self.child_start[i + 1] as usize]
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

    /// `offsets` holds `n` entries and the end of the last one.
    fn new(offsets: &'a [u64], n: usize) -> Self {
        let end = offsets[n];
        let offsets = &offsets[..n];
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
