//! The end of what a delta builds, without building it.

/// Pieces behind one another that can be within one side: each is a byte or more.
const TAIL: usize = 16;

/// The last pieces of what is built so far: as many as can be of use.
#[derive(Debug, Default)]
pub(super) struct Tail<'a> {
    pieces: [&'a [u8]; TAIL],
    count: usize,
}

impl<'a> Tail<'a> {
    #[inline]
    pub(super) fn last(&self) -> Option<u8> {
        self.pieces[self.count.wrapping_sub(1) % TAIL].last().copied()
    }

    #[inline]
    pub(super) fn push(&mut self, piece: &'a [u8]) {
        self.pieces[self.count % TAIL] = piece;
        self.count += 1;
    }

    /// Write the last bytes to the start of `out`, which they may not fill. Gives how many there are.
    pub(super) fn take(&self, out: &mut [u8]) -> usize {
        let mut from = out.len();
        for i in 1..=self.count.min(TAIL) {
            let piece = self.pieces[(self.count - i) % TAIL];
            let part = &piece[piece.len().saturating_sub(from)..];
            out[from - part.len()..from].copy_from_slice(part);
            from -= part.len();
            if from == 0 {
                break;
            }
        }
        out.copy_within(from.., 0);
        out.len() - from
    }
}
