use std::collections::HashMap;

use proptest::prelude::*;
use regex::bytes::Regex;

use super::super::collect::tests::rules;
use super::*;
use crate::aws::base::base64_encode;
use crate::decode::unpack::samples::gzip;
use crate::finding::{Secret, Severity};

/// A detector that is simple enough to judge by eye: an id and the first secret within `REACH` bytes behind it.
const REACH: usize = 120;

fn detect(text: &[u8]) -> Vec<Match> {
    let re = Regex::new(r"(?-u)\b(?:AKIA[A-Z]{4}|s[a-z0-9]{7})\b").expect("a pattern");
    let value = |m: regex::bytes::Match<'_>| Value {
        text: Secret::new(str::from_utf8(m.as_bytes()).expect("it is ASCII")),
        span: m.range(),
        encodings: Vec::new(),
    };
    let values: Vec<Value> = re.find_iter(text).map(value).collect();
    let is_id = |v: &Value| v.text.expose().starts_with('A');
    let mut matches: Vec<Match> = Vec::new();
    for (i, id) in values.iter().enumerate().filter(|(_, v)| is_id(v)) {
        let next = values.get(i + 1).filter(|v| !is_id(v) && v.span.start < id.span.end + REACH);
        matches.push(Match {
            rule: 0,
            severity: if next.is_some() { Severity::High } else { Severity::Low },
            id: Some(id.clone()),
            secret: next.cloned(),
            token: None,
            account: None,
            notes: Vec::new(),
            runners_up: Vec::new(),
            repeats: Vec::new(),
            member: None,
        });
    }
    // Ids without a secret are repeats of the same id with one, or of the first.
    let mut heads: HashMap<Secret, usize> = HashMap::new();
    for (i, m) in matches.iter().enumerate() {
        let head = heads.entry(m.id.as_ref().expect("all have one").text.clone()).or_insert(i);
        if matches[*head].secret.is_none() && m.secret.is_some() {
            *head = i;
        }
    }
    for i in (0..matches.len()).rev() {
        let id = matches[i].id.clone().expect("all have one");
        let head = heads[&id.text];
        if matches[i].secret.is_none() && head != i {
            matches[head].repeats.push(id.span);
            matches[i].rule = usize::MAX;
        }
    }
    matches.retain(|m| m.rule == 0);
    matches
}

/// Gives its bytes in small and uneven portions, and then perhaps an error.
struct Drip<'a>(&'a [u8], Option<io::Error>);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return self.1.take().map_or(Ok(0), Err);
        }
        let (now, later) = self.0.split_at(self.0.len().min(buf.len()).min(1 + self.0.len() % 97));
        buf[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

fn scan(text: &[u8], core: usize, error: Option<io::Error>) -> Streamed {
    let size = PieceSize { core, overlap: 2 * REACH + 32 };
    scan_with(&rules(), &|text, _| detect(text), &Origin::file("x"), &mut Drip(text, error), size, &|| false)
}

fn whole(text: &[u8]) -> Vec<Finding> {
    let mut all = collect_all(&rules(), &Origin::file("x"), text, TextStart::default(), &detect(text));
    for finding in &mut all {
        finding.other_locations.sort_unstable();
    }
    all
}

/// All of a finding that matters here; snippets may see a little less at the edge of a piece.
fn comparable(findings: &[Finding]) -> Vec<String> {
    let mut all: Vec<String> = findings
        .iter()
        .map(|f| {
            let place = |l: &crate::finding::Location| (l.line, l.column, l.end_column, l.secret_line);
            let others: Vec<_> = f.other_locations.iter().map(place).collect();
            let secret = f.secret.as_ref().map(Secret::expose);
            format!("{:?} {:?} {secret:?} {:?} {others:?}", f.key_id, f.severity, place(&f.location))
        })
        .collect();
    all.sort();
    all
}

/// Text with few line ends, wide characters, and few enough ids that they come again.
fn texts(line_end: &'static str) -> impl Strategy<Value = String> {
    let token = prop_oneof![
        3 => prop::sample::select(vec!["AKIAAAAA", "AKIABBBB", "AKIACCCC", "AKIADDDD"]).prop_map(String::from),
        3 => "s[a-z0-9]{7}",
        4 => "[a-zäß日🔑]{1,12}",
        2 => " {10,90}",
        2 => Just(String::from(line_end)),
    ];
    prop::collection::vec(token, 0..120).prop_map(|tokens| tokens.join(" "))
}

proptest! {
    #[test]
    fn the_findings_do_not_depend_on_the_cuts(
        text in prop::sample::select(vec!["\n", "\r", "\r\n", ";"]).prop_flat_map(texts),
        core in 1usize..900,
    ) {
        let streamed = scan(text.as_bytes(), core, None);
        prop_assert_eq!(streamed.bytes, text.len() as u64);
        prop_assert_eq!(comparable(&streamed.findings), comparable(&whole(text.as_bytes())));
    }
}

#[test]
fn a_late_line_feed_makes_carriage_returns_plain_characters() {
    let text = format!("a\rAKIAAAAA {} AKIABBBB\nAKIACCCC", "x ".repeat(2000));
    let places: Vec<_> = scan(text.as_bytes(), 300, None)
        .findings
        .iter()
        .map(|f| (f.location.line, f.location.column))
        .collect();
    assert_eq!(places, [(Some(1), Some(3)), (Some(1), Some(4013)), (Some(2), Some(1))]);
}

#[test]
fn what_was_read_before_an_error_counts() {
    let streamed = scan(b"AKIAAAAA s1234567", 8, Some(io::Error::other("the disk is gone")));
    assert_eq!(streamed.findings.len(), 1);
    assert_eq!(streamed.error.map(|e| e.to_string()).as_deref(), Some("the disk is gone"));
}

/// A container in base64 in a container in base64, of which only the outer one is opened: told once, wherever pieces end.
#[test]
fn what_was_not_read_is_told_once_and_at_its_place() {
    let inner = base64_encode(&gzip(&gzip(&b"x".repeat(300))));
    let rules = std::sync::Arc::new(RuleSet::embedded());
    let detector = Detector::with_depth(rules, crate::detect::Depth { encodings: 4, archives: 1 });
    let text = format!("{}\ndata: {inner}\n{}", "some words\n".repeat(400), "more words\n".repeat(400));
    let mut whole = Vec::new();
    detector.detect_and_tell(text.as_bytes(), &mut |at, problem| whole.push((at.start, problem)));
    assert_eq!(whole, [(text.find(&inner).unwrap(), Problem::TooDeep)]);
    for core in [500, 1000, 4000, 100_000] {
        let size = PieceSize { core, overlap: 2 * REACH + 1000 };
        let read =
            scan_reader(&detector, &Origin::file("x"), &mut Drip(text.as_bytes(), None), size, &|| false);
        assert_eq!(read.problems, whole, "{core}");
    }
}
