//! What stands before every line of a text and does not belong to it: marks of quoted mail, of comments, of diffs, times in logs, places
//! in files, and the quotes of texts that programs hold line by line.

use std::ops::Range;

use crate::aws::key_id;

use super::{Rewrite, is_base64};

/// What a piece of a diff begins with.
const HUNK: &[u8] = b"@@ -";

/// What a margin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Margin<'t> {
    /// `> `.
    Quote,
    /// `# `, `// `.
    Comment(&'t [u8]),
    /// `+` or `-`.
    Diff(u8),
    /// When a line was written, and what stands behind that in brackets: the thread.
    Time(&'t [u8]),
    /// The number of a line.
    Number,
    /// What wrote it, where several write to one log: `[pod/app/web] `, `web-1  | `.
    Writer(&'t [u8]),
    /// The file that it stands in, before the number of the line: `src/a.txt:12:`.
    Place(&'t [u8]),
}

/// Take the margin away that all lines with values have; what has none keeps what its lines begin with. Where one line is commented
/// out or taken out and another is not, or in a list, that is no margin.
pub(super) fn strip(text: &[u8], out: &mut Rewrite<'_>) {
    let ids = key_id::PREFIXES.into_iter().filter_map(|prefix| memchr::memmem::find(text, prefix));
    let Some(id) = ids.min() else { return };
    let start = memchr::memrchr(b'\n', &text[..id]).map_or(0, |end| end + 1);
    let first = &text[start..id];
    // An item of a list begins as a line that a diff takes out does.
    let in_diff = matches!(first.first(), Some(b'+' | b'-'))
        && (text.starts_with(HUNK) || memchr::memmem::find(text, b"\n@@ -").is_some());
    let of = |line| if in_diff { of_diff(line) } else { of(line) };
    let Some((margin, _)) = of(first) else { return };
    if margin == Margin::Comment(b"*") && memchr::memmem::find(text, b"/*").is_none() {
        return;
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
        let line = &text[start..end];
        match of(line).filter(|(other, _)| *other == margin) {
            Some((_, len)) => found.push(start..start + len),
            None if has_value(line) => return,
            // no diff any more: what the lines begin with now is their own
            None if in_diff && line.starts_with(HUNK) => found.push(start..start + HUNK.len()),
            // the lines that are as they were
            None if in_diff && line.starts_with(b" ") => found.push(start..start + 1),
            None => {}
        }
        start = end + 1;
    }
    if found.len() > 1 {
        for range in found {
            out.remove(range);
        }
    }
}

/// The sign of a diff that a line begins with.
fn of_diff(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    line.first().filter(|sign| matches!(sign, b'+' | b'-')).map(|sign| (Margin::Diff(*sign), 1))
}

/// The margin of a line, and its length.
fn of(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const COMMENTS: [&[u8]; 10] = [b"///", b"//", b"##", b"#", b"--", b";;", b";", b"*", b"REM", b"%"];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(rest) = line.strip_prefix(b">") {
        return Some((Margin::Quote, 1 + usize::from(rest.starts_with(b" "))));
    }
    if is_numbered(line) {
        return Some((Margin::Number, 7));
    }
    if let Some(found) = time(line).or_else(|| writer(line)).or_else(|| place(line)) {
        return Some(found);
    }
    let indent = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let rest = &line[indent..];
    let mark = COMMENTS.into_iter().find(|mark| rest.starts_with(mark))?;
    match rest.get(mark.len()) {
        None => Some((Margin::Comment(mark), indent + mark.len())),
        Some(b' ' | b'\t') => Some((Margin::Comment(mark), indent + mark.len() + 1)),
        Some(_) => None,
    }
}

/// Whether a line has what may be a value, or a piece of one.
fn has_value(line: &[u8]) -> bool {
    const LEAST: usize = 16;
    line.split(|b| !is_base64(*b)).filter(|run| run.len() >= LEAST).any(|run| {
        key_id::has_shape(run)
            || run.iter().any(u8::is_ascii_digit)
                && run.iter().any(u8::is_ascii_uppercase)
                && run.iter().any(u8::is_ascii_lowercase)
    })
}

/// The time that a line of a log begins with, and what logs write behind one: `2026-11-27T10:11:12.123Z stdout F `,
/// `[10:11:12] INFO  [app] `, `Nov 27 10:11:12 host app[123]: `.
fn time(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const DATE: usize = 16;
    const WORDS: [&[u8]; 14] = [
        b"INFO", b"WARN", b"WARNING", b"ERROR", b"DEBUG", b"TRACE", b"NOTICE", b"stdout", b"stderr", b"F",
        b"P", b"AM", b"PM", b"UTC",
    ];
    // hh:mm:ss
    let is_clock = |at: &[u8]| {
        let clock = at.get(..8).unwrap_or_default();
        !clock.is_empty()
            && clock.iter().enumerate().all(|(i, b)| if i % 3 == 2 { *b == b':' } else { b.is_ascii_digit() })
    };
    if !line.first().is_some_and(|b| *b == b'[' || b.is_ascii_alphanumeric()) {
        return None;
    }
    let clock = (0..line.len().min(DATE)).find(|at| is_clock(&line[*at..]))?;
    // A month or a day of the week, and numbers.
    let is_date = |word: &[u8]| {
        word.iter().all(|b| !b.is_ascii_alphabetic() || *b == b'T')
            || word.len() == 3 && word.iter().all(u8::is_ascii_alphabetic)
    };
    let date = line[..clock].strip_prefix(b"[").unwrap_or(&line[..clock]);
    if !date.split(|b| !b.is_ascii_alphanumeric()).all(is_date) {
        return None;
    }
    let rest = line[clock + 8..].iter().take_while(|b| b.is_ascii_digit() || b".,Z+-:]".contains(b)).count();
    let mut at = clock + 8 + rest;
    let mut group = &b""[..];
    loop {
        let next = &line[at..];
        let blank = next.iter().take_while(|b| **b == b' ').count();
        let (word, behind) = first_word(&next[blank..]);
        let bare = word.strip_suffix(b":").unwrap_or(word);
        let is_process = || {
            bare.len() < word.len()
                && bare.ends_with(b"]")
                && bare.first().is_some_and(u8::is_ascii_alphabetic)
        };
        let is_host = || first_word(behind.trim_ascii_start()).0.ends_with(b"]:") && !has_value(word);
        // not the header of a section
        let inner = bare.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]"));
        let is_group =
            inner.is_some_and(|inner| !inner.is_empty() && !has_value(inner)) && !behind.is_empty();
        if blank == 0 || !(WORDS.contains(&bare) || is_process() || is_group || is_host()) {
            return Some((Margin::Time(group), at + blank.min(1))); // more is the text's own
        }
        if is_group {
            group = bare;
        }
        at += blank + word.len();
    }
}

/// What a text has before its first blank, and the rest.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(memchr::memchr(b' ', text).unwrap_or(text.len()))
}

/// What writes a line, in the logs of several pods or containers.
fn writer(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const LONGEST: usize = 120;
    if line.starts_with(b"[pod/") {
        let end = line.iter().take(LONGEST).position(|b| *b == b']')?;
        return line[end + 1..].starts_with(b" ").then_some((Margin::Writer(&line[..end]), end + 2));
    }
    let name = line.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)).count();
    let digits = line[..name].iter().rev().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || !(line[..name - digits].ends_with(b"-") || line[..name - digits].ends_with(b"_")) {
        return None;
    }
    let blank = line[name..].iter().take_while(|b| **b == b' ').count();
    let rest = line[name + blank..].strip_prefix(b"|")?;
    let end = name + blank + 1 + usize::from(rest.starts_with(b" "));
    (blank > 0).then_some((Margin::Writer(&line[..name]), end))
}

