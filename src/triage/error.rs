//! What can be wrong with a configuration or a baseline, and where.

use std::fmt;

/// A file of suppressions that says something wrong. Such a file is an error, never an empty list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TriageError {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl TriageError {
    /// `problem` at a byte offset of `text`.
    pub(super) fn at(file: &str, text: &str, offset: usize, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: Lines::of(text).at(offset), problem: problem.into() }
    }

    /// What the parser says.
    pub(super) fn parser(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::at(file, text, offset, message)
    }

    /// The text of a file, if it is text.
    pub(super) fn text<'t>(file: &str, bytes: &'t [u8]) -> Result<&'t str, Self> {
        std::str::from_utf8(bytes).map_err(|error| {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            Self::at(file, &before, before.len(), "not UTF-8")
        })
    }
}

impl fmt::Display for TriageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // names and values come from the file: an escape sequence in them stays visible
        for c in format!("{}:{}: {}", self.file, self.line, self.problem).chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

/// Where the lines of a text end: a file has many entries, each with its line.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line of a byte offset, from 1.
    pub(super) fn at(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|end| *end < offset)
    }
}
