//! What reports say of where things stand: true, and the same in every format.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::git::{Repo, commit, git, git_at};
use crate::support::{TestEnv, id, pair, run_with_stdin};

/// A new repository in the folder `r`.
fn new() -> TestEnv {
    let env = TestEnv::new();
    git(&env, ".", &["init", "--quiet", "--initial-branch=main", "r"]);
    env
}

/// Where each place of a finding is: `(where, path, reachable)`.
fn places(finding: &Value) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let place = |p: &Value| (text(&p["where"]), text(&p["path"]), p["reachable"].as_bool().unwrap());
    std::iter::once(finding).chain(finding["other_locations"].as_array().unwrap()).map(place).collect()
}

fn own(list: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
    list.iter().map(|(place, path, reachable)| ((*place).into(), (*path).into(), *reachable)).collect()
}

/// What the SARIF report says in words, and how long the overview of the text is, with its first line.
fn words(env: &TestEnv, command: &str) -> (String, String) {
    let sarif = env.run(&[command, "r", "--format", "sarif"]).json();
    let text = env.run(&[command, "r"]).stdout;
    let overview = text.lines().find(|line| line.starts_with("overview:")).unwrap_or_default().to_owned();
    (sarif["runs"][0]["results"][0]["message"]["text"].as_str().unwrap().to_owned(), overview)
}

#[test]
fn what_is_staged_is_called_staged() {
    let env = new();
    env.write("r/a", "a");
    commit(&env, "r", 1_700_000_000, "start");
    env.write("r/conf/new.ini", pair(0));
    git(&env, "r", &["add", "conf/new.ini"]);
    for command in ["history", "audit"] {
        let run = env.run(&[command, "r", "--format", "json"]);
        let report = run.json();
        assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{command}");
        let finding = &report["findings"][0];
        assert_eq!(places(finding), own(&[("index", "conf/new.ini", false)]), "{command}");
        assert_eq!((&finding["line"], &finding["named_by"]), (&1.into(), &"the index".into()));
        assert_eq!((&finding["in_head"], &finding["commit"]), (&false.into(), &Value::Null));
        let text = env.run(&[command, "r"]).stdout;
        assert!(text.contains("at conf/new.ini:1:21 (staged)"), "{text}");
        assert!(text.contains("\n     staged, but not committed; named by the index\n"), "{text}");
        assert!(text.contains("overview: 1 staged, but not committed\n"), "{text}");
        assert!(words(&env, command).0.ends_with(", staged but not committed"), "{command}");
    }
    // The file went on to change.
    env.write("r/conf/new.ini", format!("# more\n{}", pair(0)));
    let report = env.run(&["audit", "r", "--format", "json"]).json();
    let expected = own(&[("index", "conf/new.ini", false), ("file", "conf/new.ini", true)]);
    assert_eq!(places(&report["findings"][0]), expected);
}

#[test]
fn what_is_staged_and_cannot_be_read_has_a_path() {
    let env = new();
    let mut broken = crate::samples::gzip(pair(0).repeat(500).as_bytes());
    broken.truncate(broken.len() / 2);
    env.write("r/logs/app.gz", &broken);
    git(&env, "r", &["add", "logs/app.gz"]);
    let report = env.run(&["history", "r", "--format", "json"]).json();
    let what = report["incomplete"][0]["what"].as_str().unwrap();
    assert!(what.starts_with("logs/app.gz (object "), "{what}");
}

