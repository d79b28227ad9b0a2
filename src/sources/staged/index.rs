//! The index file: what git's next commit is made of.
//!
//! Every command that runs before each commit reads it, so it is walked once, in place, and nothing is copied that is
//! not looked at. A split index, which is kept in two files, goes through gix.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::proven::mmap::Map;
use crate::sources::history::store::{HashKind, oid};

/// Length of what stands before the id of an entry: times, device, inode, mode, owner, size.
const STAT: usize = 40;
const HEADER: usize = 12;

const FLAG_EXTENDED: u16 = 0x4000;
const NAME_LENGTH: u16 = 0x0fff;
const EXTENDED_INTENT_TO_ADD: u16 = 0x2000;

/// Why an index could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be opened.
    #[error("cannot open the index {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// What it holds is no index, or one of another kind.
    #[error("the index {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
    /// A whole folder, in a sparse index. Its path ends in `/`.
    Folder,
}

/// An entry of the index, as positions in its bytes.
#[derive(Debug, Clone, Copy)]
struct Record {
    path: u32,
    path_len: u32,
    id: u32,
    kind: Kind,
    intent: bool,
}

/// An entry of the index. In a merge a path has up to three, one for each side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) path: &'a [u8],
    pub(super) id: &'a oid,
    pub(super) kind: Kind,
    /// Only the path is noted (`git add -N`).
    pub(super) intent: bool,
}

/// A folder whose tree git had when it wrote the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct CachedTree<'a> {
    pub(super) name: &'a [u8],
    /// How many entries it covers, and its id; `None`: something in it was changed since.
    pub(super) tree: Option<(u32, &'a oid)>,
    /// Index of the next one that is not below it.
    pub(super) end: usize,
}

/// What holds the bytes that the records point into.
enum Bytes {
    /// The file itself.
    File(Map),
    /// Paths and ids that were put together.
    Built(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Built(bytes) => bytes,
        }
    }
}

/// An index, read.
pub struct Index {
    bytes: Bytes,
    hash_len: usize,
    entries: Vec<Record>,
    /// The cached trees, each before those below it: name, entries (-1: changed), subtrees, id.
    trees: Vec<(Range<usize>, i64, usize, Range<usize>)>,
    /// The file, where trees were read from it but entries were put together.
    file: Option<Map>,
}

impl Index {
    /// Read the index at `path`. Where there is none nothing is staged.
    pub fn read(path: &Path, hash: HashKind) -> Result<Self, IndexError> {
        let hash_len = hash.len_in_bytes();
        let file = match Map::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = Bytes::Built(Vec::new());
                return Ok(Self { bytes, hash_len, entries: Vec::new(), trees: Vec::new(), file: None });
            }
            Err(source) => return Err(IndexError::Open { path: path.to_owned(), source }),
        };
        let damaged = |reason: String| IndexError::Damaged { path: path.to_owned(), reason };
        let parsed = Parsed::new(&file, hash_len).map_err(|reason| damaged(reason.into()))?;
        if parsed.split {
            return Self::split(path, hash).map_err(damaged);
        }
        let Parsed { entries, trees, built, .. } = parsed;
        let (bytes, file) = match built {
            Some(built) => (Bytes::Built(built), Some(file)),
            None => (Bytes::File(file), None),
        };
        Ok(Self { bytes, hash_len, entries, trees, file })
    }

    /// Read a split index: gix joins the two files.
    fn split(path: &Path, hash: HashKind) -> Result<Self, String> {
        let options = gix::index::decode::Options { thread_limit: Some(1), ..Default::default() };
        let index = gix::index::File::at(path, hash, true, options).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let mut entries = Vec::with_capacity(index.entries().len());
        for entry in index.entries() {
            let path = entry.path(&index);
            let (Ok(at), Ok(path_len)) = (u32::try_from(bytes.len()), u32::try_from(path.len())) else {
                return Err("it is too large".into());
            };
            bytes.extend_from_slice(path);
            let id = at.checked_add(path_len).ok_or("it is too large")?;
            bytes.extend_from_slice(entry.id.as_bytes());
            entries.push(Record {
                path: at,
                path_len,
                id,
                kind: kind(entry.mode.bits()).ok_or("an entry has an unknown mode")?,
                intent: entry.flags.contains(gix::index::entry::Flags::INTENT_TO_ADD),
            });
        }
        let hash_len = hash.len_in_bytes();
        Ok(Self { bytes: Bytes::Built(bytes), hash_len, entries, trees: Vec::new(), file: None })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The path of an entry.
    pub(super) fn path(&self, n: usize) -> &[u8] {
        let record = &self.entries[n];
        let start = record.path as usize;
        &self.bytes[start..start + record.path_len as usize]
    }

    /// An entry, by number.
    pub(super) fn entry(&self, n: usize) -> Entry<'_> {
        let record = &self.entries[n];
        let id = record.id as usize;
        Entry {
            path: self.path(n),
            id: oid::from_bytes_unchecked(&self.bytes[id..id + self.hash_len]),
            kind: record.kind,
            intent: record.intent,
        }
    }

    /// A cached tree, by number. Number 0 is the root; those below a folder follow it.
    pub(super) fn cached(&self, n: usize) -> Option<CachedTree<'_>> {
        let (name, count, end, id) = self.trees.get(n)?;
        let bytes: &[u8] = self.file.as_deref().unwrap_or(&self.bytes);
        let tree =
            u32::try_from(*count).ok().map(|count| (count, oid::from_bytes_unchecked(&bytes[id.clone()])));
        Some(CachedTree { name: &bytes[name.clone()], tree, end: *end })
    }
}

