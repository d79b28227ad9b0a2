//! SARIF 2.1.0, as GitHub code scanning takes it: within its limits, and never with a secret.
//!
//! GitHub ranks alerts by the `security-severity` of their rule alone. So a finding that is less than its rule says (an id
//! without secret) belongs to a descriptor of its own, `rule-id/low`. One that is more, because it was verified, stays
//! with its rule: otherwise the alert would close and another one open.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::blob::Skipped;
use crate::finding::{Finding, Severity};
use crate::report::sarif_result::{self, level, message};
use crate::report::wire::time;
use crate::report::{Report, masked, text};
use crate::rules::Rule;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The most results that GitHub takes in one run.
const RESULTS: usize = 25_000;
/// The longest description that GitHub takes, in characters.
const DESCRIPTION: usize = 1024;
/// The most notifications of things that were not read; the last one counts the rest.
const NOTIFICATIONS: usize = 1000;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    masked(report, |report| {
        serde_json::to_writer_pretty(&mut *out, &log(report, RESULTS))?;
        writeln!(out)
    })
}

fn log(report: &Report<'_>, most: usize) -> Value {
    let outcome = report.outcome;
    let mut findings: Vec<&Finding> = report.all_findings().collect();
    findings.sort_by_key(|f| (f.suppression.is_some(), std::cmp::Reverse(f.severity)));
    let too_many = findings.len().saturating_sub(most);
    findings.truncate(most);
    let mut descriptors = Descriptors::default();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let (id, index) = descriptors.of(finding, report);
            sarif_result::result(finding, &id, index, report)
        })
        .collect();

    let mut notifications = notifications(&outcome.incomplete, "error", "not-read", report);
    notifications.extend(self::notifications(&outcome.left_out, "note", "left-out", report));
    if too_many > 0 {
        let number = text::counted(too_many as u64, "result");
        let text = format!("{number} left out, the least severe ones: code scanning takes {most}");
        notifications.push(notification(&text, "warning", "too-many-results"));
    }
    let mut invocation = Map::new();
    invocation.insert("executionSuccessful".to_owned(), json!(report.complete()));
    for (name, moment) in [("startTimeUtc", outcome.started), ("endTimeUtc", outcome.finished)] {
        if let Some(moment) = time(moment) {
            invocation.insert(name.to_owned(), json!(moment));
        }
    }
    invocation.insert("toolExecutionNotifications".to_owned(), json!(notifications));

    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "keyhound",
                "version": report.options.tool_version,
                "semanticVersion": report.options.tool_version,
                "rules": descriptors.values,
                "notifications": [
                    { "id": "not-read", "shortDescription": { "text": "Something could not be read: the scan is incomplete" } },
                    { "id": "left-out", "shortDescription": { "text": "Something was left out on purpose" } },
                    { "id": "too-many-results", "shortDescription": { "text": "More results than code scanning takes" } },
                ],
            } },
            "automationDetails": { "id": format!("keyhound/{}/", outcome.mode) },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {
                "%SRCROOT%": { "description": { "text": "The root of the repository or folder that was scanned" } },
            },
            "invocations": [invocation],
            "results": results,
        }],
    })
}

fn notifications(skipped: &[Skipped], level: &str, id: &str, report: &Report<'_>) -> Vec<Value> {
    let mut notifications: Vec<Value> = skipped
        .iter()
        .take(NOTIFICATIONS)
        .map(|entry| notification(&report.redactor.text(&entry.to_string()), level, id))
        .collect();
    if let Some(more) = skipped.len().checked_sub(NOTIFICATIONS).filter(|&more| more > 0) {
        notifications.push(notification(&format!("and {more} more"), level, id));
    }
    notifications
}

fn notification(text: &str, level: &str, id: &str) -> Value {
    json!({ "level": level, "message": message(text), "descriptor": { "id": id } })
}

/// The rules that results belong to, in the order in which they are met.
#[derive(Default)]
struct Descriptors {
    ids: Vec<String>,
    values: Vec<Value>,
}

impl Descriptors {
    /// The descriptor of a finding: its id and index.
    fn of(&mut self, finding: &Finding, report: &Report<'_>) -> (String, usize) {
        let rule = report.rule(&finding.rule_id);
        let severity = match rule {
            Some(rule) => finding.severity.min(rule.severity),
            None => finding.severity,
        };
        let less = rule.is_some_and(|rule| severity < rule.severity);
        let id = if less {
            format!("{}/{}", finding.rule_id, severity.name())
        } else {
            finding.rule_id.to_string()
        };
        let index = self.ids.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.ids.push(id.clone());
            self.values.push(descriptor(&id, severity, rule));
            self.ids.len() - 1
        });
        (id, index)
    }
}

