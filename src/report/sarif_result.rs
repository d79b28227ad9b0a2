//! One SARIF result.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;

use crate::blob::Place;
use crate::finding::{Commit, Finding, Location, Severity, Suppression, SuppressionKind, Verification};
use crate::report::redact::Redactor;
use crate::report::sarif::security_severity;
use crate::report::text::Standing;
use crate::report::wire::{WireVerification, commit_date};
use crate::report::{Report, text, uri};

/// The most related locations of a result: GitHub keeps a hundred.
const RELATED: usize = 100;

/// The result of a finding, whose descriptor has this id and index.
pub(super) fn result(finding: &Finding, rule: &str, index: usize, report: &Report<'_>) -> Value {
    let redactor = &report.redactor;
    let location = &finding.location;
    let mut sentence = format!("{}: {}", text::title(finding, report), text::parts(finding));
    if let Some(member) = text::member(location, redactor) {
        let _ = write!(sentence, ", there in {member}");
    }
    if let Some(commit) = &location.commit {
        let _ = write!(sentence, ", introduced by commit {}", text::short(&commit.id));
    }
    sentence.push_str(match text::standing(location) {
        None | Some(Standing::Here) => "",
        Some(Standing::Elsewhere) => ", still in HEAD at another place",
        Some(Standing::Gone) => ", not in HEAD any more but still in the history",
        Some(Standing::NotThere) => ", not in HEAD but still in the history",
        Some(Standing::Staged) => ", staged but not committed",
        Some(Standing::Unreached) => ", in an object that no ref reaches",
    });
    for &note in &finding.notes {
        let _ = write!(sentence, ". Note: {}", text::note(note));
    }
    if let Some(lapsed) = &finding.lapsed {
        let _ = write!(sentence, ". Note: {}", redactor.text(lapsed));
    }
    if let Some(verdict) = text::verification(finding, redactor) {
        let _ = write!(sentence, ". Status: {verdict}");
    }

    let mut fingerprints = Map::new();
    if let Some(hash) = line_hash(finding) {
        fingerprints.insert("primaryLocationLineHash".to_owned(), json!(hash));
    }
    fingerprints.insert("keyhound/v1".to_owned(), json!(finding.fingerprint.as_str()));

    let mut related = Vec::new();
    if let Some(line) = location.secret_line.filter(|_| location.secret_line != location.line) {
        let region = json!({ "startLine": line });
        related.push(("The secret".to_owned(), with_region(physical(location, redactor), Some(region))));
    }
    for other in &finding.other_locations {
        let mut words = "The same credential".to_owned();
        if let Some(commit) = &other.commit {
            let _ = write!(words, ", commit {}", text::short(&commit.id));
        }
        related.push((words, with_region(physical(other, redactor), region(other))));
    }
    let all = related.len();
    let related: Vec<Value> = (1..=RELATED)
        .zip(related)
        .map(|(id, (words, physical))| json!({ "id": id, "message": message(&words), "physicalLocation": physical }))
        .collect();

    let mut value = json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": message(&sentence),
        "locations": [{ "physicalLocation": with_region(physical(location, redactor), region(location)) }],
        "partialFingerprints": fingerprints,
        "properties": properties(finding, all, report),
    });
    if !related.is_empty() {
        value["relatedLocations"] = json!(related);
    }
    // Left out, the alert would close, and open again with the next report that has it.
    if let Some(suppression) = &finding.suppression {
        value["suppressions"] = json!([self::suppression(suppression, redactor)]);
    }
    value
}

fn suppression(suppression: &Suppression, redactor: &Redactor) -> Value {
    let kind = match suppression.kind {
        SuppressionKind::Inline => "inSource",
        SuppressionKind::Config | SuppressionKind::Baseline => "external",
    };
    let mut value = json!({ "kind": kind, "status": "accepted" });
    if let Some(reason) = suppression.reason.as_deref().filter(|reason| !reason.is_empty()) {
        value["justification"] = json!(redactor.text(reason));
    }
    let texts =
        [("author", &suppression.author), ("expires", &suppression.expires), ("source", &suppression.source)];
    for (name, text) in texts {
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            value["properties"][name] = json!(redactor.text(text));
        }
    }
    value
}

/// The severity as SARIF's level.
pub(super) const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Low => "warning",
        Severity::Info => "note",
    }
}

/// Plain text as a message: brackets would begin a link, braces a placeholder.
pub(super) fn message(text: &str) -> Value {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '[' | ']' | '\\' => escaped.extend(['\\', character]),
            '{' | '}' => escaped.extend([character, character]),
            _ => escaped.push(character),
        }
    }
    json!({ "text": escaped })
}