#[test]
fn all_formats_judge_alike() {
    // What HEAD has at another place, what it has no more, what it never had, what no tree can have, what nothing names.
    let (elsewhere, gone) = ("still in HEAD at another place", "not in HEAD any more, but in the history");
    let never = "not in HEAD, but in the history";
    let lost = "no ref reaches it, but git still holds it";
    for (steps, human, sarif, overview) in [
        (&["mv"][..], elsewhere, "still in HEAD at another place", "1 still in the files of HEAD"),
        (&["rm"], gone, "not in HEAD any more but still in the history", "1 in the history only"),
        (&["side"], never, "not in HEAD but still in the history", "1 in the history only"),
        (&["lose"], lost, "in an object that no ref reaches", "1 not reached by any ref, but still stored"),
        (&["say"], "", "", "1 in the history only"),
    ] {
        let env = new();
        env.write("r/a", "a");
        commit(&env, "r", 1_700_000_000, "start");
        let step = steps[0];
        if step == "side" {
            git(&env, "r", &["switch", "--quiet", "--create", "side"]);
        }
        if step == "say" {
            commit(&env, "r", 1_700_000_100, &pair(0));
        } else {
            env.write("r/x.ini", pair(0));
            commit(&env, "r", 1_700_000_100, "leak");
        }
        match step {
            "mv" => drop(git(&env, "r", &["mv", "x.ini", "y.ini"])),
            "rm" => drop(git(&env, "r", &["rm", "--quiet", "x.ini"])),
            "side" => drop(git(&env, "r", &["switch", "--quiet", "main"])),
            "lose" => drop(git(&env, "r", &["reset", "--quiet", "--hard", "HEAD^"])),
            _ => {}
        }
        commit(&env, "r", 1_700_000_200, "later");
        let text = env.run(&["history", "r"]).stdout;
        let says = |words: &&str| text.contains(&format!("\n     {words}"));
        let said: Vec<_> = [elsewhere, gone, never, lost].iter().filter(|w| says(w)).copied().collect();
        assert_eq!(said, if human.is_empty() { vec![] } else { vec![human] }, "{step}: {text}");
        let (sentence, line) = words(&env, "history");
        assert_eq!(line, format!("overview: {overview}"), "{step}");
        let tail = sentence.split(", introduced by commit ").nth(1).unwrap_or_default();
        let tail = tail.split_once(", ").map_or("", |(_, tail)| tail);
        assert_eq!(tail, sarif, "{step}: {sentence}");
    }
}

#[test]
fn the_overview_speaks_of_one_commit() {
    // The id came first, by somebody else, at another place.
    let env = new();
    env.write("r/README", format!("The key is {}.\n", id(0)));
    git(&env, "r", &["add", "--all"]);
    git_at(&env, "r", 1_500_000_000, &["commit", "--quiet", "--author=Bob <b@e>", "-m", "the id"]);
    env.write("r/k.ini", pair(0));
    commit(&env, "r", 1_600_000_000, "the secret");
    let text = env.run(&["history", "r"]).stdout;
    let line = text.lines().skip_while(|line| !line.starts_with("overview:")).nth(1).unwrap();
    assert!(line.contains("in k.ini and 1 more place, since 2020-09-13 by Ann"), "{line}");
    // What still stands at the tip of another branch was not removed.
    git(&env, "r", &["switch", "--quiet", "--create", "side"]);
    git(&env, "r", &["switch", "--quiet", "--orphan", "other"]);
    env.write("r/copy.ini", pair(0));
    commit(&env, "r", 1_700_000_000, "the same elsewhere");
    git(&env, "r", &["switch", "--quiet", "main"]);
    git(&env, "r", &["rm", "--quiet", "k.ini", "README"]);
    commit(&env, "r", 1_800_000_000, "clean");
    let text = env.run(&["history", "r"]).stdout;
    let line = text.lines().skip_while(|line| !line.starts_with("overview:")).nth(1).unwrap();
    assert!(line.ends_with("; in the history"), "{line}");
    git(&env, "r", &["branch", "--quiet", "-D", "other"]);
    git(&env, "r", &["reflog", "expire", "--expire=all", "--all"]);
    git(&env, "r", &["gc", "--quiet", "--prune=now"]);
    let text = env.run(&["history", "r"]).stdout;
    let line = text.lines().skip_while(|line| !line.starts_with("overview:")).nth(1).unwrap();
    assert!(line.ends_with("; removed 2027-01-15, still in the history"), "{line}");
}

#[test]
fn a_clone_cut_at_one_commit_says_so() {
    let env = new();
    for n in 0..3 {
        env.write("r/a", n.to_string());
        commit(&env, "r", 1_700_000_000 + n, "more");
    }
    let url = format!("file://{}", env.path("r").display());
    git(&env, ".", &["clone", "--quiet", "--depth=1", &url, "cut"]);
    let run = env.run(&["history", "cut"]);
    assert!(run.stdout.contains("it was cut by a shallow clone, at 1 commit ("), "{}", run.stdout);
}

