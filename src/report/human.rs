//! The report for people: what could not be read first, then each credential with its places, worst first, then what to do
//! about them and what was read. Every text from outside is redacted and sanitised.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::blob::{Place, Skipped};
use crate::finding::{Finding, Fingerprint, Location, Severity};
use crate::report::human_parts::{Painter, Style, snippet};
use crate::report::sanitize::sanitize;
use crate::report::text::{self, Standing, count, counted};
use crate::report::wire::commit_date;
use crate::report::{Report, overview, remedy};

/// How many places of a credential are shown with their line.
const FULL_PLACES: usize = 5;
/// How many more are shown by name.
const NAMED_PLACES: usize = 10;
/// How many things that were not read are named.
const NAMED_SKIPPED: usize = 10;

/// A credential: all findings of one fingerprint.
struct Group<'a> {
    severity: Severity,
    findings: Vec<&'a Finding>,
}

impl<'a> Group<'a> {
    /// The finding that tells most: one that works, else the first one.
    fn main(&self) -> &'a Finding {
        self.findings.iter().find(|f| f.verification.is_active()).unwrap_or(&self.findings[0])
    }
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let painter = Painter::new(report);
    let outcome = report.outcome;
    if !report.complete() {
        let number = outcome.incomplete.len() as u64;
        let things = if number == 1 { "1 thing".to_owned() } else { counted(number, "thing") };
        let head = painter.paint(Style::Bad, "scan is incomplete");
        writeln!(out, "{head}: {things} could not be read, so leaks may be missing here")?;
        skipped(&outcome.incomplete, report, out)?;
        writeln!(out)?;
    }
    let groups = groups(report);
    for group in &groups {
        credential(group, report, &painter, out)?;
        writeln!(out)?;
    }
    let credentials = groups.iter().map(|group| (&group.findings[..], group.severity));
    overview::write(credentials, report, &painter, out)?;
    remedies(&groups, report, &painter, out)?;
    summary(&groups, report, &painter, out)
}

/// The credentials, worst first, else in the order of their first finding.
fn groups<'a>(report: &Report<'a>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut indexes: HashMap<&Fingerprint, usize> = HashMap::new();
    for finding in report.findings() {
        let index = *indexes.entry(&finding.fingerprint).or_insert(groups.len());
        if index == groups.len() {
            groups.push(Group { severity: finding.severity, findings: Vec::new() });
        }
        let group = &mut groups[index];
        group.severity = group.severity.max(finding.severity);
        group.findings.push(finding);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.severity));
    groups
}

fn credential(
    group: &Group<'_>,
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let first = group.main();
    let severity = painter.severity(group.severity);
    let title = painter.paint(Style::Bold, &sanitize(&text::title(first, report)));
    writeln!(out, "{severity}: {title} {}", painter.paint(Style::Dim, &format!("[{}]", first.rule_id)))?;
    let show = |secret: &crate::finding::Secret| {
        if report.options.show_secrets { sanitize(secret.expose()).into_owned() } else { secret.masked() }
    };
    let mut field = |name: &str, value: &str| {
        writeln!(out, "  {} {value}", painter.paint(Style::Dim, &format!("{name:<7}")))
    };
    if let Some(id) = &first.key_id {
        let account = first.account_id.as_ref().map(|account| format!("  (account {account})"));
        field(
            "key id",
            &format!("{}{}", painter.paint(Style::Bold, &sanitize(id)), account.unwrap_or_default()),
        )?;
    } else if let Some(account) = &first.account_id {
        field("account", account)?;
    }
    match &first.secret {
        Some(secret) => field("secret", &show(secret))?,
        None => field("secret", "none near it")?,
    }
    if let Some(token) = &first.session_token {
        field("token", &show(token))?;
    }
    if let Some(verdict) = text::verification(first, &report.redactor) {
        let is_active = first.verification.is_active();
        let verdict = sanitize(&verdict);
        field("status", &if is_active { painter.paint(Style::Bad, &verdict) } else { verdict.into_owned() })?;
    }
    for step in remedy::steps(first, report.outcome.finished) {
        field("stop it", &sanitize(&step.what))?;
        if let Some(command) = &step.command {
            field("", &sanitize(command))?;
        }
    }
    let mut carriers: Vec<_> = group.findings.iter().map(|finding| &finding.encodings).collect();
    carriers.sort_unstable();
    carriers.dedup();
    for carrier in carriers.into_iter().filter(|carrier| !carrier.is_empty()) {
        let names: Vec<_> = carrier.iter().map(|encoding| encoding.name()).collect();
        field("inside", &names.join(" > "))?;
    }
    let mut notes: Vec<_> = group.findings.iter().flat_map(|finding| &finding.notes).copied().collect();
    notes.sort_unstable();
    notes.dedup();
    for note in notes {
        field("note", text::note(note))?;
    }
    let mut lapsed: Vec<_> = group.findings.iter().filter_map(|finding| finding.lapsed.as_deref()).collect();
    lapsed.sort_unstable();
    lapsed.dedup();
    for text in lapsed {
        field("note", &sanitize(&report.redactor.text(text)))?;
    }
    places(group, report, painter, out)
}

