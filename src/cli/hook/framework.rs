//! Hooks as the pre-commit framework runs them: it tells a range in the environment, and runs them where nothing is
//! staged, too. A run that looks at nothing and passes would be worse than none.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use keyhound::report::Gate;
use keyhound::sources::range::Range;
use keyhound::sources::staged::{Scope, staged};

use super::Hook;
use super::run::{commits, exclude_remote, message};
use crate::cli::common::{Common, env};
use crate::cli::exit::ExitStatus;
use crate::cli::git::Here;
use crate::cli::staged as staged_command;

/// Run a hook.
pub(super) fn run(hook: Hook, args: &[OsString], common: &Common) -> Result<ExitStatus> {
    let here = Here::find()?;
    match hook {
        Hook::PreCommit | Hook::PreMergeCommit => match named_range(&here)? {
            Some(range) => commits(&here, &range, Gate::Range, common),
            // Git runs it for a commit, which may change the message alone; by hand it is for all files.
            None if is_committing() || is_staged(&here)? => {
                staged_command::scan(&here, Scope::Changed, common)
            }
            None => staged_command::scan(&here, Scope::Whole, common),
        },
        Hook::CommitMsg => message(&here, args.first().map(Path::new), common),
        Hook::PrePush => {
            let range = named_range(&here)?.map_or_else(|| first_push(&here), Ok)?;
            commits(&here, &range, Gate::Push, common)
        }
        Hook::PreReceive => bail!("the pre-commit framework has no pre-receive hook"),
    }
}

/// The first push of all commits of a branch, for which no range is named, or `--hook-stage pre-push` by hand.
fn first_push(here: &Here) -> Result<Range> {
    let branch = text("PRE_COMMIT_LOCAL_BRANCH").unwrap_or_else(|| "HEAD".into());
    let range = Range::parse(&here.repo, &here.objects, &branch).context("cannot tell what is pushed")?;
    let mut range = Range { with_tags: false, ..range };
    if let Some(remote) = text("PRE_COMMIT_REMOTE_NAME") {
        exclude_remote(here, &mut range, &remote);
    }
    Ok(range)
}

/// The range that the framework names.
fn named_range(here: &Here) -> Result<Option<Range>> {
    let from = text("PRE_COMMIT_FROM_REF").or_else(|| text("PRE_COMMIT_ORIGIN"));
    let to = text("PRE_COMMIT_TO_REF").or_else(|| text("PRE_COMMIT_SOURCE"));
    let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
    let range = Range::parse(&here.repo, &here.objects, &format!("{from}...{to}"));
    let range = range.context("cannot resolve the range of PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF")?;
    Ok(Some(Range { with_tags: false, ..range }))
}

/// Whether this is the hook of a commit, for which git names the index to its hooks.
fn is_committing() -> bool {
    env("GIT_INDEX_FILE").is_some()
}

fn is_staged(here: &Here) -> Result<bool> {
    let mut problems = false;
    let index = here.read_index().context("cannot scan what is staged")?;
    let changes = staged(&here.repo, &index, Scope::Changed, &here.objects, &mut |_, _| problems = true)
        .context("cannot scan what is staged")?;
    Ok(problems || !changes.changed.is_empty() || !changes.named.is_empty() || !changes.gone.is_empty())
}

fn text(variable: &str) -> Option<String> {
    env(variable)?.into_string().ok()
}
