//! Views of a text with carriers undone, and a map back to the original offsets.
//!
//! Detection never looks at encoded text: it looks at a [`View`], in which escapes are characters, base64 values are
//! what they encode, and string literals in pieces are whole; every byte of it knows where it stands in the original.
//! Only the surroundings of an anchor are decoded, and only what an anchor gave a reason for: no base64 is tried in a
//! text without a literal that stands for base64.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use crate::finding::Encoding;

mod base;
mod broken;
mod dump;
mod escape;
mod frame;
mod join;
mod margin;
mod quoted;
mod record;
mod substitute;
pub mod unpack;
mod wide;

pub use base::{Packed, begins_nested, begins_packed, has_nested};
pub use dump::may_be_id;
pub use escape::{ends_in_colour, unescape};
pub use join::{join_run, run_in_lines};

/// A decoded text with the way back.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The decoded text.
    pub text: Vec<u8>,
    /// In order of `at`; the first begins at 0.
    segments: Vec<Segment>,
}

/// A run of the view and the run of the original that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    /// Where it begins in the view.
    at: usize,
    /// What it was made from; as long as the run itself if nothing was undone.
    raw: Range<usize>,
    /// What was undone, outermost first.
    encodings: Layers,
}

/// What was undone, outermost first. An escape is a segment of its own, and a text can hold one on every line.
pub(crate) type Layers = SmallVec<[Encoding; 8]>;

/// What to undo besides escapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set: each may be there or not")]
pub struct Carriers {
    /// Values in base64.
    pub base64: bool,
    /// Values in hexadecimal digits.
    pub hex: bool,
    /// Bytes as numbers, one by one.
    pub bytes: bool,
    /// A mail in quoted-printable.
    pub quoted_printable: bool,
}

impl View {
    /// The view of `text` that starts at `offset` in the original, with nothing undone.
    pub fn plain(text: &[u8], offset: usize) -> Self {
        let mut view = Self { text: text.to_vec(), segments: Vec::new() };
        if !text.is_empty() {
            view.segments.push(Segment { at: 0, raw: offset..offset + text.len(), encodings: Layers::new() });
        }
        view
    }

    /// UTF-16 text, of either byte order, whose characters' low bytes stand at even distances from `phase` in `text`.
    /// One byte a code unit: what is not ASCII becomes a substitute, since nothing that is looked for contains it.
    pub fn utf16(text: &[u8], offset: usize, phase: usize) -> Self {
        let big = is_big_endian(text, phase);
        let first = phase % 2;
        let low = text.get(first..).unwrap_or_default().iter().step_by(2);
        let view: Vec<u8> = low
            .zip((first..).step_by(2))
            .map(|(&low, at)| {
                let high = if big { at.checked_sub(1).and_then(|p| text.get(p)) } else { text.get(at + 1) };
                if low != 0 && high.is_none_or(|&h| h == 0) { low } else { SUBSTITUTE }
            })
            .collect();
        // Of the last unit the text may hold one byte alone: in big endian the second, where one begins with its low byte here.
        let whole = text.len().saturating_sub(first) / 2;
        let (start, middle, end) = (offset + first, offset + first + 2 * whole, offset + text.len());
        let mut made = Self { text: view, segments: Vec::new() };
        for (at, raw) in [(0, start..middle), (whole, middle..end)] {
            if at < made.text.len() && !raw.is_empty() {
                made.segments.push(Segment { at, raw, encodings: smallvec![Encoding::Utf16] });
            }
        }
        made
    }

    /// Undo escapes, split literals, and the given carriers, in as many layers as there are, up to `depth`.
    /// `anchored` says whether a decoded text holds what is looked for.
    #[must_use]
    pub fn decoded(self, carriers: Carriers, depth: usize, anchored: &dyn Fn(&[u8]) -> bool) -> Self {
        self.unescaped(carriers.quoted_printable).unwrapped(carriers, depth, anchored)
    }

    /// The first half of [`Self::decoded`]: undo escapes and split literals, but no encoding that hides its content.
    #[must_use]
    pub fn unescaped(self, quoted_printable: bool) -> Self {
        let view = if quoted_printable { self.through(escape::quoted_printable) } else { self };
        view.through(escape::strip_mark).literal()
    }

    /// The text without escapes, margins, and joints.
    fn literal(self) -> Self {
        let view = self
            .through(quoted::unquote_lines)
            .through(record::strip)
            .through(frame::strip)
            .through(escape::form)
            .through(substitute::part)
            .without_escapes();
        view.through(escape::strip_colours)
            .through(escape::draw_plainly)
            .through(escape::undouble)
            .without_margins()
            .through(join::join_literals)
            .through(broken::join_broken)
    }

