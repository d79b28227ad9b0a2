//! Compressed streams. Several in a row are one, as their programs have it; what follows them is no part of it.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::Decompress;
use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::Format;
use super::inflate::{Gzip, Inflate};
use super::limit::{invalid, too_much};

/// Memory for the dictionary of an xz stream, KiB: what `xz -9` needs is 65 MiB.
const XZ_MEMORY: u32 = 96 << 10;
/// Window of a zstd stream, bytes: what `zstd --long` uses.
const ZSTD_WINDOW: u64 = 128 << 20;

type Input<'s> = &'s mut (dyn BufRead + 's);

/// The decoder of a compressed stream. Nothing comes out of the other formats.
pub(super) fn decoder<'s>(format: Format, source: Input<'s>) -> Box<dyn Read + 's> {
    match format {
        Format::Gzip => Box::new(Row {
            state: State::Within(Gzip::new(source)),
            begins: &[0x1f, 0x8b],
            open: Gzip::new,
            close: Gzip::into_inner,
        }),
        Format::Bzip2 => Box::new(Row {
            state: State::Within(BzDecoder::new(source)),
            begins: b"BZh",
            open: BzDecoder::new,
            close: BzDecoder::into_inner,
        }),
        Format::Zstd => Box::new(Zstd::new(source)),
        Format::Zlib => Box::new(Inflate::new(source, Decompress::new(true))),
        Format::Xz => Box::new(Row {
            state: State::Within(xz(source)),
            begins: &[0xfd, b'7', b'z'],
            open: xz,
            close: |Small(decoder)| decoder.into_inner(),
        }),
        Format::Lzma => Box::new(Later {
            begin: Some(|input| LzmaReader::new_mem_limit(ByByte(input), XZ_MEMORY, None).map(telling_late)),
            input: Some(source),
            decoder: None,
        }),
        _ => Box::new(io::empty()),
    }
}

/// The decoder of one xz stream.
fn xz(source: Input<'_>) -> Small<XzReader<Input<'_>>> {
    Small(XzReader::new_mem_limit(source, false, XZ_MEMORY))
}

/// Whether `text` begins with `mark`, as far as it goes.
fn begins(text: &[u8], mark: &[u8]) -> bool {
    let len = text.len().min(mark.len());
    len > 0 && text[..len] == mark[..len]
}

/// The decoder of an LZMA member of a zip archive. `size`: of what comes out, where it is known.
pub(super) fn zip_lzma<'s>(source: Input<'s>, size: u64) -> io::Result<Box<dyn Read + 's>> {
    let mut head = [0; 9]; // version, length of the properties, properties
    source.read_exact(&mut head)?;
    let dictionary = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
    if head[2..4] != [5, 0] {
        return Err(invalid("no LZMA data"));
    }
    if dictionary > XZ_MEMORY << 10 {
        return Err(too_much());
    }
    Ok(Box::new(telling_late(LzmaReader::new_with_props(source, size, head[4], dictionary, None)?)))
}

/// Gives one byte at a time to a decoder that would otherwise take more than belongs to it.
struct ByByte<'s>(Input<'s>);

impl Read for ByByte<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(1);
        self.0.read(&mut buf[..len])
    }
}

/// Has a decoder hand over what it made before it tells of damage.
fn telling_late<R: Read>(mut decoder: LzmaReader<R>) -> LzmaReader<R> {
    decoder.set_defer_errors(true);
    decoder
}

/// Asks for little at a time: the decoder loses what it made of one request when it comes upon damage.
pub(super) struct Small<D>(pub(super) D);

impl<D: Read> Read for Small<D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        const AT_ONCE: usize = 2 << 10;
        let len = buf.len().min(AT_ONCE);
        self.0.read(&mut buf[..len])
    }
}

/// Whether `head` is that of LZMA as `xz --format=lzma` makes it: usual properties, a dictionary of a usual size, and the size of
/// the content, which may be unknown.
pub(super) fn is_lzma(head: &[u8]) -> bool {
    let Some(head) = head.get(..14) else { return false };
    let dictionary = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let size = u64::from_le_bytes(head[5..13].try_into().expect("eight bytes"));
    let usual =
        dictionary >= 1 << 12 && (dictionary.is_power_of_two() || (dictionary / 3 * 2).is_power_of_two());
    usual && (size == u64::MAX || size < 1 << 38) && head[13] == 0
}

/// A decoder that reads a header when it is made: only when something is wanted of it.
struct Later<'s, D> {
    begin: Option<fn(Input<'s>) -> io::Result<D>>,
    input: Option<Input<'s>>,
    decoder: Option<D>,
}

impl<D: Read> Read for Later<'_, D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let (Some(begin), Some(input)) = (self.begin.take(), self.input.take()) {
            self.decoder = Some(begin(input)?);
        }
        self.decoder.as_mut().map_or(Ok(0), |decoder| decoder.read(buf))
    }
}

/// Streams in a row.
struct Row<'s, D> {
    state: State<'s, D>,
    /// The first bytes of each.
    begins: &'static [u8],
    open: fn(Input<'s>) -> D,
    close: fn(D) -> Input<'s>,
}

enum State<'s, D> {
    /// Another stream may begin here.
    Between(Input<'s>),
    Within(D),
    Ended,
}

impl<D: Read> Read for Row<'_, D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            // Ended, unless it is put back: nothing is to be had behind an error.
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Between(input) => {
                    if !begins(input.fill_buf()?, self.begins) {
                        return Ok(0);
                    }
                    self.state = State::Within((self.open)(input));
                }
                State::Within(mut decoder) => match decoder.read(buf)? {
                    0 => self.state = State::Between((self.close)(decoder)),
                    read => {
                        self.state = State::Within(decoder);
                        return Ok(read);
                    }
                },
                State::Ended => return Ok(0),
            }
        }
    }
}

/// Frames of zstd in a row.
struct Zstd<'s> {
    input: Input<'s>,
    decoder: FrameDecoder,
    first: bool,
    within: bool,
}

impl<'s> Zstd<'s> {
    fn new(input: Input<'s>) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW);
        Self { input, decoder, first: true, within: false }
    }

    /// Begin the next frame. `false`: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            // Behind a frame there may be a skippable one, 0x184D2A50 to 5F.
            let text = self.input.fill_buf()?;
            let skippable = |text: &[u8]| {
                text[0] & 0xf0 == 0x50 && (text.len() == 1 || begins(&text[1..], &[0x2a, 0x4d, 0x18]))
            };
            if !self.first
                && (text.is_empty() || !begins(text, &[0x28, 0xb5, 0x2f, 0xfd]) && !skippable(text))
            {
                return Ok(false);
            }
            self.first = false;
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut Read::take(&mut self.input, length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => return Err(too_much()),
                Err(error) => return Err(invalid(error)),
            }
        }
    }
}

impl Read for Zstd<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            self.within = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                // What the decoder says is for its makers.
                let decoded = self.decoder.decode_blocks(&mut self.input, one);
                decoded.map_err(|_| invalid("a block of the zstd stream is damaged or cut off"))?;
            }
            let read = self.decoder.read(buf)?;
            if read > 0 {
                return Ok(read);
            }
            let sums = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
            if let (Some(stored), Some(computed)) = sums
                && stored != computed
            {
                return Err(invalid("wrong checksum"));
            }
            self.within = false;
        }
    }
}
