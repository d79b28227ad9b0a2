//! Where a repository keeps what: found without running anything, and without letting its configuration or the
//! environment lead elsewhere.
//!
//! Only files are read: `.git` files, `commondir`, and of the configuration the few values that say how the files are
//! to be read. `safe.directory` guards against running what a repository configures; nothing is run here.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::store::{HashKind, object_dirs};
use crate::blob::Skipped;
use crate::proven::mmap::open_regular;

/// The largest of the small files that git keeps; what is longer is none.
const SMALL: u64 = 1 << 20;

/// Why there is no repository to read.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// Neither the path nor a folder above it is one.
    #[error("{} is no git repository, nor is any folder above it{}", path.display(), but(broken.as_ref()))]
    None {
        /// The path that was given.
        path: PathBuf,
        /// What looks like the folder of one, and what it lacks.
        broken: Option<(PathBuf, &'static str)>,
    },
    /// Whether there is one cannot be told.
    #[error("cannot read {}, so whether it is a git repository is not known: run as its owner, or get the right to read it", path.display())]
    Unreadable {
        /// What cannot be read.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The path cannot be resolved.
    #[error("cannot open {}", path.display())]
    Path {
        /// The path that was given.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A `.git` file leads to something else than a repository.
    #[error("{} leads to {}, which is no git repository", file.display(), target.display())]
    Link {
        /// The `.git` file.
        file: PathBuf,
        /// What it names.
        target: PathBuf,
    },
    /// A repository that this version cannot read.
    #[error("{} has an unknown {what}: {value}", path.display())]
    Unknown {
        /// The repository.
        path: PathBuf,
        /// The setting.
        what: &'static str,
        /// Its value.
        value: String,
    },
}

fn but(broken: Option<&(PathBuf, &'static str)>) -> String {
    broken.map_or(String::new(), |(path, lack)| format!(": {} is there, but has no {lack}", path.display()))
}

/// A linked work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Its name under `worktrees/`.
    pub name: String,
    /// Its private folder.
    pub git_dir: PathBuf,
}

/// A repository and its parts.
#[derive(Debug, Clone)]
pub struct Repo {
    /// Private to the work tree: HEAD, its reflog, the index.
    pub git_dir: PathBuf,
    /// Shared by all work trees: refs, configuration. Often the same.
    pub common_dir: PathBuf,
    /// The object database.
    pub objects_dir: PathBuf,
    /// The work tree that was found, if there is one.
    pub work_tree: Option<PathBuf>,
    /// Where git-lfs keeps what its pointers stand for, and where those do from which objects are borrowed.
    pub lfs_dirs: Vec<PathBuf>,
    /// How ids are computed.
    pub hash: HashKind,
    /// Whether refs are in reftables.
    pub reftable: bool,
    /// Whether objects may be missing because a remote promises them.
    pub promisor: bool,
    /// All linked work trees, by name.
    pub linked: Vec<Linked>,
    /// What of its configuration could not be read.
    pub problems: Vec<Skipped>,
}

impl Repo {
    /// The repository at or around `path`.
    pub fn discover(path: &Path) -> Result<Self, RepoError> {
        let start =
            path.canonicalize().map_err(|source| RepoError::Path { path: path.to_owned(), source })?;
        let mut broken = None;
        for folder in start.ancestors() {
            let dot_git = folder.join(".git");
            if dot_git.is_file() {
                let target = link_target(&dot_git)
                    .map_err(|source| RepoError::Unreadable { path: dot_git.clone(), source })?;
                let target = target.unwrap_or_else(|| dot_git.clone());
                if lacks(&target)?.is_some() {
                    return Err(RepoError::Link { file: dot_git, target });
                }
                return Self::at(&target, Some(folder.to_owned()));
            }
            match lacks(&dot_git)? {
                None => return Self::at(&dot_git, Some(folder.to_owned())),
                Some(what) if broken.is_none() && dot_git.is_dir() => broken = Some((dot_git, what)),
                Some(_) => {}
            }
            if lacks(folder)?.is_none() {
                return Self::at(folder, None);
            }
        }
        Err(RepoError::None { path: path.to_owned(), broken })
    }

    /// The repository in a folder that git names itself, as it does to its hooks: nothing above it is tried.
    pub fn open(git_dir: &Path, work_tree: Option<PathBuf>) -> Result<Self, RepoError> {
        match lacks(git_dir)? {
            Some(what) => Err(RepoError::None {
                path: git_dir.to_owned(),
                broken: Some((git_dir.to_owned(), what)).filter(|_| git_dir.is_dir()),
            }),
            None => Self::at(git_dir, work_tree),
        }
    }

    pub(super) fn at(git_dir: &Path, work_tree: Option<PathBuf>) -> Result<Self, RepoError> {
        let git_dir = git_dir.canonicalize().unwrap_or_else(|_| git_dir.to_owned());
        let common_dir = common_dir(&git_dir);
        let settings = Settings::read(&common_dir.join("config"));
        let unknown = |what, value| RepoError::Unknown { path: common_dir.clone(), what, value };
        let hash = match settings.object_format.as_deref() {
            None | Some("sha1") => HashKind::Sha1,
            Some("sha256") => HashKind::Sha256,
            Some(other) => return Err(unknown("object format", other.to_owned())),
        };
        let reftable = match settings.ref_storage.as_deref() {
            None | Some("files") => common_dir.join("reftable/tables.list").is_file(),
            Some("reftable") => true,
            Some(other) => return Err(unknown("ref format", other.to_owned())),
        };
        // git-lfs takes what is not absolute for a place in git's folder.
        let lfs_dir = common_dir.join(settings.lfs_storage.unwrap_or_else(|| "lfs".into())).join("objects");
        // Which alternates cannot be read is told where objects are.
        let dirs = object_dirs(&common_dir.join("objects"), &mut Vec::new());
        let borrowed = dirs.iter().skip(1).filter_map(|dir| Some(dir.parent()?.join("lfs/objects")));
        Ok(Self {
            lfs_dirs: std::iter::once(lfs_dir).chain(borrowed).collect(),
            objects_dir: common_dir.join("objects"),
            hash,
            reftable,
            promisor: settings.promisor || has_promisor_pack(&common_dir.join("objects/pack")),
            linked: linked(&common_dir),
            problems: settings.problem.into_iter().collect(),
            work_tree,
            git_dir,
            common_dir,
        })
    }

    /// The commits at which history was cut by a shallow clone or fetch.
    pub fn shallow(&self) -> io::Result<Vec<super::store::ObjectId>> {
        let text = match read_at_most(&self.common_dir.join("shallow"), super::refs::MAX_PACKED) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(io::ErrorKind::FileTooLarge.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(text.split(|b| *b == b'\n').filter_map(|line| parse_id(line, self.hash)).collect())
    }

    /// Whether history was cut by a shallow clone or fetch.
    pub fn is_shallow(&self) -> bool {
        self.shallow().is_ok_and(|commits| !commits.is_empty())
    }

    /// Open the object that git-lfs keeps of this SHA-256 digest, in hexadecimal digits.
    pub fn open_lfs(&self, digest: &str) -> io::Result<File> {
        let mut opened = Err(io::ErrorKind::NotFound.into());
        for dir in &self.lfs_dirs {
            opened = open_regular(&dir.join(&digest[..2]).join(&digest[2..4]).join(digest));
            if !opened.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                break;
            }
        }
        opened
    }
}

/// Read a file of git's own, if it is there and not too long.
pub(super) fn read_small(path: &Path) -> Option<Vec<u8>> {
    read_at_most(path, SMALL).ok().flatten()
}

/// Read a file; `None`: it is longer than `most` bytes. What is no regular file is an error.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = open_regular(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= most).then_some(bytes))
}

/// An id in hexadecimal digits, of the right length.
pub(super) fn parse_id(text: &[u8], hash: HashKind) -> Option<super::store::ObjectId> {
    let text = text.trim_ascii();
    if text.len() == hash.len_in_hex() { super::store::ObjectId::from_hex(text).ok() } else { None }
}

/// Whether a folder is one in which git would keep a repository.
pub(super) fn is_git_dir(path: &Path) -> bool {
    lacks(path).is_ok_and(|what| what.is_none())
}

/// What a folder lacks to be one in which git would keep a repository; `None`: nothing.
fn lacks(path: &Path) -> Result<Option<&'static str>, RepoError> {
    let is_there = |name: &str, is_right: &dyn Fn(&Metadata) -> bool, follow: bool| {
        let file = path.join(name);
        match if follow { std::fs::metadata(&file) } else { std::fs::symlink_metadata(&file) } {
            Ok(metadata) => Ok(is_right(&metadata)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(false)
            }
            Err(source) => Err(RepoError::Unreadable { path: path.to_owned(), source }),
        }
    };
    if !is_there("HEAD", &|metadata| !metadata.is_dir(), false)? {
        return Ok(Some("HEAD"));
    }
    if is_there("commondir", &Metadata::is_file, true)? {
        return Ok(None);
    }
    for folder in ["objects", "refs"] {
        if !is_there(folder, &Metadata::is_dir, true)? {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// What a `.git` file names, if it is one of git's.
pub(super) fn link_target(file: &Path) -> io::Result<Option<PathBuf>> {
    let Some(text) = read_at_most(file, SMALL)? else { return Ok(None) };
    let target = text.strip_prefix(b"gitdir:").and_then(|target| system_path(target.trim_ascii()));
    Ok(target.zip(file.parent()).map(|(target, folder)| folder.join(target)))
}

fn common_dir(git_dir: &Path) -> PathBuf {
    let Some(text) = read_small(&git_dir.join("commondir")) else { return git_dir.to_owned() };
    let Some(common) = system_path(text.trim_ascii()) else { return git_dir.to_owned() };
    let common = git_dir.join(common);
    common.canonicalize().unwrap_or(common)
}

/// A path of git's, for the system. Not every path is one on other systems than Unix.
pub(super) fn system_path(bytes: &[u8]) -> Option<PathBuf> {
    Some(gix::path::from_bstr(gix::bstr::BStr::new(bytes)).ok()?.into_owned())
}

fn has_promisor_pack(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|e| e.path().extension().is_some_and(|x| x == "promisor"))
}

fn linked(common_dir: &Path) -> Vec<Linked> {
    let Ok(entries) = std::fs::read_dir(common_dir.join("worktrees")) else { return Vec::new() };
    let mut all: Vec<Linked> = entries
        .flatten()
        .filter(|e| e.path().is_dir())
        .map(|e| Linked { name: e.file_name().to_string_lossy().into_owned(), git_dir: e.path() })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The few settings that say how to read the files. Includes are not followed.
#[derive(Debug, Default)]
struct Settings {
    object_format: Option<String>,
    ref_storage: Option<String>,
    promisor: bool,
    lfs_storage: Option<PathBuf>,
    problem: Option<Skipped>,
}

impl Settings {
    /// Without a configuration, or with one that cannot be read, everything is as git makes it by default.
    fn read(path: &Path) -> Self {
        let lost = |reason: String| Self {
            problem: Some(
                Skipped::new(
                    path.display().to_string(),
                    format!("{reason}, so that the repository was read as git makes one by default"),
                )
                .help("`git config --list` tells what is wrong in it"),
            ),
            ..Self::default()
        };
        let text = match read_at_most(path, SMALL) {
            Ok(Some(text)) => text,
            Ok(None) => return lost("the file is too long".into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => return lost(format!("cannot be read: {error}")),
        };
        let meta = gix::config::file::Metadata::from(gix::config::Source::Local);
        let Ok(file) = gix::config::File::from_bytes_no_includes(
            &text,
            meta,
            gix::config::file::init::Options::default(),
        ) else {
            return lost("cannot be parsed".into());
        };
        let get = |key: &str| file.string(key).map(|v| v.to_string().to_ascii_lowercase());
        let promised = file.sections_by_name("remote").into_iter().flatten().any(|s| {
            s.value("promisor").is_some_and(|v| {
                !matches!(v.to_ascii_lowercase().as_slice(), b"false" | b"no" | b"off" | b"0" | b"")
            })
        });
        Self {
            object_format: get("extensions.objectFormat"),
            ref_storage: get("extensions.refStorage"),
            promisor: promised || get("extensions.partialClone").is_some(),
            lfs_storage: file.string("lfs.storage").and_then(|path| system_path(&path)),
            problem: None,
        }
    }
}
