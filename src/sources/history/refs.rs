//! All names of a repository: refs of any kind and the HEADs of all work trees, whatever format they are kept in.
//!
//! Replace refs are refs like any other here: they are never followed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::reftable;
use super::repo::{Repo, parse_id, read_at_most, read_small};
use super::store::{HashKind, ObjectId};
use crate::blob::Skipped;
use crate::sources::files::reason;

/// The longest loose ref; names of refs are file names.
const MAX_REF: u64 = 64 << 10;
/// The longest `packed-refs`, bytes.
pub(in crate::sources) const MAX_PACKED: u64 = 1 << 30;
/// So many refs are read, one after the other, to come from a symbolic ref to an object. As many as git reads.
pub(in crate::sources) const MAX_HOPS: usize = 5;
/// Folders below `refs/` deeper than this are not looked at.
const MAX_DEPTH: usize = 128;

/// What a ref names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An object.
    Id(ObjectId),
    /// Another ref.
    Name(Vec<u8>),
}

/// The names of a repository.
#[derive(Debug, Default)]
pub struct Refs {
    /// What each ref or HEAD names in the end. `HEAD` is that of the work tree at hand; the others are
    /// `main-worktree/HEAD` and `worktrees/NAME/HEAD`. Names of objects outside of `refs/` and HEADs are not here.
    pub roots: BTreeMap<Vec<u8>, ObjectId>,
    /// All names, those of unborn branches included.
    pub names: BTreeSet<Vec<u8>>,
    /// What could not be read.
    pub problems: Vec<Skipped>,
}

impl Refs {
    /// Read all names.
    pub fn read(repo: &Repo) -> Self {
        let mut refs = Self::default();
        let mut all = BTreeMap::new();
        refs.shared(repo, &mut all);
        // Each work tree has a HEAD and refs of its own.
        let is_main = repo.git_dir == repo.common_dir;
        if !is_main {
            refs.private(repo, &repo.common_dir, b"main-worktree/", &mut all);
        }
        refs.private(repo, &repo.git_dir, b"", &mut all);
        for linked in &repo.linked {
            if linked.git_dir.canonicalize().is_ok_and(|p| p == repo.git_dir) {
                continue;
            }
            let prefix = format!("worktrees/{}/", linked.name).into_bytes();
            refs.private(repo, &linked.git_dir, &prefix, &mut all);
        }
        for (name, target) in &all {
            refs.names.insert(name.clone());
            if let Target::Name(other) = target {
                refs.names.insert(other.clone());
            }
            if let Some(id) = resolve(&all, target) {
                refs.roots.insert(name.clone(), id);
            }
        }
        refs
    }

    /// The commit (or nothing, in an unborn branch) at which the work tree at hand stands.
    pub fn head(&self) -> Option<ObjectId> {
        self.roots.get(&b"HEAD"[..]).copied()
    }

    fn shared(&mut self, repo: &Repo, all: &mut BTreeMap<Vec<u8>, Target>) {
        if repo.reftable {
            self.stack(
                &repo.common_dir.join("reftable"),
                repo.hash,
                |name| name.starts_with(b"refs/"),
                b"",
                all,
            );
        } else {
            // Loose ones first, as git does: meanwhile it may put them into the packed ones.
            self.loose(&repo.common_dir, Path::new("refs"), repo.hash, b"", all);
            self.packed(&repo.common_dir.join("packed-refs"), repo.hash, all);
        }
    }

    fn private(&mut self, repo: &Repo, git_dir: &Path, prefix: &[u8], all: &mut BTreeMap<Vec<u8>, Target>) {
        if repo.reftable {
            let private = |name: &[u8]| name == b"HEAD" || is_private(name);
            self.stack(&git_dir.join("reftable"), repo.hash, private, prefix, all);
            return;
        }
        if git_dir != repo.common_dir {
            self.loose(git_dir, Path::new("refs"), repo.hash, prefix, all);
        }
        let head = git_dir.join("HEAD");
        match read_loose(&head, repo.hash) {
            Ok(Some(target)) => {
                all.insert([prefix, b"HEAD"].concat(), target);
            }
            Ok(None) => self.problem(&head, "it names no ref and no object"),
            Err(e) => self.problem(&head, &reason(&e)),
        }
    }

    fn stack(
        &mut self,
        folder: &Path,
        hash: HashKind,
        wanted: impl Fn(&[u8]) -> bool,
        prefix: &[u8],
        all: &mut BTreeMap<Vec<u8>, Target>,
    ) {
        let (records, problems) = reftable::read_stack(folder, hash);
        for (what, reason) in problems {
            self.problems.push(Skipped::new(what, reason));
        }
        for (name, target) in records {
            if let Some(target) = target.filter(|_| wanted(&name)) {
                all.insert([prefix, &name].concat(), target);
            }
        }
    }

