//! One finding for each credential of a whole history, at the place that introduced it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Known;
use super::objects::{Hit, What};
use crate::blob::Place;
use crate::finding::{Commit, Finding, Location, Note, Secret, Severity};
use crate::sources::history::attribute::{MAX_PLACES, PathIndex, Places};
use crate::sources::history::commits::{Index, describe};
use crate::sources::history::reach::Holder;

/// A temporary credential lives for at most 36 hours.
const LIFETIME: i64 = 36 * 3600;

/// What makes two findings the same credential. The parts that are values come as they are in the findings.
type Key = (Arc<str>, Option<Box<str>>, Option<Secret>);

/// One place of a credential, before it is written out.
#[derive(Debug, Clone, Copy)]
struct Occurrence {
    /// Earlier commits first; `u32::MAX` without a commit.
    rank: u32,
    commit: Option<Index>,
    path: Option<PathIndex>,
    link: bool,
    hit: usize,
    /// Index in the hit.
    finding: usize,
}

/// Merge all that was found.
///
/// With `restricted` only what the commits that count introduced is kept.
pub(super) fn findings(
    known: &Known<'_>,
    hits: &[Hit],
    places: &Places,
    restricted: bool,
    now: i64,
) -> Vec<Finding> {
    let mut groups: BTreeMap<Key, Vec<Occurrence>> = BTreeMap::new();
    for (h, hit) in hits.iter().enumerate() {
        let at = occurrences(known, hit, h, places, restricted);
        for (f, finding) in hit.findings.iter().enumerate() {
            if at.is_empty() {
                continue;
            }
            let key = (Arc::clone(&finding.rule_id), finding.key_id.clone(), finding.secret.clone());
            groups.entry(key).or_default().extend(at.iter().map(|o| Occurrence { finding: f, ..*o }));
        }
    }
    for group in groups.values_mut() {
        group.sort_by(|a, b| order(a, hits, places).cmp(&order(b, hits, places)));
    }
    fold_into_pairs(&mut groups, hits, places);
    let mut writer = Writer { known, hits, places, commits: HashMap::new() };
    let mut findings: Vec<(u32, Finding)> =
        groups.values().map(|group| (group[0].rank, writer.finding(group, now))).collect();
    findings.sort_by(|a, b| {
        let key =
            |f: &Finding| (f.location.path.clone(), f.location.line, f.rule_id.clone(), f.key_id.clone());
        (a.0, key(&a.1), &a.1.secret).cmp(&(b.0, key(&b.1), &b.1.secret))
    });
    findings.into_iter().map(|f| f.1).collect()
}

/// All places of an object.
fn occurrences(known: &Known<'_>, hit: &Hit, h: usize, places: &Places, restricted: bool) -> Vec<Occurrence> {
    let none = Occurrence { rank: u32::MAX, commit: None, path: None, link: false, hit: h, finding: 0 };
    let named = known.reach.name_of(&hit.object).is_some();
    match &hit.what {
        What::Tag if restricted && !named => Vec::new(),
        What::Tag | What::Ref(_) => vec![none],
        What::Commit => {
            let Some(commit) = known.graph.find(&hit.object) else { return vec![none] };
            let rank = known.rank[commit as usize];
            if rank == u32::MAX {
                Vec::new()
            } else {
                vec![Occurrence { rank, commit: Some(commit), ..none }]
            }
        }
        What::Blob | What::Lfs | What::Name(_) => {
            let all = places.of[h].iter().map(|place| Occurrence {
                rank: place.commit.map_or(u32::MAX, |c| known.rank[c as usize]),
                commit: place.commit,
                path: Some(place.path),
                link: place.link,
                ..none
            });
            let all: Vec<Occurrence> = all.collect();
            if all.is_empty() && (!restricted || named) { vec![none] } else { all }
        }
    }
}

fn order<'a>(o: &Occurrence, hits: &'a [Hit], places: &'a Places) -> impl Ord + use<'a> {
    let path = o.path.map(|p| &places.paths[p as usize]);
    let hit = &hits[o.hit];
    (o.rank, &hit.what, path, hit.findings[o.finding].location.line, hit.object)
}

