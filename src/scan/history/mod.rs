//! The scan of a repository's whole history: every object once, then who introduced what was found.
//!
//! `objects` takes what the store hands over and keeps the findings of each object; here their places are looked up, and
//! what is missing; `merge` makes one finding of each credential.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

mod ahead;
mod credentials;
mod incomplete;
mod merge;
mod news;
mod objects;
mod unread;
mod write;

use gix::hashtable::HashMap as IdMap;

use super::{Control, Outcome, Stats};
use crate::blob::{Place, Skipped};
use crate::detect::Detector;
use crate::finding::Location;
use crate::sources::history::attribute::{History, Places, Staged, Targets, attribute};
use crate::sources::history::commits::{Graph, Index};
use crate::sources::history::reach::{Holder, Reach, lost_names, note_on, tagged_at};
use crate::sources::history::refs::Refs;
use crate::sources::history::store::{ObjectId, ObjectSink as _, ScanOptions, Scanned, Store, TreeLog};
use crate::sources::history::trees::Trees;
use crate::sources::history::{Repo, reflog};
use crate::sources::staged::{Indexed, indexed};

pub(super) use ahead::Ahead;
use objects::{Gathered, Hit, Objects, What};
pub(super) use objects::{TOO_BIG, in_message};

/// What of a history is scanned, and how.
#[derive(Debug, Clone)]
pub struct HistoryOptions {
    /// Only what refs reach whose full name matches this pattern: `*` is any text, `/` included.
    pub refs: Option<String>,
    /// Only what a ref or a HEAD reaches.
    pub reachable_only: bool,
    /// Only what commits from this date on introduced, seconds since 1970.
    pub since: Option<i64>,
    /// Larger blobs are left out, bytes.
    pub max_blob_size: Option<u64>,
    /// Whether to compute the id of every object.
    pub check_hashes: bool,
    /// Threads to use.
    pub threads: usize,
    /// Findings to keep while objects are read, about 2 kB each. Of those beyond only the credential is kept, and what is
    /// reported of them is looked up a second time. This does not change what is found.
    pub keep: usize,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self {
            refs: None,
            reachable_only: false,
            since: None,
            max_blob_size: None,
            check_hashes: false,
            threads: 1,
            keep: 50_000,
        }
    }
}

impl HistoryOptions {
    fn wants_ref(&self, name: &[u8]) -> bool {
        self.refs.as_ref().is_none_or(|pattern| matches_glob(pattern.as_bytes(), name))
    }

    /// What to say if no ref has a name that was asked for.
    fn no_such_ref(&self, refs: &Refs) -> Option<Skipped> {
        let pattern = self.refs.as_ref().filter(|_| !refs.names.iter().any(|name| self.wants_ref(name)))?;
        let skipped = Skipped::new(format!("the refs {pattern}"), "no ref has such a name");
        Some(skipped.help("the whole name counts, such as refs/heads/main"))
    }

    fn restricted(&self) -> bool {
        self.refs.is_some() || self.reachable_only || self.since.is_some()
    }
}

/// Everything that is known of the repository once all objects were read.
struct Known<'a> {
    repo: &'a Repo,
    store: &'a Store,
    threads: usize,
    /// Only what is of this time or later counts, seconds since 1970.
    since: Option<i64>,
    graph: Graph,
    reach: Reach,
    /// For commits that no ref reaches: what still names them.
    lost: Vec<Option<u32>>,
    /// Names of reflog entries and pseudo refs.
    log: Vec<(String, ObjectId)>,
    /// The commits that count, those that branches and tags hold first.
    commits: Vec<Index>,
    /// Place of each commit in `commits`; `u32::MAX`: it does not count.
    rank: Vec<u32>,
}

impl<'a> Known<'a> {
    /// Order the commits that were gathered.
    fn new(
        repo: &'a Repo,
        store: &'a Store,
        refs: &Refs,
        gathered: &Gathered,
        options: &HistoryOptions,
    ) -> Self {
        let graph = Graph::new(&gathered.commits);
        let reach = Reach::new(&graph, refs, &gathered.tags, store, &|name| options.wants_ref(name));
        let log = reflog::read(repo);
        let lost = lost_names(&graph, &reach, &log);
        let commits = selected(&graph, &reach, options);
        let mut rank = vec![u32::MAX; graph.len()];
        for (commit, at) in commits.iter().zip(0..) {
            rank[*commit as usize] = at;
        }
        let (threads, since) = (options.threads, options.since);
        Self { repo, store, threads, since, graph, reach, lost, log, commits, rank }
    }

    /// Whether a tag was made on or after the date that was asked for; one that does not say when counts.
    fn is_recent(&self, tag: &ObjectId) -> bool {
        let Some(since) = self.since else { return true };
        let mut bytes = Vec::new();
        let time = self.store.read(tag, &mut bytes).ok().and_then(|_| tagged_at(&bytes));
        time.is_none_or(|time| time >= since)
    }
}

