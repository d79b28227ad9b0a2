//! The scan of a range of commits: what each of them adds to its parents, and what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::added::{Adder, fold};
use super::history::{Ahead, as_note, in_message};
use super::{Control, Outcome, Stats};
use crate::blob::{Origin, Place, Skipped};
use crate::detect::Detector;
use crate::finding::{Commit, Finding};
use crate::sources::changes::{Changes, find_path};
use crate::sources::history::Repo;
use crate::sources::history::commits::{Node, describe_object};
use crate::sources::history::reach::{MAX_TAGS, tag_target};
use crate::sources::history::refs::Refs;
use crate::sources::history::store::{ObjectId, ObjectKind};
use crate::sources::objects::{ObjectError, Objects};
use crate::sources::range::{Range, Tip, Walked};

/// What fetches what is missing, wherever the scan runs.
const UNSHALLOW: &str = "`git fetch --unshallow` fetches the rest; in CI: `fetch-depth: 0` (GitHub Actions), `GIT_DEPTH: 0` (GitLab)";

/// Find all credentials that the commits of `range` add: to files, in their messages, in tags that name them, and in
/// the names of refs that lead to the range.
///
/// It costs by how many commits there are, and, on `threads` threads, not more than to read everything that is stored.
pub fn scan_range(
    repo: &Repo,
    objects: &Objects,
    range: &Range,
    detector: &Detector,
    control: &Control,
    threads: usize,
    started: SystemTime,
) -> Outcome {
    let walked = range.walk(objects);
    let ahead = if objects.is_one() {
        Ahead::where_less(repo, detector, control, threads, &walked.commits)
    } else {
        None
    };
    let read = ahead.as_ref().map(|ahead| ahead.read);
    let mut scan = Scan {
        adder: Adder::new(repo, objects, detector, control, Place::Blob),
        base: Vec::new(),
        findings: Vec::new(),
    };
    scan.adder.ahead = ahead;
    let base = range.excluded.iter().filter_map(|id| Some(scan.commit(id).ok()?.0.tree));
    scan.base = base.collect();
    let notes = notes(range, &walked, objects);
    for node in &walked.commits {
        if scan.adder.stopped() {
            break;
        }
        if scan.adder.ahead.as_ref().is_some_and(|ahead| !ahead.wants(&node.id)) {
            continue;
        }
        scan.node(node, notes.get(&node.id).map(String::as_str));
    }
    scan.tags(range, &walked);
    for (id, name) in &range.others {
        scan.other(*id, &String::from_utf8_lossy(name));
    }
    let named = range.tips.iter().filter_map(|tip| tip.name.as_ref());
    for name in named.chain(range.others.iter().map(|(_, name)| name)) {
        scan.ref_name(name);
    }
    scan.missing(walked);
    let mut findings = fold(scan.findings);
    findings.sort_by(|a, b| (&a.location, &a.rule_id, &a.key_id).cmp(&(&b.location, &b.rule_id, &b.key_id)));
    let (incomplete, left_out) = scan.adder.finish();
    Outcome {
        mode: "range",
        target: range.text.clone(),
        started,
        finished: started,
        stats: read.unwrap_or_else(|| Stats::of(control)),
        findings,
        incomplete,
        left_out,
        unused_suppressions: Vec::new(),
    }
}

/// The commits that only refs of notes lead to, with the ref.
fn notes(range: &Range, walked: &Walked, objects: &Objects) -> BTreeMap<ObjectId, String> {
    let is_notes = |tip: &&Tip| tip.name.as_ref().is_some_and(|name| name.starts_with(b"refs/notes/"));
    let (notes, plain): (Vec<&Tip>, Vec<&Tip>) = range.tips.iter().partition(is_notes);
    let mut commits = BTreeMap::new();
    if notes.is_empty() {
        return commits;
    }
    let others = if plain.is_empty() {
        BTreeSet::new()
    } else {
        range.led_to_by(plain.into_iter().cloned().collect(), objects)
    };
    let alone = notes.len() == 1 && others.is_empty();
    for tip in notes {
        let name = String::from_utf8_lossy(tip.name.as_deref().unwrap_or_default());
        let ids = if alone { walked.ids() } else { range.led_to_by(vec![tip.clone()], objects) };
        for id in ids.into_iter().filter(|id| !others.contains(id)) {
            commits.entry(id).or_insert_with(|| name.clone().into_owned());
        }
    }
    commits
}

struct Scan<'a> {
    adder: Adder<'a>,
    /// Root trees of the commits that are not in the range but next to it.
    base: Vec<ObjectId>,
    findings: Vec<Finding>,
}

