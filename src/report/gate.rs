//! The report of a gate, such as a hook: at most ten lines that tell a developer what is wrong, where, why it matters and
//! what to do. Nothing at all when there is nothing to say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::blob::Place;
use crate::finding::{Finding, Severity};
use crate::report::human_parts::{Painter, Style};
use crate::report::sanitize::sanitize;
use crate::report::{Report, text};
use crate::triage::{BASELINE_NAME, CONFIG_NAME};

/// How many findings, or things that were not read, are named.
const NAMED: usize = 4;
/// How many files the advice names. Of more it says that there are files.
const FIXED: usize = 12;

/// What a gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// What is staged.
    Commit,
    /// What is staged, where there is no commit yet.
    FirstCommit,
    /// All files that git tracks, as they are staged.
    Files,
    /// A commit message.
    Message,
    /// Commits on their way to another repository.
    Push,
    /// Commits that arrive.
    Receive,
    /// Commits that somebody named.
    Range,
}

impl Gate {
    const fn adds(self) -> &'static str {
        match self {
            Self::Commit | Self::FirstCommit => "this commit would add",
            Self::Files => "the files that git tracks hold",
            Self::Message => "this commit message holds",
            Self::Push => "this push would publish",
            Self::Receive => "this push holds",
            Self::Range => "these commits add",
        }
    }
}

pub(super) fn write(report: &Report<'_>, gate: Gate, out: &mut dyn Write) -> io::Result<()> {
    let painter = Painter::new(report);
    let mut findings: Vec<&Finding> = report.worst_first();
    findings.retain(|finding| finding.severity >= Severity::Low);
    let blocking: Vec<&Finding> = findings.iter().copied().filter(|f| report.options.fails(f)).collect();
    if !report.complete() {
        incomplete(report, gate, &painter, !findings.is_empty(), out)?;
    }
    if findings.is_empty() {
        return Ok(());
    }
    let style = if blocking.is_empty() { Style::Bold } else { Style::Bad };
    let head = format!("keyhound: {} {}", gate.adds(), text::counted(findings.len() as u64, "credential"));
    let failing = report.options.failing();
    let tail = match blocking.len() {
        0 if findings.len() == 1 => format!(", not {failing}, so that nothing is stopped"),
        0 => format!(", none of them {failing}, so that nothing is stopped"),
        n if n < findings.len() => format!(", {} of them {failing}", text::count(n as u64)),
        _ => String::new(),
    };
    writeln!(out, "{}", painter.paint(style, &format!("{head}{tail}")))?;
    let named = if report.complete() { NAMED } else { NAMED / 2 };
    for finding in findings.iter().take(named) {
        let what = finding.key_id.as_deref().map_or_else(|| text::title(finding, report), str::to_owned);
        let with = match (&finding.key_id, &finding.secret) {
            (Some(_), Some(_)) => " with its secret",
            (Some(_), None) => " (its id alone)",
            _ => "",
        };
        let lapsed = finding.lapsed.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let works = if finding.verification.is_active() { ", ACTIVE" } else { "" };
        writeln!(
            out,
            "  {}  {}{with}{works}  {}{}",
            painter.severity(finding.severity),
            sanitize(&what),
            sanitize(&place(finding, report)),
            sanitize(&report.redactor.line(&lapsed))
        )?;
    }
    if findings.len() > named {
        let more = text::count((findings.len() - named) as u64);
        writeln!(out, "  and {more} more (--verbose lists them all)")?;
    }
    // What passes needs no advice.
    if blocking.is_empty() { Ok(()) } else { why(gate, &blocking, report, out) }
}

/// Where a finding is: path and line, or what git calls it, and the commit.
fn place(finding: &Finding, report: &Report<'_>) -> String {
    let location = &finding.location;
    let mut place = text::place_name(location, &report.redactor).into_owned();
    if let (Some(line), true) = (location.line, location.path.is_some()) {
        place = format!("{place}:{line}");
    }
    match (location.place, &location.commit) {
        (Place::Path, None) => format!("{place} (its name)"),
        (Place::CommitMessage | Place::TagMessage, _) | (_, None) => place,
        (Place::Path, Some(commit)) => format!("{place} (its name), commit {}", text::short(&commit.id)),
        (_, Some(commit)) => format!("{place}, commit {}", text::short(&commit.id)),
    }
}

