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

use super::buffer::Buffer;
use super::delta::{Delta, NO_FIT, Op, Ops};
use super::tail::Tail;
use crate::detect::Prefilter;
use crate::detect::prefilter::Anchor;

/// Anchors remembered of one object. Those with more, and what is built on them, are looked at whole.
const MAX_MARKS: usize = 1 << 16;

/// Anchors are looked up by blocks of 2^8 bytes.
const BLOCK: u32 = 8;

/// The longest side of a literal for which seams are looked at exactly.
const MAX_SIDE: usize = 15;

/// The longest span that git copies with one instruction.
const LONGEST_COPY: usize = 1 << 16;

/// From one place at which to take up the instructions again to the next, bytes.
const APART: usize = 1 << 9;

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
    /// One bit for each block of the object: whether an anchor begins in it. Empty if there is no anchor.
    blocks: Vec<u64>,
    /// Nothing is known: whatever is built on it must be looked at whole.
    unknown: bool,
}

impl Note {
    /// Nothing is known.
    pub(super) const UNKNOWN: Self = Self { marks: Vec::new(), blocks: Vec::new(), unknown: true };

    fn of(marks: Vec<Mark>) -> Self {
        let mut blocks = Vec::new();
        if let Some(last) = marks.last() {
            blocks.resize((last.pos >> BLOCK >> 6) as usize + 1, 0);
            for mark in &marks {
                blocks[(mark.pos >> BLOCK >> 6) as usize] |= 1 << (mark.pos >> BLOCK & 63);
            }
        }
        Self { marks, blocks, unknown: false }
    }

    /// Whether an anchor may begin in a span.
    #[inline]
    fn may_begin_in(&self, start: usize, end: usize) -> bool {
        let (first, last) = (start >> BLOCK, end.saturating_sub(1) >> BLOCK);
        let Some(&word) = self.blocks.get(first >> 6) else { return false };
        if first >> 6 != last >> 6 {
            return true;
        }
        word >> (first & 63) << (63 - (last - first)) != 0
    }
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
    /// Where instructions stand in the delta, and what they build in the object: one for every [`APART`] bytes of that.
    waymarks: Vec<(usize, usize)>,
    /// Seams between bytes that occur in a literal side by side.
    seams: Vec<usize>,
    /// A piece of the object.
    window: Vec<u8>,
    /// The result: all viable anchors of the object that was looked at last, by position.
    viable: Vec<Anchor>,
}

impl Scratch {
    /// All viable anchors of the object that was looked at last, by position.
    pub(super) fn viable(&self) -> &[Anchor] {
        &self.viable
    }
}

/// The prefilter with its table of byte pairs.
#[derive(Debug)]
pub(super) struct Seams<'p> {
    prefilter: &'p Prefilter,
    /// One bit for each pair of bytes: whether it occurs in a literal.
    pairs: Box<[u64; 1024]>,
    /// Whether each byte can be the left one of a pair, and the right one.
    sides: Box<[[bool; 2]; 256]>,
    /// Bytes that a literal can have on one side of a seam.
    side: usize,
}

impl<'p> Seams<'p> {
    pub(super) fn new(prefilter: &'p Prefilter) -> Self {
        let mut pairs = Box::new([0; 1024]);
        let mut sides = Box::new([[false; 2]; 256]);
        for literal in prefilter.literals() {
            for pair in literal.bytes.windows(2) {
                let key = usize::from(pair[0]) << 8 | usize::from(pair[1]);
                pairs[key >> 6] |= 1 << (key & 63);
                sides[usize::from(pair[0])][0] = true;
                sides[usize::from(pair[1])][1] = true;
            }
        }
        Self { prefilter, pairs, sides, side: prefilter.max_len().saturating_sub(1) }
    }

    /// Find the viable anchors of a text, for `scratch`. Gives the note for what is built on it.
    pub(super) fn examine(&self, text: &[u8], leaf: bool, scratch: &mut Scratch) -> Note {
        if leaf {
            self.prefilter.viable_anchors(text, &mut scratch.viable);
            return Note::default();
        }
        let mut marks = Vec::new();
        self.prefilter.each(text, |anchor| {
            let viable = self.prefilter.viable(text, anchor);
            marks.push(Mark { pos: anchor.pos as u32, literal: anchor.literal, viable });
            marks.len() < MAX_MARKS
        });
        if marks.len() == MAX_MARKS {
            self.prefilter.viable_anchors(text, &mut scratch.viable);
            return Note::UNKNOWN;
        }
        marks.sort_unstable();
        keep_viable(&marks, &mut scratch.viable);
        Note::of(marks)
    }

