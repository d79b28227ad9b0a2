use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::blob::Place;
use crate::decode::unpack::samples::Pack;
use crate::finding::{Finding, Note, Severity};
use crate::rules::RuleSet;

mod parts;
mod places;

/// A repository that is made by git, with a clock that ticks.
struct Made {
    folder: tempfile::TempDir,
    time: std::cell::Cell<u64>,
}

impl Made {
    fn new() -> Self {
        Self::with_refs_in("files")
    }

    fn with_refs_in(format: &str) -> Self {
        let made = Self {
            folder: tempfile::tempdir().expect("a folder"),
            time: std::cell::Cell::new(1_700_000_000),
        };
        made.git(&["init", "--quiet", "--initial-branch=main", &format!("--ref-format={format}")]);
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

    /// The outcome, which does not depend on how much is kept.
    fn scan(&self) -> Outcome {
        let options = HistoryOptions { threads: 2, ..HistoryOptions::default() };
        let outcome = self.scan_with(&options);
        let again = self.scan_with(&HistoryOptions { keep: 0, ..options });
        assert_eq!(format!("{:?}", outcome.findings), format!("{:?}", again.findings));
        outcome
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

/// The id of each finding, whether it is reachable, and what names it.
fn named(outcome: &Outcome) -> Vec<(Option<&str>, Option<bool>, Option<&str>)> {
    outcome
        .findings
        .iter()
        .map(|f| (f.key_id.as_deref(), f.location.reachable, f.location.named_by.as_deref()))
        .collect()
}

fn only(outcome: &Outcome) -> &Finding {
    assert_eq!(outcome.findings.len(), 1, "{} findings", outcome.findings.len());
    &outcome.findings[0]
}

fn commit_of(location: &Location) -> &str {
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
    let expected = [(Some(&*kept.0), Some(true), None), (Some(&*lost.0), Some(false), Some("main@{1}"))];
    assert_eq!(named(&outcome), expected);
    assert_eq!(commit_of(&outcome.findings[0].location), head);
    let reachable = HistoryOptions { reachable_only: true, threads: 1, ..HistoryOptions::default() };
    assert_eq!(only(&made.scan_with(&reachable)).key_id.as_deref(), Some(&*kept.0));
}

/// All that git's own reflogs name, as `(name, id)`.
fn reflogs_by_git(made: &Made, refs: &[&str]) -> Vec<(String, String)> {
    let entries = |name: &&str| {
        let shown = made.git(&["reflog", "show", "--format=%gd %H", name]);
        let entry = |line: &str| line.split_once(' ').map(|(name, id)| (name.to_owned(), id.to_owned()));
        shown.lines().filter_map(entry).collect::<Vec<_>>()
    };
    refs.iter().flat_map(entries).collect()
}

#[test]
fn reflogs_name_the_same_wherever_they_are_kept() {
    for format in ["files", "reftable"] {
        let made = Made::with_refs_in(format);
        made.commit("start", &[("a", Some("1\n"))]);
        for text in ["stashed first\n", "stashed last\n"] {
            std::fs::write(made.path().join("a"), text).expect("a file");
            made.git(&["stash"]);
        }
        // More than a block of them, in one update and in many, which are put together meanwhile.
        for n in 0..60 {
            made.git(&[
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                &format!("commit {n} {}", "long ".repeat(99)),
            ]);
        }
        made.git(&["branch", "gone", "HEAD~3"]);
        made.git(&["branch", "--delete", "--force", "gone"]);
        made.git(&["switch", "--quiet", "--create", "topic/a", "HEAD~9"]);
        made.git(&["branch", "--move", "topic/a", "topic/b"]);
        made.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
        let other = made.path().join(".git/other");
        made.git(&["worktree", "add", "--quiet", "--detach", &other.to_string_lossy(), "main~5"]);
        let repo = Repo::discover(made.path()).expect("a repository");
        let mut names: Vec<(String, String)> =
            reflog::read(&repo).into_iter().map(|(name, id)| (name, id.to_string())).collect();
        let mut expected = reflogs_by_git(&made, &["refs/stash", "main", "topic/b", "HEAD"]);
        assert!(expected.len() > 130, "{format}: git names {}", expected.len());
        let head_of_other = made.git(&["rev-parse", "main~5"]);
        expected.push(("worktrees/other/HEAD@{0}".into(), head_of_other));
        expected.push(("ORIG_HEAD".into(), made.git(&["rev-parse", "ORIG_HEAD"])));
        names.sort();
        expected.sort();
        assert_eq!(names, expected, "{format}");
    }
}

#[test]
fn what_only_an_entry_of_a_reftable_names_has_its_name() {
    let made = Made::with_refs_in("reftable");
    made.commit("start", &[("a", Some("1\n"))]);
    for n in 0..2 {
        std::fs::write(made.path().join("a"), ini(&key("AKIA", n))).expect("a file");
        made.git(&["stash"]);
    }
    let outcome = made.scan();
    let (old, new) = (key("AKIA", 0), key("AKIA", 1));
    let expected =
        [(Some(&*new.0), Some(true), Some("stash@{0}")), (Some(&*old.0), Some(false), Some("stash@{1}"))];
    assert_eq!(named(&outcome), expected);
    // What a reflog names is missed.
    let blob = made.git(&["rev-parse", "stash@{1}:a"]);
    std::fs::remove_file(made.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).expect("loose");
    let reasons: Vec<String> = made.scan().incomplete.into_iter().map(|s| s.reason).collect();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
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

#[test]
fn a_merge_can_remove_what_no_other_commit_did() {
    let made = Made::new();
    made.commit("start", &[("a", Some("1\n"))]);
    made.git(&["switch", "--quiet", "--create", "side"]);
    made.commit("beside", &[("b", Some("2\n"))]);
    made.git(&["switch", "--quiet", "main"]);
    made.commit("leak", &[("x.ini", Some(&ini(&key("AKIA", 0))))]);
    made.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    let merge = made.commit("merge", &[("x.ini", None)]);
    made.commit("later", &[("a", Some("2\n"))]);
    let outcome = made.scan();
    assert_eq!(only(&outcome).location.removed.as_ref().map(|c| &*c.id), Some(&*merge));
}

#[test]
fn what_a_branch_removed_no_merge_did() {
    let made = Made::new();
    made.commit("leak", &[("x.ini", Some(&ini(&key("AKIA", 0))))]);
    made.git(&["switch", "--quiet", "--create", "side"]);
    let removal = made.commit("clean", &[("x.ini", None)]);
    made.git(&["switch", "--quiet", "main"]);
    made.commit("beside", &[("b", Some("2\n"))]);
    made.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    let outcome = made.scan();
    assert_eq!(only(&outcome).location.removed.as_ref().map(|c| &*c.id), Some(&*removal));
}

#[test]
fn many_credentials_in_many_versions_and_places() {
    // Each version has one more id than the last; the last one stands at 150 paths.
    let made = Made::new();
    let letters: Vec<char> = ('A'..='Z').chain('2'..='7').collect();
    let id = |n: usize| -> String {
        let mut state = n as u64 + 1;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            letters[(state >> 59) as usize]
        };
        std::iter::repeat_with(next).take(16).collect()
    };
    let text = |n: usize| -> String { (0..n).map(|n| ["id: AKIA", &id(n), "\n"].concat()).collect() };
    let commits: Vec<String> =
        (1..=20).map(|n| made.commit(&format!("version {n}"), &[("dump.txt", Some(&text(n)))])).collect();
    let last = text(20);
    let paths: Vec<String> = (0..150).map(|n| format!("copies/{n:03}.txt")).collect();
    let files: Vec<(&str, Option<&str>)> = paths.iter().map(|p| (&**p, Some(&*last))).collect();
    made.commit("copies", &files);
    let outcome = made.scan();
    assert_eq!(outcome.findings.len(), 20);
    for (n, (finding, commit)) in outcome.findings.iter().zip(&commits).enumerate() {
        assert_eq!((finding.location.line, commit_of(&finding.location)), (Some(n as u64 + 1), &**commit));
        assert_eq!(finding.other_locations.len() as u64 + finding.other_locations_omitted, 150, "{n}");
        assert_eq!(finding.other_locations.len(), 99, "100 places are kept of one object");
    }
}

#[test]
fn a_configuration_that_cannot_be_parsed_is_named() {
    let made = Made::new();
    made.commit("leak", &[("x.ini", Some(&ini(&key("AKIA", 0))))]);
    std::fs::write(made.path().join(".git/config"), "[core\nbare = maybe").expect("a file");
    let outcome = made.scan();
    only(&outcome);
    assert_eq!(outcome.incomplete.len(), 1);
    assert!(outcome.incomplete[0].reason.starts_with("cannot be parsed"), "{}", outcome.incomplete[0]);
}

#[test]
fn an_interrupted_scan_does_not_take_the_rest_for_missing() {
    let made = Made::new();
    for n in 0..3 {
        made.commit("leak", &[("x.ini", Some(&ini(&key("AKIA", n))))]);
    }
    let control = Control::default();
    control.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let rules = Arc::new(RuleSet::load(&[]).expect("the built-in rules"));
    let repo = Repo::discover(made.path()).expect("a repository");
    let now = SystemTime::UNIX_EPOCH;
    let outcome = scan_history(&repo, &HistoryOptions::default(), &Detector::new(rules), &control, now);
    let said: Vec<String> = outcome.incomplete.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["the scan: it was interrupted"]);
}

#[test]
fn what_is_in_an_archive_is_found_although_it_is_stored_as_a_delta() {
    let made = Made::new();
    let noise: Vec<String> = (0..2000u32).map(|n| format!("{:x}\n", n.wrapping_mul(2_654_435_761))).collect();
    let noise = noise.concat();
    let archive = |pack: Pack, text: &str| {
        let inner = pack.pack(&[("app.ini", text.as_bytes())]);
        Pack::Tar.pack(&[("noise", noise.as_bytes()), ("inner", &inner)])
    };
    let (first, second) = (ini(&key("AKIA", 0)), ini(&key("AKIA", 1)));
    let mut commits = Vec::new();
    for text in ["nothing", &first, &second, "nothing again"] {
        std::fs::write(made.path().join("backup"), archive(Pack::Zip, text)).expect("a file");
        commits.push(made.commit("a version", &[]));
    }
    for packed in [false, true] {
        if packed {
            made.git(&["repack", "-adfq", "--depth=50", "--window=50"]);
            let listed = made.git(&["rev-list", "--objects", "--all"]);
            assert!(listed.contains(" backup"));
        }
        let outcome = made.scan();
        assert_eq!(outcome.incomplete, [], "packed: {packed}");
        let found: Vec<_> = outcome.findings.iter().map(|f| (f.key_id.as_deref(), &f.location)).collect();
        assert_eq!(found.len(), 2, "packed: {packed}");
        for (n, (id, location)) in found.into_iter().enumerate() {
            assert_eq!(id, Some(&*key("AKIA", n).0));
            assert_eq!(location.path.as_deref(), Some(&b"backup!inner!app.ini"[..]));
            assert_eq!((location.line, commit_of(location)), (Some(2), &*commits[n + 1]));
            assert_eq!(location.removed.as_ref().map(|c| &c.id), Some(&commits[n + 2]));
            assert_eq!(location.in_head, Some(false));
        }
    }
}
