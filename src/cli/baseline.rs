//! `keyhound baseline`: known findings, kept by fingerprint.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use jiff::civil::Date;
use keyhound::finding::{Severity, Suppression, SuppressionKind};
use keyhound::report::{self, redact::Redactor};
use keyhound::rules::RuleSet;
use keyhound::scan::{HistoryOptions, Outcome};
use keyhound::sources::history::Repo;
use keyhound::triage::{BASELINE_NAME, Baseline, Known};

use super::common::{Common, now, read_report};
use super::history::audit_repo;
use super::output::note;
use super::progress::Progress;
use super::triage::{Suppressions, root_of, root_of_all, today};
use super::{ExitStatus, files, interrupt};

/// Arguments of `keyhound baseline`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new baseline of all findings
    Create {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        entry: Entry,
        /// Replace a baseline that is there
        #[arg(long)]
        force: bool,
    },
    /// Add new findings to the baseline, or make one; what is in it stays as it is
    Update {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        entry: Entry,
    },
    /// Remove entries that match nothing, neither in the files nor in the history of the repository, or have expired
    Prune {
        #[command(flatten)]
        source: Source,
    },
}

/// Where the findings come from.
#[derive(Debug, clap::Args)]
struct Source {
    /// Folders and files to scan
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Take the findings of a JSON report of keyhound, of any command, instead of scanning files; `-` is standard input
    #[arg(long, value_name = "REPORT", conflicts_with = "paths")]
    from: Vec<PathBuf>,
}

/// What new entries say.
#[derive(Debug, clap::Args)]
struct Entry {
    /// Why these findings may stay
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who says so [default: the author that git would write into a commit]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// The last day on which they may, such as 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = day)]
    expires: Option<Date>,
}

/// A finding, as far as a baseline knows it.
struct Found {
    rule: String,
    hint: Option<String>,
}

/// By fingerprint.
type Findings = BTreeMap<String, Found>;

/// Run `keyhound baseline`.
pub(crate) fn run(args: &Args, common: &Common) -> Result<ExitStatus> {
    if common.no_suppress {
        bail!("a baseline is there to suppress: leave out --no-suppress");
    }
    let (Command::Create { source, .. } | Command::Update { source, .. } | Command::Prune { source }) =
        &args.command;
    if let Command::Create { entry: Entry { expires: Some(day), .. }, .. }
    | Command::Update { entry: Entry { expires: Some(day), .. }, .. } = &args.command
        && *day < today()
    {
        bail!("--expires {day} is past: what has expired counts again");
    }
    let file = common.baseline.clone().map_or_else(|| default_file(source), Ok)?;
    let shown = file.display().to_string();
    let old = match &args.command {
        Command::Create { force, .. } => {
            if !force && file.exists() {
                bail!("{shown} is there already: use `keyhound baseline update`, or --force");
            }
            Baseline::new(&shown)
        }
        // The advice of a hook is `update`, whether there is one or not.
        Command::Update { .. } if !file.exists() => Baseline::new(&shown),
        Command::Update { .. } | Command::Prune { .. } => {
            let bytes = fs::read(&file).with_context(|| format!("cannot read {shown}"))?;
            Baseline::parse(&shown, &bytes)?
        }
    };
    let found = if !source.from.is_empty() {
        of_reports(&source.from, common)?
    } else if let Some(repo) = bare(&source.paths) {
        // Its files are git's own.
        of_repo(&repo, common)?
    } else {
        match (&args.command, root_of_all(&source.paths)) {
            // What is in the history alone, or in another folder, is not gone.
            (Command::Prune { .. }, Some(root)) => of_repo(&Repo::discover(&root)?, common)?,
            _ => of_files(&source.paths, common)?,
        }
    };
    let mut new = old.clone();
    let said = match &args.command {
        Command::Create { entry, .. } | Command::Update { entry, .. } => {
            let author = entry.author.clone().or_else(|| author(&file));
            let added = add(&mut new, found, entry, author.as_deref());
            format!("{added} added")
        }
        Command::Prune { .. } => {
            let today = today();
            new.entries.retain(|fingerprint, known| {
                found.contains_key(fingerprint) && known.expires.is_none_or(|day| day >= today)
            });
            format!("{} removed", old.entries.len() - new.entries.len())
        }
    };
    let text = new.to_text();
    report::write_file(&file, false, |out| out.write_all(text.as_bytes()))?;
    if !common.quiet {
        note(format_args!("keyhound: {shown}: {said}, {} in all", new.entries.len()));
        let silent = new.entries.values().filter(|known| known.reason.is_none()).count();
        if silent > 0 {
            note(format_args!("keyhound: {silent} without a reason: fill it in, or use --reason"));
        }
    }
    Ok(ExitStatus::Clean)
}

