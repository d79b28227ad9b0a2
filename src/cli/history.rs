//! `keyhound history` and `keyhound audit`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow};
use keyhound::detect::Detector;
use keyhound::scan::{Control, HistoryOptions, Outcome, merge_audit, scan_files, scan_history};
use keyhound::sources::files::Files;
use keyhound::sources::history::Repo;

use super::common::{Common, now};
use super::exit::ExitStatus;
use super::progress::Progress;
use super::{interrupt, output, range};

/// Arguments of `keyhound history` and `keyhound audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository, or a folder in it
    #[arg(value_name = "REPO", default_value = ".")]
    repo: PathBuf,
    /// Only what the commits of RANGE add: 'A..B', 'A...B' (what B has since it parted from A), or a single name
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["refs", "reachable_only", "max_blob_size", "check_hashes"])]
    range: Option<String>,
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

impl Args {
    /// What a bare `keyhound` does.
    pub(crate) fn here() -> Self {
        Self {
            repo: ".".into(),
            range: None,
            refs: None,
            reachable_only: false,
            since: None,
            max_blob_size: None,
            check_hashes: false,
        }
    }

    fn options(&self, common: &Common) -> HistoryOptions {
        HistoryOptions {
            refs: self.refs.clone(),
            reachable_only: self.reachable_only,
            since: self.since,
            max_blob_size: self.max_blob_size,
            check_hashes: self.check_hashes,
            threads: common.threads(),
        }
    }
}

/// Scan the history.
pub(crate) fn history(args: &Args, common: &Common) -> Result<ExitStatus> {
    if let Some(range) = &args.range {
        return range::run(&args.repo, range, args.since, common);
    }
    scan(args, common, "objects", &|repo, detector, control, started| {
        Ok(scan_history(repo, &args.options(common), detector, control, started))
    })
}

/// Scan the work tree and the history, in one report.
pub(crate) fn audit(args: &Args, common: &Common) -> Result<ExitStatus> {
    scan(args, common, "objects and files", &|repo, detector, control, started| {
        let history = scan_history(repo, &args.options(common), detector, control, started);
        let Some(root) = &repo.work_tree else { return Ok(Outcome { mode: "audit", ..history }) };
        let files = Files::new(std::slice::from_ref(root), false, common.threads()).context("cannot scan")?;
        let files = scan_files(&files, None, detector, control, started);
        Ok(merge_audit(history, files, root))
    })
}

type Scan<'a> = &'a dyn Fn(&Repo, &Detector, &Control, SystemTime) -> Result<Outcome>;

fn scan(args: &Args, common: &Common, what: &'static str, scan: Scan<'_>) -> Result<ExitStatus> {
    let started = now();
    let repo = discover(&args.repo)?;
    let detector = Detector::new(common.rule_set()?);
    let control = interrupt::control(common.archives());
    let progress = Progress::start(common.progress(), what, &control);
    let mut outcome = scan(&repo, &detector, &control, started)?;
    drop(progress);
    outcome.finished = now();
    output::finish(&outcome, detector.rules(), common)
}

fn discover(path: &Path) -> Result<Repo> {
    Repo::discover(path).context("cannot scan the history")
}

/// Bytes: a number with nothing, k, M, G or T behind it, of 1024 each.
fn size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(anyhow!("a number with k, M, G or T behind it was expected")),
    };
    let number: u64 = digits.parse().context("not a number")?;
    number.checked_mul(1 << shift).context("too large")
}

/// Seconds since 1970.
fn date(text: &str) -> Result<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_second());
    }
    let day: jiff::civil::Date = text.parse().context("a date such as 2026-01-31 was expected")?;
    let time = day.to_zoned(jiff::tz::TimeZone::UTC).context("no such day")?;
    Ok(time.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_dates() {
        for (text, bytes) in [("0", 0), ("500k", 500 << 10), ("20M", 20 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(size(text).expect("a size"), bytes, "{text}");
        }
        assert!(["", "k", "1x", "99999999999T", "1 M"].iter().all(|t| size(t).is_err()));
        assert_eq!(date("1970-01-02").expect("a date"), 86400);
        assert_eq!(date("1970-01-01T01:00:00+01:00").expect("a time"), 0);
        assert!(date("yesterday").is_err());
    }
}
