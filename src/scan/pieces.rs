//! Content that does not fit into memory: read in overlapping pieces, with the same findings as if it were whole.
//!
//! Every piece has a core; cores join without gap or overlap. The detector sees the core and what stands around it, and
//! a value belongs to the piece in whose core it begins, so a pair never falls between two pieces as long as it lies
//! closer together than the overlap.

use std::io::{self, Read};
use std::ops::Range;

use super::collect::{TextStart, collect_all, main_value};
use super::lines::LineEnd;
use super::repeats::fold_repeats;
use crate::blob::{Origin, Skipped};
use crate::decode::unpack::Problem;
use crate::detect::{Detector, Match, Value};
use crate::finding::Finding;
use crate::rules::RuleSet;

/// How content is cut, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceSize {
    /// Length of a core.
    pub core: usize,
    /// What the detector sees before and after a core.
    pub overlap: usize,
}

impl Default for PieceSize {
    fn default() -> Self {
        Self { core: 8 << 20, overlap: 256 << 10 }
    }
}

/// The findings of one text that are kept. A file with more is a list of keys, or an attack; the rest is counted, and the
/// scan is incomplete.
pub const MAX_FINDINGS: usize = 100_000;

/// What came of reading content in pieces.
#[derive(Debug)]
pub struct Streamed {
    /// In the order of the content.
    pub findings: Vec<Finding>,
    /// Matches that are not among them, because there were more than [`MAX_FINDINGS`].
    pub omitted: u64,
    /// What is encoded in the content and was not read because of a limit, by the byte at which it begins.
    pub problems: Vec<(usize, Problem)>,
    /// Bytes read.
    pub bytes: u64,
    /// Why reading ended before the end, where it did.
    pub error: Option<io::Error>,
}

/// Find all credentials in what `reader` gives, in memory of about one core and two overlaps.
///
/// Ends early, without an error, when `stopped` says so.
pub fn scan_reader(
    detector: &Detector,
    origin: &Origin,
    reader: &mut dyn Read,
    size: PieceSize,
    stopped: &dyn Fn() -> bool,
) -> Streamed {
    let detect: Detect<'_> = &|text, problem| detector.detect_and_tell(text, problem);
    scan_with(detector.rules(), detect, origin, reader, size, stopped)
}

/// [`Detector::detect_and_tell`], or what a test has instead.
type Detect<'a> = &'a dyn Fn(&[u8], &mut dyn FnMut(Range<usize>, Problem)) -> Vec<Match>;

fn scan_with(
    rules: &RuleSet,
    detect: Detect<'_>,
    origin: &Origin,
    reader: &mut dyn Read,
    size: PieceSize,
    stopped: &dyn Fn() -> bool,
) -> Streamed {
    let mut pieces = Pieces::new(size);
    let mut found =
        Found { rules, detect, origin, lf: Vec::new(), cr: Vec::new(), omitted: 0, problems: Vec::new() };
    while !pieces.done && !stopped() {
        pieces.fill(reader);
        found.piece(&pieces);
        pieces.shift();
    }
    let findings = if pieces.cr.is_some() { found.cr } else { found.lf };
    Streamed {
        findings: fold_repeats(findings),
        omitted: found.omitted,
        problems: found.problems,
        bytes: pieces.bytes,
        error: pieces.error,
    }
}

/// Says that `count` findings of what people know as `what` are not listed.
pub(super) fn not_listed(what: String, count: u64) -> Skipped {
    Skipped::new(what, format!("{count} more findings are not listed: {MAX_FINDINGS} are kept of one file"))
        .help("it is a list of keys: look at it as a whole")
}

/// The piece at hand and where it stands.
struct Pieces {
    size: PieceSize,
    buffer: Vec<u8>,
    /// Of the buffer.
    core: Range<usize>,
    /// What the detector sees begins at the start of the buffer and ends here.
    end: usize,
    /// Where in the content the buffer begins.
    start: usize,
    /// Where the buffer begins, counting lines by line feeds.
    lf: TextStart,
    /// The same, counting by carriage returns: as long as there has been no line feed nobody knows what ends a line.
    cr: Option<TextStart>,
    bytes: u64,
    error: Option<io::Error>,
    done: bool,
}

impl Pieces {
    fn new(size: PieceSize) -> Self {
        // A core holds at least one character, or there would be no end.
        let size = PieceSize { core: size.core.max(4), ..size };
        Self {
            size,
            buffer: Vec::new(),
            core: 0..0,
            end: 0,
            start: 0,
            lf: TextStart::default(),
            cr: Some(TextStart::default()),
            bytes: 0,
            error: None,
            done: false,
        }
    }

