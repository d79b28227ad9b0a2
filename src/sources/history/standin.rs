//! Stand-in for the object store until the pack engine lands: the same interface on gix's object database.
//! Correct, but slow and single-threaded.

use std::io::Read;
use std::path::Path;

use gix::odb::store::iter::Ordering;
use gix::prelude::Find as _;

pub use gix::hash::Kind as HashKind;
pub use gix::objs::Kind as ObjectKind;
pub use gix::{ObjectId, oid};

use crate::detect::Prefilter;

/// What could not be read of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The object, where it is one.
    pub id: Option<ObjectId>,
    /// What was not read.
    pub what: String,
    /// Why.
    pub reason: String,
}

impl From<Problem> for crate::blob::Skipped {
    fn from(problem: Problem) -> Self {
        Self { what: problem.what, reason: problem.reason, help: None }
    }
}

/// How to scan.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScanOptions {
    /// Threads to use.
    pub threads: usize,
    /// Whether to compute the id of each object.
    pub check_hashes: bool,
    /// Blobs above this size are left out.
    pub max_blob_size: Option<u64>,
}

/// What was scanned.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScanStats {
    /// Objects read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes what a scan finds. Called from many threads.
pub trait ObjectSink: Sync {
    /// An object that holds a literal.
    fn hot(&self, id: &oid, kind: ObjectKind, bytes: &[u8]);
    /// A blob that is too large for memory.
    fn hot_stream(&self, id: &oid, kind: ObjectKind, size: u64, bytes: &mut dyn Read);
    /// A commit, hot or not.
    fn commit(&self, id: &oid, bytes: &[u8]);
    /// A tag, hot or not.
    fn tag(&self, id: &oid, bytes: &[u8]);
    /// A tree that holds a literal.
    fn tree(&self, id: &oid, bytes: &[u8]);
    /// A blob that is a git-lfs pointer.
    fn lfs_pointer(&self, id: &oid, bytes: &[u8]);
    /// Something that cannot be read.
    fn problem(&self, problem: Problem);
    /// A blob above the size limit.
    fn too_big(&self, id: &oid, size: u64);
    /// Objects and bytes done since the last call.
    fn progress(&self, objects: u64, bytes: u64);
    /// Whether to end.
    fn stopped(&self) -> bool;
}

/// An object database.
pub struct Store {
    odb: std::sync::Mutex<gix::odb::HandleArc>,
    ids: Vec<ObjectId>,
    set: gix::hashtable::HashSet<ObjectId>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("objects", &self.ids.len()).finish_non_exhaustive()
    }
}

impl Store {
    /// Open the objects of a folder and its alternates.
    pub fn open(objects_dir: &Path, hash: HashKind) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let store = gix::odb::Store::at_opts(
            objects_dir.to_owned(),
            hash,
            &mut std::iter::empty(),
            gix::odb::store::init::Options::default(),
        );
        let store = store.expect("the stand-in is for tests with a readable folder");
        let odb = gix::odb::Cache::from(std::sync::Arc::new(store).to_handle_arc());
        let mut ids = Vec::new();
        match odb.store_ref().iter() {
            Ok(all) => {
                for id in all.with_ordering(Ordering::PackAscendingOffsetThenLooseLexicographical) {
                    match id {
                        Ok(id) => ids.push(id),
                        Err(e) => problems.push(problem(None, e.to_string())),
                    }
                }
            }
            Err(e) => problems.push(problem(None, e.to_string())),
        }
        if let Ok(text) = std::fs::read_to_string(objects_dir.join("info/alternates")) {
            for line in text.lines().filter(|l| !objects_dir.join(l).is_dir()) {
                problems.push(problem(None, format!("alternate {line} is not there")));
            }
        }
        let mut seen = gix::hashtable::HashSet::default();
        ids.retain(|id| seen.insert(*id));
        (Self { odb: std::sync::Mutex::new(odb), ids, set: seen }, problems)
    }

    /// Whether it holds an object.
    pub fn contains(&self, id: &oid) -> bool {
        self.set.contains(id)
    }

    /// Read an object; `None`: it is not there.
    pub fn read(&self, id: &oid, buf: &mut Vec<u8>) -> Result<Option<ObjectKind>, Problem> {
        match self.odb.lock().expect("no panic under the lock").try_find(id, buf) {
            Ok(data) => Ok(data.map(|d| d.kind)),
            Err(e) => Err(problem(Some(id.to_owned()), e.to_string())),
        }
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.ids.len()
    }

    /// Give all trees to `f`.
    pub fn each(&self, kind: ObjectKind, _threads: usize, f: &(dyn Fn(&oid, &[u8]) + Sync)) -> Vec<Problem> {
        let mut buf = Vec::new();
        let mut problems = Vec::new();
        for id in &self.ids {
            match self.read(id, &mut buf) {
                Ok(Some(k)) if k == kind => f(id, &buf),
                Ok(_) => {}
                Err(p) => problems.push(p),
            }
        }
        problems
    }

    /// Look at every object once.
    pub fn scan(&self, opts: &ScanOptions, prefilter: &Prefilter, sink: &dyn ObjectSink) -> ScanStats {
        let mut buf = Vec::new();
        let mut stats = ScanStats::default();
        for id in &self.ids {
            if sink.stopped() {
                break;
            }
            let kind = match self.read(id, &mut buf) {
                Ok(Some(kind)) => kind,
                Ok(None) => continue,
                Err(p) => {
                    sink.problem(p);
                    continue;
                }
            };
            stats.objects += 1;
            stats.bytes += buf.len() as u64;
            sink.progress(1, buf.len() as u64);
            let hot = prefilter.is_hot(&buf);
            match kind {
                ObjectKind::Commit => sink.commit(id, &buf),
                ObjectKind::Tag => sink.tag(id, &buf),
                ObjectKind::Tree if hot => sink.tree(id, &buf),
                ObjectKind::Blob if buf.starts_with(b"version https://git-lfs.github.com/spec/") => {
                    sink.lfs_pointer(id, &buf);
                }
                _ => {}
            }
            if kind == ObjectKind::Blob && opts.max_blob_size.is_some_and(|max| buf.len() as u64 > max) {
                sink.too_big(id, buf.len() as u64);
            } else if hot && kind != ObjectKind::Tree {
                sink.hot(id, kind, &buf);
            }
        }
        stats
    }
}

fn problem(id: Option<ObjectId>, reason: String) -> Problem {
    Problem { id, what: id.map_or_else(|| "object database".into(), |i| i.to_string()), reason }
}
