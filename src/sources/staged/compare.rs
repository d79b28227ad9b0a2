//! The index against HEAD's tree. A folder that git has cached the tree of, and that is the same in HEAD, is passed over.

use std::cmp::Ordering;
use std::ops::Range;

use super::index::{Index, Kind};
use crate::sources::changes::{Change, Changes, FileKind, Gone, Named, order, read_tree};
use crate::sources::history::store::{ObjectId, oid};
use crate::sources::history::trees::EntryKind;
use crate::sources::objects::{ObjectError, Objects};

/// A folder to compare.
struct Folder {
    /// Its path with a `/` at its end; empty for the root.
    prefix: Vec<u8>,
    /// Its entries in the index.
    range: Range<usize>,
    /// Its tree in HEAD.
    head: Option<ObjectId>,
    /// Its number among the cached trees.
    cached: Option<usize>,
    /// Whether more of it stands elsewhere, so that nothing that HEAD has can be said to be gone.
    partial: bool,
}

/// One name of a folder in the index.
struct Group<'i> {
    name: &'i [u8],
    folder: bool,
    /// Its entries: of a folder all that is in it, of a file its stages.
    range: Range<usize>,
    cached: Option<usize>,
}

/// What the index has that HEAD's tree lacks. What cannot be read goes to `problem`.
pub(super) fn compare(
    index: &Index,
    head: Option<ObjectId>,
    objects: &Objects,
    problem: &mut dyn FnMut(&[u8], ObjectError),
) -> Changes {
    let mut changes = Changes::default();
    let mut buf = Vec::new();
    let root = Folder { prefix: Vec::new(), range: 0..index.len(), head, cached: Some(0), partial: false };
    let mut stack = vec![root];
    while let Some(folder) = stack.pop() {
        if folder.head.is_some_and(|head| is_unchanged(index, &folder, &head)) {
            continue;
        }
        let entries = match folder.head.map(|id| read_tree(objects, &id, &mut buf)).transpose() {
            Ok(entries) => entries.unwrap_or_default(),
            Err(error) => {
                // With nothing to compare with all of it counts as new, which errs on the safe side.
                problem(&folder.prefix, error);
                Vec::new()
            }
        };
        let mut pass =
            Pass { index, folder: &folder, changes: &mut changes, stack: &mut stack, sparse: Vec::new() };
        pass.run(&entries);
        for (prefix, new, old) in std::mem::take(&mut pass.sparse) {
            changes.trees(objects, &prefix, new, old.as_slice(), problem);
        }
    }
    changes
}

/// Whether git noted, when it wrote the index, that the folder has this tree.
fn is_unchanged(index: &Index, folder: &Folder, head: &oid) -> bool {
    let tree = folder.cached.and_then(|n| index.cached(n)).and_then(|cached| cached.tree);
    tree.is_some_and(|(count, id)| id == head && count as usize == folder.range.len())
}

struct Pass<'i, 'c> {
    index: &'i Index,
    folder: &'c Folder,
    changes: &'c mut Changes,
    stack: &'c mut Vec<Folder>,
    /// Folders of a sparse index that differ: path, tree in the index, tree in HEAD.
    sparse: Vec<(Vec<u8>, ObjectId, Option<ObjectId>)>,
}

