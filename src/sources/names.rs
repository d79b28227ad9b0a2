//! Names for objects: one ref at a time, without reading all of them where they are files.

use std::io;

use super::history::Repo;
use super::history::refs::{MAX_HOPS, MAX_PACKED, Refs, Target, read_loose};
use super::history::repo::read_at_most;
use super::history::store::ObjectId;

/// Why a name could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The file of a ref cannot be read.
    #[error("cannot read the ref {name}")]
    Read {
        /// The ref.
        name: String,
        /// The reason.
        source: io::Error,
    },
    /// The file of a ref is damaged.
    #[error("the ref {name} names no object")]
    Damaged {
        /// The ref.
        name: String,
    },
}

/// What a ref names in the end, given its full name, such as `HEAD` or `refs/heads/main`; `None`: there is no such
/// ref, or it is an unborn branch.
pub fn resolve(repo: &Repo, name: &[u8]) -> Result<Option<ObjectId>, NameError> {
    if repo.reftable {
        return Ok(Refs::read(repo).roots.get(name).copied());
    }
    let mut name = name.to_vec();
    for _ in 0..MAX_HOPS {
        match loose(repo, &name)? {
            Some(Target::Id(id)) => return Ok(Some(id)),
            Some(Target::Name(other)) => name = other,
            None => return packed(repo, &name),
        }
    }
    Ok(None)
}

/// Whether a name can only be that of a file below the git directory.
fn is_safe(name: &[u8]) -> bool {
    !name.is_empty()
        && !name.starts_with(b"/")
        && name.split(|b| *b == b'/').all(|part| !part.is_empty() && part != b"." && part != b"..")
        && !name.iter().any(|b| matches!(b, 0..=32 | b':' | b'\\' | 127))
}

fn loose(repo: &Repo, name: &[u8]) -> Result<Option<Target>, NameError> {
    if !is_safe(name) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(name).into_owned();
    let Ok(file) = gix::path::from_bstr(gix::bstr::BStr::new(name)) else { return Ok(None) };
    for folder in [&repo.git_dir, &repo.common_dir] {
        match read_loose(&folder.join(&file), repo.hash) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => return Err(NameError::Damaged { name: text }),
            Err(error) if is_absent(&error) => {}
            Err(source) => return Err(NameError::Read { name: text, source }),
        }
    }
    Ok(None)
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

fn packed(repo: &Repo, name: &[u8]) -> Result<Option<ObjectId>, NameError> {
    let path = repo.common_dir.join("packed-refs");
    let failed = |source| NameError::Read { name: "packed-refs".into(), source };
    let text = match read_at_most(&path, MAX_PACKED) {
        Ok(Some(text)) => text,
        Ok(None) => return Err(failed(io::ErrorKind::FileTooLarge.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let hex_len = repo.hash.len_in_hex();
    for at in memchr::memmem::find_iter(&text, name) {
        let ended = matches!(text.get(at + name.len()), None | Some(b'\n' | b'\r'));
        let line = text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        if ended && at - line == hex_len + 1 && text[at - 1] == b' ' {
            return Ok(ObjectId::from_hex(&text[line..line + hex_len]).ok());
        }
    }
    Ok(None)
}
