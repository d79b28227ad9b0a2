//! Files and history in one outcome: one finding for each credential.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{Outcome, Stats};
use crate::finding::{Finding, Location, Secret};

type Key = (Arc<str>, Option<Box<str>>, Option<Secret>);

/// Join the outcomes of a history and of the files of its work tree at `root`. A file that holds what the history
/// holds at the same path and line is no further place.
pub fn merge_audit(history: Outcome, files: Outcome, root: &Path) -> Outcome {
    let mut findings = history.findings;
    let key = |f: &Finding| -> Key { (Arc::clone(&f.rule_id), f.key_id.clone(), f.secret.clone()) };
    let mut known: HashMap<Key, usize> = findings.iter().enumerate().map(|(i, f)| (key(f), i)).collect();
    // An id alone belongs to the credential of that id, if there is one.
    let mut by_id: HashMap<(Arc<str>, Box<str>), usize> = HashMap::new();
    for (i, f) in findings.iter().enumerate() {
        if let (Some(id), Some(_)) = (&f.key_id, &f.secret) {
            by_id.entry((Arc::clone(&f.rule_id), id.clone())).or_insert(i);
        }
    }
    let root = gix::path::into_bstr(root).map(|r| r.to_vec()).unwrap_or_default();
    for mut finding in files.findings {
        for location in std::iter::once(&mut finding.location).chain(&mut finding.other_locations) {
            relative(location, &root);
        }
        let id = finding.key_id.as_ref().filter(|_| finding.secret.is_none());
        let whole = id.and_then(|id| by_id.get(&(Arc::clone(&finding.rule_id), id.clone())));
        let Some(index) = whole.or_else(|| known.get(&key(&finding))).copied() else {
            known.insert(key(&finding), findings.len());
            findings.push(finding);
            continue;
        };
        let Finding { location, other_locations, .. } = finding;
        let target = &mut findings[index];
        for location in std::iter::once(location).chain(other_locations) {
            let same =
                |l: &Location| l.path == location.path && l.line == location.line && l.in_head == Some(true);
            if !same(&target.location) && !target.other_locations.iter().any(same) {
                target.other_locations.push(location);
            }
        }
    }
    let mut incomplete = history.incomplete;
    incomplete.extend(files.incomplete);
    incomplete.sort_unstable();
    incomplete.dedup();
    let mut left_out = history.left_out;
    left_out.extend(files.left_out);
    left_out.sort_unstable();
    Outcome {
        mode: "audit",
        target: history.target,
        started: history.started,
        finished: files.finished,
        // The later of two counts of one `Control`.
        stats: Stats {
            blobs: history.stats.blobs.max(files.stats.blobs),
            bytes: history.stats.bytes.max(files.stats.bytes),
        },
        findings,
        incomplete,
        left_out,
        unused_suppressions: Vec::new(),
    }
}

/// Paths of a history are relative to the top of the work tree; so are those of files then.
fn relative(location: &mut Location, root: &[u8]) {
    if let Some(path) = &mut location.path
        && let Some(rest) = path.strip_prefix(root)
    {
        *path = rest.strip_prefix(b"/").unwrap_or(rest).to_vec();
    }
}
