//! Texts of which each line is the message of a record in JSON: logs of programs and containers, events of `CloudWatch`, the journal.

use std::ops::Range;

use super::Rewrite;
use super::frame::holds_value;
use super::quoted::literal_end;
use crate::finding::Encoding;

/// What messages are called.
const NAMES: [&[u8]; 10] =
    [b"msg", b"message", b"Message", b"@message", b"MESSAGE", b"log", b"line", b"text", b"body", b"content"];

/// What a record has beside its message is shorter, bytes.
const LONGEST: usize = 4096;

/// A message.
struct Message<'t> {
    name: &'t [u8],
    /// Where its name begins.
    start: usize,
    /// Without quotes and the escape of a line's end.
    content: Range<usize>,
    /// Behind its quote.
    end: usize,
}

/// Leave the messages of records that follow one another, a line each. Where something else in a record may be a value, they are rows.
pub(super) fn strip(text: &[u8], out: &mut Rewrite<'_>) {
    let (mut done, mut floor) = (0, 0);
    for colon in memchr::memmem::find_iter(text, b"\":") {
        if colon < done {
            continue;
        }
        let Some(first) = Message::at(text, colon).filter(|first| first.start >= floor) else { continue };
        let mut run = vec![first];
        loop {
            let last = &run[run.len() - 1];
            match next(text, last) {
                Ok(message) => run.push(message),
                Err(at) => {
                    done = at;
                    break;
                }
            }
        }
        if let [first, .., last] = &run[..]
            && let Some((begin, levels)) = before(text, first, floor)
        {
            floor = behind(text, last.end, levels);
            leave(text, &run, begin..floor, out);
            done = done.max(floor);
        }
    }
}

