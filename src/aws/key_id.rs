//! Access key ids: a prefix of 4 letters and 16 base32 digits (`A-Z2-7`), 20 characters.
//!
//! The 80 bits of the digits: the first is the generation; in the new one (since 2019) the next 40 are the account number, the rest
//! is random. There is no checksum. Ids of the old generation begin with `I` or `J` behind the prefix and carry no
//! account; they are still in use. Found by A. Steele (awsteele.com, 2020), T. Be'ery (2023), and confirmed by
//! `WithSecure` Labs over 3,000 ids.

use super::{NOBODYS_ACCOUNTS, base, canary, looks};

/// What an id is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdClass {
    /// Whether AWS can have made it.
    pub kind: IdKind,
    /// The account it belongs to, 12 digits, where the id carries it.
    pub account: Option<String>,
    /// Whether the account is a known tripwire: using the key tells its owner.
    pub canary: bool,
}

/// Whether AWS can have made an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// It is built as AWS builds ids.
    Plausible,
    /// It has the shape, but no id of AWS decodes like this.
    Implausible,
    /// One of AWS's documentation, or of an account that documentation and emulators use.
    Example,
    /// Typed by hand to stand for an id.
    Placeholder,
}

/// Ids of AWS's documentation (the models in botocore 1.44, the examples of the CLI 1.46) that say so in no other way.
const EXAMPLES: [&str; 2] = ["AKIAJ5C56P35AEBRX2QQ", "AKIA32P3D2JDNMVAJLGF"];

/// The digits of the ids that AWS writes most, which tests and allow lists change a little.
const COPIED: [&[u8]; 2] = [b"IOSFODNN7EXAMPLE", b"I44QH8DHBEXAMPLE"];

/// Words that nobody's id holds by chance: each has a probability of 4e-7 or less.
const WORDS: &[&str] = &[
    "sample",
    "dummy",
    "placeholder",
    "secret",
    "access",
    "yourkey",
    "replace",
    "change",
    "invalid",
    "fakekey",
    "testkey",
    "hardcoded",
    "xxxxx",
];

/// Short words that count at either end of the digits only; the last is how people make the rest of one unreadable.
const END_WORDS: [&[u8]; 3] = [b"FAKE", b"TEST", b"XXXX"];

/// Judge an id. Anything that is not 20 characters of a known prefix and base32 digits is implausible, if it is no example.
pub fn classify(id: &[u8]) -> IdClass {
    let account = account(id);
    let canary = account.as_deref().is_some_and(|a| canary::of(a).is_some());
    let kind = kind(id, account.as_deref());
    IdClass { kind, account, canary }
}

/// How long an id is.
pub const LEN: usize = 20;

/// What the ids of access keys begin with: of those that stay, and of those of sessions.
pub const PREFIXES: [&[u8]; 2] = [b"AKIA", b"ASIA"];

/// Whether it is a prefix of an access key and 16 base32 digits.
pub fn has_shape(text: &[u8]) -> bool {
    begins(text) && base::base32_80(&text[4..]).is_some()
}

