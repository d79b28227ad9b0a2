//! Looking at every object, and handing over those that matter.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::objs::Kind as ObjectKind;
use gix::oid;

use super::buffer::Buffer;
use super::delta::Delta;
use super::seams::{Note, Scratch, Seams};
use super::sink::{Hot, ObjectSink};
use super::tree_log::TreeLog;
use super::versions::{Log, TreeNote, Which};
use super::walk::{Entry, Look, Open, Visitor, walk};
use super::{Store, stream};
use crate::blob::Skipped;
use crate::decode::unpack;
use crate::detect::{Memo, Prefilter};
use crate::sources::lfs;

/// How to scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// On how many threads.
    pub threads: usize,
    /// Whether to compute the id of every object and compare.
    pub check_hashes: bool,
    /// Leave out blobs of more bytes.
    pub max_blob_size: Option<u64>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Objects, without those that are lost or left out.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that had to be inflated for it.
    pub inflated: u64,
}

/// What a scan has read.
#[derive(Debug)]
pub struct Scanned {
    /// How much.
    pub stats: ScanStats,
    /// All trees.
    pub trees: TreeLog,
}

/// Whether a blob begins as a container does.
fn is_container(bytes: &[u8]) -> bool {
    unpack::format(&bytes[..bytes.len().min(unpack::HEAD)]).is_some()
}

impl Store {
    /// Look at every object once.
    pub fn scan(&self, options: &ScanOptions, prefilter: &Prefilter, sink: &dyn ObjectSink) -> Scanned {
        let names = prefilter.for_names();
        let seams = Seams::new(prefilter);
        let (objects, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let scanners = walk(self, options.threads, || Scanner {
            hash: self.hash,
            options,
            prefilter,
            seams: &seams,
            scratch: Scratch::default(),
            memo: Memo::default(),
            log: Log::new(self, &names),
            sink,
            stats: ScanStats::default(),
            reported: ScanStats::default(),
            objects: &objects,
            bytes: &bytes,
        });
        let stats = scanners.iter().fold(ScanStats::default(), |sum, s| ScanStats {
            objects: sum.objects + s.stats.objects,
            bytes: sum.bytes + s.stats.bytes,
            inflated: sum.inflated + s.stats.inflated,
        });
        let logs = scanners.into_iter().map(|s| s.log).collect();
        Scanned { stats, trees: TreeLog::of(logs, self.numbers()) }
    }

    /// Read all trees and nothing else.
    pub fn trees(
        &self,
        threads: usize,
        prefilter: &Prefilter,
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> TreeLog {
        let names = prefilter.for_names();
        let readers = walk(self, threads, || Trees { log: Log::new(self, &names), stopped });
        TreeLog::of(readers.into_iter().map(|r| r.log).collect(), self.numbers())
    }

    /// Rebuild every object of one kind, on several threads. Gives what could not be read, sorted; what it was is not always
    /// known, so that other kinds can be among it. Tests and fuzzing compare this with git; no command needs it.
    pub fn each(&self, kind: ObjectKind, threads: usize, f: &(dyn Fn(&oid, &[u8]) + Sync)) -> Vec<Skipped> {
        let visitors = walk(self, threads, || Each { kind, f, problems: Vec::new() });
        let mut problems: Vec<Skipped> = visitors.into_iter().flat_map(|v| v.problems).collect();
        problems.sort_unstable_by_key(|p| p.object);
        problems
    }
}

/// The visitor of a scan.
struct Scanner<'a> {
    hash: HashKind,
    options: &'a ScanOptions,
    prefilter: &'a Prefilter,
    seams: &'a Seams<'a>,
    scratch: Scratch,
    memo: Memo,
    log: Log<'a>,
    sink: &'a dyn ObjectSink,
    stats: ScanStats,
    /// The part of `stats` that the totals hold already.
    reported: ScanStats,
    /// Totals of all threads.
    objects: &'a AtomicU64,
    bytes: &'a AtomicU64,
}

impl Scanner<'_> {
    fn is_too_big(&self, kind: ObjectKind, size: u64) -> bool {
        kind == ObjectKind::Blob && self.options.max_blob_size.is_some_and(|max| size > max)
    }

    /// Count an object that is looked at. `false`: it is not to be handed over.
    fn count(&mut self, entry: Entry<'_>, size: u64) -> bool {
        if !entry.owned {
            return false;
        }
        if self.is_too_big(entry.kind, size) {
            self.sink.too_big(entry.id, size);
            return false;
        }
        self.stats.objects += 1;
        self.stats.bytes += size;
        true
    }

    /// Hand over the object that was looked at last, if it has a viable anchor.
    fn hand_over(&mut self, entry: Entry<'_>, bytes: &[u8]) {
        let anchors = self.scratch.viable();
        if !anchors.is_empty() {
            self.sink.hot(entry.id, entry.kind, Hot { bytes, anchors, memo: &mut self.memo });
        }
    }

