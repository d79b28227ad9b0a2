//! Strings of a page, put together to lines, in the characters that their fonts stand for.
//!
//! Where it is not to be seen whether two strings touch, for how wide they are is not known here, they are joined where that makes
//! a key, and a line with other long words comes once with a space between them, and once more without.

use std::collections::BTreeMap;
use std::ops::Range;

use super::fonts::{Font, Fonts};
use super::lexer::{number, utf16};
use crate::decode::is_base64;

/// Of how many parts a key may be put together.
const PARTS: usize = 64;
/// A word that is as long is of interest.
const LONG: usize = 20;
/// How many bytes of strings are held, to find out what their fonts are.
const HELD: usize = 64 << 10;

/// What parts a string from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    None,
    /// A space, or nothing.
    Maybe,
    Space,
    /// A wide space.
    Cell,
    Line,
}

/// Strings of a page.
#[derive(Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// The names of the fonts, and their numbers.
    fonts: BTreeMap<Vec<u8>, usize>,
    /// What stands on no line.
    asides: Vec<u8>,
}

struct Piece {
    gap: Gap,
    font: usize,
    /// Its place in the bytes.
    at: Range<usize>,
}

/// How the strings of a font can be read.
#[derive(Clone, Copy)]
enum Reading<'f> {
    /// As the text that they are.
    Plain,
    Map(Font<'f>),
}

impl Strings {
    pub(super) fn add(&mut self, font: &[u8], gap: Gap, text: &[u8]) {
        let next = self.fonts.len();
        let font = match self.fonts.get(font) {
            Some(font) => *font,
            None => *self.fonts.entry(font.to_vec()).or_insert(next),
        };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.pieces.push(Piece { gap, font, at: start..self.bytes.len() });
    }

    pub(super) fn aside(&mut self, text: &[u8]) {
        if text.trim_ascii().is_empty() {
            return;
        }
        if let Some(text) = text.strip_prefix(b"\xfe\xff") {
            self.asides.extend_from_slice(utf16(text).as_bytes());
        } else {
            self.asides.extend_from_slice(text);
        }
        self.asides.push(b'\n');
    }

    /// Give what there is, if it is much.
    pub(super) fn give_many(&mut self, fonts: &Fonts, out: &mut Vec<u8>) {
        if self.bytes.len() > HELD || self.asides.len() > HELD {
            self.give(fonts, out);
        }
    }

    /// Give all lines, and what stands on none.
    pub(super) fn give(&mut self, fonts: &Fonts, out: &mut Vec<u8>) {
        let mut of_font: Vec<Vec<&[u8]>> = vec![Vec::new(); self.fonts.len()];
        for piece in &self.pieces {
            of_font[piece.font].push(&self.bytes[piece.at.clone()]);
        }
        let mut readings: Vec<Vec<Reading<'_>>> = vec![Vec::new(); self.fonts.len()];
        for (name, number) in &self.fonts {
            readings[*number] = readings_of(&of_font[*number], fonts.named(name));
        }
        for nth in 0..readings.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = Line::default();
            for piece in &self.pieces {
                if piece.gap == Gap::Line {
                    line.end(out);
                }
                let readings = &readings[piece.font];
                line.new |= nth < readings.len();
                line.gap(piece.gap);
                let reading = readings[nth.min(readings.len() - 1)];
                reading.read(&self.bytes[piece.at.clone()], &mut line.text);
            }
            line.end(out);
        }
        out.append(&mut self.asides);
        self.bytes.clear();
        self.pieces.clear();
        self.fonts.clear();
    }
}

/// How the strings of a font can be read, the likeliest first. `known`: it is one of these, and no other.
fn readings_of<'f>(strings: &[&[u8]], (fonts, known): (Vec<Font<'f>>, bool)) -> Vec<Reading<'f>> {
    let only = known && fonts.len() == 1;
    let mut all: Vec<(f32, String, Reading<'f>)> = Vec::new();
    for reading in fonts.into_iter().map(Reading::Map).chain([Reading::Plain]) {
        let mut text = String::new();
        let mut told = (0, 0);
        for string in strings {
            let more = reading.read(string, &mut text);
            told = (told.0 + more.0, told.1 + more.1);
        }
        let share = told.0 as f32 / (told.1 as f32).max(1.0);
        if all.iter().all(|other| other.1 != text) {
            all.push((share, text, reading));
        }
    }
    let best = all.iter().filter(|r| matches!(r.2, Reading::Map(_))).map(|r| r.0).fold(0.0, f32::max);
    let fits = |share: f32, reading: &Reading<'_>| match reading {
        Reading::Map(_) => only || share > 0.5 && share > best - 0.02,
        Reading::Plain => share > 0.85,
    };
    let fitting: Vec<_> = all.iter().filter(|r| fits(r.0, &r.2)).map(|r| r.2).collect();
    if fitting.is_empty() { vec![Reading::Plain] } else { fitting }
}

