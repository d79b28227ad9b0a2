//! Source → detect → collect: runs the detector over what a source pushes and gathers the findings.

use std::time::SystemTime;

mod collect;
mod collector;
mod files;
mod inline;
mod lines;
mod pieces;
mod repeats;
mod snippet;

pub use collect::{TextStart, collect, collect_all};
pub use collector::{Collector, Control, Gathered};
pub use files::scan_files;
pub use pieces::{PieceSize, Streamed, scan_reader};

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

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Blobs, files, messages, names: pieces of content.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}
