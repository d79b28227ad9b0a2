//! Reads what `--format json` wrote, version 1. Texts come back as they stand in the report: masked where they were masked.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Deserialize;

use crate::aws::base::base64_decode;
use crate::aws::partition;
use crate::blob::{Place, Skipped};
use crate::finding::{
    Commit, Encoding, Finding, Fingerprint, Location, MASK, Note, Secret, Severity, Snippet, Suppression,
    SuppressionKind, Verification,
};
use crate::scan::{Outcome, Stats};

use super::wire::SCHEMA_VERSION;

/// A text is no report that can be read. Nothing of it is repeated: it can hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is no JSON, or not of this form.
    #[error("not a report of `--format json`, at {line}:{column}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is of another version.
    #[error("its schema_version is {0}, and {SCHEMA_VERSION} is known")]
    Version(u32),
    /// A field holds a value that no report has.
    #[error("its field {0} holds what no report has")]
    Value(&'static str),
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

#[derive(Deserialize)]
struct Document {
    scan: Scan,
    findings: Vec<ReadFinding>,
    incomplete: Vec<NotRead>,
    left_out: Vec<NotRead>,
    unused_suppressions: Vec<String>,
}

#[derive(Deserialize)]
struct Scan {
    mode: String,
    target: String,
    started: Option<String>,
    finished: Option<String>,
    stats: ReadStats,
}

#[derive(Deserialize)]
struct ReadStats {
    blobs: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct NotRead {
    what: String,
    reason: String,
    help: Option<String>,
}

#[derive(Deserialize)]
struct ReadFinding {
    rule_id: String,
    severity: Severity,
    key_id: Option<Box<str>>,
    account_id: Option<Box<str>>,
    secret: Option<Box<str>>,
    session_token: Option<Box<str>>,
    #[serde(flatten)]
    place: ReadPlace,
    encodings: Vec<String>,
    notes: Vec<String>,
    other_locations: Vec<ReadPlace>,
    other_locations_omitted: u64,
    fingerprint: String,
    suppression: Option<ReadSuppression>,
    #[serde(default)]
    lapsed: Option<String>,
    verification: ReadVerification,
    snippet: Option<ReadSnippet>,
}

#[derive(Deserialize)]
struct ReadPlace {
    path: Option<String>,
    path_bytes: Option<String>,
    line: Option<u64>,
    column: Option<u64>,
    end_column: Option<u64>,
    secret_line: Option<u64>,
    commit: Option<String>,
    author: Option<String>,
    date: Option<String>,
    subject: Option<String>,
    r#where: String,
    reachable: bool,
    in_head: Option<bool>,
    removed: Option<String>,
    named_by: Option<String>,
    /// Reports of older versions have neither this nor a member.
    #[serde(default)]
    note_on: Option<String>,
    object: Option<String>,
    line_hash: Option<String>,
    #[serde(default)]
    member: Option<String>,
}

#[derive(Deserialize)]
struct ReadSuppression {
    kind: String,
    reason: Option<String>,
    author: Option<String>,
    expires: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct ReadVerification {
    status: String,
    account: Option<String>,
    arn: Option<String>,
    user_id: Option<String>,
    code: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct ReadSnippet {
    text: String,
    start: usize,
    end: usize,
}

/// The outcome that a JSON report is about.
pub fn read_json(text: &[u8]) -> Result<Outcome, ReadError> {
    // what serde quotes could be a secret of the report
    let form = |error: serde_json::Error| ReadError::Form { line: error.line(), column: error.column() };
    let Version { schema_version } = serde_json::from_slice(text).map_err(form)?;
    if schema_version != SCHEMA_VERSION {
        return Err(ReadError::Version(schema_version));
    }
    let document: Document = serde_json::from_slice(text).map_err(form)?;
    let scan = document.scan;
    let modes = ["files", "history", "staged", "range", "audit", "verify"];
    let mode = modes.into_iter().find(|mode| *mode == scan.mode).ok_or(ReadError::Value("mode"))?;
    let skipped = |all: Vec<NotRead>| {
        all.into_iter().map(|s| Skipped { help: s.help, ..Skipped::new(s.what, s.reason) }).collect()
    };
    Ok(Outcome {
        mode,
        target: scan.target,
        started: time(scan.started.as_deref())?.map_or(SystemTime::UNIX_EPOCH, Into::into),
        finished: time(scan.finished.as_deref())?.map_or(SystemTime::UNIX_EPOCH, Into::into),
        stats: Stats { blobs: scan.stats.blobs, bytes: scan.stats.bytes },
        findings: document.findings.into_iter().map(finding).collect::<Result<_, _>>()?,
        incomplete: skipped(document.incomplete),
        left_out: skipped(document.left_out),
        unused_suppressions: document.unused_suppressions,
    })
}

/// Whether a secret of a report is masked.
pub fn is_masked(secret: &Secret) -> bool {
    secret.expose().ends_with(MASK)
}

fn finding(read: ReadFinding) -> Result<Finding, ReadError> {
    let secret = read.secret.map(Secret::new);
    let session_token = read.session_token.map(Secret::new);
    let verification = verification(read.verification)?;
    let of_arn = match &verification {
        Verification::Active { arn, .. } => partition::of_arn(arn),
        _ => None,
    };
    let of_token = || session_token.as_ref().and_then(|token| partition::of_token(token.expose()));
    let snippet = read.snippet.map(snippet);
    let near = || snippet.as_ref().and_then(|s| partition::nearest(s.text.as_bytes(), s.highlight.0));
    Ok(Finding {
        rule_id: read.rule_id.into(),
        severity: read.severity,
        key_id: read.key_id,
        account_id: read.account_id,
        partition: of_arn.or_else(of_token).or_else(near),
        secret,
        session_token,
        encodings: named(&read.encodings, &Encoding::ALL, Encoding::name, "encodings")?,
        notes: named(&read.notes, &Note::ALL, Note::name, "notes")?,
        location: location(read.place)?,
        other_locations: read.other_locations.into_iter().map(location).collect::<Result<_, _>>()?,
        other_locations_omitted: read.other_locations_omitted,
        snippet,
        fingerprint: Fingerprint::parse(&read.fingerprint).ok_or(ReadError::Value("fingerprint"))?,
        suppression: read.suppression.map(suppression).transpose()?,
        lapsed: read.lapsed,
        verification,
        runners_up: Vec::new(),
    })
}

fn location(read: ReadPlace) -> Result<Location, ReadError> {
    let place = one(&read.r#where, &Place::ALL, Place::name, "where")?;
    let path = match (read.path_bytes, read.path) {
        (Some(bytes), _) => Some(base64_decode(bytes.as_bytes()).ok_or(ReadError::Value("path_bytes"))?),
        (None, path) => path.map(String::into_bytes),
    };
    let commit = |id: String| Commit { id, author: String::new(), time: i64::MAX, subject: String::new() };
    let removed = read.removed.map(|id| Box::new(commit(id)));
    let introduced = match read.commit {
        None => None,
        Some(id) => Some(Box::new(Commit {
            author: read.author.unwrap_or_default(),
            time: time(read.date.as_deref())?.map_or(i64::MAX, Timestamp::as_second),
            subject: read.subject.unwrap_or_default(),
            ..commit(id)
        })),
    };
    let in_history = introduced.is_some() || read.in_head.is_some() || !read.reachable;
    Ok(Location {
        path,
        line: read.line,
        column: read.column,
        end_column: read.end_column,
        secret_line: read.secret_line,
        commit: introduced,
        removed,
        reachable: in_history.then_some(read.reachable),
        in_head: read.in_head,
        named_by: read.named_by,
        note_on: read.note_on,
        object: read.object,
        line_hash: read.line_hash,
        member: read.member.map(|member| member.into_bytes().into()),
        ..Location::new(place)
    })
}

fn suppression(read: ReadSuppression) -> Result<Suppression, ReadError> {
    let kinds = [SuppressionKind::Inline, SuppressionKind::Config, SuppressionKind::Baseline];
    Ok(Suppression {
        kind: one(&read.kind, &kinds, SuppressionKind::name, "kind")?,
        reason: read.reason,
        author: read.author,
        expires: read.expires,
        source: read.source,
    })
}

fn verification(read: ReadVerification) -> Result<Verification, ReadError> {
    let text = Option::unwrap_or_default;
    match read.status.as_str() {
        "not-attempted" => Ok(Verification::NotAttempted),
        "active" => Ok(Verification::Active {
            account: text(read.account),
            arn: text(read.arn),
            user_id: text(read.user_id),
        }),
        "inactive" => Ok(Verification::Inactive { code: text(read.code) }),
        "unknown" => Ok(Verification::Unknown { reason: text(read.reason) }),
        _ => Err(ReadError::Value("status")),
    }
}

fn snippet(read: ReadSnippet) -> Snippet {
    let byte = |n| read.text.char_indices().nth(n).map_or(read.text.len(), |at| at.0);
    let highlight = (byte(read.start), byte(read.end));
    Snippet { highlight, text: read.text }
}

fn time(text: Option<&str>) -> Result<Option<Timestamp>, ReadError> {
    text.map(str::parse).transpose().map_err(|_| ReadError::Value("date"))
}

fn one<T: Copy>(
    name: &str,
    all: &[T],
    name_of: fn(T) -> &'static str,
    field: &'static str,
) -> Result<T, ReadError> {
    all.iter().copied().find(|one| name_of(*one) == name).ok_or(ReadError::Value(field))
}

fn named<T: Copy>(
    names: &[String],
    all: &[T],
    name_of: fn(T) -> &'static str,
    field: &'static str,
) -> Result<Vec<T>, ReadError> {
    names.iter().map(|name| one(name, all, name_of, field)).collect()
}
