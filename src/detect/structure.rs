//! What lies between two places of a text: lines, sections, blocks.

/// What lies between two values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// Bytes.
    pub(super) bytes: usize,
    /// Line ends.
    pub(super) lines: u32,
    /// Blank lines.
    pub(super) blanks: u32,
    /// A section header (`[name]`) or a separator of YAML documents (`---`).
    pub(super) header: bool,
    /// Lines that say what follows: comments, and those that end in a colon.
    pub(super) headings: u32,
    /// Other rules (`---`).
    pub(super) rules: u32,
    /// Braces closed that were not opened in between: a block was left.
    pub(super) closed: u32,
    /// Braces opened that were not closed in between: a block was entered.
    pub(super) opened: u32,
    /// The smallest indentation of the lines that begin in between; `None` if none does.
    pub(super) min_indent: Option<u32>,
}

impl Gap {
    /// The gap of `text`, which begins at the end of one value and ends at the start of the next.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut gap = Self { bytes: text.len(), ..Self::default() };
        let mut at = 0;
        let returns = memchr::memchr(b'\r', text).is_some();
        let next = |text: &[u8]| {
            if returns {
                text.iter().position(|b| matches!(b, b'\n' | b'\r' | b'{' | b'}'))
            } else {
                memchr::memchr3(b'\n', b'{', b'}', text)
            }
        };
        while let Some(found) = next(&text[at..]) {
            at += found + 1;
            match text[at - 1] {
                b'{' => gap.opened += 1,
                b'}' if gap.opened > 0 => gap.opened -= 1,
                b'}' => gap.closed += 1,
                b'\r' if text.get(at) == Some(&b'\n') => {}
                _ => gap.line(&text[at..]),
            }
        }
        gap
    }

    /// A line begins where `rest` does.
    fn line(&mut self, rest: &[u8]) {
        self.lines += 1;
        let indent = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let end = memchr::memchr2(b'\n', b'\r', &rest[..rest.len().min(400)]);
        let line = &rest[indent..end.unwrap_or(rest.len()).max(indent)];
        if line.is_empty() && end.is_some() {
            self.blanks += 1;
            return;
        }
        if begins_comment(line) {
            self.headings += 1;
            return; // comments stand where they like
        }
        self.headings += u32::from(line.ends_with(b":") && end.is_some());
        if line.starts_with(b"- ") {
            // an item of a list ends, and the next begins
            self.closed += u32::from(self.opened == 0);
            self.opened = self.opened.max(1);
        }
        self.min_indent = Some(self.min_indent.map_or(indent as u32, |m| m.min(indent as u32)));
        let Some(behind) = end.map(|end| rest[end..].trim_ascii_start()) else { return };
        match line {
            b"---" if is_yaml(behind) => self.header = true,
            b"---" => self.rules += 1,
            _ => self.header |= is_header_at(line) && !is_code(behind),
        }
    }

    /// Whether it parts more than another gap.
    pub(super) fn is_wider(&self, other: &Self) -> bool {
        let parts = |gap: &Self| (gap.header, gap.blanks, gap.closed + gap.opened, gap.lines);
        parts(self) > parts(other)
    }

    /// This gap and the one behind it as one.
    pub(super) fn and(self, next: Self) -> Self {
        let paired = self.opened.min(next.closed);
        Self {
            bytes: self.bytes + next.bytes,
            lines: self.lines + next.lines,
            blanks: self.blanks + next.blanks,
            header: self.header || next.header,
            headings: self.headings + next.headings,
            rules: self.rules + next.rules,
            closed: self.closed + next.closed - paired,
            opened: self.opened - paired + next.opened,
            min_indent: match (self.min_indent, next.min_indent) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

/// Whether a line, without indentation, is the header of a section: `[name]`, `[[name]]`, `[profile "x"] # comment`, `==> name <==`.
fn is_header(line: &[u8]) -> bool {
    if line.starts_with(b"==> ") && line.ends_with(b" <==") {
        return true; // as `head` and `tail` part files
    }
    let Some(end) = line.iter().rposition(|&b| b == b']') else { return false };
    let rest = line[end + 1..].trim_ascii();
    if line[0] != b'[' || !(rest.is_empty() || rest.starts_with(b"#") || rest.starts_with(b";")) {
        return false;
    }
    let name = line[1..end].trim_ascii();
    let name = name.strip_prefix(b"[").unwrap_or(name);
    let word = |b: &u8| b.is_ascii_alphanumeric() || b" _.-:/@\"']".contains(b);
    // `[10:33]`: when somebody wrote the line
    let time =
        name.contains(&b':') && !name.iter().any(|b| b.is_ascii_alphabetic() && !matches!(b, b'T' | b'Z'));
    !time
        && !ATTRIBUTES.contains(&name)
        && name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(word)
}

/// Whether a line without its indentation is a comment.
pub(super) fn begins_comment(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'#' | b';')) || line.starts_with(b"//")
}

