//! Folders and files: a parallel walk, and the shortest way from a file to the answer that nothing is in it.
//!
//! What git ignores and does not track is left out inside a work tree, unless asked for. Hidden files are read, `.git` is
//! not; symbolic links are not followed, but where they point to is content too, and so is every name. `roots` decides
//! what to walk, `tracked` finds what git tracks although it ignores it, `read` reads one file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use crate::blob::{Blob, Origin, Place, Sink, Skipped};
use crate::detect::Prefilter;

mod read;
mod roots;
mod tracked;

use read::FileReader;
pub use roots::{Files, RootError};
use tracked::Seen;
pub use tracked::is_there;

/// Cold files that a thread counts before it tells the sink.
const COUNT_EVERY: u64 = 64;

impl Files {
    /// Push everything to `sink` that the prefilter does not rule out, from several threads. Returns each `.git` that was met.
    pub fn visit(&self, prefilter: &Prefilter, sink: &dyn Sink) -> Vec<PathBuf> {
        let (unruled, repos) = (Noted::default(), Noted::default());
        let Some(walk) = self.walk(&unruled, &repos) else { return Vec::new() };
        let in_work_trees = self.in_work_trees(sink);
        let seen = (!in_work_trees.is_empty()).then(Seen::default);
        let alone = Threads { prefilter, sink, in_current: self.in_current, seen: None };
        let mut threads = Threads { seen: seen.as_ref(), ..alone };
        walk.build_parallel().visit(&mut threads);
        let rest = Self { roots: unruled.take(), no_ignore: true, ..self.clone() };
        if let Some(walk) = rest.walk(&unruled, &repos) {
            walk.build_parallel().visit(&mut threads);
        }
        let Some(is_read) = seen.map(Seen::take) else { return repos.take() };
        let mut thread = Thread::new(&alone);
        for (root, repo) in in_work_trees {
            for path in self.unread(&root, &repo, &is_read, sink) {
                if sink.stopped() {
                    return repos.take();
                }
                let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
                thread.path(&path, is_link, false);
            }
        }
        repos.take()
    }

    /// The walk over the roots. Folders whose ignore files no one can read to the end go to `unruled`, but for the roots, for
    /// which none counts then: to git such a file ignores nothing.
    fn walk(&self, unruled: &Noted, repos: &Noted) -> Option<WalkBuilder> {
        let (first, rest) = self.roots.split_first()?;
        let mut walk = WalkBuilder::new(first);
        for root in rest {
            walk.add(root);
        }
        let git = !self.no_ignore && !self.roots.iter().any(|root| is_around(root));
        walk.threads(self.threads)
            .hidden(false)
            .ignore(false)
            .parents(git)
            .git_ignore(git)
            .git_global(git)
            .git_exclude(git)
            .require_git(true)
            .follow_links(false);
        let (apart, unruled, repos) = (self.apart.clone(), unruled.clone(), repos.clone());
        walk.filter_entry(move |entry| {
            let is_root = entry.depth() == 0;
            if entry.file_name() == OsStr::new(".git") {
                repos.add(entry);
                return false;
            }
            if !apart.is_empty() && !is_root && apart.contains(entry.path()) {
                return false;
            }
            let is_unruled = git && !is_root && is_unruled(entry);
            if is_unruled {
                unruled.add(entry);
            }
            !is_unruled
        });
        Some(walk)
    }
}

/// Paths that the threads of a walk have come by.
#[derive(Debug, Clone, Default)]
struct Noted(Arc<Mutex<Vec<PathBuf>>>);

impl Noted {
    fn add(&self, entry: &DirEntry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry.path().to_owned());
    }

    fn take(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether it is a folder with an ignore file that is a pipe or a device, or a link to one.
fn is_unruled(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir()) && has_no_rules(entry.path())
}

/// Whether a root or a folder above it has one.
fn is_around(root: &Path) -> bool {
    root.canonicalize().is_ok_and(|root| root.ancestors().any(has_no_rules))
}

fn has_no_rules(folder: &Path) -> bool {
    [".gitignore", ".git/info/exclude"]
        .iter()
        .any(|name| fs::metadata(folder.join(name)).is_ok_and(|file| !file.is_file() && !file.is_dir()))
}

/// An error of the system as one clause.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("cannot be read: {}", text.to_lowercase())
}

