//! Texts that something holds line by line: commands that write them (`echo '…' >> file`), calls that print them, lists of their lines, and
//! elements of a page, one a line.

use std::collections::VecDeque;
use std::ops::Range;

use crate::aws::{key_id, secret};
use crate::finding::Encoding;

use super::join::is_quote;
use super::{Rewrite, is_base64};

/// What is around each line of a text.
#[derive(Debug, Clone, Copy)]
struct Frame<'t> {
    kind: Kind,
    before: &'t [u8],
    behind: &'t [u8],
    /// How many lines make it likely.
    least: usize,
}

/// What a line stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The argument of a command that writes it.
    Command,
    /// A string literal.
    Literal,
    /// An element of HTML or XML.
    Element,
    /// A CDATA section.
    Data,
}

/// A line and what it holds.
struct Framed {
    line: Range<usize>,
    content: Range<usize>,
    /// It is the first of a list or of a sum, and behind what has them.
    begins: bool,
}

impl Framed {
    /// `content` is that of the line, counted from its start.
    fn new(line: Range<usize>, content: &Range<usize>, begins: bool) -> Self {
        Self { content: line.start + content.start..line.start + content.end, line, begins }
    }
}

/// Take away what is around each of several lines, the one of an id among them. Ids alone are items of a list.
pub(super) fn strip(text: &[u8], out: &mut Rewrite<'_>) {
    let mut done = 0;
    for id in ids(text) {
        if id < done {
            continue;
        }
        let start = memchr::memrchr(b'\n', &text[done..id]).map_or(done, |end| done + end + 1);
        let line = start..line_end(text, id);
        let floor = std::mem::replace(&mut done, line.end);
        let Some(frame) = Frame::of(&text[line.clone()], id - line.start) else { continue };
        let run = run(text, line, floor, frame);
        let is_row = frame.is_list() && run.iter().any(|framed| is_value(&text[framed.content.clone()]));
        if run.len() >= frame.least && !is_row {
            done = run[run.len() - 1].line.end;
            for framed in &run {
                leave(text, framed, frame.kind, out);
            }
        }
    }
}

/// Where ids may begin.
fn ids(text: &[u8]) -> impl Iterator<Item = usize> {
    let [first, second] = key_id::PREFIXES;
    let mut first = memchr::memmem::find_iter(text, first).peekable();
    let mut second = memchr::memmem::find_iter(text, second).peekable();
    std::iter::from_fn(move || {
        let other = second.peek().copied().unwrap_or(usize::MAX);
        first.next_if(|at| *at < other).or_else(|| second.next())
    })
}

/// Where the line of `at` ends.
fn line_end(text: &[u8], at: usize) -> usize {
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |len| at + len);
    end - usize::from(end > at && text[end - 1] == b'\r')
}

/// The lines around `line` that stand in the same frame, down to `floor`.
fn run(text: &[u8], line: Range<usize>, floor: usize, frame: Frame<'_>) -> VecDeque<Framed> {
    let framed = |line: Range<usize>| {
        let content = frame.content(&text[line.clone()])?;
        Some(Framed::new(line, &content, false))
    };
    let mut run: VecDeque<Framed> = framed(line.clone()).into_iter().collect();
    if run.is_empty() {
        return run;
    }
    let (mut start, mut first) = (line.start, None);
    while start > floor {
        let from = memchr::memrchr(b'\n', &text[floor..start - 1]).map_or(floor, |end| floor + end + 1);
        let end = start - 1;
        let above = from..end - usize::from(end > from && text[end - 1] == b'\r');
        start = from;
        if let Some(framed) = framed(above.clone()) {
            run.push_front(framed);
        } else if !above.is_empty() {
            first = Some(above);
            break;
        }
    }
    let mut end = line.end;
    while let Some(len) = memchr::memchr(b'\n', &text[end..]) {
        let from = end + len + 1;
        let below = from..line_end(text, from.min(text.len()));
        end = below.end;
        if let Some(framed) = framed(below.clone()) {
            run.push_back(framed);
        } else if !below.is_empty() {
            if let Some(content) = frame.last(&text[below.clone()]) {
                run.push_back(Framed::new(below, &content, false));
            }
            break;
        } else if from >= text.len() {
            break;
        }
    }
    let first = first.filter(|_| run.len() > 1).and_then(|above| {
        let content = frame.first(&text[above.clone()])?;
        Some(Framed::new(above, &content, true))
    });
    if let Some(first) = first {
        run.push_front(first);
    }
    run
}

