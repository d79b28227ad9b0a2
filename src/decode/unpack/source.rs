//! The bytes of a container, with a look ahead.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Bytes read at once.
const BUFFER: usize = 32 << 10;

/// Reads a container. Remembers an error, so that it can be told whose fault an error of a decoder is.
pub(super) struct Source<'a> {
    inner: &'a mut dyn Read,
    buffer: Box<[u8]>,
    /// The part of `buffer` that is not consumed.
    pending: std::ops::Range<usize>,
    error: Option<io::Error>,
    failed: bool,
    consumed: Rc<Cell<u64>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(inner: &'a mut dyn Read) -> Self {
        Self {
            inner,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            pending: 0..0,
            error: None,
            failed: false,
            consumed: Rc::default(),
        }
    }

    /// How many bytes were consumed so far; it goes on counting.
    pub(super) fn consumed(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.consumed)
    }

    /// Whether reading has failed.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// The error that reading ended with.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// The next `n` bytes; fewer only at the end.
    pub(super) fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        if self.pending.len() < n {
            self.buffer.copy_within(self.pending.clone(), 0);
            self.pending = 0..self.pending.len();
            if n > self.buffer.len() {
                let mut larger = vec![0; n];
                larger[..self.pending.len()].copy_from_slice(&self.buffer[self.pending.clone()]);
                self.buffer = larger.into_boxed_slice();
            }
            while self.pending.len() < n {
                let read = self.read_inner()?;
                if read == 0 {
                    break;
                }
            }
        }
        let end = self.pending.len().min(n);
        Ok(&self.buffer[self.pending.clone()][..end])
    }

    /// The same, but where reading fails first what was read before.
    pub(super) fn peek_or_rest(&mut self, n: usize) -> io::Result<&[u8]> {
        let failure = self.peek(n).err();
        match failure {
            Some(error) if self.pending.is_empty() => Err(error),
            _ => Ok(&self.buffer[self.pending.clone()][..self.pending.len().min(n)]),
        }
    }

    /// Take up to `buf.len()` bytes; fewer only at the end.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        fill(self, buf)
    }

    /// Pass over `n` bytes. `false`: there are not so many.
    pub(super) fn pass(&mut self, n: u64) -> io::Result<bool> {
        Ok(io::copy(&mut Read::take(self, n), &mut io::sink())? == n)
    }

    /// Read behind what is pending.
    fn read_inner(&mut self) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("it cannot be read on"));
        }
        loop {
            match self.inner.read(&mut self.buffer[self.pending.end..]) {
                Ok(read) => {
                    self.pending.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    let again = io::Error::new(error.kind(), error.to_string());
                    self.error = Some(error);
                    return Err(again);
                }
            }
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(buf.len());
        buf[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.pending.is_empty() {
            self.pending = 0..0;
            self.read_inner()?;
        }
        Ok(&self.buffer[self.pending.clone()])
    }

    fn consume(&mut self, n: usize) {
        self.pending.start += n;
        self.consumed.set(self.consumed.get() + n as u64);
    }
}

/// Read until `buf` is full or the source ends. Gives how much was read.
pub(crate) fn fill(source: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
    let (len, error) = fill_some(source, buf);
    error.map_or(Ok(len), Err)
}

/// The same, with what was read before an error.
pub(super) fn fill_some(source: &mut dyn Read, buf: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut len = 0;
    while len < buf.len() {
        match source.read(&mut buf[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Some(error)),
        }
    }
    (len, None)
}

/// Bytes made in parts, and how many of the last part were given.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) bytes: Vec<u8>,
    given: usize,
}

/// Makes bytes in parts.
pub(super) trait Parts {
    /// Where they are made ready.
    fn ready(&mut self) -> &mut Ready;

    /// Make some ready, or none yet. `false`: there are no more.
    fn advance(&mut self) -> io::Result<bool>;

    /// Give what is ready, and what comes after it: what a reader does.
    fn give(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.ready().given == self.ready().bytes.len() {
            let ready = self.ready();
            ready.bytes.clear();
            ready.given = 0;
            if !self.advance()? {
                return Ok(0);
            }
        }
        let ready = self.ready();
        let len = buf.len().min(ready.bytes.len() - ready.given);
        buf[..len].copy_from_slice(&ready.bytes[ready.given..][..len]);
        ready.given += len;
        Ok(len)
    }
}
