//! A range of commits: those that some names reach and others do not.
//!
//! `name` finds the commits that a text such as `main..feature~2` means; this module walks from them. Parents are those
//! that the commits themselves name: grafts and replace refs change nothing, and what a shallow clone has cut off is
//! noticed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

mod name;

pub use name::RangeError;

use super::history::commits::Node;
use super::history::store::{ObjectId, ObjectKind};
use super::objects::{ObjectError, Objects};

/// How many commits more are walked when the end seems to be reached: dates may be out of order. As long as they are, the end
/// is not reached.
const SLOP: usize = 64;

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The commit.
    pub commit: ObjectId,
    /// Annotated tags through which it was named.
    pub tags: Vec<ObjectId>,
    /// The full name of the ref through which it was named.
    pub name: Option<Vec<u8>>,
}

/// A range of commits.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// What people call it.
    pub text: String,
    /// Their ancestors are in it, and they themselves.
    pub tips: Vec<Tip>,
    /// Commits that are not in it, nor any of their ancestors. Those that are not there are ignored.
    pub excluded: Vec<ObjectId>,
    /// Trees and blobs that a name leads to without a commit, with that name: all of them is new.
    pub others: Vec<(ObjectId, Vec<u8>)>,
    /// Whether annotated tags of the repository count that lead to a commit of the range.
    pub with_tags: bool,
    /// Only commits of that time and later, seconds since 1970.
    pub since: Option<i64>,
}

/// The commits of a range.
#[derive(Debug, Default)]
pub struct Walked {
    /// Parents before their children.
    pub commits: Vec<Node>,
    /// Parents that are not there: `(commit, parent)`.
    pub cut: Vec<(ObjectId, ObjectId)>,
    /// Commits that could not be read.
    pub problems: Vec<ObjectError>,
}

impl Walked {
    /// The ids of the commits.
    pub fn ids(&self) -> BTreeSet<ObjectId> {
        self.commits.iter().map(|node| node.id).collect()
    }
}

/// What the walk knows of a commit.
struct Seen {
    node: Option<Node>,
    excluded: bool,
    /// Its parents were looked at.
    done: bool,
}

struct Walk<'a> {
    objects: &'a Objects,
    seen: HashMap<ObjectId, Seen>,
    /// Latest first.
    queue: BinaryHeap<(i64, ObjectId)>,
    /// How many of the queue are in the range, as far as is known.
    open: usize,
    cut: Vec<(ObjectId, ObjectId)>,
    problems: Vec<ObjectError>,
    buf: Vec<u8>,
}

impl Range {
    /// The commits of the range that these tips lead to.
    pub fn led_to_by(&self, tips: Vec<Tip>, objects: &Objects) -> BTreeSet<ObjectId> {
        Self { tips, ..self.clone() }.walk(objects).ids()
    }

    /// The commits of the range. It costs by how many there are, not by the size of the history.
    pub fn walk(&self, objects: &Objects) -> Walked {
        let mut walk = Walk {
            objects,
            seen: HashMap::new(),
            queue: BinaryHeap::new(),
            open: 0,
            cut: Vec::new(),
            problems: Vec::new(),
            buf: Vec::new(),
        };
        for id in &self.excluded {
            walk.enter(*id, true, None);
        }
        for tip in &self.tips {
            walk.enter(tip.commit, false, None);
        }
        walk.run(self.since);
        walk.finish(self.since)
    }
}

