//! `keyhound:allow` beside a finding: on the line of one of its values or on the line before it, with an optional reason.
//!
//! What the mark says is kept with the place; whether it counts is for `triage` to say. A line before that holds values of
//! its own speaks for them alone, and on a line too long for a person to have written only the neighbourhood counts.

use std::ops::Range;

use super::lines::{Layout, LineEnd};
use super::snippet::{Spans, unit};

/// The mark, and how people write it who write a space after every colon.
const MARKS: [&[u8]; 2] = [b"keyhound:allow", b"keyhound: allow"];
/// Characters to either side of a value in which a line must end to be one that people write.
const LONG: usize = 1000;
/// Characters to either side of a value in which a mark counts on a line that is longer.
const NEAR: usize = 200;
/// The longest reason, in characters.
const REASON: usize = 200;
/// What ends a reason: it stands in a comment or in a string of the text.
const ENDS: [&str; 13] = ["*/", "-->", "--%>", "%>", "#}", "%}", "-}", "*)", "]]", "#>", "\"", "'", "`"];

/// To look for the mark in so many bytes costs as much as to look at one place, whose surroundings are bounded.
const WORTH_A_PLACE: usize = 16 << 10;

/// Whether `text` may hold the mark at all, as far as it pays to know that before `places` are looked at. Nearly none does.
pub(super) fn may_have_marks(text: &[u8], places: usize) -> bool {
    text.len() / WORTH_A_PLACE > places || has_marks(text)
}

fn has_marks(text: &[u8]) -> bool {
    MARKS.iter().any(|mark| {
        // Both byte orders of UTF-16 hold this.
        let mut wide: Vec<u8> = mark.iter().flat_map(|&b| [b, 0]).collect();
        wide.pop();
        memchr::memmem::find(text, mark).is_some() || memchr::memmem::find(text, &wide).is_some()
    })
}

/// A text and what was found in it.
pub(super) struct Around<'t> {
    pub(super) text: &'t [u8],
    /// Of the text in its file.
    pub(super) offset: u64,
    pub(super) end: LineEnd,
    /// Of all matches.
    pub(super) values: &'t Spans,
}

impl Around<'_> {
    /// The reason, which may be empty, of a mark that allows the value at `span`.
    pub(super) fn allowed(&self, span: &Range<usize>, layout: Layout) -> Option<Box<str>> {
        let border = |pos| layout.align(self.text, pos, self.offset).min(self.text.len());
        let span = border(span.start)..border(span.end).max(border(span.start));
        let own = Line::around(self.text, &span, layout, self.end);
        let next_to = |mark: Range<usize>| {
            let between = if mark.end <= span.start { mark.end..span.start } else { span.end..mark.start };
            own.whole() || between.is_empty() || !self.values.any(&between)
        };
        let reach = if own.whole() { own.range.clone() } else { own.near(&span) };
        if let Some(reason) = own.read(reach, next_to) {
            return Some(reason);
        }
        if own.cut_before || own.range.start < own.size {
            return None;
        }
        let line_end = own.range.start - own.size;
        let before = Line::around(self.text, &(line_end..line_end), layout, self.end);
        if before.cut_before || self.values.any(&before.range) {
            return None;
        }
        before.read(before.range.clone(), |_| true)
    }
}

/// The line around a value, as far as people's lines go.
struct Line<'t> {
    text: &'t [u8],
    layout: Layout,
    range: Range<usize>,
    /// It goes on beyond the range.
    cut_before: bool,
    cut_after: bool,
    /// Bytes of an ASCII character.
    size: usize,
}

impl<'t> Line<'t> {
    fn around(text: &'t [u8], span: &Range<usize>, layout: Layout, end: LineEnd) -> Self {
        let size = if layout == Layout::Bytes { 1 } else { 2 };
        let is_end = |pos: usize| character(text, pos, layout).is_some_and(|c| c == end.byte() || c == b'\n');
        let mut from = span.start;
        while from >= size && span.start - from < LONG * size && !is_end(from - size) {
            from -= size;
        }
        let mut to = span.end;
        while to + size <= text.len() && to - span.end < LONG * size && !is_end(to) {
            to += size;
        }
        Self {
            text,
            layout,
            cut_before: from >= size && !is_end(from - size),
            cut_after: to + size <= text.len() && !is_end(to),
            range: from..to,
            size,
        }
    }

