//! Dumps of `PostgreSQL` in its custom format, which `pg_dump -Fc` and hosting services make: rows as lines.
//!
//! A table of contents, as text between numbers, and behind it the data of each table, mostly compressed, cut into chunks of which each has
//! its length before it, and 0 behind the last. The data are found by that, not by the table of contents, of which there are many versions.

use std::io::{self, BufRead as _, Read};

use super::limit::{Meter, invalid};
use super::source::Source;
use super::{Flow, Unpacker};

/// How much is looked at at once, bytes.
const WINDOW: usize = 4 << 10;
/// The bytes of a number: its sign, and 32 bits, the lowest first. Dumps of machines with other numbers are read as they are.
const NUMBER: usize = 5;
/// What compressed data begin with: zlib, and zstd.
const MARKS: [&[u8]; 5] = [b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd"];
/// What the first chunk takes before its mark is known.
const START: usize = NUMBER + 4;

/// Whether a content that begins with `head` is such a dump.
pub(super) fn is_dump(head: &[u8]) -> bool {
    head.starts_with(b"PGDMP\x01") && head.get(8) == Some(&(NUMBER as u8 - 1)) && head.get(10) == Some(&1)
}

impl Unpacker<'_> {
    pub(super) fn pg_dump(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        let consumed = source.consumed();
        loop {
            let mut outside = Outside { source, before: [0; NUMBER], found: false };
            let flow = self.shown(&mut outside, consumed.clone());
            let Outside { before, found, .. } = outside;
            self.settle(source, flow, None)?;
            if !found {
                return Ok(());
            }
            let number = number(&before).unwrap_or_default();
            let entered = self.enter(format!("data {number}").as_bytes())?;
            let mut chunks = Chunks { source, left: 0, ended: false };
            let mut meter = Meter::plain(self.shared, consumed.clone(), &mut chunks, false);
            let flow = self.content(&mut meter, depth).and_then(|()| meter.drain());
            let failure = meter.failure();
            self.settle(source, flow, failure)?;
            self.leave(entered);
        }
    }
}

/// The number at the start of `bytes`, if it is not negative.
fn number(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [0, a, b, c, d, ..] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// Where in `text` the first chunk of compressed data begins.
fn begins(text: &[u8]) -> Option<usize> {
    let marks = memchr::memchr2_iter(MARKS[0][0], MARKS[4][0], text).filter_map(|at| at.checked_sub(NUMBER));
    let mut starts = marks.filter(|&at| {
        let compressed = MARKS.iter().any(|mark| text[at + NUMBER..].starts_with(mark));
        compressed && number(&text[at..]).is_some_and(|len| len > 0)
    });
    starts.next()
}

/// Reads up to the next chunk of compressed data.
struct Outside<'s, 'a> {
    source: &'s mut Source<'a>,
    /// The bytes before: the number of what comes.
    before: [u8; NUMBER],
    found: bool,
}

impl Read for Outside<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.found {
            return Ok(0);
        }
        let window = self.source.peek_or_rest(WINDOW)?;
        let start = begins(window);
        let len = match start {
            Some(at) => at,
            None if window.len() < WINDOW => window.len(),
            None => WINDOW - START,
        };
        self.found = start == Some(0);
        let len = len.min(buf.len());
        buf[..len].copy_from_slice(&window[..len]);
        for &byte in &window[len.saturating_sub(NUMBER)..len] {
            self.before.rotate_left(1);
            self.before[NUMBER - 1] = byte;
        }
        self.source.consume(len);
        Ok(len)
    }
}

/// Reads what is in chunks.
struct Chunks<'s, 'a> {
    source: &'s mut Source<'a>,
    /// Of the chunk at hand.
    left: usize,
    ended: bool,
}

impl Read for Chunks<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended {
            let mut length = [0; NUMBER];
            self.source.read_exact(&mut length)?;
            self.left = number(&length).ok_or_else(|| invalid("the length of a chunk is damaged"))? as usize;
            self.ended = self.left == 0;
        }
        if self.ended || buf.is_empty() {
            return Ok(0);
        }
        let room = self.left.min(buf.len());
        let read = self.source.read(&mut buf[..room])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Problem;
    use super::super::samples::{gzip, pg_dump};
    use super::super::tests::{noise, seen};
    use super::*;

    #[test]
    fn the_data_of_each_table_are_a_member() {
        let (small, large) = (b"1\tone\n".to_vec(), noise());
        let inner = gzip(b"a file in a large object");
        for length in [0, 40, WINDOW - 40, WINDOW - 31, WINDOW - 30, WINDOW - 26, WINDOW, 3 * WINDOW] {
            let contents = vec![b'x'; length];
            let dump = pg_dump(&contents, &[(3343, &small), (3344, &large), (70_000, &small), (5, &inner)]);
            let found = seen(&dump);
            assert_eq!(found.problems, []);
            let member = |path: &str| {
                let of = found.contents.iter().filter(|c| c.0 == path);
                of.map(|c| c.1.as_slice()).collect::<Vec<_>>().concat()
            };
            assert_eq!(member("!data 3343"), small, "{length}");
            assert_eq!(member("!data 3344"), large, "{length}");
            assert_eq!(member("!data 70000"), small, "{length}");
            assert_eq!(member("!data 5"), b"a file in a large object", "{length}");
            let outside = member("");
            assert!(outside.windows(contents.len().max(1)).any(|w| w == contents) || length == 0, "{length}");
        }
    }

    #[test]
    fn what_stands_before_damage_is_read() {
        let rows = noise();
        let whole = pg_dump(b"contents", &[(1, b"first"), (2, &rows)]);
        for cut in [whole.len() - 1, whole.len() - 6, whole.len() - 600, 900] {
            let found = seen(&whole[..cut]);
            assert!(found.contents.contains(&("!data 1".into(), b"first".to_vec())), "{cut}");
            assert_eq!(
                found.problems,
                [("!data 2".into(), Problem::Corrupt(super::super::ENDS_EARLY.into()))],
                "{cut}"
            );
            let read = found.contents.iter().find(|c| c.0 == "!data 2").unwrap();
            assert!(
                rows.starts_with(&read.1) && read.1.len() + 900 > cut.min(rows.len()),
                "{cut}: {}",
                read.1.len()
            );
        }
        let mut damaged = whole;
        let sign = damaged.len() - 5;
        damaged[sign] = 7;
        assert!(matches!(&seen(&damaged).problems[..], [(path, Problem::Corrupt(_))] if path == "!data 2"));
    }
}
