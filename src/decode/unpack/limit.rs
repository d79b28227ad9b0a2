//! Limits, and the reader that holds a decoder to them.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use libdeflater::Crc;

use super::{ENDS_EARLY, Flow, Problem, Stop};

/// What a stream may expand to whatever its size, bytes.
const FREE: u64 = 64 << 20;
/// What it may expand to beyond that, for each byte.
const RATIO: u64 = 200;

/// Why what needs more memory than decoders may use is not read.
pub(super) const MEMORY: &str = "its dictionary needs more memory than is used";

/// How far to go into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many containers may lie in one another; 0: none is opened.
    pub depth: usize,
    /// Bytes that may come out of all decoders together.
    pub bytes: u64,
    /// Members of all containers together.
    pub members: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 8, bytes: 4 << 30, members: 1_000_000 }
    }
}

/// Why everything ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Bytes,
    Members,
    /// The caller said so.
    Stopped,
}

impl Over {
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Bytes => {
                Some("the archive expands to more than is read of one: from here on nothing was read")
            }
            Self::Members => {
                Some("the archive has more members than are read of one: from here on nothing was read")
            }
            Self::Stopped => None,
        }
    }
}

/// What all layers of a container share.
pub(super) struct Shared<'a> {
    limits: Limits,
    stopped: &'a dyn Fn() -> bool,
    bytes: Cell<u64>,
    members: Cell<u64>,
    over: Cell<Option<Over>>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(limits: Limits, stopped: &'a dyn Fn() -> bool) -> Self {
        Self { limits, stopped, bytes: Cell::new(0), members: Cell::new(0), over: Cell::new(None) }
    }

    /// Why everything is to end, if it is.
    pub(super) fn over(&self) -> Option<Over> {
        self.over.get()
    }

    /// Bytes that may come out of all decoders together.
    pub(super) fn most_bytes(&self) -> u64 {
        self.limits.bytes
    }

    fn end(&self, over: Over) -> Stop {
        self.over.set(Some(over));
        Stop
    }

    pub(super) fn count_member(&self) -> Flow {
        if (self.stopped)() {
            return Err(self.end(Over::Stopped));
        }
        self.members.set(self.members.get() + 1);
        if self.members.get() > self.limits.members { Err(self.end(Over::Members)) } else { Ok(()) }
    }

    pub(super) fn count_bytes(&self, bytes: u64) -> Flow {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.bytes.get() > self.limits.bytes { Err(self.end(Over::Bytes)) } else { Ok(()) }
    }
}

/// Reads a member's content, counts it, and keeps how it ended.
pub(super) struct Meter<'a> {
    shared: &'a Shared<'a>,
    inner: &'a mut dyn Read,
    /// What was taken so far from what `inner` reads.
    consumed: Rc<Cell<u64>>,
    consumed_before: u64,
    expands: bool,
    len: u64,
    crc: Option<Crc>,
    failure: Option<Problem>,
}

impl<'a> Meter<'a> {
    /// For a decoder.
    pub(super) fn expanding(
        shared: &'a Shared<'a>,
        consumed: Rc<Cell<u64>>,
        inner: &'a mut dyn Read,
    ) -> Self {
        let consumed_before = consumed.get();
        Self { shared, inner, consumed, consumed_before, expands: true, len: 0, crc: None, failure: None }
    }

    /// For what is stored as it is.
    pub(super) fn plain(
        shared: &'a Shared<'a>,
        consumed: Rc<Cell<u64>>,
        inner: &'a mut dyn Read,
        with_crc: bool,
    ) -> Self {
        let meter = Self { expands: false, ..Self::expanding(shared, consumed, inner) };
        if with_crc { meter.with_crc() } else { meter }
    }

    /// Compute the CRC-32 of everything that is read.
    pub(super) fn with_crc(mut self) -> Self {
        self.crc = Some(Crc::new());
        self
    }

    /// Length and CRC-32 of what was read.
    pub(super) fn sums(&self) -> (u64, u32) {
        (self.len, self.crc.as_ref().map_or(0, Crc::sum))
    }

    /// How it failed, if it did.
    pub(super) fn failure(&mut self) -> Option<Problem> {
        self.failure.take()
    }

    /// Read what nobody wanted: only the end tells whether all of it was right.
    pub(super) fn drain(&mut self) -> Flow {
        io::copy(self, &mut io::sink()).map(|_| ()).map_err(|_| Stop)
    }
}

impl Read for Meter<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let fail = || io::Error::other("the member ends here");
        if self.failure.is_some() || self.shared.over().is_some() {
            return Err(fail());
        }
        if (self.shared.stopped)() {
            self.shared.end(Over::Stopped);
            return Err(fail());
        }
        let read = match self.inner.read(buf) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.failure = Some(if error.kind() == io::ErrorKind::OutOfMemory {
                    Problem::OverLimit(MEMORY)
                } else {
                    Problem::Corrupt(reason(&error))
                });
                return Err(error);
            }
        };
        self.len += read as u64;
        if let Some(crc) = &mut self.crc {
            crc.update(&buf[..read]);
        }
        if self.expands {
            self.shared.count_bytes(read as u64).map_err(|Stop| fail())?;
            let consumed = self.consumed.get() - self.consumed_before;
            if self.len > FREE + consumed.saturating_mul(RATIO) {
                let reason = "expands to more than 200 times its size, as only what is made to do harm does";
                self.failure = Some(Problem::OverLimit(reason));
                return Err(fail());
            }
        }
        Ok(read)
    }
}

/// What a decoder says, as one clause.
pub(super) fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof { ENDS_EARLY.into() } else { format!("corrupt: {error}") }
}

/// The error of a decoder that would need too much memory.
pub(super) fn too_much() -> io::Error {
    io::ErrorKind::OutOfMemory.into()
}

/// The error of a decoder whose input is no such stream.
pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
