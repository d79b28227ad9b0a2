use std::sync::Arc;

use super::*;
use crate::finding::{Secret, Severity};
use crate::rules::Rule;

const ID: &str = "AKIAQ3EGVUKTBDYJ2MMH";
const SECRET: &str = "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";

pub(crate) fn rules() -> RuleSet {
    let rule = Rule {
        id: Arc::from("a-rule"),
        description: String::new(),
        why: String::new(),
        remediation: String::new(),
        references: Vec::new(),
        severity: Severity::High,
        severity_alone: Some(Severity::Low),
        id_part: None,
        secret: None,
        token: None,
        examples: Vec::new(),
        counter_examples: Vec::new(),
        file: None,
    };
    RuleSet { rules: vec![rule] }
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

/// Where `value` stands in `text`, as UTF-16 if it must.
fn places(text: &[u8], value: &str) -> Vec<Value> {
    let forms = [
        (value.as_bytes().to_vec(), vec![]),
        (utf16(value, false), vec![Encoding::Utf16]),
        (utf16(value, true), vec![Encoding::Utf16]),
    ];
    let mut all = Vec::new();
    for (form, encodings) in forms {
        let starts: Vec<usize> = memchr::memmem::find_iter(text, &form).collect();
        for start in starts {
            // Big-endian text holds the little-endian form too, one byte on, if an ASCII character follows.
            if all.iter().any(|v: &Value| v.span.start + 1 >= start && v.span.start <= start + 1) {
                continue;
            }
            let span = start..start + form.len();
            all.push(Value { text: Secret::new(value), span, encodings: encodings.clone() });
        }
    }
    all
}

/// The finding for `ID` and, where it is in the text, `SECRET`.
fn finding(text: &[u8]) -> Finding {
    let ids = places(text, ID);
    let m = Match {
        rule: 0,
        severity: Severity::High,
        id: ids.first().cloned(),
        secret: places(text, SECRET).into_iter().next(),
        token: None,
        account: None,
        notes: Vec::new(),
        runners_up: Vec::new(),
        repeats: ids.iter().skip(1).map(|v| v.span.clone()).collect(),
        member: None,
    };
    collect(&rules(), &Origin::file("x"), text, TextStart::default(), &m)
}

fn place(location: &Location) -> (u64, u64, u64) {
    let [line, column, end] =
        [location.line, location.column, location.end_column].map(|n| n.expect("a line"));
    (line, column, end)
}

#[test]
fn places_are_lines_and_characters() {
    // Text, line of the id, column, line of the secret.
    for (text, line, column, secret_line) in [
        (format!("{ID}\n{SECRET}\n"), 1, 1, 2),
        (format!("a\r\nid={ID}\r\n\r\nkey={SECRET}"), 2, 4, 4),
        (format!("a\rid={ID}\r\rkey={SECRET}\r"), 2, 4, 4),
        (format!("a\rid={ID}\r\nkey={SECRET}"), 1, 6, 2),
        (format!("ä\n日本 {ID} = {SECRET}"), 2, 4, 2),
        (format!("a=1\0id={ID}\0key={SECRET}\0"), 1, 8, 1),
        (format!("{SECRET}\n\n{ID}"), 3, 1, 1),
    ] {
        for bytes in [text.clone().into_bytes(), utf16(&text, false), utf16(&text, true)] {
            let found = finding(&bytes);
            assert_eq!(place(&found.location), (line, column, column + 20), "{}", text.escape_debug());
            assert_eq!(found.location.secret_line, Some(secret_line), "{}", text.escape_debug());
        }
    }
}

#[test]
fn utf16_spans_without_the_outer_nul_count_the_same() {
    for big in [false, true] {
        let text = utf16(&format!("\u{FEFF}a\nb {ID} c"), big);
        let inner = &utf16(ID, false)[..39];
        let start = memchr::memmem::find(&text, inner).expect("it is there");
        let value =
            Value { text: Secret::new(ID), span: start..start + 39, encodings: vec![Encoding::Utf16] };
        let m = Match {
            rule: 0,
            severity: Severity::Low,
            id: Some(value),
            secret: None,
            token: None,
            account: None,
            notes: Vec::new(),
            runners_up: Vec::new(),
            repeats: Vec::new(),
            member: None,
        };
        let found = collect(&rules(), &Origin::stdin(), &text, TextStart::default(), &m);
        assert_eq!(place(&found.location), (2, 3, 23), "big endian: {big}");
        assert_eq!(found.snippet.expect("a snippet").text, format!("b {ID} c"));
    }
}

#[test]
fn repeats_are_other_locations() {
    let found = finding(format!("{ID}\n{SECRET}\n x {ID}\n").as_bytes());
    let others: Vec<_> = found.other_locations.iter().map(place).collect();
    assert_eq!(others, [(3, 4, 24)]);
}

#[test]
fn names_have_no_lines() {
    let origin = Origin::new(Place::Path, Some(b"x".to_vec()), None);
    let text = ID.as_bytes();
    let m = Match {
        rule: 0,
        severity: Severity::Low,
        id: places(text, ID).pop(),
        secret: None,
        token: None,
        account: None,
        notes: Vec::new(),
        runners_up: Vec::new(),
        repeats: Vec::new(),
        member: None,
    };
    let found = collect(&rules(), &origin, text, TextStart::default(), &m);
    assert_eq!((found.location.line, found.location.column), (None, None));
    assert_eq!(found.snippet.expect("a snippet").text, ID);
}

proptest::proptest! {
    #[test]
    fn what_stands_before_and_after_is_counted_and_secrets_stay_masked(
        before in "[a-zäß日🔑 \t\n]{0,300}",
        between in "[a-zä \n]{1,200}",
        after in "[a-zä\n]{0,200}",
    ) {
        let text = format!("{before}{ID}{between}{SECRET}{after}");
        let head: Vec<&str> = before.split('\n').collect();
        let column = head[head.len() - 1].chars().count() as u64 + 1;
        let line = head.len() as u64;
        let secret_line = line + between.matches('\n').count() as u64;
        let found = finding(text.as_bytes());
        proptest::prop_assert_eq!(place(&found.location), (line, column, column + 20));
        proptest::prop_assert_eq!(found.location.secret_line, Some(secret_line));
        let snippet = found.snippet.expect("a snippet");
        proptest::prop_assert!(!snippet.text.contains(&SECRET[..5]));
        proptest::prop_assert!(!snippet.text.contains(&SECRET[35..]));
        proptest::prop_assert_eq!(&snippet.text[snippet.highlight.0..snippet.highlight.1], ID);
    }
}
