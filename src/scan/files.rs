//! The scan of folders, files and standard input.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{Collector, Control, Outcome};
use crate::blob::{Origin, Sink as _, Skipped};
use crate::detect::Detector;
use crate::sources::files::{Files, reason};

/// Find all credentials in `files` and, where it is given, in standard input.
///
/// `started` goes into the outcome, as both its times: a scan is a function of its input.
pub fn scan_files(
    files: &Files,
    stdin: Option<&mut dyn io::Read>,
    detector: &Detector,
    control: &Control,
    started: SystemTime,
) -> Outcome {
    scan_tree(files, stdin, detector, control, started).0
}

/// As [`scan_files`]; and each `.git` that was met, and not entered.
pub fn scan_tree(
    files: &Files,
    stdin: Option<&mut dyn io::Read>,
    detector: &Detector,
    control: &Control,
    started: SystemTime,
) -> (Outcome, Vec<PathBuf>) {
    let collector = Collector::new(detector, control);
    let mut target = files.target();
    if let Some(stdin) = stdin {
        target.push("-".into());
        if let Err(error) = collector.stream(&Origin::stdin(), stdin) {
            collector.skipped(Skipped::new("standard input", reason(&error)));
        }
    }
    let repos = files.visit(detector.prefilter(), &collector);
    let gathered = collector.finish();
    let outcome = Outcome {
        mode: "files",
        target: target.join(" "),
        started,
        finished: started,
        stats: gathered.stats,
        findings: gathered.findings,
        incomplete: gathered.skipped,
        left_out: gathered.left_out,
        unused_suppressions: Vec::new(),
    };
    (outcome, repos)
}
