use std::io::{self, Read};

use proptest::prelude::*;

use super::formats::UNOPENED;
use super::samples::{Pack, git_pack, gzip, rpm, tar};
use super::*;
use crate::finding::Encoding;

/// Remembers what it is given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Path and content.
    pub(super) contents: Vec<(String, Vec<u8>)>,
    names: Vec<String>,
    pub(super) problems: Vec<(String, Problem)>,
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Members for Seen {
    fn content(&mut self, path: &[u8], content: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        let read = content.take(1 << 20).read_to_end(&mut bytes);
        self.contents.push((text(path), bytes));
        read.map(|_| ())
    }

    fn name(&mut self, _: &[u8], name: &[u8]) {
        self.names.push(text(name));
    }

    fn problem(&mut self, path: &[u8], problem: Problem) {
        self.problems.push((text(path), problem));
    }
}

fn seen_within(container: &[u8], limits: Limits) -> Seen {
    let mut seen = Seen::default();
    let format = format(&container[..container.len().min(HEAD)]).expect("a container");
    unpack(format, &mut { container }, limits, &|| false, &mut seen).unwrap();
    seen
}

pub(super) fn seen(container: &[u8]) -> Seen {
    seen_within(container, Limits::default())
}

/// What does not compress, so that damage is noticed where it is.
pub(super) fn noise() -> Vec<u8> {
    let step = |n: &mut u64| {
        *n ^= *n << 13;
        *n ^= *n >> 7;
        *n ^= *n << 17;
        Some((*n >> 32) as u8)
    };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::from_fn(|| step(&mut state)).take(5000).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// `hello\n`, five times.
pub(super) const HELLO: &[u8] = b"hello\nhello\nhello\nhello\nhello\n";

#[test]
fn every_format_gives_its_members() {
    for pack in Pack::ALL {
        let long = "deep/".repeat(40) + "file";
        let members: [(&str, &[u8]); 3] = [("a.txt", HELLO), ("empty", b""), (&long, b"other")];
        let seen = seen(&pack.pack(&members));
        assert_eq!(seen.problems, [], "{pack:?}");
        if pack.names() {
            let wanted: Vec<_> = members
                .iter()
                .filter(|m| !m.1.is_empty())
                .map(|m| (format!("!{}", m.0), m.1.to_vec()))
                .collect();
            let contents: Vec<_> = seen.contents.into_iter().filter(|c| !c.1.is_empty()).collect();
            assert_eq!(contents, wanted, "{pack:?}");
            assert_eq!(seen.names, members.map(|m| m.0), "{pack:?}");
        } else {
            assert_eq!(seen.contents, [(String::new(), HELLO.to_vec())], "{pack:?}");
        }
    }
}

#[test]
fn reports_know_every_format() {
    let known = |f: &Format| Encoding::ALL.iter().filter(|e| **e == Encoding::Packed(f.name())).count();
    assert!(Format::ALL.iter().all(|f| known(f) == 1));
}

#[test]
fn streams_of_other_programs_are_read() {
    // What the programs make of HELLO.
    for hex in [
        "fd377a585a000004e6d6b4460200210116000000742fe5a3e0001d000c5d00341949ee8ddd5573822f000000d417ab8375624a2e0001281ee226d4871fb6f37d010000000004595a",
        "28b52ffd04586500003068656c6c6f0a0100014b115707b5ff",
    ] {
        let seen = seen(&from_hex(hex));
        assert_eq!(seen.problems, []);
        assert_eq!(seen.contents, [(String::new(), HELLO.to_vec())]);
        let followed = [&from_hex(hex)[..], b"[behind]"].concat();
        let behind = (String::new(), b"[behind]".to_vec());
        assert_eq!(self::seen(&followed).contents, [(String::new(), HELLO.to_vec()), behind]);
    }
}

#[test]
fn text_that_begins_as_zlib_does_is_text() {
    let formula = "x^2 + y^2 = z^2, and so on, for all numbers. ".repeat(20);
    for len in [2, 3, 5, 10, 20, 45, 200, HEAD, formula.len()] {
        assert_eq!(format(&formula.as_bytes()[..len.min(HEAD)]), None, "{len}");
    }
    let mut rest = 7u32;
    for second in [0x01, 0x5e, 0x9c, 0xda] {
        for len in (2..60).chain([HEAD]) {
            let text = (0..len).map(|_| {
                rest = rest.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b' ' + (rest >> 24) as u8 % 95
            });
            let text: Vec<u8> = [b'x', second].into_iter().chain(text).collect();
            assert_eq!(format(&text[..text.len().min(HEAD)]), None, "{}", text.escape_ascii());
        }
    }
}

#[test]
fn what_is_known_by_its_mark_alone_is_told() {
    for (name, mark) in UNOPENED {
        let content = [mark, b"\0 what shows of it\n"].concat();
        let members: [(&str, &[u8]); 2] = [("a", &content), ("b", b"other")];
        let found = seen(&Pack::Zip.pack(&members));
        assert_eq!(found.problems, [("!a".into(), Problem::Unopened(name))]);
        assert_eq!(found.contents, [("!a".into(), content), ("!b".into(), b"other".to_vec())]);
    }
    for text in ["MSCF: a name", "LZIPPED", "PARIS", "Rare"] {
        assert_eq!(format(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn streams_in_a_row_are_one() {
    for pack in [Pack::Gzip, Pack::Bzip2, Pack::Zstd] {
        let one = pack.pack(&[("", b"one ")]);
        let mut row = [one.clone(), pack.pack(&[("", b"")]), one].concat();
        row.extend([0; 100]); // padding is no part of it
        assert_eq!(seen(&row).contents, [(String::new(), b"one one ".to_vec())], "{pack:?}");
    }
}

#[test]
fn names_of_pax_and_links_of_tar_are_read() {
    let mut archive = tar(&[("x", HELLO), ("link", b"")]);
    let attributes = b"27 path=folder/from-pax.txt\n";
    let pax = tar(&[("x.pax", attributes)]);
    let mut pax = pax[..1024].to_vec();
    set(&mut pax, 156, b"x");
    set(&mut archive[1024..1536], 156, b"2");
    set(&mut archive[1024..1536], 157, b"/etc/target");
    let seen = seen(&[pax, archive].concat());
    assert_eq!(seen.problems, []);
    assert_eq!(seen.contents, [("!folder/from-pax.txt".into(), HELLO.to_vec())]);
    assert_eq!(seen.names, ["folder/from-pax.txt", "link", "/etc/target"]);
}

/// Change a header of tar, and its checksum.
fn set(header: &mut [u8], at: usize, value: &[u8]) {
    header[at..at + value.len()].copy_from_slice(value);
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn archives_behind_the_end_of_a_tar_archive_are_read() {
    let both = [tar(&[("one", HELLO)]), tar(&[("two", HELLO)])].concat();
    assert_eq!(seen(&both).names, ["one", "two"]);
}

#[test]
fn nesting_ends_at_the_limit() {
    let mut packed = HELLO.to_vec();
    for _ in 0..5 {
        packed = Pack::Zip.pack(&[("in", &packed)]);
    }
    let at_limit = seen_within(&packed, Limits { depth: 5, ..Limits::default() });
    assert_eq!((at_limit.contents.len(), at_limit.problems.len()), (1, 0));
    assert_eq!(at_limit.contents[0], ("!in!in!in!in!in".into(), HELLO.to_vec()));
    let beyond = seen_within(&packed, Limits { depth: 4, ..Limits::default() });
    assert!(matches!(&beyond.problems[..], [(path, Problem::TooDeep)] if path == "!in!in!in!in"));
}

#[test]
fn bombs_end_and_what_is_beside_them_is_read() {
    let zeros = gzip(&vec![0; 100 << 20]);
    for pack in [Pack::Zip, Pack::ZipStored, Pack::Tar, Pack::Ar] {
        let seen = seen(&pack.pack(&[("bomb.gz", &zeros), ("b", HELLO)]));
        assert!(
            matches!(&seen.problems[..], [(path, Problem::OverLimit(_))] if path == "!bomb.gz"),
            "{pack:?}"
        );
        assert_eq!(seen.contents[1], ("!b".into(), HELLO.to_vec()), "{pack:?}");
    }
}

#[test]
fn all_that_comes_out_is_bounded() {
    // Each level holds the one below ten times: 10,000 times the content.
    let mut packed = vec![b'x'; 10_000];
    for _ in 0..4 {
        let members: Vec<(String, &[u8])> = (0..10).map(|n| (format!("{n}"), &packed[..])).collect();
        let members: Vec<(&str, &[u8])> = members.iter().map(|m| (&*m.0, m.1)).collect();
        packed = Pack::Zip.pack(&members);
    }
    let bytes = seen_within(&packed, Limits { bytes: 1 << 20, ..Limits::default() });
    assert!(bytes.contents.len() < 200);
    assert!(matches!(bytes.problems[..], [(_, Problem::OverLimit(_))]));
    let members = seen_within(&packed, Limits { members: 500, ..Limits::default() });
    assert!(members.contents.len() < 500);
    assert!(matches!(members.problems[..], [(_, Problem::OverLimit(_))]));
}

#[test]
fn encrypted_members_are_told_and_the_rest_is_read() {
    let mut archive = Pack::Zip.pack(&[("locked", HELLO), ("b", HELLO)]);
    archive[6] |= 1;
    let seen = seen(&archive);
    assert_eq!(seen.problems, [("!locked".into(), Problem::Encrypted)]);
    assert_eq!(seen.contents, [("!b".into(), HELLO.to_vec())]);
}

#[test]
fn behind_a_damaged_member_the_rest_is_read() {
    let noise = noise();
    for pack in Pack::ALL.into_iter().filter(|p| format!("{p:?}").starts_with("Zip")) {
        let mut archive = pack.pack(&[("bad", &noise), ("b", HELLO)]);
        archive[2000] ^= 0x55;
        let seen = seen(&archive);
        assert_eq!(seen.problems.len(), 1, "{pack:?}: {:?}", seen.problems);
        assert!(matches!(&seen.problems[0], (path, Problem::Corrupt(_)) if path == "!bad"), "{pack:?}");
        assert_eq!(seen.contents.last(), Some(&("!b".into(), HELLO.to_vec())), "{pack:?}");
    }
}

#[test]
fn the_end_of_a_stored_member_is_found_without_its_size() {
    // What looks like an end, and windows that end anywhere in one.
    let inner = Pack::ZipStoredStreamed.pack(&[("inner", HELLO)]);
    let decoys: [&[u8]; 4] = [b"PK\x07\x08", b"PK\x03\x04PK\x01\x02", b"P", &inner];
    for len in (0..60).chain(16_300..16_420) {
        let content = [&b".".repeat(len)[..], decoys[len % 4]].concat();
        let whole = Pack::ZipStoredStreamed.pack(&[("a", &content), ("b", HELLO)]);
        // Without the marks of the two descriptors.
        let mut bare = whole.clone();
        for end in [31 + content.len(), 31 + content.len() + 12 + 31 + HELLO.len()] {
            assert_eq!(bare.drain(end..end + 4).as_slice(), b"PK\x07\x08");
        }
        for archive in [whole, bare] {
            let seen = seen(&archive);
            assert_eq!(seen.problems, [], "{len}");
            assert_eq!(
                seen.contents,
                [("!a".into(), content.clone()), ("!b".into(), HELLO.to_vec())],
                "{len}"
            );
        }
    }
}

#[test]
fn padding_between_headers_is_no_damage() {
    let one = Pack::Zip.pack(&[("a", HELLO)]);
    let two = Pack::Zip.pack(&[("a", HELLO), ("b", HELLO)]);
    let second = one.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let directory = two.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let android = [&[9; 5000][..], b"APK Sig Block 42"].concat();
    for at in [second, directory] {
        for (gap, harmless) in
            [(vec![0; 1], true), (vec![0; 40_000], true), (android.clone(), true), (vec![9; 40_000], false)]
        {
            let archive = [&two[..at], &gap, &two[at..]].concat();
            let seen = seen(&archive);
            assert_eq!(seen.problems.is_empty(), harmless, "{at} {}", gap.len());
            assert_eq!(seen.contents, [("!a".into(), HELLO.to_vec()), ("!b".into(), HELLO.to_vec())]);
        }
    }
}

#[test]
fn nothing_that_ends_early_passes_for_whole() {
    let noise = noise();
    for pack in Pack::ALL {
        let whole = pack.pack(&[("a", &noise)]);
        // Up to the end of the content; what is behind it may be missing.
        for len in (600..noise.len()).step_by(97) {
            let seen = seen(&whole[..len]);
            assert!(!seen.problems.is_empty(), "{pack:?} {len}");
        }
    }
}

#[test]
fn plain_files_are_no_containers() {
    let tar_like = [&[b'x'; 257][..], b"ustar", &[b'y'; 300]].concat();
    for plain in
        [&b""[..], b"PK", b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9 is no magic alone", b"BZ", &tar_like]
    {
        assert_eq!(format(&plain[..plain.len().min(HEAD)]), None, "{}", text(plain));
    }
}

#[test]
fn an_error_of_the_source_is_handed_back_and_nobody_else_is_blamed() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    for pack in Pack::ALL {
        let noise = noise();
        let whole = pack.pack(&[("a", &noise)]);
        let mut seen = Seen::default();
        let format = format(&whole[..HEAD]).unwrap();
        let mut source = whole[..1500].chain(Broken);
        let error = unpack(format, &mut source, Limits::default(), &|| false, &mut seen).unwrap_err();
        assert_eq!(error.to_string(), "the disk is gone", "{pack:?}");
        assert_eq!(seen.problems, [], "{pack:?}");
    }
}

fn packs() -> impl Strategy<Value = Vec<Pack>> {
    prop::collection::vec(prop::sample::select(&Pack::ALL[..]), 1..8)
}

/// Pack `content` in all of these, the last one outermost.
fn nest(packs: &[Pack], content: &[u8]) -> Vec<u8> {
    packs.iter().fold(content.to_vec(), |inner, pack| pack.pack(&[("m", &inner), ("n", b"beside")]))
}

proptest! {
    #[test]
    fn containers_nest(packs in packs(), content in "[a-z\n]{1,3000}") {
        let path: String = packs.iter().rev().filter(|p| p.names()).map(|_| "!m").collect();
        let depth = packs.iter().map(|p| p.layers()).sum();
        let seen = seen_within(&nest(&packs, content.as_bytes()), Limits { depth, ..Limits::default() });
        prop_assert_eq!(seen.problems, []);
        prop_assert!(seen.contents.contains(&(path, content.into_bytes())));
    }

    #[test]
    fn damage_never_breaks_the_reader(
        packs in packs(),
        content in "[a-z\n]{1,3000}",
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packed = nest(&packs, content.as_bytes());
        for (at, byte) in damage {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        packed.truncate(cut.index(packed.len()) + 1);
        if let Some(format) = format(&packed[..packed.len().min(HEAD)]) {
            let limits = Limits { bytes: 1 << 22, members: 1000, ..Limits::default() };
            let read = unpack(format, &mut &packed[..], limits, &|| false, &mut Seen::default());
            prop_assert!(read.is_ok());
        }
    }
}

#[test]
fn archives_of_other_programs_are_read() {
    // What 7-Zip and Python make of HELLO.
    let seven = "377abcaf271c0004725583c4140000000000000052000000000000008bcd0d62e0001d000c5d00341949ee8ddd5573822f0000000104060001091400070b010001212101000c1e00080a013fdf0fd300000501190c000000000000000000000000110d0061002e007400780074000000140a01006af7503ae37cdd01150601002080a4810000";
    for (hex, path) in [
        (seven, "!a.txt"),
        (
            "504b0304150000000900ae6d795d3fdf0fd3170000001e00000005000000612e74787475c4a10900000002c1ee9e82e1c1fd9b1378e162a8de03504b01023f03150000000900ae6d795d3fdf0fd3170000001e000000050024000000000000002080a48100000000612e7478740a00200000000000010018006af7503ae37cdd0100000000000000000000000000000000504b05060000000001000100570000003a0000000000",
            "!a.txt",
        ), // deflate64
        (
            "504b03043f0002000e00ad6d795d3fdf0fd31b0000001e00000005000000612e747874090405005d0000800000341949ee8ddd55738b2e2bfffffbc54000504b01023f033f0002000e00ad6d795d3fdf0fd31b0000001e000000050000000000000000000000a48100000000612e747874504b05060000000001000100330000003e0000000000",
            "!a.txt",
        ), // zip with LZMA
        ("5d00008000ffffffffffffffff00341949ee8ddd55738b2e2bfffffbc54000", ""), // LZMA alone
    ] {
        let seen = seen(&from_hex(hex));
        assert_eq!(seen.problems, [], "{hex}");
        assert_eq!(seen.contents, [(path.into(), HELLO.to_vec())], "{hex}");
    }
    let locked = "377abcaf271c0004a9f7f0c620000000000000006200000000000000d8f63a9ff2e120c9c2fec9ce084f3d7841b7464f3ba7bfc857a5447834b18ad09b77b1140104060001092000070b0100022406f1070112530ffe5d9bfe1d8bf0bbe2fb91a1165ba0152121010001000c141e00080a013fdf0fd300000501190100110d0061002e007400780074000000140a01006af7503ae37cdd01150601002080a4810000";
    assert_eq!(seen(&from_hex(locked)).problems, [(String::new(), Problem::Encrypted)]);
    let mut damaged = from_hex(seven);
    damaged[40] ^= 0x55;
    assert!(matches!(&seen(&damaged).problems[..], [(_, Problem::Corrupt(_))]));
    assert!(!seen(&from_hex(&seven[..120])).problems.is_empty());
    let followed = [&from_hex(seven)[..], b"\0\0behind"].concat();
    assert_eq!(seen(&followed).contents.last(), Some(&(String::new(), b"behind".to_vec())));
}

#[test]
fn rows_of_a_database_are_lines() {
    // Two pages of 512 bytes: the schema, and a table with one row at its end.
    let mut database = from_hex(
        "53514c69746520666f726d61742033000200010100402020000000020000000200000000000000000000000100000004000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000002002e63010d0000000101dd0001dd",
    );
    database.resize(512, 0);
    let schema = from_hex("2106170f0f01337461626c65747402435245415445205441424c452074286b2c7629");
    database[512 - schema.len()..].copy_from_slice(&schema);
    database.extend(from_hex("0d0000000101f10001f1"));
    database.resize(1024 - 15, 0);
    database.extend(from_hex("0d0103171768656c6c6f776f726c64"));
    let seen_whole = seen(&database);
    assert_eq!(seen_whole.problems, []);
    let [(path, rows)] = &seen_whole.contents[..] else { panic!("one content") };
    assert_eq!(path, "");
    let rows = text(rows);
    assert!(rows.lines().any(|line| line == "hello\tworld\t"), "{rows}");
    assert_eq!(seen(&database[..700]).problems.len(), 1);
}

#[test]
fn objects_of_a_pack_are_made_from_one_another() {
    let noise = noise();
    let pack = git_pack(&[&noise, HELLO], b"more");
    for head in [&b""[..], b"# v2 git bundle\n0123 refs/heads/main\n\n"] {
        let found = seen(&[head, &pack].concat());
        assert_eq!(found.problems, []);
        let contents: Vec<&[u8]> = found.contents.iter().map(|c| &c.1[..]).collect();
        assert_eq!(contents, [&noise[..], HELLO, &[&noise[..], b"more"].concat()]);
        assert!(found.contents[0].0.starts_with("!blob "), "{}", found.contents[0].0);
    }
    // Damage to one object leaves the others.
    for at in (20..pack.len()).step_by(401) {
        let mut damaged = pack.clone();
        damaged[at] ^= 0x55;
        let found = seen(&damaged);
        assert!(!found.problems.is_empty() || found.contents.len() == 3, "{at}");
    }
    assert!(!seen(&pack[..pack.len() - 10]).problems.is_empty());
}

#[test]
fn what_a_thin_pack_adds_is_read() {
    // Ten bytes of an object that is somewhere else, and a word.
    let delta = b"\x0a\x0e\x90\x0a\x04word";
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    io::Write::write_all(&mut encoder, delta).unwrap();
    let data = encoder.finish().unwrap();
    let pack = [&b"PACK\0\0\0\x02\0\0\0\x01"[..], &[7 << 4 | delta.len() as u8], &[9; 20], &data].concat();
    let found = seen(&pack);
    assert_eq!(found.contents, [("!object at 0".replace('0', "12"), b"\nword".to_vec())]);
    assert_eq!(found.problems, [("!object at 12".into(), Problem::Elsewhere)]);
}

#[test]
fn a_package_of_rpm_is_a_packed_archive_behind_headers() {
    let cpio = Pack::Cpio.pack(&[("etc/a.conf", HELLO)]);
    for payload in [&gzip(&cpio), &cpio] {
        let found = seen(&rpm(b"a script", payload));
        assert_eq!(found.problems, []);
        let header = (String::new(), b"a script".to_vec());
        assert_eq!(found.contents, [header.clone(), header, ("!etc/a.conf".into(), HELLO.to_vec())]);
    }
    let found = seen(&rpm(b"", b"no archive"));
    assert!(matches!(&found.problems[..], [(_, Problem::Corrupt(_))]), "{found:?}");
}

#[test]
fn a_zip_archive_behind_a_script_is_read() {
    let archive = [b"#!/usr/bin/env python3\n", &Pack::Zip.pack(&[("__main__.py", HELLO)])[..]].concat();
    let found = seen(&archive);
    assert_eq!(found.problems, []);
    assert_eq!(found.contents[0], (String::new(), b"#!/usr/bin/env python3\n".to_vec()));
    assert_eq!(found.contents[1], ("!__main__.py".into(), HELLO.to_vec()));
}
