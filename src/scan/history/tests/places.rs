//! Where things stand: removals, the index, notes, and what commits say of themselves.

use super::*;

/// What a finding's main place was removed by.
fn removed(outcome: &Outcome) -> Option<&str> {
    only(outcome).location.removed.as_ref().map(|commit| &*commit.id)
}

#[test]
fn a_merge_that_drops_what_came_back_removed_it() {
    let made = Made::new();
    let leak = ini(&key("AKIA", 0));
    made.commit("leak", &[("x.ini", Some(&leak))]);
    made.commit("clean", &[("x.ini", None)]);
    made.git(&["switch", "--quiet", "--create", "side"]);
    made.commit("beside", &[("b", Some("2\n"))]);
    made.git(&["switch", "--quiet", "main"]);
    made.git(&["revert", "--no-edit", "HEAD"]);
    assert_eq!(only(&made.scan()).location.in_head, Some(true));
    made.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    let merge = made.commit("merge", &[("x.ini", None)]);
    made.commit("later", &[("a", Some("2\n"))]);
    assert_eq!(removed(&made.scan()), Some(&*merge));
    // And the last of several.
    made.commit("again", &[("x.ini", Some(&leak))]);
    let last = made.commit("clean again", &[("x.ini", Some("gone"))]);
    assert_eq!(removed(&made.scan()), Some(&*last));
}

#[test]
fn places_are_known_however_deep_the_folders_are() {
    let made = Made::new();
    // Up to twelve trees one below the other all changes are gone through for each, and then no longer.
    let paths = [11, 12, 40].map(|depth| format!("{}x.ini", "d/".repeat(depth)));
    let texts = [0, 1, 2].map(|n| ini(&key("AKIA", n)));
    made.commit("before", &[("a", Some("1\n"))]);
    let commits: Vec<String> =
        paths.iter().zip(&texts).map(|(path, text)| made.commit("leak", &[(path, Some(text))])).collect();
    let clean = made.commit("clean", &[(&paths[2], None), (&paths[1], Some("gone\n"))]);
    let outcome = made.scan();
    for (n, (path, commit)) in paths.iter().zip(&commits).enumerate() {
        let (id, _) = key("AKIA", n);
        let found = outcome.findings.iter().find(|f| f.key_id.as_deref() == Some(&*id)).expect("it is found");
        assert_eq!(found.location.path.as_deref(), Some(path.as_bytes()));
        assert_eq!(commit_of(&found.location), commit);
        assert_eq!(found.location.in_head, Some(n == 0));
        let removed = found.location.removed.as_ref().map(|commit| &*commit.id);
        assert_eq!(removed, (n > 0).then_some(&*clean));
    }
}

#[test]
fn an_edit_on_an_old_branch_removed_nothing() {
    let made = Made::new();
    let pair = key("AKIA", 0);
    made.commit("leak", &[("x.ini", Some(&ini(&pair)))]);
    made.git(&["switch", "--quiet", "--create", "old"]);
    made.git(&["switch", "--quiet", "main"]);
    let clean = made.commit("clean", &[("x.ini", None)]);
    made.git(&["switch", "--quiet", "old"]);
    let edited = format!("# edited\n{}", ini(&pair));
    made.commit("edit", &[("x.ini", Some(&edited))]);
    made.git(&["merge", "--quiet", "--strategy=ours", "-m", "take main", "main"]);
    made.commit("edit again", &[("x.ini", Some(&format!("#\n{edited}")))]);
    made.git(&["switch", "--quiet", "main"]);
    made.git(&["merge", "--quiet", "--strategy=ours", "-m", "take old", "old"]);
    // The old branch kept it, on purpose, so that the merge is where it ends; not the edits before.
    let merge = made.git(&["rev-parse", "HEAD"]);
    assert_eq!(removed(&made.scan()), Some(&*merge));
    made.git(&["reset", "--quiet", "--hard", &clean]);
    made.git(&["branch", "--force", "old", "old~2"]);
    made.git(&["merge", "--quiet", "--strategy=ours", "-m", "take old", "old"]);
    assert_eq!(removed(&made.scan()), Some(&*clean));
}

