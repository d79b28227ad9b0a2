//! Which trees lead to a target.
//!
//! The scan of all objects has noted what each tree changes of the one that it is stored as a delta to. Up from a target
//! or a tree that leads to one: where an entry came in, and in all versions built on that until the name gets another
//! entry. So the work is that of the entries that lead to targets, and no tree is read again.

use smallvec::SmallVec;

use super::dirty::{Child, DirtyTree, Item};
use super::store::{Change, Number, ObjectId, Store, TOGETHER, TreeLog, oid};

pub use super::store::tree::{Entry, EntryKind, entries, entry};

use super::attribute::Targets;

/// Number of a tree.
pub type TreeIndex = Number;

/// No target.
const NONE: u32 = u32::MAX;

/// Levels of folders for which all changes are gone through.
const LEVELS: usize = 12;

/// A set of objects, small enough to stay at hand.
struct Bits(Vec<u64>);

impl Bits {
    fn new(numbers: usize, of: impl Iterator<Item = Number>) -> Self {
        let mut words = vec![0; numbers.div_ceil(64)];
        for object in of {
            words[object as usize / 64] |= 1 << (object % 64);
        }
        Self(words)
    }

    /// Whether the object that a change names is one of them.
    fn has(&self, change: Change) -> bool {
        let object = change.object().unwrap_or(NONE);
        self.0.get(object as usize / 64).is_some_and(|word| word >> (object % 64) & 1 != 0)
    }
}

/// The trees that lead to targets.
#[derive(Debug)]
pub struct Trees<'a> {
    store: &'a Store,
    log: &'a TreeLog,
    /// Whether each tree holds a target, directly or in a tree below.
    dirty: Vec<bool>,
    /// The target that each object is.
    targets: Vec<u32>,
    /// Trees with names that are targets: `(tree, name, target)`, sorted.
    names: Vec<(TreeIndex, u32, u32)>,
}

impl<'a> Trees<'a> {
    /// Find the trees that lead to targets.
    pub fn new(store: &'a Store, log: &'a TreeLog, targets: Targets<'_>, stopped: &dyn Fn() -> bool) -> Self {
        let mut trees = Self {
            store,
            log,
            dirty: vec![false; log.numbers()],
            targets: vec![NONE; log.numbers()],
            names: Vec::new(),
        };
        let missing: gix::hashtable::HashMap<ObjectId, Number> =
            log.missing.iter().copied().zip(log.first_missing..).collect();
        let mut stack = Vec::new();
        let mut order: Vec<_> = Vec::with_capacity(targets.objects.len());
        for (id, target) in targets.objects {
            order.push((*target, *id));
        }
        order.sort_unstable();
        for (target, id) in order {
            if let Some(number) = store.number(&id).or_else(|| missing.get(&id).copied()) {
                trees.targets[number as usize] = target;
                stack.push(number);
            }
        }
        for (id, names) in targets.names {
            let Some(tree) = store.number(id) else { continue };
            trees.dirty[tree as usize] = true;
            stack.push(tree);
            let numbers: std::collections::HashMap<&[u8], u32> =
                trees.holds(tree).map(|n| (log.name(n), n)).collect();
            for (name, target) in names {
                let as_tree = [name.as_slice(), b"/"].concat();
                for name in [name.as_slice(), as_tree.as_slice()] {
                    trees.names.extend(numbers.get(name).map(|n| (tree, *n, *target)));
                }
            }
        }
        trees.names.sort_unstable();
        if !stack.is_empty() {
            trees.spread(stack, stopped);
        }
        trees
    }

