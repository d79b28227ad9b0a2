//! What a delta changes for the prefilter, seen without building the object.
//!
//! Of a base we know its anchors, none of them viable. An object that is built on it can have a viable anchor only
//! - where a literal stands in what the delta inserts: a search of the instructions finds it;
//! - where a literal is put together at a seam between two instructions: each seam is looked at;
//! - where an anchor of the base is copied, but not all that decides whether it is viable.
//!
//! In these cases the object is built and looked at whole. Otherwise its anchors are those that are copied with all
//! their reach, and none is viable.

use super::delta::{Delta, NO_FIT, Op, Ops};
use crate::detect::Prefilter;
use crate::detect::prefilter::Anchor;

/// Anchors remembered of one object. With more of them its descendants are built.
const MAX_ANCHORS: usize = 1 << 16;

/// The longest side of a literal for which seams are looked at exactly.
const MAX_SIDE: usize = 15;

/// What is known of an object for those that are built on it.
#[derive(Debug, Default)]
pub(super) struct Note {
    /// All its anchors, by position. None is viable.
    anchors: Vec<Anchor>,
    /// Nothing is known: whatever is built on it must be looked at whole.
    unknown: bool,
}

impl Note {
    /// Nothing is known.
    pub(super) const UNKNOWN: Self = Self { anchors: Vec::new(), unknown: true };
}

/// The prefilter with its table of byte pairs.
#[derive(Debug)]
pub(super) struct Seams<'p> {
    prefilter: &'p Prefilter,
    /// One bit for each pair of bytes: whether it occurs in a literal.
    pairs: Vec<u64>,
    /// Bytes that a literal can have on one side of a seam.
    side: usize,
}

impl<'p> Seams<'p> {
    pub(super) fn new(prefilter: &'p Prefilter) -> Self {
        let mut pairs = vec![0; 1024];
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
        let mut hot = false;
        let mut note = Note::default();
        self.prefilter.each(text, |anchor| {
            hot = self.prefilter.viable(text, anchor);
            if note.anchors.len() < MAX_ANCHORS {
                note.anchors.push(anchor);
            } else {
                note.unknown = true;
            }
            !hot
        });
        if hot || note.unknown {
            return (hot, Note::UNKNOWN);
        }
        note.anchors.sort_unstable();
        (false, note)
    }

    /// The note of an object that has no viable anchor. `None`: it may have one, and must be built.
    pub(super) fn carry(
        &self,
        base: &[u8],
        note: &Note,
        delta: &Delta<'_>,
    ) -> Result<Option<Note>, &'static str> {
        if note.unknown {
            return Ok(None);
        }
        let mut found = false;
        self.prefilter.each(delta.instructions(), |_| {
            found = true;
            false
        });
        if found {
            return Ok(None);
        }
        let mut carried = Vec::new();
        let mut ops = delta.ops();
        let mut op = ops.next();
        let mut tail = Tail::default();
        let mut at = 0;
        while let Some(this) = op {
            op = ops.next();
            let piece = match this {
                Op::Insert { start, len } => delta.inserted(start, len),
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
                    if !note.anchors.is_empty()
                        && !self.copy_anchors(base, note, start..end, at, delta.result_size, &mut carried)
                    {
                        return Ok(None);
                    }
                    piece
                }
            };
            if let Some(last) = tail.last()
                && self.is_pair(last, piece[0])
                && self.joins(&tail, piece, base, delta, op, ops.clone())
            {
                return Ok(None);
            }
            tail.push(piece, self.side);
            at += piece.len();
        }
        ops.finish()?;
        if at as u64 != delta.result_size {
            return Err(NO_FIT);
        }
        Ok(Some(Note { anchors: carried, unknown: false }))
    }

    /// Take over the anchors of a span of the base that is copied to `at`. `false` if one may become viable there.
    fn copy_anchors(
        &self,
        base: &[u8],
        note: &Note,
        span: std::ops::Range<usize>,
        at: usize,
        result_size: u64,
        carried: &mut Vec<Anchor>,
    ) -> bool {
        let starts_both = span.start == 0 && at == 0;
        let ends_both = span.end == base.len() && (at + span.len()) as u64 == result_size;
        let first = note.anchors.partition_point(|a| a.pos < span.start);
        for anchor in note.anchors[first..].iter().take_while(|a| a.pos < span.end) {
            let literal = self.prefilter.literals()[usize::from(anchor.literal)].bytes.len();
            if anchor.pos + literal > span.end {
                continue; // it is cut: only a look at the seam can tell what becomes of it
            }
            let left = starts_both || anchor.pos - span.start >= Prefilter::REACH_BEFORE;
            let right = ends_both || span.end - anchor.pos >= Prefilter::REACH_AFTER;
            if !left || !right || carried.len() == MAX_ANCHORS {
                return false;
            }
            carried.push(Anchor { pos: anchor.pos - span.start + at, literal: anchor.literal });
        }
        true
    }

    fn is_pair(&self, left: u8, right: u8) -> bool {
        let key = usize::from(left) << 8 | usize::from(right);
        self.pairs[key >> 6] >> (key & 63) & 1 != 0
    }

    /// Whether a literal may stand across the seam between `tail` and `piece`, behind which `op` and `ops` follow.
    fn joins(
        &self,
        tail: &Tail<'_>,
        piece: &[u8],
        base: &[u8],
        delta: &Delta<'_>,
        mut op: Option<Op>,
        mut ops: Ops<'_>,
    ) -> bool {
        if self.side > MAX_SIDE {
            return true;
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
                    None => return true,
                },
            };
            op = ops.next();
        }
        let mut joined = false;
        self.prefilter.each(&window[..end], |anchor| {
            let literal = self.prefilter.literals()[usize::from(anchor.literal)].bytes.len();
            joined = anchor.pos < seam && anchor.pos + literal > seam;
            !joined
        });
        joined
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

#[cfg(test)]
impl Note {
    pub(super) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }
}

#[cfg(test)]
impl Seams<'_> {
    /// The note of a text as if none of its anchors were viable.
    pub(super) fn note_of_cold(&self, text: &[u8]) -> Note {
        let mut anchors = Vec::new();
        self.prefilter.anchors(text, &mut anchors);
        Note { anchors, unknown: false }
    }
}
