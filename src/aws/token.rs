//! Session tokens of temporary credentials: base64 of a binary structure, some hundred characters or more.
//!
//! AWS promises neither form nor length. What all known generations have in common: a version byte, the field tag `0a`,
//! a length and `aws`, `er/aws` or `origin_ec`, which in base64 are the heads below.

use super::{base, looks};

/// The heads of all known generations, newest first.
pub const HEADS: [&str; 5] = ["IQoJb3JpZ2luX2Vj", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "FQoDYXdz", "AQoDYXdz"];

/// The shortest token that is taken for one.
pub const MIN_LEN: usize = 100;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    /// It can be a session token.
    Plausible,
    /// One of AWS's documentation.
    Example,
    /// No token: too short, an unknown head, no base64, or filled up by hand.
    Not,
}

/// Judge a text.
pub fn classify(text: &[u8]) -> TokenClass {
    if looks::has_word(text, &["example"]) {
        return TokenClass::Example;
    }
    let head = HEADS.iter().find(|h| text.starts_with(h.as_bytes()));
    let sound = head.is_some_and(|head| {
        let rest = &text[head.len()..];
        // `//////////` stands in real tokens: runs count letters and digits only.
        text.len() >= MIN_LEN
            && base::base64_decode(text).is_some()
            && looks::distinct(rest) >= 24
            && looks::longest_run(rest) < 12
            && looks::longest_sequence(rest) < 10
            && !looks::is_periodic(rest)
    });
    if sound { TokenClass::Plausible } else { TokenClass::Not }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn random_tokens_of_every_generation_are_plausible() {
        let mut random = Random(3);
        for head in HEADS {
            for len in [100, 356, 1200] {
                let tail = random.text(base::BASE64, len - head.len());
                let token = [head.as_bytes(), &tail[..]].concat();
                assert_eq!(classify(&token), TokenClass::Plausible, "{head} {len}");
                assert_eq!(classify(&[&token[..], b"=="].concat()), TokenClass::Plausible, "{head} {len}");
                assert_eq!(classify(&token[1..]), TokenClass::Not, "{head} {len}");
            }
        }
    }

    #[test]
    fn short_filled_up_and_documented_tokens_are_not() {
        let filled = format!("IQoJb3JpZ2luX2Vj{}", "x".repeat(200));
        let repeated = format!("IQoJb3JpZ2luX2Vj{}", "q7Tn+Wd3kZ0bXr9/LmVfYcUj2sHgA5oPeI8uKtRD".repeat(3));
        let documented = format!(
            "AQoDYXdzEPT//////////wEXAMPLE{}",
            "tc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI"
        );
        for (text, expected) in [
            ("IQoJb3JpZ2luX2Vj", TokenClass::Not),
            (&*filled, TokenClass::Not),
            (&*repeated, TokenClass::Not),
            (&*documented, TokenClass::Example),
        ] {
            assert_eq!(classify(text.as_bytes()), expected, "{text}");
        }
    }
}
