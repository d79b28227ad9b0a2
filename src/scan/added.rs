//! What a change adds: the findings of new content, less those that the content before it held.
//!
//! A credential is held if its values stand there, paired or not: then the change has added nothing that was not to be
//! read before. Content that moved from one path to another counts as held, a further copy of it does not.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};

use super::held::Wanted;
use super::history::Ahead;
use super::{Collector, Control, interrupted};
use crate::blob::{Blob, Origin, Place, Sink as _, Skipped};
use crate::detect::Detector;
use crate::finding::{Finding, Location};
use crate::sources::changes::{Change, Changes, FileKind, files_below};
use crate::sources::history::Repo;
use crate::sources::history::store::{ObjectId, ObjectKind};
use crate::sources::lfs;
use crate::sources::objects::{ObjectError, Objects};

/// So much of a git-lfs object is looked at for what was there before, bytes.
const LFS_AT_MOST: u64 = 256 << 20;

/// Looks at changes, each content once.
pub(super) struct Adder<'a> {
    pub(super) repo: &'a Repo,
    pub(super) objects: &'a Objects,
    pub(super) detector: &'a Detector,
    pub(super) control: &'a Control,
    /// What kind of place the content of files is.
    pub(super) place: Place,
    pub(super) skipped: Vec<Skipped>,
    left_out: Vec<Skipped>,
    /// What is known of all content already.
    pub(super) ahead: Option<Ahead>,
    /// Content that holds nothing, as a file or as a link: where a link leads is no archive.
    cold: HashSet<(ObjectId, FileKind)>,
}

/// A finding and the change that it is in; `None`: it is in a name.
type Found<'c> = (Finding, Option<&'c Change>);

impl<'a> Adder<'a> {
    pub(super) fn new(
        repo: &'a Repo,
        objects: &'a Objects,
        detector: &'a Detector,
        control: &'a Control,
        place: Place,
    ) -> Self {
        Self {
            repo,
            objects,
            detector,
            control,
            place,
            skipped: Vec::new(),
            left_out: Vec::new(),
            ahead: None,
            cold: HashSet::new(),
        }
    }

    /// The findings that `changes` add. `held` knows further content at a path that counts as having been there before.
    pub(super) fn added(
        &mut self,
        changes: &Changes,
        held: &mut dyn FnMut(&[u8]) -> Vec<ObjectId>,
    ) -> Vec<Finding> {
        let mut found: Vec<Found<'_>> = Vec::new();
        for path in &changes.named {
            found.extend(self.name(path).into_iter().map(|f| (f, None)));
        }
        for change in &changes.changed {
            if self.stopped() {
                break;
            }
            let mut findings = self.content(change);
            if findings.is_empty() {
                continue;
            }
            let wanted = Wanted::of(&findings);
            for old in change.old.iter().copied().chain(held(&change.path)) {
                let Some(before) = self.read(&old) else { continue };
                let before = wanted.look(self.detector, &before);
                findings.retain(|f| !before.holds(f));
            }
            found.extend(findings.into_iter().map(|f| (f, Some(change))));
        }
        if !found.is_empty() {
            self.drop_moved(changes, &mut found);
        }
        fold(found.into_iter().map(|f| f.0).collect())
    }

    pub(super) fn stopped(&self) -> bool {
        self.control.stopped()
    }

    /// All that could not be read, and what was left out on purpose; sorted.
    pub(super) fn finish(mut self) -> (Vec<Skipped>, Vec<Skipped>) {
        if self.stopped() {
            self.skipped.push(interrupted());
        }
        self.skipped.sort_unstable();
        self.skipped.dedup();
        self.left_out.sort_unstable();
        self.left_out.dedup();
        (self.skipped, self.left_out)
    }

    /// The name of a file or folder, where it is more than a name.
    fn name(&mut self, path: &[u8]) -> Vec<Finding> {
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        if !self.detector.prefilter().is_hot_name(name) {
            return Vec::new();
        }
        self.detect(Place::Path, Some(path), None, name)
    }

