//! Packs and bundles of git that lie in a tree: every object in them, by its path.
//!
//! A pack in a repository is read by the history scan; this is for those that stand elsewhere. An object may be made from any
//! other one, so that the pack is held in memory; it goes by the name that a tree in the pack gives it.

use std::collections::HashMap;

use gix::hash::{Kind as HashKind, ObjectId};
use gix::objs::Kind;

use super::source::Source;
use super::{ENDS_EARLY, Flow, Problem, Stop, Unpacker};

/// Larger packs are not read, bytes.
const LARGEST: u64 = 128 << 20;
/// Larger objects are not read, bytes.
const LARGEST_OBJECT: u64 = 64 << 20;
/// What objects that others are made from may take together, bytes.
const CACHE: usize = 24 << 20;
/// What may be made to get at the objects of a pack, those that others are made from again and again: so many times what may come out
/// of it.
const WORK: u64 = 4;
/// Longer chains are made to do harm.
const LONGEST_CHAIN: usize = 10_000;
/// Deeper folders are.
const DEEPEST: usize = 128;

const TOO_MANY_STEPS: Problem =
    Problem::OverLimit("its objects are made in too many steps: not all of them were read");

/// Where an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Nothing: it is whole.
    Whole(Kind),
    /// The object at this offset.
    Offset(usize),
    /// The object of this name.
    Name(ObjectId),
}

struct Entry {
    /// Where it begins.
    at: usize,
    base: Base,
    /// Where its deflated data begins.
    data: usize,
    /// Of its data, inflated.
    size: u64,
}

struct Pack<'b> {
    bytes: &'b [u8],
    hash: HashKind,
    entries: Vec<Entry>,
    /// By name.
    names: HashMap<ObjectId, usize>,
    /// Objects by the index of their entry.
    cache: HashMap<usize, (Kind, Vec<u8>)>,
    cached: usize,
    inflate: flate2::Decompress,
    /// Where it ends, once that is known.
    end: Option<usize>,
    /// Bytes that may still be made.
    work: u64,
}

/// Why an object is not to be had.
enum Missing {
    /// Its data is damaged.
    Damaged,
    /// It is too large.
    Large,
    /// Too much was made already.
    Costly,
    /// What it is made from is in no entry: the data says what is added.
    Elsewhere,
}

impl Unpacker<'_> {
    pub(super) fn git_pack(&mut self, source: &mut Source<'_>, depth: usize) -> Flow {
        let Some(bytes) = self.held(source, LARGEST)? else { return Ok(()) };
        let Some((start, hash)) = begin(&bytes) else {
            self.corrupt("corrupt: there is no pack behind its header");
            return Ok(());
        };
        // The head of a bundle names its refs.
        self.members.name(&self.path, &bytes[..start]);
        let work = self.shared.most_bytes().saturating_mul(WORK);
        let mut pack = Pack::new(&bytes[start..], hash, work);
        if !pack.index() {
            self.problem(if pack.work == 0 { TOO_MANY_STEPS } else { Problem::Corrupt(ENDS_EARLY.into()) });
        }
        // First the names: of the objects, where one is made from another by its name, and of the files.
        let mut tree = Tree::default();
        let mut ids = vec![None; pack.entries.len()];
        for (n, known) in ids.iter_mut().enumerate() {
            self.shared.count_member().map_err(|_| Stop)?;
            let Ok((kind, object)) = pack.object(n) else { continue };
            if let Ok(id) = gix::objs::compute_hash(hash, kind, &object) {
                *known = Some(id);
                pack.names.insert(id, n);
                if kind == Kind::Tree {
                    tree.read(id, &object, hash.len_in_bytes());
                }
            }
            pack.give_back(n, kind, object);
        }
        for (n, id) in ids.into_iter().enumerate() {
            let (object, id) = match (pack.object(n), id) {
                // What was made from an object with a name that was not known yet.
                (Ok(object), None) => {
                    let id = gix::objs::compute_hash(hash, object.0, &object.1).ok();
                    (Ok(object), id)
                }
                other => other,
            };
            let path = match &object {
                Ok((kind, _)) => path(*kind, id, &tree),
                Err(_) => format!("object at {}", start + pack.entries[n].at).into_bytes(),
            };
            let before = self.enter(&path)?;
            match object {
                Ok((Kind::Tree, text)) => pack.give_back(n, Kind::Tree, text),
                Ok((kind, text)) => {
                    self.object(&text, depth)?;
                    pack.give_back(n, kind, text);
                }
                Err(Missing::Damaged) => self.corrupt("corrupt: its data is damaged"),
                Err(Missing::Large) => self.problem(Problem::OverLimit("too large to be held in memory")),
                Err(Missing::Costly) => {
                    self.problem(TOO_MANY_STEPS);
                    self.leave(before);
                    return Ok(());
                }
                Err(Missing::Elsewhere) => {
                    if let Some(delta) = pack.inflated(n) {
                        self.object(&added(&delta), depth)?;
                    }
                    self.problem(Problem::Elsewhere);
                }
            }
            self.leave(before);
        }
        self.behind_held(pack.behind())
    }

    fn object(&mut self, text: &[u8], depth: usize) -> Flow {
        self.shared.count_bytes(text.len() as u64)?;
        self.content(&mut { text }, depth)
    }
}

