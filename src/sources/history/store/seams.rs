//! What a delta changes for the prefilter, seen without building the object.
//!
//! Of a base we know all anchors, and which of them are viable. Those of an object that is built on it are
//! - where a literal stands in what the delta inserts: a search of the instructions finds it;
//! - where a literal is put together at a seam between two instructions: each seam is looked at;
//! - where an anchor of the base is copied.
//!
//! Whether an anchor is viable depends on a few hundred bytes around it. If all of these are copied with it, nothing
//! changes; otherwise they are put together from the instructions, and judged. So the anchors of every object are known
//! exactly, and none is built only to look at it.

use super::delta::{Delta, NO_FIT, Op, Ops};
use crate::detect::Prefilter;
use crate::detect::prefilter::Anchor;

/// Anchors remembered of one object. Those with more, and what is built on them, are looked at whole.
const MAX_MARKS: usize = 1 << 16;

/// The longest side of a literal for which seams are looked at exactly.
const MAX_SIDE: usize = 15;

/// An anchor, and whether it is viable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// Where it begins: objects in memory are smaller than 4 GiB.
    pub(super) pos: u32,
    /// Index of its literal.
    pub(super) literal: u16,
    pub(super) viable: bool,
}

/// What is known of an object for those that are built on it.
#[derive(Debug, Default)]
pub(super) struct Note {
    /// All its anchors, by position.
    marks: Vec<Mark>,
    /// Nothing is known: whatever is built on it must be looked at whole.
    unknown: bool,
}

impl Note {
    /// Nothing is known.
    pub(super) const UNKNOWN: Self = Self { marks: Vec::new(), unknown: true };
}

/// Lists that are reused.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Anchors in the instructions.
    inserted: Vec<Anchor>,
    /// Anchors that are copied with all their reach.
    kept: Vec<Mark>,
    /// Anchors that must be judged.
    open: Vec<Mark>,
    /// A piece of the object.
    window: Vec<u8>,
}

/// The prefilter with its table of byte pairs.
#[derive(Debug)]
pub(super) struct Seams<'p> {
    prefilter: &'p Prefilter,
    /// One bit for each pair of bytes: whether it occurs in a literal.
    pairs: Box<[u64; 1024]>,
    /// Bytes that a literal can have on one side of a seam.
    side: usize,
}

impl<'p> Seams<'p> {
    pub(super) fn new(prefilter: &'p Prefilter) -> Self {
        let mut pairs = Box::new([0; 1024]);
        for literal in prefilter.literals() {
            for pair in literal.bytes.windows(2) {
                let key = usize::from(pair[0]) << 8 | usize::from(pair[1]);
                pairs[key >> 6] |= 1 << (key & 63);
            }
        }
        Self { prefilter, pairs, side: prefilter.max_len().saturating_sub(1) }
    }

    /// Whether a text has a viable anchor, and the note for what is built on it.
    pub(super) fn examine(&self, text: &[u8], leaf: bool) -> (bool, Note) {
        if leaf {
            return (self.prefilter.is_hot(text), Note::default());
        }
        let mut marks = Vec::new();
        self.prefilter.each(text, |anchor| {
            let viable = self.prefilter.viable(text, anchor);
            marks.push(Mark { pos: anchor.pos as u32, literal: anchor.literal, viable });
            marks.len() < MAX_MARKS
        });
        if marks.len() == MAX_MARKS {
            return (self.prefilter.is_hot(text), Note::UNKNOWN);
        }
        marks.sort_unstable();
        (marks.iter().any(|m| m.viable), Note { marks, unknown: false })
    }

