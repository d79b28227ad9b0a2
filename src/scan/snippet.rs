//! The line around a finding, for people: cut to a screen's width, with everything that may be a secret masked.

use std::ops::Range;

use super::lines::{Layout, LineEnd};
use crate::finding::{MASK, Snippet};

/// Characters shown before the finding, and in total.
const BEFORE: usize = 60;
const WIDTH: usize = 160;
/// Characters looked at beyond either edge, so that a run cut by the edge is known for what it is.
const MARGIN: usize = 64;
/// Runs of this many characters are masked although no rule knows them.
const RUN: usize = 36;

/// Spans of the values of all matches of a text, to be masked or left readable.
pub(super) struct Spans {
    /// Sorted by start. The flag: it is to be masked.
    spans: Vec<(Range<usize>, bool)>,
    /// The furthest end of the spans up to each.
    reach: Vec<usize>,
}

impl Spans {
    pub(super) fn new(mut spans: Vec<(Range<usize>, bool)>) -> Self {
        spans.sort_unstable_by_key(|(s, hide)| (s.start, s.end, *hide));
        let mut furthest = 0;
        let reach = spans.iter().map(|(s, _)| {
            furthest = furthest.max(s.end);
            furthest
        });
        Self { reach: reach.collect(), spans }
    }

    /// Whether any value overlaps `window`.
    pub(super) fn any(&self, window: &Range<usize>) -> bool {
        self.within(window).next().is_some()
    }

    /// The spans that overlap `window`.
    fn within(&self, window: &Range<usize>) -> impl Iterator<Item = &(Range<usize>, bool)> {
        let end = self.spans.partition_point(|(s, _)| s.start < window.end);
        let mut start = end;
        while start > 0 && self.reach[start - 1] > window.start {
            start -= 1;
        }
        let from = window.start;
        self.spans[start..end].iter().filter(move |(s, _)| s.end > from)
    }
}

/// A character with the position of its first byte.
type Placed = (usize, char);

/// The snippet around `span`.
pub(super) fn snippet(
    text: &[u8],
    span: &Range<usize>,
    layout: Layout,
    offset: u64,
    end: LineEnd,
    spans: &Spans,
) -> Snippet {
    let start = layout.align(text, span.start, offset);
    let mut chars = backwards(text, start, layout, end);
    let before = chars.len();
    forwards(text, start, layout, end, WIDTH + MARGIN, &mut chars);

    let first = before.saturating_sub(BEFORE);
    let last = chars.len().min(first + WIDTH);
    let hidden = hidden(&chars, spans);

    let mut out = Snippet { text: String::new(), highlight: (0, 0) };
    if first > 0 {
        out.text.push('…');
    }
    let mut i = first;
    let (mut from, mut to) = (None, None);
    while i < last {
        let at = out.text.len();
        let mut next = i + 1;
        if hidden[i] {
            while next < chars.len() && hidden[next] {
                next += 1;
            }
            let whole = (i == 0 || !hidden[i - 1]) && next - i >= 16;
            if whole {
                out.text.extend(chars[i..i + 4].iter().map(|c| c.1));
            }
            out.text.push_str(MASK);
        } else {
            out.text.push(chars[i].1);
        }
        if next > before && from.is_none() {
            from = Some(at);
        }
        if chars[i].0 < span.end {
            to = Some(out.text.len());
        }
        i = next;
    }
    out.highlight = (from.unwrap_or(out.text.len()), to.unwrap_or(out.text.len()));
    out.highlight.1 = out.highlight.1.max(out.highlight.0);
    if last < chars.len() && i < chars.len() {
        out.text.push('…');
    } else {
        let trimmed = out.text.trim_end_matches(['\r', '\n']).len().max(out.highlight.1);
        out.text.truncate(trimmed);
    }
    out
}

/// Which characters are masked: values of matches, and long runs that look like one.
fn hidden(chars: &[Placed], spans: &Spans) -> Vec<bool> {
    let mut hidden = vec![false; chars.len()];
    let mut readable = vec![false; chars.len()];
    let (Some(first), Some(last)) = (chars.first(), chars.last()) else { return hidden };
    for (span, hide) in spans.within(&(first.0..last.0 + 1)) {
        let from = chars.partition_point(|c| c.0 < span.start);
        let to = chars.partition_point(|c| c.0 < span.end);
        // A position inside a unit or a character: the character that it is in counts.
        let from =
            if chars.get(from).is_some_and(|c| c.0 == span.start) { from } else { from.saturating_sub(1) };
        let marks = if *hide { &mut hidden } else { &mut readable };
        marks[from..to.max(from)].fill(true);
    }
    let is_run = |i: usize| !hidden[i] && !readable[i] && in_run(chars[i].1);
    let mut runs = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let from = i;
        while i < chars.len() && is_run(i) {
            i += 1;
        }
        if i - from >= RUN && is_mixed(&chars[from..i]) {
            runs.push(from..i);
        }
        i = i.max(from + 1);
    }
    for run in runs {
        hidden[run].fill(true);
    }
    hidden
}

fn in_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '%' | '\\')
}

fn is_mixed(chars: &[Placed]) -> bool {
    let any = |test: fn(&char) -> bool| chars.iter().any(|c| test(&c.1));
    any(char::is_ascii_digit) && any(char::is_ascii_uppercase) && any(char::is_ascii_lowercase)
}

