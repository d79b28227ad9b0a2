//! Who introduced what: for each target (a blob, or a name in a tree) the commits and paths at which it first stood.
//!
//! Commits are gone through parents first. Of each only those folders are entered that lead to a target and that no
//! parent has at the same path; so what a merge takes over from a parent is not its own, and what it alone has is.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use smallvec::{SmallVec, smallvec};

use super::commits::{Graph, Index};
use super::dirty::{Child, DirtyTree};
use super::store::{Change, ObjectId};
use super::trees::{EntryKind, TreeIndex, Trees};

/// Places kept of one target. The first always is.
pub const MAX_PLACES: usize = 100;
/// Places kept of all targets together.
const MAX_ALL_PLACES: usize = 200_000;
/// Entries looked at before only first places are looked for: an unreasonable repository, or a hostile one.
const PATIENCE: u64 = 100_000_000;
/// Entries kept in memory at once. Unit tests have to do with few.
const MAX_CACHED: usize = if cfg!(test) { 64 } else { 4_000_000 };

/// The place in a [`Cache`] of a tree that leads to no target.
const NOTHING: u32 = 0;

/// Index of a path in [`Places::paths`].
pub type PathIndex = u32;

/// One place where a target was introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The commit that did.
    pub commit: Option<Index>,
    /// Where.
    pub path: PathIndex,
    /// Whether it is a symbolic link there.
    pub link: bool,
}

/// A place in an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Staged {
    /// What stands there.
    pub target: u32,
    /// Where.
    pub path: PathIndex,
    /// Whose index it is.
    pub named_by: String,
}

/// What to attribute.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// Blobs, by id.
    pub objects: &'a gix::hashtable::HashMap<ObjectId, u32>,
    /// Names in trees: `(tree, name)`, and the target.
    pub names: &'a BTreeMap<ObjectId, Vec<(Vec<u8>, u32)>>,
    /// How many targets there are.
    pub count: usize,
}

/// Where the commits are, and which of them count.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// All commits.
    pub graph: &'a Graph,
    /// The commit of HEAD.
    pub head: Option<Index>,
    /// Trees that a ref names without a commit.
    pub trees: &'a [ObjectId],
    /// Whether every coming of a target to a path is a place, and not the first alone: what those commits hold that do not
    /// count is to be told from what counts.
    pub every: bool,
    /// Whether to give up. The places that are found then are not all.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// The places of all targets.
#[derive(Debug, Default)]
pub struct Places {
    /// All paths.
    pub paths: Vec<Box<[u8]>>,
    /// The places of each target, first ones first.
    pub of: Vec<Vec<Place>>,
    /// How many more each target has.
    pub more: Vec<u32>,
    /// `(path, target)` in HEAD's tree. Sorted.
    pub in_head: Vec<(PathIndex, u32)>,
    /// The commits of HEAD's history that have a target no longer at a path where a parent has it, in their order.
    pub gone: BTreeMap<PathIndex, Vec<Index>>,
    /// What an index names and no ref reaches: sorted by target.
    pub staged: Vec<Staged>,
    /// Targets that HEAD's tree holds anywhere.
    pub head_has: Vec<bool>,
    /// Whether places were left out because there are too many.
    pub cut: bool,
    kept: usize,
    every: bool,
}

/// Mostly one, of a commit with one parent, or two, of a merge.
pub(super) type Few<T> = SmallVec<[T; 2]>;

/// Find the places of all targets in these commits, parents before children.
pub fn attribute(trees: &Trees<'_>, history: History<'_>, targets: Targets<'_>, commits: &[Index]) -> Places {
    let graph = history.graph;
    let mut walk = Walk::new(trees, targets.count);
    walk.cache.load_all();
    walk.places.every = history.every;
    let roots = trees.find_all_dirty(&(0..graph.len() as Index).map(|c| graph.tree(c)).collect::<Vec<_>>());
    let root = |commit: Index| roots[commit as usize];
    let mut of_head = vec![false; graph.len()];
    graph.walk(history.head, |c| !std::mem::replace(&mut of_head[c as usize], true));
    for commit in commits.iter().copied().take_while(|_| !(history.stopped)()) {
        let now = root(commit);
        let before: Few<Option<TreeIndex>> = graph.parents(commit).iter().map(|p| root(*p)).collect();
        let same: Few<bool> = before.iter().map(|b| walk.cache.are_same(*b, now)).collect();
        if let Some(tree) = now
            && !same.contains(&true)
        {
            let before: Few<TreeIndex> = before.iter().flatten().copied().collect();
            walk.difference(tree, &before, &mut |places, by_path, path, target, link| {
                places.add(by_path, path, target, Some(commit), link);
            });
        }
        if of_head[commit as usize] && before.iter().zip(&same).any(|(b, same)| b.is_some() && !same) {
            walk.removals(now, &before, commit);
        }
    }
    for id in history.trees {
        if let Some(tree) = trees.find_dirty(id) {
            walk.difference(tree, &[], &mut |places, by_path, path, target, link| {
                if places.of[target as usize].iter().all(|p| p.commit.is_none()) {
                    places.add(by_path, path, target, None, link);
                }
            });
        }
    }
    if let Some(tree) = history.head.and_then(root) {
        walk.seen.clear();
        walk.difference(tree, &[], &mut |places, by_path, path, target, _| {
            places.head_has[target as usize] = true;
            // Only places that are reported matter.
            if let Some(path) = by_path.get(path) {
                places.in_head.push((*path, target));
            }
        });
    }
    walk.places.in_head.sort_unstable();
    walk.places.in_head.dedup();
    walk.places
}

