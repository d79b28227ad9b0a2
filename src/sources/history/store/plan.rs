//! What of each pack a walk visits, and where it begins.

use gix::objs::Kind as ObjectKind;

use super::Number;
use super::Store;
use super::forest::{Forest, NONE, Role};
use super::pack::Pack;
use super::walk::{Entry, Visitor};

/// What of a pack is to be visited.
pub(super) struct Plan<'s> {
    pub(super) number: usize,
    pub(super) pack: &'s Pack,
    pub(super) forest: Forest,
    /// Entries that are owned, or on which owned ones are built; `None`: all.
    needed: Option<Vec<bool>>,
}

impl<'s> Plan<'s> {
    pub(super) fn new(store: &'s Store, number: usize, threads: usize) -> Self {
        let pack = &store.packs[number];
        let forest = Forest::new(pack, threads);
        let needed = (!store.owners().owns_all(number)).then(|| {
            let mut needed = vec![false; forest.len()];
            for entry in 0..forest.len() as u32 {
                let mut at = entry;
                if store.owners().owns(number, forest.position(entry)) {
                    while at != NONE && !std::mem::replace(&mut needed[at as usize], true) {
                        at = forest.base(at);
                    }
                }
            }
            needed
        });
        Self { number, pack, forest, needed }
    }

    pub(super) fn needs(&self, entry: u32) -> bool {
        self.needed.as_ref().is_none_or(|needed| needed[entry as usize])
    }

    fn leaf(&self, entry: u32) -> bool {
        let children = self.forest.children(entry);
        match &self.needed {
            None => children.is_empty(),
            Some(needed) => !children.iter().any(|&c| needed[c as usize]),
        }
    }

    pub(super) fn entry(&self, store: &Store, entry: u32, kind: ObjectKind) -> Entry<'s> {
        let position = self.forest.position(entry);
        let owned = self.needed.is_none() || store.owners().owns(self.number, position);
        let id = self.pack.index().id(position);
        let mut number = store.firsts[self.number] + position as Number;
        if !owned {
            number = store.number(id).unwrap_or(number);
        }
        Entry { id, number, pack: self.number as u32, kind, owned, leaf: self.leaf(entry) }
    }
}

/// The roots of all trees, as (plan, entry): those that weigh much first, by weight, and how many these are; then the rest
/// by place in the pack.
pub(super) fn roots<V: Visitor>(plans: &[Plan<'_>], visitor: &V) -> (Vec<(u32, u32)>, usize) {
    let mut light = Vec::new();
    let mut total = 0u64;
    for (number, plan) in plans.iter().enumerate() {
        for entry in 0..plan.forest.len() as u32 {
            let visited = match plan.forest.role(entry) {
                Role::Whole(kind) => visitor.wants(kind),
                Role::Child => false,
                Role::Stray | Role::Broken | Role::Circle => true,
            };
            if visited && plan.needs(entry) {
                light.push((number as u32, entry));
                total = total.saturating_add(plan.forest.weight(entry));
            }
        }
    }
    let weight = |&(plan, entry): &(u32, u32)| plans[plan as usize].forest.weight(entry);
    let (mut roots, light): (Vec<_>, Vec<_>) = light.into_iter().partition(|r| weight(r) > total / 256);
    roots.sort_by_key(|r| std::cmp::Reverse(weight(r)));
    let heavy = roots.len();
    roots.extend(light);
    (roots, heavy)
}

/// Read of the ids of commits, all of which are noted. Each is a wait for memory, and so they are fetched together.
pub(super) fn touch_ids(plans: &[Plan<'_>], roots: &[(u32, u32)]) {
    let first_bytes = roots.iter().filter_map(|&(plan, root)| {
        let Plan { pack, forest, .. } = &plans[plan as usize];
        let is_commit = forest.role(root) == Role::Whole(ObjectKind::Commit);
        is_commit.then(|| pack.index().id(forest.position(root)).as_bytes()[0])
    });
    std::hint::black_box(first_bytes.fold(0, |all, byte| all ^ byte));
}