    fn content(&mut self, change: &Change) -> Vec<Finding> {
        let known = self.ahead.as_ref().is_some_and(|ahead| ahead.is_cold(&change.id));
        if known || self.cold.contains(&(change.id, change.kind)) {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        if let Err(error) = self.objects.read_kind(&change.id, ObjectKind::Blob, &mut bytes) {
            self.skip(&change.path, &error);
            return Vec::new();
        }
        let place = match change.kind {
            FileKind::File => self.place,
            FileKind::Link => Place::Symlink,
        };
        let mut findings = self.detect(place, Some(&change.path), Some(change.id), &bytes);
        if let Some(digest) = lfs::digest(&bytes) {
            findings.extend(self.lfs(change, digest));
        } else if findings.is_empty() {
            self.cold.insert((change.id, change.kind));
        }
        findings
    }

    /// What a git-lfs pointer stands for. Content that is not here cannot be pushed from here.
    fn lfs(&mut self, change: &Change, digest: &str) -> Vec<Finding> {
        let collector = Collector::new(self.detector, self.control);
        let origin = origin(Place::Lfs, Some(&change.path), Some(change.id));
        let read = match self.repo.open_lfs(digest) {
            Ok(mut file) => collector.stream(&origin, &mut file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            let what = String::from_utf8_lossy(&change.path).into_owned();
            let reason = crate::sources::files::reason(&error);
            self.skipped.push(Skipped::new(what, reason));
        }
        self.take(collector)
    }

    /// All findings of a text.
    pub(super) fn detect(
        &mut self,
        place: Place,
        path: Option<&[u8]>,
        id: Option<ObjectId>,
        bytes: &[u8],
    ) -> Vec<Finding> {
        let collector = Collector::new(self.detector, self.control);
        let origin = origin(place, path, id);
        collector.blob(Blob { origin: &origin, bytes });
        self.take(collector)
    }

    fn take(&mut self, collector: Collector<'_>) -> Vec<Finding> {
        let gathered = collector.finish();
        self.skipped.extend(gathered.skipped);
        self.left_out.extend(gathered.left_out);
        gathered.findings
    }

    /// Content that was there before: that of a git-lfs pointer, if it is here.
    fn read(&self, id: &ObjectId) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.objects.read_kind(id, ObjectKind::Blob, &mut bytes).ok()?;
        if let Some(file) = lfs::digest(&bytes).and_then(|digest| self.repo.open_lfs(digest).ok()) {
            let mut content = Vec::new();
            let read = file.take(LFS_AT_MOST).read_to_end(&mut content).is_ok();
            return read.then_some(content);
        }
        Some(bytes)
    }

    /// Note that something could not be read.
    pub(super) fn skip(&mut self, path: &[u8], error: &ObjectError) {
        let what = String::from_utf8_lossy(path).into_owned();
        let what = if what.is_empty() { "the top folder".to_owned() } else { what };
        let help = match error {
            ObjectError::Missing { .. } if self.repo.promisor => Some(
                "this is a partial clone: `git fetch --refetch --no-filter` fetches what is missing".into(),
            ),
            ObjectError::Missing { .. } if self.place == Place::Index => {
                Some("`git add` stores it again".into())
            }
            _ => None,
        };
        self.skipped.push(Skipped { help, ..Skipped::new(what, error.to_string()) });
    }

    /// Drop what was taken away somewhere else by the same change.
    fn drop_moved(&self, changes: &Changes, found: &mut Vec<Found<'_>>) {
        let mut gone: Vec<(ObjectId, Vec<u8>)> = Vec::new();
        for entry in &changes.gone {
            if entry.folder {
                // What cannot be read cannot be what was moved.
                let prefix = [&entry.path[..], b"/"].concat();
                let _ = files_below(self.objects, &prefix, entry.id, &mut |path, id| gone.push((id, path)));
            }
            gone.push((entry.id, entry.path.clone()));
        }
        let wanted = Wanted::of(found.iter().map(|f| &f.0));
        if found.iter().any(|f| f.1.is_none()) {
            for (_, path) in &gone {
                let path = wanted.look(self.detector, path);
                found.retain(|(finding, change)| change.is_some() || !path.has_values(finding));
            }
        }
        let mut before: Vec<(ObjectId, Option<ObjectId>)> = gone.into_iter().map(|g| (g.0, None)).collect();
        let edited = changes.changed.iter().flat_map(|c| c.old.iter().map(|old| (*old, Some(c.id))));
        before.extend(edited);
        before.sort_unstable();
        before.dedup();
        for (old, new) in before {
            if self.stopped() || found.iter().all(|f| f.1.is_none()) {
                return;
            }
            let Some(before) = self.read(&old) else { continue };
            let before = wanted.look(self.detector, &before);
            let is_held: Vec<bool> =
                found.iter().map(|(f, change)| change.is_some() && before.holds(f)).collect();
            if !is_held.contains(&true) {
                continue;
            }
            // What is still there was copied.
            let after = new.and_then(|id| self.read(&id));
            let after = after.as_ref().map(|text| wanted.look(self.detector, text));
            let mut is_held = is_held.into_iter();
            found.retain(|(finding, _)| {
                !is_held.next().unwrap_or(false) || after.as_ref().is_some_and(|text| text.holds(finding))
            });
        }
    }
}

fn origin(place: Place, path: Option<&[u8]>, id: Option<ObjectId>) -> Origin {
    Origin::new(place, path.map(<[u8]>::to_vec), id.map(|id| id.to_string()))
}

/// One finding for each credential and path, with its further places.
pub(super) fn fold(findings: Vec<Finding>) -> Vec<Finding> {
    let mut folded: Vec<Finding> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::new();
    for finding in findings {
        let location = &finding.location;
        let key =
            (finding.fingerprint.clone(), location.place, location.path.clone(), location.note_on.clone());
        if let Some(&first) = known.get(&key) {
            let first = &mut folded[first];
            first.other_locations.push(finding.location);
            first.other_locations.extend(finding.other_locations);
        } else {
            known.insert(key, folded.len());
            folded.push(finding);
        }
    }
    for finding in &mut folded {
        let place = |l: &Location| {
            (l.place, l.path.clone(), l.line, l.column, l.commit.as_ref().map(|c| c.id.clone()))
        };
        let first = place(&finding.location);
        finding.other_locations.sort_unstable();
        finding.other_locations.dedup_by_key(|l| place(l));
        finding.other_locations.retain(|l| place(l) != first);
    }
    folded
}
