//! Archives of `ar`: Debian packages and static libraries.

use std::io::BufRead as _;

use super::source::{Source, fill};
use super::{ENDS_EARLY, Flow, Stop, Unpacker};

const HEADER: usize = 60;

/// Longest table of names that is read, bytes.
const MAX_NAMES: u64 = 16 << 20;

impl Unpacker<'_> {
    pub(super) fn ar(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        source.pass(8).map_err(|_| Stop)?;
        let mut names = Vec::new();
        loop {
            let mut header = [0; HEADER];
            let text = source.peek(HEADER).map_err(|_| Stop)?;
            let len = text.len();
            header[..len].copy_from_slice(text);
            match len {
                0 => return Ok(()),
                HEADER if header[58..] == *b"`\n" => source.consume(HEADER),
                // Not taken, so that it is read as what stands behind the archive.
                HEADER => {
                    self.corrupt("corrupt: a header is damaged");
                    return Ok(());
                }
                _ => {
                    self.corrupt(ENDS_EARLY);
                    return Ok(());
                }
            }
            let Some(size) = decimal(&header[48..58]) else {
                self.corrupt("corrupt: a header is damaged");
                return Ok(());
            };
            let whole = self.ar_member(source, header[..16].trim_ascii_end(), size, &mut names, depth)?;
            // Members begin at even distances; behind the last one the byte may be missing.
            if !whole || size % 2 == 1 && !source.pass(1).map_err(|_| Stop)? {
                return Ok(());
            }
        }
    }

    /// A member. `false`: the archive ends within it.
    fn ar_member(
        &mut self,
        source: &mut Source<'_>,
        field: &[u8],
        size: u64,
        names: &mut Vec<u8>,
        depth: usize,
    ) -> Result<bool, Stop> {
        let (mut name, mut left) = (field.strip_suffix(b"/").unwrap_or(field).to_vec(), size);
        if field == b"//" {
            // GNU keeps long names in a member of their own.
            names.resize(size.min(MAX_NAMES) as usize, 0);
            let len = fill(source, names).map_err(|_| Stop)?;
            names.truncate(len);
            return self.pass(source, size - len as u64);
        } else if field == b"/" || field == b"/SYM64/" {
            return self.pass(source, size); // where which symbol is
        } else if let Some(at) = field.strip_prefix(b"/").and_then(decimal) {
            let long = names.get(at as usize..).unwrap_or_default();
            let long = long.split(|b| *b == b'\n').next().unwrap_or_default();
            name = long.strip_suffix(b"/").unwrap_or(long).to_vec();
        } else if let Some(len) = field.strip_prefix(b"#1/").and_then(decimal) {
            // BSD puts them before the content.
            name.resize(len.min(left).min(1 << 16) as usize, 0);
            let len = fill(source, &mut name).map_err(|_| Stop)?;
            name.truncate(len);
            left -= len as u64;
            let end = name.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
            name.truncate(end);
        }
        let before = self.enter(&name)?;
        let whole = left == 0 || self.stored(source, left, depth, false)?.is_some();
        self.leave(before);
        Ok(whole)
    }
}

fn decimal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field.trim_ascii()).ok()?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}
