//! Tables in markup, whose cells are told by signs of their own or by their places: HTML, `MediaWiki`, `AsciiDoc`, reStructuredText, and
//! what database clients and shells print as columns under a ruled head.

use std::ops::Range;

use super::{Row, bare, is_name};
use crate::detect::structure::LONGEST_LINE;

/// Cells are kept from this length on: shorter ones hold no value.
const LEAST: usize = 20;
/// Tables of more columns are none that people keep keys in.
const WIDEST: usize = 64;

/// The tables of a text.
#[derive(Debug, Default)]
pub(super) struct Tables<'t> {
    /// The names of the columns of each.
    heads: Vec<Vec<&'t [u8]>>,
    /// What may hold values, by their starts.
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    range: Range<usize>,
    /// Its table, by index.
    head: usize,
    row: Row,
    column: usize,
}

impl<'t> Tables<'t> {
    pub(super) fn read(text: &'t [u8]) -> Self {
        let mut tables = Self::default();
        tables.html(text);
        tables.in_lines(text);
        tables.cells.sort_by_key(|cell| cell.range.start);
        tables
    }

    /// The names of the columns around the value at `value`, the one that it stands in, and its row.
    pub(super) fn of(&self, value: &Range<usize>) -> Option<(&[&'t [u8]], usize, Row)> {
        let cell =
            &self.cells[..self.cells.partition_point(|cell| cell.range.start <= value.start)].last()?;
        (value.end <= cell.range.end).then(|| (&self.heads[cell.head][..], cell.column, cell.row))
    }

    /// Tables of HTML.
    fn html(&mut self, text: &'t [u8]) {
        let mut rows = Rows::new(text);
        let mut cell = None;
        for at in memchr::memchr_iter(b'<', text) {
            let (closes, rest) = match text[at + 1..].strip_prefix(b"/") {
                Some(rest) => (true, rest),
                None => (false, &text[at + 1..]),
            };
            let len = rest.iter().take(6).take_while(|b| b.is_ascii_alphabetic()).count();
            let is = |tag: &[u8]| rest[..len].eq_ignore_ascii_case(tag);
            let is_cell = is(b"td") || is(b"th");
            if !(is_cell || is(b"tr") || is(b"table")) {
                continue;
            }
            // A tag without an end of its own has no cell.
            if let Some(start) = cell.take().filter(|start| *start <= at) {
                rows.cell(start..at);
            }
            if is_cell && !closes {
                cell = rest.iter().take(LONGEST_LINE).position(|b| *b == b'>').map(|end| at + 2 + end);
            } else if is(b"tr") {
                rows.end_row(self);
            } else if !is_cell {
                rows.end_table(self);
            }
        }
        rows.end_table(self);
    }

    /// Tables that are written in lines.
    fn in_lines(&mut self, text: &'t [u8]) {
        const SIGNS: [&[u8]; 8] =
            [b"{|", b"|===", b"list-table", b"-- -", b"--  -", b"== =", b"==  =", b"==   ="];
        if !SIGNS.iter().any(|sign| memchr::memmem::find(text, sign).is_some()) {
            return;
        }
        let lines = lines(text);
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at].of(text).trim_ascii();
            let rest = &lines[at..];
            at += if begins_wiki(line) {
                self.media_wiki(text, rest)
            } else if line == b"|===" {
                let above = at.checked_sub(1).map_or(&b""[..], |before| lines[before].of(text));
                self.asciidoc(text, above, rest)
            } else if memchr::memmem::find(line, b"list-table").is_some() {
                self.list_table(text, rest)
            } else if is_ruled(line) && at > 0 {
                self.ruled(text, &lines[at - 1], rest)
            } else {
                1
            };
        }
    }

    /// A table of `MediaWiki` that begins with the first of the lines. How many of them it has.
    fn media_wiki(&mut self, text: &'t [u8], lines: &[Range<usize>]) -> usize {
        let mut rows = Rows::new(text);
        let mut read = 1;
        for range in &lines[1..] {
            let line = range.of(text).trim_ascii_start();
            let indent = range.len() - line.len();
            if line.starts_with(b"{|") {
                break;
            }
            read += 1;
            match line {
                [b'|', b'}', ..] => break,
                [b'|', b'-', ..] => rows.end_row(self),
                [b'|', b'+', ..] => {}
                [b'|' | b'!', ..] => {
                    let mut from = range.start + indent + 1;
                    for bars in (from..range.end)
                        .filter(|at| matches!(&text[*at..], [b'|', b'|', ..] | [b'!', b'!', ..]))
                    {
                        if bars >= from {
                            rows.cell(from..bars);
                            from = bars + 2;
                        }
                    }
                    rows.cell(from.min(range.end)..range.end);
                }
                _ => {}
            }
        }
        rows.end_table(self);
        read
    }

    /// A table of `AsciiDoc` that begins with the first of the lines; `above` is the line before it, which may say how many columns it has.
    fn asciidoc(&mut self, text: &'t [u8], above: &[u8], lines: &[Range<usize>]) -> usize {
        let mut columns = columns_told(above);
        let mut rows = Rows::new(text);
        let mut read = 1;
        for range in &lines[1..] {
            read += 1;
            let line = range.of(text);
            if line.trim_ascii() == b"|===" {
                break;
            }
            let mut bars: Vec<usize> =
                memchr::memchr_iter(b'|', line).map(|bar| range.start + bar + 1).collect();
            bars.push(range.end + 1);
            for cell in bars.windows(2) {
                rows.cell(cell[0]..cell[1] - 1);
                if Some(rows.cells.len()) == columns {
                    rows.end_row(self);
                }
            }
            // Else the first line, or what stands before a blank one, is the head.
            if columns.is_none()
                && (rows.cells.len() > 1 || line.trim_ascii().is_empty())
                && !rows.cells.is_empty()
            {
                columns = Some(rows.cells.len());
                rows.end_row(self);
            }
        }
        rows.end_table(self);
        read
    }

    /// A table of reStructuredText as a list of lists: `* - first`, `  - second`.
    fn list_table(&mut self, text: &'t [u8], lines: &[Range<usize>]) -> usize {
        let indent =
            |range: &Range<usize>| range.of(text).iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let fenced = lines[0].of(text).trim_ascii_start().starts_with(b"`");
        let mut rows = Rows::new(text);
        let mut read = 1;
        for range in &lines[1..] {
            let line = range.of(text).trim_ascii();
            if !line.is_empty() && !fenced && indent(range) <= indent(&lines[0]) || line.starts_with(b"```") {
                break;
            }
            read += 1;
            let start = range.start + indent(range);
            if line.starts_with(b"* - ") {
                rows.end_row(self);
                rows.cell(start + 4..range.end);
            } else if line.starts_with(b"- ") {
                rows.cell(start + 2..range.end);
            }
        }
        rows.end_table(self);
        read
    }

    /// A table whose columns are drawn by the first of the lines, under the head.
    fn ruled(&mut self, text: &'t [u8], head: &Range<usize>, lines: &[Range<usize>]) -> usize {
        let rule = lines[0].of(text);
        let blank = |at: usize| matches!(rule[at], b' ' | b'\t');
        let begins = |at: usize| !blank(at) && (at == 0 || blank(at - 1));
        let starts: Vec<usize> = (0..rule.len()).filter(|at| begins(*at)).collect();
        if starts.len() > WIDEST {
            return 1;
        }
        let mut rows = Rows::new(text);
        let mut read = 1;
        for range in std::iter::once(head).chain(&lines[1..]) {
            let line = range.of(text);
            if line.trim_ascii().is_empty() || is_ruled(line) {
                break;
            }
            for (column, start) in starts.iter().enumerate() {
                let end = starts.get(column + 1).map_or(line.len(), |next| (*next).min(line.len()));
                rows.cell(range.start + (*start).min(end)..range.start + end);
            }
            rows.end_row(self);
            read += usize::from(range.start > head.start);
        }
        rows.end_table(self);
        read
    }
}

