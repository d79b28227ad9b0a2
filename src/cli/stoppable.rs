//! Input that Ctrl-C ends: a read waits for as long as nobody writes, so it is done by a thread of its own.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use keyhound::scan::Control;

const PIECE: usize = 1 << 17;
/// How many pieces may wait.
const WAITING: usize = 2;
/// How often to look whether the scan is to end.
const EVERY: Duration = Duration::from_millis(50);

/// An input up to its end, or until the scan is stopped.
pub(crate) struct Stoppable {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    control: Arc<Control>,
}

impl Stoppable {
    /// Begin to read standard input.
    pub(crate) fn stdin(control: &Arc<Control>) -> Self {
        Self::of(io::stdin(), control)
    }

    /// Begin to read this.
    pub(crate) fn of(mut input: impl Read + Send + 'static, control: &Arc<Control>) -> Self {
        let (to, pieces) = sync_channel(WAITING);
        // It may wait for good: the end of the program ends it.
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = input.read(&mut piece);
                let is_last = matches!(read, Ok(0));
                let failed = matches!(&read, Err(error) if error.kind() != io::ErrorKind::Interrupted);
                let sent = to.send(read.map(|read| {
                    piece.truncate(read);
                    piece
                }));
                if is_last || failed || sent.is_err() {
                    break;
                }
            }
        });
        Self { pieces, piece: io::Cursor::default(), control: Arc::clone(control) }
    }
}

impl Read for Stoppable {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buf)?;
            if read > 0 || buf.is_empty() || self.control.stopped() {
                return Ok(read);
            }
            match self.pieces.recv_timeout(EVERY) {
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn all_is_read_and_a_wait_is_ended() {
        let control = Arc::default();
        let text: Vec<u8> = (0..PIECE * 3 + 7).map(|n| (n % 251) as u8).collect();
        let mut read = Vec::new();
        Stoppable::of(io::Cursor::new(text.clone()), &control).read_to_end(&mut read).expect("it reads");
        assert!(read == text);

        let (reader, writer) = io::pipe().expect("a pipe");
        let mut waiting = Stoppable::of(reader, &control);
        control.stop.store(true, Ordering::Relaxed);
        assert_eq!(waiting.read(&mut [0; 8]).expect("no error"), 0, "although nobody writes");
        drop(writer);
    }
}
