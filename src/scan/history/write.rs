//! Findings of a whole history, written out: each with its places, lines and commits.
//!
//! Only what is reported is looked at again, and only where the scan could not keep it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::credentials::Credential;
use super::merge::{Group, Merged, Occurrence};
use super::objects::{Gathered, Hit, What, look};
use super::{Found, Known, as_note};
use crate::blob::{Place, Skipped};
use crate::detect::Detector;
use crate::finding::{Commit, Finding, Location, Note, Severity};
use crate::sources::history::attribute::{MAX_PLACES, PathIndex, Places};
use crate::sources::history::commits::{Index, describe};
use crate::sources::history::reach::Holder;
use crate::sources::history::removal::Removals;

/// A temporary credential lives for at most 36 hours.
const LIFETIME: i64 = 36 * 3600;

/// The findings of all groups, in their order; with the number of the group.
pub(super) fn findings(
    known: &Known<'_>,
    found: &Found<'_>,
    merged: &Merged,
    now: i64,
    detector: &Detector,
    skipped: &mut Vec<Skipped>,
) -> Vec<(usize, Finding)> {
    let Found { gathered, places, trees } = found;
    let mut drafts: Vec<Draft> = merged.groups.iter().map(|_| Draft::default()).collect();
    let looker = Looker { known, gathered, merged, detector };
    looker.run(&needs(gathered, merged), &mut drafts, skipped);

    let mut anywhere = vec![false; gathered.credentials.len()];
    for (hit, has) in gathered.hits.iter().zip(&places.head_has) {
        if *has {
            hit.credentials.iter().for_each(|c| anywhere[c as usize] = true);
        }
    }
    let removals = Removals::new(&known.graph, trees, places);
    let mut writer =
        Writer { known, hits: &gathered.hits, places, merged, removals, commits: HashMap::new() };
    let mut findings = Vec::new();
    for (g, (group, draft)) in merged.groups.iter().zip(drafts).enumerate() {
        let Some(mut finding) = writer.finding(group, draft) else { continue };
        finding.location.in_head = Some(group.members[..group.full].iter().any(|c| anywhere[*c as usize]));
        expire(&mut finding, now);
        findings.push((g, finding));
    }
    findings
}

/// What the text of its places says of a credential.
#[derive(Default)]
struct Draft {
    /// At the first place.
    main: Option<Finding>,
    /// At the others: `(number of the place in the group, location)`.
    others: Vec<(u32, Location)>,
}

/// Something to look up in a hit: `(hit, credential, group, number of the place in the group)`.
type Need = (usize, Credential, usize, u32);

/// All that is to be looked up, by hit.
fn needs(gathered: &Gathered, merged: &Merged) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for (g, group) in merged.groups.iter().enumerate() {
        for (place, n) in group.places.iter().zip(0..) {
            let hit = merged.all[*place as usize].hit;
            let held = group.members.iter().find(|c| gathered.hits[hit].credentials.contains(**c));
            needs.extend(held.map(|c| (hit, *c, g, n)));
        }
    }
    needs.sort_unstable();
    needs
}

/// Looks up what stands where.
struct Looker<'a> {
    known: &'a Known<'a>,
    gathered: &'a Gathered,
    merged: &'a Merged,
    detector: &'a Detector,
}

impl Looker<'_> {
    fn run(&self, needs: &[Need], drafts: &mut [Draft], skipped: &mut Vec<Skipped>) {
        let by_hit: Vec<&[Need]> = needs.chunk_by(|a, b| a.0 == b.0).collect();
        let (kept, again): (Vec<&[Need]>, Vec<&[Need]>) =
            by_hit.into_iter().partition(|needs| self.hit(needs).findings.is_some());
        for needs in kept {
            let findings = self.hit(needs).findings.as_deref().unwrap_or_default();
            self.fill(needs, findings, drafts);
        }
        let (drafts, skipped) = (Mutex::new(drafts), Mutex::new(skipped));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut bytes = Vec::new();
            while let Some(needs) = again.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.look_again(needs, &mut bytes) {
                    Ok(findings) => {
                        let mut drafts = drafts.lock().unwrap_or_else(PoisonError::into_inner);
                        self.fill(needs, &findings, &mut drafts);
                    }
                    Err(problem) => skipped.lock().unwrap_or_else(PoisonError::into_inner).push(problem),
                }
            }
        };
        let threads = self.known.threads.min(again.len());
        if threads <= 1 {
            return work();
        }
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }

    fn hit(&self, needs: &[Need]) -> &Hit {
        &self.gathered.hits[needs[0].0]
    }

    fn look_again(&self, needs: &[Need], bytes: &mut Vec<u8>) -> Result<Vec<Finding>, Skipped> {
        let hit = self.hit(needs);
        let numbers: Vec<Credential> = needs.iter().map(|n| n.1).collect();
        let rules = self.detector.rules();
        let wanted = |m: &crate::detect::Match| {
            let credential = self.gathered.credentials.find_match(rules, m);
            credential.is_some_and(|c| numbers.binary_search(&c).is_ok())
        };
        let text = match &hit.what {
            What::Name(name) | What::Ref(name) => name,
            _ => {
                let lost = |reason: &str| {
                    Skipped::object(&hit.object, format!("cannot be read a second time: {reason}"))
                };
                match self.known.store.read(&hit.object, bytes) {
                    Ok(Some(_)) => &*bytes,
                    Ok(None) => return Err(lost("it is gone")),
                    Err(problem) => return Err(lost(&problem.reason)),
                }
            }
        };
        Ok(look(self.detector, &hit.object, &hit.what, text, Some(&wanted)))
    }

    /// Take what is needed from the findings of one hit.
    fn fill(&self, needs: &[Need], findings: &[Finding], drafts: &mut [Draft]) {
        let mut by_number: HashMap<Credential, &Finding> = HashMap::new();
        for finding in findings {
            if let Some(number) = self.gathered.credentials.find(finding) {
                by_number.entry(number).or_insert(finding);
            }
        }
        for (_, credential, group, n) in needs {
            let Some(finding) = by_number.get(credential) else { continue };
            let draft = &mut drafts[*group];
            if *n == 0 {
                draft.main = Some((*finding).clone());
            } else {
                draft.others.push((*n, finding.location.clone()));
            }
        }
        debug_assert!(self.merged.groups.len() == drafts.len());
    }
}

