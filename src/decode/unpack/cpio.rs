//! Archives of `cpio`, in the portable formats, and RPM packages, which are one behind headers.

use super::source::{Source, fill};
use super::{ENDS_EARLY, Flow, HEAD, Stop, Unpacker};

/// Longer names are damage.
const MAX_NAME: u64 = 1 << 16;
const LAST: &[u8] = b"TRAILER!!!";

/// What a header tells.
struct Header {
    /// Its own length.
    len: usize,
    mode: u64,
    /// With the NUL behind it.
    name: u64,
    size: u64,
    /// Header with name, and content, are padded to a multiple of so many bytes.
    align: u64,
}

/// Whether `text` begins with a header.
pub(super) fn is_header(text: &[u8]) -> bool {
    Header::read(text).is_some()
}

impl Header {
    /// Length of the longest header.
    const LONGEST: usize = 110;

    fn read(text: &[u8]) -> Option<Self> {
        let number = |at: usize, len: usize, radix| {
            let digits = std::str::from_utf8(text.get(at..at + len)?).ok()?;
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, radix).ok())?
        };
        let header = match text.get(..6)? {
            b"070701" | b"070702" => {
                let field = |n: usize| number(6 + 8 * n, 8, 16);
                Self { len: 110, mode: field(1)?, name: field(11)?, size: field(6)?, align: 4 }
            }
            b"070707" => Self {
                len: 76,
                mode: number(18, 6, 8)?,
                name: number(59, 6, 8)?,
                size: number(65, 11, 8)?,
                align: 1,
            },
            _ => return None,
        };
        (1..=MAX_NAME).contains(&header.name).then_some(header)
    }

    fn padding(&self, len: u64) -> u64 {
        len.next_multiple_of(self.align) - len
    }
}

impl Unpacker<'_> {
    pub(super) fn cpio(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        loop {
            let text = source.peek(Header::LONGEST).map_err(|_| Stop)?;
            let Some(header) = Header::read(text) else {
                // Archives in a row have zeros between them, and blocks are filled with zeros.
                if text.is_empty() {
                    self.corrupt("corrupt: it ends before its last entry");
                    return Ok(());
                }
                self.corrupt(if text.len() < 76 { ENDS_EARLY } else { "corrupt: a header is damaged" });
                return Ok(());
            };
            let mut name = vec![0; header.len + header.name as usize];
            let read = fill(source, &mut name).map_err(|_| Stop)?;
            if read < name.len() {
                self.corrupt(ENDS_EARLY);
                return Ok(());
            }
            if !self.pass(source, header.padding(name.len() as u64))? {
                return Ok(());
            }
            let name = name[header.len..].split(|b| *b == 0).next().unwrap_or_default();
            if name == LAST {
                if !another(source)? {
                    return Ok(());
                }
                continue;
            }
            let before = self.enter(name)?;
            let whole = self.cpio_content(source, &header, depth)?;
            self.leave(before);
            if !whole {
                return Ok(());
            }
        }
    }

    /// The content of a member. `false`: the archive ends within it.
    fn cpio_content(&mut self, source: &mut Source<'_>, header: &Header, depth: usize) -> Result<bool, Stop> {
        const LINK: u64 = 0o12;
        if header.mode >> 12 == LINK && header.size <= MAX_NAME {
            let mut target = vec![0; header.size as usize];
            let read = fill(source, &mut target).map_err(|_| Stop)?;
            self.members.name(&self.path, &target[..read]);
            if read < target.len() {
                self.corrupt(ENDS_EARLY);
                return Ok(false);
            }
        } else if header.size > 0 && self.stored(source, header.size, depth, false)?.is_none() {
            return Ok(false);
        }
        // Behind the last one it may be missing.
        source.pass(header.padding(header.size)).map_err(|_| Stop)
    }

    /// A package: what is behind its headers is one compressed archive.
    pub(super) fn rpm(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        const LEAD: u64 = 96;
        const INDEX: u64 = 16;
        if !self.pass(source, LEAD)? {
            return Ok(());
        }
        // The signature, then the header; the first is padded.
        for align in [8, 1] {
            let mut intro = [0; 16];
            let read = source.take(&mut intro).map_err(|_| Stop)?;
            if read < intro.len() || intro[..4] != [0x8e, 0xad, 0xe8, 1] {
                self.corrupt("corrupt: a header is damaged");
                return Ok(());
            }
            let number = |at: usize| {
                u64::from(u32::from_be_bytes([intro[at], intro[at + 1], intro[at + 2], intro[at + 3]]))
            };
            let len = number(8) * INDEX + number(12);
            // The script that runs after the installation may hold a key.
            self.rpm_header(source, len)?;
            if !self.pass(source, len.next_multiple_of(align) - len)? {
                return Ok(());
            }
        }
        // The payload of files over 4 GB has headers of its own, and what is damaged has none.
        let head = source.peek_or_rest(HEAD).map_err(|_| Stop)?;
        if !head.is_empty() && super::format(head).is_none() {
            self.corrupt("corrupt: its payload is no archive");
        }
        let consumed = source.consumed();
        let mut meter = super::Meter::plain(self.shared, consumed, source, false);
        let flow = self.content(&mut meter, depth).and_then(|()| meter.drain());
        if self.shared.over().is_some() || source.failed() { Err(Stop) } else { flow }
    }

    fn rpm_header(&mut self, source: &mut Source<'_>, len: u64) -> Flow {
        let mut header = std::io::Read::take(&mut *source, len);
        self.members.content(&self.path, &mut header).map_err(|_| Stop)?;
        let left = header.limit();
        self.pass(source, left).map(|_| ())
    }
}

/// Go to the archive behind zeros, if there is one.
fn another(source: &mut Source<'_>) -> Result<bool, Stop> {
    loop {
        let text = source.peek(512).map_err(|_| Stop)?;
        let zeros = text.iter().take_while(|b| **b == 0).count();
        if zeros < text.len() || text.is_empty() {
            let found = is_header(&text[zeros..]) || text[zeros..].starts_with(b"0707");
            if zeros > 0 && zeros < text.len() {
                source.pass(zeros as u64).map_err(|_| Stop)?;
            }
            return Ok(found);
        }
        source.pass(zeros as u64).map_err(|_| Stop)?;
    }
}