fn descriptor(id: &str, severity: Severity, rule: Option<&Rule>) -> Value {
    // The empty string is refused.
    let or = |text: &str, other: &str| {
        let text = text.trim();
        if text.is_empty() { other.to_owned() } else { text.to_owned() }
    };
    let name = id.split('/').next().unwrap_or(id);
    let mut short = or(rule.map_or("", |rule| &rule.description), name);
    let why = or(rule.map_or("", |rule| &rule.why), &short);
    if name != id {
        let _ = write!(short, " ({})", severity.name());
    }
    let full: String = why.chars().take(DESCRIPTION).collect();
    let steps: Vec<&str> = rule.map_or("", |rule| &rule.remediation).lines().map(str::trim).collect();
    let steps: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
    let references = rule.map_or(&[][..], |rule| &rule.references);

    let mut text = why.clone();
    let mut markdown = why;
    for (number, step) in (1..).zip(&steps) {
        let _ = write!(text, "\n{number}. {step}");
        let _ =
            write!(markdown, "{}{number}. {step}", if number == 1 { "\n\n**What to do**\n\n" } else { "\n" });
    }
    for (index, reference) in references.iter().enumerate() {
        let _ = write!(text, "\n{reference}");
        let _ =
            write!(markdown, "{}- <{reference}>", if index == 0 { "\n\n**References**\n\n" } else { "\n" });
    }

    let mut value = json!({
        "id": id,
        "name": pascal_case(id),
        "shortDescription": { "text": short.chars().take(DESCRIPTION).collect::<String>() },
        "fullDescription": { "text": full },
        "help": { "text": text, "markdown": markdown },
        "defaultConfiguration": { "level": level(severity) },
        "properties": {
            "tags": ["security", "secrets", "external/cwe/cwe-798"],
            "precision": if severity >= Severity::High { "very-high" } else { "medium" },
            "problem.severity": if severity >= Severity::High { "error" } else { "warning" },
            "security-severity": security_severity(severity),
        },
    });
    let uri =
        references.iter().find(|reference| reference.starts_with("https://") && !reference.contains(' '));
    if let Some(uri) = uri {
        value["helpUri"] = json!(uri);
    }
    value
}

/// The score that GitHub ranks by, in the middle of its range for the severity.
pub(super) const fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.1",
    }
}

/// `aws-access-key/low` → `AwsAccessKeyLow`, at most 255 characters.
fn pascal_case(id: &str) -> String {
    let words = id.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_uppercase().chain(characters).collect::<String>())
    };
    let name: String =
        words.filter_map(capital).flat_map(|word| word.chars().collect::<Vec<_>>()).take(255).collect();
    if name.is_empty() { "Rule".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Location;
    use crate::report::Options;
    use crate::report::redact::Redactor;
    use crate::rules::RuleSet;
    use crate::scan::{Outcome, Stats};
    use std::time::SystemTime;

    #[test]
    fn names_are_pascal_case() {
        assert_eq!(["aws-access-key/low", "", "x"].map(pascal_case), ["AwsAccessKeyLow", "Rule", "X"]);
    }

    #[test]
    fn of_too_many_results_the_worst_are_kept_and_the_rest_is_told() {
        let finding = |severity, id: &str| {
            Finding::new("acme", severity, Some(id), None, Location::new(crate::blob::Place::Stdin))
        };
        let outcome = Outcome {
            mode: "files",
            target: String::new(),
            started: SystemTime::UNIX_EPOCH,
            finished: SystemTime::UNIX_EPOCH,
            stats: Stats::default(),
            findings: vec![
                finding(Severity::Low, "a"),
                finding(Severity::High, "b"),
                finding(Severity::Low, "c"),
                finding(Severity::Medium, "d"),
            ],
            incomplete: Vec::new(),
            left_out: Vec::new(),
            unused_suppressions: Vec::new(),
        };
        let report = Report {
            outcome: &outcome,
            rules: &RuleSet::default(),
            options: &Options::default(),
            redactor: Redactor::default(),
        };
        let log = log(&report, 3);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let texts: Vec<_> =
            results.iter().map(|result| result["message"]["text"].as_str().unwrap()).collect();
        assert_eq!(texts.len(), 3);
        for (text, id) in texts.iter().zip(["key id b", "key id d", "key id a"]) {
            assert!(text.contains(id), "{text}");
        }
        let invocation = &log["runs"][0]["invocations"][0];
        assert!(invocation["executionSuccessful"] == true);
        let told = invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
        assert!(told.starts_with("1 result left out"), "{told}");
    }
}
