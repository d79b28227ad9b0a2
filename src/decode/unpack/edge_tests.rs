//! What stands where nobody looks, and what is made to be large.

use std::io::{self, Read};

use super::samples::{Pack, git_pack};
use super::tests::{HELLO, noise, seen};
use super::{Format, Limits, Members, Problem, unpack};

/// Length of what stands before the first page of a database.
const HEADER_OF_SQLITE: usize = 100;

/// No program for the format shows it, so that it is a place where things are hidden and forgotten.
#[test]
fn what_follows_a_container_is_read() {
    let word: &[u8] = b"[default]\nbehind the end\n";
    let zip = Pack::Zip.pack(&[("inner", HELLO)]);
    for pack in Pack::ALL {
        let whole = pack.pack(&[("a", HELLO)]);
        for zeros in [0, 5, 3000] {
            let gap = vec![0; zeros];
            let found = seen(&[&whole, &gap[..], word].concat());
            let last = found.contents.last().map(|(_, text)| text.as_slice());
            assert_eq!(last, Some(word), "{pack:?} {zeros} {:?}", found.problems);
            // an archive of ar has no end but that of its file: what else is there is damage
            let told = matches!(&found.problems[..], [(_, Problem::Corrupt(_))]);
            assert!(found.problems.is_empty() || pack == Pack::Ar && told, "{pack:?} {:?}", found.problems);

            let found = seen(&[&whole, &gap[..], &zip, &zip].concat());
            let inner = found.contents.iter().filter(|(path, _)| path == "!inner").count();
            assert_eq!(inner, 2, "{pack:?} {zeros}: {:?}", found.problems);
        }
    }
    let pack = [&git_pack(&[&noise(), HELLO], b"more")[..], &[7; 20]].concat(); // with its checksum
    let found = seen(&[&pack, word].concat());
    assert_eq!(found.contents.last(), Some(&(String::new(), word.to_vec())));
    assert_eq!(found.problems, []);
    let found = seen(&[&pack, &zip[..]].concat());
    assert!(matches!(&found.problems[..], [(_, Problem::OverLimit(_))]), "{:?}", found.problems);
}

#[test]
fn comments_in_the_directory_of_a_zip_archive_are_read() {
    let mut zip = Pack::Zip.pack(&[("a", HELLO)]);
    let entry = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = zip.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    zip.truncate(end);
    zip[entry + 32] = 3;
    zip.extend(b"onePK\x05\x06");
    zip.extend([0; 16]);
    zip.extend(b"\x03\0allbehind");
    let found = seen(&zip);
    let texts: Vec<&[u8]> = found.contents.iter().map(|c| &c.1[..]).collect();
    assert_eq!(texts, [HELLO, b"one\nall", b"behind"]);
    assert_eq!(found.problems, []);
}

/// Much is made of little where the parts of a file are used again and again.
#[test]
fn what_is_used_again_and_again_is_bounded() {
    struct Count<'a>(&'a mut usize);
    impl Members for Count<'_> {
        fn content(&mut self, _: &[u8], content: &mut dyn Read) -> io::Result<()> {
            *self.0 += io::copy(content, &mut io::sink())? as usize;
            Ok(())
        }
        fn name(&mut self, _: &[u8], _: &[u8]) {}
        fn problem(&mut self, _: &[u8], _: Problem) {}
    }
    // every cell of a page names the same row, as long as the page
    let mut database = vec![0; 65_536];
    database[..16].copy_from_slice(b"SQLite format 3\0");
    database[17] = 1;
    let (row, count) = (40_000, 10_000u16);
    let mut put = |at: usize, bytes: &[u8]| database[at..at + bytes.len()].copy_from_slice(bytes);
    put(HEADER_OF_SQLITE, &[13]);
    put(HEADER_OF_SQLITE + 3, &count.to_be_bytes());
    for cell in 0..usize::from(count) {
        put(HEADER_OF_SQLITE + 8 + 2 * cell, &(row as u16).to_be_bytes());
    }
    // 20,000 bytes of text: their number, and that of the row
    put(row, &[0x81, 0x9c, 0x24, 1, 4, 0x82, 0xb8, 0x4d]);
    let mut out = 0;
    unpack(Format::Sqlite, &mut &database[..], Limits::default(), &|| false, &mut Count(&mut out)).unwrap();
    assert!((65_536..4 * 65_536).contains(&out), "{out}");
}
