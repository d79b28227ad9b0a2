//! The wire types of the formats json and jsonl, version 1: docs/json.md and docs/keyhound-report.schema.json say what
//! they mean. A field may be added within a version; one that goes or changes its meaning makes a new version.

use std::borrow::Cow;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use crate::aws::base::base64_encode;
use crate::aws::identity::Remark;
use crate::blob::Skipped;
use crate::finding::{Commit, Finding, Location, Secret, Verification};
use crate::report::redact::Redactor;
use crate::report::{Report, remedy, text};

/// The version that every report names.
pub(super) const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
pub(super) struct Tool<'a> {
    name: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
pub(super) struct Stats {
    blobs: u64,
    bytes: u64,
}

#[derive(Serialize)]
pub(super) struct NotRead<'a> {
    what: Cow<'a, str>,
    reason: Cow<'a, str>,
    help: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
pub(super) struct Place<'a> {
    path: Option<Cow<'a, str>>,
    path_bytes: Option<String>,
    line: Option<u64>,
    column: Option<u64>,
    end_column: Option<u64>,
    secret_line: Option<u64>,
    commit: Option<&'a str>,
    author: Option<Cow<'a, str>>,
    date: Option<String>,
    subject: Option<Cow<'a, str>>,
    r#where: &'static str,
    reachable: bool,
    in_head: Option<bool>,
    removed: Option<&'a str>,
    named_by: Option<Cow<'a, str>>,
    note_on: Option<&'a str>,
    object: Option<&'a str>,
    line_hash: Option<&'a str>,
    member: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
pub(super) struct WireSnippet {
    text: String,
    start: u64,
    end: u64,
}

#[derive(Serialize)]
pub(super) struct WireVerification<'a> {
    status: &'static str,
    account: Option<&'a str>,
    arn: Option<&'a str>,
    user_id: Option<&'a str>,
    code: Option<&'a str>,
    reason: Option<Cow<'a, str>>,
    remarks: Vec<&'static str>,
    commands: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct WireFinding<'a> {
    rule_id: &'a str,
    severity: &'static str,
    key_id: Option<&'a str>,
    account_id: Option<&'a str>,
    secret: Option<Cow<'a, str>>,
    session_token: Option<Cow<'a, str>>,
    #[serde(flatten)]
    place: Place<'a>,
    encodings: Vec<&'static str>,
    notes: Vec<&'static str>,
    other_locations: Vec<Place<'a>>,
    other_locations_omitted: u64,
    fingerprint: &'a str,
    suppression: Option<WireSuppression<'a>>,
    lapsed: Option<Cow<'a, str>>,
    verification: WireVerification<'a>,
    snippet: Option<WireSnippet>,
}

#[derive(Serialize)]
pub(super) struct WireSuppression<'a> {
    kind: &'static str,
    reason: Option<Cow<'a, str>>,
    author: Option<Cow<'a, str>>,
    expires: Option<&'a str>,
    source: Option<Cow<'a, str>>,
}

impl<'a> Tool<'a> {
    pub(super) fn new(version: &'a str) -> Self {
        Self { name: "keyhound", version }
    }
}

impl Stats {
    pub(super) fn new(report: &Report<'_>) -> Self {
        let stats = report.outcome.stats;
        Self { blobs: stats.blobs, bytes: stats.bytes }
    }
}

impl<'a> NotRead<'a> {
    pub(super) fn all(skipped: &'a [Skipped], redactor: &Redactor) -> Vec<Self> {
        let entry = |skipped: &'a Skipped| Self {
            what: redactor.text(&skipped.what),
            reason: redactor.text(&skipped.reason),
            help: skipped.help.as_deref().map(|help| redactor.text(help)),
        };
        skipped.iter().map(entry).collect()
    }
}

impl<'a> Place<'a> {
    fn new(location: &'a Location, redactor: &Redactor) -> Self {
        let path = location.path.as_deref().map(|path| redactor.bytes(path));
        let commit = location.commit.as_deref();
        Self {
            path_bytes: path.as_deref().and_then(path_bytes),
            path: path.map(lossy),
            line: location.line,
            column: location.column,
            end_column: location.end_column,
            secret_line: location.secret_line,
            commit: commit.map(|commit| commit.id.as_str()),
            author: commit.map(|commit| redactor.text(&commit.author)),
            date: commit.and_then(commit_date),
            subject: commit.map(|commit| redactor.text(&commit.subject)),
            r#where: location.place.name(),
            // outside history nothing has to reach a place
            reachable: location.reachable.unwrap_or(true),
            in_head: location.in_head,
            removed: location.removed.as_deref().map(|commit| commit.id.as_str()),
            named_by: location.named_by.as_deref().map(|name| redactor.text(name)),
            note_on: location.note_on.as_deref(),
            object: location.object.as_deref(),
            line_hash: location.line_hash.as_deref(),
            member: text::member(location, redactor),
        }
    }
}

