//! What a page shows: its strings, in the characters that their fonts stand for, put together to lines.
//!
//! A program that makes PDF places words, parts of words or single letters one by one, and numbers the letters of a font as
//! it likes. What stands on one line here stands on one line there. Where it is not to be seen whether two strings touch,
//! for how wide they are is not known here, the line comes once with a space between them, and once more without.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, Read};

use super::super::source::{Parts, Ready, Source};
use super::WINDOW;
use super::fonts::{Font, Fonts};
use super::lexer::{Token, is_space, token};
use crate::decode::is_base64;

/// How many bytes of strings are held, to find out what their fonts are.
const HELD: usize = 64 << 10;
/// A step to the right between strings of one array that is a space, in thousandths of the size of the font.
const SPACE: f32 = -180.0;
/// The width of the widest letters, and of the mean one with a wide space, in sizes of the font.
const WIDEST: f32 = 1.1;
/// A word that is as long is of interest.
const LONG: usize = 20;
/// How deep states of the page are kept.
const STATES: usize = 64;

/// The operators of a content. What begins with another word is something else.
const OPERATORS: [&[u8]; 73] = [
    b"b", b"B", b"b*", b"B*", b"BDC", b"BI", b"BMC", b"BT", b"BX", b"c", b"cm", b"CS", b"cs", b"d", b"d0",
    b"d1", b"Do", b"DP", b"EI", b"EMC", b"ET", b"EX", b"f", b"F", b"f*", b"G", b"g", b"gs", b"h", b"i",
    b"ID", b"j", b"J", b"K", b"k", b"l", b"M", b"m", b"MP", b"n", b"q", b"Q", b"re", b"RG", b"rg", b"ri",
    b"s", b"S", b"SC", b"sc", b"SCN", b"scn", b"sh", b"T*", b"Tc", b"Td", b"TD", b"Tf", b"Tj", b"TJ", b"TL",
    b"Tm", b"Tr", b"Ts", b"Tw", b"Tz", b"v", b"w", b"W", b"W*", b"y", b"'", b"\"",
];

/// Reads the text of a page's content; anything else as it is.
pub(super) struct Shown<'s, 'a, 'f> {
    source: &'s mut Source<'a>,
    fonts: &'f Fonts,
    stage: Stage,
    page: Page,
    ready: Ready,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No text so far.
    Before,
    Within,
    /// In the data of an image.
    Image,
    /// It is no content of a page.
    Other,
}

impl<'s, 'a, 'f> Shown<'s, 'a, 'f> {
    pub(super) fn new(source: &'s mut Source<'a>, fonts: &'f Fonts) -> Self {
        Self { source, fonts, stage: Stage::Before, page: Page::default(), ready: Ready::default() }
    }
}

impl Read for Shown<'_, '_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.give(buf)
    }
}

impl Parts for Shown<'_, '_, '_> {
    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn advance(&mut self) -> io::Result<bool> {
        let text = self.source.peek_or_rest(WINDOW)?;
        let at_end = text.len() < WINDOW;
        let out = &mut self.ready.bytes;
        if text.is_empty() {
            self.page.strings.give(self.fonts, out);
            return Ok(!out.is_empty());
        }
        let mut operands = Vec::new();
        // How far it is read, and how far up to the end of the last operator.
        let (mut at, mut done) = (0, 0);
        while self.stage != Stage::Other {
            if self.stage == Stage::Image {
                let Some(end) = image_end(&text[at..]) else {
                    done = if at_end { text.len() } else { (text.len() - 3).max(at) };
                    break;
                };
                at += end;
                self.stage = Stage::Within;
            }
            let Some((token, len)) = token(&text[at..], at_end) else { break };
            at += len;
            let Token::Word(word) = token else {
                operands.push(token);
                continue;
            };
            if self.stage == Stage::Before && word == b"BT" {
                out.extend_from_slice(&text[..done]);
                if done > 0 {
                    out.push(b'\n');
                }
                self.stage = Stage::Within;
            } else if self.stage == Stage::Before && !OPERATORS.contains(&word) {
                self.stage = Stage::Other;
                break;
            } else if word == b"ID" {
                self.stage = Stage::Image;
            }
            self.page.operator(word, &operands, self.fonts);
            operands.clear();
            done = at;
        }
        let stuck = done == 0 || at_end;
        if stuck && self.stage == Stage::Before {
            self.stage = Stage::Other;
        }
        match self.stage {
            Stage::Before => out.extend_from_slice(&text[..done]),
            Stage::Other => {
                out.extend_from_slice(text);
                done = text.len();
            }
            Stage::Within if stuck => {
                // More operands than there are of any operator, or a string without an end.
                self.page.operator(b"TJ", &operands, self.fonts);
                done = if at_end || at == 0 { text.len() } else { at };
                self.page.strings.aside(&text[at.min(done)..done]);
            }
            Stage::Within | Stage::Image => {}
        }
        drop(operands);
        self.page.strings.give_many(self.fonts, out);
        self.source.consume(done);
        Ok(true)
    }
}

