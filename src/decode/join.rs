//! Values in pieces. String literals: `"ab" + "cd"`, adjacent literals, lines continued by a backslash, `s += "cd"`.

use std::ops::Range;

use super::{Rewrite, is_base64};
use crate::aws::{key_id, secret, secret::SecretClass};

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
    if start == end || joint(text, end, true).is_none() {
        return;
    }
    let is_list = joint(text, end, false).is_none();
    if is_list && !(end - start < LENGTHS[1] && is_joined(text, start)) {
        return;
    }
    let (total, joints) = join_pieces(text, pieces(text, start, is_list));
    if joints.is_empty() || !(LENGTHS.contains(&total) || total >= TOKEN) {
        return;
    }
    for j in joints {
        *at = j.end;
        out.remove(j);
    }
}

/// A piece of a split literal.
struct Piece {
    range: Range<usize>,
    /// What stands between it and the piece before; empty for the first.
    joint: Range<usize>,
    /// The joint is white space alone.
    bare: bool,
}

/// The run of base64 characters that begins at `start`, over the joints of a split literal: how many characters it has
/// without the joints, and where the joints are.
///
/// White space between two literals mostly parts two values: the arguments of a command, the fields of a row, a value and the
/// key on the next line. So a value that is whole is a literal of its own, and what a `:` or `=` follows is a key.
pub fn join_run(text: &[u8], start: usize) -> (usize, Vec<Range<usize>>) {
    join_pieces(text, pieces(text, start, false))
}

fn join_pieces(text: &[u8], mut pieces: Vec<Piece>) -> (usize, Vec<Range<usize>>) {
    if pieces.last().is_some_and(|last| last.bare && is_key(text, last.range.end)) {
        pieces.pop();
    }
    if !is_wrapped(&pieces) {
        let whole = |i: usize| {
            let next_bare = pieces.get(i + 1).is_none_or(|next| next.bare);
            (i == 0 || pieces[i].bare) && next_bare && is_whole(&text[pieces[i].range.clone()])
        };
        if let Some(first) = (0..pieces.len()).find(|&i| whole(i)) {
            pieces.truncate(first.max(1));
        }
    }
    let total = pieces.iter().map(|p| p.range.len()).sum();
    (total, pieces.into_iter().skip(1).map(|p| p.joint).collect())
}

/// `is_list`: they are items of a list that is joined.
fn pieces(text: &[u8], start: usize, is_list: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut next = Some((start..start, true));
    while let Some((before, bare)) = next {
        let at = before.end;
        let len = text[at..].iter().take_while(|&&b| is_base64(b)).count();
        pieces.push(Piece { range: at..at + len, joint: before, bare });
        next = if len > 0 && pieces.len() <= MAX_PIECES { joint(text, at + len, is_list) } else { None };
    }
    pieces
}

pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether the literal that ends at `end` is a key: `"name": `, `"name" = `, `"name" => `.
fn is_key(text: &[u8], end: usize) -> bool {
    let at = blank(text, end + 1);
    text.get(end).is_some_and(|&b| is_quote(b))
        && matches!(text.get(at), Some(b':' | b'='))
        && text.get(at + 1) != Some(&b'=')
}

/// Whether a piece is a value that lacks nothing.
fn is_whole(piece: &[u8]) -> bool {
    key_id::has_shape(piece)
        || matches!(secret::classify(piece), SecretClass::Plausible | SecretClass::Example)
}

/// Whether the pieces are lines of one long value: all as long as the first, and the last one shorter.
fn is_wrapped(pieces: &[Piece]) -> bool {
    match pieces {
        [first, middle @ .., last] if !middle.is_empty() => {
            let width = first.range.len();
            middle.iter().all(|p| p.range.len() == width) && last.range.len() < width
        }
        _ => false,
    }
}

