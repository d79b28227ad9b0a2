//! Where in the history that is which was not read: everything names an object by its id, and a person wants the path.

use gix::ObjectId;

use super::IdMap;
use crate::blob::Skipped;
use crate::sources::history::attribute::Places;

/// Paths of so many objects are looked up.
const MAX_LOOKED_UP: usize = 1_000;

/// The objects in these lists, for their places to be looked up.
pub(super) fn objects<'s>(skipped: impl Iterator<Item = &'s Skipped>) -> Vec<ObjectId> {
    let mut ids: Vec<ObjectId> = skipped.filter_map(|s| s.object).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(MAX_LOOKED_UP);
    ids
}

/// Name the first path of each object whose places are known.
pub(super) fn add_paths<'s>(
    skipped: impl Iterator<Item = &'s mut Skipped>,
    targets: &IdMap<ObjectId, u32>,
    places: &Places,
) {
    for entry in skipped {
        let Some(target) = entry.object.and_then(|id| targets.get(&id)) else { continue };
        let staged = || places.staged.iter().find(|s| s.target == *target).map(|s| s.path);
        let path = places.of[*target as usize].first().map(|place| place.path).or_else(staged);
        if let Some(path) = path {
            entry.name_path(&String::from_utf8_lossy(&places.paths[path as usize]));
        }
    }
}