/// Where in `bytes` the pack begins, behind the head of a bundle, and how its objects are named.
fn begin(bytes: &[u8]) -> Option<(usize, HashKind)> {
    let mut start = 0;
    let mut hash = HashKind::Sha1;
    if bytes.starts_with(b"#") {
        start = memchr::memmem::find(bytes, b"\n\n")? + 2;
        if memchr::memmem::find(&bytes[..start], b"@object-format=sha256").is_some() {
            hash = HashKind::Sha256;
        }
    }
    bytes[start..].starts_with(b"PACK").then_some((start, hash))
}

impl<'b> Pack<'b> {
    fn new(bytes: &'b [u8], hash: HashKind, work: u64) -> Self {
        Self {
            bytes,
            hash,
            entries: Vec::new(),
            names: HashMap::new(),
            cache: HashMap::new(),
            cached: 0,
            inflate: flate2::Decompress::new(true),
            end: None,
            work,
        }
    }

    /// Find the entries, and keep the objects that are whole as long as there is room. `false`: the pack ends early.
    fn index(&mut self) -> bool {
        let Some(head) = self.bytes.get(..12) else { return false };
        let count = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        let mut at = 12;
        for n in 1..=count {
            let Some(entry) = self.entry(at) else { return false };
            let last = n == count;
            // What is too large is not inflated for what may stand behind the pack alone.
            let len = if last && entry.size > LARGEST_OBJECT { None } else { self.skip(&entry) };
            // Of the last one the object tells what is wrong.
            if len.is_none() && !last {
                return false;
            }
            at = entry.data + len.unwrap_or(0);
            self.end = len.map(|_| at).filter(|_| last);
            self.entries.push(entry);
        }
        true
    }

    /// Bytes were made. `false`: no more may be.
    fn spend(&mut self, bytes: u64) -> bool {
        self.work = self.work.saturating_sub(bytes);
        self.work > 0
    }

    /// What stands behind its checksum.
    fn behind(&self) -> &[u8] {
        let from = self.end.map_or(usize::MAX, |end| end + self.hash.len_in_bytes());
        self.bytes.get(from..).unwrap_or_default()
    }

