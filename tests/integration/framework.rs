//! The hooks of `.pre-commit-hooks.yaml`, run by the real <https://pre-commit.com>: those that end in `-system`. The others differ in
//! nothing but that the framework builds the program.
#![cfg(unix)]

use std::env::{join_paths, split_paths, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::git::Repo;
use crate::support::python::venv;
use crate::support::{Run, TestEnv, id, pair, program, secret};

/// A repository whose hooks are the framework's, with ours in its configuration.
struct Project<'e> {
    repo: Repo<'e>,
    programs: PathBuf,
}

impl<'e> Project<'e> {
    fn new(env: &'e TestEnv) -> Self {
        // The repository that has the hooks, by its path.
        let hooks = Repo::init(env, "hooks", &[]);
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
        hooks.stage(".pre-commit-hooks.yaml", fs::read(ours).unwrap());
        let revision = hooks.commit("hooks");
        env.write("bin/.keep", "");
        std::os::unix::fs::symlink(program(), env.path("bin/keyhound")).unwrap();

        let project = Self {
            repo: Repo::init(env, "project", &[]),
            programs: venv("pre-commit", &["pre-commit==4.5.1"]),
        };
        let ids = ["keyhound-system", "keyhound-commit-msg-system", "keyhound-push-system"];
        let ids = ids.map(|id| format!("      - id: {id}\n")).concat();
        let (url, types) = (hooks.path("").display().to_string(), "pre-commit, commit-msg, pre-push");
        project.repo.stage(
            ".pre-commit-config.yaml",
            format!("default_install_hook_types: [{types}]\nrepos:\n  - repo: {url}\n    rev: {revision}\n    hooks:\n{ids}"),
        );
        let installed = project.pre_commit(&["install"]);
        assert_eq!(installed.status, 0, "{}{}", installed.stdout, installed.stderr);
        project.repo.commit("start");
        project
    }

    fn run(&self, mut command: Command) -> Run {
        let folders = [self.programs.clone(), self.repo.env.path("bin")];
        let path = folders.into_iter().chain(split_paths(&var_os("PATH").unwrap()).collect::<Vec<_>>());
        command.env("PATH", join_paths(path).unwrap()).env("PRE_COMMIT_COLOR", "never");
        self.repo.run(&mut command)
    }

    fn pre_commit(&self, args: &[&str]) -> Run {
        let mut command = Command::new(self.programs.join("pre-commit"));
        command.args(args);
        self.run(command)
    }

    /// What git does passes, hooks included.
    fn passes(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(args);
        let run = self.run(git);
        assert_eq!(run.status, 0, "{args:?}: {}{}", run.stdout, run.stderr);
    }

    /// What git does is stopped, because of what is at `place`.
    fn is_stopped(&self, args: &[&str], place: &str) {
        let mut git = Command::new("git");
        git.args(args);
        stopped(&self.run(git), place);
    }
}

fn stopped(run: &Run, place: &str) {
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.status, 1, "{said}");
    assert!(said.contains(place), "{said}");
    assert!((0..4).all(|n| !said.contains(&secret(n))), "{said}");
}

#[test]
fn commits_messages_and_pushes_are_judged() {
    let env = TestEnv::new();
    let project = Project::new(&env);
    let repo = &project.repo;
    repo.stage("a.ini", pair(0));
    // The framework puts what is not staged aside: it is no part of the commit.
    repo.write("a.ini", "cleaned in the work tree only\n");
    project.is_stopped(&["commit", "--message", "leak"], "a.ini:1");
    repo.stage("a.ini", "clean\n");
    project.is_stopped(&["commit", "--message", &format!("with {}", id(1))], &id(1));
    project.passes(&["commit", "--message", "clean"]);

    Repo::init(&env, "bare", &["--bare"]);
    repo.git(&["remote", "add", "origin", "../bare"]);
    project.passes(&["push", "--quiet", "origin", "main"]);
    repo.stage("b.ini", pair(2));
    repo.commit("past the hooks");
    repo.git(&["rm", "--quiet", "b.ini"]);
    repo.commit("and gone again");
    project.is_stopped(&["push", "origin", "main"], "b.ini:1");
    project.is_stopped(&["push", "origin", "main:new"], "b.ini:1");
    repo.git(&["reset", "--quiet", "--hard", "origin/main"]);
    repo.commit("fine");
    project.passes(&["push", "--quiet", "origin", "main"]);
}

#[test]
fn where_nothing_is_staged_the_tree_or_the_range_is_judged() {
    let env = TestEnv::new();
    let project = Project::new(&env);
    let repo = &project.repo;
    let clean = project.pre_commit(&["run", "--all-files"]);
    assert_eq!(clean.status, 0, "{}{}", clean.stdout, clean.stderr);
    assert!(clean.stdout.contains("Passed") && !clean.stdout.contains("Skipped"), "{}", clean.stdout);

    let before = repo.git(&["rev-parse", "HEAD"]);
    repo.stage("deep/a.ini", pair(0));
    let leak = repo.commit("past the hooks");
    repo.stage("b.txt", "fine\n");
    repo.commit("fine");
    stopped(&project.pre_commit(&["run", "--all-files"]), "deep/a.ini:1");
    // A commit that changes nothing is no run over all files.
    project.passes(&["commit", "--quiet", "--amend", "--message", "finer"]);
    project.passes(&["commit", "--quiet", "--allow-empty", "--message", "nothing"]);
    let range = |from: &str| project.pre_commit(&["run", "--from-ref", from.trim(), "--to-ref", "HEAD"]);
    let stop = range(&before);
    stopped(&stop, "deep/a.ini:1");
    assert!(stop.stdout.contains("these commits add"), "nothing is pushed: {}", stop.stdout);
    let after = range(&leak);
    assert_eq!(after.status, 0, "what was there before is no part of it: {}{}", after.stdout, after.stderr);
}