    /// Without escapes, and without those of them: `%5C%2F`.
    fn without_escapes(self) -> Self {
        let before = self.text.len();
        let view = self.through(unescape);
        if view.text.len() == before { view } else { view.through(unescape) }
    }

    /// Without what stands before every line, in up to three layers: the times of a log around the quoted lines of a mail.
    fn without_margins(mut self) -> Self {
        for _ in 0..3 {
            let before = self.text.len();
            self = self.through(margin::strip);
            if self.text.len() == before {
                break;
            }
        }
        self
    }

    /// The second half of [`Self::decoded`]: undo base64, hexadecimal digits, and bytes as numbers.
    #[must_use]
    pub fn unwrapped(self, carriers: Carriers, depth: usize, anchored: &dyn Fn(&[u8]) -> bool) -> Self {
        let mut view = self;
        for _ in 0..depth {
            match view.layer(carriers, anchored) {
                Ok(inner) => view = inner,
                Err(same) => return same,
            }
        }
        view
    }

    /// One layer of [`Self::unwrapped`]; the view itself where there is none.
    pub fn layer(self, carriers: Carriers, anchored: &dyn Fn(&[u8]) -> bool) -> Result<Self, Self> {
        if carriers == (Carriers { quoted_printable: carriers.quoted_printable, ..Carriers::default() }) {
            return Err(self);
        }
        let mut decoded = false;
        let mut view = self;
        if carriers.bytes {
            view = view.through(|text, out| decoded = dump::decode(text, anchored, out));
        }
        if !decoded && (carriers.base64 || carriers.hex) {
            view = view.through(|text, out| decoded = base::decode(text, carriers, anchored, out));
        }
        if !decoded {
            return Err(view);
        }
        Ok(view.through(wide::narrow).literal())
    }

    /// Undo base64 and hexadecimal of secrets: what encodes one, encodes nothing else.
    #[must_use]
    pub fn secrets_decoded(self) -> Self {
        self.through(base::secrets)
    }

    /// UTF-32 and UTF-16 inside other text.
    #[must_use]
    pub fn narrowed(self) -> Self {
        self.through(wide::narrow)
    }

    /// The runs of base64 that begin like a compressed stream or an archive, decoded, with their places in the view.
    pub fn packed(&self) -> Vec<Packed> {
        base::packed(&self.text)
    }

    /// Apply a step that rewrites the text.
    fn through(self, step: impl FnOnce(&[u8], &mut Rewrite<'_>)) -> Self {
        let mut out = Rewrite { source: &self, view: Self::default(), done: 0 };
        step(&self.text, &mut out);
        if out.done == 0 {
            return self;
        }
        out.finish()
    }

    /// Where `range` of the view stands in the original.
    pub fn raw(&self, range: Range<usize>) -> Range<usize> {
        let Some(first) = self.segment_at(range.start) else {
            let end = self.segments.last().map_or(0, |s| s.raw.end);
            return end..end;
        };
        let last =
            if range.end > range.start { self.segment_at(range.end - 1) } else { None }.unwrap_or(first);
        self.raw_offset(first, range.start, false)..self.raw_offset(last, range.end, true)
    }

    /// What was undone to read `range` of the view, outermost first. Layers of base64 are all there; of the others none
    /// stands twice in a row.
    pub fn encodings(&self, range: Range<usize>) -> Vec<Encoding> {
        self.layers(range).into_vec()
    }

    fn layers(&self, range: Range<usize>) -> Layers {
        let mut found = Layers::new();
        let Some(from) = self.segment_at(range.start) else { return found };
        let mut raw_end = None;
        for segment in self.segments[from..].iter().take_while(|s| s.at < range.end) {
            if raw_end.is_some_and(|end| end < segment.raw.start) {
                merge(&mut found, &[Encoding::Joined]); // nothing else takes text away
            }
            merge(&mut found, &segment.encodings);
            raw_end = Some(segment.raw.end);
        }
        found
    }

    fn segment_at(&self, at: usize) -> Option<usize> {
        (at < self.text.len()).then(|| self.segments.partition_point(|s| s.at <= at) - 1)
    }

    fn segment_len(&self, index: usize) -> usize {
        self.segments.get(index + 1).map_or(self.text.len(), |next| next.at) - self.segments[index].at
    }

    /// The original offset of view offset `at`, which lies in segment `index` or at its end: exact where nothing was
    /// undone, in proportion where a run was decoded, rounded outwards.
    fn raw_offset(&self, index: usize, at: usize, end: bool) -> usize {
        let segment = &self.segments[index];
        let (len, raw_len) = (self.segment_len(index), segment.raw.len());
        let within = at - segment.at;
        if len == raw_len {
            return segment.raw.start + within;
        }
        let scaled = within as u128 * raw_len as u128;
        let len = len as u128;
        segment.raw.start + if end { scaled.div_ceil(len) } else { scaled / len } as usize
    }

    fn push(&mut self, segment: Segment, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        if let Some(last) = self.segments.last_mut() {
            let plain = last.raw.len() == self.text.len() - last.at && segment.raw.len() == text.len();
            if plain && last.raw.end == segment.raw.start && last.encodings == segment.encodings {
                last.raw.end = segment.raw.end;
                self.text.extend_from_slice(text);
                return;
            }
        }
        self.segments.push(segment);
        self.text.extend_from_slice(text);
    }
}

/// A view being made from another one: a step calls [`Rewrite::replace`] for what it undoes, in order.
#[derive(Debug)]
pub struct Rewrite<'a> {
    source: &'a View,
    view: View,
    done: usize,
}

