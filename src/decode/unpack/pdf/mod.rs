//! PDF: the text of the file as it is, and every stream, inflated and out of its letters; of what a page shows, the text.
//!
//! Images are passed over.

use std::io::{self, BufRead, BufReader, Read};

use memchr::memmem;

use super::inflate::Inflate;
use super::source::{Parts, Ready, Source};
use super::{Flow, Problem, Stop, Unpacker};

mod fonts;
mod letters;
mod lexer;
mod lines;
mod text;

#[cfg(test)]
#[path = "tests.rs"]
mod page_tests;

use fonts::Fonts;
use letters::{Letters, Plain};
use text::Shown;

/// How much is looked at at once, bytes.
const WINDOW: usize = 16 << 10;
/// How far before a stream the dictionary that describes it may begin.
const DICTIONARY: usize = 32 << 10;
/// What all streams of a file may take together, compressed, to be held until the file is read, bytes.
const HELD: usize = 64 << 20;
/// The most that is read of one stream, and of all together, to learn of fonts, bytes.
const FONTS: u64 = 4 << 20;
const ALL_FONTS: u64 = 256 << 20;
/// What the dictionaries of streams have that no page shows.
const NO_PAGES: [&[u8]; 8] = [
    b"/EmbeddedFile",
    b"/XRef",
    b"/Metadata",
    b"/Length1",
    b"/Type1C",
    b"/CIDFontType0C",
    b"/OpenType",
    b"/FunctionType",
];
const BEGIN: &[u8] = b"stream";
const END: &[u8] = b"endstream";

/// A stream that does not show its content.
struct Stream {
    /// Number of the object, as far as it is known.
    object: String,
    bytes: Vec<u8>,
    whole: bool,
    filters: Filters,
    holds: Holds,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// What a page shows, unless it turns out to be something else.
    Page,
    /// Objects: so many, behind their numbers and places, the first so far from the start.
    Objects {
        count: usize,
        first: usize,
    },
    Other,
}

impl Stream {
    /// What it stands for.
    fn reader(&self) -> Box<dyn Read + '_> {
        let bytes: Box<dyn BufRead + '_> = match self.filters.letters {
            Some(letters) => Box::new(BufReader::new(Plain::new(&self.bytes, letters))),
            None => Box::new(&self.bytes[..]),
        };
        if self.filters.deflated {
            Box::new(Inflate::new(bytes, flate2::Decompress::new(true)))
        } else {
            Box::new(bytes)
        }
    }

    /// The start of what it stands for, as far as it is needed to learn of fonts.
    /// `left`: of what may be read for that, of all streams.
    fn start(&self, left: &mut u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _damage_is_told_when_it_is_read = self.reader().take(FONTS.min(*left)).read_to_end(&mut bytes);
        *left -= bytes.len() as u64;
        bytes
    }

    /// The number of its object.
    fn number(&self) -> Option<u32> {
        self.object.parse().ok()
    }
}