    fn whole(&self) -> bool {
        !self.cut_before && !self.cut_after
    }

    /// The neighbourhood of a value on the line.
    fn near(&self, span: &Range<usize>) -> Range<usize> {
        let margin = NEAR * self.size;
        self.range.start.max(span.start.saturating_sub(margin))..self.range.end.min(span.end + margin)
    }

    /// The reason of the first mark in `range` for whose place `counts` holds.
    fn read(&self, range: Range<usize>, counts: impl Fn(Range<usize>) -> bool) -> Option<Box<str>> {
        let narrow: Vec<u8>;
        let line = if self.size == 1 {
            &self.text[range.clone()]
        } else {
            let units = range.clone().step_by(2).filter_map(|pos| character(self.text, pos, self.layout));
            narrow = units.collect();
            &narrow
        };
        let found = |mark: &'static [u8]| memchr::memmem::find_iter(line, mark).map(|at| at..at + mark.len());
        MARKS.into_iter().flat_map(found).find_map(|mark| {
            let rest = &line[mark.end..];
            let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            let apart = !line[..mark.start].last().is_some_and(is_word) && !rest.first().is_some_and(is_word);
            let place = range.start + mark.start * self.size..range.start + mark.end * self.size;
            (apart && counts(place)).then(|| reason(rest))
        })
    }
}

/// The byte of the ASCII character at `pos`; `0xFF` for any other UTF-16 unit.
fn character(text: &[u8], pos: usize, layout: Layout) -> Option<u8> {
    match layout {
        Layout::Bytes => text.get(pos).copied(),
        Layout::Utf16 { big, .. } => {
            (pos + 1 < text.len()).then(|| u8::try_from(unit(text, pos, big)).unwrap_or(0xFF))
        }
    }
}

