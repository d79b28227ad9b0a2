//! Takes objects from the store and keeps the findings of each, without places yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::credentials::{Credential, Credentials, Runs};
use crate::blob::{Origin, Place, Skipped, object_name};
use crate::decode::unpack;
use crate::detect::{Detector, Match};
use crate::finding::{Finding, Fingerprint};
use crate::scan::collect::collect_some;
use crate::scan::deep::{encoded, scan_container};
use crate::scan::pieces::not_listed;
use crate::scan::repeats::fold_repeats;
use crate::scan::{Control, PieceSize, TextStart, collect_all, scan_reader};
use crate::sources::files::reason;
use crate::sources::history::Repo;
use crate::sources::history::commits::{Node, split};
use crate::sources::history::reach::{Tags, tag_target};
use crate::sources::history::store::{Hot, ObjectId, ObjectKind, ObjectSink, oid};
use crate::sources::history::trees::entries;
use crate::sources::lfs;

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
    pub(super) credentials: Runs,
    /// Without places. `None`: there are too many to keep; [`look`] finds those that are needed.
    pub(super) findings: Option<Vec<Finding>>,
}

/// How the reason ends for which a blob above the size limit was left out.
pub(in crate::scan) const TOO_BIG: &str = "not searched";

/// Larger blobs are not read a second time.
const LOOK_AGAIN_BELOW: u64 = 256 << 20;

/// What the scan of all objects has gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Sorted.
    pub(super) hits: Vec<Hit>,
    pub(super) credentials: Credentials,
    /// How many more findings may be kept in the hits.
    room: usize,
    pub(super) commits: Vec<Node>,
    pub(super) tags: Tags,
    pub(super) skipped: Vec<Skipped>,
    pub(super) left_out: Vec<Skipped>,
    /// How many pointers of git-lfs stand for what is not in this clone.
    pub(super) lfs_elsewhere: usize,
}

impl Gathered {
    /// Look at the name of a ref.
    pub(super) fn name_of_ref(&mut self, name: &[u8], detector: &Detector) {
        // The null id: a ref is no object.
        let object = ObjectId::null(gix::hash::Kind::Sha1);
        let what = What::Ref(name.to_vec());
        let findings = look(detector, &object, &what, name, None);
        self.keep(&object, what, findings, true);
    }

    /// Keep what was found, if it is anything. With `again` all of it can be found again.
    fn keep(&mut self, id: &oid, what: What, findings: Vec<Finding>, again: bool) {
        if findings.is_empty() {
            return;
        }
        let numbers = findings.iter().map(|f| self.credentials.of(f)).collect();
        let keep = !again || self.has_room(findings.len());
        self.push(id, what, numbers, keep.then_some(findings));
    }

    fn has_room(&self, count: usize) -> bool {
        count <= self.room
    }

