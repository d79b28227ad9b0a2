//! PDF: the text of the file as it is, and every stream that is deflated, or written in letters, or both.
//!
//! What a page shows is readable where its fonts keep the codes of ASCII. Images are passed over.

use std::io::{self, BufRead, BufReader, Read};

use memchr::memmem;

use super::inflate::Inflate;
use super::source::{Parts, Ready, Source};
use super::{Flow, Problem, Stop, Unpacker};

/// How much is looked at at once, bytes.
const WINDOW: usize = 16 << 10;
/// How far before a stream the dictionary that describes it may begin.
const DICTIONARY: usize = 4 << 10;
/// What all streams of a file may take together, compressed, to be held until the file is read, bytes.
const HELD: usize = 64 << 20;
const BEGIN: &[u8] = b"stream";
const END: &[u8] = b"endstream";

/// A stream that does not show its content.
struct Stream {
    /// Number of the object, as far as it is known.
    object: String,
    bytes: Vec<u8>,
    whole: bool,
    filters: Filters,
}

/// What was done to a stream, the last first.
#[derive(Debug, Clone, Copy)]
struct Filters {
    letters: Option<Letters>,
    deflated: bool,
}

/// How bytes are written in letters.
#[derive(Debug, Clone, Copy)]
enum Letters {
    Ascii85,
    Hex,
}

/// Reads what stands outside the deflated streams, which are kept. Lines stay: a stream gives its line feeds.
struct Outside<'s, 'a> {
    source: &'s mut Source<'a>,
    /// The last bytes outside streams.
    tail: Vec<u8>,
    streams: Vec<Stream>,
    held: usize,
    /// More streams than can be held.
    over: bool,
    encrypted: bool,
    /// The next byte belongs to the last of the streams.
    within: bool,
    /// To be given before anything else.
    ready: Ready,
}

impl Unpacker<'_> {
    pub(super) fn pdf(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        let mut outside = Outside {
            source,
            tail: Vec::new(),
            streams: Vec::new(),
            held: 0,
            over: false,
            encrypted: false,
            within: false,
            ready: Ready::default(),
        };
        let read = self.members.content(&self.path, &mut outside);
        // Whatever was left unread.
        let read = read.and_then(|()| io::copy(&mut outside, &mut io::sink()));
        let Outside { streams, over, encrypted, .. } = outside;
        if source.failed() || read.is_err() {
            return Err(Stop);
        }
        if encrypted {
            self.problem(Problem::Encrypted);
            return Ok(());
        }
        if over {
            self.problem(Problem::OverLimit(
                "its streams are too large to be held in memory: the rest of them was not read",
            ));
        }
        for stream in streams {
            let before = self.enter(format!("object {}", stream.object).as_bytes())?;
            let packed = stream.bytes.len() as u64;
            let mut bytes = &stream.bytes[..];
            let mut plain = stream.filters.letters.map(|letters| BufReader::new(Plain::new(bytes, letters)));
            let input: &mut dyn BufRead = match &mut plain {
                Some(plain) => plain,
                None => &mut bytes,
            };
            let failure = if stream.filters.deflated {
                let mut decoder = Inflate::new(input, flate2::Decompress::new(true));
                self.packed_in_memory(&mut decoder, packed, depth)?
            } else {
                self.packed_in_memory(&mut { input }, packed, depth)?
            };
            match failure {
                // Not every writer puts the checksum behind a stream.
                Some(Problem::Corrupt(reason)) if stream.whole && reason == super::ENDS_EARLY => {}
                Some(problem) => self.problem(problem),
                None if !stream.whole => self.corrupt(super::ENDS_EARLY),
                None => {}
            }
            self.leave(before);
        }
        Ok(())
    }
}

impl Parts for Outside<'_, '_> {
    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn advance(&mut self) -> io::Result<bool> {
        let text = self.source.peek_or_rest(WINDOW)?;
        if text.is_empty() {
            return Ok(false);
        }
        let at_end = text.len() < WINDOW;
        let (mark, keep) = if self.within { (END, END.len()) } else { (BEGIN, BEGIN.len()) };
        let found = memmem::find(text, mark);
        let len = found.unwrap_or(if at_end { text.len() } else { text.len() - keep });
        let part = text[..len].to_vec();
        self.source.consume(len);
        if self.within {
            self.keep(&part, found.is_some());
            self.ready.bytes.extend(part.iter().filter(|b| **b == b'\n'));
            self.within = found.is_none();
            if found.is_some() {
                self.source.consume(END.len());
                self.ready.bytes.extend_from_slice(END);
            }
            return Ok(true);
        }
        self.outside(&part);
        if found.is_some() {
            self.source.consume(BEGIN.len());
            let hidden = !self.tail.ends_with(b"end") && self.begins();
            self.outside(BEGIN);
            self.within = hidden;
        }
        Ok(true)
    }
}

