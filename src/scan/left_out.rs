//! Blobs that an audit leaves out as too large, and reads all the same: as files of the work tree.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::Audit;
use super::history::TOO_BIG;
use crate::blob::Place;
use crate::sources::changes::find_path;
use crate::sources::files::is_there;
use crate::sources::history::Repo;
use crate::sources::history::store::{HashKind, ObjectId};
use crate::sources::objects::Objects;
use crate::sources::staged::{head_tree, indexed, is_own_index};

/// What an entry says of a blob that was searched as a file.
const SEARCHED: &str = "searched as a file of the work tree alone";

impl Audit {
    /// After the files of the work tree at `root`: say of the blobs that were left out as too large which of them have
    /// their content there, so that it was searched. What was found in such a file is in HEAD if the blob is.
    pub fn settle(&mut self, repo: &Repo, root: &Path) {
        let left_out: Vec<(usize, ObjectId)> = self
            .outcome
            .left_out
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.reason.ends_with(TOO_BIG))
            .filter_map(|(n, entry)| Some((n, entry.object?)))
            .collect();
        if left_out.is_empty() {
            return;
        }
        let in_index = indexed(repo, &|id| left_out.iter().any(|(_, other)| other == id));
        let in_index = in_index.into_iter().filter(|found| is_own_index(&found.named_by));
        let paths: Vec<(ObjectId, Vec<u8>, PathBuf)> = in_index
            .filter_map(|found| {
                let path = gix::path::from_bstr(gix::bstr::BStr::new(&found.path)).ok()?.into_owned();
                Some((found.id, found.path, path))
            })
            .collect();
        let objects = Objects::open(&repo.objects_dir, &[], repo.hash).ok();
        let head = objects.as_ref().and_then(|objects| head_tree(repo, objects).ok().flatten());
        let top = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        for (id, path, file) in paths {
            if !is_there(&top, &file)
                || !hash(&top.join(file), repo.hash).is_ok_and(|other| other == Some(id))
            {
                continue;
            }
            for (n, _) in left_out.iter().filter(|(_, other)| *other == id) {
                let reason = &mut self.outcome.left_out[*n].reason;
                if let Some(rest) = reason.strip_suffix(TOO_BIG) {
                    *reason = format!("{rest}{SEARCHED}");
                }
            }
            let of_head = objects.as_ref().zip(head).and_then(|(o, head)| find_path(o, head, &path).ok()?);
            if of_head != Some(id) {
                continue;
            }
            for finding in &mut self.outcome.findings {
                for place in
                    finding.places_mut().filter(|l| l.place == Place::File && l.file() == Some(&*path))
                {
                    place.in_head = Some(true);
                    place.reachable = Some(true);
                    place.object = Some(id.to_string());
                }
            }
        }
    }
}

/// The id that a file has as a blob; `None`: it is no plain file.
fn hash(file: &Path, kind: HashKind) -> io::Result<Option<ObjectId>> {
    if !file.symlink_metadata()?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(file)?;
    let mut hasher = gix::hash::hasher(kind);
    hasher.update(format!("blob {}\0", file.metadata()?.len()).as_bytes());
    let mut buf = vec![0; 1 << 16];
    loop {
        match file.read(&mut buf)? {
            0 => break,
            n => hasher.update(&buf[..n]),
        }
    }
    Ok(hasher.try_finalize().ok())
}
