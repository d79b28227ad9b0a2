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

/// Why git failed, in one line of what it said, which is in English: ssh says its reason before git says that there was one.
pub(crate) fn reason(said: &str) -> String {
    // Behind what is fatal stands advice.
    let advice = ["Cloning into ", "hint: ", "Please make sure you have", "and the repository exists"];
    let mut lines = said.lines().map(str::trim);
    let mut parts: Vec<&str> = Vec::new();
    for line in lines.by_ref() {
        if line.is_empty() || advice.iter().any(|start| line.starts_with(start)) || line.ends_with("remote:")
        {
            continue;
        }
        let fatal = line.strip_prefix("fatal: ");
        parts.push(fatal.unwrap_or(line));
        if fatal.is_some() {
            break;
        }
    }
    // Here the advice is what helps.
    parts.extend(lines.find(|line| line.starts_with("git config --global --add safe.directory")));
    let last = parts.len().saturating_sub(4);
    if parts.is_empty() { "git failed".into() } else { parts[last..].join("; ") }
}

/// The objects of a repository, and of further object directories.
pub(crate) fn open_objects(repo: &Repo, further: &[PathBuf]) -> Result<Objects> {
    let dir: &Path = &repo.objects_dir;
    Objects::open(dir, further, repo.hash).with_context(|| format!("cannot open {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_of_git_is_one_line() {
        for (said, expected) in [
            (
                "ssh: Could not resolve hostname h: Name or service not known\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n",
                "ssh: Could not resolve hostname h: Name or service not known; Could not read from remote repository.",
            ),
            (
                "git@h: Permission denied (publickey).\r\nfatal: x\n",
                "git@h: Permission denied (publickey).; x",
            ),
            (
                "fatal: detected dubious ownership in repository at '/r'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /r\n",
                "detected dubious ownership in repository at '/r'; git config --global --add safe.directory /r",
            ),
            ("1\n2\n3\n4\nfatal: 5\nfatal: 6\n", "2; 3; 4; 5"),
            ("", "git failed"),
        ] {
            assert_eq!(reason(said), expected);
        }
    }
}
