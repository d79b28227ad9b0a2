//! Candidates in a decoded text: ids, secrets and tokens by their shape and their neighbours.

use std::ops::Range;

use crate::aws;
use crate::aws::bedrock::BedrockClass;
use crate::aws::key_id::{self, IdKind};
use crate::aws::secret::SecretClass;
use crate::aws::token::TokenClass;
use crate::decode::is_base64;
use crate::finding::Note;
use crate::rules::{Check, Part};

use super::glued::{self, Strings};

/// What a value is worth by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Class {
    /// It can be real.
    pub(super) real: bool,
    /// It can hardly be real: reported only with what belongs to it.
    pub(super) doubtful: bool,
    /// It reads nearly like words: it is one only with an id.
    pub(super) wordy: bool,
    /// Notes for the report.
    pub(super) notes: Vec<Note>,
    /// The account in it.
    pub(super) account: Option<Box<str>>,
}

impl Class {
    fn real() -> Self {
        Self { real: true, ..Self::default() }
    }

    fn noted(note: Note) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }
}

/// A value in a decoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Where it stands in the decoded text.
    pub(super) span: Range<usize>,
    /// What it is worth.
    pub(super) class: Class,
    /// Its neighbours are unusual: a dash, an underscore.
    pub(super) soft: bool,
}

/// The value with a prefix that begins at `at`. `strings` is the same text.
pub(super) fn at(text: &[u8], at: usize, part: &Part, strings: &Strings<'_>) -> Option<Candidate> {
    let value = part.regex.find(&text[at..]).filter(|m| m.start() == 0 && m.end() > 0)?;
    let span = at..at + value.end();
    let prefixed =
        length_before(&text[..at], span.len()) && at.checked_sub(1).is_none_or(|p| !part.fence.has(text[p]));
    let apart = (fenced(text, &span, part) || prefixed)
        && !inside_letters(text, &span)
        && !inside_base64(text, &span);
    let beside = || glued::has_secret_behind(text, &span) || strings.has_id(&span);
    let is_one = apart || part.check == Some(Check::AwsKeyId) && beside();
    if !is_one {
        return None;
    }
    Some(Candidate { class: classify(&text[span.clone()], part)?, span, soft: false })
}

/// All values without a prefix, in order.
pub(super) fn all(text: &[u8], part: &Part) -> Vec<Candidate> {
    let mut found = Vec::new();
    if part.check == Some(Check::AwsSecret) {
        runs(text, part, &mut found);
        return found;
    }
    for m in part.regex.find_iter(text) {
        let span = m.range();
        if !span.is_empty() && fenced(text, &span, part) {
            push(text, span, part, &mut found);
        }
    }
    found
}

fn push(text: &[u8], span: Range<usize>, part: &Part, found: &mut Vec<Candidate>) {
    let Some(class) = classify(&text[span.clone()], part) else { return };
    let joined = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b'-' | b'_' | b'.' | b'$'));
    let soft = joined(span.start.checked_sub(1).and_then(|p| text.get(p))) || joined(text.get(span.end));
    found.push(Candidate { span, class, soft });
}

/// Runs of base64 characters as long as a secret, and longer ones that a sign of the text around made longer.
fn runs(text: &[u8], part: &Part, found: &mut Vec<Candidate>) {
    const LEN: usize = 40;
    let strings = Strings::of(text);
    for Range { start: at, end } in long_runs(text, LEN, is_base64) {
        let run = &text[at..end];
        let line_start = at == 0 || matches!(text[at - 1], b'\n' | b'\r');
        let span = match run.len() {
            LEN => Some(at..end).filter(|line| !ends_armour(text, line)),
            // the mark of a diff, a comment
            41 if run[0] == b'+' && line_start => Some(at + 1..end),
            42 if run.starts_with(b"//") => Some(at + 2..end),
            // a diff by words: {+SECRET+}
            42 if run[0] == b'+' && text[..at].ends_with(b"{") && text[end - 1..].starts_with(b"+}") => {
                Some(at + 1..end - 1)
            }
            // a format that writes the length before the text, and something else behind it
            41.. if length_before(&text[..at], LEN) && !key_id::has_shape(&run[..20]) => Some(at..at + LEN),
            // in Avro, where it is one that may lack: the branch, twice the length
            41.. if run[0] == b'P' && matches!(text[..at].last(), Some(0 | 2 | 4)) => {
                Some(at + 1..at + 1 + LEN)
            }
            // ID/SECRET and ID+SECRET
            61 if (run[20] == b'/' || run[20] == b'+') && key_id::has_shape(&run[..20]) => Some(at + 21..end),
            _ => {
                let beside: Vec<_> = glued::behind_ids(run).map(|s| at + s.start..at + s.end).collect();
                let spans = if beside.is_empty() { strings.secrets(at..end) } else { beside };
                for span in spans {
                    push(text, span, part, found);
                }
                None
            }
        };
        if let Some(span) = span
            && text.get(span.end) != Some(&b'=')
        {
            push(text, span, part, found);
        }
    }
}

