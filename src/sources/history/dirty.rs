//! Trees cut down to the entries that lead to targets.

use super::attribute::Targets;
use super::store::{HashKind, oid};
use super::trees::{EntryKind, TreeIndex, Trees, entries};

/// What an entry leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Child {
    /// A tree with targets.
    Tree(TreeIndex),
    /// A target.
    Target(u32),
}

/// An entry that leads to a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Its name, in the names of the tree.
    name: (u32, u32),
    /// What the entry is.
    pub(super) kind: EntryKind,
    /// What it leads to.
    pub(super) child: Child,
}

/// The name of an entry, and whether it leads to a tree.
pub(super) type Key<'a> = (&'a [u8], bool);

/// A tree with nothing but entries that lead to targets.
#[derive(Debug, Default)]
pub(super) struct DirtyTree {
    names: Vec<u8>,
    /// Sorted by key.
    pub(super) items: Vec<Item>,
}

impl DirtyTree {
    /// Cut a tree down.
    pub(super) fn read(id: &oid, bytes: &[u8], hash: HashKind, trees: &Trees, targets: Targets<'_>) -> Self {
        let mut tree = Self::default();
        let named = targets.names.get(id);
        for entry in entries(bytes, hash) {
            let folder = (entry.kind == EntryKind::Tree).then(|| trees.find_dirty(entry.id)).flatten();
            let object =
                if entry.kind == EntryKind::Submodule { None } else { targets.objects.get(entry.id) };
            let name = named.into_iter().flatten().filter(|(n, _)| n.as_slice() == entry.name).map(|n| n.1);
            let to_targets = object.copied().into_iter().chain(name).map(Child::Target);
            let start = tree.names.len() as u32;
            for child in folder.map(Child::Tree).into_iter().chain(to_targets) {
                if tree.names.len() as u32 == start {
                    tree.names.extend_from_slice(entry.name);
                }
                tree.items.push(Item { name: (start, tree.names.len() as u32), kind: entry.kind, child });
            }
        }
        let Self { names, items } = &mut tree;
        items.sort_by(|a, b| (key(names, a), a.child).cmp(&(key(names, b), b.child)));
        tree
    }

    /// The name of an item.
    pub(super) fn name(&self, item: &Item) -> &[u8] {
        key(&self.names, item).0
    }

    /// What items are sorted by.
    pub(super) fn key(&self, item: &Item) -> Key<'_> {
        key(&self.names, item)
    }

    /// Whether `test` holds for an item with this key. Keys must come in order; `cursor` remembers where the last was.
    pub(super) fn at(&self, wanted: Key<'_>, cursor: &mut usize, test: impl FnMut(&Item) -> bool) -> bool {
        while self.items.get(*cursor).is_some_and(|item| self.key(item) < wanted) {
            *cursor += 1;
        }
        self.items[*cursor..].iter().take_while(|item| self.key(item) == wanted).any(test)
    }
}

fn key<'a>(names: &'a [u8], item: &Item) -> Key<'a> {
    (&names[item.name.0 as usize..item.name.1 as usize], matches!(item.child, Child::Tree(_)))
}
