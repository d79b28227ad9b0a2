//! Classes of bytes, as in `A-Za-z0-9+/`.

use super::ByteSet;

/// Parse a class: single characters, ranges with `-`, and `\\`, `\-`, `\[`, `\]`, `\^`. A `-` at either end is itself.
/// An empty class is the empty set.
///
/// The error is one clause that says what is wrong.
pub(super) fn parse(class: &str) -> Result<ByteSet, String> {
    let mut items = Vec::new();
    let mut chars = class.chars();
    while let Some(c) = chars.next() {
        items.push(match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | '-' | '[' | ']' | '^')) => Item { byte: escaped as u8, plain: false },
                Some(other) => {
                    return Err(format!("`\\{other}` is no escape; there are \\\\ \\- \\[ \\] \\^"));
                }
                None => return Err("it ends in a backslash; write \\\\ for one".into()),
            },
            '[' | ']' | '^' => {
                return Err(format!("write `{c}` as `\\{c}`: the class stands without brackets"));
            }
            ' '..='~' => Item { byte: c as u8, plain: true },
            other => return Err(format!("`{}` is not a printable ASCII character", other.escape_default())),
        });
    }
    let mut bytes = Vec::new();
    let mut rest = items.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if let [dash, last, after @ ..] = after
            && dash.is_dash()
        {
            if first.byte > last.byte {
                return Err(format!(
                    "the range {}-{} runs backwards",
                    char::from(first.byte),
                    char::from(last.byte)
                ));
            }
            bytes.extend(first.byte..=last.byte);
            rest = after;
        } else {
            bytes.push(first.byte);
            rest = after;
        }
    }
    Ok(ByteSet::of(&bytes))
}

/// A character of a class.
struct Item {
    byte: u8,
    /// Not escaped.
    plain: bool,
}

impl Item {
    fn is_dash(&self) -> bool {
        self.plain && self.byte == b'-'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(class: &str) -> String {
        let set = parse(class).unwrap();
        (0..=255u8).filter(|&b| set.has(b)).map(char::from).collect()
    }

    #[test]
    fn classes_hold_their_characters_ranges_and_escapes() {
        for (class, expected) in [
            ("", ""),
            ("A-F", "ABCDEF"),
            ("A-Ca-c0-2", "012ABCabc"),
            ("+/=", "+/="),
            ("a-", "-a"),
            ("-a", "-a"),
            ("-", "-"),
            (r"a\-c", "-ac"),
            (r"\\\]\[\^", r"[\]^"),
            ("a-a", "a"),
        ] {
            assert_eq!(members(class), expected, "{class}");
        }
    }

    #[test]
    fn bad_classes_are_refused_with_a_reason() {
        for (class, reason) in [
            ("z-a", "runs backwards"),
            ("[a-z]", "without brackets"),
            ("^a", "without brackets"),
            ("a\\", "ends in a backslash"),
            (r"\w", "is no escape"),
            ("ä", "not a printable ASCII"),
            ("a\n", "not a printable ASCII"),
        ] {
            let error = parse(class).unwrap_err();
            assert!(error.contains(reason), "{class}: {error}");
        }
    }
}
