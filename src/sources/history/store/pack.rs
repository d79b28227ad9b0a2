//! A pack and its index, mapped: look-up by id, and the headers of entries. Nothing in either file is trusted.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gix::hash::Kind as HashKind;
use gix::objs::Kind as ObjectKind;
use gix::oid;

use super::delta::varint;
use super::table::Table;
use crate::proven::mmap::Map;

/// A pack, opened.
#[derive(Debug)]
pub(super) struct Pack {
    /// The `.pack` file.
    pub(super) path: PathBuf,
    data: Map,
    index: Index,
}

/// What an entry of a pack is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored<'a> {
    /// Whole.
    Whole(ObjectKind),
    /// As a delta to the entry at this offset.
    OffsetDelta(u64),
    /// As a delta to an object, which may be elsewhere.
    IdDelta(&'a oid),
}

/// The header of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) stored: Stored<'a>,
    /// What the entry's data inflates to, in bytes. As declared.
    pub(super) size: u64,
    /// Length of the header: the zlib stream follows.
    pub(super) len: usize,
}

impl Pack {
    /// Open the pack of an index file. `problems` gets what is wrong but does not make the pack useless.
    pub(super) fn open(idx: &Path, hash: HashKind, problems: &mut Vec<String>) -> Result<Self, String> {
        let index = Map::open(idx).map_err(|e| format!("cannot read the pack's index: {e}"))?;
        let index = Index::new(index, hash).map_err(|e| format!("the pack's index is unusable: {e}"))?;
        let path = idx.with_extension("pack");
        let data = Map::open(&path).map_err(|e| format!("cannot read the pack: {e}"))?;
        match (data.first_chunk::<4>(), data.get(4..8), data.get(8..12)) {
            (Some(b"PACK"), Some([0, 0, 0, 2 | 3]), Some(count)) => {
                let count = be32(count, 0);
                if count as usize != index.len {
                    problems.push(format!("it declares {count} objects, but its index lists {}", index.len));
                }
            }
            _ => problems.push("its header is damaged".into()),
        }
        Ok(Self { path, data, index })
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Size of the pack in bytes.
    pub(super) fn len(&self) -> u64 {
        self.data.len() as u64
    }

    /// Where the last entry ends: the checksum of the pack stands behind it.
    pub(super) fn end(&self) -> u64 {
        self.len().saturating_sub(self.index.hash_len as u64)
    }

    /// All bytes from `offset` to the end of the file; none if it lies outside.
    pub(super) fn bytes_at(&self, offset: u64) -> &[u8] {
        usize::try_from(offset).ok().and_then(|o| self.data.get(o..)).unwrap_or_default()
    }

    /// The byte at `offset`; 0 if it lies outside.
    pub(super) fn byte_at(&self, offset: u64) -> u8 {
        self.bytes_at(offset).first().copied().unwrap_or_default()
    }

    /// The header of the entry at `offset`.
    pub(super) fn header(&self, offset: u64) -> Result<Header<'_>, &'static str> {
        const DAMAGED: &str = "the header of its pack entry is damaged";
        if offset < 12 || offset >= self.end() {
            return Err("the pack's index points outside of the pack");
        }
        let data = self.bytes_at(offset);
        let first = data[0];
        let (mut size, mut len) = (u64::from(first & 15), 1);
        if first & 0x80 != 0 {
            let rest = varint(data, &mut len).ok_or(DAMAGED)?;
            if rest >> 60 != 0 {
                return Err(DAMAGED);
            }
            size |= rest << 4;
        }
        let stored = match first >> 4 & 7 {
            1 => Stored::Whole(ObjectKind::Commit),
            2 => Stored::Whole(ObjectKind::Tree),
            3 => Stored::Whole(ObjectKind::Blob),
            4 => Stored::Whole(ObjectKind::Tag),
            6 => {
                let distance = base_distance(data, &mut len).ok_or(DAMAGED)?;
                match offset.checked_sub(distance) {
                    Some(base) if distance > 0 => Stored::OffsetDelta(base),
                    _ => return Err(DAMAGED),
                }
            }
            7 => {
                let id = data.get(len..len + self.index.hash_len).ok_or(DAMAGED)?;
                len += id.len();
                Stored::IdDelta(oid::try_from_bytes(id).map_err(|_| DAMAGED)?)
            }
            _ => return Err(DAMAGED),
        };
        Ok(Header { stored, size, len })
    }
}

/// The distance to a delta's base: 7 bits a byte, most significant first, each continuation adding one.
fn base_distance(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut byte = *data.get(*at)?;
    *at += 1;
    let mut value = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *data.get(*at)?;
        *at += 1;
        value = value.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7f);
    }
    Some(value)
}

/// An index of a pack: ids, sorted, with offsets. Version 1 or 2.
#[derive(Debug)]
pub(super) struct Index {
    data: Map,
    hash_len: usize,
    /// How many objects it lists.
    pub(super) len: usize,
    /// Where the 256 cumulated counts stand.
    fanout: usize,
    /// Where the first id stands.
    ids: usize,
    /// From one id to the next.
    stride: usize,
    /// Where the first 32-bit offset stands, and from one to the next.
    offsets: (usize, usize),
    /// Where the 64-bit offsets stand, and how many there are.
    large: (usize, usize),
    /// Made by the first look-up.
    table: OnceLock<Table>,
}