    /// Build an object, and find its viable anchors as it grows, for `scratch`. Gives the note for what is built on it.
    pub(super) fn build(
        &self,
        base: &Buffer,
        note: &Note,
        delta: &Delta<'_>,
        out: &mut Buffer,
        scratch: &mut Scratch,
    ) -> Result<Note, &'static str> {
        if note.unknown {
            delta.apply(base, out)?;
            return Ok(self.examine(out.bytes(), false, scratch));
        }
        let Scratch { inserted, kept, open, seams, .. } = scratch;
        inserted.clear();
        kept.clear();
        open.clear();
        seams.clear();
        self.prefilter.anchors(delta.instructions(), inserted);
        let mut inserted = &inserted[..];
        let ends = (base.bytes().len(), delta.result_size as usize);
        delta.apply_with(base, out, |op, at, built| {
            match op {
                Op::Insert { start, len } => {
                    if !inserted.is_empty() {
                        self.take_inserted(&mut inserted, delta.start(), start..start + len, at, open);
                    }
                }
                Op::Copy { start, len } => {
                    if note.may_begin_in(start, start + len) {
                        self.copy_marks(&note.marks, start..start + len, at, ends, kept, open);
                    }
                }
            }
            if at > 0 && self.is_pair(built[at - 1], built[at]) {
                seams.push(at);
            }
        })?;
        let text = out.bytes();
        for &seam in &*seams {
            let start = seam.saturating_sub(self.side);
            self.prefilter.each(&text[start..text.len().min(seam + self.side)], |anchor| {
                let pos = start + anchor.pos;
                if pos < seam && pos + self.len(anchor.literal) > seam {
                    open.push(Mark::unjudged(pos, anchor.literal));
                }
                true
            });
        }
        open.sort_unstable();
        open.dedup_by_key(|m| (m.pos, m.literal));
        if kept.len() + open.len() > MAX_MARKS {
            return Ok(self.examine(text, false, scratch));
        }
        for mark in &mut *open {
            let anchor = Anchor { pos: mark.pos as usize, literal: mark.literal };
            mark.viable = self.prefilter.viable(text, anchor);
        }
        let mut marks = Vec::with_capacity(kept.len() + open.len());
        marks.extend_from_slice(kept);
        marks.extend_from_slice(open);
        if !open.is_empty() {
            marks.sort_unstable();
        }
        keep_viable(&marks, &mut scratch.viable);
        Ok(Note::of(marks))
    }

    /// Find the viable anchors of an object on which nothing is built, for `scratch`, without building it. `false`: it must
    /// be looked at whole.
    pub(super) fn look(
        &self,
        base: &[u8],
        note: &Note,
        delta: &Delta<'_>,
        scratch: &mut Scratch,
    ) -> Result<bool, &'static str> {
        if note.unknown || delta.result_size > u64::from(u32::MAX) {
            return Ok(false);
        }
        let Scratch { inserted, kept, open, waymarks, .. } = scratch;
        inserted.clear();
        kept.clear();
        open.clear();
        waymarks.clear();
        self.prefilter.anchors(delta.instructions(), inserted);
        let mut inserted = &inserted[..];
        let mut ops = delta.ops();
        let mut tail = Tail::default();
        let (mut at, mut next_mark) = (0, 0);
        loop {
            if at >= next_mark {
                waymarks.push((ops.at(), at));
                next_mark = at + APART;
            }
            let Some(op) = ops.next() else { break };
            // To look at the base costs a wait for memory. What stands in the delta, which is at hand, mostly tells that there is
            // no need.
            let seam;
            let piece = match op {
                Op::Insert { start, len } => {
                    if !inserted.is_empty() {
                        self.take_inserted(&mut inserted, delta.start(), start..start + len, at, open);
                    }
                    let piece = delta.inserted(start, len);
                    seam = self.sides[usize::from(piece[0])][1]
                        && tail.last().is_some_and(|l| self.is_pair(l, piece[0]));
                    piece
                }
                Op::Copy { start, len } => {
                    let mut end = start + len;
                    if len >= LONGEST_COPY {
                        // Longer spans are copied in parts.
                        let mut ahead = ops.clone();
                        while let Some(Op::Copy { start, len }) = ahead.next() {
                            if start != end {
                                break;
                            }
                            end += len;
                            ops = ahead.clone();
                        }
                    }
                    let piece = base.get(start..end).ok_or(NO_FIT)?;
                    if note.may_begin_in(start, end) {
                        let ends = (base.len(), delta.result_size as usize);
                        self.copy_marks(&note.marks, start..end, at, ends, kept, open);
                    }
                    let last = tail.last();
                    seam = last.is_some_and(|l| self.sides[usize::from(l)][0] && self.is_pair(l, piece[0]));
                    piece
                }
            };
            if seam
                && !self.join(&tail, piece, base, delta, ops.clone(), |before, literal| {
                    open.push(Mark::unjudged(at - before, literal));
                })
            {
                return Ok(false);
            }
            tail.push(piece);
            at += piece.len();
            if kept.len() + open.len() >= MAX_MARKS {
                return Ok(false);
            }
        }
        ops.finish()?;
        if at as u64 != delta.result_size {
            return Err(NO_FIT);
        }
        if !open.is_empty() {
            self.judge(base, delta, scratch);
            scratch.kept.append(&mut scratch.open);
            scratch.kept.sort_unstable();
        }
        keep_viable(&scratch.kept, &mut scratch.viable);
        Ok(true)
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

    /// Take those anchors of the instructions that stand in one insert; `span` is its bytes, which begin at `at` in what
    /// is built. Anchors before it are false alarms.
    fn take_inserted(
        &self,
        inserted: &mut &[Anchor],
        instructions: usize,
        span: std::ops::Range<usize>,
        at: usize,
        open: &mut Vec<Mark>,
    ) {
        while let Some((anchor, rest)) = inserted.split_first() {
            let pos = anchor.pos + instructions;
            if pos >= span.end {
                break;
            }
            *inserted = rest;
            if pos >= span.start && pos + self.len(anchor.literal) <= span.end {
                open.push(Mark::unjudged(at + pos - span.start, anchor.literal));
            }
        }
    }

    /// Judge the open marks by the bytes around each.
    fn judge(&self, base: &[u8], delta: &Delta<'_>, scratch: &mut Scratch) {
        let Scratch { open, window, waymarks, .. } = scratch;
        open.sort_unstable();
        open.dedup_by_key(|m| (m.pos, m.literal));
        let size = delta.result_size as usize;
        let reach = |m: &Mark| {
            let pos = m.pos as usize;
            pos.saturating_sub(Prefilter::REACH_BEFORE)..size.min(pos + Prefilter::REACH_AFTER)
        };
        let mut ops = delta.ops();
        let (mut op, mut at) = (ops.next(), 0);
        let mut rest = &mut open[..];
        while let Some(first) = rest.first() {
            let std::ops::Range { start: from, end: mut to } = reach(first);
            let mut group = 1;
            while let Some(next) = rest.get(group).map(reach).filter(|next| next.start <= to) {
                to = next.end;
                group += 1;
            }
            window.clear();
            // Go on from here, or from a waymark that is nearer.
            let mark = waymarks[waymarks.partition_point(|w| w.1 <= from) - 1];
            if mark.1 > at {
                ops = delta.ops_from(mark.0);
                (op, at) = (ops.next(), mark.1);
            }
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
            let (judged, others) = rest.split_at_mut(group);
            for mark in judged {
                let anchor = Anchor { pos: mark.pos as usize - from, literal: mark.literal };
                mark.viable = self.prefilter.viable(window, anchor);
            }
            rest = others;
        }
    }

    fn is_pair(&self, left: u8, right: u8) -> bool {
        let key = usize::from(left) << 8 | usize::from(right);
        self.pairs[key >> 6] >> (key & 63) & 1 != 0
    }

    /// Find the literals across the seam between `tail` and `piece`, behind which `ops` follow. `found` gets how far before
    /// the seam each begins, and which it is. `false`: there is no telling.
    fn join(
        &self,
        tail: &Tail<'_>,
        piece: &[u8],
        base: &[u8],
        delta: &Delta<'_>,
        mut ops: Ops<'_>,
        mut found: impl FnMut(usize, u16),
    ) -> bool {
        if self.side > MAX_SIDE {
            return false;
        }
        let mut window = [0; 2 * MAX_SIDE];
        let seam = tail.take(&mut window[..self.side]);
        let (mut end, full) = (seam, seam + self.side);
        let mut piece = piece;
        loop {
            let part = &piece[..piece.len().min(full - end)];
            window[end..end + part.len()].copy_from_slice(part);
            end += part.len();
            if end == full {
                break;
            }
            piece = match ops.next() {
                None => break,
                Some(Op::Insert { start, len }) => delta.inserted(start, len),
                Some(Op::Copy { start, len }) => match base.get(start..start + len) {
                    Some(piece) => piece,
                    None => return false,
                },
            };
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

/// The viable ones of some marks, instead of what `into` held.
fn keep_viable(marks: &[Mark], into: &mut Vec<Anchor>) {
    into.clear();
    into.extend(marks.iter().filter(|m| m.viable).map(|m| m.anchor()));
}

impl Mark {
    fn unjudged(pos: usize, literal: u16) -> Self {
        Self { pos: pos as u32, literal, viable: false }
    }

    fn anchor(self) -> Anchor {
        Anchor { pos: self.pos as usize, literal: self.literal }
    }
}

#[cfg(test)]
impl Note {
    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }
}
