//! From outcome to report and exit status. Standard output carries the report alone; all else goes to standard error.

use std::fmt;
use std::io::{self, BufWriter, Write};

use anyhow::{Context as _, Result};
use keyhound::finding::{Finding, Severity};
use keyhound::report::{self, Format, Gate, redact::Redactor, sanitize::sanitize};
use keyhound::rules::RuleSet;
use keyhound::scan::Outcome;

use super::common::Common;
use super::exit::ExitStatus;

/// Write one line to standard error, where names of files can do no harm. Where it is closed there is nobody to tell.
pub(crate) fn note(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{}", sanitize(&line.to_string()));
}

/// Take a closed pipe for success: the reader has seen what it wanted.
pub(crate) fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|e| if e.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
}

/// Report the outcome of a scan: notes to standard error, the report to where it belongs.
pub(crate) fn finish(outcome: &Outcome, rules: &RuleSet, common: &Common) -> Result<ExitStatus> {
    notes(outcome, rules, common);
    write_report(outcome, rules, common)?;
    Ok(status(outcome, common))
}

/// Report the outcome of a scan that lets something pass or not: in few lines, unless another format or more was asked
/// for; nothing if it passes.
pub(crate) fn finish_gate(
    outcome: &Outcome,
    rules: &RuleSet,
    gate: Gate,
    common: &Common,
) -> Result<ExitStatus> {
    let short =
        common.format == Format::Human && common.output.is_none() && !common.verbose && !common.show_secrets;
    if !short {
        return finish(outcome, rules, common);
    }
    let options = common.report_options();
    // What a hook prints git shows among its errors, but for pre-push, of which it leaves the output alone: that is read by programs.
    let out: Box<dyn Write> = if matches!(gate, Gate::Push) {
        Box::new(io::stderr().lock())
    } else {
        Box::new(io::stdout().lock())
    };
    let mut out = BufWriter::new(out);
    unless_closed(report::write_gate(gate, outcome, rules, &options, &mut out).and_then(|()| out.flush()))
        .context("cannot write the report")?;
    Ok(status(outcome, common))
}

/// The exit status of a scan.
fn status(outcome: &Outcome, common: &Common) -> ExitStatus {
    let options = common.report_options();
    if !outcome.incomplete.is_empty() && !common.allow_incomplete {
        ExitStatus::Failed
    } else if outcome.findings.iter().any(|finding| options.fails(finding)) {
        ExitStatus::Findings
    } else {
        ExitStatus::Clean
    }
}

/// Whether it was found to work. A canary does, and is no leak.
pub(crate) fn is_active(finding: &Finding) -> bool {
    finding.severity > Severity::Info && finding.verification.is_active()
}

/// What is said on standard error hides what the report hides: names of files hold secrets, too.
fn notes(outcome: &Outcome, rules: &RuleSet, common: &Common) {
    const SHOWN: usize = 20;
    if outcome.incomplete.is_empty() && outcome.left_out.is_empty() && outcome.unused_suppressions.is_empty()
    {
        return;
    }
    let redactor = Redactor::new(outcome, rules, &common.report_options());
    let hidden = |text: &dyn fmt::Display| redactor.line(&text.to_string()).into_owned();
    match outcome.incomplete.as_slice() {
        [] => {}
        [one] => note(format_args!("keyhound: the scan is incomplete: {}", hidden(one))),
        several => {
            let count = several.len();
            note(format_args!("keyhound: the scan is incomplete: {count} places could not be read"));
            let shown = if common.verbose { count } else { count.min(SHOWN) };
            for skipped in &several[..shown] {
                note(format_args!("keyhound: {}", hidden(skipped)));
            }
            if shown < count {
                note(format_args!("keyhound: and {} more (--verbose lists them)", count - shown));
            }
        }
    }
    if common.verbose {
        for skipped in &outcome.left_out {
            note(format_args!("keyhound: left out: {}", hidden(skipped)));
        }
    }
    // The report for people says so itself.
    if !common.quiet && common.format != Format::Human {
        for unused in &outcome.unused_suppressions {
            note(format_args!("keyhound: suppression: {}", hidden(unused)));
        }
    }
}

pub(crate) fn write_report(outcome: &Outcome, rules: &RuleSet, common: &Common) -> Result<()> {
    let options = common.report_options();
    let render = |out: &mut dyn Write| report::write(common.format, outcome, rules, &options, out);
    match &common.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            unless_closed(render(&mut out).and_then(|()| out.flush()))
                .context("cannot write the report to standard output")
        }
        Some(path) => Ok(report::write_file(path, common.show_secrets, render)?),
    }
}
