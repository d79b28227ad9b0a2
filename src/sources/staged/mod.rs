//! What the next commit would add: the index, compared with HEAD's tree.
//!
//! The work tree is not looked at, and no attribute, filter or setting changes what is seen. `index` reads the file,
//! `compare` finds what differs.

use std::path::PathBuf;

mod compare;
mod index;

pub use index::{Index, IndexError};

use super::changes::Changes;
use super::history::Repo;
use super::history::commits::Node;
use super::history::store::{ObjectId, ObjectKind};
use super::names::{self, NameError};
use super::objects::{ObjectError, Objects};

/// Why the staged content could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum StagedError {
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
    Ok(Some(tree_of(head, repo, objects)?))
}

fn tree_of(commit: ObjectId, repo: &Repo, objects: &Objects) -> Result<ObjectId, ObjectError> {
    let mut buf = Vec::new();
    objects.read_kind(&commit, ObjectKind::Commit, &mut buf)?;
    let node = Node::parse(commit, &buf, repo.hash)
        .ok_or_else(|| ObjectError::Damaged { id: commit, reason: "the commit is malformed".into() })?;
    Ok(node.tree)
}

/// What counts as staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What differs from HEAD.
    Changed,
    /// All that the index holds, which without changes is all that HEAD holds.
    Whole,
}

/// What the index has, in this scope. What cannot be read, but for HEAD itself, goes
/// to `problem` with the path of its folder.
pub fn staged(
    repo: &Repo,
    index: &Index,
    scope: Scope,
    objects: &Objects,
    problem: &mut dyn FnMut(&[u8], ObjectError),
) -> Result<Changes, StagedError> {
    let head = match scope {
        Scope::Changed => head_tree(repo, objects)?,
        Scope::Whole => None,
    };
    Ok(compare::compare(index, head, objects, problem))
}

/// A blob that an index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The blob.
    pub id: ObjectId,
    /// Its path in the work tree.
    pub path: Vec<u8>,
    /// Whose index it is, in words.
    pub named_by: String,
}

/// What people call the index of the work tree at hand.
const OWN: &str = "the index";

/// Whether a name is that of the index of the work tree at hand, or of one of the repositories in it.
pub fn is_own_index(named_by: &str) -> bool {
    let inner = [" of submodule ", " of repository "];
    named_by
        .strip_prefix(OWN)
        .is_some_and(|rest| rest.is_empty() || inner.iter().any(|of| rest.starts_with(of)))
}

/// The blobs that `wanted` wants and that an index names: that of the work tree at hand, of the main one, and of all linked
/// ones. An index that cannot be read names none.
pub fn indexed(repo: &Repo, wanted: &dyn Fn(&ObjectId) -> bool) -> Vec<Indexed> {
    let mut indexes = vec![(index_file(repo), OWN.to_owned())];
    if repo.git_dir != repo.common_dir {
        indexes.push((repo.common_dir.join("index"), format!("{OWN} of the main work tree")));
    }
    for linked in &repo.linked {
        if linked.git_dir.canonicalize().is_ok_and(|dir| dir != repo.git_dir) {
            indexes.push((linked.git_dir.join("index"), format!("{OWN} of worktrees/{}", linked.name)));
        }
    }
    let mut found = Vec::new();
    for (file, named_by) in indexes {
        let Ok(index) = Index::read(&file, repo.hash) else { continue };
        for entry in (0..index.len()).map(|n| index.entry(n)).filter(|entry| !entry.intent) {
            let id = entry.id.to_owned();
            if matches!(entry.kind, index::Kind::File | index::Kind::Link) && wanted(&id) {
                found.push(Indexed { id, path: entry.path.to_vec(), named_by: named_by.clone() });
            }
        }
    }
    found
}

/// The paths at which the index of the work tree at hand has submodules.
pub fn submodules(repo: &Repo) -> Result<Vec<Vec<u8>>, IndexError> {
    let mut all = Vec::new();
    each_path(repo, |kind| kind == index::Kind::Submodule, &mut |path| all.push(path.to_vec()))?;
    Ok(all)
}

/// Give the paths of the files and links that the index of the work tree at hand has.
pub fn each_tracked(repo: &Repo, each: &mut dyn FnMut(&[u8])) -> Result<(), IndexError> {
    each_path(repo, |kind| matches!(kind, index::Kind::File | index::Kind::Link), each)
}

fn each_path(
    repo: &Repo,
    wanted: impl Fn(index::Kind) -> bool,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), IndexError> {
    let index = Index::read(&index_file(repo), repo.hash)?;
    let entries = (0..index.len()).map(|n| index.entry(n));
    entries.filter(|entry| wanted(entry.kind)).for_each(|entry| each(entry.path));
    Ok(())
}

/// Where a repository keeps its index.
pub fn index_file(repo: &Repo) -> PathBuf {
    repo.git_dir.join("index")
}

/// The staged content of the file at `path`, if the index has it; that of a conflict counts as not there.
pub fn staged_file(index: &Index, objects: &Objects, path: &[u8]) -> Result<Option<Vec<u8>>, ObjectError> {
    let mut found = (0..index.len()).filter(|&n| index.path(n) == path);
    let (Some(n), None) = (found.next(), found.next()) else { return Ok(None) };
    let entry = index.entry(n);
    if entry.intent {
        return Ok(None);
    }
    if entry.kind == index::Kind::Link {
        return Err(ObjectError::link(entry.id));
    }
    let mut content = Vec::new();
    objects.read_kind(entry.id, ObjectKind::Blob, &mut content)?;
    Ok(Some(content))
}
