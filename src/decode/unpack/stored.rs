//! A zip member that is stored and whose header does not know its size: only what follows it tells where it ends.

use std::io::{self, BufRead as _, Read};

use libdeflater::Crc;
use memchr::memmem;

use super::source::Source;

/// How far to look ahead.
const WINDOW: usize = 16 << 10;
/// The longest descriptor: signature, checksum, two large sizes.
const LONGEST: usize = 24;
const SIGNATURE: &[u8] = b"PK\x07\x08";

/// Reads such a member, to the descriptor behind it: the first place where the sizes of all before it stand behind the mark of a
/// descriptor, or checksum and sizes before a header.
pub(super) struct Stored<'s, 'a> {
    source: &'s mut Source<'a>,
    crc: Crc,
    size: u64,
    /// So many bytes ahead belong to the member.
    clear: usize,
    /// Behind them it ends.
    ends: bool,
}

impl<'s, 'a> Stored<'s, 'a> {
    pub(super) fn new(source: &'s mut Source<'a>) -> Self {
        Self { source, crc: Crc::new(), size: 0, clear: 0, ends: false }
    }

    /// Find bytes that belong to the member.
    fn look(&mut self) -> io::Result<()> {
        let text = self.source.peek_or_rest(WINDOW)?;
        let marks = memmem::find_iter(text, b"PK");
        let mut ends = marks.filter_map(|at| end_before(text, at, self.size, &self.crc));
        if let Some(end) = ends.next() {
            (self.clear, self.ends) = (end, true);
            return Ok(());
        }
        if text.len() < WINDOW {
            // The source ends, and nothing said that the member does: what there is of it comes first.
            self.clear = text.len();
            return if text.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) };
        }
        // What a header in the next window may have before it, and a mark that is cut by the end of this one.
        self.clear = text.len() - LONGEST - SIGNATURE.len();
        Ok(())
    }
}

impl Read for Stored<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.clear == 0 && !self.ends {
            self.look()?;
        }
        let len = self.clear.min(buf.len());
        let text = self.source.peek(len)?;
        buf[..len].copy_from_slice(text);
        self.source.consume(len);
        self.crc.update(&buf[..len]);
        self.size += len as u64;
        self.clear -= len;
        Ok(len)
    }
}

/// Where in `text` the member ends, if the mark at `at` is that of its descriptor, or of the header behind a descriptor without a mark.
/// `size` and `crc` are those of the member before `text`.
fn end_before(text: &[u8], at: usize, size: u64, crc: &Crc) -> Option<usize> {
    let (ends, from): (&[usize], usize) = match text.get(at + 2..at + 4)? {
        [7, 8] => (&[0], SIGNATURE.len()),
        [3, 4] | [1, 2] => (&[12, 20], 0),
        _ => return None,
    };
    ends.iter().filter_map(|back| at.checked_sub(*back)).find(|end| {
        let fields = &text[end + from..];
        let all = size + *end as u64;
        let (small, large) = ((all as u32).to_le_bytes(), all.to_le_bytes());
        let sizes = |size: &[u8]| fields.get(4..).is_some_and(|f| f.chunks(size.len()).take(2).eq([size; 2]));
        if !sizes(&small) && !sizes(&large) {
            return false; // nearly always, and it costs nothing
        }
        if from > 0 {
            // The checksum may be wrong then, which is for others to tell.
            return true;
        }
        let mut whole = Crc::with_initial(crc.sum());
        whole.update(&text[..*end]);
        fields.starts_with(&whole.sum().to_le_bytes())
    })
}
