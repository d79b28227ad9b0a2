//! GitLab's secret detection report, schema 15.0.7. GitLab takes a report only if it knows the first two numbers of its
//! schema, and 15.0 is the one that every supported version knows.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::finding::{Finding, Location, Severity};
use crate::report::text;
use crate::report::wire::lossy;
use crate::report::{Report, masked, remedy};

/// GitLab refuses an empty commit. This is its own name for none.
const NO_COMMIT: &str = "0000000";
/// The longest name and the longest solution that GitLab takes, in characters.
const NAME: usize = 255;
const SOLUTION: usize = 7000;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    masked(report, |report| {
        serde_json::to_writer_pretty(&mut *out, &document(report))?;
        writeln!(out)
    })
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    scan: Value,
    vulnerabilities: Vulnerabilities<'a>,
}

/// Made while they are written, one at a time.
struct Vulnerabilities<'a>(&'a Report<'a>);

impl Serialize for Vulnerabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places =
            self.0.findings().flat_map(|finding| finding.places().map(move |location| (finding, location)));
        serializer.collect_seq(places.map(|(finding, location)| vulnerability(finding, location, self.0)))
    }
}

fn document<'a>(report: &'a Report<'a>) -> Document<'a> {
    let outcome = report.outcome;
    let program = json!({
        "id": "keyhound",
        "name": "keyhound",
        "version": report.options.tool_version,
        "vendor": { "name": "keyhound" },
    });
    let messages: Vec<Value> = outcome
        .incomplete
        .iter()
        .map(|entry| json!({ "level": "fatal", "value": format!("not read: {}", report.redactor.text(&entry.to_string())) }))
        .collect();
    let scan = json!({
        "analyzer": program,
        "scanner": program,
        "type": "secret_detection",
        "status": if report.complete() { "success" } else { "failure" },
        "start_time": time(outcome.started),
        "end_time": time(outcome.finished),
        "messages": messages,
    });
    Document { version: "15.0.7", scan, vulnerabilities: Vulnerabilities(report) }
}

fn vulnerability(finding: &Finding, location: &Location, report: &Report<'_>) -> Value {
    let redactor = &report.redactor;
    let rule = report.rule(&finding.rule_id);
    let title = text::title(finding, report);
    let mut description = format!("{title}: {}", text::parts(finding));
    if let Some(member) = text::member(location, redactor) {
        let _ = write!(description, ", there in {member}");
    }
    for &note in &finding.notes {
        let _ = write!(description, ". Note: {}", text::note(note));
    }
    if let Some(verdict) = text::verification(finding, redactor) {
        let _ = write!(description, ". Status: {verdict}");
    }
    for step in remedy::steps(finding, report.outcome.finished) {
        let _ = write!(description, "\n\n{step}");
    }
    let commit = match location.commit.as_deref() {
        Some(commit) => json!({
            "sha": if commit.id.is_empty() { NO_COMMIT } else { &commit.id },
            "author": redactor.text(&commit.author),
            "message": redactor.text(&commit.subject),
            "date": Timestamp::from_second(commit.time).map(|date| date.to_string()).unwrap_or_default(),
        }),
        None => json!({ "sha": NO_COMMIT }),
    };
    let mut place = json!({ "commit": commit });
    place["file"] = match location.path.as_deref() {
        Some(path) => json!(lossy(redactor.bytes(path))),
        None => json!(text::place_name(location, redactor)),
    };
    if let Some(line) = location.line {
        place["start_line"] = json!(line);
        place["end_line"] = json!(line);
    }
    let mut value = json!({
        "id": id(finding, location),
        "category": "secret_detection",
        "name": title.chars().take(NAME).collect::<String>(),
        "description": description,
        "severity": severity(finding.severity),
        "identifiers": [{
            "type": "keyhound_rule_id",
            "name": format!("keyhound rule {}", finding.rule_id),
            "value": *finding.rule_id,
        }],
        "location": place,
    });
    if let Some(secret) = finding.secret.as_ref() {
        value["raw_source_code_extract"] = json!(secret.masked());
    }
    if let Some(rule) = rule {
        if !rule.remediation.trim().is_empty() {
            value["solution"] = json!(rule.remediation.trim().chars().take(SOLUTION).collect::<String>());
        }
        let links: Vec<Value> = rule
            .references
            .iter()
            .filter(|url| url.starts_with("https://"))
            .map(|url| json!({ "url": url }))
            .collect();
        if !links.is_empty() {
            value["links"] = json!(links);
        }
    }
    value
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
    }
}

/// An id in the form of a UUID, the same for the same credential in the same place.
fn id(finding: &Finding, location: &Location) -> String {
    let mut hash = Sha256::new();
    let commit = location.commit.as_ref().map_or("", |commit| &commit.id);
    let line = location.line.unwrap_or(0).to_string();
    let column = location.column.unwrap_or(0).to_string();
    let object = location.object.as_deref().unwrap_or_default();
    let name = location.named_by.as_deref().unwrap_or_default();
    for part in [
        finding.fingerprint.as_str().as_bytes(),
        location.place.name().as_bytes(),
        location.path.as_deref().unwrap_or_default(),
        commit.as_bytes(),
        line.as_bytes(),
        column.as_bytes(),
        object.as_bytes(),
        name.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    // Version 8: a value of the maker's own design.
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// GitLab's form: UTC without a zone.
fn time(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    format!("{time:.0}").trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::time;
    use std::time::{Duration, SystemTime};

    #[test]
    fn times_have_no_zone_and_no_fraction() {
        assert_eq!(time(SystemTime::UNIX_EPOCH + Duration::from_millis(1999)), "1970-01-01T00:00:01");
    }
}
