//! Packs of any entries and any deltas. Oracles: a plain reading of git's format, written here from its documentation,
//! and for some inputs git itself. What we give of an object is what they give; what they refuse, we refuse; an object is
//! hot if the prefilter says so of its whole content. A pack with damaged bytes must not end the program.
//!
//! Ids are made up: neither we nor `git cat-file` computes those of packed objects.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use keyhound::blob::Skipped;
use keyhound::detect::Prefilter;
use keyhound::rules::RuleSet;
use keyhound::sources::history::store::{
    HashKind, Hot, ObjectId, ObjectKind, ObjectSink, ScanOptions, Store, oid,
};
use libfuzzer_sys::fuzz_target;

static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(&RuleSet::embedded()));
/// One folder for the process, so that a run leaves few.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    for sub in ["objects/pack", "refs/heads"] {
        std::fs::create_dir_all(folder.path().join(sub)).expect("a folder");
    }
    std::fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").expect("a file");
    folder
});

/// Takes the input apart; zeros at its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// Bytes that now and then are, or are about to be, a literal.
    fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..self.byte() % 12 {
            match self.byte() % 8 {
                0 => text.extend_from_slice(b" AKIAZZZZYYYYXXXXWWWW "),
                1 => text.extend_from_slice(b"AKI"),
                2 => text.extend_from_slice(b"ASIAZZZZYYYY"),
                3 => text.extend_from_slice(b"secret_key = \""),
                4 => {
                    let len = usize::from(self.byte());
                    text.extend(std::iter::repeat_n(b'x', len));
                }
                _ => {
                    let len = usize::from(self.byte() % 24);
                    text.extend(self.bytes(len));
                }
            }
        }
        text
    }

    /// A delta that mostly fits a base of this length.
    fn delta(&mut self, base: usize) -> Vec<u8> {
        let mut instructions = Vec::new();
        let mut size = 0;
        for _ in 0..self.byte() % 10 {
            match self.byte() % 6 {
                0 | 1 => {
                    let text = self.text();
                    for piece in text.chunks(127) {
                        instructions.push(piece.len() as u8);
                        instructions.extend_from_slice(piece);
                        size += piece.len();
                    }
                }
                2 => {
                    let wild = self.byte();
                    instructions.extend(self.bytes(usize::from(wild % 9)));
                }
                _ if base > 0 => {
                    let start = (usize::from(self.byte()) << 8 | usize::from(self.byte())) % base;
                    let len = 1 + usize::from(self.byte()) % (base - start);
                    instructions.push(0x80 | 0x0f | 0x30);
                    instructions.extend_from_slice(&(start as u32).to_le_bytes());
                    instructions.extend_from_slice(&(len as u16).to_le_bytes());
                    size += len;
                }
                _ => {}
            }
        }
        let wrong = usize::from(self.byte() == 255);
        let mut delta = Vec::new();
        for mut value in [base + wrong, size + usize::from(self.byte() == 255)] {
            while value > 127 {
                delta.push(value as u8 | 0x80);
                value >>= 7;
            }
            delta.push(value as u8);
        }
        delta.extend(instructions);
        delta
    }
}

/// What a delta builds, by the words of gitformat-pack. `None`: it is no sound delta to this base.
fn apply(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut rest = delta.iter().copied();
    let mut number = || {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = rest.next()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                return Some(value);
            }
        }
    };
    let (from, to) = (number()?, number()?);
    if from != base.len() as u64 {
        return None;
    }
    let mut out = Vec::new();
    while let Some(code) = rest.next() {
        if code & 0x80 == 0 {
            if code == 0 {
                return None;
            }
            for _ in 0..code {
                out.push(rest.next()?);
            }
            continue;
        }
        let (mut start, mut len) = (0usize, 0usize);
        for bit in 0..4 {
            if code >> bit & 1 == 1 {
                start |= usize::from(rest.next()?) << (8 * bit);
            }
        }
        for bit in 0..3 {
            if code >> (4 + bit) & 1 == 1 {
                len |= usize::from(rest.next()?) << (8 * bit);
            }
        }
        if len == 0 {
            len = 0x1_0000;
        }
        out.extend_from_slice(base.get(start..start.checked_add(len)?)?);
    }
    (out.len() as u64 == to).then_some(out)
}