fn places(
    group: &Group<'_>,
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for finding in group.findings.iter().take(FULL_PLACES) {
        place(&finding.location, report, painter, out)?;
        if let Some(text) = &finding.snippet {
            snippet(text, finding.location.line, report, painter, out)?;
        }
    }
    let rest = group.findings.iter().skip(FULL_PLACES).map(|finding| &finding.location);
    let others: Vec<&Location> =
        rest.chain(group.findings.iter().flat_map(|finding| &finding.other_locations)).collect();
    let (named, unnamed) = others.split_at(others.len().min(NAMED_PLACES));
    for location in named {
        place(location, report, painter, out)?;
    }
    if !unnamed.is_empty() {
        writeln!(out, "  and {} (--format json has them all)", counted(unnamed.len() as u64, "more place"))?;
    }
    let omitted = group.findings.iter().fold(0, |sum: u64, f| sum.saturating_add(f.other_locations_omitted));
    if omitted > 0 {
        writeln!(out, "  and {} that no report lists", counted(omitted, "further place"))?;
    }
    Ok(())
}

/// One place: `path:line:column`, then what is known of it.
fn place(
    location: &Location,
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let redactor = &report.redactor;
    write!(out, "  {} {}", painter.paint(Style::Dim, "at"), painter.place(location, redactor))?;
    if let (Some(line), true) = (location.secret_line, location.secret_line != location.line) {
        write!(out, ", secret on line {line}")?;
    }
    if let Some(member) = text::member(location, redactor) {
        write!(out, ", there in {}", sanitize(&member))?;
    }
    let mut facts = Vec::new();
    if let Some(commit) = &location.commit {
        facts.push(format!("commit {}", painter.paint(Style::Commit, &sanitize(text::short(&commit.id)))));
        facts.push(sanitize(&redactor.text(&commit.author)).into_owned());
        facts.extend(commit_date(commit).map(|date| date.get(..10).unwrap_or(&date).to_owned()));
        facts.push(format!("\"{}\"", sanitize(&redactor.text(&commit.subject))));
    }
    if !facts.is_empty() {
        write!(out, "\n     {}", facts.join("  "))?;
    }
    let standing = text::standing(location);
    let mut states: Vec<String> = Vec::new();
    states.extend(standing.map(|standing| {
        let words = match standing {
            Standing::Here => "still in HEAD",
            Standing::Elsewhere => "still in HEAD at another place",
            Standing::Gone => "not in HEAD any more, but in the history",
            Standing::NotThere => "not in HEAD, but in the history",
            Standing::Staged => "staged, but not committed",
            Standing::Unreached => "no ref reaches it, but git still holds it",
        };
        words.to_owned()
    }));
    if let Some(commit) = &location.removed {
        let date = commit_date(commit)
            .map_or(String::new(), |date| format!(" of {}", date.get(..10).unwrap_or(&date)));
        let from = if standing == Some(Standing::Elsewhere) { "removed from this one" } else { "removed" };
        states.push(format!("{from} by commit {}{date}", sanitize(text::short(&commit.id))));
    }
    if let Some(name) = location.named_by.as_ref().filter(|_| location.place != Place::Ref) {
        states.push(format!("named by {}", sanitize(&redactor.text(name))));
    }
    if !states.is_empty() {
        write!(out, "\n     {}", states.join("; "))?;
    }
    writeln!(out)
}

