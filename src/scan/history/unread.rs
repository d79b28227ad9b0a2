//! Where in the history that is which was not read: everything names an object by its id, and a person wants the path.

use gix::ObjectId;

use super::IdMap;
use crate::blob::Skipped;
use crate::sources::history::attribute::Places;

/// Paths of so many objects are looked up.
const MAX_LOOKED_UP: usize = 1_000;

/// What an entry names: the object, and what in it.
fn object(skipped: &Skipped) -> Option<(ObjectId, &str)> {
    let name = skipped.what.strip_prefix("object ")?;
    let end = name.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(name.len());
    Some((ObjectId::from_hex(&name.as_bytes()[..end]).ok()?, &name[end..]))
}

/// The objects in these lists, for their places to be looked up.
pub(super) fn objects<'s>(skipped: impl Iterator<Item = &'s Skipped>) -> Vec<ObjectId> {
    let mut ids: Vec<ObjectId> = skipped.filter_map(|s| object(s).map(|o| o.0)).collect();
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
        let Some((id, rest)) = object(entry) else { continue };
        let place = targets.get(&id).and_then(|target| {
            let staged = || places.staged.iter().find(|s| s.target == *target).map(|s| s.path);
            places.of[*target as usize].first().map(|place| place.path).or_else(staged)
        });
        if let Some(place) = place {
            let path = String::from_utf8_lossy(&places.paths[place as usize]);
            entry.what = format!("{path}{rest} (object {id})");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_in_what_names_them() {
        let id = "0953be343f3cf3b334bd4281d63d9863cda309c0";
        for (what, rest) in [
            (format!("object {id}"), Some("")),
            (format!("object {id}!deep/a.txt"), Some("!deep/a.txt")),
            (format!("object {id}f"), None),
            (format!("commit {id}"), None),
            ("object".into(), None),
            ("6 objects".into(), None),
        ] {
            let skipped = Skipped { what, reason: String::new(), help: None };
            let found = object(&skipped).map(|(id, rest)| (id.to_string(), rest));
            assert_eq!(found, rest.map(|rest| (id.to_owned(), rest)), "{}", skipped.what);
        }
    }
}
