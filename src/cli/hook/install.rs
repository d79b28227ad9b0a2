//! `keyhound hook install` and `uninstall`. A hook of keyhound's is a short script with a line that tells it from others;
//! a hook that stood in its place is kept beside it, and runs first.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::NamedTempFile;

use super::run::{hook_file, is_executable};
use super::{Hook, Places};
use crate::cli::common::{Common, env};
use crate::cli::exit::ExitStatus;
use crate::cli::git::reason;
use crate::cli::output::note;

/// Tells our hooks from others.
const MARK: &str = "# Installed by `keyhound hook install`; `keyhound hook uninstall` takes it away.";
/// How the last line of our hooks begins.
const LAST: &str = "exec \"$keyhound\" hook run";
/// The same of those that do nothing but to run the repository's own.
const LAST_PASSING_ON: &str = "exec \"$own\"";
/// Behind the name of a hook that was there before.
const BEFORE: &str = ".before-keyhound";

/// Put keyhound into hooks.
pub(super) fn install(places: &Places, common: &Common) -> Result<ExitStatus> {
    let folder = if places.global { global_folder(true)? } else { folder()? };
    if folder.exists() && !folder.is_dir() {
        bail!(
            "git's core.hooksPath leads to {}, which is no folder, so that no hook runs: git config --show-origin core.hooksPath tells where that is said",
            folder.display()
        );
    }
    if folder.ends_with(".husky/_") {
        bail!(
            "git's core.hooksPath leads to {}, which husky writes anew: put `keyhound hook run pre-commit` into .husky/pre-commit instead, `keyhound hook run commit-msg \"$1\"` into .husky/commit-msg, and `keyhound hook run pre-push \"$@\"` into .husky/pre-push",
            folder.display()
        );
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program = std::env::current_exe().context("cannot tell where keyhound is")?;
    let hooks = chosen(places)?;
    rewritten(&folder, &hooks)?;
    for hook in hooks {
        let file = hook_file(&folder, hook);
        let before = before(&file);
        let mut kept = "";
        keeps_to_itself(&file)?;
        let shared = !places.global && is_shared(&file)?;
        let program = if shared { Path::new("keyhound") } else { &program };
        // Whole, before the hook that is there is touched.
        let new = written(&folder, &file, &script(program, hook, places.global))?;
        if exists(&file) && !is_ours(&file) {
            if exists(&before) {
                bail!("{} and {} are both there: remove one of them", file.display(), before.display());
            }
            kept = if is_executable(&file) {
                "; the hook that was there runs first"
            } else {
                "; the hook that was there is kept, but it is not executable, and did not run"
            };
            fs::rename(&file, &before).with_context(|| format!("cannot rename {}", file.display()))?;
            if let Err(error) = put(new, &file) {
                // Better the old hook than none.
                let _ = fs::rename(&before, &file);
                return Err(error);
            }
        } else {
            put(new, &file)?;
        }
        if !common.quiet {
            let whose =
                if shared { ", where it can be committed: it runs the keyhound on the PATH" } else { "" };
            note(format_args!("keyhound: installed {}{whose}{kept}", file.display()));
        }
    }
    if places.global && is_default_global(&folder) {
        for name in passed_on() {
            let file = folder.join(name);
            if !exists(&file) {
                write(&folder, &file, &passing_on(name))?;
            }
        }
    }
    Ok(ExitStatus::Clean)
}

/// Fail where a manager of hooks writes them anew, as soon as its configuration changes or a package is installed: it would put
/// keyhound's aside, or delete it, and commits would pass.
fn rewritten(folder: &Path, hooks: &[Hook]) -> Result<()> {
    for name in passed_on() {
        let file = folder.join(name);
        let text = fs::read(&file).unwrap_or_default();
        let holds = |word: &str| memchr::memmem::find(&text, word.as_bytes()).is_some();
        let (manager, place, message, push) = if is_ours(&file) {
            continue;
        } else if holds("call_lefthook") && hooks.iter().any(|hook| hook.name() == name) {
            ("lefthook", "`run:` in lefthook.yml", "{1}", " {0}` and `use_stdin: true")
        } else if holds("SKIP_SIMPLE_GIT_HOOKS") {
            // This one deletes what it does not know.
            ("simple-git-hooks", "`simple-git-hooks` in package.json", "\"$1\"", " \"$@\"")
        } else {
            continue;
        };
        bail!(
            "{} is a hook of {manager}, which writes hooks anew, and keyhound's would be gone: put keyhound under {place} instead, for pre-commit `keyhound hook run pre-commit`, for commit-msg `keyhound hook run commit-msg {message}`, for pre-push `keyhound hook run pre-push{push}`",
            file.display()
        );
    }
    Ok(())
}

/// The hooks for which git looks nowhere else once it is told of a folder for all repositories: those of the repositories are to run
/// all the same.
fn passed_on() -> impl Iterator<Item = &'static str> {
    const OTHERS: [&str; 10] = [
        "applypatch-msg",
        "pre-applypatch",
        "post-applypatch",
        "prepare-commit-msg",
        "post-commit",
        "pre-rebase",
        "post-checkout",
        "post-merge",
        "post-rewrite",
        "pre-auto-gc",
    ];
    Hook::ALL.into_iter().map(Hook::name).chain(OTHERS)
}

