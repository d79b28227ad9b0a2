//! `keyhound baseline`: known findings, kept by fingerprint.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use jiff::civil::Date;
use keyhound::finding::Severity;
use keyhound::report;
use keyhound::rules::RuleSet;
use keyhound::triage::{BASELINE_NAME, Baseline, Known};
use serde::Deserialize;

use super::common::Common;
use super::output::note;
use super::triage::{Suppressions, root_of, today};
use super::{ExitStatus, files};

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
    /// Remove entries that match nothing or have expired
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
    #[arg(long, value_name = "DATE")]
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
    let file = common.baseline.clone().unwrap_or_else(|| default_file(source));
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
    let found = if source.from.is_empty() { scan(source, common)? } else { read_all(&source.from)? };
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
    report::write_file(&file, false, |out| out.write_all(text.as_bytes())).context("the baseline")?;
    if !common.quiet {
        note(format_args!("keyhound: {shown}: {said}, {} in all", new.entries.len()));
        let silent = new.entries.values().filter(|known| known.reason.is_none()).count();
        if silent > 0 {
            note(format_args!("keyhound: {silent} without a reason: fill it in, or use --reason"));
        }
    }
    Ok(ExitStatus::Clean)
}

/// The baseline of the repository that is scanned.
fn default_file(source: &Source) -> PathBuf {
    let path = if source.from.is_empty() { source.paths.first() } else { None };
    root_of(path.map_or(Path::new("."), PathBuf::as_path)).unwrap_or_default().join(BASELINE_NAME)
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
fn scan(source: &Source, common: &Common) -> Result<Findings> {
    let suppress = |paths: &[PathBuf], rules: &RuleSet| {
        // The baseline is what this command makes.
        Suppressions::of_files_without_baseline(paths, rules, common)
    };
    let (outcome, _) = files::scan(&source.paths, false, common, &suppress)?;
    if let Some(skipped) = outcome.incomplete.first().filter(|_| !common.allow_incomplete) {
        bail!("the scan is incomplete, so the baseline is left as it is: {skipped}");
    }
    let counts = outcome.findings.iter().filter(|f| f.suppression.is_none() && f.severity > Severity::Info);
    Ok(counts
        .map(|f| {
            let found = Found { rule: f.rule_id.to_string(), hint: f.key_id.as_deref().map(hint) };
            (f.fingerprint.as_str().to_owned(), found)
        })
        .collect())
}

/// Both ends of a key id, as AWS's own pages show it.
fn hint(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    match characters.len() {
        16.. => characters[..4].iter().chain(&['…']).chain(&characters[characters.len() - 4..]).collect(),
        _ => "…".to_owned(),
    }
}

/// A JSON report, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    schema_version: u64,
    scan: ReportScan,
    findings: Vec<ReportFinding>,
}

#[derive(Deserialize)]
struct ReportScan {
    state: String,
}

#[derive(Deserialize)]
struct ReportFinding {
    rule_id: String,
    severity: String,
    key_id: Option<String>,
    fingerprint: String,
    suppression: Option<ReportSuppression>,
}

#[derive(Deserialize)]
struct ReportSuppression {
    kind: String,
}

fn read_all(reports: &[PathBuf]) -> Result<Findings> {
    let mut all = Findings::new();
    for path in reports {
        let name = path.display();
        let mut text = Vec::new();
        if path == Path::new("-") {
            io::stdin().lock().read_to_end(&mut text).context("cannot read standard input")?;
        } else {
            text = fs::read(path).with_context(|| format!("cannot read {name}"))?;
        }
        all.extend(read(&text).with_context(|| format!("{name} cannot be used"))?);
    }
    Ok(all)
}

fn read(text: &[u8]) -> Result<Findings> {
    // what serde quotes could be a secret of the report
    let report: Report = serde_json::from_slice(text).map_err(|error| {
        anyhow::anyhow!("not a report of `--format json`, at {}:{}", error.line(), error.column())
    })?;
    if report.schema_version != 1 {
        bail!("its schema_version is {}, and 1 is known", report.schema_version);
    }
    if report.scan.state != "complete" {
        bail!("its scan is incomplete");
    }
    // What the baseline suppressed is in it; what the text or the configuration does needs no entry.
    let counts = report.findings.into_iter().filter(|finding| {
        finding.severity != "info" && finding.suppression.as_ref().is_none_or(|s| s.kind == "baseline")
    });
    Ok(counts
        .map(|f| (f.fingerprint, Found { rule: f.rule_id, hint: f.key_id.as_deref().map(hint) }))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_far_as_they_count() {
        let finding = |digit: char, severity: &str, suppression: &str| {
            format!(
                r#"{{"rule_id":"r","severity":"{severity}","key_id":"AKIA{}","fingerprint":"kh1-{}","suppression":{suppression},"more":1}}"#,
                "Q".repeat(16),
                digit.to_string().repeat(32)
            )
        };
        let findings = [
            finding('1', "high", "null"),
            finding('2', "info", "null"),
            finding('3', "low", r#"{"kind":"baseline"}"#),
            finding('4', "low", r#"{"kind":"inline"}"#),
        ];
        let text = format!(
            r#"{{"schema_version":1,"scan":{{"state":"complete"}},"findings":[{}]}}"#,
            findings.join(",")
        );
        let found = read(text.as_bytes()).unwrap();
        let digits: Vec<&str> = found.keys().map(|fingerprint| &fingerprint[4..5]).collect();
        assert_eq!(digits, ["1", "3"]);
        assert!(found.values().all(|f| f.hint.as_deref() == Some("AKIA…QQQQ") && f.rule == "r"));
        for (from, to, message) in [
            ("\"complete\"", "\"incomplete\"", "incomplete"),
            (":1,\"scan", ":2,\"scan", "schema_version"),
            ("findings", "finding", "not a report"),
        ] {
            let error = read(text.replace(from, to).as_bytes()).err().unwrap().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn hints_hide_the_middle() {
        assert_eq!([hint("AKIAQ3EGVUKTBDYJ2MMH"), hint("short")], ["AKIA…2MMH", "…"]);
    }
}
