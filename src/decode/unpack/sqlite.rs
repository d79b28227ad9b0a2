//! Databases of `SQLite`: rows as lines, since in the file the values of a row stand without anything between them.
//!
//! Pages are read in order, of a write-ahead log too, which holds those that are not yet in the file. Of those that hold
//! rows every row is a line, its values with tabs between them; what is left of them (deleted rows) and all other pages are
//! read as they are.

use std::io::{self, Read};

use super::source::{Parts, Ready, Source};
use super::{ENDS_EARLY, Flow, Problem, Stop, Unpacker};

/// Shorter remains of deleted rows hold nothing.
const SHORTEST: usize = 16;
/// Length of the header of the file.
const HEADER: usize = 100;
/// Length of the header of a log, and of that of each page in it.
const LOG_HEADER: usize = 32;
const FRAME: usize = 24;

impl Unpacker<'_> {
    pub(super) fn sqlite(&mut self, source: &mut Source<'_>) -> Flow {
        let head = source.peek(HEADER).map_err(|_| Stop)?;
        let size = match (u16::from_be_bytes([head[16], head[17]]), head[20]) {
            (1, _) => 1 << 16,
            (size, _) if size.is_power_of_two() && size >= 512 => usize::from(size),
            _ => {
                self.corrupt("corrupt: its pages have no size");
                return Ok(());
            }
        };
        let usable = size - usize::from(head[20]);
        self.pages(Rows { usable, first: true, ..Rows::new(source, size) })
    }

    /// A write-ahead log.
    pub(super) fn sqlite_log(&mut self, source: &mut Source<'_>) -> Flow {
        let mut head = [0; LOG_HEADER];
        source.take(&mut head).map_err(|_| Stop)?;
        let size = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
        if !size.is_power_of_two() || !(512..=1 << 16).contains(&size) {
            self.corrupt("corrupt: its pages have no size");
            return Ok(());
        }
        self.pages(Rows { frame: Some([0; FRAME]), ..Rows::new(source, size) })
    }

    fn pages(&mut self, mut rows: Rows<'_, '_>) -> Flow {
        let read = self.members.content(&self.path, &mut rows);
        let read = read.and_then(|()| io::copy(&mut rows, &mut io::sink()));
        let cut = rows.cut;
        if rows.source.failed() || read.is_err() {
            return Err(Stop);
        }
        if cut {
            self.problem(Problem::Corrupt(ENDS_EARLY.into()));
        }
        Ok(())
    }
}

/// Reads a database as lines.
struct Rows<'s, 'a> {
    source: &'s mut Source<'a>,
    /// In a log: what stands before the page.
    frame: Option<[u8; FRAME]>,
    page: Vec<u8>,
    /// So much of a page is used.
    usable: usize,
    /// The next page is the first of the file, which begins with its header.
    first: bool,
    /// The last page is not whole.
    cut: bool,
    ready: Ready,
}

impl<'s, 'a> Rows<'s, 'a> {
    /// Of pages of this size, bytes.
    fn new(source: &'s mut Source<'a>, size: usize) -> Self {
        let page = vec![0; size];
        Self { source, frame: None, page, usable: size, first: false, cut: false, ready: Ready::default() }
    }
}

impl Parts for Rows<'_, '_> {
    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn advance(&mut self) -> io::Result<bool> {
        if let Some(frame) = &mut self.frame {
            self.cut |= (1..FRAME).contains(&self.source.take(frame)?);
            self.first = frame[..4] == [0, 0, 0, 1];
        }
        let len = self.source.take(&mut self.page)?;
        if len == 0 {
            return Ok(false);
        }
        self.cut |= len < self.page.len();
        let page = &self.page[..len.min(self.usable)];
        let from = if std::mem::take(&mut self.first) { HEADER } else { 0 };
        if self.cut || lines(page, from, self.usable, &mut self.ready.bytes).is_none() {
            self.ready.bytes.clear();
            self.ready.bytes.extend_from_slice(page);
            self.ready.bytes.push(b'\n');
        }
        Ok(true)
    }
}

impl Read for Rows<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.give(buf)
    }
}

/// Write the rows of a page, whose own header begins at `from`. `None`: it holds none.
fn lines(page: &[u8], from: usize, usable: usize, out: &mut Vec<u8>) -> Option<()> {
    let kind = *page.get(from)?;
    let of_table = kind == 13;
    if !of_table && kind != 10 {
        return None;
    }
    let number = |at: usize| page.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let count = number(from + 3)?;
    let pointers = from + 8;
    let mut used = vec![(0, pointers + 2 * count)];
    for cell in 0..count {
        let at = number(pointers + 2 * cell)?;
        let end = row(page, at, of_table, usable, out)?;
        // Rows lie beside one another, and a tab stands for at least one byte: more is made to do harm.
        if out.len() > 2 * page.len() {
            return None;
        }
        used.push((at, end));
        out.push(b'\n');
    }
    used.sort_unstable();
    let mut at = 0;
    for (start, end) in used.into_iter().chain([(page.len(), page.len())]) {
        let rest = page.get(at..start).unwrap_or_default();
        if rest.len() >= SHORTEST && rest.iter().any(|b| *b != 0) {
            out.extend_from_slice(rest);
            out.push(b'\n');
        }
        at = at.max(end);
    }
    Some(())
}

/// Write the row at `at`, as far as it is on this page. Gives its end.
fn row(page: &[u8], mut at: usize, of_table: bool, usable: usize, out: &mut Vec<u8>) -> Option<usize> {
    let payload = varint(page, &mut at)? as usize;
    if of_table {
        varint(page, &mut at)?; // the number of the row
    }
    // What does not fit goes on on another page.
    let most = if of_table { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    let local = if payload <= most {
        payload
    } else {
        let least = (usable - 12) * 32 / 255 - 23;
        let some = least + (payload - least) % (usable - 4);
        if some <= most { some } else { least }
    };
    let end = at + local;
    let record = page.get(at..end)?;
    let mut head = 0;
    let head_end = varint(record, &mut head)? as usize;
    let mut body = head_end;
    while head < head_end {
        let kind = varint(record.get(..head_end)?, &mut head)?;
        let len = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind as usize,
            5 => 6,
            6 | 7 => 8,
            _ => (kind as usize).checked_sub(12)? / 2,
        };
        let value = record.get(body.min(record.len())..body.saturating_add(len).min(record.len()))?;
        if kind >= 12 {
            out.extend_from_slice(value);
        }
        out.push(b'\t');
        body = body.saturating_add(len);
    }
    Some(end)
}

/// A number of up to nine bytes, seven bits each.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for n in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if n == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}
