use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::error::{Problem, RuleError};
use super::{RuleSet, file};

/// A rule file without faults, to be damaged by the tests.
const GOOD: &str = r#"
id = "acme-token"
description = "A token of the acme service."
why = "It opens the acme service."
remediation = "Revoke it in the acme console."
references = ["https://acme.io/docs/tokens"]
severity = "high"
severity_alone = "low"

[part.id]
prefixes = ["ACM_"]
pattern = "[a-z0-9]{12}"

[part.secret]
pattern = "[a-z0-9]{32}"
fence = "a-z0-9"
labels = ["acme secret"]
alone_labels = ["acme secret"]
keywords = ["acme_"]
within_lines = 20
min_entropy = 3

[[example]]
text = "ACM_0123456789ab acme_secret=0123456789abcdef0123456789abcdef"
extracts = [{ id = "ACM_0123456789ab", secret = "0123456789abcdef0123456789abcdef" }]

[[counter_example]]
text = "ACM_TOKEN"
why = "A name."
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn toml_files() -> BTreeSet<String> {
    fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_file_of_the_folder_is_built_in_under_its_id() {
    let ids: BTreeSet<String> = RuleSet::embedded().rules.iter().map(|r| format!("{}.toml", r.id)).collect();
    assert_eq!(ids, toml_files());
}

#[test]
fn built_in_rules_show_what_they_find_and_what_not() {
    for rule in RuleSet::embedded().rules {
        assert!(rule.examples.len() >= 4, "{}: {} examples", rule.id, rule.examples.len());
        assert!(rule.counter_examples.len() >= 4, "{}: {}", rule.id, rule.counter_examples.len());
        assert!(!rule.references.is_empty(), "{}: no references", rule.id);
        assert!(rule.description.ends_with('.') && !rule.description.contains('\n'), "{}", rule.id);
        assert!(rule.remediation.lines().count() >= 3, "{}: remediation is one step a line", rule.id);
    }
}

#[test]
fn the_regex_of_a_part_matches_its_prefixes_at_the_start_only() {
    let rules = RuleSet::embedded();
    let id = rules.rules[0].id_part.as_ref().unwrap();
    for (text, expected) in [
        (&b"AKIAQ2345672ABCDEFGH rest"[..], Some(0..20)),
        (b"ASIAQ2345672ABCDEFGH", Some(0..20)),
        (b"xAKIAQ2345672ABCDEFGH", None),
        (b"AKIAQ1345672ABCDEFGH", None),
        (b"ABIAQ2345672ABCDEFGH", None),
    ] {
        assert_eq!(id.regex.find(text).map(|m| m.range()), expected, "{}", text.escape_ascii());
    }
    let secret = rules.rules[0].secret.as_ref().unwrap();
    assert_eq!(
        secret.regex.find(&[b"\xff\xfe "[..].to_vec(), vec![b'q'; 40]].concat()).unwrap().range(),
        3..43
    );
}

#[test]
fn a_good_file_compiles_with_its_defaults() {
    let rule = file::parse(GOOD, "acme.toml", None).unwrap();
    let (id, secret) = (rule.id_part.unwrap(), rule.secret.unwrap());
    assert!(id.fence.has(b'Z') && id.fence.has(b'0') && !id.fence.has(b'_'), "{:?}", id.fence);
    assert!(!secret.fence.has(b'Z'));
    assert_eq!((secret.within_lines, secret.min_entropy), (20, 3.0));
    assert_eq!(id.within_lines, 50);
    let spelled = GOOD.replace("labels = [\"acme secret\"]\nalone", "labels = [\"Acme_API-Secret\"]\nalone");
    let secret = file::parse(&spelled, "acme.toml", None).unwrap().secret.unwrap();
    assert_eq!(
        (&secret.labels[0], &secret.alone_labels[0]),
        (&"acme api secret".into(), &"acme secret".into())
    );
    assert_eq!(rule.counter_examples[0].why, "A name.");
    let wrapped =
        GOOD.replace("\"It opens the acme service.\"", "\"\"\"\nIt opens\nacme.\n\nAll of it.\"\"\"");
    assert_eq!(file::parse(&wrapped, "acme.toml", None).unwrap().why, "It opens acme.\nAll of it.");
}

/// Every fault is told with its line, its field and what would be right.
#[test]
fn faults_name_line_field_and_remedy() {
    let cases: &[(&str, &str, &str)] = &[
        // what to replace, by what, the message
        ("severity = \"high\"", "severity = high", "acme.toml:7: not valid TOML: "),
        (
            "prefixes = [",
            "prefixs = [",
            "acme.toml:11: rule acme-token, part.id.prefixs: unknown field: did you mean `prefixes`?",
        ),
        ("[part.id]", "[part.key]", "part.key: unknown field"),
        ("why = \"A name.\"", "reason = \"A name.\"", "counter_example[1].reason: unknown field"),
        (
            "{ id = \"ACM",
            "{ key = \"ACM",
            "acme.toml:25: rule acme-token, example[1].extracts[1].key: unknown field",
        ),
        (
            "pattern = \"[a-z0-9]{32}\"",
            "",
            "acme.toml:14: rule acme-token, part.secret.pattern: missing; every rule has it",
        ),
        ("description =", "# description =", "rule acme-token, description: missing; every rule has it"),
        (
            "within_lines = 20",
            "within_lines = \"20\"",
            "part.secret.within_lines: invalid type: string \"20\", expected u32",
        ),
        (
            "within_lines = 20",
            "within_lines = 0",
            "part.secret.within_lines: 0 is out of range: use at least 1",
        ),
        ("min_entropy = 3", "min_entropy = 9", "part.secret.min_entropy: 9 is out of range: use 0 to 8 bits"),
        ("min_entropy = 3", "min_entropy = nan", "part.secret.min_entropy: NaN is out of range"),
        (
            "id = \"acme-token\"",
            "id = \"Acme_Token\"",
            "acme.toml:2: rule Acme_Token, id: `Acme_Token` is not an id: use lower-case",
        ),
        ("id = \"acme-token\"", "id = \"a\\n\\u001b\"", "rule a\\n\\u{1b}, id: `a\\n\\u{1b}` is not an id"),
        ("id = \"acme-token\"", "id = \"acme--token\"", "id: `acme--token` is not an id"),
        (
            "why = \"It opens the acme service.\"",
            "why = \" \"",
            "acme.toml:4: rule acme-token, why: missing; say why",
        ),
        ("\"https://acme.io/docs/tokens\"", "\"acme.io\"", "references[1]: `acme.io` is not a link"),
        (
            "severity = \"high\"",
            "severity = \"bad\"",
            "severity: `bad` is not a severity: use one of info, low, medium, high, critical",
        ),
        (
            "min_entropy = 3",
            "check = \"aws\"",
            "acme.toml:21: rule acme-token, part.secret.check: `aws` is not a check: use one of aws-key-id,",
        ),
        ("{32}", "{32", "part.secret.pattern: bad pattern: unclosed counted repetition at character 9"),
        (
            "[a-z0-9]{32}\"",
            "[a-z0-9\"",
            "part.secret.pattern: bad pattern: unclosed character class at character 1",
        ),
        ("[a-z0-9]{32}\"", "\\\\b[a-z0-9]{32}\"", "part.secret.pattern: anchors and `\\b` do not work"),
        ("[a-z0-9]{32}\"", "[a-z0-9]*\"", "part.secret.pattern: matches values of 0 bytes"),
        (
            "[a-z0-9]{12}",
            "[a-z0-9]{0,12}",
            "part.id.pattern: matches values of 4 bytes: a value must have at least 8",
        ),
        ("[\"ACM_\"]", "[]", "acme.toml:11: rule acme-token, part.id.prefixes: missing; an id is found by"),
        ("[\"ACM_\"]", "[\"ACM_\", \"A_\"]", "part.id.prefixes[2]: the prefix `A_` must be at least 3"),
        ("[\"ACM_\"]", "[\"ACM_\", \"ACM_\"]", "part.id.prefixes[2]: `ACM_` stands there twice"),
        (
            "fence = \"a-z0-9\"",
            "fence = \"[a-z]\"",
            "part.secret.fence: bad class of bytes: write `[` as `\\[`",
        ),
        (
            "labels = [\"acme secret\"]\nalone",
            "labels = [\"_\"]\nalone",
            "part.secret.labels[1]: the label `_` must hold a letter",
        ),
        (
            "keywords = [\"acme_\"]",
            "keywords = [\"acme_\", \"beta\"]",
            "keywords[2]: no label of `alone_labels` contains the keyword `beta`",
        ),
        (
            "alone_labels = [\"acme secret\"]",
            "alone_labels = [\"acme secret\", \"token\"]",
            "alone_labels[2]: the label `token` contains none",
        ),
        ("keywords = [\"acme_\"]", "keywords = [\"a-\"]", "keywords[1]: the keyword `a-` must be at least 3"),
        ("[part.id]", "[part.token]", "acme.toml:8: rule acme-token, severity_alone: means nothing here"),
        (
            "severity_alone = \"low\"\n\n[part.id]",
            "[part.token]",
            "part.token: means nothing here: a token joins",
        ),
        (
            "{12}\"\n",
            "{12}\"\nalone_labels = [\"acme\"]\n",
            "part.id.alone_labels: means nothing here: only a secret",
        ),
        ("{12}\"\n", "{12}\"\nwithin_lines = 3\n", "part.id.within_lines: means nothing here"),
        (
            "extracts = [{",
            "extracts = []\n# [{",
            "acme.toml:25: rule acme-token, example[1].extracts: missing; say what",
        ),
        (
            "{ id = \"ACM_0123456789ab\", secret = \"0123456789abcdef0123456789abcdef\" }",
            "{}",
            "example[1].extracts[1]: extracts nothing",
        ),
        (
            "secret = \"0123456789abcdef",
            "secret = \"x123456789ABCDEF",
            "example[1].extracts[1].secret: `x123456789ABCDEF0123456789abcdef` is not what [part.secret] matches whole",
        ),
        (
            "secret = \"0123",
            "token = \"0123",
            "extracts[1].token: `0123456789abcdef0123456789abcdef` is not what [part.token]",
        ),
        ("why = \"A name.\"", "why = \"\"", "counter_example[1].why: missing; say why"),
    ];
    for (from, to, expected) in cases {
        assert_eq!(GOOD.matches(from).count(), 1, "`{from}` must stand once in the good file");
        let error = match file::parse(&GOOD.replace(from, to), "acme.toml", None) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("`{from}` → `{to}` was accepted"),
        };
        assert!(error.contains(expected), "`{from}` → `{to}`:\n got {error}\nwant {expected}");
        assert!(!error.contains('\n'), "{error}");
        assert!(error.starts_with("acme.toml:"), "{error}");
    }
}

