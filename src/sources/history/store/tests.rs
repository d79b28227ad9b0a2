//! The store against git itself: random repositories, packed in many ways, damaged in many ways.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use proptest::prelude::*;

use super::buffer::Buffer;
use super::delta::{Delta, Op};
use super::seams::{Scratch, Seams};
use super::*;
use crate::detect::Prefilter;
use crate::rules::RuleSet;

mod damage;
mod packs;
mod random;
mod trees;

use random::Random;

fn prefilter() -> &'static Prefilter {
    static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(&RuleSet::embedded()));
    &PREFILTER
}

type Objects = BTreeMap<ObjectId, (ObjectKind, Vec<u8>)>;

/// A bare repository in a temporary folder.
struct Repo {
    dir: tempfile::TempDir,
    hash: HashKind,
}

impl Repo {
    fn new(hash: HashKind) -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap(), hash };
        repo.git(&["init", "-q", "--bare", &format!("--object-format={hash}"), "."], b"");
        repo
    }

    fn objects_dir(&self) -> PathBuf {
        self.dir.path().join("objects")
    }

    /// Run git and give what it prints.
    fn git(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("git")
            .args(["-c", "gc.auto=0", "-c", "core.fsync=none", "-c", "fastimport.unpackLimit=0"])
            .args(args)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_DIR", ".")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// What git says that there is.
    fn expected(&self) -> Objects {
        let out = self.git(&["cat-file", "--batch-all-objects", "--unordered", "--batch"], b"");
        let mut objects = Objects::new();
        let mut rest = &out[..];
        while !rest.is_empty() {
            let end = rest.iter().position(|&b| b == b'\n').unwrap();
            let line = std::str::from_utf8(&rest[..end]).unwrap();
            let mut words = line.split(' ');
            let id = ObjectId::from_hex(words.next().unwrap().as_bytes()).unwrap();
            let kind = ObjectKind::from_bytes(words.next().unwrap().as_bytes()).unwrap();
            let size: usize = words.next().unwrap().parse().unwrap();
            objects.insert(id, (kind, rest[end + 1..][..size].to_vec()));
            rest = &rest[end + 1 + size + 1..];
        }
        objects
    }

    fn open(&self) -> Store {
        let (store, problems) = Store::open(&self.objects_dir(), self.hash);
        assert_eq!(problems, []);
        store
    }

    /// Files of the pack folder that end so.
    fn pack_files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.objects_dir().join("pack"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == extension))
            .collect();
        files.sort();
        files
    }

    /// Commits of random edits of some files, as input of `git fast-import`.
    fn import(&self, random: &mut Random, commits: usize) {
        let mut stream = Vec::new();
        let mut files: Vec<Vec<u8>> = (0..4).map(|_| random.text(3000)).collect();
        let mut names: Vec<String> = (0..4).map(|i| format!("dir{i}/some-file-{i}.txt")).collect();
        for number in 0..commits {
            let message = random.text(60);
            write!(
                stream,
                "commit refs/heads/main\ncommitter A <a@b.c> {} +0000\ndata {}\n",
                number + 1,
                message.len()
            )
            .unwrap();
            stream.extend_from_slice(&message);
            for _ in 0..=random.below(2) {
                let i = random.below(files.len());
                files[i] = random.edit(&files[i]);
                if random.below(12) == 0 {
                    names[i] = format!("dir{}/{}-file", random.below(9), random.word());
                }
                write!(stream, "\nM 100644 inline {}\ndata {}\n", names[i], files[i].len()).unwrap();
                stream.extend_from_slice(&files[i]);
            }
            stream.push(b'\n');
        }
        write!(
            stream,
            "tag v1\nfrom refs/heads/main\ntagger A <a@b.c> 9 +0000\ndata 26\nkey AKIAQWERTYUIOPASDFGH\n\n\n"
        )
        .unwrap();
        self.git(&["fast-import", "--quiet", "--force"], &stream);
    }
}

/// Remembers what it is given.
#[derive(Default)]
struct Recorder {
    hot: Mutex<Vec<(ObjectId, ObjectKind, Vec<u8>)>>,
    commits: Mutex<Vec<ObjectId>>,
    tags: Mutex<Vec<ObjectId>>,
    trees: Mutex<Vec<(ObjectId, Vec<u8>)>>,
    pointers: Mutex<Vec<ObjectId>>,
    containers: Mutex<Vec<(ObjectId, Vec<u8>)>>,
    problems: Mutex<Vec<Skipped>>,
    too_big: Mutex<Vec<ObjectId>>,
}