#[test]
fn versions_on_both_sides_of_a_merge_end_in_it() {
    let made = Made::new();
    let pair = key("AKIA", 0);
    made.commit("start", &[("a", Some("1\n"))]);
    made.git(&["switch", "--quiet", "--create", "side"]);
    made.commit("theirs", &[("x.ini", Some(&format!("# theirs\n{}", ini(&pair))))]);
    made.git(&["switch", "--quiet", "main"]);
    made.commit("ours", &[("x.ini", Some(&ini(&pair)))]);
    made.git(&["-c", "alias.m=!git merge --quiet --no-commit side || true", "m"]);
    let merge = made.commit("merge", &[("x.ini", Some("none\n"))]);
    assert_eq!(removed(&made.scan()), Some(&*merge));
    let octopus =
        made.git(&["commit-tree", "HEAD^{tree}", "-p", "HEAD^1", "-p", "HEAD^2", "-p", "HEAD~2", "-m", "o"]);
    made.git(&["reset", "--quiet", "--hard", &octopus]);
    assert_eq!(removed(&made.scan()), Some(&*octopus));
}

#[test]
fn a_file_with_a_name_that_leaks_is_gone_when_the_name_is() {
    let made = Made::new();
    let path = format!("d/{}.csv", key("AKIA", 0).0);
    made.commit("leak", &[(&path, Some("x\n"))]);
    made.commit("beside", &[("d/other", Some("y\n"))]);
    let clean = made.commit("clean", &[(&path, None)]);
    made.commit("later", &[("d/other", Some("z\n"))]);
    assert_eq!(removed(&made.scan()), Some(&*clean));
}

#[test]
fn what_is_staged_has_a_path() {
    let made = Made::new();
    made.commit("start", &[("a", Some("1\n"))]);
    let (staged, linked, lost) = (key("AKIA", 0), key("AKIA", 1), key("AKIA", 2));
    made.commit("too soon", &[("lost.ini", Some(&ini(&lost)))]);
    made.git(&["reset", "--quiet", "--soft", "HEAD^"]);
    std::fs::create_dir(made.path().join("d")).expect("a folder");
    std::fs::write(made.path().join("d/s.ini"), ini(&staged)).expect("a file");
    made.git(&["add", "d/s.ini"]);
    made.git(&["worktree", "add", "--quiet", "--detach", "w"]);
    std::fs::write(made.path().join("w/l.ini"), ini(&linked)).expect("a file");
    made.git(&["-C", "w", "add", "l.ini"]);
    let outcome = made.scan();
    let mut places: Vec<_> = outcome
        .findings
        .iter()
        .flat_map(Finding::places)
        .map(|l| {
            assert_eq!((l.reachable, l.in_head, l.removed.is_none()), (Some(false), Some(false), true));
            let path = l.path.as_deref().unwrap_or_default();
            (l.place, path, l.line, l.commit.is_some(), l.named_by.as_deref().unwrap_or_default())
        })
        .collect();
    places.sort_unstable();
    let expected = [
        (Place::Blob, &b"lost.ini"[..], Some(2), true, "main@{1}"),
        (Place::Index, b"d/s.ini", Some(2), false, "the index"),
        (Place::Index, b"l.ini", Some(2), false, "the index of worktrees/w"),
        (Place::Index, b"lost.ini", Some(2), false, "the index"),
    ];
    assert_eq!(places, expected);
    made.git(&["commit", "--quiet", "-m", "now"]);
    let places: Vec<_> =
        made.scan().findings.iter().map(|f| (f.location.place, f.location.reachable)).collect();
    assert_eq!(places, [(Place::Blob, Some(true)), (Place::Blob, Some(true)), (Place::Index, Some(false))]);
    let reachable = HistoryOptions { reachable_only: true, threads: 1, ..HistoryOptions::default() };
    assert_eq!(made.scan_with(&reachable).findings.len(), 2);
}

#[test]
fn a_note_says_what_it_is_about() {
    let made = Made::new();
    let about = made.commit("start", &[("a", Some("1\n"))]);
    let text = ini(&key("AKIA", 0));
    made.git(&["notes", "add", "-m", &text]);
    let outcome = made.scan();
    let location = &only(&outcome).location;
    assert_eq!((location.place, location.path.as_deref()), (Place::Note, None));
    assert_eq!(
        (location.note_on.as_deref(), location.named_by.as_deref()),
        (Some(&*about), Some("refs/notes/commits"))
    );
    assert_eq!(location.line, Some(2));
}

