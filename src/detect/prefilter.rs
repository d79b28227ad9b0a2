//! The first stage: one SIMD pass for the literals without which nothing can be found.
//!
//! This path decides the speed of a scan: a text without an anchor costs nothing more. The literals are the prefixes of
//! the rules in every carrier (plain, base64 at three alignments, hexadecimal, UTF-16, escapes), and the keywords of
//! labels that allow a secret without an id. [`Searcher`] takes 64 literals at the price of two; the plain `AhoCorasick` is more than 24
//! times slower here.

use std::ops::Range;

pub use super::literals::Carrier;
use super::literals::add_part;
use super::searcher::Searcher;
use super::{candidate, glued};
use crate::aws::key_id;
use crate::decode;
use crate::rules::{Check, Part, RuleSet};

/// A run of base64 that encodes a container is at least this long.
const MIN_PACKED: usize = 40;

/// Heads of base64 runs that encode gzip or zip, and gzip that is encoded twice, as Helm keeps releases. What else might be encoded
/// twice has no mark that costs little: four more literals made this stage a third slower.
const PACKED: [&[u8]; 3] = [b"H4sI", b"UEsDB", HELM];
const HELM: &[u8] = b"SDRzS";

/// A literal of the prefilter.
#[derive(Debug, Clone)]
pub struct Literal {
    /// The bytes to find.
    pub bytes: Vec<u8>,
    /// What it is an encoding of.
    pub carrier: Carrier,
    /// The values that it may be the head, or the label, of.
    pub parts: Vec<PartRef>,
}

/// A part of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartRef {
    /// Index of the rule in the rule set.
    pub rule: u16,
    /// Whether it is the rule's secret; else its id.
    pub secret: bool,
}

/// What [`Prefilter::viable`] needs to know of a part.
#[derive(Debug, Clone)]
struct Shape {
    of: PartRef,
    part: Part,
    /// Length of the shortest value.
    min_len: usize,
    /// Made of base64 characters, both cases.
    random: bool,
}

/// A place in a text where a literal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    /// Where it begins.
    pub pos: usize,
    /// Index into [`Prefilter::literals`].
    pub literal: u16,
}

/// Finds anchors.
#[derive(Debug)]
pub struct Prefilter {
    /// Those that are searched for, then those of `longer`.
    literals: Vec<Literal>,
    searcher: Searcher,
    /// A literal that is searched for, and one of another carrier that begins with it, by index.
    longer: Vec<(usize, usize)>,
    shapes: Vec<Shape>,
}

impl Prefilter {
    /// How many bytes before the start of a literal decide whether an anchor is viable.
    pub const REACH_BEFORE: usize = 64;
    /// How many bytes from the start of a literal decide whether an anchor is viable.
    pub const REACH_AFTER: usize = 320;

    /// A prefilter for these rules.
    pub fn new(rules: &RuleSet) -> Self {
        let mut literals: Vec<Literal> = Vec::new();
        let mut shapes = Vec::new();
        for (index, rule) in rules.rules.iter().enumerate() {
            for (part, secret) in [(&rule.id_part, false), (&rule.secret, true)] {
                let Some(part) = part else { continue };
                let part_ref = PartRef { rule: index as u16, secret };
                shapes.push(Shape::new(part_ref, part));
                add_part(part, secret, &mut |bytes, carrier| {
                    if bytes.len() < 3 {
                        return;
                    }
                    match literals.iter_mut().find(|l| l.bytes == bytes && l.carrier == carrier) {
                        Some(literal) => literal.parts.push(part_ref),
                        None => literals.push(Literal { bytes, carrier, parts: vec![part_ref] }),
                    }
                });
            }
        }
        let packed =
            |bytes: &&[u8]| Literal { bytes: bytes.to_vec(), carrier: Carrier::Packed, parts: Vec::new() };
        literals.extend(PACKED.iter().map(packed));
        Self::of(literals, shapes)
    }

