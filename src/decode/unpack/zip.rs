//! Zip archives, read by the headers before the members.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use flate2::Decompress;

use super::inflate::{Inflate, Inflate64};
use super::limit::Meter;
use super::source::{Source, fill};
use super::stored::Stored;
use super::{ENDS_EARLY, Flow, Format, HEAD, Problem, Stop, Unpacker, stream};

/// Contents that are inflated at once take at most so many bytes compressed, and otherwise.
const SMALL_COMPRESSED: u64 = 4 << 20;
const SMALL: u64 = 16 << 20;
/// Comments that are held at once, bytes.
const COMMENTS: usize = 1 << 20;
/// Length of a header before its name.
const HEADER: usize = 30;
const MEMBER: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// What stands before the directory of an Android package.
const SIGNING_BLOCK: &[u8] = b"APK Sig Block 42";

/// The header of a member.
struct Header {
    method: u16,
    encrypted: bool,
    /// The name is that of a folder.
    folder: bool,
    /// Sizes and checksum follow the content.
    descriptor: bool,
    crc: u32,
    compressed: u64,
    size: u64,
}

/// How a member is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Deflate,
    Deflate64,
    Lzma,
    Stream(Format),
}

impl Method {
    /// The decoder; none for deflate, whose states are used again.
    fn decoder<'s>(self, header: &Header, source: &'s mut (dyn BufRead + 's)) -> Option<Box<dyn Read + 's>> {
        Some(match self {
            Self::Deflate => return None,
            Self::Deflate64 => Box::new(Inflate64::new(source)),
            Self::Lzma => {
                let size = if header.descriptor { u64::MAX } else { header.size };
                stream::zip_lzma(source, size).unwrap_or_else(|error| Box::new(Broken(Some(error))))
            }
            Self::Stream(format) => stream::decoder(format, source),
        })
    }
}

/// Gives an error.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Where in `head`, which begins with `#!`, an archive begins: a program in Python, or in Java behind a script.
pub(super) fn behind_script(head: &[u8]) -> Option<usize> {
    memchr::memmem::find(head, MEMBER)
}

/// How reading goes on behind a member.
enum Next {
    /// Behind it there is something.
    Behind,
    /// Nobody knows where it ends; the reason was told.
    Search,
    /// Nowhere.
    End,
}

/// What came out of a decoder.
struct Decoded {
    flow: Flow,
    failure: Option<Problem>,
    size: u64,
    crc: u32,
}

/// What lies between here and the next header.
struct Gap {
    /// Whether there is one.
    found: bool,
    /// Whether it is padding, or what Android puts there.
    harmless: bool,
}

impl Unpacker<'_> {
    pub(super) fn zip(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        let mut name = Vec::new();
        if source.peek(2).map_err(|_| Stop)? == b"#!"
            && let head = source.peek_or_rest(HEAD).map_err(|_| Stop)?
            && let Some(at) = behind_script(head)
        {
            let script = head[..at].to_vec();
            source.consume(at);
            self.text(&script)?;
        }
        loop {
            match source.peek(4).map_err(|_| Stop)? {
                MEMBER => {}
                DESCRIPTOR => {
                    // At the start: the archive was made to be split. Elsewhere a descriptor that nobody announced.
                    source.pass(4).map_err(|_| Stop)?;
                    if source.peek(4).map_err(|_| Stop)? != MEMBER && !search(source)?.found {
                        self.corrupt(ENDS_EARLY);
                        return Ok(());
                    }
                    continue;
                }
                [b'P', b'K', 1, 2] | [b'P', b'K', 5, 6] | [b'P', b'K', 6, 6 | 8] => {
                    return self.directory(source);
                }
                [] => {
                    self.corrupt("corrupt: it ends before its directory");
                    return Ok(());
                }
                _ => {
                    let gap = search(source)?;
                    if !gap.harmless || !gap.found {
                        self.corrupt("corrupt: a header is damaged");
                    }
                    if !gap.found {
                        return Ok(());
                    }
                    continue;
                }
            }
            let mut fixed = [0; HEADER];
            let len = source.take(&mut fixed).map_err(|_| Stop)?;
            let lens = (u16_at(&fixed, 26), u16_at(&fixed, 28));
            name.resize(usize::from(lens.0) + usize::from(lens.1), 0);
            let rest = fill(source, &mut name).map_err(|_| Stop)?;
            if len < HEADER || rest < name.len() {
                self.corrupt(ENDS_EARLY);
                return Ok(());
            }
            let (name, extra) = name.split_at(usize::from(lens.0));
            let header = Header::new(&fixed, name, extra);
            let before = self.enter(name)?;
            let next = self.zip_member(source, &header, depth)?;
            self.leave(before);
            match next {
                Next::Behind => {}
                Next::Search if search(source)?.found => {}
                Next::Search | Next::End => return Ok(()),
            }
        }
    }