/// The rows of a table, as they are read.
struct Rows<'t> {
    text: &'t [u8],
    /// The cells of the row that is read.
    cells: Vec<Range<usize>>,
    /// Where the table begins, and the index of its head, if it has one.
    table: Option<(usize, Option<usize>)>,
}

impl<'t> Rows<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { text, cells: Vec::new(), table: None }
    }

    fn cell(&mut self, range: Range<usize>) {
        self.cells.push(range);
    }

    /// The first row is the head.
    fn end_row(&mut self, tables: &mut Tables<'t>) {
        let cells = std::mem::take(&mut self.cells);
        let Some(start) = cells.first().map(|cell| cell.start) else { return };
        let (table, head) = *self.table.get_or_insert_with(|| {
            let names: Vec<&[u8]> = cells.iter().map(|cell| shown(&self.text[cell.clone()])).collect();
            let is_head = (2..=WIDEST).contains(&names.len()) && names.iter().all(|name| is_name(name));
            let head = is_head.then(|| {
                tables.heads.push(names);
                tables.heads.len() - 1
            });
            (start, head)
        });
        let Some(head) = head.filter(|head| table < start && tables.heads[*head].len() == cells.len()) else {
            return;
        };
        let row = Row { table, start };
        let kept = cells.into_iter().enumerate().filter(|(_, range)| range.len() >= LEAST);
        tables.cells.extend(kept.map(|(column, range)| Cell { range, head, row, column }));
    }

    fn end_table(&mut self, tables: &mut Tables<'t>) {
        self.end_row(tables);
        self.table = None;
    }
}

