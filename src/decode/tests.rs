use super::*;

fn view(text: &str) -> View {
    View::plain(text.as_bytes(), 0).decoded(Carriers::default(), 4, &|_| false)
}

/// The decoded text, and for the part `find` of it where it stands in the original.
fn read<'a>(text: &'a str, view: &View, find: &str) -> (&'a str, Vec<Encoding>) {
    let decoded = String::from_utf8(view.text.clone()).unwrap();
    let at = decoded.find(find).unwrap_or_else(|| panic!("{find:?} is not in {decoded:?}"));
    (&text[view.raw(at..at + find.len())], view.encodings(at..at + find.len()))
}

#[test]
fn escapes_are_undone_and_mapped_back() {
    for (text, find, raw, encoding) in [
        (r#"{"s":"ab\/cd"}"#, "ab/cd", r"ab\/cd", Encoding::Escape),
        (r#"\\\"ab\\\/cd\\\""#, "\"ab/cd\"", r#"\\\"ab\\\/cd\\\""#, Encoding::Escape),
        (r"x\nab\u002fcd\n", "\nab/cd\n", r"\nab\u002fcd\n", Encoding::Escape),
        (r"ab\x2Bcd", "ab+cd", r"ab\x2Bcd", Encoding::Escape),
        (r"ab\057cd", "ab/cd", r"ab\057cd", Encoding::Escape),
        (r"ab\u{2f}cd", "ab/cd", r"ab\u{2f}cd", Encoding::Escape),
        ("s3://ab%2Fcd%2B@", "ab/cd+", "ab%2Fcd%2B", Encoding::Percent),
        ("ab%252Fcd", "ab/cd", "ab%252Fcd", Encoding::Percent),
        ("key%C2%A0ab", "\u{a0}", "%C2%A0", Encoding::Percent),
        ("key%25EF%25BC%259Aab", "\u{ff1a}", "%25EF%25BC%259A", Encoding::Percent),
        ("key%A0ab", "y\u{a0}a", "y%A0a", Encoding::Percent),
        (r"key\302\240ab", "y\u{c2}\u{a0}a", r"y\302\240a", Encoding::Escape),
        (r"key:\012ab\040", "\nab ", r"\012ab\040", Encoding::Escape),
        (r"\bAKIA\b", "\u{8}AKIA", r"\bAKIA", Encoding::Escape),
        ("ab&#x2F;cd&#43;e&plus;", "ab/cd+e+", "ab&#x2F;cd&#43;e&plus;", Encoding::Html),
        ("&amp;quot;ab", "\"ab", "&amp;quot;ab", Encoding::Html),
        ("a&amp;b", "a&b", "a&amp;b", Encoding::Html),
        ("k+%3D+ab%2Fcd%2B%0A", "k = ab/cd+\n", "k+%3D+ab%2Fcd%2B%0A", Encoding::Percent),
        ("s3://a:b%2Fc+d@e", "b/c+d", "b%2Fc+d", Encoding::Percent),
        ("x/y+z?k%3a+ab", "/y+z?k: ab", "/y+z?k%3a+ab", Encoding::Percent),
    ] {
        assert_eq!(read(text, &view(text), find), (raw, vec![encoding]), "{text}");
    }
}

#[test]
fn escapes_of_escapes_are_undone() {
    for (text, plain) in [
        ("ab%5C%2Fcd", "ab/cd"),
        (r"\u0026x=ab\u00252Fcd", "&x=ab/cd"),
        ("{\"\"id\"\": \"\"ab\"\"}", "{\"id\": \"ab\"}"),
        ("\u{feff}ab", "ab"),
    ] {
        assert_eq!(String::from_utf8(view(text).text).unwrap(), plain, "{text}");
    }
}

#[test]
fn terminal_colours_and_quoted_printable_are_taken_out() {
    for text in ["=\x1b[32mAbc\x1b[0m\n", r"=\u001b[32mAbc\u001b[0m\n", r"=\033[1;36mAbc\e[0m\n"] {
        assert_eq!(view(text).text, b"=Abc\n", "{text}");
    }
    let carriers = Carriers { quoted_printable: true, ..Carriers::default() };
    let mail = |text: &str| View::plain(text.as_bytes(), 0).decoded(carriers, 4, &|_| false);
    let text = "K=3Dab=\r\ncd=2B= x";
    let v = mail(text);
    assert_eq!(v.text, b"K=abcd+= x");
    assert_eq!(read(text, &v, "=ab").1, [Encoding::QuotedPrintable]);
    assert_eq!(mail("key:=C2=A0ab=E2=80=9D").text, "key:\u{a0}ab\u{201d}".as_bytes());
    assert_eq!(mail("key:=A0ab").text, b"key:\xa0ab");
    assert_eq!(mail("KEY=A0ab 'x'=F0").text, b"KEY=A0ab 'x'=F0", "a part that is in the clear");
}

#[test]
fn what_is_no_escape_stays() {
    for text in [
        r"C:\windows\system32",
        r#"a = "" + "b" if c == """#,
        r#""""ab""""#,
        "100% sure",
        "a & b",
        "&unknown;",
        "%zz",
        "%C2 %C2x",
        "%E2%80%",
        r"\q",
        r"\backup",
        r"\300x",
        "&#xZZ;",
        r"\u12",
    ] {
        assert_eq!(view(text).text, text.as_bytes(), "{text}");
    }
    // git writes the new word behind the old one
    assert_eq!(view("\x1b[31mold\x1b[m\x1b[32mnew\x1b[m \x1b[1mke\x1b[0my").text, b"old new key");
    // a secret may begin as a colour that has lost its ESC does
    let text = "<![CDATA[2mxm0+Ze7X8Hdyh8F/dRRj+6/KSIlxLb2AoJkKQ1]]>";
    assert_eq!(view(text).text, text.as_bytes());
}

#[test]
fn split_literals_are_joined_where_the_pieces_make_a_value() {
    let (a, b) = ("abcdefghijABCDEFGHIJ", "klmnopqrstKLMNOPQRST");
    for joint in [
        "\"\n    \"",
        "\" + \"",
        "\"\n  + \"",
        "' . '",
        "' \\\n '",
        "\" & _\n \"",
        "\" + `\n \"",
        "`..`",
        "\" f\"",
        "' || '",
        "''",
        "\"; s += \"",
        "\"\ns = s & \"",
        "\").append(\"",
    ] {
        let quote = &joint[..1];
        let text = format!("s = {quote}{a}{joint}{b}{quote};");
        let whole = format!("{a}{b}");
        assert_eq!(
            read(&text, &view(&text), &whole),
            (&*format!("{a}{joint}{b}"), vec![Encoding::Joined]),
            "{text}"
        );
    }
    let commented = format!("'{a}' /* {a} */ '{b}'");
    for text in [
        commented,
        format!("['{a}', '{b}']"),
        format!("'{a}' + '{b}x'"),
        format!("s = '{a}'; t += '{b}'"),
        format!("s = '{a}'; s = '{b}'"),
    ] {
        assert_eq!(view(&text).text, text.as_bytes(), "{text}");
    }
}

#[test]
fn lists_are_joined_where_the_program_joins_them() {
    let (a, b) = ("abcdefghijABCDEFGHIJ", "klmnopqrstKLMNOPQRST");
    let joined = |text: &str| String::from_utf8(view(text).text).unwrap().contains(&format!("{a}{b}"));
    for text in [
        format!("s = ''.join(['{a}', '{b}'])"),
        format!("s = [\"{a}\",\n  \"{b}\"].join(\"\")"),
        format!("s = ['{a}', '{b}'].join\n"),
        format!("$s = implode('', array('{a}', '{b}'));"),
        format!("s = join(\"\", [\"{a}\", \"{b}\"])"),
        format!("SELECT CONCAT('{a}', '{b}')"),
        format!("!Join ['', ['{a}', '{b}']]"),
        format!("{{\"Fn::Join\": [\"\", [\"{a}\", \"{b}\"]]}}"),
        format!("strings.Join([]string{{\"{a}\", \"{b}\"}}, \"\")"),
        format!("fmt.Sprintf(\"%s%s\", \"{a}\", \"{b}\")"),
        format!("listOf(\"{a}\", \"{b}\").joinToString(\"\")"),
    ] {
        assert!(joined(&text), "{text}");
    }
    for text in [
        format!("s = ', '.join(['{a}', '{b}'])"),
        format!("s = ['{a}', '{b}'].join('-')"),
        format!("s = path.join('{a}', '{b}')"),
        format!("s = f(['{a}', '{b}'])"),
        format!("strings.Join([]string{{\"{a}\", \"{b}\"}}, \",\")"),
        format!("fmt.Sprintf(\"%s-%s\", \"{a}\", \"{b}\")"),
    ] {
        assert!(!joined(&text), "{text}");
    }
}

#[test]
fn tables_are_drawn_with_ascii() {
    let text =
        "\u{250f}\u{2501}\u{2533}\u{2550}\u{2551} a \u{2502}\u{2503}\n\u{251c}\u{2500} \u{20ac} \u{2580}";
    let drawn = view(text);
    assert_eq!(String::from_utf8(drawn.text.clone()).unwrap(), "+-+=| a ||\n+- \u{20ac} \u{2580}");
    let at = drawn.text.iter().position(|b| *b == b'a').unwrap();
    assert_eq!(&text[drawn.raw(at..at + 1)], "a");
}

#[test]
fn a_cell_is_joined_with_what_is_below_it_in_its_row() {
    let (id, a, b) = ("AKIAQYLPMN5HPEXAMPL3", "kR7/x2TqLmZ0vB9+WcYs", "4HdUaPf6GjEoNi1Kt3Xz");
    let (blank, whole) = (" ".repeat(20), format!("{a}{b}"));
    for (text, joined) in [
        (format!("\n| {id} | {a} | x |\n| {blank} | {b} |   |\n"), true),
        (format!("\n {id}  {a}  2024-06-15\n {blank}  {b}\n"), true),
        (format!("\n| ops- | {id} | {a} | x |\n| all  | {blank} | {b} | y |\n"), true),
        (format!("\n| ops- | {a} | x |\n|      | {b} |   |\n"), true),
        // another row
        (format!("\n| ops- | {a} | x |\n| all  | {b} | y |\n"), false),
        (format!("\n| {id} | {a} | x |\n| ops                  | {b} | y |\n"), false),
        // the id would be lost
        (format!("\n| {a} | {id} |\n| {b} | {blank} |\n"), false),
        (format!("\n| {blank} | {a} | x |\n| {id} | {b} | y |\n"), false),
        // what is not in the same column, or a cell of its own
        (format!("\n| {id} | {a} | x |\n|  {blank} | {b} |   |\n"), false),
        (format!("\n| {id} | {a}-x |\n| {blank} | {b}   |\n"), false),
        (format!("\n| x | {whole} | y |\n| x | {whole} | z |\n"), true),
    ] {
        let read = String::from_utf8(view(&text).text).unwrap();
        assert_eq!(read.contains(&whole), joined, "{text}: {read}");
        assert_eq!(read.contains(id), text.contains(id), "{text}: {read}");
        assert_eq!(
            read.matches(&whole).count(),
            text.matches(&whole).count().max(usize::from(joined)),
            "{text}"
        );
    }
}

#[test]
fn secrets_in_two_lines_or_with_marks_in_them_are_whole() {
    let (a, b) = ("kR7/x2TqLmZ0vB9+WcYs", "4HdUaPf6GjEoNi1Kt3Xz");
    let wide = "the secret access key of the user who uploads: ";
    for gap in [
        "\\\n  ",
        "\\\r\n",
        "\n",
        "\r\n",
        "\n ",
        "\u{200b}",
        "\u{ad}",
        "<wbr>",
        "</w:t></w:r><w:r w:x=\"1\"><w:t>",
    ] {
        let text = format!("{wide}{a}{gap}{b}.");
        assert_eq!(
            read(&text, &view(&text), &format!("{a}{b}")),
            (&*format!("{a}{gap}{b}"), vec![Encoding::Joined])
        );
    }
    let id = "AKIAQYLPMN5HPEXAMPL3";
    for cell in [
        format!("\n| {id} | {a} |\n|                      | {b} |\n"),
        format!("\n {id} | {a}.\n                      |.{b}\n"),
        format!(
            "\n\u{2502} {id} \u{2502} {a} \u{2502}\r\n\u{2502}                      \u{2502} {b} \u{2502}"
        ),
        format!("\nops   {id}   {a}\n                             {b}\n"),
    ] {
        let joined = String::from_utf8(view(&cell).text).unwrap();
        assert!(joined.contains(&format!("{a}{b}")), "{cell}: {joined}");
    }
    let (start, rest) = a.split_at(3);
    let twice = format!("{start}<wbr>{rest}\u{200b}{b}");
    assert_eq!(view(&twice).text, format!("{a}{b}").as_bytes());
    for text in [
        format!("x\n  {a}\n  {b}"),
        format!("\n| {id} | {a} |\n| ops                  | {b} |\n"),
        format!("\n| {id} | {a} |\n|                    | {b} |\n"),
        format!("secret: {a}\n{b}"),
        format!("{wide}{a}\n  {b}"),
        format!("{wide}{a}\n\n{b}"),
        format!("{wide}{a}\n{b}x"),
        format!("{wide}{id}\n{b}"),
        format!("<td>{a}</td><td>{b}</td>"),
        format!("<w:t>{a}</w:t><w:br/><w:t>{b}</w:t>"),
        format!("{a}\u{2003}{b}"),
    ] {
        assert_eq!(view(&text).text, text.as_bytes(), "{text}");
    }
}

#[test]
fn values_side_by_side_are_not_joined() {
    let (id, secret) = ("AKIAQYLPMN5HPEXAMPL3", "kR7/x2TqLmZ0vB9+WcYs4HdUaPf6GjEoNi1Kt3Xz");
    let twenty = "awsS3SecretAccessKey";
    for text in [
        format!("upload \"{id}\" \"{secret}\" \"prod\""),
        format!("'{secret}'\n'PORT': 'x'"),
        format!("\"{id}\"\n\"{twenty}\" = 1"),
        format!("(\"{id}\" \"{id}\")"),
        format!("\"{secret}\" \"{secret}\" \"{secret}\""),
        format!("'abcdefghijABCDEFGHIJ' '{twenty}' => 1"),
    ] {
        assert_eq!(view(&text).text, text.as_bytes(), "{text}");
    }
    // the lines of a long value, of which one may look like a secret
    let lines = format!("'{secret}'\n'{secret}'\n'{secret}'\n'{}'", &secret[..17]);
    assert_eq!(view(&lines).text, format!("'{secret}{secret}{secret}{}'", &secret[..17]).as_bytes());
}

#[test]
fn digits_are_decoded_behind_what_says_so_and_over_lines() {
    let hex = Carriers { hex: true, ..Carriers::default() };
    let digits = "68656c6c6f20776f726c642c2068656c6c6f2c2068656c6c6f2c20776f726c64";
    let plain = "hello world, hello, hello, world";
    for (text, want) in [
        (format!("(1,0x{digits})"), format!("(1,{plain})")),
        (format!("'\\x{digits}'"), format!("'\\{plain}'")),
        (format!("\t\\\\x{digits}\n"), format!("\t\\\\{plain}\n")),
        (format!("{}\n{}\n", &digits[..60], &digits[60..]), format!("{plain}\n")),
        ("\\x68\\x65llo".into(), "hello".into()),
    ] {
        let v = View::plain(text.as_bytes(), 0).decoded(hex, 4, &|_| false);
        assert_eq!(String::from_utf8_lossy(&v.text), want, "{text}");
    }
}

#[test]
fn of_what_is_encoded_secrets_are_known() {
    let secret = "kR7/x2TqLmZ0vB9+WcYs4HdUaPf6GjEoNi1Kt3Xz";
    let digits = secret.bytes().fold(String::new(), |digits, b| digits + &format!("{b:02x}"));
    for (text, want) in [
        ("a: a1I3L3gyVHFMbVowdkI5K1djWXM0SGRVYVBmNkdqRW9OaTFLdDNYeg==\n".into(), format!("a: {secret}\n")),
        ("a: a1I3L3gyVHFMbVowdkI5K1djWXM0SGRVYVBmNkdqRW9OaTFLdDNYego=\n".into(), format!("a: {secret}\n")),
        (format!("0x{digits}"), secret.into()),
        (digits.clone(), secret.into()),
        // longer, shorter, and text
        (format!("{digits}00000000"), format!("{digits}00000000")),
        (digits[..78].into(), digits[..78].into()),
        (
            "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw==".into(),
            "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw==".into(),
        ),
    ] {
        let v = View::plain(text.as_bytes(), 0).secrets_decoded();
        assert_eq!(String::from_utf8_lossy(&v.text), want, "{text}");
    }
}

#[test]
fn values_in_base64_and_hex_are_decoded_in_place() {
    let both = Carriers { base64: true, hex: true, ..Carriers::default() };
    for (text, find, raw, encodings) in [
        (
            "k: aGVsbG8gd29ybGQsIGhlbGxv\n",
            "hello world, hello",
            "aGVsbG8gd29ybGQsIGhlbGxv",
            vec![Encoding::Base64],
        ),
        (
            "k: aGVsbG8gd29ybGQsIGhlbGxvIQ==\n",
            "hello world, hello!",
            "aGVsbG8gd29ybGQsIGhlbGxvIQ==",
            vec![Encoding::Base64],
        ),
        (
            "'68656c6c6f20776f726c642c2068656c6c6f'",
            "hello world, hello",
            "68656c6c6f20776f726c642c2068656c6c6f",
            vec![Encoding::Hex],
        ),
    ] {
        let v = View::plain(text.as_bytes(), 0).decoded(both, 4, &|_| false);
        assert_eq!(read(text, &v, find), (raw, encodings), "{text}");
    }
    // twice, and a random value that encodes no text
    let text = "YUdWc2JHOGdkMjl5YkdRc0lHaGxiR3h2 kR7/x2TqLmZ0vB9+WcYs4HdUaPf6GjEoNi1Kt3Xz";
    let v = View::plain(text.as_bytes(), 0).decoded(both, 4, &|_| false);
    assert_eq!(v.text, b"hello world, hello kR7/x2TqLmZ0vB9+WcYs4HdUaPf6GjEoNi1Kt3Xz");
}

#[test]
fn utf16_of_either_order_is_read() {
    let text = "key = \"ab\\/c\"";
    for (bytes, phase) in [
        (text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), 0),
        (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), 1),
    ] {
        let v = View::utf16(&bytes, 0, phase).decoded(Carriers::default(), 4, &|_| false);
        let decoded = String::from_utf8(v.text.clone()).unwrap();
        let at = decoded.find("ab/c").unwrap();
        assert_eq!(v.raw(at..at + 4), 7 * 2 + phase..12 * 2 + phase);
        assert_eq!(v.encodings(at..at + 4), [Encoding::Utf16, Encoding::Escape]);
    }
}

