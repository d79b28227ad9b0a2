//! Content in pieces, with the real detector: the same findings wherever it is cut.

use std::sync::Arc;

use keyhound::blob::Origin;
use keyhound::detect::Detector;
use keyhound::finding::{Finding, Secret};
use keyhound::rules::RuleSet;
use keyhound::scan::{PieceSize, TextStart, collect_all, scan_reader};
use proptest::prelude::*;

use crate::support::{id, pair, secret};

/// Pairs and ids in the layouts and carriers that the detector knows, with enough between them to tell them apart.
fn blocks() -> impl Strategy<Value = String> {
    let n = 0usize..4;
    let filler = prop_oneof![
        "([a-z]{2,9} ){20,60}\n",
        "([a-zäöü日本]{2,9} ){20,60}\r\n",
        "\\{\"[a-z]{3,8}\": \"[a-z]{3,8}\"\\}\n",
        Just("\n".repeat(40)),
    ];
    let utf16 = |text: String| text.encode_utf16().flat_map(|u| [u as u8 as char, '\0']).collect::<String>();
    prop_oneof![
        4 => filler,
        1 => n.clone().prop_map(|n| format!("\n[profile-{n}]\n{}\n", pair(n))),
        1 => n.clone().prop_map(|n| format!("\n{{\"accessKeyId\": \"{}\",\n \"secretAccessKey\": \"{}\"}}\n", id(n), secret(n))),
        1 => n.clone().prop_map(|n| format!("\nsee {} there\n", id(n))),
        1 => n.clone().prop_map(|n| format!("\nAWS_SECRET_ACCESS_KEY='{}'\n", secret(n))),
        1 => n.prop_map(move |n| utf16(format!("\n{}\n", pair(n)))),
    ]
}

/// All of a finding that a report shows. The line hash is not known in a piece, and the snippet may be cut at its edge.
fn shown(findings: Vec<Finding>) -> Vec<String> {
    let shown = |f: Finding| {
        let place = |l: &keyhound::finding::Location| (l.line, l.column, l.end_column, l.secret_line);
        let mut others: Vec<_> = f.other_locations.iter().map(place).collect();
        others.sort_unstable();
        let secret = f.secret.as_ref().map(Secret::expose);
        format!(
            "{} {:?} {secret:?} {:?} {:?} {others:?}",
            f.rule_id,
            f.key_id,
            f.severity.name(),
            place(&f.location)
        )
    };
    let mut all: Vec<String> = findings.into_iter().map(shown).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn the_cuts_do_not_show(blocks in prop::collection::vec(blocks(), 1..40), core in 100usize..5000) {
        let text = blocks.concat();
        let detector = Detector::new(Arc::new(RuleSet::embedded()));
        let origin = Origin::file("x");
        let matches = detector.detect(text.as_bytes());
        let whole = collect_all(detector.rules(), &origin, text.as_bytes(), TextStart::default(), &matches);
        let size = PieceSize { core, overlap: 32 << 10 };
        let pieces = scan_reader(&detector, &origin, &mut text.as_bytes(), size, &|| false);
        prop_assert_eq!(shown(pieces.findings), shown(whole));
    }
}
