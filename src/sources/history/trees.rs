//! One pass over all trees: which of them lead to a target, and which objects that they name are not there.
//!
//! Trees come in the order in which the pack keeps them, each beside another version of itself, so nearly all entries of
//! a tree are those of the one before. Only what stands between the common head and the common tail of the two is
//! parsed, looked up and checked; that makes a full check of all entries affordable.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gix::hashtable::{HashMap, HashSet};

use super::store::{HashKind, ObjectId, ObjectKind, Problem, Store, oid};

/// Index of a tree, in the order in which they were first met.
pub type TreeIndex = u32;

const SHARDS: usize = 64;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder.
    Tree,
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A commit of a submodule, which belongs to another repository.
    Submodule,
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: EntryKind,
    /// Its name.
    pub name: &'a [u8],
    /// The object.
    pub id: &'a oid,
}

/// Read the entry at the start of `bytes`: it and its length. `None`: it is malformed.
pub fn entry(bytes: &[u8], hash: HashKind) -> Option<(Entry<'_>, usize)> {
    // The mode is five or six digits in all but the oldest trees.
    let space = bytes.iter().take(12).position(|b| *b == b' ')?;
    let kind = match &bytes[..space] {
        b"40000" | b"040000" => EntryKind::Tree,
        b"120000" => EntryKind::Link,
        b"160000" => EntryKind::Submodule,
        mode if mode.iter().all(u8::is_ascii_digit) => EntryKind::File,
        _ => return None,
    };
    let name = space + 1;
    let end = name + memchr::memchr(0, &bytes[name..])?;
    let length = end + 1 + hash.len_in_bytes();
    let id = oid::from_bytes_unchecked(bytes.get(end + 1..length)?);
    Some((Entry { kind, name: &bytes[name..end], id }, length))
}

/// All entries of a tree, up to the first that is malformed.
pub fn entries(mut bytes: &[u8], hash: HashKind) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let (entry, length) = entry(bytes, hash)?;
        bytes = &bytes[length..];
        Some(entry)
    })
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Objects whose places are looked for.
    pub targets: &'a HashMap<ObjectId, u32>,
    /// Trees that count as leading to a target themselves.
    pub trees: &'a [ObjectId],
    /// Whether to look up all entries.
    pub check: bool,
}

/// What the pass found.
#[derive(Debug)]
pub struct Trees {
    index: Vec<HashMap<ObjectId, TreeIndex>>,
    /// Whether each tree holds a target, directly or in a tree below.
    dirty: Vec<bool>,
    /// The ids of those that do, by index.
    ids: std::collections::HashMap<TreeIndex, ObjectId>,
    /// Objects that a tree names and that are not there. Sorted.
    pub missing: Vec<ObjectId>,
    /// Trees that could not be read, or whose entries are malformed.
    pub problems: Vec<Problem>,
}

impl Trees {
    /// Read all trees of `store`.
    pub fn read(store: &Store, hash: HashKind, threads: usize, wanted: Wanted<'_>) -> Self {
        let pass = Pass {
            store,
            hash,
            wanted,
            edges: !wanted.targets.is_empty() || !wanted.trees.is_empty(),
            index: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            next: AtomicU32::new(0),
            slots: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
        };
        let mut problems = store.each(ObjectKind::Tree, threads, &|id, bytes| pass.tree(id, bytes));
        let slots: Vec<Slot> = pass.slots.into_iter().map(into_inner).collect();
        let count = pass.next.into_inner() as usize;
        let index: Vec<HashMap<ObjectId, TreeIndex>> = pass.index.into_iter().map(into_inner).collect();

        let mut missing: Vec<ObjectId> = Vec::new();
        if wanted.check {
            let mut read = vec![false; count];
            for tree in slots.iter().flat_map(|s| &s.read) {
                read[*tree as usize] = true;
            }
            let named = index.iter().flat_map(hash_order);
            missing.extend(named.filter(|(id, i)| !read[*i as usize] && !store.contains(id)).map(|n| n.0));
            missing.extend(slots.iter().flat_map(|s| &s.missing));
            missing.sort_unstable();
            missing.dedup();
        }
        for slot in &slots {
            problems.extend(slot.malformed.iter().map(|id| Problem {
                id: Some(*id),
                what: format!("tree {id}"),
                reason: "its entries are malformed".into(),
            }));
        }
        let mut trees =
            Self { index, dirty: Vec::new(), ids: std::collections::HashMap::default(), missing, problems };
        trees.spread(&slots, count, wanted.trees);
        trees
    }

