//! The repository at hand: the one that git names in the environment of its hooks, or the one around the current folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use keyhound::sources::history::Repo;
use keyhound::sources::objects::Objects;
use keyhound::sources::staged::{Index, IndexError, index_file};

use super::common::env;

/// A repository, and where git keeps its parts at this moment: while a commit or a push is under way they may be elsewhere
/// than usual.
pub(crate) struct Here {
    /// The repository.
    pub(crate) repo: Repo,
    /// Its objects, those of a push that is not accepted yet included.
    pub(crate) objects: Objects,
    /// The index that the next commit is made of.
    index: PathBuf,
}

impl Here {
    /// Find out, from the environment first.
    pub(crate) fn find() -> Result<Self> {
        let current = std::env::current_dir().context("cannot tell the current folder")?;
        let from = |path: PathBuf| current.join(path);
        let mut repo = match env("GIT_DIR") {
            Some(dir) => {
                let work_tree = env("GIT_WORK_TREE").map_or_else(|| current.clone(), |dir| from(dir.into()));
                Repo::open(&from(dir.into()), Some(work_tree))
            }
            None => Repo::discover(&current),
        }
        .context("cannot find the repository")?;
        let index = match env("GIT_INDEX_FILE") {
            Some(file) => repo.work_tree.as_deref().unwrap_or(&current).join(PathBuf::from(file)),
            None => index_file(&repo),
        };
        let objects_dir = env("GIT_OBJECT_DIRECTORY").map(|dir| from(dir.into()));
        let further = env("GIT_ALTERNATE_OBJECT_DIRECTORIES");
        let further: Vec<PathBuf> =
            further.iter().flat_map(|list| std::env::split_paths(list)).map(from).collect();
        if let Some(dir) = objects_dir {
            repo.objects_dir = dir;
        }
        let objects = open_objects(&repo, &further)?;
        Ok(Self { repo, objects, index })
    }

    /// Read the index.
    pub(crate) fn read_index(&self) -> Result<Index, IndexError> {
        Index::read(&self.index, self.repo.hash)
    }
}

/// The objects of a repository, and of further object directories.
pub(crate) fn open_objects(repo: &Repo, further: &[PathBuf]) -> Result<Objects> {
    let dir: &Path = &repo.objects_dir;
    Objects::open(dir, further, repo.hash).with_context(|| format!("cannot open {}", dir.display()))
}