#[derive(Clone, Copy)]
struct Threads<'s> {
    prefilter: &'s Prefilter,
    sink: &'s dyn Sink,
    in_current: bool,
    /// Where to note what was read.
    seen: Option<&'s Seen>,
}

impl<'s> ParallelVisitorBuilder<'s> for Threads<'s> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 's> {
        Box::new(Thread::new(self))
    }
}

struct Thread<'s> {
    prefilter: &'s Prefilter,
    sink: &'s dyn Sink,
    in_current: bool,
    reader: FileReader<'s>,
    seen: Option<&'s Seen>,
    /// What this thread has read.
    read: Vec<u64>,
}

impl Drop for Thread<'_> {
    fn drop(&mut self) {
        if let Some(seen) = self.seen {
            seen.add(std::mem::take(&mut self.read));
        }
    }
}

impl ParallelVisitor for Thread<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.sink.stopped() {
            return WalkState::Quit;
        }
        match entry {
            Ok(entry) => self.entry(&entry),
            Err(error) => self.walk_error(&error),
        }
        WalkState::Continue
    }
}

impl<'s> Thread<'s> {
    fn new(of: &Threads<'s>) -> Self {
        Self {
            prefilter: of.prefilter,
            sink: of.sink,
            in_current: of.in_current,
            reader: FileReader::new(of.prefilter, of.sink),
            seen: of.seen,
            read: Vec::new(),
        }
    }

    fn entry(&mut self, entry: &DirEntry) {
        let Some(kind) = entry.file_type() else { return };
        // A root is what the user named: `roots` has seen that it leads to a file or a folder.
        let is_root = entry.depth() == 0;
        if kind.is_file() || kind.is_symlink() || is_root && !kind.is_dir() {
            if let Some(seen) = self.seen {
                self.read.push(seen.hash(entry.path()));
            }
            self.path(entry.path(), kind.is_symlink() && !is_root, is_root);
        } else {
            self.name(self.shown(entry.path()), entry.file_name());
        }
    }

    /// A file or a symbolic link.
    fn path(&mut self, path: &Path, is_link: bool, is_root: bool) {
        let shown = self.shown(path);
        self.name(shown, path.file_name().unwrap_or_default());
        let read = if is_link {
            fs::read_link(path)
                .map(|target| self.text(Place::Symlink, shown, target.as_os_str().as_encoded_bytes()))
        } else {
            self.reader.read(path, shown)
        };
        match read {
            Ok(()) => {}
            // Removed after the folder was listed: there is nothing to read any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_root => {}
            Err(error) => self.skip(shown, &error),
        }
    }

    /// A name may hold a key id, too.
    fn name(&self, path: &Path, name: &OsStr) {
        let name = name.as_encoded_bytes();
        if self.prefilter.is_hot_name(name) {
            self.text(Place::Path, path, name);
        }
    }

    fn text(&self, place: Place, path: &Path, text: &[u8]) {
        let origin = Origin::new(place, Some(bytes(path)), None);
        self.sink.blob(Blob { origin: &origin, bytes: text });
    }

    fn skip(&self, path: &Path, error: &io::Error) {
        let what = path.display().to_string();
        self.sink.skipped(Skipped::new(what, reason(error)));
    }

    fn walk_error(&self, error: &ignore::Error) {
        let Some(io) = io_error(error) else { return };
        match path_of(error) {
            Some(_) if io.kind() == io::ErrorKind::NotFound => {}
            Some(path) => self.skip(self.shown(path), io),
            None => self.skip(Path::new("a folder"), io),
        }
    }

    /// The path to report: without the `./` of the current folder, where nothing else was named.
    fn shown<'p>(&self, path: &'p Path) -> &'p Path {
        if self.in_current { path.strip_prefix(".").unwrap_or(path) } else { path }
    }
}

/// The bytes of a path, as reports have them.
fn bytes(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes().to_vec();
    if cfg!(windows) { bytes.into_iter().map(|b| if b == b'\\' { b'/' } else { b }).collect() } else { bytes }
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

fn io_error(error: &ignore::Error) -> Option<&io::Error> {
    match error {
        ignore::Error::Io(error) => Some(error),
        ignore::Error::WithPath { err, .. }
        | ignore::Error::WithDepth { err, .. }
        | ignore::Error::WithLineNumber { err, .. } => io_error(err),
        _ => None,
    }
}
