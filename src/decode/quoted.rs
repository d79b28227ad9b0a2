//! Texts that programs hold line by line: each line is a literal, which ends in the escape of a line's end.

use std::ops::Range;

use crate::aws::key_id;
use crate::finding::Encoding;

use super::{Rewrite, is_base64};

/// Take away the quotes, and what stands before each: `"a\n",`, `"b\n" +`, `{"log":"c\n","stream":"stdout"}`.
pub(super) fn unquote_lines(text: &[u8], out: &mut Rewrite<'_>) {
    if [&b"\\n\""[..], b"\\n'"].iter().all(|end| memchr::memmem::find(text, end).is_none()) {
        return;
    }
    let mut run: Vec<Literal> = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
        let line = start..end - usize::from(text[start..end].ends_with(b"\r"));
        start = end + 1;
        let literal = Literal::of(text, line.clone());
        let before = run.last().map(|last| &text[last.line.start..last.content.start]);
        let goes_on =
            |literal: &Literal| before.is_none_or(|b| *b == text[line.start..literal.content.start]);
        if literal.as_ref().is_some_and(goes_on) {
            run.extend(literal);
            continue;
        }
        // The last line may have no end of its own.
        let last = before.and_then(|before| Literal::last(text, line, before));
        // The first may stand behind what has the text: `text = "a\n" +`.
        let first =
            if last.is_none() && run.len() - usize::from(begins(&run)) == 1 { run.pop() } else { None };
        run.extend(last);
        unquote(&mut run, out);
        run.extend(first.filter(|_| literal.is_some()).map(|first| Literal { begins: true, ..first }));
        run.extend(literal);
    }
    unquote(&mut run, out);
}

/// Whether the first literal of a run stands behind something else.
fn begins(run: &[Literal]) -> bool {
    run.first().is_some_and(|first| first.begins)
}

/// Leave the content of literals, if there are several.
fn unquote(run: &mut Vec<Literal>, out: &mut Rewrite<'_>) {
    let several = run.len() - usize::from(begins(run)) > 1;
    for Literal { line, content, begins } in run.drain(..).filter(|_| several) {
        if begins {
            out.replace(content.start - 1..content.start, b"\n", Encoding::Escape);
        } else {
            out.remove(line.start..content.start);
        }
        out.remove(content.end..line.end);
    }
}

/// A literal that is a line of a text.
struct Literal {
    /// The line of the program.
    line: Range<usize>,
    /// Without quotes and the escape of the line's end.
    content: Range<usize>,
    /// It is the first, and behind what has the text.
    begins: bool,
}

impl Literal {
    /// That of `line` that ends in the escape of a line's end.
    fn of(text: &[u8], line: Range<usize>) -> Option<Self> {
        let mut at = line.start;
        loop {
            let open = at + text[at..line.end].iter().position(|b| matches!(b, b'"' | b'\''))?;
            let end = literal_end(&text[..line.end], open)?;
            let content = &text[open + 1..end];
            // the format of `printf` is no line
            let is_line = |kept: &&[u8]| !kept.ends_with(b"\\") && *kept != b"%s";
            if let Some(kept) = content.strip_suffix(b"\\n").filter(is_line) {
                let beside = [line.start..open, end + 1..line.end];
                let content = open + 1..open + 1 + kept.len();
                return (!beside.into_iter().any(|part| may_hold_value(&text[part]))).then_some(Self {
                    line,
                    content,
                    begins: false,
                });
            }
            at = end + 1;
        }
    }

    /// The whole literal of `line`, which begins as those before it do, and has nothing else.
    fn last(text: &[u8], line: Range<usize>, before: &[u8]) -> Option<Self> {
        let open = line.start + before.len();
        let begins = text[line.clone()].starts_with(before);
        let end = literal_end(&text[..line.end], open.checked_sub(1)?).filter(|_| begins)?;
        let ends = !text[end + 1..line.end].iter().any(|b| b.is_ascii_alphanumeric() || b"\"'".contains(b));
        ends.then_some(Self { line, content: open..end, begins: false })
    }
}

/// Whether a part of a line may have a value, or a piece of one, written in any way: the arguments of a format, `printf("%s\n", "…")`.
/// Numbers and times are shorter, and words have no digits.
fn may_hold_value(part: &[u8]) -> bool {
    const LEAST: usize = 16;
    let is_one = |run: &[u8]| run.len() >= LEAST && run.iter().any(u8::is_ascii_digit);
    part.split(|b| !is_base64(*b)).any(|run| is_one(run) || key_id::begins(run)) || part.contains(&b'\\')
}

/// The place of the quote that ends the literal which begins at `open`.
pub(super) fn literal_end(text: &[u8], open: usize) -> Option<usize> {
    let quote = *text.get(open)?;
    let mut end = open + 1;
    while *text.get(end)? != quote {
        end += 1 + usize::from(text[end] == b'\\');
    }
    Some(end)
}