    /// Read until the buffer holds the next core and the overlap behind it.
    fn fill(&mut self, reader: &mut dyn Read) {
        let old = self.buffer.len();
        let wanted = self.core.start + self.size.core + self.size.overlap;
        self.buffer.reserve(wanted.saturating_sub(old));
        let missing = wanted.saturating_sub(old) as u64;
        match reader.take(missing).read_to_end(&mut self.buffer) {
            Ok(read) => self.done = (read as u64) < missing,
            Err(error) => {
                self.error = Some(error);
                self.done = true;
            }
        }
        let new = &self.buffer[old..];
        self.bytes += new.len() as u64;
        if memchr::memchr(b'\n', new).is_some() {
            self.cr = None;
        }
        if self.done {
            self.core.end = self.buffer.len();
            self.end = self.buffer.len();
            return;
        }
        self.core.end = boundary(&self.buffer, self.core.start + self.size.core);
        // Better at the end of a line than within a value, which would look like another one.
        let tail = self.core.end + self.size.overlap / 2;
        let line_end = memchr::memrchr(b'\n', &self.buffer[tail..]).map(|i| tail + i + 1);
        self.end = line_end.unwrap_or(self.buffer.len());
    }

    /// Drop what no later piece needs.
    fn shift(&mut self) {
        let mut keep = boundary(&self.buffer, self.core.end.saturating_sub(self.size.overlap));
        let head = &self.buffer[keep..keep + (self.core.end - keep) / 2];
        if keep > 0
            && let Some(i) = memchr::memchr(b'\n', head)
        {
            keep += i + 1;
        }
        self.lf = self.lf.after(&self.buffer, keep, LineEnd::Lf);
        self.cr = self.cr.map(|at| at.after(&self.buffer, keep, LineEnd::Cr));
        self.buffer.drain(..keep);
        self.start += keep;
        let start = self.core.end - keep;
        self.core = start..start;
    }
}

/// The findings so far, as many times as there are ways to count lines.
struct Found<'a> {
    rules: &'a RuleSet,
    detect: Detect<'a>,
    origin: &'a Origin,
    lf: Vec<Finding>,
    cr: Vec<Finding>,
    omitted: u64,
    problems: Vec<(usize, Problem)>,
}

impl Found<'_> {
    fn piece(&mut self, pieces: &Pieces) {
        let text = &pieces.buffer[..pieces.end];
        let mut matches = Vec::new();
        let problems = &mut self.problems;
        let found = (self.detect)(text, &mut |at, problem| {
            if pieces.core.contains(&at.start) {
                problems.push((pieces.start + at.start, problem));
            }
        });
        for m in found {
            in_core(self.rules, m, &pieces.core, &mut matches);
        }
        matches.sort_by_key(|m| main_value(m).map(|v| v.span.start));
        let room = MAX_FINDINGS.saturating_sub(self.lf.len().max(self.cr.len()));
        self.omitted += matches.len().saturating_sub(room) as u64;
        matches.truncate(room);
        if matches.is_empty() {
            return;
        }
        let collect = |at: TextStart| collect_all(self.rules, self.origin, text, at, &matches);
        self.lf.extend(collect(pieces.lf.with_end(LineEnd::Lf)));
        if let Some(at) = pieces.cr {
            self.cr.extend(collect(at.with_end(LineEnd::Cr)));
        }
    }
}

/// What of a match belongs to a core. Repeats stand for themselves until [`fold_repeats`], because what they repeat may
/// belong to another piece.
fn in_core(rules: &RuleSet, mut m: Match, core: &Range<usize>, into: &mut Vec<Match>) {
    let alone = rules.rules[m.rule].severity_alone.unwrap_or(m.severity);
    let repeats = std::mem::take(&mut m.repeats);
    let here = repeats.into_iter().filter(|span| core.contains(&span.start));
    into.extend(here.map(|span| Match {
        severity: m.severity.min(alone),
        id: m.id.clone().map(|id| Value { span, ..id }),
        secret: None,
        token: None,
        account: m.account.clone(),
        notes: m.notes.clone(),
        runners_up: Vec::new(),
        repeats: Vec::new(),
        member: m.member.clone(),
        rule: m.rule,
    }));
    if main_value(&m).is_some_and(|v| core.contains(&v.span.start)) {
        into.push(m);
    }
}

/// The last position up to `pos` that is not inside a UTF-8 sequence.
fn boundary(text: &[u8], pos: usize) -> usize {
    let inside = |p: usize| text.get(p).is_some_and(|b| b & 0xC0 == 0x80);
    (pos.saturating_sub(3)..=pos).rev().find(|p| !inside(*p)).unwrap_or(pos)
}

#[cfg(test)]
#[path = "pieces_tests.rs"]
mod tests;
