//! What is inside a container: every member is looked at as if it were a file.

use std::cell::Cell;
use std::io::{self, Read};

use super::pieces::not_listed;
use super::repeats::fold_repeats;
use super::{Control, MAX_FINDINGS, PieceSize, TextStart, collect_all, scan_reader};
use crate::blob::{Origin, Place, Skipped};
use crate::decode::unpack::{Format, Members, Problem, unpack};
use crate::detect::Detector;
use crate::finding::Finding;

/// Larger members are not held in memory.
const WHOLE: u64 = 8 << 20;

/// What came of a container.
#[derive(Debug, Default)]
pub(super) struct Deep {
    /// Their paths are the container's with the member's behind a `!`. In the order of the members.
    pub(super) findings: Vec<Finding>,
    /// What could not be read.
    pub(super) skipped: Vec<Skipped>,
    /// What is encrypted.
    pub(super) left_out: Vec<Skipped>,
    /// Whether anything came out of it. If nothing did it may be none.
    pub(super) opened: bool,
    /// If nothing came out of it: what was read of it, unless that is too much.
    pub(super) read: Vec<u8>,
    /// Why `reader` ended before its end, where it did.
    pub(super) error: Option<io::Error>,
}

/// Find all credentials in what is inside the container that `reader` gives from its start; it was read from `origin`,
/// and people know it as `name`.
pub(super) fn scan_container(
    detector: &Detector,
    control: &Control,
    origin: &Origin,
    name: &str,
    format: Format,
    reader: &mut dyn Read,
) -> Deep {
    let stopped = || control.stopped();
    let opened = Cell::new(false);
    let mut reader = Remembering { reader, until: &opened, read: Vec::new(), room: WHOLE as usize };
    let (buffer, deep) = (Vec::new(), Deep::default());
    let mut scan =
        Scan { detector, stopped: &stopped, origin, name, buffer, deep, opened: &opened, omitted: 0 };
    let read = unpack(format, &mut reader, control.archives, &stopped, &mut scan);
    let mut deep = scan.deep;
    if scan.omitted > 0 {
        deep.skipped.push(not_listed(name.to_owned(), scan.omitted).help("unpack it and scan the folder"));
    }
    let remembered = if opened.get() { Vec::new() } else { reader.read };
    Deep { error: read.err(), opened: opened.get(), read: remembered, ..deep }
}

/// Remembers what is read, until it is known that it is what it seems to be.
struct Remembering<'a> {
    reader: &'a mut dyn Read,
    until: &'a Cell<bool>,
    read: Vec<u8>,
    /// How much more may be remembered; of more nothing is.
    room: usize,
}

impl Read for Remembering<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buf)?;
        match self.room.checked_sub(count) {
            Some(room) if !self.until.get() => {
                self.room = room;
                self.read.extend_from_slice(&buf[..count]);
            }
            _ => {
                self.room = 0;
                self.read = Vec::new();
            }
        }
        Ok(count)
    }
}

/// Whether content of such a place is a file, which may be a container.
pub(super) fn may_be_container(place: Place) -> bool {
    matches!(place, Place::File | Place::Stdin | Place::Blob | Place::Note | Place::Index | Place::Lfs)
}

/// What people call the content of an origin.
pub(super) fn name_of(origin: &Origin) -> String {
    match (&origin.path, &origin.object) {
        (Some(path), _) => String::from_utf8_lossy(path).into_owned(),
        (None, Some(object)) => format!("object {object}"),
        (None, None) => "standard input".into(),
    }
}

/// What is encoded at `at` in the text that people know as `what` was not read.
pub(super) fn encoded(what: String, at: usize, problem: &Problem) -> Skipped {
    Skipped::new(what, format!("what base64 encodes at byte {at}: {problem}"))
        .help("decode it and scan what comes out")
}

struct Scan<'a> {
    detector: &'a Detector,
    stopped: &'a dyn Fn() -> bool,
    origin: &'a Origin,
    name: &'a str,
    buffer: Vec<u8>,
    deep: Deep,
    /// Whether anything came out.
    opened: &'a Cell<bool>,
    /// Findings that are not kept.
    omitted: u64,
}

