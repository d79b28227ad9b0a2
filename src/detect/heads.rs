//! The heads of tables: what names a value that stands in a column. CSV and its kind, tables of Markdown and of database clients, and
//! the columns of an SQL `INSERT`.

use std::ops::Range;

use super::rows::{Cell, cell, signs};
use super::structure::{LONGEST_LINE, line_start};

/// How far before a value the columns of its `INSERT` may stand, in bytes.
const STATEMENT: usize = 16 << 10;
/// Tuples are not longer than this, in bytes.
const TUPLE: usize = 2000;
/// Names of columns are not longer than this, in bytes.
const NAME: usize = 60;

/// The head of the table that a value stands in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'t> {
    /// The name of each column.
    pub(super) names: Vec<&'t [u8]>,
    /// That of the value.
    pub(super) column: usize,
}

/// Finds heads in a text, of values in the order of their places.
#[derive(Debug)]
pub(super) struct Heads<'t> {
    text: &'t [u8],
    table: Option<Table>,
    /// Where each `VALUES` begins and ends, in order, once they are needed.
    values: Option<Vec<Range<usize>>>,
}

/// The table that was looked at last.
#[derive(Debug)]
struct Table {
    sign: u8,
    signs: usize,
    /// From its first line to the start of the last one that was looked at.
    lines: Range<usize>,
}

impl<'t> Heads<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, table: None, values: None }
    }

    /// The head of the table that the value at `value` stands in.
    pub(super) fn of(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        self.inserted(value).or_else(|| self.above(value))
    }

    /// The first of the lines above that have as many cells.
    fn above(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        let Cell { sign, signs: count, column } = cell(text, value)?;
        if count < 2 {
            return None;
        }
        let own = line_start(text, value.start);
        let same = |t: &&Table| t.sign == sign && t.signs == count;
        let known = self.table.as_ref().filter(same).map(|t| t.lines.clone());
        let mut top = own;
        while top > 0 {
            if let Some(lines) = known.as_ref().filter(|lines| lines.contains(&top) || lines.end == top) {
                top = lines.start;
                break;
            }
            let end = if text[..top].ends_with(b"\r\n") { top - 2 } else { top - 1 };
            let start = line_start(text, end);
            let line = text[start..end].trim_ascii();
            let is_rule = !line.is_empty() && line.iter().all(|b| b"-+|: =".contains(b));
            if !is_rule && (end - start >= LONGEST_LINE || signs(line, sign) != count) {
                break;
            }
            top = start;
        }
        self.table = Some(Table { sign, signs: count, lines: top..own });
        let line = &text[top..own];
        let line = line[..memchr::memchr2(b'\r', b'\n', line)?].trim_ascii();
        let names: Vec<&[u8]> = line.split(|b| *b == sign).map(bare).collect();
        (names.len() == count + 1 && names.iter().all(|name| is_name(name))).then_some(Head { names, column })
    }

    /// The columns of an SQL statement: `INSERT INTO t (a, b) VALUES ('x', 'y')`.
    fn inserted(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        let from = value.start.saturating_sub(TUPLE);
        let open = from + memchr::memrchr(b'(', &text[from..value.start])?;
        let column = signs(&text[open..value.start], b',');
        let close = memchr::memchr(b')', &text[value.end..text.len().min(value.end + TUPLE)])?;
        let count = column + signs(&text[value.end..value.end + close], b',');
        let words = self.values.get_or_insert_with(|| values(text));
        let floor = open.saturating_sub(STATEMENT);
        let word = words[..words.partition_point(|word| word.end <= open)].last()?;
        if word.start < floor || memchr::memmem::find(&text[word.end..open], b";\n").is_some() {
            return None;
        }
        let columns = text[floor..word.start].trim_ascii_end().strip_suffix(b")")?;
        let columns = &columns[memchr::memrchr(b'(', columns)? + 1..];
        let names: Vec<&[u8]> = columns.split(|b| *b == b',').map(bare).collect();
        (count > 0 && names.len() == count + 1 && names.iter().all(|name| is_name(name)))
            .then_some(Head { names, column })
    }
}