#[test]
fn a_rule_needs_examples_and_a_secret_needs_evidence() {
    let no_examples = GOOD.split("[[example]]").next().unwrap();
    let error = file::parse(no_examples, "a.toml", None).unwrap_err();
    assert_eq!((error.field.as_str(), matches!(error.problem, Problem::Missing(_))), ("example", true));
    let no_secret =
        format!("{}[[example]]\ntext = \"x\"", no_examples.split("[part.secret]").next().unwrap());
    assert_eq!(file::parse(&no_secret, "a.toml", None).unwrap_err().field, "part.secret");
    let alone = GOOD
        .replace("severity_alone = \"low\"", "")
        .replace("[part.id]\nprefixes = [\"ACM_\"]\npattern = \"[a-z0-9]{12}\"", "")
        .replace("alone_labels = [\"acme secret\"]\nkeywords = [\"acme_\"]\nwithin_lines = 20", "");
    assert_eq!(file::parse(&alone, "a.toml", None).unwrap_err().problem, Problem::NoEvidence);
}

#[test]
fn files_and_folders_add_rules_and_none_replaces_another() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(
        matches!(RuleSet::load(std::slice::from_ref(&empty)), Err(RuleError::EmptyFolder { path }) if path == empty)
    );

    let acme = write("acme.toml", GOOD);
    write("beta.toml", &GOOD.replace("acme-token", "beta-token"));
    write("notes.txt", "no rule");
    let built_in = RuleSet::embedded().rules.len();
    let set = RuleSet::load(&[dir.path().to_owned()]).unwrap();
    let added: Vec<&str> = set.rules[built_in..].iter().map(|r| &*r.id).collect();
    assert_eq!(added, ["acme-token", "beta-token"]);
    assert_eq!(set.rules[built_in].file.as_ref(), Some(&acme));

    let again = RuleSet::load(&[acme.clone(), acme.clone()]).unwrap_err().to_string();
    let expected = format!(
        "{0}:2: rule acme-token, id: the id is already taken by {0}; rename this rule",
        acme.display()
    );
    assert_eq!(again, expected);
    let taken = write("taken.toml", &GOOD.replace("acme-token", "aws-access-key"));
    assert!(RuleSet::load(&[taken]).unwrap_err().to_string().contains("taken by a built-in rule"));

    let missing = dir.path().join("missing.toml");
    assert!(
        matches!(RuleSet::load(std::slice::from_ref(&missing)), Err(RuleError::Read { path, .. }) if path == missing)
    );
    let latin = dir.path().join("latin.toml");
    fs::write(&latin, b"id = \"\xe4\"").unwrap();
    assert!(matches!(RuleSet::load(&[latin]), Err(RuleError::NotUtf8 { .. })));
}

proptest! {
    /// Whatever is done to a rule file, the answer is a rule or a message of one line.
    #[test]
    fn damaged_files_are_refused_with_a_message(
        from in 0..GOOD.len(), len in 0..40usize, patch in "[\\[\\]{}\"'=#\\\\a-z0-9 \n.,(-]{0,12}",
    ) {
        let until = GOOD.len().min(from + len);
        let damaged = format!("{}{patch}{}", &GOOD[..from], &GOOD[until..]);
        match file::parse(&damaged, "acme.toml", None) {
            Ok(rule) => prop_assert!(!rule.examples.is_empty()),
            Err(fault) => {
                let message = fault.to_string();
                prop_assert!(!message.contains('\n') && message.starts_with("acme.toml:"), "{message}");
                prop_assert!(fault.line <= damaged.lines().count() + 1, "{message}");
            }
        }
    }
}
