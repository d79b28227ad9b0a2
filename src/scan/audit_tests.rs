use std::time::SystemTime;

use super::*;
use crate::blob::Place;
use crate::finding::{Commit, Severity};
use crate::scan::Stats;

fn location(place: Place, path: &str, line: u64, in_head: Option<bool>) -> Location {
    let mut location = Location::new(place);
    location.path = Some(path.into());
    location.line = Some(line);
    location.in_head = in_head;
    if place == Place::Blob {
        let commit = Commit { id: "1".repeat(40), author: "A <a>".into(), time: 1, subject: "s".into() };
        location.commit = Some(Box::new(commit));
    }
    location
}

fn finding(id: &str, secret: Option<&str>, location: Location) -> Finding {
    Finding::new("aws-access-key", Severity::High, Some(id), secret.map(Secret::new), location)
}

fn outcome(mode: &'static str, blobs: u64, findings: Vec<Finding>) -> Outcome {
    Outcome {
        mode,
        target: "r".into(),
        started: SystemTime::UNIX_EPOCH,
        finished: SystemTime::UNIX_EPOCH,
        stats: Stats { blobs, bytes: blobs },
        findings,
        incomplete: vec![Skipped::new(mode, "lost")],
        left_out: Vec::new(),
        unused_suppressions: Vec::new(),
    }
}

/// `(id, with its secret, places)` of each finding.
fn summary(outcome: &Outcome) -> Vec<(&str, bool, Vec<String>)> {
    let place = |l: &Location| {
        let path = String::from_utf8_lossy(l.path.as_deref().unwrap_or_default()).into_owned();
        format!("{} {path}:{}", l.place.name(), l.line.unwrap_or(0))
    };
    let places = |f: &Finding| f.places().map(place).collect();
    outcome
        .findings
        .iter()
        .map(|f| (f.key_id.as_deref().unwrap_or_default(), f.secret.is_some(), places(f)))
        .collect()
}

#[test]
fn a_file_is_a_further_place_unless_head_holds_it_just_so() {
    let history = outcome(
        "history",
        5,
        vec![
            finding("A", Some("s"), location(Place::Blob, "d/a", 1, Some(true))),
            finding("B", Some("s"), location(Place::Blob, "d/b", 1, Some(false))),
        ],
    );
    let file = |path: &str, line| location(Place::File, path, line, None);
    let files = outcome(
        "files",
        7,
        vec![
            finding("A", Some("s"), file("/top/d/a", 1)),
            finding("A", Some("s"), file("/top/d/a", 9)),
            finding("B", Some("s"), file("/top/d/b", 1)),
            finding("C", None, file("/top/c", 2)),
        ],
    );
    let mut audit = Audit::new(history);
    audit.add_files(files, Path::new("/top"));
    let joined = audit.finish();
    let places = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        summary(&joined),
        [
            ("A", true, places(&["blob d/a:1", "file d/a:9"])),
            ("B", true, places(&["blob d/b:1", "file d/b:1"])),
            ("C", false, places(&["file c:2"])),
        ]
    );
    assert_eq!((joined.mode, joined.stats.blobs, joined.incomplete.len()), ("audit", 7, 2));
}

#[test]
fn an_id_alone_gives_way_to_the_id_with_its_secret() {
    let at = |n| location(Place::File, "x", n, None);
    let old = |n| location(Place::Blob, "old", n, Some(false));
    for half_first in [true, false] {
        let (half, whole) = (finding("A", None, old(1)), finding("A", Some("s"), old(2)));
        let (first, second) = if half_first { (half, whole) } else { (whole, half) };
        let mut audit = Audit::new(outcome("history", 1, vec![first]));
        audit.add(outcome("files", 1, vec![second, finding("A", None, at(3))]));
        let joined = audit.finish();
        let places = vec!["blob old:2".to_owned(), "blob old:1".to_owned(), "file x:3".to_owned()];
        assert_eq!(summary(&joined), [("A", true, places)], "half first: {half_first}");
    }
}

#[test]
fn submodules_say_who_they_are() {
    let mut audit = Audit::new(outcome("history", 1, Vec::new()));
    let mut message = location(Place::CommitMessage, "", 1, Some(false));
    message.path = None;
    message.named_by = Some("main@{1}".into());
    let findings =
        vec![finding("A", None, location(Place::Blob, "a", 1, Some(true))), finding("B", None, message)];
    audit.add_inner("submodule", b"libs/x", outcome("sub", 1, findings));
    audit.add_files(
        outcome("files", 1, vec![finding("A", None, location(Place::File, "/r/libs/x/a", 1, None))]),
        Path::new("/r"),
    );
    let joined = audit.finish();
    assert_eq!(summary(&joined)[0].2, ["blob libs/x/a:1"], "the work tree of the submodule adds nothing");
    let named: Vec<_> = joined.findings.iter().map(|f| f.location.named_by.as_deref()).collect();
    assert_eq!(named, [Some("submodule libs/x"), Some("main@{1} of submodule libs/x")]);
    assert!(joined.incomplete.iter().any(|s| s.what == "submodule libs/x: sub"));
}

#[test]
fn what_is_not_listed_is_counted() {
    let blob = |n| location(Place::Blob, &format!("p{n}"), 1, Some(false));
    let mut audit = Audit::new(outcome("history", 1, vec![finding("A", Some("s"), blob(0))]));
    let mut more = finding("A", Some("s"), blob(1));
    more.other_locations = (2..=150).map(blob).collect();
    more.other_locations_omitted = 7;
    audit.add_inner("submodule", b"s", outcome("history", 1, vec![more]));
    let joined = audit.finish();
    let joined = &joined.findings[0];
    assert_eq!((joined.other_locations.len(), joined.other_locations_omitted), (100, 57));
}
