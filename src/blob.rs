//! Pieces of content and where they were read: the vocabulary between the sources and the detector.
//!
//! No I/O here. A source pushes [`Blob`]s into a [`Sink`] from its own threads, with borrowed bytes.

use std::{fmt, io};

use gix::{ObjectId, oid};

/// What kind of place holds a piece of content. The JSON field `where`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A file in a folder.
    File,
    /// Standard input.
    Stdin,
    /// A blob of a git repository.
    Blob,
    /// A commit object: message, author or committer.
    CommitMessage,
    /// An annotated tag object.
    TagMessage,
    /// A git note.
    Note,
    /// The name of a file, not its content.
    Path,
    /// The name of a git reference.
    Ref,
    /// A blob that the index names, not yet committed.
    Index,
    /// The target of a symbolic link.
    Symlink,
    /// A git-lfs object that is present locally.
    Lfs,
    /// A file of git's own in the git folder: configuration, a hook, a reflog.
    GitFile,
}

impl Place {
    /// Whether a tree of a commit can hold it, so that HEAD can, too.
    pub fn is_in_tree(self) -> bool {
        matches!(self, Self::Blob | Self::Path | Self::Symlink | Self::Lfs)
    }

    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::File,
        Self::Stdin,
        Self::Blob,
        Self::CommitMessage,
        Self::TagMessage,
        Self::Note,
        Self::Path,
        Self::Ref,
        Self::Index,
        Self::Symlink,
        Self::Lfs,
        Self::GitFile,
    ];

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Stdin => "stdin",
            Self::Blob => "blob",
            Self::CommitMessage => "commit-message",
            Self::TagMessage => "tag-message",
            Self::Note => "note",
            Self::Path => "path",
            Self::Ref => "ref",
            Self::Index => "index",
            Self::Symlink => "symlink",
            Self::Lfs => "lfs",
            Self::GitFile => "git-file",
        }
    }
}

/// Where a blob was read: enough to name it in a report.
///
/// Paths are bytes, as git and Unix have them; `/` separates. For an archive member the outer path and the member's
/// are joined by `!`, as in `outer.zip!inner/file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What kind of place it is.
    pub place: Place,
    /// The path, where there is one.
    pub path: Option<Vec<u8>>,
    /// The git object, in hexadecimal digits, where it is one.
    pub object: Option<String>,
    /// How many bytes of the path, from its end, name a member of an archive, with the `!` before it: a file can have a `!` in its name,
    /// too.
    pub member_len: usize,
}

impl Origin {
    /// Something that is no member of an archive.
    pub const fn new(place: Place, path: Option<Vec<u8>>, object: Option<String>) -> Self {
        Self { place, path, object, member_len: 0 }
    }

    /// A file in a folder.
    pub fn file(path: impl Into<Vec<u8>>) -> Self {
        Self::new(Place::File, Some(path.into()), None)
    }

    /// Standard input.
    pub fn stdin() -> Self {
        Self::new(Place::Stdin, None, None)
    }
}

/// A piece of content with the place that it comes from, whole.
#[derive(Debug, Clone, Copy)]
pub struct Blob<'a> {
    /// Where the bytes were read.
    pub origin: &'a Origin,
    /// The content.
    pub bytes: &'a [u8],
}

/// Why something that should have been read was not: one entry of the report's `incomplete` and `left_out` lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// What was not read: a path, an object id, a commit.
    pub what: String,
    /// Why, in one clause without a final period.
    pub reason: String,
    /// What the user can do about it, where there is something.
    pub help: Option<String>,
    /// The git object that this is, or is in.
    pub object: Option<ObjectId>,
    /// How many bytes of what it names, from the end, name a member of an archive, with the `!` before it.
    pub member_len: usize,
}

impl Skipped {
    /// What has no advice and is in no object.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into(), help: None, object: None, member_len: 0 }
    }

    /// An object of the database, until its path is known.
    pub fn object(id: &oid, reason: impl Into<String>) -> Self {
        Self { object: Some(id.to_owned()), ..Self::new(object_name(id), reason) }
    }

    /// With what the user can do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Say in which file an object is: of a path and an id, a person knows the path.
    pub fn name_path(&mut self, path: &str) {
        let Some(id) = self.object else { return };
        self.what = format!("{}{}", self.what.replacen(&object_name(&id), path, 1), behind_path(&id));
    }

    /// What was not read, without the id of an object behind its path.
    pub fn place(&self) -> &str {
        let id = self.object.as_ref().map(|id| behind_path(id));
        id.and_then(|id| self.what.strip_suffix(id.as_str())).unwrap_or(&self.what)
    }
}

/// The id of an object, behind its path.
fn behind_path(id: &oid) -> String {
    format!(" ({})", object_name(id))
}

/// What people call an object of which only the id is known.
pub fn object_name(id: &oid) -> String {
    format!("object {id}")
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Takes what a source reads. Called from many threads at once.
pub trait Sink: Sync {
    /// One piece of content.
    fn blob(&self, blob: Blob<'_>);

    /// Content that is too large for memory or of unknown size. An error is the reader's; what was read before it
    /// counts all the same.
    fn stream(&self, origin: &Origin, reader: &mut dyn io::Read) -> io::Result<()>;

    /// Content that the source has read and, by the prefilter, found to hold nothing: for the statistics.
    fn cold(&self, blobs: u64, bytes: u64);

    /// Something that could not be read.
    fn skipped(&self, skipped: Skipped);

    /// Whether the source should stop early (Ctrl-C).
    fn stopped(&self) -> bool {
        false
    }
}