    /// The header of the entry at `at`.
    fn entry(&self, at: usize) -> Option<Entry> {
        let mut next = at;
        let mut byte = || {
            next += 1;
            self.bytes.get(next - 1).copied()
        };
        let first = byte()?;
        let (mut size, mut shift, mut more) = (u64::from(first & 15), 4, first & 0x80 != 0);
        while more {
            let b = byte()?;
            size |= u64::from(b & 0x7f).checked_shl(shift)?;
            shift += 7;
            more = b & 0x80 != 0;
        }
        let base = match first >> 4 & 7 {
            1 => Base::Whole(Kind::Commit),
            2 => Base::Whole(Kind::Tree),
            3 => Base::Whole(Kind::Blob),
            4 => Base::Whole(Kind::Tag),
            6 => {
                let mut b = byte()?;
                let mut back = usize::from(b & 0x7f);
                while b & 0x80 != 0 {
                    b = byte()?;
                    back = back.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(b & 0x7f))?;
                }
                Base::Offset(at.checked_sub(back).filter(|base| *base < at)?)
            }
            7 => {
                let len = self.hash.len_in_bytes();
                let id = ObjectId::try_from(self.bytes.get(next..next + len)?).ok()?;
                next += len;
                Base::Name(id)
            }
            _ => return None,
        };
        Some(Entry { at, base, data: next, size })
    }

    /// Length of the deflated data of the next entry.
    fn skip(&mut self, entry: &Entry) -> Option<usize> {
        if let Base::Whole(kind) = entry.base
            && entry.size <= LARGEST_OBJECT
            && self.cached as u64 + entry.size <= CACHE as u64
            && let Some(object) = self.inflate_at(entry.data, entry.size)
        {
            self.give_back(self.entries.len(), kind, object);
            return Some(self.inflate.total_in() as usize);
        }
        self.inflate.reset(true);
        let mut sink = vec![0; 32 << 10];
        loop {
            let from = entry.data + self.inflate.total_in() as usize;
            let before = (self.inflate.total_in(), self.inflate.total_out());
            let data = self.bytes.get(from..)?;
            let status = self.inflate.decompress(data, &mut sink, flate2::FlushDecompress::None).ok()?;
            if self.inflate.total_out() > entry.size {
                return None;
            }
            if !self.spend(self.inflate.total_out() - before.1) {
                return None;
            }
            if status == flate2::Status::StreamEnd {
                return Some(self.inflate.total_in() as usize);
            }
            if (self.inflate.total_in(), self.inflate.total_out()) == before {
                return None;
            }
        }
    }

    /// The data of an entry.
    fn inflated(&mut self, n: usize) -> Option<Vec<u8>> {
        let Entry { data, size, .. } = self.entries[n];
        if size > LARGEST_OBJECT { None } else { self.inflate_at(data, size) }
    }

    /// What the deflated data at `data` makes, if it is of this size.
    fn inflate_at(&mut self, data: usize, size: u64) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(size as usize + 1);
        self.inflate.reset(true);
        let data = self.bytes.get(data..)?;
        let status = self.inflate.decompress_vec(data, &mut out, flate2::FlushDecompress::Finish).ok()?;
        (status == flate2::Status::StreamEnd && out.len() as u64 == size).then_some(out)
    }

    /// An object whole. It may be taken from the cache: see [`Self::give_back`].
    fn object(&mut self, n: usize) -> Result<(Kind, Vec<u8>), Missing> {
        let mut chain = Vec::new();
        let mut at = n;
        let (kind, mut object) = loop {
            if let Some(known) = self.cache.remove(&at) {
                self.cached -= known.1.len();
                break known;
            }
            let entry = &self.entries[at];
            if entry.size > LARGEST_OBJECT {
                return Err(Missing::Large);
            }
            match entry.base {
                Base::Whole(kind) => break (kind, self.inflated(at).ok_or(Missing::Damaged)?),
                Base::Offset(base) => {
                    chain.push(at);
                    at = self.entries.binary_search_by_key(&base, |e| e.at).map_err(|_| Missing::Damaged)?;
                }
                Base::Name(id) => {
                    chain.push(at);
                    at = *self.names.get(&id).ok_or(Missing::Elsewhere)?;
                }
            }
            if chain.len() > LONGEST_CHAIN {
                return Err(Missing::Damaged);
            }
        };
        while let Some(next) = chain.pop() {
            let delta = self.inflated(next).ok_or(Missing::Damaged)?;
            let made = apply(&object, &delta)?;
            if !self.spend(made.len() as u64) {
                return Err(Missing::Costly);
            }
            // What others are made from as well.
            self.give_back(at, kind, std::mem::replace(&mut object, made));
            at = next;
        }
        Ok((kind, object))
    }

    /// Keep an object, if there is room: others may be made from it.
    fn give_back(&mut self, n: usize, kind: Kind, object: Vec<u8>) {
        if self.cached + object.len() > CACHE {
            self.cache.clear();
            self.cached = 0;
        }
        if object.len() <= CACHE {
            self.cached += object.len();
            if let Some(old) = self.cache.insert(n, (kind, object)) {
                self.cached -= old.1.len();
            }
        }
    }
}

/// A step of a delta.
enum Step<'d> {
    Copy { from: usize, len: usize },
    Add(&'d [u8]),
}

/// The next step of a delta. `None`: there is none, or it is damaged.
fn step<'d>(delta: &mut &'d [u8]) -> Option<Step<'d>> {
    let (&op, mut rest) = delta.split_first()?;
    let step = if op & 0x80 == 0 {
        let data = rest.get(..usize::from(op)).filter(|data| !data.is_empty())?;
        rest = &rest[data.len()..];
        Step::Add(data)
    } else {
        let mut number = |bits: std::ops::Range<u32>| {
            let first = bits.start;
            bits.filter(|bit| op >> bit & 1 == 1).try_fold(0usize, |n, bit| {
                let (&byte, behind) = rest.split_first()?;
                rest = behind;
                Some(n | usize::from(byte) << (8 * (bit - first)))
            })
        };
        let from = number(0..4)?;
        let len = number(4..7)?;
        Step::Copy { from, len: if len == 0 { 1 << 16 } else { len } }
    };
    *delta = rest;
    Some(step)
}

