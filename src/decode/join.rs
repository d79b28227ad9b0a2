//! String literals in pieces: `"ab" + "cd"`, adjacent literals, lines continued by a backslash.

use std::ops::Range;

use super::{Rewrite, is_base64};

/// The lengths that make it worth to join the pieces of a literal: a key id, a secret, an SES password.
const LENGTHS: [usize; 3] = [20, 40, 44];
/// From this length on it may be a token, whose length is not fixed.
const TOKEN: usize = 100;
/// More pieces than this are no value.
const MAX_PIECES: usize = 64;
/// White space, comments left aside, that may lie between two pieces.
const MAX_BLANK: usize = 200;

/// Join split literals in `text`, where the pieces together have the length of a value.
pub(super) fn join_literals(text: &[u8], out: &mut Rewrite<'_>) {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'"', b'\'', b'`', &text[at..]).map(|p| at + p) {
        at = found + 1;
        join_at(text, found, out, &mut at);
    }
}

/// If a run of characters ends at `end` and goes on behind a joint, join the chain, and move `at` behind it.
fn join_at(text: &[u8], end: usize, out: &mut Rewrite<'_>, at: &mut usize) {
    let start = run_start(text, end);
    if start == end || joint(text, end).is_none() {
        return;
    }
    let (total, joints) = join_run(text, start);
    if joints.is_empty() || !(LENGTHS.contains(&total) || total >= TOKEN) {
        return;
    }
    for j in joints {
        *at = j.end;
        out.remove(j);
    }
}

/// The run of base64 characters that begins at `start`, over the joints of a split literal: how many characters it has
/// without the joints, and where the joints are.
pub fn join_run(text: &[u8], start: usize) -> (usize, Vec<Range<usize>>) {
    let (mut total, mut joints, mut at) = (0, Vec::new(), start);
    loop {
        let len = text[at..].iter().take_while(|&&b| is_base64(b)).count();
        total += len;
        at += len;
        match joint(text, at) {
            Some(j) if len > 0 && joints.len() < MAX_PIECES => {
                at = j.end;
                joints.push(j);
            }
            _ => return (total, joints),
        }
    }
}

fn run_start(text: &[u8], end: usize) -> usize {
    end - text[..end].iter().rev().take(2 * TOKEN).take_while(|&&b| is_base64(b)).count()
}

/// The joint at `at`: from the closing quote of one piece to the first character of the next.
fn joint(text: &[u8], at: usize) -> Option<Range<usize>> {
    let quote = *text.get(at)?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return None;
    }
    let mut i = blank(text, at + 1);
    let rest = &text[i.min(text.len())..];
    // JavaScript, Java, Python +; PHP, Perl .; Lua ..; VB &; SQL ||; Elixir, Haskell <> ++; Twig, D ~
    for operator in [&b"+"[..], b"..", b".", b"&", b"||", b"<>", b"++", b"~"] {
        if rest.starts_with(operator) && !rest[operator.len()..].starts_with(b"=") {
            i = blank(text, i + operator.len());
            break;
        }
    }
    // string prefixes: f"", r'', @"", $""
    let prefix = text[i.min(text.len())..].iter().take(2).take_while(|b| b"fFrRbBuULl@$".contains(b)).count();
    let open = i + prefix;
    let opens = text.get(open).is_some_and(|b| matches!(b, b'"' | b'\'' | b'`'));
    let goes_on = text.get(open + 1).copied().is_some_and(is_base64);
    // two quotes in a row are an empty string or an escaped quote, not a joint
    (opens && goes_on && open > at + 1).then_some(at..open + 1)
}

/// Behind white space, line continuations, and comments.
fn blank(text: &[u8], from: usize) -> usize {
    let end = white(text, from);
    let rest = &text[end.min(text.len())..];
    let line = |rest: &[u8]| rest.iter().take(MAX_BLANK).position(|&b| b == b'\n').map(|n| n + 1);
    let comment = if rest.starts_with(b"//") || (rest.starts_with(b"#") && end > from) {
        line(rest)
    } else if rest.starts_with(b"/*") {
        memchr::memmem::find(&rest[..rest.len().min(MAX_BLANK)], b"*/").map(|n| n + 2)
    } else {
        None
    };
    // a comment that holds a value is no comment to leave out
    let value = |comment: &[u8]| comment.split(|&b| !is_base64(b)).any(|run| run.len() >= LENGTHS[0]);
    match comment {
        Some(len) if !value(&rest[..len]) => white(text, end + len),
        _ => end,
    }
}

fn white(text: &[u8], from: usize) -> usize {
    let rest = &text[from.min(text.len())..];
    let len =
        rest.iter().take(MAX_BLANK).take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'\\')).count();
    let end = from + len;
    // VB continues a line by an underscore
    if text.get(end) == Some(&b'_') && matches!(text.get(end + 1), Some(b'\r' | b'\n')) {
        return white(text, end + 1);
    }
    end
}
