//! The scan of what the next commit would add.

use std::time::SystemTime;

use super::added::Adder;
use super::{Control, Outcome, Stats};
use crate::blob::Place;
use crate::detect::Detector;
use crate::sources::history::Repo;
use crate::sources::objects::Objects;
use crate::sources::staged::{Index, Scope, StagedError, staged};

/// Find all credentials that a commit of the index would add; or, in the other scope, all that it holds.
pub fn scan_staged(
    repo: &Repo,
    index: &Index,
    scope: Scope,
    objects: &Objects,
    detector: &Detector,
    control: &Control,
    started: SystemTime,
) -> Result<Outcome, StagedError> {
    let mut adder = Adder::new(repo, objects, detector, control, Place::Index);
    let mut problems = Vec::new();
    let changes =
        staged(repo, index, scope, objects, &mut |path, error| problems.push((path.to_vec(), error)))?;
    for (path, error) in problems {
        adder.skip(&path, &error);
    }
    let mut findings = adder.added(&changes, &mut |_| Vec::new());
    findings.sort_by(|a, b| (&a.location, &a.rule_id, &a.key_id).cmp(&(&b.location, &b.rule_id, &b.key_id)));
    let (incomplete, left_out) = adder.finish();
    let root = repo.work_tree.as_ref().unwrap_or(&repo.git_dir);
    Ok(Outcome {
        mode: "staged",
        target: root.display().to_string(),
        started,
        finished: started,
        stats: Stats::of(control),
        findings,
        incomplete,
        left_out,
        unused_suppressions: Vec::new(),
    })
}
