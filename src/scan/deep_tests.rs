use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::blob::{Blob, Sink as _};
use crate::decode::unpack::samples::Pack;
use crate::rules::RuleSet;
use crate::scan::{ArchiveLimits, Collector, Gathered};

/// A fake credential: made, never issued.
const ID: &str = concat!("AKIA", "Q3EGVUKTBDYJ2MMH");
const SECRET: &str = concat!("tGy7Kd0cS/vPw3mXzLq9", "RbNf5hJ8uA1eIo2WpT6C");

fn planted(lines_before: usize) -> String {
    let mut text = String::new();
    for n in 0..lines_before {
        writeln!(text, "this is line {n} of many").unwrap();
    }
    write!(text, "aws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n").unwrap();
    text
}

fn scan(file: &[u8], depth: usize) -> Gathered {
    let detector = Detector::new(Arc::new(RuleSet::load(&[]).unwrap()));
    let control =
        Control { archives: ArchiveLimits { depth, ..ArchiveLimits::default() }, ..Control::default() };
    let collector = Collector::new(&detector, &control);
    collector.blob(Blob { origin: &Origin::file("outer"), bytes: file });
    collector.finish()
}

/// Path, line, and whether it is the pair.
fn places(gathered: &Gathered) -> Vec<(String, Option<u64>, bool)> {
    let path = |f: &Finding| String::from_utf8(f.location.path.clone().unwrap()).unwrap();
    let paired = |f: &Finding| f.secret.as_ref().is_some_and(|s| s.expose() == SECRET);
    gathered.findings.iter().map(|f| (path(f), f.location.line, paired(f))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_pair_is_found_however_it_is_packed(
        packs in prop::collection::vec(prop::sample::select(&Pack::ALL[..]), 1..=8),
        line in 0usize..50,
    ) {
        let text = planted(line).into_bytes();
        let pack = |inner: Vec<u8>, pack: &Pack| pack.pack(&[("m", &inner), ("n", b"beside")]);
        let packed = packs.iter().fold(text, pack);
        let members: String = packs.iter().filter(|p| p.names()).map(|_| "!m").collect();
        let gathered = scan(&packed, packs.len());
        prop_assert_eq!(&gathered.skipped, &[]);
        prop_assert_eq!(places(&gathered), [(format!("outer{members}"), Some(line as u64 + 1), true)]);
        // One level less: it is not found, and the scan says so. (Some packs keep plain text as it is.)
        let shallow = scan(&packed, packs.len() - 1);
        prop_assert!(packs.len() == 1 || shallow.skipped.len() == 1);
    }
}

#[test]
fn members_that_do_not_fit_into_memory_are_read_in_pieces() {
    let lines = 20 * WHOLE as usize / 10 / "this is line 1234567 of many\n".len();
    let text = planted(lines);
    assert!(text.len() as u64 > WHOLE);
    for pack in [Pack::Gzip, Pack::ZipStreamed, Pack::Tar] {
        let gathered = scan(&pack.pack(&[("m", text.as_bytes())]), 8);
        let path = if pack.names() { "outer!m" } else { "outer" };
        assert_eq!(places(&gathered), [(path.into(), Some(lines as u64 + 1), true)], "{pack:?}");
    }
}

#[test]
fn the_name_of_a_member_is_content() {
    let name = format!("backup-{ID}.txt");
    let gathered = scan(&Pack::Zip.pack(&[(&name, b"nothing")]), 8);
    assert_eq!(places(&gathered), [(format!("outer!{name}"), None, false)]);
    assert_eq!(gathered.findings[0].location.place, Place::Path);
}

#[test]
fn what_only_begins_like_a_container_is_read_as_it_is() {
    let text = planted(0);
    let gathered = scan(&[b"!<arch>\n", text.as_bytes()].concat(), 8);
    assert_eq!(places(&gathered), [("outer".into(), Some(2), true)]);
    assert_eq!(gathered.skipped.len(), 1, "it is told all the same");
}
