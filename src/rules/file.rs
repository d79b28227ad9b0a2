//! A rule file as it is written, and its way to a checked [`Rule`].

use std::path::PathBuf;

use serde::Deserialize;

use super::compile::{self, At};
use super::error::{Fault, Problem};
use super::{Rule, nearest};

/// A rule file: one rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) why: String,
    pub(super) remediation: String,
    #[serde(default)]
    pub(super) references: Vec<String>,
    pub(super) severity: String,
    pub(super) severity_alone: Option<String>,
    pub(super) part: PartsFile,
    #[serde(default)]
    pub(super) example: Vec<ExampleFile>,
    #[serde(default)]
    pub(super) counter_example: Vec<CounterExampleFile>,
}

/// The parts of a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartsFile {
    pub(super) id: Option<PartFile>,
    pub(super) secret: Option<PartFile>,
    pub(super) token: Option<PartFile>,
}

/// One value of a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartFile {
    #[serde(default)]
    pub(super) prefixes: Vec<String>,
    pub(super) pattern: String,
    pub(super) fence: Option<String>,
    pub(super) check: Option<String>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) anti_labels: Vec<String>,
    #[serde(default)]
    pub(super) alone_labels: Vec<String>,
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    pub(super) within_lines: Option<u32>,
    pub(super) min_entropy: Option<f64>,
}

/// A text in which the rule must find something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExampleFile {
    pub(super) text: String,
    #[serde(default)]
    pub(super) extracts: Vec<ExtractFile>,
}

/// What it must find.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtractFile {
    pub(super) id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) token: Option<String>,
}

/// A text in which the rule must find nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CounterExampleFile {
    pub(super) text: String,
    pub(super) why: String,
}

/// Parse, check and compile the text of a rule file.
///
/// `name` is the file for messages; `path` goes into [`Rule::file`].
pub(super) fn parse(text: &str, name: &str, path: Option<PathBuf>) -> Result<Rule, Box<Fault>> {
    let at = At { text, name };
    match toml::from_str::<RuleFile>(text) {
        Ok(file) => compile::rule(file, &at, path),
        Err(error) => Err(Box::new(explain(&at, &error))),
    }
}

/// The place and the problem behind an error of the TOML parser or of serde.
fn explain(at: &At<'_>, error: &toml::de::Error) -> Fault {
    let offset = error.span().map_or(0, |s| s.start);
    let message = error.message();
    // serde_core words its errors so since 1.0; a test holds each of the three.
    let mut quoted = message.split('`').skip(1).step_by(2);
    let here = at.path_of(offset);
    let (field, problem) = if at.doc().is_none() {
        (String::new(), Problem::Syntax(one_line(message)))
    } else if message.starts_with("unknown field") {
        let given = quoted.next().unwrap_or_default();
        (here, Problem::UnknownField { nearest: nearest::of(given, quoted).map(str::to_owned) })
    } else if message.starts_with("missing field") {
        let missing = quoted.next().unwrap_or_default();
        let field = if here.is_empty() { missing.to_owned() } else { format!("{here}.{missing}") };
        (field, Problem::Missing("every rule has it"))
    } else {
        (here, Problem::Type(one_line(message)))
    };
    Fault { file: at.name.to_owned(), line: line_at(at.text, offset), rule: at.rule(), field, problem }
}

/// The line of a byte offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|&&b| b == b'\n').count()
}

/// A message without line breaks.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
