//! The places of each credential of a whole history: the one that introduced it first.

use std::collections::HashMap;

use super::credentials::{Credential, Credentials, Key};
use super::news::News;
use super::objects::{Gathered, Hit, What};
use super::write;
use super::{Found, Known};
use crate::blob::Skipped;
use crate::detect::Detector;
use crate::finding::{Finding, Secret};
use crate::sources::history::attribute::{MAX_PLACES, PathIndex, Places};
use crate::sources::history::commits::Index;

/// Further places that are listed of all credentials together: about 60 MB.
const MAX_LISTED: usize = 100_000;

/// One place of all credentials of an object, before it is written out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence {
    /// Earlier commits first; `u32::MAX` without a commit.
    rank: u32,
    pub(super) commit: Option<Index>,
    pub(super) path: Option<PathIndex>,
    pub(super) link: bool,
    pub(super) hit: usize,
    /// The place in an index, in [`Places::staged`].
    pub(super) staged: Option<u32>,
}

impl Occurrence {
    /// A path is named once, with the commit that first brought the credential to it.
    fn is_same_place(&self, other: &Self) -> bool {
        (self.path, self.staged) == (other.path, other.staged)
            && (self.path.is_some() || (self.commit, self.hit) == (other.commit, other.hit))
    }
}

/// The places of a credential, as indexes of occurrences.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The credential, and others that are part of it.
    pub(super) members: Vec<Credential>,
    /// So many of `members`, from the first, are the credential or its secret: who has one of them has what matters. Of an id without
    /// a secret all are.
    pub(super) full: usize,
    /// The first is where it was introduced; none is the same place as another.
    pub(super) places: Vec<u32>,
    /// Places that are not listed. One can count more than once: it is not known where they are.
    pub(super) omitted: u64,
}

impl Group {
    fn add(&mut self, place: u32, all: &[Occurrence], room: &mut usize) {
        let new = &all[place as usize];
        if self.places.iter().any(|p| all[*p as usize].is_same_place(new)) {
            return;
        }
        let is_first = self.places.is_empty();
        if is_first || (self.places.len() <= MAX_PLACES && *room > 0) {
            *room -= usize::from(!is_first);
            self.places.push(place);
        } else {
            self.omitted += 1;
        }
    }
}

/// All places, and the credentials that have any.
pub(super) struct Merged {
    /// Ordered.
    pub(super) all: Vec<Occurrence>,
    pub(super) groups: Vec<Group>,
}

impl Merged {
    fn rank(&self, credential: Credential) -> u32 {
        self.first(credential).rank
    }

    fn first(&self, credential: Credential) -> &Occurrence {
        &self.all[self.groups[credential as usize].places[0] as usize]
    }
}

/// Merge all that was found.
///
/// With `restricted` only what the commits that count introduced is kept. What cannot be read a second time is named in
/// `skipped`.
pub(super) fn findings(
    known: &Known<'_>,
    found: &Found<'_>,
    restricted: bool,
    now: i64,
    detector: &Detector,
    skipped: &mut Vec<Skipped>,
) -> Vec<Finding> {
    let places = found.places;
    let Gathered { hits, credentials, .. } = found.gathered;
    let mut all: Vec<Occurrence> = Vec::new();
    for (h, hit) in hits.iter().enumerate() {
        occurrences(known, hit, h, places, restricted, &mut all);
    }
    all.sort_by(|a, b| order(a, hits, places).cmp(&order(b, hits, places)));
    let mut groups: Vec<Group> = Vec::new();
    groups.resize_with(credentials.len(), Group::default);
    let mut room = MAX_LISTED;
    let mut news = known.since.map(|_| News::new(known, found));
    for (o, i) in all.iter().zip(0..) {
        let before = news.as_mut().map(|news| news.before(o)).unwrap_or_default();
        for credential in hits[o.hit].credentials.iter() {
            if news.as_ref().is_some_and(|news| !news.is_new(&before, credential)) {
                continue;
            }
            groups[credential as usize].add(i, &all, &mut room);
        }
    }
    for (hit, more) in hits.iter().zip(&places.more).filter(|(_, more)| **more > 0) {
        for credential in hit.credentials.iter() {
            groups[credential as usize].omitted += u64::from(*more);
        }
    }
    for (group, credential) in groups.iter_mut().zip(0..) {
        group.members.push(credential);
    }
    let mut merged = Merged { all, groups };
    fold_into_pairs(&mut merged, credentials, places, &mut room);
    merged.groups.retain(|g| !g.places.is_empty());
    let mut findings: Vec<(u32, Finding)> = write::findings(known, found, &merged, now, detector, skipped)
        .into_iter()
        .map(|(group, f)| (merged.all[merged.groups[group].places[0] as usize].rank, f))
        .collect();
    findings.sort_by(|a, b| {
        let key = |f: &(u32, Finding)| (f.0, f.1.location.path.clone(), f.1.location.line);
        let value =
            |f: &(u32, Finding)| -> Key { (f.1.rule_id.clone(), f.1.key_id.clone(), f.1.secret.clone()) };
        key(a).cmp(&key(b)).then_with(|| value(a).cmp(&value(b)))
    });
    findings.into_iter().map(|f| f.1).collect()
}

