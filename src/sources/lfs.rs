//! Pointers of git-lfs: small blobs that stand for content outside of the object database.
//!
//! Source: the git-lfs specification, "The Pointer".

/// A pointer is shorter than this, bytes.
pub const BELOW: u64 = 1024;
/// What a pointer begins with.
pub const HEAD: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// Whether a blob begins as a pointer does, and is as short.
pub fn is_pointer(blob: &[u8]) -> bool {
    (blob.len() as u64) < BELOW && blob.starts_with(HEAD)
}

/// The digest in a pointer: 64 hexadecimal digits, and so nothing that leads out of a folder. `None`: the blob is no pointer.
pub fn digest(blob: &[u8]) -> Option<&str> {
    let pointer = Some(blob).filter(|blob| is_pointer(blob))?;
    let line = pointer.split(|b| *b == b'\n').find_map(|l| l.strip_prefix(b"oid sha256:"))?;
    let digest = std::str::from_utf8(line.trim_ascii()).ok()?;
    (digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_a_digest_and_no_path() {
        let sha256 = "0123456789abcdef".repeat(4);
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 5\n");
        assert_eq!(digest(pointer.as_bytes()), Some(sha256.as_str()));
        let hostile = pointer.replace(&sha256, &format!("../../{}", &sha256[6..]));
        for none in [hostile, pointer[9..].to_owned(), pointer + &"x".repeat(1024)] {
            assert_eq!(digest(none.as_bytes()), None);
        }
    }
}
