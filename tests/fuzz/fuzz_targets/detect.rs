//! Any bytes. Oracles: every id that a plain regex finds between its fences is found, at the same place; every span lies
//! in the text; a value that was not encoded is what stands there.
#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use keyhound::detect::Detector;
use keyhound::rules::RuleSet;
use libfuzzer_sys::fuzz_target;
use regex::bytes::Regex;

static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new(Arc::new(RuleSet::embedded())));
static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?-u)(?:AKIA|ASIA)[A-Z2-7]{16}").expect("a sound pattern"));

fuzz_target!(|text: &[u8]| {
    let found = DETECTOR.detect(text);
    let mut ids = BTreeSet::new();
    for m in &found {
        for v in [&m.id, &m.secret, &m.token].into_iter().flatten() {
            assert!(v.span.start < v.span.end && v.span.end <= text.len());
            if v.encodings.is_empty() {
                assert_eq!(&text[v.span.clone()], v.text.expose().as_bytes());
            }
        }
        ids.extend(m.id.iter().map(|v| v.text.expose().to_owned()));
    }
    // Escapes, joints and letters that are not ASCII change what the neighbours of an id are: judge plain text only.
    let plain = |b: &u8| matches!(b, b'\n' | b' '..=b'~') && !b"\\%&\"'`+/=".contains(b);
    if !text.iter().all(plain) {
        return;
    }
    let open = |b: Option<&u8>| b.is_none_or(|b| !b.is_ascii_alphanumeric());
    for at in 0..text.len() {
        let whole = ID.find(&text[at..]).is_some_and(|m| m.start() == 0);
        if whole && open(text.get(at + 20)) && open(at.checked_sub(1).and_then(|p| text.get(p))) {
            let id = String::from_utf8_lossy(&text[at..at + 20]).into_owned();
            assert!(ids.contains(&id), "missed an id at {at}");
        }
    }
});
