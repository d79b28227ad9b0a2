//! A named pair planted between any bytes. Oracle: it is found, paired, with both places exact.
#![no_main]

use std::sync::{Arc, LazyLock};

use keyhound::detect::Detector;
use keyhound::rules::RuleSet;
use libfuzzer_sys::fuzz_target;

static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new(Arc::new(RuleSet::embedded())));

/// Random values of the right shape, in halves so that no scanner takes this file for a leak.
const ID: [&str; 2] = ["AKIA", "XDIMWXY3V2RTFFR2"];
const SECRET: [&str; 2] = ["Dd47kQ/x2TqLmZ0vB9+W", "cYs4HdUaPf6GjEoNi1Kt"];

fuzz_target!(|noise: (&[u8], &[u8])| {
    let (before, after) = noise;
    let (id, secret) = (ID.concat(), SECRET.concat());
    let head = [before, b"\n\naws_access_key_id = "].concat();
    let middle = b"\naws_secret_access_key = ";
    let text = [&head, id.as_bytes(), middle, secret.as_bytes(), b"\n", after].concat();
    let (id_at, secret_at) = (head.len(), head.len() + 20 + middle.len());
    let found = DETECTOR.detect(&text);
    let pair = found.iter().find(|m| m.id.as_ref().is_some_and(|v| v.span == (id_at..id_at + 20)));
    let pair = pair.expect("the id is found where it stands");
    let paired = pair.secret.as_ref().map(|v| v.span.clone());
    assert_eq!(paired, Some(secret_at..secret_at + 40));
});
