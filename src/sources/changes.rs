//! What a new state of files has that its predecessors lack: the common ground of the index and of commit ranges.
//!
//! Trees are compared with all parents at once, and only where none of them has the same object at the same place.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;

use super::history::commits::Node;
use super::history::store::{HashKind, ObjectId, ObjectKind, oid};
use super::history::trees::{self, EntryKind};
use super::objects::{ObjectError, Objects};

/// What a changed entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A file.
    File,
    /// A symbolic link: its content is where it leads.
    Link,
}

/// An entry whose content no predecessor has at this path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Its path.
    pub path: Vec<u8>,
    /// Its content.
    pub id: ObjectId,
    /// What it is.
    pub kind: FileKind,
    /// What the predecessors have at this path: at most one for each.
    pub old: Vec<ObjectId>,
}

/// An entry that a predecessor has and the new state does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// Its path.
    pub path: Vec<u8>,
    /// A file or a link, or a folder.
    pub id: ObjectId,
    /// Whether it is a folder, with all that is in it.
    pub folder: bool,
}

/// The difference of a state to its predecessors.
#[derive(Debug, Default)]
pub struct Changes {
    /// New or changed content.
    pub changed: Vec<Change>,
    /// Paths of files and folders that no predecessor has.
    pub named: Vec<Vec<u8>>,
    /// What went away.
    pub gone: Vec<Gone>,
}

/// A folder to compare: its path with a `/` at its end, its tree, and those of the predecessors.
struct Folder {
    prefix: Vec<u8>,
    new: ObjectId,
    old: Vec<ObjectId>,
}

/// An entry of a tree, owned.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) id: ObjectId,
}

/// The entries of a tree. Malformed ones are an error: what stands behind them would be missed.
pub(super) fn read_tree(objects: &Objects, id: &oid, buf: &mut Vec<u8>) -> Result<Vec<Named>, ObjectError> {
    objects.read_kind(id, ObjectKind::Tree, buf)?;
    parse_tree(buf, objects.hash())
        .ok_or_else(|| ObjectError::Damaged { id: id.to_owned(), reason: "its entries are malformed".into() })
}

fn parse_tree(mut bytes: &[u8], hash: HashKind) -> Option<Vec<Named>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (entry, length) = trees::entry(bytes, hash)?;
        all.push(Named { name: entry.name.to_vec(), kind: entry.kind, id: entry.id.to_owned() });
        bytes = &bytes[length..];
    }
    Some(all)
}

/// The order of names in trees and in the index: folders sort as if their names ended in `/`.
pub(super) fn order(a: &[u8], a_folder: bool, b: &[u8], b_folder: bool) -> Ordering {
    let common = a.len().min(b.len());
    a[..common].cmp(&b[..common]).then_with(|| {
        let next = |name: &[u8], folder: bool| match name.get(common) {
            Some(byte) => Some(*byte),
            None if folder => Some(b'/'),
            None => None,
        };
        next(a, a_folder).cmp(&next(b, b_folder))
    })
}

/// Which folders a walk still goes into. A few small objects can stand for more paths than anybody can walk, so that after so
/// many of them content is visited once, whatever its path.
struct Patience<K> {
    paths: usize,
    seen: HashSet<K>,
}

impl<K: Eq + Hash> Patience<K> {
    const PATHS: usize = 10_000;

    fn new() -> Self {
        Self { paths: 0, seen: HashSet::new() }
    }

    /// Whether to go into a folder with `paths` entries that is `key`.
    fn allows(&mut self, key: K, paths: usize) -> bool {
        self.paths += paths;
        self.seen.insert(key) || self.paths <= Self::PATHS
    }
}

impl Changes {
    /// Compare the tree `new` at `prefix` (empty, or ending in `/`) with those of the predecessors, and add what differs
    /// from all of them. What cannot be read goes to `problem`, and the rest is compared.
    pub fn trees(
        &mut self,
        objects: &Objects,
        prefix: &[u8],
        new: ObjectId,
        old: &[ObjectId],
        problem: &mut dyn FnMut(&[u8], ObjectError),
    ) {
        let mut buf = Vec::new();
        let mut stack = vec![Folder { prefix: prefix.to_vec(), new, old: old.to_vec() }];
        let mut patience = Patience::new();
        while let Some(folder) = stack.pop() {
            if folder.old.contains(&folder.new) {
                continue;
            }
            let entries = match read_tree(objects, &folder.new, &mut buf) {
                Ok(entries) => entries,
                Err(error) => {
                    problem(&folder.prefix, error);
                    continue;
                }
            };
            if !patience.allows((folder.new, folder.old.clone()), entries.len()) {
                continue;
            }
            let mut before: Vec<Vec<Named>> = Vec::new();
            for id in &folder.old {
                // Without a predecessor more counts as new: that errs on the safe side, and is told.
                match read_tree(objects, id, &mut buf) {
                    Ok(entries) => before.push(entries),
                    Err(error) => problem(&folder.prefix, error),
                }
            }
            self.folder(&folder.prefix, &entries, &before, &mut stack);
        }
    }