/// What was done to a stream, the last first.
#[derive(Debug, Clone, Copy)]
struct Filters {
    letters: Option<Letters>,
    deflated: bool,
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
    fonts: Fonts,
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
            fonts: Fonts::default(),
            ready: Ready::default(),
        };
        let read = self.members.content(&self.path, &mut outside);
        // Whatever was left unread.
        let read = read.and_then(|()| io::copy(&mut outside, &mut io::sink()));
        let Outside { streams, over, encrypted, mut fonts, .. } = outside;
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
        let mut left = ALL_FONTS;
        learn_objects(&streams, &mut left, &mut fonts);
        learn_maps(&streams, &mut left, &mut fonts);
        if left == 0 {
            self.problem(Problem::OverLimit(
                "what tells of its fonts is too large: some of its text may not have been read",
            ));
        }
        for stream in streams {
            let before = self.enter(format!("object {}", stream.object).as_bytes())?;
            let packed = stream.bytes.len() as u64;
            let failure = self.packed_through(&mut *stream.reader(), packed, |unpacker, content| {
                if stream.holds == Holds::Page {
                    let mut source = Source::new(content);
                    unpacker.content(&mut Shown::new(&mut source, &fonts), depth)
                } else {
                    unpacker.content(content, depth)
                }
            })?;
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

/// Learn of fonts from an object, which ends where `text` does.
fn learn_object(text: &[u8], fonts: &mut Fonts) {
    let Some(begin) = memmem::rfind(text, b" obj") else { return };
    if let Some(number) = object_number(&text[..begin]).and_then(|number| number.parse().ok()) {
        fonts.object(number, &text[begin..]);
    }
}

/// The number of the object that begins behind `text`: `12` of `12 0`.
fn object_number(text: &[u8]) -> Option<&str> {
    let mut words = text.rsplit(|b| !b.is_ascii_digit()).filter(|word| !word.is_empty());
    str::from_utf8(words.nth(1)?).ok()
}

/// Learn of fonts from the objects that are in streams.
fn learn_objects(streams: &[Stream], left: &mut u64, fonts: &mut Fonts) {
    for stream in streams {
        let Holds::Objects { count, first } = stream.holds else { continue };
        let bytes = stream.start(left);
        let text = String::from_utf8_lossy(&bytes[..first.min(bytes.len())]);
        let numbers: Vec<usize> = text
            .split_ascii_whitespace()
            .map_while(|n| n.parse().ok())
            .take(count.saturating_mul(2))
            .collect();
        for (nth, pair) in numbers.chunks_exact(2).enumerate() {
            let end = numbers.get(2 * nth + 3).map_or(bytes.len(), |next| first.saturating_add(*next));
            let object = bytes.get(first.saturating_add(pair[1])..end.min(bytes.len())).unwrap_or_default();
            fonts.object(pair[0] as u32, object);
        }
    }
}

/// Read the maps of fonts.
fn learn_maps(streams: &[Stream], left: &mut u64, fonts: &mut Fonts) {
    let wanted = fonts.wanted();
    for stream in streams {
        if let Some(number) = stream.number().filter(|number| wanted.contains(number)) {
            fonts.map(number, &stream.start(left));
        }
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
            // A stream follows its dictionary.
            let hidden = self.tail.trim_ascii_end().ends_with(b">>") && {
                let hidden = self.begins();
                self.tail.clear();
                hidden
            };
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
        let mut done = 0;
        for end in memmem::find_iter(&self.tail, b"endobj") {
            learn_object(&self.tail[done..end], &mut self.fonts);
            done = end + b"endobj".len();
        }
        let surplus = self.tail.len().saturating_sub(DICTIONARY);
        self.tail.drain(..done.max(surplus));
    }

    /// Begin a stream, if its dictionary says that its content does not show, and that it is no image.
    fn begins(&mut self) -> bool {
        learn_object(&self.tail, &mut self.fonts);
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
        let number = |name: &[u8]| {
            let rest = &dictionary[memmem::find(dictionary, name)? + name.len()..];
            let digits: Vec<u8> =
                rest.trim_ascii_start().iter().copied().take_while(u8::is_ascii_digit).collect();
            String::from_utf8(digits).ok()?.parse().ok()
        };
        let holds = if has(b"/ObjStm") {
            Holds::Objects { count: number(b"/N ").unwrap_or(0), first: number(b"/First").unwrap_or(0) }
        } else if NO_PAGES.iter().any(|other| has(other)) {
            Holds::Other
        } else {
            Holds::Page
        };
        let shows = !filters.deflated && letters.is_none() && holds == Holds::Other;
        if self.over || shows || others.iter().any(|o| has(o)) {
            return false;
        }
        let object = object_number(&self.tail[..from]).unwrap_or_default().to_owned();
        self.held += size_of::<Stream>() + object.len();
        self.over = self.held > HELD;
        if !self.over {
            self.streams.push(Stream { object, bytes: Vec::new(), whole: false, filters, holds });
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