/// What was found, and where.
struct Found<'a> {
    gathered: &'a Gathered,
    places: &'a Places,
    /// The trees that lead there.
    trees: &'a Trees<'a>,
}

/// Find all credentials in the history of `repo`.
///
/// `started` is the time of the scan: it goes into the outcome, as both its times, and decides what has expired.
pub fn scan_history(
    repo: &Repo,
    options: &HistoryOptions,
    detector: &Detector,
    control: &Control,
    started: SystemTime,
) -> Outcome {
    let refs = Refs::read(repo);
    let (store, problems) = Store::open(&repo.objects_dir, repo.hash);
    let objects = Objects::new(repo, detector, control, options.keep);
    let scan = ScanOptions {
        threads: options.threads,
        check_hashes: options.check_hashes,
        max_blob_size: options.max_blob_size,
    };
    for problem in problems {
        objects.skip(problem);
    }
    let Scanned { stats: read, mut trees } = store.scan(&scan, detector.prefilter(), &objects);
    objects.progress(read.objects, read.bytes);
    let mut gathered = objects.finish();
    for name in &refs.names {
        gathered.name_of_ref(name, detector);
    }
    gathered.skipped.extend(refs.problems.iter().chain(&repo.problems).cloned());
    gathered.skipped.extend(options.no_such_ref(&refs));
    let stop = || control.stopped();
    // What was found until then still gets its places, unless there is nothing to find them for.
    let early = stop();
    let give_up = || stop() && (!early || gathered.hits.is_empty());
    if early {
        trees = store.trees(options.threads, detector.prefilter(), &give_up);
    }
    let sought = Sought::new(repo, &gathered, &trees);
    let malformed =
        trees.malformed.iter().map(|id| Skipped::new(format!("tree {id}"), "its entries are malformed"));
    let (leading, known) = both(
        options.threads,
        || Trees::new(&store, &trees, sought.targets(), &give_up),
        || Known::new(repo, &store, &refs, &gathered, options),
    );
    gathered.commits = Vec::new();
    gathered.skipped.extend(malformed);
    let (absent, mut places) = both(
        options.threads,
        || incomplete::commits(&known),
        || {
            let named_trees: Vec<ObjectId> = known.reach.named.iter().map(|n| n.0).collect();
            let head = refs.head().and_then(|id| known.graph.find(&id));
            let every = known.since.is_some();
            let history =
                History { graph: &known.graph, head, trees: &named_trees, every, stopped: &give_up };
            attribute(&leading, history, sought.targets(), &known.commits)
        },
    );
    let Sought { missing, unread, .. } = sought;
    if !stop() && !options.restricted() {
        let lost = unread.iter().map(|(id, target)| (*id, *target));
        add_staged(&known, &gathered.hits, lost, &mut places);
    }
    unread::add_paths(gathered.skipped.iter_mut().chain(&mut gathered.left_out), &unread, &places);
    gathered.left_out.extend(incomplete::lfs_elsewhere(gathered.lfs_elsewhere));
    gathered.left_out.sort_unstable();
    if stop() {
        // What is missing is not known; nor are all places.
        gathered.skipped.push(Skipped::new("the scan", "it was interrupted"));
    } else {
        gathered.skipped.extend(incomplete::missing(&known, absent, &missing, &places));
    }
    let now = started.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed());
    let mut skipped = std::mem::take(&mut gathered.skipped);
    let found = Found { gathered: &gathered, places: &places, trees: &leading };
    let findings = merge::findings(&known, &found, options.restricted(), now, detector, &mut skipped);
    skipped.sort_unstable();
    skipped.dedup();
    let target: &PathBuf = repo.work_tree.as_ref().unwrap_or(&repo.git_dir);
    Outcome {
        mode: "history",
        target: target.display().to_string(),
        started,
        finished: started,
        stats: Stats::of(control),
        findings,
        incomplete: skipped,
        left_out: gathered.left_out,
        unused_suppressions: Vec::new(),
    }
}

/// The commits that count, in the order in which they may claim to have introduced something: parents first, but what
/// branches and tags hold before what only a stash or a note holds, and that before what nothing holds.
fn selected(graph: &Graph, reach: &Reach, options: &HistoryOptions) -> Vec<Index> {
    let class = |c: &Index| match reach.holder(*c) {
        Holder::Ref => 0,
        Holder::Stash | Holder::Notes(_) => 1,
        Holder::Nothing => 2,
    };
    let only_reachable = options.reachable_only || options.refs.is_some();
    let counts = |c: &Index| {
        (!only_reachable || reach.reaches(*c)) && options.since.is_none_or(|since| graph.time(*c) >= since)
    };
    let mut commits: Vec<Index> = graph.order().iter().copied().filter(counts).collect();
    commits.sort_by_key(class);
    commits
}

