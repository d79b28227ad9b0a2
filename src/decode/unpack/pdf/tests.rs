//! What is read of the contents of pages.

use std::io::Read as _;

use super::super::source::Source;
use super::WINDOW;
use super::fonts::Fonts;
use super::text::Shown;

/// What is read of a content.
fn read(content: &str, fonts: &Fonts) -> String {
    let mut content = content.as_bytes();
    let mut out = String::new();
    let mut source = Source::new(&mut content);
    Shown::new(&mut source, fonts).read_to_string(&mut out).unwrap();
    out
}

#[test]
fn strings_of_a_line_are_one_line() {
    let none = Fonts::default();
    for (content, wanted) in [
        // letters drawn nearer, words apart
        ("BT /F1 10 Tf 1 0 0 1 9 9 Tm [(ke)32(y)-386(id)]TJ 0 -12 Td (next) Tj ET", "key id|next|"),
        ("BT /F1 10 Tf 14 TL (a) Tj T* (b) Tj (c) ' 1 2 (d) \" ET", "a|b|c|d|"),
        // letters put one by one, in a text of its own each
        ("BT /F1 10 Tf 10 50 Td (A) Tj 6 0 Td (K) Tj ET BT 22 50 Td (I) Tj 30 0 Td (x) Tj ET", "AKI\tx|"),
        (
            "q 2 0 0 2 0 0 cm BT /F1 10 Tf 5 25 Td (A) Tj ET Q q BT /F1 20 Tf 22 50 Td (K) Tj ET Q",
            "q 2 0 0 2 0 0 cm|AK|",
        ),
        // turned by a quarter
        ("BT /F1 10 Tf 0 1 -1 0 9 9 Tm (A) Tj 0 1 -1 0 9 15 Tm (B) Tj 0 1 -1 0 20 9 Tm (C) Tj ET", "AB|C|"),
        // a wide step is a new cell, one back a new line
        ("BT /F1 10 Tf 10 0 Td (ab) Tj 90 0 Td (cd) Tj -90 0 Td (ef) Tj ET", "ab\tcd|ef|"),
        ("0 0 9 9 re f\nBT /F1 10 Tf (x\\034y\\(z) Tj ET", "0 0 9 9 re f|xfiy(z|"),
        ("BT (a) Tj ET BI /W 1 ID (\x01Q\nEI Q (no) BT (b) Tj ET", "a|b|"),
        ("BT /Span <</ActualText <FEFF00660069>>> BDC (a) Tj EMC ET % note\n", "a|fi|% note|"),
        ("BT (a) Tj (b", "a| (b|"),
        ("BT [(a)", "a|"),
        // what is no content of a page stays as it is
        ("var x = 'BT (a) Tj ET'", "var x = 'BT (a) Tj ET'"),
        ("/CIDInit /ProcSet findresource begin BT (a) Tj", "/CIDInit /ProcSet findresource begin BT (a) Tj"),
        ("0 0 m 1 1 l S ", "0 0 m 1 1 l S "),
        ("", ""),
    ] {
        assert_eq!(read(content, &none).replace('\n', "|"), wanted, "{content}");
    }
}

#[test]
fn parts_of_which_is_not_known_whether_they_touch_are_joined_where_they_make_a_key() {
    let none = Fonts::default();
    let (id, secret) = ("AKIAROHCMULRVFWI2SR5", "TJ/chcVG6MOwUxOVHMWndqNCIEPx3mnPQC4vkRB5");
    let line = |parts: &[&str]| {
        let place = |part: &&str| format!("({part}) Tj {} 0 Td ", part.len() * 6);
        format!("BT /F1 10 Tf {} ET", parts.iter().map(place).collect::<String>())
    };
    for (parts, wanted) in [
        (&["an access", "key"][..], "an access key|".to_owned()),
        (
            &["id", &id[..4], &id[4..9], &id[9..], &secret[..30], &secret[30..], "is", "it"],
            format!("id {id} {secret} is it|"),
        ),
        (&["id", "= ASIA", &id[4..], "."], format!("id = ASIA{} .|", &id[4..])),
        (
            &["see AbCdE1GhIj", "KlMnOpQrStU", "there"],
            "see AbCdE1GhIj KlMnOpQrStU there|see AbCdE1GhIjKlMnOpQrStUthere|".into(),
        ),
        (
            &["it is agreed that", "internationalization", "is good"],
            "it is agreed that internationalization is good|".into(),
        ),
    ] {
        assert_eq!(read(&line(parts), &none).replace('\n', "|"), wanted);
    }
}

#[test]
fn codes_are_read_by_the_map_of_their_font_and_by_all_that_fit_where_it_is_not_known() {
    let mut fonts = Fonts::default();
    fonts.object(3, b"/F1 7 0 R /F2 8 0 R");
    fonts.object(7, b"/Subtype /Type0 /ToUnicode 12 0 R");
    fonts.object(8, b"/Subtype /TrueType /ToUnicode 13 0 R");
    fonts.map(12, b"beginbfrange <0024> <003D> <0041> endbfrange");
    fonts.map(13, b"beginbfchar <01> <004B> <02> <0049> endbfchar");
    for (content, wanted) in [
        ("BT /F1 10 Tf <0024002E> Tj /F2 10 Tf <0102> Tj /F1 10 Tf <0024> Tj ET", "AKKIA|"),
        ("BT /F1 10 Tf <00240001> Tj ET", "A\u{fffd}|"),
        ("BT /F2 10 Tf (\\001AB) Tj ET", "KAB|"),
        ("BT /F9 10 Tf <0024002E> Tj ET", "AK|"),
        ("BT /F9 10 Tf (plain text) Tj ET", "plain text|"),
    ] {
        assert_eq!(read(content, &fonts).replace('\n', "|"), wanted, "{content}");
    }
}

#[test]
fn long_contents_are_read_in_parts() {
    let none = Fonts::default();
    let line = "BT /F1 10 Tf 1 0 0 1 0 0 Tm (some words of a page) Tj ET\n";
    let text = read(&line.repeat(10_000), &none);
    assert_eq!(text, "some words of a page\n".repeat(10_000));
    let long = "x".repeat(3 * WINDOW);
    assert!(read(&format!("BT ({long}) Tj ET BT (b) Tj ET"), &none).contains(&long[..WINDOW - 9]));
    let many = "(a)-1 ".repeat(WINDOW);
    assert_eq!(read(&format!("BT [{many}] TJ ET"), &none).matches('a').count(), WINDOW);
}