    fn packed(&mut self, path: &Path, hash: HashKind, all: &mut BTreeMap<Vec<u8>, Target>) {
        let text = match read_at_most(path, MAX_PACKED) {
            Ok(Some(text)) => text,
            Ok(None) => return self.problem(path, "the file is too large"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(e) => return self.problem(path, &reason(&e)),
        };
        let mut bad = 0u64;
        for line in text.split(|b| *b == b'\n') {
            if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"^") {
                continue;
            }
            let (id, name) = line.split_at(line.len().min(hash.len_in_hex()));
            match (parse_id(id, hash), name.strip_prefix(b" ")) {
                (Some(id), Some(name)) if !name.is_empty() => {
                    all.entry(name.trim_ascii_end().to_vec()).or_insert(Target::Id(id));
                }
                _ => bad += 1,
            }
        }
        if bad > 0 {
            let lines = if bad == 1 { "1 line is".to_owned() } else { format!("{bad} lines are") };
            self.problem(path, &format!("{lines} damaged"));
        }
    }

    fn loose(
        &mut self,
        git_dir: &Path,
        below: &Path,
        hash: HashKind,
        prefix: &[u8],
        all: &mut BTreeMap<Vec<u8>, Target>,
    ) {
        let mut folders: Vec<(PathBuf, usize)> = vec![(below.to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = match std::fs::read_dir(git_dir.join(&folder)) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => {
                    self.problem(&git_dir.join(&folder), &reason(&e));
                    continue;
                }
            };
            for entry in entries.flatten() {
                let path = folder.join(entry.file_name());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    if depth < MAX_DEPTH {
                        folders.push((path, depth + 1));
                    }
                    continue;
                }
                if path.extension().is_some_and(|e| e == "lock") {
                    continue;
                }
                let full = git_dir.join(&path);
                match read_loose(&full, hash) {
                    Ok(Some(target)) => {
                        let Some(name) = ref_name(path) else { continue };
                        all.insert([prefix, &name].concat(), target);
                    }
                    // git makes the file before it writes to it.
                    Ok(None) => self.problem(&full, "the ref is damaged: it names no object"),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => self.problem(&full, &reason(&e)),
                }
            }
        }
    }

    fn problem(&mut self, path: &Path, reason: &str) {
        let what = path.display().to_string();
        self.problems.push(Skipped::new(what, reason));
    }
}

/// Names for objects that are no refs: where a command that went wrong has left them. With the id of each line.
pub fn pseudo(repo: &Repo) -> Vec<(String, ObjectId)> {
    let (git_dir, hash) = (&repo.git_dir, repo.hash);
    let is_pseudo = |name: &str| name.ends_with("_HEAD") || name == "AUTO_MERGE";
    let mut all = Vec::new();
    if repo.reftable {
        for (name, target) in reftable::read_stack(&git_dir.join("reftable"), hash).0 {
            let name = String::from_utf8_lossy(&name).into_owned();
            if let Some(Target::Id(id)) = target.filter(|_| is_pseudo(&name)) {
                all.push((name, id));
            }
        }
    }
    // Some are files everywhere: what git has fetched is not one object.
    for entry in std::fs::read_dir(git_dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_pseudo(&name) {
            continue;
        }
        let text = read_small(&entry.path()).unwrap_or_default();
        for line in text.split(|b| *b == b'\n') {
            if let Some(id) = line.get(..hash.len_in_hex()).and_then(|id| parse_id(id, hash)) {
                all.push((name.clone(), id));
            }
        }
    }
    all.sort();
    all
}

/// Whether a ref belongs to a work tree and not to the repository.
fn is_private(name: &[u8]) -> bool {
    [&b"refs/bisect/"[..], b"refs/worktree/", b"refs/rewritten/"].iter().any(|p| name.starts_with(p))
}

/// Follow a symbolic ref.
fn resolve<'a>(all: &'a BTreeMap<Vec<u8>, Target>, mut target: &'a Target) -> Option<ObjectId> {
    for _ in 0..MAX_HOPS {
        match target {
            Target::Id(id) => return Some(*id),
            Target::Name(name) => target = all.get(name)?,
        }
    }
    None
}

/// Read a ref that is a file (or, as git once made them, a symbolic link).
pub(in crate::sources) fn read_loose(path: &Path, hash: HashKind) -> io::Result<Option<Target>> {
    if let Ok(link) = std::fs::read_link(path)
        && link.starts_with("refs")
    {
        return Ok(ref_name(link).map(Target::Name));
    }
    let Some(text) = read_at_most(path, MAX_REF)? else { return Ok(None) };
    if let Some(name) = text.strip_prefix(b"ref:") {
        return Ok(Some(Target::Name(name.trim_ascii().to_vec())));
    }
    let id = text.get(..hash.len_in_hex()).and_then(|id| parse_id(id, hash));
    Ok(id.map(Target::Id))
}

fn ref_name(path: PathBuf) -> Option<Vec<u8>> {
    let name = gix::path::into_bstr(path).ok()?;
    Some(gix::path::to_unix_separators_on_windows(name).into_owned().into())
}
