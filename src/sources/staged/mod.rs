//! What the next commit would add: the index, compared with HEAD's tree.
//!
//! The work tree is not looked at, and no attribute, filter or setting changes what is seen. `index` reads the file,
//! `compare` finds what differs.

use std::path::{Path, PathBuf};

mod compare;
mod index;

pub use index::IndexError;

use super::changes::Changes;
use super::history::Repo;
use super::history::commits::Node;
use super::history::store::{ObjectId, ObjectKind};
use super::names::{self, NameError};
use super::objects::{ObjectError, Objects};

/// Why the staged content could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum StagedError {
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// HEAD cannot be read.
    #[error("cannot read HEAD")]
    Head(#[from] NameError),
    /// HEAD's commit cannot be read.
    #[error("cannot read the commit of HEAD")]
    Commit(#[from] ObjectError),
}

/// The tree of HEAD's commit; `None`: there is no commit yet.
pub fn head_tree(repo: &Repo, objects: &Objects) -> Result<Option<ObjectId>, StagedError> {
    let Some(head) = names::resolve(repo, b"HEAD")? else { return Ok(None) };
    let mut buf = Vec::new();
    objects.read_kind(&head, ObjectKind::Commit, &mut buf)?;
    let node = Node::parse(head, &buf, repo.hash)
        .ok_or_else(|| ObjectError::Damaged { id: head, reason: "the commit is malformed".into() })?;
    Ok(Some(node.tree))
}

/// What counts as staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What differs from HEAD.
    Changed,
    /// All that the index holds, which without changes is all that HEAD holds.
    Whole,
}

/// What the index at `index_file` has, in this scope. What cannot be read, but for HEAD and the index themselves, goes
/// to `problem` with the path of its folder.
pub fn staged(
    repo: &Repo,
    index_file: &Path,
    scope: Scope,
    objects: &Objects,
    problem: &mut dyn FnMut(&[u8], ObjectError),
) -> Result<Changes, StagedError> {
    let index = index::Index::read(index_file, repo.hash)?;
    let head = match scope {
        Scope::Changed => head_tree(repo, objects)?,
        Scope::Whole => None,
    };
    Ok(compare::compare(&index, head, objects, problem))
}

/// Where a repository keeps its index.
pub fn index_file(repo: &Repo) -> PathBuf {
    repo.git_dir.join("index")
}

/// The staged content of the file at `path`, if the index has it; that of a conflict counts as not there.
pub fn staged_file(
    repo: &Repo,
    index_file: &Path,
    objects: &Objects,
    path: &[u8],
) -> Result<Option<Vec<u8>>, StagedError> {
    let index = index::Index::read(index_file, repo.hash)?;
    let mut found = (0..index.len()).filter(|&n| index.path(n) == path);
    let (Some(n), None) = (found.next(), found.next()) else { return Ok(None) };
    let entry = index.entry(n);
    if entry.intent {
        return Ok(None);
    }
    let mut content = Vec::new();
    objects.read_kind(entry.id, ObjectKind::Blob, &mut content)?;
    Ok(Some(content))
}
