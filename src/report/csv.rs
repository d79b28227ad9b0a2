//! A table (RFC 4180): one row for each place of each finding. A spreadsheet runs no cell of it.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::finding::{Finding, Location, Verification};
use crate::report::sanitize::sanitize;
use crate::report::wire::{commit_date, lossy, path_bytes};
use crate::report::{Report, text as words};

const HEADER: [&str; 32] = [
    "fingerprint",
    "rule_id",
    "severity",
    "key_id",
    "account_id",
    "secret",
    "session_token",
    "verification",
    "notes",
    "main_place",
    "where",
    "path",
    "line",
    "column",
    "secret_line",
    "commit",
    "author",
    "date",
    "subject",
    "reachable",
    "in_head",
    "removed",
    "named_by",
    "object",
    "suppression",
    "suppression_reason",
    "verified_account",
    "verified_arn",
    "verification_reason",
    "member",
    "path_bytes",
    "note_on",
];

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    row(&HEADER.map(str::to_owned), out)?;
    for finding in report.all_findings() {
        row(&cells(finding, &finding.location, true, report), out)?;
        for location in &finding.other_locations {
            row(&cells(finding, location, false, report), out)?;
        }
    }
    Ok(())
}

fn cells(finding: &Finding, location: &Location, main: bool, report: &Report<'_>) -> [String; HEADER.len()] {
    let redactor = &report.redactor;
    let (account, arn, reason) = match &finding.verification {
        Verification::NotAttempted => (None, None, None),
        Verification::Active { account, arn, .. } => (Some(&**account), Some(&**arn), None),
        Verification::Inactive { code: reason } | Verification::Unknown { reason } => {
            (None, None, Some(&**reason))
        }
    };
    let text = |text: Option<&str>| text.map(|text| redactor.text(text).into_owned()).unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let truth = |truth: Option<bool>| truth.map(|truth| truth.to_string()).unwrap_or_default();
    let secret = |secret: Option<&crate::finding::Secret>| match secret {
        Some(secret) if report.options.show_secrets => secret.expose().to_owned(),
        Some(secret) => secret.masked(),
        None => String::new(),
    };
    let commit = location.commit.as_deref();
    let notes: Vec<_> = finding.notes.iter().map(|note| note.name()).collect();
    [
        finding.fingerprint.as_str().to_owned(),
        finding.rule_id.to_string(),
        finding.severity.name().to_owned(),
        finding.key_id.as_deref().unwrap_or_default().to_owned(),
        finding.account_id.as_deref().unwrap_or_default().to_owned(),
        secret(finding.secret.as_ref()),
        secret(finding.session_token.as_ref()),
        match &finding.verification {
            Verification::NotAttempted => String::new(),
            verification => words::status(verification).to_owned(),
        },
        notes.join(" "),
        main.to_string(),
        location.place.name().to_owned(),
        location.path.as_deref().map(|path| lossy(redactor.bytes(path)).into_owned()).unwrap_or_default(),
        number(location.line),
        number(location.column),
        number(location.secret_line),
        commit.map(|commit| commit.id.clone()).unwrap_or_default(),
        text(commit.map(|commit| commit.author.as_str())),
        commit.and_then(commit_date).unwrap_or_default(),
        text(commit.map(|commit| commit.subject.as_str())),
        truth(location.reachable),
        truth(location.in_head),
        location.removed.as_deref().map(|commit| commit.id.clone()).unwrap_or_default(),
        text(location.named_by.as_deref()),
        location.object.clone().unwrap_or_default(),
        finding.suppression.as_ref().map(|s| s.kind.name().to_owned()).unwrap_or_default(),
        text(finding.suppression.as_ref().and_then(|s| s.reason.as_deref())),
        text(account),
        text(arn),
        text(reason),
        words::member(location, redactor).map(Cow::into_owned).unwrap_or_default(),
        location.path.as_deref().and_then(|path| path_bytes(&redactor.bytes(path))).unwrap_or_default(),
        location.note_on.clone().unwrap_or_default(),
    ]
}

fn row(cells: &[String], out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// A cell: control characters as escapes, an apostrophe before what a spreadsheet would take for a formula, quotes where
/// they are needed.
fn cell(text: &str) -> String {
    let mut text = sanitize(text).into_owned();
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', ';', '\'', ' ']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_run_nothing() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("=cmd|'/c calc'!A0", "\"'=cmd|'/c calc'!A0\""),
            ("@x", "\"'@x\""),
            ("a\r\nb", "a\\r\\nb"),
        ] {
            assert_eq!(cell(text), shown);
        }
    }
}