/// Writes places out.
struct Writer<'a> {
    known: &'a Known<'a>,
    hits: &'a [Hit],
    places: &'a Places,
    merged: &'a Merged,
    removals: Removals<'a>,
    /// Commits that were described before.
    commits: HashMap<Index, Commit>,
}

impl Writer<'_> {
    fn finding(&mut self, group: &Group, draft: Draft) -> Option<Finding> {
        let merged = self.merged;
        let occurrence = |n: u32| &merged.all[group.places[n as usize] as usize];
        let mut finding = draft.main?;
        let first = occurrence(0);
        let repeats = std::mem::take(&mut finding.other_locations);
        finding.location = self.location(first, finding.location, group);
        let mut others = draft.others;
        others.sort_unstable_by_key(|o| o.0);
        // Listed are the other places in the same text, then those in others.
        let all = repeats.into_iter().map(|l| (0, l)).chain(others);
        let mut omitted = group.omitted;
        for (n, found) in all {
            if finding.other_locations.len() < MAX_PLACES {
                let place = self.location(occurrence(n), found, group);
                finding.other_locations.push(place);
            } else {
                omitted += 1;
            }
        }
        finding.other_locations_omitted = omitted;
        Some(finding)
    }

    fn location(&mut self, o: &Occurrence, found: Location, group: &Group) -> Location {
        let hit = &self.hits[o.hit];
        let reach = &self.known.reach;
        let mut location = found;
        let member = location.path.take();
        location.path = o.path.map(|p| self.places.paths[p as usize].to_vec());
        if let Some(member) = member {
            location.path.get_or_insert_default().extend_from_slice(&member);
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
        // A place of the id alone is there as long as the id is.
        let full = &group.members[..group.full];
        let members = if holds(self.hits, o.hit as u32, full) { full } else { &group.members };
        location.in_head = Some(o.path.is_some_and(|p| self.in_head(p, members)));
        let Some(commit) = o.commit else {
            let name = reach.name_of(&hit.object).map(str::to_owned);
            location.reachable = Some(name.is_some() || o.path.is_some());
            location.named_by = name;
            if let Some(n) = o.staged {
                let staged = &self.places.staged[n as usize];
                location.reachable = Some(false);
                location.named_by = Some(staged.named_by.clone());
                if location.place == Place::Blob {
                    location.place = Place::Index;
                }
            }
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
            as_note(&mut location);
        }
        location.commit = Some(Box::new(self.commit(commit)));
        if location.in_head == Some(false)
            && let Some(path) = o.path
        {
            let by = self.removed(path, members);
            location.removed = by.map(|c| Box::new(self.commit(c)));
        }
        location
    }

    fn in_head(&self, path: PathIndex, members: &[Credential]) -> bool {
        let all = &self.places.in_head;
        let from = all.partition_point(|p| p.0 < path);
        all[from..].iter().take_while(|p| p.0 == path).any(|p| holds(self.hits, p.1, members))
    }

    /// The last commit that took these from a path.
    fn removed(&mut self, path: PathIndex, members: &[Credential]) -> Option<Index> {
        let hits = self.hits;
        self.removals.last(path, &|target| holds(hits, target, members))
    }

    fn commit(&mut self, commit: Index) -> Commit {
        let known = self.known;
        self.commits.entry(commit).or_insert_with(|| describe(known.store, &known.graph, commit)).clone()
    }
}

/// Whether a target holds one of these.
pub(super) fn holds(hits: &[Hit], target: u32, members: &[Credential]) -> bool {
    let hit = hits.get(target as usize);
    hit.is_some_and(|hit| members.iter().any(|c| hit.credentials.contains(*c)))
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
