//! Ids and secrets that something within them parts which does not belong to them: the end of a line that goes on, tags, signs that nobody
//! sees.

use std::ops::Range;

use super::{Rewrite, is_base64};
use crate::aws::{key_id, secret, secret::SecretClass};

/// Join them.
pub(super) fn join_broken(text: &[u8], out: &mut Rewrite<'_>) {
    let mut done = 0;
    // Most lines end otherwise.
    let may_end = |at: usize| {
        text[at] != b'\n'
            || at > 0
                && (is_base64(text[at - 1]) || is_empty(text[at - 1]) || b"\\\r".contains(&text[at - 1]))
    };
    let mut marks = memchr::memchr3_iter(b'\n', 0xc2, 0xe2, text).peekable();
    let mut tags = memchr::memchr_iter(b'<', text).peekable();
    let both = std::iter::from_fn(|| {
        let tag = tags.peek().copied().unwrap_or(text.len());
        marks.next_if(|mark| *mark < tag).or_else(|| tags.next())
    });
    for at in both.filter(|at| may_end(*at)) {
        if at >= done {
            let mut gaps = broken_at(text, at, done);
            if gaps.is_empty() && text[at] == b'\n' {
                gaps.extend(id_at(text, at, done).or_else(|| in_inner_cell(text, at, done)));
            }
            for gap in gaps {
                done = gap.end;
                out.remove(gap);
            }
        }
    }
}

/// The gaps of a secret of which the first is at `at`, the last byte of which may stand there alone.
fn broken_at(text: &[u8], at: usize, floor: usize) -> Vec<Range<usize>> {
    let before = &text[..at];
    let start = match text.get(at) {
        Some(b'\n') => {
            let line = before.strip_suffix(b"\r").unwrap_or(before);
            let empty = || line.iter().rev().take(secret::LEN).take_while(|b| is_empty(**b)).count();
            line.strip_suffix(b"\\").map_or_else(|| line.len() - empty(), <[u8]>::len)
        }
        _ => at,
    };
    let before = text[floor.min(start)..start].iter().rev();
    let before = before.take(secret::LEN).take_while(|b| is_base64(**b)).count();
    let mut next =
        Some(start).filter(|_| (1..secret::LEN).contains(&before)).and_then(|at| gap(text, at, before));
    if next.is_none() || key_id::has_shape(&text[start - before..start]) {
        return Vec::new();
    }
    let mut value = text[start - before..start].to_vec();
    let mut gaps = Vec::new();
    while let Some(found) = next.filter(|_| value.len() < secret::LEN) {
        let len = text[found.end..].iter().take(secret::LEN).take_while(|b| is_base64(**b)).count();
        let piece = found.end..found.end + len;
        if value.len() + len > secret::LEN || key_id::has_shape(&text[piece.clone()]) {
            return Vec::new();
        }
        value.extend_from_slice(&text[piece.clone()]);
        gaps.push(found);
        next = gap(text, piece.end, len);
    }
    let whole = secret::classify(&value) == SecretClass::Plausible;
    if whole { gaps } else { Vec::new() }
}

/// The gap of an id that the end of a line at `at` parts.
fn id_at(text: &[u8], at: usize, floor: usize) -> Option<Range<usize>> {
    let start = at - usize::from(text[..at].ends_with(b"\r"));
    let before = text[floor.min(start)..start].iter().rev();
    let len = before.take(key_id::LEN).take_while(|b| b.is_ascii_alphanumeric()).count();
    let head = &text[start - len..start];
    if len == key_id::LEN || !key_id::begins(head) {
        return None;
    }
    let gap = gap(text, start, len)?;
    let rest = key_id::rest(head, &text[gap.end..])?;
    text.get(gap.end + rest).is_none_or(|b| !is_base64(*b)).then_some(gap)
}

/// What parts a value at `at`, where `len` bytes of it end: a backslash at the end of a line, with the indentation of the next; the
/// end of a line that is as long as people make them; what lies between two lines of a cell; tags within a line; a character that is
/// not seen. Behind it the value goes on.
fn gap(text: &[u8], at: usize, len: usize) -> Option<Range<usize>> {
    const WIDE: usize = 60;
    const UNSEEN: [&str; 5] = ["\u{ad}", "\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}"];
    let rest = &text[at..];
    let goes_on = rest.strip_prefix(b"\\").unwrap_or(rest);
    let line = goes_on.strip_prefix(b"\r").unwrap_or(goes_on).strip_prefix(b"\n");
    let end = match line {
        Some(next) if goes_on.len() < rest.len() => {
            let blank = next.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            text.len() - next.len() + blank
        }
        Some(next) => in_cell(text, at, len).or_else(|| {
            let before = &text[at.saturating_sub(WIDE)..at];
            let wide = before.len() == WIDE && memchr::memchr(b'\n', before).is_none();
            // LDIF, iCalendar and manifests of Java indent by one
            let next = next.strip_prefix(b" ").unwrap_or(next);
            wide.then_some(text.len() - next.len())
        })?,
        None if rest.starts_with(b"<") => at + tags(rest),
        None if UNSEEN.iter().any(|sign| rest.starts_with(sign.as_bytes())) => {
            at + rest.iter().skip(1).take_while(|b| !b.is_ascii() && **b < 0xc0).count() + 1
        }
        None => in_cell(text, at, len)?,
    };
    text.get(end).copied().is_some_and(is_base64).then_some(at..end)
}

