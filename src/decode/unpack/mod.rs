//! Containers: what is in a gzip, bzip2, xz or zstd stream, in a zip, tar or ar archive, nested in any way; documents and databases
//! whose text does not stand in the file as it is.
//!
//! [`format`] knows a container by its first bytes, never by its name; [`unpack`] reads one from its start to its end
//! and hands every member to [`Members`], as a stream: nothing is held that grows with the content. Zip archives are
//! read by the headers before their members, not by the directory behind them, so that they can be streamed too, and
//! what a directory leaves out is read all the same.
//!
//! Everything is taken for hostile. [`Limits`] bound what comes out and how deep it goes; damage is told, and reading
//! goes on behind it wherever the next member can be found.

use std::cell::Cell;
use std::io::{self, BufRead as _, Read};
use std::rc::Rc;

mod ar;
mod cpio;
mod formats;
mod inflate;
mod limit;
mod office;
mod pack;
mod pdf;
mod pg_dump;
mod seven;
mod source;
mod sqlite;
mod stored;
mod stream;
mod tar;
mod zip;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod edge_tests;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use formats::{Format, HEAD, format};
pub use limit::Limits;

use limit::{Meter, Shared};
pub(crate) use source::fill;
use source::{Source, fill_some};

/// Why something in a container was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It cannot be read, or not to its end.
    #[error("{0}")]
    Corrupt(String),
    /// Reading it would go beyond [`Limits`].
    #[error("{0}")]
    OverLimit(&'static str),
    /// It is a container inside of more containers than are opened.
    #[error("not opened: nested deeper than --max-archive-depth")]
    TooDeep,
    /// It is compressed in a way that is not known here: the number of the method in a zip archive, its name in others.
    #[error("compressed by method {0}, which is not supported")]
    Unsupported(String),
    /// A part of it is somewhere else: what a thin pack adds to an object that it does not hold.
    #[error("made from an object that is not in it: what was added to that was read")]
    Elsewhere,
    /// It is of a kind that is not opened: what shows of it was searched.
    #[error("compressed as {0}, which is not opened")]
    Unopened(&'static str),
    /// It is encrypted.
    #[error("encrypted")]
    Encrypted,
}

/// Takes what is in a container.
///
/// Paths are what is to be written behind the path of the container: `!inner/file`, `!inner.zip!file`, and nothing for what a
/// mere compressed stream holds.
pub trait Members {
    /// A container is opened: what comes next is in it.
    fn opens(&mut self, _: Format) {}

    /// The container that was opened last has ended.
    fn closes(&mut self) {}

    /// A member's content. An error is the reader's, and nobody needs to be told of it; any part may be left unread.
    fn content(&mut self, path: &[u8], content: &mut dyn Read) -> io::Result<()>;

    /// A name that the container gives to a member, or that a link in it leads to.
    fn name(&mut self, path: &[u8], name: &[u8]);

    /// Something that was not read.
    fn problem(&mut self, path: &[u8], problem: Problem);
}

/// Read the container that `source` gives from its start. The error is that of `source`.
///
/// Ends early, without an error, when `stopped` says so.
pub fn unpack(
    format: Format,
    source: &mut dyn Read,
    limits: Limits,
    stopped: &dyn Fn() -> bool,
    members: &mut dyn Members,
) -> io::Result<()> {
    let shared = Shared::new(limits, stopped);
    let mut source = Source::new(source);
    let mut unpacker = Unpacker {
        shared: &shared,
        members,
        path: Vec::new(),
        states: Vec::new(),
        room: Vec::new(),
        deflate: libdeflater::Decompressor::new(),
        opened: false,
    };
    let stop = unpacker.layer(format, &mut source, limits.depth);
    if stop.is_err()
        && let Some(over) = shared.over()
        && let Some(reason) = over.reason()
    {
        unpacker.problem(Problem::OverLimit(reason));
    }
    source.take_error().map_or(Ok(()), Err)
}

/// Nothing more comes from what a layer reads: the layer that is to blame tells why.
#[derive(Debug)]
struct Stop;

type Flow = Result<(), Stop>;

/// The state of one call of [`unpack`].
struct Unpacker<'m> {
    shared: &'m Shared<'m>,
    members: &'m mut dyn Members,
    /// Of the member at hand. Where something stops all it stays as it is.
    path: Vec<u8>,
    /// Used before, to be used again.
    states: Vec<flate2::Decompress>,
    room: Vec<u8>,
    deflate: libdeflater::Decompressor,
    /// Whether anything came out of a container. Before, what begins like one may be none.
    opened: bool,
}

