//! Names for objects: one ref at a time, without reading all of them where they are files.

use std::io;
use std::path::Path;

use super::history::Repo;
use super::history::refs::Refs;
use super::history::store::{HashKind, ObjectId};

/// How far symbolic refs are followed. As far as git does.
const MAX_HOPS: usize = 5;
/// The longest `packed-refs`.
const MAX_PACKED: u64 = 1 << 30;

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
    for _ in 0..=MAX_HOPS {
        match loose(repo, &name)? {
            Some(Loose::Id(id)) => return Ok(Some(id)),
            Some(Loose::Name(other)) => name = other,
            None => return packed(repo, &name),
        }
    }
    Ok(None)
}

enum Loose {
    Id(ObjectId),
    Name(Vec<u8>),
}

/// Whether a name can only be that of a file below the git directory.
fn is_safe(name: &[u8]) -> bool {
    !name.is_empty()
        && !name.starts_with(b"/")
        && name.split(|b| *b == b'/').all(|part| !part.is_empty() && part != b"." && part != b"..")
        && !name.iter().any(|b| matches!(b, 0..=32 | b':' | b'\\' | 127))
}

fn loose(repo: &Repo, name: &[u8]) -> Result<Option<Loose>, NameError> {
    if !is_safe(name) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(name).into_owned();
    let Ok(file) = gix::path::from_bstr(gix::bstr::BStr::new(name)) else { return Ok(None) };
    for folder in [&repo.git_dir, &repo.common_dir] {
        match read(&folder.join(&file), repo.hash) {
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

fn read(path: &Path, hash: HashKind) -> io::Result<Option<Loose>> {
    if let Ok(link) = std::fs::read_link(path)
        && link.starts_with("refs")
    {
        return Ok(gix::path::into_bstr(link).ok().map(|name| Loose::Name(name.to_vec())));
    }
    let text = std::fs::read(path)?;
    if let Some(name) = text.strip_prefix(b"ref:") {
        return Ok(Some(Loose::Name(name.trim_ascii().to_vec())));
    }
    Ok(text.get(..hash.len_in_hex()).and_then(|hex| ObjectId::from_hex(hex).ok()).map(Loose::Id))
}

fn packed(repo: &Repo, name: &[u8]) -> Result<Option<ObjectId>, NameError> {
    let path = repo.common_dir.join("packed-refs");
    let failed = |source| NameError::Read { name: "packed-refs".into(), source };
    let text = match std::fs::metadata(&path) {
        Ok(meta) if meta.len() > MAX_PACKED => return Err(failed(io::ErrorKind::FileTooLarge.into())),
        Ok(_) => std::fs::read(&path).map_err(failed)?,
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
