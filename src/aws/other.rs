//! Key ids of other providers whose stores speak S3. Their clients call the secret what AWS calls its own.
//!
//! Sources: the providers' pages on access keys (Google's HMAC keys, Alibaba, Tencent, Volcengine, `DigitalOcean`, Scaleway, Yandex);
//! Ceph, `MinIO`, Wasabi and Linode draw twenty capitals and digits.

use super::{key_id, looks};

/// Whose a key id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Another provider's, by its prefix.
    Others,
    /// Twenty random capitals and digits: no key of AWS's since 2010.
    Unmarked,
}

const PREFIXES: [&[u8]; 8] = [b"GOOG", b"LTAI", b"AKID", b"AKLT", b"DO00", b"DO80", b"SCW", b"YCAJ"];
/// What AWS's own ids of users, roles and other things begin with.
const OWN: [&[u8]; 9] = [b"ABIA", b"ACCA", b"AGPA", b"AIDA", b"AIPA", b"ANPA", b"ANVA", b"APKA", b"AROA"];
const WORDS: [&str; 8] = ["access", "example", "dummy", "fake", "here", "secret", "test", "your"];

/// Whose key id a word is, if it is one that is not AWS's.
pub fn whose(word: &[u8]) -> Option<Whose> {
    const SHORTEST: usize = 16;
    const LONGEST: usize = 64;
    const VARIED: u32 = 6;
    let is_one = (SHORTEST..=LONGEST).contains(&word.len())
        && word.iter().all(u8::is_ascii_alphanumeric)
        && looks::distinct(word) >= VARIED
        && !looks::has_word(word, &WORDS);
    if !is_one {
        return None;
    }
    if PREFIXES.iter().any(|prefix| word.starts_with(prefix)) {
        return Some(Whose::Others);
    }
    let capitals = word.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let drawn = word.len() == key_id::LEN
        && capitals
        && word.iter().any(u8::is_ascii_digit)
        && word.iter().any(u8::is_ascii_uppercase)
        && looks::longest_sequence(word) < 6;
    let own = key_id::begins(word) || OWN.iter().any(|prefix| word.starts_with(prefix));
    (drawn && !own).then_some(Whose::Unmarked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_told_from_those_of_aws_and_from_placeholders() {
        for (word, whose_it_is) in [
            ("GOOG1EQX7ZT5MVD3XKW2RNBT7KP2MXW9RQLZ4VBN8CYD3HSF6GJ1AQEUJ2K4", Some(Whose::Others)),
            ("LTAI4Fq7zT5mVd3Xk", Some(Whose::Others)),
            ("DO00Q7ZT5MVD3XKW2RNB", Some(Whose::Others)),
            ("Q7ZT5MVD3XKW2RNBT9LC", Some(Whose::Unmarked)),
            ("AKIAQ7ZT5MVD3XKW2RNB", None),
            ("AIDAQ7ZT5MVD3XKW2RNB", None),
            ("akiaq7zt5mvd3xkw2rnb", None),
            ("XXXXXXXXXXXXXXXXXXXX", None),
            ("ABCDEFGHIJ1234567890", None),
            ("YOURACCESSKEYID12345", None),
            ("Q7ZT5MVD3XKW2RNBT9L", None),
            ("minioadmin", None),
        ] {
            assert_eq!(whose(word.as_bytes()), whose_it_is, "{word}");
        }
    }
}
