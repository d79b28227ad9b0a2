//! `keyhound history --range`: what commits add. The traps of `tests/gittraps` have more.

use std::process::Command;

use crate::support::git::{Repo, git_at};
use crate::support::{TestEnv, id, pair};

/// What a range adds, as [`crate::support::Run::places`] gives it.
fn found(repo: &Repo<'_>, range: &str) -> Vec<String> {
    let run = repo.keyhound(&["history", "--range", range, "--format", "json"]);
    let places = run.places();
    assert_eq!(run.status, i32::from(!places.is_empty()), "{range}: {}{}", run.stdout, run.stderr);
    places
}

#[test]
fn a_range_can_be_named_in_many_ways() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.ini", pair(0));
    let first = repo.commit("first");
    repo.git(&["tag", "--annotate", "v1", "--message", "one"]);
    repo.git(&["switch", "--quiet", "--create", "feature"]);
    repo.stage("b.ini", pair(1));
    let second = repo.commit("second");
    repo.git(&["switch", "--quiet", "main"]);
    repo.stage("c.ini", pair(2));
    repo.commit("third");
    repo.git(&["pack-refs", "--all"]);

    for range in [
        "main..feature",
        "main...feature",
        "v1..feature",
        "refs/tags/v1..refs/heads/feature",
        "feature~1..feature",
        "feature^..feature",
        "feature~..feature^0",
        "v1^{commit}..feature^{}",
        &format!("{first}..{second}"),
        &format!("{}..{}", &first[..8], &second[..8].to_uppercase()),
    ] {
        assert_eq!(found(&repo, range), ["b.ini:1"], "{range}");
    }
    assert_eq!(found(&repo, "feature.."), ["c.ini:1"]);
    assert_eq!(found(&repo, "feature..@"), ["c.ini:1"]);
    assert_eq!(found(&repo, "..feature"), ["b.ini:1"]);
    assert_eq!(found(&repo, "feature"), ["a.ini:1", "b.ini:1"]);
    assert_eq!(found(&repo, "main..main"), [""; 0]);
    // As `$BASE..$COMMIT` is without a base.
    for range in ["..HEAD", "...@", "..", "..main", &format!("..{first}"), &format!("...{}", &first[..8])] {
        let run = repo.keyhound(&["history", "--range", range]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{range}: {}", run.stderr);
        assert!(run.stderr.contains("is a variable empty?"), "{range}: {}", run.stderr);
    }

    for range in [
        "nothing..main",
        "main..feature~7",
        "main^2..feature",
        "main@{1}..feature",
        "HEAD:a.ini",
        &"0".repeat(40),
    ] {
        let run = repo.keyhound(&["history", "--range", range]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{range}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{range}: {}", run.stderr);
    }
}

#[test]
fn a_shallow_clone_says_how_to_fetch_the_rest() {
    let env = TestEnv::new();
    let origin = Repo::init(&env, "origin", &[]);
    let first = origin.commit("first");
    origin.commit("second");
    origin.git(&[
        "clone",
        "--quiet",
        "--depth=1",
        &format!("file://{}", origin.path("").display()),
        "../clone",
    ]);
    let clone = Repo::at(&env, "clone");
    for range in [format!("{first}..HEAD"), "HEAD~1..HEAD".to_owned(), "HEAD".to_owned()] {
        let run = clone.keyhound(&["history", "--range", &range]);
        assert_eq!(run.status, 2, "{range}");
        assert!(run.stderr.contains("fetch-depth: 0"), "{range}: {}", run.stderr);
    }
}

#[test]
fn what_may_stay_is_not_guessed_where_it_cannot_be_read() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.ini", pair(0));
    repo.commit("first");
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    std::fs::remove_file(repo.path(&format!(".git/objects/{}/{}", &tree[..2], tree[2..].trim()))).unwrap();
    let run = repo.keyhound(&["history", "--range", "HEAD"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for part in [".keyhound.toml", "fetch what is missing", "--no-suppress", tree.trim()] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    // The advice leads on.
    let run = repo.keyhound(&["history", "--range", "HEAD", "--no-suppress", "--format", "json"]);
    assert_eq!(run.status, 2);
    assert!(run.json()["incomplete"][0]["reason"].as_str().unwrap().contains(tree.trim()), "{}", run.stdout);
}

#[test]
fn a_commit_alone_is_a_range_be_it_the_first() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.ini", pair(0));
    let first = repo.commit("first");
    repo.stage("b.ini", pair(1));
    repo.commit("second");
    assert_eq!(found(&repo, &format!("{first}^!")), ["a.ini:1"]);
    assert_eq!(found(&repo, "HEAD^!"), ["b.ini:1"]);
    repo.git(&["clone", "--quiet", "--depth=1", &format!("file://{}", repo.path("").display()), "../clone"]);
    let run = Repo::at(&env, "clone").keyhound(&["history", "--range", "HEAD^!"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("HEAD^ is not in this shallow clone: fetch it"), "{}", run.stderr);
}

#[test]
fn what_moves_within_a_range_is_added_once() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("old.ini", pair(0));
    repo.commit("start");
    repo.git(&["mv", "old.ini", "new.ini"]);
    repo.commit("rename");
    assert_eq!(found(&repo, "HEAD~1..HEAD"), [""; 0]);
    repo.stage("x.ini", pair(1));
    repo.commit("add");
    repo.stage("x.ini", "");
    repo.commit("remove");
    repo.stage("x.ini", format!("# again\n{}", pair(1)));
    repo.commit("again");
    assert_eq!(found(&repo, "HEAD~3..HEAD"), ["x.ini:1"]);
}

#[test]
fn names_and_messages_count() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.commit("start");
    repo.stage(&format!("{}.txt", id(0)), "");
    repo.commit("name");
    assert_eq!(found(&repo, "HEAD~1..HEAD"), [format!("{}.txt", id(0))]);
    repo.git(&["switch", "--quiet", "--create", &format!("fix/{}", id(1))]);
    repo.commit("nothing");
    let run = repo.keyhound(&["history", "--range", &format!("main..fix/{}", id(1)), "--format", "json"]);
    assert_eq!(run.json()["findings"][0]["where"], "ref", "{}", run.stdout);
    repo.git(&["tag", "--annotate", "v1", "--message", &pair(2)]);
    let run = repo.keyhound(&["history", "--range", "main..HEAD", "--format", "json"]);
    assert_eq!(run.json()["findings"][0]["where"], "tag-message", "{}", run.stdout);
    assert_eq!(run.json()["findings"][0]["named_by"], "refs/tags/v1", "{}", run.stdout);
    assert_eq!(found(&repo, "HEAD..HEAD"), [""; 0]);
}