fn why(gate: Gate, findings: &[&Finding], report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "why: whoever can read the repository can use them, and git keeps them for good, deleted or not"
    )?;
    let paths: BTreeSet<String> = findings
        .iter()
        .filter_map(|f| f.location.file())
        .map(|path| quoted(&report.redactor.bytes(path)))
        .collect();
    // One that is left out would block the next try.
    let mut paths: Vec<String> = paths.into_iter().take(FIXED + 1).collect();
    if paths.len() > FIXED {
        paths = vec!["FILE...".into()];
    }
    let only = |place| findings.iter().all(|f| f.location.place == place);
    match gate {
        Gate::Commit | Gate::FirstCommit if !paths.is_empty() => {
            let how = if only(Place::Path) { "give the file another name" } else { "take them out" };
            let leave = if gate == Gate::Commit { "git restore --staged" } else { "git rm --cached --force" };
            let paths = paths.join(" ");
            writeln!(out, "fix: {how} and `git add` the file, or leave it out: {leave} {paths}")?;
        }
        Gate::Commit | Gate::FirstCommit => writeln!(out, "fix: take them out and `git add` again")?,
        Gate::Files => {
            writeln!(out, "fix: take them out and commit; to see where else they are: keyhound audit")?;
        }
        Gate::Message => writeln!(
            out,
            "fix: commit again without them: git commit --edit --file=\"$(git rev-parse --git-path COMMIT_EDITMSG)\""
        )?,
        Gate::Push | Gate::Receive | Gate::Range if only(Place::TagMessage) => {
            writeln!(out, "fix: make the tag again without them: git tag --force --annotate TAG COMMIT")?;
        }
        Gate::Push | Gate::Receive | Gate::Range if only(Place::Note) => {
            writeln!(
                out,
                "fix: take the notes back to before the commits named here: git update-ref refs/notes/NAME COMMIT^ (-d refs/notes/NAME, where COMMIT is its first); a note removed later stays"
            )?;
        }
        Gate::Push | Gate::Receive | Gate::Range if only(Place::Ref) => {
            writeln!(
                out,
                "fix: give it another name: git branch --move OLD NEW; a tag is made again, and the old one deleted"
            )?;
        }
        Gate::Push | Gate::Receive | Gate::Range => {
            writeln!(
                out,
                "fix: rewrite the commits named here: git rebase --interactive COMMIT^ (--root, where COMMIT is the first of all); a new commit that deletes them is too late"
            )?;
        }
    }
    writeln!(
        out,
        "     load them from a vault or the environment; a key that others may have seen is burnt: make a new one, deactivate this"
    )?;
    // The name of a file has no line for a comment.
    let [allow, rewriting] = if only(Place::Path) {
        ["allow: no leak?"; 2]
    } else {
        [
            "allow: no leak? say `keyhound:allow` and why in a comment on its line, or:",
            "allow: no leak? say `keyhound:allow` and why in a comment on its line as you rewrite, or",
        ]
    };
    match gate {
        Gate::Message => {
            writeln!(out, "allow: no leak? say `keyhound:allow` and why on its line of the message")
        }
        Gate::Files => writeln!(out, "{allow} keyhound baseline update --reason WHY"),
        Gate::Commit | Gate::FirstCommit => {
            writeln!(
                out,
                "{allow} keyhound staged --format json | keyhound baseline update --from - --reason WHY && git add :/{BASELINE_NAME}"
            )
        }
        // The file may have gone since, so that a scan of the files here would not find it.
        Gate::Push | Gate::Receive | Gate::Range => writeln!(
            out,
            "{rewriting} add it to {BASELINE_NAME} and commit that:\n\
             \x20      keyhound history --range 'COMMIT^!' --format json | keyhound baseline update --from - --reason WHY"
        ),
    }
}

/// A path from the top of the work tree, for git in any of its folders, to be pasted into a shell.
fn quoted(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let plain = |c: char| c.is_alphanumeric() || "/._-+,@".contains(c);
    // Git takes signs behind the slash for more options, up to a colon.
    let top = if path.first().is_some_and(|b| b.is_ascii_punctuation() && *b != b'.') { ":/:" } else { ":/" };
    if text.chars().all(plain) && text.as_bytes() == path {
        return format!("{top}{text}");
    }
    if sanitize(&text) == text && text.as_bytes() == path {
        return format!("'{top}{}'", text.replace('\'', "'\\''"));
    }
    // What no terminal shows: as the numbers of the bytes.
    let mut escaped = String::new();
    for byte in path {
        match byte {
            b'\\' | b'\'' => escaped.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => escaped.push(char::from(*byte)),
            _ => {
                let _ = write!(escaped, "\\x{byte:02x}");
            }
        }
    }
    format!("$'{top}{escaped}'")
}

fn incomplete(
    report: &Report<'_>,
    gate: Gate,
    painter: &Painter<'_>,
    more_follows: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let what = match gate {
        Gate::Commit | Gate::FirstCommit | Gate::Files => "what is staged",
        Gate::Message => "the message",
        Gate::Push | Gate::Receive => "the push",
        Gate::Range => "the range",
    };
    let allowed = report.options.allow_incomplete;
    let tail = if allowed { "; --allow-incomplete lets that pass" } else { "" };
    let head = format!("keyhound: {what} could not be read whole, so leaks may be missed{tail}");
    writeln!(out, "{}", painter.paint(Style::Bad, &head))?;
    let all = &report.outcome.incomplete;
    let named = if more_follows { 1 } else { NAMED };
    for skipped in all.iter().take(named) {
        writeln!(out, "  {}", sanitize(&report.redactor.line(&skipped.to_string())))?;
    }
    if all.len() > named {
        writeln!(out, "  and {} more", all.len() - named)?;
    }
    if !allowed && !more_follows && !matches!(gate, Gate::Message | Gate::Receive) {
        writeln!(
            out,
            "fix: mend or leave out what is named here; if it is meant to be so, say why in an [[allow]] of its paths in {CONFIG_NAME}"
        )?;
    }
    Ok(())
}
