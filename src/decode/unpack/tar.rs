//! Tar archives: old, ustar, GNU and pax headers.

use std::io::BufRead as _;

use super::source::{Source, fill};
use super::{ENDS_EARLY, Flow, Stop, Unpacker};

const BLOCK: usize = 512;

/// What a header of another header's name or attributes may hold, bytes: names are far shorter.
const MAX_EXTENSION: u64 = 1 << 20;

/// Whether `block` begins with a header whose checksum is right.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.get(..BLOCK) else { return false };
    let Some(wanted) = number(&block[148..156]) else { return false };
    let field = |i: usize| (148..156).contains(&i);
    let sum = |as_number: fn(u8) -> i64| -> i64 {
        block.iter().enumerate().map(|(i, b)| as_number(if field(i) { b' ' } else { *b })).sum()
    };
    // Old programs took bytes for signed numbers.
    [sum(i64::from), sum(|b| i64::from(b.cast_signed()))].contains(&wanted.cast_signed())
}

/// What the headers before a member's own say of it.
#[derive(Debug, Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extension {
    /// Attributes of pax: `LENGTH KEY=VALUE\n`, as often as there are any.
    fn pax(&mut self, mut records: &[u8]) {
        while let Some(space) = memchr::memchr(b' ', records) {
            let len = std::str::from_utf8(&records[..space]).ok().and_then(|n| n.parse().ok()).unwrap_or(0);
            let Some(record) = records.get(space + 1..len) else { return };
            records = &records[len..];
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let Some(equals) = memchr::memchr(b'=', record) else { continue };
            let value = &record[equals + 1..];
            match &record[..equals] {
                b"path" | b"GNU.sparse.name" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok()),
                _ => {}
            }
        }
    }
}

impl Unpacker<'_> {
    pub(super) fn tar(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        let mut block = [0; BLOCK];
        let mut extension = Extension::default();
        let (mut ended, mut told) = (false, false);
        loop {
            let text = source.peek(BLOCK).map_err(|_| Stop)?;
            let len = text.len();
            block[..len].copy_from_slice(text);
            if block[..len].iter().all(|b| *b == 0) {
                source.consume(len);
                if len == 0 {
                    return Ok(());
                }
                ended = true; // but another archive may follow
                continue;
            }
            let size = if len == BLOCK && is_header(&block) { number(&block[124..136]) } else { None };
            let Some(size) = size else {
                if ended {
                    return Ok(()); // it is something else
                }
                source.consume(len);
                if !told {
                    self.corrupt(if len < BLOCK { ENDS_EARLY } else { "corrupt: a header is damaged" });
                    told = true;
                }
                continue;
            };
            source.consume(BLOCK);
            ended = false;
            let whole = match block[156] {
                kind @ (b'L' | b'K' | b'x' | b'X') => {
                    let Some(text) = self.extension(source, size)? else { return Ok(()) };
                    match kind {
                        b'L' => extension.name = Some(text_of(&text).to_vec()),
                        b'K' => extension.link = Some(text_of(&text).to_vec()),
                        _ => extension.pax(&text),
                    }
                    true
                }
                // Attributes of all members, and labels of volumes.
                b'g' | b'V' => self.pass(source, padded(size))?,
                _ => self.tar_member(source, &block, std::mem::take(&mut extension), size, depth)?,
            };
            if !whole {
                return Ok(());
            }
        }
    }

    /// The content of an extension; `None` where it ends early.
    fn extension(&mut self, source: &mut Source<'_>, size: u64) -> Result<Option<Vec<u8>>, Stop> {
        let mut text = vec![0; size.min(MAX_EXTENSION) as usize];
        let len = fill(source, &mut text).map_err(|_| Stop)?;
        text.truncate(len);
        let whole = self.pass(source, padded(size).saturating_sub(len as u64))?;
        Ok(whole.then_some(text))
    }

    /// A member. `false`: the archive ends within it.
    fn tar_member(
        &mut self,
        source: &mut Source<'_>,
        header: &[u8; BLOCK],
        extension: Extension,
        size: u64,
        depth: usize,
    ) -> Result<bool, Stop> {
        let kind = header[156];
        let name = extension.name.unwrap_or_else(|| {
            let name = text_of(&header[..100]);
            let prefix = if &header[257..263] == b"ustar\0" { text_of(&header[345..500]) } else { b"" };
            if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
        });
        let before = self.enter(&name)?;
        // Links, devices and folders have no content, whatever size they name.
        let size = if (b'1'..=b'6').contains(&kind) { 0 } else { extension.size.unwrap_or(size) };
        if matches!(kind, b'1' | b'2') {
            let link = extension.link.unwrap_or_else(|| text_of(&header[157..257]).to_vec());
            self.members.name(&self.path, &link);
        }
        if kind == b'S' {
            // A file with holes: further blocks describe them.
            let mut goes_on = header[482] != 0;
            while goes_on {
                let mut block = [0; BLOCK];
                if source.take(&mut block).map_err(|_| Stop)? < BLOCK {
                    break;
                }
                goes_on = block[504] != 0;
            }
        }
        let whole = if size == 0 {
            true
        } else {
            self.stored(source, size, depth, false)?.is_some() && self.pass(source, padded(size) - size)?
        };
        self.leave(before);
        Ok(whole)
    }

    /// Pass over bytes; where there are not so many, tell.
    pub(super) fn pass(&mut self, source: &mut Source<'_>, n: u64) -> Result<bool, Stop> {
        let whole = source.pass(n).map_err(|_| Stop)?;
        if !whole {
            self.corrupt(ENDS_EARLY);
        }
        Ok(whole)
    }
}

/// Rounded up to whole blocks.
fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

/// A field up to its NUL.
fn text_of(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// A number: octal digits, or, where the first bit is set, binary.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let low = u64::from_be_bytes(low.try_into().ok()?);
        return (high.iter().all(|b| matches!(b, 0 | 0x80)) && low >> 56 != 0x80).then_some(low);
    }
    let digits = field.split(|b| *b == 0).next()?.trim_ascii();
    digits.iter().try_fold(0u64, |n, b| {
        b.is_ascii_digit().then_some(())?;
        n.checked_mul(8)?.checked_add(u64::from(b.checked_sub(b'0')?)).filter(|_| *b < b'8')
    })
}
