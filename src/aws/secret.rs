//! Secret access keys: 40 characters of the base64 alphabet, random, without padding.
//!
//! Nothing inside can be checked, so a secret is judged by what it is not: a hash, a name, a path, a sentence, encoded text, a
//! placeholder. Every test is chosen so that random text practically never fails it; a test measures the sum.

use super::{base, looks, words};

/// What a text of 40 characters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretClass {
    /// It can be a secret.
    Plausible,
    /// It reads nearly like words, as one secret of 50,000 does: it is one only with its id.
    Wordy,
    /// One of AWS's documentation.
    Example,
    /// Typed by hand to stand for a secret.
    Placeholder,
    /// Something else.
    Not(Reason),
}

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not 40 characters of `A-Za-z0-9+/`.
    Shape,
    /// Hexadecimal digits, or a long stretch of them: a hash, a mangled symbol.
    Hex,
    /// Upper case or lower case is missing.
    OneCase,
    /// Too few different characters.
    Uniform,
    /// Names, words, path segments, dates.
    Words,
    /// Base64 of readable text.
    EncodedText,
    /// Parts of a path: many slashes.
    Path,
}

/// The length of a secret.
pub const LEN: usize = 40;

/// Words that random text does not hold: 2e-6 or less each, at 40 characters.
const WORDS: &[&str] = &[
    "placeholder",
    "secret",
    "access",
    "dummy",
    "sample",
    "replace",
    "change",
    "password",
    "fakekey",
    "testkey",
    "redacted",
    "xxxxx",
    "insert",
    "token",
    "awskey",
];

