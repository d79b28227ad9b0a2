//! The name in front of a value: what it says about the value.
//!
//! A name is read as words, whatever its case and separators: `AWS_SECRET_ACCESS_KEY`, `awsSecretAccessKey` and
//! `Secret Access Key` are the same words. Of all names before a value the nearest counts.

use crate::rules::Part;

/// How far before a value its name may begin, in bytes.
const REACH: usize = 160;

/// What the text before a value says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// What the nearest name says.
    pub(super) says: Says,
    /// It names the value so clearly that it needs no id.
    pub(super) alone: bool,
    /// What the name says besides: `prod` of `PROD_AWS_SECRET_KEY`. Lower case, sorted.
    pub(super) affix: Vec<String>,
}

/// What a name says of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Says {
    /// It is such a value.
    Yes,
    /// It may be: the name is some words away.
    Maybe,
    /// There is no name.
    #[default]
    Nothing,
    /// It has a name of its own, which nobody knows.
    Other,
    /// It is something else: a hash, a commit.
    No,
}

/// A word before a value: a piece of a name, lower case.
struct Word {
    text: String,
    start: usize,
    end: usize,
}

/// Words that stand between a name and its value without meaning anything: markup, types, keywords.
const FILLERS: &[&str] = &[
    "value", "string", "str", "default", "type", "td", "tr", "th", "class", "v", "e", "key", "id", "is",
    "the", "for", "const", "static", "final", "var", "val", "let", "env", "aws", "text", "data", "name",
    "set", "to", "code", "span", "dd", "dt", "li", "p", "b", "strong", "pre", "input", "option", "content",
    "plain", "new", "of", "and", "be", "as", "secure",
];

/// Words of key names that tell nothing about which key it is.
const GENERIC: &[&str] = &[
    "aws",
    "amazon",
    "amz",
    "access",
    "secret",
    "key",
    "keys",
    "id",
    "ids",
    "s3",
    "s3a",
    "s3n",
    "fs",
    "iam",
    "user",
    "username",
    "login",
    "sec",
    "api",
    "token",
    "cred",
    "creds",
    "credential",
    "credentials",
    "password",
    "pass",
    "pwd",
    "smtp",
    "mail",
    "email",
    "ses",
    "the",
    "my",
    "config",
    "conf",
    "value",
    "string",
    "const",
    "static",
    "k",
    "export",
    "set",
    "env",
    "self",
    "this",
    "default",
    "name",
    "type",
    "var",
    "let",
    "final",
    "public",
    "private",
    "no",
    "a",
    "is",
];

/// Read the text before `start`, not further back than `floor`, where another value ends.
pub(super) fn read(text: &[u8], floor: usize, start: usize, part: &Part) -> Label {
    let from = floor.max(start.saturating_sub(REACH));
    let before = &text[from..start];
    let words = words(before);
    let nearest = |labels: &[String]| -> Option<(usize, usize)> {
        labels.iter().filter_map(|l| find(&words, l)).max_by_key(|&(last, len)| (last, len))
    };
    let (yes, no) = (nearest(&part.labels), nearest(&part.anti_labels));
    let alone = nearest(&part.alone_labels);
    let best = yes.max(alone);
    if no > best {
        return Label { says: Says::No, ..Label::default() };
    }
    let Some((last, _)) = best else {
        let says = if is_named(before, &words) { Says::Other } else { Says::Nothing };
        return Label { says, affix: affix(before, &words, None), ..Label::default() };
    };
    let between = words[last + 1..].iter().filter(|w| !is_filler(&w.text)).count();
    let says = match between {
        0 => Says::Yes,
        1..=3 => Says::Maybe,
        _ => Says::Nothing,
    };
    let alone = says == Says::Yes && alone.is_some_and(|(at, _)| at == last);
    Label { says, alone, affix: affix(before, &words, Some(last)) }
}

/// Whether the last words are assigned the value (`name = `, `"name": "`) and say more than that it is a key.
fn is_named(text: &[u8], words: &[Word]) -> bool {
    let Some(last) = words.last() else { return false };
    let sign = &text[last.end..];
    let assigned =
        sign.len() <= 12 && sign.iter().any(|b| matches!(b, b'=' | b':')) && !sign.contains(&b'\n');
    assigned && !is_filler(&last.text) && !affix(text, words, None).is_empty()
}

fn is_filler(word: &str) -> bool {
    word.len() == 1 || word.bytes().all(|b| b.is_ascii_digit()) || FILLERS.contains(&word)
}