impl Walk<'_> {
    /// Note a commit, and queue it the first time. `child` names it as a parent.
    fn enter(&mut self, id: ObjectId, excluded: bool, child: Option<ObjectId>) {
        if self.seen.contains_key(&id) {
            if excluded {
                self.exclude(id);
            }
            return;
        }
        let node = match self.objects.read_kind(&id, ObjectKind::Commit, &mut self.buf) {
            Ok(()) => Node::parse(id, &self.buf, self.objects.hash())
                .ok_or_else(|| ObjectError::Damaged { id, reason: "the commit is malformed".into() }),
            Err(error) => Err(error),
        };
        let node = match node {
            Ok(node) => Some(node),
            Err(_) if excluded => None, // what is behind it is not asked for
            Err(ObjectError::Missing { .. }) if child.is_some() => {
                self.cut.extend(child.map(|child| (child, id)));
                return; // each child that names it is noted
            }
            Err(error) => {
                self.problems.push(error);
                None
            }
        };
        if let Some(node) = &node {
            self.queue.push((node.time, id));
            self.open += usize::from(!excluded);
        }
        self.seen.insert(id, Seen { node, excluded, done: false });
    }

    /// Take a commit out of the range that was taken for part of it, with all its ancestors that were met.
    fn exclude(&mut self, id: ObjectId) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let Some(seen) = self.seen.get_mut(&id).filter(|seen| !seen.excluded) else { continue };
            seen.excluded = true;
            let Some(node) = &seen.node else { continue };
            if seen.done {
                stack.extend(&node.parents);
            } else {
                self.open -= 1;
            }
        }
    }

    fn run(&mut self, since: Option<i64>) {
        let mut earliest = i64::MAX;
        let mut slop = SLOP;
        while let Some((time, id)) = self.queue.pop() {
            let Some(seen) = self.seen.get_mut(&id) else { continue };
            seen.done = true;
            let excluded = seen.excluded;
            let parents = seen.node.as_ref().map(|node| node.parents.clone()).unwrap_or_default();
            if !excluded {
                self.open -= 1;
                if since.is_some_and(|since| time < since) {
                    continue;
                }
                earliest = earliest.min(time);
            }
            let mut is_skewed = false;
            for parent in parents {
                self.enter(parent, excluded, Some(id));
                let node = self.seen.get(&parent).and_then(|seen| seen.node.as_ref());
                is_skewed |= node.is_some_and(|node| node.time > time);
            }
            if self.open > 0 || is_skewed {
                slop = SLOP;
                continue;
            }
            if self.queue.peek().is_none_or(|(next, _)| *next < earliest) {
                if slop == 0 {
                    break;
                }
                slop -= 1;
            }
        }
    }

    /// The range in order: parents first, earlier ones first.
    fn finish(self, since: Option<i64>) -> Walked {
        // What an excluded commit names, too, is not in the range, there or not.
        let excluded = |id: &ObjectId| self.seen.get(id).is_some_and(|seen| seen.excluded);
        let mut cut: Vec<_> = self.cut.into_iter().filter(|(_, parent)| !excluded(parent)).collect();
        let mut nodes: HashMap<ObjectId, Node> = HashMap::new();
        let mut all: Vec<Node> = Vec::new();
        let mut seen: Vec<(ObjectId, Seen)> = self.seen.into_iter().collect();
        seen.sort_unstable_by_key(|s| s.0);
        for (id, seen) in seen {
            if let Some(node) =
                seen.node.filter(|n| !seen.excluded && seen.done && since.is_none_or(|s| n.time >= s))
            {
                nodes.insert(id, node.clone());
                all.push(node);
            }
        }
        let mut waits: HashMap<ObjectId, usize> = HashMap::new();
        let mut children: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for node in &all {
            let parents: BTreeSet<ObjectId> =
                node.parents.iter().copied().filter(|p| nodes.contains_key(p)).collect();
            if parents.is_empty() {
                ready.push(Reverse((node.time, node.id)));
            }
            waits.insert(node.id, parents.len());
            for parent in parents {
                children.entry(parent).or_default().push(node.id);
            }
        }
        let mut commits = Vec::with_capacity(all.len());
        while let Some(Reverse((_, id))) = ready.pop() {
            for child in children.remove(&id).unwrap_or_default() {
                if let Some(wait) = waits.get_mut(&child) {
                    *wait -= 1;
                    if *wait == 0 {
                        ready.push(Reverse((nodes[&child].time, child)));
                    }
                }
            }
            commits.extend(nodes.get(&id).cloned());
        }
        cut.retain(|(child, _)| nodes.contains_key(child));
        cut.sort_unstable();
        Walked { commits, cut, problems: self.problems }
    }
}
