//! Who said that a finding does not count, and why.

/// What suppresses a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuppressionKind {
    /// `keyhound:allow` in the text itself.
    Inline,
    /// An entry of the configuration.
    Config,
    /// An entry of the baseline.
    Baseline,
}

impl SuppressionKind {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Config => "config",
            Self::Baseline => "baseline",
        }
    }
}

/// Why a finding does not count: somebody has said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// What says so.
    pub kind: SuppressionKind,
    /// Why, in the words of whoever said so.
    pub reason: Option<String>,
    /// Who said so.
    pub author: Option<String>,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Where it says so, `FILE:LINE`; `None` where that is the place of the finding.
    pub source: Option<String>,
}
