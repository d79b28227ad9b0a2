//! Damaged and hostile packs: never a panic, nothing wrong handed over, and nothing lost but what is damaged.

use super::*;

/// A zlib stream.
pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let len = compressor.zlib_compress(bytes, &mut out).unwrap();
    out.truncate(len);
    out
}

/// The header of a pack entry, without its base.
pub(super) fn entry_header(out: &mut Vec<u8>, code: u8, mut size: usize) {
    let mut byte = code << 4 | (size & 15) as u8;
    size >>= 4;
    while size > 0 {
        out.push(byte | 0x80);
        byte = (size & 0x7f) as u8;
        size >>= 7;
    }
    out.push(byte);
}

/// Write a pack with entries at these offsets, and an index of version 2 for it.
pub(super) fn write_pack(repo: &Repo, mut pack: Vec<u8>, mut offsets: Vec<(ObjectId, usize)>) {
    offsets.sort();
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for byte in 0..=255u8 {
        let count = offsets.iter().filter(|o| o.0.first_byte() <= byte).count() as u32;
        index.extend_from_slice(&count.to_be_bytes());
    }
    index.extend(offsets.iter().flat_map(|o| o.0.as_bytes()));
    index.extend(offsets.iter().flat_map(|_| [0; 4])); // checksums, which nobody reads
    index.extend(offsets.iter().flat_map(|o| (o.1 as u32).to_be_bytes()));
    index.extend_from_slice(&[0; 40]);
    pack.extend_from_slice(&[0; 20]);
    let folder = repo.objects_dir().join("pack");
    std::fs::write(folder.join("pack-made.pack"), pack).unwrap();
    std::fs::write(folder.join("pack-made.idx"), index).unwrap();
}

