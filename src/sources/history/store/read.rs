//! Reading single objects: from the base of a chain of deltas up to the object.

use std::io::Read as _;

use gix::objs::Kind as ObjectKind;
use gix::oid;

use super::Store;
use super::buffer::Buffer;
use super::delta::Delta;
use super::inflate::{Inflater, MAX_IN_MEMORY, TOO_LARGE};
use super::loose::{self, Content};
use super::pack::Stored;
use crate::blob::Skipped;

/// The longest chain of deltas that is followed. Git makes none over 4,095.
const MAX_CHAIN: usize = 100_000;

/// How many bases of one object are looked for in other packs after damage.
const MAX_DETOURS: usize = 8;

/// Where a copy of an object is in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    pack: usize,
    offset: u64,
}

/// Buffers for reading, reused.
pub(super) struct Reader {
    inflater: Inflater,
    base: Buffer,
    delta: Buffer,
    out: Buffer,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            inflater: Inflater::new(),
            base: Buffer::default(),
            delta: Buffer::default(),
            out: Buffer::default(),
        }
    }
}

impl Store {
    /// Read an object whole. `None` if there is none of this id; a problem if every copy of it is damaged.
    pub fn read(&self, id: &oid, buf: &mut Vec<u8>) -> Result<Option<ObjectKind>, Skipped> {
        match self.read_except(None, id, &mut Reader::new()) {
            Ok(Some((kind, content))) => {
                *buf = content.into_vec();
                Ok(Some(kind))
            }
            Ok(None) => Ok(None),
            Err(reason) => Err(Skipped::object(id, reason)),
        }
    }

    /// Read an object from anywhere but one pack.
    pub(super) fn read_except(
        &self,
        except: Option<usize>,
        id: &oid,
        reader: &mut Reader,
    ) -> Result<Option<(ObjectKind, Buffer)>, String> {
        self.read_with_detours(except, id, reader, MAX_DETOURS)
    }

    fn read_with_detours(
        &self,
        except: Option<usize>,
        id: &oid,
        reader: &mut Reader,
        detours: usize,
    ) -> Result<Option<(ObjectKind, Buffer)>, String> {
        let mut reason = None;
        for (number, pack) in self.packs.iter().enumerate().filter(|(n, _)| Some(*n) != except) {
            let Some(position) = pack.index().find(id) else { continue };
            let spot = Spot { pack: number, offset: pack.index().offset(position) };
            match self.resolve(spot, reader, detours).and_then(|found| checked(id, found)) {
                Ok(found) => return Ok(Some(found)),
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        for path in self.loose.paths(id) {
            match read_loose(&path, reader).and_then(|found| checked(id, found)) {
                Ok(found) => return Ok(Some(found)),
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        reason.map_or(Ok(None), Err)
    }

    /// Build the object whose entry is at `spot`.
    fn resolve(
        &self,
        spot: Spot,
        reader: &mut Reader,
        detours: usize,
    ) -> Result<(ObjectKind, Buffer), String> {
        let mut chain = Vec::new();
        let mut at = spot;
        let (kind, mut built) = loop {
            let pack = &self.packs[at.pack];
            let header = pack.header(at.offset)?;
            match header.stored {
                Stored::Whole(kind) => match self.inflate(at, reader) {
                    Ok(()) => break (kind, std::mem::take(&mut reader.out)),
                    Err(why) => {
                        // The base is damaged here. Is there another copy?
                        let id = pack.index().id_at_offset(at.offset).filter(|_| at != spot && detours > 0);
                        match id.map(|id| self.read_with_detours(Some(at.pack), id, reader, detours - 1)) {
                            Some(Ok(Some(found))) => break found,
                            _ => return Err(why.into()),
                        }
                    }
                },
                Stored::OffsetDelta(base) => {
                    chain.push(at);
                    at.offset = base;
                }
                Stored::IdDelta(id) => {
                    chain.push(at);
                    let base = self.packs.iter().enumerate().cycle().skip(at.pack).take(self.packs.len());
                    let base = base.filter_map(|(n, p)| {
                        p.index()
                            .find(id)
                            .map(|position| Spot { pack: n, offset: p.index().offset(position) })
                    });
                    match { base }.next() {
                        Some(base) => at = base,
                        None => match self.loose.paths(id).find_map(|p| read_loose(&p, reader).ok()) {
                            Some(found) => break found,
                            None => return Err(format!("its delta base {id} is missing")),
                        },
                    }
                }
            }
            if chain.len() > MAX_CHAIN {
                return Err("its deltas form a circle".into());
            }
        };
        while let Some(at) = chain.pop() {
            self.inflate(at, reader)?;
            std::mem::swap(&mut reader.delta, &mut reader.out);
            Delta::parse(&reader.delta)?.apply(&built, &mut reader.base)?;
            std::mem::swap(&mut built, &mut reader.base);
        }
        Ok((kind, built))
    }

    /// Inflate the data of an entry to `reader.out`.
    fn inflate(&self, at: Spot, reader: &mut Reader) -> Result<(), &'static str> {
        let pack = &self.packs[at.pack];
        let header = pack.header(at.offset)?;
        reader.inflater.inflate(pack.bytes_at(at.offset + header.len as u64), header.size, &mut reader.out)
    }
}

/// What was read, if it is what its id says: entries do not tell where their data ends, so that its sum cannot be checked.
fn checked(id: &oid, found: (ObjectKind, Buffer)) -> Result<(ObjectKind, Buffer), String> {
    let actual = gix::objs::compute_hash(id.kind(), found.0, found.1.bytes()).ok();
    if actual.as_deref() == Some(id) { Ok(found) } else { Err("its content does not have this id".into()) }
}

/// A loose object, whole.
pub(super) fn read_loose(
    path: &std::path::Path,
    reader: &mut Reader,
) -> Result<(ObjectKind, Buffer), String> {
    match loose::read(path, &mut reader.inflater, &mut reader.out)? {
        Content::Whole { kind, header } => Ok((kind, Buffer::of(reader.out.bytes()[header..].to_vec()))),
        Content::Huge { kind, size } => {
            if size > MAX_IN_MEMORY {
                return Err(TOO_LARGE.into());
            }
            let mut content = Vec::new();
            let mut stream = loose::open_huge(path)?.take(size + 1);
            stream.read_to_end(&mut content).map_err(|e| e.to_string())?;
            if content.len() as u64 != size {
                return Err("it does not inflate to its declared size".into());
            }
            Ok((kind, Buffer::of(content)))
        }
    }
}