impl ObjectSink for Recorder {
    fn hot(&self, id: &oid, kind: ObjectKind, hot: Hot<'_>) {
        let mut expected = Vec::new();
        prefilter().viable_anchors(hot.bytes, &mut expected);
        assert_eq!(hot.anchors, expected, "{id}: the anchors that were handed over");
        self.hot.lock().unwrap().push((id.to_owned(), kind, hot.bytes.to_vec()));
    }
    fn hot_stream(&self, id: &oid, kind: ObjectKind, size: u64, read: &mut dyn std::io::Read) {
        let mut bytes = Vec::new();
        read.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, size);
        self.hot.lock().unwrap().push((id.to_owned(), kind, bytes));
    }
    fn commit(&self, id: &oid, _: &[u8]) {
        self.commits.lock().unwrap().push(id.to_owned());
    }
    fn tag(&self, id: &oid, _: &[u8]) {
        self.tags.lock().unwrap().push(id.to_owned());
    }
    fn tree(&self, id: &oid, bytes: &[u8]) {
        self.trees.lock().unwrap().push((id.to_owned(), bytes.to_vec()));
    }
    fn lfs_pointer(&self, id: &oid, _: &[u8]) {
        self.pointers.lock().unwrap().push(id.to_owned());
    }
    fn container(&self, id: &oid, size: u64, read: &mut dyn std::io::Read) {
        let mut bytes = Vec::new();
        read.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, size);
        self.containers.lock().unwrap().push((id.to_owned(), bytes));
    }
    fn problem(&self, problem: Skipped) {
        self.problems.lock().unwrap().push(problem);
    }
    fn too_big(&self, id: &oid, _: u64) {
        self.too_big.lock().unwrap().push(id.to_owned());
    }
    fn progress(&self, _: u64, _: u64) {}
}

const OPTIONS: ScanOptions = ScanOptions { threads: 2, check_hashes: false, max_blob_size: None };

fn scan(store: &Store, options: &ScanOptions) -> (Recorder, Scanned) {
    let recorder = Recorder::default();
    let scanned = store.scan(options, prefilter(), &recorder);
    (recorder, scanned)
}

/// Ids, sorted; fails if one is there twice.
fn distinct(ids: impl IntoIterator<Item = ObjectId>) -> BTreeSet<ObjectId> {
    let mut set = BTreeSet::new();
    for id in ids {
        assert!(set.insert(id), "{id} came twice");
    }
    set
}

/// The ids of all expected objects that `wanted` is true for.
fn select(objects: &Objects, wanted: impl Fn(ObjectKind, &[u8]) -> bool) -> BTreeSet<ObjectId> {
    objects.iter().filter(|(_, (kind, bytes))| wanted(*kind, bytes)).map(|(id, _)| *id).collect()
}

/// Everything that the store gives must be what git gives.
fn assert_agrees(repo: &Repo, expected: &Objects) {
    let store = repo.open();
    assert_eq!(store.object_count(), expected.len() as u64);
    assert_eq!(distinct(store.ids()), expected.keys().copied().collect());
    let mut buffer = Vec::new();
    for (id, (kind, bytes)) in expected {
        assert!(store.contains(id));
        assert_eq!(store.read(id, &mut buffer), Ok(Some(*kind)));
        assert!(buffer == *bytes, "{id} is read wrongly");
    }
    for kind in [ObjectKind::Blob, ObjectKind::Tree, ObjectKind::Commit, ObjectKind::Tag] {
        let seen = Mutex::new(Vec::new());
        let problems = store.each(kind, 2, &|id, bytes| {
            assert!(expected[id].1 == bytes, "{id} is built wrongly");
            seen.lock().unwrap().push(id.to_owned());
        });
        assert_eq!(problems, []);
        assert_eq!(distinct(seen.into_inner().unwrap()), select(expected, |k, _| k == kind));
    }
    for threads in [1, 3] {
        assert_scan(&store, expected, &ScanOptions { threads, ..OPTIONS });
    }
    assert_scan(&store, expected, &ScanOptions { check_hashes: true, ..OPTIONS });
}

