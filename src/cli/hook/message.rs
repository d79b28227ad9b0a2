//! Which lines of a commit message git keeps.

/// How git cleans a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cleanup {
    /// What begins a comment; empty: comments are kept.
    pub(super) comment: Vec<u8>,
    /// Whether what stands below the scissors goes away.
    pub(super) scissors: bool,
}

/// The message as git will commit it. Lines that go away become empty, so that the others keep their numbers; what stands
/// below the scissors is gone.
pub(super) fn cleaned(message: &[u8], cleanup: &Cleanup) -> Vec<u8> {
    let mut kept = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|b| *b == b'\n') {
        if cleanup.scissors && is_scissors(line, &cleanup.comment) {
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
    let comment = if comment.is_empty() { b"#" } else { comment };
    let rest = line.strip_prefix(comment).map(<[u8]>::trim_ascii);
    rest == Some(b"------------------------ >8 ------------------------")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_what_is_below_the_scissors_go_away() {
        let text =
            b"subject\n# note\nbody # 1\n# ------------------------ >8 ------------------------\ndiff\n";
        let clean =
            |comment: &[u8], scissors| cleaned(text, &Cleanup { comment: comment.to_vec(), scissors });
        assert_eq!(clean(b"#", true), b"subject\n\nbody # 1\n");
        assert_eq!(clean(b"", false), text);
        assert_eq!(clean(b"", true), b"subject\n# note\nbody # 1\n");
        assert_eq!(clean(b";", true), text);
    }
}
