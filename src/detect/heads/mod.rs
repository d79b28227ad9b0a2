//! The heads of tables: what names a value that stands in a column. CSV and its kind, tables of Markdown, wikis and database clients
//! (`lines`), those of other markup (`markup`), lists of lists (`arrays`), and the columns of SQL statements (`statement`).

use std::ops::Range;

mod arrays;
mod lines;
mod markup;
mod statement;

use arrays::Arrays;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The lists that may name columns, once they are needed.
    arrays: Option<Arrays<'t>>,
    /// The statements of SQL, once they are needed.
    statements: Option<Statements<'t>>,
}

impl<'t> Heads<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, lines: None, markup: None, arrays: None, statements: None }
    }

    /// The head of the table that the value at `value` stands in.
    pub(super) fn of(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        self.inserted(value)
            .or_else(|| self.marked_up(value))
            .or_else(|| self.listed(value))
            .or_else(|| self.above(value))
    }

    /// That of a statement of SQL.
    fn inserted(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        self.statements.get_or_insert_with(|| Statements::read(text)).of(value)
    }

    /// That of a list of lists.
    fn listed(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        self.arrays.get_or_insert_with(|| Arrays::read(text)).of(value)
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

/// What a line holds of a text that begins in it, behind the quote or the tag that opens it: `"note": "id,key,secret`.
fn opened(line: &[u8]) -> &[u8] {
    let opens = |quote: &usize| line[..*quote].trim_ascii_end().last().is_some_and(|b| b":=,([{".contains(b));
    let quote = memchr::memrchr2(b'"', b'\'', line).filter(opens);
    let tag = || memchr::memrchr(b'>', line).filter(|_| line.trim_ascii_start().starts_with(b"<"));
    &line[quote.or_else(tag).map_or(0, |end| end + 1)..]
}

/// Whether it can name a column, or is empty; a remark in brackets aside: `(index)`, `key (id)`.
fn is_name(text: &[u8]) -> bool {
    let remark = text.strip_suffix(b")").and_then(|text| memchr::memrchr(b'(', text));
    let text = &text[..remark.unwrap_or(text.len())];
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
        let at = text.rfind('@').expect("it is there");
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
            ("INSERT INTO t (a, b, c) VALUES ('x, y', 'it''s', '@');", "c"),
            ("+---+-----+\n| a | key |\n+---+-----+\n| 1 | @   |\n+---+-----+\n", "key"),
            ("COPY public.t (a, b, c) FROM stdin;\n1\t2\t3\n1\t@\t3\n\\.\n", "b"),
            ("text\n||a||b||c||\n|x|y|z|\n|x|@|z|\n", "b"),
            ("^ a ^ b ^\n| x | @ |\n", "b"),
            ("+---+---+\n| (index) | key |\n+---+---+\n| 0 | '@' |\n+---+---+\n", "key"),
            ("|| '''a''' || '''b''' ||\n|| x || @ ||\n", "b"),
        ] {
            assert_eq!(named(text), Some(name), "{text}");
        }
    }

    #[test]
    fn columns_in_markup_have_names() {
        // What is short holds no value, and is not looked at.
        let value = "@@@@@@@@@@@@@@@@@@@@";
        for (text, name) in [
            ("<table><tr><th>a<th><b>b</b></tr><tr><td>1<td><i>@</i></tr></table>", "b"),
            ("<table><tr><td <td>a<td>b<tr><td>1<td>@</table>", "b"),
            ("<TABLE>\n<TR><TH>a</TH>\n<TH>b</TH></TR>\n<TR>\n<TD>@</TD>\n<TD>2</TD>\n</TR>", "a"),
            ("<table><tr><td>x<td>y</table><table><tr><td>a<td>b<tr><td>1<td>@</table>", "b"),
            ("{| class=x\n|-\n! a !! b\n|-\n| 1 || @\n|}\n", "b"),
            ("{|\n! width=1 | a\n! b\n|-\n| @\n| 2\n|}\n", "a"),
            ("|===\n|a |b\n\n|1 |2\n|1 |@\n|===\n", "b"),
            ("[cols=\"1,2\"]\n|===\n|a\n|b\n|1\n|@\n|===\n", "b"),
            (".. list-table::\n\n   * - a\n     - b\n   * - 1\n     - @\n", "b"),
            ("===  ====\na    b\n===  ====\n1    @\n===  ====\n", "b"),
            ("a    b\n---- ----\n1    @\n", "b"),
        ] {
            assert_eq!(named(&text.replace('@', value)), Some(name), "{text}");
        }
        for text in [
            "<table><tr><th>a<th>b</tr></table><p>@",
            "<table><tr><th>a<th>b</tr><tr><td>1<td>2<td>@</table>",
            "{|\n! a !! b\n|}\n@\n",
            "|===\n|a |b\n|===\n@\n",
            "a    b\n---- ----\n1    2\n\n1    @\n",
        ] {
            assert_eq!(named(&text.replace('@', value)), None, "{text}");
        }
    }

    #[test]
    fn lists_name_columns() {
        for (text, name) in [
            (r#"{"columns": ["a", "b"], "index": [0, 1], "data": [["x", "y"], ["x", "@"]]}"#, Some("b")),
            (r#"{"columns":[{"name":"a","type":"text"},{"name":"b"}],"rows":[["@","y"]]}"#, Some("a")),
            ("[['a', 'b', 'c'],\n ['x', '@', 'z']]", Some("b")),
            (r#"{"tags": ["a", "b"], "data": [["x", "@"]]}"#, None),
            (r#"{"columns": ["a", "b"], "data": [["x", "y", "@"]]}"#, None),
            (r#"{"columns": ["a", "b"], "data": {"x": "@"}}"#, None),
        ] {
            assert_eq!(named(text), name, "{text}");
        }
    }

    #[test]
    fn columns_are_those_of_the_table_that_was_created() {
        let create = "CREATE TABLE IF NOT EXISTS `db`.`t` (\n  `id` int(11),\n  `a` decimal(10,2) DEFAULT '0,1',\n  \
                      key varchar(40),\n  PRIMARY KEY (`id`,`a`),\n  KEY k (key)\n) ENGINE=x;\n";
        for (insert, name) in [
            ("INSERT INTO `t` VALUES (1,'x','@'),(2,'x','y');", Some("key")),
            ("INSERT INTO `t` VALUES (1,'x','y'),(2,'@','y');", Some("a")),
            ("insert into db.T values (1, '@', 'x');", Some("a")),
            ("INSERT INTO `u` VALUES (1,'x','@');", None),
            ("INSERT INTO `t` VALUES (1,'@');", None),
            ("INSERT INTO `t` VALUES (1,2,3);\nf(1, 2, '@')", None),
            ("INSERT INTO `t` VALUES (1,2,3);\n| c | d |\n| x | @ |\n(0 s)", Some("d")),
        ] {
            assert_eq!(named(&format!("{create}{insert}")), name, "{insert}");
            let broken = "CREATE TABLE x (a,\n".repeat(3);
            assert_eq!(named(&format!("{broken}{create}{insert}")), name, "behind what has no end: {insert}");
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
            "C\n1\t2\t@\n",
            "COPY t ) FROM (\n1\t2\t@\n",
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
