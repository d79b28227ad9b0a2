//! One-to-one assignment of ids and secrets with the least total cost.

/// A possible pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// Index of the id.
    pub(super) id: usize,
    /// Index of the secret.
    pub(super) secret: usize,
    /// How unlikely it is, from 0; below [`UNPAIRED`].
    pub(super) cost: u32,
}

/// The cost of leaving an id without a secret.
pub(super) const UNPAIRED: u32 = 110;

/// Groups of more ids or secrets than this are assigned greedily.
const EXACT: usize = 48;

/// The secret of each id, `None` where none fits. `edges` name ids below `ids` and secrets below `secrets`.
///
/// Pairs that share no candidate with others are independent, so the work is done group by group: exactly (the
/// Hungarian method) in groups of ordinary size, and cheapest first in huge ones, where layouts are regular and the
/// cheapest pair is the right one.
pub(super) fn assign(ids: usize, secrets: usize, edges: &[Edge]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; ids];
    let mut groups = Groups::new(ids + secrets);
    for e in edges {
        groups.join(e.id, ids + e.secret);
    }
    let mut sorted: Vec<(usize, Edge)> = edges.iter().map(|&e| (groups.find(e.id), e)).collect();
    sorted.sort_by_key(|&(group, e)| (group, e.cost, e.id, e.secret));
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        let edges: Vec<Edge> = group.iter().map(|g| g.1).collect();
        let distinct = |of: fn(&Edge) -> usize| {
            let mut all: Vec<usize> = edges.iter().map(of).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let (group_ids, group_secrets) = (distinct(|e| e.id), distinct(|e| e.secret));
        if group_ids.len() <= EXACT && group_secrets.len() <= EXACT {
            exact(&group_ids, &group_secrets, &edges, &mut pairs);
        } else {
            greedy(&edges, &mut pairs);
        }
    }
    pairs
}

/// Cheapest first.
fn greedy(edges: &[Edge], pairs: &mut [Option<usize>]) {
    let mut used = std::collections::HashSet::new();
    for e in edges {
        if pairs[e.id].is_none() && used.insert(e.secret) {
            pairs[e.id] = Some(e.secret);
        }
    }
}

/// The Hungarian method on a matrix of ids × (secrets + one way out per id).
fn exact(ids: &[usize], secrets: &[usize], edges: &[Edge], pairs: &mut [Option<usize>]) {
    const NEVER: i64 = 1 << 20;
    let (rows, columns) = (ids.len(), secrets.len() + ids.len());
    let mut cost = vec![NEVER; rows * columns];
    for (row, line) in cost.chunks_mut(columns).enumerate() {
        line[secrets.len() + row] = i64::from(UNPAIRED);
    }
    for e in edges {
        let row = ids.binary_search(&e.id).expect("ids holds the id of each edge");
        let column = secrets.binary_search(&e.secret).expect("secrets holds the secret of each edge");
        let cell = &mut cost[row * columns + column];
        *cell = (*cell).min(i64::from(e.cost));
    }
    // potentials of rows and columns, the row that each column is given to (0: none), all counted from 1
    let (mut u, mut v) = (vec![0i64; rows + 1], vec![0i64; columns + 1]);
    let mut given = vec![0usize; columns + 1];
    for row in 1..=rows {
        given[0] = row;
        let mut at = 0;
        let mut least = vec![i64::MAX; columns + 1];
        let mut from = vec![0usize; columns + 1];
        let mut seen = vec![false; columns + 1];
        while given[at] != 0 {
            seen[at] = true;
            let (r, mut delta, mut next) = (given[at], i64::MAX, 0);
            for c in 1..=columns {
                if seen[c] {
                    continue;
                }
                let reduced = cost[(r - 1) * columns + c - 1] - u[r] - v[c];
                if reduced < least[c] {
                    (least[c], from[c]) = (reduced, at);
                }
                if least[c] < delta {
                    (delta, next) = (least[c], c);
                }
            }
            for c in 0..=columns {
                if seen[c] {
                    u[given[c]] += delta;
                    v[c] -= delta;
                } else {
                    least[c] = least[c].saturating_sub(delta);
                }
            }
            at = next;
        }
        while at != 0 {
            given[at] = given[from[at]];
            at = from[at];
        }
    }
    for c in 1..=secrets.len() {
        if given[c] != 0 && cost[(given[c] - 1) * columns + c - 1] < i64::from(UNPAIRED) {
            pairs[ids[given[c] - 1]] = Some(secrets[c - 1]);
        }
    }
}

/// Disjoint sets.
struct Groups(Vec<usize>);

impl Groups {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn find(&mut self, mut x: usize) -> usize {
        while self.0[x] != x {
            self.0[x] = self.0[self.0[x]];
            x = self.0[x];
        }
        x
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least total cost, by trying everything.
    fn brute(ids: usize, edges: &[Edge], used: &mut Vec<usize>, id: usize) -> u32 {
        if id == ids {
            return 0;
        }
        let mut best = UNPAIRED + brute(ids, edges, used, id + 1);
        for e in edges.iter().filter(|e| e.id == id) {
            if !used.contains(&e.secret) {
                used.push(e.secret);
                best = best.min(e.cost + brute(ids, edges, used, id + 1));
                used.pop();
            }
        }
        best
    }

    proptest! {
        #[test]
        fn the_assignment_is_one_to_one_and_the_cheapest(costs in proptest::collection::vec(proptest::option::of(0u32..UNPAIRED), 20)) {
            let edges: Vec<Edge> = costs.iter().enumerate().filter_map(|(i, c)| c.map(|cost| Edge { id: i / 5, secret: i % 5, cost })).collect();
            let pairs = assign(4, 5, &edges);
            let mut taken: Vec<usize> = pairs.iter().flatten().copied().collect();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), pairs.iter().flatten().count());
            let total: u32 = pairs.iter().enumerate().map(|(id, s)| s.map_or(UNPAIRED, |s| edges.iter().find(|e| e.id == id && e.secret == s).unwrap().cost)).sum();
            prop_assert_eq!(total, brute(4, &edges, &mut Vec::new(), 0));
        }
    }

    #[test]
    fn a_huge_group_is_assigned_too() {
        let edges: Vec<Edge> = (0..1000)
            .flat_map(|id| [Edge { id, secret: id, cost: 1 }, Edge { id, secret: id + 1, cost: 5 }])
            .collect();
        assert!(assign(1000, 1001, &edges).into_iter().enumerate().all(|(id, s)| s == Some(id)));
    }
}
