//! `keyhound history` and `keyhound audit`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow, bail};
use keyhound::detect::Detector;
use keyhound::scan::{Audit, Control, HistoryOptions, Outcome, scan_files, scan_history, scan_tree};
use keyhound::sources::files::Files;
use keyhound::sources::history::store::ObjectId;
use keyhound::sources::history::{Repo, Submodule};

use super::ci::{self, Scope};
use super::common::{Common, env, now};
use super::exit::ExitStatus;
use super::git::open_objects;
use super::progress::Progress;
use super::remote::Url;
use super::triage::Suppressions;
use super::{interrupt, output, range, verify};

/// Arguments of `keyhound history`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository, or a folder in it
    #[arg(value_name = "REPO", default_value = ".")]
    repo: PathBuf,
    /// Only what the commits of RANGE add: 'A..B', 'A...B' (what B has since it parted from A), 'B^!' (B alone), or a single name (all
    /// that it reaches)
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["refs", "reachable_only", "max_blob_size", "check_hashes"])]
    range: Option<String>,
    /// Only what this CI job is about: the pull request or the push, as the variables of the CI service tell
    #[arg(long, conflicts_with_all = ["range", "refs", "reachable_only", "max_blob_size", "check_hashes"])]
    ci: bool,
    #[command(flatten)]
    what: What,
}

/// Arguments of `keyhound audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// The repository, or a folder in it; or a URL, of which a temporary clone is made. What its files hold now is reported whatever
    /// --refs, --reachable-only and --since choose from the history
    #[arg(value_name = "REPO|URL", default_value = ".")]
    repo: PathBuf,
    /// Keep the clone of a URL, and say where it is
    #[arg(long)]
    keep: bool,
    /// Scan files of the work tree that git ignores, too; without it they are left out
    #[arg(long)]
    no_ignore: bool,
    #[command(flatten)]
    what: What,
}

/// What of a history is scanned.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct What {
    /// Only what refs reach whose full name matches GLOB, such as 'refs/heads/*'
    #[arg(long, value_name = "GLOB")]
    refs: Option<String>,
    /// Leave out what no ref and no HEAD reaches
    #[arg(long)]
    reachable_only: bool,
    /// Only what was introduced on or after DATE: 2026-01-31, or with a time as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<i64>,
    /// Leave out files larger than SIZE, such as 500k, 20M or 1G; they are listed
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_blob_size: Option<u64>,
    /// Check that the content of every object has the id that it is stored under
    #[arg(long)]
    check_hashes: bool,
}

impl AuditArgs {
    /// What a bare `keyhound` does.
    pub(crate) fn here() -> Self {
        Self { repo: ".".into(), keep: false, no_ignore: false, what: What::default() }
    }
}

impl What {
    fn options(&self, common: &Common) -> HistoryOptions {
        HistoryOptions {
            refs: self.refs.clone(),
            reachable_only: self.reachable_only,
            since: self.since,
            max_blob_size: self.max_blob_size,
            check_hashes: self.check_hashes,
            threads: common.threads(),
            ..HistoryOptions::default()
        }
    }

    /// Whether nothing of the history is left out.
    fn is_whole(&self) -> bool {
        self.refs.is_none() && !self.reachable_only && self.since.is_none() && self.max_blob_size.is_none()
    }
}

/// Scan the history.
pub(crate) fn history(args: &Args, common: &Common) -> Result<ExitStatus> {
    Url::refuse(&args.repo)?;
    if let Some(range) = &args.range {
        return range::run(&args.repo, range, args.what.since, common);
    }
    if args.ci {
        return of_job(args, common);
    }
    let control = interrupt::control(common.archives());
    let options = args.what.options(common);
    let of = Target { path: &args.repo, shown: None, what: "objects", whole: args.what.is_whole() };
    scan(of, common, &control, &|repo, detector, started| {
        Ok(scan_history(repo, &options, detector, &control, started))
    })
}

/// Scan what a CI job is about.
fn of_job(args: &Args, common: &Common) -> Result<ExitStatus> {
    let text = |name: &str| env(name).and_then(|value| value.into_string().ok());
    // Few services need to know; they ask once.
    let has = |id: &str| {
        let objects = Repo::discover(&args.repo).ok().and_then(|repo| open_objects(&repo, &[]).ok());
        ObjectId::from_hex(id.as_bytes()).ok().zip(objects).is_some_and(|(id, objects)| objects.contains(&id))
    };
    let Some(job) = ci::job(&text, &|path| std::fs::read_to_string(path).ok(), &has) else {
        bail!("no CI service is known by its variables here: name the range with --range BASE..HEAD");
    };
    let range = match job.scope {
        Scope::Range(range) | Scope::Reachable(range) => range,
        Scope::Nothing => {
            output::note(format_args!("keyhound: {}: a branch was deleted, which adds nothing", job.service));
            return Ok(ExitStatus::Clean);
        }
    };
    if !common.quiet {
        output::note(format_args!("keyhound: {}: looking at {range}", job.service));
    }
    range::run(&args.repo, &range, args.what.since, common)
}