impl Scan<'_> {
    /// A commit and its bytes.
    fn commit(&self, id: &ObjectId) -> Result<(Node, Vec<u8>), ObjectError> {
        let mut bytes = Vec::new();
        self.adder.objects.read_kind(id, ObjectKind::Commit, &mut bytes)?;
        let node = Node::parse(*id, &bytes, self.adder.repo.hash)
            .ok_or_else(|| ObjectError::Damaged { id: *id, reason: "the commit is malformed".into() })?;
        Ok((node, bytes))
    }

    /// What a tree adds to those of its predecessors.
    fn tree(&mut self, tree: ObjectId, parents: &[ObjectId]) -> Vec<Finding> {
        let objects = self.adder.objects;
        let mut changes = Changes::default();
        let mut problems = Vec::new();
        changes.trees(objects, b"", tree, parents, &mut |path, error| {
            problems.push((path.to_vec(), error));
        });
        for (path, error) in problems {
            self.adder.skip(&path, &error);
        }
        let base = &self.base;
        self.adder.added(&changes, &mut |path| {
            base.iter().filter_map(|tree| find_path(objects, *tree, path).ok().flatten()).collect()
        })
    }

    /// A commit; `notes` is the ref of notes that alone leads to it.
    fn node(&mut self, node: &Node, notes: Option<&str>) {
        let bytes = match self.commit(&node.id) {
            Ok((_, bytes)) => bytes,
            Err(error) => return self.adder.skip(b"", &error),
        };
        let about = describe_object(node.id, node.time, &bytes);
        let mut parents: Vec<ObjectId> =
            node.parents.iter().filter_map(|id| Some(self.commit(id).ok()?.0.tree)).collect();
        if parents.is_empty() && !node.parents.is_empty() {
            // Cut off, which is told; what came before is best known from the other end of the range.
            parents.clone_from(&self.base);
        }
        let mut added = self.tree(node.tree, &parents);
        if notes.is_some() {
            let places = added.iter_mut().flat_map(Finding::places_mut);
            places.filter(|place| place.place == Place::Blob).for_each(as_note);
        }
        let origin = Origin::new(Place::CommitMessage, None, Some(node.id.to_string()));
        added.extend(in_message(self.adder.detector, &origin, &bytes));
        self.adder.control.blobs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.keep(added, Some(&about), notes);
    }

    fn keep(&mut self, findings: Vec<Finding>, commit: Option<&Commit>, named_by: Option<&str>) {
        self.findings.extend(findings.into_iter().map(|mut finding| {
            for location in finding.places_mut() {
                location.commit = commit.cloned().map(Box::new);
                location.named_by = named_by.map(str::to_owned);
                location.reachable = Some(true);
            }
            finding
        }));
    }

    /// Annotated tags that lead to the range.
    fn tags(&mut self, range: &Range, walked: &Walked) {
        let mut tags: Vec<(ObjectId, Option<String>)> = range
            .tips
            .iter()
            .flat_map(|tip| {
                let name = tip.name.as_ref().map(|name| String::from_utf8_lossy(name).into_owned());
                tip.tags.iter().map(move |tag| (*tag, name.clone()))
            })
            .collect();
        let ids = walked.ids();
        if range.with_tags && !ids.is_empty() {
            let refs = Refs::read(self.adder.repo);
            let named = refs.roots.into_iter().filter(|(name, _)| name.starts_with(b"refs/tags/"));
            for (name, id) in named.filter(|(_, id)| !ids.contains(id)) {
                let mut chain = Vec::new();
                let (mut at, mut bytes) = (id, Vec::new());
                while chain.len() < MAX_TAGS
                    && matches!(self.adder.objects.read(&at, &mut bytes), Ok(ObjectKind::Tag))
                {
                    chain.push(at);
                    let Some(target) = tag_target(&bytes, self.adder.repo.hash) else { break };
                    at = target;
                }
                if ids.contains(&at) {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    tags.extend(chain.into_iter().map(|tag| (tag, Some(name.clone()))));
                }
            }
        }
        tags.sort();
        tags.dedup_by_key(|tag| tag.0);
        for (id, name) in tags {
            let mut bytes = Vec::new();
            if let Err(error) = self.adder.objects.read_kind(&id, ObjectKind::Tag, &mut bytes) {
                self.adder.skip(b"", &error);
                continue;
            }
            let origin = Origin::new(Place::TagMessage, None, Some(id.to_string()));
            let findings = in_message(self.adder.detector, &origin, &bytes);
            self.keep(findings, None, name.as_deref());
        }
    }

    /// What a name leads to, through tags or not, that is no commit.
    fn other(&mut self, mut id: ObjectId, name: &str) {
        let mut bytes = Vec::new();
        for _ in 0..MAX_TAGS {
            let found = match self.adder.objects.read(&id, &mut bytes) {
                Err(error) => return self.adder.skip(name.as_bytes(), &error),
                Ok(ObjectKind::Tag) => {
                    let origin = Origin::new(Place::TagMessage, None, Some(id.to_string()));
                    let found = in_message(self.adder.detector, &origin, &bytes);
                    self.keep(found, None, Some(name));
                    match tag_target(&bytes, self.adder.repo.hash) {
                        Some(target) => id = target,
                        None => return,
                    }
                    continue;
                }
                Ok(ObjectKind::Blob) => self.adder.detect(Place::Blob, None, Some(id), &bytes),
                Ok(ObjectKind::Tree) => self.tree(id, &[]),
                Ok(ObjectKind::Commit) => return, // it is in the range
            };
            return self.keep(found, None, Some(name));
        }
    }

    fn ref_name(&mut self, name: &[u8]) {
        let findings = self.adder.detect(Place::Ref, None, None, name);
        self.keep(findings, None, Some(&String::from_utf8_lossy(name)));
    }

    fn missing(&mut self, walked: Walked) {
        let repo = self.adder.repo;
        let shallow: BTreeSet<ObjectId> = repo.shallow().unwrap_or_default().into_iter().collect();
        for (child, parent) in walked.cut {
            let help = if shallow.contains(&child) {
                Some(UNSHALLOW.to_owned())
            } else if repo.promisor {
                Some(
                    "this is a partial clone: `git fetch --refetch --no-filter` fetches what is missing"
                        .into(),
                )
            } else {
                None
            };
            let reason = format!("missing: a parent of commit {child}, so the range is cut");
            self.adder.skipped.push(Skipped { help, ..Skipped::new(format!("commit {parent}"), reason) });
        }
        for error in walked.problems {
            self.adder.skip(b"the range", &error);
        }
    }
}
