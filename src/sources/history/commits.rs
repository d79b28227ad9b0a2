//! The graph of all commits that a repository holds, by the parents that the commits themselves name: grafts, replace
//! refs and shallow boundaries change nothing in it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

use encoding_rs::{Encoding, ISO_2022_JP};
use smallvec::SmallVec;

use super::store::{HashKind, ObjectId, Store, TOGETHER, Table};
use crate::finding::Commit;

/// What the graph keeps of a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Its id.
    pub id: ObjectId,
    /// Its root tree.
    pub tree: ObjectId,
    /// Its parents, in order.
    pub parents: SmallVec<[ObjectId; 1]>,
    /// Committer date, seconds since 1970.
    pub time: i64,
}

impl Node {
    /// Read a commit object; `None`: it is malformed.
    pub fn parse(id: ObjectId, bytes: &[u8], hash: HashKind) -> Option<Self> {
        let parse = |hex: &[u8]| super::repo::parse_id(hex, hash);
        let (first, mut rest) = line(bytes);
        let tree = parse(first.strip_prefix(b"tree ")?)?;
        let mut parents = SmallVec::new();
        let mut time = 0;
        // The header ends with an empty line.
        while let (text @ [_, ..], after) = line(rest) {
            rest = after;
            if let Some(parent) = text.strip_prefix(b"parent ") {
                parents.push(parse(parent)?);
            } else if let Some(committer) = text.strip_prefix(b"committer ") {
                time = date(committer).unwrap_or(0);
                break;
            }
        }
        Some(Self { id, tree, parents, time })
    }
}

/// The first line of a text, and what follows it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    memchr::memchr(b'\n', text).map_or((text, &[]), |end| (&text[..end], &text[end + 1..]))
}

/// The seconds in `Name <mail> seconds zone`.
pub(super) fn date(person: &[u8]) -> Option<i64> {
    let after = &person[memchr::memrchr(b'>', person)? + 1..];
    let seconds = after.split(|b| *b == b' ').find(|w| !w.is_empty())?;
    std::str::from_utf8(seconds).ok()?.parse().ok()
}

/// Index of a commit in a [`Graph`].
pub type Index = u32;

/// All commits, with their parents as indexes.
#[derive(Debug, Default)]
pub struct Graph {
    /// Sorted by id.
    nodes: Vec<(ObjectId, ObjectId, i64)>,
    ids: Ids,
    /// Where the parents of each commit begin in `parents`; one more at the end.
    starts: Vec<u32>,
    parents: Vec<Index>,
    /// Parents that are not there, with the commit that names them.
    lost: Vec<(Index, ObjectId)>,
    order: Vec<Index>,
    /// Place of each commit in `order`.
    position: Vec<u32>,
}

/// Finds ids among many by their first bytes.
#[derive(Debug, Default)]
struct Ids {
    /// The first bytes of each, ascending.
    heads: Vec<u64>,
    table: Table,
}

impl Ids {
    /// `heads` ascend.
    fn new(heads: &[(u64, u32)]) -> Self {
        let table = Table::new(heads.iter().map(|h| (h.0 >> 32) as u32));
        Self { heads: heads.iter().map(|h| h.0).collect(), table }
    }

    /// The indexes of the ids that begin so.
    fn with_head(&self, head: u64) -> Range<usize> {
        let range = self.table.range((head >> 32) as u32);
        let start = range.start + self.heads[range.clone()].partition_point(|h| *h < head);
        let rest = &self.heads[start..range.end];
        // Hostile ids can all begin alike; of others no two do.
        let count = match rest {
            [first, second, ..] if [*first, *second] == [head; 2] => rest.partition_point(|h| *h == head),
            _ => usize::from(rest.first() == Some(&head)),
        };
        start..start + count
    }
}

/// The first bytes of an id, which sort as it does.
fn head(id: &ObjectId) -> u64 {
    id.as_bytes().first_chunk::<8>().map_or(0, |b| u64::from_be_bytes(*b))
}

