//! Names as words, and what they say.
//!
//! A name is read as words, whatever its case and separators: `AWS_SECRET_ACCESS_KEY`, `awsSecretAccessKey` and
//! `Secret Access Key` are the same words.

use std::cmp::Ordering;
use std::ops::Range;

use super::vocabulary::{
    BRANDS, FILLERS, FOREIGN, FOREIGN_NAMES, FOREIGN_VALUES, GENERIC, PURPOSES, STAGES, STORES,
};

/// A word before a value: a piece of a name, lower case.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Word {
    /// Without the number at its end, which tells which of several it is.
    pub(super) fn stem(&self) -> &str {
        self.text.trim_end_matches(|c: char| c.is_ascii_digit())
    }
}

/// Whether a name is that of something else that has secrets.
pub(super) fn is_foreign(name: &[Word]) -> bool {
    let any = |of: &[&str]| name.iter().any(|w| of.contains(&w.text.as_str()));
    any(FOREIGN) && !is_own(name) || any(STORES) && !any(&["aws", "amazon", "amz"])
}

/// Whether the name of a value is that of something else that has secrets.
pub(super) fn is_foreign_value(name: &[Word]) -> bool {
    let any = name.iter().any(|w| FOREIGN_VALUES.contains(&w.text.as_str()));
    is_foreign(name) || any && !is_own(name)
}

/// Of the words of a name, which is that of something else, those that say of what.
pub(super) fn owners(affix: &[String]) -> impl Iterator<Item = &String> {
    let tells =
        |word: &&String| [FOREIGN, FOREIGN_VALUES, STORES].iter().any(|of| of.contains(&word.as_str()));
    let any = affix.iter().any(|word| tells(&word));
    affix.iter().filter(move |word| !any || tells(word))
}

/// Whether a name as a whole is that of a key of anything.
pub(super) fn is_of_anything(name: &[Word]) -> bool {
    let is_token = name.last().is_some_and(|w| w.text == "token") && !is_own(name);
    is_token || FOREIGN_NAMES.contains(&spelled(name).as_str())
}

/// What a name says the key is for, in words that else tell little.
pub(super) fn purposes(name: &[Word]) -> Vec<String> {
    let mut found: Vec<String> =
        name.iter().map(|w| &w.text).filter(|word| PURPOSES.contains(&word.as_str())).cloned().collect();
    found.sort();
    found.dedup();
    found
}

/// Whether a name says that it is AWS's.
pub(super) fn is_branded(name: &[Word]) -> bool {
    name.iter().any(|w| BRANDS.contains(&w.text.as_str()))
}

/// Whether a name is AWS's own: by the brand, or because nobody else has an access key (an access token, yes).
pub(super) fn is_own(name: &[Word]) -> bool {
    let access = |w: &[Word]| match (w[0].text.as_str(), w[1].text.as_str()) {
        ("access", other) => other != "token",
        (other, "access") => other == "secret",
        _ => false,
    };
    is_branded(name) || name.windows(2).any(access) || name.iter().any(|w| w.text.contains("accesskey"))
}

/// Whether no word of a name is one of keys, stages, markup.
pub(super) fn is_telling(name: &[Word]) -> bool {
    let says = |w: &Word| {
        let word = w.text.as_str();
        !is_filler(word) && !GENERIC.contains(&word) && !STAGES.contains(&word) && !word.contains("secret")
    };
    name.iter().all(says)
}

/// The letters and digits of a name.
pub(super) fn spelled(name: &[Word]) -> String {
    name.iter().map(|w| w.text.as_str()).collect()
}

pub(super) fn is_filler(word: &str) -> bool {
    word.len() == 1 || word.bytes().all(|b| b.is_ascii_digit()) || FILLERS.contains(&word)
}

/// The words of a text: split at everything that is no letter or digit, between lower case or digit and upper case, and before the
/// last capital of several (`AWSSecretKey`: aws, secret, key).
pub(super) fn words(text: &[u8]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        while at < text.len() && text[at].is_ascii_alphanumeric() {
            let (a, b) = (text[at - 1], text[at]);
            let next_lower = text.get(at + 1).is_some_and(u8::is_ascii_lowercase);
            let hump = (a.is_ascii_lowercase() || a.is_ascii_digit()) && b.is_ascii_uppercase();
            let acronym = a.is_ascii_uppercase() && b.is_ascii_uppercase() && next_lower;
            if hump || acronym {
                break;
            }
            at += 1;
        }
        words.push(Word {
            text: corrected(String::from_utf8_lossy(&text[start..at]).to_ascii_lowercase()),
            start,
            end: at,
        });
    }
    words
}

/// A word as it was meant: people mistype `access` and `secret`, by a letter or by two that changed places.
fn corrected(word: String) -> String {
    const MISTYPED: [&str; 2] = ["access", "secret"];
    let meant = MISTYPED.iter().find(|meant| is_nearly(word.as_bytes(), meant.as_bytes()));
    meant.map_or(word, |meant| (*meant).to_owned())
}

