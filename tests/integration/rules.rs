//! Rules: the built-in ones together, and the one that the documentation shows.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use keyhound::detect::{Detector, Match, check};
use keyhound::finding::Severity;
use keyhound::rules::RuleSet;

use crate::support::TestEnv;

/// The same credentials are found when all rules look, each once.
#[test]
fn rules_do_not_hide_each_others_examples() {
    let set = RuleSet::embedded();
    let detector = Detector::new(Arc::new(set.clone()));
    for rule in &set.rules {
        for (i, example) in rule.examples.iter().enumerate() {
            let found: Vec<Match> = detector.detect(example.text.as_bytes());
            let found: Vec<&Match> = found.iter().filter(|m| m.severity > Severity::Info).collect();
            let rules: Vec<&str> = found.iter().map(|m| &*set.rules[m.rule].id).collect();
            assert_eq!(rules, vec![&*rule.id; example.extracts.len()], "{}, example {}", rule.id, i + 1);
        }
    }
}

#[test]
fn the_rule_of_the_documentation_works() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")).unwrap();
    let toml = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme-token.toml");
    fs::write(&path, toml).unwrap();

    let mut set = RuleSet::load(&[path]).unwrap();
    set.rules.retain(|r| &*r.id == "acme-token");
    assert_eq!(set.rules.len(), 1);
    assert_eq!(check::rules(&set), []);
}

/// Whoever copies it into a repository, or scans this one with it, gets no finding of the example.
#[test]
fn the_rules_of_the_documentation_do_not_report_themselves() {
    for page in ["README.md", "docs/rules.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let rule = text.split("```toml\n").find(|block| block.starts_with("id = \"acme-token\"")).unwrap();
        let rule = rule.split("```").next().unwrap();
        let env = TestEnv::new();
        env.write("acme-token.toml", rule);
        env.write("page.md", &text);
        let check = env.run(&["rules", "check", "--rules", "acme-token.toml"]);
        assert_eq!(check.status, 0, "{page}: {}{}", check.stdout, check.stderr);
        let scan = env.run(&["files", "--rules", "acme-token.toml", "--format", "json", "."]).json();
        let found = scan["findings"].as_array().unwrap().iter().filter(|f| f["rule_id"] == "acme-token");
        let kinds: Vec<_> = found.map(|f| f["suppression"]["kind"].as_str()).collect();
        assert!(!kinds.is_empty() && kinds.iter().all(|kind| *kind == Some("inline")), "{page}: {kinds:?}");
    }
}