/// What to do, once for each rule.
fn remedies(
    groups: &[Group<'_>],
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for group in groups.iter().filter(|group| group.severity > Severity::Info) {
        let id: &str = &group.findings[0].rule_id;
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let first =
            report.rule(id).and_then(|rule| rule.remediation.lines().map(str::trim).find(|l| !l.is_empty()));
        if let Some(line) = first {
            writeln!(
                out,
                "{} {} {}",
                painter.paint(Style::Bold, "to do:"),
                sanitize(line),
                painter.paint(Style::Dim, &format!("[{id}]"))
            )?;
        }
    }
    Ok(())
}

fn summary(
    groups: &[Group<'_>],
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let outcome = report.outcome;
    let mut read = counted(outcome.stats.blobs, text::noun(outcome.mode));
    if outcome.mode != "verify" {
        read = format!("{read} ({})", text::size(outcome.stats.bytes));
    }
    let leaks = groups.iter().filter(|group| group.severity > Severity::Info).count() as u64;
    let of_what_was_read = if report.complete() { "" } else { "what could be read: " };
    if leaks == 0 {
        write!(out, "no leaks found in {of_what_was_read}{read}")?;
    } else {
        let numbers = Severity::ALL[1..].iter().rev().filter_map(|&severity| {
            let number = groups.iter().filter(|group| group.severity == severity).count();
            (number > 0).then(|| format!("{} {}", count(number as u64), painter.severity(severity)))
        });
        let numbers: Vec<_> = numbers.collect();
        let head = painter.paint(Style::Bold, &counted(leaks, "leaked credential"));
        let time = outcome.finished.duration_since(outcome.started).unwrap_or_default();
        let read = format!("{read}, {}", text::duration(time));
        write!(out, "{head}: {} in {of_what_was_read}{read}", numbers.join(", "))?;
    }
    let harmless = groups.len() as u64 - leaks;
    if harmless > 0 {
        write!(out, "; {}", counted(harmless, "harmless example"))?;
    }
    let is_hidden = |f: &&Finding| f.severity == Severity::Info && !report.options.show_info;
    let hidden = outcome.findings.iter().filter(is_hidden).count();
    if hidden > 0 {
        write!(out, "; {} not shown (--show-info)", counted(hidden as u64, "harmless example"))?;
    }
    let suppressed = report.suppressed();
    if suppressed > 0 {
        write!(out, "; {} suppressed (--format json has them)", count(suppressed))?;
    }
    writeln!(out)?;
    verified(groups, out)?;
    let options = report.options;
    let fails = |group: &&Group<'_>| options.is_bad_enough(group.severity, group.main());
    match groups.iter().filter(fails).count() as u64 {
        _ if leaks == 0 => {}
        0 if leaks == 1 => writeln!(out, "not {}: it does not fail the run", options.failing())?,
        0 => writeln!(out, "none of them {}: they do not fail the run", options.failing())?,
        failing if failing < leaks => {
            writeln!(out, "{} of them {}, which fails the run", count(failing), options.failing())?;
        }
        _ => {}
    }
    if !outcome.left_out.is_empty() {
        writeln!(out, "left out on purpose: {}", counted(outcome.left_out.len() as u64, "thing"))?;
        skipped(&outcome.left_out, report, out)?;
    }
    let unused = &outcome.unused_suppressions;
    for text in unused.iter().take(NAMED_SKIPPED) {
        writeln!(out, "suppression: {}", sanitize(&report.redactor.text(text)))?;
    }
    let more = unused.len().saturating_sub(NAMED_SKIPPED) as u64;
    if more > 0 {
        writeln!(out, "  and {} more (--format json has them all)", count(more))?;
    }
    Ok(())
}

/// What verification came to, in credentials, where there was one.
fn verified(groups: &[Group<'_>], out: &mut dyn Write) -> io::Result<()> {
    let number = |status| {
        groups.iter().filter(|group| text::status(&group.main().verification) == status).count() as u64
    };
    let statuses = [("active", "active"), ("inactive", "inactive"), ("unknown", "not known")];
    let counts = statuses.map(|(status, words)| (number(status), words));
    if counts.iter().all(|c| c.0 == 0) {
        return Ok(());
    }
    let words: Vec<_> =
        counts.iter().filter(|c| c.0 > 0).map(|(n, words)| format!("{} {words}", count(*n))).collect();
    writeln!(out, "verified: {}", words.join(", "))
}

fn skipped(skipped: &[Skipped], report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for entry in skipped.iter().take(NAMED_SKIPPED) {
        writeln!(out, "  {}", sanitize(&report.redactor.line(&entry.to_string())))?;
    }
    let more = skipped.len().saturating_sub(NAMED_SKIPPED) as u64;
    if more > 0 {
        writeln!(out, "  and {} more (--format json has them all)", count(more))?;
    }
    Ok(())
}
