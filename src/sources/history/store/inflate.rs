//! Inflating zlib streams, whole or in pieces, without trust in what their headers declare.

use std::io::{self, Read};

use gix::zlib::{Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;

use super::buffer::Buffer;

/// What a deflate stream can expand to at most, per byte.
const MAX_EXPANSION: u64 = 1032;

/// Objects larger than this are never held in memory as a whole: 2 GiB.
pub(super) const MAX_IN_MEMORY: u64 = 2 << 30;

/// Why bytes could not be inflated.
pub(super) const CORRUPT: &str = "its compressed data is corrupt";
const WRONG_SIZE: &str = "it does not inflate to its declared size";
const BAD_CHECKSUM: &str = "the checksum of its content is wrong";
const NO_ZLIB: &str = "its data is no zlib stream";
/// Why an object is not held.
pub(super) const TOO_LARGE: &str = "it is too large to be held in memory";

/// Inflates whole streams. One for a thread.
pub(super) struct Inflater {
    /// For streams that begin with fixed Huffman codes: the tables of those stay built from one stream to the next.
    fixed: Decompressor,
    /// For all others.
    dynamic: Decompressor,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { fixed: Decompressor::new(), dynamic: Decompressor::new() }
    }

    /// Inflate the zlib stream at the start of `input`, which may go on behind it, to exactly `size` bytes. Its checksum is
    /// not looked at: it stands at an offset that only the caller may know.
    pub(super) fn inflate(&mut self, input: &[u8], size: u64, out: &mut Buffer) -> Result<(), &'static str> {
        check_header(input)?;
        check_size(size, input.len())?;
        let body = &input[2..];
        let inflater =
            if body.first().is_some_and(|b| (b >> 1) & 3 == 1) { &mut self.fixed } else { &mut self.dynamic };
        match inflater.deflate_decompress(body, out.room(size as usize)) {
            Ok(n) if n as u64 == size => Ok(()),
            Ok(_) | Err(libdeflater::DecompressionError::InsufficientSpace) => Err(WRONG_SIZE),
            Err(libdeflater::DecompressionError::BadData) => Err(CORRUPT),
        }
    }
}

/// Whether `content` has the Adler-32 checksum that stands at the end of `stream`.
pub(super) fn check_adler(stream: &[u8], content: &[u8]) -> Result<(), &'static str> {
    match stream.last_chunk::<4>() {
        Some(sum) if u32::from_be_bytes(*sum) == libdeflater::adler32(content) => Ok(()),
        _ => Err(BAD_CHECKSUM),
    }
}

/// Whether `input` starts as a zlib stream without dictionary does.
fn check_header(input: &[u8]) -> Result<(), &'static str> {
    match input {
        [cmf, flags, _, ..]
            if cmf & 15 == 8
                && cmf >> 4 <= 7
                && flags & 0x20 == 0
                && (u16::from(*cmf) << 8 | u16::from(*flags)).is_multiple_of(31) =>
        {
            Ok(())
        }
        _ => Err(NO_ZLIB),
    }
}

/// Whether `compressed` bytes can inflate to `size`, and we would hold as many.
pub(super) fn check_size(size: u64, compressed: usize) -> Result<(), &'static str> {
    if size > (compressed as u64).saturating_mul(MAX_EXPANSION) {
        return Err(WRONG_SIZE);
    }
    if size > MAX_IN_MEMORY { Err(TOO_LARGE) } else { Ok(()) }
}

/// Inflates a zlib stream piece by piece. The checksum at its end is checked.
pub(super) struct Stream<R> {
    input: R,
    chunk: Box<[u8]>,
    /// The part of `chunk` that is not consumed.
    pending: std::ops::Range<usize>,
    state: Decompress,
    ended: bool,
}

impl<R: Read> Stream<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            chunk: vec![0; 64 << 10].into_boxed_slice(),
            pending: 0..0,
            state: Decompress::new(),
            ended: false,
        }
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            if self.pending.is_empty() {
                self.pending = 0..self.input.read(&mut self.chunk)?;
            }
            let at_end = self.pending.is_empty();
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let flush = if at_end { FlushDecompress::Finish } else { FlushDecompress::None };
            let status = self
                .state
                .decompress(&self.chunk[self.pending.clone()], out, flush)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, CORRUPT))?;
            self.pending.start += (self.state.total_in() - before_in) as usize;
            let written = (self.state.total_out() - before_out) as usize;
            self.ended = status == Status::StreamEnd;
            if written > 0 {
                return Ok(written);
            }
            if at_end && !self.ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its compressed data ends early"));
            }
        }
        Ok(0)
    }
}