/// As [`is_header`], of any line.
fn is_header_at(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'[' | b'=')) && is_header(line)
}

/// The name of the section that `at` stands in; empty in a document of YAML, and before the first section.
pub(super) fn section(text: &[u8], at: usize) -> &[u8] {
    let lines = text[..line_start(text, at)].rsplit(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let mut begins = lines.filter(|line| *line == b"---" || is_header_at(line));
    begins.next().filter(|line| *line != b"---").unwrap_or_default()
}

/// Attributes of programs that are no names of sections.
const ATTRIBUTES: &[&[u8]] = &[
    b"Required",
    b"SerializeField",
    b"NonSerialized",
    b"Serializable",
    b"HideInInspector",
    b"DataMember",
    b"Obsolete",
];

/// Whether a text begins as YAML does: with an item, a comment, or a key of one word.
fn is_yaml(text: &[u8]) -> bool {
    if text.starts_with(b"- ") || matches!(text.first(), Some(b'#' | b'%' | b'{')) {
        return true;
    }
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let key = text.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_-./".contains(b)).count();
    let rest = text[key..].strip_prefix(b"\"").unwrap_or(&text[key..]);
    key > 0 && matches!(rest, [b':'] | [b':', b' ' | b'\t' | b'\n' | b'\r', ..])
}

/// Whether a line goes on as a program does, so that `[name]` before it is an attribute or a type.
fn is_code(line: &[u8]) -> bool {
    const MODIFIERS: &[&[u8]] = &[
        b"public",
        b"private",
        b"protected",
        b"internal",
        b"static",
        b"const",
        b"readonly",
        b"final",
        b"string",
        b"String",
        b"var",
    ];
    let word = line.split(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    let named = |rest: &[u8]| rest.trim_ascii_start().first().is_some_and(u8::is_ascii_alphanumeric);
    let declared = || line[word.len()..].strip_prefix(b" ").is_some_and(named);
    matches!(line.first(), Some(b'$' | b'[')) || (MODIFIERS.contains(&word) && declared())
}

/// How far back the start of a line is looked for, in bytes.
pub(super) const LONGEST_LINE: usize = 2000;

/// Where the line begins that `at` stands on; at most [`LONGEST_LINE`] before it.
pub(super) fn line_start(text: &[u8], at: usize) -> usize {
    let from = at.saturating_sub(LONGEST_LINE);
    text[from..at].iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(from, |p| from + p + 1)
}

/// Indentation of the line that `at` stands on.
pub(super) fn indent(text: &[u8], at: usize) -> u32 {
    let line = &text[line_start(text, at)..at];
    line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count() as u32
}

/// Whether the line that `at` stands on begins as one that a diff takes out, and not as an item of a list does.
pub(super) fn is_taken_out(text: &[u8], at: usize) -> bool {
    let line = &text[line_start(text, at)..];
    line.starts_with(b"-") && !(line.starts_with(b"- ") && line.get(2).is_some_and(|b| *b != b' '))
}

/// Whether `at` stands in a comment, as far as its line tells.
pub(super) fn is_comment(text: &[u8], at: usize) -> bool {
    let before = &text[line_start(text, at)..at];
    // a diff's sign aside
    let line = match before {
        [b'+' | b'-', line @ ..] if line.first() != Some(&b'-') => line,
        _ => before,
    };
    let line = line.trim_ascii_start();
    let begins = |marks: &[&[u8]]| marks.iter().any(|mark| line.starts_with(mark));
    if begins(&[b"#", b"//", b"/*", b"* ", b";", b"--", b"<!--", b"REM ", b"rem ", b"Rem "]) {
        return true;
    }
    // behind what is in force, and not in a string or a URL
    let marks = [&b" # "[..], b" // ", b" -- ", b" ; ", b" /* ", b"\t# ", b"\t// ", b" <!-- "];
    let behind = marks.iter().filter_map(|mark| memchr::memmem::find(line, mark)).min();
    behind.is_some_and(|end| {
        let quotes = |quote: u8| memchr::memchr_iter(quote, &line[..end]).count();
        line[..end].iter().any(u8::is_ascii_alphanumeric)
            && [b'"', b'\'', b'`'].into_iter().all(|q| quotes(q).is_multiple_of(2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_from_lists() {
        for line in [
            "==> prod.env <==",
            "[default]",
            "[profile \"x y\"]",
            "[[runners]]",
            "[a.b-c] # note",
            "[ core ]",
            "[profile a/b]",
        ] {
            assert!(is_header(line.as_bytes()), "{line}");
        }
        for line in [
            "[10:33]",
            "[2024-05-01T10:33:09Z]",
            "[INFO] text",
            "[\"a\", \"b\"]",
            "[1, 2]",
            "[]",
            "key[0] = 1",
            "[a]: link",
            "[\"a\"]",
        ] {
            assert!(!is_header(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn comments_are_told() {
        for (before, comment) in [
            ("# KEY=", true),
            ("  // key: '", true),
            ("-- key ", true),
            ("+# KEY=", true),
            ("key: x # was ", true),
            ("const key = 'x'; // '", true),
            ("KEY=", false),
            ("- key: ", false),
            ("-KEY=", false),
            ("key: 's3://a # b/", false),
            ("url = https://x/", false),
            ("#1\nKEY=", false),
        ] {
            assert_eq!(is_comment(before.as_bytes(), before.len()), comment, "{before}");
        }
    }

    #[test]
    fn attributes_are_told_from_headers() {
        for (text, header) in [
            ("\n[prod]\nkey = ", true),
            ("\n[prod]\n\n# note\nkey = ", true),
            ("\n[a]\n[b]\nstring = ", true),
            ("\n  [Required]\n  public string SecretKey = ", false),
            ("\n[Required]\n[SerializeField]\n  private string secretKey = ", false),
            ("\n[string]\n$SecretKey = ", false),
            ("\n[Required]\nsecret_key = ", false),
            ("\n[10:33]\nsecret ", false),
        ] {
            assert_eq!(Gap::of(text.as_bytes()).header, header, "{text}");
        }
    }

    #[test]
    fn rules_in_prose_are_told_from_yaml() {
        for (text, wall) in [
            ("\n---\nsecret_key: ", true),
            ("\n---\n# prod\n", true),
            ("\n---\napiVersion: v1\nkind: Secret\n", true),
            ("\n---\n- name: x\n", true),
            ("\n---\nSecret access key: ", false),
            ("\n\n---\n\n**Secret access key:** `", false),
            ("\n\nSecret key\n---\n", false),
        ] {
            let gap = Gap::of(text.as_bytes());
            assert_eq!((gap.header, gap.rules), (wall, u32::from(!wall)), "{text}");
        }
    }

    #[test]
    fn gaps_add_up() {
        let text = b" = \"x\"\n\n  }, {\n    id: 1 }\n[next]\n  key ";
        let whole = Gap::of(text);
        assert_eq!((whole.lines, whole.blanks, whole.header), (5, 1, true));
        assert_eq!((whole.closed, whole.opened, whole.min_indent), (1, 0, Some(0)));
        for cut in 1..text.len() {
            // cuts inside a line see a piece of it, so only what does not depend on whole lines is compared
            let both = Gap::of(&text[..cut]).and(Gap::of(&text[cut..]));
            assert_eq!((both.bytes, both.lines, both.closed, both.opened), (text.len(), 5, 1, 0), "{cut}");
        }
    }
}
