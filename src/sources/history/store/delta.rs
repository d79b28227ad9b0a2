//! Git's deltas: two sizes, then instructions that copy a span of the base or insert bytes of their own.

use super::buffer::{Buffer, SLACK};
use super::inflate::{MAX_IN_MEMORY, TOO_LARGE};

/// Why a delta cannot be used.
pub(super) const NO_FIT: &str = "its delta does not fit its base";
const CUT: &str = "its delta ends in the middle of an instruction";
const RESERVED: &str = "its delta holds a reserved instruction";
const WRONG_RESULT: &str = "its delta does not build its declared size";

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Copy `len` bytes from `start` of the base: not yet checked against its size.
    Copy { start: usize, len: usize },
    /// Insert `len` bytes from `start` of the delta, which holds them.
    Insert { start: usize, len: usize },
}

/// A delta whose header is parsed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delta<'a> {
    /// The whole delta and [`SLACK`] bytes behind it.
    data: &'a [u8],
    /// Length of the delta.
    len: usize,
    /// Where the instructions begin.
    start: usize,
    /// Size of the base that it fits.
    pub(super) base_size: u64,
    /// Size of what it builds.
    pub(super) result_size: u64,
}

impl<'a> Delta<'a> {
    pub(super) fn parse(buffer: &'a Buffer) -> Result<Self, &'static str> {
        let mut start = 0;
        let base_size = varint(buffer.bytes(), &mut start).ok_or(CUT)?;
        let result_size = varint(buffer.bytes(), &mut start).ok_or(CUT)?;
        Ok(Self { data: buffer.with_slack(), len: buffer.bytes().len(), start, base_size, result_size })
    }

    /// The instructions, as they stand.
    pub(super) fn instructions(&self) -> &'a [u8] {
        &self.data[self.start..self.len]
    }

    /// Where the instructions begin in the delta.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The bytes of an insert instruction.
    pub(super) fn inserted(&self, start: usize, len: usize) -> &'a [u8] {
        &self.data[start..start + len]
    }

    /// The instructions, parsed. Check [`Ops::finish`] after the last one.
    pub(super) fn ops(&self) -> Ops<'a> {
        Ops { data: self.data, len: self.len, at: self.start, error: None }
    }

    /// The instructions from one on, which [`Ops::at`] gave the place of.
    pub(super) fn ops_from(&self, at: usize) -> Ops<'a> {
        Ops { at, ..self.ops() }
    }

    /// Whether what it builds can begin with `head`, by a look at its first piece.
    pub(super) fn may_begin_with(&self, base: &[u8], head: &[u8]) -> bool {
        let piece = match self.ops().next() {
            Some(Op::Copy { start, len }) => base.get(start..start + len),
            Some(Op::Insert { start, len }) => Some(self.inserted(start, len)),
            None => None,
        };
        piece.is_some_and(|p| p.iter().zip(head).all(|(a, b)| a == b))
    }

    /// The start of the object: as many bytes as there are, at most the length of `out`, where it must be built.
    pub(super) fn head<'h>(&'h self, base: &'h [u8], out: &'h mut [u8]) -> &'h [u8] {
        let mut len = 0;
        let mut ops = self.ops();
        while let Some(op) = ops.next() {
            let piece = match op {
                Op::Copy { start, len } => base.get(start..start + len).unwrap_or_default(),
                Op::Insert { start, len } => self.inserted(start, len),
            };
            // Nearly always the first instruction is enough.
            if len == 0 && piece.len() >= out.len() {
                return piece;
            }
            let n = piece.len().min(out.len() - len);
            out[len..len + n].copy_from_slice(&piece[..n]);
            len += n;
            if len == out.len() {
                break;
            }
        }
        &out[..len]
    }

    /// Build the object.
    pub(super) fn apply(&self, base: &Buffer, out: &mut Buffer) -> Result<(), &'static str> {
        self.apply_with(base, out, |_, _, _| {})
    }

    /// Build the object. `each` is told of every piece when it is in place: where it is from, where it stands, and what
    /// there is so far, which goes on behind the piece with bytes that mean nothing.
    #[expect(clippy::inline_always, reason = "the loop over all pieces of all objects")]
    #[inline(always)]
    pub(super) fn apply_with(
        &self,
        base: &Buffer,
        out: &mut Buffer,
        mut each: impl FnMut(Op, usize, &[u8]),
    ) -> Result<(), &'static str> {
        let base_len = base.bytes().len();
        if self.base_size != base_len as u64 {
            return Err(NO_FIT);
        }
        if self.result_size > MAX_IN_MEMORY {
            return Err(TOO_LARGE);
        }
        if self.result_size > 16 << 20 {
            self.check_result_size()?; // before so much memory is taken
        }
        let from = base.with_slack();
        let size = self.result_size as usize;
        let to = out.room(size);
        let mut at = 0;
        let mut ops = self.ops();
        while let Some(op) = ops.next() {
            let (source, start, len) = match op {
                Op::Copy { start, len } if start + len > base_len => return Err(NO_FIT),
                Op::Copy { start, len } => (from, start, len),
                Op::Insert { start, len } => (self.data, start, len),
            };
            if at + len > size {
                return Err(WRONG_RESULT);
            }
            copy(source, start, to, at, len);
            each(op, at, to);
            at += len;
        }
        ops.finish()?;
        if at == size { Ok(()) } else { Err(WRONG_RESULT) }
    }

    /// Whether the instructions add up to the declared size.
    fn check_result_size(&self) -> Result<(), &'static str> {
        let mut total = 0u64;
        let mut ops = self.ops();
        while let Some(Op::Copy { len, .. } | Op::Insert { len, .. }) = ops.next() {
            total += len as u64;
        }
        ops.finish()?;
        if total == self.result_size { Ok(()) } else { Err(WRONG_RESULT) }
    }
}

