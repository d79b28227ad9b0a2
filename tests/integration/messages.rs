//! What is said where something cannot be done: what, where, and what to do next, in one line.

use std::fs;

use crate::support::git::Repo;
use crate::support::{Run, TestEnv, finish, pair};

/// The one line that a run failed with.
fn failed(run: &Run) -> &str {
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    run.stderr.trim_end()
}

#[test]
fn a_repository_that_cannot_be_used_is_told_from_none() {
    let env = TestEnv::new();
    env.write("plain/a.txt", "text");
    let said = env.run(&["history", "plain"]);
    assert!(
        failed(&said).ends_with("plain is no git repository, nor is any folder above it"),
        "{}",
        said.stderr
    );

    env.write("cut/.git/HEAD", "ref: refs/heads/main\n");
    env.write("empty/.git/x", "");
    for (name, lack) in [("cut", "objects"), ("empty", "HEAD")] {
        let run = env.run(&["history", name]);
        let told = format!("{name}/.git is there, but has no {lack}");
        assert!(failed(&run).ends_with(&told), "{}", run.stderr);
    }
}

/// What nobody can follow fails for root, too.
#[cfg(unix)]
#[test]
fn a_repository_that_cannot_be_read_is_told_from_none() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let env = TestEnv::new();
    env.write("loop/a.txt", "text");
    symlink(".git", env.path("loop/.git")).unwrap();
    let repo = Repo::init(&env, "locked", &[]);
    fs::set_permissions(repo.path(".git"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut names = vec!["loop"];
    if fs::read_dir(repo.path(".git")).is_err() {
        names.push("locked");
    }
    for name in names {
        let run = env.run(&["history", name]);
        let said = failed(&run);
        let files = env.run(&["files", name]);
        assert_eq!(files.status, 2, "what git ignores and tracks is not known: {}", files.stderr);
        assert!(
            said.contains(&format!("{name}/.git, so whether it is a git repository is not known")),
            "{said}"
        );
    }
    fs::set_permissions(repo.path(".git"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn hooks_say_why_git_cannot_use_a_repository() {
    let env = TestEnv::new();
    env.write("plain/a.txt", "text");
    let run = Repo::at(&env, "plain").keyhound(&["hook", "install"]);
    assert!(failed(&run).contains("this is no git repository: go to one, or add --global"), "{}", run.stderr);

    let repo = Repo::init(&env, "repo", &[]);
    let mut command = std::process::Command::new(crate::support::program());
    let run = repo.run(command.args(["hook", "install"]).env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1"));
    assert!(failed(&run).contains("git config --global --add safe.directory "), "{}", run.stderr);

    let config = fs::read_to_string(repo.path(".git/config")).unwrap();
    repo.write(".git/config", format!("{config}[broken\n"));
    let run = repo.keyhound(&["hook", "install"]);
    assert!(failed(&run).contains("bad config line"), "{}", run.stderr);
    let run = repo.keyhound(&["history"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("config: cannot be parsed") && run.stderr.contains("git config --list"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_clone_that_fails_says_why_and_shows_no_password() {
    let env = TestEnv::new();
    let run = |args: &[&str], ssh: &str| {
        let mut command = env.command(args);
        command.env("GIT_SSH_COMMAND", ssh).env("GIT_TERMINAL_PROMPT", "0");
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        finish(command.spawn().unwrap())
    };
    let denied = "printf 'ssh: Permission denied for me:hunter2@ (publickey).\\r\\n' >&2; exit 255 #";
    let ssh = run(&["audit", "ssh://me:hunter2@127.0.0.1/r"], denied);
    assert!(
        failed(&ssh).contains("cannot clone ssh://127.0.0.1/r: ssh: Permission denied"),
        "{}",
        ssh.stderr
    );
    let http = run(&["audit", "http://me:hunter2@127.0.0.1:9/r"], "");
    assert!(failed(&http).contains("keyhound fetches by https, ssh and file"), "{}", http.stderr);
    for command in ["history", "files"] {
        let other = run(&[command, "https://me:hunter2@127.0.0.1:9/r"], "");
        assert!(failed(&other).ends_with("to scan what is there: keyhound audit URL"), "{}", other.stderr);
    }
    let password = "https://me:h%75nter2@127.0.0.1:9/r";
    for said in [ssh, http, run(&["audit", password], "")] {
        assert!(!said.stderr.contains("hunter2") && !said.stderr.contains("h%75nter2"), "{}", said.stderr);
    }
}

#[test]
fn what_is_wanted_for_a_baseline_is_said() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.write("a.ini", pair(0));
    for (args, told) in [
        (
            &["baseline", "create", "-o", "known.toml"][..],
            "--output has no meaning for `keyhound baseline create`: it writes no report but the baseline, whose file --baseline FILE names",
        ),
        (
            &["baseline", "update", "--fail-on", "high"],
            "--fail-on has no meaning for `keyhound baseline update`",
        ),
        (&["baseline", "prune", "--format", "json"], "--format has no meaning for `keyhound baseline prune`"),
    ] {
        let run = repo.keyhound(args);
        assert!(failed(&run).contains(told), "{args:?}: {}", run.stderr);
    }
    assert!(!repo.path("known.toml").exists() && !repo.path(".keyhound-baseline.toml").exists());
    for day in ["tomorrow", "2027-1-31", "31.01.2027", "2027-01-31T12:00:00Z", ""] {
        let run = repo.keyhound(&["baseline", "create", "--expires", day]);
        assert_eq!(run.status, 2, "{day}");
        assert!(run.stderr.contains("a day is wanted, such as 2027-01-31"), "{day}: {}", run.stderr);
    }
    repo.git(&["add", "--all"]);
    repo.commit(&format!("leak {}", pair(1)));

    repo.git(&["clone", "--quiet", "--bare", ".", "../bare"]);
    let bare = Repo::at(&env, "bare");
    for action in ["create", "update"] {
        let run = bare.keyhound(&["baseline", action]);
        assert!(failed(&run).contains("a bare repository has no work tree"), "{}", run.stderr);
    }
    // Its history is what there is, also what no file is.
    let known = ["--baseline", "../known.toml"];
    let update = bare.keyhound(&[&["baseline", "update"], &known[..]].concat());
    assert!(update.stderr.contains("known.toml: 2 added"), "{}", update.stderr);
    let prune = bare.keyhound(&[&["baseline", "prune"], &known[..]].concat());
    assert!(prune.stderr.contains("known.toml: 0 removed, 2 in all"), "{}", prune.stderr);
    assert_eq!(bare.keyhound(&["history", "--baseline", "../known.toml"]).status, 0);
}

#[test]
fn an_empty_range_is_an_error() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.commit("start");
    for range in ["", " ", "..", "..HEAD"] {
        let run = repo.keyhound(&["history", "--range", range]);
        assert!(failed(&run).contains("variable"), "{range:?}: {}", run.stderr);
    }
}