/// Scan the history, that of submodules, and the work tree, in one report.
pub(crate) fn audit(args: &AuditArgs, common: &Common) -> Result<ExitStatus> {
    let control = interrupt::control(common.archives());
    let options = args.what.options(common);
    let audit = |repo: &Repo, detector: &Detector, started| {
        audit_repo(repo, &options, args.no_ignore, detector, &control, started)
    };
    let whole = args.what.is_whole();
    let Some(url) = Url::of(&args.repo)? else {
        if args.keep {
            bail!("--keep is for the clone of a URL, and {} is none", args.repo.display());
        }
        let of = Target { path: &args.repo, shown: None, what: "objects and files", whole };
        return scan(of, common, &control, &audit);
    };
    // Ctrl-C ends git, too; then the folder is removed.
    let clone = url.clone(common.progress(), &control);
    if clone.is_err() && control.stopped() {
        bail!("cannot clone {}: it was interrupted", url.shown());
    }
    let clone = clone?;
    let of = Target { path: clone.path(), shown: Some(url.shown()), what: "objects", whole };
    let status = scan(of, common, &control, &audit);
    if args.keep {
        clone.keep();
    }
    status
}

/// The history, that of submodules, the work tree, and git's own files, as one outcome.
pub(crate) fn audit_repo(
    repo: &Repo,
    options: &HistoryOptions,
    no_ignore: bool,
    detector: &Detector,
    control: &Control,
    started: SystemTime,
) -> Result<Outcome> {
    let mut audit = Audit::new(scan_history(repo, options, detector, control, started));
    let (mut inner, mut problems) = repo.submodules();
    let (mut own, unlisted) = repo.own_files();
    problems.extend(unlisted);
    let mut tree = None;
    if let Some(root) = &repo.work_tree {
        let files =
            Files::new(std::slice::from_ref(root), no_ignore, options.threads).context("cannot scan")?;
        let (outcome, met) = scan_tree(&files, None, detector, control, started);
        tree = Some((outcome, root));
        let embedded = repo.embedded(met, &inner);
        inner.extend(embedded.repos);
        own.extend(embedded.files);
        problems.extend(embedded.problems);
        audit.add_left_out(embedded.left_out);
    }
    // Refs are those of the repository that was named.
    let options = HistoryOptions { refs: None, ..options.clone() };
    for Submodule { name, what, repo: inner } in inner {
        audit.add_inner(what, &name, scan_history(&inner, &options, detector, control, started));
        // One that git made lately is in the git folder of the whole.
        if !inner.common_dir.starts_with(&repo.common_dir) {
            let (files, unlisted) = inner.own_files();
            own.extend(files);
            problems.extend(unlisted);
        }
    }
    if let Some((outcome, root)) = tree {
        audit.add_files(outcome, root);
        audit.settle(repo, root);
    }
    audit.add_problems(problems);
    // What lies in one git folder and belongs to another is listed by both.
    own.sort_unstable();
    own.dedup();
    if !own.is_empty() {
        let files = Files::listed(own, options.threads);
        let root = repo.work_tree.as_deref().unwrap_or(&repo.common_dir);
        audit.add_git_files(scan_files(&files, None, detector, control, started), root);
    }
    Ok(audit.finish())
}

type Scan<'a> = &'a dyn Fn(&Repo, &Detector, SystemTime) -> Result<Outcome>;

/// A repository to scan.
#[derive(Clone, Copy)]
struct Target<'a> {
    path: &'a Path,
    /// What the report calls it, if not so.
    shown: Option<&'a str>,
    /// What is counted.
    what: &'static str,
    /// Whether nothing of it is left out.
    whole: bool,
}

fn scan(of: Target<'_>, common: &Common, control: &Arc<Control>, scan: Scan<'_>) -> Result<ExitStatus> {
    let started = now();
    let repo = Repo::discover(of.path).context("cannot scan the history")?;
    let detector = common.detector()?;
    let suppressions = Suppressions::of_repo(&repo, detector.rules(), common)?;
    let suppressions = suppressions.whole(of.whole && !common.no_archives);
    let progress = Progress::start(common.progress(), of.what, control);
    let mut outcome = scan(&repo, &detector, started)?;
    drop(progress);
    suppressions.apply(&mut outcome);
    verify::apply(&mut outcome, common, control)?;
    outcome.finished = now();
    if let Some(target) = of.shown {
        target.clone_into(&mut outcome.target);
    }
    output::finish(&outcome, detector.rules(), common)
}

/// Bytes: a number with nothing, k, M, G or T behind it, of 1024 each.
fn size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(anyhow!("a number with k, M, G or T behind it was expected")),
    };
    let number: u64 = digits.parse().context("not a number")?;
    number.checked_mul(1 << shift).context("too large")
}

/// Seconds since 1970; what names no time zone is UTC.
fn date(text: &str) -> Result<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_second());
    }
    // The last day of all is one here, but no timestamp.
    let time: jiff::civil::DateTime = text
        .trim_end_matches(['Z', 'z'])
        .parse()
        .context("a date such as 2026-01-31 was expected, or with a time as in 2026-01-31T12:00:00Z")?;
    let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    Ok(time.duration_since(epoch).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_dates() {
        for (text, bytes) in [("0", 0), ("500k", 500 << 10), ("20M", 20 << 20), ("1GiB", 1 << 30), ("7b", 7)]
        {
            assert_eq!(size(text).expect("a size"), bytes, "{text}");
        }
        assert!(
            ["", "k", "1x", "99999999999T", "1 M", "5ib", "1Mibb", "1bb"].iter().all(|t| size(t).is_err())
        );
        assert_eq!(date("1970-01-02").expect("a date"), 86400);
        assert_eq!(date("1970-01-01T01:00:00+01:00").expect("a time"), 0);
        assert_eq!(date("1970-01-02T00:01").expect("a time"), 86460, "its time counts");
        assert_eq!(date("9999-12-31").expect("a date"), 253_402_214_400);
        assert_eq!(date("9999-12-31T23:59:59Z").expect("a time"), 253_402_300_799);
        assert!(["yesterday", "2026-02-30", "2026-01-31T25:00", ""].iter().all(|text| date(text).is_err()));
    }
}
