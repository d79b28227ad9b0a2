//! What the program ends with.

use std::process::ExitCode;

/// The exit status, as the README's table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Nothing found at or above `--fail-on`.
    Clean = 0,
    /// Findings.
    Findings = 1,
    /// The work could not be done, or not all of it.
    Failed = 2,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