/// Pass over the two sizes that a delta begins with; the second is that of what comes out.
fn sizes(delta: &mut &[u8]) -> Option<u64> {
    let mut size = 0;
    for _ in 0..2 {
        let len = delta.iter().position(|b| b & 0x80 == 0)? + 1;
        size = delta[..len.min(9)].iter().rev().fold(0, |n, b| n << 7 | u64::from(b & 0x7f));
        *delta = &delta[len..];
    }
    Some(size)
}

fn apply(base: &[u8], mut delta: &[u8]) -> Result<Vec<u8>, Missing> {
    let size = sizes(&mut delta).ok_or(Missing::Damaged)?;
    if size > LARGEST_OBJECT {
        return Err(Missing::Large);
    }
    let mut made = Vec::with_capacity(size as usize);
    while !delta.is_empty() {
        let part = match step(&mut delta).ok_or(Missing::Damaged)? {
            Step::Copy { from, len } => base.get(from..from + len).ok_or(Missing::Damaged)?,
            Step::Add(data) => data,
        };
        made.extend_from_slice(part);
        if made.len() as u64 > size {
            return Err(Missing::Damaged);
        }
    }
    if made.len() as u64 == size { Ok(made) } else { Err(Missing::Damaged) }
}

/// What a delta adds, each piece on lines of its own where something stands between them.
fn added(mut delta: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut copied = false;
    if sizes(&mut delta).is_none() {
        return text;
    }
    while let Some(step) = step(&mut delta) {
        match step {
            Step::Copy { .. } => copied = true,
            Step::Add(data) => {
                if std::mem::take(&mut copied) {
                    text.push(b'\n');
                }
                text.extend_from_slice(data);
            }
        }
    }
    text
}

/// The names that trees give.
#[derive(Default)]
struct Tree {
    /// Of an object the tree that names it, and the name: the first of each.
    parents: HashMap<ObjectId, (ObjectId, Vec<u8>)>,
}

impl Tree {
    fn read(&mut self, id: ObjectId, mut text: &[u8], hash: usize) {
        while let Some(nul) = memchr::memchr(0, text) {
            let name = text[..nul].splitn(2, |b| *b == b' ').nth(1).unwrap_or_default();
            let Some(child) = text.get(nul + 1..nul + 1 + hash) else { return };
            if let Ok(child) = ObjectId::try_from(child) {
                self.parents.entry(child).or_insert_with(|| (id, name.to_vec()));
            }
            text = &text[nul + 1 + hash..];
        }
    }

    fn path(&self, id: &ObjectId) -> Option<Vec<u8>> {
        let (parent, name) = self.parents.get(id)?;
        let mut parent = *parent;
        let mut path = name.clone();
        for _ in 0..DEEPEST {
            let Some((above, name)) = self.parents.get(&parent) else { break };
            path.splice(0..0, name.iter().copied().chain([b'/']));
            parent = *above;
        }
        Some(path)
    }
}

/// How the object is called: a file by its path and a version of it by its name.
fn path(kind: Kind, id: Option<ObjectId>, tree: &Tree) -> Vec<u8> {
    let Some(id) = id else { return kind.to_string().into_bytes() };
    let short = id.to_hex_with_len(12);
    match tree.path(&id) {
        Some(path) if kind == Kind::Blob => [path, format!("@{short}").into_bytes()].concat(),
        _ => format!("{kind} {short}").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::git_pack;
    use super::super::tests::{HELLO, noise};
    use super::*;

    #[test]
    fn objects_are_made_as_long_as_there_is_work_left() {
        let noise = noise();
        let bytes = git_pack(&[&noise, HELLO], b"more");
        for (work, enough) in [(noise.len() as u64 + 5, true), (noise.len() as u64 + 4, false)] {
            let mut pack = Pack::new(&bytes, HashKind::Sha1, u64::MAX);
            assert!(pack.index());
            pack.work = work;
            let object = pack.object(2).map(|(_, object)| object.len());
            assert_eq!(object.is_ok_and(|len| len == noise.len() + 4), enough, "{work}");
            assert!(pack.object(0).is_ok(), "what is whole needs no work");
        }
    }
}