impl Outside<'_, '_> {
    fn outside(&mut self, part: &[u8]) {
        self.encrypted |= memmem::find(part, b"/Encrypt ").is_some();
        self.ready.bytes.extend_from_slice(part);
        self.tail.extend_from_slice(part);
        let surplus = self.tail.len().saturating_sub(DICTIONARY);
        self.tail.drain(..surplus);
    }

    /// Begin a stream, if its dictionary says that its content does not show, and that it is no image.
    fn begins(&mut self) -> bool {
        let from = memmem::rfind(&self.tail, b" obj").unwrap_or(0);
        let dictionary = &self.tail[from..];
        let has = |what: &[u8]| memmem::find(dictionary, what).is_some();
        let letters = if has(b"/ASCII85Decode") || has(b"/A85 ") {
            Some(Letters::Ascii85)
        } else if has(b"/ASCIIHexDecode") || has(b"/AHx ") {
            Some(Letters::Hex)
        } else {
            None
        };
        let filters = Filters { letters, deflated: has(b"/FlateDecode") || has(b"/Fl ") };
        let others = [&b"/LZWDecode"[..], b"/RunLengthDecode", b"/Crypt", b"/Image"];
        if self.over || !filters.deflated && letters.is_none() || others.iter().any(|o| has(o)) {
            return false;
        }
        let words = self.tail[..from].rsplit(|b| !b.is_ascii_digit()).filter(|w| !w.is_empty());
        let number = words.clone().nth(1).unwrap_or_default();
        let object = String::from_utf8_lossy(number).into_owned();
        self.held += size_of::<Stream>() + object.len();
        self.over = self.held > HELD;
        if !self.over {
            self.streams.push(Stream { object, bytes: Vec::new(), whole: false, filters });
        }
        !self.over
    }

    fn keep(&mut self, part: &[u8], whole: bool) {
        let Some(stream) = self.streams.last_mut() else { return };
        if self.over {
            return;
        }
        if self.held + part.len() > HELD {
            self.over = true;
            self.streams.pop();
            return;
        }
        self.held += part.len();
        // The line end behind the word `stream` is no part of it.
        let part = if stream.bytes.is_empty() { part.trim_ascii_start() } else { part };
        stream.bytes.extend_from_slice(part);
        stream.whole = whole;
    }
}

/// Reads the bytes that letters stand for, up to what stands for none.
struct Plain<'t> {
    text: &'t [u8],
    letters: Letters,
    /// The digits of the group at hand, and how many there are.
    group: [u8; 5],
    len: usize,
    ready: Ready,
}

impl<'t> Plain<'t> {
    fn new(text: &'t [u8], letters: Letters) -> Self {
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

impl Read for Outside<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.give(buf)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::pdf;
    use super::super::tests::{HELLO, seen, text};
    use super::*;

    #[test]
    fn streams_of_pdf_are_inflated() {
        let whole = pdf(HELLO);
        let found = seen(&whole);
        assert_eq!(found.problems, []);
        assert_eq!(found.contents[1], ("!object 4".into(), HELLO.to_vec()));
        let outside = text(&found.contents[0].1);
        assert!(
            outside.starts_with("%PDF-1.4\n4 0 obj\n") && outside.ends_with("endstream\nendobj\n%%EOF\n")
        );
        let lines = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
        assert_eq!(lines(&found.contents[0].1), lines(&whole), "lines count as in the file");
        assert!(!seen(&whole[..whole.len() - 40]).problems.is_empty());
        let locked = [&whole[..], b"trailer << /Encrypt 5 0 R >>"].concat();
        assert_eq!(seen(&locked).problems, [(String::new(), Problem::Encrypted)]);
    }

    #[test]
    fn streams_of_pdf_are_read_from_letters() {
        // What Python's base64.a85encode and zlib make of HELLO, and of four zeros behind a word.
        let deflated = "GaurJc,n)jb.p:E!2tASQN";
        let digits = HELLO.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join("\n");
        for (filter, letters, wanted) in [
            ("[ /ASCII85Decode /FlateDecode ]", format!("{deflated}~>"), HELLO),
            ("/ASCII85Decode", "GAhM4z!!\n~>".into(), b"word\0\0\0\0\0"),
            ("/ASCIIHexDecode", format!("{digits}>"), HELLO),
            ("/ASCIIHexDecode", "4 14>".into(), b"A@"),
        ] {
            let file =
                format!("%PDF-1.4\n4 0 obj\n<< /Filter {filter} >>\nstream\n{letters}\nendstream\nendobj\n");
            let found = seen(file.as_bytes());
            assert_eq!(found.problems, [], "{filter}");
            assert_eq!(found.contents[1], ("!object 4".into(), wanted.to_vec()), "{filter}");
        }
    }
}
