//! `keyhound staged`.

use anyhow::{Context as _, Result};
use keyhound::report::Gate;
use keyhound::scan::scan_staged;
use keyhound::sources::names;
use keyhound::sources::staged::Scope;

use super::common::{Common, now};
use super::exit::ExitStatus;
use super::git::Here;
use super::triage::Suppressions;
use super::{interrupt, output, verify};

/// Arguments of `keyhound staged`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Scan what the next commit would add.
pub(crate) fn run(_args: &Args, common: &Common) -> Result<ExitStatus> {
    scan(&Here::find()?, Scope::Changed, common)
}

/// Scan what is staged in a repository.
pub(crate) fn scan(here: &Here, scope: Scope, common: &Common) -> Result<ExitStatus> {
    let started = now();
    let detector = common.detector()?;
    let control = interrupt::control(common.archives());
    let index = here.read_index().context("cannot scan what is staged")?;
    let mut outcome = scan_staged(&here.repo, &index, scope, &here.objects, &detector, &control, started)
        .context("cannot scan what is staged")?;
    // A commit that adds nothing may still break what the next ones need.
    Suppressions::of_index(here, &index, detector.rules(), common)?.apply(&mut outcome);
    verify::apply(&mut outcome, common, &control)?;
    outcome.finished = now();
    let is_first = || matches!(names::resolve(&here.repo, b"HEAD"), Ok(None));
    let gate = match scope {
        Scope::Whole => Gate::Files,
        Scope::Changed if !outcome.findings.is_empty() && is_first() => Gate::FirstCommit,
        Scope::Changed => Gate::Commit,
    };
    output::finish_gate(&outcome, detector.rules(), gate, common)
}
