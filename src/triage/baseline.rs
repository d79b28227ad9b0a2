//! The baseline: known findings, by fingerprint. It holds no secret, no id and no position, so that it can be committed and
//! survives moved lines, renames, rebases and squashes. One finding a line, sorted, so that branches merge.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::day::Day;
use super::error::{Lines, TriageError};

/// The name of the baseline at the root of a repository.
pub const BASELINE_NAME: &str = ".keyhound-baseline.toml";

const VERSION: u64 = 1;

const HEAD: &str = "\
# Known findings of keyhound, one a line: `keyhound baseline update` adds new ones, `prune` removes those that are gone.
# No secret stands here. Say why each finding may stay.
";

/// A baseline, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The file, for messages.
    pub(super) file: String,
    /// By fingerprint.
    pub entries: BTreeMap<String, Known>,
}

/// A known finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The rule that found it.
    pub rule: String,
    /// The ends of the key id, for people.
    pub hint: Option<String>,
    /// Why it may stay.
    pub reason: Option<String>,
    /// Who said so.
    pub author: Option<String>,
    /// When.
    pub date: Date,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// Of the file, from 1; 0 for a new one.
    pub line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    version: Spanned<u64>,
    findings: Vec<Spanned<KnownFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFile {
    fingerprint: Spanned<String>,
    rule: String,
    hint: Option<String>,
    reason: Option<String>,
    author: Option<String>,
    date: Day,
    expires: Option<Day>,
}

impl Baseline {
    /// A baseline without entries.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), entries: BTreeMap::new() }
    }

    /// Parse and check the bytes of a baseline; `file` names it in messages. Of a finding that stands there twice, as after
    /// a merge, the first entry counts.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TriageError> {
        let text = TriageError::text(file, bytes)?;
        let raw: BaselineFile =
            toml::from_str(text).map_err(|error| TriageError::parser(file, text, &error))?;
        if *raw.version.get_ref() != VERSION {
            let problem = format!("version {} is unknown: this keyhound reads 1", raw.version.get_ref());
            return Err(TriageError::at(file, text, raw.version.span().start, problem));
        }
        let mut baseline = Self::new(file);
        let lines = Lines::of(text);
        for known in raw.findings {
            let line = lines.at(known.span().start);
            let known = known.into_inner();
            let digits = known.fingerprint.get_ref().strip_prefix("kh1-").unwrap_or_default();
            if digits.len() != 32 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                let problem = "no fingerprint: kh1- and 32 digits are wanted";
                return Err(TriageError::at(file, text, known.fingerprint.span().start, problem));
            }
            baseline.entries.entry(known.fingerprint.into_inner()).or_insert(Known {
                rule: known.rule,
                hint: known.hint,
                reason: known.reason.filter(|reason| !reason.trim().is_empty()),
                author: known.author,
                date: known.date.0,
                expires: known.expires.map(|day| day.0),
                line,
            });
        }
        Ok(baseline)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\nfindings = [\n");
        for (fingerprint, known) in &self.entries {
            let _ = write!(text, "  {{ fingerprint = \"{fingerprint}\", rule = {}", quoted(&known.rule));
            for (name, value) in [("hint", &known.hint), ("author", &known.author)] {
                if let Some(value) = value {
                    let _ = write!(text, ", {name} = {}", quoted(value));
                }
            }
            let _ = write!(text, ", date = {}", known.date);
            if let Some(expires) = known.expires {
                let _ = write!(text, ", expires = {expires}");
            }
            let reason = known.reason.as_deref().unwrap_or_default();
            let _ = writeln!(text, ", reason = {} }},", quoted(reason));
        }
        text.push_str("]\n");
        text
    }

    pub(super) fn describe(&self, fingerprint: &str, known: &Known) -> String {
        let reason = known.reason.as_deref().map_or(String::new(), |reason| format!(" ({reason})"));
        format!("{fingerprint} at {}:{}{reason}", self.file, known.line)
    }
}

/// A TOML string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
