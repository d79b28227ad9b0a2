//! The hash by which GitHub code scanning knows a line again: `primaryLocationLineHash`.
//!
//! GitHub's upload action computes it only for files of the checkout, so a finding that lives in history alone has no
//! identity there unless the tool writes one. What it is: a polynomial hash (multiplier 37, modulo 2^64) of the 100
//! UTF-16 units that follow the start of the line, blanks and tabs left out and CR or CRLF read as LF; one unit 65535
//! stands for the end of the file, zeros follow it. The text form is the hash in hexadecimal digits, a colon, and
//! how many lines up to this one had that hash. Held against the test vectors of github/codeql-action.

use std::collections::BTreeMap;

/// How many units a hash covers.
const WINDOW: usize = 100;
/// The unit that stands for the end of the file.
const END: u16 = u16::MAX;
const MULTIPLIER: u64 = 37;
/// 37^100: the weight of the unit that leaves the window.
const LEAVING: u64 = MULTIPLIER.wrapping_pow(WINDOW as u32);
const LF: u16 = b'\n' as u16;
/// How much text is read between two looks at whether more is needed.
const STEP: usize = 1 << 16;

/// The line hashes of `lines` (numbers from 1, in any order) of `text`, each in the form `hexhash:count`, in the order of
/// `lines`; `None` for a line that the text does not have. The time is linear in the text up to the last of the
/// lines, the memory in the number of lines asked for.
pub fn line_hashes(text: &[u8], lines: &[u64]) -> Vec<Option<String>> {
    let Some(&last) = lines.iter().max() else { return Vec::new() };
    // Two passes, so that only the hashes that were asked for are counted: a file may have a billion lines.
    let mut wanted: BTreeMap<u64, Option<(u64, u64)>> = lines.iter().map(|&line| (line, None)).collect();
    each_line(text, last, |line, hash| {
        if let Some(entry) = wanted.get_mut(&line) {
            *entry = Some((hash, 0));
        }
    });
    let mut counts: BTreeMap<u64, u64> = wanted.values().flatten().map(|&(hash, _)| (hash, 0)).collect();
    each_line(text, last, |line, hash| {
        if let Some(count) = counts.get_mut(&hash) {
            *count += 1;
            if let Some(Some(entry)) = wanted.get_mut(&line) {
                entry.1 = *count;
            }
        }
    });
    lines.iter().map(|line| wanted[line].map(|(hash, count)| format!("{hash:x}:{count}"))).collect()
}

/// Call `emit` with every line up to `last` and its hash.
fn each_line(text: &[u8], last: u64, mut emit: impl FnMut(u64, u64)) {
    let mut hash = RollingHash::default();
    let mut reached = 0;
    for piece in text.chunks(STEP) {
        hash.update(piece, |line, value| {
            reached = line;
            emit(line, value);
        });
        if reached >= last {
            return;
        }
    }
    hash.finish(emit);
}

/// The rolling hash behind [`line_hashes`], for text that comes in pieces: [`RollingHash::update`] with each piece, then
/// [`RollingHash::finish`]. Pieces may be cut anywhere.
#[derive(Debug)]
pub struct RollingHash {
    /// The last units, a ring.
    window: [u16; WINDOW],
    /// For each unit of the window that begins a line, the number of that line; else 0.
    starts: [u64; WINDOW],
    /// Where the next unit goes.
    next: usize,
    value: u64,
    /// The number of the line that was begun last.
    line: u64,
    at_line_start: bool,
    after_cr: bool,
    /// The beginning of a character whose end is in the next piece.
    carry: Vec<u8>,
}

impl Default for RollingHash {
    fn default() -> Self {
        Self {
            window: [0; WINDOW],
            starts: [0; WINDOW],
            next: 0,
            value: 0,
            line: 0,
            at_line_start: true,
            after_cr: false,
            carry: Vec::new(),
        }
    }
}

impl RollingHash {
    /// Read on. `emit` gets the number (from 1) and the hash of each line whose hash is now known, in order.
    pub fn update(&mut self, mut bytes: &[u8], mut emit: impl FnMut(u64, u64)) {
        while !self.carry.is_empty() {
            let Some((&first, rest)) = bytes.split_first() else { return };
            self.carry.push(first);
            bytes = rest;
            let carry = std::mem::take(&mut self.carry);
            self.decode(&carry, &mut emit);
        }
        self.decode(bytes, &mut emit);
    }

    /// The text ends here: emit what is left.
    pub fn finish(mut self, mut emit: impl FnMut(u64, u64)) {
        if !self.carry.is_empty() {
            self.unit(0xFFFD, &mut emit);
        }
        self.unit(END, &mut emit);
        for _ in 0..WINDOW {
            self.emit_here(&mut emit);
            self.shift(0);
        }
    }

