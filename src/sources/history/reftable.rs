//! Refs and reflogs in reftables: the binary format that `extensions.refStorage = reftable` asks for. gix does not read it.
//!
//! A stack of tables, oldest first, is listed in `tables.list`; a later table overrides an earlier one, record by record.
//! The blocks of refs, or of logs, are read one after the other; indexes are not needed for that.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use gix::zlib::{Decompress, FlushDecompress};

use super::refs::Target;
use super::repo::{read_at_most, read_small};
use super::store::{HashKind, ObjectId};

/// A table longer than this is none that we read: a million refs take about 50 MB.
const MAX_TABLE: u64 = 1 << 30;

const DAMAGED: &str = "the reftable is damaged";

/// Refs by name; `None` for one that a table deletes.
pub(super) type Records = BTreeMap<Vec<u8>, Option<Target>>;

/// Entries of reflogs by name, the newest of each first: the object before, and after. `None` for one that a table deletes.
pub(super) type Logs = BTreeMap<(Vec<u8>, Reverse<u64>), Option<(ObjectId, ObjectId)>>;

/// Read the refs of the stack in `folder`. Tables that cannot be read are named in the second part, with the reason.
pub(super) fn read_stack(folder: &Path, hash: HashKind) -> (Records, Vec<(String, String)>) {
    let mut records = Records::new();
    let problems = each_table(folder, &mut |table| table.refs(hash, &mut records));
    (records, problems)
}

/// Read the reflogs of the stack in `folder`, as far as they are sound: they give names, and decide nothing.
pub(super) fn read_logs(folder: &Path, hash: HashKind) -> Logs {
    let mut logs = Logs::new();
    each_table(folder, &mut |table| table.logs(hash, &mut logs));
    logs
}

/// Read all tables of a stack, oldest first. Gives those that cannot be read, with the reason.
fn each_table(
    folder: &Path,
    read: &mut dyn FnMut(&Table<'_>) -> Result<(), &'static str>,
) -> Vec<(String, String)> {
    let list = folder.join("tables.list");
    let Some(names) = read_small(&list) else {
        return vec![(list.display().to_string(), "the list of reftables cannot be read".into())];
    };
    let mut problems = Vec::new();
    for name in String::from_utf8_lossy(&names).lines().filter(|n| !n.is_empty()) {
        let path = folder.join(name);
        let read = if name.contains(['/', '\\']) {
            Err("a reftable outside of its folder".to_owned())
        } else {
            match read_at_most(&path, MAX_TABLE) {
                Ok(Some(bytes)) => Table::parse(&bytes).and_then(|t| read(&t)).map_err(str::to_owned),
                Ok(None) => Err("the reftable is too large".into()),
                Err(e) => Err(format!("the reftable cannot be read: {}", e.kind())),
            }
        };
        if let Err(reason) = read {
            problems.push((path.display().to_string(), reason));
        }
    }
    problems
}

/// A table whose header and footer are sound.
struct Table<'a> {
    /// Without the footer.
    bytes: &'a [u8],
    header: usize,
    block_size: usize,
    /// Where the blocks of refs end.
    refs_end: usize,
    /// Where those of logs begin, if there are any, and end.
    logs: Option<(usize, usize)>,
}