    fn folder(&mut self, prefix: &[u8], new: &[Named], old: &[Vec<Named>], stack: &mut Vec<Folder>) {
        let path = |name: &[u8]| [prefix, name].concat();
        let is_folder = |e: &Named| e.kind == EntryKind::Tree;
        let find = |list: &[Named], e: &Named| {
            list.binary_search_by(|o| order(&o.name, is_folder(o), &e.name, is_folder(e))).ok()
        };
        for entry in new {
            let same: Vec<&Named> =
                old.iter().filter_map(|list| find(list, entry).map(|i| &list[i])).collect();
            if same.iter().any(|o| o.id == entry.id) {
                continue;
            }
            if same.is_empty() {
                self.named.push(path(&entry.name));
            }
            if is_folder(entry) {
                let mut prefix = path(&entry.name);
                prefix.push(b'/');
                stack.push(Folder { prefix, new: entry.id, old: same.iter().map(|o| o.id).collect() });
                continue;
            }
            let kind = match entry.kind {
                EntryKind::Link => FileKind::Link,
                EntryKind::File => FileKind::File,
                EntryKind::Tree | EntryKind::Submodule => continue,
            };
            let old = same.iter().filter(|o| o.kind != EntryKind::Submodule).map(|o| o.id).collect();
            self.changed.push(Change { path: path(&entry.name), id: entry.id, kind, old });
        }
        for entry in old.iter().flatten().filter(|e| e.kind != EntryKind::Submodule) {
            if find(new, entry).is_none() {
                self.gone.push(Gone { path: path(&entry.name), id: entry.id, folder: is_folder(entry) });
            }
        }
    }
}

/// The file or link at `path` below a tree, if it is there.
pub fn find_path(objects: &Objects, tree: ObjectId, path: &[u8]) -> Result<Option<ObjectId>, ObjectError> {
    Ok(find_entry(objects, tree, path)?.map(|(id, _)| id))
}

fn find_entry(
    objects: &Objects,
    tree: ObjectId,
    path: &[u8],
) -> Result<Option<(ObjectId, EntryKind)>, ObjectError> {
    let mut buf = Vec::new();
    let mut at = (tree, EntryKind::Tree);
    let mut names = path.split(|b| *b == b'/').peekable();
    while let Some(name) = names.next() {
        let wanted = names.peek().is_some();
        let entries = read_tree(objects, &at.0, &mut buf)?;
        let found = entries.into_iter().find(|e| e.name == name && (e.kind == EntryKind::Tree) == wanted);
        match found {
            Some(entry) if entry.kind != EntryKind::Submodule => at = (entry.id, entry.kind),
            _ => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// All files and links of a tree, with their paths; each with one path at least.
pub fn files_below(
    objects: &Objects,
    prefix: &[u8],
    tree: ObjectId,
    each: &mut dyn FnMut(Vec<u8>, ObjectId),
) -> Result<(), ObjectError> {
    let mut buf = Vec::new();
    let mut stack = vec![(prefix.to_vec(), tree)];
    let mut patience = Patience::new();
    while let Some((prefix, id)) = stack.pop() {
        let entries = read_tree(objects, &id, &mut buf)?;
        if !patience.allows(id, entries.len()) {
            continue;
        }
        for entry in entries {
            let mut path = [&prefix[..], &entry.name].concat();
            match entry.kind {
                EntryKind::Tree => {
                    path.push(b'/');
                    stack.push((path, entry.id));
                }
                EntryKind::File | EntryKind::Link => each(path, entry.id),
                EntryKind::Submodule => {}
            }
        }
    }
    Ok(())
}

/// The content of the file at `path` in the tree of a commit, if it is there. A link is an error.
pub fn file_at(objects: &Objects, commit: ObjectId, path: &[u8]) -> Result<Option<Vec<u8>>, ObjectError> {
    let mut buf = Vec::new();
    objects.read_kind(&commit, ObjectKind::Commit, &mut buf)?;
    let node = Node::parse(commit, &buf, objects.hash())
        .ok_or_else(|| ObjectError::Damaged { id: commit, reason: "the commit is malformed".into() })?;
    let Some((file, kind)) = find_entry(objects, node.tree, path)? else { return Ok(None) };
    if kind == EntryKind::Link {
        return Err(ObjectError::link(&file));
    }
    objects.read_kind(&file, ObjectKind::Blob, &mut buf)?;
    Ok(Some(buf))
}
