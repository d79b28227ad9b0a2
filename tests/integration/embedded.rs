//! `keyhound audit` and the repositories in a work tree that are no submodules.

use std::fs;

use serde_json::Value;

use crate::support::git::Repo;
use crate::support::{Run, TestEnv, id, pair};

/// `number path named_by in_head` of every finding, by number.
fn found(run: &Run) -> Vec<String> {
    let report = run.json();
    let number = |finding: &Value| (0..4).find(|n| finding["key_id"] == id(*n).as_str()).unwrap();
    let mut found: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap_or("-").to_owned();
            format!("{} {} ({}) {}", number(finding), text("path"), text("named_by"), finding["in_head"])
        })
        .collect();
    found.sort();
    found
}

/// A repository whose first commit has these pairs in files, which its second one takes away.
fn with_history<'e>(env: &'e TestEnv, folder: &str, numbers: &[usize]) -> Repo<'e> {
    let repo = Repo::init(env, folder, &[]);
    for n in numbers {
        repo.stage(&format!("{n}.ini"), pair(*n));
    }
    repo.commit("leak");
    repo.git(&["rm", "--quiet", "--ignore-unmatch", "--", "*.ini"]);
    repo.commit("clean");
    repo
}

#[test]
fn the_history_of_a_clone_in_the_work_tree_is_read_and_that_of_its_submodules() {
    let env = TestEnv::new();
    let outer = with_history(&env, "r", &[]);
    let other = with_history(&env, "other", &[1]);
    let inner = with_history(&env, "r/vendor/y", &[0]);
    let url = other.path("").display().to_string();
    inner.git(&["submodule", "--quiet", "add", &url, "sub"]);
    // Not checked out, it is met by no walk.
    fs::remove_dir_all(inner.path("sub")).unwrap();
    inner.stage("2.ini", pair(2));
    inner.commit("still there");
    let found_by = |args: &[&str]| found(&env.run(&[&["audit", "r", "--format", "json"], args].concat()));
    let all = [
        "0 vendor/y/0.ini (repository vendor/y) false",
        "1 vendor/y/sub/1.ini (submodule vendor/y/sub) false",
        "2 vendor/y/2.ini (repository vendor/y) true",
    ];
    assert_eq!(found_by(&[]), all);
    let report = env.run(&["audit", "r", "--format", "json"]).json();
    assert_eq!(report["incomplete"], Value::Array(Vec::new()));
    let last = report["findings"].as_array().unwrap().iter().find(|f| f["key_id"] == id(2).as_str()).unwrap();
    assert_eq!(last["other_locations"], Value::Array(Vec::new()), "the file is the place in HEAD");

    // What git ignores is left out with its history, unless it is asked for.
    outer.write(".gitignore", "vendor\n");
    assert_eq!(found_by(&[]), [""; 0]);
    assert_eq!(found_by(&["--no-ignore"]), all);
}

#[test]
fn work_trees_of_the_same_repository_are_read_once_and_those_of_others_named() {
    let env = TestEnv::new();
    let repo = with_history(&env, "r", &[0]);
    let other = with_history(&env, "other", &[1]);
    repo.git(&["worktree", "add", "--quiet", "own"]);
    other.git(&["worktree", "add", "--quiet", &repo.path("foreign").display().to_string()]);
    let run = env.run(&["audit", "r", "--format", "json"]);
    assert_eq!(found(&run), ["0 0.ini (-) false"]);
    let report = run.json();
    assert_eq!(report["incomplete"], Value::Array(Vec::new()));
    let left_out = report["left_out"].as_array().unwrap();
    assert_eq!((left_out.len(), left_out[0]["what"].as_str()), (1, Some("foreign")), "{left_out:?}");
    let advice = left_out[0]["help"].as_str().unwrap().strip_prefix("to scan it: keyhound ").unwrap();
    let run = env.run(&[&advice.split(' ').collect::<Vec<_>>()[..], &["--format", "json"]].concat());
    assert_eq!(found(&run), ["1 1.ini (-) false"]);
}

#[test]
fn a_store_beside_its_git_file_is_a_repository_and_what_is_none_is_read_as_files() {
    let env = TestEnv::new();
    let repo = with_history(&env, "r", &[]);
    let other = with_history(&env, "other", &[0]);
    let (url, store) = (other.path("").display().to_string(), repo.path("a/.bare").display().to_string());
    repo.git(&["clone", "--quiet", "--bare", &url, &store]);
    repo.write("a/.git", "gitdir: ./.bare\n");
    repo.write("b/.git/config", pair(1));
    repo.write("c/.git", format!("gitdir: /no/such/folder\n{}", pair(2)));
    std::os::unix::fs::symlink("../nowhere", repo.path("b/link")).unwrap();
    std::os::unix::fs::symlink(other.path(".git"), repo.path("d.git")).unwrap();
    let run = env.run(&["audit", "r", "--format", "json"]);
    assert_eq!(
        found(&run),
        ["0 a/0.ini (repository a) false", "1 b/.git/config (-) null", "2 c/.git (-) null"]
    );
    assert_eq!(run.json()["incomplete"], Value::Array(Vec::new()));
}
