//! What stands before every line of a text and does not belong to it: marks of quoted mail, of comments, of diffs, times in logs, places
//! in files.

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
    /// The same, and the sign behind it, in a listing where it is one more in each line. With it the number of the line before the first.
    Listed(u8, usize),
    /// How bad what the line says is, or that it comes from elsewhere: `[INFO] `, `remote: `.
    Level,
    /// `| `, what `git log --graph` has before a line.
    Bar,
    /// `| ` and ` |`, the sides of a box.
    Sides,
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
    let of = |line, number| if in_diff { of_diff(line) } else { of(line, number) };
    let before = memchr::memchr_iter(b'\n', &text[..start]).count();
    let end = memchr::memchr(b'\n', &text[id..]).map_or(text.len(), |len| id + len);
    // What has its end in view is judged with it.
    let whole = if matches!(first.first(), Some(b'|')) { &text[start..end] } else { first };
    let Some((margin, _)) = of(whole, before) else { return };
    if margin == Margin::Comment(b"*") && memchr::memmem::find(text, b"/*").is_none() {
        return;
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut start, mut plain) = (0, false);
    for (number, end) in memchr::memchr_iter(b'\n', text).chain([text.len()]).enumerate() {
        let line = &text[start..end];
        match of(line, number).filter(|(other, _)| *other == margin) {
            Some((_, len)) => {
                plain |= !has_value(line) && !line[len..].contains(&b'|');
                found.push(start..start + len);
                if margin == Margin::Sides {
                    let kept = line.trim_ascii_end();
                    let kept = kept[..kept.len() - 1].trim_ascii_end().len().max(len);
                    found.push(start + kept..end);
                }
            }
            None if has_value(line) => return,
            None if margin == Margin::Bar && is_of_table(line) => return,
            // no diff any more: what the lines begin with now is their own
            None if in_diff && line.starts_with(HUNK) => found.push(start..start + HUNK.len()),
            // the lines that are as they were
            None if in_diff && line.starts_with(b" ") => found.push(start..start + 1),
            None => {}
        }
        start = end + 1;
    }
    // Rows of a table may be numbered, and begin with a bar; all of them have a value, or more bars.
    let under_head =
        || found.first().is_some_and(|range| range.start > 0 && !text[..range.start].ends_with(b"\n\n"));
    let is_margin = match margin {
        Margin::Listed(b' ', _) => plain && !under_head(),
        Margin::Listed(sign, _) => plain || sign == b'^',
        Margin::Bar => plain,
        _ => true,
    };
    if found.len() > 1 && is_margin {
        for range in found {
            out.remove(range);
        }
    }
}

/// Whether a line that begins with a bar begins a table of a wiki, a row, or its head.
fn is_of_table(line: &[u8]) -> bool {
    matches!(line, [b'|', b'-' | b'=' | b'|' | b'}', ..] | [b'{', b'|', ..])
}

/// The sign of a diff that a line begins with.
fn of_diff(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    line.first().filter(|sign| matches!(sign, b'+' | b'-')).map(|sign| (Margin::Diff(*sign), 1))
}