/// Make a place in a tree of notes one of a note: known by what it is about, and not by its path.
pub(super) fn as_note(location: &mut Location) {
    location.place = Place::Note;
    location.note_on = location.path.as_deref().and_then(note_on);
    location.path = location.path.take().filter(|_| location.note_on.is_none());
}

/// What is missing: object ids, and the index of the first among the targets of [`Places`].
struct Missing {
    ids: Vec<ObjectId>,
    /// Targets from here on are `ids`, where their places were looked up.
    first_target: Option<u32>,
}

/// What places are looked up for: everything that was found, what is missing, and what was not read.
struct Sought {
    objects: IdMap<ObjectId, u32>,
    names: BTreeMap<ObjectId, Vec<(Vec<u8>, u32)>>,
    count: usize,
    missing: Missing,
    /// Targets of what was not read.
    unread: IdMap<ObjectId, u32>,
}

/// Blobs, by id, and names in trees.
type InTrees = (IdMap<ObjectId, u32>, BTreeMap<ObjectId, Vec<(Vec<u8>, u32)>>);

/// The hits that a tree leads to, as targets with their number.
fn in_trees(hits: &[Hit]) -> InTrees {
    let (mut objects, mut names) = InTrees::default();
    for (hit, target) in hits.iter().zip(0..) {
        match &hit.what {
            What::Blob | What::Lfs => {
                objects.insert(hit.object, target);
            }
            What::Name(name) => names.entry(hit.object).or_default().push((name.clone(), target)),
            What::Commit | What::Tag | What::Ref(_) => {}
        }
    }
    (objects, names)
}

impl Sought {
    fn new(repo: &Repo, gathered: &Gathered, log: &TreeLog) -> Self {
        let hits = &gathered.hits;
        let (mut objects, names) = in_trees(hits);
        let mut missing = Missing { ids: log.missing.clone(), first_target: None };
        missing.ids.retain(|id| *id != repo.hash.empty_tree());
        missing.ids.sort_unstable();
        // Whether it matters that they are missing depends on what names them.
        if !missing.ids.is_empty() && !repo.promisor && missing.ids.len() <= incomplete::MAX_JUDGED {
            missing.first_target = Some(hits.len() as u32);
            objects.extend(missing.ids.iter().copied().zip(hits.len() as u32..));
        }
        let mut count = hits.len() + missing.first_target.map_or(0, |_| missing.ids.len());
        let mut target_of = |id| {
            *objects.entry(id).or_insert_with(|| {
                count += 1;
                count as u32 - 1
            })
        };
        let unread = unread::objects(gathered.skipped.iter().chain(&gathered.left_out));
        let unread = unread.into_iter().map(|id| (id, target_of(id))).collect();
        Self { objects, names, count, missing, unread }
    }

    fn targets(&self) -> Targets<'_> {
        Targets { objects: &self.objects, names: &self.names, count: self.count }
    }
}

/// Do two things at the same time, if there are threads for it.
fn both<A: Send, B>(threads: usize, aside: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    if threads < 2 {
        return (aside(), here());
    }
    std::thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let here = here();
        (aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

/// Name the places in the indexes of what no ref reaches: what was found, and what was not read.
fn add_staged(
    known: &Known<'_>,
    hits: &[Hit],
    unread: impl Iterator<Item = (ObjectId, u32)>,
    places: &mut Places,
) {
    let reached = |target: u32| {
        places.of[target as usize].iter().any(|p| p.commit.is_none_or(|c| known.reach.reaches(c)))
    };
    let blobs = hits.iter().zip(0..).filter(|(hit, _)| matches!(hit.what, What::Blob | What::Lfs));
    let lost: IdMap<ObjectId, u32> = blobs
        .map(|(hit, target)| (hit.object, target))
        .chain(unread)
        .filter(|(id, target)| !reached(*target) && known.reach.name_of(id).is_none())
        .collect();
    if lost.is_empty() {
        return;
    }
    let found = indexed(known.repo, &|id| lost.contains_key(id));
    let mut by_path: std::collections::HashMap<Box<[u8]>, u32> = std::collections::HashMap::new();
    if !found.is_empty() {
        by_path.extend(places.paths.iter().cloned().zip(0..));
    }
    for Indexed { id, path, named_by } in found {
        let path = *by_path.entry(path.into()).or_insert_with_key(|path| {
            places.paths.push(path.clone());
            places.paths.len() as u32 - 1
        });
        places.staged.push(Staged { target: lost[&id], path, named_by });
    }
    places.staged.sort_unstable();
    places.staged.dedup();
}

/// Whether `text` matches a pattern of `*`, `?` and plain characters.
fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = retry else { return false };
                retry = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests;