/// Leave the content of a line.
fn leave(text: &[u8], framed: &Framed, kind: Kind, out: &mut Rewrite<'_>) {
    let Framed { line, content, begins } = framed;
    if *begins {
        out.replace(content.start - 1..content.start, b"\n", Encoding::Escape);
    } else {
        out.remove(line.start..content.start);
    }
    let quote = text[..content.start].last().copied().filter(|b| is_quote(*b));
    if let Some(quote) = quote.filter(|_| matches!(kind, Kind::Command | Kind::Literal)) {
        let mut done = content.start;
        for at in memchr::memchr_iter(quote, &text[content.clone()]).map(|at| content.start + at) {
            let rest = &text[at..content.end];
            if at < done {
                continue;
            }
            if rest.starts_with(b"'\\''") {
                out.remove(at..at + 2);
                out.remove(at + 3..at + 4);
                done = at + 4;
            } else if rest.get(1) == Some(&quote) && text[at - 1] != b'\\' {
                out.remove(at..at + 1);
                done = at + 2;
            } else if text[at - 1] == b'`' && at > content.start {
                out.remove(at - 1..at);
            }
        }
    }
    out.remove(content.end..line.end);
}

impl<'t> Frame<'t> {
    /// What is around the text that the id at `id` of a line is in.
    fn of(line: &'t [u8], id: usize) -> Option<Self> {
        const LONGEST: usize = 4096;
        if line.len() > LONGEST {
            return None;
        }
        let (kind, content) = command(line)
            .filter(|start| *start <= id)
            .map(|start| (Kind::Command, argument(line, start)))
            .filter(|(_, content)| writes(&line[content.end..]))
            .or_else(|| element(line, id))
            .or_else(|| literal(line, id).map(|content| (Kind::Literal, content)))?;
        let (before, behind) = match kind {
            Kind::Command => (&line[..0], &line[content.end..]),
            Kind::Literal => (&line[..content.start - 1], &line[content.end + 1..]),
            Kind::Element | Kind::Data => (&line[..content.start], &line[content.end..]),
        };
        let is_frame = match kind {
            // the pieces of one value are no lines
            Kind::Literal => !joins(before) && !joins(behind),
            Kind::Command | Kind::Element | Kind::Data => true,
        };
        let least = match line[content].trim_ascii().len() {
            // a list of ids
            ..=key_id::LEN if kind != Kind::Command => return None,
            ..=key_id::LEN => 3,
            _ => 2,
        };
        let may_be = is_frame && !holds_value(before) && !holds_value(behind);
        may_be.then_some(Self { kind, before, behind, least })
    }

    /// Whether a list may be around the lines, and no call. One that has a value alone is a row.
    fn is_list(&self) -> bool {
        let is_call = self.before.trim_ascii_end().last().is_some_and(|b| matches!(b, b'(' | b'=' | b','));
        self.kind == Kind::Literal && !is_call
    }

