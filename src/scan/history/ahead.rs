//! Which commits of a range add anything, for a range that is a large part of the history: found at the speed of the packs.
//!
//! Every object is looked at once, as for the whole history. A commit that brings nothing of what was found, and says
//! nothing itself, needs no look of its own. Nor does one whose files were read already.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::Ordering;

use super::objects::{Gathered, Objects, What};
use super::{IdMap, in_trees};
use crate::detect::Detector;
use crate::scan::{Control, Stats};
use crate::sources::history::Repo;
use crate::sources::history::attribute::{Targets, adding};
use crate::sources::history::commits::Node;
use crate::sources::history::store::{Change, Number, ObjectId, ScanOptions, Scanned, Store, TreeLog};
use crate::sources::history::trees::{EntryKind, Trees};

type IdSet = gix::hashtable::HashSet<ObjectId>;

/// The commits that have to be looked at.
pub(in crate::scan) struct Ahead {
    commits: BTreeSet<ObjectId>,
    /// Blobs that hold anything, or that cannot be read, or not all of them.
    blobs: IdSet,
    /// What was read to know them.
    pub(in crate::scan) read: Stats,
}

impl Ahead {
    /// Fewer commits are looked at one by one in no time.
    const FROM_COMMITS: u64 = 64;
    /// To look at a commit takes about as long as to read so many objects of a pack.
    const OBJECTS_A_COMMIT: u64 = 64;

    /// Look at everything that `repo` stores, where that is less work than to go through `commits`. `None`: it is not, or
    /// something cannot be read.
    pub(in crate::scan) fn where_less(
        repo: &Repo,
        detector: &Detector,
        control: &Control,
        threads: usize,
        commits: &[Node],
    ) -> Option<Self> {
        let count = commits.len() as u64;
        if count < Self::FROM_COMMITS {
            return None;
        }
        let (store, problems) = Store::open(&repo.objects_dir, repo.hash);
        if !problems.is_empty() || store.object_count() > count * Self::OBJECTS_A_COMMIT {
            return None;
        }
        Self::look(repo, &store, detector, control, threads, commits)
    }

    /// Look at everything that `store` holds. `None`: something cannot be read.
    fn look(
        repo: &Repo,
        store: &Store,
        detector: &Detector,
        control: &Control,
        threads: usize,
        commits: &[Node],
    ) -> Option<Self> {
        let before = Stats::of(control);
        let objects = Objects::new(repo, detector, control, 0);
        let scan = ScanOptions { threads, check_hashes: false, max_blob_size: None };
        let Scanned { stats, trees } = store.scan(&scan, detector.prefilter(), &objects);
        let gathered = objects.finish();
        // Whatever comes of it, it is not to be counted twice.
        control.blobs.store(before.blobs, Ordering::Relaxed);
        control.bytes.store(before.bytes, Ordering::Relaxed);
        // In a name the history finds what stands there as it is; a commit alone is searched for encoded values, too.
        let (all, plain) = (detector.prefilter(), detector.prefilter().for_names());
        if trees.names().any(|name| all.is_hot_name(name) && !plain.is_hot(name)) {
            return None;
        }
        let unread = unread(store, &trees, &gathered)?;
        let (mut blobs, names) = in_trees(&gathered.hits);
        for (id, target) in unread.iter().zip(gathered.hits.len() as u32..) {
            blobs.entry(*id).or_insert(target);
        }
        let count = gathered.hits.len() + unread.len();
        let targets = Targets { objects: &blobs, names: &names, count };
        let trees = Trees::new(store, &trees, targets, &|| control.stopped());
        let commits = to_look_at(store, &trees, &gathered, &unread, commits)?;
        let blobs = blobs.into_keys().collect();
        Some(Self { commits, blobs, read: Stats { blobs: stats.objects, bytes: stats.bytes } })
    }

    /// Whether a blob holds nothing.
    pub(in crate::scan) fn is_cold(&self, blob: &ObjectId) -> bool {
        !self.blobs.contains(blob)
    }

    /// Whether a commit may add something.
    pub(in crate::scan) fn wants(&self, commit: &ObjectId) -> bool {
        self.commits.contains(commit)
    }
}

/// Blobs that cannot be read, or not all of them: missing, damaged, left out. `None`: it is more than blobs, or too many.
fn unread(store: &Store, log: &TreeLog, gathered: &Gathered) -> Option<IdSet> {
    const TOO_MANY: usize = 10_000;
    let told = gathered.skipped.iter().map(|skipped| skipped.object);
    let left_out = gathered.left_out.iter().map(|skipped| skipped.object);
    let unread: Option<IdSet> = told.chain(left_out).chain(log.missing.iter().copied().map(Some)).collect();
    let unread = unread.filter(|ids| ids.len() <= TOO_MANY && log.malformed.is_empty())?;
    let lost = |number: Number| number >= log.first_missing;
    let numbers: HashSet<Number> = unread.iter().filter_map(|id| store.number(id)).collect();
    // Whoever compares a tree with one that cannot be read has to say so.
    let is_unread = |change: &Change| {
        change.kind() == EntryKind::Tree && change.object().is_some_and(|n| lost(n) || numbers.contains(&n))
    };
    (!log.trees().any(|(_, changes)| changes.iter().any(is_unread))).then_some(unread)
}

/// The commits that bring something that was found or that cannot be read, or say it, or whose neighbours are not known.
fn to_look_at(
    store: &Store,
    trees: &Trees<'_>,
    gathered: &Gathered,
    unread: &IdSet,
    commits: &[Node],
) -> Option<BTreeSet<ObjectId>> {
    let root: IdMap<ObjectId, ObjectId> = gathered.commits.iter().map(|node| (node.id, node.tree)).collect();
    let is_known =
        |tree: &ObjectId| *tree == tree.kind().empty_tree() || store.contains(tree) && !unread.contains(tree);
    let said = gathered.hits.iter().filter(|hit| hit.what == What::Commit);
    let mut wanted: BTreeSet<ObjectId> = said.map(|hit| hit.object).collect();
    let (mut states, mut of) = (Vec::with_capacity(commits.len()), Vec::with_capacity(commits.len()));
    for node in commits {
        let before: Option<Vec<ObjectId>> = node.parents.iter().map(|id| root.get(id).copied()).collect();
        if let Some(before) = before.filter(|before| before.iter().chain([&node.tree]).all(is_known)) {
            states.push((node.tree, before));
            of.push(node.id);
        } else {
            wanted.insert(node.id);
        }
    }
    let adds = adding(trees, &states)?;
    wanted.extend(of.into_iter().zip(adds).filter(|(_, adds)| *adds).map(|(id, _)| id));
    Some(wanted)
}