    /// A prefilter for the names of files: they hold values as they are, and no labels or encodings.
    #[must_use]
    pub fn for_names(&self) -> Self {
        let plain = self.literals.iter().filter(|l| l.carrier == Carrier::Plain);
        Self::of(plain.cloned().collect(), self.shapes.clone())
    }

    fn of(mut all: Vec<Literal>, shapes: Vec<Shape>) -> Self {
        // Of two literals at one place one is searched for: what begins with another literal is found through that one.
        all.sort_by_key(|l| l.bytes.len());
        let (mut literals, mut others): (Vec<Literal>, Vec<Literal>) = (Vec::new(), Vec::new());
        for literal in all {
            let begins = |shorter: &Literal| literal.bytes.starts_with(&shorter.bytes);
            let mut same = literals.iter_mut().chain(&mut others).filter(|l| l.carrier == literal.carrier);
            if let Some(shorter) = same.find(|l| begins(l)) {
                shorter.parts.extend(literal.parts);
            } else if literals.iter().any(begins) {
                others.push(literal);
            } else {
                literals.push(literal);
            }
        }
        let searcher = Searcher::new(&literals.iter().map(|l| &l.bytes[..]).collect::<Vec<_>>());
        let begins = |literal: &Literal| literals.iter().position(|l| literal.bytes.starts_with(&l.bytes));
        let longer = others.iter().enumerate().filter_map(|(i, l)| Some((begins(l)?, literals.len() + i)));
        let longer: Vec<(usize, usize)> = longer.collect();
        literals.append(&mut others);
        Self { literals, searcher, longer, shapes }
    }

    /// The literals that are searched for.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// Length of the longest literal.
    pub fn max_len(&self) -> usize {
        self.literals.iter().map(|l| l.bytes.len()).max().unwrap_or(0)
    }

    /// Call `found` with every anchor of `text` until it says stop. Overlapping ones are all found. Mostly they come in the order of
    /// their positions.
    pub fn each(&self, text: &[u8], mut found: impl FnMut(Anchor) -> bool) {
        self.searcher.each(text, |pos, literal| {
            if !found(Anchor { pos, literal: literal as u16 }) {
                return false;
            }
            let mut longer =
                self.longer.iter().filter(|(shorter, _)| *shorter == literal).map(|(_, longer)| *longer);
            longer.all(|longer| {
                let is_there = text[pos..].starts_with(&self.literals[longer].bytes);
                !is_there || found(Anchor { pos, literal: longer as u16 })
            })
        });
    }

    /// Append all anchors of `text`, ordered by position.
    pub fn anchors(&self, text: &[u8], into: &mut Vec<Anchor>) {
        let from = into.len();
        self.each(text, |a| {
            into.push(a);
            true
        });
        if !self.searcher.is_in_order() {
            into[from..].sort_unstable();
        }
    }

    /// All anchors of `text` that could be the start of a finding, ordered by position, instead of what `into` held.
    pub fn viable_anchors(&self, text: &[u8], into: &mut Vec<Anchor>) {
        into.clear();
        self.each(text, |a| {
            if self.viable(text, a) {
                into.push(a);
            }
            true
        });
        if !self.searcher.is_in_order() {
            into.sort_unstable();
        }
    }

    /// Whether any anchor of `text` could be the start of a finding.
    pub fn is_hot(&self, text: &[u8]) -> bool {
        let mut hot = false;
        self.each(text, |a| {
            hot = self.viable(text, a);
            !hot
        });
        hot
    }

    /// Whether the name of a file could hold a finding.
    pub fn is_hot_name(&self, name: &[u8]) -> bool {
        const SHORTEST: usize = 16; // of a value
        name.len() >= SHORTEST && self.is_hot(name)
    }

