//! `keyhound hook`: the hooks of git.
//!
//! `install` writes and removes them, `run` does what they do, `framework` what the pre-commit framework
//! asks for, `message` knows which lines of a message git keeps.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};

use super::common::Common;
use super::exit::ExitStatus;

mod framework;
mod install;
mod message;
mod run;

/// Arguments of `keyhound hook`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put keyhound into hooks; a hook that is there already is kept and runs first
    Install(Places),
    /// Take keyhound out of hooks, and put back what was there
    Uninstall(Places),
    /// Do what a hook does: git runs this
    Run(Run),
}

#[derive(Debug, clap::Args)]
struct Places {
    /// Hooks of all repositories of this user, through git's core.hooksPath
    #[arg(long)]
    global: bool,
    /// The hooks [default: pre-commit commit-msg pre-push; in a bare repository pre-receive]
    #[arg(value_name = "HOOK")]
    hooks: Vec<Hook>,
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Run this first, with the same arguments and input, if it is there
    #[arg(long, value_name = "FILE", hide = true)]
    chain: Option<PathBuf>,
    /// Run the repository's own hook first: git passes it over where core.hooksPath is set
    #[arg(long, hide = true)]
    global: bool,
    /// As the pre-commit framework runs it: where nothing is staged, the range that it names or all tracked files
    #[arg(long)]
    framework: bool,
    /// The hook
    hook: Hook,
    /// What git gives it
    #[arg(value_name = "ARG", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// A hook of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hook {
    /// Before a commit: what is staged
    PreCommit,
    /// Before the commit of a merge without conflicts: what it brings; not among the default ones
    PreMergeCommit,
    /// Before a commit: its message
    CommitMsg,
    /// Before a push: the commits that are new to the other side
    PrePush,
    /// On the other side, before a push is accepted
    PreReceive,
}

impl Hook {
    const ALL: [Self; 5] =
        [Self::PreCommit, Self::PreMergeCommit, Self::CommitMsg, Self::PrePush, Self::PreReceive];

    /// The name of its file.
    const fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::CommitMsg => "commit-msg",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
        }
    }
}

/// Install, uninstall or run hooks.
pub(crate) fn run(args: &Args, common: &Common) -> Result<ExitStatus> {
    match &args.action {
        Action::Install(places) => install::install(places, common),
        Action::Uninstall(places) => install::uninstall(places, common),
        Action::Run(args) => run::run(args, common),
    }
}