    fn tree_delta(
        &mut self,
        entry: Entry<'_>,
        base: &Buffer,
        note: &TreeNote,
        delta: &Delta<'_>,
        out: &mut Buffer,
    ) -> Result<Look<Known>, &'static str> {
        Ok(match look_at_tree(&mut self.log, entry, base, note, delta, out)? {
            Look::Built(note) => {
                if note.is_hot() {
                    self.show(entry, out.bytes());
                } else {
                    self.count(entry, delta.result_size);
                }
                Look::Built(Known::Tree(note))
            }
            Look::Done => {
                self.count(entry, delta.result_size);
                Look::Done
            }
            Look::Show => Look::Show,
            Look::Whole => Look::Whole,
        })
    }

    fn wrong_hash(&self, entry: Entry<'_>, actual: Option<ObjectId>) {
        if actual.as_deref() != Some(entry.id) {
            self.sink.problem(Skipped::object(entry.id, "its content does not have this id"));
        }
    }
}

/// What is known of an object.
#[derive(Debug)]
enum Known {
    Blob(Note),
    Tree(TreeNote),
    /// Nothing is needed.
    Other,
}

fn which(entry: Entry<'_>) -> Which {
    Which { number: entry.number, pack: entry.pack }
}

/// Note a tree that is a delta, and build it to `out` if something is built on it. One with names of interest on which nothing
/// is built is to be shown.
fn look_at_tree(
    log: &mut Log<'_>,
    entry: Entry<'_>,
    base: &Buffer,
    note: &TreeNote,
    delta: &Delta<'_>,
    out: &mut Buffer,
) -> Result<Look<TreeNote>, &'static str> {
    let Some(note) = log.delta(which(entry), base.bytes(), note, delta, entry.leaf)? else {
        return Ok(Look::Whole);
    };
    if entry.leaf {
        return Ok(if note.is_hot() { Look::Show } else { Look::Done });
    }
    delta.apply(base, out)?;
    Ok(Look::Built(note))
}

impl Visitor for Scanner<'_> {
    type Note = Known;

    fn wants(&self, _: ObjectKind) -> bool {
        true
    }

    fn declines(&mut self, entry: Entry<'_>, size: u64) -> bool {
        let declined = self.is_too_big(entry.kind, size);
        if declined && entry.owned {
            self.sink.too_big(entry.id, size);
        }
        declined
    }

    fn whole(&mut self, entry: Entry<'_>, bytes: &[u8]) -> Known {
        let given = self.count(entry, bytes.len() as u64);
        if given && self.options.check_hashes {
            self.wrong_hash(entry, gix::objs::compute_hash(self.hash, entry.kind, bytes).ok());
        }
        match entry.kind {
            ObjectKind::Commit | ObjectKind::Tag => {
                if given {
                    if entry.kind == ObjectKind::Commit {
                        self.sink.commit(entry.id, bytes);
                    } else {
                        self.sink.tag(entry.id, bytes);
                    }
                    self.seams.examine(bytes, true, &mut self.scratch);
                    self.hand_over(entry, bytes);
                }
                Known::Other
            }
            ObjectKind::Tree => {
                let note = self.log.whole(entry.id, which(entry), bytes);
                if note.is_hot() && given {
                    self.sink.tree(entry.id, bytes);
                }
                Known::Tree(note)
            }
            ObjectKind::Blob => {
                if given && lfs::is_pointer(bytes) {
                    self.sink.lfs_pointer(entry.id, bytes);
                }
                let note = self.seams.examine(bytes, entry.leaf, &mut self.scratch);
                if given && is_container(bytes) {
                    self.sink.container(entry.id, bytes.len() as u64, &mut { bytes });
                } else if given {
                    self.hand_over(entry, bytes);
                }
                Known::Blob(note)
            }
        }
    }

    fn delta(
        &mut self,
        entry: Entry<'_>,
        base: &Buffer,
        note: &Known,
        delta: &Delta<'_>,
        out: &mut Buffer,
    ) -> Result<Look<Known>, &'static str> {
        let size = delta.result_size;
        let look_whole = match entry.kind {
            ObjectKind::Commit | ObjectKind::Tag => true,
            ObjectKind::Tree => false,
            ObjectKind::Blob if size < lfs::BELOW && delta.may_begin_with(base.bytes(), lfs::HEAD) => true,
            ObjectKind::Blob => is_container(delta.head(base.bytes(), &mut [0; unpack::HEAD])),
        };
        if look_whole {
            return Ok(Look::Whole);
        }
        if entry.leaf && self.declines(entry, size) {
            return Ok(Look::Done);
        }
        if self.options.check_hashes && entry.owned {
            return Ok(Look::Whole);
        }
        let note = match note {
            Known::Blob(note) => note,
            Known::Tree(note) => return self.tree_delta(entry, base, note, delta, out),
            Known::Other => return Ok(Look::Whole),
        };
        if !entry.leaf {
            let note = self.seams.build(base, note, delta, out, &mut self.scratch)?;
            self.show(entry, out.bytes());
            return Ok(Look::Built(Known::Blob(note)));
        }
        if !self.seams.look(base.bytes(), note, delta, &mut self.scratch)? {
            return Ok(Look::Whole);
        }
        if !self.scratch.viable().is_empty() {
            return Ok(Look::Show);
        }
        self.count(entry, size);
        Ok(Look::Done)
    }

    fn show(&mut self, entry: Entry<'_>, bytes: &[u8]) {
        if !self.count(entry, bytes.len() as u64) {
        } else if entry.kind == ObjectKind::Tree {
            self.sink.tree(entry.id, bytes);
        } else {
            self.hand_over(entry, bytes);
        }
    }

    fn huge(&mut self, entry: Entry<'_>, size: u64, open: Open<'_>) -> Result<(), String> {
        if !entry.owned {
            return Ok(());
        }
        let mut hasher = self.options.check_hashes.then(|| {
            let mut hasher = gix::hash::hasher(self.hash);
            hasher.update(format!("{} {size}\0", entry.kind).as_bytes());
            hasher
        });
        let mut head = Vec::new();
        let hot = stream::is_hot(self.prefilter, &mut *open()?, size, |bytes| {
            head.extend_from_slice(&bytes[..bytes.len().min(unpack::HEAD - head.len())]);
            if let Some(hasher) = &mut hasher {
                hasher.update(bytes);
            }
        })?;
        if let Some(hasher) = hasher {
            self.wrong_hash(entry, hasher.try_finalize().ok());
        }
        self.count(entry, size);
        if entry.kind == ObjectKind::Blob && is_container(&head) {
            self.sink.container(entry.id, size, &mut *open()?);
        } else if hot {
            self.sink.hot_stream(entry.id, entry.kind, size, &mut *open()?);
        }
        Ok(())
    }

    fn lost(&mut self, problem: Skipped) {
        self.sink.problem(problem);
    }

    fn inflated(&mut self, bytes: usize) {
        self.stats.inflated += bytes as u64;
    }

    fn pause(&mut self) -> bool {
        let add = |total: &AtomicU64, now: u64, before: u64| {
            total.fetch_add(now - before, Ordering::Relaxed) + (now - before)
        };
        let objects = add(self.objects, self.stats.objects, self.reported.objects);
        let bytes = add(self.bytes, self.stats.bytes, self.reported.bytes);
        self.reported = self.stats;
        self.sink.progress(objects, bytes);
        !self.sink.stopped()
    }
}