/// A hook that runs the repository's own.
fn passing_on(name: &str) -> String {
    format!(
        "#!/bin/sh\n\
         {MARK}\n\
         own=\"$(git rev-parse --git-common-dir)/hooks/{name}\"\n\
         [ -x \"$own\" ] || exit 0\n\
         {LAST_PASSING_ON} \"$@\"\n"
    )
}

/// Take keyhound out of hooks.
pub(super) fn uninstall(places: &Places, common: &Common) -> Result<ExitStatus> {
    let folder = if places.global { global_folder(false)? } else { folder()? };
    let hooks = if places.hooks.is_empty() { Hook::ALL.to_vec() } else { places.hooks.clone() };
    let mut removed = 0;
    for hook in hooks {
        let file = hook_file(&folder, hook);
        if !is_ours(&file) {
            continue;
        }
        keeps_to_itself(&file)?;
        let before = before(&file);
        let failed = || format!("cannot remove {}", file.display());
        let kept = if exists(&before) {
            fs::rename(&before, &file).with_context(failed)?;
            "; what was there before is back"
        } else {
            fs::remove_file(&file).with_context(failed)?;
            ""
        };
        removed += 1;
        if places.global && !places.hooks.is_empty() && is_default_global(&folder) && !exists(&file) {
            write(&folder, &file, &passing_on(hook.name()))?;
        }
        if !common.quiet {
            note(format_args!("keyhound: removed {}{kept}", file.display()));
        }
    }
    if places.global && places.hooks.is_empty() {
        for file in passed_on().map(|name| folder.join(name)).filter(|file| is_ours(file)) {
            keeps_to_itself(&file)?;
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    if removed == 0 && !common.quiet {
        note(format_args!("keyhound: no hook of keyhound's is in {}", folder.display()));
    }
    if places.global && is_default_global(&folder) && fs::remove_dir(&folder).is_ok() {
        git(&["config", "--global", "--unset", "core.hooksPath"])?;
    }
    Ok(ExitStatus::Clean)
}

fn chosen(places: &Places) -> Result<Vec<Hook>> {
    if !places.hooks.is_empty() {
        return Ok(places.hooks.clone());
    }
    let bare = !places.global && git(&["rev-parse", "--is-bare-repository"])?.as_deref() == Some("true");
    Ok(if bare { vec![Hook::PreReceive] } else { vec![Hook::PreCommit, Hook::CommitMsg, Hook::PrePush] })
}

/// Fail where somebody has added to a hook of ours, whose last line runs to its end: what stands behind it never runs, and would be lost.
fn keeps_to_itself(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    if is_ours(file) && ![LAST, LAST_PASSING_ON].iter().any(|start| last.starts_with(start)) {
        bail!(
            "{0} has lines behind keyhound's, which never run: move them to {1}, which runs first",
            file.display(),
            before(file).display()
        );
    }
    Ok(())
}

/// Where git looks for the hooks of the repository at hand. Those of all repositories are not meant.
fn folder() -> Result<PathBuf> {
    if let Some(setting) = git(&["config", "--show-scope", "--type=path", "--get", "core.hooksPath"])?
        && let Some((scope, path)) = setting.split_once('\t')
    {
        not_empty(path)?;
        if matches!(scope, "global" | "system") {
            bail!(
                "git looks for the hooks of all repositories in {path}, as its {scope} configuration says (core.hooksPath): add --global for those, or give this repository its own: git config core.hooksPath \"$(git rev-parse --git-common-dir)/hooks\""
            );
        }
    }
    let path =
        git(&["rev-parse", "--git-path", "hooks"])?.context("git does not tell the folder of the hooks")?;
    let folder = std::path::absolute(&path).context("cannot tell the folder of the hooks")?;
    Ok(folder)
}

/// Fail for the empty path, for which git looks at the root of the system.
fn not_empty(path: &str) -> Result<()> {
    if path.is_empty() {
        bail!(
            "git's core.hooksPath is empty, so that no hook runs: git config --show-origin core.hooksPath tells where that is said"
        );
    }
    Ok(())
}

/// Whether a hook is a file of the work tree that others may get, too: what this machine calls its programs is nothing to them.
fn is_shared(file: &Path) -> Result<bool> {
    if git(&["rev-parse", "--is-inside-work-tree"])?.as_deref() != Some("true") {
        return Ok(false);
    }
    let top = git(&["rev-parse", "--show-toplevel"])?.map(PathBuf::from);
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    let top = top.and_then(|top| top.canonicalize().ok());
    let Some((folder, top)) = folder.zip(top) else { return Ok(false) };
    let Ok(inner) = folder.strip_prefix(top) else { return Ok(false) };
    if inner.components().any(|part| part.as_os_str() == ".git") {
        return Ok(false);
    }
    let mut ignored = Command::new("git");
    let ignored = ignored.args(["check-ignore", "--quiet", "--"]).arg(file).output();
    Ok(ignored.context("cannot run git")?.status.code() == Some(1))
}

/// The folder of the user's hooks. With `make` git is told of it, where there is none yet.
fn global_folder(make: bool) -> Result<PathBuf> {
    if let Some(path) = git(&["config", "--global", "--type=path", "--get", "core.hooksPath"])? {
        not_empty(&path)?;
        return Ok(path.into());
    }
    let folder = default_global().context("cannot tell the home folder")?;
    if make {
        let text = folder.to_str().context("the home folder has a name that is not UTF-8")?;
        git(&["config", "--global", "core.hooksPath", text])?;
    }
    Ok(folder)
}

fn default_global() -> Option<PathBuf> {
    let config = env("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config
        .or_else(|| Some(PathBuf::from(env("HOME").or_else(|| env("USERPROFILE"))?).join(".config")))?;
    Some(config.join("keyhound").join("hooks"))
}

fn is_default_global(folder: &Path) -> bool {
    default_global().is_some_and(|default| default == folder)
}

/// The output of git; `None`: it said no.
fn git(args: &[&str]) -> Result<Option<String>> {
    let done = Command::new("git").args(args).env("LC_ALL", "C").output().context("cannot run git")?;
    let said = String::from_utf8_lossy(&done.stderr);
    // So it says that there is no such setting, whatever warnings or traces come with it.
    let is_no = done.status.code() == Some(1) || said.trim().is_empty();
    if !done.status.success() && !is_no {
        if said.starts_with("fatal: not a git repository") {
            bail!("this is no git repository: go to one, or add --global");
        }
        bail!("git cannot use this repository: {}", reason(&said));
    }
    let text = String::from_utf8(done.stdout).context("git names a folder that is not UTF-8")?;
    Ok(done.status.success().then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
}

fn before(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(BEFORE);
    name.into()
}

/// Whether there is something, be it a link that leads nowhere.
fn exists(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok()
}

fn is_ours(file: &Path) -> bool {
    fs::read(file).is_ok_and(|text| memchr::memmem::find(&text, MARK.as_bytes()).is_some())
}

fn script(program: &Path, hook: Hook, global: bool) -> String {
    let name = hook.name();
    let global = if global { "--global " } else { "" };
    let fallback = if program.is_absolute() { "[ -x \"$keyhound\" ] || keyhound=keyhound\n" } else { "" };
    format!(
        "#!/bin/sh\n\
         {MARK}\n\
         keyhound={}\n\
         {fallback}\
         if ! command -v \"$keyhound\" >/dev/null 2>&1; then\n\
         \x20 echo \"keyhound is not installed, or not on the PATH: install it, or remove the hook $0\" >&2\n\
         \x20 exit 1\n\
         fi\n\
         {LAST} {global}--chain \"$0{BEFORE}\" {name} \"$@\"\n",
        quoted(program.as_os_str())
    )
}

/// A word for the shell.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Write an executable file, in one step.
fn write(folder: &Path, file: &Path, text: &str) -> Result<()> {
    put(written(folder, file, text)?, file)
}

/// What is to become an executable file, under another name.
fn written(folder: &Path, file: &Path, text: &str) -> Result<NamedTempFile> {
    let failed = || format!("cannot write {}", file.display());
    let mut temporary = NamedTempFile::new_in(folder).with_context(failed)?;
    temporary.write_all(text.as_bytes()).with_context(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        temporary.as_file().set_permissions(fs::Permissions::from_mode(0o755)).with_context(failed)?;
    }
    Ok(temporary)
}

fn put(new: NamedTempFile, file: &Path) -> Result<()> {
    let failed = || format!("cannot write {}", file.display());
    new.persist(file).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}