    /// Mark all trees from which a target can be reached.
    fn spread(&mut self, slots: &[Slot], count: usize, named: &[ObjectId]) {
        let mut starts = vec![0u32; count + 1];
        let edges = || slots.iter().flat_map(|s| &s.edges);
        for (child, _) in edges() {
            starts[*child as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut parents = vec![0 as TreeIndex; starts[count] as usize];
        let mut fill = starts.clone();
        for (child, parent) in edges() {
            let at = &mut fill[*child as usize];
            parents[*at as usize] = *parent;
            *at += 1;
        }
        drop(fill);
        self.dirty = vec![false; count];
        let mut stack: Vec<TreeIndex> = slots.iter().flat_map(|s| s.direct.iter().copied()).collect();
        stack.extend(named.iter().filter_map(|id| self.find(id)));
        while let Some(tree) = stack.pop() {
            let t = tree as usize;
            if !std::mem::replace(&mut self.dirty[t], true) {
                stack.extend(&parents[starts[t] as usize..starts[t + 1] as usize]);
            }
        }
        let all = self.index.iter().flat_map(hash_order);
        self.ids = all.filter(|(_, i)| self.dirty[*i as usize]).map(|(id, i)| (i, id)).collect();
    }

    /// The index of a tree, if any tree or the pass has met it.
    pub fn find(&self, id: &oid) -> Option<TreeIndex> {
        self.index[shard(id)].get(id).copied()
    }

    /// The index of a tree that leads to a target.
    pub fn find_dirty(&self, id: &oid) -> Option<TreeIndex> {
        self.find(id).filter(|i| self.dirty[*i as usize])
    }

    /// The id of a tree that leads to a target.
    pub fn id_of_dirty(&self, index: TreeIndex) -> Option<ObjectId> {
        self.ids.get(&index).copied()
    }

    /// How many trees lead to a target.
    pub fn dirty_count(&self) -> usize {
        self.ids.len()
    }

    /// One more than the highest index.
    pub fn len(&self) -> usize {
        self.dirty.len()
    }

    /// Whether there is no tree.
    pub fn is_empty(&self) -> bool {
        self.dirty.is_empty()
    }
}

/// Entries of a map; whoever uses them puts them in order.
fn hash_order(map: &HashMap<ObjectId, TreeIndex>) -> Vec<(ObjectId, TreeIndex)> {
    let mut all = Vec::with_capacity(map.len());
    for (id, index) in map {
        all.push((*id, *index));
    }
    all
}

fn shard(id: &oid) -> usize {
    // The map itself hashes by the first eight bytes.
    usize::from(id.as_bytes()[9]) % SHARDS
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

struct Pass<'a> {
    store: &'a Store,
    hash: HashKind,
    wanted: Wanted<'a>,
    /// Whether which tree is in which is needed.
    edges: bool,
    index: Vec<Mutex<HashMap<ObjectId, TreeIndex>>>,
    next: AtomicU32,
    /// One for each thread, or nearly.
    slots: Vec<Mutex<Slot>>,
}

/// Objects that were looked up lately, by their ids: most entries of a tree name what another tree has named.
#[derive(Default)]
struct Recent {
    /// Files that are there, by the first 16 bytes of the id; 0 is none. Allocated with the first one.
    files: Vec<u128>,
    trees: Vec<(u128, TreeIndex)>,
}

impl Recent {
    const FILES: usize = 1 << 17;
    const TREES: usize = 1 << 15;

    fn key(id: &oid) -> u128 {
        u128::from_le_bytes(id.as_bytes()[..16].try_into().expect("ids have 20 bytes or more"))
    }

    /// Whether a file is there; `look` knows.
    fn has_file(&mut self, id: &oid, look: impl FnOnce() -> bool) -> bool {
        if self.files.is_empty() {
            self.files.resize(Self::FILES, 0);
        }
        let key = Self::key(id);
        let slot = &mut self.files[key as usize % Self::FILES];
        if *slot == key {
            return true;
        }
        let found = look();
        if found {
            *slot = key;
        }
        found
    }

    /// The index of a tree; `look` knows.
    fn tree(&mut self, id: &oid, look: impl FnOnce() -> TreeIndex) -> TreeIndex {
        if self.trees.is_empty() {
            self.trees.resize(Self::TREES, (0, 0));
        }
        let key = Self::key(id);
        let slot = &mut self.trees[key as usize % Self::TREES];
        if slot.0 != key || key == 0 {
            *slot = (key, look());
        }
        slot.1
    }
}

/// What one thread has found, and the tree that it read last.
#[derive(Default)]
struct Slot {
    last: Last,
    recent: Recent,
    /// `(tree, tree that names it)`.
    edges: Vec<(TreeIndex, TreeIndex)>,
    direct: Vec<TreeIndex>,
    read: Vec<TreeIndex>,
    missing: HashSet<ObjectId>,
    malformed: Vec<ObjectId>,
}

/// The tree that was read last.
#[derive(Default)]
struct Last {
    bytes: Vec<u8>,
    /// Where each entry begins; one more at the end.
    starts: Vec<u32>,
    /// Entries that are trees, by number.
    trees: Vec<(u32, TreeIndex)>,
    /// Entries that are targets, by number.
    targets: Vec<u32>,
}

impl Pass<'_> {
    fn tree(&self, id: &oid, bytes: &[u8]) {
        let mut slot = self.slot();
        let slot = &mut *slot;
        let tree = self.intern(id);
        slot.read.push(tree);
        if u32::try_from(bytes.len()).is_err() || !self.update_or_restart(slot, bytes) {
            slot.malformed.push(id.to_owned());
            slot.last = Last::default();
            return;
        }
        if self.edges {
            slot.edges.extend(slot.last.trees.iter().map(|(_, child)| (*child, tree)));
            if !slot.last.targets.is_empty() {
                slot.direct.push(tree);
            }
        }
    }

    /// Make `bytes` the last tree; from nothing, should the end of the last one not fit: the name of a file can look like
    /// the beginning of an entry.
    fn update_or_restart(&self, slot: &mut Slot, bytes: &[u8]) -> bool {
        self.update(slot, bytes) || {
            slot.last = Last::default();
            self.update(slot, bytes)
        }
    }

    /// Make `bytes` the last tree, looking at those entries only that the last one did not have.
    fn update(&self, slot: &mut Slot, bytes: &[u8]) -> bool {
        let Slot { last, missing, recent, .. } = slot;
        if last.starts.is_empty() {
            last.starts.push(0);
        }
        let old_len = last.bytes.len();
        let head = common_head(&last.bytes, bytes);
        let most = old_len.min(bytes.len()) - head;
        let tail = common_tail(&last.bytes[head..], &bytes[head..]).min(most);
        // Entries `..first` and `after..` of the last tree are in this one, too.
        let first = last.starts[1..].partition_point(|end| *end as usize <= head);
        let after = last.starts.partition_point(|start| (*start as usize) < old_len - tail).max(first);
        // Positions and numbers are 32 bits wide; a difference is one that wraps around.
        let shift = (bytes.len() as u32).wrapping_sub(old_len as u32);
        let tail_start = last.starts[after.min(last.starts.len() - 1)].wrapping_add(shift) as usize;

        let mut starts = Vec::new();
        let mut trees = Vec::new();
        let mut targets = Vec::new();
        let mut at = last.starts[first] as usize;
        let mut n = first as u32;
        while at < tail_start {
            let Some((entry, length)) = entry(&bytes[at..], self.hash) else { return false };
            self.entry(entry, n, &mut trees, &mut targets, missing, recent);
            starts.push(at as u32);
            at += length;
            n += 1;
        }
        if at != tail_start {
            return false;
        }
        let added = n.wrapping_sub(after as u32);
        splice(&mut last.trees, first, after, trees, |t| &mut t.0, added);
        splice(&mut last.targets, first, after, targets, |t| t, added);
        let inserted = starts.len();
        last.starts.splice(first..after, starts);
        if shift != 0 {
            for start in &mut last.starts[first + inserted..] {
                *start = start.wrapping_add(shift);
            }
            last.bytes.clear();
            last.bytes.extend_from_slice(bytes);
        } else {
            let changed = head..bytes.len() - tail;
            last.bytes[changed.clone()].copy_from_slice(&bytes[changed]);
        }
        true
    }

    fn entry(
        &self,
        entry: Entry<'_>,
        n: u32,
        trees: &mut Vec<(u32, TreeIndex)>,
        targets: &mut Vec<u32>,
        missing: &mut HashSet<ObjectId>,
        recent: &mut Recent,
    ) {
        if entry.kind == EntryKind::Submodule {
            return;
        }
        if self.edges && self.wanted.targets.contains_key(entry.id) {
            targets.push(n);
        }
        if entry.kind == EntryKind::Tree {
            trees.push((n, recent.tree(entry.id, || self.intern(entry.id))));
        } else if self.wanted.check && !recent.has_file(entry.id, || self.store.contains(entry.id)) {
            missing.insert(entry.id.to_owned());
        }
    }

    fn intern(&self, id: &oid) -> TreeIndex {
        let mut map = self.index[shard(id)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = map.get(id) {
            return *index;
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        map.insert(id.to_owned(), index);
        index
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed));
        let thread = THREAD.with(|t| *t);
        self.slots[thread % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replace what belongs to the entries `first..after` by `new`, and renumber what comes behind.
fn splice<T>(
    list: &mut Vec<T>,
    first: usize,
    after: usize,
    new: Vec<T>,
    number: fn(&mut T) -> &mut u32,
    added: u32,
) {
    let from = list.iter_mut().position(|t| *number(t) as usize >= first).unwrap_or(list.len());
    let to = list.iter_mut().position(|t| *number(t) as usize >= after).unwrap_or(list.len());
    if added != 0 {
        for item in &mut list[to..] {
            let n = number(item);
            *n = n.wrapping_add(added);
        }
    }
    if from < to || !new.is_empty() {
        list.splice(from..to, new);
    }
}

/// How many bytes two texts have in common at their start.
fn common_head(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let blocks = a.chunks_exact(STEP).zip(b.chunks_exact(STEP)).take_while(|(a, b)| a == b).count();
    let at = blocks * STEP;
    at + a[at..].iter().zip(&b[at..]).take_while(|(a, b)| a == b).count()
}

/// The same at their end.
fn common_tail(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let blocks = a.rchunks_exact(STEP).zip(b.rchunks_exact(STEP)).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - blocks * STEP], &b[..b.len() - blocks * STEP]);
    blocks * STEP + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
#[path = "trees_tests.rs"]
mod tests;
