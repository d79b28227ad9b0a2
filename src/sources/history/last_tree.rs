//! The tree that a pass over all trees read last, so that of the next one only the difference need be looked at.

use super::store::HashKind;
use super::trees::TreeIndex;

/// The tree that was read last.
#[derive(Default)]
pub(super) struct Last {
    pub(super) bytes: Vec<u8>,
    /// Where each entry begins; one more at the end.
    pub(super) starts: Vec<u32>,
    /// Entries that are trees, by number.
    pub(super) trees: Vec<(u32, TreeIndex)>,
    /// Entries that are targets, by number.
    pub(super) targets: Vec<u32>,
}

/// What an entry leads to: a tree, and whether it is a target.
pub(super) type Leads = (Option<TreeIndex>, bool);

impl Last {
    /// The entry in which the byte at `pos` is, at or behind the entry `from`.
    pub(super) fn entry_at(&self, from: usize, pos: usize) -> usize {
        let starts = &self.starts[from..];
        // Mostly the next few.
        let mut reach = 1;
        while reach < starts.len() && starts[reach] as usize <= pos {
            reach *= 2;
        }
        let (low, high) = (reach / 2, (reach + 1).min(starts.len()));
        from + low + starts[low..high].partition_point(|start| *start as usize <= pos) - 1
    }

    /// Say what the entry `n` leads to.
    pub(super) fn replace(&mut self, n: u32, (tree, target): Leads) {
        match (self.trees.binary_search_by_key(&n, |t| t.0), tree) {
            (Ok(at), Some(tree)) => self.trees[at].1 = tree,
            (Err(at), Some(tree)) => self.trees.insert(at, (n, tree)),
            (Ok(at), None) => drop(self.trees.remove(at)),
            (Err(_), None) => {}
        }
        match (self.targets.binary_search(&n), target) {
            (Err(at), true) => self.targets.insert(at, n),
            (Ok(at), false) => drop(self.targets.remove(at)),
            _ => {}
        }
    }

    /// Forget the entries from `keep` on, and the end.
    pub(super) fn cut(&mut self, keep: usize) {
        self.bytes.truncate(self.starts[keep] as usize);
        self.starts.truncate(keep);
        self.trees.truncate(self.trees.partition_point(|t| (t.0 as usize) < keep));
        self.targets.truncate(self.targets.partition_point(|t| (*t as usize) < keep));
    }

    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.trees.clear();
        self.targets.clear();
    }

    /// Add an entry that begins at `at`, behind `before` others that are not here.
    pub(super) fn push(&mut self, at: usize, before: usize, (tree, target): Leads) {
        let n = (before + self.starts.len()) as u32;
        self.starts.push(at as u32);
        self.trees.extend(tree.map(|tree| (n, tree)));
        self.targets.extend(target.then_some(n));
    }

    /// Add entries of another tree, the first of which begins at `at` here.
    pub(super) fn take(&mut self, other: &Self, entries: std::ops::Range<usize>, before: usize, at: usize) {
        // Positions and numbers are 32 bits wide; a difference is one that wraps around.
        let shift = (at as u32).wrapping_sub(other.starts[entries.start]);
        let added = ((before + self.starts.len()) as u32).wrapping_sub(entries.start as u32);
        let (first, end) = (entries.start as u32, entries.end as u32);
        self.starts.extend(other.starts[entries].iter().map(|s| s.wrapping_add(shift)));
        let from = other.trees.partition_point(|t| t.0 < first);
        let trees = other.trees[from..].iter().take_while(|t| t.0 < end);
        self.trees.extend(trees.map(|(n, tree)| (n.wrapping_add(added), *tree)));
        let from = other.targets.partition_point(|t| *t < first);
        let targets = other.targets[from..].iter().take_while(|t| **t < end);
        self.targets.extend(targets.map(|n| n.wrapping_add(added)));
    }
}

/// The name of a well-formed entry.
pub(super) fn name(entry: &[u8], hash: HashKind) -> &[u8] {
    let space = memchr::memchr(b' ', entry).map_or(0, |i| i + 1);
    &entry[space..entry.len() - hash.len_in_bytes() - 1]
}

/// How many bytes two texts have in common at their start.
pub(super) fn common_head(a: &[u8], b: &[u8]) -> usize {
    let at = common_blocks::<64>(a, b, 4);
    let at = if at == 256 { at + common_blocks::<1024>(&a[at..], &b[at..], usize::MAX) } else { at };
    let at = at + common_blocks::<32>(&a[at..], &b[at..], usize::MAX);
    at + a[at..].iter().zip(&b[at..]).take_while(|(a, b)| a == b).count()
}

/// The same in whole blocks, `most` at most.
fn common_blocks<const N: usize>(a: &[u8], b: &[u8], most: usize) -> usize {
    let blocks = a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0);
    blocks.take(most).take_while(|(a, b)| a == b).count() * N
}
