//! Makes text from outside harmless on a terminal.
//!
//! A path, a line of a file or the subject of a commit can hold escape sequences that recolour or clear the screen, set
//! the clipboard (OSC 52) or a link (OSC 8), and characters that change the order of text or cannot be seen. They are shown as
//! escapes instead.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every character that moves, hides or reorders text as a visible escape: `\n`, `\x1b`, `\u{202e}`.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_harmful) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at(first);
    let mut shown = String::from(clean);
    for character in rest.chars() {
        push(&mut shown, character);
    }
    Cow::Owned(shown)
}

/// The same for bytes; what is not UTF-8 is shown as `\xff`.
pub fn sanitize_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&sanitize(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

fn push(shown: &mut String, character: char) {
    let _ = match character {
        '\n' => shown.write_str("\\n"),
        '\r' => shown.write_str("\\r"),
        '\t' => shown.write_str("\\t"),
        c if c.is_control() && c.is_ascii() => write!(shown, "\\x{:02x}", c as u32),
        c if is_harmful(c) => write!(shown, "\\u{{{:x}}}", c as u32),
        c => shown.write_char(c),
    };
}

/// Control characters, the ones that set the direction of text, and the ones that cannot be seen.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00AD}' // soft hyphen
            | '\u{034F}' // combining grapheme joiner
            | '\u{061C}' // Arabic letter mark
            | '\u{115F}'..='\u{1160}' // Hangul fillers
            | '\u{17B4}'..='\u{17B5}' // Khmer inherent vowels
            | '\u{180B}'..='\u{180F}' // Mongolian separators
            | '\u{200B}'..='\u{200F}' // zero width, direction marks
            | '\u{2028}'..='\u{202E}' // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206F}' // joiners, isolates, deprecated format characters
            | '\u{3164}' // Hangul filler
            | '\u{FE00}'..='\u{FE0F}' // variation selectors
            | '\u{FEFF}' // byte order mark
            | '\u{FFA0}' // Hangul filler
            | '\u{FFF0}'..='\u{FFFB}' // annotations
            | '\u{1D173}'..='\u{1D17A}' // musical format characters
            | '\u{E0000}'..='\u{E0FFF}' // tags, more variation selectors
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attacks_are_shown_and_not_run() {
        for (attack, shown) in [
            ("a\u{1b}[2J\u{1b}[1;1Hb", "a\\x1b[2J\\x1b[1;1Hb"),
            ("\u{1b}]52;c;cm0gLXJm\u{7}", "\\x1b]52;c;cm0gLXJm\\x07"),
            ("\u{1b}]8;;http://evil.test\u{1b}\\x", "\\x1b]8;;http://evil.test\\x1b\\x"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{9d}52;c;x\u{9c}", "\\u{9d}52;c;x\\u{9c}"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("AK\u{200b}IA\u{feff}", "AK\\u{200b}IA\\u{feff}"),
            ("over\rwritten\u{8}\u{7f}\n", "over\\rwritten\\x08\\x7f\\n"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("plain ü 漢字 €", "plain ü 漢字 €"),
        ] {
            assert_eq!(sanitize(attack), shown);
        }
        assert_eq!(sanitize_bytes(b"a\xff\x1b[m\xc3"), "a\\xff\\x1b[m\\xc3");
    }

    proptest! {
        #[test]
        fn nothing_harmful_passes(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "\\PC*|.*") {
            prop_assert!(!sanitize_bytes(&bytes).chars().any(is_harmful));
            let shown = sanitize(&text);
            prop_assert!(!shown.chars().any(is_harmful));
            prop_assert_eq!(sanitize(&shown), shown.clone());
        }
    }
}