    /// What a line holds in this frame.
    fn content(&self, line: &[u8]) -> Option<Range<usize>> {
        if self.kind == Kind::Command {
            let content = argument(line, command(line)?);
            return (target(&line[content.end..]) == target(self.behind)).then_some(content);
        }
        let start = like(line.iter(), self.before.iter())?;
        let end = line.len() - like(line.iter().rev(), self.behind.iter().rev())?;
        if self.kind == Kind::Literal {
            let close = closing(line, start)?;
            return (close + 1 == end).then_some(start + 1..close);
        }
        let content = line.get(start..end)?;
        let is_plain = self.kind == Kind::Data || memchr::memchr(b'<', content).is_none();
        is_plain.then_some(start..end)
    }

    /// What the line holds that ends as those of this frame, and begins otherwise.
    fn first(&self, line: &[u8]) -> Option<Range<usize>> {
        if self.kind != Kind::Literal {
            return None;
        }
        let end = line.len() - like(line.iter().rev(), self.behind.iter().rev())?;
        let content = literal(line, end.checked_sub(2)?)?;
        (content.end + 1 == end && !holds_value(&line[..content.start])).then_some(content)
    }

    /// What the line holds that begins as those of this frame, and is the last: of a list, of a statement.
    fn last(&self, line: &[u8]) -> Option<Range<usize>> {
        if self.kind != Kind::Literal {
            return None;
        }
        let start = like(line.iter(), self.before.iter())?;
        let close = closing(line, start)?;
        let ends = !line[close + 1..].iter().any(|b| b.is_ascii_alphanumeric() || is_quote(*b));
        ends.then_some(start + 1..close)
    }
}

/// How much of `line` is the same as `part`, but for numbers and blanks.
fn like<'b>(line: impl Iterator<Item = &'b u8>, part: impl Iterator<Item = &'b u8>) -> Option<usize> {
    let varies = |b: &&u8| b.is_ascii_digit() || **b == b' ';
    let (mut line, mut part, mut len) = (line.peekable(), part.peekable(), 0);
    while let Some(byte) = part.next() {
        if varies(&byte) {
            while part.next_if(varies).is_some() {}
            let before = len;
            while line.next_if(varies).is_some() {
                len += 1;
            }
            if len == before {
                return None;
            }
        } else {
            line.next_if_eq(&byte)?;
            len += 1;
        }
    }
    Some(len)
}

/// Where the argument of the command begins that writes a line: behind `echo `, `RUN echo -e `, `  - run: printf '%s\n' `.
fn command(line: &[u8]) -> Option<usize> {
    const BEFORE: [&[u8]; 12] =
        [b"-", b"RUN", b"run:", b"&&", b"sudo", b"$", b"+", b"++", b"#", b"then", b"else", b"do"];
    let mut at = 0;
    let mut word = || {
        at += line[at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let len = line[at..].iter().take_while(|b| !matches!(b, b' ' | b'\t')).count();
        let word = at..at + len;
        at += len;
        Some(word).filter(|word| !word.is_empty())
    };
    let mut name = word()?;
    while BEFORE.contains(&&line[name.clone()]) {
        name = word()?;
    }
    match &line[name.clone()] {
        b"echo" | b"@echo" | b"Write-Output" | b"Write-Host" => {}
        word if word.starts_with(b"echo.") => return Some(name.start + b"echo.".len()),
        b"printf" => {
            let format = word()?;
            let is_line = matches!(&line[format.clone()], b"'%s\\n'" | b"\"%s\\n\"");
            return is_line.then_some(line.len().min(format.end + 1));
        }
        _ => return None,
    }
    let mut end = name.end;
    while let Some(option) = word()
        && matches!(&line[option.clone()], b"-e" | b"-n" | b"-E" | b"-ne" | b"-en")
    {
        end = option.end;
    }
    Some(line.len().min(end + 1))
}

/// The argument that begins at `start`, without its quotes: up to where it is written to.
fn argument(line: &[u8], start: usize) -> Range<usize> {
    let may_follow = |rest: &[u8]| {
        rest.trim_ascii_start().first().is_none_or(|b| matches!(b, b'>' | b'|' | b'&' | b';' | b'\\' | b')'))
    };
    let close = closing(line, start).filter(|close| may_follow(&line[close + 1..]));
    if let Some(close) = close {
        return start + 1..close;
    }
    let rest = &line[start..];
    let is_word = |text: &[u8]| !text.trim_ascii().is_empty() && !text.trim_ascii().contains(&b' ');
    let end = match memchr::memrchr(b'>', rest) {
        Some(at) if is_word(&rest[at + 1..]) => at - usize::from(rest[..at].ends_with(b">")),
        _ => memchr::memmem::find(rest, b" | ").unwrap_or(rest.len()),
    };
    start..start + end
}

/// Whether what stands behind an argument writes it to a file, if anywhere.
fn writes(behind: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 4] = [b"tee ", b"sudo tee ", b"Out-File ", b"Add-Content "];
    let command = behind.trim_ascii_start().strip_prefix(b"|").map(<[u8]>::trim_ascii_start);
    command.is_none_or(|command| COMMANDS.iter().any(|name| command.starts_with(name)))
}

