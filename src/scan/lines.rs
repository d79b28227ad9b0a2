//! Lines and columns: counting over bytes whose layout is not known beforehand.
//!
//! One forward pass counts for every layout at once: bytes as UTF-8, and UTF-16 in either byte order at either alignment.
//! What costs time is finding the line ends, and those are the same bytes in all of them.

use std::ops::Range;

/// How the characters around a value are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// UTF-8, or any other text where ASCII is ASCII. Bytes that are not valid UTF-8 count as one character each.
    Bytes,
    /// UTF-16 code units.
    Utf16 {
        /// Big endian.
        big: bool,
        /// Units begin at odd offsets of the file.
        odd: bool,
    },
}

impl Layout {
    /// The layout of UTF-16 text around `span`, a value of ASCII characters. `offset` is that of `text` in the file.
    ///
    /// Between ASCII characters both byte orders look the same, one byte apart, and the span may be that of either, so
    /// alignment decides: units usually begin at even offsets, which puts the characters there in little endian only.
    pub(super) fn utf16(text: &[u8], span: &Range<usize>, offset: u64) -> Self {
        let nul = |pos: Option<usize>| pos.and_then(|p| text.get(p)) == Some(&0);
        let character = if nul(Some(span.start)) { span.start + 1 } else { span.start };
        let odd = (offset + character as u64) & 1 == 1;
        let big = if odd { nul(character.checked_sub(1)) } else { !nul(Some(character + 1)) };
        Self::Utf16 { big, odd: odd != big }
    }

    /// The border of a character that `pos`, a border of a value in `text`, means: past the character's own byte, or
    /// before it.
    pub(super) fn align(self, text: &[u8], pos: usize, offset: u64) -> usize {
        match self {
            Self::Utf16 { odd, big } if ((offset + pos as u64) & 1 == 1) != odd => {
                if big {
                    pos.saturating_sub(1)
                } else {
                    text.len().min(pos + 1)
                }
            }
            _ => pos,
        }
    }
}

/// Which byte ends a line. A carriage return does only where a text has no line feed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    Lf,
    Cr,
}

impl LineEnd {
    pub(super) fn of(text: &[u8]) -> Self {
        if memchr::memchr(b'\n', text).is_some() { Self::Lf } else { Self::Cr }
    }

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Lf => b'\n',
            Self::Cr => b'\r',
        }
    }
}

/// A count of lines, and of characters on the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// From 1.
    pub(super) line: u64,
    /// Characters before this place on its line.
    pub(super) before: u64,
}

const START: Count = Count { line: 1, before: 0 };

impl Count {
    /// Go on over `text`, whose characters are those of [`Layout::Bytes`].
    fn advance(&mut self, text: &[u8], end: LineEnd) {
        if let Some(last) = memchr::memrchr(end.byte(), text) {
            let lines = memchr::memchr_iter(end.byte(), &text[..=last]).count() as u64;
            *self = Self { line: self.line + lines, before: characters(&text[last + 1..]) };
        } else {
            self.before += characters(text);
        }
    }
}

/// The counts at one place of a file, for every layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    bytes: Count,
    /// By alignment.
    little: [Count; 2],
    big: [Count; 2],
}

impl Default for Counts {
    fn default() -> Self {
        Self { bytes: START, little: [START; 2], big: [START; 2] }
    }
}

impl Counts {
    pub(super) fn get(&self, layout: Layout) -> Count {
        match layout {
            Layout::Bytes => self.bytes,
            Layout::Utf16 { big: false, odd } => self.little[usize::from(odd)],
            Layout::Utf16 { big: true, odd } => self.big[usize::from(odd)],
        }
    }

    /// As [`Self::advance`] over `text`, and much faster, where nobody will ask for a count in UTF-16.
    pub(super) fn advance_bytes(&mut self, text: &[u8], end: LineEnd) {
        self.bytes.advance(text, end);
    }

    /// Go on from `range.start` to `range.end` in `text`, which begins at `offset` in the file. UTF-16 units belong to
    /// the range in which they begin, so `text` should reach one byte further.
    pub(super) fn advance(&mut self, text: &[u8], range: Range<usize>, offset: u64, end: LineEnd) {
        let Range { start, end: to } = range;
        let mut bytes_from = start;
        let mut little_from = [start; 2];
        let mut big_from = [start; 2];
        let search_to = text.len().min(to + 1);
        for i in memchr::memchr_iter(end.byte(), &text[start..search_to]).map(|i| start + i) {
            let parity = ((offset + i as u64) & 1) as usize;
            if i < to {
                self.bytes = Count { line: self.bytes.line + 1, before: 0 };
                bytes_from = i + 1;
                if text.get(i + 1) == Some(&0) {
                    self.little[parity] = Count { line: self.little[parity].line + 1, before: 0 };
                    little_from[parity] = i + 2;
                }
            }
            if i > start && text[i - 1] == 0 {
                let parity = 1 - parity;
                self.big[parity] = Count { line: self.big[parity].line + 1, before: 0 };
                big_from[parity] = i + 1;
            }
        }
        self.bytes.before += characters(&text[bytes_from..to]);
        for parity in 0..2 {
            let local = parity ^ (offset & 1) as usize;
            self.little[parity].before += units(little_from[parity], to, local);
            self.big[parity].before += units(big_from[parity], to, local);
        }
    }
}