/// Whether a line begins with its number, as `cat -n` writes it.
fn is_numbered(line: &[u8]) -> bool {
    let Some((number, b"\t")) = line.get(..7).map(|begin| begin.split_at(6)) else { return false };
    let digits = number.trim_ascii_start();
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Where a line stands, as `grep -n` says.
fn place(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const LONGEST: usize = 200;
    let name =
        line.iter().take(LONGEST).take_while(|b| b.is_ascii_alphanumeric() || b"-_./".contains(b)).count();
    let is_path = line[..name].iter().any(|b| matches!(b, b'.' | b'/'));
    let rest = line[name..].strip_prefix(b":").filter(|_| is_path)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0 && rest.get(digits) == Some(&b':'))
        .then_some((Margin::Place(&line[..name]), name + digits + 2))
}

/// Take away what is around the lines of a text that a program holds as literals, one a line: the quotes, and what stands before
/// each. `"a\n",`, `"b\n" +`, `{"log":"c\n","stream":"stdout"}`.
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
        run.extend(before.and_then(|before| Literal::last(text, line, before)));
        unquote(&mut run, out);
        run.extend(literal);
    }
    unquote(&mut run, out);
}

/// Leave the content of literals, if there are several.
fn unquote(run: &mut Vec<Literal>, out: &mut Rewrite<'_>) {
    let several = run.len() > 1;
    for Literal { line, content } in run.drain(..).filter(|_| several) {
        out.remove(line.start..content.start);
        out.remove(content.end..line.end);
    }
}

