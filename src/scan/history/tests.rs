use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::blob::Place;
use crate::finding::{Finding, Note, Severity};
use crate::rules::RuleSet;

/// A repository that is made by git, with a clock that ticks.
struct Made {
    folder: tempfile::TempDir,
    time: std::cell::Cell<u64>,
}

impl Made {
    fn new() -> Self {
        let made = Self {
            folder: tempfile::tempdir().expect("a folder"),
            time: std::cell::Cell::new(1_700_000_000),
        };
        made.git(&["init", "--quiet", "--initial-branch=main"]);
        made
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, args: &[&str]) -> String {
        self.time.set(self.time.get() + 60);
        let date = format!("{} +0000", self.time.get());
        let mut command = Command::new("git");
        command.args(args).current_dir(self.path()).env_clear();
        command.env("PATH", std::env!("PATH")).env("HOME", self.path());
        for (name, value) in [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_AUTHOR_NAME", "Ann"),
            ("GIT_AUTHOR_EMAIL", "ann@example.org"),
            ("GIT_COMMITTER_NAME", "Ann"),
            ("GIT_COMMITTER_EMAIL", "ann@example.org"),
            ("GIT_AUTHOR_DATE", date.as_str()),
            ("GIT_COMMITTER_DATE", date.as_str()),
        ] {
            command.env(name, value);
        }
        let done = command.output().expect("git is there");
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Commit these files (`None` deletes) and give the id.
    fn commit(&self, message: &str, files: &[(&str, Option<&str>)]) -> String {
        for (path, text) in files {
            let full = self.path().join(path);
            match text {
                Some(text) => {
                    std::fs::create_dir_all(full.parent().expect("below the folder")).expect("a folder");
                    std::fs::write(full, text).expect("a file");
                }
                None => std::fs::remove_file(full).expect("it was there"),
            }
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn scan_with(&self, options: &HistoryOptions) -> Outcome {
        let rules = Arc::new(RuleSet::load(&[]).expect("the built-in rules"));
        let repo = Repo::discover(self.path()).expect("a repository");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.time.get() + 40 * 3600);
        scan_history(&repo, options, &Detector::new(rules), &Control::default(), now)
    }

    fn scan(&self) -> Outcome {
        self.scan_with(&HistoryOptions { threads: 2, ..HistoryOptions::default() })
    }
}

/// A fake credential: made, never issued.
fn key(prefix: &str, n: usize) -> (String, String) {
    let ids = ["Q3EGVUKTBDYJ2MMH", "ZX5TNRWB4LQ7HCJP", "M2VDK6YXGATF3SEU"];
    let secrets = [
        "tGy7Kd0cS/vPw3mXzLq9RbNf5hJ8uA1eIo2WpT6C",
        "pL4+wZr8NvQk1xTj6Yc3HsBg9EmUa0DfXo7iR2Vd",
        "Wk9uJf2bXe5/tMz7QaLh3Cp1VrNd8YsGo6EiB4xT",
    ];
    (format!("{prefix}{}", ids[n]), secrets[n].to_owned())
}

fn ini((id, secret): &(String, String)) -> String {
    format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
}

fn only(outcome: &Outcome) -> &Finding {
    assert_eq!(outcome.findings.len(), 1, "{} findings", outcome.findings.len());
    &outcome.findings[0]
}

fn commit_of(location: &crate::finding::Location) -> &str {
    location.commit.as_ref().map_or("", |c| &c.id)
}

#[test]
fn globs() {
    for (pattern, text, expected) in [
        ("refs/heads/*", "refs/heads/a/b", true),
        ("refs/heads/*", "refs/tags/a", false),
        ("*main", "refs/heads/main", true),
        ("*a*b?", "xaxbxbc", true),
        ("*a*b?", "xaxbxb", false),
        ("", "", true),
        ("", "x", false),
    ] {
        assert_eq!(matches_glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
}

#[test]
fn first_place_further_paths_and_removal() {
    let made = Made::new();
    let text = ini(&key("AKIA", 0));
    made.commit("start", &[("a", Some("1\n"))]);
    let bad = made.commit("Configure\n\nbody", &[("m/x.ini", Some(&text))]);
    let copy = made.commit("copy", &[("b.ini", Some(&text))]);
    let gone = made.commit("clean", &[("m/x.ini", None)]);
    made.commit("later", &[("a", Some("2\n"))]);
    let outcome = made.scan();
    let finding = only(&outcome);
    assert!(outcome.incomplete.is_empty());
    let first = &finding.location;
    assert_eq!(
        (first.path.as_deref(), first.line, commit_of(first)),
        (Some(&b"m/x.ini"[..]), Some(2), &*bad)
    );
    let commit = first.commit.as_ref().expect("a commit");
    assert_eq!((&*commit.author, &*commit.subject), ("Ann <ann@example.org>", "Configure"));
    assert_eq!(first.removed.as_ref().map(|c| &*c.id), Some(&*gone));
    assert_eq!((first.in_head, first.reachable), (Some(true), Some(true)), "b.ini still holds it");
    let others: Vec<_> =
        finding.other_locations.iter().map(|l| (l.path.as_deref(), commit_of(l), l.in_head)).collect();
    assert_eq!(others, [(Some(&b"b.ini"[..]), &*copy, Some(true))]);
}

#[test]
fn what_was_amended_is_lost_but_what_stayed_in_it_is_not() {
    let made = Made::new();
    let (kept, lost) = (key("AKIA", 0), key("AKIA", 1));
    made.commit("start", &[("a", Some("1\n"))]);
    made.commit("first try", &[("kept.ini", Some(&ini(&kept))), ("lost.ini", Some(&ini(&lost)))]);
    std::fs::remove_file(made.path().join("lost.ini")).expect("it was there");
    made.git(&["add", "--all"]);
    made.git(&["commit", "--quiet", "--amend", "-m", "second try"]);
    let head = made.git(&["rev-parse", "HEAD"]);
    let outcome = made.scan();
    let places: Vec<_> = outcome
        .findings
        .iter()
        .map(|f| (f.key_id.as_deref(), f.location.reachable, f.location.named_by.as_deref()))
        .collect();
    let expected = [(Some(&*kept.0), Some(true), None), (Some(&*lost.0), Some(false), Some("main@{1}"))];
    assert_eq!(places, expected);
    assert_eq!(commit_of(&outcome.findings[0].location), head);
    let reachable = HistoryOptions { reachable_only: true, threads: 1, ..HistoryOptions::default() };
    assert_eq!(only(&made.scan_with(&reachable)).key_id.as_deref(), Some(&*kept.0));
}

#[test]
fn refs_and_dates_choose_what_counts() {
    let made = Made::new();
    let (old, new) = (key("AKIA", 0), key("AKIA", 1));
    made.commit("old", &[("old.ini", Some(&ini(&old)))]);
    made.git(&["switch", "--quiet", "--create", "side"]);
    let between = i64::try_from(made.time.get()).expect("small") + 1;
    made.commit("new", &[("new.ini", Some(&ini(&new)))]);
    made.git(&["switch", "--quiet", "main"]);
    let ids = |options: HistoryOptions| -> Vec<String> {
        let outcome = made.scan_with(&HistoryOptions { threads: 1, ..options });
        outcome.findings.iter().filter_map(|f| f.key_id.as_deref().map(str::to_owned)).collect()
    };
    let refs = |glob: &str| HistoryOptions { refs: Some(glob.into()), ..HistoryOptions::default() };
    assert_eq!(ids(refs("refs/heads/main")), [old.0.as_str()]);
    assert_eq!(ids(refs("refs/heads/*")), [old.0.as_str(), new.0.as_str()]);
    assert_eq!(ids(HistoryOptions { since: Some(between), ..HistoryOptions::default() }), [new.0]);
}

#[test]
fn what_is_missing_counts_unless_only_garbage_names_it() {
    let made = Made::new();
    made.commit("start", &[("a", Some("1\n"))]);
    made.commit("next", &[("d/b", Some("2\n"))]);
    made.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    let blob = made.git(&["rev-parse", "HEAD@{1}:d/b"]);
    std::fs::remove_file(made.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).expect("loose");
    let outcome = made.scan();
    assert_eq!(outcome.incomplete.len(), 1, "a reflog still names it");
    assert!(outcome.incomplete[0].reason.contains("d/b of commit"), "{}", outcome.incomplete[0]);
    std::fs::remove_dir_all(made.path().join(".git/logs")).expect("there were reflogs");
    std::fs::remove_file(made.path().join(".git/ORIG_HEAD")).expect("reset has made it");
    assert!(made.scan().incomplete.is_empty());
}

#[test]
fn the_second_half_of_a_credential_makes_it_one() {
    let made = Made::new();
    let pair = key("AKIA", 0);
    made.commit("half", &[("half.ini", Some(&format!("aws_access_key_id = {}\n", pair.0)))]);
    let whole = made.commit("whole", &[("whole.ini", Some(&ini(&pair)))]);
    let outcome = made.scan();
    let finding = only(&outcome);
    assert_eq!(commit_of(&finding.location), whole);
    assert_eq!(finding.other_locations.len(), 1);
    assert_eq!(finding.other_locations[0].path.as_deref(), Some(&b"half.ini"[..]));
}

#[test]
fn temporary_credentials_expire_and_names_count() {
    let made = Made::new();
    let (session, named) = (key("ASIA", 0), key("AKIA", 1));
    let path = format!("d/{}.csv", named.0);
    made.commit("both", &[("s.ini", Some(&ini(&session))), (&path, Some("x\n"))]);
    let outcome = made.scan();
    let summary: Vec<_> = outcome
        .findings
        .iter()
        .map(|f| (f.location.place, f.location.path.as_deref(), f.severity, f.notes.contains(&Note::Expired)))
        .collect();
    let expected = [
        (Place::Path, Some(path.as_bytes()), Severity::Low, false),
        (Place::Blob, Some(&b"s.ini"[..]), Severity::Low, true),
    ];
    assert_eq!(summary, expected);
}

#[test]
fn the_same_tree_at_a_million_paths_is_no_trouble() {
    // Six levels of ten entries each, all the same.
    let made = Made::new();
    made.commit("leak", &[("x.ini", Some(&ini(&key("AKIA", 0))))]);
    let mut tree = made.git(&["rev-parse", "HEAD^{tree}"]);
    for _ in 0..6 {
        let lines: Vec<String> = (0..10).map(|n| format!("040000 tree {tree}\tf{n}\n")).collect();
        std::fs::write(made.path().join("list"), lines.concat()).expect("a file");
        tree = made.git(&["-c", "alias.mk=!git mktree <list", "mk"]);
    }
    let bomb = made.git(&["commit-tree", &tree, "-p", "HEAD", "-m", "bomb"]);
    made.git(&["branch", "bomb", &bomb]);
    let outcome = made.scan();
    let finding = only(&outcome);
    assert_eq!(finding.location.path.as_deref(), Some(&b"x.ini"[..]));
    assert!(finding.other_locations.len() <= crate::sources::history::attribute::MAX_PLACES);
}