/// What a command writes to, of what stands behind its argument.
fn target(behind: &[u8]) -> &[u8] {
    let is_sign = |b: &u8| b"\"'>|&;\\, ".contains(b);
    let start = behind.iter().take_while(|b| is_sign(b)).count();
    let end = behind[start..].iter().rev().take_while(|b| is_sign(b)).count();
    &behind[start..behind.len() - end]
}

/// The content of the literal of a line that has `at` in it.
fn literal(line: &[u8], at: usize) -> Option<Range<usize>> {
    let mut from = 0;
    loop {
        let open = from + line[from..].iter().position(|b| is_quote(*b)).filter(|open| from + open <= at)?;
        let close = closing(line, open)?;
        if close > at {
            return Some(open + 1..close);
        }
        from = close + 1;
    }
}

/// The content of the element of a line that has `at` in it.
fn element(line: &[u8], at: usize) -> Option<(Kind, Range<usize>)> {
    const DATA: &[u8] = b"<![CDATA[";
    const BREAKS: [&[u8]; 3] = [b"<br>", b"<br/>", b"<br />"];
    let whole = line.trim_ascii();
    let has_break = BREAKS.iter().any(|end| whole.ends_with(end));
    let is_cell = [&b"<td"[..], b"<th"].iter().any(|cell| whole.starts_with(cell));
    if !whole.ends_with(b">") || is_cell || !(whole.starts_with(b"<") || has_break) {
        return None;
    }
    if let Some(open) = memchr::memmem::rfind(&line[..at], DATA) {
        let end = at + memchr::memmem::find(&line[at..], b"]]>")?;
        return Some((Kind::Data, open + DATA.len()..end));
    }
    let end = at + memchr::memchr(b'<', &line[at..])?;
    let start = memchr::memrchr(b'>', &line[..at]).filter(|_| !has_break).map_or(0, |open| open + 1);
    memchr::memchr(b'<', &line[start..at]).is_none().then_some((Kind::Element, start..end))
}

/// Where the literal ends that begins at `open`. A quote in it is escaped as any language does that.
fn closing(line: &[u8], open: usize) -> Option<usize> {
    let quote = line.get(open).copied().filter(|b| is_quote(*b))?;
    let mut at = open + 1;
    loop {
        let byte = *line.get(at)?;
        let next = line.get(at + 1).copied();
        at += if byte == quote {
            match next {
                Some(b'\\') if line[at..].starts_with(b"'\\''") => 4,
                Some(next) if next == quote => 2,
                _ => return Some(at),
            }
        } else if byte == b'\\'
            // PowerShell escapes so; what is in back-ticks ends so
            || byte == b'`' && next == Some(quote) && line[at + 2..].contains(&quote)
        {
            2
        } else {
            1
        };
    }
}

