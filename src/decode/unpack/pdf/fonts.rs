//! Which characters the codes of a font stand for.
//!
//! A page names its fonts, a dictionary leads from the name to the font, and the font to its map, `/ToUnicode`. Pages are
//! not followed here: a name that stands for several fonts has all their maps, and the text tells which it was.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Token, is_regular, number, token, utf16};

/// How many names with a reference are kept.
const NAMES: usize = 100_000;
/// How many codes or ranges of codes are kept.
const CODES: usize = 1 << 20;
/// The longest text that one code may stand for, in bytes of UTF-16.
const LONGEST: usize = 32;
/// How many maps are tried for a font of which is not known which it has.
const TRIED: usize = 16;

/// What is known of the fonts of a file.
#[derive(Default)]
pub(super) struct Fonts {
    /// The objects that a name leads to.
    names: BTreeMap<Vec<u8>, BTreeSet<u32>>,
    kept: usize,
    /// What each font is, by its object.
    declared: BTreeMap<u32, Declared>,
    /// By the object of the map.
    maps: BTreeMap<u32, Map>,
    /// One of them is of codes of two bytes.
    wide: bool,
    codes: usize,
}

/// A font, as its dictionary has it.
#[derive(Debug, Clone, Copy)]
struct Declared {
    /// The object of its map.
    map: u32,
    /// Codes of two bytes.
    wide: bool,
}

/// A font whose map is known.
#[derive(Clone, Copy)]
pub(super) struct Font<'f> {
    map: &'f Map,
    /// Codes of two bytes.
    pub(super) wide: bool,
}

/// What the codes stand for.
#[derive(Default)]
struct Map {
    /// Sorted by the first.
    ranges: Vec<Range>,
    /// The codes are written with two bytes.
    wide: bool,
}

struct Range {
    first: u32,
    last: u32,
    stands: Stands,
}

enum Stands {
    /// For the first code. The others stand for what follows.
    Char(u32),
    Text(Box<str>),
}

impl Fonts {
    /// Take from a dictionary what has to do with fonts.
    pub(super) fn object(&mut self, number: u32, text: &[u8]) {
        let has = |what: &[u8]| memchr::memmem::find(text, what).is_some();
        let wide = has(b"/Type0");
        let mut rest = text;
        while let Some(slash) = memchr::memchr(b'/', rest) {
            rest = &rest[slash + 1..];
            let len = rest.iter().take_while(|b| is_regular(**b)).count();
            let (name, behind) = rest.split_at(len);
            let Some(to) = reference(behind) else { continue };
            if name == b"ToUnicode" {
                self.declared.insert(number, Declared { map: to, wide });
            } else if self.kept < NAMES {
                self.kept += usize::from(self.names.entry(name.to_vec()).or_default().insert(to));
            }
        }
    }

    /// The objects that are maps of fonts.
    pub(super) fn wanted(&self) -> BTreeSet<u32> {
        self.declared.values().map(|font| font.map).collect()
    }

    /// Take a map.
    pub(super) fn map(&mut self, number: u32, text: &[u8]) {
        let map = Map::parse(text, CODES - self.codes);
        if !map.ranges.is_empty() {
            self.codes += map.ranges.len();
            self.wide |= map.wide;
            self.maps.insert(number, map);
        }
    }

    /// Whether the codes of what a name stands for have two bytes.
    pub(super) fn is_wide(&self, name: &[u8]) -> bool {
        let mut declared = self.declared(name).peekable();
        match declared.peek() {
            Some(_) => declared.take(TRIED).any(|font| font.wide),
            None => self.wide,
        }
    }

    /// The fonts that are known to have this name.
    fn declared(&self, name: &[u8]) -> impl Iterator<Item = &Declared> {
        self.names.get(name).into_iter().flatten().filter_map(|object| self.declared.get(object))
    }

    /// The fonts that a name may stand for. `bool`: it is known that it stands for one of them.
    pub(super) fn named(&self, name: &[u8]) -> (Vec<Font<'_>>, bool) {
        let known: BTreeMap<(u32, bool), Font<'_>> = self
            .declared(name)
            .filter_map(|font| {
                let map = self.maps.get(&font.map)?;
                Some(((font.map, font.wide), Font { map, wide: font.wide }))
            })
            .collect();
        if !known.is_empty() {
            return (known.into_values().take(TRIED).collect(), true);
        }
        (self.maps.values().take(TRIED).map(|map| Font { map, wide: map.wide }).collect(), false)
    }
}

/// The number of the object that `text` refers to: `12 0 R`.
fn reference(text: &[u8]) -> Option<u32> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = text[digits..].trim_ascii_start();
    let more = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = more > 0 && rest[more..].trim_ascii_start().first() == Some(&b'R');
    whole.then(|| str::from_utf8(&text[..digits]).ok()?.parse().ok()).flatten()
}

impl Font<'_> {
    /// Add what a code stands for; `false` where its map does not tell.
    pub(super) fn decode(self, code: u32, out: &mut String) -> bool {
        let ranges = &self.map.ranges;
        let at = ranges.partition_point(|range| range.first <= code);
        let Some(range) = at.checked_sub(1).map(|at| &ranges[at]).filter(|range| code <= range.last) else {
            return false;
        };
        match &range.stands {
            Stands::Text(text) => text.chars().for_each(|c| push(c, out)),
            Stands::Char(first) => match char::from_u32(first + (code - range.first)) {
                Some(c) => push(c, out),
                None => return false,
            },
        }
        true
    }
}

