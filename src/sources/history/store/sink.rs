//! What takes the objects that a scan hands over.

use gix::objs::Kind as ObjectKind;
use gix::oid;

use crate::blob::Skipped;
use crate::detect::Memo;
use crate::detect::prefilter::Anchor;

/// An object with a viable anchor.
#[derive(Debug)]
pub struct Hot<'a> {
    /// Its content.
    pub bytes: &'a [u8],
    /// All its viable anchors, by position.
    pub anchors: &'a [Anchor],
    /// For [`crate::detect::Detector::detect_at`]: versions of a file come one after the other on one thread.
    pub memo: &'a mut Memo,
}

/// Takes what a scan finds. Called from many threads at once; each object comes once.
pub trait ObjectSink: Sync {
    /// A blob, commit or tag with a viable anchor.
    fn hot(&self, id: &oid, kind: ObjectKind, hot: Hot<'_>);
    /// A blob of `size` bytes with a viable anchor that is too large to be held. `read` gives all of it.
    fn hot_stream(&self, id: &oid, kind: ObjectKind, size: u64, read: &mut dyn std::io::Read);
    /// A commit, whether hot or not.
    fn commit(&self, id: &oid, bytes: &[u8]);
    /// An annotated tag, whether hot or not.
    fn tag(&self, id: &oid, bytes: &[u8]);
    /// A tree with a name that has a viable anchor of [`Prefilter::for_names`].
    fn tree(&self, id: &oid, bytes: &[u8]);
    /// A blob that looks like a pointer of git-lfs, whether hot or not.
    fn lfs_pointer(&self, id: &oid, bytes: &[u8]);
    /// A blob of `size` bytes that begins as a container does, whether hot or not; it does not come as hot. `read` gives all
    /// of it.
    fn container(&self, id: &oid, size: u64, read: &mut dyn std::io::Read);
    /// Something that cannot be read.
    fn problem(&self, problem: Skipped);
    /// A blob that [`ScanOptions::max_blob_size`] leaves out.
    fn too_big(&self, id: &oid, size: u64);
    /// How many objects and bytes are done so far, from time to time.
    fn progress(&self, objects: u64, bytes: u64);
    /// Whether to stop early.
    fn stopped(&self) -> bool {
        false
    }
}
