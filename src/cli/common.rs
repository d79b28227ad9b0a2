//! Options that every command takes, and what the environment says.

use std::io::{self, IsTerminal, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use keyhound::detect::{Depth, Detector};
use keyhound::finding::Severity;
use keyhound::report;
pub(crate) use keyhound::report::Format;
use keyhound::rules::RuleSet;
use keyhound::scan::{ArchiveLimits, Outcome};

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Common {
    /// Format of the report
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human", value_parser = format_parser())]
    pub(crate) format: Format,
    /// Write the report to FILE, which is replaced only when the report is whole; `-` is standard output
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Show secrets and session tokens in full
    #[arg(long, global = true)]
    pub(crate) show_secrets: bool,
    /// Show findings that are no leak: documentation examples, placeholders, canaries
    #[arg(long, global = true)]
    pub(crate) show_info: bool,
    /// Least severity that makes the exit status 1; `active`: only what --verify finds to work
    #[arg(long, global = true, value_name = "SEVERITY", default_value = "low")]
    pub(crate) fail_on: FailOn,
    /// Exit with 0 or 1 although not everything could be read
    #[arg(long, global = true)]
    pub(crate) allow_incomplete: bool,
    /// Add the rules of a file, or of all *.toml files in a folder
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// How many archives may lie in one another and still be opened
    #[arg(long, global = true, value_name = "N", default_value_t = 8, value_parser = archive_depth())]
    pub(crate) max_archive_depth: u8,
    /// How many layers of base64, hexadecimal digits and compression in them are undone in a text
    #[arg(long, global = true, value_name = "N", default_value_t = 4, value_parser = decode_depth())]
    pub(crate) max_decode_depth: u8,
    /// Do not look into archives
    #[arg(long, global = true)]
    pub(crate) no_archives: bool,
    /// Configuration to use in place of the repository's .keyhound.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Baseline to use in place of the repository's .keyhound-baseline.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Let nothing suppress a finding: neither the text, nor the configuration, nor the baseline
    #[arg(long, global = true, conflicts_with_all = ["config", "baseline"])]
    pub(crate) no_suppress: bool,
    /// Number of threads, up to 256 [default: one for each CPU]
    #[arg(long, short = 'j', global = true, value_name = "N", value_parser = threads())]
    pub(crate) threads: Option<u16>,
    /// Show no progress bar
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more on standard error
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) verify: super::verify::Flags,
}

/// A severity that findings must have to fail a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Low,
    Medium,
    High,
    Critical,
    Active,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Low => Self::Low,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
            FailOn::Critical | FailOn::Active => Self::Critical,
        }
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    Always,
    Never,
}

/// Deeper than this the stack would have to grow.
fn archive_depth() -> impl TypedValueParser<Value = u8> {
    clap::value_parser!(u8).range(0..=32)
}

/// More take memory and give nothing: the work is cut into pieces for each.
fn threads() -> impl TypedValueParser<Value = u16> {
    clap::value_parser!(u16).range(1..=256)
}

fn decode_depth() -> impl TypedValueParser<Value = u8> {
    clap::value_parser!(u8).range(0..=16)
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.iter().map(|f| f.name()))
        .map(|name| Format::from_name(&name).expect("clap lets no other name through"))
}

impl Common {
    /// The built-in rules and those of `--rules`.
    pub(crate) fn rule_set(&self) -> Result<Arc<RuleSet>> {
        Ok(Arc::new(RuleSet::load(&self.rules)?))
    }

    /// A detector with these rules.
    pub(crate) fn detector(&self) -> Result<Detector> {
        let depth = Depth { encodings: self.max_decode_depth.into(), archives: self.archives().depth };
        Ok(Detector::with_depth(self.rule_set()?, depth))
    }

    /// How many threads to use.
    pub(crate) fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(available, usize::from)
    }

    /// How far to go into archives.
    pub(crate) fn archives(&self) -> ArchiveLimits {
        let depth = if self.no_archives { 0 } else { self.max_archive_depth.into() };
        ArchiveLimits { depth, ..ArchiveLimits::default() }
    }

    /// How to report.
    pub(crate) fn report_options(&self) -> report::Options {
        let terminal = self.output.is_none() && io::stdout().is_terminal();
        let smart = env("TERM").is_none_or(|term| term != "dumb");
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && smart && env("NO_COLOR").is_none(),
        };
        report::Options {
            show_secrets: self.show_secrets,
            show_info: self.show_info,
            only_active: self.verify.only_active,
            fail_on: self.fail_on.into(),
            fail_on_active: self.fail_on == FailOn::Active,
            allow_incomplete: self.allow_incomplete,
            color,
            hyperlinks: color && terminal && has_hyperlinks(),
            width: if terminal {
                terminal_size::terminal_size().map(|(width, _)| width.0.into())
            } else {
                None
            },
            root: std::env::current_dir().ok(),
            ..report::Options::default()
        }
    }

    /// Whether there is a progress bar.
    pub(crate) fn progress(&self) -> bool {
        !self.no_progress && !self.quiet && io::stderr().is_terminal()
    }
}

/// Whether the terminal is known to show hyperlinks. Others may print the sequence as garbage.
fn has_hyperlinks() -> bool {
    let program = env("TERM_PROGRAM");
    let known = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby"];
    program.is_some_and(|program| known.iter().any(|k| program == *k))
        || ["WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "ALACRITTY_WINDOW_ID"]
            .iter()
            .any(|name| env(name).is_some())
        || env("VTE_VERSION")
            .and_then(|v| v.to_str()?.parse::<u32>().ok())
            .is_some_and(|version| version >= 5000)
}

/// A variable of the environment, if it is set to something.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(crate) fn env(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Read what `--format json` wrote; `-` is standard input.
pub(crate) fn read_report(path: &Path) -> Result<Outcome> {
    let mut text = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    report::read_json(&text).with_context(|| format!("{} cannot be used", path.display()))
}

/// The time.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub(crate) fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