impl Index {
    fn new(data: Map, hash: HashKind) -> Result<Self, &'static str> {
        let hash_len = hash.len_in_bytes();
        let v2 = data.starts_with(b"\xfftOc");
        if v2 && data.get(4..8) != Some(&[0, 0, 0, 2]) {
            return Err("its version is unknown");
        }
        let fanout = if v2 { 8 } else { 0 };
        let table = data.get(fanout..fanout + 1024).ok_or("it is cut off")?;
        if (1..256).any(|i| be32(table, i * 4) < be32(table, (i - 1) * 4)) {
            return Err("its fan-out table is damaged");
        }
        let len = be32(table, 1020) as usize;
        let start = fanout + 1024;
        let trailer = 2 * hash_len;
        let (ids, stride, offsets, end) = if v2 {
            let offsets = start + len * (hash_len + 4);
            (start, hash_len, (offsets, 4), offsets + len * 4)
        } else {
            (start + 4, hash_len + 4, (start, hash_len + 4), start + len * (hash_len + 4))
        };
        if data.len() < end + trailer {
            return Err("it is cut off");
        }
        let large = (end, if v2 { (data.len() - end - trailer) / 8 } else { 0 });
        let table = OnceLock::new();
        Ok(Self { data, hash_len, len, fanout, ids, stride, offsets, large, table })
    }

    /// The id at a position in the sorted list.
    pub(super) fn id(&self, position: usize) -> &oid {
        oid::from_bytes_unchecked(self.id_bytes(position))
    }

    fn id_bytes(&self, position: usize) -> &[u8] {
        let at = self.ids + position * self.stride;
        &self.data[at..at + self.hash_len]
    }

    /// Offset of the entry at a position; one outside of any pack where the index is damaged.
    pub(super) fn offset(&self, position: usize) -> u64 {
        let value = be32(&self.data, self.offsets.0 + position * self.offsets.1);
        if self.stride > self.hash_len || value & 0x8000_0000 == 0 {
            return u64::from(value); // version 1 knows 32 bits only
        }
        let slot = (value & 0x7fff_ffff) as usize;
        if slot >= self.large.1 {
            return u64::MAX;
        }
        let at = self.large.0 + slot * 8;
        self.data[at..].first_chunk::<8>().map_or(u64::MAX, |b| u64::from_be_bytes(*b))
    }

    /// The positions of ids that begin with `byte`.
    pub(super) fn bucket(&self, byte: u8) -> std::ops::Range<usize> {
        let count = |i: usize| be32(&self.data, self.fanout + i * 4) as usize;
        let byte = usize::from(byte);
        (if byte == 0 { 0 } else { count(byte - 1) })..count(byte)
    }

    /// The first 32 bits of the id at a position.
    fn head(&self, position: usize) -> u32 {
        self.id_bytes(position).first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b))
    }

    fn table(&self) -> &Table {
        self.table.get_or_init(|| Table::new((0..self.len).map(|position| self.head(position))))
    }

    /// The position of an id; of several the first.
    pub(super) fn find(&self, id: &oid) -> Option<usize> {
        let id = id.as_bytes();
        if id.len() != self.hash_len {
            return None;
        }
        let head = u32::from_be_bytes(*id.first_chunk::<4>()?);
        let range = self.table().range(head);
        // Hostile ids can all share their first bits.
        if range.len() > 64 {
            let mut positions = range;
            while !positions.is_empty() {
                let middle = positions.start.midpoint(positions.end);
                if self.id_bytes(middle) < id { positions.start = middle + 1 } else { positions.end = middle }
            }
            let at = positions.start;
            return (at < self.len && self.id_bytes(at) == id).then_some(at);
        }
        range.into_iter().find(|&position| self.head(position) == head && self.id_bytes(position) == id)
    }

    /// The positions of many ids: one after the other each would wait for memory twice.
    pub(super) fn find_all<'i>(
        &self,
        ids: impl ExactSizeIterator<Item = &'i oid> + Clone,
        into: &mut Vec<Option<u32>>,
    ) {
        let table = self.table();
        let head = |id: &oid| id.as_bytes().first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
        into.clear();
        into.extend(ids.clone().map(|id| table.start(head(id))));
        // Mostly it is the first of those that share their first bits. No branch waits for what is read here.
        for (id, position) in ids.clone().zip(&mut *into) {
            let at = position.map_or(self.len, |p| p as usize);
            *position = if at < self.len && self.head(at) == head(id) { *position } else { None };
        }
        for (id, position) in ids.zip(into) {
            let right = position.is_some_and(|p| self.id_bytes(p as usize) == id.as_bytes());
            if !right {
                *position = self.find(id).map(|p| p as u32);
            }
        }
    }

    /// The id of the entry at `offset`, by a look at all of them.
    pub(super) fn id_at_offset(&self, offset: u64) -> Option<&oid> {
        (0..self.len).find(|&p| self.offset(p) == offset).map(|p| self.id(p))
    }
}

fn be32(data: &[u8], at: usize) -> u32 {
    data[at..].first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b))
}
