//! What each tree changes of the tree that it is stored as a delta to.
//!
//! Most trees are versions of a folder that differ in one entry. A delta copies the others from its base, byte by byte, so
//! that only those entries need be parsed and looked up that it inserts or cuts; the rest is what the base has. So all
//! entries of all trees are known, and none is built to be looked at.
//!
//! This rests on two things, both checked: the entries of the base begin where we know, and names ascend, so that there is
//! one entry of a name. A tree of which either does not hold, and what is built on it, is read whole.

use std::collections::HashMap;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::oid;

use super::delta::{Delta, NO_FIT, Op};
use super::tree::{Entry, EntryKind, entry};
use super::tree_log::{Change, FOREIGN, GONE, NONE, Number, Record};
use super::{Store, TOGETHER};
use crate::detect::Prefilter;

/// What is known of a tree for those that are built on it.
#[derive(Debug)]
pub(super) struct TreeNote {
    number: Number,
    /// Where each entry begins; one more at the end. Empty where what is built on it must be read whole.
    starts: Vec<u32>,
    /// The names in it that may be of interest.
    hot: Vec<u32>,
}

impl TreeNote {
    /// Whether a name in the tree may be of interest.
    pub(super) fn is_hot(&self) -> bool {
        !self.hot.is_empty()
    }
}

/// Which tree is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which {
    pub(super) number: Number,
    /// The pack that it is read from.
    pub(super) pack: u32,
}

/// All trees that one thread has read.
#[derive(Debug)]
pub(super) struct Log<'a> {
    store: &'a Store,
    hash: HashKind,
    /// For names.
    prefilter: &'a Prefilter,
    /// Numbers of names: those of trees have a slash at their end.
    pub(super) names: Names,
    /// Whether each name may be of interest.
    hot: Vec<bool>,
    pub(super) changes: Vec<Change>,
    pub(super) records: Vec<Record>,
    /// Objects that are not there: their numbers go on behind those that are.
    pub(super) missing: HashMap<ObjectId, Number>,
    pub(super) malformed: Vec<ObjectId>,
    recent: Vec<(u128, Number)>,
    /// Objects whose numbers are not yet looked up, and the change that names each.
    unnumbered: Vec<(usize, ObjectId)>,
    found: Vec<Option<Number>>,
    scratch: Scratch,
}

/// Lists that are reused.
#[derive(Debug, Default)]
struct Scratch {
    /// An entry of which the first bytes are known.
    pending: Vec<u8>,
    /// The name of the entry before, as [`key`] makes it, and another one.
    last: Vec<u8>,
    other: Vec<u8>,
}

/// What a delta does to the entries of its base.
enum Event<'a> {
    /// These are there.
    Kept(std::ops::Range<usize>),
    /// This one is there. Its bytes stand before it.
    New(&'a [u8], Entry<'a>),
}

/// Recent look-ups that are remembered.
const RECENT: usize = 1 << 12;

/// Numbers of names.
pub(super) type Names = HashMap<Box<[u8]>, u32, foldhash::fast::RandomState>;

