//! The repositories of submodules: git keeps them inside that of the repository around, or, where they came first, in the
//! work tree.

use std::path::{Path, PathBuf};

use super::repo::{Repo, is_git_dir};
use crate::blob::Skipped;
use crate::sources::staged;

/// Folders deeper below `modules` are not looked into.
const MAX_DEPTH: usize = 32;

const SUBMODULE: &str = "submodule";

/// A repository inside another: the store of a submodule, as a rule.
#[derive(Debug)]
pub struct Submodule {
    /// Its name: as a rule the path at which it was added. `outer/inner` for a submodule of a submodule.
    pub name: Vec<u8>,
    /// What it is called: `submodule`, or `repository` for one that nothing links to the one around.
    pub what: &'static str,
    /// The repository.
    pub repo: Repo,
}

impl Repo {
    /// All submodules whose repositories are inside this one, checked out or not, with those inside them, and those that
    /// have their own in the work tree, sorted by name; and what could not be opened. Symbolic links are not followed.
    pub fn submodules(&self) -> (Vec<Submodule>, Vec<Skipped>) {
        let mut found = Found::default();
        found.stores(self, &[]);
        found.in_work_tree(self, &[], 0);
        found.all.sort_by(|a, b| (&a.name, &a.repo.git_dir).cmp(&(&b.name, &b.repo.git_dir)));
        found.problems.sort_unstable();
        (found.all, found.problems)
    }
}

#[derive(Default)]
struct Found {
    all: Vec<Submodule>,
    problems: Vec<Skipped>,
}

impl Found {
    /// The stores inside `repo`, which has this name.
    fn stores(&mut self, repo: &Repo, name: &[u8]) {
        let mut stack = vec![(repo.common_dir.join("modules"), name.to_vec(), 0)];
        for linked in &repo.linked {
            stack.push((linked.git_dir.join("modules"), name.to_vec(), 0));
        }
        while let Some((folder, name, depth)) = stack.pop() {
            self.list(&folder, &name, depth, &mut stack);
        }
    }

    fn list(&mut self, folder: &Path, name: &[u8], depth: usize, stack: &mut Vec<(PathBuf, Vec<u8>, usize)>) {
        let problem = |what: &Path, reason: String| Skipped::new(what.display().to_string(), reason);
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                self.problems.push(problem(folder, format!("cannot list the folder: {error}")));
                return;
            }
        };
        if depth > MAX_DEPTH {
            self.problems.push(problem(folder, "too deep".into()));
            return;
        }
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.problems.push(problem(folder, format!("cannot list the folder: {error}")));
                    continue;
                }
            };
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            let mut name = name.to_vec();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(entry.file_name().as_encoded_bytes());
            if !is_git_dir(&path) {
                // The name of a submodule can have slashes in it.
                stack.push((path, name, depth + 1));
                continue;
            }
            stack.push((path.join("modules"), name.clone(), depth + 1));
            match Self::open(&path) {
                Ok(repo) => self.all.push(Submodule { name, what: SUBMODULE, repo }),
                Err(error) => self.problems.push(problem(&path, error.to_string())),
            }
        }
    }

    fn open(path: &Path) -> Result<Repo, super::RepoError> {
        Repo::at(path, None)
    }

    /// Submodules of `repo`, which has this name, with a `.git` folder in them.
    fn in_work_tree(&mut self, repo: &Repo, name: &[u8], depth: usize) {
        let Some(root) = repo.work_tree.as_deref().filter(|_| depth <= MAX_DEPTH) else { return };
        let paths = staged::submodules(repo).unwrap_or_else(|error| {
            let what = staged::index_file(repo).display().to_string();
            self.problems.push(Skipped::new(what, error.to_string()));
            Vec::new()
        });
        for path in paths {
            let Ok(below) = gix::path::from_bstr(gix::bstr::BStr::new(&path)) else { continue };
            let folder = root.join(&below);
            let git_dir = folder.join(".git");
            let is_plain = git_dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) && is_git_dir(&git_dir);
            let inside = |root: PathBuf| folder.canonicalize().is_ok_and(|path| path == root.join(&below));
            if !is_plain || !root.canonicalize().is_ok_and(inside) {
                continue;
            }
            let name = if name.is_empty() { path.clone() } else { [name, b"/", &path].concat() };
            match Repo::at(&git_dir, Some(folder.clone())) {
                Ok(repo) => {
                    self.stores(&repo, &name);
                    self.in_work_tree(&repo, &name, depth + 1);
                    self.all.push(Submodule { name, what: SUBMODULE, repo });
                }
                Err(error) => {
                    self.problems.push(Skipped::new(git_dir.display().to_string(), error.to_string()));
                }
            }
        }
    }
}