fn deflate(bytes: &[u8], level: i32) -> Vec<u8> {
    let mut compressor =
        libdeflater::Compressor::new(libdeflater::CompressionLvl::new(level).expect("a level"));
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let len = compressor.zlib_compress(bytes, &mut out).expect("room for all");
    out.truncate(len);
    out
}

fn header(pack: &mut Vec<u8>, kind: u8, mut size: usize) {
    let first = kind << 4 | (size & 15) as u8;
    size >>= 4;
    pack.push(first | if size > 0 { 0x80 } else { 0 });
    while size > 0 {
        pack.push((size & 0x7f) as u8 | if size > 127 { 0x80 } else { 0 });
        size >>= 7;
    }
}

fn id(n: usize) -> ObjectId {
    let mut bytes = [7; 20];
    bytes[0] = (n * 37) as u8;
    bytes[19] = n as u8;
    ObjectId::from_bytes_or_panic(&bytes)
}

/// An index of version 2 over these offsets. Its checksums are zeros: nobody reads them.
fn index(offsets: &BTreeMap<ObjectId, usize>) -> Vec<u8> {
    let mut out = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255u8 {
        let count = offsets.keys().filter(|id| id.as_bytes()[0] <= first).count() as u32;
        out.extend_from_slice(&count.to_be_bytes());
    }
    offsets.keys().for_each(|id| out.extend_from_slice(id.as_bytes()));
    offsets.keys().for_each(|_| out.extend_from_slice(&[0; 4]));
    offsets.values().for_each(|offset| out.extend_from_slice(&(*offset as u32).to_be_bytes()));
    out.extend_from_slice(&[0; 40]);
    out
}

#[derive(Default)]
struct Seen {
    hot: Mutex<BTreeSet<ObjectId>>,
    lost: Mutex<BTreeSet<ObjectId>>,
}

impl ObjectSink for Seen {
    fn hot(&self, id: &oid, _: ObjectKind, _: Hot<'_>) {
        assert!(self.hot.lock().expect("no panic").insert(id.to_owned()), "an object comes once");
    }
    fn hot_stream(&self, _: &oid, _: ObjectKind, _: u64, _: &mut dyn std::io::Read) {
        unreachable!("nothing is that large");
    }
    fn commit(&self, _: &oid, _: &[u8]) {}
    fn tag(&self, _: &oid, _: &[u8]) {}
    fn tree(&self, _: &oid, _: &[u8]) {}
    fn lfs_pointer(&self, _: &oid, _: &[u8]) {}
    fn container(&self, id: &oid, _: u64, _: &mut dyn std::io::Read) {
        self.hot.lock().expect("no panic").insert(id.to_owned());
    }
    fn problem(&self, problem: Skipped) {
        self.lost.lock().expect("no panic").extend(problem.object);
    }
    fn too_big(&self, _: &oid, _: u64) {}
    fn progress(&self, _: u64, _: u64) {}
}