impl Graph {
    /// The graph of these commits.
    pub fn new(all: &[Node]) -> Self {
        let mut heads: Vec<(u64, u32)> = all.iter().zip(0..).map(|(n, i)| (head(&n.id), i)).collect();
        heads.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| all[a.1 as usize].id.cmp(&all[b.1 as usize].id))
        });
        heads.dedup_by(|a, b| a.0 == b.0 && all[a.1 as usize].id == all[b.1 as usize].id);
        let mut graph = Self { ids: Ids::new(&heads), ..Self::default() };
        graph.nodes.reserve(heads.len());
        let mut parents: Vec<(Index, &ObjectId)> = Vec::with_capacity(heads.len() + heads.len() / 2);
        for (node, child) in heads.iter().map(|(_, i)| &all[*i as usize]).zip(0..) {
            graph.nodes.push((node.id, node.tree, node.time));
            parents.extend(node.parents.iter().map(|parent| (child, parent)));
        }
        graph.starts = vec![0; heads.len() + 1];
        graph.parents.reserve(parents.len());
        let mut found = Vec::new();
        for some in parents.chunks(TOGETHER) {
            graph.find_all(some.iter().map(|(_, parent)| *parent), &mut found);
            for ((child, parent), found) in some.iter().zip(&found) {
                match found {
                    Some(p) => {
                        graph.parents.push(*p);
                        graph.starts[*child as usize + 1] += 1;
                    }
                    None => graph.lost.push((*child, **parent)),
                }
            }
        }
        for i in 0..heads.len() {
            graph.starts[i + 1] += graph.starts[i];
        }
        graph.sort();
        graph
    }

    /// Parents before children; of those that may come next the oldest, and of equal dates the lowest id.
    fn sort(&mut self) {
        let count = self.nodes.len();
        let times: Vec<i64> = self.nodes.iter().map(|node| node.2).collect();
        let mut waits: Vec<u32> = (0..count as u32).map(|c| self.parents(c).len() as u32).collect();
        let mut starts = vec![0u32; count + 1];
        for p in &self.parents {
            starts[*p as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut children = vec![0 as Index; self.parents.len()];
        let mut fill = starts.clone();
        for c in 0..count as u32 {
            for p in self.parents(c) {
                children[fill[*p as usize] as usize] = c;
                fill[*p as usize] += 1;
            }
        }
        let mut ready: BinaryHeap<Reverse<(i64, Index)>> =
            (0..count).filter(|c| waits[*c] == 0).map(|c| Reverse((times[c], c as Index))).collect();
        self.order.reserve(count);
        self.position = vec![u32::MAX; count];
        while let Some(Reverse((_, c))) = ready.pop() {
            self.position[c as usize] = self.order.len() as u32;
            self.order.push(c);
            for child in &children[starts[c as usize] as usize..starts[c as usize + 1] as usize] {
                let wait = &mut waits[*child as usize];
                *wait -= 1;
                if *wait == 0 {
                    ready.push(Reverse((times[*child as usize], *child)));
                }
            }
        }
    }

    /// Number of commits.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no commit.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The commit with this id.
    pub fn find(&self, id: &ObjectId) -> Option<Index> {
        let range = self.ids.with_head(head(id));
        let found = self.nodes[range.clone()].binary_search_by(|node| node.0.cmp(id)).ok()?;
        Some((range.start + found) as Index)
    }

    /// The commits with these ids, best [`TOGETHER`], for `into`.
    fn find_all<'i>(
        &self,
        ids: impl ExactSizeIterator<Item = &'i ObjectId> + Clone,
        into: &mut Vec<Option<Index>>,
    ) {
        into.clear();
        into.extend(ids.clone().map(|id| self.ids.table.start((head(id) >> 32) as u32)));
        // Mostly it is the first of those that share their first bits. No branch waits for what is read here.
        for (id, place) in ids.clone().zip(&mut *into) {
            let here = place.and_then(|p| self.ids.heads.get(p as usize));
            *place = place.filter(|_| here == Some(&head(id)));
        }
        for (id, place) in ids.zip(into) {
            if place.is_none_or(|p| self.nodes[p as usize].0 != *id) {
                *place = self.find(id);
            }
        }
    }

    /// The id of a commit.
    pub fn id(&self, commit: Index) -> ObjectId {
        self.nodes[commit as usize].0
    }

    /// The root tree of a commit.
    pub fn tree(&self, commit: Index) -> ObjectId {
        self.nodes[commit as usize].1
    }

    /// The committer date of a commit.
    pub fn time(&self, commit: Index) -> i64 {
        self.nodes[commit as usize].2
    }

    /// The parents of a commit that are there.
    pub fn parents(&self, commit: Index) -> &[Index] {
        let c = commit as usize;
        &self.parents[self.starts[c] as usize..self.starts[c + 1] as usize]
    }

    /// Parents that are not there, with the commit that names them.
    pub fn lost(&self) -> &[(Index, ObjectId)] {
        &self.lost
    }

    /// All commits, parents before children, older ones first.
    pub fn order(&self) -> &[Index] {
        &self.order
    }

    /// The place of a commit in [`Graph::order`].
    pub fn position(&self, commit: Index) -> u32 {
        self.position[commit as usize]
    }

    /// Go from `roots` to all their ancestors for which `enter`, called once or more for each, says yes.
    pub fn walk(&self, roots: impl IntoIterator<Item = Index>, mut enter: impl FnMut(Index) -> bool) {
        let mut stack: Vec<Index> = roots.into_iter().collect();
        while let Some(commit) = stack.pop() {
            if enter(commit) {
                stack.extend(self.parents(commit));
            }
        }
    }
}

