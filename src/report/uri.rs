//! Paths as URIs.

use std::fmt::Write as _;
use std::path::Path;

/// A path, in bytes and with `/` or (behind a drive letter) `\` between its parts, as a URI: relative to its root if the path
/// is relative, a `file:` URI if not. Everything but unreserved characters is percent-encoded.
pub fn of_path(path: &[u8]) -> String {
    match path {
        [b'/', ..] => format!("file://{}", encode(path)),
        [drive, b':', b'/' | b'\\', rest @ ..] if drive.is_ascii_alphabetic() => {
            let rest: Vec<u8> = rest.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect();
            format!("file:///{}:/{}", char::from(*drive), encode(&rest))
        }
        [b'.', b'/', rest @ ..] => of_path(rest),
        _ => encode(path),
    }
}

/// Whether [`of_path`] makes a relative URI of it.
pub fn is_relative(path: &[u8]) -> bool {
    !of_path(path).starts_with("file:")
}

/// A `file:` URI for `path`, which starts from the absolute folder `root` if it is relative.
pub fn of_file(root: &Path, path: &[u8]) -> String {
    if !is_relative(path) {
        return of_path(path);
    }
    let root = of_path(root.as_os_str().as_encoded_bytes());
    format!("{}/{}", root.trim_end_matches('/'), of_path(path))
}

fn encode(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, uri) in [
            (&b"a/b.txt"[..], "a/b.txt"),
            (b"./a", "a"),
            (b"../a", "../a"),
            (b"a b/%41#?.txt", "a%20b/%2541%23%3F.txt"),
            (b"http://x", "http%3A//x"),
            ("ü".as_bytes(), "%C3%BC"),
            (b"\xff", "%FF"),
            (b"/srv/x y", "file:///srv/x%20y"),
            (b"C:\\x\\y", "file:///C:/x/y"),
        ] {
            assert_eq!(of_path(path), uri);
        }
        assert_eq!(of_file(Path::new("/srv/x/"), b"./a b"), "file:///srv/x/a%20b");
        assert_eq!(of_file(Path::new("/srv/x"), b"/etc/y"), "file:///etc/y");
    }
}
