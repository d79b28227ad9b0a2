//! Takes objects from the store and keeps the findings of each, without places yet.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blob::{Origin, Place, Skipped};
use crate::decode::unpack;
use crate::detect::Detector;
use crate::finding::Finding;
use crate::scan::deep::scan_container;
use crate::scan::repeats::fold_repeats;
use crate::scan::{Control, PieceSize, TextStart, collect_all, scan_reader};
use crate::sources::history::Repo;
use crate::sources::history::commits::{Node, split};
use crate::sources::history::reach::{Tags, tag_target};
use crate::sources::history::store::{ObjectId, ObjectKind, ObjectSink, Problem, oid};
use crate::sources::history::trees::entries;

/// What an object, or the name that is looked at, is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Blob,
    /// A git-lfs pointer, whose content was read.
    Lfs,
    Commit,
    Tag,
    /// A name in a tree.
    Name(Vec<u8>),
    /// The name of a ref.
    Ref(Vec<u8>),
}

/// What was found in one object.
#[derive(Debug)]
pub(super) struct Hit {
    /// The object; for a name the tree.
    pub(super) object: ObjectId,
    pub(super) what: What,
    pub(super) findings: Vec<Finding>,
}

/// What the scan of all objects has gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Sorted.
    pub(super) hits: Vec<Hit>,
    pub(super) commits: Vec<Node>,
    pub(super) tags: Tags,
    pub(super) skipped: Vec<Skipped>,
    pub(super) left_out: Vec<Skipped>,
}

impl Gathered {
    /// Look at the name of a ref.
    pub(super) fn name_of_ref(&mut self, name: &[u8], detector: &Detector) {
        let findings = find(detector, &origin(Place::Ref, None), name);
        if !findings.is_empty() {
            // The null id: a ref is no object.
            let object = ObjectId::null(gix::hash::Kind::Sha1);
            self.hits.push(Hit { object, what: What::Ref(name.to_vec()), findings });
        }
    }
}

/// The sink of the scan.
pub(super) struct Objects<'a> {
    repo: &'a Repo,
    detector: &'a Detector,
    control: &'a Control,
    /// Objects and bytes that the store has told of.
    told: (AtomicU64, AtomicU64),
    gathered: Mutex<Gathered>,
    /// Apart from the rest, because there are many.
    commits: Mutex<Vec<Node>>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(repo: &'a Repo, detector: &'a Detector, control: &'a Control) -> Self {
        Self {
            repo,
            detector,
            control,
            told: (AtomicU64::new(0), AtomicU64::new(0)),
            gathered: Mutex::default(),
            commits: Mutex::default(),
        }
    }

    /// All that was gathered, in an order that does not depend on the threads.
    pub(super) fn finish(self) -> Gathered {
        let mut gathered = self.gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
        gathered.commits = self.commits.into_inner().unwrap_or_else(PoisonError::into_inner);
        gathered.hits.sort_by(|a, b| (a.object, &a.what).cmp(&(b.object, &b.what)));
        gathered.left_out.sort_unstable();
        gathered
    }

    pub(super) fn skip(&self, skipped: Skipped) {
        self.gathered().skipped.push(skipped);
    }

    fn keep(&self, id: &oid, what: What, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.gathered().hits.push(Hit { object: id.to_owned(), what, findings });
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, id: &oid, what: What, place: Place, bytes: &[u8]) {
        self.keep(id, what, in_message(self.detector, &origin(place, Some(id)), bytes));
    }

    /// A file that may be a container. The paths of what is found in it begin with a `!`.
    fn file(&self, id: &oid, what: What, origin: &Origin, name: &str, reader: &mut dyn Read) {
        let mut head = Vec::new();
        let cut = (&mut *reader).take(unpack::HEAD as u64).read_to_end(&mut head).is_err();
        let format = if self.control.archives.depth > 0 && !cut { unpack::format(&head) } else { None };
        let mut whole = head.as_slice().chain(reader);
        let Some(format) = format else { return self.stream(id, what, origin, name, &mut whole) };
        let deep = scan_container(self.detector, self.control, origin, name, format, &mut whole);
        if let Some(error) = deep.error {
            self.skip(Skipped { what: name.into(), reason: format!("cannot be read: {error}"), help: None });
        }
        let mut gathered = self.gathered();
        gathered.skipped.extend(deep.skipped);
        gathered.left_out.extend(deep.left_out);
        drop(gathered);
        self.keep(id, what, deep.findings);
    }

    fn stream(&self, id: &oid, what: What, origin: &Origin, name: &str, reader: &mut dyn Read) {
        let read = scan_reader(self.detector, origin, reader, PieceSize::default(), &|| self.stopped());
        if let Some(error) = read.error {
            self.skip(Skipped { what: name.into(), reason: format!("cannot be read: {error}"), help: None });
        }
        self.keep(id, what, fold_repeats(read.findings));
    }
}