/// For each state, a root tree with those of its predecessors, whether it has a target that none of them has at the same
/// path. `None`: that is too much to look at.
pub fn adding(trees: &Trees<'_>, states: &[(ObjectId, Vec<ObjectId>)]) -> Option<Vec<bool>> {
    let mut walk = Walk::new(trees, 0);
    let find = |ids: Vec<ObjectId>| trees.find_all_dirty(&ids);
    let roots = find(states.iter().map(|s| s.0).collect());
    let mut before = find(states.iter().flat_map(|s| s.1.iter().copied()).collect()).into_iter();
    let mut all = Vec::with_capacity(states.len());
    for (root, (_, parents)) in roots.into_iter().zip(states) {
        let before: Few<Option<TreeIndex>> = before.by_ref().take(parents.len()).collect();
        let mut adds = false;
        if let Some(tree) = root.filter(|_| !before.contains(&root)) {
            let before: Few<TreeIndex> = before.into_iter().flatten().collect();
            walk.difference(tree, &before, &mut |_, _, _, _, _| adds = true);
        }
        all.push(adds);
    }
    (walk.patience > 0).then_some(all)
}

type ByPath = HashMap<Box<[u8]>, PathIndex>;
type OnItem<'a> = &'a mut dyn FnMut(&mut Places, &mut ByPath, &[u8], u32, bool);

impl Places {
    fn path(&mut self, by_path: &mut ByPath, path: &[u8]) -> PathIndex {
        if let Some(index) = by_path.get(path) {
            return *index;
        }
        let index = self.paths.len() as PathIndex;
        self.paths.push(path.into());
        by_path.insert(path.into(), index);
        index
    }

    fn add(&mut self, by_path: &mut ByPath, path: &[u8], target: u32, commit: Option<Index>, link: bool) {
        let t = target as usize;
        if !self.of[t].is_empty() && (self.of[t].len() >= MAX_PLACES || self.kept >= MAX_ALL_PLACES) {
            self.more[t] = self.more[t].saturating_add(1);
            self.cut = true;
            return;
        }
        let path = self.path(by_path, path);
        // The same blob can come back to a path that it was removed from.
        if !self.every && self.of[t].iter().any(|p| p.path == path) {
            return;
        }
        self.kept += 1;
        self.of[t].push(Place { commit, path, link });
    }
}

struct Walk<'a> {
    cache: Cache<'a>,
    places: Places,
    by_path: ByPath,
    patience: u64,
    /// Once patience has run out: trees that were entered.
    seen: Vec<bool>,
}

/// A folder to compare with the same folder of the parents.
struct Frame {
    tree: TreeIndex,
    before: Few<TreeIndex>,
    /// Length of the path of its parent, and its own name.
    depth: usize,
    name: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn new(trees: &'a Trees<'a>, targets: usize) -> Self {
        Self {
            cache: Cache::new(trees),
            places: Places {
                of: vec![Vec::new(); targets],
                more: vec![0; targets],
                head_has: vec![false; targets],
                ..Places::default()
            },
            by_path: HashMap::new(),
            patience: PATIENCE,
            seen: Vec::new(),
        }
    }

