//! What a history lacks: cut by a shallow clone, left at a promising remote, or simply gone.

use crate::blob::Skipped;
use crate::sources::history::attribute::Places;
use crate::sources::history::commits::Index;

use super::{Known, Missing};

/// Of up to so many missing objects it is found out what names them.
pub(super) const MAX_JUDGED: usize = 100_000;
/// So many of what is missing are named one by one.
const MAX_NAMED: usize = 1_000;

/// Everything that a ref, a HEAD or a reflog leads to and that is not there.
pub(super) fn missing(known: &Known<'_>, absent: Absent, missing: &Missing, places: &Places) -> Vec<Skipped> {
    let Absent { mut all, mut promised, cut } = absent;
    for (name, id) in &known.reach.missing {
        all.push(Skipped::new(name.clone(), format!("it names {id}, which is missing")));
    }
    if known.repo.promisor {
        promised += missing.ids.len();
    } else if let Some(first) = missing.first_target {
        for (id, target) in missing.ids.iter().zip(first as usize..) {
            // What garbage names may be gone.
            let place = places.of[target].iter().find(|p| p.commit.is_none_or(|c| is_kept(known, c)));
            let reason = if let Some(place) = place {
                let path = String::from_utf8_lossy(&places.paths[place.path as usize]);
                let of = place.commit.map_or_else(
                    || "a tree that a ref names".to_owned(),
                    |commit| format!("commit {}", known.graph.id(commit)),
                );
                format!("missing: {path} of {of}")
            } else if let Some(name) = known.reach.name_of(id) {
                format!("missing: {name}")
            } else {
                continue;
            };
            all.push(Skipped::object(id, reason));
        }
    } else if !missing.ids.is_empty() {
        let what = counted(missing.ids.len(), "object");
        all.push(Skipped::new(what, "missing, although trees name them"));
    }
    if all.len() > MAX_NAMED {
        let more = counted(all.len() - MAX_NAMED, "more object");
        all.truncate(MAX_NAMED);
        all.push(Skipped::new(more, "missing, too"));
    }
    if cut > 0 {
        let reason = format!("it was cut by a shallow clone, at {}", counted(cut, "commit"));
        all.push(Skipped::new("the history", reason).help("`git fetch --unshallow` fetches the rest"));
    }
    if promised > 0 {
        all.push(
            Skipped::new(counted(promised, "object"), "not fetched: this is a partial clone")
                .help("`git fetch --refetch --no-filter` fetches them"),
        );
    }
    all
}

/// What to say of content that git-lfs has not fetched: a clone is whole without it.
pub(super) fn lfs_elsewhere(count: usize) -> Option<Skipped> {
    let skipped = Skipped::new(counted(count, "git-lfs object"), "not in this clone, so not searched");
    (count > 0).then(|| skipped.help("`git lfs fetch --all` fetches them"))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Whether a commit is more than garbage.
fn is_kept(known: &Known<'_>, commit: Index) -> bool {
    known.reach.reaches(commit) || known.lost[commit as usize].is_some()
}

/// What commits name and is not there.
#[derive(Default)]
pub(super) struct Absent {
    all: Vec<Skipped>,
    /// So many things a remote has promised.
    promised: usize,
    /// So many commits have lost their parents to a shallow clone.
    cut: usize,
}

/// Missing parents and root trees.
pub(super) fn commits(known: &Known<'_>) -> Absent {
    let Absent { mut all, mut promised, mut cut } = Absent::default();
    let shallow = known.repo.shallow().unwrap_or_else(|error| {
        let what = known.repo.common_dir.join("shallow").display().to_string();
        all.push(Skipped::new(what, format!("cannot be read: {error}")));
        Vec::new()
    });
    let shallow: gix::hashtable::HashSet<_> = shallow.into_iter().collect();
    for (commit, parent) in known.graph.lost() {
        if known.rank[*commit as usize] == u32::MAX || !is_kept(known, *commit) {
            continue;
        }
        if shallow.contains(&known.graph.id(*commit)) {
            cut += 1;
        } else if known.repo.promisor {
            promised += 1;
        } else {
            let reason = format!("missing: a parent of commit {}", known.graph.id(*commit));
            all.push(Skipped::new(format!("commit {parent}"), reason));
        }
    }
    for commit in known.commits.iter().filter(|c| is_kept(known, **c)) {
        let tree = known.graph.tree(*commit);
        // git knows the empty tree without storing it.
        if !known.store.contains(&tree) && tree != known.repo.hash.empty_tree() {
            if known.repo.promisor {
                promised += 1;
            } else {
                let reason = format!("missing: the files of commit {}", known.graph.id(*commit));
                all.push(Skipped::new(format!("tree {tree}"), reason));
            }
        }
    }
    Absent { all, promised, cut }
}