impl<'a> WireFinding<'a> {
    pub(super) fn new(finding: &'a Finding, report: &Report<'_>) -> Self {
        let redactor = &report.redactor;
        let secret = |secret: &'a Secret| {
            if report.options.show_secrets { secret.expose().into() } else { secret.masked().into() }
        };
        Self {
            rule_id: &finding.rule_id,
            severity: finding.severity.name(),
            key_id: finding.key_id.as_deref(),
            account_id: finding.account_id.as_deref(),
            secret: finding.secret.as_ref().map(secret),
            session_token: finding.session_token.as_ref().map(secret),
            place: Place::new(&finding.location, redactor),
            encodings: finding.encodings.iter().map(|encoding| encoding.name()).collect(),
            notes: finding.notes.iter().map(|note| note.name()).collect(),
            other_locations: finding.other_locations.iter().map(|l| Place::new(l, redactor)).collect(),
            other_locations_omitted: finding.other_locations_omitted,
            fingerprint: finding.fingerprint.as_str(),
            suppression: finding.suppression.as_ref().map(|s| WireSuppression {
                kind: s.kind.name(),
                reason: s.reason.as_deref().map(|text| redactor.text(text)),
                author: s.author.as_deref().map(|text| redactor.text(text)),
                expires: s.expires.as_deref(),
                source: s.source.as_deref().map(|text| redactor.text(text)),
            }),
            lapsed: finding.lapsed.as_deref().map(|text| redactor.text(text)),
            verification: WireVerification::new(finding, report),
            snippet: finding.snippet.as_ref().map(|snippet| {
                let [before, inside, after] = redactor.cut(&snippet.text, snippet.highlight);
                let start = before.chars().count() as u64;
                let end = start + inside.chars().count() as u64;
                WireSnippet { text: [before, inside, after].concat(), start, end }
            }),
        }
    }
}

impl<'a> WireVerification<'a> {
    pub(super) fn new(finding: &'a Finding, report: &Report<'_>) -> Self {
        let verification = &finding.verification;
        let none = Self {
            status: text::status(verification),
            account: None,
            arn: None,
            user_id: None,
            code: None,
            reason: None,
            remarks: text::remarks(finding).into_iter().map(Remark::name).collect(),
            commands: remedy::steps(finding, report.outcome.finished)
                .into_iter()
                .filter_map(|step| step.command)
                .collect(),
        };
        match verification {
            Verification::NotAttempted => none,
            Verification::Active { account, arn, user_id } => {
                Self { account: Some(account), arn: Some(arn), user_id: Some(user_id), ..none }
            }
            Verification::Inactive { code } => Self { code: Some(code), ..none },
            Verification::Unknown { reason } => Self { reason: Some(report.redactor.text(reason)), ..none },
        }
    }
}

/// Texts from outside.
pub(super) fn texts<'a>(texts: &'a [String], redactor: &Redactor) -> Vec<Cow<'a, str>> {
    texts.iter().map(|text| redactor.text(text)).collect()
}

/// `complete` or `incomplete`.
pub(super) fn state(report: &Report<'_>) -> &'static str {
    if report.complete() { "complete" } else { "incomplete" }
}

/// RFC 3339, UTC, in milliseconds; `None` if it is outside the years that have one.
pub(super) fn time(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| format!("{time:.3}"))
}

/// The committer date: RFC 3339, UTC, in seconds.
pub(super) fn commit_date(commit: &Commit) -> Option<String> {
    Timestamp::from_second(commit.time).ok().map(|time| time.to_string())
}

/// A path for people: invalid UTF-8 replaced.
pub(super) fn lossy(path: Cow<'_, [u8]>) -> Cow<'_, str> {
    match path {
        Cow::Borrowed(path) => String::from_utf8_lossy(path),
        Cow::Owned(path) => Cow::Owned(String::from_utf8_lossy(&path).into_owned()),
    }
}

/// A path that a text cannot give exactly, in base64.
pub(super) fn path_bytes(path: &[u8]) -> Option<String> {
    std::str::from_utf8(path).is_err().then(|| base64_encode(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_or_missing() {
        let mut commit = Commit { id: String::new(), author: String::new(), time: 0, subject: String::new() };
        assert_eq!(commit_date(&commit).as_deref(), Some("1970-01-01T00:00:00Z"));
        commit.time = i64::MAX;
        assert_eq!(commit_date(&commit), None);
        assert_eq!(time(SystemTime::UNIX_EPOCH).as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }
}