/// Whether literals are joined that such a sign, or nothing, is between.
fn joins(beside: &[u8]) -> bool {
    let beside = beside.trim_ascii();
    matches!(beside, b"+" | b"." | b"&" | b"||" | b"<>" | b".." | b"\\" | b"++" | b"~")
}

/// Whether a line is a value and nothing else.
fn is_value(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    key_id::has_shape(line) || line.len() == secret::LEN && line.iter().all(|b| is_base64(*b))
}

/// Whether a part of a text may hold a credential: an id, or what is nearly as long as a secret and as mixed.
pub(super) fn holds_value(part: &[u8]) -> bool {
    const LEAST: usize = 32;
    part.split(|b| !is_base64(*b)).any(|run| {
        key_id::has_shape(run)
            || run.len() >= LEAST
                && run.iter().any(u8::is_ascii_digit)
                && run.iter().any(u8::is_ascii_uppercase)
                && run.iter().any(u8::is_ascii_lowercase)
    })
}

#[cfg(test)]
mod tests {
    use super::super::View;

    const ID: &str = "AKIA2T4VXZQGJ6LMWRNB";
    const SECRET: &str = "kT9/vB2xLq7+ZrM4nW8sYc1dHf6jPg3aQe5uRi0o";

    fn read(text: &str) -> String {
        let text = text.replace('@', ID).replace('$', SECRET);
        let view = View::plain(text.as_bytes(), 0).through(super::strip);
        String::from_utf8(view.text).expect("it is text").replace(ID, "@").replace(SECRET, "$")
    }

    #[test]
    fn frames_are_taken_away() {
        for (text, lines) in [
            ("echo '[x]' > f\necho 'id=@' >> f\necho 'key=$' >> f\n", "[x]\nid=@\nkey=$\n"),
            (
                "RUN echo \"[x]\" >> f && \\\n    echo \"id=@\" >> f && \\\n    echo \"key=$\" >> f",
                "[x]\nid=@\nkey=$",
            ),
            ("echo [x]>> f\necho id=@>> f\necho.>> f\necho key=$>> f", "[x]\nid=@\n\nkey=$"),
            (
                "  - echo 'a'\\''b' | sudo tee -a f\n  - echo '@' | sudo tee -a f\n  - echo '$' | sudo tee -a f",
                "a'b\n@\n$",
            ),
            ("y\nx(\"[x]\");\nx(\"id: @\");\n\nx(\"key: $\");\nz", "y\n[x]\nid: @\n\nkey: $\nz"),
            ("x = [\"[x]\",\n'id: @',\n'',\n'key: \"\"$']", "x = [\n[x]\nid: @\n\nkey: \"\"$"),
            ("1,'[x]',\"b\"\n12,'id: @',\"b\"\n3,'it''s $',\"b\"", "[x]\nid: @\nit's $"),
            ("<li>[x]</li>\n<li>id: @</li>\n<li>key: $</li>", "[x]\nid: @\nkey: $"),
            ("[x]<br>\nid: @<br>\nkey: $<br>", "[x]\nid: @\nkey: $"),
        ] {
            assert_eq!(read(text), lines, "{text}");
        }
    }

    #[test]
    fn what_is_no_line_of_a_text_stays() {
        for text in [
            "echo '@' >> f\necho '$' >> f",
            "echo id:@ | x a\necho $ | x b",
            "\"@\",\n\"$\",\n\"x\",",
            "\"id: @ key: ab\" +\n\"cd\" +\n\"ef\"",
            "x(\"id: @\", \"$\")\nx(\"id: @\", \"$\")\nx(\"id: @\", \"$\")",
            "[\n\"x @\",\n\"$\",\n\"y\"\n]",
            "<td>x @</td>\n<td>$</td>\n<td>y</td>",
            "<id>x @</id>\n<key>x $</key>\n<x>x</x>",
            "id = \"a @\"\nkey = \"a $\"\nid = \"b @\"\nkey = \"b $\"",
        ] {
            assert_eq!(read(text), text);
        }
    }
}
