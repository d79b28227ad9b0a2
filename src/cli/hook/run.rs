//! `keyhound hook run`: reads what git gives a hook, and scans it.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use keyhound::report::Gate;
use keyhound::scan::{scan_message, scan_range};
use keyhound::sources::history::refs::Refs;
use keyhound::sources::history::store::ObjectId;
use keyhound::sources::range::Range;
use keyhound::sources::staged::Scope;

use super::message::{Cleanup, Scissors, cleaned};
use super::{Hook, Run, framework};
use crate::cli::common::{Common, env, now};
use crate::cli::exit::ExitStatus;
use crate::cli::git::Here;
use crate::cli::progress::Progress;
use crate::cli::triage::Suppressions;
use crate::cli::{interrupt, output, staged, verify};

/// Run the hook that was there before, and then this one.
pub(super) fn run(args: &Run, common: &Common) -> Result<ExitStatus> {
    if args.framework {
        return framework::run(args.hook, &args.args, common);
    }
    let reads = matches!(args.hook, Hook::PrePush | Hook::PreReceive);
    let mut input = Vec::new();
    if reads {
        io::stdin().lock().read_to_end(&mut input).context("cannot read what git says")?;
    }
    if let Some(file) = &args.chain
        && !chained(file, &args.args, &input)?
    {
        return Ok(ExitStatus::Findings);
    }
    let here = Here::find()?;
    if args.global {
        let own = here.repo.common_dir.join("hooks").join(args.hook.name());
        if !chained(&own, &args.args, &input)? {
            return Ok(ExitStatus::Findings);
        }
    }
    match args.hook {
        Hook::PreCommit | Hook::PreMergeCommit => staged::scan(&here, Scope::Changed, common),
        Hook::CommitMsg => message(&here, args.args.first().map(Path::new), common),
        Hook::PrePush => {
            let range = pushed(&here, args.args.first().and_then(|a| a.to_str()), &input)?;
            commits(&here, &range, Gate::Push, common)
        }
        Hook::PreReceive => {
            let range = received(&here, &input)?;
            commits(&here, &range, Gate::Receive, common)
        }
    }
}

/// Run another hook, if it is there and may be run. Whether it was content.
fn chained(file: &Path, args: &[OsString], input: &[u8]) -> Result<bool> {
    if !is_executable(file) {
        return Ok(true);
    }
    let failed = || format!("cannot run the hook {}", file.display());
    let start = |mut command: Command| command.args(args).stdin(Stdio::piped()).spawn();
    let by_shell = || {
        let mut shell = Command::new("sh");
        shell.arg(file);
        start(shell)
    };
    let started = if cfg!(windows) { by_shell() } else { start(Command::new(file)) };
    let mut child = match started {
        // A script that does not begin with `#!` is for the shell, as it is to git.
        Err(error) if is_no_program(&error) => by_shell(),
        other => other,
    }
    .with_context(failed)?;
    let mut pipe = child.stdin.take().expect("it was asked for");
    let written = pipe.write_all(input); // it need not read it
    drop(pipe);
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(error).with_context(failed);
    }
    Ok(child.wait().with_context(failed)?.success())
}

