//! Fills case templates with random values of the right shape. The same seed gives the same values.
//!
//! `{{KIND:N}}` is value N of a kind, the same wherever it stands in a case; `{{KIND:N:LENGTH}}` where the length is
//! free; `|filter` behind it encodes it; `{{[text]|filter}}` encodes a passage.

use std::collections::BTreeMap;
use std::path::Path;

use keyhound::aws::key_id::IdKind;

use crate::samples::Pack;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A rendered case.
pub(super) struct Case {
    pub(super) id: String,
    pub(super) expect: Vec<Expect>,
}

/// A finding that must come.
pub(super) struct Expect {
    pub(super) id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) token: Option<String>,
    pub(super) path: String,
    pub(super) line: Option<u64>,
}

#[derive(serde::Deserialize)]
struct Spec {
    id: String,
    kind: String,
    #[serde(default)]
    file: Vec<FileSpec>,
    #[serde(default)]
    expect: Vec<ExpectSpec>,
}

#[derive(serde::Deserialize)]
struct FileSpec {
    path: String,
    text: String,
    #[serde(default)]
    encoding: String,
    #[serde(default)]
    newline: String,
    #[serde(default)]
    pack: String,
}

#[derive(serde::Deserialize)]
struct ExpectSpec {
    id: Option<String>,
    secret: Option<String>,
    token: Option<String>,
    path: String,
    line: Option<u64>,
}

/// Render all templates of `folder` below `out`, a folder each.
pub(super) fn all(folder: &Path, out: &Path, seed: u64) -> Vec<Case> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let spec: Spec = toml::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(spec.kind == "leak", !spec.expect.is_empty(), "{}: leaks have expectations", spec.id);
        let mut values = Values { seed, case: spec.id.clone(), made: BTreeMap::new() };
        for file in &spec.file {
            let target = out.join(&spec.id).join(&file.path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            let mut text = values.fill(&file.text);
            if file.newline == "crlf" {
                text = text.replace('\n', "\r\n");
            }
            std::fs::write(target, packed(&file.pack, encode(&text, &file.encoding))).unwrap();
        }
        let mut named = |v: &Option<String>| v.as_ref().map(|v| values.named(v));
        let expect = spec
            .expect
            .iter()
            .map(|e| Expect {
                id: named(&e.id),
                secret: named(&e.secret),
                token: named(&e.token),
                path: e.path.clone(),
                line: e.line,
            })
            .collect();
        cases.push(Case { id: spec.id, expect });
    }
    cases
}

fn packed(pack: &str, content: Vec<u8>) -> Vec<u8> {
    let member = [("member.txt", &content[..])];
    match pack {
        "" => content,
        "gz" => Pack::Gzip.pack(&member),
        "zip" => Pack::Zip.pack(&member),
        "tar.gz" => Pack::Gzip.pack(&[("", &Pack::Tar.pack(&member))]),
        other => panic!("unknown pack {other}"),
    }
}

fn encode(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "" | "utf-8" => text.as_bytes().to_vec(),
        "utf-8-bom" => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        "utf-16le" => {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        }
        "utf-16be" => {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
        }
        "latin-1" => text.chars().map(|c| u8::try_from(c).unwrap()).collect(),
        other => panic!("unknown encoding {other}"),
    }
}

/// The values of a case.
struct Values {
    seed: u64,
    case: String,
    made: BTreeMap<String, String>,
}

impl Values {
    /// Fill the placeholders of a text.
    fn fill(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            out.push_str(&rest[..at]);
            rest = &rest[at + 2..];
            if let Some(passage) = rest.strip_prefix('[') {
                let end = passage.find("]|").expect("a passage ends with ]|filter");
                let inner = self.fill(&passage[..end]);
                let close = end + passage[end..].find("}}").expect("a passage is closed");
                out.push_str(&filtered(inner, passage[end + 2..close].split('|')));
                rest = &passage[close + 2..];
            } else {
                let close = rest.find("}}").expect("a placeholder is closed");
                if !rest.starts_with(|c: char| c.is_ascii_uppercase()) {
                    out.push_str("{{"); // a template of the text's own
                    continue;
                }
                let mut parts = rest[..close].split('|');
                let value = self.named(parts.next().unwrap());
                out.push_str(&filtered(value, parts));
                rest = &rest[close + 2..];
            }
        }
        out + rest
    }

    /// The value `KIND:N` or `KIND:N:LENGTH`.
    fn named(&mut self, name: &str) -> String {
        if let Some(made) = self.made.get(name) {
            return made.clone();
        }
        let mut random = Random::new(self.seed, &format!("{}:{name}", self.case));
        let mut parts = name.split(':');
        let kind = parts.next().unwrap();
        let length = parts.nth(1).map_or(0, |l| l.parse().unwrap());
        let value = make(kind, length, &mut random);
        self.made.insert(name.to_owned(), value.clone());
        value
    }
}