impl Scan<'_> {
    /// Where a member comes from.
    fn origin(&self, place: Place, path: &[u8]) -> Origin {
        let outer = self.origin.path.as_deref().unwrap_or_default();
        let whole = [outer, path].concat();
        let member_len = path.len();
        let path = (self.origin.path.is_some() || !path.is_empty()).then_some(whole);
        Origin {
            place,
            path,
            object: self.origin.object.clone(),
            member_len: self.origin.member_len + member_len,
        }
    }

    fn find(&mut self, origin: &Origin, text: &[u8]) {
        let mut problems = Vec::new();
        let matches =
            self.detector.detect_and_tell(text, &mut |at, problem| problems.push((at.start, problem)));
        self.tell(origin, &problems);
        let found = collect_all(self.detector.rules(), origin, text, TextStart::default(), &matches);
        self.keep(fold_repeats(found));
    }

    /// Say what is encoded in a member and was not read.
    fn tell(&mut self, origin: &Origin, problems: &[(usize, Problem)]) {
        let outer = self.origin.path.as_deref().unwrap_or_default();
        let path = origin.path.as_deref().and_then(|p| p.strip_prefix(outer)).unwrap_or_default();
        let member = String::from_utf8_lossy(path);
        let what = format!("{}{member}", self.name);
        let skipped = problems
            .iter()
            .map(|(at, problem)| Skipped { member_len: member.len(), ..encoded(what.clone(), *at, problem) });
        self.deep.skipped.extend(skipped);
    }

    fn keep(&mut self, found: Vec<Finding>) {
        let room = MAX_FINDINGS - self.deep.findings.len();
        self.omitted += found.len().saturating_sub(room) as u64;
        self.deep.findings.extend(found.into_iter().take(room));
    }
}

impl Members for Scan<'_> {
    fn content(&mut self, path: &[u8], content: &mut dyn Read) -> io::Result<()> {
        self.opened.set(true);
        let mut text = std::mem::take(&mut self.buffer);
        text.clear();
        let read = Read::take(&mut *content, WHOLE).read_to_end(&mut text);
        let outcome = if text.len() as u64 == WHOLE {
            let origin = self.origin(self.origin.place, path);
            let mut whole = text.as_slice().chain(content);
            let size = PieceSize::default();
            let streamed = scan_reader(self.detector, &origin, &mut whole, size, self.stopped);
            self.omitted += streamed.omitted;
            self.tell(&origin, &streamed.problems);
            self.keep(streamed.findings);
            streamed.error.map_or(Ok(()), Err)
        } else {
            // What was read before an error counts all the same.
            if self.detector.prefilter().is_hot(&text) {
                let origin = self.origin(self.origin.place, path);
                self.find(&origin, &text);
            }
            read.map(|_| ())
        };
        self.buffer = text;
        outcome
    }

    fn name(&mut self, path: &[u8], name: &[u8]) {
        self.opened.set(true);
        if self.detector.prefilter().is_hot_name(name) {
            let origin = self.origin(Place::Path, path);
            self.find(&origin, name);
        }
    }

    fn problem(&mut self, path: &[u8], problem: Problem) {
        let member = String::from_utf8_lossy(path);
        let what = format!("{}{member}", self.name);
        let help = match &problem {
            Problem::OverLimit(_) | Problem::TooDeep | Problem::Unopened(_) => {
                Some("unpack it and scan the folder".into())
            }
            Problem::Corrupt(_) | Problem::Unsupported(_) | Problem::Encrypted | Problem::Elsewhere => None,
        };
        let list = match problem {
            Problem::Encrypted | Problem::Elsewhere | Problem::Unopened(_) => &mut self.deep.left_out,
            _ => &mut self.deep.skipped,
        };
        list.push(Skipped { help, member_len: member.len(), ..Skipped::new(what, problem.to_string()) });
    }
}

#[cfg(test)]
#[path = "deep_tests.rs"]
mod tests;