impl<'a> Log<'a> {
    pub(super) fn new(store: &'a Store, prefilter: &'a Prefilter) -> Self {
        Self {
            store,
            hash: store.hash,
            prefilter,
            names: Names::default(),
            hot: Vec::new(),
            changes: Vec::new(),
            records: Vec::new(),
            missing: HashMap::new(),
            malformed: Vec::new(),
            recent: Vec::new(),
            unnumbered: Vec::new(),
            found: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Read a tree whole.
    pub(super) fn whole(&mut self, id: &oid, which: Which, bytes: &[u8]) -> TreeNote {
        let from = self.changes.len();
        let mut note = TreeNote { number: which.number, starts: Vec::new(), hot: Vec::new() };
        let mut scratch = std::mem::take(&mut self.scratch);
        let (last, other) = (&mut scratch.last, &mut scratch.other);
        last.clear();
        let (mut at, mut ascending) = (0, which.number != NONE && u32::try_from(bytes.len()).is_ok());
        while at < bytes.len() {
            let Some((entry, length)) = entry(&bytes[at..], self.hash) else {
                self.malformed.push(id.to_owned());
                ascending = false;
                break;
            };
            key(&entry, other);
            ascending &= note.starts.is_empty() || last < other;
            std::mem::swap(last, other);
            note.starts.push(at as u32);
            note.hot.extend(self.add(&entry, last));
            at += length;
        }
        self.scratch = scratch;
        note.starts.push(at as u32);
        if !ascending {
            note.starts = Vec::new();
        }
        self.record(which, NONE, from);
        note
    }

    /// Read a tree as a delta. `None`: it must be read whole. The note can be used if something is built on the tree, which
    /// `leaf` denies.
    pub(super) fn delta(
        &mut self,
        which: Which,
        base: &[u8],
        note: &TreeNote,
        delta: &Delta<'_>,
        leaf: bool,
    ) -> Result<Option<TreeNote>, &'static str> {
        if note.starts.is_empty() || which.number == NONE || u32::try_from(delta.result_size).is_err() {
            return Ok(None);
        }
        let from = self.changes.len();
        let mut scratch = std::mem::take(&mut self.scratch);
        let read = self.read_delta(which, base, note, delta, leaf, &mut scratch);
        self.scratch = scratch;
        if matches!(read, Ok(Some(_))) {
            self.record(which, note.number, from);
        } else {
            self.changes.truncate(from);
            self.unnumbered.truncate(self.unnumbered.partition_point(|(change, _)| *change < from));
        }
        read
    }

    fn read_delta(
        &mut self,
        which: Which,
        base: &[u8],
        note: &TreeNote,
        delta: &Delta<'_>,
        leaf: bool,
        Scratch { pending, last, other }: &mut Scratch,
    ) -> Result<Option<TreeNote>, &'static str> {
        let hash = self.hash;
        let starts = &note.starts[..];
        let at_base = |i: usize| entry(&base[starts[i] as usize..], hash).map(|(entry, _)| entry);
        let mut built = TreeNote { number: which.number, starts: Vec::new(), hot: Vec::new() };
        if !leaf {
            built.starts.reserve(starts.len() + 4);
        }
        // The next entry of the base that is neither kept nor gone, and where the changes since the last kept one begin.
        let first = self.changes.len();
        let (mut next, mut fresh) = (0, first);
        let mut at = 0;
        let mut sound = true;
        let well = touched(base, starts, delta, hash, pending, &mut |event| {
            match event {
                Event::Kept(run) => {
                    sound = run.start >= next;
                    if sound && self.changes.len() > fresh {
                        let Some(entry) = at_base(run.start) else { return false };
                        key(&entry, other);
                        sound = &*last < other;
                    }
                    if !sound {
                        return false;
                    }
                    self.gone((next..run.start).filter_map(at_base), fresh, last, other);
                    if !leaf {
                        // Positions are 32 bits wide; a difference is one that wraps around.
                        let shift = (at as u32).wrapping_sub(starts[run.start]);
                        built.starts.extend(starts[run.clone()].iter().map(|s| s.wrapping_add(shift)));
                    }
                    at += (starts[run.end] - starts[run.start]) as usize;
                    next = run.end;
                    fresh = self.changes.len();
                }
                Event::New(bytes, entry)
                    if self.changes.len() == fresh && replaces(bytes, &entry, base, starts[next]) =>
                {
                    // The next one of the base with another object: the order stays.
                    key(&entry, other);
                    if !leaf {
                        built.starts.push(at as u32);
                    }
                    at += bytes.len();
                    built.hot.extend(self.add(&entry, other));
                    next += 1;
                    fresh = self.changes.len();
                }
                Event::New(bytes, entry) => {
                    key(&entry, other);
                    if self.changes.len() == fresh && next > 0 {
                        let Some(before) = at_base(next - 1) else { return false };
                        key(&before, last);
                    }
                    sound = (self.changes.len() == fresh && next == 0) || &*last < other;
                    std::mem::swap(last, other);
                    if !leaf {
                        built.starts.push(at as u32);
                    }
                    at += bytes.len();
                    built.hot.extend(self.add(&entry, last));
                }
            }
            sound
        })?;
        if !well || !sound {
            return Ok(None);
        }
        self.gone((next..starts.len() - 1).filter_map(at_base), fresh, last, other);
        if !leaf {
            built.starts.push(at as u32);
        }
        if !note.hot.is_empty() {
            let mut changed: Vec<u32> = self.changes[first..].iter().map(|c| c.name()).collect();
            changed.sort_unstable();
            built.hot.extend(note.hot.iter().filter(|hot| changed.binary_search(hot).is_err()));
        }
        Ok(Some(built))
    }

