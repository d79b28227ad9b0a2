//! All trees of a repository, each as what it changes of another one.

use std::collections::HashMap;

use gix::ObjectId;

use super::tree::EntryKind;
use super::versions::{Log, Names};

/// Number of an object: of those that are there by pack and place in its index; those that are only named come behind.
pub type Number = u32;

/// No object.
pub(super) const NONE: Number = u32::MAX;
/// Instead of an object: there is no longer an entry of the name.
pub(super) const GONE: Number = u32::MAX - 1;
/// Instead of an object: it belongs to another repository.
pub(super) const FOREIGN: Number = u32::MAX - 2;

const KIND_SHIFT: u32 = 30;

/// A change of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Number of the name, and what the entry is in the two highest bits.
    name: u32,
    object: Number,
}

impl Change {
    pub(super) fn new(name: u32, kind: EntryKind, object: Number) -> Self {
        let kind = match kind {
            EntryKind::File => 0,
            EntryKind::Link => 1,
            EntryKind::Submodule => 2,
            EntryKind::Tree => 3,
        };
        Self { name: name | kind << KIND_SHIFT, object }
    }

    /// Number of the name. Trees and other entries have different ones.
    pub fn name(self) -> u32 {
        self.name & ((1 << KIND_SHIFT) - 1)
    }

    /// What the entry is.
    pub fn kind(self) -> EntryKind {
        match self.name >> KIND_SHIFT {
            0 => EntryKind::File,
            1 => EntryKind::Link,
            2 => EntryKind::Submodule,
            _ => EntryKind::Tree,
        }
    }

    /// The object that there is of this name now. `None`: there is no entry, or it is a submodule.
    pub fn object(self) -> Option<Number> {
        (self.object < FOREIGN).then_some(self.object)
    }

    pub(super) fn set_object(&mut self, object: Number) {
        self.object = object;
    }

    /// Whether there is an entry of this name now.
    pub fn is_there(self) -> bool {
        self.object != GONE
    }
}

/// A tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) number: Number,
    pub(super) pack: u32,
    /// The tree that it changes; [`NONE`]: it is here whole.
    pub(super) base: Number,
    /// Where its changes are.
    pub(super) thread: u32,
    pub(super) from: usize,
    pub(super) len: u32,
}

/// All trees.
#[derive(Debug, Default)]
pub struct TreeLog {
    names: Vec<Box<[u8]>>,
    changes: Vec<Vec<Change>>,
    records: Vec<Record>,
    /// The record of each tree, by number; [`NONE`] of others.
    of: Vec<u32>,
    /// Records that change record `r`: `children[starts[r]..starts[r + 1]]`.
    starts: Vec<u32>,
    children: Vec<u32>,
    /// Objects that a tree names and that are not there. Their numbers follow one another from [`TreeLog::first_missing`].
    pub missing: Vec<ObjectId>,
    /// The number of the first of `missing`.
    pub first_missing: Number,
    /// Trees whose entries are malformed.
    pub malformed: Vec<ObjectId>,
}

impl TreeLog {
    /// Put together what threads have read.
    pub(super) fn of(logs: Vec<Log<'_>>, first_missing: Number) -> Self {
        let mut all = Self { first_missing, ..Self::default() };
        let mut names = Names::default();
        let mut missing: HashMap<ObjectId, Number> = HashMap::new();
        for (mut log, thread) in logs.into_iter().zip(0..) {
            log.look_up();
            let Log { names: own_names, mut changes, records, missing: own_missing, malformed, .. } = log;
            let mut named = in_order(own_names);
            let mut lost = in_order(own_missing);
            if thread > 0 {
                let renamed: Vec<u32> = named
                    .drain(..)
                    .map(|name| {
                        let next = names.len() as u32;
                        *names.entry(name).or_insert(next)
                    })
                    .collect();
                let renumbered: Vec<Number> = lost
                    .drain(..)
                    .map(|id| {
                        let next = first_missing + missing.len() as Number;
                        *missing.entry(id).or_insert(next)
                    })
                    .collect();
                for change in &mut changes {
                    change.name = change.name & !((1 << KIND_SHIFT) - 1) | renamed[change.name() as usize];
                    if (first_missing..FOREIGN).contains(&change.object) {
                        change.object = renumbered[(change.object - first_missing) as usize];
                    }
                }
            } else {
                names = named.into_iter().zip(0..).collect();
                missing = lost.into_iter().zip(first_missing..).collect();
            }
            all.changes.push(changes);
            all.records.extend(records.into_iter().map(|r| Record { thread, ..r }));
            all.malformed.extend(malformed);
        }
        all.names = in_order(names);
        all.missing = in_order(missing);
        all.malformed.sort_unstable();
        all.malformed.dedup();
        all.link();
        all
    }