    /// Call `found` for each target in `tree` that none of `before` has at the same path.
    fn difference(&mut self, tree: TreeIndex, before: &[TreeIndex], found: OnItem<'_>) {
        let mut path: Vec<u8> = Vec::new();
        let mut stack = vec![Frame { tree, before: before.into(), depth: 0, name: Vec::new() }];
        while let Some(frame) = stack.pop() {
            path.truncate(frame.depth);
            path.extend_from_slice(&frame.name);
            if !path.is_empty() {
                path.push(b'/');
            }
            if self.patience == 0 && self.entered(frame.tree) {
                continue;
            }
            let trees = self.cache.trees;
            let now = self.cache.get(frame.tree);
            let before: Few<Rc<DirtyTree>> = frame.before.iter().map(|t| self.cache.get(*t)).collect();
            if before.iter().any(|b| Rc::ptr_eq(b, &now)) {
                continue;
            }
            let mut cursors: Few<usize> = smallvec![0; before.len()];
            self.patience = self.patience.saturating_sub(now.items.len() as u64 + 1);
            let depth = path.len();
            for item in &now.items {
                let mut same = false;
                let mut folders = Few::new();
                for (tree, cursor) in before.iter().zip(&mut cursors) {
                    same |= tree.at(trees, item, cursor, |other| match (item.child, other.child) {
                        (Child::Tree(a), Child::Tree(b)) => {
                            folders.push(b);
                            self.cache.are_same(Some(a), Some(b))
                        }
                        (a, b) => a == b,
                    });
                }
                if same {
                    continue;
                }
                match item.child {
                    Child::Tree(tree) => {
                        stack.push(Frame {
                            tree,
                            before: folders,
                            depth,
                            name: trees.name(item.name).to_vec(),
                        });
                    }
                    Child::Target(target) => {
                        path.truncate(depth);
                        path.extend_from_slice(trees.name(item.name));
                        let link = item.kind == EntryKind::Link;
                        found(&mut self.places, &mut self.by_path, &path, target, link);
                    }
                }
            }
        }
    }

    /// Note the paths that lose something in `commit`, with the root `now`.
    fn removals(&mut self, now: Option<TreeIndex>, before: &[Option<TreeIndex>], commit: Index) {
        let now: Few<TreeIndex> = now.into_iter().collect();
        for parent in before.iter().flatten() {
            self.difference(*parent, &now, &mut |places, by_path, path, _, _| {
                // Only places that are reported matter.
                let Some(path) = by_path.get(path) else { return };
                let gone = places.gone.entry(*path).or_default();
                if gone.last() != Some(&commit) {
                    gone.push(commit);
                }
            });
        }
    }

    fn entered(&mut self, tree: TreeIndex) -> bool {
        self.places.cut = true;
        self.seen.resize(self.cache.trees.len(), false);
        std::mem::replace(&mut self.seen[tree as usize], true)
    }
}

/// The entries that lead to targets, of those trees that have any.
pub(super) struct Cache<'a> {
    trees: &'a Trees<'a>,
    /// Of each tree, by its number: one more than its place in `known`; 0: it is not there.
    of: Vec<u32>,
    /// Versions of a folder that differ in what leads to no target share one.
    known: Vec<Rc<DirtyTree>>,
    size: usize,
}

impl<'a> Cache<'a> {
    pub(super) fn new(trees: &'a Trees<'a>) -> Self {
        Self { trees, of: vec![0; trees.len()], known: vec![Rc::default()], size: 0 }
    }

    /// Load what there is room for, in the order in which the trees were read, which costs less than one here and one there.
    fn load_all(&mut self) {
        for (tree, changes) in self.trees.all_dirty() {
            if self.size >= MAX_CACHED / 2 {
                break;
            }
            // Bases mostly come first.
            if let Some(base) = self.trees.dirty_base(tree).map_or(Some(NOTHING), |base| self.place(base)) {
                self.load(tree, changes, base);
            }
        }
    }

    /// Whether two trees are known to lead to the same.
    fn are_same(&self, a: Option<TreeIndex>, b: Option<TreeIndex>) -> bool {
        let place = |tree: Option<TreeIndex>| tree.and_then(|tree| self.place(tree));
        a == b || place(a).is_some_and(|known| place(b) == Some(known))
    }

    fn place(&self, tree: TreeIndex) -> Option<u32> {
        self.of[tree as usize].checked_sub(1)
    }

    /// A tree, given the place of its base.
    fn load(&mut self, tree: TreeIndex, changes: &[Change], base: u32) -> u32 {
        let from = &self.known[base as usize];
        let mut place = base;
        // Most versions of a folder differ in what leads to no target.
        if !self.trees.leads_as(tree, changes, from) {
            let cut_down = self.trees.cut_down(tree, changes, from);
            self.size += cut_down.items.len() + 4;
            place = self.known.len() as u32;
            self.known.push(Rc::new(cut_down));
        }
        self.of[tree as usize] = place + 1;
        place
    }

    pub(super) fn get(&mut self, index: TreeIndex) -> Rc<DirtyTree> {
        // Back to a version that is known.
        let mut versions: Few<TreeIndex> = Few::new();
        let mut at = Some(index);
        let mut place = NOTHING;
        while let Some(tree) = at {
            if let Some(known) = self.place(tree) {
                place = known;
                break;
            }
            versions.push(tree);
            at = self.trees.dirty_base(tree);
        }
        if !versions.is_empty() && self.size >= MAX_CACHED {
            let base = Rc::clone(&self.known[place as usize]);
            self.of.fill(0);
            self.known.truncate(1);
            self.known.push(base);
            (self.size, place) = (0, 1);
        }
        for tree in versions.into_iter().rev() {
            place = self.load(tree, self.trees.changes(tree), place);
        }
        Rc::clone(&self.known[place as usize])
    }
}