impl Graph {
    /// The best common ancestors of two commits: those that are no ancestor of another. `patience` is how many commits may
    /// be looked at, and goes down; `None`: it ran out.
    pub fn merge_bases(&self, a: Index, b: Index, patience: &mut u64) -> Option<Vec<Index>> {
        const BOTH: u8 = 3;
        /// It lies behind a common ancestor.
        const BEHIND: u8 = 4;
        let mut bases = Vec::new();
        let mut marks: HashMap<Index, u8> = HashMap::new();
        // Latest first, so that all children of a commit come before it.
        let mut queue: BinaryHeap<(u32, Index)> = BinaryHeap::new();
        let mut open = 0usize; // how many of the queue lie behind none
        let mut todo: Vec<(Index, u8)> = vec![(a, 1), (b, 2)];
        loop {
            for (commit, new) in todo.drain(..) {
                let mark = marks.entry(commit).or_default();
                let old = std::mem::replace(mark, *mark | new);
                if old == 0 {
                    queue.push((self.position(commit), commit));
                    open += usize::from(*mark & BEHIND == 0);
                } else if old & BEHIND == 0 && *mark & BEHIND != 0 {
                    open -= 1;
                }
            }
            let Some((_, commit)) = queue.pop().filter(|_| open > 0) else { break };
            *patience = patience.checked_sub(1)?;
            let mut mark = marks[&commit];
            if mark & BEHIND == 0 {
                open -= 1;
            }
            if mark == BOTH {
                bases.push(commit);
                mark |= BEHIND;
            }
            todo.extend(self.parents(commit).iter().map(|p| (*p, mark)));
        }
        Some(bases)
    }
}

/// What a report says of a commit. Without the object all but the id and the date is empty.
pub fn describe(store: &Store, graph: &Graph, commit: Index) -> Commit {
    let id = graph.id(commit);
    let mut bytes = Vec::new();
    let _ = store.read(&id, &mut bytes); // read before without a problem, or it would not be in the graph
    describe_object(id, graph.time(commit), &bytes)
}

/// What a report says of a commit with this object.
pub fn describe_object(id: ObjectId, time: i64, bytes: &[u8]) -> Commit {
    let (header, message) = split(bytes);
    let field = |name: &[u8]| header.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(name));
    let encoding = field(b"encoding ").and_then(|label| Encoding::for_label(label));
    let author = field(b"author ").unwrap_or_default();
    let author = &author[..memchr::memrchr(b'>', author).map_or(author.len(), |i| i + 1)];
    let subject = message.split(|b| *b == b'\n').find(|l| !l.trim_ascii().is_empty()).unwrap_or_default();
    let text = |bytes: &[u8]| decoded(bytes.trim_ascii(), encoding);
    Commit { id: id.to_string(), author: text(author), time, subject: text(subject) }
}