fn kind(mode: u32) -> Option<Kind> {
    match mode & 0o170_000 {
        0o100_000 => Some(Kind::File),
        0o120_000 => Some(Kind::Link),
        0o160_000 => Some(Kind::Submodule),
        0o040_000 => Some(Kind::Folder),
        _ => None,
    }
}

/// What the bytes of an index file say.
struct Parsed {
    entries: Vec<Record>,
    trees: Vec<(Range<usize>, i64, usize, Range<usize>)>,
    /// Paths and ids, where the paths are shortened in the file.
    built: Option<Vec<u8>>,
    /// There is a second file.
    split: bool,
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)
}

impl Parsed {
    fn new(bytes: &[u8], hash_len: usize) -> Result<Self, &'static str> {
        const SHORT: &str = "it ends too soon";
        if u32::try_from(bytes.len()).is_err() {
            return Err("it is too large");
        }
        if bytes.get(..4) != Some(b"DIRC") {
            return Err("it does not begin as one");
        }
        let version = be32(bytes, 4).ok_or(SHORT)?;
        if !(2..=4).contains(&version) {
            return Err("its version is unknown");
        }
        let count = be32(bytes, 8).ok_or(SHORT)? as usize;
        let end = bytes.len().checked_sub(hash_len).ok_or(SHORT)?;
        let body = &bytes[..end];
        if count > body.len() / (STAT + hash_len + 3) {
            return Err(SHORT);
        }
        let mut entries = Vec::with_capacity(count);
        let mut built = (version == 4).then(Vec::new);
        let mut at = HEADER;
        let mut last = 0..0;
        for _ in 0..count {
            let id = at + STAT;
            let flags = be16(body, id + hash_len).ok_or(SHORT)?;
            let mut name = id + hash_len + 2;
            let mut intent = false;
            if flags & FLAG_EXTENDED != 0 {
                let extended = be16(body, name).ok_or(SHORT)?;
                intent = extended & EXTENDED_INTENT_TO_ADD != 0;
                name += 2;
            }
            let mode = be32(body, at + 24).ok_or(SHORT)?;
            let kind = kind(mode).ok_or("an entry has an unknown mode")?;
            let (record_path, record_id);
            if let Some(built) = &mut built {
                let removed = varint(body, &mut name).ok_or(SHORT)?;
                let length = memchr::memchr(0, body.get(name..).ok_or(SHORT)?).ok_or(SHORT)?;
                let kept = last.len().checked_sub(removed).ok_or("a path is shortened by too much")?;
                let start = built.len();
                built.extend_from_within(last.start..last.start + kept);
                built.extend_from_slice(&body[name..name + length]);
                last = start..built.len();
                record_path = last.clone();
                record_id = built.len();
                built.extend_from_slice(&body[id..id + hash_len]);
                if u32::try_from(built.len()).is_err() {
                    return Err("it is too large");
                }
                at = name + length + 1;
            } else {
                let declared = usize::from(flags & NAME_LENGTH);
                let length = if declared < usize::from(NAME_LENGTH) {
                    declared
                } else {
                    memchr::memchr(0, body.get(name..).ok_or(SHORT)?).ok_or(SHORT)?
                };
                record_path = name..name + length;
                record_id = id;
                // One to eight NULs fill up to a multiple of eight.
                at += (name - at + length + 8) & !7;
                if at > body.len() {
                    return Err(SHORT);
                }
            }
            entries.push(Record {
                path: record_path.start as u32,
                path_len: record_path.len() as u32,
                id: record_id as u32,
                kind,
                intent,
            });
        }
        let mut parsed = Self { entries, trees: Vec::new(), built, split: false };
        parsed.extensions(body, at, hash_len)?;
        Ok(parsed)
    }

    fn extensions(&mut self, body: &[u8], mut at: usize, hash_len: usize) -> Result<(), &'static str> {
        while let Some(signature) = body.get(at..at + 4) {
            let length = be32(body, at + 4).ok_or("an extension ends too soon")? as usize;
            let content = at + 8..at + 8 + length;
            if content.end > body.len() {
                return Err("an extension is longer than the file");
            }
            match signature {
                b"TREE" => self.trees = cached_trees(body, content.clone(), hash_len),
                b"link" => self.split = true,
                // Git lets those in capitals be ignored. In a sparse index folders stand for what is in them, which
                // `Kind::Folder` says of each.
                [b'A'..=b'Z', ..] | b"sdir" => {}
                _ => return Err("it has an unknown extension"),
            }
            at = content.end;
        }
        Ok(())
    }
}