/// Characters of a class that begin here, over the ends of lines, written as such or as escapes, and over the joints of a split
/// literal.
pub fn run_in_lines(text: &[u8], class: fn(u8) -> bool) -> usize {
    let (mut at, mut total) = (0, 0);
    loop {
        let run = text[at..].iter().take_while(|&&b| class(b)).count();
        (at, total) = (at + run, total + run);
        match text.get(at) {
            Some(&b) if is_quote(b) && total == at => return join_run(text, 0).0.max(total),
            Some(b'\r' | b'\n' | b'\\') if run > 0 => match line_end(&text[at..]) {
                Some(end) => at += end,
                None => return total,
            },
            _ => return total,
        }
    }
}

/// How long the end of a line is that begins here, with the indentation of the next.
fn line_end(text: &[u8]) -> Option<usize> {
    let letter = |at: usize, plain: u8, escape: u8| {
        let slashes = text[at..].iter().take_while(|&&b| b == b'\\').count();
        let found = text.get(at + slashes) == Some(if slashes > 0 { &escape } else { &plain });
        if found { at + slashes + 1 } else { at }
    };
    let carriage = letter(0, b'\r', b'r');
    let end = letter(carriage, b'\n', b'n');
    let blank = text[end..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    (end > 0).then_some(end + blank)
}

fn run_start(text: &[u8], end: usize) -> usize {
    end - text[..end].iter().rev().take(2 * TOKEN).take_while(|&&b| is_base64(b)).count()
}

/// Whether the list whose first item begins at `start` is joined with nothing between: `''.join(["…", "…"])`, `concat('…', '…')`,
/// `["…", "…"].join("")`.
fn is_joined(text: &[u8], start: usize) -> bool {
    const BEFORE: usize = 120;
    const BEHIND: usize = 300;
    const CALLS: [&[u8]; 17] = [
        b"concat",
        b"concat!",
        b"concatenate",
        b"paste0",
        b"str_c",
        b"\"\".join",
        b"''.join",
        b"join(\"\",",
        b"join('',",
        // CloudFormation
        b"!join[\"\",",
        b"!join['',",
        b"fn::join\":[\"\",",
        b"fn::join:['',",
        b"implode(\"\",",
        b"implode('',",
        b"f(\"%s%s\",",
        b"\"{}{}\".format",
    ];
    let opens = |b: &u8| matches!(b, b'(' | b'[' | b'{');
    let Some((quote, before)) = text[start.saturating_sub(BEFORE)..start].split_last() else { return false };
    // Most quotes are those of other lists.
    let before = before.trim_ascii_end();
    let begins = match before.split_last() {
        Some((b',', before)) => {
            [&b"\"\""[..], b"''", b"s\""].iter().any(|end| before.trim_ascii_end().ends_with(end))
        }
        last => last.is_some_and(|(b, _)| opens(b)),
    };
    if !(is_quote(*quote) && begins) {
        return false;
    }
    let before: Vec<u8> =
        before.iter().filter(|b| !b.is_ascii_whitespace()).map(u8::to_ascii_lowercase).collect();
    let call = &before[..before.iter().rposition(|b| !opens(b)).map_or(0, |at| at + 1)];
    let call = call.strip_suffix(b"array").unwrap_or(call);
    if CALLS.iter().any(|name| call.ends_with(name)) {
        return true;
    }
    let close = match before.last() {
        Some(b'[') => b']',
        Some(b'{') => b'}',
        _ => b')',
    };
    let behind = &text[start..text.len().min(start + BEHIND)];
    let Some(close) = memchr::memchr(close, behind) else { return false };
    let rest = behind[close + 1..].trim_ascii_start();
    let empty = |rest: &[u8]| [&b"\"\")"[..], b"'')", b"``)"].iter().any(|empty| rest.starts_with(empty));
    if call.ends_with(b"join([]string") {
        return rest.strip_prefix(b",").is_some_and(|rest| empty(rest.trim_ascii_start()));
    }
    if let Some(rest) = rest.strip_prefix(b".joinToString(") {
        return empty(rest);
    }
    match rest.strip_prefix(b".join").filter(|_| before.ends_with(b"[")) {
        Some(rest) => rest.strip_prefix(b"(").is_none_or(empty),
        None => false,
    }
}

/// The joint at `at`, from the closing quote of one piece to the first character of the next, and whether it is white space
/// alone. `is_list`: a comma joins.
fn joint(text: &[u8], at: usize, is_list: bool) -> Option<(Range<usize>, bool)> {
    // JavaScript, Java, Python +; PHP, Perl .; Lua ..; VB &; SQL ||; Elixir, Haskell <> ++; Twig, D ~; OCaml ^; Julia *; C++, Ruby <<
    const OPERATORS: [&[u8]; 13] =
        [b"++", b"+", b", ...", b"..", b".", b"&", b"||", b"<>", b"<<", b"~", b"^", b"*", b","];
    let quote = *text.get(at)?;
    if !is_quote(quote) {
        return None;
    }
    let mut i = blank(text, at + 1);
    let mut bare = true;
    let rest = &text[i.min(text.len())..];
    let joins = |operator: &&[u8]| {
        (*operator != b"," || is_list)
            && rest.strip_prefix(*operator).is_some_and(|behind| !behind.starts_with(b"="))
    };
    let may_join = rest.first().is_some_and(|b| b"+.&|<~^*,".contains(b));
    if let Some(end) = appended(text, at, i) {
        i = end;
    } else if let Some(operator) = OPERATORS.into_iter().filter(|_| may_join).find(joins) {
        i = blank(text, i + operator.len());
        bare = false;
    }
    // string prefixes: f"", r'', @"", $""
    let prefix = text[i.min(text.len())..].iter().take(2).take_while(|b| b"fFrRbBuULl@$".contains(b)).count();
    let open = i + prefix;
    let opens = text.get(open).is_some_and(|&b| is_quote(b));
    let goes_on = text.get(open + 1).copied().is_some_and(is_base64);
    (opens && goes_on).then_some((at..open + 1, bare))
}

/// Behind what adds the next piece to the one that ends at `at`: `.append(` and `.concat(`, or the statement after its own, `s += `,
/// `s = s & `, where the line of the piece has the name too. `from` is behind the white space.
fn appended(text: &[u8], at: usize, from: usize) -> Option<usize> {
    const LONGEST: usize = 80;
    let first =
        text.get(from).filter(|b| matches!(b, b';' | b')' | b'.') || from > at + 1 && is_name(**b))?;
    let rest = &text[from..text.len().min(from + LONGEST)];
    let open = rest.iter().position(|&b| is_quote(b))?;
    let between = rest[..open].trim_ascii_end();
    if let Some(call) = between.strip_suffix(b"(") {
        let ends = |name: &[u8]| {
            call.len() >= name.len() && call[call.len() - name.len()..].eq_ignore_ascii_case(name)
        };
        let chain = |b: &u8| is_name(*b) || b.is_ascii_whitespace() || matches!(b, b';' | b')' | b'.');
        return ((ends(b".append") || ends(b".concat")) && call.iter().all(chain)).then_some(from + open);
    }
    let between = if *first == b';' { between[1..].trim_ascii_start() } else { between };
    let name = &between[..between.iter().take_while(|b| is_name(**b)).count()];
    let sign: Vec<u8> = between[name.len()..].iter().filter(|b| !b.is_ascii_whitespace()).copied().collect();
    let adds = match &sign[..] {
        b"+=" | b".=" | b"&=" | b"..=" => true,
        [b'=', again @ .., b'+' | b'&' | b'.' | b'~'] => again.strip_suffix(b".").unwrap_or(again) == name,
        _ => false,
    };
    let line = &text[run_start(text, at).saturating_sub(LONGEST)..at];
    let line = &line[memchr::memrchr(b'\n', line).map_or(0, |end| end + 1)..];
    (adds && !name.is_empty() && memchr::memmem::find(line, name).is_some()).then_some(from + open)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
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
    // VB continues a line by an underscore, PowerShell by a backtick
    if matches!(text.get(end), Some(b'_' | b'`')) && matches!(text.get(end + 1), Some(b'\r' | b'\n')) {
        return white(text, end + 1);
    }
    end
}