/// What a scan hands over must be what a look at each whole object selects.
fn assert_scan(store: &Store, expected: &Objects, options: &ScanOptions) {
    let prefilter = prefilter();
    let (seen, Scanned { stats, trees: log }) = scan(store, options);
    trees::assert_log(store, expected, &log);
    let is_hot = |kind, bytes: &[u8]| kind != ObjectKind::Tree && prefilter.is_hot(bytes);
    for (id, kind, bytes) in seen.hot.lock().unwrap().iter() {
        assert!(expected[id] == (*kind, bytes.clone()), "{id} is handed over wrongly");
    }
    assert_eq!(seen.problems.into_inner().unwrap(), []);
    let hot = seen.hot.into_inner().unwrap();
    assert_eq!(distinct(hot.into_iter().map(|h| h.0)), select(expected, is_hot));
    assert_eq!(
        distinct(seen.commits.into_inner().unwrap()),
        select(expected, |k, _| k == ObjectKind::Commit)
    );
    assert_eq!(distinct(seen.tags.into_inner().unwrap()), select(expected, |k, _| k == ObjectKind::Tag));
    let trees = seen.trees.into_inner().unwrap();
    assert!(trees.iter().all(|(id, bytes)| expected[id].1 == *bytes));
    assert_eq!(
        distinct(trees.into_iter().map(|t| t.0)),
        select(expected, |k, b| {
            let names = prefilter.for_names();
            k == ObjectKind::Tree && tree::entries(b, store.hash).any(|e| names.is_hot(e.name))
        })
    );
    assert_eq!(
        distinct(seen.pointers.into_inner().unwrap()),
        select(expected, |k, b| {
            k == ObjectKind::Blob
                && b.len() < 1024
                && b.starts_with(b"version https://git-lfs.github.com/spec/v1")
        })
    );
    assert_eq!(stats.objects, expected.len() as u64);
    assert_eq!(stats.bytes, expected.values().map(|o| o.1.len() as u64).sum::<u64>());
}

/// The instructions that build `pieces`, each a span of the base or bytes to insert.
fn encode(base_len: usize, pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::new();
    let varint = |out: &mut Vec<u8>, mut value: usize| loop {
        out.push((value & 0x7f) as u8 | if value > 0x7f { 0x80 } else { 0 });
        value >>= 7;
        if value == 0 {
            return;
        }
    };
    varint(&mut out, base_len);
    varint(&mut out, pieces.iter().map(Piece::len).sum());
    for piece in pieces {
        match piece {
            Piece::Insert(bytes) => {
                for part in bytes.chunks(127) {
                    out.push(part.len() as u8);
                    out.extend_from_slice(part);
                }
            }
            Piece::Copy(start, len) => {
                let code = out.len();
                out.push(0x80);
                for (bit, byte) in start.to_le_bytes()[..4].iter().chain(&len.to_le_bytes()[..3]).enumerate()
                {
                    if *byte != 0 {
                        out[code] |= 1 << bit;
                        out.push(*byte);
                    }
                }
            }
        }
    }
    out
}

#[derive(Debug, Clone)]
enum Piece {
    Insert(Vec<u8>),
    Copy(usize, usize),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Insert(bytes) => bytes.len(),
            Self::Copy(_, len) => *len,
        }
    }
}

/// A piece of a text: a value or a label in some carrier, part of one, or something between.
const WORDS: &str = r#"([AKSI]{1,9}|AKIA|ecret|AKI|SIA|[a-z ]{1,200}|[a-z ]{1,200}|\"|\\|[\n"]|AKIA[Q-Z2-7][A-Z2-7]{15}|Secret[a-zA-Z]{0,6} ?[=:] ?[A-Za-z0-9+/]{40}|[A-Za-z0-9+/]{40}|sec_key|email-smtp|QUtJQ[A-Za-z0-9+/]{22}|FLSUE[A-Za-z0-9+/]{23}|BS0lB[A-Za-z0-9+/]{23}|414b4941[0-9a-f]{32}|41534941[0-9A-F]{32}|A\x00K\x00I\x00A\x00(Q\x00|7\x00){16}|%41%4B%49%41|\\u0041KIA[A-Z2-7]{16}|ABSK[A-Za-z0-9+/]{60})"#;