/// The margin of a line, and its length. `number`: how many lines are before it.
fn of(line: &[u8], number: usize) -> Option<(Margin<'_>, usize)> {
    const COMMENTS: [&[u8]; 10] = [b"///", b"//", b"##", b"#", b"--", b";;", b";", b"*", b"REM", b"%"];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(rest) = line.strip_prefix(b">") {
        return Some((Margin::Quote, 1 + usize::from(rest.starts_with(b" "))));
    }
    if is_numbered(line) {
        return Some((Margin::Number, 7));
    }
    let found = time(line).or_else(|| in_job(line)).or_else(|| writer(line)).or_else(|| place(line));
    if let Some(found) = found.or_else(|| level(line)).or_else(|| bar(line)).or_else(|| listed(line, number))
    {
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
    const WORDS: [&[u8]; 18] = [
        b"INFO", b"WARN", b"WARNING", b"ERROR", b"DEBUG", b"TRACE", b"NOTICE", b"stdout", b"stderr", b"F",
        b"P", b"AM", b"PM", b"UTC", b"00O", b"00E", b"01O", b"01E",
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

/// The names of a job and its step, and the time, as the program of `GitHub` shows logs.
fn in_job(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const LONGEST: usize = 200;
    let begin = &line[..line.len().min(LONGEST)];
    let tab = memchr::memchr_iter(b'\t', begin).nth(1)?;
    time(&line[tab + 1..]).map(|(margin, len)| (margin, tab + 1 + len))
}

/// What build tools and servers of git write before a line.
fn level(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const LEVELS: [&[u8]; 8] =
        [b"[INFO]", b"[WARN]", b"[WARNING]", b"[ERROR]", b"[DEBUG]", b"remote:", b"npm ERR!", b"npm error"];
    let level = LEVELS.into_iter().find(|level| line.starts_with(level))?;
    let rest = &line[level.len()..];
    (rest.is_empty() || rest.starts_with(b" ")).then_some((Margin::Level, level.len() + rest.len().min(1)))
}

/// A bar before a line, and one behind it.
fn bar(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    let rest = line.strip_prefix(b"|")?;
    let len = 1 + usize::from(rest.starts_with(b" "));
    match memchr::memchr(b'|', rest) {
        Some(at) if rest[at + 1..].trim_ascii().is_empty() => Some((Margin::Sides, len)),
        _ if rest.is_empty() || len > 1 && !rest.trim_ascii_end().ends_with(b"|") => Some((Margin::Bar, len)),
        _ => None,
    }
}

/// The number that a line of a listing begins with, or the end of what `git blame` has before one.
fn listed(line: &[u8], before: usize) -> Option<(Margin<'_>, usize)> {
    const WIDEST: usize = 8;
    const LONGEST: usize = 200;
    let hash = line.strip_prefix(b"^").unwrap_or(line);
    let hex = hash.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
    let from = if (7..=40).contains(&hex) && hash.get(hex) == Some(&b' ') {
        let head = &line[..line.len().min(LONGEST)];
        let end = memchr::memmem::find(head, b") ").or_else(|| head.strip_suffix(b")").map(<[u8]>::len))?;
        end - line[..end].iter().rev().take_while(|b| b.is_ascii_digit()).count()
    } else {
        line.iter().take_while(|b| **b == b' ').count()
    };
    let digits = line[from..].iter().take(WIDEST).take_while(|b| b.is_ascii_digit()).count();
    let number: usize = str::from_utf8(&line[from..from + digits]).ok()?.parse().ok()?;
    let rest = &line[from + digits..];
    let blank = rest.iter().take(4).take_while(|b| **b == b' ').count();
    let (sign, len) = match rest[blank..].first() {
        Some(sign @ (b'|' | b':' | b')' | b'.')) if blank == 0 || *sign == b'|' => (*sign, blank + 1),
        None => (b' ', 0),
        _ if blank > 0 => (b' ', 0),
        _ => return None,
    };
    // `1:text` keeps its indentation
    let len = len + usize::from(sign != b':' && rest[len..].starts_with(b" "));
    // nothing but `git blame` writes such lines
    let sign = if line[..from].ends_with(b" ") && from > hex && hex > 0 { b'^' } else { sign };
    Some((Margin::Listed(sign, number.wrapping_sub(before)), from + digits + len))
}

/// What writes a line, in the logs of several pods or containers.
fn writer(line: &[u8]) -> Option<(Margin<'_>, usize)> {
    const LONGEST: usize = 120;
    if line.starts_with(b"[pod/") {
        let end = line.iter().take(LONGEST).position(|b| *b == b']')?;
        return line[end + 1..].starts_with(b" ").then_some((Margin::Writer(&line[..end]), end + 2));
    }
    let head = &line[..line.len().min(LONGEST)];
    for call in [&b" (remote-exec): "[..], b" (local-exec): "] {
        if let Some(at) = memchr::memmem::find(head, call).filter(|at| !has_value(&line[..*at])) {
            return Some((Margin::Writer(&line[..at]), at + call.len()));
        }
    }
    // `#12 0.345 `, of a build of an image
    if let Some((step, rest)) = line.strip_prefix(b"#").map(first_word)
        && let (time, rest) = first_word(rest.get(1..)?)
        && [step, time].iter().all(|word| word.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
        && step.len().min(time.len()) > 0
        && time.contains(&b'.')
    {
        return Some((Margin::Writer(step), line.len() - rest.len() + rest.len().min(1)));
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
            ("  9 [a]\n 10 @\n 11   $", "[a]\n@\n  $"),
            ("x\n9: [a]\n10: @\n11: $", "x\n [a]\n @\n $"),
            (" 1 │ [a]\n 2 │ @\n 3 │ $", "[a]\n@\n$"),
            (
                "a1b2c3d4 (A B 2026-01-02 9) a\n^1b2c3d4 (B 2026-01-02 10) @\na1b2c3d4 (B 2026-01-02 11) $",
                "a\n@\n$",
            ),
            ("[INFO] @\n[ERROR]  $", "@\n $"),
            ("remote: @\nremote: $\nremote:", "@\n$\n"),
            ("#12 0.3 @\n#12 0.45 $", "@\n$"),
            ("b.c (remote-exec): @\nb.c (remote-exec): $", "@\n$"),
            ("a\tb c\t2026-11-27T10:11:12.1Z @\na\tb d\t2026-11-27T10:11:13.1Z $", "@\n$"),
            ("2026-11-27T10:11:12.123Z 01O @\n2026-11-27T10:11:12.123Z 01E $", "@\n$"),
            ("* c\n| a\n| @\n|   $\n|", "* c\na\n@\n  $\n"),
            ("╭──╮\n│ @ │\n│  $ │\n╰──╯", "+--+\n@\n $\n+--+"),
            (" \"a\\n\",\n \"@\\n\",\n \"$\"]", "a\n@\n$"),
            ("\"@\\n\",\n\"$\\n\",\n\"a\": \"b\\n\",", "@\n$\n\"a\": \"b\n\","),
            ("x = \"a\\n\" +\n \"@\\n\" +\n \"$\\n\";", "x = \na\n@\n$"),
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
            "n id key\n1 @ $\n2 @ $",
            "1 x\n3 @\n4 $",
            "n id key\n1 @ $\n2 - -",
            " n | id | key\n---+----+----\n 1 | @ | $\n 2 | @ | $",
            "|-\n| a\n| @\n| $",
            "| id | key\n| @ | $",
            "#1 a @\n#1 a $",
            "a\tb\t10:11:12 [a] @\na\tb\t10:11:12 [b] $",
            "# @",
            "\"id\": \"@\\n\",\n\"key\": \"$\\n\"",
            "printf '%s\\n' '@' >> f\nprintf '%s\\n' '$' >> f",
        ] {
            let text =
                text.replace("@@", "\u{1}").replace('@', ID).replace('$', SECRET).replace('\u{1}', "@@");
            assert_eq!(read(&text), text.replace("\\n", "\n"), "{text}");
        }
    }
}
