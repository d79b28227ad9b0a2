//! The object directories of a repository: its own, and those that `info/alternates` names.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::blob::Skipped;
use crate::sources::history::repo::{read_at_most, system_path};

/// How deep alternates of alternates are followed. Git stops at 5.
const MAX_DEPTH: usize = 32;
/// The longest list of alternates, bytes.
const LONGEST: u64 = 1 << 24;

/// `objects_dir` and all that it borrows from, none twice, itself first.
pub(in crate::sources::history) fn object_dirs(
    objects_dir: &Path,
    problems: &mut Vec<Skipped>,
) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    let mut seen = HashSet::new();
    let mut todo = vec![(objects_dir.to_owned(), 0)];
    while let Some((dir, depth)) = todo.pop() {
        let problem = |reason: String| Skipped::new(dir.display().to_string(), reason);
        let real = match dir.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                let role = if depth == 0 { "object directory" } else { "alternate object directory" };
                problems.push(problem(format!("cannot open the {role}: {error}")));
                continue;
            }
        };
        if !seen.insert(real) {
            continue;
        }
        let list = dir.join("info").join("alternates");
        match read_at_most(&list, LONGEST) {
            Ok(None) => problems.push(problem("info/alternates is too large".into())),
            Ok(Some(text)) if depth >= MAX_DEPTH && !text.is_empty() => {
                problems.push(problem("alternates are nested too deeply".into()));
            }
            Ok(Some(text)) => {
                for line in text.split(|&b| b == b'\n') {
                    match parse_line(line) {
                        Line::Empty => {}
                        Line::Path(path) => match system_path(&path) {
                            Some(path) => todo.push((dir.join(path), depth + 1)),
                            None => problems.push(problem("an alternate is no valid path".into())),
                        },
                        Line::Bad => problems.push(problem("an alternate is badly quoted".into())),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(problem(format!("cannot read info/alternates: {error}"))),
        }
        dirs.push(dir);
    }
    dirs
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Empty,
    Path(Vec<u8>),
    Bad,
}

fn parse_line(line: &[u8]) -> Line {
    match line {
        [] | [b'#', ..] => Line::Empty,
        [b'"', quoted @ ..] => unquote(quoted).map_or(Line::Bad, Line::Path),
        path => Line::Path(path.to_owned()),
    }
}

/// What stands between the quotes, C-style escapes undone; `None` without a closing quote at the end.
fn unquote(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = quoted.iter().copied();
    loop {
        match bytes.next()? {
            b'"' => return bytes.next().is_none().then_some(out),
            b'\\' => out.push(match bytes.next()? {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                c @ (b'"' | b'\\') => c,
                first @ b'0'..=b'3' => {
                    let mut value = first - b'0';
                    for _ in 0..2 {
                        let digit = bytes.next().filter(|b| (b'0'..=b'7').contains(b))?;
                        value = value << 3 | (digit - b'0');
                    }
                    value
                }
                _ => return None,
            }),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_git_reads_them() {
        for (line, expected) in [
            (&b""[..], Line::Empty),
            (b"# a remark", Line::Empty),
            (b"../other/objects", Line::Path(b"../other/objects".to_vec())),
            (b"with \"quotes\" inside", Line::Path(b"with \"quotes\" inside".to_vec())),
            (br#""a\tb\"\\\303\244""#, Line::Path(b"a\tb\"\\\xc3\xa4".to_vec())),
            (br#""open"#, Line::Bad),
            (br#""a"b"#, Line::Bad),
            (br#""\400""#, Line::Bad),
            (br#""\18""#, Line::Bad),
        ] {
            assert_eq!(parse_line(line), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn alternates_are_followed_once_even_in_a_circle() {
        let root = tempfile::tempdir().unwrap();
        for (name, alternates) in [("a", "../b\n../gone\n"), ("b", "# x\n\"../c\"\n"), ("c", "../a\n../b")] {
            let info = root.path().join(name).join("info");
            std::fs::create_dir_all(&info).unwrap();
            std::fs::write(info.join("alternates"), alternates).unwrap();
        }
        let mut problems = Vec::new();
        let dirs = object_dirs(&root.path().join("a"), &mut problems);
        let mut names: Vec<PathBuf> = dirs.iter().map(|d| d.canonicalize().unwrap()).collect();
        names.sort();
        let real = root.path().canonicalize().unwrap();
        assert_eq!(names, ["a", "b", "c"].map(|n| real.join(n)));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].what.ends_with("gone"), "{}", problems[0].what);
    }
}