/// Whether it begins as the id of an access key does.
pub fn begins(text: &[u8]) -> bool {
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// How much of `behind` makes a whole id of its `head`.
pub fn rest(head: &[u8], behind: &[u8]) -> Option<usize> {
    let len = LEN.checked_sub(head.len())?;
    has_shape(&[head, behind.get(..len)?].concat()).then_some(len)
}

/// Whether it is the id of a temporary credential, which works with a session token only.
pub fn is_temporary(id: &[u8]) -> bool {
    id.starts_with(b"ASIA")
}

/// The account number in an id of the new generation, 12 digits.
pub fn account(id: &[u8]) -> Option<String> {
    let bits = base::base32_80(id.get(4..)?)?;
    let account = bits >> 39 & ((1 << 40) - 1);
    (is_new(bits) && account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

fn is_new(bits: u128) -> bool {
    bits >> 79 == 1
}

fn kind(id: &[u8], account: Option<&str>) -> IdKind {
    // of the digits of an example; random ones agree in as many as once in 300 million
    const SAME: usize = 9;
    let body = id.get(4..).unwrap_or_default();
    if looks::has_word(id, &["example"])
        || EXAMPLES.iter().any(|e| e.as_bytes() == id)
        || COPIED.iter().any(|copied| looks::is_altered(body, copied, SAME))
    {
        return IdKind::Example;
    }
    if body.len() == 16 && is_placeholder(body) {
        return IdKind::Placeholder;
    }
    if account.is_some_and(|a| NOBODYS_ACCOUNTS.contains(&a)) {
        return IdKind::Example;
    }
    // an old one carries no account, and neither does one whose account would be too large: that begins with Q to 7
    let old = matches!(body.first(), Some(b'I' | b'J'));
    if has_shape(id) && (old || account.is_some()) { IdKind::Plausible } else { IdKind::Implausible }
}

/// Whether the digits were typed by hand. Chance: 7e-6 for a real id (a test measures it).
fn is_placeholder(body: &[u8]) -> bool {
    looks::distinct(body) < 7
        || looks::longest_run(body) >= 6
        || looks::longest_sequence(body) >= 6
        || looks::is_periodic(body)
        || looks::has_word(body, WORDS)
        || END_WORDS.iter().any(|w| body.starts_with(w) || body.ends_with(w))
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn accounts_of_published_ids_decode() {
        for (id, expected) in [
            ("ASIAY34FZKBOKMUTVV7A", Some("609629065308")),
            ("ASIAQNZGKIQY56JQ7WML", Some("029608264753")),
            ("ASIAVJ2E6QGR2WZILJFM", Some("364679954851")),
            ("AKIASP2TPHJSQH3FJRUX", Some("171436882533")),
            ("AKIAQYLPMN5HHHFPZAM2", Some("052310077262")),
            ("AKIA6RVFFB77RE7OLMKI", Some("999999999999")),
            ("ASIAQAAAAAAAGMKEM7X5", Some("000000000000")),
            ("AKIAIOSFODNN7EXAMPLE", None), // old generation
            ("AKIAJSIE27KKMHXI3BJQ", None), // old generation
            ("AKIAI44QH8DHBEXAMPLE", None), // no base32
            ("AKIA777777777777777A", None), // more than twelve digits
            ("AKIA", None),
        ] {
            assert_eq!(account(id.as_bytes()).as_deref(), expected, "{id}");
        }
    }

    #[test]
    fn ids_are_told_apart() {
        for (id, expected) in [
            ("AKIAIOSFODNN7EXAMPLF", IdKind::Example),
            ("AKIAIOSFODNN7EXAAAAA", IdKind::Example),
            ("ASIAIOSFODNN7EAXMPLE", IdKind::Example),
            ("AKIAIO5FODDD7EXAMAAB", IdKind::Example),
            ("AKIAIOS3F6QN7EXAMPL3", IdKind::Example),
            ("AKIAIOSFODNWQ3RVTZKA", IdKind::Plausible), // seven letters
            ("ASIAY34FZKBOKMUTVV7A", IdKind::Plausible),
            ("AKIASP2TPHJSQH3FJRUX", IdKind::Plausible),
            ("AKIAJSIE27KKMHXI3BJQ", IdKind::Plausible),
            ("AKIA6RVFFB77RE7OLMKI", IdKind::Example),
            ("ASIAQAAAAAAAGMKEM7X5", IdKind::Placeholder),
            ("AKIAIOSFODNN7EXAMPLE", IdKind::Example),
            ("AKIAI44QH8DHBEXAMPLE", IdKind::Example),
            ("ASIAIOSFODNN7EXAMPLE", IdKind::Example),
            ("AKIAEXAMPLEPBUMBC3GA", IdKind::Example),
            ("AKIAJ5C56P35AEBRX2QQ", IdKind::Example),
            ("AKIA32P3D2JDNMVAJLGF", IdKind::Example),
            ("AKIAXXXXXXXXXXXXXXXX", IdKind::Placeholder),
            ("AKIAABCDEFGHIJKLMNOP", IdKind::Placeholder),
            ("AKIAQWERTYUIOPASDFGH", IdKind::Placeholder),
            ("AKIA2345672345672345", IdKind::Placeholder),
            ("AKIATESTTESTTESTTEST", IdKind::Placeholder),
            ("AKIAFAKEKDZ3VWUQ5JYB", IdKind::Placeholder),
            ("AKIAYOURKEYZ3VWUQ5JY", IdKind::Placeholder),
            ("AKIAHARDCODEDVWUQ5JY", IdKind::Placeholder),
            ("ASIASIASIASIASIASIAS", IdKind::Placeholder),
            ("AKIAW3M2VDKLTRBHXXXX", IdKind::Placeholder), // masked
            ("AKIAW3M2VDKLTRBHQXXX", IdKind::Plausible),
            ("AKIACKDZ3VWUQ5JYB2HM", IdKind::Implausible), // old generation, neither I nor J
            ("AKIA777V3KDZ3VWUQ5JY", IdKind::Implausible), // account beyond twelve digits
            ("AKIAY34FZKBOKMUTVV1A", IdKind::Implausible), // no base32
            ("AROAY34FZKBOKMUTVV7A", IdKind::Implausible),
            ("", IdKind::Implausible),
        ] {
            assert_eq!(classify(id.as_bytes()).kind, expected, "{id}");
        }
    }

    #[test]
    fn tripwires_are_known_by_their_account() {
        assert!(classify(b"AKIASP2TPHJSQH3FJRUX").canary && !classify(b"ASIAY34FZKBOKMUTVV7A").canary);
        assert!(is_temporary(b"ASIAY34FZKBOKMUTVV7A") && !is_temporary(b"AKIASP2TPHJSQH3FJRUX"));
    }

    /// Expected over 200,000: about 1.
    #[test]
    fn of_200000_random_ids_at_most_four_are_refused() {
        let mut random = Random(20_261_125);
        let refused: Vec<String> = (0..200_000)
            .map(|i| random.key_id(if i % 2 == 0 { "AKIA" } else { "ASIA" }))
            .filter(|id| classify(id).kind != IdKind::Plausible)
            .map(|id| String::from_utf8(id).unwrap())
            .collect();
        println!("refused: {refused:?}");
        assert!(refused.len() <= 4, "{refused:?}");
    }
}
