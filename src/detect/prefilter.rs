//! The first stage: one SIMD pass for the literals without which nothing can be found.
//!
//! This path decides the speed of a scan: a text without an anchor costs nothing more. The literals are the prefixes of
//! the rules in every carrier (plain, base64 at three alignments, hexadecimal, UTF-16, escapes), and the keywords of
//! labels that allow a secret without an id. `aho_corasick::packed` (Teddy) takes 64 literals at the price of two; the
//! plain `AhoCorasick` is 24 times slower here. Its matches do not overlap, so a search restarts one byte behind the
//! start of each match, or `AKIAKIA…` is missed.

use aho_corasick::packed;

use crate::rules::{Part, RuleSet};

/// The longest literal that is searched for; longer prefixes are cut.
const MAX_LITERAL: usize = 8;

/// Literals a Teddy searcher takes before another one is built.
const MAX_PER_SEARCHER: usize = 48;

/// A literal of the prefilter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// The bytes to find.
    pub bytes: Vec<u8>,
    /// What it is an encoding of.
    pub carrier: Carrier,
}

/// How a literal is written in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// As it is.
    Plain,
    /// As UTF-16, either byte order: the NUL at either end is left out.
    Utf16,
    /// Inside base64, at any alignment.
    Base64,
    /// As hexadecimal digits.
    Hex,
    /// As `\u0041`, `\x41`, `%41`, `&#65;` or `&#x41;`.
    Escaped,
    /// A keyword of a label, plain.
    Keyword,
    /// A keyword of a label, as UTF-16.
    KeywordUtf16,
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
    literals: Vec<Literal>,
    searchers: Vec<Searcher>,
}

#[derive(Debug)]
struct Searcher {
    packed: packed::Searcher,
    /// Index of the searcher's first literal.
    first: usize,
}

impl Prefilter {
    /// How many bytes before the start of a literal decide whether an anchor is viable.
    pub const REACH_BEFORE: usize = 64;
    /// How many bytes from the start of a literal decide whether an anchor is viable.
    pub const REACH_AFTER: usize = 320;

    /// A prefilter for these rules.
    pub fn new(rules: &RuleSet) -> Self {
        let mut literals: Vec<Literal> = Vec::new();
        let mut add = |bytes: Vec<u8>, carrier| {
            if bytes.len() >= 3 && !literals.iter().any(|l| l.bytes == bytes) {
                literals.push(Literal { bytes, carrier });
            }
        };
        for rule in &rules.rules {
            for part in [&rule.id_part, &rule.secret].into_iter().flatten() {
                add_part(part, &mut add);
            }
        }
        // A literal behind which another one always stands too is not needed: Teddy would report only one of them.
        let all: Vec<Vec<u8>> = literals.iter().map(|l| l.bytes.clone()).collect();
        literals.retain(|l| !all.iter().any(|o| *o != l.bytes && l.bytes.starts_with(o)));
        let searchers = (0..literals.len())
            .step_by(MAX_PER_SEARCHER)
            .map(|first| {
                let chunk = &literals[first..literals.len().min(first + MAX_PER_SEARCHER)];
                let packed = packed::Config::new()
                    .builder()
                    .extend(chunk.iter().map(|l| &l.bytes))
                    .build()
                    .expect("Teddy takes up to 64 literals that are not empty");
                Searcher { packed, first }
            })
            .collect();
        Self { literals, searchers }
    }

    /// The literals that are searched for.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// Length of the longest literal.
    pub fn max_len(&self) -> usize {
        self.literals.iter().map(|l| l.bytes.len()).max().unwrap_or(0)
    }

    /// Call `found` with every anchor of `text`, in order of position within each group of literals, until it says stop.
    /// Overlapping ones are all found.
    pub fn each(&self, text: &[u8], mut found: impl FnMut(Anchor) -> bool) {
        for s in &self.searchers {
            let mut at = 0;
            while let Some(m) = s.packed.find_in(text, aho_corasick::Span { start: at, end: text.len() }) {
                at = m.start() + 1;
                if !found(Anchor { pos: m.start(), literal: (s.first + m.pattern().as_usize()) as u16 }) {
                    return;
                }
            }
        }
    }

    /// Append all anchors of `text`, ordered by position.
    pub fn anchors(&self, text: &[u8], into: &mut Vec<Anchor>) {
        let from = into.len();
        self.each(text, |a| {
            into.push(a);
            true
        });
        if self.searchers.len() > 1 {
            into[from..].sort_unstable();
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

    /// Whether an anchor could be the start of a finding, by a cheap look at the bytes around it, from
    /// [`Self::REACH_BEFORE`] before its start to [`Self::REACH_AFTER`] after it and no others.
    /// `false` means that no rule can match there.
    pub fn viable(&self, text: &[u8], anchor: Anchor) -> bool {
        let _ = (text, anchor);
        true
    }
}

/// All literals of a part.
fn add_part(part: &Part, add: &mut impl FnMut(Vec<u8>, Carrier)) {
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(MAX_LITERAL);
        bytes
    };
    for prefix in &part.prefixes {
        let p = prefix.as_bytes();
        add(cut(p.to_vec()), Carrier::Plain);
        if p.len() < 4 {
            continue; // its encodings would be too short to mean anything
        }
        add(cut(utf16(p)), Carrier::Utf16);
        for alignment in 0..3 {
            add(cut(base64_inner(p, alignment)), Carrier::Base64);
        }
        let hex = |upper: bool| p.iter().flat_map(|b| hex_digits(*b, upper)).collect::<Vec<u8>>();
        add(cut(hex(false)), Carrier::Hex);
        add(cut(hex(true)), Carrier::Hex);
        let digits = hex_digits(p[0], false);
        let (h, l) = (char::from(digits[0]), char::from(digits[1]));
        let second = char::from(hex_digits(p[1], false)[0]);
        for text in [
            format!("\\u00{h}{l}\\u00{second}"),
            format!("\\x{h}{l}\\x{second}"),
            format!("%{h}{l}%{second}"),
            format!("&#{};&#{}", p[0], p[1]),
            format!("&#x{h}{l};&#x{second}"),
        ] {
            add(text.into_bytes(), Carrier::Escaped);
        }
    }
    for keyword in &part.keywords {
        add(cut(keyword.as_bytes().to_vec()), Carrier::Keyword);
        add(cut(utf16(keyword.as_bytes())), Carrier::KeywordUtf16);
    }
}

/// UTF-16 of ASCII, without the NUL at the end that little endian has and big endian has in front: both orders hold it.
fn utf16(ascii: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = ascii.iter().flat_map(|&b| [b, 0]).collect();
    out.pop();
    out
}

fn hex_digits(byte: u8, upper: bool) -> [u8; 2] {
    let table = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    [table[usize::from(byte >> 4)], table[usize::from(byte & 15)]]
}

/// The base64 characters that `bytes` decide alone when they start `alignment` bytes into a group of three.
fn base64_inner(bytes: &[u8], alignment: usize) -> Vec<u8> {
    const TABLE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |i: usize| {
        let byte = bytes[i / 8 - alignment];
        usize::from(byte >> (7 - i % 8) & 1)
    };
    let (first, end) = ((alignment * 8).div_ceil(6), (alignment + bytes.len()) * 8 / 6);
    (first..end).map(|c| TABLE[(0..6).fold(0, |v, k| v << 1 | bit(c * 6 + k))]).collect()
}
