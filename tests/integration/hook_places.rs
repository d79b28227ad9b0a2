//! Where hooks are put, and what they run and advise there.
#![cfg(unix)]

use std::env::{join_paths, split_paths, var_os};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::git::Repo;
use crate::support::{TestEnv, pair, program};

#[test]
fn a_hook_that_is_committed_names_no_path_of_this_machine() {
    let env = TestEnv::new();
    env.write("bin/.keep", "");
    std::os::unix::fs::symlink(program(), env.path("bin/keyhound")).unwrap();
    let repo = Repo::init(&env, "repo", &[]);
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    let run = repo.keyhound(&["hook", "install", "pre-commit"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("it runs the keyhound on the PATH"), "{}", run.stderr);
    let text = fs::read_to_string(repo.path(".githooks/pre-commit")).unwrap();
    assert!(text.contains("keyhound='keyhound'\n") && !text.contains(program().to_str().unwrap()), "{text}");

    repo.stage("a.ini", pair(0));
    let commit = |with_program: bool| {
        let folders = with_program.then(|| env.path("bin"));
        let path = folders.into_iter().chain(split_paths(&var_os("PATH").unwrap()).collect::<Vec<_>>());
        let mut git = Command::new("git");
        git.args(["commit", "--message", "leak"]).env("PATH", join_paths(path).unwrap());
        repo.run(&mut git)
    };
    let stopped = commit(true);
    assert!(stopped.status == 1 && (stopped.stdout + &stopped.stderr).contains("a.ini:1"));
    let missing = commit(false);
    assert_eq!(missing.status, 1);
    assert!(missing.stderr.contains("keyhound is not installed, or not on the PATH"), "{}", missing.stderr);

    // One that git ignores stays here.
    repo.write(".gitignore", ".githooks\n");
    repo.git(&["rm", "--quiet", "--cached", "--force", "--ignore-unmatch", ".githooks/pre-commit"]);
    let run = repo.keyhound(&["hook", "install", "pre-commit"]);
    assert!(run.status == 0 && !run.stderr.contains("PATH"), "{}", run.stderr);
    let text = fs::read_to_string(repo.path(".githooks/pre-commit")).unwrap();
    assert!(text.contains(program().to_str().unwrap()), "{text}");
}

#[test]
fn the_advice_for_a_push_holds_for_the_first_commit() {
    let env = TestEnv::new();
    Repo::init(&env, "bare", &["--bare"]);
    let repo = Repo::init(&env, "repo", &[]);
    assert_eq!(repo.keyhound(&["hook", "install", "--quiet", "pre-push"]).status, 0);
    repo.stage("a.ini", pair(0));
    let first = repo.commit("leak");
    let push = || repo.try_git(&["push", "--quiet", "../bare", "main"]);
    let run = push();
    let said = run.stdout + &run.stderr;
    assert!(run.status == 1 && said.contains("--root"), "{said}");
    let update = said.lines().find(|line| line.contains("keyhound history --range")).expect("a command");
    assert_eq!(repo.paste("", &update.replace("COMMIT", &first)).status, 0, "{update}");
    repo.git(&["add", ".keyhound-baseline.toml"]);
    repo.commit("known");
    assert_eq!(push().status, 0);
}

/// Husky's own hooks run the files that a project has beside them.
#[test]
fn what_husky_writes_anew_is_left_to_it() {
    let env = TestEnv::new();
    env.write("bin/.keep", "");
    std::os::unix::fs::symlink(program(), env.path("bin/keyhound")).unwrap();
    let bare = Repo::init(&env, "bare", &["--bare"]);
    let repo = Repo::init(&env, "repo", &[]);
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    let run = repo.keyhound(&["hook", "install"]);
    assert!(run.status == 2 && !repo.path(".husky").exists(), "{}", run.stderr);
    let path = format!("{}:{}", env.path("bin").display(), var_os("PATH").unwrap().display());
    for hook in ["pre-commit", "commit-msg", "pre-push"] {
        let words = format!("`keyhound hook run {hook}");
        let command = &run.stderr[run.stderr.find(&words).expect("a command")..];
        let command = command[1..].split('`').next().unwrap();
        repo.write(&format!(".husky/{hook}"), command);
        let file = format!(".husky/_/{hook}");
        repo.write(&file, format!("#!/bin/sh\nPATH='{path}' exec sh -e .husky/{hook} \"$@\"\n"));
        fs::set_permissions(repo.path(&file), fs::Permissions::from_mode(0o755)).unwrap();
    }
    repo.stage("a.ini", pair(0));
    assert_eq!(repo.try_git(&["commit", "--message", "leak"]).status, 1);
    repo.git(&["reset", "--quiet"]);
    assert_eq!(repo.try_git(&["commit", "--allow-empty", "--message", &pair(1)]).status, 1);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "clean"]);
    repo.git(&["push", "--quiet", "../bare", "main"]);
    repo.git(&["add", "a.ini"]);
    repo.commit("past the hook");
    assert_eq!(repo.try_git(&["push", "--quiet", "../bare", "main"]).status, 1);
    assert_eq!(bare.git(&["log", "--format=%s"]), "clean\n");
}

