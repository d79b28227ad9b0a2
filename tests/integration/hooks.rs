//! `keyhound hook`: installed in real repositories, with real commits and pushes.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::git::Repo;
use crate::support::{Run, TestEnv, id, pair, run_with_stdin, secret};

fn executable(repo: &Repo<'_>, file: &str, text: &str) {
    repo.write(file, text);
    fs::set_permissions(repo.path(file), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A repository with all client hooks, and a first commit.
fn hooked(env: &TestEnv) -> Repo<'_> {
    let repo = Repo::init(env, "repo", &[]);
    repo.stage("README", "text\n");
    repo.commit("start");
    assert_eq!(repo.keyhound(&["hook", "install"]).status, 0);
    repo
}

#[test]
fn a_commit_that_leaks_is_stopped_however_it_is_made() {
    let env = TestEnv::new();
    let repo = hooked(&env);
    repo.write("README", pair(0));
    for args in [
        &["commit", "--all", "--message", "all"][..],
        &["commit", "--message", "part", "README"],
        &["commit", "--include", "--message", "part", "README"],
    ] {
        let run = repo.try_git(args);
        assert_eq!(run.status, 1, "{args:?}: {}{}", run.stdout, run.stderr);
        assert!((run.stdout + &run.stderr).contains("README:1"), "{args:?}");
    }
    // What stays behind in the work tree or the index is no part of a commit of something else.
    repo.git(&["add", "README"]);
    repo.write("other", "clean\n");
    repo.git(&["add", "--intent-to-add", "other"]);
    repo.git(&["commit", "--quiet", "--only", "--message", "other", "other"]);
    assert_eq!(repo.try_git(&["commit", "--message", "leak"]).status, 1);
}

#[test]
fn a_message_that_leaks_is_stopped() {
    let env = TestEnv::new();
    let repo = hooked(&env);
    let commit = |args: &[&str], editor: &str| {
        let base = ["-c", editor, "commit", "--quiet", "--allow-empty"];
        repo.try_git(&[&base, args].concat()).status
    };
    assert_eq!(commit(&["--message", &pair(0)], "core.editor=false"), 1);
    assert_eq!(
        commit(&["--message", &format!("# {}", id(0))], "core.editor=false"),
        1,
        "kept without an editor"
    );
    assert_eq!(commit(&["--message", "clean"], "core.editor=false"), 0);
    executable(
        &repo,
        ".git/editor",
        &format!(
            "#!/bin/sh\nprintf 'subject\\n# {}\\n' >\"$1.new\"\ncat \"$1\" >>\"$1.new\"\nmv \"$1.new\" \"$1\"\n",
            id(0)
        ),
    );
    let editor = format!("core.editor={}", repo.path(".git/editor").display());
    assert_eq!(commit(&[], &editor), 0, "comments go away");
    // The change that --verbose shows is no part of the message.
    repo.stage("old.ini", pair(1));
    repo.commit("leaked before");
    repo.git(&["rm", "--quiet", "old.ini"]);
    assert_eq!(commit(&["--verbose"], &editor), 0, "a clean-up passes");
}

#[test]
fn a_push_that_leaks_is_stopped_on_both_sides() {
    let env = TestEnv::new();
    let bare = Repo::init(&env, "bare", &["--bare"]);
    let repo = hooked(&env);
    let url = bare.path("").display().to_string();
    repo.git(&["remote", "add", "origin", &url]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    let install = bare.keyhound(&["hook", "install"]);
    assert!(install.stderr.contains("pre-receive"), "{}", install.stderr);

    // Added and removed: the objects would travel all the same.
    repo.stage("a.ini", pair(0));
    repo.commit("leak");
    repo.git(&["rm", "--quiet", "a.ini"]);
    repo.commit("clean up");
    for (args, side) in [
        (&["push", "origin", "main"][..], "publish"),
        (&["push", "origin", "main:new"], "publish"),
        (&["push", &url, "HEAD:refs/heads/new"], "publish"),
        (&["push", "--no-verify", "origin", "main"], "remote: keyhound"),
        (&["push", "--no-verify", "origin", "main:new"], "remote: keyhound"),
    ] {
        let run = repo.try_git(args);
        let said = run.stdout + &run.stderr;
        assert_eq!(run.status, 1, "{args:?}: {said}");
        assert!(
            said.contains(side) && said.contains("a.ini:1") && !said.contains(&secret(0)),
            "{args:?}: {said}"
        );
    }
    assert_eq!(bare.git(&["for-each-ref", "--format=%(refname)"]), "refs/heads/main\n");

    // What the other side has is not looked at again, and deleting is no leak.
    repo.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    repo.commit("fine");
    repo.git(&["push", "--quiet", "origin", "main", "main:side"]);
    repo.git(&["push", "--quiet", "origin", ":side"]);
    repo.git(&["tag", "--annotate", "v1", "--message", &pair(1)]);
    assert_eq!(repo.try_git(&["push", "origin", "v1"]).status, 1);
    assert_eq!(repo.try_git(&["push", "--no-verify", "origin", "v1"]).status, 1);
    let branch = format!("main:refs/heads/{}", id(2));
    assert_eq!(repo.try_git(&["push", "origin", &branch]).status, 1);
    repo.write("loose.ini", pair(3));
    let blob = repo.git(&["hash-object", "-w", "loose.ini"]);
    let named = format!("{}:refs/tags/blob", blob.trim());
    assert_eq!(repo.try_git(&["push", "origin", &named]).status, 1, "a blob without a commit");
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    let earlier = "#!/bin/sh\necho \"earlier $# $(cat)\" >>\"$(git rev-parse --git-dir)/log\"\n";
    // A hook that does not begin with `#!` is a script to git.
    let bare = earlier.trim_start_matches("#!/bin/sh\n");
    executable(&repo, ".git/hooks/pre-commit", bare);
    executable(&repo, ".git/hooks/pre-push", earlier);
    for _ in 0..2 {
        assert_eq!(repo.keyhound(&["hook", "install", "--quiet"]).status, 0);
    }
    repo.stage("a.txt", "text\n");
    repo.git(&["commit", "--quiet", "--message", "one"]);
    Repo::init(&env, "bare", &["--bare"]);
    repo.git(&["push", "--quiet", "../bare", "main"]);
    let log = fs::read_to_string(repo.path(".git/log")).unwrap();
    let head = repo.git(&["rev-parse", "HEAD"]);
    assert!(log.starts_with("earlier 0 \nearlier 2 refs/heads/main "), "{log}");
    assert!(log.contains(head.trim()), "it gets what git says, too: {log}");

    executable(&repo, ".git/hooks/pre-commit.before-keyhound", "#!/bin/sh\nexit 3\n");
    assert_eq!(repo.try_git(&["commit", "--allow-empty", "--message", "two"]).status, 1, "its no counts");
    executable(&repo, ".git/hooks/pre-commit.before-keyhound", bare);
    assert_eq!(repo.keyhound(&["hook", "uninstall", "--quiet"]).status, 0);
    let mut left: Vec<String> = fs::read_dir(repo.path(".git/hooks"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_none_or(|e| e != "sample"))
        .collect();
    left.sort();
    assert_eq!(left, ["pre-commit", "pre-push"]);
    assert_eq!(fs::read_to_string(repo.path(".git/hooks/pre-commit")).unwrap(), bare);
    assert_eq!(repo.keyhound(&["hook", "uninstall"]).status, 0, "once more");
}

#[test]
fn the_folder_that_git_is_told_of_is_used() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    repo.write("sub/x", "");
    repo.write(".gitignore", ".githooks\n");
    let sub = Repo::at(&env, "repo/sub");
    assert_eq!(sub.keyhound(&["hook", "install", "pre-commit"]).status, 0);
    assert!(repo.path(".githooks/pre-commit").is_file() && !repo.path(".githooks/pre-push").exists());
    repo.stage("a.ini", pair(0));
    assert_eq!(repo.try_git(&["commit", "--message", "leak"]).status, 1);

    let other = Repo::init(&env, "other", &[]);
    executable(&other, ".git/hooks/pre-commit", "#!/bin/sh\necho own hook >&2\n");
    assert_eq!(other.keyhound(&["hook", "install", "--global"]).status, 0);
    other.stage("a.ini", pair(0));
    let run = other.try_git(&["commit", "--message", "leak"]);
    assert!(run.status == 1 && run.stderr.contains("own hook"), "{}{}", run.stdout, run.stderr);
    assert_eq!(other.keyhound(&["hook", "uninstall", "--global"]).status, 0);
    assert_eq!(other.try_git(&["config", "--global", "core.hooksPath"]).status, 1, "the setting is gone");
}

#[test]
fn the_framework_never_passes_on_nothing() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.ini", pair(0));
    let first = repo.commit("leak");
    repo.stage("b.ini", pair(1));
    let run = repo.keyhound(&["hook", "run", "--framework", "pre-commit"]);
    assert!(
        run.status == 1 && run.stdout.contains("b.ini") && !run.stdout.contains("a.ini"),
        "staged: {}",
        run.stdout
    );
    repo.commit("leak again");
    let run = repo.keyhound(&["hook", "run", "--framework", "pre-commit"]);
    assert!(
        run.status == 1 && run.stdout.contains("a.ini") && run.stdout.contains("b.ini"),
        "tree: {}",
        run.stdout
    );
    let range = |from: &str| {
        let mut command = env.command(&["hook", "run", "--framework", "pre-push"]);
        command.current_dir(repo.path("")).env("PRE_COMMIT_FROM_REF", from).env("PRE_COMMIT_TO_REF", "HEAD");
        let done = command.output().unwrap();
        assert_eq!(
            String::from_utf8(done.stdout).unwrap(),
            "",
            "git leaves what pre-push prints to programs"
        );
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (status, said) = range(&first);
    assert!(status == Some(1) && said.contains("b.ini") && !said.contains("a.ini"), "range: {said}");
    assert_eq!(range(&"1".repeat(40)).0, Some(2));
}

/// What a gate said, when it stopped something: at most ten lines, with all that one needs.
fn advice(run: &Run) -> String {
    assert_eq!(run.status, 1, "{}{}", run.stdout, run.stderr);
    let said = format!("{}{}", run.stdout, run.stderr);
    let ours =
        said.lines().skip_while(|line| !line.contains("keyhound: ")).take_while(|l| !l.contains("error:"));
    let ours: Vec<&str> = ours.map(|line| line.strip_prefix("remote: ").unwrap_or(line).trim_end()).collect();
    let ours: Vec<&str> =
        ours.into_iter().filter(|line| !line.is_empty() && !line.starts_with("To ")).collect();
    assert!(ours.len() <= 10, "{said}");
    for part in ["high", "why: ", "fix: ", "vault", "allow: ", "keyhound:allow"] {
        assert!(ours.iter().any(|line| line.contains(part)), "{part}: {said}");
    }
    assert!((0..4).all(|n| !said.contains(&secret(n))), "{said}");
    ours.join("\n")
}

#[test]
fn a_message_of_ten_lines_tells_what_to_do_and_doing_it_helps() {
    let env = TestEnv::new();
    let bare = Repo::init(&env, "bare", &["--bare"]);
    assert_eq!(bare.keyhound(&["hook", "install"]).status, 0);
    let repo = hooked(&env);
    repo.git(&["remote", "add", "origin", "../bare"]);
    let commit = || repo.try_git(&["commit", "--quiet", "--message", "change"]);
    let push = |more: &[&str]| repo.try_git(&[&["push", "--quiet", "origin", "main"], more].concat());

    // Six at once, some in a path that a shell would take apart.
    for n in 0..4 {
        repo.stage(&format!("it's {n}/a.ini"), pair(n));
    }
    repo.stage("b.ini", format!("{}\n{}\n", id(0), id(1)));
    let said = advice(&commit());
    let restore = said.lines().find_map(|line| line.split("leave it out: ").nth(1)).expect("a command");
    // From a folder, too.
    let mut shell = std::process::Command::new("sh");
    assert_eq!(repo.run(shell.args(["-c", &format!("cd \"it's 0\" && {restore}")])).status, 0, "{said}");
    assert!(repo.staged().len() < 5, "{restore}");
    repo.git(&["reset", "--quiet"]);

    // What is allowed is what was told, from any folder: neither what is not staged, nor less.
    repo.stage("a.ini", pair(0));
    repo.write("a.ini", "gone from the work tree\n");
    repo.write("real.ini", pair(3));
    let said = advice(&commit());
    let update = said.lines().find_map(|line| line.split(", or: ").nth(1)).expect("a command");
    assert_eq!(repo.paste("it's 0", update).status, 0, "{update}");
    assert_eq!(commit().status, 0);
    repo.stage("real.ini", pair(3));
    advice(&commit());
    repo.git(&["rm", "--quiet", "--cached", "--force", "real.ini"]);
    assert_eq!(push(&[]).status, 0, "the baseline is in what is pushed");

    let message = format!("key {} and {}", id(1), secret(1));
    advice(&repo.try_git(&["commit", "--allow-empty", "--message", &message]));
    let allowed = format!("{message} keyhound:allow of the documentation");
    assert_eq!(repo.try_git(&["commit", "--quiet", "--allow-empty", "--message", &allowed]).status, 0);
    assert_eq!(push(&[]).status, 0);

    repo.stage("c.ini", pair(2));
    repo.commit("past the hook");
    // Gone in the next commit, but not from what is pushed.
    repo.git(&["rm", "--quiet", "c.ini"]);
    repo.commit("clean up");
    advice(&push(&["--no-verify"]));
    let said = advice(&push(&[]));
    let update = said.lines().find(|line| line.contains("keyhound history --range")).expect("a command");
    let commit_id = said.split("c.ini:1, commit ").nth(1).unwrap().split_whitespace().next().unwrap();
    let update = update.replace("COMMIT", commit_id);
    assert_eq!(repo.paste("", &update).status, 0, "{update}");
    repo.git(&["add", ".keyhound-baseline.toml"]);
    assert_eq!(commit().status, 0);
    assert_eq!(push(&[]).status, 0);
}

#[test]
fn the_advice_can_be_pasted_for_any_name_and_for_the_first_commit() {
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    assert_eq!(repo.keyhound(&["hook", "install", "--quiet"]).status, 0);
    for name in
        [&b"plain.ini"[..], b"a\nb it's.ini", b"caf\xe9.ini", "übel.ini".as_bytes(), b"-x.ini", b"!x.ini"]
    {
        for first in [true, false] {
            if !first {
                repo.git(&["commit", "--quiet", "--allow-empty", "--message", "start"]);
            }
            let path = repo.path("").join(std::ffi::OsStr::from_bytes(name));
            fs::write(&path, pair(0)).unwrap();
            repo.git(&["add", "--all"]);
            fs::write(&path, "changed since\n").unwrap();
            let said = advice(&repo.try_git(&["commit", "--quiet", "--message", "leak"]));
            let leave = said.lines().find_map(|line| line.split("leave it out: ").nth(1)).expect("a command");
            let mut shell = std::process::Command::new("bash");
            assert_eq!(repo.run(shell.args(["-c", &format!("{leave} >/dev/null")])).status, 0, "{leave}");
            assert_eq!(repo.staged(), [""; 0], "{leave}");
            fs::remove_file(path).unwrap();
        }
        repo.git(&["update-ref", "-d", "HEAD"]);
    }
}

#[test]
fn what_is_installed_for_one_repository_changes_nothing_for_others() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.git(&["config", "--global", "core.hooksPath", env.path("all").to_str().unwrap()]);
    for action in ["install", "uninstall"] {
        let run = repo.keyhound(&["hook", action]);
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains("--global") && run.stderr.contains("core.hooksPath"), "{}", run.stderr);
    }
    assert!(!env.path("all").exists());
    // One of its own is meant.
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    assert_eq!(repo.keyhound(&["hook", "install", "--quiet"]).status, 0);
    assert!(repo.path(".githooks/pre-commit").exists());
    repo.git(&["config", "core.hooksPath", "/dev/null"]);
    let run = repo.keyhound(&["hook", "install"]);
    assert!(run.status == 2 && run.stderr.contains("leads to /dev/null"), "{}", run.stderr);
}

