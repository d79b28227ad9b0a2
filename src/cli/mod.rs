//! The program on one screen: parse, run the command, report, exit.
//!
//! clap, the environment, the clock and the standard streams are used here and nowhere else. A new command is a file
//! with its `Args` and a `run`, a variant of [`Command`] and an arm in [`dispatch`].

use std::ffi::OsString;
use std::io;
use std::path::Path;

use anyhow::{Result, bail};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, CommandFactory, FromArgMatches as _, Parser, Subcommand};

mod baseline;
mod ci;
mod common;
mod exit;
mod files;
mod git;
mod history;
mod hook;
mod interrupt;
mod output;
mod progress;
mod range;
mod remote;
mod rules;
mod shell;
mod staged;
mod stoppable;
mod triage;
mod verify;

use common::Common;
pub(crate) use exit::ExitStatus;

/// Finds leaked AWS credentials in files and git history, and pairs every key id with its secret
#[derive(Debug, Parser)]
#[command(name = "keyhound", version)]
#[command(
    after_help = "Exit status: 0 nothing found, 1 findings, 2 the scan could not do or finish its work."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Scan the files and the whole history of a repository: what keyhound does without a command, too
    Audit(history::AuditArgs),
    /// Scan every object of a repository
    History(history::Args),
    /// Scan folders, files or standard input
    Files(files::Args),
    /// Scan what the next commit would add: the index, never the work tree
    Staged(staged::Args),
    /// Install keyhound in a repository's hooks, or run one of them
    Hook(hook::Args),
    /// Keep a list of known findings, which do not count
    Baseline(baseline::Args),
    /// Ask AWS whether a credential, or those of a report, work
    Verify(verify::Args),
    /// Show and check the rules
    Rules(rules::Args),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Print the manual page
    Man,
}

/// Run the program with these arguments, the program's name first.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let matches = Cli::command().try_get_matches_from(args);
    let cli = match matches.and_then(|given| Ok((Cli::from_arg_matches(&given)?, passed_over(&given)))) {
        Ok((_, Some(advice))) => {
            output::note(format_args!("keyhound: {advice}"));
            return ExitStatus::Failed;
        }
        Ok((cli, None)) => cli,
        Err(usage) => {
            if let Some(advice) = place_for_command(&usage) {
                output::note(format_args!("keyhound: {advice}"));
                return ExitStatus::Failed;
            }
            let _ = usage.print(); // a closed pipe is no reason to say more
            return if usage.use_stderr() { ExitStatus::Failed } else { ExitStatus::Clean };
        }
    };
    match dispatch(cli) {
        Ok(status) => status,
        Err(error) => {
            output::note(format_args!("keyhound: {error:#}"));
            ExitStatus::Failed
        }
    }
}

/// What to say if a common option was given to a command that does nothing with it: whoever gives `--fail-on` to
/// `hook install` believes that the hook keeps to it, and whoever gives `--output` to `baseline` looks for the file.
fn passed_over(given: &ArgMatches) -> Option<String> {
    let (name, inner) = given.subcommand()?;
    let (action, leaf) = inner.subcommand()?;
    let about_report = ["format", "output", "show_secrets", "show_info", "fail_on"];
    let common =
        |id: &str| Common::augment_args(clap::Command::new("")).get_arguments().any(|arg| arg.get_id() == id);
    let (has_meaning, why): (&dyn Fn(&str) -> bool, &str) = match (name, action) {
        ("hook", "install" | "uninstall") => (
            &|id| !common(id) || ["color", "quiet", "verbose", "no_progress"].contains(&id),
            "it scans nothing, and the hooks keep to .keyhound.toml",
        ),
        ("baseline", _) => (
            &|id| !about_report.contains(&id),
            "it writes no report but the baseline, whose file --baseline FILE names",
        ),
        _ => return None,
    };
    let is_given = |id: &&clap::Id| leaf.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    let option = leaf.ids().filter(is_given).find(|id| !has_meaning(id.as_str()))?;
    let option = option.as_str().replace('_', "-");
    Some(format!("--{option} has no meaning for `keyhound {name} {action}`: {why}"))
}

/// What to say if a file, a folder or a URL, which may hold a password, was given instead of a command.
fn place_for_command(usage: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(given)) = usage.get(ContextKind::InvalidSubcommand) else { return None };
    if given.contains("://") {
        return Some("a URL is no command; to scan what is there: keyhound audit URL".into());
    }
    Path::new(given).exists().then(|| {
        format!("{given} is no command; to scan it: keyhound files {given}, or with its history: keyhound audit {given}")
    })
}

fn dispatch(mut cli: Cli) -> Result<ExitStatus> {
    // as programs have it: `-` is standard output
    cli.common.output.take_if(|path| path.as_os_str() == "-");
    let common = &cli.common;
    verify::check(common, matches!(cli.command, Some(Command::Verify(_))))?;
    if let (Some(name), Some(path)) = (cli.command.as_ref().and_then(prints), &common.output) {
        bail!("`keyhound {name}` writes no report: instead of --output use > {}", path.display());
    }
    // Before a scan, of which the report would be lost.
    if let Some(path) = &common.output
        && let Some(folder) =
            path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
    {
        bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
    }
    let Some(command) = cli.command else { return history::audit(&history::AuditArgs::here(), common) };
    match command {
        Command::Audit(args) => history::audit(&args, common),
        Command::History(args) => history::history(&args, common),
        Command::Files(args) => files::run(&args, common),
        Command::Staged(args) => staged::run(&args, common),
        Command::Hook(args) => hook::run(&args, common),
        Command::Baseline(args) => baseline::run(&args, common),
        Command::Verify(args) => verify::run(&args, common),
        Command::Rules(args) => rules::run(&args, common),
        Command::Completions(args) => shell::completions(&args, &mut Cli::command(), &mut io::stdout()),
        Command::Man => shell::man(Cli::command(), &mut io::stdout()),
    }
}

/// The name of a command that prints something else than a report.
fn prints(command: &Command) -> Option<&'static str> {
    match command {
        Command::Rules(_) => Some("rules"),
        Command::Completions(_) => Some("completions"),
        Command::Man => Some("man"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