    /// Pass over the directory, to its end. What it says was said before every member, but for the comments in it.
    fn directory(&mut self, source: &mut Source<'_>) -> Flow {
        const LONGEST_RECORD: u64 = 1 << 16;
        let mut comments = Vec::new();
        loop {
            let text = source.peek(46).map_err(|_| Stop)?;
            let number = |at: usize| if text.len() < at + 2 { 0 } else { u64::from(u16_at(text, at)) };
            // How much is passed over, and the length of the comment behind it.
            let (len, comment) = match text {
                [b'P', b'K', 1, 2, ..] => (46 + number(28) + number(30), number(32)),
                [b'P', b'K', 5, 5, ..] => (6 + number(4), 0),
                [b'P', b'K', 6, 6, ..] if text.len() >= 8 && u64::from(u32_at(text, 4)) < LONGEST_RECORD => {
                    (12 + u64::from(u32_at(text, 4)), 0)
                }
                [b'P', b'K', 6, 7, ..] => (20, 0),
                [b'P', b'K', 5, 6, ..] => (22, number(20)),
                _ => break,
            };
            let last = text[2..4] == [5, 6];
            source.pass(len).map_err(|_| Stop)?;
            let before = comments.len();
            comments.resize(before + comment as usize, 0);
            let read = fill(source, &mut comments[before..]).map_err(|_| Stop)?;
            comments.truncate(before + read);
            if last {
                break;
            }
            if read > 0 {
                comments.push(b'\n');
            }
            if comments.len() >= COMMENTS {
                self.text(&comments)?;
                comments.clear();
            }
        }
        if comments.is_empty() { Ok(()) } else { self.text(&comments) }
    }

    fn zip_member(&mut self, source: &mut Source<'_>, header: &Header, depth: usize) -> Result<Next, Stop> {
        if header.encrypted {
            self.problem(Problem::Encrypted);
            return self.beyond(source, header);
        }
        let method = match header.method {
            0 => return self.zip_stored(source, header, depth),
            8 => Method::Deflate,
            9 => Method::Deflate64,
            12 => Method::Stream(Format::Bzip2),
            14 => Method::Lzma,
            93 => Method::Stream(Format::Zstd),
            95 => Method::Stream(Format::Xz),
            method => {
                self.problem(Problem::Unsupported(method.to_string()));
                return self.beyond(source, header);
            }
        };
        if method != Method::Deflate && header.size_unknown() {
            self.corrupt(NO_SIZE);
            return Ok(Next::Search);
        }
        if method == Method::Deflate && !header.descriptor && self.small(source, header, depth)? {
            return behind_descriptor(source, header);
        }
        // Deflate tells where it ends: sizes in a header that announces others are not to be trusted.
        let open_end = header.descriptor && method == Method::Deflate;
        let consumed = source.consumed();
        let start = consumed.get();
        let mut limited = Read::take(&mut *source, if open_end { u64::MAX } else { header.compressed });
        let decoded = if let Some(mut decoder) = method.decoder(header, &mut limited) {
            self.decoded(Rc::clone(&consumed), &mut *decoder, depth)
        } else {
            let state = self.states.pop().unwrap_or_else(|| Decompress::new(false));
            let mut inflate = Inflate::new(&mut limited, state);
            let decoded = self.decoded(Rc::clone(&consumed), &mut inflate, depth);
            let mut state = inflate.into_state();
            state.reset(false);
            self.states.push(state);
            decoded
        };
        let left = limited.limit();
        let Decoded { flow, failure, size, crc } = decoded;
        let failed = failure.is_some();
        self.settle(source, flow, failure)?;
        if open_end {
            return if failed {
                Ok(Next::Search)
            } else {
                self.descriptor(source, crc, consumed.get() - start, size)
            };
        }
        if left > 0 && !source.pass(left).map_err(|_| Stop)? {
            if !failed {
                self.corrupt(ENDS_EARLY);
            }
            return Ok(Next::End);
        }
        if !failed && !header.descriptor && (size != header.size || crc != header.crc) {
            self.corrupt(WRONG_SUM);
        }
        behind_descriptor(source, header)
    }

