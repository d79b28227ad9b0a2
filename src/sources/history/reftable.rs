//! Refs in reftables: the binary format that `extensions.refStorage = reftable` asks for. gix does not read it.
//!
//! A stack of tables, oldest first, is listed in `tables.list`; a later table overrides an earlier one, record by record.
//! Only the blocks of refs are read, one after the other; indexes and logs are not needed for that.

use std::collections::BTreeMap;
use std::path::Path;

use super::refs::Target;
use super::repo::{read_at_most, read_small};
use super::store::{HashKind, ObjectId};

/// A table longer than this is none that we read: a million refs take about 50 MB.
const MAX_TABLE: u64 = 1 << 30;

/// Refs by name; `None` for one that a table deletes.
pub(super) type Records = BTreeMap<Vec<u8>, Option<Target>>;

/// Read the stack in `folder`. Tables that cannot be read are named in the second part, with the reason.
pub(super) fn read_stack(folder: &Path, hash: HashKind) -> (Records, Vec<(String, String)>) {
    let mut records = Records::new();
    let mut problems = Vec::new();
    let list = folder.join("tables.list");
    let Some(names) = read_small(&list) else {
        problems.push((list.display().to_string(), "the list of reftables cannot be read".into()));
        return (records, problems);
    };
    for name in String::from_utf8_lossy(&names).lines().filter(|n| !n.is_empty()) {
        let path = folder.join(name);
        let read = if name.contains(['/', '\\']) {
            Err("a reftable outside of its folder".to_owned())
        } else {
            match read_at_most(&path, MAX_TABLE) {
                Ok(Some(bytes)) => read_table(&bytes, hash, &mut records).map_err(str::to_owned),
                Ok(None) => Err("the reftable is too large".into()),
                Err(e) => Err(format!("the reftable cannot be read: {}", e.kind())),
            }
        };
        if let Err(reason) = read {
            problems.push((path.display().to_string(), reason));
        }
    }
    (records, problems)
}

/// Add the refs of one table to `records`. What was read before an error stays.
fn read_table(bytes: &[u8], hash: HashKind, records: &mut Records) -> Result<(), &'static str> {
    const DAMAGED: &str = "the reftable is damaged";
    let version = *bytes.get(4).ok_or(DAMAGED)?;
    let header = match (bytes.starts_with(b"REFT"), version) {
        (true, 1) => 24,
        (true, 2) => 28,
        (true, _) => return Err("a version of the reftable format that is not known"),
        (false, _) => return Err(DAMAGED),
    };
    let footer = header + 44;
    let end = bytes.len().checked_sub(footer).filter(|end| *end >= header).ok_or(DAMAGED)?;
    let foot = &bytes[end..];
    if foot[..header] != bytes[..header] {
        return Err(DAMAGED);
    }
    let block_size = u24(bytes, 5).ok_or(DAMAGED)?;
    // Whatever comes first behind the refs: their index, the objects, the logs.
    let position = |at: usize, shift: u32| {
        let raw = u64::from_be_bytes(foot[at..at + 8].try_into().expect("eight bytes")) >> shift;
        usize::try_from(raw).ok().filter(|p| *p > 0)
    };
    let sections = [(0, 0), (8, 5), (16, 0), (24, 0), (32, 0)];
    let refs_end = sections.iter().filter_map(|(at, shift)| position(header + at, *shift)).min();
    let refs_end = refs_end.unwrap_or(end).min(end);

    let mut at = 0;
    while at < refs_end {
        let start = if at == 0 { header } else { at };
        let Some(kind) = bytes[..end].get(start) else { break };
        if *kind != b'r' {
            break;
        }
        let length = u24(bytes, start + 1).ok_or(DAMAGED)?;
        let block = bytes[..end].get(at..at + length).ok_or(DAMAGED)?;
        read_block(block, start - at, hash, records).ok_or(DAMAGED)?;
        // Blocks are padded with NULs to the block size, but need not be.
        let padded = at + block_size;
        let next = at + length;
        at = if block_size > 0 && padded > next && bytes.get(next).is_none_or(|b| *b == 0) {
            padded
        } else {
            next
        };
    }
    Ok(())
}

