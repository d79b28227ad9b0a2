//! What a scan notes of trees, against the trees themselves.

use super::super::tree::{EntryKind, entries};
use super::super::versions::{Log, TreeNote, Which};
use super::*;

/// The entries of a tree: by name, of trees with a slash; what each is; its object, unless that belongs to a submodule.
type Held = BTreeMap<Vec<u8>, (EntryKind, Option<Number>)>;

/// By the notes: its own changes, and those of the trees that it is a version of.
fn noted(log: &TreeLog, tree: Number) -> Held {
    let mut changes = BTreeMap::new();
    let mut at = Some(tree);
    while let Some(tree) = at {
        for change in log.changes(tree) {
            changes.entry(log.name(change.name()).to_vec()).or_insert(*change);
        }
        at = log.base(tree);
    }
    let there = changes.into_iter().filter(|(_, change)| change.is_there());
    there.map(|(name, change)| (name, (change.kind(), change.object()))).collect()
}

/// By its bytes.
fn held(store: &Store, log: &TreeLog, bytes: &[u8]) -> Held {
    let number = |id: &oid| {
        let missing =
            || log.missing.iter().position(|m| &**m == id).map(|at| log.first_missing + at as Number);
        store.number(id).or_else(missing)
    };
    entries(bytes, store.hash)
        .map(|entry| {
            let slash = if entry.kind == EntryKind::Tree { &b"/"[..] } else { b"" };
            let object = if entry.kind == EntryKind::Submodule { None } else { number(entry.id) };
            ([entry.name, slash].concat(), (entry.kind, object))
        })
        .collect()
}

/// Each tree must be noted as it is; what trees name and is not there is missing.
pub(super) fn assert_log(store: &Store, expected: &Objects, log: &TreeLog) {
    let mut missing = BTreeSet::new();
    let mut seen = 0;
    for (id, (_, bytes)) in expected.iter().filter(|(_, (kind, _))| *kind == ObjectKind::Tree) {
        let number = store.number(id).expect("it is there");
        assert_eq!(noted(log, number), held(store, log, bytes), "{id}");
        let others = entries(bytes, store.hash).filter(|e| e.kind != EntryKind::Submodule);
        missing.extend(others.map(|e| e.id.to_owned()).filter(|id| !expected.contains_key(id)));
        seen += 1;
    }
    assert_eq!(log.trees().count(), seen, "each once");
    assert_eq!(distinct(log.missing.iter().copied()), missing);
    assert!(log.malformed.is_empty());
}

/// A tree of these entries, sorted as git sorts them: a digit for the name, and what it is.
fn tree(entries: &BTreeMap<u8, (u8, u8)>) -> Vec<u8> {
    let mut sorted: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (name, (kind, id)) in entries {
        let mode = [&b"100644"[..], b"40000", b"120000", b"160000"][usize::from(*kind)];
        // Some names look like the beginning of an entry.
        let name = format!(
            "{}{}",
            "ab".repeat(usize::from(name % 9)),
            [" 100644 a", "", "-x"][usize::from(name % 3)]
        ) + &name.to_string();
        let slash = if *kind == 1 { "/" } else { "" };
        let bytes = [mode, b" ", name.as_bytes(), b"\0", &[*id; 20]].concat();
        sorted.push(((name + slash).into_bytes(), bytes));
    }
    sorted.sort();
    sorted.into_iter().flat_map(|(_, bytes)| bytes).collect()
}

/// What builds `text` from `base` in pieces of these lengths: a copy of each that can be one.
fn pieces(base: &[u8], text: &[u8], lengths: &[usize]) -> Vec<Piece> {
    let mut rest = text;
    let mut pieces = Vec::new();
    let mut lengths = lengths.iter().copied().cycle();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(lengths.next().expect("a cycle").min(rest.len()));
        let found = memchr::memmem::find(base, piece);
        pieces.push(found.map_or_else(|| Piece::Insert(piece.to_vec()), |at| Piece::Copy(at, piece.len())));
        rest = behind;
    }
    pieces
}