    /// Note that the base has entries that are not kept, but for those of which there is a new one: one of the changes from
    /// `fresh` on, the last of which is `last`.
    fn gone<'e>(
        &mut self,
        entries: impl Iterator<Item = Entry<'e>>,
        fresh: usize,
        last: &[u8],
        other: &mut Vec<u8>,
    ) {
        let new = fresh..self.changes.len();
        for entry in entries {
            key(&entry, other);
            // Without a new one `last` is a name of another tree.
            if !new.is_empty() && last == other {
                continue;
            }
            let name = self.name(other);
            if !self.changes[new.clone()].iter().any(|c| c.name() == name) {
                self.changes.push(Change::new(name, entry.kind, GONE));
            }
        }
    }

    /// Note that a tree has an entry. Gives its name if that may be of interest.
    fn add(&mut self, entry: &Entry<'_>, key: &[u8]) -> Option<u32> {
        let object = if entry.kind == EntryKind::Submodule { FOREIGN } else { self.recent(entry.id) };
        let name = self.name(key);
        self.changes.push(Change::new(name, entry.kind, object));
        if object == NONE {
            self.unnumbered.push((self.changes.len() - 1, entry.id.to_owned()));
            if self.unnumbered.len() == TOGETHER {
                self.look_up();
            }
        }
        self.hot[name as usize].then_some(name)
    }

    /// The number of an object that was looked up a moment ago, or [`NONE`].
    fn recent(&self, id: &oid) -> Number {
        let key = recent_key(id);
        self.recent.get(key as usize % RECENT).filter(|slot| slot.0 == key).map_or(NONE, |slot| slot.1)
    }

    /// Look up the numbers that changes wait for.
    pub(super) fn look_up(&mut self) {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, (0, NONE));
        }
        self.store.find_numbers(self.unnumbered.iter().map(|(_, id)| &**id), &mut self.found);
        for ((change, id), number) in self.unnumbered.drain(..).zip(&self.found) {
            let number = number.unwrap_or_else(|| {
                let next = self.store.numbers() + self.missing.len() as Number;
                *self.missing.entry(id).or_insert(next)
            });
            self.changes[change].set_object(number);
            let key = recent_key(&id);
            self.recent[key as usize % RECENT] = (key, number);
        }
    }

    fn name(&mut self, key: &[u8]) -> u32 {
        if let Some(number) = self.names.get(key) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(key.into(), number);
        self.hot.push(self.prefilter.is_hot(key.strip_suffix(b"/").unwrap_or(key)));
        number
    }

    fn record(&mut self, Which { number, pack }: Which, base: Number, from: usize) {
        if number != NONE {
            let len = (self.changes.len() - from) as u32;
            self.records.push(Record { number, pack, base, thread: 0, from, len });
        }
    }
}

/// What recent look-ups are told apart by.
fn recent_key(id: &oid) -> u128 {
    u128::from_le_bytes(id.as_bytes()[..16].try_into().expect("ids have 20 bytes or more"))
}

/// What entries are sorted by: their names, of trees with a slash.
fn key(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(entry.name);
    if entry.kind == EntryKind::Tree {
        out.push(b'/');
    }
}

/// Whether an entry has the mode and the name of the one that begins at `at` in the base.
fn replaces(bytes: &[u8], entry: &Entry<'_>, base: &[u8], at: u32) -> bool {
    base[at as usize..].starts_with(&bytes[..bytes.len() - entry.id.as_bytes().len()])
}

/// Tell `each` of the entry that `bytes` are. `false`: it said stop, or they are none.
fn told(bytes: &[u8], hash: HashKind, each: &mut dyn FnMut(Event<'_>) -> bool) -> bool {
    entry(bytes, hash).is_some_and(|(e, length)| length == bytes.len() && each(Event::New(bytes, e)))
}

/// Tell `each` what a delta does to the entries of its base, in order, until it says stop. `false`: it did, or the tree is
/// malformed.
fn touched(
    base: &[u8],
    starts: &[u32],
    delta: &Delta<'_>,
    hash: HashKind,
    pending: &mut Vec<u8>,
    each: &mut dyn FnMut(Event<'_>) -> bool,
) -> Result<bool, &'static str> {
    pending.clear();
    let id_len = hash.len_in_bytes();
    let mut ops = delta.ops();
    let (mut total, mut well) = (0, true);
    while let Some(op) = ops.next() {
        let (piece, from) = match op {
            Op::Copy { start, len } => (base.get(start..start + len).ok_or(NO_FIT)?, Some(start)),
            Op::Insert { start, len } => (delta.inserted(start, len), None),
        };
        total += piece.len();
        let mut at = 0;
        while well && at < piece.len() {
            let rest = &piece[at..];
            if pending.is_empty()
                && let Some(from) = from
                && let Ok(first) = starts.binary_search(&((from + at) as u32))
            {
                let end = from + piece.len();
                let last = first + starts[first..].partition_point(|s| *s as usize <= end) - 1;
                if last > first {
                    well = each(Event::Kept(first..last));
                    at = starts[last] as usize - from;
                }
                pending.extend_from_slice(&piece[at..]);
                break;
            }
            // The end of the entry lies so far ahead; if it is not known, all of the rest belongs to it.
            let need = match memchr::memchr(0, pending) {
                Some(end) => end + 1 + id_len - pending.len(),
                None => memchr::memchr(0, rest).map_or(usize::MAX, |end| end + 1 + id_len),
            };
            if need > rest.len() {
                pending.extend_from_slice(rest);
                break;
            }
            well = if pending.is_empty() {
                told(&rest[..need], hash, each)
            } else {
                pending.extend_from_slice(&rest[..need]);
                let well = told(pending, hash, each);
                pending.clear();
                well
            };
            at += need;
        }
    }
    ops.finish()?;
    if total as u64 != delta.result_size {
        return Err(NO_FIT);
    }
    Ok(well && pending.is_empty())
}