/// The visitor that reads trees only.
struct Trees<'a> {
    log: Log<'a>,
    stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Visitor for Trees<'_> {
    type Note = TreeNote;

    fn wants(&self, kind: ObjectKind) -> bool {
        kind == ObjectKind::Tree
    }

    fn declines(&mut self, _: Entry<'_>, _: u64) -> bool {
        false
    }

    fn whole(&mut self, entry: Entry<'_>, bytes: &[u8]) -> TreeNote {
        self.log.whole(entry.id, which(entry), bytes)
    }

    fn show(&mut self, _: Entry<'_>, _: &[u8]) {}

    fn delta(
        &mut self,
        entry: Entry<'_>,
        base: &Buffer,
        note: &TreeNote,
        delta: &Delta<'_>,
        out: &mut Buffer,
    ) -> Result<Look<TreeNote>, &'static str> {
        look_at_tree(&mut self.log, entry, base, note, delta, out)
    }

    fn huge(&mut self, _: Entry<'_>, _: u64, _: Open<'_>) -> Result<(), String> {
        Ok(()) // blobs only
    }

    fn lost(&mut self, _: Skipped) {}

    fn inflated(&mut self, _: usize) {}

    fn pause(&mut self) -> bool {
        !(self.stopped)()
    }
}

/// The visitor that rebuilds all objects of a kind.
struct Each<'a> {
    kind: ObjectKind,
    f: &'a (dyn Fn(&oid, &[u8]) + Sync),
    problems: Vec<Skipped>,
}

impl Visitor for Each<'_> {
    type Note = ();

    fn wants(&self, kind: ObjectKind) -> bool {
        kind == self.kind
    }

    fn declines(&mut self, _: Entry<'_>, _: u64) -> bool {
        false
    }

    fn whole(&mut self, entry: Entry<'_>, bytes: &[u8]) {
        if entry.owned {
            (self.f)(entry.id, bytes);
        }
    }

    fn show(&mut self, _: Entry<'_>, _: &[u8]) {}

    fn delta(
        &mut self,
        _: Entry<'_>,
        _: &Buffer,
        (): &(),
        _: &Delta<'_>,
        _: &mut Buffer,
    ) -> Result<Look<()>, &'static str> {
        Ok(Look::Whole)
    }

    fn huge(&mut self, entry: Entry<'_>, size: u64, open: Open<'_>) -> Result<(), String> {
        if size > super::inflate::MAX_IN_MEMORY {
            return Err(super::inflate::TOO_LARGE.into());
        }
        let mut bytes = Vec::new();
        open()?.take(size + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if bytes.len() as u64 != size {
            return Err("it does not inflate to its declared size".into());
        }
        self.whole(entry, &bytes);
        Ok(())
    }

    fn lost(&mut self, problem: Skipped) {
        self.problems.push(problem);
    }

    fn inflated(&mut self, _: usize) {}

    fn pause(&mut self) -> bool {
        true
    }
}
