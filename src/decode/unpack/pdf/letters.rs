//! Bytes that are written in letters: ASCII85, hexadecimal digits.

use std::io::{self, Read};

use super::super::source::{Parts, Ready};
use super::WINDOW;

/// How bytes are written in letters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Letters {
    Ascii85,
    Hex,
}

/// Reads the bytes that letters stand for, up to what stands for none.
pub(super) struct Plain<'t> {
    text: &'t [u8],
    letters: Letters,
    /// The digits of the group at hand, and how many there are.
    group: [u8; 5],
    len: usize,
    ready: Ready,
}

impl<'t> Plain<'t> {
    pub(super) fn new(text: &'t [u8], letters: Letters) -> Self {
        Self { text, letters, group: [0; 5], len: 0, ready: Ready::default() }
    }

    /// Take a digit. Of a group that is whole, all bytes come out.
    fn digit(&mut self, digit: u8) {
        self.group[self.len] = digit;
        self.len += 1;
        if self.len == self.letters.group() {
            self.end_group();
        }
    }

    /// Give the bytes of a group: one less than it has digits in ASCII85, one in hexadecimal digits. What lacks counts as
    /// the highest digit in the one, as 0 in the other.
    fn end_group(&mut self) {
        let group = &mut self.group;
        match self.letters {
            Letters::Ascii85 => {
                group[self.len..].fill(84);
                let value = group.iter().fold(0u64, |value, digit| value * 85 + u64::from(*digit));
                let bytes = (value as u32).to_be_bytes();
                self.ready.bytes.extend_from_slice(&bytes[..self.len.saturating_sub(1)]);
            }
            Letters::Hex if self.len > 0 => {
                group[self.len..].fill(0);
                self.ready.bytes.push(group[0] << 4 | group[1]);
            }
            Letters::Hex => {}
        }
        self.len = 0;
    }
}

impl Letters {
    /// How many make a group.
    fn group(self) -> usize {
        match self {
            Self::Ascii85 => 5,
            Self::Hex => 2,
        }
    }

    /// The digit that a letter is.
    fn digit(self, letter: u8) -> Option<u8> {
        match self {
            Self::Ascii85 => matches!(letter, b'!'..=b'u').then(|| letter - b'!'),
            Self::Hex => char::from(letter).to_digit(16).map(|digit| digit as u8),
        }
    }
}

impl Parts for Plain<'_> {
    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn advance(&mut self) -> io::Result<bool> {
        let (part, rest) = self.text.split_at(self.text.len().min(WINDOW));
        self.text = rest;
        for &letter in part.iter().filter(|b| !b.is_ascii_whitespace()) {
            if let Some(digit) = self.letters.digit(letter) {
                self.digit(digit);
            } else if letter == b'z' && self.len == 0 && matches!(self.letters, Letters::Ascii85) {
                self.ready.bytes.extend([0; 4]);
            } else {
                self.text = &[];
                break;
            }
        }
        if self.text.is_empty() {
            self.end_group();
        }
        Ok(!part.is_empty())
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.give(buf)
    }
}