/// What follows a mark, up to the end of the comment or string that it stands in.
fn reason(rest: &[u8]) -> Box<str> {
    let rest = String::from_utf8_lossy(rest);
    let end = ENDS.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    let words = rest[..end].trim().trim_start_matches([':', ',', '(', '-', '–', '—']).trim_start();
    let words = words.strip_suffix('\\').unwrap_or(words);
    if !words.contains(char::is_alphanumeric) {
        // Signs alone end a comment of some language, and tell nothing.
        return Box::default();
    }
    words.chars().take(REASON).collect::<String>().trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAQ3EGVUKTBDYJ2MMH";
    const OTHER: &str = "AKIAQ7RXLZKTBDYJ5WWA";

    fn spans(text: &str, value: &str) -> Vec<Range<usize>> {
        text.match_indices(value).map(|(at, _)| at..at + value.len()).collect()
    }

    fn look(text: &[u8], span: &Range<usize>, layout: Layout, values: &Spans) -> Option<Box<str>> {
        Around { text, offset: 0, end: LineEnd::of(text), values }.allowed(span, layout)
    }

    fn of(text: &str) -> Option<Box<str>> {
        let own = spans(text, ID);
        let all = own.iter().cloned().chain(spans(text, OTHER)).map(|s| (s, false)).collect();
        look(text.as_bytes(), &own[0], Layout::Bytes, &Spans::new(all))
    }

    #[test]
    fn a_mark_counts_for_its_line_and_the_next() {
        for (text, expected) in [
            ("k = ID # keyhound:allow", Some("")),
            ("k = ID # keyhound:allow a test key", Some("a test key")),
            ("k = ID // keyhound:allow: made up, never worked \r\nx", Some("made up, never worked")),
            ("/* keyhound:allow — of the docs */ k = ID", Some("of the docs")),
            ("<!-- keyhound:allow docs --> ID", Some("docs")),
            ("(* keyhound:allow docs *) ID", Some("docs")),
            ("{- keyhound:allow -} ID", Some("")),
            ("--[[ keyhound:allow docs ]] ID", Some("docs")),
            ("<%# keyhound:allow docs %>\nID", Some("docs")),
            ("<# keyhound:allow #> ID", Some("")),
            ("[//]: # (keyhound:allow)\nID", Some("")),
            ("k = ID # keyhound:allow \u{e9}t\u{e9}", Some("\u{e9}t\u{e9}")),
            ("{\"note\": \"keyhound:allow it is fake\", \"k\": \"ID\"}", Some("it is fake")),
            ("# keyhound:allow\nk = ID", Some("")),
            ("# keyhound:allow why not\r\nk = ID", Some("why not")),
            ("# keyhound:allow\rk = ID", Some("")),
            ("# keyhound:allow\n\nk = ID", None),
            ("k = ID\n# keyhound:allow", None),
            ("k = ID # keyhound:allowed", None),
            ("k = ID # keyhound:allow-list", None),
            ("k = ID # notkeyhound:allow", None),
            ("k = ID # keyhound: allow", Some("")),
            ("# keyhound: allow why not\nk = ID", Some("why not")),
            ("k = ID # keyhound: allowed", None),
            ("k = ID # keyhound:  allow", None),
            ("k = ID", None),
            // The line before speaks for its own value.
            ("o = OTHER # keyhound:allow\nk = ID", None),
            ("o = OTHER\nk = ID # keyhound:allow", Some("")),
        ] {
            let text = text.replace("OTHER", OTHER).replace("ID", ID);
            assert_eq!(of(&text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn on_a_very_long_line_only_the_neighbourhood_counts() {
        for (gap, between, expected) in
            [(150, "", true), (190, "", false), (150, OTHER, false), (500, "", false)]
        {
            let gap = "x ".repeat(gap / 2);
            let far = "y".repeat(2000);
            for text in [
                format!("{far} {ID} {between} {gap} keyhound:allow {far}"),
                format!("{far} keyhound:allow {gap} {between} {ID} {far}"),
            ] {
                assert_eq!(of(&text).is_some(), expected, "{} {between}", gap.len());
            }
        }
        let long = format!("keyhound:allow {}\n{ID}", "z".repeat(3000));
        assert_eq!(of(&long), None, "nor does a long line before");
    }

    #[test]
    fn utf16_is_read_in_either_order() {
        for (text, expected) in [
            ("a\r\n# keyhound:allow fake\r\nk = ID\r\n", Some("fake")),
            ("k = ID # keyhound:allow\r\n", Some("")),
            ("k = ID # keyhound: allow\r\n", Some("")),
            ("k = ID\r\n", None),
        ] {
            let text = text.replace("ID", ID);
            for big in [false, true] {
                let encode = |text: &str| -> Vec<u8> {
                    text.encode_utf16()
                        .flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() })
                        .collect()
                };
                let bytes = encode(&text);
                let at = 2 * text.find(ID).unwrap();
                let span = at..at + 2 * ID.len();
                let layout = Layout::utf16(&bytes, &span, 0);
                let values = Spans::new(vec![(span.clone(), false)]);
                let found = look(&bytes, &span, layout, &values);
                assert_eq!(found.as_deref(), expected, "{text} {big}");
                assert_eq!(has_marks(&bytes), expected.is_some());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_will_do(
            head in proptest::collection::vec(proptest::sample::select(&b"\n\r\0 k\xc3\xa4"[..]), 0..30),
            tail in proptest::collection::vec(proptest::sample::select(&b"\n\r\0 k\xc3\xa4"[..]), 0..30),
            wide: bool, big: bool, odd: bool, mark in proptest::sample::select(&MARKS[..]),
        ) {
            let text = [&head[..], ID.as_bytes(), &tail, mark].concat();
            let span = head.len()..head.len() + ID.len();
            let layout = if wide { Layout::Utf16 { big, odd } } else { Layout::Bytes };
            let found = look(&text, &span, layout, &Spans::new(Vec::new()));
            if !wide {
                let broken = tail.contains(&b'\n') || (tail.contains(&b'\r') && !head.contains(&b'\n'));
                let word = tail.last().is_some_and(u8::is_ascii_alphanumeric);
                proptest::prop_assert_eq!(found.is_some(), !broken && !word && tail.last().is_some());
            }
        }
    }
}
