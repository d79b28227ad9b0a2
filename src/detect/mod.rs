//! From bytes to matches: prefilter → candidate → window → scored secrets → one-to-one assignment.
//!
//! Pure: no I/O, no clock, no configuration but the rules.
//!
//! - [`prefilter`]: anchors, in one pass over the raw bytes; without a viable one nothing more is done; `literals` are what it
//!   looks for, `buckets` makes it fast
//! - `window`: the surroundings of the anchors, decoded
//! - `candidate`: ids and secrets in a decoded text, by shape and neighbours
//! - `glued`: values among the strings of a program, with nothing between
//! - `packed`: compressed streams and archives in base64, opened and searched
//! - `names` (of the words of `vocabulary`), `naming`, `label`, `heads`, `structure`: what the names of values and the layout
//!   between them say
//! - `alone`: whether a secret is reported without an id
//! - `memo`: windows that were searched before
//! - `pair`, `cost`, `columns`, `halves`, `owners`, `rows`, `transposed`, `section`, `vacant`, `assign`: which secret belongs to which id

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::decode::unpack::Problem;
use crate::finding::{Encoding, Note, Secret, Severity};
use crate::rules::RuleSet;

mod alone;
mod assign;
mod buckets;
mod candidate;
pub mod check;
mod columns;
mod cost;
mod glued;
mod halves;
mod heads;
mod label;
mod literals;
mod memo;
mod names;
mod naming;
mod owners;
mod packed;
mod pair;
pub mod prefilter;
mod rivals;
mod rows;
mod searcher;
mod section;
mod structure;
mod transposed;
mod vacant;
mod vocabulary;
mod window;

pub use memo::Memo;
use prefilter::Anchor;
pub use prefilter::Prefilter;

/// Finds credentials in bytes. Cheap to share: build one for a run.
#[derive(Debug)]
pub struct Detector {
    rules: Arc<RuleSet>,
    prefilter: Prefilter,
    depth: Depth,
}

/// How many layers are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Encodings through which nothing shows: base64, hexadecimal digits, and what is compressed inside them.
    pub encodings: usize,
    /// Of these, containers that may lie in one another; 0: none is opened.
    pub archives: usize,
}

impl Default for Depth {
    fn default() -> Self {
        Self { encodings: 4, archives: 8 }
    }
}

/// A credential in a text. Spans are byte ranges of the text that was given to [`Detector::detect`].
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Further places of the same id without a secret of their own.
    pub repeats: Vec<Range<usize>>,
    /// Where an archive is encoded at that place: the path of the member in it that holds the credential, as `inner.zip!file`.
    pub member: Option<Box<[u8]>>,
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

impl Match {
    /// The same match in a text in which it stands elsewhere: what was at `from` is at `to`.
    fn moved(mut self, from: usize, to: usize) -> Self {
        let values = [&mut self.id, &mut self.secret, &mut self.token].into_iter().flatten();
        for span in values.map(|v| &mut v.span).chain(&mut self.repeats) {
            *span = span.start - from + to..span.end - from + to;
        }
        self
    }

    /// Where the match stands: its id, or its secret where there is no id.
    pub fn span(&self) -> Range<usize> {
        self.id.as_ref().or(self.secret.as_ref()).map_or(0..0, |v| v.span.clone())
    }
}

impl Detector {
    /// A detector for these rules.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::with_depth(rules, Depth::default())
    }

    /// A detector for these rules that goes so deep into encodings.
    pub fn with_depth(rules: Arc<RuleSet>, depth: Depth) -> Self {
        let prefilter = Prefilter::new(&rules);
        Self { rules, prefilter, depth }
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
        self.detect_and_tell(text, &mut |_, _| {})
    }

    /// As [`Self::detect`]. `problem` is told of what is encoded in `text` and was not read because of a limit, and where.
    pub fn detect_and_tell(&self, text: &[u8], problem: &mut dyn FnMut(Range<usize>, Problem)) -> Vec<Match> {
        self.layers(text, self.depth.encodings, problem)
    }

    /// As [`Self::detect_and_tell`], where it is known already where to look: at all viable anchors of `text`, by position.
    /// What `memo` remembers of other texts is not searched again; it must be used with one detector only.
    pub fn detect_at(
        &self,
        text: &[u8],
        anchors: &[Anchor],
        memo: &mut Memo,
        problem: &mut dyn FnMut(Range<usize>, Problem),
    ) -> Vec<Match> {
        let mut matches = Vec::new();
        for window in window::windows(text, anchors, self.prefilter.literals()) {
            memo.window(self, text, &window, &mut matches, problem);
        }
        ordered(matches)
    }

    /// All credentials in `text` under up to `depth` layers.
    fn layers(
        &self,
        text: &[u8],
        depth: usize,
        problem: &mut dyn FnMut(Range<usize>, Problem),
    ) -> Vec<Match> {
        let mut anchors = Vec::new();
        self.prefilter.viable_anchors(text, &mut anchors);
        let mut matches = Vec::new();
        for window in window::windows(text, &anchors, self.prefilter.literals()) {
            self.window(text, &window, depth, &mut matches, problem);
        }
        ordered(matches)
    }
}

/// What was found in all windows of a text, in order and none twice.
fn ordered(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_by(|a, b| order(a).cmp(&order(b)));
    matches.dedup_by(|a, b| order(a) == order(b));
    fold(matches)
}

/// By place. What is in one container in base64 stands at one place.
fn order(m: &Match) -> impl Ord + '_ {
    let value = |v: &Option<Value>| v.as_ref().map(|v| (v.span.start, v.text.clone()));
    (m.span().start, m.rule, value(&m.secret), value(&m.id))
}

/// Make ids without a secret repeats of the same id with one, or of its first place.
fn fold(matches: Vec<Match>) -> Vec<Match> {
    let mut heads: HashMap<(usize, Box<str>), usize> = HashMap::new();
    for (i, m) in matches.iter().enumerate() {
        if let Some(id) = &m.id {
            let head = heads.entry((m.rule, id.text.expose().into())).or_insert(i);
            if matches[*head].secret.is_none() && m.secret.is_some() {
                *head = i;
            }
        }
    }
    if heads.len() == matches.len() {
        return matches;
    }
    let head = |i: usize, m: &Match| match &m.id {
        Some(id) if m.secret.is_none() => heads[&(m.rule, id.text.expose().into())],
        _ => i,
    };
    let of: Vec<usize> = matches.iter().enumerate().map(|(i, m)| head(i, m)).collect();
    let mut slots: Vec<Option<Match>> = matches.into_iter().map(Some).collect();
    for (i, &head) in of.iter().enumerate() {
        if head != i
            && let Some(repeat) = slots[i].take()
            && let Some(head) = &mut slots[head]
        {
            head.repeats.push(repeat.span());
        }
    }
    slots.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
