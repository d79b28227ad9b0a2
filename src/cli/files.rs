//! `keyhound files`.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use keyhound::detect::Detector;
use keyhound::rules::RuleSet;
use keyhound::scan::{Outcome, scan_files};
use keyhound::sources::files::Files;

use super::common::{Common, now};
use super::exit::ExitStatus;
use super::progress::Progress;
use super::remote::Url;
use super::stoppable::Stoppable;
use super::triage::Suppressions;
use super::{interrupt, output, verify};

/// Arguments of `keyhound files`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders and files to scan; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Scan files that git ignores, too
    #[arg(long)]
    no_ignore: bool,
}

/// Scan folders, files or standard input.
pub(crate) fn run(args: &Args, common: &Common) -> Result<ExitStatus> {
    let suppress = |paths: &[PathBuf], rules: &RuleSet| Suppressions::of_files(paths, rules, common);
    let (outcome, detector) = scan(&args.paths, args.no_ignore, common, &suppress)?;
    output::finish(&outcome, detector.rules(), common)
}

/// What such a scan comes to, and what it was made with. `suppress` looks up what suppresses findings in the paths.
pub(crate) fn scan(
    paths: &[PathBuf],
    no_ignore: bool,
    common: &Common,
    suppress: &dyn Fn(&[PathBuf], &RuleSet) -> Result<Suppressions>,
) -> Result<(Outcome, Detector)> {
    let started = now();
    let (streams, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.iter().cloned().partition(|path| path == Path::new("-"));
    paths.iter().try_for_each(|path| Url::refuse(path))?;
    let files = Files::new(&paths, no_ignore, common.threads()).context("cannot scan")?;
    let detector = common.detector()?;
    let suppressions = suppress(&paths, detector.rules())?;

    let control = interrupt::control(common.archives());
    let progress = Progress::start(common.progress(), "files", &control);
    let mut stdin = (!streams.is_empty()).then(|| Stoppable::stdin(&control));
    let stdin = stdin.as_mut().map(|stdin| stdin as &mut dyn Read);
    let mut outcome = scan_files(&files, stdin, &detector, &control, started);
    drop(progress);

    suppressions.apply(&mut outcome);
    verify::apply(&mut outcome, common, &control)?;
    outcome.finished = now();
    Ok((outcome, detector))
}
