use std::collections::BTreeSet;

use proptest::prelude::*;
use regex::bytes::Regex;
use sha2::Digest as _;

use super::*;
use crate::aws::base::{BASE64, base64_encode};

fn detector() -> &'static Detector {
    static DETECTOR: std::sync::LazyLock<Detector> =
        std::sync::LazyLock::new(|| Detector::new(Arc::new(RuleSet::embedded())));
    &DETECTOR
}

/// A plausible id: the first digit carries the generation bit, the account is below 10^12.
fn an_id() -> impl Strategy<Value = String> {
    ("(AKIA|ASIA)", "[QRSTUVWXYZ23][A-P][A-Z2-7]{14}")
        .prop_map(|(prefix, body)| format!("{prefix}{body}"))
        .prop_filter("AWS can have made it", |id| {
            crate::aws::key_id::classify(id.as_bytes()).kind == crate::aws::key_id::IdKind::Plausible
                && id.len() == 20
        })
}

fn a_secret() -> impl Strategy<Value = String> {
    // hashed, so that a smaller input is another random secret and not a degenerate one
    any::<u64>()
        .prop_map(|seed| {
            let digest = sha2::Sha512::digest(seed.to_be_bytes());
            digest[..40].iter().map(|b| char::from(BASE64[usize::from(b & 63)])).collect::<String>()
        })
        .prop_filter("AWS can have made it", |s| {
            crate::aws::secret::classify(s.as_bytes()) == crate::aws::secret::SecretClass::Plausible
        })
}

/// The id and the secret of each match, `-` where there is none.
fn read(text: &[u8]) -> Vec<(String, String)> {
    let show = |v: &Option<Value>| v.as_ref().map_or("-".into(), |v| v.text.expose().to_owned());
    detector().detect(text).iter().map(|m| (show(&m.id), show(&m.secret))).collect()
}

