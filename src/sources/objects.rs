//! Single objects by id: for commands that look at few objects and must not pay for the whole database.
//!
//! Packs are opened when they are needed, and nothing is listed before it has to be. Nothing is written, no missing
//! object is fetched, and replace refs are not followed.

use std::io;
use std::path::{Path, PathBuf};

use gix::objs::Find as _;
use gix::odb::pack::cache::lru::MemoryCappedHashmap;

use super::history::store::{HashKind, ObjectId, ObjectKind, oid};

/// Larger objects are not held in memory: 2 GiB.
const MAX_IN_MEMORY: usize = 2 << 30;
/// How much of packs is held that others may be made from, bytes.
const CACHED: usize = 64 << 20;

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is nowhere.
    #[error("object {id} is missing")]
    Missing {
        /// The object.
        id: ObjectId,
    },
    /// It is there, but of no use.
    #[error("object {id} cannot be read: {reason}")]
    Damaged {
        /// The object.
        id: ObjectId,
        /// Why, in one clause.
        reason: String,
    },
}

impl ObjectError {
    /// Where a file is wanted.
    pub(super) fn link(id: &oid) -> Self {
        Self::damaged(id, "it is a symbolic link, where the file itself has to be")
    }

    fn damaged(id: &oid, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { id: id.to_owned(), reason: reason.to_string() }
    }
}

/// The objects of a repository.
#[derive(Clone)]
pub struct Objects {
    hash: HashKind,
    databases: Vec<gix::odb::Handle>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Objects {
    /// The objects of a directory and of the alternates that it names, and then those of further directories, such as
    /// those that git hands to a hook. A further directory that is not there holds nothing, as git has it.
    pub fn open(objects_dir: &Path, further: &[PathBuf], hash: HashKind) -> io::Result<Self> {
        let open = |dir: &Path| {
            // To open a pipe would wait for whoever writes to it.
            if std::fs::metadata(dir.join("info/alternates")).is_ok_and(|meta| !meta.is_file()) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "info/alternates is not a regular file",
                ));
            }
            let limits = gix::odb::store::init::Options {
                alloc_limit_bytes: Some(MAX_IN_MEMORY),
                ..Default::default()
            };
            let mut database = gix::odb::at_opts(dir, hash, None, limits)?;
            // What is read next is mostly made from what was read before: versions of one file, of one tree.
            database.set_pack_cache(|| Box::new(MemoryCappedHashmap::new(CACHED)));
            Ok(database)
        };
        let mut databases = vec![open(objects_dir)?];
        for dir in further.iter().filter(|dir| dir.is_dir()) {
            databases.push(open(dir)?);
        }
        Ok(Self { hash, databases })
    }

    /// Whether there is one directory, with what it borrows from.
    pub fn is_one(&self) -> bool {
        self.databases.len() == 1
    }

    /// How ids are computed.
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    /// Read an object whole.
    pub fn read(&self, id: &oid, buf: &mut Vec<u8>) -> Result<ObjectKind, ObjectError> {
        if id == self.hash.empty_tree() {
            buf.clear();
            return Ok(ObjectKind::Tree);
        }
        let mut reason = None;
        for database in &self.databases {
            match database.try_find(id, buf) {
                Ok(Some(data)) => {
                    let kind = data.kind;
                    return Ok(kind);
                }
                Ok(None) => {}
                Err(error) => reason = reason.or_else(|| Some(error.to_string())),
            }
        }
        Err(match reason {
            Some(reason) => ObjectError::damaged(id, reason),
            None => ObjectError::Missing { id: id.to_owned() },
        })
    }

    /// Read an object of this kind.
    pub fn read_kind(&self, id: &oid, kind: ObjectKind, buf: &mut Vec<u8>) -> Result<(), ObjectError> {
        match self.read(id, buf)? {
            found if found == kind => Ok(()),
            found => Err(ObjectError::damaged(id, format_args!("it is a {found}, not a {kind}"))),
        }
    }

    /// Whether there is an object of this id, readable or not.
    pub fn contains(&self, id: &oid) -> bool {
        use gix::objs::Exists as _;
        id == self.hash.empty_tree() || self.databases.iter().any(|database| database.exists(id))
    }

    /// The object whose id begins with these hexadecimal digits; `None`: none does, or several do.
    pub fn find_prefix(&self, digits: &str) -> Option<ObjectId> {
        let prefix = gix::hash::Prefix::from_hex(digits).ok()?;
        let mut found = None;
        for database in &self.databases {
            match database.lookup_prefix(prefix, None) {
                Ok(None) => {}
                Ok(Some(Ok(id))) if found.is_none_or(|other| other == id) => found = Some(id),
                Ok(Some(_)) | Err(_) => return None,
            }
        }
        found
    }
}