/// Where the next line of a cell begins that ends at `at` in this one, where its `len` bytes are: below its start, and everything
/// beside it in the row is empty.
fn in_cell(text: &[u8], at: usize, len: usize) -> Option<usize> {
    const LONGEST: usize = 400;
    let from = at.saturating_sub(LONGEST);
    let begin = match memchr::memrchr(b'\n', &text[from..at]) {
        Some(end) => from + end + 1,
        None => Some(from).filter(|from| *from == 0)?,
    };
    let column = at.checked_sub(len)?.checked_sub(begin)?;
    let behind = text[at..].iter().take(LONGEST).take_while(|b| is_empty(**b)).count();
    let rest = text[at + behind..].strip_prefix(b"\r").unwrap_or(&text[at + behind..]).strip_prefix(b"\n")?;
    let beside = text[begin..begin + column].iter().any(|b| !is_empty(*b));
    let empty = rest.get(..column)?.iter().all(|b| is_empty(*b));
    (beside && empty && column > 0).then_some(text.len() - rest.len() + column)
}

/// What parts a secret in a cell of two lines, of which the first ends at `at`, where other cells stand behind it or have two lines too.
/// An id behind the cell is left where it is. What begins at `floor` or before is the end of another.
fn in_inner_cell(text: &[u8], at: usize, floor: usize) -> Option<Range<usize>> {
    const LONGEST: usize = 400;
    let from = at.saturating_sub(LONGEST);
    let begin = memchr::memrchr(b'\n', &text[from..at]).map_or(from, |end| from + end + 1);
    let above = &text[begin..at];
    let below = &text[at + 1..text.len().min(at + 1 + LONGEST)];
    let below = &below[..memchr::memchr2(b'\r', b'\n', below).unwrap_or(below.len())];
    let has_id = |text: &[u8]| text.split(|b| !is_base64(*b)).any(key_id::has_shape);
    if !below.first().is_some_and(|b| is_empty(*b)) || has_id(below) {
        return None;
    }
    // An id is whole, so that nothing stands below it; without one the secret alone goes on.
    let goes_on = words(above).all(|(start, word)| {
        !key_id::has_shape(word) || below.iter().skip(start).take(word.len()).all(|b| is_empty(*b))
    });
    if !goes_on || words(below).count() > 1 && !has_id(above) {
        return None;
    }
    words(below).find_map(|(start, rest)| {
        let width = secret::LEN.checked_sub(rest.len()).filter(|width| (1..secret::LEN).contains(width))?;
        let (first, others) = above.get(start..)?.split_at_checked(width)?;
        let in_cell = |b: Option<&u8>| b.is_some_and(|b| is_empty(*b));
        let is_one = in_cell(start.checked_sub(1).and_then(|before| above.get(before)))
            && in_cell(others.first())
            && begin + start > floor
            && !has_id(others)
            && secret::classify(&[first, rest].concat()) == SecretClass::Plausible;
        is_one.then(|| begin + start + width..at + 1 + start)
    })
}

/// The words of a line that blanks and signs between cells part, with their places in it.
fn words(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = 0;
    let placed = line.split(|b| is_empty(*b)).map(move |word| {
        let start = next;
        next += word.len() + 1;
        (start, word)
    });
    placed.filter(|(_, word)| !word.is_empty())
}

/// Whether a byte is a blank, or what parts cells and marks those that go on.
fn is_empty(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'|' | b'.')
}

/// How long the tags are with which `text` begins, as far as they change how a text looks and part nothing, in HTML and in the
/// formats of word processors.
fn tags(text: &[u8]) -> usize {
    const LONGEST: usize = 600;
    const INLINE: [&[u8]; 15] = [
        b"span", b"b", b"i", b"u", b"em", b"strong", b"font", b"mark", b"code", b"a", b"tt", b"sub", b"sup",
        b"wbr", b"nobr",
    ];
    const BLOCKS: [&[u8]; 11] =
        [b"p", b"br", b"tab", b"cr", b"tc", b"tr", b"tbl", b"s", b"h", b"line-break", b"list-item"];
    let mut at = 0;
    while at < LONGEST
        && let Some(tag) = text[at..].strip_prefix(b"<")
        && let Some(len) = tag.iter().take(LONGEST).position(|&b| b == b'>')
    {
        let name = tag[..len].strip_prefix(b"/").unwrap_or(&tag[..len]);
        let end = name.iter().position(|&b| !(b.is_ascii_alphanumeric() || b == b':' || b == b'-'));
        let name = &name[..end.unwrap_or(name.len())];
        let inline = match memchr::memchr(b':', name) {
            Some(colon) => {
                matches!(&name[..colon], b"w" | b"a" | b"text") && !BLOCKS.contains(&&name[colon + 1..])
            }
            None => INLINE.contains(&name),
        };
        if !inline {
            break;
        }
        at += len + 2;
    }
    at
}