    /// Mark all trees from which something on the stack can be reached.
    fn spread(&mut self, mut stack: Vec<Number>, stopped: &dyn Fn() -> bool) {
        let log = self.log;
        let mut versions: Vec<TreeIndex> = Vec::new();
        // All changes are gone through for each level of folders, which mostly are few: that is faster than to sort them by object.
        for _ in 0..LEVELS {
            if stack.is_empty() || stopped() {
                return;
            }
            let open = Bits::new(log.numbers(), stack.drain(..));
            for (tree, changes) in log.trees() {
                for change in changes {
                    if open.has(*change) && self.matters(*change).is_some() {
                        self.mark(tree, change.name(), &mut versions, &mut stack);
                    }
                }
            }
        }
        // Where each object that matters came in: `(tree, name)`.
        let mut starts = vec![0u32; log.numbers() + 1];
        for object in log.trees().flat_map(|(_, changes)| changes.iter().filter_map(|c| self.matters(*c))) {
            starts[object + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut came = vec![(0, 0); starts[log.numbers()] as usize];
        let mut fill = starts.clone();
        for (tree, changes) in log.trees() {
            for change in changes {
                if let Some(object) = self.matters(*change) {
                    came[fill[object] as usize] = (tree, change.name());
                    fill[object] += 1;
                }
            }
        }
        drop(fill);
        let mut versions: Vec<TreeIndex> = Vec::new();
        while let Some(object) = stack.pop().filter(|_| !stopped()) {
            let object = object as usize;
            for &(tree, name) in &came[starts[object] as usize..starts[object + 1] as usize] {
                self.mark(tree, name, &mut versions, &mut stack);
            }
        }
    }

    /// The object that a change names, if it is a target or can lead to one.
    fn matters(&self, change: Change) -> Option<usize> {
        let object = change.object()? as usize;
        (change.kind() == EntryKind::Tree || self.targets[object] != NONE).then_some(object)
    }

    /// Mark a tree in which an entry of this name came in, and all versions of it that have the entry. Those that were not
    /// marked go on the stack.
    fn mark(&mut self, tree: TreeIndex, name: u32, versions: &mut Vec<TreeIndex>, stack: &mut Vec<Number>) {
        let log = self.log;
        versions.push(tree);
        while let Some(tree) = versions.pop() {
            if !std::mem::replace(&mut self.dirty[tree as usize], true) {
                stack.push(tree);
            }
            let keep = |v: &TreeIndex| log.changes(*v).iter().all(|c| c.name() != name);
            versions.extend(log.versions(tree).filter(keep));
        }
    }

    /// Numbers of all names that a tree holds.
    fn holds(&self, tree: TreeIndex) -> impl Iterator<Item = u32> {
        let mut seen = std::collections::HashSet::new();
        let mut names = Vec::new();
        let mut at = Some(tree);
        while let Some(tree) = at {
            for change in self.log.changes(tree) {
                if seen.insert(change.name()) && change.is_there() {
                    names.push(change.name());
                }
            }
            at = self.log.base(tree);
        }
        names.into_iter()
    }

    /// The number of a tree that leads to a target.
    pub fn find_dirty(&self, id: &oid) -> Option<TreeIndex> {
        self.store.number(id).filter(|tree| self.dirty[*tree as usize])
    }

    /// As [`Self::find_dirty`], for many at once.
    pub fn find_all_dirty(&self, ids: &[ObjectId]) -> Vec<Option<TreeIndex>> {
        let mut all = Vec::with_capacity(ids.len());
        let mut found = Vec::new();
        for some in ids.chunks(TOGETHER) {
            self.store.find_numbers(some.iter().map(|id| &**id), &mut found);
            all.extend(found.iter().map(|n| n.filter(|tree| self.dirty[*tree as usize])));
        }
        all
    }

    /// The tree that a tree is a version of, if it leads to a target.
    pub(super) fn dirty_base(&self, tree: TreeIndex) -> Option<TreeIndex> {
        self.log.base(tree).filter(|base| self.dirty[*base as usize])
    }

    /// What a tree changes of its base.
    pub(super) fn changes(&self, tree: TreeIndex) -> &[Change] {
        self.log.changes(tree)
    }

    /// The trees that lead to a target, each with what it changes, in the order in which they were read.
    pub(super) fn all_dirty(&self) -> impl Iterator<Item = (TreeIndex, &[Change])> {
        self.log.trees().filter(|(tree, _)| self.dirty[*tree as usize])
    }

    /// The name of an entry.
    pub(super) fn name(&self, name: u32) -> &[u8] {
        let name = self.log.name(name);
        name.strip_suffix(b"/").unwrap_or(name)
    }

    /// One more than the highest number.
    pub fn len(&self) -> usize {
        self.dirty.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.dirty.is_empty()
    }

    /// Whether the entries of a tree that lead to targets are those of its base, as far as a short look tells.
    pub(super) fn leads_as(&self, tree: TreeIndex, changes: &[Change], base: &DirtyTree) -> bool {
        const SHORT: usize = 4096;
        if changes.len().saturating_mul(base.items.len()) > SHORT {
            return false;
        }
        let own = self.names.get(self.names.partition_point(|n| n.0 < tree)).is_some_and(|n| n.0 == tree);
        let leads = |object: Number| self.dirty[object as usize] || self.targets[object as usize] != NONE;
        let touches =
            |c: &Change| c.object().is_some_and(leads) || base.items.iter().any(|item| item.name == c.name());
        !own && !base.items.iter().any(|item| item.own) && !changes.iter().any(touches)
    }

    /// The entries of a tree that lead to targets, given those of its base.
    pub(super) fn cut_down(&self, tree: TreeIndex, changes: &[Change], base: &DirtyTree) -> DirtyTree {
        let mut items: SmallVec<[Item; 2]> = SmallVec::new();
        if !base.items.is_empty() {
            let mut names: SmallVec<[u32; 16]> = changes.iter().map(|c| c.name()).collect();
            names.sort_unstable();
            let inherited = |item: &&Item| !item.own && names.binary_search(&item.name).is_err();
            items.extend(base.items.iter().filter(inherited).copied());
        }
        let before = items.len();
        for change in changes {
            let Some(object) = change.object() else { continue };
            let item = |child| Item { name: change.name(), kind: change.kind(), child, own: false };
            let is_tree = change.kind() == EntryKind::Tree && self.dirty[object as usize];
            items.extend(is_tree.then(|| item(Child::Tree(object))));
            let target = self.targets[object as usize];
            items.extend((target != NONE).then(|| item(Child::Target(target))));
        }
        let first = self.names.partition_point(|n| n.0 < tree);
        for (_, name, target) in self.names[first..].iter().take_while(|n| n.0 == tree) {
            let kind = self.kind_of(tree, *name);
            items.push(Item { name: *name, kind, child: Child::Target(*target), own: true });
        }
        if items.len() > before {
            let key = |item: &Item| (self.name(item.name), item.kind == EntryKind::Tree, item.child);
            items.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        DirtyTree { items }
    }

    /// What the entry of a name is that a tree has.
    fn kind_of(&self, tree: TreeIndex, name: u32) -> EntryKind {
        let mut at = Some(tree);
        while let Some(tree) = at {
            if let Some(change) = self.log.changes(tree).iter().find(|c| c.name() == name) {
                return change.kind();
            }
            at = self.log.base(tree);
        }
        EntryKind::File
    }
}