/// A text, and how another one is built from it.
fn pieces() -> impl Strategy<Value = (Vec<u8>, Vec<Piece>)> {
    let copies = (any::<bool>(), prop::string::string_regex(WORDS).unwrap(), any::<u16>(), any::<u16>());
    let cut = (any::<u16>(), any::<u16>());
    (
        prop::string::string_regex(&format!("{WORDS}{{0,16}}")).unwrap(),
        prop::collection::vec((copies, cut), 0..12),
    )
        .prop_map(|(base, plan)| {
            let base = base.into_bytes();
            let pieces = plan
                .into_iter()
                .map(|((copy, insert, start, len), (from, to))| {
                    if !copy || base.is_empty() {
                        // whole, or a part of it
                        let from = if from & 1 == 0 { 0 } else { usize::from(from) % insert.len() };
                        let left = insert.len() - from;
                        let len = if to & 1 == 0 { left } else { 1 + usize::from(to) % left };
                        return Piece::Insert(insert.into_bytes()[from..from + len].to_vec());
                    }
                    let start = usize::from(start) % base.len();
                    Piece::Copy(start, 1 + usize::from(len) % (base.len() - start))
                })
                .collect();
            (base, pieces)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn deltas_build_what_they_say((base, pieces) in pieces()) {
        let delta = Buffer::of(encode(base.len(), &pieces));
        let mut out = Buffer::default();
        prop_assert_eq!(Delta::parse(&delta).and_then(|d| d.apply(&Buffer::of(base.clone()), &mut out)), Ok(()));
        prop_assert_eq!(out.bytes(), build(&base, &pieces));
    }

    #[test]
    fn a_copy_is_read_as_it_is_written(start in any::<[u8; 4]>(), len in any::<[u8; 3]>(), zeros in any::<u8>()) {
        // Bytes that are 0 are left out, wherever they stand.
        let zero = |bit: usize, byte: u8| if zeros >> bit & 1 == 1 { 0 } else { byte };
        let start = (0..4).fold(0, |all, i| all | usize::from(zero(i, start[i])) << (8 * i));
        let len = (0..3).fold(0, |all, i| all | usize::from(zero(4 + i, len[i])) << (8 * i));
        let delta = Buffer::of(encode(1 << 32, &[Piece::Copy(start, len)]));
        let mut ops = Delta::parse(&delta).unwrap().ops();
        // None at all means the longest copy of old.
        prop_assert_eq!(ops.next(), Some(Op::Copy { start, len: if len == 0 { 1 << 16 } else { len } }));
        prop_assert_eq!(ops.next(), None);
        prop_assert_eq!(ops.finish(), Ok(()));
    }

    #[test]
    fn the_anchors_of_what_is_not_built_are_known_exactly((base, pieces) in pieces()) {
        let prefilter = prefilter();
        let seams = Seams::new(prefilter);
        let whole = build(&base, &pieces);
        let mut viable = Vec::new();
        prefilter.viable_anchors(&whole, &mut viable);
        let mut scratch = Scratch::default();
        let expected = seams.examine(&whole, false, &mut scratch);
        prop_assert_eq!(scratch.viable(), &viable[..]);
        seams.examine(&whole, true, &mut scratch);
        prop_assert_eq!(scratch.viable(), &viable[..]);
        let delta = Buffer::of(encode(base.len(), &pieces));
        let delta = Delta::parse(&delta).unwrap();
        let (note, base) = (seams.examine(&base, false, &mut scratch), Buffer::of(base));
        let mut out = Buffer::default();
        let built = seams.build(&base, &note, &delta, &mut out, &mut scratch).unwrap();
        prop_assert_eq!(out.bytes(), &whole[..]);
        prop_assert_eq!(built.marks(), expected.marks());
        prop_assert_eq!(scratch.viable(), &viable[..]);
        prop_assert_eq!(seams.look(base.bytes(), &note, &delta, &mut scratch), Ok(true));
        prop_assert_eq!(scratch.viable(), &viable[..]);
    }

    #[test]
    fn no_bytes_are_too_odd_for_a_delta(bytes in prop::collection::vec(any::<u8>(), 0..60), base in prop::collection::vec(any::<u8>(), 0..200)) {
        let delta = Buffer::of(bytes);
        let (base, mut out) = (Buffer::of(base), Buffer::default());
        if let Ok(delta) = Delta::parse(&delta) {
            let built = delta.apply(&base, &mut out).is_ok();
            let prefilter = prefilter();
            let seams = Seams::new(prefilter);
            let mut scratch = Scratch::default();
            let note = seams.examine(base.bytes(), false, &mut scratch);
            if built {
                prop_assert_eq!(out.bytes().len() as u64, delta.result_size);
            } else if delta.base_size == base.bytes().len() as u64 {
                // A delta that cannot be applied is never taken for a good one.
                prop_assert_ne!(seams.look(base.bytes(), &note, &delta, &mut scratch), Ok(true));
                prop_assert!(seams.build(&base, &note, &delta, &mut out, &mut scratch).is_err());
            }
        }
    }
}

fn build(base: &[u8], pieces: &[Piece]) -> Vec<u8> {
    let part = |p: &Piece| match p {
        Piece::Insert(bytes) => bytes.clone(),
        Piece::Copy(start, len) => base[*start..start + len].to_vec(),
    };
    pieces.iter().flat_map(part).collect()
}
