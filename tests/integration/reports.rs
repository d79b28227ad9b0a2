//! Every report format: against its schema, against the snapshots in fixtures/reports/, and against leaking secrets.
#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers of tests are tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use keyhound::finding::{Finding, Secret};
use keyhound::report::{Format, Options, write};
use keyhound::rules::RuleSet;
use keyhound::scan::Outcome;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::gitlab_schema;
use crate::report_samples::{self as samples, SECRET, TOKEN};
use crate::samples::Pack;
use crate::support::{TestEnv, id, pair, secret};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn options() -> Options {
    Options { tool_version: "1.2.3".to_owned(), show_info: true, ..Options::default() }
}

fn report(format: Format, outcome: &Outcome, options: &Options) -> String {
    let rules = RuleSet { rules: vec![samples::rule()] };
    let mut bytes = Vec::new();
    write(format, outcome, &rules, options, &mut bytes).expect("a Vec takes all");
    String::from_utf8(bytes).expect("every format is UTF-8")
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What a schema says against a document.
pub(crate) fn errors(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a valid schema");
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The reports that every schema test validates: full, clean, incomplete, with and without secrets and info.
fn cases() -> Vec<(Outcome, Options)> {
    let mut cases = Vec::new();
    for make in [samples::full, samples::clean, samples::incomplete] {
        for show_secrets in [false, true] {
            for show_info in [false, true] {
                cases.push((make(), Options { show_secrets, show_info, ..options() }));
            }
        }
    }
    cases
}

pub(crate) fn own_schema() -> Value {
    parse(&fs::read_to_string(Path::new(ROOT).join("docs/keyhound-report.schema.json")).unwrap())
}

#[test]
fn json_reports_are_valid() {
    let schema = own_schema();
    let mut findings = 0;
    for (outcome, options) in cases() {
        let document = parse(&report(Format::Json, &outcome, &options));
        assert_eq!(errors(&schema, &document), [""; 0]);
        findings += document["findings"].as_array().unwrap().len();
    }
    assert!(findings > 10);
    // The schema is closed: a field that it does not know is an error, at any depth.
    let document = parse(&report(Format::Json, &samples::full(), &options()));
    for pointer in ["", "/scan", "/findings/0", "/findings/0/verification", "/findings/2/other_locations/0"] {
        let mut changed = document.clone();
        changed.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
        assert!(!errors(&schema, &changed).is_empty(), "{pointer}");
    }
}

/// Every name that a report can hold. A new variant does not compile here, so that nobody forgets the schema.
fn names() -> [(&'static str, Vec<&'static str>); 3] {
    use keyhound::blob::Place;
    use keyhound::finding::{Encoding, Note};
    let encodings = [
        Encoding::Utf16,
        Encoding::Base64,
        Encoding::Hex,
        Encoding::Bytes,
        Encoding::Percent,
        Encoding::Escape,
        Encoding::Html,
        Encoding::QuotedPrintable,
        Encoding::Joined,
        Encoding::Utf32,
    ];
    let packed = keyhound::decode::unpack::Format::ALL.map(|format| Encoding::Packed(format.name()));
    let encodings = [&encodings[..], &packed].concat();
    let notes =
        [Note::DocumentationExample, Note::Placeholder, Note::ImplausibleId, Note::Canary, Note::Expired];
    let places = [
        Place::File,
        Place::Stdin,
        Place::Blob,
        Place::CommitMessage,
        Place::TagMessage,
        Place::Note,
        Place::Path,
        Place::Ref,
        Place::Index,
        Place::Symlink,
        Place::Lfs,
        Place::GitFile,
    ];
    let known = |encoding, note, place| match (encoding, note, place) {
        (
            Encoding::Utf16
            | Encoding::Base64
            | Encoding::Hex
            | Encoding::Bytes
            | Encoding::Percent
            | Encoding::Escape
            | Encoding::Html
            | Encoding::QuotedPrintable
            | Encoding::Joined
            | Encoding::Utf32
            | Encoding::Packed(_),
            Note::DocumentationExample
            | Note::Placeholder
            | Note::ImplausibleId
            | Note::Canary
            | Note::Expired,
            Place::File
            | Place::Stdin
            | Place::Blob
            | Place::CommitMessage
            | Place::TagMessage
            | Place::Note
            | Place::Path
            | Place::Ref
            | Place::Index
            | Place::Symlink
            | Place::Lfs
            | Place::GitFile,
        ) => true,
    };
    assert!(known(encodings[0], notes[0], places[0]));
    [
        (
            "/$defs/finding_fields/properties/encodings/items/enum",
            encodings.iter().map(|e| e.name()).collect(),
        ),
        ("/$defs/finding_fields/properties/notes/items/enum", notes.map(Note::name).to_vec()),
        ("/$defs/place_fields/properties/where/enum", places.map(Place::name).to_vec()),
    ]
}

#[test]
fn the_schema_and_its_documentation_know_every_name() {
    let schema = own_schema();
    let text = fs::read_to_string(Path::new(ROOT).join("docs/json.md")).unwrap();
    for (pointer, names) in names() {
        assert_eq!(*schema.pointer(pointer).unwrap(), json!(names));
        for name in names {
            assert!(text.contains(&format!("`{name}`")), "docs/json.md does not name `{name}`");
        }
    }
}

#[test]
fn json_lines_are_valid_and_framed() {
    let mut schema = own_schema();
    schema["$ref"] = json!("#/$defs/line");
    for (outcome, options) in cases() {
        let text = report(Format::Jsonl, &outcome, &options);
        let lines: Vec<Value> = text.lines().map(parse).collect();
        for line in &lines {
            assert_eq!(errors(&schema, line), [""; 0], "{line}");
        }
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!((kinds.first(), kinds.last()), (Some(&"start"), Some(&"end")));
        assert!(kinds[1..kinds.len() - 1].iter().all(|kind| *kind == "finding"));
        assert_eq!(lines.last().unwrap()["findings"], kinds.len() - 2);
        // The same findings as in the document.
        let document = parse(&report(Format::Json, &outcome, &options));
        let bare = lines[1..lines.len() - 1].iter().map(|line| {
            let mut line = line.clone();
            line.as_object_mut().unwrap().shift_remove("type");
            line
        });
        assert!(bare.eq(document["findings"].as_array().unwrap().iter().cloned()));
    }
}

#[test]
fn the_documentation_names_every_field() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/json.md")).unwrap();
    let mut fields = Vec::new();
    let mut stack = vec![own_schema()];
    while let Some(value) = stack.pop() {
        if let Some(properties) = value["properties"].as_object() {
            fields.extend(properties.keys().cloned());
        }
        match value {
            Value::Object(map) => stack.extend(map.into_iter().map(|(_, value)| value)),
            Value::Array(values) => stack.extend(values),
            _ => {}
        }
    }
    assert!(fields.len() > 40);
    for field in fields {
        assert!(text.contains(&format!("`{field}`")), "docs/json.md does not name `{field}`");
    }
}

/// The official SARIF schema: see tests/schemas/Cargo.toml.
fn sarif_schema() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(Path::new(ROOT).join("tests/schemas/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata = parse(&String::from_utf8(output.stdout).unwrap());
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let text = fs::read_to_string(manifest.with_file_name("src").join("schema.json")).unwrap();
    // The patterns of two fields that no report has end in a stray bracket, which JavaScript lets pass.
    let stray = "-[a-zA-Z]{2}]?$";
    assert!(text.contains(stray));
    parse(&text.replace(stray, "-[a-zA-Z]{2}$"))
}

#[test]
fn sarif_is_valid_by_the_official_schema_and_by_githubs_rules() {
    let schema = sarif_schema();
    for (outcome, options) in cases() {
        let log = parse(&report(Format::Sarif, &outcome, &options));
        assert_eq!(errors(&schema, &log), [""; 0]);
        let run = &log["runs"][0];
        assert_eq!(run["invocations"][0]["executionSuccessful"], outcome.incomplete.is_empty());
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for rule in rules {
            assert!(rule["fullDescription"]["text"].as_str().unwrap().chars().count() <= 1024);
            assert!(rule["properties"]["tags"].as_array().unwrap().contains(&json!("security")));
        }
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            let artifact = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            let uri = artifact["uri"].as_str().unwrap();
            assert!(!uri.is_empty() && uri.is_ascii());
            assert_eq!(uri.starts_with("file:"), artifact["uriBaseId"].is_null());
        }
        assert!(no_empty_string(&log), "GitHub refuses the empty string");
    }
    let mut broken = parse(&report(Format::Sarif, &samples::full(), &options()));
    broken["runs"][0]["results"][0]["level"] = json!("awful");
    assert!(!errors(&schema, &broken).is_empty(), "the schema is really used");
}

fn no_empty_string(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().all(no_empty_string),
        Value::Object(map) => map.values().all(no_empty_string),
        _ => true,
    }
}