/// Where `VALUES` stands in a text.
fn values(text: &[u8]) -> Vec<Range<usize>> {
    let places = |word: &'static [u8]| memchr::memmem::find_iter(text, word).map(|at| at..at + word.len());
    let mut all: Vec<Range<usize>> =
        [&b"VALUES"[..], b"values", b"Values"].into_iter().flat_map(places).collect();
    all.sort_unstable_by_key(|word| word.start);
    all
}

/// A name without quotes and blanks.
fn bare(name: &[u8]) -> &[u8] {
    let quote = |b: &u8| b.is_ascii_whitespace() || b"\"'`[]*".contains(b);
    let Some(first) = name.iter().position(|b| !quote(b)) else { return &[] };
    let last = name.iter().rposition(|b| !quote(b)).unwrap_or(first);
    &name[first..=last]
}

/// Whether it can name a column, or is empty.
fn is_name(text: &[u8]) -> bool {
    let random = text
        .split(|b| !b.is_ascii_alphanumeric())
        .any(|run| run.len() >= 20 && run.iter().any(u8::is_ascii_digit));
    text.len() <= NAME
        && !random
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b" _-./#".contains(b) || !b.is_ascii())
        && (text.is_empty() || text.iter().any(u8::is_ascii_alphabetic) || !text.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of the column that `@` stands in.
    fn named(text: &str) -> Option<&str> {
        let at = text.find('@').expect("it is there");
        let head = Heads::new(text.as_bytes()).of(&(at..at + 1))?;
        Some(std::str::from_utf8(head.names[head.column]).expect("ASCII"))
    }

    #[test]
    fn columns_have_names() {
        for (text, name) in [
            ("user,key,token,secret\na,b,@,d\n", "token"),
            ("user,key,token,secret\na,b,c,d\ne,f,g,@\n", "secret"),
            ("\"user\",\"access key\",\"secret\"\r\n\"a, b\",\"@\",\"c\"\r\n", "access key"),
            ("note\n\nuser;key;secret\na;b;@", "secret"),
            ("| user | key | **secret** |\n|---|:-:|---|\n| a | b | @ |\n", "secret"),
            (" user | key | secret\n------+-----+--------\n a    | b   | @\n", "secret"),
            ("user\tkey\tsecret\na\tb\t@\n", "secret"),
            ("INSERT INTO t (a, `b`, c) VALUES ('x', '@', 1);", "b"),
            ("insert into t (a, b, c)\nvalues\n  ('x', 'y', 'z'),\n  ('x', 'y', '@')", "c"),
        ] {
            assert_eq!(named(text), Some(name), "{text}");
        }
    }

    #[test]
    fn other_lines_are_no_heads() {
        for text in [
            "user,key,token,secret\na,b,@\n",
            "f(a, b, c)\nf(x, y, @)\n",
            "1,2,3\n4,5,@\n",
            "a,b\nc,@\n",
            "@,b,c\n",
            "INSERT INTO t (a, b, c) VALUES (1, 2, 3);\nf(x, y, @)",
            "INSERT INTO t (a, b) VALUES ('x', 'y', '@')",
        ] {
            assert_eq!(named(text), None, "{text}");
        }
    }

    #[test]
    fn a_table_is_read_once() {
        let rows = "a,b,c\n".repeat(50);
        let text = format!("user,key,secret\n{rows}1,2,@\n{rows}1,2,$\nx\n1,2,%\n");
        let mut heads = Heads::new(text.as_bytes());
        let mut name = |mark: char| {
            let at = text.find(mark).expect("it is there");
            heads.of(&(at..at + 1)).map(|h| h.names[h.column].to_vec())
        };
        assert_eq!(
            [name('@'), name('$'), name('%')],
            [Some(b"secret".to_vec()), Some(b"secret".to_vec()), None]
        );
    }
}
