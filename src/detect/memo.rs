//! Windows that were searched already, and what they hold: versions of a file have most of theirs in common.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::window::Window;
use super::{Detector, Match};
use crate::decode::unpack::Problem;

/// Text that one half of a memo remembers, bytes.
const ROOM: usize = 4 << 20;
/// Longer windows are not remembered, bytes.
const LONGEST: usize = 512 << 10;

/// Remembers what windows hold: of the last 4 to 8 MiB of their text. For one thread.
#[derive(Default)]
pub struct Memo {
    hash: RandomState,
    /// Older windows are forgotten all at once, when the newer ones have taken their room.
    new: Half,
    old: Half,
}

#[derive(Default)]
struct Half {
    known: HashMap<u64, Known, RandomState>,
    bytes: usize,
}

/// A window that was searched. Two that agree in all of this hold the same, wherever they stand.
struct Known {
    /// As if its text began at 0.
    window: Window,
    text: Box<[u8]>,
    matches: Vec<Match>,
}

impl std::fmt::Debug for Memo {
    /// Without texts, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memo").field("bytes", &(self.new.bytes + self.old.bytes)).finish_non_exhaustive()
    }
}

impl Memo {
    /// As [`Detector::window`] with all layers, unless its result is known.
    pub(super) fn window(
        &mut self,
        detector: &Detector,
        text: &[u8],
        window: &Window,
        matches: &mut Vec<Match>,
        problem: &mut dyn FnMut(Range<usize>, Problem),
    ) {
        let depth = detector.depth.encodings;
        let (raw, at) = (&text[window.range()], window.range().start);
        if raw.len() > LONGEST {
            return detector.window(text, window, depth, matches, problem);
        }
        let key = self.hash.hash_one(raw);
        let home = window.moved_to_start();
        let is = |known: &Known| known.window == home && *known.text == *raw;
        if let Entry::Occupied(known) = self.old.known.entry(key)
            && is(known.get())
        {
            let known = known.remove();
            self.old.bytes -= known.text.len();
            self.insert(key, known);
        }
        if let Some(known) = self.new.known.get(&key).filter(|k| is(k)) {
            matches.extend(known.matches.iter().map(|m| m.clone().moved(0, at)));
            return;
        }
        let mut told = false;
        let from = matches.len();
        detector.window(text, window, depth, matches, &mut |at, what| {
            told = true;
            problem(at, what);
        });
        if !told {
            let matches = matches[from..].iter().map(|m| m.clone().moved(at, 0)).collect();
            self.insert(key, Known { window: home, text: raw.into(), matches });
        }
    }

    fn insert(&mut self, key: u64, known: Known) {
        if self.new.bytes + known.text.len() > ROOM {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.bytes += known.text.len();
        if let Some(other) = self.new.known.insert(key, known) {
            self.new.bytes -= other.text.len();
        }
    }
}