/// Where the data of an image ends, behind the word that says so.
fn image_end(text: &[u8]) -> Option<usize> {
    let ends = memchr::memmem::find_iter(text, b"EI").filter(|at| {
        at.checked_sub(1).is_some_and(|before| is_space(text[before]))
            && text.get(at + 2).is_none_or(|b| is_space(*b))
    });
    ends.map(|at| at + 2).next()
}

type Matrix = [f32; 6];
const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// The change by `a`, and then by `b`.
fn product(a: Matrix, b: Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}

/// What parts a string from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    /// A space, or nothing.
    Maybe,
    Space,
    /// A wide space.
    Cell,
    Line,
}

/// The state of a page, as far as text has to do with it.
struct Page {
    /// From the space of the page to that of the paper.
    paper: Matrix,
    saved: Vec<Matrix>,
    /// From the space of the line at hand to that of the page.
    line: Matrix,
    leading: f32,
    font: Vec<u8>,
    size: f32,
    /// Letters have two bytes.
    wide: bool,
    /// Where the last string begins on the paper that was put somewhere, and how many letters are behind that.
    from: (f32, f32),
    letters: usize,
    /// The next string is put somewhere.
    moved: bool,
    strings: Strings,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            paper: IDENTITY,
            saved: Vec::new(),
            line: IDENTITY,
            leading: 0.0,
            font: Vec::new(),
            size: 1.0,
            wide: false,
            from: (0.0, 0.0),
            letters: 0,
            moved: true,
            strings: Strings::default(),
        }
    }
}

