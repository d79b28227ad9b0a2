//! What to walk: paths as the user gave them, none of them walked twice.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use crate::blob::Skipped;

use super::reason;

/// Folders and files to scan.
#[derive(Debug, Clone)]
pub struct Files {
    pub(super) roots: Vec<PathBuf>,
    /// Roots inside other roots, as the walk of the outer one would name them: they are walked on their own, even where
    /// the outer walk would ignore them.
    pub(super) apart: Arc<HashSet<PathBuf>>,
    /// The current folder is the only root.
    pub(super) in_current: bool,
    pub(super) no_ignore: bool,
    pub(super) threads: usize,
}

/// A path that cannot be scanned at all.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// There is nothing of that name, or it cannot be reached.
    #[error("{}: {}", .0.what, .0.reason)]
    Missing(Skipped),
    /// A pipe, a socket or a device.
    #[error("{}: neither a file nor a folder (pipe its content into `keyhound files -`)", .0.display())]
    NotAFile(PathBuf),
}

impl Files {
    /// Scan `paths`, of which the same file may be part more than once.
    pub fn new(paths: &[PathBuf], no_ignore: bool, threads: usize) -> Result<Self, RootError> {
        let mut roots: Vec<(PathBuf, PathBuf)> = Vec::new(); // as given, canonical
        let mut seen = HashSet::new();
        for path in paths {
            let canonical = check(path)?;
            if seen.insert(canonical.clone()) {
                roots.push((followed(path), canonical));
            }
        }
        let mut apart = HashSet::new();
        if roots.len() > 1 {
            let by_canonical: std::collections::HashMap<&Path, &Path> =
                roots.iter().map(|(given, canonical)| (canonical.as_path(), given.as_path())).collect();
            for (_, canonical) in &roots {
                for outer in canonical.ancestors().skip(1) {
                    if let (Some(given), Ok(inner)) = (by_canonical.get(outer), canonical.strip_prefix(outer))
                    {
                        apart.insert(given.join(inner));
                    }
                }
            }
        }
        let in_current = roots.len() == 1 && roots[0].0 == Path::new(".");
        let roots = roots.into_iter().map(|(given, _)| given).collect();
        Ok(Self { roots, apart: Arc::new(apart), in_current, no_ignore, threads })
    }

    /// Scan files that were found in a folder, each named once: one that is gone meanwhile is no problem.
    pub fn listed(files: Vec<PathBuf>, threads: usize) -> Self {
        Self { roots: files, apart: Arc::default(), in_current: false, no_ignore: true, threads }
    }

    /// The roots, for people.
    pub fn target(&self) -> Vec<String> {
        self.roots.iter().map(|root| root.display().to_string()).collect()
    }
}

/// The canonical form of a path that leads to a file or a folder.
fn check(path: &Path) -> Result<PathBuf, RootError> {
    let missing = |error: io::Error| {
        let what = path.display().to_string();
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "no such file or folder".into(),
            _ => reason(&error),
        };
        RootError::Missing(Skipped::new(what, reason))
    };
    let metadata = fs::metadata(path).map_err(missing)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(RootError::NotAFile(path.to_path_buf()));
    }
    fs::canonicalize(path).map_err(missing)
}

/// A root that is a symbolic link to a folder is followed: with a slash behind it, its name means the folder.
fn followed(path: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink());
    if is_link && path.is_dir() { path.join("") } else { path.to_path_buf() }
}