impl Unpacker<'_> {
    fn problem(&mut self, problem: Problem) {
        self.members.problem(&self.path, problem);
    }

    fn corrupt(&mut self, reason: impl Into<String>) {
        self.problem(Problem::Corrupt(reason.into()));
    }

    /// Read a container, and those that follow it. `depth`: how many may be opened on the way, this one included.
    fn layer(&mut self, mut format: Format, source: &mut Source<'_>, depth: usize) -> Flow {
        let consumed = source.consumed();
        loop {
            let before = consumed.get();
            self.members.opens(format);
            let flow = self.opened(format, source, depth);
            self.members.closes();
            if !flow? || !self.opened {
                return Ok(());
            }
            match self.behind(source)? {
                Some(next) if consumed.get() > before => format = next,
                Some(_) => return self.rest(source),
                None => return Ok(()),
            }
        }
    }

    /// Go past the end of a container, and zeros, which fill blocks. Gives the container that begins there. Other text there, which
    /// programs for the format do not show, is read as it is.
    fn behind(&mut self, source: &mut Source<'_>) -> Result<Option<Format>, Stop> {
        loop {
            let text = source.peek_or_rest(HEAD).map_err(|_| Stop)?;
            let zeros = text.iter().take_while(|b| **b == 0).count();
            let len = text.len();
            source.consume(zeros);
            if len == 0 {
                return Ok(None);
            }
            if zeros < len {
                break;
            }
        }
        let format = format(source.peek_or_rest(HEAD).map_err(|_| Stop)?);
        if format.is_none() {
            self.rest(source)?;
        }
        Ok(format)
    }

    /// Read all that is left as it is.
    fn rest(&mut self, source: &mut Source<'_>) -> Flow {
        let consumed = source.consumed();
        let flow = self.shown(source, consumed);
        self.settle(source, flow, None)
    }

    /// Hand over what `reader` gives, which is no container. `consumed`: of what it reads.
    fn shown(&mut self, reader: &mut dyn Read, consumed: Rc<Cell<u64>>) -> Flow {
        let mut meter = Meter::plain(self.shared, consumed, reader, false);
        let read = self.members.content(&self.path, &mut meter).map_err(|_| Stop);
        read.and_then(|()| meter.drain())
    }

    /// Read a container. `false`: where it ends was not found.
    fn opened(&mut self, format: Format, source: &mut Source<'_>, depth: usize) -> Result<bool, Stop> {
        let flow = match format {
            Format::Zip => self.zip(source, depth),
            Format::Tar => self.tar(source, depth),
            Format::Ar => self.ar(source, depth),
            Format::Cpio => self.cpio(source, depth),
            Format::Rpm => self.rpm(source, depth),
            Format::SevenZip => self.seven_zip(source, depth),
            Format::Pdf => self.pdf(source, depth),
            Format::Sqlite => self.sqlite(source),
            Format::SqliteLog => self.sqlite_log(source),
            Format::PgDump => self.pg_dump(source, depth),
            Format::Office => self.office(source),
            Format::GitPack => self.git_pack(source, depth),
            Format::Unopened(name) => {
                self.opened = true;
                self.problem(Problem::Unopened(name));
                return self.rest(source).map(|()| false);
            }
            Format::Lzma | Format::Zlib | Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd => {
                let consumed = source.consumed();
                let mut decoder = stream::decoder(format, source);
                let mut meter = Meter::expanding(self.shared, consumed, &mut *decoder);
                let flow = self.content(&mut meter, depth).and_then(|()| meter.drain());
                let failure = meter.failure();
                drop(decoder);
                let whole = failure.is_none();
                return self.settle(source, flow, failure).map(|()| whole);
            }
        };
        flow.map(|()| true)
    }

    /// What to do when a decoder that reads from `source` is done: tell of its failure, unless there is a cause for it.
    fn settle(&mut self, source: &Source<'_>, flow: Flow, failure: Option<Problem>) -> Flow {
        if self.shared.over().is_some() || source.failed() {
            return Err(Stop);
        }
        match failure {
            Some(problem) => self.problem(problem),
            None => flow?,
        }
        Ok(())
    }

    /// Hand over a content, or open it. `depth` counts the container that it came from.
    fn content(&mut self, content: &mut dyn Read, depth: usize) -> Flow {
        let mut head = [0; HEAD];
        let (len, error) = fill_some(content, &mut head);
        if len == 0 && error.is_some() {
            return Err(Stop);
        }
        // What comes before an error is read; who reads on gets it again.
        let head = &head[..len];
        let format = format(head);
        let mut whole = head.chain(content);
        match format {
            // A text with markup hides nothing.
            Some(format) if depth > 1 || format == Format::Office => {
                self.layer(format, &mut Source::new(&mut whole), depth - 1)
            }
            _ => {
                if format.is_some() {
                    self.problem(Problem::TooDeep);
                }
                self.opened = true;
                self.members.content(&self.path, &mut whole).map_err(|_| Stop)
            }
        }
    }

    /// All of `source`, at most `limit` bytes, for what cannot be read as a stream. `None`: it is larger, which is told.
    fn held(&mut self, source: &mut Source<'_>, limit: u64) -> Result<Option<Vec<u8>>, Stop> {
        let mut bytes = Vec::new();
        Read::take(&mut *source, limit + 1).read_to_end(&mut bytes).map_err(|_| Stop)?;
        if bytes.len() as u64 > limit {
            self.problem(Problem::OverLimit("too large for an archive that must be held in memory"));
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    /// Read what stands behind a container that is held in memory. What begins there is not opened: to hold it again and again would
    /// take too long.
    fn behind_held(&mut self, text: &[u8]) -> Flow {
        let zeros = text.iter().take_while(|b| **b == 0).count();
        let text = &text[zeros..];
        if text.is_empty() {
            return Ok(());
        }
        if format(&text[..text.len().min(HEAD)]).is_some() {
            self.problem(Problem::OverLimit("another container follows it, which was not opened"));
        }
        self.text(text)
    }

    /// Hand over text that belongs to no member.
    fn text(&mut self, mut text: &[u8]) -> Flow {
        self.members.content(&self.path, &mut text).map_err(|_| Stop)
    }

    /// What `decoder` makes of `packed` bytes that are held in memory. Gives its failure.
    fn packed_in_memory(
        &mut self,
        decoder: &mut dyn Read,
        packed: u64,
        depth: usize,
    ) -> Result<Option<Problem>, Stop> {
        self.packed_through(decoder, packed, |unpacker, content| unpacker.content(content, depth))
    }

    /// The same, where `read` reads what comes out.
    fn packed_through(
        &mut self,
        decoder: &mut dyn Read,
        packed: u64,
        read: impl FnOnce(&mut Self, &mut dyn Read) -> Flow,
    ) -> Result<Option<Problem>, Stop> {
        let consumed = Rc::new(Cell::new(0));
        let mut meter = Meter::expanding(self.shared, Rc::clone(&consumed), decoder);
        consumed.set(packed);
        let flow = read(self, &mut meter).and_then(|()| meter.drain());
        let failure = meter.failure();
        if self.shared.over().is_some() {
            return Err(Stop);
        }
        if failure.is_none() {
            flow?;
        }
        Ok(failure)
    }

    /// A member of this name begins: to be called before its content. Gives what [`Self::leave`] wants.
    fn enter(&mut self, name: &[u8]) -> Result<usize, Stop> {
        self.opened = true;
        let before = self.path.len();
        self.path.push(b'!');
        self.path.extend_from_slice(name);
        self.shared.count_member().map_err(|_| Stop)?;
        self.members.name(&self.path, name);
        Ok(before)
    }

    fn leave(&mut self, before: usize) {
        self.path.truncate(before);
    }

    /// The content of a member that is not compressed: the next `size` bytes of `source`. Gives its CRC-32, or 0
    /// where it is not wanted; `None` where
    /// `source` ends before it does, which is told.
    fn stored(
        &mut self,
        source: &mut Source<'_>,
        size: u64,
        depth: usize,
        with_crc: bool,
    ) -> Result<Option<u32>, Stop> {
        let consumed = source.consumed();
        let mut limited = Read::take(&mut *source, size);
        let mut meter = Meter::plain(self.shared, consumed, &mut limited, with_crc);
        let flow = self.content(&mut meter, depth).and_then(|()| meter.drain());
        let (_, crc) = meter.sums();
        let left = limited.limit();
        if self.shared.over().is_some() || source.failed() {
            return Err(Stop);
        }
        if left > 0 {
            self.corrupt(ENDS_EARLY);
            return Ok(None);
        }
        flow.map(|()| Some(crc))
    }
}

const ENDS_EARLY: &str = "corrupt: it ends early";