impl<'i> Pass<'i, '_> {
    fn run(&mut self, head: &[Named]) {
        let mut head = head.iter().peekable();
        let mut at = self.folder.range.start;
        let mut cached = self.folder.cached.map(|n| n + 1);
        while at < self.folder.range.end {
            let group = self.group(at, &mut cached);
            at = group.range.end;
            let mut same = None;
            while let Some(entry) = head.peek() {
                match order(&entry.name, entry.kind == EntryKind::Tree, group.name, group.folder) {
                    Ordering::Less => {
                        self.gone(entry);
                        head.next();
                    }
                    Ordering::Equal => {
                        same = head.next();
                        break;
                    }
                    Ordering::Greater => break,
                }
            }
            self.compare(&group, same);
        }
        for entry in head {
            self.gone(entry);
        }
    }

    /// The name that the entry `at` belongs to, with all entries of it.
    fn group(&self, at: usize, cached: &mut Option<usize>) -> Group<'i> {
        let end = self.folder.range.end;
        let skip = self.folder.prefix.len();
        let path = self.index.path(at);
        let rest = &path[skip.min(path.len())..];
        let Some(slash) = memchr::memchr(b'/', rest) else {
            let same = (at + 1..end).take_while(|n| self.index.path(*n) == path).count();
            return Group { name: rest, folder: false, range: at..at + 1 + same, cached: None };
        };
        let name = &rest[..slash];
        let below = &path[..=skip + slash];
        // The cached trees come in the order of the index, but a folder may be missing among them.
        let mut hint = None;
        if let Some(next) = cached
            && let Some(parent) = self.folder.cached.and_then(|n| self.index.cached(n))
        {
            let mut n = *next;
            while n < parent.end
                && let Some(tree) = self.index.cached(n)
            {
                if tree.name == name {
                    hint = Some((n, tree));
                    *next = tree.end;
                    break;
                }
                n = tree.end;
            }
        }
        let is_in = |n: usize| self.index.path(n).starts_with(below);
        let counted = hint.and_then(|(_, tree)| tree.tree).map(|(count, _)| at + count as usize);
        let range_end = match counted {
            Some(e) if e > at && e <= end && is_in(e - 1) && (e == end || !is_in(e)) => e,
            _ => {
                let (mut low, mut high) = (at + 1, end);
                while low < high {
                    let middle = usize::midpoint(low, high);
                    if is_in(middle) { low = middle + 1 } else { high = middle }
                }
                low
            }
        };
        Group { name, folder: true, range: at..range_end, cached: hint.map(|h| h.0) }
    }

    fn compare(&mut self, group: &Group<'_>, head: Option<&Named>) {
        let mut path = [&self.folder.prefix[..], group.name].concat();
        let first = self.index.entry(group.range.start);
        if group.folder {
            if head.is_none() && !(group.range.clone()).all(|n| self.index.entry(n).intent) {
                self.changes.named.push(path.clone());
            }
            path.push(b'/');
            let head = head.map(|h| h.id);
            let is_sparse = first.kind == Kind::Folder && first.path == path;
            if is_sparse && head.as_deref() != Some(first.id) {
                self.sparse.push((path.clone(), first.id.to_owned(), head));
            }
            // `git update-index` leaves entries beside the one that stands for their folder.
            let range = group.range.start + usize::from(is_sparse)..group.range.end;
            if !range.is_empty() {
                let (cached, partial) =
                    (group.cached.filter(|_| !is_sparse), is_sparse || self.folder.partial);
                self.stack.push(Folder { prefix: path, range, head, cached, partial });
            }
            return;
        }
        let old = head.filter(|h| h.kind != EntryKind::Submodule).map(|h| h.id);
        for n in group.range.clone() {
            let entry = self.index.entry(n);
            if entry.intent || head.is_some_and(|h| *h.id == *entry.id) {
                continue;
            }
            if head.is_none() && n == group.range.start {
                self.changes.named.push(path.clone());
            }
            let kind = match entry.kind {
                Kind::File => FileKind::File,
                Kind::Link => FileKind::Link,
                Kind::Submodule | Kind::Folder => continue,
            };
            self.changes.changed.push(Change {
                path: path.clone(),
                id: entry.id.to_owned(),
                kind,
                old: old.into_iter().collect(),
            });
        }
    }

    fn gone(&mut self, entry: &Named) {
        if entry.kind == EntryKind::Submodule || self.folder.partial {
            return;
        }
        let path = [&self.folder.prefix[..], &entry.name].concat();
        self.changes.gone.push(Gone { path, id: entry.id, folder: entry.kind == EntryKind::Tree });
    }
}
