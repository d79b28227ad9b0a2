//! SES SMTP passwords: derived from the secret of the access key whose id is the user name.
//!
//! Version 4 (per region): base64 of `04` and an HMAC-SHA256 chain that starts from `"AWS4" + secret`. Version 2 (any region, old):
//! base64 of `02` and HMAC-SHA256 of the word `SendRawEmail` under the secret. 33 bytes, so 44 characters without padding.
//! Source: the SES developer guide, "Obtaining Amazon SES SMTP credentials by converting existing AWS credentials".

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::base;
use super::secret::{self, SecretClass};

/// The length of a password.
pub const LEN: usize = 44;

/// Regions with an SES SMTP endpoint.
pub const REGIONS: [&str; 30] = [
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "us-east-2",
    "us-west-1",
    "ap-southeast-2",
    "ap-southeast-1",
    "ap-northeast-1",
    "ap-south-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "eu-south-1",
    "ca-central-1",
    "sa-east-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-south-2",
    "af-south-1",
    "me-south-1",
    "me-central-1",
    "il-central-1",
    "eu-central-2",
    "ca-west-1",
    "us-gov-west-1",
    "us-gov-east-1",
    "eu-south-2",
];

/// Judge a text: 44 characters that decode to a version byte and 32 random bytes.
pub fn classify(text: &[u8]) -> SecretClass {
    let versioned = text.len() == LEN && version(text).is_some();
    if versioned { secret::classify_random(text) } else { SecretClass::Not(secret::Reason::Shape) }
}

/// The version of a password: 4 or 2.
pub fn version(password: &[u8]) -> Option<u8> {
    let first = *base::base64_decode(password.get(..4)?)?.first()?;
    matches!(first, 2 | 4).then_some(first)
}

/// The password of a secret in a region.
pub fn password_v4(secret: &str, region: &str) -> String {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in ["11111111", region, "ses", "aws4_request", "SendRawEmail"] {
        key = hmac(&key, part);
    }
    key.insert(0, 4);
    base::base64_encode(&key)
}

/// The password of a secret in the old version, the same in every region.
pub fn password_v2(secret: &str) -> String {
    let mut bytes = hmac(secret.as_bytes(), "SendRawEmail");
    bytes.insert(0, 2);
    base::base64_encode(&bytes)
}

/// Whether a password was derived from a secret, for any known region.
pub fn is_derived(password: &str, secret: &str) -> bool {
    match version(password.as_bytes()) {
        Some(2) => password == password_v2(secret),
        Some(_) => REGIONS.iter().any(|region| password == password_v4(secret, region)),
        None => false,
    }
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    /// The passwords of version 4 are those of the AWS provider of Terraform; that of version 2 was computed apart from this code.
    #[test]
    fn published_passwords_are_derived() {
        for (secret, region, password) in [
            ("some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
            ("some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
            ("another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
            ("another+secret+key", "us-west-1", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
        ] {
            assert_eq!(password_v4(secret, region), password);
            assert_eq!(classify(password.as_bytes()), SecretClass::Plausible, "{password}");
            assert!(is_derived(password, secret));
            assert!(!is_derived(password, "a+third+key"));
        }
        assert_eq!(password_v2("some+secret+key"), "AnkqhOiWEcszZZzTMCQbOY1sPGoLFgMH9zhp4eNgSjo4");
        assert!(is_derived("AnkqhOiWEcszZZzTMCQbOY1sPGoLFgMH9zhp4eNgSjo4", "some+secret+key"));
    }

    #[test]
    fn passwords_need_a_version_byte_and_a_random_tail() {
        for text in [
            "CMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2",
            "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ",
            "BQXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2",
            "BExamplePasswordFromTheDocumentationOfAmazon",
            "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
            "BEncryptionKeysOfTheMailRelayServiceInternal",
            "",
        ] {
            assert_ne!(classify(text.as_bytes()), SecretClass::Plausible, "{text}");
        }
    }

    #[test]
    fn random_passwords_are_refused_less_than_once_in_10000() {
        let mut random = Random(44);
        let refused = (0..100_000)
            .filter(|i| {
                let mut bytes: Vec<u8> = (0..32).map(|_| random.next() as u8).collect();
                bytes.insert(0, if i % 2 == 0 { 4 } else { 2 });
                classify(base::base64_encode(&bytes).as_bytes()) != SecretClass::Plausible
            })
            .count();
        println!("refused of 100000: {refused}");
        assert!(refused < 10, "{refused}");
    }
}