/// A text of a commit that says in which encoding it is. What is UTF-8 is taken for that: the header is often wrong.
fn decoded(bytes: &[u8], encoding: Option<&'static Encoding>) -> String {
    // One encoding that is in use has escape sequences, so that all text is ASCII.
    let is_escaped = encoding == Some(ISO_2022_JP) && bytes.contains(&0x1b);
    let encoding = encoding.filter(|e| e.is_ascii_compatible() || is_escaped);
    match (std::str::from_utf8(bytes), encoding) {
        (Ok(text), _) if !is_escaped => text.to_owned(),
        (_, Some(encoding)) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        (_, None) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The header and the message of a commit or a tag.
pub fn split(object: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(object, b"\n\n") {
        Some(i) => (&object[..=i], &object[i + 2..]),
        None => (object, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ObjectId {
        ObjectId::try_from(&[n; 20][..]).expect("20 bytes")
    }

    fn node(n: u8, time: i64, parents: &[u8]) -> Node {
        Node { id: id(n), tree: id(0), parents: parents.iter().copied().map(id).collect(), time }
    }

    #[test]
    fn parents_come_before_children_whatever_their_dates() {
        // 1 ← 2 ← 4, 1 ← 3 ← 4; the root has the latest date of all, 2 and 3 the same one.
        let graph = Graph::new(&[node(4, 1, &[3, 2]), node(3, 7, &[1]), node(2, 7, &[1]), node(1, 9, &[8])]);
        let order: Vec<_> = graph.order().iter().map(|c| graph.id(*c)).collect();
        assert_eq!(order, [1, 2, 3, 4].map(id));
        let root = graph.find(&id(1)).expect("it is there");
        assert_eq!(graph.lost(), [(root, id(8))]);
    }

    #[test]
    fn commits_are_found_by_their_ids_however_alike_these_are() {
        // The first half agree in 19 bytes, and one comes twice.
        let ids: Vec<ObjectId> = (0..200u8)
            .map(|n| {
                let mut bytes = if n < 100 { [7; 20] } else { [n; 20] };
                bytes[19] = n;
                ObjectId::try_from(&bytes[..]).expect("20 bytes")
            })
            .collect();
        let node = |id: &ObjectId| Node { id: *id, tree: *id, parents: [ids[0]].into(), time: 0 };
        let graph = Graph::new(&ids.iter().rev().chain(&ids[3..4]).map(node).collect::<Vec<_>>());
        assert_eq!(graph.len(), ids.len());
        for id in &ids {
            assert_eq!(graph.find(id).map(|c| graph.id(c)), Some(*id));
            assert_eq!(
                graph.parents(graph.find(id).expect("it was found")),
                [graph.find(&ids[0]).expect("it is there")]
            );
        }
        assert_eq!(graph.find(&id(8)), None);
        assert_eq!(graph.find(&ObjectId::try_from(&[255; 20][..]).expect("20 bytes")), None);
        assert_eq!(Graph::new(&[]).find(&id(255)), None);
        assert_eq!(Graph::default().find(&id(255)), None);
    }

    #[test]
    fn a_commit_object_is_read() {
        let text = format!(
            "tree {}\nparent {}\nauthor A > B <a@b> 5 +0000\ncommitter C <c> 77 -0100\n\nparent x\n",
            id(1),
            id(2)
        );
        let node = Node::parse(id(3), text.as_bytes(), HashKind::Sha1);
        assert_eq!(
            node,
            Some(Node { id: id(3), tree: id(1), parents: smallvec::smallvec![id(2)], time: 77 })
        );
        assert_eq!(Node::parse(id(3), b"tree 12\n\n", HashKind::Sha1), None);
    }
}
