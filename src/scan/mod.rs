//! Source → detect → collect: runs the detector over what a source pushes and gathers the findings.

use std::time::SystemTime;

mod added;
mod audit;
mod collect;
mod collector;
mod deep;
mod files;
mod held;
mod history;
mod inline;
mod left_out;
mod lines;
mod message;
mod pieces;
mod range;
mod repeats;
mod snippet;
mod staged;

pub use crate::decode::unpack::Limits as ArchiveLimits;
pub use audit::Audit;
pub use collect::{TextStart, collect, collect_all};
pub use collector::{Collector, Control, Gathered};
pub use files::{scan_files, scan_tree};
pub use history::{HistoryOptions, scan_history};
pub use message::scan_message;
pub use pieces::{MAX_FINDINGS, PieceSize, Streamed, scan_reader};
pub use range::scan_range;
pub use staged::scan_staged;

use crate::blob::Skipped;
use crate::finding::Finding;

/// What was scanned and what came of it: all that a report needs.
#[derive(Debug)]
pub struct Outcome {
    /// `files`, `history`, `staged`, `range` or `audit`.
    pub mode: &'static str,
    /// What was scanned, for people: paths, a repository, a range.
    pub target: String,
    /// When the scan began.
    pub started: SystemTime,
    /// When it ended.
    pub finished: SystemTime,
    /// What was read.
    pub stats: Stats,
    /// Sorted, deterministic, none twice.
    pub findings: Vec<Finding>,
    /// Sorted; not empty means that the scan is incomplete.
    pub incomplete: Vec<Skipped>,
    /// Left out on purpose (size limit, encrypted archive member): listed, but not incomplete. Sorted.
    pub left_out: Vec<Skipped>,
    /// Suppressions that matched nothing, as texts for people.
    pub unused_suppressions: Vec<String>,
}

/// What Ctrl-C left unread.
fn interrupted() -> Skipped {
    Skipped::new("the rest", "not read, because the scan was interrupted")
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Blobs, files, messages, names: pieces of content.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Stats {
    /// What a control has counted.
    pub(crate) fn of(control: &Control) -> Self {
        let read = |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
        Self { blobs: read(&control.blobs), bytes: read(&control.bytes) }
    }
}
