//! A page that stands alone: no script, nothing loaded from elsewhere, every text escaped.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::finding::{Finding, Location, Severity};
use crate::report::sanitize::{sanitize, sanitize_bytes};
use crate::report::text::{self, Standing, count, counted};
use crate::report::wire::{commit_date, time};
use crate::report::{Report, remedy};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>keyhound report</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
section { border-left: 4px solid #888; padding: .1em 1em; margin: 1.5em 0; }
.critical, .high { border-color: #d1242f; }
.medium, .low { border-color: #bf8700; }
.bad { border-color: #d1242f; background: #d1242f22; }
code, pre { font-family: ui-monospace, monospace; }
pre { overflow-x: auto; padding: .5em; background: #8882; }
dt { float: left; clear: left; width: 6em; opacity: .7; }
dd { margin-left: 7em; }
</style>
</head>
<body>
<h1>keyhound report</h1>
"#;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let redactor = &report.redactor;
    out.write_all(HEAD.as_bytes())?;
    let findings = report.worst_first();
    let read = counted(outcome.stats.blobs, text::noun(outcome.mode));
    let size = text::size(outcome.stats.bytes);
    let target = escape(&sanitize(&redactor.text(&outcome.target)));
    let finished = time(outcome.finished).unwrap_or_default();
    let what = if report.complete() { "" } else { "what could be read: " };
    let suppressed = match report.suppressed() {
        0 => String::new(),
        number => format!(" ({number} more suppressed)"),
    };
    let numbers = Severity::ALL.iter().rev().filter_map(|severity| {
        let number = findings.iter().filter(|finding| finding.severity == *severity).count();
        (number > 0).then(|| format!("{} {}", count(number as u64), severity.name()))
    });
    let numbers: Vec<String> = numbers.collect();
    let severities = if numbers.is_empty() { String::new() } else { format!(": {}", numbers.join(", ")) };
    writeln!(
        out,
        "<p>{}{severities}{suppressed} in {what}{read} ({size}) of <code>{target}</code>, {finished}, keyhound {}</p>",
        if findings.is_empty() {
            "No findings".to_owned()
        } else {
            counted(findings.len() as u64, "finding")
        },
        escape(&report.options.tool_version)
    )?;
    for (skipped, class, head) in [
        (
            &outcome.incomplete,
            "bad",
            "The scan is incomplete: these could not be read, and leaks may be missing here",
        ),
        (&outcome.left_out, "low", "Left out on purpose"),
    ] {
        if !skipped.is_empty() {
            writeln!(out, "<section class=\"{class}\"><h2>{head}</h2><ul>")?;
            for entry in skipped {
                writeln!(out, "<li>{}</li>", escape(&sanitize(&redactor.text(&entry.to_string()))))?;
            }
            writeln!(out, "</ul></section>")?;
        }
    }
    for finding in &findings {
        section(finding, report, out)?;
    }
    remedies(&findings, report, out)?;
    if !outcome.unused_suppressions.is_empty() {
        writeln!(out, "<section class=\"low\"><h2>Suppressions</h2><ul>")?;
        for text in &outcome.unused_suppressions {
            writeln!(out, "<li>{}</li>", escape(&sanitize(&redactor.text(text))))?;
        }
        writeln!(out, "</ul></section>")?;
    }
    writeln!(out, "</body>\n</html>")
}

/// What to do, once for each rule.
fn remedies(findings: &[&Finding], report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
        let id: &str = &finding.rule_id;
        let steps = report.rule(id).map_or("", |rule| &rule.remediation).lines().map(str::trim);
        let steps: Vec<_> = steps.filter(|step| !step.is_empty()).collect();
        if seen.contains(&id) || steps.is_empty() {
            continue;
        }
        seen.push(id);
        writeln!(out, "<section><h2>What to do: <code>{}</code></h2>\n<ol>", escape(&sanitize(id)))?;
        for step in steps {
            writeln!(out, "<li>{}</li>", escape(&sanitize(step)))?;
        }
        writeln!(out, "</ol></section>")?;
    }
    Ok(())
}

fn section(finding: &Finding, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let severity = finding.severity.name();
    let title = escape(&sanitize(&text::title(finding, report)));
    writeln!(out, "<section class=\"{severity}\"><h2>{severity}: {title}</h2>\n<dl>")?;
    let secret = |secret: &crate::finding::Secret| {
        if report.options.show_secrets { secret.expose().to_owned() } else { secret.masked() }
    };
    let mut rows: Vec<(&str, String)> = vec![("rule", finding.rule_id.to_string())];
    rows.extend(finding.key_id.as_ref().map(|id| ("key id", id.to_string())));
    rows.extend(finding.secret.as_ref().map(|value| ("secret", secret(value))));
    rows.extend(finding.session_token.as_ref().map(|value| ("token", secret(value))));
    rows.extend(finding.account_id.as_ref().map(|id| ("account", id.to_string())));
    rows.extend(text::verification(finding, &report.redactor).map(|verdict| ("status", verdict)));
    for step in remedy::steps(finding, report.outcome.finished) {
        rows.push(("stop it", step.what));
        rows.extend(step.command.map(|command| ("command", command)));
    }
    rows.extend(finding.notes.iter().map(|&note| ("note", text::note(note).to_owned())));
    rows.extend(finding.lapsed.as_ref().map(|why| ("note", report.redactor.text(why).into_owned())));
    rows.push(("fingerprint", finding.fingerprint.as_str().to_owned()));
    for (name, value) in rows {
        writeln!(out, "<dt>{name}</dt><dd><code>{}</code></dd>", escape(&sanitize(&value)))?;
    }
    writeln!(out, "</dl>")?;
    if let Some(snippet) = &finding.snippet {
        let pieces = report.redactor.cut(&snippet.text, snippet.highlight);
        let [before, inside, after] = pieces.map(|piece| escape(&sanitize(&piece.replace('\t', " "))));
        writeln!(out, "<pre>{before}<mark>{inside}</mark>{after}</pre>")?;
    }
    writeln!(out, "<ul>")?;
    for location in finding.places() {
        place(location, report, out)?;
    }
    if finding.other_locations_omitted > 0 {
        writeln!(out, "<li>and {}</li>", counted(finding.other_locations_omitted, "further place"))?;
    }
    writeln!(out, "</ul>")?;
    writeln!(out, "</section>")
}

fn place(location: &Location, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let redactor = &report.redactor;
    let mut name = match &location.path {
        Some(path) => sanitize_bytes(&redactor.bytes(path)),
        None => sanitize(&text::place_name(location, redactor)).into_owned(),
    };
    for number in location.line.iter().chain(location.line.and(location.column.as_ref())) {
        let _ = write!(name, ":{number}");
    }
    write!(out, "<li><code>{}</code> ({})", escape(&name), location.place.name())?;
    if let Some(member) = text::member(location, redactor) {
        write!(out, ", there in <code>{}</code>", escape(&sanitize(&member)))?;
    }
    if let Some(commit) = location.commit.as_deref() {
        let author = escape(&sanitize(&redactor.text(&commit.author)));
        let subject = escape(&sanitize(&redactor.text(&commit.subject)));
        let date = commit_date(commit).unwrap_or_default();
        write!(
            out,
            ", commit <code>{}</code>, {author}, {date}, \u{201c}{subject}\u{201d}",
            escape(&commit.id)
        )?;
    }
    if let Some(standing) = text::standing(location) {
        let words = match standing {
            Standing::Here => "still in HEAD",
            Standing::Elsewhere => "still in HEAD at another place",
            Standing::Gone => "not in HEAD any more",
            Standing::NotThere => "not in HEAD",
            Standing::Staged => "staged, but not committed",
            Standing::Unreached => "no ref reaches it",
        };
        write!(out, ", {words}")?;
    }
    if let Some(commit) = location.removed.as_deref() {
        let date = commit_date(commit).unwrap_or_default();
        let from = if text::standing(location) == Some(Standing::Elsewhere) { " from this one" } else { "" };
        write!(out, ", removed{from} by commit <code>{}</code>, {date}", escape(&commit.id))?;
    }
    writeln!(out, "</li>")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(escape("<a href='x' b=\"y\">&"), "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;");
    }
}
