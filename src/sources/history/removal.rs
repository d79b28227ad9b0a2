//! Which commit took something from a path for good.
//!
//! The walk of [`attribute`](super::attribute) notes the commits in which a path loses any version. Whether such a commit
//! is the one that is asked for depends on what else stands at the path, there, in its parents, and where these parted.

use std::collections::HashMap;

use super::attribute::{Cache, Few, PathIndex, Places};
use super::commits::{Graph, Index};
use super::dirty::Child;
use super::trees::Trees;

/// How many commits are looked at for where branches parted, all in all.
const PATIENCE: u64 = 20_000_000;
/// Of paths that changed more often what stood there is remembered.
const OFTEN: usize = 8;

/// A commit in which a path lost something.
#[derive(Debug, Clone)]
struct Loss {
    commit: Index,
    /// The targets at the path, in it and in each parent.
    now: Few<u32>,
    before: Few<(Index, Few<u32>)>,
}

/// Answers which commit took something away.
pub struct Removals<'a> {
    graph: &'a Graph,
    trees: &'a Trees<'a>,
    places: &'a Places,
    cache: Cache<'a>,
    /// Of paths that changed often; the last commit first.
    losses: HashMap<PathIndex, Vec<Loss>>,
    patience: u64,
}

impl<'a> Removals<'a> {
    /// Of places that were found with these trees.
    pub fn new(graph: &'a Graph, trees: &'a Trees<'a>, places: &'a Places) -> Self {
        let cache = Cache::new(trees);
        Self { graph, trees, places, cache, losses: HashMap::new(), patience: PATIENCE }
    }

    /// The last commit of HEAD's history that took what `holds` says yes to from a path where HEAD has it no more. A merge
    /// only if it let go what a parent had brought since it parted from those that do not have it: else one of their
    /// ancestors took it away.
    pub fn last(&mut self, path: PathIndex, holds: &dyn Fn(u32) -> bool) -> Option<Index> {
        let commits = self.places.gone.get(&path)?;
        if commits.len() <= OFTEN {
            return commits.iter().rev().find_map(|commit| {
                let loss = self.loss(path, *commit);
                self.is_removal(path, &loss, holds).then_some(*commit)
            });
        }
        let losses = match self.losses.remove(&path) {
            Some(losses) => losses,
            None => commits.iter().rev().map(|commit| self.loss(path, *commit)).collect(),
        };
        let found = losses.iter().find(|loss| self.is_removal(path, loss, holds)).map(|loss| loss.commit);
        self.losses.insert(path, losses);
        found
    }

    /// The targets that the parents of a commit have at a path: what is in them the commit has not brought.
    pub fn before(&mut self, commit: Index, path: PathIndex) -> Vec<u32> {
        let graph = self.graph;
        graph.parents(commit).iter().flat_map(|parent| self.at(*parent, path)).collect()
    }

    fn loss(&mut self, path: PathIndex, commit: Index) -> Loss {
        let now = self.at(commit, path);
        let before =
            self.graph.parents(commit).iter().map(|parent| (*parent, self.at(*parent, path))).collect();
        Loss { commit, now, before }
    }

    fn is_removal(&mut self, path: PathIndex, loss: &Loss, holds: &dyn Fn(u32) -> bool) -> bool {
        let any = |targets: &[u32]| targets.iter().any(|target| holds(*target));
        if any(&loss.now) || !loss.before.iter().any(|(_, targets)| any(targets)) {
            return false;
        }
        let (with, without): (Few<_>, Few<_>) = loss.before.iter().partition(|(_, targets)| any(targets));
        with.iter().any(|(one, _)| {
            !without.iter().any(|(other, _)| {
                // Of a history that no one has the time for the merge is not said to have done it.
                let bases = self.graph.merge_bases(*one, *other, &mut self.patience);
                bases.is_none_or(|bases| bases.iter().any(|base| any(&self.at(*base, path))))
            })
        })
    }

    /// The targets at a path of a commit.
    fn at(&mut self, commit: Index, path: PathIndex) -> Few<u32> {
        let places = self.places;
        let mut targets = Few::new();
        let Some(mut tree) = self.trees.find_dirty(&self.graph.tree(commit)) else { return targets };
        let mut names = places.paths[path as usize].split(|b| *b == b'/').peekable();
        while let Some(name) = names.next() {
            let items = self.cache.get(tree);
            let name_of = |item: &super::dirty::Item| self.trees.name(item.name);
            let from = items.items.partition_point(|item| name_of(item) < name);
            let mut here = items.items[from..].iter().take_while(|item| name_of(item) == name);
            if names.peek().is_none() {
                targets.extend(here.filter_map(|item| match item.child {
                    Child::Target(target) => Some(target),
                    Child::Tree(_) => None,
                }));
                break;
            }
            let folder = here.find_map(|item| match item.child {
                Child::Tree(tree) => Some(tree),
                Child::Target(_) => None,
            });
            let Some(folder) = folder else { break };
            tree = folder;
        }
        targets
    }
}