#[test]
fn commits_are_read_in_the_encoding_that_they_name() {
    let made = Made::new();
    let text = ini(&key("AKIA", 0));
    let mut expected = Vec::new();
    for (n, (label, name, author, subject)) in [
        ("ISO-8859-1", &b"Jos\xe9 M\xfcller"[..], "José Müller", (&b"caf\xe9"[..], "café")),
        ("windows-1251", b"\xc0\xed\xed\xe0", "Анна", (b"\xea\xeb\xfe\xf7", "ключ")),
        ("EUC-JP", b"\xc6\xfc\xcb\xdc", "日本", (b"\xb8\xb0", "鍵")),
        ("ISO-2022-JP", b"\x1b$BF|K\\\x1b(B", "日本", (b"\x1b$B80\x1b(B", "鍵")),
        // The header is wrong, and git does not look at it.
        ("ISO-8859-1", "Zoë".as_bytes(), "Zoë", ("Grüße".as_bytes(), "Grüße")),
        ("no-such-encoding", b"A\xe9", "A\u{fffd}", (b"x\xe9", "x\u{fffd}")),
        ("UTF-16", b"A\xe9", "A\u{fffd}", (b"plain", "plain")),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("{n}.ini");
        std::fs::write(made.path().join(&path), &text).expect("a file");
        made.git(&["add", &path]);
        let tree = made.git(&["write-tree"]);
        let mut commit = format!("tree {tree}\n").into_bytes();
        if n > 0 {
            commit.extend(format!("parent {}\n", made.git(&["rev-parse", "HEAD"])).bytes());
        }
        let when = format!(" <a@e> {} +0000\n", 1_700_000_000 + n);
        commit.extend([b"author ", name, when.as_bytes(), b"committer ", name, when.as_bytes()].concat());
        commit.extend([b"encoding ", label.as_bytes(), b"\n\n", subject.0, b"\n"].concat());
        std::fs::write(made.path().join(".git/commit"), commit).expect("a file");
        let id = made.git(&["hash-object", "-t", "commit", "-w", ".git/commit"]);
        made.git(&["update-ref", "HEAD", &id]);
        expected.push((path, format!("{author} <a@e>"), subject.1.to_owned()));
    }
    let outcome = made.scan();
    let finding = only(&outcome);
    let found: Vec<_> = finding
        .places()
        .map(|l| {
            let commit = l.commit.as_ref().expect("a commit");
            let path = String::from_utf8_lossy(l.path.as_deref().unwrap_or_default()).into_owned();
            (path, commit.author.clone(), commit.subject.clone())
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_was_edited_since_a_date_is_not_new() {
    let made = Made::new();
    let (old, new, named) = (key("AKIA", 0), key("AKIA", 1), key("AKIA", 2));
    let path = format!("d/{}.csv", named.0);
    made.commit("leak", &[("x.ini", Some(&ini(&old))), (&path, Some("x\n"))]);
    let since = Some(i64::try_from(made.time.get()).expect("small") + 1);
    let options = HistoryOptions { since, threads: 1, ..HistoryOptions::default() };
    let found = || -> Vec<(String, String)> {
        let all = made.scan_with(&options).findings;
        let place = |f: &Finding| {
            let commit = f.location.commit.as_ref().expect("a commit").id.clone();
            (f.key_id.as_deref().expect("an id").to_owned(), commit)
        };
        all.iter().map(place).collect()
    };
    let edited = format!("# edited\n{}", ini(&old));
    made.commit("edit", &[("x.ini", Some(&edited)), ("d/other", Some("y\n"))]);
    assert_eq!(found(), []);
    made.commit("keep the id", &[("x.ini", Some(&format!("# was: {}\n", old.0)))]);
    assert_eq!(found(), []);
    let both = format!("{edited}\n{}", ini(&new));
    // The pair is back, and another has come.
    let back = made.commit("more", &[("x.ini", Some(&both))]);
    let more = [(new.0.clone(), back.clone()), (old.0.clone(), back.clone())];
    let mut sorted = found();
    sorted.sort_by_key(|f| f.0 != new.0);
    assert_eq!(sorted, more);
    made.commit("clean", &[("x.ini", None), (&path, None)]);
    let again = made.commit("put back", &[(&path, Some("x\n")), ("x.ini", Some(&edited))]);
    let mut ids = found();
    ids.sort_by_key(|f| f.0 != named.0);
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0], (named.0, again));
}

#[test]
fn of_a_tree_that_a_tag_names_all_places_are_listed() {
    let made = Made::new();
    let leak = ini(&key("AKIA", 0));
    made.commit("leak", &[("b/x.ini", Some(&leak)), ("a", Some(&leak)), ("z/x.ini", Some(&leak))]);
    made.git(&["tag", "files", "HEAD^{tree}"]);
    made.git(&["update-ref", "-d", "HEAD"]);
    std::fs::remove_dir_all(made.path().join(".git/logs")).expect("there were reflogs");
    std::fs::remove_file(made.path().join(".git/index")).expect("there was an index");
    made.git(&["prune", "--expire=now"]);
    let outcome = made.scan();
    let paths: Vec<_> = only(&outcome).places().map(|l| l.path.as_deref().unwrap_or_default()).collect();
    assert_eq!(paths, [&b"a"[..], b"b/x.ini", b"z/x.ini"]);
}