impl Reading<'_> {
    /// Add what `text` stands for. Gives of how many codes it is known, and how many there are.
    fn read(self, text: &[u8], out: &mut String) -> (usize, usize) {
        let mut known = 0;
        match self {
            Self::Map(font) if font.wide => {
                for pair in text.chunks(2) {
                    if font.decode(number(pair), out) {
                        known += 1;
                    } else {
                        out.push(char::REPLACEMENT_CHARACTER);
                    }
                }
                (known, text.len().div_ceil(2))
            }
            Self::Map(font) => {
                for &byte in text {
                    if font.decode(u32::from(byte), out) {
                        known += 1;
                    } else {
                        plain(byte, out);
                    }
                }
                (known, text.len())
            }
            Self::Plain => {
                for &byte in text {
                    known += usize::from(matches!(byte, b' '..=b'~'));
                    plain(byte, out);
                }
                (known, text.len())
            }
        }
    }
}

/// Add what a code stands for where no map tells: ASCII, and the ligatures of TeX and `PostScript`, which stand where
/// others have control codes.
fn plain(byte: u8, out: &mut String) {
    match byte {
        b' '..=b'~' | 0xa0..=0xad | 0xb0.. => out.push(char::from(byte)),
        0x0b | 0x1b => out.push_str("ff"),
        0x0c | 0x1c | 0xae => out.push_str("fi"),
        0x0d | 0x1d | 0xaf => out.push_str("fl"),
        0x0e | 0x1e => out.push_str("ffi"),
        0x0f | 0x1f => out.push_str("ffl"),
        0 => {} // the first of two bytes
        _ => out.push(char::REPLACEMENT_CHARACTER),
    }
}

/// A line that is put together.
#[derive(Default)]
struct Line {
    text: String,
    /// Where in the text there may be a space, or not: there is.
    maybe: Vec<usize>,
    /// It was not given before, in another reading.
    new: bool,
}

impl Line {
    fn gap(&mut self, gap: Gap) {
        match gap {
            Gap::None | Gap::Line => {}
            Gap::Maybe => {
                self.maybe.push(self.text.len());
                self.text.push(' ');
            }
            Gap::Space => self.text.push(' '),
            Gap::Cell => self.text.push('\t'),
        }
    }

    /// Give it, and begin another. Parts that make a key id, a secret or a long token are joined. Where others may be
    /// one long word, the line comes once more with all of them joined.
    fn end(&mut self, out: &mut Vec<u8>) {
        let Self { text, maybe, new } = std::mem::take(self);
        if !new || text.is_empty() {
            return;
        }
        let starts = maybe.iter().map(|at| at + 1);
        let parts: Vec<&str> = [0]
            .into_iter()
            .chain(starts)
            .zip(maybe.iter().copied().chain([text.len()]))
            .map(|(a, b)| &text[a..b])
            .collect();
        let mut joined = vec![false; parts.len()];
        let mut known = joined.clone();
        for first in 0..parts.len() - 1 {
            if !joined[first]
                && let Some(last) = key(&parts[first..])
            {
                joined[first..first + last].fill(true);
                known[first..=first + last].fill(true);
            }
        }
        let unsure =
            (0..parts.len() - 1).any(|n| !known[n] && !known[n + 1] && is_long(parts[n], parts[n + 1]));
        for all in [false, true].into_iter().filter(|all| !all || unsure) {
            for (part, joined) in parts.iter().zip(&joined) {
                out.extend_from_slice(part.as_bytes());
                if !joined && !all {
                    out.push(b' ');
                }
            }
            out.pop_if(|last| *last == b' ');
            out.push(b'\n');
        }
    }
}

/// How many of the parts behind the first make with its end, and they with their starts, what looks like a key id, a secret or a token.
fn key(parts: &[&str]) -> Option<usize> {
    let mut word = last_word(parts[0]).to_owned();
    for (count, part) in parts.iter().enumerate().take(PARTS).skip(1) {
        let start = first_word(part);
        if word.is_empty() || start.is_empty() {
            return None;
        }
        word.push_str(start);
        let fits = match word.len() {
            20 => word.starts_with("AKIA") || word.starts_with("ASIA"),
            40 => is_mixed(&word),
            len => len >= 100 && start.len() < part.len(),
        };
        if fits {
            return Some(count);
        }
        if start.len() < part.len() {
            return None;
        }
    }
    None
}

fn first_word(text: &str) -> &str {
    &text[..text.bytes().take_while(|b| is_base64(*b)).count()]
}

fn last_word(text: &str) -> &str {
    &text[text.len() - text.bytes().rev().take_while(|b| is_base64(*b)).count()..]
}

/// Whether a word is no mere row of words.
fn is_mixed(word: &str) -> bool {
    let count = |is: fn(&u8) -> bool| word.as_bytes().iter().filter(|b| is(b)).count();
    count(u8::is_ascii_digit) > 0 || count(u8::is_ascii_uppercase) > 7
}

/// Whether two parts may be one long word.
fn is_long(before: &str, after: &str) -> bool {
    let (before, after) = (last_word(before), first_word(after));
    let len = before.len() + after.len();
    !before.is_empty() && !after.is_empty() && len >= LONG && is_mixed(&[before, after].concat())
}
