//! Which lines of a commit message git keeps.

/// How git cleans a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cleanup {
    /// What begins a comment; empty: comments are kept.
    pub(super) comment: Vec<u8>,
    /// What becomes of the scissors and what stands below them.
    pub(super) scissors: Scissors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scissors {
    /// They are a line as others are.
    Kept,
    /// They go away with what is below, if that is a change that git shows. Otherwise a person wrote them.
    AboveDiff,
    /// They go away with what is below.
    Cut,
}

/// The message as git will commit it. Lines that go away become empty, so that the others keep their numbers; what stands
/// below the scissors is gone.
pub(super) fn cleaned(message: &[u8], cleanup: &Cleanup) -> Vec<u8> {
    let mut kept = Vec::with_capacity(message.len());
    let mut lines = message.split_inclusive(|b| *b == b'\n');
    while let Some(line) = lines.next() {
        let cuts = || match cleanup.scissors {
            Scissors::Kept => false,
            Scissors::AboveDiff => is_shown(lines.clone()),
            Scissors::Cut => true,
        };
        if is_scissors(line, &cleanup.comment) && cuts() {
            break;
        }
        if !cleanup.comment.is_empty() && line.starts_with(&cleanup.comment) {
            kept.push(b'\n');
        } else {
            kept.extend_from_slice(line);
        }
    }
    kept
}

fn is_scissors(line: &[u8], comment: &[u8]) -> bool {
    // The character that git chose is not always known.
    let rest = if comment.is_empty() { line.get(1..) } else { line.strip_prefix(comment) };
    rest.map(<[u8]>::trim_ascii) == Some(b"------------------------ >8 ------------------------")
}

/// Whether git shows a change in these lines: two lines of explanation, then the change, or nothing where there is none.
fn is_shown<'a>(lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let change = lines.skip(2).find(|line| !line.trim_ascii().is_empty());
    change.is_none_or(|line| {
        [&b"diff --"[..], b"Submodule ", b"Changes "].iter().any(|start| line.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_what_is_below_the_scissors_go_away() {
        const SCISSORS: &str = "# ------------------------ >8 ------------------------\n";
        let above = "subject\n# note\nbody # 1\n";
        let shown = "# Do not remove the line above.\n# What is below is ignored.\ndiff --git a/x b/x\n";
        let clean = |text: &str, comment: &str, scissors| {
            let cleanup = Cleanup { comment: comment.as_bytes().to_vec(), scissors };
            String::from_utf8(cleaned(text.as_bytes(), &cleanup)).unwrap()
        };
        let diff = format!("{above}{SCISSORS}{shown}");
        let own = format!("{above}{SCISSORS}quoted from a mail\nmore of it\nand more\n");
        for (text, comment, scissors, kept) in [
            (&diff, "#", Scissors::Cut, "subject\n\nbody # 1\n"),
            (&diff, "#", Scissors::AboveDiff, "subject\n\nbody # 1\n"),
            (&diff, "", Scissors::Kept, &*diff),
            (&diff, "", Scissors::AboveDiff, above),
            (&diff, ";", Scissors::Cut, &*diff),
            (&own, "", Scissors::AboveDiff, &*own),
            (&own, "", Scissors::Cut, above),
            (&format!("{above}{SCISSORS}# explanation\n# more\n"), "", Scissors::AboveDiff, above),
        ] {
            assert_eq!(clean(text, comment, scissors), kept, "{text} {comment} {scissors:?}");
        }
    }
}
