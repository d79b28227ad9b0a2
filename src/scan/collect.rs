//! Matches → findings: spans become lines and columns, values become credentials with a fingerprint.

use std::ops::Range;

use super::inline;
use super::lines::{Count, Counts, Layout, LineEnd};
use super::snippet::{Spans, snippet};
use crate::aws::partition;
use crate::blob::{Origin, Place};
use crate::decode::{Layers, merge};
use crate::detect::{Match, Value};
use crate::finding::{Encoding, Finding, Fingerprint, Location, Partition, Severity, Verification};
use crate::line_hash::line_hashes;
use crate::rules::RuleSet;

/// How far from a key id, in bytes, a region still tells the partition.
const NEAR: usize = 1000;

/// Where a text begins in its file. The default is the start of it: all that is needed for content that is in memory
/// whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextStart {
    /// Bytes before the text.
    offset: u64,
    counts: Counts,
    /// What ends a line, where the text itself cannot tell.
    end: Option<LineEnd>,
}

impl TextStart {
    /// The place `bytes` further on in `text`, which begins here. Not inside a UTF-8 sequence, or it counts too much.
    pub(super) fn after(mut self, text: &[u8], bytes: usize, end: LineEnd) -> Self {
        self.counts.advance(text, 0..bytes, self.offset, end);
        self.offset += bytes as u64;
        self
    }

    /// The same place, where lines end in `end`.
    pub(super) fn with_end(mut self, end: LineEnd) -> Self {
        self.end = Some(end);
        self
    }
}

/// The finding for one match of `text`, which was read from `origin`.
pub fn collect(rules: &RuleSet, origin: &Origin, text: &[u8], at: TextStart, m: &Match) -> Finding {
    let mut all = collect_all(rules, origin, text, at, std::slice::from_ref(m));
    all.pop().expect("one finding for every match")
}

/// The findings for all matches of `text`, one each and in their order: one pass over the text, however many there are.
pub fn collect_all(
    rules: &RuleSet,
    origin: &Origin,
    text: &[u8],
    at: TextStart,
    matches: &[Match],
) -> Vec<Finding> {
    let wanted: Vec<&Match> = matches.iter().collect();
    collect_some(rules, origin, text, at, matches, &wanted)
}

/// The same for some of the matches. The snippets mask the values of all.
pub(super) fn collect_some(
    rules: &RuleSet,
    origin: &Origin,
    text: &[u8],
    at: TextStart,
    all: &[Match],
    wanted: &[&Match],
) -> Vec<Finding> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let end = at.end.unwrap_or_else(|| LineEnd::of(text));
    let lines = has_lines(origin.place).then(|| Resolved::new(text, at, end, wanted));
    let spans = Spans::new(all.iter().flat_map(spans).collect());
    let mut findings: Vec<Finding> = wanted
        .iter()
        .map(|m| {
            let rule_id = rules.rules[m.rule].id.clone();
            let key_id = m.id.as_ref().map(|id| Box::from(id.text.expose()));
            let secret = m.secret.as_ref().map(|s| s.text.clone());
            let fingerprint = Fingerprint::of(&rule_id, key_id.as_deref(), secret.as_ref());
            let locate = |span: &Range<usize>| {
                let mut location = Location::new(origin.place);
                location.path.clone_from(&origin.path);
                location.object.clone_from(&origin.object);
                location.member_len = origin.member_len;
                if let Some(lines) = &lines {
                    let layout = layout(span, text, at.offset);
                    let start = lines.at(span.start, layout);
                    location.line = Some(start.line);
                    location.column = Some(start.before + 1);
                    location.end_column = Some(lines.at(span.end, layout).before + 1);
                }
                location
            };
            let main = main_value(m).map(|v| &v.span);
            let mut location = main.map_or_else(|| Location::new(origin.place), locate);
            location.member.clone_from(&m.member);
            if let (Some(lines), Some(secret)) = (&lines, &m.secret) {
                let layout = layout(&secret.span, text, at.offset);
                location.secret_line = Some(lines.at(secret.span.start, layout).line);
            }
            Finding {
                rule_id,
                severity: m.severity,
                key_id,
                account_id: m.account.clone(),
                secret,
                session_token: m.token.as_ref().map(|t| t.text.clone()),
                encodings: encodings(m),
                notes: m.notes.clone(),
                location,
                other_locations: m.repeats.iter().map(locate).collect(),
                other_locations_omitted: 0,
                snippet: main
                    .map(|span| snippet(text, span, layout(span, text, at.offset), at.offset, end, &spans)),
                fingerprint,
                suppression: None,
                lapsed: None,
                verification: Verification::NotAttempted,
                partition: nearby_partition(text, m),
                runners_up: m.runners_up.clone(),
            }
        })
        .collect();
    let places = wanted.iter().map(|m| 2 + m.repeats.len()).sum();
    if lines.is_some() && inline::may_have_marks(text, places) {
        let around = inline::Around { text, offset: at.offset, end, values: &spans };
        for (finding, m) in findings.iter_mut().zip(wanted) {
            mark(finding, m, &around);
        }
    }
    // A piece of a text does not show how often a line came before. GitHub reads every file as UTF-8.
    // What is no credential needs no identity there, and to hash a large text costs more than to search it.
    if at.end.is_none() {
        let hashed =
            |f: &&mut Finding| f.severity > Severity::Info && f.encodings.first() != Some(&Encoding::Utf16);
        hash_lines(text, findings.iter_mut().filter(hashed));
    }
    findings
}

