//! Where in a sorted list of ids those begin that share their first bits.

use std::ops::Range;

/// There is about one id for each entry, so that a look-up touches two places.
#[derive(Debug, Default)]
pub(in crate::sources::history) struct Table {
    /// How many bits of the first 32 are not looked at.
    shift: u32,
    /// One more at the end.
    starts: Vec<u32>,
}

impl Table {
    /// `heads` are the first 32 bits of the ids. They should ascend; where they do not, as in a damaged index, some are missed, as by
    /// a binary search.
    pub(in crate::sources::history) fn new(heads: impl ExactSizeIterator<Item = u32>) -> Self {
        let len = heads.len();
        let bits = (usize::BITS - len.leading_zeros()).clamp(1, 28);
        let shift = 32 - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (head, position) in heads.zip(0..) {
            let bucket = (head >> shift) as usize;
            starts.resize(starts.len().max(bucket + 1), position);
        }
        starts.resize((1 << bits) + 1, len as u32);
        Self { shift, starts }
    }

    /// Where those are that share the bits of `head`.
    pub(in crate::sources::history) fn range(&self, head: u32) -> Range<usize> {
        let bucket = (head >> self.shift) as usize;
        let start = |bucket: usize| self.starts.get(bucket).map_or(0, |start| *start as usize);
        start(bucket)..start(bucket + 1)
    }

    /// Where the first of them is.
    pub(in crate::sources::history) fn start(&self, head: u32) -> Option<u32> {
        self.starts.get((head >> self.shift) as usize).copied()
    }
}
