//! Repositories in the work tree of another that are no submodules of it: clones that somebody made there. A walk over the
//! files meets their `.git`, which it does not enter.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::own_files::list;
use super::repo::{Repo, RepoError, link_target};
use super::submodules::Submodule;
use crate::blob::Skipped;

/// What a walk over a work tree has met of other repositories.
#[derive(Debug, Default)]
pub struct Embedded {
    /// Those to scan, each with its submodules; none of them is among the submodules that were known.
    pub repos: Vec<Submodule>,
    /// The files of what is called `.git` and is no repository: nothing else reads them.
    pub files: Vec<PathBuf>,
    /// Those that are kept elsewhere.
    pub left_out: Vec<Skipped>,
    /// What could not be opened.
    pub problems: Vec<Skipped>,
}

impl Repo {
    /// The repositories whose `.git` a walk over the work tree has met, but for this one, its work trees and `known`.
    pub fn embedded(&self, mut met: Vec<PathBuf>, known: &[Submodule]) -> Embedded {
        let mut found = Embedded::default();
        let Some((given, root)) = self.work_tree.as_deref().and_then(|r| Some((r, r.canonicalize().ok()?)))
        else {
            return found;
        };
        // Outer ones first: a submodule has the name that the repository around gives it.
        met.sort_by_cached_key(|path| (path.components().count(), path.clone()));
        let mut stores: HashSet<PathBuf> = known.iter().map(|inner| inner.repo.common_dir.clone()).collect();
        stores.insert(self.common_dir.clone());
        for dot_git in met {
            let Some(folder) = dot_git.parent() else { continue };
            if folder.canonicalize().is_ok_and(|folder| folder == root) {
                continue;
            }
            let Some(git_dir) = git_dir(&dot_git) else {
                found.no_repo(&dot_git);
                continue;
            };
            let below = folder.strip_prefix(given).unwrap_or(folder);
            let elsewhere = |reason: String| {
                let help = format!("to scan it: keyhound audit {}", folder.display());
                Skipped::new(below.display().to_string(), reason).help(help)
            };
            match Repo::open(&git_dir, Some(folder.to_owned())) {
                Ok(repo) if stores.contains(&repo.common_dir) => {}
                Ok(repo) => {
                    let store = &repo.common_dir;
                    if !store.starts_with(&root) && !stores.iter().any(|other| store.starts_with(other)) {
                        let reason =
                            format!("its history is in {}, outside of this repository", store.display());
                        found.left_out.push(elsewhere(reason));
                        continue;
                    }
                    let name = gix::path::into_bstr(below).map(|name| name.to_vec()).unwrap_or_default();
                    found.add(Submodule { name, what: "repository", repo }, &mut stores);
                }
                Err(RepoError::None { .. }) => found.no_repo(&dot_git),
                Err(error) => {
                    found.problems.push(Skipped::new(dot_git.display().to_string(), error.to_string()));
                }
            }
        }
        found
    }
}

impl Embedded {
    fn add(&mut self, outer: Submodule, stores: &mut HashSet<PathBuf>) {
        stores.insert(outer.repo.common_dir.clone());
        let (inner, problems) = outer.repo.submodules();
        self.problems.extend(problems);
        let name = outer.name.clone();
        self.repos.push(outer);
        for mut inner in inner {
            if stores.insert(inner.repo.common_dir.clone()) {
                inner.name = [&name, b"/".as_slice(), &inner.name].concat();
                self.repos.push(inner);
            }
        }
    }

    fn no_repo(&mut self, dot_git: &Path) {
        if dot_git.is_dir() && !dot_git.is_symlink() {
            let mut listed = (Vec::new(), Vec::new());
            list(dot_git, &mut listed);
            self.files.extend(listed.0);
            self.problems.extend(listed.1);
        } else if dot_git.is_file() && !dot_git.is_symlink() {
            self.files.push(dot_git.to_owned());
        }
    }
}

/// The folder that a `.git` is or names, if it is there.
fn git_dir(dot_git: &Path) -> Option<PathBuf> {
    let target = if dot_git.is_file() { link_target(dot_git).ok()?? } else { dot_git.to_owned() };
    target.canonicalize().ok()
}
