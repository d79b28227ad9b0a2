//! A repository's object database: packs, loose objects and alternates, read by ourselves.
//!
//! - [`Store::read`] reads single objects;
//! - [`Store::scan`] looks at every object once for what the prefilter finds, and hands over those that matter;
//! - [`Store::trees`] looks at the trees alone.
//!
//! The files: `alternates` finds the object directories; `loose` and `pack` read them, with `table` to find an id, and
//! `owners` says which of several copies counts; `inflate` and `delta` rebuild content, in a `buffer` or as a `stream`;
//! `read` does so for one object, along its chain of deltas. For all objects `forest` orders the entries of a pack by
//! their deltas, `plan` says which of them are visited, and `walk` goes through those, inflating each once; `seams` (with
//! `tail`) tells from a delta alone what it changes for the prefilter, and `versions` which entries of a `tree` it changes,
//! for `tree_log`; `scan` puts it together, for a `sink`. `floor` is what a scan is measured against.
//! Everything that comes from a file is taken for hostile: sizes are bounded by what can be there, nothing recurses on
//! input, and what is damaged is a [`Skipped`] while the rest goes on.
//!
//! Memory: the mapped packs, about 40 bytes a packed object, some 50 bytes for each tree and 8 for each entry that a tree
//! changes, and for each thread a few buffers of the size of the objects at hand: of a tree of deltas at most O(log n)
//! objects are alive at once, whatever its depth.

use std::path::Path;
use std::sync::OnceLock;

pub use gix::hash::Kind as HashKind;
pub use gix::objs::Kind as ObjectKind;
pub use gix::{ObjectId, oid};

use crate::blob::Skipped;

mod alternates;
mod buffer;
mod delta;
mod floor;
mod forest;
mod inflate;
mod loose;
mod owners;
mod pack;
mod plan;
mod read;
mod scan;
mod seams;
mod sink;
mod stream;
mod table;
mod tail;
pub mod tree;
mod tree_log;
mod versions;
mod walk;

#[cfg(test)]
mod tests;

pub(super) use alternates::object_dirs;
pub use floor::Floor;
pub use scan::{ScanOptions, ScanStats, Scanned};
pub use sink::{Hot, ObjectSink};
pub(super) use table::Table;
pub use tree_log::{Change, Number, TreeLog};

use loose::Loose;
use owners::Owners;
use pack::Pack;

/// How many ids are best looked up at once: each look-up waits for memory, and so many can wait together.
pub(super) const TOGETHER: usize = 128;

/// Blobs above this, inflated, are streamed where nothing is built on them.
const STREAM_FROM: u64 = 32 << 20;

/// All objects of a repository.
#[derive(Debug)]
pub struct Store {
    hash: HashKind,
    packs: Vec<Pack>,
    /// Numbers of the first object of each pack, and of the first loose one.
    firsts: Vec<Number>,
    loose: Loose,
    owners: OnceLock<Owners>,
}

impl Store {
    /// Open the object directory of a repository (`.git/objects`) with everything that it borrows from. What cannot be opened
    /// is a problem; the rest is there.
    pub fn open(objects_dir: &Path, hash: HashKind) -> (Self, Vec<Skipped>) {
        let mut problems = Vec::new();
        let dirs = object_dirs(objects_dir, &mut problems);
        let mut packs = Vec::new();
        for dir in &dirs {
            open_packs(&dir.join("pack"), hash, &mut packs, &mut problems);
        }
        // The largest first: it owns most objects, and the small ones give way.
        packs.sort_by(|a, b| b.index().len.cmp(&a.index().len).then_with(|| a.path.cmp(&b.path)));
        let mut firsts: Vec<Number> = vec![0];
        for pack in &packs {
            firsts.push(firsts[firsts.len() - 1].saturating_add(pack.index().len as Number));
        }
        let loose = Loose::open(dirs, hash, &mut problems);
        (Self { hash, packs, firsts, loose, owners: OnceLock::new() }, problems)
    }

    /// Whether there is an object of this id, readable or not.
    pub fn contains(&self, id: &oid) -> bool {
        self.packs.iter().any(|p| p.index().find(id).is_some()) || self.loose.contains(id)
    }

    /// The number of an object: each has one, below [`Self::numbers`]. `None`: it is not there.
    pub fn number(&self, id: &oid) -> Option<Number> {
        for (pack, first) in self.packs.iter().zip(&self.firsts) {
            if let Some(position) = pack.index().find(id) {
                return Some(first + position as Number);
            }
        }
        let loose = self.owners().loose.binary_search_by(|l| l.as_bytes().cmp(id.as_bytes())).ok()?;
        Some(self.firsts[self.packs.len()] + loose as Number)
    }

    /// The numbers of many objects, best [`TOGETHER`], for `into`.
    pub(super) fn find_numbers<'i>(
        &self,
        ids: impl ExactSizeIterator<Item = &'i oid> + Clone,
        into: &mut Vec<Option<Number>>,
    ) {
        let Some((pack, first)) = self.packs.iter().zip(&self.firsts).next() else {
            into.clear();
            into.extend(ids.map(|id| self.number(id)));
            return;
        };
        pack.index().find_all(ids.clone(), into);
        for (id, number) in ids.zip(into) {
            *number = match number {
                Some(position) => Some(first + *position),
                None => self.number(id),
            };
        }
    }

    /// One more than the highest number of an object.
    pub fn numbers(&self) -> Number {
        self.firsts[self.packs.len()] + self.owners().loose.len() as Number
    }

    /// How many different objects there are.
    pub fn object_count(&self) -> u64 {
        self.owners().count
    }

    /// All ids, each once, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let owners = self.owners();
        let packed = self.packs.iter().enumerate().flat_map(move |(number, pack)| {
            (0..pack.index().len)
                .filter(move |&position| owners.owns(number, position))
                .map(|position| pack.index().id(position).to_owned())
        });
        packed.chain(owners.loose.iter().copied())
    }

    fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| Owners::new(&self.packs, &self.loose))
    }
}

/// Open all packs of a folder.
fn open_packs(folder: &Path, hash: HashKind, packs: &mut Vec<Pack>, problems: &mut Vec<Skipped>) {
    let problem = |what: &Path, reason: String| Skipped::new(what.display().to_string(), reason);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            problems.push(problem(folder, format!("cannot list the folder: {error}")));
            return;
        }
    };
    let mut indexes = Vec::new();
    let mut bare = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => {
                let path = entry.path();
                match path.extension().and_then(|e| e.to_str()) {
                    Some("idx") => indexes.push(path),
                    Some("pack") => bare.push(path),
                    _ => {}
                }
            }
            Err(error) => problems.push(problem(folder, format!("cannot list the folder: {error}"))),
        }
    }
    indexes.sort();
    bare.sort();
    bare.retain(|p| indexes.binary_search(&p.with_extension("idx")).is_err());
    for path in bare {
        problems.push(problem(&path, "the pack has no index (`git index-pack` makes one)".into()));
    }
    for path in indexes {
        let mut found = Vec::new();
        match Pack::open(&path, hash, &mut found) {
            Ok(pack) => packs.push(pack),
            Err(reason) => problems.push(problem(&path, reason)),
        }
        problems.extend(found.into_iter().map(|reason| problem(&path.with_extension("pack"), reason)));
    }
}
