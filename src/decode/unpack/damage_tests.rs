//! Damage at every place: reading ends, what was lost is told, and what stands before the damage is read.

use super::tests::{HELLO, Seen, noise, seen};
use super::*;
use crate::decode::unpack::samples::Pack;

/// What compresses to a half, and nowhere repeats itself.
fn digits() -> Vec<u8> {
    noise().iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect()
}

/// Whether content comes out in blocks, of which a damaged one is lost whole.
fn in_blocks(pack: Pack) -> bool {
    matches!(pack, Pack::Bzip2 | Pack::Zstd)
}

/// Whether nothing tells one content from another of the same length: neither a checksum nor, in LZMA, an end that is missed.
fn unchecked(pack: Pack) -> bool {
    matches!(pack, Pack::Tar | Pack::Ar | Pack::Cpio | Pack::Lzma)
}

/// An archive with `a`, which is to be damaged, and behind it `b`.
fn archive(pack: Pack) -> Vec<u8> {
    pack.pack(&[("a", &digits()), ("b", HELLO)])
}

/// Where in the archive the content of `a` stands for sure.
fn within(archive: &[u8]) -> std::ops::Range<usize> {
    600..archive.len() * 3 / 4
}

fn content<'s>(seen: &'s Seen, pack: Pack, name: &str) -> &'s [u8] {
    let path = if pack.names() { format!("!{name}") } else { String::new() };
    seen.contents.iter().find(|c| c.0 == path).map_or(&[], |c| &c.1)
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[test]
fn what_is_cut_off_is_told_and_what_was_there_is_read() {
    let digits = digits();
    for pack in Pack::ALL {
        let whole = archive(pack);
        for len in (HEAD..within(&whole).end).step_by(97) {
            let seen = seen(&whole[..len]);
            let told = |p: &(String, Problem)| matches!(p.1, Problem::Corrupt(_));
            assert!(!seen.problems.is_empty() && seen.problems.iter().all(told), "{pack:?} {len}");
            let read = content(&seen, pack, "a");
            assert!(digits.starts_with(read), "{pack:?} {len}");
            // As much as there is of the archive, less what headers take.
            let share = digits.len() * len.saturating_sub(1200) / whole.len();
            assert!(in_blocks(pack) || read.len() >= share, "{pack:?} {len}: {} of {share}", read.len());
        }
    }
}

#[test]
fn a_short_content_is_read_up_to_the_damage_too() {
    // Of a stream of zlib a part is only known as such if it is an object of git.
    let short = &[b"blob 291\0", &digits()[..291]].concat()[..];
    for pack in Pack::ALL.into_iter().filter(|p| !in_blocks(*p)) {
        let whole = pack.pack(&[("a", short)]);
        for outer in [None, Some(Pack::Gzip), Some(Pack::ZipLzma), Some(Pack::Tar)] {
            let (archive, path) = match outer {
                None => (whole.clone(), ""),
                Some(outer) => (outer.pack(&[("o", &whole)]), if outer.names() { "!o" } else { "" }),
            };
            let path = format!("{path}{}", if pack.names() { "!a" } else { "" });
            let read = |len: usize| {
                format(&archive[..len.min(HEAD)])?;
                let seen = seen(&archive[..len]);
                Some(seen.contents.into_iter().find(|c| c.0 == path)?.1)
            };
            let parts: Vec<Vec<u8>> = (0..archive.len()).step_by(7).filter_map(read).collect();
            // A head that is cut off makes no container.
            let cut = parts.iter().filter(|p| (1..300).contains(&p.len()) && !whole.starts_with(p));
            assert!(
                cut.clone().count() > 2 && cut.clone().all(|p| short.starts_with(p)),
                "{pack:?} {outer:?}"
            );
        }
    }
}

#[test]
fn what_would_need_much_memory_is_over_a_limit_and_not_damaged() {
    let mut lzma = Pack::Lzma.pack(&[("", HELLO)]);
    lzma[1..5].copy_from_slice(&(1u32 << 30).to_le_bytes());
    let mut zip = Pack::ZipLzma.pack(&[("a", HELLO)]);
    let dictionary = 31 + 5;
    zip[dictionary..dictionary + 4].copy_from_slice(&(1u32 << 30).to_le_bytes());
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x98, 1, 0, 0], &[0; 10][..]].concat(); // a window of 512 MiB
    for large in [lzma, zip, zstd] {
        assert!(matches!(&seen(&large).problems[..], [(_, Problem::OverLimit(_))]), "{:?}", seen(&large));
    }
}

#[test]
fn what_is_damaged_is_told_and_what_stands_around_it_is_read() {
    let digits = digits();
    for pack in Pack::ALL {
        let whole = archive(pack);
        for at in (0..whole.len()).step_by(31) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            if format(&damaged[..HEAD]).is_none() {
                assert!(at < HEAD, "{pack:?} {at}");
                continue;
            }
            let seen = seen(&damaged);
            let read = content(&seen, pack, "a");
            if !within(&whole).contains(&at) {
                continue;
            }
            assert!(unchecked(pack) || !seen.problems.is_empty(), "{pack:?} {at}");
            let share = digits.len() * at.saturating_sub(1200) / whole.len();
            let right = common(read, &digits);
            assert!(in_blocks(pack) || right >= share, "{pack:?} {at}: {right} of {share}");
            if pack.names() && pack != Pack::Rpm {
                assert_eq!(content(&seen, pack, "b"), HELLO, "{pack:?} {at}");
            }
        }
    }
}
