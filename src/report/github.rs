//! GitHub workflow commands: each finding becomes an annotation of the pull request, an error if it fails the run. GitHub shows some of
//! each kind for a step, so the worst come first, and before them their number if there are more. The last line is for the log.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::blob::Place;
use crate::finding::{Finding, Severity};
use crate::report::sanitize::{sanitize, sanitize_bytes};
use crate::report::text::{self, counted};
use crate::report::{Report, masked, remedy};

/// Annotations of each kind that GitHub shows for a step.
const SHOWN: usize = 10;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    masked(report, |report| {
        let outcome = report.outcome;
        if !report.complete() {
            let things = counted(outcome.incomplete.len() as u64, "thing");
            let mut message =
                format!("the scan is incomplete, so leaks may be missing here; not read: {things}");
            for entry in outcome.incomplete.iter().take(10) {
                let _ = write!(message, "\n{}", sanitize(&report.redactor.text(&entry.to_string())));
            }
            writeln!(out, "::error title=keyhound::{}", data(&message))?;
        }
        let findings = report.worst_first();
        if findings.len() > SHOWN {
            let all = counted(findings.len() as u64, "leaked credential");
            writeln!(
                out,
                "::notice title=keyhound::{all}: of each kind {SHOWN} are shown, the log of this step has all"
            )?;
        }
        let number = findings.iter().filter(|finding| finding.severity > Severity::Info).count() as u64;
        for finding in findings {
            annotation(finding, report, out)?;
        }
        let found = if number == 0 { "no leaks found".into() } else { counted(number, "leaked credential") };
        let suppressed = match report.suppressed() {
            0 => String::new(),
            number => format!("; {} suppressed", text::count(number)),
        };
        let read = counted(outcome.stats.blobs, text::noun(outcome.mode));
        let what = if report.complete() { "" } else { "what could be read: " };
        writeln!(out, "keyhound: {found} in {what}{read} ({}){suppressed}", text::size(outcome.stats.bytes))
    })
}

fn annotation(finding: &Finding, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let location = &finding.location;
    let command = match finding.severity {
        _ if report.options.fails(finding) => "error",
        Severity::Info => "notice",
        _ => "warning",
    };
    write!(out, "::{command} ")?;
    let in_file =
        !matches!(location.place, Place::Path | Place::CommitMessage | Place::TagMessage | Place::Ref);
    let mut message = String::new();
    // A member of an archive is no file of the change, and its lines are none of the archive.
    let is_member = location.member_len > 0;
    if let Some(path) = location.file() {
        write!(out, "file={},", property(&sanitize_bytes(&report.redactor.bytes(path))))?;
        if let Some(line) = location.line.filter(|_| in_file && !is_member) {
            write!(out, "line={line},endLine={line},")?;
            if let Some(column) = location.column {
                write!(out, "col={column},")?;
                if let Some(end) = location.end_column.filter(|&end| end > column) {
                    write!(out, "endColumn={end},")?;
                }
            }
        }
    }
    if location.path.is_none() || is_member {
        let _ = write!(message, "In {}. ", sanitize(&text::place_name(location, &report.redactor)));
    }
    let title = sanitize(&text::title(finding, report)).into_owned();
    let _ = write!(message, "{}: {}", finding.severity.name(), sanitize(&text::parts(finding)));
    if let Some(member) = text::member(location, &report.redactor) {
        let _ = write!(message, ", there in {}", sanitize(&member));
    }
    if let Some(commit) = &location.commit {
        let _ = write!(message, ", commit {}", sanitize(text::short(&commit.id)));
    }
    for &note in &finding.notes {
        let _ = write!(message, "\n{}", text::note(note));
    }
    if let Some(lapsed) = &finding.lapsed {
        let _ = write!(message, "\n{}", sanitize(&report.redactor.text(lapsed)));
    }
    if let Some(verdict) = text::verification(finding, &report.redactor) {
        let _ = write!(message, "\n{}", sanitize(&verdict));
    }
    for step in remedy::steps(finding, report.outcome.finished) {
        let _ = write!(message, "\n{}", sanitize(&step.to_string()));
    }
    if let Some(rule) = report.rule(&finding.rule_id) {
        let _ = write!(message, "\n{}", rule.remediation.trim());
    }
    writeln!(out, "title={}::{}", property(&title), data(&message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_a_command() {
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
        assert_eq!(property("a,b:c%"), "a%2Cb%3Ac%25");
    }
}
