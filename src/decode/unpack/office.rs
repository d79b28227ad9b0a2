//! Documents of office programs: what is written in them, without the markup.
//!
//! Word, Excel and the like keep a text as XML in a zip archive, and cut it into runs wherever its looks change, also where
//! the spelling checker stops at a slash. So a secret is mostly in several runs. Here the tags between runs are left out,
//! paragraphs and rows are lines, and cells have tabs between them. Tags with long values are kept, behind the text.

use std::io::{self, BufRead as _, Read};

use memchr::{memchr, memchr3};

use super::source::{Parts, Ready, Source};
use super::{Flow, Unpacker};
use crate::decode::is_base64;

/// How much is looked at at once, bytes. A tag that is as long is no tag.
const WINDOW: usize = 32 << 10;
/// A value of an attribute with a run of so many characters may be of interest.
const LONG: usize = 16;
/// The most that is kept for the end, bytes. Of more, what there is is given behind a paragraph.
const KEPT: usize = 64 << 10;

/// The names of the first tags, without the prefix of a namespace.
const ROOTS: [&[u8]; 12] = [
    b"document",
    b"hdr",
    b"ftr",
    b"footnotes",
    b"endnotes",
    b"comments",
    b"sld",
    b"notes",
    b"sst",
    b"worksheet",
    b"document-content",
    b"document-styles",
];

impl Unpacker<'_> {
    pub(super) fn office(&mut self, source: &mut Source<'_>) -> Flow {
        let consumed = source.consumed();
        let flow = self.shown(&mut Text::new(source), consumed);
        self.settle(source, flow, None)
    }
}

/// Whether a content that begins with `head` is the text of such a document.
pub(super) fn is_office(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if !head.starts_with(b"<") {
        return false;
    }
    let after = match head.strip_prefix(b"<?xml") {
        Some(rest) => memchr(b'>', rest).map_or(&b""[..], |end| &rest[end + 1..]),
        None => head,
    };
    let after = after.trim_ascii_start();
    let root = after.strip_prefix(b"<").map(local_name).unwrap_or_default();
    let has = |what: &[u8]| memchr::memmem::find(after, what).is_some();
    ROOTS.contains(&root) && (has(b"openxmlformats.org/") || has(b":office") || has(b".com/office/"))
}

/// The name at the start of what stands in a tag, without the prefix of a namespace.
fn local_name(tag: &[u8]) -> &[u8] {
    let len = tag.iter().take_while(|b| b.is_ascii_alphanumeric() || b":-_.".contains(b)).count();
    let name = &tag[..len];
    memchr(b':', name).map_or(name, |colon| &name[colon + 1..])
}

/// What a tag stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    None,
    /// Between two texts that are not one.
    Space,
    /// The end of a cell.
    Cell,
    /// The end of a paragraph or of a row.
    Line,
}

impl Gap {
    /// `tag`: what stands between `<` and `>`.
    fn of(tag: &[u8]) -> Self {
        let closing = tag.strip_prefix(b"/");
        let ends = closing.is_some() || tag.ends_with(b"/");
        match local_name(closing.unwrap_or(tag)) {
            b"p" | b"h" | b"si" | b"row" | b"tr" | b"table-row" | b"br" | b"cr" | b"line-break" if ends => {
                Self::Line
            }
            b"tc" | b"c" | b"table-cell" | b"covered-table-cell" | b"tab" | b"ptab" if ends => Self::Cell,
            b"s" | b"f" | b"creator" | b"date" if ends => Self::Space,
            // What was deleted or moved is still there, beside what took its place; a field has instructions beside its text.
            b"del" | b"ins" | b"moveFrom" | b"moveTo" | b"fldChar" => Self::Space,
            _ => Self::None,
        }
    }
}

/// Reads the text of a document.
struct Text<'s, 'a> {
    source: &'s mut Source<'a>,
    /// What parts the last text from the next.
    gap: Vec<u8>,
    /// Tags to be given at the end.
    kept: Vec<u8>,
    ready: Ready,
}

