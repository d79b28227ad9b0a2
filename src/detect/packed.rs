//! Compressed streams and archives in base64: opened where they stand, and what is in them is searched.

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::Range;

use super::{Detector, Match, Value};
use crate::decode::unpack::{Format, Limits, Members, Problem, unpack};
use crate::decode::{Packed, View};
use crate::finding::Encoding;

/// What may come out of one run of base64, bytes, and how many members.
const LIMITS: Limits = Limits { depth: 0, bytes: 1 << 30, members: 100_000 };
/// How much of a content is searched at once, and how much of it twice, so that no pair is cut.
const PIECE: usize = 4 << 20;
const OVERLAP: usize = 64 << 10;

impl Detector {
    /// Open the containers in base64 that `view` holds, unless they are `opened` already, with `depth` layers to go.
    pub(super) fn packed(
        &self,
        view: &View,
        depth: usize,
        opened: &mut HashSet<Range<usize>>,
        matches: &mut Vec<Match>,
        problem: &mut dyn FnMut(Range<usize>, Problem),
    ) {
        let archives = self.depth.archives.min(depth.saturating_sub(1));
        if archives == 0 {
            return;
        }
        for Packed { range, format, bytes } in view.packed() {
            let span = view.raw(range.clone());
            if opened.contains(&span) {
                continue;
            }
            let mut chain = view.encodings(range);
            chain.push(Encoding::Base64);
            let mut inside =
                Inside { detector: self, depth: depth - 1, span: &span, chain, matches, problem };
            let limits = Limits { depth: archives, ..LIMITS };
            // The error is that of a reader, and bytes have none.
            let _ = unpack(format, &mut bytes.as_slice(), limits, &|| false, &mut inside);
            opened.insert(span);
        }
    }
}

/// What is in one run of base64.
struct Inside<'a> {
    detector: &'a Detector,
    /// Layers to go, were the content at hand in no container.
    depth: usize,
    span: &'a Range<usize>,
    /// What had to be undone to get to the content at hand.
    chain: Vec<Encoding>,
    matches: &'a mut Vec<Match>,
    problem: &'a mut dyn FnMut(Range<usize>, Problem),
}

impl Inside<'_> {
    /// Search what stands at `path`, which begins with a `!` unless it is empty.
    fn search(&mut self, path: &[u8], text: &[u8]) {
        if !self.detector.prefilter.is_hot(text) {
            return;
        }
        let found = self.detector.layers(text, self.depth, &mut |_, p| (self.problem)(self.span.clone(), p));
        for mut m in found {
            for value in [&mut m.id, &mut m.secret, &mut m.token].into_iter().flatten() {
                self.place(value);
            }
            m.repeats.clear(); // they stand at the same place
            let inner = m.member.take();
            let parts = [path.strip_prefix(b"!").filter(|p| !p.is_empty()), inner.as_deref()];
            let parts: Vec<&[u8]> = parts.into_iter().flatten().collect();
            m.member = (!parts.is_empty()).then(|| parts.join(&b'!').into());
            self.matches.push(m);
        }
    }

    /// Nothing but the run as a whole says where a value stands.
    fn place(&self, value: &mut Value) {
        value.span = self.span.clone();
        value.encodings.splice(0..0, self.chain.iter().copied());
    }
}

impl Members for Inside<'_> {
    fn opens(&mut self, format: Format) {
        self.chain.push(Encoding::Packed(format.name()));
        self.depth = self.depth.saturating_sub(1);
    }

    fn closes(&mut self) {
        self.chain.pop();
        self.depth += 1;
    }

    fn content(&mut self, path: &[u8], content: &mut dyn Read) -> io::Result<()> {
        let mut text = Vec::new();
        loop {
            let kept = text.len();
            let read = Read::take(&mut *content, (PIECE - kept) as u64).read_to_end(&mut text);
            if text.len() > kept || kept == 0 {
                self.search(path, &text);
            }
            if text.len() < PIECE {
                return read.map(|_| ());
            }
            read?;
            text.drain(..PIECE - OVERLAP);
        }
    }

    fn name(&mut self, path: &[u8], name: &[u8]) {
        self.search(path, name);
    }

    fn problem(&mut self, _: &[u8], problem: Problem) {
        // A run that is cut off, or that only begins like a container, is read as far as it goes: nothing more is there.
        if matches!(&problem, Problem::OverLimit(_) | Problem::TooDeep) {
            (self.problem)(self.span.clone(), problem);
        }
    }
}
