//! One JSON object a line, for reading findings as a stream: a `start`, one `finding` each, an `end`. A report without its
//! `end` was cut off.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use crate::report::Report;
use crate::report::wire::{NotRead, SCHEMA_VERSION, Stats, Tool, WireFinding, state, texts, time};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Start {
        schema_version: u32,
        tool: Tool<'a>,
        mode: &'static str,
        target: &'a str,
        started: Option<String>,
    },
    Finding(Box<WireFinding<'a>>),
    End {
        state: &'static str,
        finished: Option<String>,
        stats: Stats,
        findings: u64,
        incomplete: Vec<NotRead<'a>>,
        left_out: Vec<NotRead<'a>>,
        unused_suppressions: Vec<Cow<'a, str>>,
    },
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let start = Line::Start {
        schema_version: SCHEMA_VERSION,
        tool: Tool::new(&report.options.tool_version),
        mode: outcome.mode,
        target: &report.redactor.text(&outcome.target),
        started: time(outcome.started),
    };
    write_line(&start, out)?;
    let mut findings = 0;
    for finding in report.all_findings() {
        write_line(&Line::Finding(Box::new(WireFinding::new(finding, report))), out)?;
        findings += 1;
    }
    let end = Line::End {
        state: state(report),
        finished: time(outcome.finished),
        stats: Stats::new(report),
        findings,
        incomplete: NotRead::all(&outcome.incomplete, &report.redactor),
        left_out: NotRead::all(&outcome.left_out, &report.redactor),
        unused_suppressions: texts(&outcome.unused_suppressions, &report.redactor),
    };
    write_line(&end, out)
}

fn write_line(line: &Line<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}
