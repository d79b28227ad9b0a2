use std::time::SystemTime;

use super::*;
use crate::blob::Place;
use crate::finding::Secret;
use crate::rules::RuleSet;
use crate::scan::Stats;

const ID: &str = concat!("AKIA", "Q3EGVUKTBDYJ2MMH");
const ACCOUNT: &str = "123456789012";

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn place(path: &str, allowed: Option<&str>) -> Location {
    Location {
        path: Some(path.into()),
        line: Some(3),
        secret_line: Some(4),
        allowed: allowed.map(Into::into),
        ..Location::new(Place::Blob)
    }
}

fn finding(places: &[(&str, Option<&str>)]) -> Finding {
    let secret = Some(Secret::new("tGy7Kd0cS/vPw3mXzLq9RbNf5hJ8uA1eIo2WpT6C"));
    let mut places = places.iter().map(|(path, allowed)| place(path, *allowed));
    let first = places.next().unwrap();
    Finding {
        account_id: Some(ACCOUNT.into()),
        other_locations: places.collect(),
        ..Finding::new("aws-access-key", Severity::High, Some(ID), secret, first)
    }
}

fn outcome(findings: Vec<Finding>) -> Outcome {
    Outcome {
        mode: "history",
        target: String::new(),
        started: SystemTime::UNIX_EPOCH,
        finished: SystemTime::UNIX_EPOCH,
        stats: Stats::default(),
        findings,
        incomplete: Vec::new(),
        left_out: Vec::new(),
        unused_suppressions: Vec::new(),
    }
}

