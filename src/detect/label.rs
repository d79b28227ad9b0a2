//! The name in front of a value: what it says about the value.
//!
//! A name is read as words, whatever its case and separators: `AWS_SECRET_ACCESS_KEY`, `awsSecretAccessKey` and
//! `Secret Access Key` are the same words. Of all names before a value the nearest counts.

use std::borrow::Cow;
use std::ops::Range;

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
    /// The name is that of something else that has secrets, and says nothing of AWS: `DB_PASSWORD`.
    pub(super) foreign: bool,
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
    "value",
    "string",
    "str",
    "default",
    "type",
    "td",
    "tr",
    "th",
    "class",
    "v",
    "e",
    "key",
    "id",
    "is",
    "the",
    "for",
    "const",
    "static",
    "final",
    "var",
    "val",
    "let",
    "env",
    "aws",
    "text",
    "data",
    "name",
    "set",
    "to",
    "code",
    "span",
    "dd",
    "dt",
    "li",
    "p",
    "b",
    "strong",
    "pre",
    "input",
    "option",
    "content",
    "plain",
    "new",
    "of",
    "and",
    "be",
    "as",
    "secure",
    "no",
    "echo",
    "true",
    "false",
    "sensitive",
    "nullable",
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

/// Words behind a name that tell one key from another: `AWS_SECRET_ACCESS_KEY_PROD`.
const STAGES: &[&str] = &[
    "prod",
    "production",
    "prd",
    "live",
    "preprod",
    "dev",
    "devel",
    "development",
    "staging",
    "stage",
    "stg",
    "test",
    "testing",
    "qa",
    "uat",
    "sandbox",
    "demo",
    "beta",
    "old",
    "new",
    "current",
    "previous",
    "prev",
    "backup",
    "bak",
    "primary",
    "secondary",
    "main",
    "master",
    "root",
    "admin",
    "internal",
    "external",
    "eu",
    "us",
    "china",
    "cn",
    "gov",
    "ro",
    "rw",
    "readonly",
    "tf",
];

/// Words of names that are not AWS's: services, and what else programs keep a secret for.
const FOREIGN: &[&str] = &[
    "db",
    "database",
    "postgres",
    "postgresql",
    "pg",
    "mysql",
    "mariadb",
    "mongo",
    "mongodb",
    "redis",
    "rabbitmq",
    "amqp",
    "ldap",
    "jwt",
    "session",
    "cookie",
    "csrf",
    "django",
    "flask",
    "rails",
    "laravel",
    "oauth",
    "auth0",
    "okta",
    "keycloak",
    "recaptcha",
    "captcha",
    "github",
    "gitlab",
    "bitbucket",
    "twitter",
    "facebook",
    "google",
    "gcp",
    "gcs",
    "gs",
    "azure",
    "cloudflare",
    "stripe",
    "paypal",
    "slack",
    "discord",
    "telegram",
    "twilio",
    "sendgrid",
    "mailgun",
    "pagerduty",
    "datadog",
    "sentry",
    "newrelic",
    "mapbox",
    "spaces",
    "digitalocean",
    "heroku",
    "npm",
    "pypi",
    "dockerhub",
    "jenkins",
    "sonar",
    "grafana",
    "linkedin",
    "spotify",
    "dropbox",
    "pusher",
    "algolia",
    "webhook",
];

/// Words of which one in a name makes it AWS's own, whatever else it says.
const OWN: &[&str] = &["aws", "amazon", "amz", "access", "s3", "s3a", "s3n", "iam", "ses"];