#[test]
fn dates_out_of_order_change_nothing() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    // A base whose commits are dated long after those of the range, or before them, or each before its parent.
    let late = |n: u64| 1_900_000_000 + n;
    let early = |n: u64| 1_000_000_000 + n;
    let backwards = |n: u64| 1_900_000_000 - 1000 * n;
    let under = |n: u64| 1_400_000_000 - 1000 * n;
    for (number, date) in [late, early, backwards, under].into_iter().enumerate() {
        let base = format!("base{number}");
        repo.git(&["switch", "--quiet", "--orphan", &base]);
        for n in 0..200 {
            if n == 100 {
                repo.stage("base.ini", pair(0));
            } else if n == 150 {
                repo.git(&["rm", "--quiet", "base.ini"]);
            }
            git_at(&env, "repo", date(n), &["commit", "--quiet", "--allow-empty", "--message", "base"]);
        }
        repo.git(&["switch", "--quiet", "--create", &format!("feature{number}"), &format!("{base}~199")]);
        repo.stage("f.ini", pair(1));
        git_at(&env, "repo", 1_500_000_000, &["commit", "--quiet", "--message", "feature"]);
        git_at(&env, "repo", 1_500_000_001, &["merge", "--quiet", "--no-edit", &format!("{base}~1")]);
        assert_eq!(found(&repo, &format!("{base}..feature{number}")), ["f.ini:1"], "{base}");
        assert_eq!(found(&repo, &format!("feature{number}..{base}")), [""; 0], "{base}");
        // They part long before the end of the base, and after what leaked in it.
        repo.git(&["switch", "--quiet", "--create", &format!("apart{number}"), &format!("{base}~90")]);
        repo.stage("g.ini", pair(1));
        git_at(&env, "repo", 1_500_000_000, &["commit", "--quiet", "--message", "apart"]);
        assert_eq!(found(&repo, &format!("{base}..apart{number}")), ["g.ini:1"], "{base}");
    }
}