proptest! {
    #[test]
    fn base64_in_lines_is_read_wherever_the_lines_end(
        before in "[a-z ]{0,80}",
        width in proptest::sample::select(vec![60usize, 64, 76]),
        line_end in proptest::sample::select(vec!["\n", "\r\n", "\n    ", "\\n", "\\\\n", "\"\n  \""]),
        id in an_id(),
        secret in a_secret(),
    ) {
        let text = format!("{before}\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        // the literal by which it is found must not be cut
        let at = text.find(&id).expect("it was put there");
        let literal = (at * 8).div_ceil(6)..(at + 4) * 8 / 6;
        prop_assume!(literal.start / width == (literal.end - 1) / width);
        let encoded = base64_encode(text.as_bytes());
        let lines: Vec<&str> = encoded.as_bytes().chunks(width).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
        let file = format!("{{\"content\": \"{}\"}}", lines.join(line_end));
        prop_assert!(read(file.as_bytes()).contains(&(id, secret)), "{file}");
    }
}

proptest! {
    #[test]
    fn a_pair_in_any_bytes_is_found_where_it_stands(
        before in proptest::collection::vec(any::<u8>(), 0..3000),
        after in proptest::collection::vec(any::<u8>(), 0..3000),
        id in an_id(),
        secret in a_secret(),
    ) {
        let mut text = before.clone();
        text.extend_from_slice(b"\n\naws_access_key_id = ");
        let id_at = text.len();
        text.extend_from_slice(id.as_bytes());
        text.extend_from_slice(b"\naws_secret_access_key = ");
        let secret_at = text.len();
        text.extend_from_slice(secret.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(&after);
        let found = detector().detect(&text);
        let pair = found.iter().find(|m| m.id.as_ref().is_some_and(|v| v.text.expose() == id));
        prop_assert!(pair.is_some(), "no match");
        let pair = pair.unwrap();
        prop_assert_eq!(&pair.id.as_ref().unwrap().span, &(id_at..id_at + 20));
        let found_secret = pair.secret.as_ref();
        prop_assert_eq!(found_secret.map(|v| v.span.clone()), Some(secret_at..secret_at + 40));
        prop_assert_eq!(found_secret.unwrap().text.expose(), secret);
    }

    /// The prefilter, the windows and the decoding lose nothing that a plain regex over the whole text finds.
    #[test]
    fn ids_are_those_of_a_plain_regex(pieces in proptest::collection::vec("AK|IA|AKIA|ASIA|AKIAS|[A-Z2-7]{1,9}|[Q-Z2-7][A-Z2-7]{15}|[a-z ._:=\n]{1,3}", 0..60)) {
        let text = pieces.concat();
        let plain = Regex::new(r"(?-u)(?:AKIA|ASIA)[A-Z2-7]{16}").unwrap();
        let mut wanted = BTreeSet::new();
        for at in 0..text.len() {
            let rest = &text.as_bytes()[at..];
            let open = |b: Option<&u8>| b.is_none_or(|b| !b.is_ascii_alphanumeric());
            if plain.find(rest).is_some_and(|m| m.start() == 0)
                && open(rest.get(20))
                && open(at.checked_sub(1).map(|p| &text.as_bytes()[p]))
            {
                wanted.insert(text[at..at + 20].to_owned());
            }
        }
        let found: BTreeSet<String> = read(text.as_bytes()).into_iter().map(|(id, _)| id).filter(|id| id != "-").collect();
        prop_assert!(wanted.is_subset(&found), "{:?} of {:?}", found, wanted);
        // An id may be folded over two lines, and may stand before its secret in a word.
        let joined: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for id in found.difference(&wanted) {
            let is_folded = text.contains('\n') && joined.contains(id) && !text.contains(id);
            let has_secret = |word: &str| word.len() == 60 && word.starts_with(id.as_str());
            prop_assert!(is_folded || words.clone().any(has_secret), "{}", id);
        }
    }

    /// The look around a label loses nothing that the detector would find behind it.
    #[test]
    fn labels_before_a_secret_are_viable(
        lead in "[a-z ]{0,90}",
        label in "aws_secret_access_key|AWS_SECRET_KEY|awsSecretAccessKey|s3.secret-key|aws_sec_key",
        sign in "=| = |: |\\\": \\\"|\": \"|%3D|=3D|\\u003d|\\\\u003D|&quot;:&quot;|=\x1b\\[3[0-9]m|=(\\^\\[)?\\[(1;)?3[0-9]m|\n\\+?|=//|= \\(|\n\\(|\t\\(\x00\x00\x00|=[A-Z2-7]{20}/|='[a-z]{0,9}' \\+ '",
        secret in prop_oneof![a_secret(), "[A-Za-z0-9+/]{40}", "[A-Z][a-z]{3,9}[A-Z][a-z]{3,9}[A-Z][a-z]{3,9}/[A-Za-z]{40}"],
        slash in "/|\\\\/|%2F|\\\\u002f|\\\\x2F",
        end in "\n|\"|\\\\\"|\\\\n|%22|&quot;|\x1b\\[0m|' \\+ '[a-z]{0,4}'|=|==",
        tail in "[a-z ]{0,40}|\\PC{0,9}",
    ) {
        let text = format!("{lead}{label}{sign}{}{end}{tail}", secret.replace('/', &slash)).into_bytes();
        let prefilter = detector().prefilter();
        let mut anchors = Vec::new();
        prefilter.anchors(&text, &mut anchors);
        let mut wanted = Vec::new();
        for window in window::windows(&text, &anchors, prefilter.literals()) {
            detector().window(&text, &window, 4, &mut wanted, &mut |_, _| {});
        }
        if !wanted.is_empty() {
            prop_assert!(prefilter.is_hot(&text), "{}", text.escape_ascii());
        }
    }

    /// The history scan carries anchors over from one version of a file to the next, and relies on this.
    #[test]
    fn whether_an_anchor_is_viable_depends_on_its_surroundings_alone(
        pieces in proptest::collection::vec("AKIA|QUtJQ|ecret|\\\\n|%3D|41534941|A\\x00K\\x00I\\x00A|[A-Z2-7]{16}|[A-Za-z0-9+/]{40}|[a-z0-9=\" ]{1,80}|\"\n  \"", 0..40)
    ) {
        let text = pieces.concat().into_bytes();
        let prefilter = detector().prefilter();
        let mut anchors = Vec::new();
        prefilter.anchors(&text, &mut anchors);
        for a in anchors {
            let from = a.pos.saturating_sub(Prefilter::REACH_BEFORE);
            let to = text.len().min(a.pos + Prefilter::REACH_AFTER);
            let moved = Anchor { pos: a.pos - from, literal: a.literal };
            prop_assert_eq!(prefilter.viable(&text, a), prefilter.viable(&text[from..to], moved));
        }
    }

    /// Versions of a text, each made of the same pieces in some order, give with a memo what they give without.
    #[test]
    fn a_memo_changes_nothing(
        pieces in proptest::collection::vec(prop_oneof![
            (an_id(), a_secret()).prop_map(|(id, secret)| format!("id = {id}\nsecret = {secret}\n")),
            (an_id(), a_secret()).prop_map(|(id, secret)| format!("{id} {secret}").bytes().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(d.into(), 16)).collect()),
            (an_id(), a_secret()).prop_map(|(id, secret)| format!("{id} {secret}").chars().flat_map(|c| [c, '\0']).collect()),
            a_secret().prop_map(|secret| format!("aws_secret_access_key={secret}\n")),
            "[a-z ]{1,9}",
        ], 1..6),
        versions in proptest::collection::vec(
            proptest::collection::vec((any::<proptest::sample::Index>(), proptest::sample::select(&[0, 1, 2, 700, 17_000, 40_000][..])), 1..6),
            1..6,
        ),
    ) {
        let mut memo = Memo::default();
        for version in versions {
            let text: String = version.iter().map(|(i, gap)| pieces[i.index(pieces.len())].clone() + &" ".repeat(*gap)).collect();
            let mut anchors = Vec::new();
            detector().prefilter().viable_anchors(text.as_bytes(), &mut anchors);
            let found = detector().detect_at(text.as_bytes(), &anchors, &mut memo, &mut |_, _| {});
            prop_assert_eq!(found, detector().detect(text.as_bytes()));
        }
    }

    #[test]
    fn any_bytes_are_searched_without_panic(text in proptest::collection::vec(proptest::sample::select(&b"AKIASQ27/+=\"'\\n%u0041&#x;{}[]\n \x00ecretSECRET_kv:"[..]), 0..600)) {
        detector().detect(&text);
    }
}

proptest! {
    /// Whatever lies between them, and even one in another, no secret is given to two ids.
    #[test]
    fn values_in_any_layout_are_paired_one_to_one(
        pieces in proptest::collection::vec(prop_oneof![
            an_id(),
            a_secret(),
            (an_id(), a_secret(), 0usize..18).prop_map(|(id, s, at)| format!("{}/{id}/{}", &s[..at], &s[..18 - at])),
            r#"[\[\]{}(),;|"'=:/+._ -]{1,4}|\n {0,4}|ids|secrets?|(aws_)?(key|secret): |jwt: |"[ab]": "|\$\{X\}|---|null"#,
        ], 0..40)
    ) {
        let found = detector().detect(pieces.concat().as_bytes());
        let mut spans: Vec<_> = found.iter().filter(|m| m.id.is_some()).filter_map(|m| Some(m.secret.as_ref()?.span.start)).collect();
        let pairs = spans.len();
        spans.sort_unstable();
        spans.dedup();
        prop_assert_eq!(spans.len(), pairs);
    }
}

#[test]
fn each_carrier_of_an_id_has_an_anchor() {
    let id = "AKIAQYLPMN5HHHFPZAM3";
    let each = |as_text: fn(u8) -> String| id.bytes().map(as_text).collect::<String>().into_bytes();
    let hex = String::from_utf8(each(|b| format!("{b:02x}"))).unwrap();
    let utf16 = |big: bool| -> Vec<u8> {
        id.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    for (name, text) in [
        ("plain", id.as_bytes().to_vec()),
        ("hex", hex.clone().into_bytes()),
        ("upper-case hex", hex.to_uppercase().into_bytes()),
        ("base64, first alignment", b"QUtJQVFZTFBNTjVISEhGUFpBTTM=".to_vec()),
        ("base64, second alignment", b"PUFLSUFRWUxQTU41SEhIRlBaQU0z".to_vec()),
        ("base64, third alignment", b"PSJBS0lBUVlMUE1ONUhISEZQWkFNMyI=".to_vec()),
        ("UTF-16LE", utf16(false)),
        ("UTF-16BE", utf16(true)),
        ("\\u", each(|b| format!("\\u{b:04x}"))),
        ("\\u, upper case", each(|b| format!("\\u{b:04X}"))),
        ("\\u{}", each(|b| format!("\\u{{{b:x}}}"))),
        ("\\x", each(|b| format!("\\x{b:02x}"))),
        ("%", each(|b| format!("%{b:02X}"))),
        ("&#;", each(|b| format!("&#{b};"))),
        ("&#x;", each(|b| format!("&#x{b:x};"))),
    ] {
        let padded = [b"\n  ".as_slice(), &text, b"\n"].concat();
        assert_eq!(read(&padded), [(id.to_owned(), "-".to_owned())], "{name}");
    }
}

#[test]
fn the_literals_fit_one_pass() {
    let prefilter = detector().prefilter();
    // each more costs every scan
    assert!(prefilter.literals().len() <= 57, "{} literals", prefilter.literals().len());
    for l in prefilter.literals() {
        assert!(l.bytes.len() >= 4, "{:?} would be found everywhere", l.bytes.escape_ascii().to_string());
    }
}

/// What `cargo fuzz` once made fail, each as text before and after a planted pair, at every place to split it.
#[test]
fn inputs_that_failed_once_hide_no_pair() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz/planted");
    let (id, secret) =
        (["AKIA", "XDIMWXY3V2RTFFR2"].concat(), ["Dd47kQ/x2TqLmZ0vB9+W", "cYs4HdUaPf6GjEoNi1Kt"].concat());
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let noise = std::fs::read(entry.unwrap().path()).unwrap();
        inputs += 1;
        for cut in 0..=noise.len() {
            let pair = format!("\n\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
            let text = [&noise[..cut], pair.as_bytes(), &noise[cut..]].concat();
            assert!(read(&text).contains(&(id.clone(), secret.clone())), "cut at {cut}");
        }
    }
    assert!(inputs > 0, "no inputs");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// What is put together from the signs of tables and statements, in any order, is searched to its end.
    #[test]
    fn broken_tables_are_read(parts in proptest::collection::vec(proptest::sample::select(vec![
        "<td", ">", "<tr>", "</td>", "<table", "|", "||", "^", "\t", "\n", "\r\n", " ", "C", "co", "copy", "(", ")", ",", "VALUES", ";\n",
        "CREATE TABLE t", "INSERT INTO t ", "[", "]", "{", "}", ":", "\"", "'", "a", "\"name\"", "columns", "{|\n", "! ", "|-", "|===",
        "cols=", "*", "list-table", "* - ", "- ", "== ==", "-- --", "+--+--+", "join", "concat", "where", "=", "echo ", "--name", "-v ",
        "<string>", "</key>", "[x]\n", "---\n", "AKIAQ3EGVUKTBDYJ2MMH", "Wk9uJf2bXe5/tMz7QaLh3Cp1VrNd8YsGo6EiB4xT",
    ]), 0..60)) {
        read(format!("{}AKIAQ3EGVUKTBDYJ2MMH Wk9uJf2bXe5/tMz7QaLh3Cp1VrNd8YsGo6EiB4xT", parts.concat()).as_bytes());
    }
}

#[test]
fn a_secret_may_begin_as_the_keys_of_another_service_do() {
    let id = "AKIAQ3EGVUKTBDYJ2MMH";
    for (value, secret) in [
        ("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", true),
        ("6LxkSVuqCG4s56n0jgHyHc4aoFwwxKBqKEy2zpdE", true),
        // of reCAPTCHA
        ("6LxkSVuqAAAAAs56n0jgHyHc4aoFwwxKBqKEy2zp", false),
    ] {
        let lists = format!("ids = [\n  '{id}',\n]\nvalues = [\n  '{value}',\n]\n");
        let expected = if secret { value } else { "-" };
        assert_eq!(read(lists.as_bytes()), [(id.to_owned(), expected.to_owned())], "{value}");
    }
}

#[test]
fn a_hash_of_few_digits_is_no_secret_of_an_example() {
    let text = "# like AKIAIOSFODNN7EXAMPLE\nassert_secret(\"5a5566b6be8666c66166a655536d67abe663be86\")\n";
    assert_eq!(read(text.as_bytes()), [("AKIAIOSFODNN7EXAMPLE".to_owned(), "-".to_owned())]);
}

/// One secret of 50,000 does. Its name or the id beside it speaks louder; what neither is said of stays unreported.
#[test]
fn a_secret_that_reads_like_words_needs_an_id() {
    let id = "AKIAQ3EGRRZOLB5XHRQT";
    let pair = |secret: &str| vec![(id.to_owned(), secret.to_owned())];
    for secret in ["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", "a/GAmuSua10KwxetgNSk5M80McLyNC142Tjaiatu"] {
        for (text, expected) in [
            (format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n"), pair(secret)),
            (format!("new Keys(\"{id}\", \"{secret}\")"), pair(secret)),
            (format!("Access key ID,Secret access key\n{id},{secret}\n"), pair(secret)),
            (format!("{id}:{secret}"), pair(secret)),
            (format!("id: {id}\nsecretKey: {}\n", base64_encode(secret.as_bytes())), pair(secret)),
            (format!("aws_access_key_id = {id}\npath = {}\n", base64_encode(secret.as_bytes())), pair("-")),
            (format!("aws_access_key_id = {id}\npath = {secret}\n"), pair("-")),
            (format!("aws_secret_access_key = {secret}\n"), vec![]),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }
}

/// Literals that begin alike are found at one place, whichever is the longer one and whatever each is the head of.
#[test]
fn a_rule_whose_prefix_begins_as_a_built_in_literal_does_hides_none_and_is_not_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.toml");
    for prefix in [
        "ecr",
        "ecret_",
        "ecrets",
        "ECRETX",
        "email-",
        "email-smtpX",
        "H4sI",
        "H4s",
        "AKI",
        "AKIAX",
        "QUtJQX",
    ] {
        let value = format!("{prefix}0a1b2c3d4e5f");
        let rule = format!(
            "id = \"acme-token\"\ndescription = \"A token.\"\nwhy = \"It opens acme.\"\nremediation = \"Revoke it.\"\n\
             severity = \"high\"\n[part.secret]\nprefixes = [\"{prefix}\"]\npattern = \"[0-9a-f]{{12}}\"\n\
             [[example]]\ntext = \"k={value}\"\nextracts = [{{ secret = \"{value}\" }}]\n\
             [[counter_example]]\ntext = \"{prefix}0\"\nwhy = \"Too short.\"\n"
        );
        std::fs::write(&file, rule).unwrap();
        let all = Detector::new(Arc::new(RuleSet::load(std::slice::from_ref(&file)).unwrap()));
        let found = |text: &str| {
            let secret = |m: &Match| m.secret.as_ref().map(|s| s.text.expose().to_owned());
            let matches = all.detect(text.as_bytes());
            matches.iter().map(|m| (all.rules().rules[m.rule].id.to_string(), secret(m))).collect::<Vec<_>>()
        };
        assert_eq!(found(&format!("k={value}\n")), [("acme-token".to_owned(), Some(value))], "{prefix}");
        for rule in RuleSet::embedded().rules {
            for example in &rule.examples {
                let secrets: Vec<Option<String>> =
                    example.extracts.iter().map(|e| e.secret.clone()).collect();
                let mut got = found(&example.text);
                got.retain(|(id, _)| *id == *rule.id);
                let got: Vec<Option<String>> = got.into_iter().map(|(_, secret)| secret).collect();
                assert_eq!(got, secrets, "{prefix}: {}", example.text);
            }
        }
    }
}
