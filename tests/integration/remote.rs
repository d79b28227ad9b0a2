//! `keyhound audit URL`, with programs of the test in the place of git's `git-remote-https`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::git::Repo;
use crate::support::{TestEnv, finish};

/// A folder in which git finds this shell script for https.
fn for_https(env: &TestEnv, script: &str) {
    env.write("exec/git-remote-https", format!("#!/bin/sh\n{script}"));
    fs::set_permissions(env.path("exec/git-remote-https"), fs::Permissions::from_mode(0o755)).unwrap();
    env.write("tmp/.keep", "");
}

/// The audit of a URL, under way.
fn audit(env: &TestEnv, url: &str) -> Child {
    let mut command = env.command(&["audit", url, "--format", "json"]);
    command.env("GIT_EXEC_PATH", env.path("exec")).env("TMPDIR", env.path("tmp"));
    command.env("GIT_CONFIG_NOSYSTEM", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn has_left_nothing(env: &TestEnv) {
    assert_eq!(fs::read_dir(env.path("tmp")).unwrap().count(), 1, "the clone is still there");
}

/// What git takes for an empty repository: the page of a login, in one line, where it looks for a list of refs.
#[test]
fn an_answer_that_is_not_gits_is_no_empty_repository() {
    let env = TestEnv::new();
    for_https(
        &env,
        "while read -r line; do case $line in capabilities) printf 'fetch\\noption\\n\\n';; list*) echo;; option*) echo unsupported;; '') exit;; esac; done\n",
    );
    let run = finish(audit(&env, "https://127.0.0.1:9/r"));
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.contains("look for a mistake in the URL"), "{}", run.stderr);
    has_left_nothing(&env);

    // One that is empty is.
    let empty = Repo::init(&env, "empty", &["--bare"]);
    let empty = empty.path("").display().to_string();
    for_https(
        &env,
        &format!(
            "while read -r line; do case $line in capabilities) printf 'connect\\n\\n';; connect*) echo; exec git upload-pack '{empty}';; '') exit;; esac; done\n"
        ),
    );
    for url in ["https://127.0.0.1:9/r", "HTTPS://127.0.0.1:9/r"] {
        let run = finish(audit(&env, url));
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert_eq!(run.json()["scan"]["target"], "https://127.0.0.1:9/r");
    }
}

/// A signal to keyhound alone, as of a CI service that gives up, and not to all programs of a terminal.
#[test]
fn a_signal_ends_a_clone_that_hangs() {
    let env = TestEnv::new();
    let number = env.path("number");
    for_https(&env, &format!("echo $$ >'{0}.new'; mv '{0}.new' '{0}'; exec sleep 600\n", number.display()));
    let child = audit(&env, "https://127.0.0.1:9/r");
    while !number.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let number = fs::read_to_string(number).unwrap();
    kill("-TERM", &child.id().to_string());
    let run = finish(child);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.contains("it was interrupted"), "{}", run.stderr);
    has_left_nothing(&env);
    // With a terminal, only Ctrl-C there reaches what git ran.
    if fs::File::open("/dev/tty").is_err() {
        while kill("-0", number.trim()) && !is_zombie(number.trim()) {
            std::thread::sleep(Duration::from_millis(10));
        }
    } else {
        kill("-TERM", number.trim());
    }
}

fn kill(signal: &str, number: &str) -> bool {
    Command::new("kill").args([signal, number]).stderr(Stdio::null()).status().unwrap().success()
}

/// Whether nobody has asked yet how a program ended.
fn is_zombie(number: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(number).join("stat"));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}
