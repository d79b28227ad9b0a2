//! Files that git tracks although its rules ignore them: to git they are as good as others, so they are read.

use std::collections::HashSet;
use std::fs;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use gix::bstr::BStr;

use super::{Files, reason};
use crate::blob::{Sink, Skipped};
use crate::sources::history::{Repo, RepoError};
use crate::sources::staged;

/// The files that a walk has read, each by the hash of its path.
#[derive(Default)]
pub(super) struct Seen {
    state: RandomState,
    all: Mutex<HashSet<u64, RandomState>>,
}

impl Seen {
    pub(super) fn hash(&self, path: &Path) -> u64 {
        self.state.hash_one(path.as_os_str().as_encoded_bytes())
    }

    pub(super) fn add(&self, hashes: Vec<u64>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).extend(hashes);
    }

    /// What tells of the bytes of a path whether it was read.
    pub(super) fn take(self) -> impl Fn(&[u8]) -> bool {
        let all = self.all.into_inner().unwrap_or_else(PoisonError::into_inner);
        move |path| all.contains(&self.state.hash_one(path))
    }
}

impl Files {
    /// The roots that are folders in a work tree, each with its repository. One that cannot be read goes to `sink`: what it tracks and ignores
    /// is not known.
    pub(super) fn in_work_trees(&self, sink: &dyn Sink) -> Vec<(PathBuf, Repo)> {
        if self.no_ignore {
            return Vec::new();
        }
        let folders = self.roots.iter().filter(|root| root.is_dir());
        let repo_of = |root: &PathBuf| match Repo::discover(root) {
            Ok(repo) => Some(repo),
            Err(RepoError::Unreadable { path, source }) => {
                let help = "what git ignores although it tracks it was not read; `--no-ignore` reads all";
                sink.skipped(Skipped::new(path.display().to_string(), reason(&source)).help(help));
                None
            }
            Err(_) => None,
        };
        let with_repo = folders.filter_map(|root| Some((root.clone(), repo_of(root)?)));
        with_repo.filter(|(_, repo)| repo.work_tree.is_some()).collect()
    }

    /// The files of the index of `repo` below `root` that a walk has not read. An index that cannot be read goes to `sink`.
    pub(super) fn unread(
        &self,
        root: &Path,
        repo: &Repo,
        is_read: &dyn Fn(&[u8]) -> bool,
        sink: &dyn Sink,
    ) -> Vec<PathBuf> {
        let (Some(top), Ok(below)) = (canonical(repo.work_tree.as_deref()), root.canonicalize()) else {
            return Vec::new();
        };
        let Some(below) = below.strip_prefix(&top).ok().and_then(|path| gix::path::into_bstr(path).ok())
        else {
            return Vec::new();
        };
        let mut prefix = gix::path::to_unix_separators_on_windows(below).into_owned();
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        // As the walk calls them: most are read, and no more is done for them.
        let mut shown = root.join("").into_os_string().into_encoded_bytes();
        let stem = shown.len();
        let mut unread = Vec::new();
        let listed = staged::each_tracked(repo, &mut |path| {
            let Some(rest) = path.strip_prefix(&**prefix) else { return };
            shown.truncate(stem);
            shown.extend(rest.iter().map(|b| if cfg!(windows) && *b == b'/' { b'\\' } else { *b }));
            if !is_read(&shown) {
                unread.push(path.to_vec());
            }
        });
        if let Err(error) = listed {
            let what = staged::index_file(repo).display().to_string();
            let help = "what git ignores although it tracks it was not read; `--no-ignore` reads all";
            sink.skipped(Skipped::new(what, error.to_string()).help(help));
        }
        let path = |bytes: &[u8]| Some(gix::path::from_bstr(BStr::new(bytes)).ok()?.into_owned());
        unread
            .iter()
            .filter(|whole| path(whole).is_some_and(|whole| is_there(&top, &whole)))
            .filter_map(|whole| Some(root.join(path(&whole[prefix.len()..])?)))
            .filter(|shown| !shown.ancestors().any(|folder| self.apart.contains(folder)))
            .collect()
    }
}

fn canonical(path: Option<&Path>) -> Option<PathBuf> {
    path?.canonicalize().ok()
}

/// Whether a file or link of the work tree at `top` is where the index has it: no folder on the way is a link to another place.
pub fn is_there(top: &Path, path: &Path) -> bool {
    let file = top.join(path);
    let is_plain = fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file() || meta.is_symlink());
    is_plain && file.parent().is_some_and(|parent| parent.canonicalize().is_ok_and(|found| found == parent))
}
