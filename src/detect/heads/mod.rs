//! The heads of tables: what names a value that stands in a column. CSV and its kind, tables of Markdown, wikis and database clients
//! (`lines`), those of other markup (`markup`), and the columns of SQL statements (`statement`).

use std::ops::Range;

mod lines;
mod markup;
mod statement;

use markup::Tables;
use statement::Statements;

/// Names of columns are not longer than this, in bytes.
const NAME: usize = 60;

/// The head of the table that a value stands in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'t> {
    /// The name of each column.
    pub(super) names: Vec<&'t [u8]>,
    /// That of the value.
    pub(super) column: usize,
    /// That of the value.
    pub(super) row: Row,
}

/// A row by the places where its table and it begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) table: usize,
    pub(super) start: usize,
}

/// Finds heads in a text, best of values in the order of their places.
#[derive(Debug)]
pub(super) struct Heads<'t> {
    text: &'t [u8],
    /// The table of lines that was looked at last.
    lines: Option<lines::Table>,
    /// Those in other markup, once they are needed.
    markup: Option<Tables<'t>>,
    /// The statements of SQL, once they are needed.
    statements: Option<Statements<'t>>,
}

impl<'t> Heads<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, lines: None, markup: None, statements: None }
    }

    /// The head of the table that the value at `value` stands in.
    pub(super) fn of(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        self.inserted(value).or_else(|| self.marked_up(value)).or_else(|| self.above(value))
    }

    /// That of a statement of SQL.
    fn inserted(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        self.statements.get_or_insert_with(|| Statements::read(text)).of(value)
    }

    /// That of a table in markup.
    fn marked_up(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        let (names, column, row) = self.markup.get_or_insert_with(|| Tables::read(text)).of(value)?;
        Some(Head { names: names.to_vec(), column, row })
    }
}

/// A name without quotes and blanks, and what wikis write around names.
fn bare(name: &[u8]) -> &[u8] {
    let quote = |b: &u8| b.is_ascii_whitespace() || b"\"'`[]*=!".contains(b);
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