    /// Read a small deflated content at once, which is faster. `false`: it is not small, or not as its header says, and nothing
    /// was read.
    fn small(&mut self, source: &mut Source<'_>, header: &Header, depth: usize) -> Result<bool, Stop> {
        if header.compressed > SMALL_COMPRESSED || header.size > SMALL {
            return Ok(false);
        }
        let mut content = std::mem::take(&mut self.room);
        content.resize(header.size as usize, 0);
        // Where the archive cannot be read so far, what there is of the member is for the decoder.
        let sound = source.peek(header.compressed as usize).is_ok_and(|packed| {
            self.deflate.deflate_decompress(packed, &mut content).is_ok_and(|n| n == content.len())
        });
        let mut flow = Ok(());
        if sound {
            source.pass(header.compressed).map_err(|_| Stop)?;
            let crc = libdeflater::crc32(&content);
            flow = self.shared.count_bytes(header.size);
            flow = flow.and_then(|()| self.content(&mut &content[..], depth));
            if flow.is_ok() && crc != header.crc {
                self.corrupt(WRONG_SUM);
            }
        }
        self.room = content;
        flow.map(|()| sound)
    }

    /// Read a content to its end.
    fn decoded(&mut self, consumed: Rc<Cell<u64>>, decoder: &mut dyn Read, depth: usize) -> Decoded {
        let mut meter = Meter::expanding(self.shared, consumed, decoder).with_crc();
        let flow = self.content(&mut meter, depth).and_then(|()| meter.drain());
        let (size, crc) = meter.sums();
        Decoded { flow, failure: meter.failure(), size, crc }
    }

    fn zip_stored(&mut self, source: &mut Source<'_>, header: &Header, depth: usize) -> Result<Next, Stop> {
        // Not every writer has descriptors where there is no content.
        let none = |text: &[u8]| text.starts_with(b"PK\x01\x02") || header.folder && text.starts_with(MEMBER);
        if header.size_unknown() && !none(source.peek(4).map_err(|_| Stop)?) {
            let consumed = source.consumed();
            let mut stored = Stored::new(source);
            let mut meter = Meter::plain(self.shared, consumed, &mut stored, true);
            let flow = self.content(&mut meter, depth).and_then(|()| meter.drain());
            let ((size, crc), failure) = (meter.sums(), meter.failure());
            let failed = failure.is_some();
            self.settle(source, flow, failure)?;
            return if failed { Ok(Next::End) } else { self.descriptor(source, crc, size, size) };
        }
        if header.compressed > 0 {
            let Some(crc) = self.stored(source, header.compressed, depth, true)? else {
                return Ok(Next::End);
            };
            if !header.descriptor && crc != header.crc {
                self.corrupt(WRONG_SUM);
            }
        }
        behind_descriptor(source, header)
    }

    /// Pass over a content that cannot be read.
    fn beyond(&mut self, source: &mut Source<'_>, header: &Header) -> Result<Next, Stop> {
        if header.size_unknown() {
            return Ok(Next::Search);
        }
        if !self.pass(source, header.compressed)? {
            return Ok(Next::End);
        }
        behind_descriptor(source, header)
    }