impl Rewrite<'_> {
    /// Leave `range` of the source out; what lies before it is kept.
    pub fn remove(&mut self, range: Range<usize>) {
        self.keep(range.start);
        self.done = range.end;
    }

    /// Put `by` in place of `range` of the source; what lies before it is kept.
    pub fn replace(&mut self, range: Range<usize>, by: &[u8], encoding: Encoding) {
        self.remove(range.clone());
        let raw = self.source.raw(range.clone());
        let mut encodings = self.source.layers(range);
        if encoding.is_opaque() || encodings.last() != Some(&encoding) {
            encodings.push(encoding);
        }
        let at = self.view.text.len();
        self.view.push(Segment { at, raw, encodings }, by);
    }

    /// Copy the source up to `end`.
    fn keep(&mut self, end: usize) {
        if self.view.text.capacity() == 0 {
            // Little is ever undone.
            self.view.text.reserve(self.source.text.len());
            self.view.segments.reserve(self.source.segments.len() + 32);
        }
        let mut from = self.done;
        while from < end {
            let index = self.source.segment_at(from).expect("the range lies in the source");
            let to = (self.source.segments[index].at + self.source.segment_len(index)).min(end);
            let segment = Segment {
                at: self.view.text.len(),
                raw: self.source.raw(from..to),
                encodings: self.source.segments[index].encodings.clone(),
            };
            self.view.push(segment, &self.source.text[from..to]);
            from = to;
        }
        self.done = self.done.max(end);
    }

    fn finish(mut self) -> View {
        self.keep(self.source.text.len());
        self.view
    }
}

/// Add the layers of `more` to those of another part of the same value, in an order that suits both.
pub(crate) fn merge(found: &mut Layers, more: &[Encoding]) {
    let mut at = 0;
    for encoding in more {
        at += if let Some(same) = found[at..].iter().position(|f| f == encoding) {
            same + 1
        } else {
            found.insert(at, *encoding);
            1
        };
    }
}

/// Stands for what is not ASCII.
const SUBSTITUTE: u8 = 0x1a;

/// Whether UTF-16 text around `phase`, where a low byte stands, has its high bytes in front. The byte order mark tells;
/// without one the ends of the ASCII do: inside it both orders look the same. What is not zero before its first byte is the
/// high byte of a character in front of it, which has its low byte first.
fn is_big_endian(text: &[u8], phase: usize) -> bool {
    match text.get(..2) {
        Some([0xff, 0xfe]) => return false,
        Some([0xfe, 0xff]) => return true,
        _ => {}
    }
    if phase.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|&b| b != 0) {
        return false;
    }
    let printed = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let ascii = |at: &usize| text.get(at - 1) == Some(&0) && text.get(*at).is_some_and(printed);
    let last = (phase + 2..text.len()).step_by(2).take_while(ascii).last().unwrap_or(phase);
    text.get(last + 1).is_some_and(|&b| b != 0)
}

/// The alphabet of standard base64, without padding.
pub(crate) const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// The alphabets of standard and URL base64.
pub(crate) const fn is_base64_any(byte: u8) -> bool {
    is_base64(byte) || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests;