#[test]
fn the_other_hooks_of_a_repository_run_all_the_same() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    for hook in ["post-commit", "commit-msg", "pre-commit", "post-checkout"] {
        executable(&repo, &format!(".git/hooks/{hook}"), &format!("#!/bin/sh\necho {hook} >> ran\n"));
    }
    assert_eq!(repo.keyhound(&["hook", "install", "--global", "--quiet", "pre-commit"]).status, 0);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "start"]);
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    let ran = fs::read_to_string(repo.path("ran")).unwrap();
    assert_eq!(ran, "pre-commit\ncommit-msg\npost-commit\npost-checkout\n");
    // One that is asked for takes the place.
    repo.stage("a.ini", pair(0));
    assert_eq!(repo.keyhound(&["hook", "install", "--global", "--quiet"]).status, 0);
    advice(&repo.try_git(&["commit", "--quiet", "--message", "leak"]));
    assert_eq!(repo.keyhound(&["hook", "uninstall", "--global", "--quiet"]).status, 0);
    assert_eq!(repo.try_git(&["config", "--global", "core.hooksPath"]).status, 1, "the folder was empty");
    repo.git(&["commit", "--quiet", "--message", "as before"]);
}

#[test]
fn what_somebody_wrote_into_a_hook_is_not_lost() {
    let env = TestEnv::new();
    let repo = hooked(&env);
    let file = repo.path(".git/hooks/pre-commit");
    let ours = fs::read_to_string(&file).unwrap();
    let added = format!("{ours}echo more\n");
    fs::write(&file, &added).unwrap();
    for action in ["install", "uninstall"] {
        let run = repo.keyhound(&["hook", action]);
        assert!(run.status == 2 && run.stderr.contains("has lines behind keyhound's"), "{}", run.stderr);
        assert_eq!(fs::read_to_string(&file).unwrap(), added);
    }
    fs::write(&file, ours).unwrap();
    assert_eq!(repo.keyhound(&["hook", "uninstall", "--quiet"]).status, 0);
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    let run = repo.keyhound(&["hook", "install", "pre-commit"]);
    assert!(
        run.status == 0 && run.stderr.contains("it is not executable, and did not run"),
        "{}",
        run.stderr
    );
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "as before"]);
}

