use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::aws::base::base64_encode;
use crate::blob::{Blob, Sink as _};
use crate::decode::unpack::samples::{Pack, gzip};
use crate::detect::Depth;
use crate::rules::RuleSet;
use crate::scan::{ArchiveLimits, Collector, Gathered};

/// A fake credential: made, never issued.
const ID: &str = concat!("AKIA", "Q3EGVUKTBDYJ2MMH");
const SECRET: &str = concat!("tGy7Kd0cS/vPw3mXzLq9", "RbNf5hJ8uA1eIo2WpT6C");

fn planted(lines_before: usize) -> String {
    let mut text = String::new();
    for n in 0..lines_before {
        writeln!(text, "this is line {n} of many").unwrap();
    }
    write!(text, "aws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n").unwrap();
    text
}

fn scan(file: &[u8], depth: usize) -> Gathered {
    let detector = Detector::new(Arc::new(RuleSet::load(&[]).unwrap()));
    let control =
        Control { archives: ArchiveLimits { depth, ..ArchiveLimits::default() }, ..Control::default() };
    let collector = Collector::new(&detector, &control);
    collector.blob(Blob { origin: &Origin::file("outer"), bytes: file });
    collector.finish()
}

/// Path, line, and whether it is the pair.
fn places(gathered: &Gathered) -> Vec<(String, Option<u64>, bool)> {
    let path = |f: &Finding| String::from_utf8(f.location.path.clone().unwrap()).unwrap();
    let paired = |f: &Finding| f.secret.as_ref().is_some_and(|s| s.expose() == SECRET);
    gathered.findings.iter().map(|f| (path(f), f.location.line, paired(f))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_pair_is_found_however_it_is_packed(
        packs in prop::collection::vec(prop::sample::select(&Pack::ALL[..]), 1..=8),
        line in 0usize..50,
    ) {
        let text = planted(line).into_bytes();
        let pack = |inner: Vec<u8>, pack: &Pack| pack.pack(&[("m", &inner), ("n", b"beside")]);
        let packed = packs.iter().fold(text, pack);
        let members: String = packs.iter().filter(|p| p.names()).map(|_| "!m").collect();
        let depth = packs.iter().map(|p| p.layers()).sum();
        let gathered = scan(&packed, depth);
        prop_assert_eq!(&gathered.skipped, &[]);
        prop_assert_eq!(places(&gathered), [(format!("outer{members}"), Some(line as u64 + 1), true)]);
        // One level less: it is not found, and the scan says so. (Some packs keep plain text as it is.)
        let shallow = scan(&packed, depth - 1);
        prop_assert!(depth == 1 || shallow.skipped.len() == 1);
    }
}

#[test]
fn members_that_do_not_fit_into_memory_are_read_in_pieces() {
    let lines = 20 * WHOLE as usize / 10 / "this is line 1234567 of many\n".len();
    let text = planted(lines);
    assert!(text.len() as u64 > WHOLE);
    for pack in [Pack::Gzip, Pack::ZipStreamed, Pack::Tar] {
        let gathered = scan(&pack.pack(&[("m", text.as_bytes())]), 8);
        let path = if pack.names() { "outer!m" } else { "outer" };
        assert_eq!(places(&gathered), [(path.into(), Some(lines as u64 + 1), true)], "{pack:?}");
    }
}

#[test]
fn the_name_of_a_member_is_content() {
    let name = format!("backup-{ID}.txt");
    let gathered = scan(&Pack::Zip.pack(&[(&name, b"nothing")]), 8);
    assert_eq!(places(&gathered), [(format!("outer!{name}"), None, false)]);
    assert_eq!(gathered.findings[0].location.place, Place::Path);
}

#[test]
fn what_only_begins_like_a_container_is_read_as_it_is() {
    let text = planted(0);
    let gathered = scan(&[b"!<arch>\n", text.as_bytes()].concat(), 8);
    assert_eq!(places(&gathered), [("outer".into(), Some(2), true)]);
    assert_eq!(gathered.skipped.len(), 1, "it is told all the same");
}

/// A layer of encoding that a text can be under.
#[derive(Debug, Clone, Copy)]
enum Layer {
    /// Base64 of gzip, in a value.
    Gzip,
    /// Base64 of a zip archive, on lines.
    Zip,
    /// Base64 of UTF-16, as of `PowerShell -EncodedCommand`.
    Wide,
    /// A string of JSON.
    Json,
    /// Percent encoding of all but letters and digits.
    Percent,
}

impl Layer {
    fn wrap(self, text: &[u8]) -> Vec<u8> {
        let escaped = |keep: fn(u8) -> bool, form: fn(u8) -> String| -> String {
            text.iter().map(|b| if keep(*b) { char::from(*b).to_string() } else { form(*b) }).collect()
        };
        match self {
            Self::Gzip => format!("user_data: \"{}\"\n", base64_encode(&gzip(text))),
            Self::Zip => {
                let packed = base64_encode(&Pack::Zip.pack(&[("in", text)]));
                let lines: Vec<&str> =
                    packed.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect();
                format!("Content-Transfer-Encoding: base64\n\n{}\n", lines.join("\r\n"))
            }
            Self::Wide => {
                let wide: Vec<u8> = text.iter().flat_map(|b| [*b, 0]).collect();
                format!("powershell -EncodedCommand {}\n", base64_encode(&wide))
            }
            Self::Json => serde_json::to_string(&String::from_utf8_lossy(text)).unwrap(),
            Self::Percent => escaped(|b| b.is_ascii_alphanumeric(), |b| format!("%{b:02X}")),
        }
        .into_bytes()
    }

    /// What the report calls it.
    fn chain(self) -> &'static [&'static str] {
        match self {
            Self::Gzip => &["base64", "gzip"],
            Self::Zip => &["base64", "zip"],
            Self::Wide => &["base64", "utf-16"],
            Self::Json | Self::Percent => &[],
        }
    }

    /// How many layers it counts.
    fn depth(self) -> usize {
        self.chain().iter().filter(|name| **name != "utf-16").count()
    }
}

