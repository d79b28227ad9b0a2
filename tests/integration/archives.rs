//! Archives, as the program reports them.

use std::fs;

use serde_json::Value;

use crate::samples::Pack;
use crate::support::{TestEnv, id, pair};

/// A folder with an archive in an archive, and the report on it.
fn report(more: &[&str]) -> (i32, Value) {
    let env = TestEnv::new();
    let inner = Pack::Zip.pack(&[("conf/app.ini", format!("# a comment\n{}", pair(0)).as_bytes())]);
    fs::write(env.path("backup.bin"), Pack::Gzip.pack(&[("", &Pack::Tar.pack(&[("app.jar", &inner)]))]))
        .unwrap();
    let run = env.run(&[&["files", ".", "--format", "json"], more].concat());
    (run.status, run.json())
}

#[test]
fn what_is_in_an_archive_is_found_with_the_way_to_it() {
    let (status, report) = report(&[]);
    assert_eq!(status, 1);
    let finding = &report["findings"][0];
    assert_eq!(finding["key_id"], id(0));
    assert_eq!(finding["path"], "backup.bin!app.jar!conf/app.ini");
    assert_eq!(finding["line"], 2);
}

#[test]
fn archives_are_left_alone_if_asked_for() {
    let (status, report) = report(&["--no-archives"]);
    assert_eq!((status, &report["incomplete"]), (0, &Value::Array(Vec::new())));
}

#[test]
fn what_lies_deeper_than_the_limit_makes_the_scan_incomplete() {
    assert_eq!(report(&["--max-archive-depth", "3"]).0, 1);
    let (status, report) = report(&["--max-archive-depth", "2"]);
    assert_eq!(status, 2);
    assert_eq!(report["incomplete"][0]["what"], "backup.bin!app.jar");
}

#[test]
fn damage_makes_the_scan_incomplete_and_encryption_does_not() {
    let env = TestEnv::new();
    let zip = Pack::Zip.pack(&[("a.ini", pair(0).as_bytes()), ("b.ini", pair(1).as_bytes())]);
    let mut locked = zip.clone();
    locked[6] |= 1;
    fs::write(env.path("a.zip"), locked).unwrap();
    let run = env.run(&["files", ".", "--format", "json"]);
    assert_eq!((run.status, run.json()["findings"][0]["key_id"].as_str()), (1, Some(&*id(1))));
    let mut broken = zip;
    broken[45] ^= 0xff;
    fs::write(env.path("a.zip"), broken).unwrap();
    let run = env.run(&["files", ".", "--format", "json"]);
    assert_eq!((run.status, run.json()["findings"][0]["key_id"].as_str()), (2, Some(&*id(1))));
    assert_eq!(run.json()["incomplete"][0]["what"], "a.zip!a.ini");
}

#[test]
fn standard_input_may_be_an_archive() {
    let env = TestEnv::new();
    let run = env
        .run_with_stdin(&["files", "-", "--format", "json"], &Pack::Gzip.pack(&[("", pair(0).as_bytes())]));
    assert_eq!((run.status, run.json()["findings"][0]["line"].as_u64()), (1, Some(1)));
}
