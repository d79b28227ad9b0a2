//! Bedrock API keys, long-term (`ABSK…`) and short-term (`bedrock-api-key-…`): bearer tokens that carry their owner.
//!
//! Long-term: base64 of `USER-at-ACCOUNT:SECRET` (the form of the name is that of IAM's service-specific credentials; the whole was read from
//! public samples, AWS does not document it). Short-term: base64 of a presigned URL without its scheme, as AWS's
//! token generators make it: it holds the id of the signing key, the date and how long it works, 12 hours at most.

use super::{base, key_id, looks};

/// Prefix of long-term keys.
pub const LONG_TERM: &str = "ABSK";
/// Prefix of short-term keys.
pub const SHORT_TERM: &str = "bedrock-api-key-";

/// What a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BedrockClass {
    /// It can be a key; with what it carries.
    Plausible {
        /// The account, 12 digits.
        account: Option<String>,
        /// When a short-term key stops to work, seconds since 1970 UTC.
        expires: Option<i64>,
    },
    /// Typed by hand to stand for a key.
    Placeholder,
    /// Something else.
    Not,
}

/// Judge a text.
pub fn classify(text: &[u8]) -> BedrockClass {
    if let Some(rest) = text.strip_prefix(LONG_TERM.as_bytes()) {
        long_term(rest)
    } else if let Some(rest) = text.strip_prefix(SHORT_TERM.as_bytes()) {
        short_term(rest)
    } else {
        BedrockClass::Not
    }
}

/// A body as long as public samples, which the form above may not cover.
const SAMPLE_LENGTHS: std::ops::RangeInclusive<usize> = 109..=269;

fn long_term(body: &[u8]) -> BedrockClass {
    if is_filled_up(body) {
        return BedrockClass::Placeholder;
    }
    let Some(bytes) = base::base64_decode(body) else { return BedrockClass::Not };
    let account = account_of(&bytes);
    if account.is_some() || SAMPLE_LENGTHS.contains(&trim_padding(body).len()) {
        BedrockClass::Plausible { account, expires: None }
    } else {
        BedrockClass::Not
    }
}

/// `ACCOUNT` of `USER-at-ACCOUNT:SECRET`.
fn account_of(bytes: &[u8]) -> Option<String> {
    let name = &bytes[..bytes.iter().position(|&b| b == b':')?];
    let (user, account) = std::str::from_utf8(name).ok()?.rsplit_once("-at-")?;
    let sound = !user.is_empty()
        && user.bytes().all(|b| b.is_ascii_graphic())
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit());
    sound.then(|| account.to_owned())
}

fn short_term(body: &[u8]) -> BedrockClass {
    if is_filled_up(body) {
        return BedrockClass::Placeholder;
    }
    let url = base::base64_decode(body).and_then(|bytes| String::from_utf8(bytes).ok());
    match url {
        Some(url) if url.starts_with("bedrock") && url.contains("X-Amz-Credential=") => {
            let id = parameter(&url, "X-Amz-Credential").and_then(|c| c.get(..20));
            let account = id.and_then(|id| key_id::account(id.as_bytes()));
            BedrockClass::Plausible { account, expires: expiry(&url) }
        }
        _ => BedrockClass::Not,
    }
}

/// `X-Amz-Date` and `X-Amz-Expires` added up.
fn expiry(url: &str) -> Option<i64> {
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", parameter(url, "X-Amz-Date")?).ok()?;
    let lasts: i64 = parameter(url, "X-Amz-Expires")?.parse().ok()?;
    let from = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    (0..=604_800).contains(&lasts).then(|| from + lasts)
}

fn parameter<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    url.split(['?', '&']).find_map(|p| p.strip_prefix(name)?.strip_prefix('='))
}

fn is_filled_up(body: &[u8]) -> bool {
    let body = trim_padding(body);
    looks::distinct(body) < 16
        || looks::longest_run(body) >= 12
        || looks::longest_sequence(body) >= 10
        || looks::is_periodic(body)
}

fn trim_padding(body: &[u8]) -> &[u8] {
    let padding = body.iter().rev().take_while(|&&b| b == b'=').count();
    &body[..body.len() - padding]
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    fn long(name: &str, secret: &[u8]) -> String {
        format!("ABSK{}", base::base64_encode(&[name.as_bytes(), secret].concat()))
    }

    fn short(url: &str) -> String {
        format!("bedrock-api-key-{}", base::base64_encode(url.as_bytes()))
    }

    #[test]
    fn long_term_keys_carry_their_account() {
        let secret = Random(5).text(base::BASE64, 44);
        let plausible = |account: Option<&str>| BedrockClass::Plausible {
            account: account.map(str::to_owned),
            expires: None,
        };
        for (key, expected) in [
            (long("BedrockAPIKey-k3fa-at-210987654321:", &secret), plausible(Some("210987654321"))),
            (long("ci-at-work-at-210987654321:", &secret[..20]), plausible(Some("210987654321"))),
            (long("BedrockAPIKey-k3fa-at-21098765432:", &secret[..20]), BedrockClass::Not),
            (long("", &Random(6).text(base::BASE64, 90)), plausible(None)),
            (format!("ABSK{}", "x".repeat(112)), BedrockClass::Placeholder),
            ("ABSK".into(), BedrockClass::Placeholder),
            (
                String::from_utf8([b"ABSK".to_vec(), Random(7).text(base::BASE64, 80)].concat()).unwrap(),
                BedrockClass::Not,
            ),
            ("ABSX".into(), BedrockClass::Not),
        ] {
            assert_eq!(classify(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn short_term_keys_carry_account_and_expiry() {
        let url = |date: &str, lasts: &str| {
            format!(
                "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=ASIAY34FZKBOKMUTVV7A%2F20260118%2Fus-west-2%2Fbedrock%2Faws4_request\
                 &X-Amz-Date={date}&X-Amz-Expires={lasts}&X-Amz-SignedHeaders=host&X-Amz-Signature=00&Version=1"
            )
        };
        let plausible = |expires| BedrockClass::Plausible { account: Some("609629065308".into()), expires };
        for (key, expected) in [
            // 2026-01-18 02:11:42 UTC is second 1,768,702,302.
            (short(&url("20260118T021142Z", "43200")), plausible(Some(1_768_702_302 + 43_200))),
            (short(&url("20260118T021142Z", "soon")), plausible(None)),
            (short(&url("20261318T021142Z", "43200")), plausible(None)),
            (short("s3.amazonaws.com/?X-Amz-Credential=ASIAY34FZKBOKMUTVV7A%2F20260118"), BedrockClass::Not),
            (short("bedrock.amazonaws.com/?Action=CallWithBearerToken&Version=1"), BedrockClass::Not),
            (format!("bedrock-api-key-{}", "A".repeat(200)), BedrockClass::Placeholder),
        ] {
            assert_eq!(classify(key.as_bytes()), expected, "{key}");
        }
    }
}