#[test]
fn reports_look_as_they_did() {
    let plain = options();
    let colored = Options {
        color: true,
        hyperlinks: true,
        width: Some(60),
        root: Some("/srv/tree".into()),
        show_info: false,
        fail_on: keyhound::finding::Severity::High,
        ..options()
    };
    let secrets = Options { show_secrets: true, ..options() };
    let mut cases = vec![
        ("full-color.txt", Format::Human, samples::full(), &colored),
        ("full-secrets.txt", Format::Human, samples::full(), &secrets),
        ("full-secrets.json", Format::Json, samples::full(), &secrets),
        ("clean.txt", Format::Human, samples::clean(), &plain),
        ("incomplete.txt", Format::Human, samples::incomplete(), &plain),
        ("incomplete.sarif", Format::Sarif, samples::incomplete(), &plain),
    ];
    for &format in Format::ALL {
        let name = match format {
            Format::Human => "full.txt",
            Format::Json => "full.json",
            Format::Jsonl => "full.jsonl",
            Format::Sarif => "full.sarif",
            Format::Gitlab => "full.gitlab.json",
            Format::Github => "full.github.txt",
            Format::Csv => "full.csv",
            Format::Html => "full.html",
        };
        cases.push((name, format, samples::full(), &plain));
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    fs::create_dir_all(&made).unwrap();
    let mut changed = Vec::new();
    for (name, format, outcome, options) in cases {
        let text = report(format, &outcome, options);
        assert_eq!(text, report(format, &outcome, options), "{name}: the same bytes each time");
        // No file of the repository holds what another scanner would take for a key.
        let text = text.replace(&SECRET[2..], "{secret}").replace(TOKEN, "{token}");
        let text = text.replace("AKIAQ", "akiaQ").replace("ASIAQ", "asiaQ");
        fs::write(made.join(name), &text).unwrap();
        let kept =
            fs::read_to_string(Path::new(ROOT).join("fixtures/reports").join(name)).unwrap_or_default();
        if kept != text {
            changed.push(name);
        }
    }
    assert!(
        changed.is_empty(),
        "{changed:?} differ from fixtures/reports/; read them in {} and copy what is right",
        made.display()
    );
}

#[test]
fn text_from_outside_stays_harmless() {
    let outcome = samples::attack();
    let color = Options { color: false, ..options() };
    for format in [Format::Human, Format::Github, Format::Csv, Format::Html] {
        let text = report(format, &outcome, &color);
        let harmful =
            |c: char| (c.is_control() && !matches!(c, '\n' | '\r')) || matches!(c, '\u{202e}' | '\u{200b}');
        assert!(!text.contains(harmful), "{format:?}: {}", text.escape_debug());
        assert!(format == Format::Csv || !text.contains('\r'));
    }
    let human = report(Format::Human, &outcome, &color);
    for shown in ["\\x1b]52;c;", "\\x1b]8;;", "\\u{202e}", "\\u{200b}", "\\xff", "\\u{9b}"] {
        assert!(human.contains(shown), "{shown} is to be seen in {human}");
    }
    // With colours and links on, what is left after taking out our own sequences is as harmless.
    let all = Options { color: true, hyperlinks: true, root: Some("/srv/tree".into()), ..options() };
    let ours = regex::Regex::new("\x1b\\[[0-9;]+m|\x1b\\]8;;[!-~]*\x1b\\\\").unwrap();
    let colored = report(Format::Human, &outcome, &all);
    assert!(colored.contains("\x1b]8;;file:///srv/tree/%1B%5D52"), "{}", colored.escape_debug());
    assert_eq!(ours.replace_all(&colored, ""), human);
    let html = report(Format::Html, &outcome, &color);
    assert!(!html.contains("<script") && html.contains("&lt;script"));
    // One command a line, whatever stands in a path.
    let github = report(Format::Github, &outcome, &color);
    let (commands, last) = github.trim_end().rsplit_once('\n').unwrap();
    assert!(
        commands.lines().all(|line| line.starts_with("::")) && last.starts_with("keyhound: "),
        "{github}"
    );
    assert_eq!(commands.lines().count(), outcome.findings.iter().filter(|f| f.suppression.is_none()).count());
    assert!(!github.contains("\n::stop"), "{github}");
}

#[test]
fn uploaded_formats_never_hold_a_secret() {
    let options = Options { show_secrets: true, ..options() };
    let outcome = samples::full();
    for &format in Format::ALL {
        let text = report(format, &outcome, &options);
        let uploaded = matches!(format, Format::Sarif | Format::Gitlab | Format::Github);
        assert_eq!(text.contains(SECRET), !uploaded, "{format:?}");
        assert_eq!(text.contains(TOKEN), !uploaded, "{format:?}");
    }
}

#[test]
fn what_is_suppressed_is_marked_or_left_out() {
    let outcome = samples::full();
    let path = "tests/fake.rs";
    for &format in Format::ALL {
        let shown = matches!(format, Format::Json | Format::Jsonl | Format::Csv | Format::Sarif);
        assert_eq!(report(format, &outcome, &options()).contains(path), shown, "{format:?}");
    }
    let human = report(Format::Human, &outcome, &options());
    assert!(human.contains("; 2 suppressed (--format json has them)"), "{human}");
    let log = parse(&report(Format::Sarif, &outcome, &options()));
    let results = log["runs"][0]["results"].as_array().unwrap();
    let suppressions: Vec<&Value> = results.iter().filter_map(|result| result.get("suppressions")).collect();
    assert_eq!(suppressions.len(), 2);
    assert_eq!(suppressions[0][0]["kind"], "external");
    assert_eq!(suppressions[0][0]["justification"], "made up for [the] tests");
    assert_eq!(*suppressions[1], json!([{ "kind": "inSource", "status": "accepted" }]));
    let json = parse(&report(Format::Json, &outcome, &options()));
    let kinds: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|f| &f["suppression"]["kind"]).collect();
    assert_eq!(kinds.iter().filter(|kind| kind.is_null()).count(), kinds.len() - 2);
    assert!(kinds.contains(&&json!("config")) && kinds.contains(&&json!("inline")));
}