/// The words of a text: split at everything that is no letter or digit, between lower and upper case, and before the
/// last capital of several (`AWSSecretKey`: aws, secret, key).
fn words(text: &[u8]) -> Vec<Word> {
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
            let hump = a.is_ascii_lowercase() && b.is_ascii_uppercase();
            let acronym = a.is_ascii_uppercase() && b.is_ascii_uppercase() && next_lower;
            if hump || acronym {
                break;
            }
            at += 1;
        }
        words.push(Word {
            text: String::from_utf8_lossy(&text[start..at]).to_ascii_lowercase(),
            start,
            end: at,
        });
    }
    words
}

/// The last place where `label` stands in `words`: index of its last word, and its length in characters.
fn find(words: &[Word], label: &str) -> Option<(usize, usize)> {
    let wanted: String = label.split_ascii_whitespace().collect();
    for last in (0..words.len()).rev() {
        let mut rest = wanted.as_str();
        for (at, word) in words[..=last].iter().enumerate().rev() {
            // a list of values is named in the plural
            let singular =
                word.text.strip_suffix('s').filter(|w| at == last && w.len() > 3 && rest.ends_with(w));
            if let Some(shorter) = rest.strip_suffix(singular.unwrap_or(&word.text)) {
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

/// What the name that ends the label (or, without one, the last name) says besides generic words.
fn affix(text: &[u8], words: &[Word], last: Option<usize>) -> Vec<String> {
    let Some(anchor) = last.or_else(|| words.len().checked_sub(1)) else { return Vec::new() };
    let joined = |a: &Word, b: &Word| text[a.end..b.start].iter().all(|b| matches!(b, b'_' | b'-' | b'.'));
    let (mut first, mut end) = (anchor, anchor);
    while first > 0 && joined(&words[first - 1], &words[first]) {
        first -= 1;
    }
    while end + 1 < words.len() && joined(&words[end], &words[end + 1]) {
        end += 1;
    }
    let mut affix: Vec<String> = words[first..=end]
        .iter()
        .filter(|w| !GENERIC.contains(&w.text.as_str()))
        .map(|w| {
            // `key2`: the number tells which
            let stem = w.text.trim_end_matches(|c: char| c.is_ascii_digit());
            if GENERIC.contains(&stem) { w.text[stem.len()..].to_owned() } else { w.text.clone() }
        })
        .collect();
    affix.sort();
    affix.dedup();
    affix
}

/// The affix of the name before an id.
pub(super) fn id_affix(text: &[u8], floor: usize, start: usize) -> Vec<String> {
    let from = floor.max(start.saturating_sub(REACH));
    let before = &text[from..start];
    let words = words(before);
    let named = |w: &Word| matches!(w.text.as_str(), "id" | "key" | "access" | "user" | "username" | "login");
    let last = words.iter().rposition(named);
    match last {
        Some(last) if words[last + 1..].iter().all(|w| is_filler(&w.text) || w.text == "s3") => {
            affix(before, &words, Some(last))
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(text: &str, label: &str) -> Option<usize> {
        find(&words(text.as_bytes()), label).map(|(last, _)| last)
    }

    #[test]
    fn a_name_is_its_words_whatever_separates_them() {
        for text in [
            "aws_secret_access_key = '",
            "AWS_SECRET_ACCESS_KEY=",
            "secretAccessKey:`",
            "\"SecretAccessKey\": \"",
            "Secret Access Key: ",
            "fs.s3a.secret-access.key=",
            "secretaccesskey ",
            "myawssecretaccesskey=",
        ] {
            assert!(find_in(text, "secret access key").is_some(), "{text}");
        }
        assert_eq!(find_in("AWSSecretKey", "secret key"), Some(2));
        assert_eq!(find_in("shadow ", "sha"), None);
        assert_eq!(find_in("sha: x commit: ", "commit"), Some(2));
    }

    #[test]
    fn the_affix_tells_which_key_it_is() {
        let words_of = |t: &str| {
            let w = words(t.as_bytes());
            let last = w.iter().rposition(|w| w.text == "secret").unwrap();
            affix(t.as_bytes(), &w, Some(last))
        };
        assert_eq!(words_of("PROD_AWS_SECRET_ACCESS_KEY="), ["prod"]);
        assert_eq!(words_of("x = 1; stagingSecretKey2 = "), ["2", "staging"]);
        assert!(words_of("aws_secret_access_key = ").is_empty());
    }
}
