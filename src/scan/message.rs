//! The scan of a commit message before the commit is made.

use std::time::SystemTime;

use super::{Collector, Control, Outcome};
use crate::blob::{Blob, Origin, Place, Sink as _};
use crate::detect::Detector;

/// Find all credentials in a commit message.
pub fn scan_message(message: &[u8], detector: &Detector, control: &Control, started: SystemTime) -> Outcome {
    let collector = Collector::new(detector, control);
    let origin = Origin::new(Place::CommitMessage, None, None);
    collector.blob(Blob { origin: &origin, bytes: message });
    let gathered = collector.finish();
    Outcome {
        mode: "staged",
        target: "the commit message".into(),
        started,
        finished: started,
        stats: gathered.stats,
        findings: gathered.findings,
        incomplete: gathered.skipped,
        left_out: Vec::new(),
        unused_suppressions: Vec::new(),
    }
}
