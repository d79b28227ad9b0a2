//! Bytes that are written as numbers, one by one: what `xxd`, `hexdump`, `od`, `tcpdump` and debuggers print, arrays of programs, lists
//! in JSON.

use std::ops::Range;

use super::Rewrite;
use crate::aws::key_id;
use crate::finding::Encoding;

/// Fewer bytes are no text.
const LEAST: usize = 12;
/// Fewer numbers beside other words are no part of a dump.
const FEW: usize = 4;

/// How numbers may be written, one bit for each way.
type Ways = u8;
/// Two hexadecimal digits.
const PAIRS: Ways = 1;
/// Four: two bytes in either order.
const WORDS: Ways = 2;
/// `0x41`.
const MARKED: Ways = 4;
/// `65`, `-3`.
const DECIMAL: Ways = 8;
/// `'A'`.
const CHARS: Ways = 16;

/// A way to read the numbers of a run, and whether the second byte of a word is the first.
const READINGS: [(Ways, bool); 6] =
    [(PAIRS, false), (MARKED, false), (CHARS, false), (WORDS, false), (WORDS, true), (DECIMAL, false)];

/// Replace numbers by the bytes that they are, where these are text, or something is `anchored` in them.
pub(super) fn decode(text: &[u8], anchored: &dyn Fn(&[u8]) -> bool, out: &mut Rewrite<'_>) -> bool {
    let mut any = false;
    each_run(text, &mut |run| {
        let readings = run.readings(text);
        let best = readings.iter().find(|bytes| anchored(bytes)).or_else(|| {
            readings
                .iter()
                .find(|bytes| bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n')))
        });
        if let Some(bytes) = best {
            run.replace(text, bytes, out);
            any = true;
        }
    });
    any
}

/// Whether numbers in `text` may be an id. `cut`: it goes on before its start, behind its end.
pub fn may_be_id(text: &[u8], cut: [bool; 2]) -> bool {
    let mut found = false;
    let second = memchr::memchr(b'\n', text).map_or(text.len(), |end| end + 1);
    let last = memchr::memrchr(b'\n', text).unwrap_or(0);
    each_run(text, &mut |run| {
        let begins = run.numbers.first().map_or(0, |number| number.start);
        let first_lines = memchr::memchr(b'\n', &text[second.min(begins)..begins]).is_none();
        let open = [cut[0] && first_lines, cut[1] && run.line_end >= last];
        let numbers = run.numbers.len() - usize::from(open[1] && run.numbers.len() > 1);
        run.numbers.truncate(numbers); // the last may be cut
        found = found || run.readings(text).iter().any(|bytes| has_id(bytes, open));
    });
    found
}

/// Whether bytes have an id, or a part of one at an end that is open.
fn has_id(bytes: &[u8], open: [bool; 2]) -> bool {
    const ENOUGH: usize = 2; // of the prefix
    let is_digit = |b: u8| matches!(b, b'A'..=b'Z' | b'2'..=b'7');
    key_id::PREFIXES.iter().any(|prefix| {
        let tail = &prefix[prefix.len() - ENOUGH..];
        memchr::memmem::find_iter(bytes, tail).any(|at| {
            let before = &bytes[..at];
            let head = &prefix[..prefix.len() - ENOUGH];
            let begins =
                before.ends_with(head) || open[0] && before.len() < head.len() && head.ends_with(before);
            let rest = key_id::LEN - prefix.len();
            let behind = bytes[at + ENOUGH..].iter().take(rest).take_while(|b| is_digit(**b)).count();
            begins && (behind == rest || open[1] && at + ENOUGH + behind == bytes.len())
        })
    })
}

/// Numbers, in lines that follow one another.
struct Run {
    /// The ways that all of them can be written in.
    ways: Ways,
    /// What parts them; a blank where only white space does.
    sign: u8,
    numbers: Vec<Range<usize>>,
    /// In which column they begin.
    column: usize,
    /// Of the last line.
    line_end: usize,
}

impl Run {
    /// Whether numbers of the next line belong to it.
    fn takes(&self, text: &[u8], chain: &Chain) -> bool {
        let end = self.numbers.last().map_or(0, |number| number.end);
        let rest = &text[end.min(self.line_end)..self.line_end];
        let closes = |b: &u8| b"}])>".contains(b);
        // Behind two blanks is the column of text. `'\n'` whose escape was undone: the end of the line is a byte.
        let is_closed = match self.sign {
            b',' => rest.iter().any(closes) || self.ways == CHARS && rest.ends_with(b"'"),
            _ => rest.first().is_some_and(|b| closes(b) || matches!(b, b'"' | b'\'')),
        };
        !is_closed
            && together(self.ways, chain.ways) != 0
            && (self.sign == chain.sign || self.numbers.len() == 1 || chain.count == 1)
    }

    fn add(&mut self, text: &[u8], chain: &Chain) {
        if self.numbers.len() <= 1 {
            self.sign = chain.sign;
        }
        self.ways = together(self.ways, chain.ways);
        chain.each(text, &mut |number| self.numbers.push(number));
    }

    /// The bytes, in all ways to read them.
    fn readings(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let ways = READINGS.iter().filter(|(way, _)| self.ways & way != 0);
        let read = |(way, swapped): &(Ways, bool)| {
            let mut bytes = Vec::with_capacity(self.numbers.len());
            for number in &self.numbers {
                value(&text[number.clone()], *way, *swapped, &mut bytes);
            }
            bytes
        };
        ways.map(read).filter(|bytes| bytes.len() >= LEAST).collect()
    }

    /// Put `bytes` in the place of the numbers, each in its own; what is between them, and the column of text behind, go.
    fn replace(&self, text: &[u8], bytes: &[u8], out: &mut Rewrite<'_>) {
        let mut done = self.numbers.first().map_or(0, |number| before_address(text, number.start));
        let (mut at, mut from) = (0, 0);
        while at < self.numbers.len() {
            // As many as are equally far apart: they are one piece of the view.
            let width = self.numbers[at].len();
            let stride = self.numbers.get(at + 1).map_or(0, |next| next.start - self.numbers[at].start);
            let even = |pair: &&[Range<usize>]| {
                pair[1].start - pair[0].start == stride && pair.iter().all(|number| number.len() == width)
            };
            let many = self.numbers[at..].windows(2).take_while(even).count();
            let (count, range) = match many {
                0 => (1, self.numbers[at].clone()),
                many => (many, self.numbers[at].start..self.numbers[at + many].start),
            };
            let each = if self.ways & WORDS != 0 && bytes.len() > self.numbers.len() {
                width.div_ceil(2)
            } else {
                1
            };
            let to = bytes.len().min(from + count * each);
            out.remove(done..range.start);
            done = range.end;
            out.replace(range, &bytes[from..to], Encoding::Bytes);
            (at, from) = (at + count, to);
        }
        if text[done..self.line_end].starts_with(b"  ") {
            out.remove(done..self.line_end);
        }
    }
}

/// Where the address begins that a line has before the number at `at`, or its indentation, if there is either.
fn before_address(text: &[u8], at: usize) -> usize {
    const SHORTEST: usize = 4;
    let line = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
    let head = text[line..at].trim_ascii_end();
    let head = if head.len() < at - line { head.strip_suffix(b":").unwrap_or(head) } else { head };
    let digits = head.iter().rev().take_while(|b| b.is_ascii_hexdigit() || **b == b'x').count();
    match head.len() {
        0 => line,
        len if len < at - line && digits >= SHORTEST => line + len - digits,
        _ => at,
    }
}

/// The ways that numbers have in common. The last byte of an odd number of them is alone, where the others are in words.
fn together(ways: Ways, more: Ways) -> Ways {
    match ways & more {
        0 if ways == WORDS && more & PAIRS != 0 => WORDS,
        both => both,
    }
}

/// Call `found` with each run of numbers.
fn each_run(text: &[u8], found: &mut dyn FnMut(&mut Run)) {
    let mut open: Option<Run> = None;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
        let (mut at, mut first) = (start, true);
        let mut goes_on = false;
        while let Some(chain) = Chain::next(text, at..end, start) {
            at = chain.range.end;
            let only = || {
                let around = [start..chain.range.start, chain.range.end..end];
                !around.into_iter().any(|range| text[range].iter().any(u8::is_ascii_alphanumeric))
            };
            let column = chain.range.start - start;
            if let Some(run) = open.as_mut().filter(|run| !goes_on && run.takes(text, &chain))
                && (chain.count >= FEW || column == run.column || first && only())
            {
                run.add(text, &chain);
                (run.line_end, goes_on) = (end, true);
            } else if chain.count >= if goes_on { LEAST } else { FEW } || first && !goes_on && only() {
                // what the text beside a dump has is none
                if let Some(run) = &mut open {
                    found(run);
                }
                let mut run =
                    Run { ways: chain.ways, sign: chain.sign, numbers: Vec::new(), column, line_end: end };
                run.add(text, &chain);
                (open, goes_on) = (Some(run), true);
            }
            first = false;
        }
        if let Some(mut run) = open.take_if(|_| !goes_on) {
            found(&mut run);
        }
        start = end + 1;
    }
    if let Some(mut run) = open {
        found(&mut run);
    }
}