/// The findings of a commit or tag object. Lines are counted in the message; what stands before it has none.
pub(in crate::scan) fn in_message(detector: &Detector, origin: &Origin, bytes: &[u8]) -> Vec<Finding> {
    let (header, message) = split(bytes);
    let mut findings = find(detector, origin, message);
    let mut in_header = find(detector, origin, header);
    for finding in &mut in_header {
        for location in std::iter::once(&mut finding.location).chain(&mut finding.other_locations) {
            location.line = None;
            location.column = None;
            location.end_column = None;
            location.secret_line = None;
        }
    }
    findings.append(&mut in_header);
    fold_repeats(findings)
}

fn origin(place: Place, id: Option<&oid>) -> Origin {
    Origin { place, path: None, object: id.map(|id| id.to_hex().to_string()) }
}

fn find(detector: &Detector, origin: &Origin, text: &[u8]) -> Vec<Finding> {
    let matches = detector.detect(text);
    fold_repeats(collect_all(detector.rules(), origin, text, TextStart::default(), &matches))
}

impl ObjectSink for Objects<'_> {
    fn hot(&self, id: &oid, kind: ObjectKind, bytes: &[u8]) {
        match kind {
            ObjectKind::Blob => {
                let findings = find(self.detector, &origin(Place::Blob, Some(id)), bytes);
                self.keep(id, What::Blob, findings);
            }
            ObjectKind::Commit => self.message(id, What::Commit, Place::CommitMessage, bytes),
            ObjectKind::Tag => self.message(id, What::Tag, Place::TagMessage, bytes),
            ObjectKind::Tree => self.tree(id, bytes),
        }
    }

    fn hot_stream(&self, id: &oid, _kind: ObjectKind, _size: u64, bytes: &mut dyn Read) {
        self.stream(id, What::Blob, &origin(Place::Blob, Some(id)), &format!("object {id}"), bytes);
    }

    fn commit(&self, id: &oid, bytes: &[u8]) {
        match Node::parse(id.to_owned(), bytes, self.repo.hash) {
            Some(node) => self.commits.lock().unwrap_or_else(PoisonError::into_inner).push(node),
            None => self.skip(Skipped {
                what: format!("object {id}"),
                reason: "the commit is malformed".into(),
                help: None,
            }),
        }
    }

    fn tag(&self, id: &oid, bytes: &[u8]) {
        if let Some(target) = tag_target(bytes, self.repo.hash) {
            self.gathered().tags.insert(id.to_owned(), target);
        }
    }

    fn tree(&self, id: &oid, bytes: &[u8]) {
        for entry in entries(bytes, self.repo.hash) {
            if !self.detector.prefilter().is_hot(entry.name) {
                continue;
            }
            let findings = find(self.detector, &origin(Place::Path, Some(id)), entry.name);
            self.keep(id, What::Name(entry.name.to_vec()), findings);
        }
    }

    fn lfs_pointer(&self, id: &oid, bytes: &[u8]) {
        let Some(digest) = lfs_digest(bytes) else { return };
        // Content that was never downloaded is not part of this repository.
        let Ok(mut file) = std::fs::File::open(self.repo.lfs_object(digest)) else { return };
        let name = format!("git-lfs object {digest}");
        self.file(id, What::Lfs, &origin(Place::Lfs, Some(id)), &name, &mut file);
    }

    fn container(&self, id: &oid, _size: u64, bytes: &mut dyn Read) {
        self.file(id, What::Blob, &origin(Place::Blob, Some(id)), &format!("object {id}"), bytes);
    }

    fn problem(&self, problem: Problem) {
        self.skip(problem.into());
    }

    fn too_big(&self, id: &oid, size: u64) {
        let reason = format!("{size} bytes, which is above --max-blob-size");
        self.gathered().left_out.push(Skipped { what: format!("object {id}"), reason, help: None });
    }

    fn progress(&self, objects: u64, bytes: u64) {
        // Totals, which can come out of order.
        let before = self.told.0.fetch_max(objects, Ordering::Relaxed);
        self.control.blobs.fetch_add(objects.saturating_sub(before), Ordering::Relaxed);
        let before = self.told.1.fetch_max(bytes, Ordering::Relaxed);
        self.control.bytes.fetch_add(bytes.saturating_sub(before), Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }
}

/// The digest in a git-lfs pointer: 64 hexadecimal digits, and so nothing that leads out of a folder.
pub(in crate::scan) fn lfs_digest(pointer: &[u8]) -> Option<&str> {
    let line = pointer.split(|b| *b == b'\n').find_map(|l| l.strip_prefix(b"oid sha256:"))?;
    let digest = std::str::from_utf8(line.trim_ascii()).ok()?;
    (digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_a_digest_and_no_path() {
        let digest = "0123456789abcdef".repeat(4);
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 5\n");
        assert_eq!(lfs_digest(pointer.as_bytes()), Some(digest.as_str()));
        let hostile = format!("oid sha256:../../{}", &digest[6..]);
        assert_eq!(lfs_digest(hostile.as_bytes()), None);
    }
}