/// A version of a tree: which one it is built on, names that go, those that come or change, and the lengths of the pieces.
type Edit = (usize, (u8, u8), Vec<(u8, Option<(u8, u8)>)>, Vec<usize>);

fn edit() -> impl Strategy<Value = Edit> {
    let changes = prop::collection::vec((0u8..60, prop::option::of((0u8..4, 0u8..5))), 0..4);
    (any::<usize>(), (0u8..60, 0u8..30), changes, prop::collection::vec(1usize..900, 1..12))
}

proptest! {
    /// However a delta cuts the entries, it is read as what it builds.
    #[test]
    fn versions_are_read_as_what_they_are(
        first in prop::collection::btree_map(0u8..60, (0u8..4, 0u8..5), 0..30),
        edits in prop::collection::vec(edit(), 1..6),
        leaves in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        // So many loose objects, by their names: the trees below take their numbers.
        std::fs::create_dir(folder.path().join("77")).expect("a folder");
        for number in 0..=edits.len() {
            std::fs::write(folder.path().join(format!("77/{number:038}")), b"").expect("a file");
        }
        let (store, _) = Store::open(folder.path(), HashKind::Sha1);
        let names = prefilter().for_names();
        let mut log = Log::new(&store, &names);
        let id = ObjectId::null(HashKind::Sha1);
        let which = |number| Which { number, pack: 0 };
        let text = tree(&first);
        let note = log.whole(&id, which(0), &text);
        let mut trees: Vec<(_, Vec<u8>, TreeNote)> = vec![(first, text, note)];
        for (number, (on, (from, many), changes, lengths)) in (1..).zip(&edits) {
            let (base, base_text, base_note) = &trees[on % trees.len()];
            let mut entries = base.clone();
            entries.retain(|name, _| !(*from..from + many).contains(name));
            for (name, entry) in changes {
                match entry {
                    Some(entry) => drop(entries.insert(*name, *entry)),
                    None => drop(entries.remove(name)),
                }
            }
            let text = tree(&entries);
            let encoded = Buffer::of(encode(base_text.len(), &pieces(base_text, &text, lengths)));
            let delta = Delta::parse(&encoded).expect("a delta");
            let leaf = leaves && number as usize == edits.len();
            let read = log.delta(which(number), base_text, base_note, &delta, leaf).expect("it fits");
            let note = read.unwrap_or_else(|| log.whole(&id, which(number), &text));
            trees.push((entries, text, note));
        }
        let log = TreeLog::of(vec![log], store.numbers());
        for (number, (_, text, _)) in (0..).zip(&trees) {
            prop_assert_eq!(noted(&log, number), held(&store, &log, text));
        }
    }
}

/// What is known of another tree changes nothing: where a tree is the first entries of its base, the others are gone.
#[test]
fn the_first_entries_of_a_tree_are_what_remains() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("77")).expect("a folder");
    for number in 0..3 {
        std::fs::write(folder.path().join(format!("77/{number:038}")), b"").expect("a file");
    }
    let (store, _) = Store::open(folder.path(), HashKind::Sha1);
    let names = prefilter().for_names();
    let id = ObjectId::null(HashKind::Sha1);
    let which = |number| Which { number, pack: 0 };
    let base = tree(&(0..9).map(|name| (name, (0, 1))).collect());
    let lengths = entries(&base, HashKind::Sha1).map(|e| e.name.len() + 28);
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    for (end, other) in ends.flat_map(|end| (0..9).map(move |other| (end, other))) {
        let mut log = Log::new(&store, &names);
        let note = log.whole(&id, which(0), &base);
        log.whole(&id, which(1), &tree(&[(other, (0, 1))].into()));
        let encoded = Buffer::of(encode(base.len(), &[Piece::Copy(0, end)]));
        let delta = Delta::parse(&encoded).expect("a delta");
        assert!(log.delta(which(2), &base, &note, &delta, true).expect("it fits").is_some());
        let log = TreeLog::of(vec![log], store.numbers());
        assert_eq!(noted(&log, 2), held(&store, &log, &base[..end]), "{end} bytes behind {other}");
    }
}
