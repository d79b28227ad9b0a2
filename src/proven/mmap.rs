//! Mapping files into memory.
//!
//! # Why this is sound in practice
//!
//! A `&[u8]` over a mapping is only a true shared reference while nobody changes the file, and no program can rule that
//! out for a file of another program. What we rely on:
//!
//! - **Only files that are never written in place are mapped**: packs and their indexes, and the index of a work tree. Git
//!   writes them under a temporary name and renames them; it replaces and unlinks, but never modifies or truncates. An
//!   unlinked file stays readable through its mapping. Work tree files and loose objects are read, not mapped.
//! - The mapping is private and read-only: nothing that we do can change the file, and no copy-on-write page exists.
//! - Every reader treats the bytes as hostile and checks each length and offset when it uses it. No value is validated
//!   once and trusted at a second read of the same bytes for memory safety: all accesses are checked slices.
//!   A file changed under us against all custom so leads to a wrong answer or a reported problem.
//! - **Truncation** while it is mapped makes the pages behind the new end inaccessible: the process would be ended by
//!   `SIGBUS`. That is a loss of the scan, not memory unsafety, and takes somebody with write access to the repository
//!   who truncates a read-only file. Git itself lives with the same risk.
//! - A length of 0 is not mapped at all (the system call would refuse), and a file that grows later is seen with the
//!   length that it had.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file's bytes, mapped and read-only.
#[derive(Debug)]
pub(crate) struct Map(Option<memmap2::Mmap>);

impl Map {
    /// Map a file that nobody modifies in place (see the module's text).
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the file is a pack, the index of one, or that of a work tree, which are not written in place; the module's text has the argument.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self(Some(map)))
    }
}

/// Open a file. What is no regular file is an error: to open a pipe would wait for whoever writes to it.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_holds_the_bytes_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for content in [&b""[..], b"x", &vec![7; 100_000]] {
            let path = dir.path().join("f");
            std::fs::write(&path, content).unwrap();
            assert_eq!(&*Map::open(&path).unwrap(), content);
        }
        assert!(Map::open(dir.path()).is_err());
        assert!(Map::open(&dir.path().join("absent")).is_err());
    }
}