/// Note which places of a match the text allows: one word is enough for an id and its secret.
fn mark(finding: &mut Finding, m: &Match, around: &inline::Around<'_>) {
    let allowed = |span: &Range<usize>| around.allowed(span, layout(span, around.text, around.offset));
    let values = main_value(m).into_iter().chain(&m.secret);
    finding.location.allowed = values.map(|v| &v.span).find_map(allowed);
    for (span, location) in m.repeats.iter().zip(&mut finding.other_locations) {
        location.allowed = allowed(span);
    }
}

/// Give every location of the findings of `text` the hash of its line.
fn hash_lines<'f>(text: &[u8], findings: impl Iterator<Item = &'f mut Finding>) {
    let locations = findings.flat_map(Finding::places_mut);
    let mut locations: Vec<(u64, &mut Location)> = locations.filter_map(|l| Some((l.line?, l))).collect();
    let lines: Vec<u64> = locations.iter().map(|l| l.0).collect();
    for ((_, location), hash) in locations.iter_mut().zip(line_hashes(text, &lines)) {
        location.line_hash = hash;
    }
}

/// The partition that the token, or the text near a match, speaks of.
fn nearby_partition(text: &[u8], m: &Match) -> Option<Partition> {
    let of_token = m.token.as_ref().and_then(|token| partition::of_token(token.text.expose()));
    let near = || {
        let at = m.secret.as_ref().and(main_value(m))?.span.start; // without a pair nothing is asked
        let from = at.saturating_sub(NEAR);
        let around = &text[from..text.len().min(at + NEAR)];
        partition::nearest(around, at - from)
    };
    of_token.or_else(near)
}

/// The value whose place is that of the finding.
pub(super) fn main_value(m: &Match) -> Option<&Value> {
    m.id.as_ref().or(m.secret.as_ref()).or(m.token.as_ref())
}

/// Names have no lines.
fn has_lines(place: Place) -> bool {
    !matches!(place, Place::Path | Place::Ref)
}

/// How the text at a value is written: a value holds a NUL only as UTF-16. (Its encodings do not tell, because a repeat
/// has none of its own.)
fn layout(span: &Range<usize>, text: &[u8], offset: u64) -> Layout {
    if text[span.clone()].iter().take(2).any(|&b| b == 0) {
        Layout::utf16(text, span, offset)
    } else {
        Layout::Bytes
    }
}

/// All spans of a match, and whether they are to be masked.
fn spans(m: &Match) -> impl Iterator<Item = (Range<usize>, bool)> {
    let hide = [&m.secret, &m.token].into_iter().flatten().map(|v| (v.span.clone(), true));
    let show = m.id.iter().map(|v| v.span.clone()).chain(m.repeats.iter().cloned()).map(|s| (s, false));
    hide.chain(show)
}

/// What had to be undone for any of its values, outermost first.
fn encodings(m: &Match) -> Vec<Encoding> {
    let values = [&m.id, &m.secret, &m.token].into_iter().flatten();
    let mut lists: Vec<&[Encoding]> = values.map(|v| v.encodings.as_slice()).collect();
    lists.sort_by_key(|l| std::cmp::Reverse(l.len()));
    let mut all = Layers::new();
    for list in lists {
        merge(&mut all, list);
    }
    all.into_vec()
}

/// Lines and columns of all places that the matches of a text name.
struct Resolved<'a> {
    /// Sorted by position.
    places: Vec<(usize, Counts)>,
    text: &'a [u8],
    offset: u64,
}

impl<'a> Resolved<'a> {
    fn new(text: &'a [u8], at: TextStart, end: LineEnd, matches: &[&Match]) -> Self {
        let mut resolved = Self { places: Vec::new(), text, offset: at.offset };
        let mut positions = Vec::new();
        let mut only_bytes = true;
        for m in matches {
            let values = [main_value(m), m.secret.as_ref()].into_iter().flatten().map(|v| &v.span);
            for span in values.chain(&m.repeats) {
                let layout = layout(span, text, at.offset);
                only_bytes &= layout == Layout::Bytes;
                positions.extend([span.start, span.end].map(|pos| resolved.border(pos, layout)));
            }
        }
        positions.sort_unstable();
        positions.dedup();
        let mut counts = at.counts;
        let mut from = 0;
        let places = positions.into_iter().map(|pos| {
            if only_bytes {
                counts.advance_bytes(&text[from..pos], end);
            } else {
                counts.advance(text, from..pos, at.offset, end);
            }
            from = pos;
            (pos, counts)
        });
        resolved.places = places.collect();
        resolved
    }

    /// Line, and characters before `pos` on it, which is a border of a value.
    fn at(&self, pos: usize, layout: Layout) -> Count {
        let found = self.places.binary_search_by_key(&self.border(pos, layout), |p| p.0);
        self.places[found.expect("every border of a match was counted")].1.get(layout)
    }

    fn border(&self, pos: usize, layout: Layout) -> usize {
        layout.align(self.text, pos, self.offset)
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
pub(super) mod tests;