#[test]
fn a_blob_that_was_searched_as_a_file_is_not_called_unread() {
    let env = new();
    let large = format!("{}\n{}", ".".repeat(5_000), pair(0));
    env.write("r/same.txt", &large);
    env.write("r/changed.txt", large.replace('.', ","));
    env.write("r/ignored.txt", large.replace('.', ":"));
    commit(&env, "r", 1_700_000_000, "large");
    env.write("r/changed.txt", "small\n");
    env.write("r/.gitignore", "ignored.txt\n");
    let run = env.run(&["audit", "r", "--max-blob-size", "4k", "--format", "json"]);
    let report = run.json();
    assert_eq!((run.status, &report["scan"]["state"]), (1, &"complete".into()));
    let entry = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        (
            text("what").split(' ').next().unwrap().to_owned(),
            text("reason").split(": ").nth(1).unwrap().to_owned(),
        )
    };
    let mut left_out: Vec<_> = report["left_out"].as_array().unwrap().iter().map(entry).collect();
    left_out.sort();
    let not = "not searched".to_owned();
    let expected = [
        ("changed.txt".into(), not),
        ("ignored.txt".into(), "searched as a file of the work tree alone".into()),
        ("same.txt".into(), "searched as a file of the work tree alone".into()),
    ];
    assert_eq!(left_out, expected);
    assert_eq!(
        places(&report["findings"][0]),
        own(&[("file", "ignored.txt", true), ("file", "same.txt", true)])
    );
    assert_eq!(report["findings"][0]["in_head"], true);
    let text = env.run(&["audit", "r", "--max-blob-size", "4k"]).stdout;
    assert!(text.contains("overview: 1 still in the files of HEAD"), "{text}");
    assert!(!text.contains("left out on purpose, and not searched"), "{text}");
    // The history alone does not read files.
    let report = env.run(&["history", "r", "--max-blob-size", "4k", "--format", "json"]).json();
    let reasons = report["left_out"].as_array().unwrap().iter().map(|e| e["reason"].as_str().unwrap());
    assert!(reasons.clone().count() == 3 && reasons.clone().all(|r| r.ends_with("not searched")), "{report}");
}

#[cfg(unix)]
#[test]
fn a_table_has_the_bytes_of_every_path() {
    use std::os::unix::ffi::OsStrExt as _;
    let env = new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.ini");
    fs::write(env.path("r").join(name), pair(0)).unwrap();
    env.write("r/plain.ini", pair(1));
    commit(&env, "r", 1_700_000_000, "two");
    let report = env.run(&["history", "r", "--format", "csv"]).stdout;
    let rows: Vec<Vec<&str>> = report.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|cell| *cell == name).unwrap();
    assert!(column("member") < column("path_bytes"), "columns stay where they were");
    let cells: Vec<_> =
        rows[1..].iter().map(|row| (row[column("path")], row[column("path_bytes")])).collect();
    assert_eq!(cells, [("caf\u{fffd}.ini", "Y2Fm6S5pbmk="), ("plain.ini", "")]);
}

/// What git tells pre-push of these refs, all of them new.
fn pushed(repo: &Repo<'_>, refs: &[&str]) -> String {
    let line = |name: &&str| {
        let id = repo.git(&["rev-parse", name]);
        format!("{name} {} {name} {}\n", id.trim(), "0".repeat(40))
    };
    refs.iter().map(line).collect()
}

fn pre_push(env: &TestEnv, repo: &Repo<'_>, refs: &[&str]) -> crate::support::Run {
    let mut command = env.command(&["hook", "run", "pre-push", "origin", "url"]);
    command.current_dir(repo.path(""));
    run_with_stdin(command, pushed(repo, refs).as_bytes())
}

#[test]
fn notes_that_are_pushed_are_notes() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a", "a");
    let about = repo.commit("start");
    repo.git(&["notes", "add", "-m", &pair(0)]);
    let run = pre_push(&env, &repo, &["refs/notes/commits"]);
    assert_eq!(run.status, 1);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains(&format!("  note on {}, commit ", &about[..12])), "{said}");
    assert!(said.contains("git update-ref refs/notes/NAME COMMIT^"), "{said}");
    let run = repo.keyhound(&["history", "--range", "refs/notes/commits", "--format", "json"]);
    let range = &run.json()["findings"][0];
    let history = &repo.keyhound(&["history", "--format", "json"]).json()["findings"][0];
    for field in ["where", "path", "note_on", "named_by", "line", "commit"] {
        assert_eq!(range[field], history[field], "{field}");
    }
    assert_eq!((&range["where"], &range["note_on"]), (&"note".into(), &about.into()));
}

