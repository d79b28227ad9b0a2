//! Tables as lists of lists, with the names of columns in a list of their own: `{"columns": ["a", "b"], "rows": [["x", "y"]]}`,
//! `[["a", "b"], ["x", "y"]]`.

use std::ops::Range;

use super::{Head, Row, is_name};
use crate::detect::structure::LONGEST_LINE;

/// Lists of names are not longer than this, in bytes.
const NAMES: usize = 4 << 10;

/// The lists of a text that may name columns.
#[derive(Debug)]
pub(super) struct Arrays<'t> {
    text: &'t [u8],
    /// In order.
    names: Vec<Names<'t>>,
}

#[derive(Debug)]
struct Names<'t> {
    /// Where it begins.
    at: usize,
    /// A key says that it names columns; else it is the first of a list of lists.
    keyed: bool,
    list: Vec<&'t [u8]>,
}

impl<'t> Arrays<'t> {
    pub(super) fn read(text: &'t [u8]) -> Self {
        let mut names = Vec::new();
        for open in memchr::memchr_iter(b'[', text) {
            if let Some(keyed) = may_name(&text[..open]) {
                let list = strings(&text[open + 1..text.len().min(open + NAMES)]);
                names.extend(list.filter(|list| list.len() > 1).map(|list| Names { at: open, keyed, list }));
            }
        }
        Self { text, names }
    }

    /// The last list before the value at `value` that has as many names as the value's own list has items.
    pub(super) fn of(&self, value: &Range<usize>) -> Option<Head<'t>> {
        const CLOSE: usize = 4;
        let before = &self.names[..self.names.partition_point(|names| names.at < value.start)];
        if before.is_empty() {
            return None;
        }
        let from = value.start.saturating_sub(LONGEST_LINE);
        let (open, column) = opened(&self.text[from..value.start])?;
        let behind = &self.text[value.end..self.text.len().min(value.end + LONGEST_LINE)];
        let quoted = behind.first().is_some_and(|b| matches!(b, b'"' | b'\''));
        let count = column + closed(&behind[usize::from(quoted)..])?;
        let near = || before.iter().rev().take(CLOSE).filter(|names| names.list.len() == count + 1);
        let names = near().find(|names| names.keyed).or_else(|| near().next())?;
        let row = Row { table: names.at, start: from + open };
        (row.start > row.table).then(|| Head { names: names.list.clone(), column, row })
    }
}

/// Whether a list that begins behind `text` may be one of names: by its key (`true`), or as the first of a list of lists.
fn may_name(text: &[u8]) -> Option<bool> {
    const KEYS: [&[u8]; 6] = [b"columns", b"fields", b"header", b"headers", b"cols", b"names"];
    const LONGEST: usize = 40;
    let text = text[text.len().saturating_sub(LONGEST)..].trim_ascii_end();
    match text.last() {
        Some(b'[') => Some(false),
        Some(b':' | b'=') => {
            let key = text[..text.len() - 1].trim_ascii_end();
            let key = key
                .strip_suffix(b"\"")
                .or_else(|| key.strip_suffix(b"'"))
                .unwrap_or(key)
                .to_ascii_lowercase();
            KEYS.iter().any(|name| key.ends_with(name)).then_some(true)
        }
        _ => None,
    }
}

/// The strings of a list that begins with `text`, behind its bracket, if it holds short names alone; or those called `name` of the
/// objects in it.
fn strings(text: &[u8]) -> Option<Vec<&[u8]>> {
    let mut names = Vec::new();
    let mut rest = text.trim_ascii_start();
    loop {
        let (name, behind) = if let Some(object) = rest.strip_prefix(b"{") {
            let end = memchr::memchr(b'}', object)?;
            let at = memchr::memmem::find(&object[..end], b"\"name\"")? + b"\"name\"".len();
            let value = object[at..end].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
            (string(value)?.0, &object[end + 1..])
        } else {
            string(rest)?
        };
        if !is_name(name) {
            return None;
        }
        names.push(name);
        rest = match behind.trim_ascii_start() {
            [b',', rest @ ..] => rest.trim_ascii_start(),
            [b']', ..] => return Some(names),
            _ => return None,
        };
    }
}

/// The string that `text` begins with, and what follows it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (quote, rest) = text.split_first().filter(|(b, _)| matches!(b, b'"' | b'\''))?;
    let end = memchr::memchr(*quote, rest)?;
    Some((&rest[..end], &rest[end + 1..]))
}

/// Where the list begins that the end of `text` stands in, and how many items are before.
fn opened(text: &[u8]) -> Option<(usize, usize)> {
    let open = text.iter().rposition(|b| matches!(b, b'[' | b']' | b'{' | b'}'))?;
    (text[open] == b'[').then(|| (open, memchr::memchr_iter(b',', &text[open..]).count()))
}

/// How many items follow in the list whose rest `text` begins with.
fn closed(text: &[u8]) -> Option<usize> {
    let close = text.iter().position(|b| matches!(b, b'[' | b']' | b'{' | b'}'))?;
    (text[close] == b']').then(|| memchr::memchr_iter(b',', &text[..close]).count())
}
