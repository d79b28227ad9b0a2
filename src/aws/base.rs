//! Base32 and base64, as far as AWS's values need them.

/// The alphabet of RFC 4648 base64.
pub(crate) const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The number that 16 base32 digits write; `None` for any other text.
pub(super) fn base32_80(digits: &[u8]) -> Option<u128> {
    if digits.len() != 16 {
        return None;
    }
    digits.iter().try_fold(0, |value: u128, &digit| {
        let five_bits = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        Some(value << 5 | u128::from(five_bits))
    })
}

/// The bytes behind base64 with or without padding; `None` where a character is none of the alphabet. Bits left over at
/// the end are dropped.
pub(crate) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&b| b == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for &c in &text[..text.len() - padding] {
        let six_bits = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six_bits);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Base64 of bytes, padded.
pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |v, &b| v << 8 | u32::from(b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let six_bits = (bits >> (18 - 6 * i) & 63) as usize;
            text.push(if i <= group.len() { char::from(BASE64[six_bits]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_decode() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64_encode(plain.as_bytes()), text);
            assert_eq!(base64_decode(text.as_bytes()).unwrap(), plain.as_bytes());
            assert_eq!(base64_decode(text.trim_end_matches('=').as_bytes()).unwrap(), plain.as_bytes());
        }
        assert_eq!(base64_decode(b"Zm-v"), None);
        assert_eq!(base64_decode(b"Z==="), None);
        assert_eq!(base32_80(b"AAAAAAAAAAAAAAAB"), Some(1));
        assert_eq!(base32_80(b"7777777777777777"), Some((1 << 80) - 1));
        assert_eq!(base32_80(b"AAAAAAAAAAAAAAA1"), None);
        assert_eq!(base32_80(b"AAAAAAAAAAAAAAA"), None);
    }

    proptest! {
        #[test]
        fn base64_comes_back(bytes: Vec<u8>) {
            prop_assert_eq!(base64_decode(base64_encode(&bytes).as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn base64_is_the_standard_one() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foobar", "Zm9vYmFy"),
            (b"\xff\xfe\xfb", "//77"),
        ] {
            assert_eq!(base64_encode(bytes), text);
        }
    }
}
