//! Blocks of ids beside blocks of secrets: which stands at the place of which.

use super::pair::Slot;
use super::structure::Gap;

/// Ids in one block and as many secrets in the next, evenly spaced, each pair of them `possible`: a column each.
pub(super) fn columns(
    order: &[Slot],
    gaps: &[Gap],
    ids: usize,
    possible: &dyn Fn(usize, usize) -> bool,
) -> Vec<Option<usize>> {
    let mut column = vec![None; ids];
    let is_id = |s: &Slot| matches!(s, Slot::Id(_));
    let blocks: Vec<&[Slot]> = order.chunk_by(|a, b| is_id(a) == is_id(b)).collect();
    let mut start = 0;
    for pair in blocks.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let n = a.len();
        let even = |from: usize| {
            let lines = |g: &Gap| (g.lines, g.header);
            gaps[from..from + n - 1].windows(2).all(|w| lines(&w[0]) == lines(&w[1]))
        };
        let pairs: Vec<(usize, usize)> = a
            .iter()
            .zip(b)
            .filter_map(|(x, y)| match (*x, *y) {
                (Slot::Id(id), Slot::Secret(secret)) | (Slot::Secret(secret), Slot::Id(id)) => {
                    Some((id, secret))
                }
                _ => None,
            })
            .collect();
        if n >= 2
            && n == b.len()
            && even(start)
            && even(start + n)
            && gaps[start].lines == gaps[start + n].lines
            // Else the id and the secret that meet are a pair.
            && gaps[start].lines <= gaps[start + n - 1].lines
            && pairs.iter().all(|&(id, secret)| possible(id, secret))
        {
            for (id, secret) in pairs {
                column[id].get_or_insert(secret);
            }
        }
        start += n;
    }
    column
}