/// Read the records of a block, which begins with its kind at `start`. `None`: it is damaged.
fn read_block(block: &[u8], start: usize, hash: HashKind, records: &mut Records) -> Option<()> {
    let restarts =
        usize::from(u16::from_be_bytes(block.get(block.len().checked_sub(2)?..)?.try_into().ok()?));
    let end = block.len().checked_sub(2 + 3 * restarts)?;
    let mut input = Input { bytes: block.get(start + 4..end)? };
    let mut name: Vec<u8> = Vec::new();
    while !input.bytes.is_empty() {
        let shared = input.size()?;
        let suffix = input.size()?;
        let kind = suffix & 7;
        let suffix = input.take(suffix >> 3)?;
        if shared > name.len() {
            return None;
        }
        name.truncate(shared);
        name.extend_from_slice(suffix);
        let _update = input.size()?;
        let target = match kind {
            0 => None,
            1 => Some(Target::Id(input.id(hash)?)),
            2 => {
                let id = input.id(hash)?;
                input.id(hash)?; // what the tag comes to in the end
                Some(Target::Id(id))
            }
            3 => {
                let length = input.size()?;
                Some(Target::Name(input.take(length)?.to_vec()))
            }
            _ => return None,
        };
        records.insert(name.clone(), target);
    }
    Some(())
}

fn u24(bytes: &[u8], at: usize) -> Option<usize> {
    let b = bytes.get(at..at + 3)?;
    Some(usize::from(b[0]) << 16 | usize::from(b[1]) << 8 | usize::from(b[2]))
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(length)?;
        self.bytes = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// The variable-length numbers that offset deltas use, too.
    fn size(&mut self) -> Option<usize> {
        let mut byte = self.byte()?;
        let mut size = usize::from(byte & 0x7F);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            size = (size.checked_add(1)?.checked_mul(128)?) | usize::from(byte & 0x7F);
        }
        Some(size)
    }

    fn id(&mut self, hash: HashKind) -> Option<ObjectId> {
        self.take(hash.len_in_bytes()).and_then(|b| ObjectId::try_from(b).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one block, as git writes it.
    fn table(records: &[(&str, u8, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        let mut last = String::new();
        for (name, kind, value) in records {
            let shared = name.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
            body.push(shared as u8);
            let suffix = (name.len() - shared) << 3 | usize::from(*kind);
            if suffix > 127 {
                body.push((0x80 + ((suffix >> 7) - 1)) as u8);
            }
            body.push((suffix & 127) as u8);
            body.extend(&name.as_bytes()[shared..]);
            body.push(0);
            body.extend(*value);
            last = (*name).to_owned();
        }
        let mut bytes = b"REFT\x01\0\x10\0".to_vec();
        bytes.extend([0; 16]);
        let header = bytes.clone();
        let length = 24 + 4 + body.len() + 3 + 2;
        bytes.extend([b'r', 0, (length >> 8) as u8, length as u8]);
        bytes.extend(body);
        bytes.extend([0, 0, 28, 0, 1]);
        bytes.extend(header);
        bytes.extend([0; 44]);
        bytes
    }

    fn id(byte: u8) -> ObjectId {
        ObjectId::try_from(&[byte; 20][..]).expect("20 bytes")
    }

    #[test]
    fn records_of_all_kinds_are_read_and_later_ones_win() {
        let mut records = Records::new();
        let symbolic = b"\x0frefs/heads/main";
        let tag = [[2; 20], [3; 20]].concat();
        let first = table(&[("HEAD", 3, symbolic), ("refs/heads/a", 1, &[1; 20]), ("refs/tags/a", 2, &tag)]);
        read_table(&first, HashKind::Sha1, &mut records).expect("a good table");
        read_table(&table(&[("refs/heads/a", 0, b"")]), HashKind::Sha1, &mut records).expect("a good table");
        let expected: Records = [
            (b"HEAD".to_vec(), Some(Target::Name(b"refs/heads/main".to_vec()))),
            (b"refs/heads/a".to_vec(), None),
            (b"refs/tags/a".to_vec(), Some(Target::Id(id(2)))),
        ]
        .into();
        assert_eq!(records, expected);
    }

    proptest::proptest! {
        #[test]
        fn damage_is_an_error_and_no_panic(at in 0usize..200, to: u8, cut in 0usize..200) {
            let mut bytes = table(&[("refs/heads/a", 1, &[1; 20]), ("refs/heads/b", 1, &[9; 20])]);
            let length = bytes.len();
            bytes[at % length] = to;
            bytes.truncate(length - cut % length);
            let _ = read_table(&bytes, HashKind::Sha1, &mut Records::new());
        }
    }
}