    /// Whether an object has a viable anchor, and, unless it is a leaf, the note for what is built on it. `None`: it
    /// must be looked at whole.
    pub(super) fn carry(
        &self,
        base: &[u8],
        note: &Note,
        delta: &Delta<'_>,
        leaf: bool,
        scratch: &mut Scratch,
    ) -> Result<Option<(bool, Note)>, &'static str> {
        if note.unknown || delta.result_size > u64::from(u32::MAX) {
            return Ok(None);
        }
        let Scratch { inserted, kept, open, .. } = scratch;
        inserted.clear();
        kept.clear();
        open.clear();
        self.prefilter.anchors(delta.instructions(), inserted);
        let mut in_instructions = inserted.iter().peekable();
        let mut ops = delta.ops();
        let mut op = ops.next();
        let mut tail = Tail::default();
        let mut at = 0;
        while let Some(this) = op {
            op = ops.next();
            let piece = match this {
                Op::Insert { start, len } => {
                    while let Some(anchor) = in_instructions.peek() {
                        let pos = anchor.pos + delta.start();
                        if pos >= start + len {
                            break;
                        }
                        if pos >= start && pos + self.len(anchor.literal) <= start + len {
                            open.push(Mark::unjudged(at + pos - start, anchor.literal));
                        }
                        in_instructions.next();
                    }
                    delta.inserted(start, len)
                }
                Op::Copy { start, len } => {
                    let mut end = start + len;
                    // Long spans are copied in parts.
                    while let Some(Op::Copy { start, len }) = op {
                        if start != end {
                            break;
                        }
                        end += len;
                        op = ops.next();
                    }
                    let piece = base.get(start..end).ok_or(NO_FIT)?;
                    if !note.marks.is_empty() {
                        let ends = (base.len(), delta.result_size as usize);
                        self.copy_marks(&note.marks, start..end, at, ends, kept, open);
                    }
                    piece
                }
            };
            if let Some(last) = tail.last()
                && self.is_pair(last, piece[0])
                && !self.join(&tail, piece, base, delta, op, ops.clone(), |before, literal| {
                    open.push(Mark::unjudged(at - before, literal));
                })
            {
                return Ok(None);
            }
            tail.push(piece, self.side);
            at += piece.len();
            if kept.len() + open.len() >= MAX_MARKS {
                return Ok(None);
            }
        }
        ops.finish()?;
        if at as u64 != delta.result_size {
            return Err(NO_FIT);
        }
        let mut hot = kept.iter().any(|m| m.viable);
        if !(open.is_empty() || hot && leaf) {
            hot |= self.judge(base, delta, leaf, scratch);
        }
        let Scratch { kept, open, .. } = scratch;
        let mut marks = Vec::new();
        if !leaf && kept.len() + open.len() > 0 {
            marks.reserve_exact(kept.len() + open.len());
            marks.extend_from_slice(kept);
            marks.extend_from_slice(open);
            if !open.is_empty() {
                marks.sort_unstable();
            }
        }
        Ok(Some((hot, Note { marks, unknown: false })))
    }

    /// Length of a literal.
    fn len(&self, literal: u16) -> usize {
        self.prefilter.literals()[usize::from(literal)].bytes.len()
    }

    /// Take over the marks of a span of the base that is copied to `at`. `ends` are those of the base and of what is
    /// built.
    fn copy_marks(
        &self,
        marks: &[Mark],
        span: std::ops::Range<usize>,
        at: usize,
        ends: (usize, usize),
        kept: &mut Vec<Mark>,
        open: &mut Vec<Mark>,
    ) {
        let starts_both = span.start == 0 && at == 0;
        let ends_both = span.end == ends.0 && at + span.len() == ends.1;
        let first = marks.partition_point(|m| (m.pos as usize) < span.start);
        for mark in marks[first..].iter().take_while(|m| (m.pos as usize) < span.end) {
            let pos = mark.pos as usize;
            if pos + self.len(mark.literal) > span.end {
                continue; // it is cut: only a look at the seam can tell what becomes of it
            }
            let left = starts_both || pos - span.start >= Prefilter::REACH_BEFORE;
            let right = ends_both || span.end - pos >= Prefilter::REACH_AFTER;
            let moved = Mark { pos: (pos - span.start + at) as u32, ..*mark };
            if left && right { kept.push(moved) } else { open.push(moved) }
        }
    }

    /// Judge the open marks by the bytes around each. Whether any is viable; of a leaf the first one is enough.
    fn judge(&self, base: &[u8], delta: &Delta<'_>, leaf: bool, scratch: &mut Scratch) -> bool {
        let Scratch { open, window, .. } = scratch;
        open.sort_unstable();
        // a piece shorter than a side has the same literal across both its seams
        open.dedup_by_key(|m| (m.pos, m.literal));
        let size = delta.result_size as usize;
        let reach = |m: &Mark| {
            let pos = m.pos as usize;
            pos.saturating_sub(Prefilter::REACH_BEFORE)..size.min(pos + Prefilter::REACH_AFTER)
        };
        let mut ops = delta.ops();
        let (mut op, mut at) = (ops.next(), 0);
        let mut hot = false;
        let mut rest = &mut open[..];
        while let Some(first) = rest.first() {
            let std::ops::Range { start: from, end: mut to } = reach(first);
            let mut group = 1;
            while let Some(next) = rest.get(group).map(reach).filter(|next| next.start <= to) {
                to = next.end;
                group += 1;
            }
            window.clear();
            while let Some(this) = op {
                let piece = match this {
                    Op::Insert { start, len } => delta.inserted(start, len),
                    Op::Copy { start, len } => &base[start..start + len],
                };
                let end = at + piece.len();
                if end > from {
                    window.extend_from_slice(&piece[from.max(at) - at..to.min(end) - at]);
                }
                if end >= to {
                    break; // the next group may begin in it
                }
                at = end;
                op = ops.next();
            }
            for mark in &mut rest[..group] {
                let anchor = Anchor { pos: mark.pos as usize - from, literal: mark.literal };
                mark.viable = self.prefilter.viable(window, anchor);
                hot |= mark.viable;
                if hot && leaf {
                    return true;
                }
            }
            rest = &mut rest[group..];
        }
        hot
    }

    fn is_pair(&self, left: u8, right: u8) -> bool {
        let key = usize::from(left) << 8 | usize::from(right);
        self.pairs[key >> 6] >> (key & 63) & 1 != 0
    }

    /// Find the literals across the seam between `tail` and `piece`, behind which `op` and `ops` follow. `found` gets how
    /// far before the seam each begins, and which it is. `false`: there is no telling.
    #[expect(clippy::too_many_arguments, reason = "the state of the loop that it is called from")]
    fn join(
        &self,
        tail: &Tail<'_>,
        piece: &[u8],
        base: &[u8],
        delta: &Delta<'_>,
        mut op: Option<Op>,
        mut ops: Ops<'_>,
        mut found: impl FnMut(usize, u16),
    ) -> bool {
        if self.side > MAX_SIDE {
            return false;
        }
        let mut window = [0; 2 * MAX_SIDE];
        let left = tail.bytes(self.side);
        let seam = left.len();
        window[..seam].copy_from_slice(left);
        let (mut end, full) = (seam, seam + self.side);
        let mut piece = piece;
        loop {
            let part = &piece[..piece.len().min(full - end)];
            window[end..end + part.len()].copy_from_slice(part);
            end += part.len();
            if end == full {
                break;
            }
            piece = match op {
                None => break,
                Some(Op::Insert { start, len }) => delta.inserted(start, len),
                Some(Op::Copy { start, len }) => match base.get(start..start + len) {
                    Some(piece) => piece,
                    None => return false,
                },
            };
            op = ops.next();
        }
        self.prefilter.each(&window[..end], |anchor| {
            if anchor.pos < seam && anchor.pos + self.len(anchor.literal) > seam {
                found(seam - anchor.pos, anchor.literal);
            }
            true
        });
        true
    }
}