    /// Read UTF-8, one U+FFFD for each broken sequence; an unfinished one at the end is kept for later.
    fn decode(&mut self, bytes: &[u8], emit: &mut impl FnMut(u64, u64)) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for character in chunk.valid().chars() {
                for &unit in &*character.encode_utf16(&mut [0; 2]) {
                    self.unit(unit, emit);
                }
            }
            let broken = chunk.invalid();
            if broken.is_empty() {
                continue;
            }
            let unfinished = std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none());
            if unfinished && chunks.peek().is_none() {
                self.carry.extend_from_slice(broken);
            } else {
                self.unit(0xFFFD, emit);
            }
        }
    }

    fn unit(&mut self, unit: u16, emit: &mut impl FnMut(u64, u64)) {
        if matches!(unit, 0x20 | 0x09) || (self.after_cr && unit == LF) {
            self.after_cr = false;
            return;
        }
        self.after_cr = unit == u16::from(b'\r');
        let unit = if self.after_cr { LF } else { unit };
        self.emit_here(emit);
        if self.at_line_start {
            self.line += 1;
            self.starts[self.next] = self.line;
        }
        self.at_line_start = unit == LF;
        self.shift(unit);
    }

    /// If the oldest unit of the window begins a line, the hash of that line is complete.
    fn emit_here(&mut self, emit: &mut impl FnMut(u64, u64)) {
        let line = std::mem::take(&mut self.starts[self.next]);
        if line != 0 {
            emit(line, self.value);
        }
    }

    fn shift(&mut self, unit: u16) {
        let leaving = std::mem::replace(&mut self.window[self.next], unit);
        self.value = self
            .value
            .wrapping_mul(MULTIPLIER)
            .wrapping_add(u64::from(unit))
            .wrapping_sub(LEAVING.wrapping_mul(u64::from(leaving)));
        self.next = (self.next + 1) % WINDOW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8]) -> Vec<String> {
        (1..).map_while(|line| line_hashes(text, &[line]).remove(0)).collect()
    }

    #[test]
    fn agrees_with_githubs_test_vectors() {
        let ended = [
            "e9496ae3ebfced30:1",
            "fb7c023a8b9ccb3f:1",
            "ce8ba1a563dcdaca:1",
            "e20e36e16fcb0cc8:1",
            "b3edc88f2938467e:1",
            "c8e28b0b4002a3a0:1",
            "c129715d7a2bc9a3:1",
        ];
        let repeated = "Lorem ipsum dolor sit amet.\n".repeat(10);
        let cases: &[(&str, &[&str])] = &[
            ("", &["c129715d7a2bc9a3:1"]),
            (
                " a\nb\n  \t\tc\n d",
                &["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
            ),
            (
                " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End",
                &[
                    "8b7cf3e952e7aeb2:1",
                    "b1ae1287ec4718d9:1",
                    "bff680108adb0fcc:1",
                    "c6805c5e1288b612:1",
                    "b86d3392aea1be30:1",
                    "e6ceba753e1a442:1",
                ],
            ),
            (" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", &ended),
            (" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", &ended),
            (" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n", &ended),
            (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", &ended),
            (
                &repeated,
                &[
                    "a7f2ff13bc495cf2:1",
                    "a7f2ff13bc495cf2:2",
                    "a7f2ff13bc495cf2:3",
                    "a7f2ff13bc495cf2:4",
                    "a7f2ff13bc495cf2:5",
                    "a7f2ff13bc495cf2:6",
                    "a7f2ff1481e87703:1",
                    "a9cf91f7bbf1862b:1",
                    "55ec222b86bcae53:1",
                    "cc97dc7b1d7d8f7b:1",
                    "c129715d7a2bc9a3:1",
                ],
            ),
            (
                "x = 2\nx = 1\nprint(x)\nx = 3\nprint(x)\nx = 4\nprint(x)\n",
                &[
                    "e54938cc54b302f1:1",
                    "bb609acbe9138d60:1",
                    "1131fd5871777f34:1",
                    "5c482a0f8b35ea28:1",
                    "54517377da7028d2:1",
                    "2c644846cb18d53e:1",
                    "f1b89f20de0d133:1",
                    "c129715d7a2bc9a3:1",
                ],
            ),
        ];
        for (text, hashes) in cases {
            assert_eq!(all(text.as_bytes()), *hashes, "{}", text.escape_debug());
        }
    }

    #[test]
    fn keeps_the_order_that_was_asked_for() {
        let text = b"one\ntwo\none\n";
        let [first, third] = [line_hashes(text, &[1]).remove(0), line_hashes(text, &[3]).remove(0)];
        assert_eq!(line_hashes(text, &[3, 99, 1, 3]), [third.clone(), None, first, third]);
    }

    proptest! {
        #[test]
        fn pieces_may_be_cut_anywhere(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..40),
            words in "[a-c€😀 \t\r\n]{0,200}",
        ) {
            let mut whole = words.into_bytes();
            let mut pieces: Vec<Vec<u8>> = whole.chunks(3).map(<[u8]>::to_vec).collect();
            whole.extend(parts.concat());
            pieces.extend(parts);
            let mut at_once = Vec::new();
            let mut hash = RollingHash::default();
            hash.update(&whole, |line, value| at_once.push((line, value)));
            hash.finish(|line, value| at_once.push((line, value)));
            let mut cut = Vec::new();
            let mut hash = RollingHash::default();
            for piece in &pieces {
                hash.update(piece, |line, value| cut.push((line, value)));
            }
            hash.finish(|line, value| cut.push((line, value)));
            prop_assert_eq!(&at_once, &cut);
            // The decoding is the lossy one of the standard library, and every line has its hash.
            let mut lossy = Vec::new();
            let mut hash = RollingHash::default();
            hash.update(String::from_utf8_lossy(&whole).as_bytes(), |line, value| lossy.push((line, value)));
            hash.finish(|line, value| lossy.push((line, value)));
            prop_assert_eq!(&at_once, &lossy);
            prop_assert!(at_once.iter().map(|(line, _)| *line).eq(1..=at_once.len() as u64));
        }
    }
}