/// Whether two different words with the same first and last letters are one letter, or one exchange of neighbours, apart.
fn is_nearly(word: &[u8], meant: &[u8]) -> bool {
    if word == meant || word.first() != meant.first() || word.last() != meant.last() {
        return false;
    }
    let same = word.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let (word, meant) = (&word[same..], &meant[same..]);
    let exchanged =
        || word.len() > 1 && word[0] == meant[1] && word[1] == meant[0] && word[2..] == meant[2..];
    match word.len().cmp(&meant.len()) {
        Ordering::Equal => word[1..] == meant[1..] || exchanged(),
        Ordering::Greater => &word[1..] == meant,
        Ordering::Less => word == &meant[1..],
    }
}

/// The last place where `label` stands in `words`: index of its last word, and its length in characters.
pub(super) fn find(words: &[Word], label: &str) -> Option<(usize, usize)> {
    let wanted: String = label.split_ascii_whitespace().collect();
    for last in (0..words.len()).rev() {
        let mut rest = wanted.as_str();
        for (at, word) in words[..=last].iter().enumerate().rev() {
            // a list of values is named in the plural, one of several values by a number
            let other = if at == last {
                let singular = word.text.strip_suffix('s').filter(|w| w.len() > 3);
                singular.or_else(|| Some(word.stem()).filter(|w| w.len() > 2))
            } else {
                None
            };
            let other = other.filter(|w| rest.ends_with(w) && !rest.ends_with(&word.text));
            if let Some(shorter) = rest.strip_suffix(other.unwrap_or(&word.text)) {
                rest = shorter;
                if rest.is_empty() {
                    return Some((last, wanted.len()));
                }
            } else {
                // names without humps: `myawssecretkey`; short labels would be found by chance
                if word.text.ends_with(rest) && rest.len() >= 5 {
                    return Some((last, wanted.len()));
                }
                break;
            }
        }
    }
    None
}

/// The words of the name that one of its words belongs to.
pub(super) fn name(text: &[u8], words: &[Word], word: usize) -> Range<usize> {
    let joins = |b: &u8| matches!(b, b'_' | b'-' | b'.' | b'[' | b']');
    let joined = |a: &Word, b: &Word| {
        let sign = &text[a.end..b.start];
        sign.iter().all(joins) || matches!(sign, b"']['" | b"\"][\"")
    };
    let (mut first, mut end) = (word, word + 1);
    while first > 0 && joined(&words[first - 1], &words[first]) {
        first -= 1;
    }
    while end < words.len() && joined(&words[end - 1], &words[end]) {
        end += 1;
    }
    if end == words.len() && is_before_value(&text[words[end - 1].end..]) {
        first = phrase(text, &words[..=first]).unwrap_or(first);
    }
    foreign_before(text, &words[..=first]).unwrap_or(first)..end
}

/// The word of something else that has secrets right before the name that the last of `words` begins: `the django secret key`.
fn foreign_before(text: &[u8], words: &[Word]) -> Option<usize> {
    const OF_KEYS: [&str; 5] = ["secret", "key", "api", "access", "token"];
    let blank = |at: &usize| text[words[*at].end..words[*at + 1].start] == *b" ";
    let before = (0..words.len() - 1).rev().take_while(blank);
    let owner = before.take(OF_KEYS.len()).find(|at| !OF_KEYS.contains(&words[*at].text.as_str()))?;
    (FOREIGN.contains(&words[owner].text.as_str()) && !is_own(&words[owner..])).then_some(owner)
}

/// Whether a text is the sign between the name of a line, or of a cell of a table, and its value: `: `, ` | `.
fn is_before_value(sign: &[u8]) -> bool {
    let mark = |b: &u8| b" *_`'\"".contains(b);
    let told = sign.iter().filter(|b| !mark(b)).collect::<Vec<_>>();
    matches!(told[..], [b':' | b'|'])
}

/// The first of the few words, parted by blanks, that end in the last of `words` and are one name: `Django secret key`. `None`: they
/// are a sentence.
fn phrase(text: &[u8], words: &[Word]) -> Option<usize> {
    const MOST: usize = 4;
    let blank = |pair: &[Word]| text[pair[0].end..pair[1].start] == *b" ";
    let before = words.windows(2).rev().take(MOST).take_while(|pair| blank(pair)).count();
    (before < MOST).then_some(words.len() - 1 - before)
}

/// Whether a word is one of keys, or several of them without a sign between: `accesskeyid`.
pub(super) fn is_generic(word: &str) -> bool {
    if GENERIC.contains(&word) {
        return true;
    }
    // Where a part of the word may end.
    let mut ends = vec![false; word.len() + 1];
    ends[0] = true;
    for at in 0..word.len() {
        if !ends[at] {
            continue;
        }
        let begins = |part: &&&str| part.len() > 1 && word.as_bytes()[at..].starts_with(part.as_bytes());
        for part in GENERIC.iter().filter(begins) {
            ends[at + part.len()] = true;
        }
    }
    ends[word.len()] && !word.is_empty()
}

/// What a name says besides generic words.
pub(super) fn affix(name: &[Word]) -> Vec<String> {
    let mut affix: Vec<String> = name
        .iter()
        .filter(|w| !is_generic(&w.text))
        .map(|w| {
            // `key2`: the number tells which
            let stem = w.stem();
            if is_generic(stem) { w.text[stem.len()..].to_owned() } else { w.text.clone() }
        })
        .collect();
    affix.sort();
    affix.dedup();
    affix
}