impl<'s, 'a> Text<'s, 'a> {
    fn new(source: &'s mut Source<'a>) -> Self {
        Self { source, gap: Vec::new(), kept: Vec::new(), ready: Ready::default() }
    }
}

impl Read for Text<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.give(buf)
    }
}

impl Parts for Text<'_, '_> {
    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn advance(&mut self) -> io::Result<bool> {
        let window = self.source.peek_or_rest(WINDOW)?;
        let at_end = window.len() < WINDOW;
        let mut out = Written { gap: &mut self.gap, kept: &mut self.kept, out: &mut self.ready.bytes };
        if window.is_empty() {
            out.flush();
            return Ok(!out.out.is_empty());
        }
        let mut at = 0;
        while at < window.len() {
            let rest = &window[at..];
            if rest[0] != b'<' {
                let len = memchr(b'<', rest).unwrap_or(rest.len());
                out.text(&rest[..len]);
                at += len;
            } else if let Some(end) = tag_end(rest) {
                out.tag(&rest[..=end]);
                at += end + 1;
            } else if at_end || at == 0 {
                out.text(rest);
                at = window.len();
            } else {
                break;
            }
        }
        self.source.consume(at);
        Ok(true)
    }
}

/// Where the tag ends with which `text` begins. A `>` between quotes is none, but for a comment or the like, where quotes are text.
fn tag_end(text: &[u8]) -> Option<usize> {
    if matches!(text.get(1), Some(b'!' | b'?')) {
        return memchr(b'>', text);
    }
    let mut at = 1;
    loop {
        at += memchr3(b'>', b'"', b'\'', &text[at..])?;
        if text[at] == b'>' {
            return Some(at);
        }
        at += 1;
        at += memchr(text[at - 1], &text[at..])? + 1;
    }
}

/// What comes out.
struct Written<'w> {
    gap: &'w mut Vec<u8>,
    kept: &'w mut Vec<u8>,
    out: &'w mut Vec<u8>,
}

impl Written<'_> {
    fn text(&mut self, text: &[u8]) {
        // Indentation of the markup.
        if text.iter().all(u8::is_ascii_whitespace) && memchr(b'\n', text).is_some() {
            return;
        }
        if self.kept.len() > KEPT / 2 && self.gap.contains(&b'\n') {
            self.flush();
        }
        self.out.append(self.gap);
        self.out.extend_from_slice(text);
    }

    /// A tag, with its brackets.
    fn tag(&mut self, tag: &[u8]) {
        if matches!(tag.get(1), Some(b'!' | b'?')) {
            return self.text(tag);
        }
        match Gap::of(&tag[1..tag.len() - 1]) {
            Gap::None => {}
            Gap::Space => self.gap.push(b' '),
            Gap::Cell => {
                // The last paragraph of a cell is no line of its own.
                self.gap.pop_if(|last| *last == b'\n');
                self.gap.push(b'\t');
            }
            Gap::Line => self.gap.push(b'\n'),
        }
        if is_long(tag) {
            self.kept.extend_from_slice(tag);
            self.kept.push(b'\n');
        }
        if self.kept.len() > KEPT {
            self.flush();
        }
        if self.gap.len() > KEPT {
            self.out.append(self.gap);
        }
    }

    /// Give what is kept.
    fn flush(&mut self) {
        if !self.kept.is_empty() {
            self.out.push(b'\n');
            self.out.append(self.kept);
        }
    }
}

