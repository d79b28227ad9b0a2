//! Sound repositories, packed in many ways.

use super::*;

/// A repository with random commits, an LFS pointer, and a file name and a message that hold a key.
fn sample(hash: HashKind, seed: u64, commits: usize) -> Repo {
    let repo = Repo::new(hash);
    repo.import(&mut Random(seed), commits);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    repo.git(&["hash-object", "-w", "--stdin"], pointer);
    repo
}

fn lines<'a>(ids: impl Iterator<Item = &'a ObjectId>) -> String {
    ids.map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn loose_objects_agree_with_git() {
    let repo = sample(HashKind::Sha1, 11, 25);
    let packs = repo.pack_files("pack");
    let bytes: Vec<Vec<u8>> = packs.iter().map(|p| std::fs::read(p).unwrap()).collect();
    for path in repo.pack_files("pack").iter().chain(&repo.pack_files("idx")) {
        std::fs::remove_file(path).unwrap();
    }
    for pack in bytes {
        repo.git(&["unpack-objects", "-q"], &pack);
    }
    assert_agrees(&repo, &repo.expected());
}

#[test]
fn packs_of_all_settings_agree_with_git() {
    let repo = sample(HashKind::Sha1, 5, 120);
    let expected = repo.expected();
    for (window, depth) in [("0", "0"), ("10", "50"), ("100", "4095"), ("5", "1")] {
        for offset_deltas in ["true", "false"] {
            for index in ["1", "2"] {
                repo.git(
                    &[
                        "-c",
                        &format!("repack.useDeltaBaseOffset={offset_deltas}"),
                        "-c",
                        &format!("pack.indexVersion={index}"),
                        "repack",
                        "-adfq",
                        "--keep-unreachable",
                        &format!("--window={window}"),
                        &format!("--depth={depth}"),
                    ],
                    b"",
                );
                assert_agrees(&repo, &expected);
            }
        }
    }
}

#[test]
fn sha256_repositories_agree_with_git() {
    let repo = sample(HashKind::Sha256, 3, 60);
    repo.git(&["repack", "-adfq", "--keep-unreachable", "--window=20"], b"");
    assert_agrees(&repo, &repo.expected());
}

#[test]
fn an_object_in_several_packs_and_loose_comes_once() {
    let repo = sample(HashKind::Sha1, 7, 60);
    let before = repo.pack_files("pack");
    let all = repo.expected();
    // A second pack with half of the objects, as deltas against each other, and some of them loose too.
    let ids = lines(all.keys().step_by(2));
    repo.git(&["pack-objects", "-q", "--window=50", "--no-reuse-delta", "objects/pack/pack"], ids.as_bytes());
    assert!(repo.pack_files("pack").len() > before.len());
    for (kind, bytes) in all.values().step_by(9) {
        repo.git(&["hash-object", "-w", "--stdin", "-t", &kind.to_string()], bytes);
    }
    assert_agrees(&repo, &all);
}

#[test]
fn alternates_are_part_of_the_store() {
    let lender = sample(HashKind::Sha1, 9, 30);
    lender.git(&["repack", "-adq", "--keep-unreachable"], b"");
    let repo = sample(HashKind::Sha1, 10, 30);
    let line = lender.objects_dir().canonicalize().unwrap();
    std::fs::write(repo.objects_dir().join("info/alternates"), format!("{}\n", line.display())).unwrap();
    let expected = repo.expected();
    assert!(lender.expected().keys().all(|id| expected.contains_key(id)));
    assert_agrees(&repo, &expected);
}

#[test]
fn a_thin_pack_finds_its_bases_elsewhere() {
    let repo = Repo::new(HashKind::Sha1);
    let mut random = Random(21);
    let base = random.text(4000);
    let child = [&base[..2000], b" AKIAZZZZYYYYXXXXWWWW ", &base[2000..]].concat();
    let grandchild = [&child[..], b" the end"].concat();
    let id = |bytes: &[u8]| gix::objs::compute_hash(HashKind::Sha1, ObjectKind::Blob, bytes).unwrap();
    let deltas = [
        (
            &base,
            &child,
            vec![
                Piece::Copy(0, 2000),
                Piece::Insert(child[2000..child.len() - (base.len() - 2000)].to_vec()),
                Piece::Copy(2000, base.len() - 2000),
            ],
        ),
        (&child, &grandchild, vec![Piece::Copy(0, child.len()), Piece::Insert(b" the end".to_vec())]),
    ];
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x02".to_vec();
    let mut offsets = Vec::new();
    for (from, to, pieces) in &deltas {
        offsets.push((id(to), pack.len()));
        let delta = encode(from.len(), pieces);
        damage::entry_header(&mut pack, 7, delta.len());
        pack.extend_from_slice(id(from).as_bytes());
        pack.extend_from_slice(&damage::zlib(&delta));
    }
    damage::write_pack(&repo, pack, offsets);
    repo.git(&["hash-object", "-w", "--stdin"], &base);
    let objects = [base, child, grandchild];
    let expected: Objects = objects.into_iter().map(|b| (id(&b), (ObjectKind::Blob, b))).collect();
    assert_agrees(&repo, &expected);
}

#[test]
fn large_blobs_are_streamed_and_left_out_on_request() {
    let repo = Repo::new(HashKind::Sha1);
    let mut large = vec![b'x'; 40 << 20];
    let key = b" AKIAZZZZYYYYXXXXWWWW ";
    let at = (1 << 20) + 200; // near the end of the first piece that is read
    large[at..at + key.len()].copy_from_slice(key);
    let cold = vec![b'y'; 40 << 20];
    repo.git(&["hash-object", "-w", "--stdin"], &large);
    repo.git(&["hash-object", "-w", "--stdin"], &cold);
    let expected = repo.expected();
    assert_scan(&repo.open(), &expected, &OPTIONS);
    assert_eq!(scan(&repo.open(), &OPTIONS).0.hot.into_inner().unwrap().len(), 1);
    let ids = lines(expected.keys());
    repo.git(&["pack-objects", "-q", "objects/pack/pack"], ids.as_bytes());
    repo.git(&["prune-packed", "-q"], b"");
    assert_eq!(repo.pack_files("pack").len(), 1);
    assert_scan(&repo.open(), &expected, &ScanOptions { check_hashes: true, ..OPTIONS });
    let (seen, Scanned { stats, .. }) =
        scan(&repo.open(), &ScanOptions { max_blob_size: Some(1 << 20), ..OPTIONS });
    assert_eq!(distinct(seen.too_big.into_inner().unwrap()), expected.keys().copied().collect());
    assert_eq!((stats.objects, seen.hot.into_inner().unwrap().len()), (0, 0));
}