/// Add all places of an object.
fn occurrences(
    known: &Known<'_>,
    hit: &Hit,
    h: usize,
    places: &Places,
    restricted: bool,
    all: &mut Vec<Occurrence>,
) {
    let none = Occurrence { rank: u32::MAX, commit: None, path: None, link: false, hit: h, staged: None };
    let named = known.reach.name_of(&hit.object).is_some();
    match &hit.what {
        What::Tag if restricted && !(named && known.is_recent(&hit.object)) => {}
        What::Tag | What::Ref(_) => all.push(none),
        What::Commit => {
            let Some(commit) = known.graph.find(&hit.object) else { return all.push(none) };
            let rank = known.rank[commit as usize];
            if rank != u32::MAX {
                all.push(Occurrence { rank, commit: Some(commit), ..none });
            }
        }
        What::Blob | What::Lfs | What::Name(_) => {
            let of = &places.of[h];
            all.extend(of.iter().map(|place| Occurrence {
                rank: place.commit.map_or(u32::MAX, |c| known.rank[c as usize]),
                commit: place.commit,
                path: Some(place.path),
                link: place.link,
                ..none
            }));
            let from = places.staged.partition_point(|s| (s.target as usize) < h);
            let staged = places.staged[from..].iter().take_while(|s| s.target as usize == h);
            let before = all.len();
            all.extend(staged.zip(from as u32..).map(|(s, n)| Occurrence {
                path: Some(s.path),
                staged: Some(n),
                ..none
            }));
            if of.is_empty() && all.len() == before && (!restricted || named) {
                all.push(none);
            }
        }
    }
}

fn order<'a>(o: &Occurrence, hits: &'a [Hit], places: &'a Places) -> impl Ord + use<'a> {
    let path = o.path.map(|p| &places.paths[p as usize]);
    let hit = &hits[o.hit];
    (o.rank, &hit.what, path, hit.object, o.staged)
}

/// Let go of credentials that are part of another: an id alone whose secret is known from elsewhere, a secret alone that
/// belongs to a pair, and the only secret alone that came with the only id alone, in the same folder and commit. (The last
/// two are not made a pair: there is no saying that they are.) What is a leak goes into no example: of a pair with one
/// half made up the other may be real.
fn fold_into_pairs(merged: &mut Merged, credentials: &Credentials, places: &Places, room: &mut usize) {
    let mut sorted = credentials.sorted();
    sorted.retain(|c| !merged.groups[*c as usize].places.is_empty());
    let mut by_id: HashMap<(&str, &str), Credential> = HashMap::new();
    let mut by_secret: HashMap<&Secret, Credential> = HashMap::new();
    let worth = |c: Credential| (!credentials.is_known(c), merged.rank(c));
    for credential in sorted.iter().copied() {
        let (rule, Some(id), Some(secret)) = credentials.key(credential) else { continue };
        let better = |other: Option<&Credential>| other.is_none_or(|other| worth(credential) < worth(*other));
        if better(by_id.get(&(&**rule, &**id))) {
            by_id.insert((rule, id), credential);
        }
        if better(by_secret.get(secret)) {
            by_secret.insert(secret, credential);
        }
    }
    // Ids and secrets alone that stay so, by where they came from.
    let mut alone: HashMap<(Index, &[u8]), [Vec<Credential>; 2]> = HashMap::new();
    for credential in sorted.iter().copied().filter(|c| credentials.is_known(*c)) {
        let (is_part, half) = match credentials.key(credential) {
            (rule, Some(id), None) => (by_id.contains_key(&(&**rule, &**id)), 0),
            (_, None, Some(secret)) => (by_secret.contains_key(secret), 1),
            _ => continue,
        };
        if let Some(origin) = origin(merged.first(credential), places).filter(|_| !is_part) {
            alone.entry(origin).or_default()[half].push(credential);
        }
    }
    let only_id = |secret: Credential| match alone.get(&origin(merged.first(secret), places)?) {
        Some([ids, secrets]) if ids.len() == 1 && secrets.len() == 1 => ids.first(),
        _ => None,
    };
    let mut into: Vec<(Credential, Credential)> = Vec::new();
    for credential in sorted {
        let target = match credentials.key(credential) {
            (rule, Some(id), None) => by_id.get(&(&**rule, &**id)),
            // A secret of 40 characters that its label gave away, and nothing else.
            (_, None, Some(secret)) if secret.expose().len() == 40 => {
                by_secret.get(secret).or_else(|| only_id(credential))
            }
            _ => None,
        };
        let target = target.filter(|t| credentials.is_known(**t) || !credentials.is_known(credential));
        into.extend(target.map(|target| (credential, *target)));
    }
    for (part, whole) in into {
        let part_of = std::mem::take(&mut merged.groups[part as usize]);
        let group = &mut merged.groups[whole as usize];
        // The first stays first: it is where the whole was introduced.
        for place in part_of.places {
            group.add(place, &merged.all, room);
        }
        group.omitted += part_of.omitted;
        group.members.push(part);
    }
    let has_secret = |c: &Credential| credentials.key(*c).2.is_some();
    for group in &mut merged.groups {
        group.full = group.members.len();
        if group.members.first().is_some_and(has_secret) {
            group.members.sort_by_key(|c| !has_secret(c));
            group.full = group.members.partition_point(has_secret);
        }
    }
}

/// The commit and the folder.
fn origin<'a>(o: &Occurrence, places: &'a Places) -> Option<(Index, &'a [u8])> {
    let path = &places.paths[o.path? as usize];
    let folder = memchr::memrchr(b'/', path).map_or(&path[..0], |i| &path[..i]);
    Some((o.commit?, folder))
}