/// Numbers in a line with nothing but signs between.
struct Chain {
    range: Range<usize>,
    ways: Ways,
    sign: u8,
    count: usize,
}

impl Chain {
    /// The first one in `range`, which lies in the line that begins at `line`.
    fn next(text: &[u8], range: Range<usize>, line: usize) -> Option<Self> {
        let mut at = range.start;
        while at < range.end {
            let is_start = matches!(text[at], b'\'' | b'-') || text[at].is_ascii_hexdigit();
            let is_inside = at > line && is_word(text[at - 1]);
            if is_start && !is_inside && number(&text[at..range.end]).is_some() {
                let mut chain = Self { range: at..at, ways: 0, sign: b' ', count: 0 };
                chain.read(&text[..range.end], &mut |_| {});
                return Some(chain);
            }
            at += 1;
        }
        None
    }

    fn each(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
        let start = self.range.start;
        Self { range: start..start, ways: 0, sign: b' ', count: 0 }.read(&text[..self.range.end], found);
    }

    /// Read on from its end, to the end of `text` at most.
    fn read(&mut self, text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
        const HALF: usize = 8; // of a line of a dump
        const ALIGNED: usize = 4;
        let mut at = self.range.end;
        while let Some((len, mut ways)) = number(&text[at..]) {
            let blank = at - self.range.end;
            // Behind two blanks is the column of text, but in the middle of a line, and where decimal numbers stand below one another.
            let is_middle = || {
                let alone = text.get(at + len).is_none_or(|b| matches!(b, b' ' | b'\r'));
                blank == 2 && self.count == HALF && self.ways & ways & PAIRS != 0 && alone
            };
            if self.count > 0 && self.sign == b' ' && blank > 1 && !is_middle() {
                ways &= if blank + len == ALIGNED { DECIMAL } else { 0 };
            }
            let both = if self.count == 0 { ways } else { together(self.ways, ways) };
            if both == 0 {
                return;
            }
            found(at..at + len);
            self.ways = both;
            self.range.end = at + len;
            self.count += 1;
            match between(&text[at + len..]) {
                Some((gap, sign)) if self.count == 1 || sign == self.sign => {
                    self.sign = sign;
                    at += len + gap;
                }
                _ => return,
            }
        }
    }
}