    /// Check what follows a content whose header did not know its sizes.
    fn descriptor(
        &mut self,
        source: &mut Source<'_>,
        crc: u32,
        compressed: u64,
        size: u64,
    ) -> Result<Next, Stop> {
        let crc = crc.to_le_bytes();
        let short = [&crc[..], &(compressed as u32).to_le_bytes(), &(size as u32).to_le_bytes()].concat();
        let long = [&crc[..], &compressed.to_le_bytes(), &size.to_le_bytes()].concat();
        let text = source.peek(24).map_err(|_| Stop)?;
        let signature = if text.starts_with(DESCRIPTOR) { DESCRIPTOR.len() } else { 0 };
        // Without a signature a checksum may look like one.
        let fits = |from: usize, wanted: &[u8]| {
            text.get(from..).is_some_and(|t| t.starts_with(wanted)).then_some(from + wanted.len())
        };
        let len = [signature, 0].iter().find_map(|from| fits(*from, &long).or_else(|| fits(*from, &short)));
        if let Some(len) = len {
            source.consume(len);
            return Ok(Next::Behind);
        }
        let ended = text.len() < 12;
        self.corrupt(if ended { ENDS_EARLY } else { WRONG_SUM });
        Ok(Next::Search)
    }
}

const WRONG_SUM: &str = "corrupt: its content has another checksum";
const NO_SIZE: &str = "corrupt: nothing tells where it ends";

impl Header {
    /// From the fixed part, the name and the extra fields.
    fn new(fixed: &[u8; HEADER], name: &[u8], mut extra: &[u8]) -> Self {
        let flags = u16_at(fixed, 6);
        let mut compressed = u64::from(u32_at(fixed, 18));
        let mut size = u64::from(u32_at(fixed, 22));
        while extra.len() >= 4 {
            let len = usize::from(u16_at(extra, 2));
            let field = extra.get(4..4 + len).unwrap_or_default();
            if u16_at(extra, 0) == 1 {
                // Large sizes, each only where the small field is full.
                let mut large =
                    field.chunks_exact(8).map(|c| c.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b)));
                for value in [&mut size, &mut compressed] {
                    if *value == u64::from(u32::MAX) {
                        *value = large.next().unwrap_or(*value);
                    }
                }
            }
            extra = extra.get(4 + len..).unwrap_or_default();
        }
        Self {
            method: u16_at(fixed, 8),
            // Also where only the headers are: then the sizes here are no sizes.
            encrypted: flags & 0x2041 != 0,
            folder: name.ends_with(b"/"),
            descriptor: flags & 8 != 0,
            crc: u32_at(fixed, 14),
            compressed,
            size,
        }
    }

    /// Whether the end of the content must be found out.
    fn size_unknown(&self) -> bool {
        self.descriptor && self.compressed == 0
    }
}

/// Pass over the descriptor, which need not be there, of a content whose size was known.
fn behind_descriptor(source: &mut Source<'_>, header: &Header) -> Result<Next, Stop> {
    if header.descriptor {
        let text = source.peek(26).map_err(|_| Stop)?;
        let is_header = |at: usize| {
            text.get(at..at + 2) == Some(b"PK") && text.get(at + 2..at + 4) != Some(&DESCRIPTOR[2..])
        };
        let Some(len) = [0, 16, 24, 12, 20].into_iter().find(|at| is_header(*at)) else {
            return Ok(Next::Search);
        };
        source.consume(len);
    }
    Ok(Next::Behind)
}

/// Go to the next header of a member or of the directory.
fn search(source: &mut Source<'_>) -> Result<Gap, Stop> {
    const WINDOW: usize = 16 << 10;
    let mut zeros = true;
    loop {
        let text = source.peek(WINDOW).map_err(|_| Stop)?;
        let is_header = |at: &usize| matches!(text.get(at + 2..at + 4), Some([3, 4] | [1, 2] | [5, 6]));
        let found = memchr::memmem::find_iter(text, b"PK").find(is_header);
        // A header that begins in this window may end in the next one.
        let rest = if text.len() < WINDOW { text.len() } else { text.len() - SIGNING_BLOCK.len() };
        let gap = &text[..found.unwrap_or(rest)];
        let signed = gap.ends_with(SIGNING_BLOCK);
        zeros = zeros && gap.iter().all(|b| *b == 0);
        let (len, at_end) = (gap.len(), text.len() < WINDOW);
        source.consume(len);
        if found.is_some() || at_end {
            return Ok(Gap { found: found.is_some(), harmless: zeros || signed });
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}
