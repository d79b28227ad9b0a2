//! Trees cut down to the entries that lead to targets.

use smallvec::SmallVec;

use super::trees::{EntryKind, TreeIndex, Trees};

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
    /// Number of its name.
    pub(super) name: u32,
    /// What the entry is.
    pub(super) kind: EntryKind,
    /// What it leads to.
    pub(super) child: Child,
    /// Whether it is a target of this tree only, not of its versions.
    pub(super) own: bool,
}

/// The name of an entry, and whether it leads to a tree.
pub(super) type Key<'a> = (&'a [u8], bool);

/// A tree with nothing but entries that lead to targets.
#[derive(Debug, Default)]
pub(super) struct DirtyTree {
    /// Sorted by key; mostly few.
    pub(super) items: SmallVec<[Item; 2]>,
}

impl Item {
    /// What items are sorted by.
    pub(super) fn key<'a>(&self, trees: &'a Trees<'_>) -> Key<'a> {
        (trees.name(self.name), self.kind == EntryKind::Tree)
    }
}

impl DirtyTree {
    /// Whether `test` holds for an item with the key of `wanted`. Keys must come in order; `cursor` remembers where the last
    /// was.
    pub(super) fn at(
        &self,
        trees: &Trees<'_>,
        wanted: &Item,
        cursor: &mut usize,
        test: impl FnMut(&Item) -> bool,
    ) -> bool {
        if self.items.get(*cursor).is_none_or(|item| item.name != wanted.name) {
            let key = wanted.key(trees);
            while self.items.get(*cursor).is_some_and(|item| item.key(trees) < key) {
                *cursor += 1;
            }
        }
        self.items[*cursor..].iter().take_while(|item| item.name == wanted.name).any(test)
    }
}