#[test]
fn branches_that_go_out_together_decide_each_about_its_own() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("README", "text\n");
    repo.commit("start");
    let branch = |name: &str, n: usize, allows: bool| {
        repo.git(&["switch", "--quiet", "--create", name, "main"]);
        repo.stage(&format!("{name}.ini"), pair(n));
        if allows {
            let config = format!("[[allow]]\nreason = 'made up'\npaths = ['{name}.ini', 'strict.ini']\n");
            repo.stage(".keyhound.toml", config);
        }
        repo.commit(name);
    };
    branch("one", 0, true);
    branch("two", 1, true);
    branch("strict", 2, false);
    let refs = |names: &[&str]| names.iter().map(|name| format!("refs/heads/{name}")).collect::<Vec<_>>();
    let push = |names: &[&str]| {
        let refs = refs(names);
        pre_push(&env, &repo, &refs.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for name in ["one", "two"] {
        let run = push(&[name]);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{name}");
    }
    let both = push(&["one", "two"]);
    assert_eq!(both.status, 0, "{}", both.stderr);
    assert_eq!(both.stderr.matches('\n').count(), 1, "one line says that they differ: {}", both.stderr);
    assert!(
        both.stderr.contains(".keyhound.toml is not the same in all of these branches"),
        "{}",
        both.stderr
    );
    // What one allows is not allowed in another.
    let all = push(&["one", "strict", "two"]);
    assert_eq!(all.status, 1);
    let said = format!("{}{}", all.stdout, all.stderr);
    assert!(
        said.contains("strict.ini:1") && !said.contains("one.ini") && !said.contains("two.ini"),
        "{said}"
    );
    // A commit that two of them have goes out with the one that allows it.
    repo.git(&["switch", "--quiet", "--create", "late", "strict"]);
    repo.stage(".keyhound.toml", "[[allow]]\nreason = 'late'\npaths = ['strict.ini']\n");
    repo.commit("late");
    let run = push(&["late", "strict"]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(push(&["strict"]).status, 1);
}

#[test]
fn the_empty_tree_need_not_be_stored() {
    for format in ["sha1", "sha256"] {
        let env = TestEnv::new();
        git(&env, ".", &["init", "--quiet", &format!("--object-format={format}"), "r"]);
        let tree = git(&env, "r", &["hash-object", "-t", "tree", "/dev/null"]);
        let commit = git(&env, "r", &["commit-tree", "-m", "nothing yet", tree.trim()]);
        git(&env, "r", &["update-ref", "HEAD", commit.trim()]);
        assert!(!env.path("r/.git/objects").join(&tree[..2]).exists(), "git knows it");
        git(&env, "r", &["tag", "empty", tree.trim()]);
        let run = env.run(&["history", "r"]);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{}", run.stdout);
    }
}

#[test]
fn a_submodule_that_keeps_its_own_repository_is_read() {
    let env = new();
    env.write("r/libs/x/a.ini", pair(0));
    git(&env, "r/libs/x", &["init", "--quiet", "--initial-branch=main"]);
    commit(&env, "r/libs/x", 1_700_000_000, "leak");
    env.write("r/libs/x/deep/b.ini", pair(1));
    git(&env, "r/libs/x/deep", &["init", "--quiet", "--initial-branch=main"]);
    commit(&env, "r/libs/x/deep", 1_700_000_000, "leak");
    for (folder, file) in [("r/libs/x/deep", "b.ini"), ("r/libs/x", "a.ini")] {
        git(&env, folder, &["rm", "--quiet", file]);
        env.write(&format!("{folder}/README"), "text\n");
        commit(&env, folder, 1_700_000_100, "clean");
    }
    commit(&env, "r", 1_700_000_200, "add the library");
    env.write("r/libs/x/.git/hooks/pre-push", pair(2));
    let run = env.run(&["audit", "r", "--format", "json"]);
    let report = run.json();
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| ["key_id", "path", "named_by"].map(|field| f[field].as_str().unwrap_or("-").to_owned()))
        .collect();
    let expected = [
        [id(0), "libs/x/a.ini".into(), "submodule libs/x".into()],
        [id(1), "libs/x/deep/b.ini".into(), "submodule libs/x/deep".into()],
        [id(2), "libs/x/.git/hooks/pre-push".into(), "-".into()],
    ];
    assert_eq!(found, expected, "{}", run.stderr);
}

#[test]
fn what_only_a_named_tree_leads_to_is_missed_too() {
    let env = new();
    env.write("r/kept", "kept");
    commit(&env, "r", 1_700_000_000, "start");
    env.write("r/Über.txt", "gone");
    let blob = git(&env, "r", &["hash-object", "-w", "Über.txt"]);
    let listing = format!("100644 blob {}\tÜber.txt\n", blob.trim());
    let mut mktree = Command::new("git");
    mktree.arg("mktree").current_dir(env.path("r"));
    let tree = run_with_stdin(mktree, listing.as_bytes());
    git(&env, "r", &["tag", "listing", tree.stdout.trim()]);
    assert_eq!(env.run(&["history", "r"]).status, 0);
    fs::remove_file(env.path(&format!("r/.git/objects/{}/{}", &blob[..2], blob[2..].trim()))).unwrap();
    let run = env.run(&["history", "r", "--format", "json"]);
    let report = run.json();
    assert_eq!(run.status, 2);
    assert_eq!(report["incomplete"].as_array().unwrap().len(), 1, "{}", report["incomplete"]);
    assert_eq!(report["incomplete"][0]["reason"], "missing: Über.txt of a tree that a ref names");
}

#[test]
fn a_long_list_of_shallow_boundaries_is_read() {
    let env = new();
    for n in 0..3 {
        env.write("r/a", n.to_string());
        commit(&env, "r", 1_700_000_000 + n, "more");
    }
    let url = format!("file://{}", env.path("r").display());
    git(&env, ".", &["clone", "--quiet", "--depth", "1", &url, "s"]);
    let mut list = fs::read_to_string(env.path("s/.git/shallow")).unwrap();
    list.extend((0..30_000).map(|n| format!("{n:040x}\n")));
    env.write("s/.git/shallow", list);
    let report = env.run(&["history", "s", "--format", "json"]).json();
    assert_eq!(report["incomplete"].as_array().unwrap().len(), 1, "{}", report["incomplete"]);
    assert_eq!(report["incomplete"][0]["reason"], "it was cut by a shallow clone, at 1 commit");
}

/// What begins like an archive and is none is text, whichever way it is read.
#[test]
fn text_that_begins_like_an_archive_is_text_to_every_command() {
    let env = new();
    let small = format!("!<arch>\n{}", pair(0));
    let large = format!("!<arch>\n{}{}", "text\n".repeat(100_000), pair(1));
    env.write("r/small.txt", &small);
    env.write("r/large.txt", &large);
    git(&env, "r", &["add", "--all"]);
    let ids = |args: &[&str]| {
        let report = env.command(args).current_dir(env.path("r")).output().unwrap();
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        let mut ids: Vec<String> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["key_id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let mut both = [id(0), id(1)];
    both.sort();
    assert_eq!(ids(&["files", "--format", "json"]), both);
    assert_eq!(ids(&["staged", "--format", "json"]), both);
    commit(&env, "r", 1_700_000_000, "both");
    assert_eq!(ids(&["history", "--format", "json"]), both);
    git(&env, "r", &["gc", "--quiet"]);
    assert_eq!(ids(&["history", "--format", "json"]), both);
    assert_eq!(ids(&["history", "--format", "json", "--range", "HEAD"]), both);
}

/// A pipe where git keeps a file must not make a scan wait for ever.
#[cfg(unix)]
#[test]
fn pipes_in_the_git_folder_are_not_opened() {
    let env = new();
    env.write("r/a.ini", pair(0));
    commit(&env, "r", 1_700_000_000, "leak");
    git(&env, "r", &["branch", "other"]);
    for file in ["index", "shallow", "packed-refs", "refs/heads/other", "objects/info/alternates"] {
        let path = env.path(&format!("r/.git/{file}"));
        let kept = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        for command in [&["history"][..], &["audit"], &["staged"], &["history", "--range", "other"]] {
            let run = env.command(command).current_dir(env.path("r")).output().unwrap();
            assert!(run.status.code().is_some(), "{file} {command:?}");
        }
        fs::remove_file(&path).unwrap();
        if let Some(kept) = kept {
            fs::write(&path, kept).unwrap();
        }
    }
}

#[test]
fn findings_beyond_the_limit_of_a_file_are_counted() {
    const IDS: u128 = 100_003;
    let env = new();
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let id = |n: u128| -> String {
        let mixed = (n + 1) * 0x9E37_79B9_7F4A_7C15_F39D;
        (0..16).map(|place| char::from(digits[(mixed >> (5 * place)) as usize % 32])).collect()
    };
    let list: Vec<String> = (0..IDS).map(|n| format!("AKIA{}\n", id(n))).collect();
    let list = list.concat();
    let digest = "5f".repeat(32);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 9\n");
    env.write("r/list.txt", pointer);
    env.write(&format!("r/.git/lfs/objects/5f/5f/{digest}"), &list);
    commit(&env, "r", 1_700_000_000, "list");
    env.write("list.txt", list);
    for args in [&["files", "list.txt"][..], &["history", "r"]] {
        let run = env.run(&[args, &["--quiet", "--format", "csv"]].concat());
        assert_eq!(run.status, 2, "{args:?}");
        let places = run.stderr.matches("3 more findings are not listed: 100000 are kept").count();
        assert_eq!(places, 1, "{args:?}: {}", run.stderr);
    }
}
