//! The sink of a scan: runs the detector over what a source pushes and keeps the findings.

use std::io::{self, Read as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::deep::{encoded, may_be_container, name_of, scan_container};
use super::pieces::{MAX_FINDINGS, PieceSize, not_listed, scan_reader};
use super::{Stats, TextStart, collect_all, interrupted};
use crate::blob::{Blob, Origin, Sink, Skipped};
use crate::decode::unpack::{self, Format, Limits};
use crate::detect::Detector;
use crate::finding::Finding;

/// How far to go; what has been read so far, for a progress line; and whether to go on.
#[derive(Debug, Default)]
pub struct Control {
    /// How far to go into archives.
    pub archives: Limits,
    /// Blobs, files, messages, names read so far.
    pub blobs: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Set to end the scan early; what was found until then is reported, as incomplete.
    pub stop: AtomicBool,
}

impl Control {
    /// Whether to end the scan early.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The findings of one scan that are kept, some 2 kB each. There are more where lists of keys are stored, or in an attack.
const MAX_KEPT: usize = 500_000;

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
    /// Left out on purpose. Sorted.
    pub left_out: Vec<Skipped>,
    /// What was read.
    pub stats: Stats,
    /// Findings that are not kept.
    omitted: u64,
}

impl Gathered {
    fn keep(&mut self, findings: Vec<Finding>) {
        let room = MAX_KEPT.saturating_sub(self.findings.len());
        self.omitted += findings.len().saturating_sub(room) as u64;
        self.findings.extend(findings.into_iter().take(room));
    }
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
        if gathered.omitted > 0 {
            let reason = format!("{} are not listed: {MAX_KEPT} are kept of one scan", gathered.omitted);
            gathered.skipped.push(Skipped::new("more findings", reason).help("scan folder by folder"));
        }
        if self.control.stopped() {
            gathered.skipped.push(interrupted());
        }
        gathered.skipped.sort_unstable();
        gathered.skipped.dedup();
        gathered.left_out.sort_unstable();
        gathered.left_out.dedup();
        gathered.stats = Stats::of(self.control);
        gathered
    }

    fn keep(&self, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.gathered().keep(findings);
        }
    }

    /// Say that findings of a text are not listed.
    fn omitted(&self, origin: &Origin, count: u64) {
        if count > 0 {
            self.skipped(not_listed(name_of(origin), count));
        }
    }

    /// Open a container. `Some`: nothing came out of it, so that it may be none, after this was read.
    fn container(
        &self,
        origin: &Origin,
        format: Format,
        reader: &mut dyn io::Read,
    ) -> io::Result<Option<Vec<u8>>> {
        let deep = scan_container(self.detector, self.control, origin, &name_of(origin), format, reader);
        let mut gathered = self.gathered();
        gathered.keep(deep.findings);
        gathered.skipped.extend(deep.skipped);
        gathered.left_out.extend(deep.left_out);
        deep.error.map_or(Ok((!deep.opened).then_some(deep.read)), Err)
    }

    fn format(&self, origin: &Origin, head: &[u8]) -> Option<Format> {
        let opens = self.control.archives.depth > 0 && may_be_container(origin.place);
        if opens { unpack::format(&head[..head.len().min(unpack::HEAD)]) } else { None }
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
        if let Some(format) = self.format(blob.origin, blob.bytes)
            && matches!(self.container(blob.origin, format, &mut { blob.bytes }), Ok(None))
        {
            return;
        }
        let mut matches = self.detector.detect_and_tell(blob.bytes, &mut |at, problem| {
            self.skipped(encoded(name_of(blob.origin), at.start, &problem));
        });
        self.omitted(blob.origin, matches.len().saturating_sub(MAX_FINDINGS) as u64);
        matches.truncate(MAX_FINDINGS);
        let rules = self.detector.rules();
        self.keep(collect_all(rules, blob.origin, blob.bytes, TextStart::default(), &matches));
    }

    fn stream(&self, origin: &Origin, reader: &mut dyn io::Read) -> io::Result<()> {
        let mut counted = Counted { reader, control: self.control };
        self.control.blobs.fetch_add(1, Ordering::Relaxed);
        let mut head = Vec::new();
        io::Read::take(&mut counted, unpack::HEAD as u64).read_to_end(&mut head)?;
        let format = self.format(origin, &head);
        let mut whole = head.as_slice().chain(&mut counted);
        let mut read = Vec::new();
        if let Some(format) = format {
            match self.container(origin, format, &mut whole)? {
                Some(again) => read = again,
                None => return Ok(()),
            }
        }
        let mut whole = read.as_slice().chain(whole);
        let streamed =
            scan_reader(self.detector, origin, &mut whole, PieceSize::default(), &|| self.stopped());
        self.omitted(origin, streamed.omitted);
        for (at, problem) in &streamed.problems {
            self.skipped(encoded(name_of(origin), *at, problem));
        }
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
        self.control.stopped()
    }
}

/// Counts bytes while they are read, so that the progress of a large file shows.
struct Counted<'a> {
    reader: &'a mut dyn io::Read,
    control: &'a Control,
}

impl io::Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.control.stopped() {
            return Ok(0);
        }
        let read = self.reader.read(buf)?;
        self.control.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