/// UTF-16 units that begin in `from..to`, at positions of this parity.
fn units(from: usize, to: usize, parity: usize) -> u64 {
    let below = |end: usize| (end + 1 - parity) / 2;
    below(to).saturating_sub(below(from)) as u64
}

/// Characters of UTF-8 text; bytes that are not valid count one each.
pub(super) fn characters(bytes: &[u8]) -> u64 {
    if bytes.is_ascii() {
        return bytes.len() as u64;
    }
    let count = |chunk: std::str::Utf8Chunk<'_>| chunk.valid().chars().count() + chunk.invalid().len();
    bytes.utf8_chunks().map(count).sum::<usize>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &[u8], pos: usize, layout: Layout) -> (u64, u64) {
        let mut counts = Counts::default();
        counts.advance(text, 0..pos, 0, LineEnd::of(text));
        let count = counts.get(layout);
        (count.line, count.before)
    }

    #[test]
    fn lines_end_at_line_feeds_and_at_carriage_returns_only_without_any() {
        for (text, pos, line, before) in [
            (&b"ab\ncd"[..], 4, 2, 1),
            (b"ab\r\ncd", 5, 2, 1),
            (b"ab\rcd\n", 4, 1, 4),
            (b"ab\rcd", 4, 2, 1),
            (b"ab\0cd", 4, 1, 4),
            ("äö\u{1F511}x".as_bytes(), 8, 1, 3),
            (b"\xff\xfe\xe2\x82x", 4, 1, 4),
            (b"", 0, 1, 0),
        ] {
            assert_eq!(
                at(text, pos, Layout::Bytes),
                (line, before),
                "{:?} at {pos}",
                text.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn utf16_counts_units_in_its_own_byte_order() {
        // U+0A41 holds the byte of a line feed, and is none.
        let units: Vec<u16> = "a\u{0A41}\r\nxyz".encode_utf16().collect();
        let at_z = 12;
        let little: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|u| u.to_be_bytes()).collect();
        assert_eq!(at(&little, at_z, Layout::Utf16 { big: false, odd: false }), (2, 2));
        assert_eq!(at(&big, at_z, Layout::Utf16 { big: true, odd: false }), (2, 2));
        let shifted: Vec<u8> = std::iter::once(b'#').chain(big).collect();
        assert_eq!(at(&shifted, at_z + 1, Layout::Utf16 { big: true, odd: true }), (2, 2));
    }

    proptest::proptest! {
        #[test]
        fn bytes_alone_are_counted_the_same(
            text in proptest::collection::vec(proptest::sample::select(&b"\n\r\0aA\xc3\xa4"[..]), 0..80),
            step in 0usize..80,
        ) {
            let end = LineEnd::of(&text);
            let step = (0..=text.len().min(step)).rev().find(|s| text.get(*s).is_none_or(|b| b & 0xC0 != 0x80));
            let (before, behind) = text.split_at(step.unwrap_or_default());
            let (mut all, mut bytes) = (Counts::default(), Counts::default());
            all.advance(&text, 0..text.len(), 0, end);
            bytes.advance_bytes(before, end);
            bytes.advance_bytes(behind, end);
            proptest::prop_assert_eq!(all.get(Layout::Bytes), bytes.get(Layout::Bytes));
        }

        #[test]
        fn counting_in_steps_is_counting_at_once(
            text in proptest::collection::vec(proptest::sample::select(&b"\n\r\0\0aA\xc3\xa4"[..]), 0..80),
            steps in proptest::collection::vec(0usize..80, 0..5),
        ) {
            let mut steps: Vec<usize> = steps.into_iter().map(|s| s.min(text.len())).collect();
            steps.push(text.len());
            steps.sort_unstable();
            let end = LineEnd::of(&text);
            let mut once = Counts::default();
            once.advance(&text, 0..text.len(), 0, end);
            let mut stepped = Counts::default();
            let mut from = 0;
            for mut to in steps {
                // The caller does not step into a UTF-8 sequence.
                while to < text.len() && text[to] & 0xC0 == 0x80 {
                    to += 1;
                }
                if to < from { continue; }
                // What stands before a step is out of sight in the next one, as between two pieces of a file.
                stepped.advance(&text[from..], 0..to - from, from as u64, end);
                from = to;
            }
            proptest::prop_assert_eq!(once, stepped);
        }
    }
}