fn config(text: &str) -> Config {
    Config::parse("c.toml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The kind that suppresses a finding in these places, and what is told of the entries. A `!!` is one that begins the path in an
/// archive.
fn apply(text: &str, places: &[(&str, Option<&str>)]) -> (Option<&'static str>, Vec<String>) {
    let mut outcome = outcome(vec![finding(places)]);
    for place in outcome.findings[0].places_mut() {
        let path = String::from_utf8(place.path.take().unwrap()).unwrap();
        place.member_len = path.split_once("!!").map_or(0, |(_, member)| 1 + member.len());
        place.path = Some(path.replace("!!", "!").into());
    }
    Triage::new(Some(config(text)), None, day("2026-11-25")).apply(&mut outcome);
    let kind = outcome.findings[0].suppression.as_ref().map(|s| s.kind.name());
    (kind, outcome.unused_suppressions)
}

#[test]
fn an_entry_allows_what_fulfils_all_its_conditions() {
    let fingerprint = finding(&[("a", None)]).fingerprint.as_str().to_owned();
    for (conditions, path, expected) in [
        ("paths = ['tests/**']", "tests/a/b.txt", true),
        ("paths = ['tests']", "tests/a/b.txt", true),
        ("paths = ['tests/']", "deep/tests/b.txt", true),
        ("paths = ['/tests']", "deep/tests/b.txt", false),
        ("paths = ['tests/*.txt']", "tests/a/b.txt", false),
        ("paths = ['tests/*.txt']", "deep/tests/b.txt", false),
        ("paths = ['tests/a']", "tests/ab", false),
        ("paths = ['*.pem']", "deep/x.pem", true),
        ("paths = ['*.zip']", "a/b.zip!!inner/keys.txt", true),
        ("paths = ['*.zip']", "a/b.tar!!c.zip!inner/keys.txt", true),
        ("paths = ['keys.txt']", "a/b.zip!!inner/keys.txt", true),
        ("paths = ['tests']", "tests!prod/keys.txt", false),
        ("paths = ['tests']", "tests!prod/b.zip!!keys.txt", false),
        ("paths = ['tests!prod']", "tests!prod/b.zip!!keys.txt", true),
        ("paths = ['other', 'src/**/x']", "src/a/b/x", true),
        ("rules = ['aws-access-key']", "a", true),
        ("rules = ['aws-ses-smtp']", "a", false),
        ("accounts = ['123456789012']", "a", true),
        ("accounts = ['123456789013']", "a", false),
        ("key_ids = ['ID']", "a", true),
        ("key_ids = ['AKIAQQQQQQQQQQQQQQQQ']", "a", false),
        ("fingerprints = ['FP']", "a", true),
        ("fingerprints = ['kh1-00000000000000000000000000000000', 'FP']", "a", true),
        ("key_ids = ['ID']\npaths = ['a']", "a", true),
        ("key_ids = ['ID']\npaths = ['b']", "a", false),
        ("paths = ['a']\nexpires = 2026-11-25", "a", true),
        ("paths = ['a']\nexpires = '2026-11-24'", "a", false),
    ] {
        let conditions = conditions.replace("ID", ID).replace("FP", &fingerprint);
        let text = format!("[[allow]]\nreason = 'why'\n{conditions}");
        let (kind, told) = apply(&text, &[(path, None)]);
        assert_eq!(kind, expected.then_some("config"), "{conditions} {path}");
        assert_eq!(told.is_empty(), expected, "{told:?}");
    }
}

#[test]
fn every_place_must_be_allowed() {
    let text = "[[allow]]\nreason = 'why'\npaths = ['tests']";
    for (places, expected) in [
        (&[("tests/a", None), ("src/a", None)][..], None),
        (&[("tests/a", None), ("tests/b", None)], Some("config")),
        (&[("tests/a", None), ("src/a", Some("fake"))], Some("config")),
        (&[("src/a", Some("fake")), ("tests/a", None)], Some("inline")),
        (&[("src/a", Some("")), ("src/b", Some(""))], Some("inline")),
        (&[("src/a", Some("")), ("src/b", None)], None),
    ] {
        assert_eq!(apply(text, places).0, expected, "{places:?}");
    }
    // Of places that were left out nobody knows.
    let mut many = outcome(vec![finding(&[("tests/a", Some("fake"))]), finding(&[("tests/a", None)])]);
    many.findings[0].other_locations_omitted = 1;
    Triage::new(Some(config(text)), None, day("2026-11-25")).apply(&mut many);
    assert!(many.findings[0].suppression.is_none() && many.findings[1].suppression.is_some());
    // One that names the id alone once more leaks nothing.
    let mut found = finding(&[("tests/a", None), ("README", None)]);
    found.other_locations[0].secret_line = None;
    let mut outcome = outcome(vec![found]);
    Triage::new(Some(config(text)), None, day("2026-11-25")).apply(&mut outcome);
    assert!(outcome.findings[0].suppression.is_some());
}

#[test]
fn what_has_no_use_or_has_expired_is_told() {
    let unused = "[[allow]]\nreason = 'old tests'\npaths = ['gone']";
    let told = ["matches nothing in the history: [[allow]] at c.toml:1 (old tests)"];
    assert_eq!(apply(unused, &[("a", None)]).1, told);
    for (mode, start) in [
        ("audit", "matches nothing: "),
        ("files", "matches nothing in the files (the history was not looked at): "),
    ] {
        let mut outcome = Outcome { mode, ..outcome(Vec::new()) };
        Triage::new(Some(config(unused)), None, day("2026-11-25")).apply(&mut outcome);
        assert_eq!(outcome.unused_suppressions, [format!("{start}[[allow]] at c.toml:1 (old tests)")]);
    }
    let expired = "\n[[allow]]\nreason = 'r'\npaths = ['a']\nexpires = 2026-01-31";
    let told = ["expired on 2026-01-31, so it allows nothing: [[allow]] at c.toml:2 (r)"];
    assert_eq!(apply(expired, &[("a", None)]), (None, told.map(str::to_owned).to_vec()));
    // A scan of a part, or one that did not read all, does not know.
    let triage = Triage::new(Some(config(unused)), None, day("2026-11-25"));
    for change in [
        |o: &mut Outcome| o.mode = "staged",
        |o: &mut Outcome| {
            o.incomplete.push(Skipped::new("x", "y"));
        },
    ] {
        let mut partial = outcome(Vec::new());
        change(&mut partial);
        triage.apply(&mut partial);
        assert!(partial.unused_suppressions.is_empty());
    }
    let mut part = outcome(Vec::new());
    triage.whole(false).apply(&mut part);
    assert!(part.unused_suppressions.is_empty());
}

#[test]
fn rules_are_turned_off_or_changed_but_examples_stay_examples() {
    let text = "[rules.aws-access-key]\nenabled = false\nseverity = 'low'\n[rules.aws-acess-key]";
    let mut example = finding(&[("a", None)]);
    example.severity = Severity::Info;
    let mut outcome = outcome(vec![finding(&[("a", None)]), example]);
    let config = config(text);
    let told = config.unknown_rules(&RuleSet::embedded());
    assert_eq!(told, ["c.toml:4: no rule is called `aws-acess-key`: did you mean `aws-access-key`?"]);
    Triage::new(Some(config), None, day("2026-11-25")).apply(&mut outcome);
    assert_eq!(outcome.findings[0].severity, Severity::Low);
    assert_eq!(outcome.findings[1].severity, Severity::Info);
    assert_eq!(outcome.findings[0].suppression.as_ref().unwrap().source.as_deref(), Some("c.toml:1"));
}

#[test]
fn marks_in_texts_can_need_a_reason_or_be_ignored() {
    for (text, bare, reasoned) in
        [("", true, true), ("inline = 'with-reason'", false, true), ("inline = 'ignore'", false, false)]
    {
        assert_eq!(apply(text, &[("a", Some(""))]).0.is_some(), bare, "{text}");
        assert_eq!(apply(text, &[("a", Some("fake"))]).0.is_some(), reasoned, "{text}");
    }
}

#[test]
fn paths_of_a_scan_of_files_start_at_the_current_folder() {
    let folders = |current: &str| Folders { current: current.into(), root: "/r".into() };
    for (current, path, expected) in [
        ("/r", "a/b", Some("a/b")),
        ("/r/a", "b", Some("a/b")),
        ("/r/a", "./b", Some("a/b")),
        ("/r/a", "../b", Some("b")),
        ("/x", "/r/b", Some("b")),
        ("/x", "b", None),
    ] {
        let found = folders(current).below_root(path.as_bytes());
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{current} {path}");
    }
    assert_eq!(folders("/r").below_root(b"caf\xe9").as_deref(), Some(&b"caf\xe9"[..]));
}

#[test]
fn a_wrong_configuration_says_where_and_what() {
    for (text, expected) in [
        ("[[allow]]\npaths = ['a']", "c.toml:1: missing field `reason`"),
        ("[[allow]]\nreason = ' '\npaths = ['a']", "c.toml:2: the reason is empty"),
        ("\n[[allow]]\nreason = 'r'", "c.toml:2: allows everything"),
        ("[[allow]]\nreason = 'r'\npaths = []", "c.toml:3: `paths` is empty"),
        ("[[allow]]\nreason = 'r'\npaths = ['a', '[']", "c.toml:3: bad pattern"),
        ("[[allow]]\nreason = 'r'\npaths = ['!a']", "c.toml:3: a path is wanted"),
        ("[[allow]]\nreason = 'r'\npath = ['a']", "c.toml:3: unknown field `path`"),
        ("[[allow]]\nreason = 'r'\naccounts = ['12']", "c.toml:3: `accounts` holds what is not an account"),
        ("[[allow]]\nreason = 'r'\nfingerprints = ['x']", "c.toml:3: `fingerprints` holds what is not"),
        ("[[allow]]\nreason = 'r'\nkey_ids = ['x']", "c.toml:3: `key_ids` holds what is not"),
        ("[[allow]]\nreason = 'r'\npaths = ['a']\nexpires = 2026-13-01", "c.toml:4: "),
        ("[[allow]]\nreason = 'r'\npaths = ['a']\nexpires = 2026", "c.toml:4: a day is wanted"),
        ("[[allow]]\nreason = 'r'\npaths = ['a']\nexpires = 2026-01-01T00:00:00Z", "c.toml:4: a day is"),
        ("[rules.x]\nseverity = 'bad'", "c.toml:2: unknown variant `bad`"),
        ("[rules.x]\noff = true", "c.toml:2: unknown field `off`"),
        ("inline = 'no'", "c.toml:1: unknown variant `no`"),
        ("a = 1\nb = ", "c.toml:2: "),
        ("allow = 1", "c.toml:1: "),
    ] {
        let error = Config::parse("c.toml", text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let error = Config::parse("c\u{1b}", b"#\n\xff").unwrap_err().to_string();
    assert_eq!(error, "c\\u{1b}:2: not UTF-8");
}

fn known(reason: &str, expires: Option<&str>) -> Known {
    Known {
        rule: "aws-access-key".into(),
        hint: Some("AKIA…2MMH".into()),
        reason: (!reason.is_empty()).then(|| reason.into()),
        author: Some("Ada \"A\" \\ <ada@example.org>".into()),
        date: day("2026-11-25"),
        expires: expires.map(day),
        line: 0,
    }
}

#[test]
fn a_baseline_knows_findings_wherever_they_are() {
    let fingerprint = finding(&[("a", None)]).fingerprint.as_str().to_owned();
    let gone = "kh1-00000000000000000000000000000000";
    for (expires, suppressed) in [(None, true), (Some("2026-11-25"), true), (Some("2026-11-24"), false)] {
        let mut baseline = Baseline::new("b.toml");
        baseline.entries.insert(fingerprint.clone(), known("rotated", expires));
        baseline.entries.insert(gone.into(), known("", None));
        let baseline = Baseline::parse("b.toml", baseline.to_text().as_bytes()).unwrap();
        let mut outcome = outcome(vec![finding(&[("moved/anywhere", None)])]);
        Triage::new(None, Some(baseline), day("2026-11-25")).apply(&mut outcome);
        let suppression = outcome.findings[0].suppression.take();
        assert_eq!(suppression.is_some(), suppressed);
        if let Some(suppression) = suppression {
            assert_eq!(suppression.reason.as_deref(), Some("rotated"));
            assert_eq!(suppression.source.as_deref(), Some("b.toml:6"));
        }
        let told = &outcome.unused_suppressions;
        assert_eq!(told[0], format!("matches nothing in the history: {gone} at b.toml:5"));
        assert_eq!(told.len(), if suppressed { 1 } else { 2 });
        let lapsed = outcome.findings[0].lapsed.as_deref();
        assert_eq!(lapsed, (!suppressed).then_some("b.toml:6 allowed it until 2026-11-24"));
    }
}

#[test]
fn a_merged_baseline_is_read_and_a_broken_one_is_not() {
    let line = |digit: &str, reason: &str| {
        let digits = digit.repeat(32);
        format!("{{ fingerprint = 'kh1-{digits}', rule = 'r', date = 2026-01-01, reason = '{reason}' }},\n")
    };
    let text = |lines: &str| format!("version = 1\nfindings = [\n{lines}]\n");
    let merged = text(&[line("b", "one"), line("a", "two"), line("b", "three")].concat());
    let baseline = Baseline::parse("b", merged.as_bytes()).unwrap();
    let reasons: Vec<_> = baseline.entries.values().filter_map(|known| known.reason.as_deref()).collect();
    assert_eq!(reasons, ["two", "one"], "sorted, the first of two counts");
    for (text, expected) in [
        (String::new(), "b:1: missing field `version`"),
        (text("").replace("version = 1", "version = 2"), "b:1: version 2 is unknown"),
        (text(&line("x", "")), "b:3: no fingerprint"),
        (text(&format!("<<<<<<< ours\n{}", line("a", ""))), "b:4: "),
        (text(&line("a", "").replace("rule", "rulez")), "b:3: "),
        ("[]".to_owned(), "b:1: "),
    ] {
        let error = Baseline::parse("b", text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn each_entry_of_a_long_baseline_knows_its_line() {
    let mut baseline = Baseline::new("b");
    for n in 0..2_000 {
        baseline.entries.insert(format!("kh1-{n:032x}"), known("old", None));
    }
    let text = baseline.to_text();
    let read = Baseline::parse("b", text.as_bytes()).unwrap();
    for (fingerprint, entry) in &read.entries {
        let line = text.lines().nth(entry.line - 1).unwrap();
        assert!(line.contains(fingerprint.as_str()), "line {}: {line}", entry.line);
    }
}

proptest::proptest! {
    #[test]
    fn parsers_take_any_bytes(
        words in proptest::collection::vec(proptest::sample::select(&[
            "[[allow]]", "\n", "reason", " = ", "'x'", "paths", "[", "]", "'['", "expires", "2026-01-01", "[rules.x]",
            "version", "1", "findings", "{", "}", "fingerprint", ",", "\"", "é", "[inline]", "\\", "**/",
        ][..]), 0..40),
        tail in proptest::collection::vec(proptest::num::u8::ANY, 0..3),
    ) {
        let text = [words.concat().as_bytes(), &tail].concat();
        for error in [Config::parse("f", &text).err(), Baseline::parse("f", &text).err()].into_iter().flatten() {
            let lines = text.split(|b| *b == b'\n').count();
            proptest::prop_assert!((1..=lines).contains(&error.line));
        }
    }

    #[test]
    fn what_a_baseline_writes_it_reads(texts in proptest::collection::vec("\\PC*|.*", 3), digit in 0_u32..16) {
        let mut baseline = Baseline::new("b");
        let digits = format!("{digit:x}").repeat(32);
        let mut entry = known(&texts[0], Some("2027-01-31"));
        entry.reason = entry.reason.filter(|reason| !reason.trim().is_empty());
        entry.rule.clone_from(&texts[1]);
        entry.hint = Some(texts[2].clone());
        entry.line = 5;
        baseline.entries.insert(format!("kh1-{digits}"), entry);
        let text = baseline.to_text();
        proptest::prop_assert_eq!(text.lines().count(), 6);
        proptest::prop_assert_eq!(Baseline::parse("b", text.as_bytes()).unwrap(), baseline);
    }
}