/// Let go of findings that are part of another: an id alone whose secret is known from elsewhere, a secret alone that
/// belongs to a pair, and a secret alone that came with an id alone, in the same folder and commit. (The last two are
/// not made a pair: there is no saying that they are.)
fn fold_into_pairs(groups: &mut BTreeMap<Key, Vec<Occurrence>>, hits: &[Hit], places: &Places) {
    let rank = |group: &[Occurrence]| group[0].rank;
    let mut by_id: HashMap<(Arc<str>, Box<str>), Key> = HashMap::new();
    let mut by_secret: HashMap<Secret, Key> = HashMap::new();
    for (key, group) in &*groups {
        let (rule, Some(id), Some(secret)) = key else { continue };
        let earlier = |other: Option<&Key>| other.is_none_or(|o| rank(group) < rank(&groups[o]));
        let place = (Arc::clone(rule), id.clone());
        if earlier(by_id.get(&place)) {
            by_id.insert(place, key.clone());
        }
        if earlier(by_secret.get(secret)) {
            by_secret.insert(secret.clone(), key.clone());
        }
    }
    // Ids alone that stay so, by where they came from.
    let mut alone: HashMap<(Index, &[u8]), Key> = HashMap::new();
    for (key, group) in &*groups {
        if let (rule, Some(id), None) = key
            && !by_id.contains_key(&(Arc::clone(rule), id.clone()))
            && let Some(origin) = origin(&group[0], places)
        {
            alone.entry(origin).or_insert_with(|| key.clone());
        }
    }
    let mut into: Vec<(Key, Key)> = Vec::new();
    for (key, group) in &*groups {
        let target = match key {
            (rule, Some(id), None) => by_id.get(&(Arc::clone(rule), id.clone())),
            (_, None, Some(secret)) if is_labelled(&group[0], hits) => by_secret
                .get(secret)
                .or_else(|| origin(&group[0], places).and_then(|origin| alone.get(&origin))),
            _ => None,
        };
        if let Some(target) = target {
            into.push((key.clone(), target.clone()));
        }
    }
    for (part, whole) in into {
        let Some(mut moved) = groups.remove(&part) else { continue };
        if let Some(group) = groups.get_mut(&whole) {
            // The first stays first: it is where the whole was introduced.
            group.append(&mut moved);
        }
    }
}

/// A secret of 40 characters that its label gave away, and nothing else.
fn is_labelled(o: &Occurrence, hits: &[Hit]) -> bool {
    let secret = hits[o.hit].findings[o.finding].secret.as_ref();
    secret.is_some_and(|s| s.expose().len() == 40)
}

/// The commit and the folder.
fn origin<'a>(o: &Occurrence, places: &'a Places) -> Option<(Index, &'a [u8])> {
    let path = &places.paths[o.path? as usize];
    let folder = memchr::memrchr(b'/', path).map_or(&path[..0], |i| &path[..i]);
    Some((o.commit?, folder))
}

/// Writes occurrences out.
struct Writer<'a> {
    known: &'a Known<'a>,
    hits: &'a [Hit],
    places: &'a Places,
    /// Commits that were described before.
    commits: HashMap<Index, Commit>,
}