fn overwrite(path: &Path, bytes: &[u8]) {
    // Git makes packs read-only; a new file takes the place.
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Scan a damaged store. Gives the ids that were reported.
fn scan_damaged(repo: &Repo, expected: &Objects) -> BTreeSet<ObjectId> {
    let (store, _) = Store::open(&repo.objects_dir(), repo.hash);
    let (seen, _) = scan(&store, &ScanOptions { check_hashes: true, ..OPTIONS });
    let problems = seen.problems.into_inner().unwrap();
    let reported: BTreeSet<ObjectId> = problems.iter().filter_map(|p| p.object).collect();
    for (id, kind, bytes) in seen.hot.into_inner().unwrap() {
        assert!(reported.contains(&id) || expected[&id] == (kind, bytes), "{id} is wrong and not reported");
    }
    let read = Mutex::new(Vec::new());
    let lost = store.each(ObjectKind::Blob, 2, &|id, _| read.lock().unwrap().push(id.to_owned()));
    distinct(read.into_inner().unwrap());
    let mut buffer = Vec::new();
    for id in expected.keys() {
        if let Ok(Some(kind)) = store.read(id, &mut buffer) {
            assert!(expected[id] == (kind, buffer.clone()), "{id} is read wrong");
        }
    }
    assert!(lost.iter().all(|p| p.object.is_none_or(|id| reported.contains(&id))));
    reported
}

#[test]
fn flipped_bytes_are_reported_and_spoil_little() {
    let repo = Repo::new(HashKind::Sha1);
    repo.import(&mut Random(77), 60);
    repo.git(&["repack", "-adfq", "--window=20"], b"");
    let expected = repo.expected();
    let [path] = &repo.pack_files("pack")[..] else { panic!("one pack") };
    let sound = std::fs::read(path).unwrap();
    let mut random = Random(4);
    let mut total = 0;
    for _ in 0..60 {
        let mut bytes = sound.clone();
        let at = 12 + random.below(bytes.len() - 32);
        bytes[at] ^= 1 << random.below(8);
        overwrite(path, &bytes);
        let reported = scan_damaged(&repo, &expected);
        assert!(reported.len() < expected.len() / 2, "{} of {} lost", reported.len(), expected.len());
        total += usize::from(!reported.is_empty());
    }
    assert!(total > 50, "only {total} of 60 flips were seen");
}

#[test]
fn cut_packs_and_damaged_indexes_do_no_harm() {
    let repo = Repo::new(HashKind::Sha1);
    repo.import(&mut Random(78), 40);
    repo.git(&["repack", "-adfq", "--window=20"], b"");
    let expected = repo.expected();
    let (pack, index) = (repo.pack_files("pack").remove(0), repo.pack_files("idx").remove(0));
    let (sound_pack, sound_index) = (std::fs::read(&pack).unwrap(), std::fs::read(&index).unwrap());
    for length in [0, 3, 11, 12, 40, sound_pack.len() / 2] {
        overwrite(&pack, &sound_pack[..length]);
        let reported = scan_damaged(&repo, &expected);
        assert!(length < 1000 || reported.len() < expected.len(), "all is lost");
        assert!(!reported.is_empty());
    }
    overwrite(&pack, &sound_pack);
    let mut random = Random(5);
    for _ in 0..60 {
        let mut bytes = sound_index.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        if random.below(8) == 0 {
            bytes.truncate(at);
        }
        overwrite(&index, &bytes);
        let (store, _) = Store::open(&repo.objects_dir(), repo.hash);
        scan(&store, &ScanOptions { check_hashes: true, ..OPTIONS });
        store.each(ObjectKind::Tree, 2, &|_, _| {});
    }
}

#[test]
fn a_sound_copy_stands_in_for_a_damaged_one() {
    let repo = Repo::new(HashKind::Sha1);
    repo.import(&mut Random(79), 40);
    repo.git(&["repack", "-adfq", "--window=20"], b"");
    let expected = repo.expected();
    let path = repo.pack_files("pack").remove(0);
    for (kind, bytes) in expected.values() {
        // Git writes no object that it has already: let another repository write it.
        let other = Repo::new(HashKind::Sha1);
        let id = other.git(&["hash-object", "-w", "--stdin", "-t", &kind.to_string()], bytes);
        let id = String::from_utf8(id).unwrap();
        let file = Path::new(&id[..2]).join(id[2..].trim());
        std::fs::create_dir_all(repo.objects_dir().join(&id[..2])).unwrap();
        std::fs::copy(other.objects_dir().join(&file), repo.objects_dir().join(&file)).unwrap();
    }
    let mut bytes = std::fs::read(&path).unwrap();
    for at in (400..bytes.len() - 20).step_by(301) {
        bytes[at] ^= 0x55;
    }
    overwrite(&path, &bytes);
    assert_scan(&repo.open(), &expected, &OPTIONS);
}

#[test]
fn circles_of_deltas_end() {
    let repo = Repo::new(HashKind::Sha1);
    let ids = [1u8, 2, 3].map(|n| ObjectId::from_bytes_or_panic(&[n; 20]));
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x03".to_vec();
    let mut offsets = Vec::new();
    for (id, base) in [(0, 1), (1, 0), (2, 0)] {
        offsets.push((ids[id], pack.len()));
        let delta = encode(5, &[Piece::Copy(0, 5)]);
        entry_header(&mut pack, 7, delta.len());
        pack.extend_from_slice(ids[base].as_bytes());
        pack.extend_from_slice(&zlib(&delta));
    }
    write_pack(&repo, pack, offsets);
    let store = repo.open();
    let (seen, Scanned { stats, .. }) = scan(&store, &OPTIONS);
    assert_eq!(stats.objects, 0);
    assert_eq!(
        distinct(seen.problems.into_inner().unwrap().into_iter().filter_map(|p| p.object)),
        ids.into()
    );
    assert!(store.read(&ids[2], &mut Vec::new()).is_err());
}

#[test]
fn sizes_that_cannot_be_are_not_believed() {
    let repo = Repo::new(HashKind::Sha1);
    let ids = [1u8, 2].map(|n| ObjectId::from_bytes_or_panic(&[n; 20]));
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x02".to_vec();
    let mut offsets = vec![(ids[0], pack.len())];
    entry_header(&mut pack, 3, 1 << 50);
    pack.extend_from_slice(&zlib(b"small"));
    offsets.push((ids[1], pack.len()));
    entry_header(&mut pack, 1, 4);
    pack.extend_from_slice(&zlib(b"small"));
    write_pack(&repo, pack, offsets);
    let (seen, _) = scan(&repo.open(), &OPTIONS);
    let problems = seen.problems.into_inner().unwrap();
    assert_eq!(distinct(problems.into_iter().filter_map(|p| p.object)), ids.into());
}

#[test]
fn a_chain_as_long_as_git_makes_them_is_read() {
    let repo = Repo::new(HashKind::Sha1);
    let mut content = b"the first line\n".repeat(20);
    let id = |bytes: &[u8]| gix::objs::compute_hash(HashKind::Sha1, ObjectKind::Blob, bytes).unwrap();
    let mut pack = b"PACK\0\0\0\x02\0\0\x10\0".to_vec();
    let mut offsets = vec![(id(&content), pack.len())];
    let mut expected = Objects::from([(id(&content), (ObjectKind::Blob, content.clone()))]);
    entry_header(&mut pack, 3, content.len());
    pack.extend_from_slice(&zlib(&content));
    for number in 0..4095 {
        let line = if number == 4000 { "AKIAZZZZYYYYXXXXWWWW".into() } else { format!("{number:04}") };
        let base = content.clone();
        content.splice(0..4, line.bytes());
        let pieces = [Piece::Insert(line.into_bytes()), Piece::Copy(4, base.len() - 4)];
        let delta = encode(base.len(), &pieces);
        offsets.push((id(&content), pack.len()));
        entry_header(&mut pack, 7, delta.len());
        pack.extend_from_slice(id(&base).as_bytes());
        pack.extend_from_slice(&zlib(&delta));
        expected.insert(id(&content), (ObjectKind::Blob, content.clone()));
    }
    write_pack(&repo, pack, offsets);
    let store = repo.open();
    assert_scan(&store, &expected, &OPTIONS);
    let last = id(&content);
    let mut buffer = Vec::new();
    assert_eq!(store.read(&last, &mut buffer), Ok(Some(ObjectKind::Blob)));
    assert_eq!(buffer, content);
}