/// Read the text before `start`, not further back than `floor`, where another value ends.
pub(super) fn read(text: &[u8], floor: usize, start: usize, part: &Part) -> Label {
    let before = &*surroundings(text, floor, start);
    let words = words(before);
    let nearest = |labels: &[String]| -> Option<(usize, usize)> {
        labels.iter().filter_map(|l| find(&words, l)).max_by_key(|&(last, len)| (last, len))
    };
    let (yes, no) = (nearest(&part.labels), nearest(&part.anti_labels));
    let alone = nearest(&part.alone_labels);
    let best = yes.max(alone);
    let assigned = words.last().is_some_and(|last| is_assigned(before, last));
    // What lines above say of their own values says nothing of one that has a name on its line.
    let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    if let Some((at, _)) = no
        && no > best
        && !(assigned && words[at].end <= line)
    {
        return Label { says: Says::No, ..Label::default() };
    }
    // Without a label the last name counts.
    let anchor = best.map(|(last, _)| last).or_else(|| words.len().checked_sub(1));
    let name = anchor.map_or(0..0, |word| name(before, &words, word));
    let (affix, foreign) = (affix(&words[name.clone()]), is_foreign(&words[name.clone()]));
    let Some((last, _)) = best else {
        // A name says more than that it is a key.
        let named = assigned && words.last().is_some_and(|w| !is_filler(&w.text)) && !affix.is_empty();
        return Label { says: if named { Says::Other } else { Says::Nothing }, alone: false, affix, foreign };
    };
    let tells = |(at, word): &(usize, &Word)| {
        let stage = name.contains(at) && STAGES.contains(&word.text.as_str());
        !stage && !is_filler(&word.text)
    };
    let says = match words.iter().enumerate().skip(last + 1).filter(tells).count() {
        0 => Says::Yes,
        1..=3 => Says::Maybe,
        _ => Says::Nothing,
    };
    let alone = says == Says::Yes && alone.is_some_and(|(at, _)| at == last);
    Label { says, alone, affix, foreign }
}

/// Whether a name is that of something else that has secrets.
fn is_foreign(name: &[Word]) -> bool {
    let says_one_of = |list: &[&str]| name.iter().any(|w| list.contains(&w.text.as_str()));
    says_one_of(FOREIGN) && !says_one_of(OWN)
}

/// Whether the value behind the text is assigned to its last word: `name = `, `"name": "`.
fn is_assigned(text: &[u8], last: &Word) -> bool {
    let sign = &text[last.end..];
    sign.len() <= 12 && sign.iter().any(|b| matches!(b, b'=' | b':')) && !sign.contains(&b'\n')
}

/// The text before a value, as far as it may name it. Descriptions are left out: they stand between a name and its value, and are as
/// long as people like.
fn surroundings(text: &[u8], floor: usize, start: usize) -> Cow<'_, [u8]> {
    let from = floor.max(start.saturating_sub(REACH));
    let wide = &text[floor.max(start.saturating_sub(3 * REACH)).min(from)..start];
    let mut left = Vec::new();
    let mut rest = wide;
    while let Some(at) = memchr::memmem::find(rest, b"escription") {
        let (before, after) = rest.split_at(at + b"escription".len());
        let described = described(after);
        let word = if described > 0 { "description".len() } else { 0 };
        left.extend_from_slice(&before[..before.len().saturating_sub(word)]);
        rest = &after[described..];
    }
    if rest.len() == wide.len() {
        return Cow::Borrowed(&text[from..start]);
    }
    left.extend_from_slice(rest);
    Cow::Owned(left.split_off(left.len().saturating_sub(REACH)))
}

/// Length of what a description says, which may begin behind its name.
fn described(text: &[u8]) -> usize {
    let sign = text.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b':' | b'=')).count();
    if !text[..sign].iter().any(|b| matches!(b, b':' | b'=')) {
        return 0;
    }
    let end = |stop: u8| memchr::memchr2(stop, b'\n', &text[sign..]).map_or(0, |len| sign + len);
    match text[..sign].last() {
        Some(quote @ (b'"' | b'\'')) => end(*quote),
        _ => end(b'\n'),
    }
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

/// The words of the name that one of its words belongs to.
fn name(text: &[u8], words: &[Word], word: usize) -> Range<usize> {
    let joined = |a: &Word, b: &Word| text[a.end..b.start].iter().all(|b| matches!(b, b'_' | b'-' | b'.'));
    let (mut first, mut end) = (word, word + 1);
    while first > 0 && joined(&words[first - 1], &words[first]) {
        first -= 1;
    }
    while end < words.len() && joined(&words[end - 1], &words[end]) {
        end += 1;
    }
    first..end
}

/// What a name says besides generic words.
fn affix(name: &[Word]) -> Vec<String> {
    let mut affix: Vec<String> = name
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
    let before = &*surroundings(text, floor, start);
    let words = words(before);
    let named = |w: &Word| matches!(w.text.as_str(), "id" | "key" | "access" | "user" | "username" | "login");
    let Some(last) = words.iter().rposition(named) else { return Vec::new() };
    let name = name(before, &words, last);
    let own = words[name.end..].iter().all(|w| is_filler(&w.text) || w.text == "s3");
    if own { affix(&words[name]) } else { Vec::new() }
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