/// Whether a line is the last of a key, a certificate or a message in armour (RFC 7468, RFC 9580): the mark of its end follows, perhaps
/// behind a sum, and a line as wide as those of armour stands before.
fn ends_armour(text: &[u8], line: &Range<usize>) -> bool {
    const WIDE: usize = 60;
    let mut behind = text[line.end..].trim_ascii_start();
    if behind.first() == Some(&b'=') {
        let sum = behind[1..].iter().take_while(|b| is_base64(**b)).count();
        behind = behind[1 + sum..].trim_ascii_start();
    }
    let before = text[..line.start].trim_ascii_end();
    let parted =
        before.len() < line.start && (behind.starts_with(b"-----END ") || behind.starts_with(b"---- END "));
    parted && before.iter().rev().take(WIDE).take_while(|b| is_base64(**b)).count() == WIDE
}

/// All stretches of at least `min` bytes of a class, in order. A stretch of that length has no other byte at any multiple of
/// it: most of the text is never looked at.
pub(super) fn long_runs(
    text: &[u8],
    min: usize,
    class: impl Fn(u8) -> bool,
) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(stop) = text.get(at..at + min)?.iter().rposition(|&b| !class(b)) {
            at += stop + 1;
        }
        let start = at;
        at += text[start..].iter().take_while(|&&b| class(b)).count();
        Some(start..at)
    })
}

/// Whether [`all`] may find a value in a run of base64 characters: by its length and content, with little regard to its
/// neighbours. `before` is what stands before it, as far as it is known.
pub(super) fn may_hold(run: &[u8], before: &[u8], part: &Part) -> bool {
    const LEN: usize = 40;
    let value = |at: usize| run.get(at..at + LEN).is_some_and(|v| classify(v, part).is_some());
    // what is undone later can stand before it: =3D, the end of a colour such as 31m
    let last = matches!(run.len(), LEN..=44 | 61) && value(run.len() - LEN);
    last || before.last().is_some_and(|b| matches!(b, b'(' | 0)) && value(0)
}