    /// Whether an anchor could be the start of a finding, by a cheap look at the bytes around it, from
    /// [`Self::REACH_BEFORE`] before its start to [`Self::REACH_AFTER`] after it and no others.
    /// `false` means that no rule can match there.
    pub fn viable(&self, text: &[u8], anchor: Anchor) -> bool {
        let literal = &self.literals[usize::from(anchor.literal)];
        let end = text.len().min(anchor.pos + Self::REACH_AFTER);
        let after = &text[anchor.pos..end];
        let before = &text[anchor.pos.saturating_sub(Self::REACH_BEFORE)..anchor.pos];
        let mut shapes = self.shapes.iter().filter(|s| literal.parts.contains(&s.of));
        match literal.carrier {
            Carrier::Plain => shapes.any(|s| s.plain(before, after)),
            // a shorter run cannot hold the rest of the shortest value, whatever the alignment
            Carrier::Base64 => {
                let run = decode::run_in_lines(after, decode::is_base64_any);
                shapes.any(|s| run + 4 >= s.min_len * 4 / 3)
            }
            Carrier::Base64Wide => {
                let run = decode::run_in_lines(after, decode::is_base64_any);
                shapes.any(|s| run + 16 >= s.min_len * 8 / 3)
            }
            Carrier::Packed => packed_run(before, after),
            Carrier::Bytes => {
                let cut = [before.len() == Self::REACH_BEFORE, after.len() == Self::REACH_AFTER];
                decode::may_be_id(&text[anchor.pos - before.len()..end], cut)
            }
            Carrier::Utf32 => shapes.any(|s| {
                let wide = |u: &&[u8]| u[0] > b' ' && u[1..].iter().all(|b| *b == 0);
                after.chunks(4).take_while(wide).count() + 3 >= s.min_len
            }),
            Carrier::Hex => {
                let run = decode::run_in_lines(after, |b| b.is_ascii_hexdigit());
                shapes.any(|s| run >= s.min_len * 2)
            }
            // in big endian text the byte behind the last character belongs to something else
            Carrier::Utf16 => shapes.any(|s| {
                let wide = |u: &&[u8]| u[0] > b' ' && u.get(1).is_none_or(|&b| b == 0);
                after.chunks(2).take_while(wide).count() + 1 >= s.min_len
            }),
            Carrier::Escaped => {
                let plain = decode::View::plain(after, 0).decoded(decode::Carriers::default(), 0, &|_| false);
                shapes.any(|s| s.plain(b"", &plain.text))
            }
            Carrier::Keyword => {
                let around = &text[anchor.pos - before.len()..end];
                shapes.any(|s| s.follows(around, before.len()))
            }
            Carrier::KeywordUtf16 => {
                let narrow: Vec<u8> = after.chunks(2).map(|u| u[0]).collect();
                shapes.any(|s| s.follows(&narrow, 0))
            }
        }
    }
}

impl Shape {
    fn new(part_ref: PartRef, part: &Part) -> Self {
        let min_len = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(part.regex.as_str())
            .ok()
            .and_then(|hir| hir.properties().minimum_len())
            .unwrap_or(1);
        let random = part.check == Some(Check::AwsSecret);
        Self { of: part_ref, part: part.clone(), min_len, random }
    }

    /// Whether a value with a prefix may begin where `after` does.
    fn plain(&self, before: &[u8], after: &[u8]) -> bool {
        let whole = self.part.regex.find(after);
        if let Some(found) = &whole
            && self.part.check == Some(Check::AwsKeyId)
            && glued::may_be_id(before, &after[found.end()..])
        {
            return true;
        }
        // the letter before may end an escape: \n, %3D, =3D, a terminal colour
        if before.last().is_some_and(|&b| self.part.fence.has(b)) && !escaped(before) {
            return false;
        }
        if let Some(found) = whole {
            return after.get(found.end()).is_none_or(|&b| !self.part.fence.has(b))
                || candidate::length_before(before, found.end());
        }
        // not whole: it may be escaped, or a literal in pieces
        let run = after
            .iter()
            .take_while(|&&b| b > b' ' && !matches!(b, b'"' | b'\'' | b'`' | b'\\' | b'%' | b'&'))
            .count();
        match after.get(run) {
            Some(b'\\' | b'%' | b'&') => run < self.min_len.max(16) * 2,
            // quoted-printable, or lines that are folded
            Some(b'\r' | b'\n') => after[..run].ends_with(b"=") || self.is_folded(after, run),
            Some(0x1b) => true,
            Some(b'"' | b'\'' | b'`') => {
                let (total, joints) = decode::join_run(after, 0);
                !joints.is_empty() && total >= self.min_len
            }
            _ => false,
        }
    }