impl Page {
    fn operator(&mut self, word: &[u8], operands: &[Token<'_>], fonts: &Fonts) {
        match word {
            b"q" if self.saved.len() < STATES => self.saved.push(self.paper),
            b"Q" => self.paper = self.saved.pop().unwrap_or(self.paper),
            b"cm" => {
                if let Some(change) = numbers(operands) {
                    self.paper = product(change, self.paper);
                }
            }
            b"BT" => self.put(IDENTITY),
            b"Tm" => {
                if let Some(line) = numbers(operands) {
                    self.put(line);
                }
            }
            b"Td" | b"TD" => {
                if let Some([x, y]) = numbers(operands) {
                    if word == b"TD" {
                        self.leading = -y;
                    }
                    self.step(x, y);
                }
            }
            b"TL" => self.leading = numbers(operands).map_or(0.0, |[leading]| leading),
            b"T*" => self.step(0.0, -self.leading),
            b"Tf" => {
                let names =
                    operands.iter().filter_map(|o| if let Token::Name(name) = o { Some(name) } else { None });
                self.font = names.last().map_or_else(Vec::new, |name| name.to_vec());
                self.wide = fonts.is_wide(&self.font);
                self.size = numbers(operands).map_or(1.0, |[size]| size);
            }
            b"Tj" | b"TJ" => self.show(operands),
            b"'" | b"\"" => {
                self.step(0.0, -self.leading);
                self.show(operands);
            }
            _ => {
                // Other texts: what letters stand for in truth, notes.
                for operand in operands {
                    match operand {
                        Token::Text(text) => self.strings.aside(text),
                        Token::Comment(text) => self.strings.aside(text),
                        _ => {}
                    }
                }
            }
        }
    }

    fn step(&mut self, x: f32, y: f32) {
        self.put(product([1.0, 0.0, 0.0, 1.0, x, y], self.line));
    }

    fn put(&mut self, line: Matrix) {
        self.line = line;
        self.moved = true;
    }

    fn show(&mut self, operands: &[Token<'_>]) {
        let mut gap = if self.moved { self.gap() } else { Gap::None };
        for operand in operands {
            match operand {
                Token::Text(text) if !text.is_empty() => {
                    self.letters += if self.wide { text.len().div_ceil(2) } else { text.len() };
                    self.strings.add(&self.font, gap, text);
                    gap = Gap::None;
                }
                Token::Number(step) if parse(step).is_some_and(|step| step < SPACE) => {
                    gap = gap.max(Gap::Space)
                }
                Token::Comment(text) => self.strings.aside(text),
                _ => {}
            }
        }
    }

    /// What parts the string that is put somewhere now from the one before.
    fn gap(&mut self) -> Gap {
        let [a, b, .., x, y] = product(self.line, self.paper);
        let before = std::mem::replace(&mut self.from, (x, y));
        let letters = std::mem::take(&mut self.letters);
        self.moved = false;
        let scale = a.hypot(b);
        let (size, right, up) =
            if scale > 0.0 { (self.size.abs() * scale, a / scale, b / scale) } else { (1.0, 1.0, 0.0) };
        let (dx, dy) = (x - before.0, y - before.1);
        let (along, across) = (dx * right + dy * up, dy * right - dx * up);
        let widest = WIDEST * size * letters as f32;
        if letters == 0 || across.abs() > 0.3 * size || along < 0.1 * size {
            Gap::Line
        } else if along > widest {
            Gap::Cell
        } else if letters == 1 {
            Gap::None
        } else {
            Gap::Maybe
        }
    }
}

/// The last numbers of these.
fn numbers<const N: usize>(operands: &[Token<'_>]) -> Option<[f32; N]> {
    let mut out = [0.0; N];
    let mut given =
        operands.iter().rev().filter_map(|o| if let Token::Number(n) = o { parse(n) } else { None });
    for number in out.iter_mut().rev() {
        *number = given.next()?;
    }
    Some(out)
}

fn parse(number: &[u8]) -> Option<f32> {
    str::from_utf8(number).ok()?.parse().ok()
}

/// Strings of a page.
#[derive(Default)]
struct Strings {
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
    /// Its end in the bytes.
    end: usize,
}

/// How the strings of a font can be read.
#[derive(Clone, Copy)]
enum Reading<'f> {
    /// As the text that they are.
    Plain,
    Map(Font<'f>),
}

impl Strings {
    fn add(&mut self, font: &[u8], gap: Gap, text: &[u8]) {
        let next = self.fonts.len();
        let font = match self.fonts.get(font) {
            Some(font) => *font,
            None => *self.fonts.entry(font.to_vec()).or_insert(next),
        };
        self.bytes.extend_from_slice(text);
        self.pieces.push(Piece { gap, font, end: self.bytes.len() });
    }

    fn aside(&mut self, text: &[u8]) {
        if text.trim_ascii().is_empty() {
            return;
        }
        if let Some(text) = text.strip_prefix(b"\xfe\xff") {
            let units =
                text.chunks(2).map(|unit| unit.iter().fold(0, |value, byte| value << 8 | u16::from(*byte)));
            let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
            self.asides.extend_from_slice(chars.collect::<String>().as_bytes());
        } else {
            self.asides.extend_from_slice(text);
        }
        self.asides.push(b'\n');
    }

    /// Give what there is, if it is much.
    fn give_many(&mut self, fonts: &Fonts, out: &mut Vec<u8>) {
        if self.bytes.len() > HELD || self.asides.len() > HELD {
            self.give(fonts, out);
        }
    }

    /// Give all lines, and what stands on none.
    fn give(&mut self, fonts: &Fonts, out: &mut Vec<u8>) {
        let mut readings: Vec<Vec<Reading<'_>>> = vec![Vec::new(); self.fonts.len()];
        for (name, number) in &self.fonts {
            readings[*number] = self.readings(*number, fonts.named(name));
        }
        for nth in 0..readings.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = Line::default();
            let mut from = 0;
            for piece in &self.pieces {
                if piece.gap == Gap::Line {
                    line.end(out);
                }
                let readings = &readings[piece.font];
                line.new |= nth < readings.len();
                line.gap(piece.gap);
                readings[nth.min(readings.len() - 1)].read(&self.bytes[from..piece.end], &mut line.text);
                from = piece.end;
            }
            line.end(out);
        }
        out.append(&mut self.asides);
        self.bytes.clear();
        self.pieces.clear();
        self.fonts.clear();
    }

    /// How the strings of a font can be read, the first first. `known`: it is one of these, and no other.
    fn readings<'f>(&self, font: usize, (fonts, known): (Vec<Font<'f>>, bool)) -> Vec<Reading<'f>> {
        let only = known && fonts.len() == 1;
        let mut all: Vec<(f32, String, Reading<'f>)> = Vec::new();
        for reading in fonts.into_iter().map(Reading::Map).chain([Reading::Plain]) {
            let mut text = String::new();
            let mut told = (0, 0);
            let mut from = 0;
            for piece in &self.pieces {
                if piece.font == font {
                    let more = reading.read(&self.bytes[from..piece.end], &mut text);
                    told = (told.0 + more.0, told.1 + more.1);
                }
                from = piece.end;
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
}

impl Reading<'_> {
    /// Add what `text` stands for. Gives of how many codes it is known, and how many there are.
    fn read(self, text: &[u8], out: &mut String) -> (usize, usize) {
        let mut known = 0;
        match self {
            Self::Map(font) if font.wide => {
                for pair in text.chunks(2) {
                    let code = pair.iter().fold(0, |code, byte| code << 8 | u32::from(*byte));
                    if font.decode(code, out) {
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
        b' '..=b'~' => out.push(char::from(byte)),
        0x0b | 0x1b => out.push_str("ff"),
        0x0c | 0x1c | 0xae => out.push_str("fi"),
        0x0d | 0x1d | 0xaf => out.push_str("fl"),
        0x0e | 0x1e => out.push_str("ffi"),
        0x0f | 0x1f => out.push_str("ffl"),
        0 => {} // the first of two bytes
        0xa0.. => out.push(char::from(byte)),
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
    for (count, part) in parts.iter().enumerate().skip(1) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a content.
    fn read(content: &str, fonts: &Fonts) -> String {
        let mut content = content.as_bytes();
        let mut out = String::new();
        let mut source = Source::new(&mut content);
        Shown::new(&mut source, fonts).read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn strings_of_a_line_are_one_line() {
        let none = Fonts::default();
        for (content, wanted) in [
            // letters drawn nearer, words apart
            ("BT /F1 10 Tf 1 0 0 1 9 9 Tm [(ke)32(y)-386(id)]TJ 0 -12 Td (next) Tj ET", "key id|next|"),
            ("BT /F1 10 Tf 14 TL (a) Tj T* (b) Tj (c) ' 1 2 (d) \" ET", "a|b|c|d|"),
            // letters put one by one, in a text of its own each
            ("BT /F1 10 Tf 10 50 Td (A) Tj 6 0 Td (K) Tj ET BT 22 50 Td (I) Tj 30 0 Td (x) Tj ET", "AKI\tx|"),
            (
                "q 2 0 0 2 0 0 cm BT /F1 10 Tf 5 25 Td (A) Tj ET Q q BT /F1 20 Tf 22 50 Td (K) Tj ET Q",
                "q 2 0 0 2 0 0 cm|AK|",
            ),
            // turned by a quarter
            (
                "BT /F1 10 Tf 0 1 -1 0 9 9 Tm (A) Tj 0 1 -1 0 9 15 Tm (B) Tj 0 1 -1 0 20 9 Tm (C) Tj ET",
                "AB|C|",
            ),
            // a wide step is a new cell, one back a new line
            ("BT /F1 10 Tf 10 0 Td (ab) Tj 90 0 Td (cd) Tj -90 0 Td (ef) Tj ET", "ab\tcd|ef|"),
            ("0 0 9 9 re f\nBT /F1 10 Tf (x\\034y\\(z) Tj ET", "0 0 9 9 re f|xfiy(z|"),
            ("BT (a) Tj ET BI /W 1 ID (\x01Q\nEI Q (no) BT (b) Tj ET", "a|b|"),
            ("BT /Span <</ActualText <FEFF00660069>>> BDC (a) Tj EMC ET % note\n", "a|fi|% note|"),
            ("BT (a) Tj (b", "ab|"),
            ("BT [(a)", "a|"),
            // what is no content of a page stays as it is
            ("var x = 'BT (a) Tj ET'", "var x = 'BT (a) Tj ET'"),
            (
                "/CIDInit /ProcSet findresource begin BT (a) Tj",
                "/CIDInit /ProcSet findresource begin BT (a) Tj",
            ),
            ("0 0 m 1 1 l S ", "0 0 m 1 1 l S "),
            ("", ""),
        ] {
            assert_eq!(read(content, &none).replace('\n', "|"), wanted, "{content}");
        }
    }

    #[test]
    fn parts_of_which_is_not_known_whether_they_touch_are_joined_where_they_make_a_key() {
        let none = Fonts::default();
        let (id, secret) = ("AKIAROHCMULRVFWI2SR5", "TJ/chcVG6MOwUxOVHMWndqNCIEPx3mnPQC4vkRB5");
        let line = |parts: &[&str]| {
            let place = |part: &&str| format!("({part}) Tj {} 0 Td ", part.len() * 6);
            format!("BT /F1 10 Tf {} ET", parts.iter().map(place).collect::<String>())
        };
        for (parts, wanted) in [
            (&["an access", "key"][..], "an access key|".to_owned()),
            (
                &["id", &id[..4], &id[4..9], &id[9..], &secret[..30], &secret[30..], "is", "it"],
                format!("id {id} {secret} is it|"),
            ),
            (&["id", "= ASIA", &id[4..], "."], format!("id = ASIA{} .|", &id[4..])),
            (
                &["see AbCdE1GhIj", "KlMnOpQrStU", "there"],
                "see AbCdE1GhIj KlMnOpQrStU there|see AbCdE1GhIjKlMnOpQrStUthere|".into(),
            ),
            (
                &["it is agreed that", "internationalization", "is good"],
                "it is agreed that internationalization is good|".into(),
            ),
        ] {
            assert_eq!(read(&line(parts), &none).replace('\n', "|"), wanted);
        }
    }

    #[test]
    fn codes_are_read_by_the_map_of_their_font_and_by_all_that_fit_where_it_is_not_known() {
        let mut fonts = Fonts::default();
        fonts.object(3, b"/F1 7 0 R /F2 8 0 R");
        fonts.object(7, b"/Subtype /Type0 /ToUnicode 12 0 R");
        fonts.object(8, b"/Subtype /TrueType /ToUnicode 13 0 R");
        fonts.map(12, b"beginbfrange <0024> <003D> <0041> endbfrange");
        fonts.map(13, b"beginbfchar <01> <004B> <02> <0049> endbfchar");
        for (content, wanted) in [
            ("BT /F1 10 Tf <0024002E> Tj /F2 10 Tf <0102> Tj /F1 10 Tf <0024> Tj ET", "AKKIA|"),
            ("BT /F1 10 Tf <00240001> Tj ET", "A\u{fffd}|"),
            ("BT /F2 10 Tf (\\001AB) Tj ET", "KAB|"),
            ("BT /F9 10 Tf <0024002E> Tj ET", "AK|"),
            ("BT /F9 10 Tf (plain text) Tj ET", "plain text|"),
        ] {
            assert_eq!(read(content, &fonts).replace('\n', "|"), wanted, "{content}");
        }
    }

    #[test]
    fn long_contents_are_read_in_parts() {
        let none = Fonts::default();
        let line = "BT /F1 10 Tf 1 0 0 1 0 0 Tm (some words of a page) Tj ET\n";
        let text = read(&line.repeat(10_000), &none);
        assert_eq!(text, "some words of a page\n".repeat(10_000));
        let long = "x".repeat(3 * WINDOW);
        assert!(read(&format!("BT ({long}) Tj ET BT (b) Tj ET"), &none).contains(&long[..WINDOW - 9]));
        let many = "(a)-1 ".repeat(WINDOW);
        assert_eq!(read(&format!("BT [{many}] TJ ET"), &none).matches('a').count(), WINDOW);
    }
}