/// The characters of the line before `start`, at most as many as can matter.
fn backwards(text: &[u8], start: usize, layout: Layout, end: LineEnd) -> Vec<Placed> {
    let limit = BEFORE + MARGIN;
    match layout {
        Layout::Bytes => {
            let mut from = start.saturating_sub(limit * 4);
            if let Some(i) = memchr::memrchr3(end.byte(), b'\n', 0, &text[from..start]) {
                from += i + 1;
            }
            let mut chars = Vec::new();
            decode(&text[from..start], from, &mut chars, usize::MAX);
            chars.drain(..chars.len().saturating_sub(limit));
            chars
        }
        Layout::Utf16 { big, .. } => {
            let mut from = start;
            while from >= 2 && start - from < limit * 2 {
                let unit = unit(text, from - 2, big);
                if unit == u16::from(end.byte()) || unit == u16::from(b'\n') || unit == 0 {
                    break;
                }
                from -= 2;
            }
            let mut chars = Vec::new();
            decode_utf16(text, from..start, big, end, usize::MAX, &mut chars);
            chars
        }
    }
}

/// Append the characters from `start` to the end of the line, at most `limit`.
fn forwards(text: &[u8], start: usize, layout: Layout, end: LineEnd, limit: usize, chars: &mut Vec<Placed>) {
    match layout {
        Layout::Bytes => {
            let mut to = text.len().min(start + limit * 4);
            if let Some(i) = memchr::memchr3(end.byte(), b'\n', 0, &text[start..to]) {
                to = start + i;
            }
            decode(&text[start..to], start, chars, limit);
        }
        Layout::Utf16 { big, .. } => decode_utf16(text, start..text.len(), big, end, limit, chars),
    }
}

fn decode(bytes: &[u8], at: usize, chars: &mut Vec<Placed>, limit: usize) {
    let end = chars.len().saturating_add(limit);
    let mut pos = at;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            chars.push((pos, c));
            pos += c.len_utf8();
        }
        for _ in chunk.invalid() {
            chars.push((pos, char::REPLACEMENT_CHARACTER));
            pos += 1;
        }
        if chars.len() >= end {
            break;
        }
    }
    chars.truncate(end);
}

pub(super) fn unit(text: &[u8], pos: usize, big: bool) -> u16 {
    let pair = [text[pos], text[pos + 1]];
    if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
}

fn decode_utf16(
    text: &[u8],
    range: Range<usize>,
    big: bool,
    end: LineEnd,
    limit: usize,
    chars: &mut Vec<Placed>,
) {
    let units = range.clone().step_by(2).filter(|p| p + 1 < text.len()).map(|p| unit(text, p, big));
    let units = units.take_while(|u| *u != u16::from(end.byte()) && *u != u16::from(b'\n') && *u != 0);
    let mut pos = range.start;
    for c in char::decode_utf16(units).take(limit) {
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        chars.push((pos, c));
        pos += 2 * c.len_utf16();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8], span: Range<usize>, hide: Option<Range<usize>>) -> Snippet {
        let mut spans: Vec<_> = hide.map(|s| (s, true)).into_iter().collect();
        spans.push((span.clone(), false));
        snippet(text, &span, Layout::Bytes, 0, LineEnd::of(text), &Spans::new(spans))
    }

    #[test]
    fn values_are_masked_and_the_finding_is_marked() {
        let text = b"first\nid=AKIAQQQQQQQQQQQQQQQQ key=abcdefghijklmnopqrst end\r\nlast";
        let s = of(text, 9..29, Some(34..54));
        assert_eq!(s.text, "id=AKIAQQQQQQQQQQQQQQQQ key=abcd************ end");
        assert_eq!(&s.text[s.highlight.0..s.highlight.1], "AKIAQQQQQQQQQQQQQQQQ");
    }

    #[test]
    fn short_values_show_nothing() {
        let s = of(b"key=abcdefgh", 0..3, Some(4..12));
        assert_eq!(s.text, "key=************");
    }

    #[test]
    fn long_lines_are_cut_around_the_finding() {
        let mut text = vec![b'x'; 200_000];
        text[100_000..100_020].copy_from_slice(b"AKIAQQQQQQQQQQQQQQQQ");
        let s = of(&text, 100_000..100_020, None);
        assert_eq!(s.text.chars().count(), WIDTH + 2);
        assert!(s.text.starts_with('…') && s.text.ends_with('…'));
        assert_eq!(&s.text[s.highlight.0..s.highlight.1], "AKIAQQQQQQQQQQQQQQQQ");
    }

    #[test]
    fn runs_that_look_like_secrets_are_masked_even_where_the_edge_cuts_them() {
        let run = "aB3/".repeat(10);
        for gap in 0..200 {
            let text = format!("{run}{}AKIAQQQQQQQQQQQQQQQQ{}{run}", " ".repeat(gap), " ".repeat(gap));
            let id = 40 + gap..60 + gap;
            let s = of(text.as_bytes(), id, None);
            assert!(!s.text.contains("aB3/a"), "gap {gap}: {}", s.text);
        }
    }

    #[test]
    fn utf16_is_shown_as_text() {
        let text: Vec<u8> =
            "eins\r\nid=\"AKIAQQQQQQQQQQQQQQQQ\"\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let span = 20..60;
        let layout = Layout::utf16(&text, &span, 0);
        let s = snippet(&text, &span, layout, 0, LineEnd::Lf, &Spans::new(vec![(span.clone(), false)]));
        assert_eq!(s.text, "id=\"AKIAQQQQQQQQQQQQQQQQ\"");
        assert_eq!(&s.text[s.highlight.0..s.highlight.1], "AKIAQQQQQQQQQQQQQQQQ");
    }
}