/// Leave the content of the messages of the records in `range`.
fn leave(text: &[u8], run: &[Message<'_>], range: Range<usize>, out: &mut Rewrite<'_>) {
    out.remove(range.start..run[0].content.start);
    for pair in run.windows(2) {
        let gap = pair[0].content.end..pair[1].content.start;
        if let Some(end) = memchr::memchr(b'\n', &text[gap.clone()]) {
            out.remove(gap.start..gap.start + end);
            out.remove(gap.start + end + 1..gap.end);
        } else {
            out.replace(gap, b"\n", Encoding::Escape);
        }
    }
    out.remove(run[run.len() - 1].content.end..range.end);
}

impl<'t> Message<'t> {
    /// The message behind whose name there is a colon at `colon`, and a quote before that.
    fn at(text: &'t [u8], colon: usize) -> Option<Self> {
        let blank = text[colon + 2..].iter().take(4).take_while(|b| **b == b' ').count();
        let open = colon + 2 + blank;
        let before = &text[..colon];
        // most names and values are others
        let may_be = text.get(open) == Some(&b'"') && before.last().is_some_and(|b| b"geEty".contains(b));
        let name = NAMES.into_iter().filter(|_| may_be).find(|name| {
            before.strip_suffix(*name).is_some_and(|rest| rest.ends_with(b"\"") && !rest.ends_with(b"\\\""))
        })?;
        let close = literal_end(text, open)?;
        let content = &text[open + 1..close];
        let kept = content.strip_suffix(b"\\n").filter(|kept| !kept.ends_with(b"\\")).unwrap_or(content);
        let start = colon - name.len() - 1;
        Some(Self { name, start, content: open + 1..open + 1 + kept.len(), end: close + 1 })
    }
}

/// The message of the record behind that of `last`, or how far there is none.
fn next<'t>(text: &'t [u8], last: &Message<'_>) -> Result<Message<'t>, usize> {
    let limit = text.len().min(last.end + LONGEST);
    let (mut at, mut depth, mut lowest) = (last.end, 0_i32, 0);
    // Something stands between what seemed to be two records.
    let mut parted = false;
    while at < limit {
        match text[at] {
            b'"' => {
                let close = literal_end(&text[..limit], at).ok_or(limit)?;
                let word = &text[at + 1..close];
                if depth == 0 && lowest < 0 && word == last.name && text[close..].starts_with(b"\":") {
                    return Message::at(text, close).filter(|_| !parted).ok_or(close + 1);
                }
                if holds_value(word) {
                    return Err(close + 1);
                }
                parted |= depth == lowest;
                at = close;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth < lowest {
                    (lowest, parted) = (depth, false);
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {}
            b':' | b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => parted |= depth == lowest,
            _ => return Err(at),
        }
        at += 1;
    }
    Err(limit)
}

/// Where, down to `floor`, the record of a message begins, if nothing before the message may be a value, and how many brackets
/// open between.
fn before(text: &[u8], message: &Message<'_>, floor: usize) -> Option<(usize, usize)> {
    let from = message.start.saturating_sub(LONGEST).max(floor);
    let near = &text[from..message.start];
    let line = memchr::memrchr(b'\n', near).map_or(0, |end| end + 1);
    let begins = near[line..].trim_ascii_start().starts_with(b"{") && (line > 0 || from == floor);
    let start = if begins { line } else { memchr::memrchr(b'{', near).unwrap_or(near.len()) };
    // the list that the records are in: `{"events": [`
    let list = list(&near[..start]);
    let levels = memchr::memchr2_iter(b'{', b'[', &near[list..]).count();
    (!holds_value(&near[list..])).then_some((from + list, levels))
}

/// Where the list begins that `text` ends in the head of, with the object that has it.
fn list(text: &[u8]) -> usize {
    let whole = || {
        let list = text.trim_ascii_end().strip_suffix(b"[")?.trim_ascii_end();
        let Some(name) = list.strip_suffix(b":") else { return Some(list.len()) };
        let name = name.trim_ascii_end().strip_suffix(b"\"")?;
        let object = name[..memchr::memrchr(b'"', name)?].trim_ascii_end();
        Some(object.strip_suffix(b"{")?.len())
    };
    whole().unwrap_or(text.len())
}

/// Where the record ends whose message ends at `end`, with those around it, up to so many.
fn behind(text: &[u8], end: usize, levels: usize) -> usize {
    let near = &text[end..text.len().min(end + LONGEST)];
    let mut left = levels;
    let closes = near.iter().position(|b| *b == b'}').filter(|close| !holds_value(&near[..*close]));
    let Some(close) = closes else { return end };
    let more = near[close..].iter().take_while(|b| match b {
        b'}' | b']' => {
            let open = left > 0;
            left = left.saturating_sub(1);
            open
        }
        b',' => true,
        _ => left > 0 && b.is_ascii_whitespace(),
    });
    end + close + more.count()
}

#[cfg(test)]
mod tests {
    use super::super::View;

    #[test]
    fn messages_are_lines() {
        for (text, lines) in [
            ("{\"t\":1,\"msg\":\"a\"}\n{\"t\":2,\"msg\":\"b \\\"c\\\"\"}\n", "a\nb \\\"c\\\"\n"),
            ("x\n{\"log\":\"a\\n\",\"s\":\"out\"}\n{\"log\":\"b\\n\",\"s\":\"err\"}", "x\na\nb"),
            ("{\"e\": [{\"message\": \"a\", \"t\": 1}, {\"message\": \"b\", \"t\": 2}]}", "a\nb"),
            (
                "{\n \"e\": [\n  {\n   \"t\": 1,\n   \"message\": \"a\"\n  },\n  {\n   \"t\": 1,\n   \"message\": \"b\"\n  }\n ]\n}",
                "a\nb",
            ),
            ("{\"a\":{\"msg\":\"a\"},\"t\":1}\n{\"a\":{\"msg\":\"b\"},\"t\":2}", "a\nb\"t\":2}"),
        ] {
            let view = View::plain(text.as_bytes(), 0).through(super::strip);
            assert_eq!(String::from_utf8_lossy(&view.text), lines, "{text}");
        }
    }

    #[test]
    fn what_is_no_record_of_a_message_stays() {
        let secret = "kT9/vB2xLq7+ZrM4nW8sYc1dHf6jPg3aQe5uRi0o";
        for text in [
            "{\"msg\":\"a\"}".to_owned(),
            "{\"msg\":\"a\"}\nb\n{\"msg\":\"c\"}".to_owned(),
            "{\"a\":{\"msg\":\"a\"},\"b\":{\"msg\":\"b\"}}".to_owned(),
            format!("{{\"msg\":\"a\",\"s\":\"{secret}\"}}\n{{\"msg\":\"b\",\"s\":\"{secret}\"}}"),
            "{\"msg\":\"a\"}\n{\"text\":\"b\"}".to_owned(),
            "{\"msg\":\"a\"},{\"msg\":\"b".to_owned(),
        ] {
            let view = View::plain(text.as_bytes(), 0).through(super::strip);
            assert_eq!(String::from_utf8_lossy(&view.text), text);
        }
    }
}
