use super::*;
use crate::decode::View;

const TEXT: &str = "id = AKIAQYLPMN5HHHFPZAM3\nkey = x/2\n";

fn read(text: &str) -> View {
    let anchored = |bytes: &[u8]| has_id(bytes, [false, false]);
    View::plain(text.as_bytes(), 0).through(|text, out| {
        decode(text, &anchored, out);
    })
}

fn each(format: impl Fn(u8) -> String, between: &str) -> String {
    TEXT.bytes().map(format).collect::<Vec<_>>().join(between)
}

fn lines(width: usize, format: impl Fn(usize, &[u8]) -> String) -> String {
    TEXT.as_bytes().chunks(width).enumerate().map(|(i, bytes)| format(i * width, bytes) + "\n").collect()
}

fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(between)
}

#[test]
fn bytes_are_read_however_they_are_written() {
    for text in [
        each(|b| format!("{b:02x}"), " "),
        each(|b| format!("{b:02X}"), ":"),
        each(|b| format!("0x{b:X}"), ", "),
        each(|b| format!("(byte) 0x{b:02x}"), ", ").replace("(byte) ", "(byte)"),
        each(|b| b.to_string(), ","),
        each(|b| b.to_string(), ",\n    "),
        each(|b| b.to_string(), " "),
        format!("[{}]", each(|b| format!("{b:>3}"), ", ")),
        TEXT.bytes().enumerate().map(|(i, b)| format!("\"{i}\":{b}")).collect::<Vec<_>>().join(","),
        lines(8, |at, bytes| format!("0x7ffe{at:04x}:\t0x{}", hex(bytes, "\t0x"))),
        lines(16, |at, bytes| format!("{at:04x}   {}", hex(bytes, " "))),
        lines(16, |at, bytes| format!("{at:06o} {}  >41 4b<", hex(bytes, " "))),
    ] {
        let view = String::from_utf8_lossy(&read(&text).text).into_owned();
        assert!(view.contains(TEXT.trim_end()), "{text}\n{view}");
    }
    let chars = each(|b| format!("'{}'", char::from(b).escape_default()), ",");
    assert!(String::from_utf8_lossy(&read(&chars).text).contains(TEXT.trim_end()));
}

#[test]
fn each_byte_knows_where_it_stands() {
    let text = lines(16, |at, bytes| format!("{at:08x}  {}  |{}|", hex(bytes, " "), "x".repeat(bytes.len())));
    let view = read(&text);
    let at = memchr::memmem::find(&view.text, b"AKIA").expect("it is read");
    for (i, byte) in b"AKIAQYLPMN5HHHFPZAM3".iter().enumerate() {
        let raw = view.raw(at + i..at + i + 1);
        assert_eq!(&text[raw.start..raw.start + 2], format!("{byte:02x}"), "byte {i}");
        assert_eq!(view.encodings(at + i..at + i + 1), [Encoding::Bytes]);
    }
}

#[test]
fn other_numbers_stay() {
    for text in [
        "73, 65, 12, 40, 3, 99, 11, 2, 250, 1, 7, 9, 73, 65, 4",
        "49 41 00 ff 12 49 41 00 ff 12 49 41 00 ff 12",
        "00:1a:2b:49:41:5e and 41:4b:49:41:51:59",
        "M 49 41 L 10 12 Z",
        "2026-11-27 10:11:12 73 65 1 ok",
    ] {
        assert_eq!(read(text).text, text.as_bytes());
    }
}

#[test]
fn nothing_of_a_dump_is_left_beside_its_text() {
    for (text, bare) in [
        (lines(16, |at, bytes| format!("{at:08x}: {}  ids", hex(bytes, " "))), TEXT),
        (lines(16, |at, bytes| format!("  0x{at:04x}:\t{}", hex(bytes, " "))), TEXT),
        (lines(8, |_, bytes| format!("  0x{},", hex(bytes, ", 0x"))), TEXT),
    ] {
        let view = String::from_utf8_lossy(&read(&text).text).into_owned();
        let rest = view.trim_start().strip_prefix(bare).map(|rest| rest.trim_matches([',', '\n']));
        assert_eq!(rest, Some(""), "{text}\n{view}");
    }
}