/// A literal that is a line of a text.
struct Literal {
    /// The line of the program.
    line: Range<usize>,
    /// Without quotes and the escape of the line's end.
    content: Range<usize>,
}

impl Literal {
    /// That of `line` that ends in the escape of a line's end.
    fn of(text: &[u8], line: Range<usize>) -> Option<Self> {
        let mut at = line.start;
        loop {
            let open = at + text[at..line.end].iter().position(|b| matches!(b, b'"' | b'\''))?;
            let end = literal_end(&text[..line.end], open)?;
            let content = &text[open + 1..end];
            if let Some(kept) = content.strip_suffix(b"\\n").filter(|kept| !kept.ends_with(b"\\")) {
                let beside = [line.start..open, end + 1..line.end];
                let content = open + 1..open + 1 + kept.len();
                return (!beside.into_iter().any(|part| may_hold_value(&text[part])))
                    .then_some(Self { line, content });
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
        ends.then_some(Self { line, content: open..end })
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
fn literal_end(text: &[u8], open: usize) -> Option<usize> {
    let quote = *text.get(open)?;
    let mut end = open + 1;
    while *text.get(end)? != quote {
        end += 1 + usize::from(text[end] == b'\\');
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use crate::decode::{Carriers, View};

    fn read(text: &str) -> String {
        let view = View::plain(text.as_bytes(), 0).decoded(Carriers::default(), 4, &|_| false);
        String::from_utf8(view.text).expect("it is text")
    }

    const ID: &str = "AKIA2T4VXZQGJ6LMWRNB";
    const SECRET: &str = "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";

    #[test]
    fn margins_are_taken_away() {
        for (text, bare) in [
            ("> a\n> @\n>\n> $\nBert", "a\n@\n\n$\nBert"),
            ("> > @\n> > $", "@\n$"),
            ("x()\n  // @\n  // $\ny()", "x()\n@\n$\ny()"),
            ("/**\n * @\n *   $\n */", "/**\n@\n  $\n */"),
            ("@@ -1 +1,2 @@\n x()\n+@\n+- $\n", "1 +1,2 @@\nx()\n@\n- $\n"),
            ("2026-11-27T10:11:12.123Z @\n2026-11-27T10:11:13.123Z   $", "@\n  $"),
            ("[10:11:12] INFO [a] @\n[10:11:12] WARN [a] $", "@\n$"),
            ("2026-11-27 10:11:12,123 [x]\n2026-11-27 10:11:12,123 @\n", "[x]\n@\n"),
            ("Nov 27 10:11:12 host app[12]: @\nNov 27 10:11:12 host app[12]: $", "@\n$"),
            ("[pod/a/b] @\n[pod/a/b] $", "@\n$"),
            ("web-1  | @\nweb-1  | $", "@\n$"),
            ("a/b.txt:9:@\na/b.txt:10:$", "@\n$"),
            ("     9\t@\n    10\t$", "@\n$"),
            (" \"a\\n\",\n \"@\\n\",\n \"$\"]", "a\n@\n$"),
            ("\"@\\n\",\n\"$\\n\",\n\"a\": \"b\\n\",", "@\n$\n\"a\": \"b\n\","),
            ("{\"log\":\"@\\n\",\"t\":1}\n{\"log\":\"$\\n\",\"t\":2}", "@\n$"),
        ] {
            let with = |text: &str| text.replace('@', ID).replace('$', SECRET);
            // `@@` begins a piece of a diff
            let text = with(&text.replace("@@", "\u{1}")).replace('\u{1}', "@@");
            let bare = with(&bare.replace("@@", "\u{1}")).replace('\u{1}', "@@");
            assert_eq!(read(&text), bare, "{text}");
        }
    }

    #[test]
    fn what_is_not_before_all_values_stays() {
        for text in [
            "@\n# @\n# $\n$",
            "@@ -1 +1 @@\n-@\n+@\n+$",
            "- @\n- $",
            "* @\n* $",
            "> @\n$",
            "[a] @\n[b] $",
            "10:11:12 [a] @\n10:11:12 [b] $",
            "a-1 | @\na-2 | $",
            "a.txt:9:@\nb.txt:9:$",
            "1\t@\n2\t$",
            "# @",
            "\"id\": \"@\\n\",\n\"key\": \"$\\n\"",
        ] {
            let text =
                text.replace("@@", "\u{1}").replace('@', ID).replace('$', SECRET).replace('\u{1}', "@@");
            assert_eq!(read(&text), text.replace("\\n", "\n"), "{text}");
        }
    }
}
