//! Reusable buffers with room behind their content, and a pool of them.
//!
//! The room ([`SLACK`] initialised bytes) lets the inflater run its fast loop to the end and lets short copies move 16
//! bytes at a time without a look at the exact end.

/// Bytes that every buffer has behind its content.
pub(super) const SLACK: usize = 512;

/// Buffers larger than this are given back to the system instead of being kept.
const KEEP: usize = 16 << 20;

/// Bytes with [`SLACK`] initialised bytes behind them.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    data: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// A buffer with this content.
    pub(super) fn of(mut data: Vec<u8>) -> Self {
        let len = data.len();
        data.resize(len + SLACK, 0);
        Self { data, len }
    }

    /// The content.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.data[..self.len]
    }

    /// The content and the room behind it.
    pub(super) fn with_slack(&self) -> &[u8] {
        &self.data
    }

    /// Everything there is to write to, at least `len + SLACK` bytes. The content is `len` bytes afterwards.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        let need = len + SLACK;
        if self.data.len() < need {
            // A fresh zeroed allocation costs less than growing and copying what is about to be overwritten.
            let rounded = if need < KEEP { need.next_power_of_two().max(8192) } else { need };
            self.data = vec![0; rounded];
        }
        self.len = len;
        &mut self.data
    }

    /// Move the content out.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.data.truncate(self.len);
        self.data
    }
}

/// Buffers that are free.
#[derive(Debug, Default)]
pub(super) struct Pool(Vec<Buffer>);

impl Pool {
    pub(super) fn take(&mut self) -> Buffer {
        self.0.pop().unwrap_or_default()
    }

    pub(super) fn give(&mut self, buffer: Buffer) {
        if buffer.data.len() <= KEEP && self.0.len() < 64 {
            self.0.push(buffer);
        }
    }
}
