//! Rules against their own examples: each alone, through the real [`Detector`].

use std::fmt;
use std::sync::Arc;

use super::{Detector, Match, Value};
use crate::finding::{Secret, Severity};
use crate::rules::{Extract, Rule, RuleSet};

/// An example or counter-example that a rule fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Which text.
    pub text: Text,
    /// What is wrong, in one clause; secrets are masked.
    pub problem: String,
}

/// A text of a rule file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// The n-th example.
    Example(usize),
    /// The n-th counter-example.
    CounterExample(usize),
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Example(n) => write!(f, "example {n}"),
            Self::CounterExample(n) => write!(f, "counter-example {n}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}, {}: {}", self.rule, self.text, self.problem)
    }
}

/// Run every rule, alone, over its own texts. An example must give exactly what it says, in the order of the text; a
/// counter-example nothing. What is only worth `info` (a placeholder, a documentation example) does not count as found.
pub fn rules(set: &RuleSet) -> Vec<Failure> {
    set.rules.iter().flat_map(rule).collect()
}

fn rule(rule: &Rule) -> Vec<Failure> {
    let detector = Detector::new(Arc::new(RuleSet { rules: vec![rule.clone()] }));
    let failure = |text, problem| Failure { rule: rule.id.clone(), text, problem };
    let mut failures = Vec::new();
    for (i, example) in rule.examples.iter().enumerate() {
        let found = found(&detector, &example.text);
        if found != example.extracts {
            let problem = format!("expected {}, found {}", list(&example.extracts), list(&found));
            failures.push(failure(Text::Example(i + 1), problem));
        }
    }
    for (i, example) in rule.counter_examples.iter().enumerate() {
        let found = found(&detector, &example.text);
        if !found.is_empty() {
            failures.push(failure(Text::CounterExample(i + 1), format!("found {}", list(&found))));
        }
    }
    failures
}

fn found(detector: &Detector, text: &str) -> Vec<Extract> {
    let matches = detector.detect(text.as_bytes());
    matches.iter().filter(|m| m.severity > Severity::Info).map(extract).collect()
}

fn extract(found: &Match) -> Extract {
    let value = |v: &Option<Value>| v.as_ref().map(|v| v.text.expose().to_owned());
    Extract { id: value(&found.id), secret: value(&found.secret), token: value(&found.token) }
}

/// For people: the id, `secret q7Tn************ (40 characters)`, joined by a plus sign; several by a semicolon.
fn list(extracts: &[Extract]) -> String {
    if extracts.is_empty() {
        return "nothing".into();
    }
    let masked = |name: &str, value: &Option<String>| {
        value.as_ref().map(|v| {
            format!("{name} {} ({} characters)", Secret::new(v.as_str()).masked(), v.chars().count())
        })
    };
    let one = |e: &Extract| {
        let parts = [e.id.clone(), masked("secret", &e.secret), masked("token", &e.token)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" + ")
    };
    extracts.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same rules with an example whose first extract is damaged, and which is a counter-example as well.
    #[test]
    fn a_rule_that_fails_its_texts_is_told() {
        let mut set = RuleSet::embedded();
        let rule = &mut set.rules[0];
        rule.counter_examples =
            vec![crate::rules::CounterExample { text: rule.examples[0].text.clone(), why: "wrong".into() }];
        rule.examples.truncate(1);
        let secret = rule.examples[0].extracts[0].secret.clone().unwrap();
        rule.examples[0].extracts[0].secret = Some(secret.chars().rev().collect());
        set.rules.truncate(1);

        let failures = rules(&set);
        let texts: Vec<Text> = failures.iter().map(|f| f.text).collect();
        assert_eq!(texts, [Text::Example(1), Text::CounterExample(1)], "{failures:?}");
        for failure in failures {
            assert!(!failure.to_string().contains(&secret), "{failure}");
            assert!(failure.problem.contains(&secret[..4]), "{failure}");
        }
    }

    #[test]
    fn built_in_rules_pass_their_own_texts() {
        let failures: Vec<String> = rules(&RuleSet::embedded()).iter().map(Failure::to_string).collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }
}
