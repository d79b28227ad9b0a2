//! Names as words, and which words say what.
//!
//! A name is read as words, whatever its case and separators: `AWS_SECRET_ACCESS_KEY`, `awsSecretAccessKey` and
//! `Secret Access Key` are the same words.

use std::ops::Range;

/// A word before a value: a piece of a name, lower case.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
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
    "parameter",
    "output",
    "protect",
    "protected",
    "in",
    "memory",
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
    "is",
    "init",
    "with",
];

/// Of those the ones that tell two keys apart all the same, where nothing else does: `SES_ACCESS_KEY` beside `ACCESS_KEY`.
const PURPOSES: &[&str] = &["s3", "ses", "iam", "mail", "email", "smtp", "my", "default", "api"];

/// Words behind a name that tell one key from another: `AWS_SECRET_ACCESS_KEY_PROD`.
pub(super) const STAGES: &[&str] = &[
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
    "consumer",
    "client",
    "instagram",
    "firebase",
    "shopify",
    "salesforce",
    "hubspot",
    "intercom",
    "zendesk",
    "cloudinary",
    "braintree",
    "mailchimp",
    "postmark",
    "wechat",
    "weixin",
    "alipay",
    "aliyun",
    "alibaba",
    "tencent",
    "qiniu",
    "restic",
    "borg",
    "trello",
    "atlassian",
    "jira",
    "asana",
    "notion",
    "airtable",
    "contentful",
    "mixpanel",
    "amplitude",
    "snowflake",
    "databricks",
    "openai",
    "anthropic",
    "zoom",
    "plaid",
    "adyen",
    "reddit",
    "twitch",
    "pinterest",
    "tiktok",
    "whatsapp",
    "splunk",
    "rollbar",
    "bugsnag",
    "honeycomb",
    "launchdarkly",
    "circleci",
    "codecov",
    "snyk",
    "fastly",
    "akamai",
    "netlify",
    "vercel",
    "supabase",
    "hmac",
    "signing",
    "encryption",
    "nextauth",
    "nocaptcha",
    "b2",
    "backblaze",
    "ceph",
    "linode",
    "minio",
    "ovh",
    "r2",
    "scaleway",
    "wasabi",
];

/// Words of names of values that are not AWS's; parts of a program go by them too.
const FOREIGN_VALUES: &[&str] =
    &["app", "license", "licence", "site", "sitekey", "csrftoken", "csrfmiddlewaretoken", "phpsessid"];

/// Whole names of values that are the key of something else, or of anything.
const FOREIGN_NAMES: &[&str] = &["apikey", "apitoken", "token", "accesstoken", "authtoken", "usertoken"];

/// Those of them that keep data as S3 does, and have access keys of their own.
const STORES: &[&str] = &[
    "b2",
    "backblaze",
    "ceph",
    "cloudflare",
    "digitalocean",
    "gcs",
    "linode",
    "minio",
    "ovh",
    "r2",
    "scaleway",
    "spaces",
    "wasabi",
];

/// Words of which one in a name makes it AWS's own, whatever else it says.
const BRANDS: &[&str] = &["aws", "amazon", "amz", "s3", "s3a", "s3n", "iam", "ses"];

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

/// Whether a name as a whole is that of a key of anything.
pub(super) fn is_of_anything(name: &[Word]) -> bool {
    FOREIGN_NAMES.contains(&spelled(name).as_str())
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
            text: String::from_utf8_lossy(&text[start..at]).to_ascii_lowercase(),
            start,
            end: at,
        });
    }
    words
}

/// The last place where `label` stands in `words`: index of its last word, and its length in characters.
pub(super) fn find(words: &[Word], label: &str) -> Option<(usize, usize)> {
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
pub(super) fn name(text: &[u8], words: &[Word], word: usize) -> Range<usize> {
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
pub(super) fn affix(name: &[Word]) -> Vec<String> {
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
