//! The part of the human report for those who answer for a repository: one line a credential, with when it came, who
//! brought it, where it is and whether it still is there.

use std::fmt::Write as _;
use std::io;

use crate::blob::Place;
use crate::finding::{Commit, Finding, Location, Severity};
use crate::report::Report;
use crate::report::human_parts::{Painter, Style};
use crate::report::sanitize::{sanitize, sanitize_bytes};
use crate::report::text::{self, Standing, count, counted};
use crate::report::wire::commit_date;

/// How many credentials are named.
const NAMED: usize = 50;

/// What is known of a credential in all its places.
struct Line<'a> {
    finding: &'a Finding,
    severity: Severity,
    /// The commit that introduced it at the place that is named.
    first: Option<&'a Commit>,
    removed: Option<&'a Commit>,
    places: u64,
    state: State,
}

/// The worst that holds of any place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Git still holds it, but no ref reaches it.
    Unreachable,
    /// In a file of git's own.
    Git,
    /// In the history alone.
    Past,
    /// In a file of the work tree, which HEAD does not have so.
    Files,
    /// In the index: the next commit adds it.
    Staged,
    /// In the files of HEAD.
    Head,
}

/// Write the overview of these credentials, each with its findings and its severity, worst first. Nothing where there is no
/// history.
pub(super) fn write<'a>(
    credentials: impl Iterator<Item = (&'a [&'a Finding], Severity)>,
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    if !matches!(report.outcome.mode, "audit" | "history") {
        return Ok(());
    }
    let lines: Vec<Line<'_>> =
        credentials.filter(|c| c.1 > Severity::Info).map(|(findings, s)| line(findings, s)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let number = |state| lines.iter().filter(|line| line.state == state).count() as u64;
    let states = [
        (State::Head, "still in the files of HEAD"),
        (State::Staged, "staged, but not committed"),
        (State::Files, "in the work tree only"),
        (State::Past, "in the history only"),
        (State::Git, "in files of git's own only"),
        (State::Unreachable, "not reached by any ref, but still stored"),
    ];
    let states = states.into_iter().filter(|(state, _)| number(*state) > 0);
    let states: Vec<String> =
        states.map(|(state, words)| format!("{} {words}", count(number(state)))).collect();
    writeln!(out, "{} {}", painter.paint(Style::Bold, "overview:"), states.join(", "))?;
    for line in lines.iter().take(NAMED) {
        writeln!(out, "  {}", text(line, report, painter))?;
    }
    let more = lines.len().saturating_sub(NAMED) as u64;
    if more > 0 {
        writeln!(out, "  and {}", counted(more, "more credential"))?;
    }
    writeln!(out)
}

fn line<'a>(findings: &[&'a Finding], severity: Severity) -> Line<'a> {
    let places = || findings.iter().flat_map(|f| f.places());
    let omitted = findings.iter().fold(0, |sum: u64, f| sum.saturating_add(f.other_locations_omitted));
    Line {
        finding: findings[0],
        severity,
        first: findings[0].location.commit.as_deref(),
        // It stands where nothing removed it, if there is such a place.
        removed: places()
            .all(|l| text::standing(l) != Some(Standing::NotThere))
            .then(|| places().filter_map(|l| l.removed.as_deref()).max_by_key(|c| c.time))
            .flatten(),
        places: omitted.saturating_add(places().count() as u64),
        state: findings.iter().map(|f| state_of(f)).max().unwrap_or(State::Past),
    }
}

/// The finding itself says whether HEAD has the credential: elsewhere HEAD may have no more than its id.
fn state_of(finding: &Finding) -> State {
    let head = finding.location.in_head != Some(false);
    let others = finding.other_locations.iter().map(state).filter(|s| head || *s != State::Head);
    others.chain([state(&finding.location)]).max().unwrap_or(State::Past)
}

fn state(location: &Location) -> State {
    match text::standing(location) {
        Some(Standing::Here | Standing::Elsewhere) => State::Head,
        Some(Standing::Staged) => State::Staged,
        Some(Standing::Unreached) => State::Unreachable,
        None if location.place == Place::File => State::Files,
        None if location.place == Place::GitFile => State::Git,
        Some(Standing::Gone | Standing::NotThere) | None => State::Past,
    }
}

fn text(line: &Line<'_>, report: &Report<'_>, painter: &Painter<'_>) -> String {
    let redactor = &report.redactor;
    let day = |commit: &Commit| commit_date(commit).and_then(|date| date.get(..10).map(str::to_owned));
    let name = match &line.finding.key_id {
        Some(id) => sanitize(id).into_owned(),
        None => sanitize(&text::title(line.finding, report)).into_owned(),
    };
    let mut words = format!("{} {}", painter.severity(line.severity), painter.paint(Style::Bold, &name));
    if let Some(account) = &line.finding.account_id {
        let _ = write!(words, " of account {account}");
    }
    let location = &line.finding.location;
    words += ": in ";
    words += &match &location.path {
        Some(path) => sanitize_bytes(&redactor.bytes(path)),
        None => sanitize(&text::place_name(location, redactor)).into_owned(),
    };
    if line.places > 1 {
        let _ = write!(words, " and {}", counted(line.places - 1, "more place"));
    }
    if let Some(first) = line.first {
        let _ = write!(words, ", since {}", day(first).unwrap_or_default());
        let _ = write!(words, " by {}", sanitize(&redactor.text(&first.author)));
    }
    match (line.state, line.removed.and_then(day)) {
        (State::Head, _) => words += "; still in HEAD",
        (State::Staged, _) => words += "; staged, but not committed",
        (State::Git, _) => words += "; in a file of git's own",
        (State::Files, _) => words += "; in the work tree",
        (State::Past, Some(day)) => {
            let _ = write!(words, "; removed {day}, still in the history");
        }
        (State::Past, None) => words += "; in the history",
        (State::Unreachable, _) => words += "; no ref reaches it",
    }
    words
}