/// The baseline of the repository that is scanned: where a scan looks for it.
fn default_file(source: &Source) -> Result<PathBuf> {
    if let Some(root) = root_of_all(&source.paths) {
        return Ok(root.join(BASELINE_NAME));
    }
    if bare(&source.paths).is_some() {
        bail!(
            "a bare repository has no work tree to write {BASELINE_NAME} to: commit one in a clone, or name a file with --baseline, here and in scans"
        );
    }
    bail!(
        "{BASELINE_NAME} belongs at the root of a repository, and this is not one repository: name the file with --baseline"
    )
}

/// The bare repository that is the only one of these paths.
fn bare(paths: &[PathBuf]) -> Option<Repo> {
    let [path] = paths else { return None };
    if root_of(path).is_some() {
        None
    } else {
        Repo::discover(path).ok().filter(|repo| repo.work_tree.is_none())
    }
}

/// A day, as files have it.
fn day(text: &str) -> Result<Date> {
    let is_day = text.len() == "2027-01-31".len();
    is_day.then(|| text.parse().ok()).flatten().context("a day is wanted, such as 2027-01-31")
}

/// Whom git would name in a commit of `file`.
fn author(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let git =
        process::Command::new("git").args(["var", "GIT_AUTHOR_IDENT"]).current_dir(folder).output().ok()?;
    let ident = String::from_utf8(git.stdout).ok().filter(|_| git.status.success())?;
    // The time and its zone are behind it.
    ident.rfind('>').map(|end| ident[..=end].to_owned())
}

/// Add what is not there yet; how much that was.
fn add(baseline: &mut Baseline, found: Findings, entry: &Entry, author: Option<&str>) -> usize {
    let before = baseline.entries.len();
    for (fingerprint, Found { rule, hint }) in found {
        baseline.entries.entry(fingerprint).or_insert_with(|| Known {
            rule,
            hint,
            reason: entry.reason.clone(),
            author: author.map(str::to_owned),
            date: today(),
            expires: entry.expires,
            line: 0,
        });
    }
    baseline.entries.len() - before
}

/// The findings of files that neither the text nor the configuration suppresses.
fn of_files(paths: &[PathBuf], common: &Common) -> Result<Findings> {
    let suppress = |paths: &[PathBuf], rules: &RuleSet| {
        // The baseline is what this command makes.
        Suppressions::of_files_without_baseline(paths, rules, common)
    };
    let (outcome, _) = files::scan(paths, false, common, &suppress)?;
    counted(&outcome, common, &|_| false)
}

/// The findings of a repository, of its files and of its history.
fn of_repo(repo: &Repo, common: &Common) -> Result<Findings> {
    let detector = common.detector()?;
    let suppressions = Suppressions::of_repo_without_baseline(repo, detector.rules(), common)?;
    let control = interrupt::control(common.archives());
    let progress = Progress::start(common.progress(), "objects and files", &control);
    let options = HistoryOptions { threads: common.threads(), ..HistoryOptions::default() };
    let mut outcome = audit_repo(repo, &options, false, &detector, &control, now())?;
    drop(progress);
    suppressions.apply(&mut outcome);
    counted(&outcome, common, &|_| false)
}

/// What of an outcome a baseline is about; with `also` what is suppressed so, too.
fn counted(outcome: &Outcome, common: &Common, also: &dyn Fn(&Suppression) -> bool) -> Result<Findings> {
    if let Some(skipped) = outcome.incomplete.first().filter(|_| !common.allow_incomplete) {
        let redactor = Redactor::new(outcome, &*common.rule_set()?, &common.report_options());
        let skipped = redactor.line(&skipped.to_string()).into_owned();
        bail!("the scan is incomplete, so the baseline is left as it is: {skipped}");
    }
    let entries = outcome.findings.iter().filter(|f| f.severity > Severity::Info).flat_map(|f| {
        // What allows the pair need not allow its id elsewhere.
        let own = f.suppression.as_ref().is_none_or(also).then(|| f.fingerprint.clone());
        own.into_iter().chain(f.id_alone()).map(|fingerprint| {
            let found = Found { rule: f.rule_id.to_string(), hint: f.key_id.as_deref().map(hint) };
            (fingerprint.as_str().to_owned(), found)
        })
    });
    Ok(entries.collect())
}

/// Both ends of a key id, as AWS's own pages show it.
fn hint(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    match characters.len() {
        16.. => characters[..4].iter().chain(&['…']).chain(&characters[characters.len() - 4..]).collect(),
        _ => "…".to_owned(),
    }
}

/// What reports have that the text and the configuration do not suppress. What a baseline did is in it.
fn of_reports(reports: &[PathBuf], common: &Common) -> Result<Findings> {
    let mut all = Findings::new();
    for path in reports {
        let outcome = read_report(path)?;
        let of_baseline = |s: &Suppression| s.kind == SuppressionKind::Baseline;
        all.extend(counted(&outcome, common, &of_baseline).with_context(|| path.display().to_string())?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_hide_the_middle() {
        assert_eq!([hint("AKIAQ3EGVUKTBDYJ2MMH"), hint("short")], ["AKIA…2MMH", "…"]);
    }
}
