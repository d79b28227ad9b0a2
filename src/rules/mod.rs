//! Rules: what a credential looks like, as data.
//!
//! A rule file (`rules/*.toml`, or one given with `--rules`) is parsed, checked and compiled to a [`Rule`]. A rule has up
//! to three parts: an `id` and the `secret` that belongs to it, found near each other and paired; a `token` that joins
//! them; or a `secret` alone that its own prefix or the label before it gives away. What only code
//! can say of a value (does this id decode?) is a named [`Check`], by which the detector also knows what is AWS's.

use std::path::PathBuf;
use std::sync::Arc;

use regex::bytes::Regex;

use crate::finding::Severity;

mod compile;
pub mod error;
mod fence;
mod file;
mod nearest;
mod set;

pub use error::RuleError;

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name: lower-case words joined by `-`.
    pub id: Arc<str>,
    /// What it finds, in one sentence.
    pub description: String,
    /// Why finding it matters, one paragraph a line.
    pub why: String,
    /// What to do about a finding, one step per line.
    pub remediation: String,
    /// Where the facts come from.
    pub references: Vec<String>,
    /// Severity of the whole credential.
    pub severity: Severity,
    /// Severity of the id without a secret; `None`: an id alone is not reported.
    pub severity_alone: Option<Severity>,
    /// The id that a secret is paired with.
    pub id_part: Option<Part>,
    /// The secret.
    pub secret: Option<Part>,
    /// A third value that joins the pair.
    pub token: Option<Part>,
    /// Texts that the rule must find, with what it must extract.
    pub examples: Vec<Example>,
    /// Texts in which it must find nothing.
    pub counter_examples: Vec<CounterExample>,
    /// The file it was read from; `None` for built-in rules.
    pub file: Option<PathBuf>,
}

/// One value of a rule.
#[derive(Debug, Clone)]
pub struct Part {
    /// Literal heads of the value, such as `AKIA`. Each is looked for plain and in every encoding.
    pub prefixes: Vec<String>,
    /// What follows a prefix, or the whole value where there are no prefixes, as the rule file writes it.
    pub pattern: String,
    /// Matches the whole value, prefix included. With prefixes it is anchored to the start of the haystack.
    pub regex: Regex,
    /// Bytes that may stand neither directly before nor directly after the value.
    pub fence: ByteSet,
    /// What only code can say of a value.
    pub check: Option<Check>,
    /// Names that usually stand before the value, in lower case, words separated by a blank: case and separators (`_`,
    /// `-`, `.`, blank, none) of the text do not matter.
    pub labels: Vec<String>,
    /// Names that speak against it, such as `sha` or `commit`.
    pub anti_labels: Vec<String>,
    /// Names that are evidence enough to report the value without an id.
    pub alone_labels: Vec<String>,
    /// Literals that make the detector look for `alone_labels`; each of `alone_labels` contains one of them.
    pub keywords: Vec<String>,
    /// How far from the id it may stand, in lines.
    pub within_lines: u32,
    /// Shannon entropy in bits per character below which a value is a placeholder; 0: no limit.
    pub min_entropy: f64,
}

/// Checks of a value that are code. Named in rule files by [`Check::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// An AWS access key id: documentation examples, placeholders, account, generation.
    AwsKeyId,
    /// A 40-character AWS secret: random over its alphabet, no hash, no path, no identifier.
    AwsSecret,
    /// An SES SMTP password: base64 of a version byte and an HMAC.
    AwsSesPassword,
    /// A Bedrock API key: base64 with the account inside.
    AwsBedrockKey,
    /// An STS session token.
    AwsSessionToken,
}

impl Check {
    /// All checks.
    pub const ALL: [Self; 5] =
        [Self::AwsKeyId, Self::AwsSecret, Self::AwsSesPassword, Self::AwsBedrockKey, Self::AwsSessionToken];

    /// The name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwsKeyId => "aws-key-id",
            Self::AwsSecret => "aws-secret",
            Self::AwsSesPassword => "aws-ses-password",
            Self::AwsBedrockKey => "aws-bedrock-key",
            Self::AwsSessionToken => "aws-session-token",
        }
    }
}

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// The set of the given bytes.
    pub const fn of(bytes: &[u8]) -> Self {
        let mut set = Self([0; 4]);
        let mut i = 0;
        while i < bytes.len() {
            set.0[(bytes[i] >> 6) as usize] |= 1 << (bytes[i] & 63);
            i += 1;
        }
        set
    }

    /// Whether it holds `byte`.
    pub const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: Vec<u8> = (0..=255).filter(|&b| self.has(b)).collect();
        write!(f, "[{}]", bytes.escape_ascii())
    }
}

/// A text in which a rule must find something.
#[derive(Debug, Clone)]
pub struct Example {
    /// The text.
    pub text: String,
    /// What must be extracted, exactly, in the order of the text.
    pub extracts: Vec<Extract>,
}

/// What a rule extracts from an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// The id, where the rule has one.
    pub id: Option<String>,
    /// The secret.
    pub secret: Option<String>,
    /// The token.
    pub token: Option<String>,
}

/// A text in which a rule must find nothing at or above `low`.
#[derive(Debug, Clone)]
pub struct CounterExample {
    /// The text.
    pub text: String,
    /// Why it is no credential.
    pub why: String,
}

/// The rules of a run.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// In the order in which they were read; ids are unique.
    pub rules: Vec<Rule>,
}

#[cfg(test)]
mod tests;