/// Whether an attribute has a long value.
fn is_long(tag: &[u8]) -> bool {
    let mut rest = tag;
    while let Some(open) = memchr::memchr2(b'"', b'\'', rest) {
        let value = &rest[open + 1..];
        let end = memchr(rest[open], value).unwrap_or(value.len());
        if value[..end].split(|b| !is_base64(*b)).any(|run| run.len() >= LONG) {
            return true;
        }
        rest = value.get(end + 1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::samples::Pack;
    use super::super::tests::seen;
    use super::*;

    const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

    /// The text of a document of this body.
    fn text(body: &str) -> String {
        let xml = format!("<?xml version=\"1.0\"?>\r\n<w:document xmlns:w=\"{WORD}\">{body}</w:document>");
        let seen = seen(&Pack::Zip.pack(&[("word/document.xml", xml.as_bytes())]));
        assert_eq!(seen.problems, []);
        let (path, content) = &seen.contents[0];
        assert_eq!(path, "!word/document.xml");
        let content = String::from_utf8(content.clone()).unwrap();
        content.replace(&format!("<w:document xmlns:w=\"{WORD}\">\n"), "[root]")
    }

    #[test]
    fn runs_are_joined_and_paragraphs_are_lines() {
        for (body, wanted) in [
            ("<w:p><w:r><w:t>a/b</w:t></w:r></w:p><w:p><w:r><w:t>c</w:t></w:r></w:p>", "a/b|c|[root]"),
            (
                "<w:p><w:r><w:t>ab</w:t></w:r><w:proofErr w:type=\"spellStart\"/>\n  <w:r w:rsidR='00A>1'><w:rPr><w:b/></w:rPr><w:t>/cd</w:t></w:r></w:p>",
                "ab/cd|[root]",
            ),
            (
                "<w:tr><w:tc><w:p>a</w:p></w:tc><w:tc><w:p>b</w:p></w:tc></w:tr><w:p>c</w:p>",
                "a\tb\t|c|[root]",
            ),
            ("<w:del><w:delText>a</w:delText></w:del><w:ins><w:t>b</w:t></w:ins>", " a  b|[root]"),
            ("a<w:br/>b<w:tab/>c", "a|b\tc|[root]"),
        ] {
            let text = text(body).replace('\n', "|");
            assert_eq!(text.trim_start_matches("<?xml version=\"1.0\"?>"), wanted, "{body}");
        }
    }

    #[test]
    fn other_markup_is_read_as_it_is() {
        for head in [
            "<html xmlns:o=\"urn:schemas-microsoft-com:office:office\"><body>",
            "<document><p>no namespace</p></document>",
            "<w:settings xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">",
            "document openxmlformats.org/",
            "<?xml version=\"1.0\"",
            "<",
            "",
        ] {
            assert!(!is_office(head.as_bytes()), "{head}");
        }
        for head in [
            "\u{feff}<?xml version=\"1.0\"?>\n<w:hdr xmlns:x=\"http://schemas.microsoft.com/office/word/2010/x\">",
            "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" count=\"1\">",
            "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\">",
        ] {
            assert!(is_office(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn nothing_between_tags_and_no_long_value_is_lost() {
        let long = "x".repeat(WINDOW + 5);
        let cell = "<w:tc/>".repeat(KEPT + 1);
        let tags = format!("<w:r w:val='{}'/>", "k".repeat(LONG)).repeat(5000);
        for (body, wanted) in [
            (format!("<w:t>{long}</w:t>"), long.clone()),
            (format!("a<w:t {long}"), format!("<w:t {long}")), // no tag, as it has no end
            (format!("a{cell}b"), "\tb".into()),
            (format!("a{tags}b"), "b".into()),
            ("a<!-- it's -->b".into(), "a<!-- it's -->b".into()),
            ("a<![CDATA[c<d]]>".into(), "a<![CDATA[c<d]]>".into()),
            ("a<w:t b='c\"d".into(), "a<w:t b='c\"d".into()),
        ] {
            let text = text(&body);
            assert!(text.contains(&wanted), "{}", &text[..text.len().min(200)]);
        }
        assert_eq!(text(&format!("a{tags}b")).matches("kk'/>").count(), 5000);
    }
}
