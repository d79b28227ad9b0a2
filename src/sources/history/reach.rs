//! What the refs and HEADs of a repository reach, and what else still names a commit that they do not.

use super::commits::{Graph, Index, date};
use super::refs::Refs;
use super::store::{ObjectId, Store};

/// Annotated tags: what each names.
pub type Tags = gix::hashtable::HashMap<ObjectId, ObjectId>;

/// How deep tags of tags are followed.
pub const MAX_TAGS: usize = 64;

/// Read which object a tag names.
pub fn tag_target(bytes: &[u8], hash: super::store::HashKind) -> Option<ObjectId> {
    let line = bytes.strip_prefix(b"object ")?.split(|b| *b == b'\n').next()?;
    super::repo::parse_id(line, hash)
}

/// When a tag was made, seconds since 1970, as its object says.
pub fn tagged_at(bytes: &[u8]) -> Option<i64> {
    let header = bytes.split(|b| *b == b'\n').take_while(|line| !line.is_empty());
    header.into_iter().find_map(|line| date(line.strip_prefix(b"tagger ")?))
}

/// The object that the note at this path of a notes tree is about: its id, in hexadecimal digits, between which git puts
/// slashes where there are many.
pub fn note_on(path: &[u8]) -> Option<String> {
    let path = path.split(|b| *b == b'!').next()?;
    let digits: String = path.iter().filter(|b| **b != b'/').map(|b| char::from(*b)).collect();
    let is_id = matches!(digits.len(), 40 | 64) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then_some(digits)
}

/// What holds a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A branch, tag, remote-tracking branch or HEAD.
    Ref,
    /// Nothing but `refs/stash`.
    Stash,
    /// Nothing but the notes ref with this index in [`Reach::notes`].
    Notes(u32),
    /// No ref.
    Nothing,
}

/// What holds the objects that refs name, directly or indirectly.
#[derive(Debug)]
pub struct Reach {
    /// Of each commit.
    holders: Vec<Holder>,
    /// Names of all notes refs.
    pub notes: Vec<String>,
    /// Tags, trees and blobs that a ref names, directly or through tags, with its name; sorted.
    pub named: Vec<(ObjectId, String)>,
    /// Refs that name an object that is not there: `(name, object)`.
    pub missing: Vec<(String, ObjectId)>,
}

impl Reach {
    /// Follow the refs for which `wanted` says yes.
    pub fn new(
        graph: &Graph,
        refs: &Refs,
        tags: &Tags,
        store: &Store,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Self {
        let mut reach = Self {
            holders: vec![Holder::Nothing; graph.len()],
            notes: Vec::new(),
            named: Vec::new(),
            missing: Vec::new(),
        };
        let mut roots: Vec<(Holder, Index)> = Vec::new();
        for (name, id) in refs.roots.iter().filter(|(name, _)| wanted(name)) {
            let text = String::from_utf8_lossy(name).into_owned();
            let mut id = *id;
            let mut hops = 0;
            while let Some(target) = tags.get(&id).filter(|_| hops < MAX_TAGS) {
                reach.named.push((id, text.clone()));
                id = *target;
                hops += 1;
            }
            let Some(commit) = graph.find(&id) else {
                if !store.contains(&id) && id != id.kind().empty_tree() {
                    reach.missing.push((text.clone(), id));
                }
                reach.named.push((id, text));
                continue;
            };
            let holder = if name.as_slice() == b"refs/stash" {
                Holder::Stash
            } else if name.starts_with(b"refs/notes/") {
                reach.notes.push(text);
                Holder::Notes(reach.notes.len() as u32 - 1)
            } else {
                Holder::Ref
            };
            roots.push((holder, commit));
        }
        reach.named.sort();
        reach.named.dedup_by_key(|n| n.0);
        roots.sort_unstable(); // what plain refs hold counts as theirs
        for (holder, commit) in roots {
            graph.walk([commit], |c| {
                let slot = &mut reach.holders[c as usize];
                let first = *slot == Holder::Nothing;
                if first {
                    *slot = holder;
                }
                first
            });
        }
        reach
    }

    /// What holds a commit.
    pub fn holder(&self, commit: Index) -> Holder {
        self.holders[commit as usize]
    }

    /// Whether a ref or a HEAD reaches a commit.
    pub fn reaches(&self, commit: Index) -> bool {
        self.holder(commit) != Holder::Nothing
    }

    /// The ref that names a tag, tree or blob.
    pub fn name_of(&self, id: &ObjectId) -> Option<&str> {
        let at = self.named.binary_search_by_key(id, |n| n.0).ok()?;
        Some(&self.named[at].1)
    }
}

/// For each commit that no ref reaches the name that still leads to it: the first of `names` that does.
pub fn lost_names(graph: &Graph, reach: &Reach, names: &[(String, ObjectId)]) -> Vec<Option<u32>> {
    let mut of = vec![None; graph.len()];
    for ((_, id), i) in names.iter().zip(0..) {
        let Some(commit) = graph.find(id) else { continue };
        graph.walk([commit], |c| {
            let first = of[c as usize].is_none() && !reach.reaches(c);
            if first {
                of[c as usize] = Some(i);
            }
            first
        });
    }
    of
}