impl Writer<'_> {
    fn finding(&mut self, group: &[Occurrence], now: i64) -> Finding {
        let first = &group[0];
        let targets: BTreeSet<u32> = group.iter().map(|o| o.hit as u32).collect();
        let mut finding = self.hits[first.hit].findings[first.finding].clone();
        let repeats = std::mem::take(&mut finding.other_locations);
        finding.location = self.location(first, &finding.location, &targets);
        let has = &self.places.head_has;
        let anywhere = targets.iter().any(|t| has.get(*t as usize).copied().unwrap_or(false));
        finding.location.in_head = Some(anywhere);

        for repeat in repeats.iter().take(MAX_PLACES) {
            let place = self.location(first, repeat, &targets);
            finding.other_locations.push(place);
        }
        // A path is named once, with the commit that first brought the credential to it.
        let mut seen: BTreeSet<(Option<PathIndex>, Option<Index>, Option<usize>)> = BTreeSet::new();
        for o in group {
            let by_path = (o.path, None, None);
            let by_object = (None, o.commit, Some(o.hit));
            let is_new = seen.insert(if o.path.is_some() { by_path } else { by_object });
            if !is_new || std::ptr::eq(o, first) || finding.other_locations.len() >= MAX_PLACES {
                continue;
            }
            let place = self.location(o, &self.hits[o.hit].findings[o.finding].location, &targets);
            finding.other_locations.push(place);
        }
        expire(&mut finding, now);
        finding
    }

    fn location(&mut self, o: &Occurrence, found: &Location, targets: &BTreeSet<u32>) -> Location {
        let hit = &self.hits[o.hit];
        let reach = &self.known.reach;
        let mut location = found.clone();
        location.path = o.path.map(|p| self.places.paths[p as usize].to_vec());
        if let Some(member) = found.path.as_ref().filter(|p| p.starts_with(b"!")) {
            location.path.get_or_insert_default().extend_from_slice(member);
        }
        if o.link && location.place == Place::Blob {
            location.place = Place::Symlink;
        }
        if let What::Ref(name) = &hit.what {
            location.reachable = Some(true);
            location.named_by = Some(String::from_utf8_lossy(name).into_owned());
            location.in_head = Some(false);
            return location;
        }
        location.in_head = Some(o.path.is_some_and(|p| self.in_head(p, targets)));
        let Some(commit) = o.commit else {
            let name = reach.name_of(&hit.object).map(str::to_owned);
            location.reachable = Some(name.is_some() || o.path.is_some());
            location.named_by = name;
            return location;
        };
        location.reachable = Some(reach.reaches(commit));
        location.named_by = match reach.holder(commit) {
            Holder::Ref => None,
            Holder::Stash => Some("stash@{0}".into()),
            Holder::Notes(n) => Some(reach.notes[n as usize].clone()),
            Holder::Nothing => self.known.lost[commit as usize].map(|n| self.known.log[n as usize].0.clone()),
        };
        if matches!(reach.holder(commit), Holder::Notes(_)) && matches!(hit.what, What::Blob) {
            location.place = Place::Note;
            location.path = None;
        }
        location.commit = Some(Box::new(self.commit(commit)));
        if location.in_head == Some(false)
            && let Some(path) = o.path
        {
            location.removed = self.removed(path, targets).map(|c| Box::new(self.commit(c)));
        }
        location
    }

    fn in_head(&self, path: PathIndex, targets: &BTreeSet<u32>) -> bool {
        let all = &self.places.in_head;
        let from = all.partition_point(|p| p.0 < path);
        all[from..].iter().take_while(|p| p.0 == path).any(|p| targets.contains(&p.1))
    }

    /// The last commit that took the credential from a path.
    fn removed(&self, path: PathIndex, targets: &BTreeSet<u32>) -> Option<Index> {
        let all = targets.iter().filter_map(|t| self.places.removed.get(&(path, *t)).copied());
        all.max_by_key(|c| self.known.graph.position(*c))
    }

    fn commit(&mut self, commit: Index) -> Commit {
        let known = self.known;
        self.commits.entry(commit).or_insert_with(|| describe(known.store, &known.graph, commit)).clone()
    }
}

/// Lower a temporary credential that must have expired.
fn expire(finding: &mut Finding, now: i64) {
    let temporary = finding.key_id.as_ref().is_some_and(|id| id.starts_with("ASIA"));
    let age = finding.location.commit.as_ref().map(|c| now.saturating_sub(c.time));
    if temporary && age.is_some_and(|age| age > LIFETIME) {
        finding.severity = finding.severity.min(Severity::Low);
        if !finding.notes.contains(&Note::Expired) {
            finding.notes.push(Note::Expired);
        }
    }
}