/// The number that a text begins with: its length, and the ways to write numbers that it fits.
fn number(text: &[u8]) -> Option<(usize, Ways)> {
    const LONGEST: usize = 5;
    match text {
        [b'\'', b'\\', _, b'\'', ..] => return Some((4, CHARS)),
        [b'\'', b' '..=b'~', b'\'', ..] => return Some((3, CHARS)),
        _ => {}
    }
    let negative = usize::from(text.starts_with(b"-"));
    let len = text[negative..].iter().take(LONGEST).take_while(|b| is_word(**b)).count();
    let word = &text[negative..negative + len];
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    if let Some(digits) = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X")) {
        return (negative == 0 && matches!(digits.len(), 1 | 2) && hex(digits)).then_some((len, MARKED));
    }
    let mut ways = match len {
        2 if negative == 0 && hex(word) => PAIRS,
        4 if negative == 0 && hex(word) => WORDS,
        _ => 0,
    };
    if decimal(word).is_some_and(|value| value <= if negative == 1 { 128 } else { 255 }) {
        ways |= DECIMAL;
    }
    (ways != 0).then_some((negative + len, ways))
}

/// What up to three decimal digits are.
fn decimal(digits: &[u8]) -> Option<u16> {
    let is_number = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')))
}

/// What may stand between two numbers of a line: its length, and the sign in it.
fn between(text: &[u8]) -> Option<(usize, u8)> {
    const WIDEST: usize = 8;
    let blanks = |text: &[u8]| text.iter().take(WIDEST).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let blank = blanks(text);
    match text.get(blank)? {
        b':' if blank == 0 => Some((1, b':')),
        b',' => {
            let mut len = blank + 1;
            len += blanks(&text[len..]);
            let rest = &text[len..];
            if rest.starts_with(b"(byte)") {
                len += 6;
                len += blanks(&text[len..]);
            } else if rest.starts_with(b"\"") {
                // `"0": 65, "1": 75`: what JavaScript makes of typed arrays
                let digits = rest[1..].iter().take(WIDEST).take_while(|b| b.is_ascii_digit()).count();
                let end = rest[1 + digits..].strip_prefix(b"\":").filter(|_| digits > 0)?;
                len += digits + 3 + blanks(end);
            }
            Some((len, b','))
        }
        _ => (blank > 0).then_some((blank, b' ')),
    }
}

/// Append the bytes of a number that is written in this way.
fn value(number: &[u8], way: Ways, swapped: bool, bytes: &mut Vec<u8>) {
    match way {
        CHARS => bytes.push(match number {
            [_, b'\\', b'n', _] => b'\n',
            [_, b'\\', b't', _] => b'\t',
            [_, b'\\', b'r', _] => b'\r',
            [_, b'\\', b'0', _] => 0,
            [.., char, _] => *char,
            _ => 0,
        }),
        DECIMAL => {
            let value = decimal(number.strip_prefix(b"-").unwrap_or(number)).unwrap_or(0) as u8;
            bytes.push(if number.starts_with(b"-") { value.wrapping_neg() } else { value });
        }
        _ => {
            let digits = if way == MARKED { &number[2..] } else { number };
            let from = bytes.len();
            bytes.extend(digits.chunks(2).filter_map(hex_byte));
            if swapped {
                bytes[from..].reverse();
            }
        }
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
#[path = "dump_tests.rs"]
mod tests;
