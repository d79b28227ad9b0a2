//! `keyhound history --range` where the range is most of the history: then everything that is stored is read at once, and
//! what is reported is what a look at each commit alone gives.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use crate::cases::Random;
use crate::support::git::Repo;
use crate::support::{Run, TestEnv, run_with_stdin, secret};

const COMMITS: usize = 160;

/// A key id, made up.
fn id(n: usize) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    format!("AKIA{}", Random::new(n as u64, "id").string(DIGITS, 16))
}

fn pair(n: usize) -> String {
    format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", id(n), secret(n % 4))
}

/// A history for `git fast-import`: branches, merges that bring what no parent has, keys that come, go, come back and move.
fn stream() -> String {
    let mut random = Random::new(1, "history");
    let mut out = String::new();
    let blob = |out: &mut String, mode: &str, path: &str, text: &str| {
        writeln!(out, "M {mode} inline {path}\ndata {}\n{text}", text.len()).unwrap();
    };
    for n in 0..COMMITS {
        let message = if n % 31 == 7 { format!("with {}", id(n)) } else { format!("commit {n}") };
        writeln!(out, "commit refs/heads/main\nmark :{}", n + 1).unwrap();
        writeln!(out, "committer Ann <ann@example.org> {} +0000", 1_700_000_000 + 60 * n).unwrap();
        writeln!(out, "data {}\n{message}", message.len()).unwrap();
        let parent = if n % 5 == 4 { n - 2 } else { n };
        if n > 0 {
            writeln!(out, "from :{parent}").unwrap();
            if n % 5 == 1 && n > 5 {
                writeln!(out, "merge :{}", n - 1).unwrap();
            }
        }
        let path = format!("d{}/e{}/f{}.txt", random.below(3), random.below(2), random.below(3));
        let noise = "some text\n".repeat(random.below(30));
        match random.below(8) {
            0 | 1 => blob(&mut out, "100644", &path, &format!("{noise}{}", pair(random.below(4)))),
            2 => blob(&mut out, "100644", &path, &format!("{noise}{}", pair(n))),
            3 => blob(&mut out, "120000", &path, &format!("/to/{}", id(random.below(4)))),
            4 => blob(&mut out, "100644", &format!("d{}/{}.txt", random.below(2), id(random.below(3))), ""),
            5 => writeln!(out, "D d{}", random.below(3)).unwrap(),
            _ => blob(&mut out, "100644", &path, &noise),
        }
        out.push('\n');
    }
    out
}

/// All places of all findings.
fn places(run: &Run) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for finding in run.json()["findings"].as_array().unwrap() {
        let others = finding["other_locations"].as_array().unwrap();
        for place in std::iter::once(finding).chain(others) {
            let of = |name: &str| place[name].to_string();
            all.insert(
                [&finding["key_id"].to_string(), &of("where"), &of("commit"), &of("path"), &of("line")]
                    .map(String::as_str)
                    .join(" "),
            );
        }
    }
    all
}

/// What could not be read.
fn incomplete(run: &Run) -> BTreeSet<String> {
    run.json()["incomplete"].as_array().unwrap().iter().map(ToString::to_string).collect()
}

/// Look at everything at once, and at each commit; both must say the same.
fn compare(repo: &Repo<'_>, status: i32) -> (BTreeSet<String>, BTreeSet<String>) {
    let whole = repo.keyhound(&["history", "--range", "HEAD", "--show-info", "--format", "json"]);
    assert_eq!(whole.status, status, "{}", whole.stderr);
    let stored = repo.git(&["cat-file", "--batch-all-objects", "--batch-check"]);
    let read = whole.json()["scan"]["stats"]["blobs"].as_u64().unwrap();
    assert_eq!(read, stored.lines().count() as u64, "everything was read, and once");
    let (mut found, mut unread) = (BTreeSet::new(), BTreeSet::new());
    for commit in repo.git(&["rev-list", "HEAD"]).lines() {
        let run =
            repo.keyhound(&["history", "--range", &format!("{commit}^!"), "--show-info", "--format", "json"]);
        found.extend(places(&run));
        unread.extend(incomplete(&run));
    }
    assert_eq!(places(&whole), found);
    assert_eq!(incomplete(&whole), unread);
    (found, unread)
}

#[test]
fn a_long_range_reports_what_each_of_its_commits_does() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    let mut import = Command::new("git");
    import.current_dir(repo.path("")).args(["-c", "fastimport.unpackLimit=100000", "fast-import", "--quiet"]);
    let done = run_with_stdin(import, stream().as_bytes());
    assert_eq!(done.status, 0, "{}", done.stderr);
    repo.git(&["clone", "--quiet", "--bare", &format!("file://{}", repo.path("").display()), "../packed"]);

    // In one pack, and in as many files as there are objects.
    let (found, unread) = compare(&Repo::at(&env, "packed"), 1);
    assert!(unread.is_empty());
    assert_eq!(compare(&repo, 1).0, found);
    // What git finds in the differences to all parents, and in messages.
    let log = repo.git(&["log", "--format=%B", "-m", "-p", "--no-renames", "--text"]);
    for n in 0..COMMITS {
        let added = log.lines().any(|line| !line.starts_with('-') && line.contains(&id(n)));
        assert_eq!(found.iter().any(|place| place.contains(&id(n))), added, "{n}");
    }
    assert!(found.iter().filter(|place| place.contains("\"blob\"")).count() > 10, "{found:#?}");
    for place in ["symlink", "path", "commit-message"] {
        assert!(found.iter().any(|found| found.contains(place)), "{place}: {found:#?}");
    }

    // Content that is not there is told as before, and so is a tree.
    let lose = |object: &str| {
        let object = object.trim();
        std::fs::remove_file(repo.path(&format!(".git/objects/{}/{}", &object[..2], &object[2..]))).unwrap();
    };
    let listed =
        repo.git(&["rev-list", "--objects", "--no-object-names", "--filter=object:type=blob", "HEAD"]);
    let blob = listed.lines().find(|id| repo.git(&["cat-file", "-t", id]).trim() == "blob").unwrap();
    lose(blob);
    let (_, unread) = compare(&repo, 2);
    assert!(unread.iter().all(|text| text.contains(blob)) && !unread.is_empty(), "{unread:#?}");
    let tree = repo.git(&["rev-parse", "HEAD~40^{tree}"]);
    lose(&tree);
    let whole = repo.keyhound(&["history", "--range", "HEAD", "--show-info", "--format", "json"]);
    assert_eq!(whole.status, 2);
    assert!(incomplete(&whole).iter().any(|text| text.contains(tree.trim())), "{:?}", incomplete(&whole));
}