/// Those of AWS's documentation. Tests change some of their letters.
const EXAMPLES: [&[u8]; 2] =
    [b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", b"je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"];

/// Whether it is 40 characters of the base64 alphabet.
pub fn has_shape(text: &[u8]) -> bool {
    text.len() == LEN && is_base64(text)
}

fn is_base64(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// Judge a text of 40 characters.
pub fn classify(text: &[u8]) -> SecretClass {
    if text.len() == LEN { classify_random(text) } else { SecretClass::Not(Reason::Shape) }
}

/// Judge a text that should be random over the base64 alphabet, of about 40 characters.
pub(super) fn classify_random(text: &[u8]) -> SecretClass {
    if !is_base64(text) {
        return SecretClass::Not(Reason::Shape);
    }
    if looks::has_word(text, &["example"]) {
        return SecretClass::Example;
    }
    if is_placeholder(text) {
        return SecretClass::Placeholder;
    }
    let evidence = match evidence_of_words(text) {
        Ok(evidence) => evidence,
        Err(reason) => return SecretClass::Not(reason),
    };
    // Random text has one of them in the same place, and never a dozen.
    if EXAMPLES.iter().any(|example| looks::is_altered(text, example, 16)) {
        return SecretClass::Example;
    }
    // -66 on average with a standard deviation of 13; above -6 in one of 50,000.
    if evidence > -6 { SecretClass::Wordy } else { SecretClass::Plausible }
}

fn is_placeholder(text: &[u8]) -> bool {
    looks::distinct(text) < 10
        || looks::longest_run(text) >= 7
        || looks::longest_sequence(text) >= 7
        || looks::is_periodic(text)
        || looks::has_word(text, WORDS)
}

/// How much speaks for words where nothing rules out a secret; or what does.
fn evidence_of_words(text: &[u8]) -> Result<i32, Reason> {
    let count = |class: fn(&u8) -> bool| text.iter().filter(|b| class(b)).count();
    // 13 of them in a row: 5e-7 in random text.
    if longest_hex(text) >= 13 {
        return Err(Reason::Hex);
    }
    if count(u8::is_ascii_uppercase) == 0 || count(u8::is_ascii_lowercase) == 0 {
        return Err(Reason::OneCase);
    }
    let evidence = words::evidence(text);
    // Three of 100 million; names of 40 characters have more, but for one of a hundred.
    if evidence > 12 {
        return Err(Reason::Words);
    }
    if memchr::memchr_iter(b'/', text).count() > 7 {
        return Err(Reason::Path);
    }
    if base::base64_decode(text).is_some_and(|bytes| is_readable(&bytes)) {
        return Err(Reason::EncodedText);
    }
    // 30 on average; below 19 in fewer than one of a million.
    if looks::distinct(text) < 18 || count(u8::is_ascii_digit) > text.len() / 2 {
        return Err(Reason::Uniform);
    }
    Ok(evidence)
}

/// Length of the longest stretch of hexadecimal digits in one case.
fn longest_hex(text: &[u8]) -> usize {
    let longest = |class: fn(u8) -> bool| text.split(|&b| !class(b)).map(<[u8]>::len).max().unwrap_or(0);
    longest(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        .max(longest(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')))
}

/// Whether nearly all of it is printable, or every second byte is NUL.
fn is_readable(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t')).count();
    let zero = memchr::memchr_iter(0, bytes).count();
    printable * 10 >= bytes.len() * 9 || zero * 3 >= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn texts_that_are_no_secrets_are_refused() {
        use SecretClass::{Example, Not, Placeholder, Plausible, Wordy};
        for (text, expected) in [
            ("MediaLiveEncodeCompositePipelineFunction", Not(Reason::Words)),
            ("media/feature/encoding/CompositePipeline", Not(Reason::Words)),
            ("longTermCredentialsAreNotSupportedHere12", Not(Reason::Words)),
            ("MediaStoreStack/UploadBucketKey/Resource", Not(Reason::Words)),
            ("NightlyInvoiceReconciliationSigningKeys1", Not(Reason::Words)),
            ("EC2RoleForSSMAndS3ReadPolicyV2AttachNow1", Not(Reason::Words)),
            ("src/main/java/com/acme/FooBarBazService1", Not(Reason::Words)),
            ("DEVOPS/NotificationChannel/PERMISSIONS12", Not(Reason::Words)),
            ("live/payments/aws/uploader/vaultpath2024", Not(Reason::OneCase)),
            ("a1B/c2D/e3F/g4H/i5J/k6L/m7N/o8P/q9R/s0T/", Not(Reason::Path)),
            ("YourSecretAccessKeyGoesHereReplaceItNow1", Placeholder),
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Placeholder),
            ("0000000000000000000000000000000000000000", Placeholder),
            ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN", Placeholder),
            ("1234567890abcdefABCDEF1234567890qwertyui", Placeholder),
            ("k3Jd8sPqk3Jd8sPqk3Jd8sPqk3Jd8sPqk3Jd8sPq", Placeholder),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Example),
            ("je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", Example),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXYZXlEKEY", Example), // altered
            ("wJaezXOtcFYRI/B3MDIMQ/bPxRfiCTEXAMBBBKEY", Example),
            ("je7MtGbClwBF/2Zp9Utk/h3yCo8nvbQ2r8T5mWx1", Example),
            ("wJalrXUtnFEMI/Q2r8T5mWx1vK9cZ4hJ6pLd3Bs0", Plausible),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709", Not(Reason::Hex)),
            ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", Not(Reason::Hex)),
            ("10trampoline7newfunc17h40b4d5375bb541f2E", Not(Reason::Hex)),
            ("AbababABabAbABabaBabABabAbabBABabABabABa", Placeholder),
            ("aB1cD2eF3aB1eC2dF3bA1cD2fE3aB1dC2eF3bA1C", Not(Reason::Uniform)),
            ("20240131T235959Z88273645x0192837q4655QwE", Not(Reason::Words)),
            ("QmVhcmVyIGF1dGggaXMgcmVxdWlyZWQgaGVyZSEh", Not(Reason::EncodedText)),
            ("YQBjAG0AZQBfAHAAYQBzAHMAdwBvAHIAZAA0ADIA", Not(Reason::EncodedText)),
            ("q7Tn+Wd3kZ0bXr9/LmVfYcUj2sHgA5oPeI8uKtRD", Plausible),
            ("2Ryr6jdsScq+mpPl3di/icoG6IrtrAnLuTFOml67", Wordy),
            ("a/GAmuSua10KwxetgNSk5M80McLyNC142Tjaiatu", Wordy),
            ("q7Tn+Wd3kZ0bXr9/LmVfYcUj2sHgA5oPeI8uKtR", Not(Reason::Shape)),
            ("q7Tn+Wd3kZ0bXr9/LmVfYcUj2sHgA5oPeI8uKtR=", Not(Reason::Shape)),
        ] {
            assert_eq!(classify(text.as_bytes()), expected, "{text} {}", words::evidence(text.as_bytes()));
        }
    }

    /// The aims are fewer than one in 10,000 where nothing else speaks for a secret, and one in 100,000 under its name.
    #[test]
    fn random_secrets_are_hardly_ever_refused() {
        let mut random = Random(20_261_125);
        for alphabet in [&base::BASE64[..], &base::BASE64[..62]] {
            let doubted: Vec<(String, SecretClass)> = (0..200_000)
                .map(|_| random.text(alphabet, LEN))
                .map(|text| (classify(&text), text))
                .filter(|(class, _)| *class != SecretClass::Plausible)
                .map(|(class, text)| (String::from_utf8(text).unwrap(), class))
                .collect();
            let refused = doubted.iter().filter(|(_, class)| *class != SecretClass::Wordy).count();
            println!("refused of 200000: {refused}, doubted: {doubted:?}");
            assert!(doubted.len() < 20 && refused < 2, "{doubted:?}");
        }
    }
}