/// Whether the bytes before a value of `len` bytes say its length, as binary formats do: one byte behind a control
/// character or behind the mark of a short string in Python bytecode, or four bytes, little endian.
pub(super) fn length_before(before: &[u8], len: usize) -> bool {
    let Ok(byte) = u8::try_from(len) else { return false };
    before.ends_with(&[byte, 0, 0, 0])
        || before.ends_with(&[byte])
            && before.len() > 1
            && (before[before.len() - 2] < b' ' || is_python(before[before.len() - 2]))
        || before.ends_with(&[byte]) && byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Whether this is the mark of a short string in Python bytecode: `z` or `Z`, perhaps with the first bit set.
fn is_python(mark: u8) -> bool {
    matches!(mark & 0x7f, b'z' | b'Z')
}

/// Whether neither neighbour of a value is one that would make it part of something longer.
fn fenced(text: &[u8], span: &Range<usize>, part: &Part) -> bool {
    let open = |b: Option<&u8>| b.is_none_or(|&b| !part.fence.has(b));
    open(span.start.checked_sub(1).and_then(|p| text.get(p))) && open(text.get(span.end))
}

/// Whether a letter of a Latin, Greek or Cyrillic word that is not ASCII touches the value. Scripts without blanks
/// between words (Chinese, Japanese) do touch values.
fn inside_letters(text: &[u8], span: &Range<usize>) -> bool {
    let word = |c: char| c.is_alphabetic() && !c.is_ascii() && c < '\u{1000}';
    let before = &text[span.start.saturating_sub(4)..span.start];
    let after = &text[span.end..text.len().min(span.end + 4)];
    let last = (1..=before.len()).find_map(|n| std::str::from_utf8(&before[before.len() - n..]).ok());
    let first = (1..=after.len()).find_map(|n| std::str::from_utf8(&after[..n]).ok());
    last.and_then(|t| t.chars().next()).is_some_and(word)
        || first.and_then(|t| t.chars().next()).is_some_and(word)
}

/// Whether a value that `+` or `/` touches is a piece of base64. A path, a URL and `ID/SECRET` are not.
fn inside_base64(text: &[u8], span: &Range<usize>) -> bool {
    const LONG: usize = 24;
    let dense = |run: &[u8]| {
        let piece = &run[1.min(run.len())..];
        let has = |class: fn(&u8) -> bool| piece.iter().any(class);
        piece.len() >= LONG
            && piece.len() != 40
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
    };
    let after = &text[span.end..];
    let after = &after[..after.iter().take(200).take_while(|&&b| is_base64(b)).count()];
    let before: Vec<u8> =
        text[..span.start].iter().rev().take(200).take_while(|&&b| is_base64(b)).copied().collect();
    dense(after) || dense(&before)
}

/// What `value` is worth; `None` if it is no such value.
fn classify(value: &[u8], part: &Part) -> Option<Class> {
    let class = checked(value, part)?;
    let random =
        part.min_entropy <= 0.0 || part.check == Some(Check::AwsKeyId) || entropy(value) >= part.min_entropy;
    Some(if random { class } else { Class::noted(Note::Placeholder) })
}

/// What the check of `part` says of `value`.
fn checked(value: &[u8], part: &Part) -> Option<Class> {
    let Some(check) = part.check else { return Some(Class::real()) };
    match check {
        Check::AwsKeyId => {
            let id = key_id::classify(value);
            let account = id.account.map(String::into_boxed_str);
            let class = match id.kind {
                IdKind::Plausible if id.canary => Class::noted(Note::Canary),
                IdKind::Plausible => Class::real(),
                IdKind::Implausible => Class { doubtful: true, ..Class::noted(Note::ImplausibleId) },
                IdKind::Example => Class::noted(Note::DocumentationExample),
                IdKind::Placeholder => Class::noted(Note::Placeholder),
            };
            Some(Class { account, ..class })
        }
        Check::AwsSecret => secret_class(aws::secret::classify(value)),
        Check::AwsSesPassword => secret_class(aws::ses::classify(value)),
        Check::AwsBedrockKey => match aws::bedrock::classify(value) {
            BedrockClass::Plausible { account, .. } => {
                Some(Class { account: account.map(String::into_boxed_str), ..Class::real() })
            }
            BedrockClass::Placeholder => Some(Class::noted(Note::Placeholder)),
            BedrockClass::Not => None,
        },
        Check::AwsSessionToken => match aws::token::classify(value) {
            TokenClass::Plausible => Some(Class::real()),
            TokenClass::Example => Some(Class::noted(Note::DocumentationExample)),
            TokenClass::Not => None,
        },
    }
}

fn secret_class(class: SecretClass) -> Option<Class> {
    match class {
        SecretClass::Plausible => Some(Class::real()),
        SecretClass::Wordy => Some(Class { wordy: true, ..Class::real() }),
        SecretClass::Example => Some(Class::noted(Note::DocumentationExample)),
        SecretClass::Placeholder => Some(Class::noted(Note::Placeholder)),
        SecretClass::Not(_) => None,
    }
}

/// Shannon entropy in bits per byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &b in value {
        counts[usize::from(b)] += 1;
    }
    let len = value.len() as f64;
    counts.iter().filter(|&&c| c > 0).map(|&c| f64::from(c) / len).map(|p| -p * p.log2()).sum()
}
