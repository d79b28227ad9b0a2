//! A history, those of its submodules, and the files of the work tree in one outcome: one finding for each credential.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::Outcome;
use crate::blob::{Place, Skipped};
use crate::finding::{Finding, Location, Secret};
use crate::sources::history::attribute::MAX_PLACES;
use crate::sources::staged::is_own_index;

type Key = (Arc<str>, Option<Box<str>>, Option<Secret>);

/// Joins outcomes. What was scanned first names the place that introduced a credential, except that an id alone gives way
/// to the id with its secret.
#[derive(Debug)]
pub struct Audit {
    pub(super) outcome: Outcome,
    /// The finding of each credential.
    known: HashMap<Key, usize>,
    /// The finding of each id, with its secret if there is one.
    by_id: HashMap<(Arc<str>, Box<str>), usize>,
}

impl Audit {
    /// Begin with the history of a repository.
    pub fn new(mut history: Outcome) -> Self {
        let findings = std::mem::take(&mut history.findings);
        let outcome = Outcome { mode: "audit", ..history };
        let mut audit = Self { outcome, known: HashMap::new(), by_id: HashMap::new() };
        for finding in findings {
            audit.push(finding);
        }
        audit
    }

    /// Add the history of a submodule, or of another repository inside this one, which `what` tells. Its paths get its name in front;
    /// what has no path says whose it is.
    pub fn add_inner(&mut self, what: &str, name: &[u8], mut outcome: Outcome) {
        let whose = format!("{what} {}", String::from_utf8_lossy(name));
        for finding in &mut outcome.findings {
            for location in finding.places_mut() {
                if let Some(path) = &mut location.path {
                    *path = [name, b"/", path].concat();
                }
                location.named_by = Some(match location.named_by.take() {
                    Some(by) => format!("{by} of {whose}"),
                    None => whose.clone(),
                });
            }
        }
        for skipped in outcome.incomplete.iter_mut().chain(&mut outcome.left_out) {
            skipped.what = format!("{whose}: {}", skipped.what);
        }
        self.add(outcome);
    }

    /// Add the files of the work tree at `root`. A file that holds what HEAD holds at the same path and line is no further
    /// place.
    pub fn add_files(&mut self, mut outcome: Outcome, root: &Path) {
        let root = gix::path::into_bstr(root).map(|r| r.to_vec()).unwrap_or_default();
        for finding in &mut outcome.findings {
            for location in finding.places_mut() {
                relative(location, &root);
            }
        }
        let folder = format!("{}/", String::from_utf8_lossy(&root));
        for skipped in outcome.incomplete.iter_mut().chain(&mut outcome.left_out) {
            if let Some(path) = skipped.what.strip_prefix(&folder) {
                skipped.what = path.to_owned();
            }
        }
        self.add(outcome);
    }

    /// Add git's own files of the repository whose work tree is at `root`.
    pub fn add_git_files(&mut self, mut outcome: Outcome, root: &Path) {
        for location in outcome.findings.iter_mut().flat_map(Finding::places_mut) {
            if location.place == Place::File {
                location.place = Place::GitFile;
            }
        }
        self.add_files(outcome, root);
    }

    /// Add what was not read at all.
    pub fn add_problems(&mut self, problems: Vec<Skipped>) {
        self.outcome.incomplete.extend(problems);
    }

    /// Add what was left out on purpose.
    pub fn add_left_out(&mut self, left_out: Vec<Skipped>) {
        self.outcome.left_out.extend(left_out);
    }

    /// All of it.
    pub fn finish(mut self) -> Outcome {
        self.outcome.incomplete.sort_unstable();
        self.outcome.incomplete.dedup();
        self.outcome.left_out.sort_unstable();
        self.outcome
    }

    fn add(&mut self, outcome: Outcome) {
        for finding in outcome.findings {
            self.join(finding);
        }
        self.outcome.incomplete.extend(outcome.incomplete);
        self.outcome.left_out.extend(outcome.left_out);
        self.outcome.finished = outcome.finished;
        // The later of two counts of one `Control`.
        self.outcome.stats.blobs = self.outcome.stats.blobs.max(outcome.stats.blobs);
        self.outcome.stats.bytes = self.outcome.stats.bytes.max(outcome.stats.bytes);
    }

    fn push(&mut self, finding: Finding) {
        let index = self.outcome.findings.len();
        self.index(&finding, index);
        self.outcome.findings.push(finding);
    }

    fn index(&mut self, finding: &Finding, index: usize) {
        let Finding { rule_id, key_id, secret, .. } = finding;
        self.known.insert((Arc::clone(rule_id), key_id.clone(), secret.clone()), index);
        if let Some(id) = key_id {
            let known = self.by_id.entry((Arc::clone(rule_id), id.clone())).or_insert(index);
            if secret.is_some() && self.outcome.findings.get(*known).is_some_and(|f| f.secret.is_none()) {
                *known = index;
            }
        }
    }

    fn join(&mut self, mut finding: Finding) {
        let by_id = finding
            .key_id
            .as_ref()
            .and_then(|id| self.by_id.get(&(Arc::clone(&finding.rule_id), id.clone())).copied());
        let key = (Arc::clone(&finding.rule_id), finding.key_id.clone(), finding.secret.clone());
        let is_half = |f: &Finding| f.secret.is_none();
        let target = match (self.known.get(&key).copied(), by_id) {
            (Some(index), _) => index,
            (None, Some(index)) if is_half(&finding) => index,
            (None, Some(index)) if is_half(&self.outcome.findings[index]) => {
                // The whole takes the place of the half.
                self.index(&finding, index);
                std::mem::swap(&mut self.outcome.findings[index], &mut finding);
                index
            }
            _ => return self.push(finding),
        };
        let target = &mut self.outcome.findings[target];
        target.other_locations_omitted =
            target.other_locations_omitted.saturating_add(finding.other_locations_omitted);
        for location in std::iter::once(finding.location).chain(finding.other_locations) {
            if is_same(&target.location, &location)
                || target.other_locations.iter().any(|l| is_same(l, &location))
            {
                continue;
            }
            if target.other_locations.len() < MAX_PLACES {
                target.other_locations.push(location);
            } else {
                target.other_locations_omitted = target.other_locations_omitted.saturating_add(1);
            }
        }
    }
}

/// Whether a place of a file is one that is known from HEAD, or from the index.
fn is_same(known: &Location, new: &Location) -> bool {
    let staged = known.place == Place::Index && known.named_by.as_deref().is_some_and(is_own_index);
    let in_head = (known.in_head == Some(true) || staged) && new.commit.is_none();
    in_head && known.path.is_some() && (&known.path, known.line) == (&new.path, new.line)
}

/// Paths of a history are relative to the top of the work tree; so are those of files then.
fn relative(location: &mut Location, root: &[u8]) {
    if let Some(path) = &mut location.path
        && let Some(rest) = path.strip_prefix(root)
    {
        *path = rest.strip_prefix(b"/").unwrap_or(rest).to_vec();
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