/// Copy `len` bytes. Both sides have [`SLACK`] bytes behind their content, so that short ones go as [`SHORT`]: how long they
/// are cannot be predicted, and to move too much costs less than a branch that is guessed wrong.
#[inline]
fn copy(from: &[u8], start: usize, to: &mut [u8], at: usize, len: usize) {
    const SHORT: usize = 64;
    const { assert!(SLACK >= SHORT) };
    if len <= SHORT
        && let (Some(from), Some(to)) = (from.get(start..start + SHORT), to.get_mut(at..at + SHORT))
    {
        to.copy_from_slice(from);
        return;
    }
    to[at..at + len].copy_from_slice(&from[start..start + len]);
}

/// What the flags of a copy instruction say of the bytes behind it.
#[derive(Debug, Clone, Copy)]
struct Fields {
    /// The bits that are the start.
    start: u32,
    /// And, so many bits further on, those that are the length.
    len: u32,
    behind_start: u8,
    /// How many bytes there are.
    bytes: u8,
    /// Whether a byte is left out below one that is there: rarely, as it must be 0.
    gaps: bool,
}

/// By the lower 7 bits of the instruction.
static FIELDS: [Fields; 128] = {
    let mut all = [Fields { start: 0, len: 0, behind_start: 0, bytes: 0, gaps: false }; 128];
    let mut code = 0;
    while code < 128 {
        let (start, len) = (code as u32 & 15, code as u32 >> 4);
        let (starts, lens) = (start.count_ones(), len.count_ones());
        all[code] = Fields {
            start: ((1u64 << (8 * starts)) - 1) as u32,
            len: (1 << (8 * lens)) - 1,
            behind_start: 8 * starts as u8,
            bytes: (starts + lens) as u8,
            gaps: start & (start + 1) != 0 || len & (len + 1) != 0,
        };
        code += 1;
    }
    all
};

/// The bytes behind an instruction, each where its flag says: the start in the lower half, the length in the upper one.
fn spread(mut rest: u64, code: u8) -> u64 {
    let mut value = 0u64;
    for bit in 0..7 {
        let given = u64::from(code >> bit & 1);
        value |= (rest & (0xff * given)) << (8 * bit);
        rest >>= 8 * given;
    }
    value
}

/// Parses instructions.
#[derive(Debug, Clone)]
pub(super) struct Ops<'a> {
    data: &'a [u8],
    len: usize,
    at: usize,
    error: Option<&'static str>,
}

impl Ops<'_> {
    /// The next instruction; `None` at the end and at an error, which [`Self::finish`] tells apart.
    #[expect(clippy::inline_always, reason = "tens of millions of calls; left to itself it stays a call")]
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<Op> {
        if self.at >= self.len {
            return None;
        }
        let code = self.data[self.at];
        self.at += 1;
        if code & 0x80 == 0 {
            let (start, len) = (self.at, usize::from(code));
            self.at += len;
            return match len {
                0 => self.fail(RESERVED),
                _ if self.at > self.len => self.fail(CUT),
                _ => Some(Op::Insert { start, len }),
            };
        }
        // The instruction is followed by up to 7 bytes; those that a flag leaves out are 0. Without branches as far as may be:
        // the pattern of the flags cannot be predicted. The slack behind the delta makes 8 bytes always readable.
        let word = self.data.get(self.at..self.at + 8).and_then(|w| w.first_chunk::<8>());
        let Some(word) = word else { return self.fail(CUT) };
        let word = u64::from_le_bytes(*word);
        let fields = &FIELDS[usize::from(code & 0x7f)];
        let (start, len) = if fields.gaps {
            let value = spread(word, code);
            (value & 0xffff_ffff, value >> 32)
        } else {
            (word & u64::from(fields.start), word >> fields.behind_start & u64::from(fields.len))
        };
        self.at += usize::from(fields.bytes);
        if self.at > self.len {
            return self.fail(CUT);
        }
        Some(Op::Copy { start: start as usize, len: if len == 0 { 0x1_0000 } else { len as usize } })
    }

    /// Where the next instruction stands in the delta.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[cold]
    fn fail(&mut self, why: &'static str) -> Option<Op> {
        self.error = Some(why);
        self.at = self.len;
        None
    }

    /// Whether the instructions ended well.
    pub(super) fn finish(self) -> Result<(), &'static str> {
        self.error.map_or(Ok(()), Err)
    }
}

/// A number, 7 bits a byte, least first. `None` where it does not end or does not fit.
pub(super) fn varint(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
