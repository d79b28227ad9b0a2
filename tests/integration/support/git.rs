//! Repositories that git makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Run, TestEnv, finish};

/// A work tree or a bare repository below the folder of a [`TestEnv`].
pub(crate) struct Repo<'e> {
    pub(crate) env: &'e TestEnv,
    name: String,
}

impl<'e> Repo<'e> {
    /// A new repository; `options` are those of `git init`.
    pub(crate) fn init(env: &'e TestEnv, name: &str, options: &[&str]) -> Self {
        let repo = Self::at(env, name);
        fs::create_dir_all(repo.path("")).unwrap();
        repo.git(&[&["init", "--quiet"], options].concat());
        repo
    }

    /// One that is there.
    pub(crate) fn at(env: &'e TestEnv, name: &str) -> Self {
        Self { env, name: name.to_owned() }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.env.path(&self.name).join(file)
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        self.env.write(&format!("{}/{file}", self.name), content);
    }

    /// Write a file and stage it.
    pub(crate) fn stage(&self, file: &str, content: impl AsRef<[u8]>) {
        self.write(file, content);
        self.git(&["add", "--all", "--", file]);
    }

    /// Commit what is staged, past all hooks. Returns its id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["commit", "--quiet", "--no-verify", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Run git, which must succeed. Returns what it printed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let run = self.try_git(args);
        assert_eq!(run.status, 0, "git {args:?}: {}{}", run.stdout, run.stderr);
        run.stdout
    }

    /// Run git.
    pub(crate) fn try_git(&self, args: &[&str]) -> Run {
        let mut git = Command::new("git");
        git.args(args);
        run(&mut git, self.env, &self.path(""))
    }

    /// Run the program in the work tree.
    pub(crate) fn keyhound(&self, args: &[&str]) -> Run {
        let mut program = Command::new(super::program());
        program.args(args);
        run(&mut program, self.env, &self.path(""))
    }

    /// Run another program in the work tree.
    pub(crate) fn run(&self, command: &mut Command) -> Run {
        run(command, self.env, &self.path(""))
    }

    /// Run what a report advises, in a folder of the work tree; `WHY` is a reason.
    pub(crate) fn paste(&self, folder: &str, advice: &str) -> Run {
        let program = format!("'{}' ", super::program().display());
        let advice = advice.trim().replace("WHY", "'made up'").replace("keyhound ", &program);
        let mut shell = Command::new("bash");
        run(shell.args(["-c", &advice]), self.env, &self.path(folder))
    }

    /// What `keyhound staged` finds, as [`Run::places`] gives it.
    pub(crate) fn staged(&self) -> Vec<String> {
        let run = self.keyhound(&["staged", "--format", "json"]);
        let places = run.places();
        assert_eq!(run.status, i32::from(!places.is_empty()), "{}{}", run.stdout, run.stderr);
        places
    }
}

/// Run git in a folder of the test, at a time of its own (seconds since 1970), as Ann, and give what it prints.
pub(crate) fn git_at(env: &TestEnv, folder: &str, time: u64, args: &[&str]) -> String {
    let mut git = Command::new("git");
    prepare(git.args(args), env, &env.path(folder));
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.org");
        git.env(format!("GIT_{who}_DATE"), format!("{time} +0000"));
    }
    let done = git.output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

pub(crate) fn git(env: &TestEnv, folder: &str, args: &[&str]) -> String {
    git_at(env, folder, 1_700_000_000, args)
}

/// Commit all files of a folder at a time.
pub(crate) fn commit(env: &TestEnv, folder: &str, time: u64, message: &str) {
    git_at(env, folder, time, &["add", "--all"]);
    git_at(env, folder, time, &["commit", "--quiet", "--allow-empty", "-m", message]);
}

fn run(command: &mut Command, env: &TestEnv, folder: &Path) -> Run {
    prepare(command, env, folder);
    finish(command.spawn().unwrap())
}

/// Give a program git's environment: no settings but ours, and a fixed identity.
fn prepare(command: &mut Command, env: &TestEnv, folder: &Path) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["GIT_", "KEYHOUND_", "XDG_", "PRE_COMMIT"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    let settings = [
        ("init.defaultBranch", "main"),
        ("protocol.file.allow", "always"),
        ("core.autocrlf", "false"),
        ("gc.auto", "0"),
    ];
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (n, (name, value)) in settings.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{n}"), name).env(format!("GIT_CONFIG_VALUE_{n}"), value);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Some One").env(format!("GIT_{who}_EMAIL"), "one@example.org");
    }
    let home = env.path("home");
    fs::create_dir_all(&home).unwrap();
    command.env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
    command.current_dir(folder).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
}