/// What git gives of each object.
fn git(ids: impl Iterator<Item = ObjectId>) -> BTreeMap<ObjectId, Option<Vec<u8>>> {
    ids.map(|id| {
        // One call each: git ends at the first object that it cannot read.
        let child = Command::new("git")
            .args(["cat-file", "blob", &id.to_string()])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_DIR", FOLDER.path())
            .stdin(Stdio::null())
            .output()
            .expect("git is there");
        (id, child.status.success().then_some(child.stdout))
    })
    .collect()
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::File::create(path).and_then(|mut f| f.write_all(bytes)).expect("a file");
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (mode, count) = (input.byte(), 1 + usize::from(input.byte() % 9));
    let mut pack = b"PACK\0\0\0\x02\0\0\0".to_vec();
    pack.push(count as u8);
    let mut offsets = BTreeMap::new();
    let mut contents: Vec<(usize, Option<Vec<u8>>)> = Vec::new();
    // Git refuses deltas of fewer than 4 bytes, which can be sound: of an empty object. It never writes one.
    let mut tiny = false;
    for n in 0..count {
        let offset = pack.len();
        offsets.insert(id(n), offset);
        let choice = input.byte();
        let level = i32::from(choice >> 4) % 13;
        let base = usize::from(input.byte()) % n.max(1);
        let content = if n == 0 || choice % 4 == 0 {
            let text = input.text();
            header(&mut pack, 3, text.len());
            pack.extend(deflate(&text, level));
            Some(text)
        } else {
            let (from, text) = contents[base].clone();
            let delta = input.delta(text.as_ref().map_or(0, Vec::len));
            tiny |= delta.len() < 4;
            if choice % 4 == 1 {
                header(&mut pack, 7, delta.len());
                pack.extend_from_slice(id(base).as_bytes());
            } else {
                header(&mut pack, 6, delta.len());
                let mut distance = offset - from;
                let mut bytes = vec![(distance & 0x7f) as u8];
                while distance > 127 {
                    distance = (distance >> 7) - 1;
                    bytes.push((distance & 0x7f) as u8 | 0x80);
                }
                pack.extend(bytes.iter().rev());
            }
            pack.extend(deflate(&delta, level));
            text.and_then(|text| apply(&text, &delta))
        };
        contents.push((offset, content));
    }
    pack.extend_from_slice(&[0; 20]);
    let damaged = mode % 4 == 3;
    if damaged {
        for _ in 0..=input.byte() % 3 {
            let at = usize::from(input.byte()) << 8 | usize::from(input.byte());
            let at = at % pack.len();
            pack[at] ^= input.byte() | 1;
        }
        pack.truncate(pack.len() - usize::from(input.byte() % 40).min(pack.len()));
    }
    let objects = FOLDER.path().join("objects");
    write(&objects.join("pack/pack-1.pack"), &pack);
    write(&objects.join("pack/pack-1.idx"), &index(&offsets));

    let (store, _) = Store::open(&objects, HashKind::Sha1);
    let given = Mutex::new(BTreeMap::new());
    let problems = store.each(ObjectKind::Blob, 1, &|id, bytes| {
        let before = given.lock().expect("no panic").insert(id.to_owned(), bytes.to_vec());
        assert!(before.is_none(), "an object comes once");
    });
    let given = given.into_inner().expect("no panic");
    let seen = Seen::default();
    let options = ScanOptions { threads: 1, check_hashes: false, max_blob_size: None };
    store.scan(&options, &PREFILTER, &seen);
    if damaged {
        return;
    }
    let lost: BTreeSet<ObjectId> = problems.iter().filter_map(|p| p.object).collect();
    let (hot, not_scanned) =
        (seen.hot.into_inner().expect("no panic"), seen.lost.into_inner().expect("no panic"));
    assert_eq!(lost, not_scanned, "each way of reading refuses the same");
    let expected = contents.into_iter().enumerate().map(|(n, (_, content))| (id(n), content));
    for (id, content) in expected {
        assert_eq!(given.get(&id), content.as_ref(), "{id}");
        assert_eq!(lost.contains(&id), content.is_none(), "{id}");
        if let Some(content) = content {
            let container = keyhound::decode::unpack::format(
                &content[..content.len().min(keyhound::decode::unpack::HEAD)],
            );
            assert_eq!(hot.contains(&id), container.is_some() || PREFILTER.is_hot(&content), "{id}");
        }
    }
    if mode % 64 == 0 && !tiny {
        for (id, content) in git(offsets.into_keys()) {
            assert_eq!(given.get(&id), content.as_ref(), "git: {id}");
        }
    }
});