/// Read the cached trees. They only save work: where they are damaged there are none.
fn cached_trees(
    bytes: &[u8],
    content: Range<usize>,
    hash_len: usize,
) -> Vec<(Range<usize>, i64, usize, Range<usize>)> {
    let mut trees = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new(); // tree, how many below it are still to come
    let mut at = content.start;
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    while at < content.end {
        let rest = &bytes[at..content.end];
        let parsed = (|| {
            let name = memchr::memchr(0, rest)?;
            let space = name + 1 + memchr::memchr(b' ', &rest[name + 1..])?;
            let line = space + 1 + memchr::memchr(b'\n', &rest[space + 1..])?;
            let count = number(&rest[name + 1..space])?;
            let below = usize::try_from(number(&rest[space + 1..line])?).ok()?;
            let id = if count >= 0 { line + 1..line + 1 + hash_len } else { line + 1..line + 1 };
            (id.end <= rest.len()).then_some((at..at + name, count, below, at + id.start..at + id.end))
        })();
        let Some((name, count, below, id)) = parsed else { return Vec::new() };
        at = id.end;
        trees.push((name, count, trees.len() + 1, id));
        open.push((trees.len() - 1, below));
        while let Some((tree, 0)) = open.last().copied() {
            trees[tree].2 = trees.len();
            open.pop();
            if let Some(above) = open.last_mut() {
                above.1 -= 1;
            }
        }
        if open.is_empty() {
            return trees;
        }
    }
    Vec::new()
}

/// A number of 7 bits a byte, most significant first, each continuation adding one.
fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut byte = *bytes.get(*at)?;
    *at += 1;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_add(1)?.checked_mul(128)? + usize::from(byte & 0x7f);
    }
    Some(value)
}
