//! The sink of a scan: runs the detector over what a source pushes and keeps the findings.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::pieces::{MAX_FINDINGS, PieceSize, scan_reader};
use super::{Stats, TextStart, collect_all};
use crate::blob::{Blob, Origin, Sink, Skipped};
use crate::detect::Detector;
use crate::finding::Finding;

/// What has been read so far, for a progress line; and whether to go on.
#[derive(Debug, Default)]
pub struct Control {
    /// Blobs, files, messages, names read so far.
    pub blobs: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Set to end the scan early; what was found until then is reported, as incomplete.
    pub stop: AtomicBool,
}

/// Gathers the findings of a scan from all its threads.
#[derive(Debug)]
pub struct Collector<'a> {
    detector: &'a Detector,
    control: &'a Control,
    gathered: Mutex<Gathered>,
}

/// What a scan has gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Sorted by place.
    pub findings: Vec<Finding>,
    /// Sorted.
    pub skipped: Vec<Skipped>,
    /// What was read.
    pub stats: Stats,
}

impl<'a> Collector<'a> {
    /// A collector that has nothing yet.
    pub fn new(detector: &'a Detector, control: &'a Control) -> Self {
        Self { detector, control, gathered: Mutex::default() }
    }

    /// All that was gathered, in an order that does not depend on the threads.
    pub fn finish(self) -> Gathered {
        let mut gathered = self.gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
        gathered.findings.sort_by(|a, b| order(a).cmp(&order(b)));
        if self.control.stop.load(Ordering::Relaxed) {
            gathered.skipped.push(Skipped {
                what: "the rest".into(),
                reason: "not read, because the scan was interrupted".into(),
                help: None,
            });
        }
        gathered.skipped.sort_unstable();
        gathered.skipped.dedup();
        gathered.stats = Stats {
            blobs: self.control.blobs.load(Ordering::Relaxed),
            bytes: self.control.bytes.load(Ordering::Relaxed),
        };
        gathered
    }

    fn keep(&self, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.gathered().findings.extend(findings);
        }
    }

    /// Say that findings of a text are not listed.
    fn omitted(&self, origin: &Origin, count: u64) {
        if count > 0 {
            let path = origin.path.as_deref().map(String::from_utf8_lossy);
            self.skipped(Skipped {
                what: path.map_or_else(|| origin.place.name().to_owned(), std::borrow::Cow::into_owned),
                reason: format!("{count} more findings are not listed: {MAX_FINDINGS} are kept of one file"),
                help: Some("the file is a list of keys: look at it as a whole".into()),
            });
        }
    }

    fn gathered(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The order of findings in a report.
fn order(f: &Finding) -> impl Ord {
    (&f.location, &f.rule_id, &f.key_id, &f.secret, &f.session_token)
}

impl Sink for Collector<'_> {
    fn blob(&self, blob: Blob<'_>) {
        self.cold(1, blob.bytes.len() as u64);
        let mut matches = self.detector.detect(blob.bytes);
        self.omitted(blob.origin, matches.len().saturating_sub(MAX_FINDINGS) as u64);
        matches.truncate(MAX_FINDINGS);
        let rules = self.detector.rules();
        self.keep(collect_all(rules, blob.origin, blob.bytes, TextStart::default(), &matches));
    }

    fn stream(&self, origin: &Origin, reader: &mut dyn io::Read) -> io::Result<()> {
        let mut counted = Counted { reader, control: self.control };
        let streamed =
            scan_reader(self.detector, origin, &mut counted, PieceSize::default(), &|| self.stopped());
        self.control.blobs.fetch_add(1, Ordering::Relaxed);
        self.omitted(origin, streamed.omitted);
        self.keep(streamed.findings);
        streamed.error.map_or(Ok(()), Err)
    }

    fn cold(&self, blobs: u64, bytes: u64) {
        self.control.blobs.fetch_add(blobs, Ordering::Relaxed);
        self.control.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn skipped(&self, skipped: Skipped) {
        self.gathered().skipped.push(skipped);
    }

    fn stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }
}

/// Counts bytes while they are read, so that the progress of a large file shows.
struct Counted<'a> {
    reader: &'a mut dyn io::Read,
    control: &'a Control,
}

impl io::Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.control.stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let read = self.reader.read(buf)?;
        self.control.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