    fn push(&mut self, id: &oid, what: What, numbers: Vec<Credential>, findings: Option<Vec<Finding>>) {
        self.room = self.room.saturating_sub(findings.as_ref().map_or(0, Vec::len));
        self.hits.push(Hit { object: id.to_owned(), what, credentials: Runs::new(numbers), findings });
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
    pub(super) fn new(repo: &'a Repo, detector: &'a Detector, control: &'a Control, keep: usize) -> Self {
        Self {
            repo,
            detector,
            control,
            told: (AtomicU64::new(0), AtomicU64::new(0)),
            gathered: Mutex::new(Gathered { room: keep, ..Gathered::default() }),
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

    fn keep(&self, id: &oid, what: What, findings: Vec<Finding>, again: bool) {
        if !findings.is_empty() {
            self.gathered().keep(id, what, findings, again);
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines and snippets are for those that may be kept.
    fn blob(&self, id: &oid, Hot { bytes, anchors, memo }: Hot<'_>) {
        let matches = self.detector.detect_at(bytes, anchors, memo, &mut |at, problem| {
            self.skip(Skipped {
                object: Some(id.to_owned()),
                ..encoded(object_name(id), at.start, &problem)
            });
        });
        if matches.is_empty() {
            return;
        }
        if self.gathered().has_room(matches.len()) {
            let (rules, origin) = (self.detector.rules(), origin(Place::Blob, Some(id)));
            let findings = collect_all(rules, &origin, bytes, TextStart::default(), &matches);
            self.keep(id, What::Blob, fold_repeats(findings), true);
        } else {
            let mut gathered = self.gathered();
            let numbers = |m| gathered.credentials.of_match(self.detector.rules(), m);
            let numbers = matches.iter().map(numbers).collect();
            gathered.push(id, What::Blob, numbers, None);
        }
    }

    /// A file that may be a container. Paths of what is found in one begin with a `!`. With `again` it can be read a second
    /// time, but what is in a container is not looked for again.
    fn file(&self, id: &oid, what: What, origin: &Origin, again: bool, reader: &mut dyn Read) {
        let mut head = Vec::new();
        let whole_head = (&mut *reader).take(unpack::HEAD as u64).read_to_end(&mut head).is_ok();
        let opens = whole_head && self.control.archives.depth > 0;
        let mut whole = head.as_slice().chain(reader);
        let Some(format) = opens.then(|| unpack::format(&head)).flatten() else {
            return self.stream(id, what, origin, again, &mut whole);
        };
        let (name, object) = name_of(id, &what);
        let mut deep = scan_container(self.detector, self.control, origin, &name, format, &mut whole);
        if let Some(error) = deep.error {
            self.skip(unreadable(id, &what, &error));
        }
        for skipped in deep.skipped.iter_mut().chain(&mut deep.left_out) {
            skipped.object = object;
        }
        let mut gathered = self.gathered();
        gathered.skipped.extend(deep.skipped);
        gathered.left_out.extend(deep.left_out);
        drop(gathered);
        if deep.opened {
            self.keep(id, what, once_each(deep.findings), false);
        } else {
            self.stream(id, what, origin, again, &mut deep.read.as_slice().chain(whole));
        }
    }

    fn stream(&self, id: &oid, what: What, origin: &Origin, again: bool, reader: &mut dyn Read) {
        let read = scan_reader(self.detector, origin, reader, PieceSize::default(), &|| self.stopped());
        if let Some(error) = read.error {
            self.skip(unreadable(id, &what, &error));
        }
        let (name, object) = name_of(id, &what);
        for (at, problem) in &read.problems {
            self.skip(Skipped { object, ..encoded(name.clone(), *at, problem) });
        }
        if read.omitted > 0 {
            self.skip(Skipped { object, ..not_listed(name, read.omitted) });
        }
        self.keep(id, what, fold_repeats(read.findings), again);
    }
}

/// What people call the content of an object, and the object if it is the content.
fn name_of(id: &oid, what: &What) -> (String, Option<ObjectId>) {
    match what {
        What::Lfs => (format!("the git-lfs object of {id}"), None),
        _ => (object_name(id), Some(id.to_owned())),
    }
}

fn unreadable(id: &oid, what: &What, error: &io::Error) -> Skipped {
    let (name, object) = name_of(id, what);
    Skipped { object, ..Skipped::new(name, format!("cannot be read: {error}")) }
}

/// One finding for each credential of a container, with the members that hold it.
fn once_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut first: HashMap<Fingerprint, usize> = HashMap::new();
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        match first.entry(finding.fingerprint.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(finding);
            }
            Entry::Occupied(entry) => {
                let others = &mut kept[*entry.get()].other_locations;
                others.push(finding.location);
                others.extend(finding.other_locations);
            }
        }
    }
    kept
}

/// The findings of a commit or tag object.
pub(in crate::scan) fn in_message(detector: &Detector, origin: &Origin, bytes: &[u8]) -> Vec<Finding> {
    message_findings(bytes, &|text| {
        collect_all(detector.rules(), origin, text, TextStart::default(), &detector.detect(text))
    })
}

/// What `find` finds in a commit or tag object. Lines are counted in the message; what stands before it has none.
fn message_findings(bytes: &[u8], find: &dyn Fn(&[u8]) -> Vec<Finding>) -> Vec<Finding> {
    let (header, message) = split(bytes);
    let mut findings = find(message);
    let mut in_header = find(header);
    for finding in &mut in_header {
        for location in finding.places_mut() {
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
    Origin::new(place, None, id.map(|id| id.to_hex().to_string()))
}

/// The findings in the text of an object, or in a name; of the credentials that `wanted` wants, if given.
pub(super) fn look(
    detector: &Detector,
    id: &oid,
    what: &What,
    text: &[u8],
    wanted: Option<&dyn Fn(&Match) -> bool>,
) -> Vec<Finding> {
    let place = match what {
        What::Blob => Place::Blob,
        What::Lfs => Place::Lfs,
        What::Commit => Place::CommitMessage,
        What::Tag => Place::TagMessage,
        What::Name(_) => Place::Path,
        What::Ref(_) => Place::Ref,
    };
    let origin = origin(place, (place != Place::Ref).then_some(id));
    let find = |text: &[u8]| {
        let matches = detector.detect(text);
        let some: Vec<&Match> = matches.iter().filter(|m| wanted.is_none_or(|wanted| wanted(m))).collect();
        collect_some(detector.rules(), &origin, text, TextStart::default(), &matches, &some)
    };
    if matches!(what, What::Commit | What::Tag) {
        message_findings(text, &find)
    } else {
        fold_repeats(find(text))
    }
}

impl ObjectSink for Objects<'_> {
    fn hot(&self, id: &oid, kind: ObjectKind, hot: Hot<'_>) {
        let what = match kind {
            ObjectKind::Blob => return self.blob(id, hot),
            ObjectKind::Tree => return self.tree(id, hot.bytes),
            ObjectKind::Commit => What::Commit,
            ObjectKind::Tag => What::Tag,
        };
        let findings = look(self.detector, id, &what, hot.bytes, None);
        self.keep(id, what, findings, true);
    }

    fn hot_stream(&self, id: &oid, _kind: ObjectKind, size: u64, bytes: &mut dyn Read) {
        self.stream(id, What::Blob, &origin(Place::Blob, Some(id)), size < LOOK_AGAIN_BELOW, bytes);
    }

    fn commit(&self, id: &oid, bytes: &[u8]) {
        match Node::parse(id.to_owned(), bytes, self.repo.hash) {
            Some(node) => self.commits.lock().unwrap_or_else(PoisonError::into_inner).push(node),
            None => self.skip(Skipped::object(id, "the commit is malformed")),
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
            let what = What::Name(entry.name.to_vec());
            let findings = look(self.detector, id, &what, entry.name, None);
            self.keep(id, what, findings, true);
        }
    }

    fn lfs_pointer(&self, id: &oid, bytes: &[u8]) {
        let Some(digest) = lfs::digest(bytes) else { return };
        match self.repo.open_lfs(digest) {
            Ok(mut file) => self.file(id, What::Lfs, &origin(Place::Lfs, Some(id)), false, &mut file),
            // Most clones have the content of what is checked out alone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.gathered().lfs_elsewhere += 1,
            Err(error) => self.skip(Skipped::object(id, format!("its git-lfs object {}", reason(&error)))),
        }
    }

    fn container(&self, id: &oid, size: u64, bytes: &mut dyn Read) {
        let origin = origin(Place::Blob, Some(id));
        self.file(id, What::Blob, &origin, size < LOOK_AGAIN_BELOW, bytes);
    }

    fn problem(&self, problem: Skipped) {
        self.skip(problem);
    }

    fn too_big(&self, id: &oid, size: u64) {
        let reason = format!("{size} bytes, which is above --max-blob-size: {TOO_BIG}");
        self.gathered().left_out.push(Skipped::object(id, reason));
    }

    fn progress(&self, objects: u64, bytes: u64) {
        // Totals, which can come out of order.
        let before = self.told.0.fetch_max(objects, Ordering::Relaxed);
        self.control.blobs.fetch_add(objects.saturating_sub(before), Ordering::Relaxed);
        let before = self.told.1.fetch_max(bytes, Ordering::Relaxed);
        self.control.bytes.fetch_add(bytes.saturating_sub(before), Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.control.stopped()
    }
}