/// Without a byte order mark, between characters that are not ASCII.
#[test]
fn utf16_between_other_characters_is_read() {
    for (before, behind) in [("密钥：", "，后面"), ("密钥=", "，"), ("ключ ", " и"), ("", "，"), ("密", "")]
    {
        let text = format!("{before}AKIAVALUE{behind}");
        let skipped = before.encode_utf16().count() * 2;
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, phase) in [(little, skipped), (big, skipped + 1)] {
            let view = View::utf16(&bytes, 0, phase);
            let found = view.text.windows(9).any(|bytes| bytes == b"AKIAVALUE");
            assert!(found, "{text}: {:?}", view.text);
        }
    }
}

/// Wrapped base64 of what is no text is decoded once, not once for each line; each line may still be a value of its own.
#[test]
fn lines_of_base64_are_decoded_together_or_each_alone() {
    let line = "+/".repeat(38);
    let noise = format!("{line}\n").repeat(200_000);
    let value = "a2V5ID0gYWJj"; // key = abc
    let text = format!("{noise}\n{value}\n");
    let carriers = Carriers { base64: true, hex: false, ..Carriers::default() };
    let view = View::plain(text.as_bytes(), 0).decoded(carriers, 1, &|text| text.ends_with(b"abc"));
    assert!(view.text.ends_with(b"key = abc\n"), "the value behind it is read");
    let lines = "a2V5IGFiYw".repeat(2); // 20 characters, so that lines together decode to something else
    let text = format!("{lines}QUJD\n{lines}QUJD\n");
    let view = View::plain(text.as_bytes(), 0).decoded(carriers, 1, &|text| text.ends_with(b"ABC"));
    assert!(view.text.windows(3).filter(|w| w == b"ABC").count() >= 1, "{:?}", view.text);
}

