//! `keyhound history --range`.

use std::path::Path;

use anyhow::{Context as _, Result};
use keyhound::scan::scan_range;
use keyhound::sources::history::Repo;
use keyhound::sources::range::Range;

use super::common::{Common, now};
use super::exit::ExitStatus;
use super::git::open_objects;
use super::progress::Progress;
use super::triage::Suppressions;
use super::{interrupt, output, verify};

/// Scan what the commits of a range add.
pub(crate) fn run(path: &Path, text: &str, since: Option<i64>, common: &Common) -> Result<ExitStatus> {
    let started = now();
    let repo = Repo::discover(path).context("cannot scan the range")?;
    let objects = open_objects(&repo, &[])?;
    let range = Range::parse(&repo, &objects, text).context("cannot resolve the range")?;
    let range = Range { since, ..range };
    let detector = common.detector()?;
    let suppressions = Suppressions::of_range(&objects, &range, detector.rules(), common)?;
    let control = interrupt::control(common.archives());
    let progress = Progress::start(common.progress(), "objects", &control);
    let mut outcome = scan_range(&repo, &objects, &range, &detector, &control, common.threads(), started);
    drop(progress);
    suppressions.apply(&mut outcome);
    verify::apply(&mut outcome, common, &control)?;
    outcome.finished = now();
    output::finish(&outcome, detector.rules(), common)
}