    /// One record for each tree: that of the first pack. Along bases the packs so never ascend, and as there is no circle in
    /// one pack, there is none.
    fn link(&mut self) {
        self.of = vec![NONE; self.first_missing as usize];
        for (record, r) in self.records.iter().zip(0..) {
            let slot = &mut self.of[record.number as usize];
            if *slot == NONE || record.pack < self.records[*slot as usize].pack {
                *slot = r;
            }
        }
        let canonical = |r: u32| self.of[self.records[r as usize].number as usize] == r;
        let base = |r: u32| {
            let base = self.records[r as usize].base;
            (base != NONE && canonical(r)).then(|| self.of[base as usize]).filter(|b| *b != NONE)
        };
        let count = self.records.len() as u32;
        let mut starts = vec![0u32; count as usize + 1];
        for b in (0..count).filter_map(base) {
            starts[b as usize + 1] += 1;
        }
        for i in 0..count as usize {
            starts[i + 1] += starts[i];
        }
        let mut children = vec![0; starts[count as usize] as usize];
        let mut fill = starts.clone();
        for r in 0..count {
            if let Some(b) = base(r) {
                children[fill[b as usize] as usize] = r;
                fill[b as usize] += 1;
            }
        }
        (self.starts, self.children) = (starts, children);
    }

    /// A name; those of trees end in a slash.
    pub fn name(&self, number: u32) -> &[u8] {
        &self.names[number as usize]
    }

    /// All names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.names.iter().map(|n| &**n)
    }

    /// One more than the highest number of an object.
    pub fn numbers(&self) -> usize {
        self.first_missing as usize + self.missing.len()
    }

    /// All trees, each with what it changes.
    pub fn trees(&self) -> impl Iterator<Item = (Number, &[Change])> {
        let records = self.records.iter().zip(0..).filter(|(r, i)| self.of[r.number as usize] == *i);
        records.map(|(r, _)| (r.number, self.changes_of(r)))
    }

    /// What a tree changes, or, if it has no base, all that it holds.
    pub fn changes(&self, tree: Number) -> &[Change] {
        self.record(tree).map_or(&[], |r| self.changes_of(r))
    }

    /// The tree that a tree changes.
    pub fn base(&self, tree: Number) -> Option<Number> {
        self.record(tree).map(|r| r.base).filter(|base| *base != NONE)
    }

    /// The trees that change a tree.
    pub fn versions(&self, tree: Number) -> impl Iterator<Item = Number> + '_ {
        let record = self.of.get(tree as usize).copied().unwrap_or(NONE);
        let children = if record == NONE {
            &[][..]
        } else {
            &self.children[self.starts[record as usize] as usize..self.starts[record as usize + 1] as usize]
        };
        children.iter().map(|r| self.records[*r as usize].number)
    }

    fn record(&self, tree: Number) -> Option<&Record> {
        self.records.get(*self.of.get(tree as usize)? as usize)
    }

    fn changes_of(&self, record: &Record) -> &[Change] {
        &self.changes[record.thread as usize][record.from..][..record.len as usize]
    }
}

/// The keys of a map of consecutive numbers, by number.
fn in_order<K: Ord, S>(map: HashMap<K, u32, S>) -> Vec<K> {
    let mut all: Vec<(u32, K)> = map.into_iter().map(|(key, number)| (number, key)).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, key)| key).collect()
}
