//! Tables: an id and a secret in different rows are no pair, where another row has one of each in the same columns.

use std::collections::BTreeSet;
use std::ops::Range;

use super::pair::{IdAt, SecretAt, Slot};
use super::structure::Gap;

/// Rows are not longer than this, in bytes.
const LONGEST: usize = 2000;

/// The place of a value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    /// What parts the cells.
    pub(super) sign: u8,
    /// How many of them the row has.
    pub(super) signs: usize,
    /// How many are before the value.
    pub(super) column: usize,
}

/// The tables that ids and secrets stand in.
#[derive(Debug, Default)]
pub(super) struct Rows {
    ids: Vec<Option<Cell>>,
    secrets: Vec<Option<Cell>>,
    /// The places of ids and of secrets that share a row.
    pairs: BTreeSet<(Cell, Cell)>,
}

impl Rows {
    /// The tables that the values stand in.
    pub(super) fn among(
        text: &[u8],
        ids: &[IdAt],
        secrets: &[SecretAt],
        order: &[Slot],
        gaps: &[Gap],
    ) -> Self {
        if ids.len() < 2 || gaps.iter().all(|g| g.lines == 0) {
            return Self::default();
        }
        let ids: Vec<Range<usize>> = ids.iter().map(|i| i.candidate.span.clone()).collect();
        let secrets: Vec<Range<usize>> = secrets.iter().map(|s| s.candidate.span.clone()).collect();
        let on_one_line =
            order.windows(2).zip(gaps).filter(|(_, gap)| gap.lines == 0).filter_map(|(w, _)| {
                match (w[0], w[1]) {
                    (Slot::Id(id), Slot::Secret(secret)) | (Slot::Secret(secret), Slot::Id(id)) => {
                        Some((id, secret))
                    }
                    _ => None,
                }
            });
        Self::new(text, &ids, &secrets, on_one_line)
    }

    /// Of the values at these places; `on_one_line` are the indices of ids and secrets next to one another there.
    fn new(
        text: &[u8],
        ids: &[Range<usize>],
        secrets: &[Range<usize>],
        on_one_line: impl Iterator<Item = (usize, usize)>,
    ) -> Self {
        let pairs: BTreeSet<(Cell, Cell)> = on_one_line
            .filter_map(|(id, secret)| {
                Some((Self::filled(text, &ids[id])?, Self::filled(text, &secrets[secret])?))
            })
            .filter(|(id, secret)| id.sign == secret.sign && id.column != secret.column)
            .collect();
        if pairs.is_empty() {
            return Self::default();
        }
        let cells = |spans: &[Range<usize>]| spans.iter().map(|s| Self::filled(text, s)).collect();
        Self { ids: cells(ids), secrets: cells(secrets), pairs }
    }

    /// The cell that a value fills.
    fn filled(text: &[u8], value: &Range<usize>) -> Option<Cell> {
        let cell = cell(text, value)?;
        let beside = |b: &&u8| !matches!(**b, b' ' | b'"' | b'\'' | b'`' | b'*');
        let ends = |b: Option<&u8>| b.is_none_or(|b| *b == cell.sign || matches!(b, b'\n' | b'\r'));
        let before = text[..value.start].iter().rev().find(beside);
        let behind = text[value.end..].iter().find(beside);
        (ends(before) && ends(behind)).then_some(cell)
    }

    /// Whether an id and a secret of different lines stand where those of one row do.
    pub(super) fn part(&self, id: usize, secret: usize) -> bool {
        let of = |cells: &[Option<Cell>], index: usize| cells.get(index).copied().flatten();
        match (of(&self.ids, id), of(&self.secrets, secret)) {
            (Some(id), Some(secret)) => self.pairs.contains(&(id, secret)),
            _ => false,
        }
    }
}

/// The cell of a value: of the signs that part cells the one that is most frequent outside of quotes.
pub(super) fn cell(text: &[u8], value: &Range<usize>) -> Option<Cell> {
    let before = &text[value.start.saturating_sub(LONGEST)..value.start];
    let start = match memchr::memrchr2(b'\n', b'\r', before) {
        Some(end) => value.start - before.len() + end + 1,
        None if before.len() < LONGEST => value.start - before.len(),
        None => return None,
    };
    let behind = &text[value.end..text.len().min(value.end + LONGEST)];
    let end = match memchr::memchr2(b'\n', b'\r', behind) {
        Some(len) => value.end + len,
        None if behind.len() < LONGEST => value.end + behind.len(),
        None => return None,
    };
    let cells = [b',', b';', b'\t', b'|'].map(|sign| Cell {
        sign,
        signs: signs(&text[start..end], sign),
        column: signs(&text[start..value.start], sign),
    });
    cells.into_iter().max_by_key(|c| c.signs).filter(|c| c.signs > 0)
}

/// How many signs between cells a line has, outside of quotes.
pub(super) fn signs(line: &[u8], sign: u8) -> usize {
    let mut quoted = false;
    let counts = |b: &&u8| {
        quoted ^= **b == b'"';
        **b == sign && !quoted
    };
    line.iter().filter(counts).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the id `@` and the secret `$` are parted; `1` and `2` are an id and a secret of one row.
    fn parted(text: &str) -> bool {
        let at = |mark| text.find(mark).map(|at| at..at + 1).unwrap();
        let (ids, secrets) = ([at('1'), at('@')], [at('2'), at('$')]);
        Rows::new(text.as_bytes(), &ids, &secrets, [(0, 0)].into_iter()).part(1, 1)
    }

    #[test]
    fn rows_are_walls() {
        for text in [
            "x,1,2\ny,@,\nz,,$\n",
            "1;2;eu\n;$;us\n@;;us",
            "| a | 1 | 2 |\n| b | @ | - |\n| c | - | $ |\n",
            "\"Lee, Ann\",1,2\n\"Bo\",@,\nx,,$\n",
        ] {
            assert!(parted(text), "{text}");
        }
    }

    #[test]
    fn other_lines_are_none() {
        for text in [
            "x,1,2\nid,@\nsecret,$\n",
            "f(1, 2)\nf(a, @)\nf(b, $)\n",
            "x,1,2\ny,@,\nz,$,\n",
            "1 2\n@ x\nx $\n",
            "1,2\n$,x\nkey = get(\"x\", \"@\")\n",
        ] {
            assert!(!parted(text), "{text}");
        }
    }
}