fn scan_encoded(file: &[u8], encodings: usize) -> Gathered {
    // Three packages in one another: each is an archive of a stream of an archive.
    const LAYERS: usize = 3 * 3;
    let depth = Depth { encodings, ..Depth::default() };
    let detector = Detector::with_depth(Arc::new(RuleSet::load(&[]).unwrap()), depth);
    let archives = ArchiveLimits { depth: LAYERS, ..ArchiveLimits::default() };
    let control = Control { archives, ..Control::default() };
    let collector = Collector::new(&detector, &control);
    collector.blob(Blob { origin: &Origin::file("outer"), bytes: file });
    collector.finish()
}

/// The innermost is a container in base64 or plain, since an id in UTF-16 in base64 shows only to the layer around it.
fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let container = prop::sample::select(&[Layer::Gzip, Layer::Zip][..]);
    let escape = prop::sample::select(&[Layer::Json, Layer::Percent][..]);
    let block = (
        prop::option::of(prop::sample::select(&[Layer::Json, Layer::Wide][..])),
        container,
        prop::option::of(escape),
    );
    prop::collection::vec(block, 1..=3).prop_map(|blocks| {
        let first = |n: usize, layer: Layer| n == 0 || !matches!(layer, Layer::Wide);
        let flat = |(n, (inside, container, outside)): (usize, (Option<Layer>, Layer, Option<Layer>))| {
            inside.filter(|l| first(n, *l)).into_iter().chain([container]).chain(outside)
        };
        blocks.into_iter().enumerate().flat_map(flat).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_pair_is_found_under_every_layer_up_to_the_limit(
        layers in layers(),
        packs in prop::collection::vec(prop::sample::select(&Pack::ALL[..]), 0..=3),
        above in 0usize..30,
    ) {
        // Innermost first.
        let text = layers.iter().fold(planted(3).into_bytes(), |text, layer| layer.wrap(&text));
        let file = [format!("# {}", "a line\n# ".repeat(above)).into_bytes(), b"\n".to_vec(), text].concat();
        let packed = packs.iter().fold(file, |inner, pack| pack.pack(&[("m", &inner)]));
        let depth: usize = layers.iter().map(|l| l.depth()).sum();
        let gathered = scan_encoded(&packed, depth);
        prop_assert_eq!(&gathered.skipped, &[]);
        prop_assert_eq!(gathered.findings.len(), 1, "{:?}", layers);
        let found = &gathered.findings[0];
        prop_assert!(found.secret.as_ref().is_some_and(|s| s.expose() == SECRET));
        let named: Vec<&str> = found.encodings.iter().map(|e| e.name()).filter(|n| !["escape", "percent"].contains(n)).collect();
        let wanted: Vec<&str> = layers.iter().rev().flat_map(|l| l.chain()).copied().collect();
        prop_assert_eq!(named, wanted);
        let members = layers.iter().filter(|l| matches!(l, Layer::Zip)).map(|_| "in").collect::<Vec<_>>().join("!");
        let member = found.location.member.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        prop_assert_eq!(member, members);
        // The place is that in the outer text: there the line of the last layer.
        let zip_head = u64::from(matches!(layers.last(), Some(Layer::Zip))) * 2;
        prop_assert_eq!(found.location.line, Some(above as u64 + 2 + zip_head));
        prop_assert_eq!(scan_encoded(&packed, depth - 1).findings.len(), 0, "{:?}", layers);
    }
}

#[test]
fn packages_in_packages_are_opened_as_deep_as_asked() {
    let file = planted(0).into_bytes();
    let packed = (0..3).fold(file, |inner, _| Pack::Rpm.pack(&[("m", &inner)]));
    let gathered = scan_encoded(&packed, 0);
    assert_eq!((&gathered.skipped[..], gathered.findings.len()), (&[][..], 1));
}

#[test]
fn encodings_that_are_found_by_their_own_marks() {
    let text = planted(1);
    let utf32 = |little: bool| -> Vec<u8> {
        let unit = |c: char| if little { (c as u32).to_le_bytes() } else { (c as u32).to_be_bytes() };
        text.chars().flat_map(unit).collect()
    };
    for (name, file, chain) in [
        ("UTF-32, little endian", utf32(true), &["utf-32"][..]),
        ("UTF-32, big endian", utf32(false), &["utf-32"]),
        (
            "Helm",
            format!("release: {}", base64_encode(base64_encode(&gzip(text.as_bytes())).as_bytes()))
                .into_bytes(),
            &["base64", "base64", "gzip"],
        ),
        (
            "long base64",
            format!("x: {}", base64_encode([&b"a ".repeat(50_000)[..], text.as_bytes()].concat().as_slice()))
                .into_bytes(),
            &["base64"],
        ),
    ] {
        let gathered = scan_encoded(&file, 4);
        let found: Vec<_> = gathered
            .findings
            .iter()
            .map(|f| (f.secret.is_some(), f.encodings.iter().map(|e| e.name()).collect()))
            .collect();
        assert_eq!(found, [(true, chain.to_vec())], "{name}");
    }
}

#[test]
fn wide_texts_may_end_with_a_value_or_within_one() {
    let text = planted(1);
    let text = text.trim_end();
    for big in [false, true] {
        for mark in ["", "\u{feff}"] {
            let unit = |u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() };
            let wide: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(unit).collect();
            for cut in 0..4 {
                let gathered = scan_encoded(&wide[..wide.len() - cut], 4);
                // Little endian, the last byte says nothing.
                let paired = cut == 0 || cut == 1 && !big;
                assert_eq!(places(&gathered), [("outer".into(), Some(2), paired)], "{big} {mark:?} {cut}");
                let location = &gathered.findings[0].location;
                assert_eq!((location.column, location.end_column), (Some(21), Some(41)));
                assert_eq!(location.secret_line, paired.then_some(3));
            }
        }
    }
}

#[test]
fn a_bomb_in_base64_is_listed() {
    let bomb = gzip(&vec![0; 100 << 20]);
    let gathered = scan_encoded(format!("x: {}\n{}", base64_encode(&bomb), planted(0)).as_bytes(), 4);
    assert_eq!(gathered.skipped.len(), 1, "{:?}", gathered.skipped);
    assert_eq!(places(&gathered), [("outer".into(), Some(2), true)]);
}
