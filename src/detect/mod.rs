//! From bytes to matches: prefilter → candidate → window → scored secrets → one-to-one assignment.
//!
//! Pure: no I/O, no clock, no configuration but the rules. See the files for the stages.

use std::ops::Range;
use std::sync::Arc;

use crate::finding::{Encoding, Note, Secret, Severity};
use crate::rules::RuleSet;

pub mod prefilter;

pub use prefilter::Prefilter;

/// Finds credentials in bytes. Cheap to share: build one for a run.
#[derive(Debug)]
pub struct Detector {
    rules: Arc<RuleSet>,
    prefilter: Prefilter,
}

/// A credential in a text. Spans are byte ranges of the text that was given to [`Detector::detect`].
#[derive(Debug, Clone)]
pub struct Match {
    /// Index of the rule in the rule set.
    pub rule: usize,
    /// How bad it is.
    pub severity: Severity,
    /// The id.
    pub id: Option<Value>,
    /// The secret.
    pub secret: Option<Value>,
    /// The token that joins them.
    pub token: Option<Value>,
    /// AWS account number, 12 digits, decoded from the id or the key.
    pub account: Option<Box<str>>,
    /// Why it is less, or more, than its shape says.
    pub notes: Vec<Note>,
    /// Other secrets that may belong to the id, best first.
    pub runners_up: Vec<Secret>,
    /// Further places of the same id in this text, without a secret of their own.
    pub repeats: Vec<Range<usize>>,
}

/// A value of a match, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The decoded value.
    pub text: Secret,
    /// Where it stands, encoded, in the text.
    pub span: Range<usize>,
    /// What had to be undone, outermost first.
    pub encodings: Vec<Encoding>,
}

impl Detector {
    /// A detector for these rules.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let prefilter = Prefilter::new(&rules);
        Self { rules, prefilter }
    }

    /// The rules it was built with.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The first stage, for sources that can skip content without reading it whole.
    pub fn prefilter(&self) -> &Prefilter {
        &self.prefilter
    }

    /// All credentials in `text`, ordered by position, none twice.
    pub fn detect(&self, text: &[u8]) -> Vec<Match> {
        let mut anchors = Vec::new();
        self.prefilter.anchors(text, &mut anchors);
        Vec::new()
    }
}