fn make(kind: &str, length: usize, random: &mut Random) -> String {
    let hex = |random: &mut Random, n: usize| random.string(b"0123456789abcdef", n);
    match kind {
        "AKIA" | "ASIA" => loop {
            // 1 bit of generation, 40 of account, the rest random
            let account = 100_000_000_000 + random.next() % 900_000_000_000;
            let bits = (1u128 << 79) | (u128::from(account) << 39) | u128::from(random.next() >> 25);
            let body = (0..16).rev().map(|i| char::from(BASE32[(bits >> (5 * i)) as usize & 31]));
            let id: String = kind.chars().chain(body).collect();
            // one of 200,000 looks as if somebody had typed it; how many is measured where that is judged
            if keyhound::aws::key_id::classify(id.as_bytes()).kind == IdKind::Plausible {
                return id;
            }
        },
        "SECRET" => secret(random, BASE64),
        "ALNUM" => secret(random, &BASE64[..62]),
        "TOKEN" => format!("IQoJb3JpZ2luX2Vj{}==", random.string(BASE64, 338)),
        "SES" => base64(&[&[4][..], &random.bytes(32)].concat()),
        "ABSK" => {
            let user = random.string(b"abcdefghijklmnopqrstuvwxyz0123456789", 4);
            let account = 100_000_000_000 + random.next() % 900_000_000_000;
            let head = format!("BedrockAPIKey-{user}-at-{account}:");
            format!("ABSK{}", base64(&[head.as_bytes(), &random.bytes(40)].concat()))
        }
        "AIDA" | "AROA" => format!("{kind}{}", random.string(BASE32, 17)),
        "HEX40" => hex(random, 40),
        "HEX64" => hex(random, 64),
        "B64" => random.string(BASE64, length),
        "UPPER20" => loop {
            let s = random.string(BASE32, 20);
            if !["A3T", "AKIA", "ASIA", "ABIA", "ACCA"].iter().any(|p| s.starts_with(p)) {
                return s;
            }
        },
        other => panic!("unknown placeholder {other}"),
    }
}

/// A secret with capitals, small letters, two digits and, where the alphabet has them, a `+` or `/`.
fn secret(random: &mut Random, alphabet: &[u8]) -> String {
    loop {
        let s = random.string(alphabet, 40);
        let count = |class: fn(char) -> bool| s.chars().filter(|&c| class(c)).count();
        if count(|c| c.is_ascii_uppercase()) > 0
            && count(|c| c.is_ascii_lowercase()) > 0
            && count(|c| c.is_ascii_digit()) > 1
            && (alphabet.len() == 62 || s.contains(['+', '/']))
        {
            return s;
        }
    }
}

fn filtered<'a>(value: String, filters: impl Iterator<Item = &'a str>) -> String {
    let escape = |s: &str, keep: fn(u8) -> bool, as_text: fn(u8) -> String| {
        s.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { as_text(b) }).collect::<String>()
    };
    filters.fold(value, |s, filter| match filter {
        "b64" => base64(s.as_bytes()),
        "gz64" => base64(&Pack::Gzip.pack(&[("", s.as_bytes())])),
        "wide64" => base64(&s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        "b64url" => base64(s.as_bytes()).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
        "hex" => escape(&s, |_| false, |b| format!("{b:02x}")),
        "xxd" => dump(&s, |at, line| {
            let words: Vec<String> = line.chunks(2).map(|word| each(word, "", "")).collect();
            format!("{at:08x}: {:<39}  {}\n", words.join(" "), seen(line))
        }),
        "hexdump" => dump(&s, |at, line| {
            let (left, right) = line.split_at(line.len().min(8));
            let digits = format!("{}  {}", each(left, " ", ""), each(right, " ", ""));
            format!("{at:08x}  {digits:<48}  |{}|\n", seen(line))
        }),
        "array" => dump(&s, |_, line| format!("  {},\n", each(line, ", ", "0x"))),
        "spaced" => each(s.as_bytes(), " ", ""),
        "decimals" => s.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(","),
        "indented" => s.bytes().map(|b| format!("            {b}")).collect::<Vec<_>>().join(",\n"),
        "chars" => s.chars().map(|c| format!("'{c}'")).collect::<Vec<_>>().join(", "),
        "url" => escape(&s, |b| b.is_ascii_alphanumeric() || b"_.-~".contains(&b), |b| format!("%{b:02X}")),
        "jsonesc" => s.replace('/', "\\/"),
        "lower" => s.to_lowercase(),
        "upper" => s.to_uppercase(),
        "first20" => s[..20].to_owned(),
        "last20" => s[20..].to_owned(),
        "first12" => s[..12].to_owned(),
        "rest12" => s[12..].to_owned(),
        "u16" => escape(&s, |_| false, |b| format!("\\u{b:04x}")),
        other => panic!("unknown filter {other}"),
    })
}

/// 16 bytes a line.
fn dump(text: &str, line: impl Fn(usize, &[u8]) -> String) -> String {
    text.as_bytes().chunks(16).enumerate().map(|(number, bytes)| line(16 * number, bytes)).collect()
}

/// Each byte in hexadecimal digits.
fn each(bytes: &[u8], between: &str, before: &str) -> String {
    bytes.iter().map(|b| format!("{before}{b:02x}")).collect::<Vec<_>>().join(between)
}

/// What a dump shows as text.
fn seen(bytes: &[u8]) -> String {
    bytes.iter().map(|b| if matches!(b, b' '..=b'~') { char::from(*b) } else { '.' }).collect()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |v, &b| v << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            out.push(if i <= chunk.len() {
                char::from(BASE64[(bits >> (18 - 6 * i)) as usize & 63])
            } else {
                '='
            });
        }
    }
    out
}

/// A small generator, good enough for fake keys.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self(
            name.bytes()
                .fold(seed ^ 0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn string(&mut self, alphabet: &[u8], n: usize) -> String {
        (0..n).map(|_| char::from(alphabet[self.next() as usize % alphabet.len()])).collect()
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}
