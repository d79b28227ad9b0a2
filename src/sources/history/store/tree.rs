//! The entries of a tree object.

use gix::hash::Kind as HashKind;
use gix::oid;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder.
    Tree,
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A commit of a submodule, which belongs to another repository.
    Submodule,
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: EntryKind,
    /// Its name.
    pub name: &'a [u8],
    /// The object.
    pub id: &'a oid,
}

/// Read the entry at the start of `bytes`: it and its length. `None`: it is malformed.
pub fn entry(bytes: &[u8], hash: HashKind) -> Option<(Entry<'_>, usize)> {
    // The mode is five or six digits in all but the oldest trees.
    let space = bytes.iter().take(12).position(|b| *b == b' ')?;
    let kind = match &bytes[..space] {
        b"40000" | b"040000" => EntryKind::Tree,
        b"120000" => EntryKind::Link,
        b"160000" => EntryKind::Submodule,
        mode if mode.iter().all(u8::is_ascii_digit) => EntryKind::File,
        _ => return None,
    };
    let name = space + 1;
    let end = name + memchr::memchr(0, &bytes[name..])?;
    let length = end + 1 + hash.len_in_bytes();
    let id = oid::from_bytes_unchecked(bytes.get(end + 1..length)?);
    Some((Entry { kind, name: &bytes[name..end], id }, length))
}

/// All entries of a tree, up to the first that is malformed.
pub fn entries(mut bytes: &[u8], hash: HashKind) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let (entry, length) = entry(bytes, hash)?;
        bytes = &bytes[length..];
        Some(entry)
    })
}