/// Add a character; ligatures as letters.
fn push(c: char, out: &mut String) {
    match c {
        '\u{fb00}' => out.push_str("ff"),
        '\u{fb01}' => out.push_str("fi"),
        '\u{fb02}' => out.push_str("fl"),
        '\u{fb03}' => out.push_str("ffi"),
        '\u{fb04}' => out.push_str("ffl"),
        '\0' => {}
        c => out.push(c),
    }
}

impl Map {
    /// Read what `text` says, of no more than `room` codes or ranges of them.
    fn parse(text: &[u8], room: usize) -> Self {
        let mut map = Self::default();
        let mut rest = text;
        let mut ranges = false; // or single codes
        let aside = || vec![Vec::new(); 3]; // strings elsewhere are names, or the space of codes
        let mut operands: Vec<Vec<u8>> = aside();
        let mut listed: Option<u32> = None; // how many were in the list at hand
        while let Some((token, len)) = token(rest, true)
            && map.ranges.len() < room
        {
            rest = &rest[len..];
            match token {
                Token::Word(word) => {
                    ranges = word == b"beginbfrange";
                    let begins = ranges || word == b"beginbfchar";
                    operands = if begins { Vec::new() } else { aside() };
                    listed = None;
                }
                Token::Open => listed = Some(0),
                Token::Close => {
                    listed = None;
                    operands.clear();
                }
                Token::Text(text) => match (&mut listed, &operands[..]) {
                    (Some(index), [first, ..]) if operands.len() == 2 => {
                        let code = number(first).saturating_add(*index);
                        *index += 1;
                        map.add(code, code, &text);
                    }
                    (None, [code]) if !ranges => {
                        map.wide |= code.len() > 1;
                        map.add(number(code), number(code), &text);
                        operands.clear();
                    }
                    (None, [first, last]) if ranges => {
                        map.wide |= first.len() > 1;
                        map.add(number(first), number(last), &text);
                        operands.clear();
                    }
                    (None, [] | [_]) => operands.push(text),
                    _ => {}
                },
                _ => {}
            }
        }
        map.ranges.sort_by_key(|range| range.first);
        map
    }

    /// `text`: what the first code stands for, in UTF-16.
    fn add(&mut self, first: u32, last: u32, text: &[u8]) {
        if text.len() > LONGEST {
            return;
        }
        let text = utf16(text);
        let mut chars = text.chars();
        let stands = match (chars.next(), chars.next()) {
            (None, _) => return,
            (Some(c), None) => Stands::Char(u32::from(c)),
            _ => Stands::Text(text.into()),
        };
        if first <= last {
            self.ranges.push(Range { first, last, stands });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_is_found_by_its_name_and_its_map_tells_what_codes_stand_for() {
        let mut fonts = Fonts::default();
        fonts.object(3, b"3 0 obj << /Font << /F4 7 0 R/F5\n8 0 R >> /Parent 1 0 R >>");
        fonts.object(7, b"<< /Type /Font /Subtype /Type0 /ToUnicode 12 0 R >>");
        fonts.object(8, b"<< /Subtype/TrueType/ToUnicode 13 0 R>>");
        assert_eq!(fonts.wanted(), BTreeSet::from([12, 13]));
        fonts.map(
            12,
            b"1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfchar <0003> <0020> <13B2> <FB01> endbfchar
            2 beginbfrange <0024> <003D> <0041> <0050> <0052> [<0078> <00790079> <D835DC00>] endbfrange",
        );
        fonts.map(13, b"<00> <FF> endcodespacerange\n1 beginbfchar\n<01> <004B>\nendbfchar");
        let read = |name: &[u8], codes: &[u32]| {
            let (found, known) = fonts.named(name);
            assert!(known && found.len() == 1);
            let mut out = String::new();
            (codes.iter().all(|code| found[0].decode(*code, &mut out)), out, found[0].wide)
        };
        let wanted = "A Zfixyy\u{1d400}".to_owned();
        assert_eq!(read(b"F4", &[0x24, 3, 0x3d, 0x13b2, 0x50, 0x51, 0x52]), (true, wanted, true));
        assert_eq!(read(b"F4", &[0x24, 0x3e]), (false, "A".into(), true));
        assert_eq!(read(b"F5", &[1]), (true, "K".into(), false));
        let (guessed, known) = fonts.named(b"F6");
        assert!(!known && guessed.len() == 2);
    }

    #[test]
    fn what_is_no_map_gives_nothing() {
        for text in [
            &b""[..],
            b"<01> <02> <03>",
            b"beginbfchar <01>",
            b"beginbfrange <02> <01> <0041> endbfrange",
            b"beginbfchar <01> <> [",
        ] {
            assert!(Map::parse(text, 10).ranges.is_empty(), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(Map::parse(b"beginbfchar <01> <0041> <02> <0042> <03> <0043>", 2).ranges.len(), 2);
    }
}
