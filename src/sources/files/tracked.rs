//! Files that git tracks although its rules ignore them: to git they are as good as others, so they are read.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Files;
use crate::blob::{Sink, Skipped};
use crate::sources::history::Repo;
use crate::sources::staged;

/// The files that a walk has read, each by the hash of its path.
#[derive(Default)]
pub(super) struct Seen {
    state: RandomState,
    all: Mutex<HashSet<u64>>,
}

impl Seen {
    pub(super) fn hash(&self, path: &Path) -> u64 {
        self.state.hash_one(path.as_os_str())
    }

    pub(super) fn add(&self, hashes: Vec<u64>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).extend(hashes);
    }

    fn has(&self, path: &Path) -> bool {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.hash(path))
    }
}

impl Files {
    /// The roots that are folders in a work tree, each with its repository.
    pub(super) fn in_work_trees(&self) -> Vec<(PathBuf, Repo)> {
        if self.no_ignore {
            return Vec::new();
        }
        let folders = self.roots.iter().filter(|root| root.is_dir());
        let with_repo = folders.filter_map(|root| Some((root.clone(), Repo::discover(root).ok()?)));
        with_repo.filter(|(_, repo)| repo.work_tree.is_some()).collect()
    }

    /// The files of the index of `repo` below `root` that a walk has not seen. An index that cannot be read goes to `sink`.
    pub(super) fn unseen(&self, root: &Path, repo: &Repo, seen: &Seen, sink: &dyn Sink) -> Vec<PathBuf> {
        let (Some(top), Ok(below)) = (canonical(repo.work_tree.as_deref()), root.canonicalize()) else {
            return Vec::new();
        };
        let Ok(below) = below.strip_prefix(&top) else { return Vec::new() };
        let paths = match staged::tracked(repo) {
            Ok(paths) => paths,
            Err(error) => {
                let what = staged::index_file(repo).display().to_string();
                let help = "what git ignores although it tracks it was not read; `--no-ignore` reads all";
                sink.skipped(Skipped::new(what, error.to_string()).help(help));
                return Vec::new();
            }
        };
        let mut unseen = Vec::new();
        for path in paths {
            let Ok(path) =
                gix::path::from_bstr(gix::bstr::BStr::new(&path)).map(std::borrow::Cow::into_owned)
            else {
                continue;
            };
            let Ok(rest) = path.strip_prefix(below) else { continue };
            let shown = root.join(rest);
            let is_apart = || shown.ancestors().any(|folder| self.apart.contains(folder));
            if !seen.has(&shown) && !is_apart() && is_there(&top, &path) {
                unseen.push(shown);
            }
        }
        unseen
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
