//! One JSON document. Findings are converted while they are written, one at a time.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::report::Report;
use crate::report::wire::{NotRead, SCHEMA_VERSION, Stats, Tool, WireFinding, state, texts, time};

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    tool: Tool<'a>,
    scan: Scan<'a>,
    findings: Findings<'a>,
    incomplete: Vec<NotRead<'a>>,
    left_out: Vec<NotRead<'a>>,
    unused_suppressions: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Scan<'a> {
    mode: &'static str,
    target: &'a str,
    state: &'static str,
    started: Option<String>,
    finished: Option<String>,
    stats: Stats,
}

struct Findings<'a>(&'a Report<'a>);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.all_findings().map(|finding| WireFinding::new(finding, self.0)))
    }
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool::new(&report.options.tool_version),
        scan: Scan {
            mode: outcome.mode,
            target: &report.redactor.text(&outcome.target),
            state: state(report),
            started: time(outcome.started),
            finished: time(outcome.finished),
            stats: Stats::new(report),
        },
        findings: Findings(report),
        incomplete: NotRead::all(&outcome.incomplete, &report.redactor),
        left_out: NotRead::all(&outcome.left_out, &report.redactor),
        unused_suppressions: texts(&outcome.unused_suppressions, &report.redactor),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
