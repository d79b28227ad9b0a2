//! One file: read in chunks that stay in the cache, and read whole only if the prefilter finds something, or if it is a
//! container, in which the prefilter sees nothing.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::{COUNT_EVERY, bytes};
use crate::blob::{Blob, Origin, Sink};
use crate::decode::unpack::{self, fill};
use crate::detect::Prefilter;

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// Bytes that two chunks share: enough for the prefilter to judge every literal with all that it looks at.
const MARGIN: usize = 1024;

const _: () = assert!(MARGIN > 2 * (Prefilter::REACH_BEFORE + Prefilter::REACH_AFTER));

/// Larger files are not held in memory.
const WHOLE: usize = 16 << 20;

/// Reads files, one after another, into the same memory.
pub(super) struct FileReader<'s> {
    prefilter: &'s Prefilter,
    sink: &'s dyn Sink,
    chunk: Vec<u8>,
    whole: Vec<u8>,
    /// Not yet told to the sink.
    cold: (u64, u64),
}

impl<'s> FileReader<'s> {
    pub(super) fn new(prefilter: &'s Prefilter, sink: &'s dyn Sink) -> Self {
        Self { prefilter, sink, chunk: Vec::new(), whole: Vec::new(), cold: (0, 0) }
    }

    /// Read the file at `path`, which is reported as `shown`.
    pub(super) fn read(&mut self, path: &Path, shown: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        self.chunk.resize(CHUNK, 0);
        let (mut kept, mut total) = (0, 0);
        loop {
            let read = fill(&mut file, &mut self.chunk[kept..])?;
            total += read as u64;
            let text = &self.chunk[..kept + read];
            let at_end = text.len() < self.chunk.len();
            if kept == 0 && unpack::format(&text[..read.min(unpack::HEAD)]).is_some() {
                let origin = Origin::file(bytes(shown));
                if at_end {
                    self.sink.blob(Blob { origin: &origin, bytes: text });
                    return Ok(());
                }
                return self.sink.stream(&origin, &mut text.chain(file));
            }
            if self.prefilter.is_hot(text) {
                let origin = Origin::file(bytes(shown));
                if at_end && total == text.len() as u64 {
                    self.sink.blob(Blob { origin: &origin, bytes: text });
                    return Ok(());
                }
                return self.hot(&mut file, total, &origin);
            }
            if at_end {
                self.count(total);
                return Ok(());
            }
            kept = MARGIN;
            self.chunk.copy_within(CHUNK - MARGIN.., 0);
        }
    }

    /// There is something in the first `total` bytes of a file with more than one chunk.
    fn hot(&mut self, file: &mut File, total: u64, origin: &Origin) -> io::Result<()> {
        self.whole.clear();
        if total == CHUNK as u64 {
            self.whole.extend_from_slice(&self.chunk);
        } else {
            file.rewind()?;
        }
        let room = (WHOLE - self.whole.len()) as u64;
        file.take(room).read_to_end(&mut self.whole)?;
        if self.whole.len() < WHOLE {
            self.sink.blob(Blob { origin, bytes: &self.whole });
            return Ok(());
        }
        self.sink.stream(origin, &mut self.whole.as_slice().chain(file))
    }

    fn count(&mut self, bytes: u64) {
        self.cold.0 += 1;
        self.cold.1 += bytes;
        if self.cold.0 == COUNT_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let (blobs, bytes) = std::mem::take(&mut self.cold);
        self.sink.cold(blobs, bytes);
    }
}

impl Drop for FileReader<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}
