//! The columns of `INSERT` statements of SQL: named in the statement, or by the `CREATE TABLE` before it.

use std::collections::HashMap;
use std::ops::Range;

use super::{Head, Row, bare, is_name};

/// Lists of the names of columns are not longer than this, in bytes.
const NAMES: usize = 16 << 10;
/// Tuples are not longer than this, in bytes.
const TUPLE: usize = 2000;
/// Between a statement's first word and the bracket behind the name of its table lie not more, in bytes.
const LONGEST_NAME: usize = 200;
/// Definitions of tables are not longer than this, in bytes.
const DEFINITION: usize = 16 << 10;

/// A text with more definitions without an end is none that a program wrote.
const OPEN_ENDED: usize = 64;

/// The statements of a text.
#[derive(Debug)]
pub(super) struct Statements<'t> {
    text: &'t [u8],
    /// Where each `VALUES` begins and ends, in order.
    values: Vec<Range<usize>>,
    /// Where lines end with a statement, if there is any `VALUES`.
    ends: Vec<usize>,
    /// The columns of the tables that are created, by the names of these in lower case, once they are needed.
    created: Option<HashMap<Vec<u8>, Vec<&'t [u8]>>>,
}

impl<'t> Statements<'t> {
    pub(super) fn read(text: &'t [u8]) -> Self {
        let values = places(text, [b"VALUES", b"values", b"Values"]);
        let ends =
            if values.is_empty() { Vec::new() } else { memchr::memmem::find_iter(text, b";\n").collect() };
        Self { text, values, ends, created: None }
    }

    /// The columns of the statement that the value at `value` stands in: `INSERT INTO t (a, b) VALUES ('x', 'y')`.
    pub(super) fn of(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        let word = self.values[..self.values.partition_point(|word| word.end <= value.start)].last()?.clone();
        let from = value.start.saturating_sub(TUPLE).max(word.end);
        let open = from + memchr::memrchr(b'(', &text[from..value.start])?;
        let mut column = 0;
        for (_, b) in unquoted(&text[open..value.start]) {
            match b {
                b',' => column += 1,
                b')' => return None, // the tuple has ended, and something else begun
                _ => {}
            }
        }
        let close = memchr::memchr(b')', &text[value.end..text.len().min(value.end + TUPLE)])?;
        let behind = &text[value.end..value.end + close];
        let quoted = behind.first().is_some_and(|b| matches!(b, b'"' | b'\''));
        let count = column + commas(&behind[usize::from(quoted)..]);
        let ended = self.ends.partition_point(|end| *end < word.end);
        if self.ends.get(ended).is_some_and(|end| *end < open) {
            return None;
        }
        let before = text[..word.start].trim_ascii_end();
        let names = match before.strip_suffix(b")") {
            Some(columns) => {
                let from = columns.len().saturating_sub(NAMES);
                let columns = &columns[from + memchr::memrchr(b'(', &columns[from..])? + 1..];
                columns.split(|b| *b == b',').map(bare).collect()
            }
            None => self.created.get_or_insert_with(|| created(text)).get(&table_at_end(before))?.clone(),
        };
        let is_head = count > 0 && names.len() == count + 1 && names.iter().all(|name| is_name(name));
        is_head.then_some(Head { names, column, row: Row { table: word.start, start: open } })
    }
}

/// Where words stand in a text, in order.
fn places<const N: usize>(text: &[u8], words: [&[u8]; N]) -> Vec<Range<usize>> {
    let places = |word: &[u8]| -> Vec<Range<usize>> {
        memchr::memmem::find_iter(text, word).map(|at| at..at + word.len()).collect()
    };
    let mut all: Vec<Range<usize>> = words.into_iter().flat_map(places).collect();
    all.sort_unstable_by_key(|word| word.start);
    all
}

/// The bytes of a text outside of strings, with their places.
fn unquoted(text: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut quote, mut escaped) = (None, false);
    text.iter().copied().enumerate().filter(move |&(_, b)| {
        let plain = quote.is_none();
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if b == b'\\' => escaped = true,
            Some(open) if b == open => quote = None,
            None if matches!(b, b'"' | b'\'' | b'`') => quote = Some(b),
            _ => {}
        }
        plain
    })
}

/// How many commas a text has outside of strings.
fn commas(text: &[u8]) -> usize {
    unquoted(text).filter(|(_, b)| *b == b',').count()
}

/// The name of the table that stands at the end of a text: ``INSERT INTO `db`.`t` ``. Lower case.
fn table_at_end(text: &[u8]) -> Vec<u8> {
    let part = |b: &&u8| b.is_ascii_alphanumeric() || b"_$-.`\"[]".contains(b);
    let len = text.iter().rev().take(LONGEST_NAME).take_while(part).count();
    let path = &text[text.len() - len..];
    bare(path.rsplit(|b| *b == b'.').next().unwrap_or_default()).to_ascii_lowercase()
}

/// The columns of the tables that are created in a text, by the names of these.
fn created(text: &[u8]) -> HashMap<Vec<u8>, Vec<&[u8]>> {
    let mut tables = HashMap::new();
    let (mut done, mut open_ended) = (0, 0);
    for word in places(text, [b"CREATE ", b"create ", b"Create "]) {
        if word.start < done {
            continue; // inside of a definition
        }
        let rest = &text[word.end..text.len().min(word.end + DEFINITION)];
        let Some(open) = memchr::memchr(b'(', &rest[..rest.len().min(LONGEST_NAME)]) else { continue };
        if rest[..open]
            .to_ascii_lowercase()
            .split(|b| !b.is_ascii_alphanumeric())
            .any(|word| word == b"table")
        {
            let (names, end) = columns(&rest[open + 1..]);
            tables.insert(table_at_end(rest[..open].trim_ascii_end()), names);
            match end {
                Some(end) => done = word.end + open + 1 + end,
                None => open_ended += 1,
            }
            if open_ended > OPEN_ENDED {
                break;
            }
        }
    }
    tables
}

/// The names of the columns of a table whose definition begins with `text`, behind its bracket; and where it ends, if it does.
fn columns(text: &[u8]) -> (Vec<&[u8]>, Option<usize>) {
    let (mut depth, mut start) = (0, 0);
    let mut columns = Vec::new();
    for (at, b) in unquoted(text) {
        match b {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b')' | b',' if depth == 0 => {
                columns.extend(column(&text[start..at]));
                start = at + 1;
                if b == b')' {
                    return (columns, Some(start));
                }
            }
            _ => {}
        }
    }
    (columns, None)
}

/// The name of a column from its definition; `None` where that is one of a key.
fn column(definition: &[u8]) -> Option<&[u8]> {
    const KEYS: [&[u8]; 8] =
        [b"primary", b"unique", b"constraint", b"foreign", b"check", b"fulltext", b"spatial", b"exclude"];
    let definition = definition.trim_ascii();
    let name = match definition.first()? {
        quote @ (b'`' | b'"' | b'\'') => definition[1..].split(|b| b == quote).next(),
        b'[' => definition[1..].split(|b| *b == b']').next(),
        _ => definition.split(u8::is_ascii_whitespace).next(),
    }?;
    let word = definition[..name.len()].to_ascii_lowercase();
    // A column may go by the name `key`: its type follows, and no list.
    let listed = || memchr::memmem::find(definition, b" (").is_some();
    let is_key = KEYS.contains(&&word[..]) || matches!(&word[..], b"key" | b"index") && listed();
    (!is_key).then_some(name)
}
