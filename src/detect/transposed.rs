//! Tables whose columns are the owners of keys, and whose rows are the parts of a key: `| secret key | … | … |` below
//! `| | jenkins | uploader |`.

use std::collections::HashSet;

use super::heads::Heads;
use super::label::Says;
use super::pair::{IdAt, SecretAt};

/// The secrets whose column has a name of something else only as it is that of an owner: an id stands in it too.
pub(super) fn below_owners(heads: &mut Heads<'_>, ids: &[IdAt], secrets: &[SecretAt]) -> Vec<usize> {
    let foreign = |s: &SecretAt| s.row.is_some() && (s.label.foreign || s.label.says == Says::No);
    if !secrets.iter().any(foreign) {
        return Vec::new();
    }
    let in_tables = ids.iter().filter(|id| id.row.is_some());
    let columns: HashSet<(usize, usize)> = in_tables
        .filter_map(|id| heads.of(&id.candidate.span))
        .map(|head| (head.row.table, head.column))
        .collect();
    let mut below = |s: &SecretAt| {
        heads.of(&s.candidate.span).is_some_and(|head| columns.contains(&(head.row.table, head.column)))
    };
    (0..secrets.len()).filter(|&i| foreign(&secrets[i]) && below(&secrets[i])).collect()
}
