//! What people type where a key should stand: repetitions, sequences, words.
//!
//! Each test is so narrow that random text practically never fails it; the rates are measured where the tests are used.

/// How many different bytes there are.
pub(super) fn distinct(text: &[u8]) -> u32 {
    let mut seen = [0u64; 4];
    for &b in text {
        seen[usize::from(b >> 6)] |= 1 << (b & 63);
    }
    seen.iter().map(|bits| bits.count_ones()).sum()
}

/// Length of the longest stretch of one letter or digit.
pub(super) fn longest_run(text: &[u8]) -> usize {
    longest(text, |a, b| a == b && a.is_ascii_alphanumeric())
}

/// Length of the longest stretch in the order of the alphabet, of the digits or of a keyboard row, forwards or
/// backwards, in any case.
pub(super) fn longest_sequence(text: &[u8]) -> usize {
    let up = |a: u8, b: u8| {
        let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        a.is_ascii_alphanumeric() && (b == a + 1 && b.is_ascii_alphanumeric() || a == b'9' && b == b'0')
    };
    let right = |a: u8, b: u8| {
        let pair = [a.to_ascii_lowercase(), b.to_ascii_lowercase()];
        KEYBOARD.iter().any(|row| row.windows(2).any(|w| w == pair))
    };
    longest(text, up)
        .max(longest(text, |a, b| up(b, a)))
        .max(longest(text, right))
        .max(longest(text, |a, b| right(b, a)))
}

const KEYBOARD: [&[u8]; 3] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// Length of the longest stretch whose neighbours all satisfy `follows`; 1 at least where there is text.
fn longest(text: &[u8], follows: impl Fn(u8, u8) -> bool) -> usize {
    let mut best = text.len().min(1);
    let mut now = 1;
    for pair in text.windows(2) {
        now = if follows(pair[0], pair[1]) { now + 1 } else { 1 };
        best = best.max(now);
    }
    best
}

/// Whether it is one block of at most half its length, repeated.
pub(super) fn is_periodic(text: &[u8]) -> bool {
    (1..=text.len() / 2).any(|period| text.windows(period + 1).all(|w| w[0] == w[period]))
}

/// Whether it is `known` with some characters changed: at least `same` of them stand where they did.
pub(super) fn is_altered(text: &[u8], known: &[u8], same: usize) -> bool {
    text.len() == known.len() && text.iter().zip(known).filter(|(a, b)| a == b).count() >= same
}

/// Whether one of the words, given in lower case, stands in it as people write words: in one case, but for the first letter.
/// Chance mixes cases, so that of ten words that random text holds this knows one.
pub(super) fn has_word(text: &[u8], words: &[&str]) -> bool {
    let written = |w: &[u8]| {
        let Some((first, rest)) = w.split_first() else { return false };
        !rest.iter().any(u8::is_ascii_uppercase)
            || first.is_ascii_uppercase() && !rest.iter().any(u8::is_ascii_lowercase)
    };
    words
        .iter()
        .any(|word| text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()) && written(w)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_sequences_and_periods_are_counted() {
        for (text, run, sequence, periodic) in [
            ("", 0, 0, false),
            ("A", 1, 1, false),
            ("abCDe1", 1, 5, false),
            ("xxQWERty9", 2, 6, false),
            ("7890123", 1, 7, false),
            ("zyxw", 1, 4, false),
            ("lkjh", 1, 4, false),
            ("aab", 2, 2, false),
            ("abab", 1, 2, true),
            ("ababa", 1, 2, true),
            ("abcdabc", 1, 4, false),
            ("////aa//", 2, 1, false),
            ("XXXXXXXX", 8, 1, true),
        ] {
            let text = text.as_bytes();
            let got = (longest_run(text), longest_sequence(text), is_periodic(text));
            assert_eq!(got, (run, sequence, periodic), "{}", text.escape_ascii());
        }
        assert_eq!(distinct(b"abcABCabc\xff"), 7);
        for (text, has) in [
            ("MySecretX", true),
            ("MYSECRETX", true),
            ("secret", true),
            ("MySeCrEtX", false),
            ("8sECRETx", false),
        ] {
            assert_eq!(has_word(text.as_bytes(), &["secret"]), has, "{text}");
        }
        assert!(!has_word(b"MySecre", &["secret"]));
    }
}
