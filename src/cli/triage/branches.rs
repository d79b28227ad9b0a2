//! Branches that go out together and have different files of suppressions: each decides about the commits that it has.
//!
//! What one of them allows could go out with it alone, and so goes out with the others, too. It does not speak for commits
//! that it does not have.

use std::collections::BTreeSet;

use keyhound::finding::{Finding, Location};
use keyhound::scan::Outcome;
use keyhound::sources::objects::Objects;
use keyhound::sources::range::{Range, Tip};

use super::Suppressions;

/// The tips of a range that have the same files.
pub(crate) struct Branch {
    suppressions: Suppressions,
    /// The commits of the range that they lead to.
    commits: BTreeSet<String>,
    /// The names of the tips.
    names: BTreeSet<String>,
}

impl Branch {
    pub(super) fn new(suppressions: Suppressions, tips: Vec<Tip>, range: &Range, objects: &Objects) -> Self {
        let name = |tip: &Tip| Some(String::from_utf8_lossy(tip.name.as_ref()?).into_owned());
        let names = tips.iter().filter_map(name).collect();
        let ids = range.led_to_by(tips, objects);
        Self { suppressions, commits: ids.iter().map(ToString::to_string).collect(), names }
    }

    /// Whether a place is of a commit, or of a tag, that it has.
    fn has(&self, place: &Location) -> bool {
        match (&place.commit, &place.named_by) {
            (Some(commit), _) => self.commits.contains(&commit.id),
            (None, Some(name)) => self.names.contains(name),
            (None, None) => false,
        }
    }

    /// What it says of a finding: that with its own places alone; `None`: it has none of them.
    fn view(&self, finding: &Finding) -> Option<Finding> {
        let mut places = finding.places().filter(|place| self.has(place)).cloned();
        let location = places.next()?;
        Some(Finding { location, other_locations: places.collect(), ..finding.clone() })
    }
}

/// Mark what is suppressed: what in each of its places a branch allows that has it.
pub(super) fn apply(branches: &[Branch], outcome: &mut Outcome) {
    if branches.is_empty() {
        return;
    }
    let mut judged: Vec<Vec<Option<Finding>>> = Vec::new();
    for branch in branches {
        let views: Vec<Option<Finding>> = outcome.findings.iter().map(|f| branch.view(f)).collect();
        let mut part = Outcome {
            target: outcome.target.clone(),
            findings: views.iter().flatten().cloned().collect(),
            incomplete: outcome.incomplete.clone(),
            left_out: Vec::new(),
            unused_suppressions: Vec::new(),
            ..*outcome
        };
        branch.suppressions.apply(&mut part);
        for text in part.unused_suppressions {
            if !outcome.unused_suppressions.contains(&text) {
                outcome.unused_suppressions.push(text);
            }
        }
        let mut after = part.findings.into_iter();
        judged.push(views.into_iter().map(|view| view.and_then(|_| after.next())).collect());
    }
    for (n, finding) in outcome.findings.iter_mut().enumerate() {
        let of = |place: &Location| {
            let of_branch = |(branch, judged): (&Branch, &Vec<Option<Finding>>)| {
                judged[n].clone().filter(|_| branch.has(place))
            };
            let opinions = branches.iter().zip(&judged).filter_map(of_branch);
            // Suppressed before not, then the least severe.
            opinions.min_by_key(|f| (f.suppression.is_none(), f.severity))
        };
        let opinions: Vec<Option<Finding>> = finding.places().map(of).collect();
        let severity = opinions.iter().map(|o| o.as_ref().map_or(finding.severity, |f| f.severity)).max();
        finding.severity = severity.unwrap_or(finding.severity);
        finding.lapsed = opinions.iter().flatten().find_map(|f| f.lapsed.clone());
        let allowed: Option<Vec<_>> = opinions.into_iter().map(|o| o?.suppression).collect();
        finding.suppression = allowed.and_then(|all| all.into_iter().next());
        finding.lapsed.take_if(|_| finding.suppression.is_some());
    }
}
