//! Files of git's own that are no objects: configuration with URLs of remotes, what `git credential-store` keeps, hooks,
//! reflogs, messages that were being written, what `git rerere` and an interrupted rebase remember, and whatever other
//! tools (git-annex, git-svn) keep there.

use std::path::{Path, PathBuf};

use super::Repo;
use super::repo::is_git_dir;
use crate::blob::Skipped;

/// In a git folder, what is read in other ways: objects, refs, the index.
const READ_OTHERWISE: [&str; 4] = ["objects", "refs", "packed-refs", "index"];

impl Repo {
    /// All such files, those of linked work trees and of submodules' stores among them, and the folders that cannot be
    /// listed. Symbolic links are not followed.
    pub fn own_files(&self) -> (Vec<PathBuf>, Vec<Skipped>) {
        let mut found = (Vec::new(), Vec::new());
        list(&self.common_dir, &mut found);
        if !self.git_dir.starts_with(&self.common_dir) {
            list(&self.git_dir, &mut found);
        }
        found.0.sort_unstable();
        found
    }
}

/// All files below a folder that nothing else reads.
pub(super) fn list(folder: &Path, found: &mut (Vec<PathBuf>, Vec<Skipped>)) {
    let entries = match std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => {
            let reason = format!("cannot list the folder: {error}");
            return found.1.push(Skipped::new(folder.display().to_string(), reason));
        }
    };
    let git_dir = is_git_dir(folder);
    for entry in entries {
        let (name, path) = (entry.file_name(), entry.path());
        let lfs = folder.file_name().is_some_and(|n| n == "lfs") && name == "objects";
        if lfs || git_dir && READ_OTHERWISE.iter().any(|other| name == *other) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&path, found),
            Ok(kind) if kind.is_file() => found.0.push(path),
            _ => {}
        }
    }
}
