//! Reflogs: they keep commits from being pruned, and so name what no ref reaches any more.
//!
//! Reflogs in reftables are not read; commits that only those name have no name in the report.

use std::path::{Path, PathBuf};

use super::refs::pseudo;
use super::repo::{Repo, parse_id, read_at_most};
use super::store::{HashKind, ObjectId};

/// The longest reflog that is read.
const MAX_LOG: u64 = 1 << 28;
const MAX_DEPTH: usize = 128;

/// All names that reflogs and pseudo refs (`ORIG_HEAD`) give, those first that say most: stashes, branches, HEAD, then
/// the pseudo refs; the newest entry of a log first.
pub fn read(repo: &Repo) -> Vec<(String, ObjectId)> {
    let mut logs: Vec<(String, PathBuf)> = Vec::new();
    collect_logs(&repo.common_dir.join("logs"), &mut logs);
    if repo.git_dir != repo.common_dir {
        logs.retain(|(name, _)| name != "HEAD");
        logs.push(("HEAD".into(), repo.git_dir.join("logs/HEAD")));
        logs.push(("main-worktree/HEAD".into(), repo.common_dir.join("logs/HEAD")));
    }
    for linked in &repo.linked {
        logs.push((format!("worktrees/{}/HEAD", linked.name), linked.git_dir.join("logs/HEAD")));
    }
    let rank = |name: &str| match name {
        "refs/stash" => 0,
        _ if name.starts_with("refs/heads/") => 1,
        "HEAD" => 2,
        _ => 3,
    };
    logs.sort_by(|a, b| (rank(&a.0), &a.0).cmp(&(rank(&b.0), &b.0)));
    let mut names = Vec::new();
    for (name, path) in logs {
        let Ok(Some(text)) = read_at_most(&path, MAX_LOG) else { continue };
        entries(&name, &text, repo.hash, &mut names);
    }
    for (name, id) in pseudo(&repo.git_dir, repo.hash) {
        names.push((name, id));
    }
    names
}

/// The entries of one log, newest first.
fn entries(name: &str, text: &[u8], hash: HashKind, into: &mut Vec<(String, ObjectId)>) {
    let short = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/")).unwrap_or(name);
    let hex = hash.len_in_hex();
    let mut n = 0;
    let mut oldest = None;
    for line in text.rsplit(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let ids = line.get(..hex).zip(line.get(hex + 1..2 * hex + 1));
        let Some((old, new)) = ids else { continue };
        let (Some(old), Some(new)) = (parse_id(old, hash), parse_id(new, hash)) else { continue };
        if !new.is_null() {
            into.push((format!("{short}@{{{n}}}"), new));
        }
        n += 1;
        oldest = Some(old);
    }
    if let Some(old) = oldest.filter(|old| !old.is_null()) {
        into.push((format!("{short}@{{{n}}}"), old));
    }
}

fn collect_logs(root: &Path, into: &mut Vec<(String, PathBuf)>) {
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, name, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let base = entry.file_name().to_string_lossy().into_owned();
            let full = if name.is_empty() { base } else { format!("{name}/{base}") };
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), full, depth + 1));
            } else if kind.is_file() {
                into.push((full, entry.path()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry_is_number_zero_and_the_oldest_also_names_what_was_before() {
        let id = |c: &str| c.repeat(40);
        let text =
            format!("{} {} A <a> 1 +0000\tx\n{} {} A <a> 2 +0000\ty\n", id("1"), id("2"), id("2"), id("3"));
        let mut names = Vec::new();
        entries("refs/stash", text.as_bytes(), HashKind::Sha1, &mut names);
        let names: Vec<_> = names.into_iter().map(|(n, id)| (n, id.to_string())).collect();
        let expected = [("stash@{0}", "3"), ("stash@{1}", "2"), ("stash@{2}", "1")];
        assert_eq!(names, expected.map(|(n, c)| (n.to_owned(), id(c))));
    }
}