#[cfg(unix)]
fn is_no_program(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

#[cfg(not(unix))]
fn is_no_program(_: &io::Error) -> bool {
    false
}

#[cfg(unix)]
pub(super) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// Scan a commit message.
pub(super) fn message(here: &Here, file: Option<&Path>, common: &Common) -> Result<ExitStatus> {
    let started = now();
    let Some(file) = file else { bail!("commit-msg needs the file with the message") };
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let detector = common.detector()?;
    let control = interrupt::control(common.archives());
    let mut outcome = scan_message(&text, &detector, &control, started);
    if !outcome.findings.is_empty() {
        // Git is asked how it cleans messages only where it matters.
        outcome = scan_message(&cleaned(&text, &cleanup(here)), &detector, &control, started);
        let index = here.read_index().context("cannot read what is staged")?;
        Suppressions::of_index(here, &index, detector.rules(), common)?.apply(&mut outcome);
    }
    verify::apply(&mut outcome, common, &control)?;
    outcome.finished = now();
    output::finish_gate(&outcome, detector.rules(), Gate::Message, common)
}

/// How git will clean the message. Without an editor there is no template, and nothing in it is a comment.
fn cleanup(here: &Here) -> Cleanup {
    let setting = |name: &str| {
        let git = Command::new("git")
            .arg("--git-dir")
            .arg(&here.repo.git_dir)
            .args(["config", "--get", name])
            .output();
        let value = git.ok().filter(|done| done.status.success())?.stdout;
        Some(value.trim_ascii().to_vec()).filter(|value| !value.is_empty())
    };
    let edited = env("GIT_EDITOR").is_none_or(|editor| editor != ":");
    let mode = setting("commit.cleanup").unwrap_or_else(|| b"default".to_vec());
    let comment = setting("core.commentString").or_else(|| setting("core.commentChar"));
    // Which character git chose itself is not told: then no line is taken for a comment.
    let comments = (mode == b"strip" || mode == b"default" && edited) && comment.as_deref() != Some(b"auto");
    let scissors = match mode.as_slice() {
        b"scissors" => Scissors::Cut,
        // With --verbose the editor shows the change below the scissors, in any mode.
        _ if edited => Scissors::AboveDiff,
        _ => Scissors::Kept,
    };
    let comment = comment.unwrap_or_else(|| b"#".to_vec());
    Cleanup { comment: if comments { comment } else { Vec::new() }, scissors }
}

/// Scan commits on their way.
pub(super) fn commits(here: &Here, range: &Range, gate: Gate, common: &Common) -> Result<ExitStatus> {
    let started = now();
    if range.tips.is_empty() && range.others.is_empty() {
        return Ok(ExitStatus::Clean);
    }
    let detector = common.detector()?;
    let control = interrupt::control(common.archives());
    let suppressions = Suppressions::of_range(&here.objects, range, detector.rules(), common)?;
    let progress = Progress::start(common.progress(), "objects", &control);
    let mut outcome =
        scan_range(&here.repo, &here.objects, range, &detector, &control, common.threads(), started);
    drop(progress);
    suppressions.apply(&mut outcome);
    verify::apply(&mut outcome, common, &control)?;
    outcome.finished = now();
    output::finish_gate(&outcome, detector.rules(), gate, common)
}

/// What `git push` is about to send: lines of `LOCAL-REF ID REMOTE-REF ID`.
fn pushed(here: &Here, remote: Option<&str>, input: &[u8]) -> Result<Range> {
    let mut range = Range { text: "the push".into(), ..Range::default() };
    for line in lines(input) {
        let words: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
        // A local ref is given as the user named it, and may hold blanks; the rest cannot.
        let [.., local, name, there] = words[..] else { bail!("git said something unexpected to the hook") };
        add(here, &mut range, local, name)?;
        if let Some(id) = id(here, there)? {
            range.exclude(&here.objects, id);
        }
    }
    if range.tips.is_empty() {
        return Ok(range);
    }
    if let Some(remote) = remote {
        exclude_remote(here, &mut range, remote);
    }
    Ok(range)
}

/// Leave out what the other side had when it was last seen.
pub(super) fn exclude_remote(here: &Here, range: &mut Range, remote: &str) {
    let known = format!("refs/remotes/{remote}/").into_bytes();
    for (name, id) in Refs::read(&here.repo).roots {
        if name.starts_with(&known) {
            range.exclude(&here.objects, id);
        }
    }
}

/// What was pushed to here: lines of `OLD-ID NEW-ID REF`.
fn received(here: &Here, input: &[u8]) -> Result<Range> {
    let mut range = Range { text: "the push".into(), ..Range::default() };
    for line in lines(input) {
        let mut words = line.splitn(3, |b| *b == b' ');
        let (Some(_), Some(new), Some(name)) = (words.next(), words.next(), words.next()) else {
            bail!("git said something unexpected to the hook")
        };
        add(here, &mut range, new, name)?;
    }
    if range.tips.is_empty() {
        return Ok(range);
    }
    // The refs are still as they were: what they reach is here already.
    for (_, id) in Refs::read(&here.repo).roots {
        range.exclude(&here.objects, id);
    }
    Ok(range)
}

fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|b| *b == b'\n').filter(|line| !line.is_empty())
}

/// Add what a ref is to become, unless it goes away.
fn add(here: &Here, range: &mut Range, hex: &[u8], name: &[u8]) -> Result<()> {
    if let Some(id) = id(here, hex)? {
        range.add(&here.objects, id, name).context("cannot read what is pushed")?;
    }
    Ok(())
}

/// An id; `None`: the zeros that stand for no object.
fn id(here: &Here, hex: &[u8]) -> Result<Option<ObjectId>> {
    if hex.len() != here.repo.hash.len_in_hex() {
        bail!("git said something unexpected to the hook");
    }
    let id = ObjectId::from_hex(hex).context("git said something unexpected to the hook")?;
    Ok(Some(id).filter(|id| !id.is_null()))
}

/// The file of the repository's hooks folder.
pub(super) fn hook_file(folder: &Path, hook: Hook) -> PathBuf {
    folder.join(hook.name())
}
