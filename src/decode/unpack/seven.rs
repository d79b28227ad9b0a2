//! Archives of 7z. What tells where everything is stands at their end, so that they must be held in memory.

use std::io::Cursor;

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::limit::MEMORY;
use super::source::Source;
use super::stream::Small;
use super::{Flow, Problem, Stop, Unpacker};

/// Larger archives are not read, bytes.
const LARGEST: u64 = 128 << 20;
/// Length of what tells where the headers are, bytes.
const FIRST_HEADER: u64 = 32;
/// What the decoders may use, KiB.
const DECODERS: usize = 96 << 10;

impl Unpacker<'_> {
    pub(super) fn seven_zip(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        let Some(bytes) = self.held(source, LARGEST)? else { return Ok(()) };
        let len = bytes.len() as u64;
        // The headers end the archive: where they begin, from behind the first one, and how long they are.
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let end = number(12).saturating_add(number(20)).saturating_add(FIRST_HEADER);
        let behind = bytes.get(usize::try_from(end).unwrap_or(usize::MAX)..).unwrap_or_default();
        let mut reader = match ArchiveReader::new_with_memory_limit(
            Cursor::new(&bytes[..]),
            Password::empty(),
            DECODERS,
        ) {
            Ok(reader) => reader,
            Err(error) => {
                self.problem(problem(&error));
                return Ok(());
            }
        };
        reader.set_thread_count(1);
        // Everything in a block is compressed as one: what one member expands to, it does from what the others have in common.
        let outer = self.path.len();
        let mut stopped = false;
        let read = reader.for_each_entries(|entry, content| {
            let member = || {
                let before = self.enter(entry.name().as_bytes())?;
                let failure = if entry.has_stream() {
                    self.packed_in_memory(&mut Small(content), len, depth)?
                } else {
                    None
                };
                if failure.is_none() {
                    self.leave(before);
                }
                Ok(failure)
            };
            match member() {
                Ok(Some(problem @ Problem::OverLimit(_))) => {
                    self.problem(problem);
                    self.leave(outer);
                    Ok(false)
                }
                // Of what failed the reader tells better why.
                Ok(_) => Ok(true),
                Err(Stop) => {
                    stopped = true;
                    Err(Error::Other("stopped".into()))
                }
            }
        });
        if stopped {
            return Err(Stop);
        }
        if let Err(error) = read {
            self.problem(problem(&error));
        }
        self.leave(outer);
        self.behind_held(behind)
    }
}

fn problem(error: &Error) -> Problem {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Problem::Encrypted,
        Error::UnsupportedCompressionMethod(name) if name.contains("AES") => Problem::Encrypted,
        Error::UnsupportedCompressionMethod(name) => Problem::Unsupported(name.clone()),
        Error::MaxMemLimited { .. } => Problem::OverLimit(MEMORY),
        Error::Io(error, _) => Problem::Corrupt(super::limit::reason(error)),
        _ => Problem::Corrupt("corrupt: it is damaged".into()),
    }
}
