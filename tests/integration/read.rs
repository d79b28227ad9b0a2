//! Reports that are read again.

use keyhound::report::{self, Format, Options, ReadError, read_json};
use keyhound::rules::RuleSet;
use keyhound::scan::Outcome;

use crate::report_samples::{SECRET, attack, clean, full, incomplete};

fn json(outcome: &Outcome) -> String {
    let options = Options { show_secrets: true, show_info: true, ..Options::default() };
    let mut text = Vec::new();
    report::write(Format::Json, outcome, &RuleSet::default(), &options, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_written_is_read_and_written_again() {
    for outcome in [full(), clean(), incomplete(), attack()] {
        let first = json(&outcome);
        let again = json(&read_json(first.as_bytes()).unwrap());
        assert_eq!(again, first);
    }
}

#[test]
fn what_is_no_report_is_refused_and_not_repeated() {
    let good = json(&full());
    for (from, to, expected) in [
        ("\"schema_version\": 1", "\"schema_version\": 2", ReadError::Version(2)),
        ("\"mode\": \"audit\"", "\"mode\": \"x\"", ReadError::Value("mode")),
        ("\"fingerprint\": \"kh1-", "\"fingerprint\": \"kh2-", ReadError::Value("fingerprint")),
        ("\"where\": \"file\"", "\"where\": \"x\"", ReadError::Value("where")),
        ("\"status\": \"active\"", "\"status\": \"x\"", ReadError::Value("status")),
        ("\"date\": \"2", "\"date\": \"x2", ReadError::Value("date")),
        ("\"path_bytes\": \"b", "\"path_bytes\": \"%", ReadError::Value("path_bytes")),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(read_json(good.replace(from, to).as_bytes()).unwrap_err(), expected, "{to}");
    }
    for text in [
        String::new(),
        "x".into(),
        good.replace("\"findings\"", "\"found\""),
        good[..good.len() / 2].to_owned(),
    ] {
        let error = read_json(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ReadError::Form { .. }), "{error}");
    }
    let error =
        read_json(good.replace("\"notes\": [", &format!("\"notes\": {SECRET}[")).as_bytes()).unwrap_err();
    assert!(!error.to_string().contains(SECRET), "{error}");
}