impl<'a> Table<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
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
        let position = |at: usize, shift: u32| {
            let raw = u64::from_be_bytes(foot[header + at..][..8].try_into().expect("eight bytes")) >> shift;
            usize::try_from(raw).ok().filter(|p| *p > 0)
        };
        let (log, log_index) = (position(24, 0), position(32, 0));
        // Whatever comes first behind the refs: their index, the objects and theirs, the logs and theirs.
        let sections = [position(0, 0), position(8, 5), position(16, 0), log, log_index];
        let refs_end = sections.into_iter().flatten().min().unwrap_or(end).min(end);
        let bytes = &bytes[..end];
        let only_logs = (bytes.get(header) == Some(&b'g')).then_some(0);
        let logs = log.or(only_logs).map(|start| (start, log_index.unwrap_or(end).min(end)));
        Ok(Self { bytes, header, block_size, refs_end, logs })
    }

    /// Where the kind of the block at `at` stands: the first one has the header of the table in front.
    fn kind_at(&self, at: usize) -> usize {
        if at == 0 { self.header } else { at }
    }

    /// Add the refs to `records`. What was read before an error stays.
    fn refs(&self, hash: HashKind, records: &mut Records) -> Result<(), &'static str> {
        let mut at = 0;
        while at < self.refs_end {
            let start = self.kind_at(at);
            if self.bytes.get(start) != Some(&b'r') {
                break;
            }
            let length = u24(self.bytes, start + 1).ok_or(DAMAGED)?;
            let block = self.bytes.get(at..at + length).ok_or(DAMAGED)?;
            read_refs(block, start - at, hash, records).ok_or(DAMAGED)?;
            // Blocks are padded with NULs to the block size, but need not be.
            let padded = at + self.block_size;
            let next = at + length;
            let is_padded =
                self.block_size > 0 && padded > next && self.bytes.get(next).is_none_or(|b| *b == 0);
            at = if is_padded { padded } else { next };
        }
        Ok(())
    }

    /// Add the entries of reflogs to `logs`. What was read before an error stays.
    fn logs(&self, hash: HashKind, logs: &mut Logs) -> Result<(), &'static str> {
        let Some((mut at, end)) = self.logs else { return Ok(()) };
        while at < end {
            let start = self.kind_at(at);
            if self.bytes.get(start) != Some(&b'g') {
                break;
            }
            // The length is that of the block before it was compressed, with what stands before its records.
            let head = start + 4;
            let length = u24(self.bytes, start + 1).and_then(|l| l.checked_sub(head - at)).ok_or(DAMAGED)?;
            let mut block = vec![0; length];
            let mut inflater = Decompress::new();
            let compressed = self.bytes.get(head..end).ok_or(DAMAGED)?;
            inflater.decompress(compressed, &mut block, FlushDecompress::Finish).map_err(|_| DAMAGED)?;
            if inflater.total_out() != length as u64 {
                return Err(DAMAGED);
            }
            read_logs_of(&block, hash, logs).ok_or(DAMAGED)?;
            at = head + usize::try_from(inflater.total_in()).map_err(|_| DAMAGED)?;
        }
        Ok(())
    }
}

/// Read the refs of a block, which begins with its kind at `start`. `None`: it is damaged.
fn read_refs(block: &[u8], start: usize, hash: HashKind, records: &mut Records) -> Option<()> {
    each_record(block.get(start + 4..)?, |name, kind, input| {
        let _update = input.size()?;
        let target = match kind {
            0 => None,
            1 => Some(Target::Id(input.id(hash)?)),
            2 => {
                let id = input.id(hash)?;
                input.id(hash)?; // what the tag comes to in the end
                Some(Target::Id(id))
            }
            3 => Some(Target::Name(input.text()?.to_vec())),
            _ => return None,
        };
        records.insert(name.to_vec(), target);
        Some(())
    })
}

/// Read the entries of reflogs of a block. `None`: it is damaged.
fn read_logs_of(block: &[u8], hash: HashKind, logs: &mut Logs) -> Option<()> {
    each_record(block, |key, kind, input| {
        // The number of the update is written so that the newest comes first.
        let (name, update) = key.split_last_chunk::<8>()?;
        let update = Reverse(u64::MAX - u64::from_be_bytes(*update));
        let ids = match kind {
            0 => None,
            1 => {
                let ids = (input.id(hash)?, input.id(hash)?);
                input.text()?; // who
                input.text()?; // with which address
                input.size()?; // when
                input.take(2)?; // in which time zone
                input.text()?; // why
                Some(ids)
            }
            _ => return None,
        };
        logs.insert((name.strip_suffix(b"\0")?.to_vec(), update), ids);
        Some(())
    })
}

