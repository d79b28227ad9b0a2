//! Deflate in its wrappings. What a stream gave before it turned out to be damaged is handed over first, and the error after it.

use std::io::{self, BufRead, Read};

use deflate64::InflaterManaged;
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Crc;

use super::HEAD;
use super::limit::invalid;

type Input<'s> = &'s mut (dyn BufRead + 's);

/// What gzip begins with: its mark, and the one method there is.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// Whether a content that begins with `head` is a stream of zlib. Its mark is two bytes, with which a text may begin too: so its
/// data must inflate, to its checksum if all of it is here; an object of git may be damaged.
pub(super) fn is_zlib(head: &[u8]) -> bool {
    let mut room = [0; 4 << 10];
    let mut state = Decompress::new(true);
    let status = state.decompress(head, &mut room, FlushDecompress::None);
    let out = &room[..state.total_out() as usize];
    let is_object = [&b"blob "[..], b"tree ", b"commit ", b"tag "].iter().any(|kind| out.starts_with(kind));
    is_object
        || match status {
            Ok(Status::StreamEnd) => true,
            Ok(_) => !out.is_empty() && (head.len() == HEAD || out.len() == room.len()),
            Err(_) => false,
        }
}

/// Inflates a deflate stream; takes not a byte more from `input` than belongs to it.
pub(super) struct Inflate<R> {
    input: R,
    state: Decompress,
    ended: bool,
}

impl<R: BufRead> Inflate<R> {
    /// `state` is new, and says whether the stream has the header of zlib.
    pub(super) fn new(input: R, state: Decompress) -> Self {
        Self { input, state, ended: false }
    }

    /// The state, to be used again.
    pub(super) fn into_state(self) -> Decompress {
        self.state
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buf.is_empty() {
            let data = self.input.fill_buf()?;
            let at_end = data.is_empty();
            let before = (self.state.total_in(), self.state.total_out());
            let flush = if at_end { FlushDecompress::Finish } else { FlushDecompress::None };
            let status = self.state.decompress(data, buf, flush);
            self.input.consume((self.state.total_in() - before.0) as usize);
            let written = (self.state.total_out() - before.1) as usize;
            self.ended = matches!(status, Ok(Status::StreamEnd));
            if written > 0 {
                return Ok(written); // what is damaged is so when it is asked again
            }
            status.map_err(|_| invalid("no deflate data"))?;
            if at_end && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

/// How far a stream of gzip was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Content,
    End,
}

/// One stream of gzip, with the checksum behind it.
pub(super) struct Gzip<'s> {
    inflate: Inflate<Input<'s>>,
    stage: Stage,
    crc: Crc,
    len: u32,
}

impl<'s> Gzip<'s> {
    pub(super) fn new(input: Input<'s>) -> Self {
        let inflate = Inflate::new(input, Decompress::new(false));
        Self { inflate, stage: Stage::Header, crc: Crc::new(), len: 0 }
    }

    pub(super) fn into_inner(self) -> Input<'s> {
        self.inflate.input
    }

    fn header(&mut self) -> io::Result<()> {
        const CRC: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        let input = &mut self.inflate.input;
        let mut fixed = [0; 10];
        input.read_exact(&mut fixed)?;
        let flags = fixed[3];
        if fixed[..3] != GZIP || flags & 0xe0 != 0 {
            return Err(invalid("a header of gzip is damaged"));
        }
        if flags & EXTRA != 0 {
            let mut len = [0; 2];
            input.read_exact(&mut len)?;
            skip(input, u64::from(u16::from_le_bytes(len)))?;
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                skip_text(input)?;
            }
        }
        skip(input, if flags & CRC != 0 { 2 } else { 0 })
    }
}

impl Read for Gzip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.stage == Stage::End {
            return Ok(0);
        }
        if self.stage == Stage::Header {
            self.header()?;
            self.stage = Stage::Content;
        }
        let read = self.inflate.read(buf)?;
        self.crc.update(&buf[..read]);
        self.len = self.len.wrapping_add(read as u32);
        if read == 0 {
            let mut sums = [0; 8];
            self.inflate.input.read_exact(&mut sums)?;
            if sums[..4] != self.crc.sum().to_le_bytes() || sums[4..] != self.len.to_le_bytes() {
                return Err(invalid("wrong checksum"));
            }
            self.stage = Stage::End;
        }
        Ok(read)
    }
}

/// Pass over `len` bytes.
fn skip(input: &mut dyn BufRead, len: u64) -> io::Result<()> {
    let skipped = io::copy(&mut input.take(len), &mut io::sink())?;
    if skipped < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Pass over a text and the NUL at its end.
fn skip_text(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let data = input.fill_buf()?;
        let (len, end) = memchr::memchr(0, data).map_or((data.len(), false), |at| (at + 1, true));
        input.consume(len);
        if end {
            return Ok(());
        }
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Inflates deflate64.
pub(super) struct Inflate64<'s> {
    input: Input<'s>,
    state: Box<InflaterManaged>,
}

impl<'s> Inflate64<'s> {
    pub(super) fn new(input: Input<'s>) -> Self {
        Self { input, state: Box::new(InflaterManaged::new()) }
    }
}

impl Read for Inflate64<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !buf.is_empty() {
            let data = self.input.fill_buf()?;
            let at_end = data.is_empty();
            let step = self.state.inflate(data, buf);
            self.input.consume(step.bytes_consumed);
            if step.bytes_written > 0 {
                return Ok(step.bytes_written);
            }
            if self.state.errored() {
                return Err(invalid("no deflate64 data"));
            }
            if self.state.finished() {
                break;
            }
            if at_end {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