/// GitHub needs the line hash to know an alert again, and computes it only for files of the checkout. What is not there
/// (a message, a name, a blob that HEAD has no more) and has no text to hash gets one made of the fingerprint.
fn line_hash(finding: &Finding) -> Option<String> {
    let location = &finding.location;
    let in_checkout = match location.place {
        Place::File | Place::Index | Place::Stdin | Place::Symlink | Place::Lfs => true,
        Place::Blob => location.in_head != Some(false) && location.removed.is_none(),
        Place::CommitMessage
        | Place::TagMessage
        | Place::Note
        | Place::Path
        | Place::Ref
        | Place::GitFile => false,
    };
    let of_fingerprint = || {
        let digits = finding.fingerprint.as_str().rsplit('-').next()?.get(..16)?;
        (!in_checkout).then(|| format!("{digits}:1"))
    };
    location.line_hash.clone().or_else(of_fingerprint)
}

fn physical(location: &Location, redactor: &Redactor) -> Value {
    let Some(path) = location.path.as_deref().map(|path| redactor.bytes(path)) else {
        // A result must name an artifact: what is no file gets a name that no file of a repository has.
        let name = text::inner_name(location, redactor).unwrap_or("unnamed".into());
        let path = match location.place {
            Place::Stdin => "stdin".to_owned(),
            place => format!(".git/{}/{name}", place.name()),
        };
        return json!({ "artifactLocation": { "uri": uri::of_path(path.as_bytes()), "uriBaseId": "%SRCROOT%" } });
    };
    let mut artifact = json!({ "uri": uri::of_path(&path) });
    if uri::is_relative(&path) {
        artifact["uriBaseId"] = json!("%SRCROOT%");
    }
    json!({ "artifactLocation": artifact })
}

fn with_region(mut physical: Value, region: Option<Value>) -> Value {
    if let Some(region) = region {
        physical["region"] = region;
    }
    physical
}

fn region(location: &Location) -> Option<Value> {
    // What stands in the name of a file is on no line of it.
    let line = location.line.filter(|&line| line > 0 && location.place != Place::Path)?;
    let mut region = json!({ "startLine": line });
    if let Some(column) = location.column.filter(|&column| column > 0) {
        region["startColumn"] = json!(column);
        // An end before the start stands on a later line, whose number is not known.
        if let Some(end) = location.end_column.filter(|&end| end > column) {
            region["endLine"] = json!(line);
            region["endColumn"] = json!(end);
        }
    }
    Some(region)
}

fn properties(finding: &Finding, related: usize, report: &Report<'_>) -> Value {
    let redactor = &report.redactor;
    let location = &finding.location;
    let mut properties = json!({
        "severity": finding.severity.name(),
        "security-severity": security_severity(finding.severity),
        "where": location.place.name(),
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties[name] = value;
        }
    };
    put("keyId", finding.key_id.as_ref().map(|id| json!(**id)));
    put("accountId", finding.account_id.as_ref().map(|id| json!(**id)));
    put("reachable", location.reachable.map(|reachable| json!(reachable)));
    put("inHead", location.in_head.map(|in_head| json!(in_head)));
    put("object", location.object.as_ref().map(|object| json!(object)));
    put("namedBy", location.named_by.as_ref().map(|name| json!(redactor.text(name))));
    put("noteOn", location.note_on.as_ref().map(|id| json!(id)));
    put("commit", location.commit.as_deref().map(|commit| self::commit(commit, redactor)));
    put("removedBy", location.removed.as_deref().map(|commit| self::commit(commit, redactor)));
    put("verification", verification(finding, report));
    let encodings: Vec<_> = finding.encodings.iter().map(|encoding| encoding.name()).collect();
    put("encodings", (!encodings.is_empty()).then(|| json!(encodings)));
    put("member", text::member(location, redactor).map(|member| json!(member)));
    let notes: Vec<_> = finding.notes.iter().map(|note| note.name()).collect();
    put("notes", (!notes.is_empty()).then(|| json!(notes)));
    let unlisted = finding.other_locations_omitted.saturating_add(related.saturating_sub(RELATED) as u64);
    put("relatedLocationsLeftOut", (unlisted > 0).then(|| json!(unlisted)));
    properties
}

/// What came of verification, as in JSON; nothing if nothing was asked.
fn verification(finding: &Finding, report: &Report<'_>) -> Option<Value> {
    let asked = finding.verification != Verification::NotAttempted;
    asked.then(|| serde_json::to_value(WireVerification::new(finding, report)).unwrap_or_default())
}

fn commit(commit: &Commit, redactor: &Redactor) -> Value {
    json!({
        "id": commit.id,
        "author": redactor.text(&commit.author),
        "date": commit_date(commit),
        "subject": redactor.text(&commit.subject),
    })
}