proptest::proptest! {
    #[test]
    fn any_bytes_map_back_into_the_original(text in proptest::collection::vec(proptest::sample::select(&b"ab\\\"'%2F&#;+unx0/ \nQUtJQQ==4149"[..]), 0..200), cut in 0usize..200) {
        let v = View::plain(&text, 7).decoded(Carriers { base64: true, hex: true, ..Carriers::default() }, 4, &|t| t.contains(&b'a'));
        let from = cut.min(v.text.len());
        let raw = v.raw(from..v.text.len());
        proptest::prop_assert!(raw.start <= raw.end && raw.end <= 7 + text.len());
        let mut last = 7;
        for at in 0..v.text.len() {
            let r = v.raw(at..at + 1);
            proptest::prop_assert!(r.start >= last.min(r.start) && r.start < r.end, "{at}: {r:?}");
            last = r.start;
            if v.encodings(at..at + 1).is_empty() {
                proptest::prop_assert_eq!(v.text[at], text[r.start - 7]);
            }
        }
    }

    /// What is put together from the signs of broken values, in any order, is read to its end.
    #[test]
    fn broken_values_are_read(parts in proptest::collection::vec(proptest::sample::select(vec![
        "a", "\n", "\r\n", "\r", "\\", " ", "<", ">", "<wbr", "<w:t>", "</w:t>", "<span class=\"x\">", "\u{ad}", "\u{200b}", "\u{c2}", "\"", "'", ";",
        ")", "(", ".append", ".concat(", "+=", " = ", "&", "++", ",", "...", "join('',", "[", "|", "\u{2502}", "                     ", "]", "{", "}", ".join('')", "%s%s", "$s",
        "kR7/x2TqLmZ0vB9+WcYs", "4HdUaPf6GjEoNi1Kt3Xz", "the secret access key of the user who uploads to this bucket is",
    ]), 0..60)) {
        let text = parts.concat();
        let v = view(&text);
        let raw = v.raw(0..v.text.len());
        proptest::prop_assert!(raw.end <= text.len());
    }
}
