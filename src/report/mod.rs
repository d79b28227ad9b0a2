//! Report formats: one file each, with wire types of their own.
//!
//! [`write`] turns an [`Outcome`] into bytes, the same bytes for the same outcome. What is shared stands beside the
//! formats: [`redact`] keeps secrets out of every text that comes from outside, [`sanitize`] keeps control sequences from
//! the terminal, [`uri`] writes paths as URIs, [`file`](mod@file) replaces a report file in one step.
//!
//! A new format is a file with a function `write(&Report<'_>, &mut dyn Write) -> io::Result<()>`, and a line in the table
//! below.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::finding::{Finding, Severity};
use crate::rules::{Rule, RuleSet};
use crate::scan::Outcome;

mod csv;
pub mod file;
mod gate;
mod github;
mod gitlab;
mod html;
mod human;
mod human_parts;
mod json;
mod jsonl;
mod overview;
mod read;
pub mod redact;
mod remedy;
pub mod sanitize;
mod sarif;
mod sarif_result;
mod text;
pub mod uri;
mod wire;

pub use file::{FileError, write_file};
pub use gate::Gate;
pub use read::{ReadError, is_masked, read_json};
use redact::Redactor;

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $module:ident,)*) => {
        /// The formats of a report. Each is a module of that name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// All formats, in the order in which the help lists them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($module),)*
                }
            }
        }

        fn dispatch(format: Format, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
            match format {
                $(Format::$variant => $module::write(report, out),)*
            }
        }
    };
}

formats! {
    /// For people.
    Human = human,
    /// One JSON document: docs/json.md.
    Json = json,
    /// One JSON object a line: docs/json.md.
    Jsonl = jsonl,
    /// SARIF 2.1.0, as GitHub code scanning takes it.
    Sarif = sarif,
    /// GitLab's secret detection report.
    Gitlab = gitlab,
    /// GitHub workflow commands: annotations of a pull request.
    Github = github,
    /// A table, one row for each place.
    Csv = csv,
    /// A page that stands alone.
    Html = html,
}

impl Format {
    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }
}

/// How to report.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Options {
    /// Write secrets and tokens whole: in the formats human, json, jsonl, csv and html. SARIF, GitLab and GitHub
    /// reports are made to be uploaded and never hold them.
    pub show_secrets: bool,
    /// Report findings of severity info too.
    pub show_info: bool,
    /// Report only what verification found to work.
    pub only_active: bool,
    /// Findings at or above this severity fail the run.
    pub fail_on: Severity,
    /// Of these only those that verification found to work.
    pub fail_on_active: bool,
    /// What could not be read does not fail it.
    pub allow_incomplete: bool,
    /// Colour the human report.
    pub color: bool,
    /// Make paths of the human report links (OSC 8); needs `root`.
    pub hyperlinks: bool,
    /// Columns of the terminal; `None`: 100.
    pub width: Option<usize>,
    /// The absolute folder that relative paths start from.
    pub root: Option<PathBuf>,
    /// keyhound's version.
    pub tool_version: String,
}

impl Options {
    /// Whether a finding fails the run.
    pub fn fails(&self, finding: &Finding) -> bool {
        finding.suppression.is_none() && self.is_bad_enough(finding.severity, finding)
    }

    /// The same for a finding of a credential that is as bad as this.
    fn is_bad_enough(&self, severity: Severity, finding: &Finding) -> bool {
        let works = finding.severity > Severity::Info && finding.verification.is_active();
        severity >= self.fail_on && (works || !self.fail_on_active && !self.only_active)
    }

    /// What fails the run, behind "of them".
    fn failing(&self) -> String {
        if self.fail_on_active || self.only_active && self.fail_on <= Severity::Low {
            "known to work".to_owned()
        } else {
            format!("at or above {}", self.fail_on.name())
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            show_secrets: false,
            show_info: false,
            only_active: false,
            fail_on: Severity::Low,
            fail_on_active: false,
            allow_incomplete: false,
            color: false,
            hyperlinks: false,
            width: None,
            root: None,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Write the report of `outcome` to `out`. Errors are those of `out`.
pub fn write(
    format: Format,
    outcome: &Outcome,
    rules: &RuleSet,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    dispatch(
        format,
        &Report { outcome, rules, options, redactor: Redactor::new(outcome, rules, options) },
        out,
    )
}

/// Write the short report of a gate to `out`: nothing if there is nothing to say. Never shows secrets.
pub fn write_gate(
    gate: Gate,
    outcome: &Outcome,
    rules: &RuleSet,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let options = &Options { show_secrets: false, ..options.clone() };
    gate::write(
        &Report { outcome, rules, options, redactor: Redactor::new(outcome, rules, options) },
        gate,
        out,
    )
}

/// What a format gets.
struct Report<'a> {
    outcome: &'a Outcome,
    rules: &'a RuleSet,
    options: &'a Options,
    /// For every text that comes from outside; it leaves all as it is when secrets are to be shown.
    redactor: Redactor,
}

impl<'a> Report<'a> {
    /// The same report for a format that never shows secrets.
    fn without_secrets(&self) -> Option<(Options, Redactor)> {
        self.options.show_secrets.then(|| {
            let options = Options { show_secrets: false, ..self.options.clone() };
            let redactor = Redactor::new(self.outcome, self.rules, &options);
            (options, redactor)
        })
    }

    /// The findings that count, in their order.
    fn findings(&self) -> impl Iterator<Item = &'a Finding> + use<'a> {
        self.all_findings().filter(|finding| finding.suppression.is_none())
    }

    /// The findings to report, suppressed ones too, in their order.
    fn all_findings(&self) -> impl Iterator<Item = &'a Finding> + use<'a> {
        let Options { show_info, only_active, .. } = *self.options;
        self.outcome.findings.iter().filter(move |finding| {
            (show_info || finding.severity > Severity::Info)
                && (!only_active || finding.verification.is_active())
        })
    }

    /// How many findings are left out because they are suppressed.
    fn suppressed(&self) -> u64 {
        self.all_findings().filter(|finding| finding.suppression.is_some()).count() as u64
    }

    /// The findings that count, worst first, else in their order.
    fn worst_first(&self) -> Vec<&'a Finding> {
        let mut findings: Vec<_> = self.findings().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }

    fn rule(&self, id: &str) -> Option<&'a Rule> {
        self.rules.get(id)
    }

    fn complete(&self) -> bool {
        self.outcome.incomplete.is_empty()
    }
}

/// Run a format on a report that never shows secrets, whatever the options say.
fn masked(report: &Report<'_>, run: impl FnOnce(&Report<'_>) -> io::Result<()>) -> io::Result<()> {
    match report.without_secrets() {
        Some((options, redactor)) => {
            run(&Report { outcome: report.outcome, rules: report.rules, options: &options, redactor })
        }
        None => run(report),
    }
}