/// A line by its place.
trait Of {
    fn of<'t>(&self, text: &'t [u8]) -> &'t [u8];
}

impl Of for Range<usize> {
    fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.clone()]
    }
}

/// All lines of a text, without their ends.
fn lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut lines = Vec::new();
    for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
        let line = &text[start..end];
        lines.push(start..end - usize::from(line.ends_with(b"\r")));
        start = end + 1;
    }
    lines
}

/// Whether a line draws columns: several runs of one sign.
fn is_ruled(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let Some(sign @ (b'-' | b'=')) = line.first() else { return false };
    line.iter().all(|b| b == sign || *b == b' ') && memchr::memchr(b' ', line).is_some() && line.len() > 4
}

/// Whether a table of `MediaWiki` begins in a line: at its start, or at that of a text which begins in it.
fn begins_wiki(line: &[u8]) -> bool {
    let quoted = |at: usize| line[..at].last().is_none_or(|b| matches!(b, b'"' | b'\'' | b'>'));
    memchr::memmem::find(line, b"{|").is_some_and(quoted)
}

/// How many columns the attributes of an `AsciiDoc` table say: `[cols="1,2,1"]`, `[cols="3*"]`.
fn columns_told(attributes: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(attributes, b"cols=")? + b"cols=".len();
    let value = attributes[at..].strip_prefix(b"\"").unwrap_or(&attributes[at..]);
    let value = &value[..value.iter().position(|b| matches!(b, b'"' | b']')).unwrap_or(value.len())];
    let count = match memchr::memchr(b'*', value) {
        Some(star) => std::str::from_utf8(&value[..star]).ok()?.trim().parse().ok()?,
        None => value.split(|b| *b == b',').count(),
    };
    (2..=WIDEST).contains(&count).then_some(count)
}

/// What a cell shows: without tags around it, and without attributes of `MediaWiki` before it.
fn shown(cell: &[u8]) -> &[u8] {
    let mut shown = bare(cell);
    while shown.first() == Some(&b'<')
        && let Some(end) = memchr::memchr(b'>', shown)
    {
        shown = bare(&shown[end + 1..]);
    }
    while shown.last() == Some(&b'>')
        && let Some(start) = memchr::memrchr(b'<', shown)
    {
        shown = bare(&shown[..start]);
    }
    bare(&shown[memchr::memrchr(b'|', shown).map_or(0, |bar| bar + 1)..])
}
