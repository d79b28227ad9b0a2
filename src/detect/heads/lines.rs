//! Tables whose rows are lines and whose cells a sign parts.

use std::ops::Range;

use super::{Head, Heads, Row, bare, is_name, opened};
use crate::detect::rows::{Cell, cell, signs};
use crate::detect::structure::{LONGEST_LINE, line_start};

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    sign: u8,
    signs: usize,
    /// From the first of its lines that is none drawn to the start of the last one that was looked at.
    lines: Range<usize>,
}

impl<'t> Heads<'t> {
    /// The first of the lines above that have as many cells; or the one before them, where a head is written in another way.
    pub(super) fn above(&mut self, value: &Range<usize>) -> Option<Head<'t>> {
        let text = self.text;
        let Cell { sign, signs: count, column } = cell(text, value)?;
        if count < 2 {
            return None;
        }
        let own = line_start(text, value.start);
        let same = |t: &&Table| t.sign == sign && t.signs == count;
        let known = self.lines.as_ref().filter(same).map(|t| t.lines.clone());
        // The first line that is not drawn, and the first of all.
        let (mut top, mut at) = (own, own);
        while at > 0 {
            if let Some(lines) = known.as_ref().filter(|lines| lines.contains(&at) || lines.end == at) {
                (top, at) = (lines.start, lines.start);
                break;
            }
            let (start, line) = line_before(text, at);
            let is_rule = !line.is_empty() && line.iter().all(|b| b"-+|: =\t".contains(b));
            if !is_rule && (line.len() >= LONGEST_LINE || signs(line, sign) != count) {
                let opened = opened(line);
                if opened.len() < line.len() && signs(opened, sign) == count {
                    top = start + line.len() - opened.len();
                }
                break;
            }
            at = start;
            if !is_rule {
                top = start;
            }
        }
        self.lines = Some(Table { sign, signs: count, lines: top..own });
        let is_head = |names: &Vec<&[u8]>| names.len() == count + 1 && names.iter().all(|name| is_name(name));
        let (before, line) = line_before(text, at);
        let otherwise = |line: &'t [u8]| written_otherwise(line.trim_ascii(), sign).filter(is_head);
        if let Some(names) = otherwise(line).or_else(|| otherwise(opened(line))) {
            return Some(Head { names, column, row: Row { table: before, start: own } });
        }
        let first = &text[top..own];
        let first = first[..memchr::memchr2(b'\r', b'\n', first)?].trim_ascii();
        let names: Vec<&[u8]> = first.split(|b| *b == sign).map(bare).collect();
        is_head(&names).then_some(Head { names, column, row: Row { table: top, start: own } })
    }
}

/// The line that ends before `at`, where another begins, and its place.
fn line_before(text: &[u8], at: usize) -> (usize, &[u8]) {
    let end = if text[..at].ends_with(b"\r\n") { at - 2 } else { at.saturating_sub(1) };
    let start = line_start(text, end);
    (start, &text[start..end])
}

/// The names of columns in the head of a table whose rows have another sign between cells: `||a||b||` over `|x|y|` in Confluence and
/// Jira, `^ a ^ b ^` in `DokuWiki`, `COPY t (a, b) FROM stdin;` over tabs in dumps of `PostgreSQL`.
fn written_otherwise(line: &[u8], sign: u8) -> Option<Vec<&[u8]>> {
    match line {
        [b'|', b'|', ..] if sign == b'|' => {
            let ends: Vec<usize> = memchr::memmem::find_iter(line, b"||").collect();
            let inside = ends.windows(2).map(|bars| bare(&line[bars[0] + 2..bars[1]]));
            Some(std::iter::once(&b""[..]).chain(inside).chain([&b""[..]]).collect())
        }
        [b'^', ..] if sign == b'|' => Some(line.split(|b| matches!(b, b'^' | b'|')).map(bare).collect()),
        _ if sign == b'\t' && line.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"copy")) => {
            let names = line.get(memchr::memchr(b'(', line)? + 1..memchr::memchr(b')', line)?)?;
            Some(names.split(|b| *b == b',').map(bare).collect())
        }
        _ => None,
    }
}