#[test]
fn what_is_no_range_is_refused_in_one_line() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a", "a");
    repo.commit("start");
    for name in [
        "HEAD^{}é",
        "HEAD~é",
        "HEAD^0é",
        "HEAD~1\u{1F600}",
        "HEAD^{tree}",
        "HEAD~-1",
        "~",
        "^",
        "é",
        "HEAD@{1}",
    ] {
        let run = repo.keyhound(&["history", "--range", name]);
        assert_eq!((run.status, run.stderr.lines().count()), (2, 1), "{name}: {}", run.stderr);
        assert!(run.stderr.starts_with("keyhound: cannot resolve the range: "), "{name}: {}", run.stderr);
    }
}

#[test]
fn symbolic_refs_are_followed_as_far_as_git_does() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.ini", pair(0));
    repo.commit("leak");
    let mut target = "refs/heads/main".to_owned();
    for n in 1..=8 {
        let name = format!("refs/heads/s{n}");
        repo.git(&["symbolic-ref", &name, &target]);
        let known = repo.try_git(&["rev-parse", "--verify", "--quiet", &name]).status == 0;
        let (of_range, of_refs) = if known { (1, 1) } else { (2, 0) };
        assert_eq!(repo.keyhound(&["history", "--range", &name]).status, of_range, "{n}");
        assert_eq!(repo.keyhound(&["history", "--refs", &name]).status, of_refs, "{n}");
        target = name;
    }
}

/// Ten levels of folders with ten equal entries each: a kilobyte that stands for ten thousand million paths.
#[test]
fn more_paths_than_anybody_can_walk_are_no_trouble() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a", "a");
    repo.commit("start");
    repo.write("leak.ini", pair(0));
    let mut entry = format!("100644 blob {}", repo.git(&["hash-object", "-w", "leak.ini"]).trim());
    for _ in 0..10 {
        let listing: Vec<String> = (0..10).map(|n| format!("{entry}\tn{n}\n")).collect();
        repo.write("listing", listing.concat());
        let mut mktree = Command::new("sh");
        mktree.args(["-c", "git mktree <listing"]);
        entry = format!("040000 tree {}", repo.run(&mut mktree).stdout.trim());
    }
    let tree = entry.rsplit(' ').next().unwrap().to_owned();
    let bomb = repo.git(&["commit-tree", "-p", "HEAD", "-m", "bomb", &tree]);
    let ids = |range: &str| {
        let report = repo.keyhound(&["history", "--range", range, "--format", "json"]).json();
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|f| f["key_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let of_bomb = ids(&format!("HEAD..{}", bomb.trim()));
    assert!(!of_bomb.is_empty() && of_bomb.iter().all(|found| *found == id(0)), "{of_bomb:?}");
    // It goes away, and what was in it comes back at another path.
    repo.git(&["reset", "--quiet", "--soft", bomb.trim()]);
    repo.git(&["read-tree", "--empty"]);
    repo.stage("leak.ini", pair(0));
    repo.stage("other.ini", pair(1));
    repo.commit("moved");
    assert_eq!(ids("HEAD~1..HEAD"), [id(1)]);
}