#[test]
fn a_merge_is_stopped_where_that_is_wanted() {
    let env = TestEnv::new();
    let repo = hooked(&env);
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.stage("a.ini", pair(0));
    repo.git(&["commit", "--quiet", "--no-verify", "--message", "leak"]);
    repo.git(&["checkout", "--quiet", "main"]);
    let merge = || repo.try_git(&["merge", "--no-ff", "--no-edit", "side"]);
    assert_eq!(merge().status, 0);
    repo.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    assert_eq!(repo.keyhound(&["hook", "install", "pre-merge-commit"]).status, 0);
    let run = merge();
    assert!(run.status != 0 && (run.stdout + &run.stderr).contains("a.ini:1"));
}

/// Every file below a folder, with its content.
fn all_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            files.insert(path.clone(), Vec::new());
            files.append(&mut all_files(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn hooks_leave_nothing_behind_and_tell_no_secret() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("README", "text\n");
    let base = repo.commit("start");
    repo.stage("old.ini", pair(1));
    let tip = repo.commit(&format!("leak {}", secret(1)));
    repo.git(&["reset", "--quiet", "--soft", &base]); // `tip` is on its way
    repo.stage("a.ini", pair(0));
    repo.write("message", pair(2));
    env.write("temporary/.keep", "");
    env.write("home/.keep", "");
    let before = all_files(&env.path(""));
    let push = format!("refs/heads/main {tip} refs/heads/main {base}\n");
    let receive = format!("{base} {tip} refs/heads/main\n");
    for (args, stdin) in [
        (&["staged"][..], ""),
        (&["hook", "run", "pre-commit"], ""),
        (&["hook", "run", "--framework", "pre-commit"], ""),
        (&["hook", "run", "commit-msg", "message"], ""),
        (&["hook", "run", "pre-push", "origin", "nowhere"], &push),
        (&["hook", "run", "pre-receive"], &receive),
    ] {
        let mut command = env.command(&[args, &["--verbose"]].concat());
        command.current_dir(repo.path("")).env("TMPDIR", env.path("temporary")).env("RUST_LOG", "trace");
        command.env("HOME", env.path("home")).env("RUST_BACKTRACE", "full");
        let run = run_with_stdin(command, stdin.as_bytes());
        assert_eq!(run.status, 1, "{args:?}: {}{}", run.stdout, run.stderr);
        for n in 0..4 {
            assert!(!run.stdout.contains(&secret(n)) && !run.stderr.contains(&secret(n)), "{args:?}");
        }
        let after = all_files(&env.path(""));
        let changed: Vec<&PathBuf> =
            before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
        assert!(changed.is_empty(), "{args:?}: {changed:?}");
    }
}
