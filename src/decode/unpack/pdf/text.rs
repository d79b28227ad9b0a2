//! What a page shows: its strings, in the characters that their fonts stand for, put together to lines.
//!
//! A program that makes PDF places words, parts of words or single letters one by one, and numbers the letters of a font as
//! it likes. What stands on one line there stands on one line here.

use std::io::{self, BufRead as _, Read};

use super::super::source::{Parts, Ready, Source};
use super::WINDOW;
use super::fonts::Fonts;
use super::lexer::{Token, is_space, token};
use super::lines::{Gap, Strings};

/// A step to the right between strings of one array that is a space, in thousandths of the size of the font.
const SPACE: f32 = -180.0;
/// The width of the widest letters, and of the mean one with a wide space, in sizes of the font.
const WIDEST: f32 = 1.1;
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
                let mut names =
                    operands.iter().filter_map(|o| if let Token::Name(name) = o { Some(name) } else { None });
                self.font = names.next_back().map_or_else(Vec::new, |name| name.to_vec());
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
                    gap = gap.max(Gap::Space);
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
