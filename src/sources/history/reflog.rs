//! Reflogs: they keep commits from being pruned, and so name what no ref reaches any more.

use std::path::{Path, PathBuf};

use super::refs::pseudo;
use super::reftable;
use super::repo::{Repo, parse_id, read_at_most};
use super::store::{HashKind, ObjectId};

/// The longest reflog that is read.
const MAX_LOG: u64 = 1 << 28;
const MAX_DEPTH: usize = 128;

/// An entry: the object before, and after.
type Entry = (ObjectId, ObjectId);

/// All names that reflogs and pseudo refs (`ORIG_HEAD`) give, those first that say most: stashes, branches, HEAD, then
/// the pseudo refs; the newest entry of a log first.
pub fn read(repo: &Repo) -> Vec<(String, ObjectId)> {
    let mut logs = if repo.reftable { in_tables(repo) } else { in_files(repo) };
    let rank = |name: &str| match name {
        "refs/stash" => 0,
        _ if name.starts_with("refs/heads/") => 1,
        "HEAD" => 2,
        _ => 3,
    };
    logs.sort_by(|a, b| (rank(&a.0), &a.0).cmp(&(rank(&b.0), &b.0)));
    let mut names = Vec::new();
    for (name, entries) in logs {
        give_names(&name, &entries, &mut names);
    }
    names.extend(pseudo(repo));
    names
}

/// The logs that are files of their own, by name.
fn in_files(repo: &Repo) -> Vec<(String, Vec<Entry>)> {
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
    let read = |(name, path): (String, PathBuf)| {
        let text = read_at_most(&path, MAX_LOG).ok()??;
        Some((name, entries(&text, repo.hash)))
    };
    logs.into_iter().filter_map(read).collect()
}

/// The logs in reftables, by name.
fn in_tables(repo: &Repo) -> Vec<(String, Vec<Entry>)> {
    let mut logs: Vec<(String, Vec<Entry>)> = Vec::new();
    let mut add = |git_dir: &Path, prefix: &str, wanted: fn(&[u8]) -> bool| {
        for ((name, _), ids) in reftable::read_logs(&git_dir.join("reftable"), repo.hash) {
            let Some(ids) = ids.filter(|_| wanted(&name)) else { continue };
            let name = format!("{prefix}{}", String::from_utf8_lossy(&name));
            match logs.last_mut() {
                Some((last, entries)) if *last == name => entries.push(ids),
                _ => logs.push((name, vec![ids])),
            }
        }
    };
    let is_head = |name: &[u8]| name == b"HEAD";
    if repo.git_dir == repo.common_dir {
        add(&repo.common_dir, "", |_| true);
    } else {
        add(&repo.common_dir, "", |name| name != b"HEAD");
        add(&repo.common_dir, "main-worktree/", is_head);
        add(&repo.git_dir, "", is_head);
    }
    for linked in &repo.linked {
        add(&linked.git_dir, &format!("worktrees/{}/", linked.name), is_head);
    }
    logs
}

/// The names that a log gives, from its entries, newest first.
fn give_names(name: &str, entries: &[Entry], into: &mut Vec<(String, ObjectId)>) {
    let short = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/")).unwrap_or(name);
    let after = entries.iter().map(|entry| entry.1);
    let before = entries.last().map(|oldest| oldest.0);
    let ids = after.chain(before).enumerate().filter(|(_, id)| !id.is_null());
    into.extend(ids.map(|(n, id)| (format!("{short}@{{{n}}}"), id)));
}

/// The entries of a log that is a file, newest first.
fn entries(text: &[u8], hash: HashKind) -> Vec<Entry> {
    let hex = hash.len_in_hex();
    let entry = |line: &[u8]| {
        let (old, new) = line.get(..hex).zip(line.get(hex + 1..2 * hex + 1))?;
        parse_id(old, hash).zip(parse_id(new, hash))
    };
    text.rsplit(|b| *b == b'\n').filter_map(entry).collect()
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
        give_names("refs/stash", &entries(text.as_bytes(), HashKind::Sha1), &mut names);
        let names: Vec<_> = names.into_iter().map(|(n, id)| (n, id.to_string())).collect();
        let expected = [("stash@{0}", "3"), ("stash@{1}", "2"), ("stash@{2}", "1")];
        assert_eq!(names, expected.map(|(n, c)| (n.to_owned(), id(c))));
    }
}