/// Call `read` with the key, the kind and the value of each record of a block, given from the first record on.
fn each_record(block: &[u8], mut read: impl FnMut(&[u8], usize, &mut Input<'_>) -> Option<()>) -> Option<()> {
    let restarts = usize::from(u16::from_be_bytes(*block.last_chunk()?));
    let end = block.len().checked_sub(2 + 3 * restarts)?;
    let mut input = Input { bytes: &block[..end] };
    let mut key: Vec<u8> = Vec::new();
    while !input.bytes.is_empty() {
        let shared = input.size()?;
        let suffix = input.size()?;
        let kind = suffix & 7;
        let suffix = input.take(suffix >> 3)?;
        if shared > key.len() {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(suffix);
        read(&key, kind, &mut input)?;
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

    /// Text, its length before it.
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.size()?;
        self.take(length)
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
        for table in [first, table(&[("refs/heads/a", 0, b"")])] {
            let table = Table::parse(&table).expect("a good table");
            table.refs(HashKind::Sha1, &mut records).expect("good refs");
        }
        let expected: Records = [
            (b"HEAD".to_vec(), Some(Target::Name(b"refs/heads/main".to_vec()))),
            (b"refs/heads/a".to_vec(), None),
            (b"refs/tags/a".to_vec(), Some(Target::Id(id(2)))),
        ]
        .into();
        assert_eq!(records, expected);
    }

    /// A table of one block of logs, as git writes it: `(name, update, ids before and after)`.
    fn log_table(records: &[(&str, u64, Option<[u8; 2]>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, update, ids) in records {
            let kind = u8::from(ids.is_some());
            let suffix = (name.len() + 1 + 8) << 3 | usize::from(kind);
            body.extend([0, (0x80 + ((suffix >> 7) - 1)) as u8, (suffix & 127) as u8]);
            body.extend(name.as_bytes());
            body.push(0);
            body.extend((u64::MAX - update).to_be_bytes());
            if let Some([old, new]) = ids {
                body.extend([[*old; 20], [*new; 20]].concat());
                body.extend(b"\x03Ann\x0fann@example.org\x05\0\0\x02x\n");
            }
        }
        body.extend([0, 0, 28, 0, 1]);
        let mut bytes = b"REFT\x01\0\0\0".to_vec();
        bytes.extend([0; 16]);
        let header = bytes.clone();
        let length = bytes.len() + 4 + body.len();
        bytes.extend([b'g', 0, (length >> 8) as u8, length as u8]);
        let mut compressed = flate2::write::ZlibEncoder::new(bytes, flate2::Compression::default());
        std::io::Write::write_all(&mut compressed, &body).expect("into memory");
        let mut bytes = compressed.finish().expect("into memory");
        bytes.extend(header);
        bytes.extend([0; 44]);
        bytes
    }

    #[test]
    fn the_newest_entry_of_a_log_comes_first_and_later_tables_take_entries_away() {
        let mut logs = Logs::new();
        let (branch, stash) = ("refs/heads/main", "refs/stash");
        let first =
            log_table(&[(branch, 7, Some([1, 2])), (branch, 6, Some([0, 1])), (stash, 8, Some([0, 3]))]);
        for table in [first, log_table(&[(branch, 9, Some([2, 4])), (stash, 8, None)])] {
            Table::parse(&table).and_then(|t| t.logs(HashKind::Sha1, &mut logs)).expect("good logs");
        }
        let entry = |name: &str, update, ids: Option<[u8; 2]>| {
            ((name.as_bytes().to_vec(), Reverse(update)), ids.map(|ids| (id(ids[0]), id(ids[1]))))
        };
        let expected = [
            entry(branch, 9, Some([2, 4])),
            entry(branch, 7, Some([1, 2])),
            entry(branch, 6, Some([0, 1])),
            entry(stash, 8, None),
        ];
        assert_eq!(logs.into_iter().collect::<Vec<_>>(), expected);
    }

    proptest::proptest! {
        #[test]
        fn damage_to_logs_is_an_error_and_no_panic(at in 0usize..300, to: u8, cut in 0usize..300) {
            let mut bytes = log_table(&[("refs/heads/a", 2, Some([1, 2])), ("refs/heads/b", 1, Some([0, 9]))]);
            let length = bytes.len();
            bytes[at % length] = to;
            bytes.truncate(length - cut % length);
            let _ = Table::parse(&bytes).and_then(|t| t.logs(HashKind::Sha1, &mut Logs::new()));
        }

        #[test]
        fn damage_is_an_error_and_no_panic(at in 0usize..200, to: u8, cut in 0usize..200) {
            let mut bytes = table(&[("refs/heads/a", 1, &[1; 20]), ("refs/heads/b", 1, &[9; 20])]);
            let length = bytes.len();
            bytes[at % length] = to;
            bytes.truncate(length - cut % length);
            let _ = Table::parse(&bytes).and_then(|t| t.refs(HashKind::Sha1, &mut Records::new()));
        }
    }
}