#[test]
fn gitlab_reports_have_what_gitlab_asks_for() {
    let schema = gitlab_schema::schema();
    for (outcome, options) in cases() {
        let document = parse(&report(Format::Gitlab, &outcome, &options));
        assert_eq!(errors(&schema, &document), [""; 0]);
        assert_eq!(document["scan"]["status"] == "success", outcome.incomplete.is_empty());
        let found = document["vulnerabilities"].as_array().unwrap();
        let mut ids: Vec<&str> = found.iter().map(|v| v["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), found.len());
    }
    let full = parse(&report(Format::Gitlab, &samples::full(), &options()));
    for (pointer, value) in [
        ("/vulnerabilities/0/severity", json!("high")),
        ("/vulnerabilities/0/location/commit/sha", json!("")),
        ("/vulnerabilities/0/links/0/url", json!("docs.example.org")),
        ("/scan/end_time", json!("2026-09-21T14:13:21Z")),
        ("/scan/analyzer/vendor", json!({})),
    ] {
        let mut broken = full.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(!errors(&schema, &broken).is_empty(), "{pointer}");
    }
}

#[test]
fn info_is_reported_only_when_asked_for() {
    let outcome = samples::full();
    for &format in Format::ALL {
        let has = |show_info| {
            report(format, &outcome, &Options { show_info, ..options() }).contains(samples::INFO_ID)
        };
        assert!(has(true) && !has(false), "{format:?}");
    }
}

/// Put a secret wherever text from outside goes.
fn spread(finding: &mut Finding, words: &str) {
    let location = &mut finding.location;
    location.path = Some(format!("dir/{words}.env").into_bytes());
    location.named_by = Some(format!("refs/heads/{words}"));
    if let Some(commit) = &mut location.commit {
        words.clone_into(&mut commit.author);
        commit.subject = format!("add {words}");
    }
    if let Some(snippet) = &mut finding.snippet {
        snippet.text = format!("x = {words};");
        snippet.highlight = (4, 9);
    }
    if let Some(suppression) = &mut finding.suppression {
        let text = Some(format!("for {words}"));
        suppression.reason.clone_from(&text);
        suppression.author.clone_from(&text);
        suppression.source = text;
    }
    let mut other = finding.location.clone();
    other.path = Some([b"\xff", words.as_bytes()].concat());
    finding.other_locations.push(other);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_masked_report_holds_no_part_of_a_secret(
        secret in "[A-Za-z0-9/+]{40}",
        token in "[A-Za-z0-9/+=]{60,200}",
        odd in "[ -~é]{12,24}",
        cut in 0_usize..30,
    ) {
        let mut outcome = samples::full();
        let secrets = [secret.clone(), token.clone(), odd.clone()];
        for (index, finding) in outcome.findings.iter_mut().enumerate() {
            finding.notes.clear();
            finding.secret = Some(Secret::new(secret.clone()));
            finding.session_token = Some(Secret::new(token.clone()));
            if index % 2 == 1 {
                finding.secret = Some(Secret::new(odd.clone()));
            }
            // Whole, and a part of it.
            spread(finding, &format!("{secret}={}", &token[cut..cut + 20]));
        }
        outcome.target = format!("tree-{secret}");
        outcome.incomplete = vec![keyhound::blob::Skipped::new(format!("file-{secret}"), format!("no {}", &secret[10..])).help(token.clone())];
        outcome.unused_suppressions = vec![secret.clone()];
        let clean = Options { color: true, ..options() };
        for &format in Format::ALL {
            let text = report(format, &outcome, &clean);
            for secret in &secrets[..2] {
                for part in secret.as_bytes().windows(8) {
                    let part = std::str::from_utf8(part).unwrap();
                    prop_assert!(!text.contains(part), "{:?} holds {}", format, part);
                }
            }
            prop_assert!(!text.contains(&odd), "{:?} holds {}", format, odd);
        }
    }
}

/// A secret can be the name of a file that cannot be read; continuous integration keeps standard error.
#[test]
fn standard_error_hides_what_the_report_hides() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let secret = secret(0).replace('/', "");
    env.write("b.ini", format!("aws_access_key_id = {}\naws_secret_access_key = {secret}A\n", id(1)));
    let packed = Pack::Gzip.pack(&[("", "nothing here\n".repeat(99).as_bytes())]);
    env.write(&format!("{secret}A.gz"), &packed[..packed.len() - 12]);
    let files = ["files", ".", "--format"];
    for format in ["human", "json", "sarif", "csv"] {
        let run = env.run(&[&files[..], &[format]].concat());
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!(
            run.stderr.contains("incomplete") && !run.stderr.contains(&secret),
            "{format}: {}",
            run.stderr
        );
        assert!(!run.stdout.contains(&secret), "{format}");
    }
    assert!(env.run(&[&files[..], &["human", "--show-secrets"]].concat()).stderr.contains(&secret));
    let create = env.run(&["baseline", "create", "--baseline", "known.toml"]);
    assert!(create.status == 2 && !create.stderr.contains(&secret), "{}", create.stderr);
}