    /// Whether an id goes on in the line behind the one that ends at `run`.
    fn is_folded(&self, after: &[u8], run: usize) -> bool {
        let next = after[run..].trim_ascii_start();
        self.part.check == Some(Check::AwsKeyId) && key_id::rest(&after[..run], next).is_some()
    }

    /// Whether a value may follow the label that `text` holds at `label`. Nothing is known of what lies around `text`.
    fn follows(&self, text: &[u8], label: usize) -> bool {
        let class = |b: u8| {
            decode::is_base64(b)
                || matches!(b, b'\\' | b'%')
                || (!self.random && matches!(b, b'_' | b'-' | b'.' | b'~' | b'=' | b'&' | b';' | b'#'))
        };
        let after = &text[label..];
        for Range { start: at, end } in candidate::long_runs(after, self.min_len, class) {
            if !self.random {
                return true;
            }
            let before = &text[..label + at];
            let start = before.len() - before.iter().rev().take_while(|&&b| class(b)).count();
            if self.holds(text, start..label + end) || decode::begins_nested(&text[start..label + end]) {
                return true;
            }
        }
        memchr::memchr3_iter(b'"', b'\'', b'`', after).any(|quote| {
            let len = after[..quote].iter().rev().take_while(|&&b| decode::is_base64(b)).count();
            // `"name": "value",` is what most quotes belong to
            let ends = matches!(after.get(quote + 1), Some(b':' | b','));
            let (total, joints) =
                if len >= 4 && !ends { decode::join_run(after, quote - len) } else { (0, Vec::new()) };
            !joints.is_empty() && total >= self.min_len
        })
    }

    /// Whether a run of base64 characters and escapes may hold a random value. One that touches an end of `text` may go
    /// on there.
    fn holds(&self, text: &[u8], run: Range<usize>) -> bool {
        let bytes = &text[run.clone()];
        let has = |class: fn(&u8) -> bool| bytes.iter().any(class);
        if !has(u8::is_ascii_uppercase) || !has(u8::is_ascii_lowercase) {
            return false;
        }
        if run.start == 0 || run.end == text.len() {
            return true;
        }
        if !has(|b| matches!(b, b'\\' | b'%')) {
            return candidate::may_hold(bytes, &text[..run.start], &self.part);
        }
        // the last escape may go on behind the run, as in \\"
        let Some(piece) = text.get(run.start..run.end + 8) else { return true };
        let plain = decode::View::plain(piece, 0).decoded(decode::Carriers::default(), 0, &|_| false).text;
        plain.split(|&b| !decode::is_base64(b)).enumerate().any(|(i, r)| {
            let before = if i == 0 { &text[..run.start] } else { b"" };
            candidate::may_hold(r, before, &self.part)
        })
    }
}

/// Whether what stands before a value may end in an escape: `\n`, `%3D`, `=3D`, `=A0`, a terminal colour.
fn escaped(before: &[u8]) -> bool {
    before.iter().rev().take(16).any(|b| matches!(b, b'\\' | b'%' | 0x1b))
        || matches!(before, [.., b'=', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
        || decode::ends_in_colour(before)
}

/// Whether a run of base64 begins here that may encode a container, perhaps twice, perhaps with escapes in it.
fn packed_run(before: &[u8], after: &[u8]) -> bool {
    let begins = before.last().is_none_or(|&b| !decode::is_base64_any(b)) || escaped(before);
    let long = || {
        let class = |b: &&u8| decode::is_base64_any(**b) || matches!(b, b'\\' | b'%');
        after.iter().take_while(class).count() >= MIN_PACKED
    };
    begins && (after.starts_with(HELM) || decode::begins_packed(after)) && long()
}
