//! One pass over all trees: which of them lead to a target, and which objects that they name are not there.
//!
//! Trees come in the order in which the pack keeps them, each beside another version of itself, so nearly all entries of
//! a tree are those of the one before. Only those that differ are parsed, looked up and checked; that makes a full check
//! of all entries affordable. Which tree is in which is noted only if there is a target.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gix::hashtable::{HashMap, HashSet};

use super::last_tree::{Last, Leads, common_head, name};
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
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Objects whose places are looked for.
    pub targets: &'a HashMap<ObjectId, u32>,
    /// Trees that count as leading to a target themselves.
    pub trees: &'a [ObjectId],
    /// Whether to look up all entries.
    pub check: bool,
    /// Whether to give up. What is found then is not all.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
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
    /// Objects that are there, by the first 16 bytes of the id; 0 is none. Allocated with the first one.
    there: Vec<u128>,
    trees: Vec<(u128, TreeIndex)>,
}

impl Recent {
    const THERE: usize = 1 << 17;
    const TREES: usize = 1 << 15;

    fn key(id: &oid) -> u128 {
        u128::from_le_bytes(id.as_bytes()[..16].try_into().expect("ids have 20 bytes or more"))
    }

    /// Whether an object is there; `look` knows.
    fn has(&mut self, id: &oid, look: impl FnOnce() -> bool) -> bool {
        if self.there.is_empty() {
            self.there.resize(Self::THERE, 0);
        }
        let key = Self::key(id);
        let slot = &mut self.there[key as usize % Self::THERE];
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
    /// Scratch: the end of the next tree.
    rest: Last,
    recent: Recent,
    /// `(tree, tree that names it)`.
    edges: Vec<(TreeIndex, TreeIndex)>,
    direct: Vec<TreeIndex>,
    read: Vec<TreeIndex>,
    missing: HashSet<ObjectId>,
    malformed: Vec<ObjectId>,
}

impl Pass<'_> {
    fn tree(&self, id: &oid, bytes: &[u8]) {
        if (self.wanted.stopped)() {
            return;
        }
        let mut slot = self.slot();
        let slot = &mut *slot;
        if u32::try_from(bytes.len()).is_err() || !self.update(slot, bytes) {
            slot.malformed.push(id.to_owned());
            slot.last = Last::default();
        }
        if self.edges {
            let tree = self.intern(id);
            slot.read.push(tree);
            slot.edges.extend(slot.last.trees.iter().map(|(_, child)| (*child, tree)));
            if !slot.last.targets.is_empty() {
                slot.direct.push(tree);
            }
        }
    }

    /// Make `bytes` the last tree, looking at those entries only that the last one did not have at this place. `false`: it is
    /// malformed, and the last tree is none.
    ///
    /// Both trees are gone through from one beginning of an entry to the next, so that equal bytes are equal entries.
    fn update(&self, slot: &mut Slot, bytes: &[u8]) -> bool {
        let Slot { last, missing, recent, rest, .. } = slot;
        if last.starts.is_empty() {
            last.starts.push(0);
        }
        let mut seen = Seen { pass: self, missing, recent };
        // Entries that changed, and left the others where they were.
        let mut i = 0;
        loop {
            let from = last.starts[i] as usize;
            let same = from + common_head(&last.bytes[from..], &bytes[from.min(bytes.len())..]);
            i = last.entry_at(i, same);
            let start = last.starts[i] as usize;
            let Some(end) = last.starts.get(i + 1).map(|end| *end as usize) else { break };
            let Some((entry, length)) = entry(&bytes[start.min(bytes.len())..], self.hash) else { break };
            if start + length != end {
                break;
            }
            last.replace(i as u32, seen.look(entry));
            last.bytes[start..end].copy_from_slice(&bytes[start..end]);
            i += 1;
        }
        let start = last.starts[i] as usize;
        if start == bytes.len() && start == last.bytes.len() {
            return true;
        }
        // From here on entries came, went or have another length.
        rest.clear();
        let keep = i;
        let mut at = start;
        while at < bytes.len() {
            if let Some(end) = last.starts.get(i + 1).map(|end| *end as usize) {
                let from = last.starts[i] as usize;
                let to = last.entry_at(i, from + common_head(&last.bytes[from..], &bytes[at..]));
                if to > i {
                    rest.take(last, i..to, keep, at);
                    at += last.starts[to] as usize - from;
                    i = to;
                    continue;
                }
                let Some((entry, length)) = entry(&bytes[at..], self.hash) else { return false };
                let old = name(&last.bytes[from..end], self.hash);
                // Entries are sorted by name, or else this takes longer.
                if old < entry.name {
                    i += 1;
                    continue;
                }
                i += usize::from(old == entry.name);
                rest.push(at, keep, seen.look(entry));
                at += length;
            } else {
                let Some((entry, length)) = entry(&bytes[at..], self.hash) else { return false };
                rest.push(at, keep, seen.look(entry));
                at += length;
            }
        }
        last.cut(keep);
        last.bytes.extend_from_slice(&bytes[start..]);
        last.starts.append(&mut rest.starts);
        last.starts.push(bytes.len() as u32);
        last.trees.append(&mut rest.trees);
        last.targets.append(&mut rest.targets);
        true
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

/// Looks at entries.
struct Seen<'a, 'p> {
    pass: &'a Pass<'p>,
    missing: &'a mut HashSet<ObjectId>,
    recent: &'a mut Recent,
}

impl Seen<'_, '_> {
    fn look(&mut self, entry: Entry<'_>) -> Leads {
        let pass = self.pass;
        if entry.kind == EntryKind::Submodule {
            return (None, false);
        }
        if pass.edges && entry.kind == EntryKind::Tree {
            let tree = self.recent.tree(entry.id, || pass.intern(entry.id));
            return (Some(tree), pass.wanted.targets.contains_key(entry.id));
        }
        if pass.wanted.check && !self.recent.has(entry.id, || pass.store.contains(entry.id)) {
            self.missing.insert(entry.id.to_owned());
        }
        (None, pass.edges && pass.wanted.targets.contains_key(entry.id))
    }
}

#[cfg(test)]
#[path = "trees_tests.rs"]
mod tests;