/// The end of what is built so far.
#[derive(Debug, Default)]
struct Tail<'a> {
    /// The last piece.
    piece: &'a [u8],
    /// The last bytes, where the last piece is shorter than a side.
    joined: [u8; MAX_SIDE],
    len: usize,
}

impl<'a> Tail<'a> {
    fn last(&self) -> Option<u8> {
        self.piece.last().copied()
    }

    /// Up to `side` bytes.
    fn bytes(&self, side: usize) -> &[u8] {
        if self.len > 0 {
            &self.joined[..self.len]
        } else {
            &self.piece[self.piece.len().saturating_sub(side)..]
        }
    }

    #[inline]
    fn push(&mut self, piece: &'a [u8], side: usize) {
        if piece.len() >= side || side > MAX_SIDE {
            self.len = 0;
        } else {
            let mut joined = [0; MAX_SIDE];
            let before = self.bytes(side);
            let kept = before.len().min(side - piece.len());
            joined[..kept].copy_from_slice(&before[before.len() - kept..]);
            joined[kept..kept + piece.len()].copy_from_slice(piece);
            (self.joined, self.len) = (joined, kept + piece.len());
        }
        self.piece = piece;
    }
}

impl Mark {
    fn unjudged(pos: usize, literal: u16) -> Self {
        Self { pos: pos as u32, literal, viable: false }
    }
}

#[cfg(test)]
impl Note {
    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }
}