#[test]
fn hooks_that_git_would_not_run_are_not_called_installed() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.git(&["config", "core.hooksPath", ""]);
    for action in ["install", "uninstall"] {
        let run = repo.keyhound(&["hook", action]);
        assert!(run.status == 2 && run.stderr.contains("core.hooksPath is empty"), "{}", run.stderr);
    }
    assert!(!repo.path("pre-commit").exists());
}

/// With a trace, or with a warning, git says more than that there is no such setting.
#[test]
fn what_git_says_beside_its_answer_does_not_matter() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    for action in ["install", "uninstall"] {
        let run = repo.run(env.command(&["hook", action]).env("GIT_TRACE", "1"));
        assert_eq!(run.status, 0, "{action}: {}", run.stderr);
        assert_eq!(repo.path(".git/hooks/pre-commit").exists(), action == "install");
    }
}

/// Lefthook and simple-git-hooks put a hook that is not theirs aside, or delete it, when they next come by.
#[test]
fn what_other_managers_write_anew_is_left_to_them() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    for (manager, name, text) in [
        (
            "lefthook",
            "commit-msg",
            "call_lefthook()\n{\n  lefthook \"$@\"\n}\ncall_lefthook run \"commit-msg\" \"$@\"\n",
        ),
        (
            "simple-git-hooks",
            "post-merge",
            "if [ \"$SKIP_SIMPLE_GIT_HOOKS\" = \"1\" ]; then exit 0; fi\ntrue\n",
        ),
    ] {
        let file = format!(".git/hooks/{name}");
        repo.write(&file, format!("#!/bin/sh\n{text}"));
        let run = repo.keyhound(&["hook", "install"]);
        assert_eq!((run.status, run.stderr.lines().count()), (2, 1), "{}", run.stderr);
        for word in
            [manager, "`keyhound hook run pre-commit`", "`keyhound hook run commit-msg ", "run pre-push "]
        {
            assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        }
        assert!(!repo.path(".git/hooks/pre-commit").exists());
        fs::remove_file(repo.path(&file)).unwrap();
    }
    // One that lefthook has no hook for stays.
    repo.write(".git/hooks/post-merge", "#!/bin/sh\ncall_lefthook run post-merge\n");
    assert_eq!(repo.keyhound(&["hook", "install"]).status, 0);
}

#[test]
fn a_hook_stays_where_another_cannot_be_written() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    let own = "#!/bin/sh\nexit 0\n";
    repo.write(".git/hooks/pre-commit", own);
    fs::set_permissions(repo.path(".git/hooks/pre-commit"), fs::Permissions::from_mode(0o755)).unwrap();
    // No file may grow, as on a full disk.
    let mut shell = Command::new("sh");
    let install = format!("trap '' XFSZ; ulimit -f 0; exec '{}' hook install", program().display());
    let run = repo.run(shell.args(["-c", &install]));
    assert!(run.status == 2 && run.stderr.contains("cannot write"), "{} {}", run.status, run.stderr);
    assert_eq!(fs::read_to_string(repo.path(".git/hooks/pre-commit")).unwrap(), own);
    assert!(!repo.path(".git/hooks/pre-commit.before-keyhound").exists());
    let left = fs::read_dir(repo.path(".git/hooks")).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp"));
    assert_eq!(left.count(), 0);
}
