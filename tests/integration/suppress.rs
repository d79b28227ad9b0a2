//! What suppresses findings, through the real program: words in texts, the configuration, the baseline.

use std::fs;
use std::process::Command;

use crate::samples::Pack;
use crate::support::git::Repo;
use crate::support::{TestEnv, id, pair, secret};

fn git(env: &TestEnv, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(env.path(""))
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", env.path("no-config"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Path and kind of suppression of each finding.
fn kinds(env: &TestEnv, args: &[&str]) -> Vec<(String, String)> {
    let run = env.run(&[args, &["--format", "json"]].concat());
    assert!(run.status != 2, "{}", run.stderr);
    let document = run.json();
    let findings = document["findings"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let all: Vec<_> = findings.iter().map(|f| (text(&f["path"]), text(&f["suppression"]["kind"]))).collect();
    let counts = all.iter().any(|(_, kind)| kind == "-");
    assert_eq!(run.status, i32::from(counts), "{all:?}");
    all
}

fn own(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(path, kind)| ((*path).to_owned(), (*kind).to_owned())).collect()
}

#[test]
fn a_word_in_the_text_allows_a_finding() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0).replace('\n', " # keyhound:allow made up\n"));
    env.write("b.ini", format!("# keyhound:allow\n{}", pair(1)));
    env.write("c.ini", format!("# keyhound:allow\n\n{}", pair(2)));
    assert_eq!(kinds(&env, &["files"]), own(&[("a.ini", "inline"), ("b.ini", "inline"), ("c.ini", "-")]));
    let human = env.run(&["files"]);
    assert!(human.stdout.contains("; 2 suppressed"), "{}", human.stdout);
    let reason = &env.run(&["files", "--format", "json"]).json()["findings"][0]["suppression"]["reason"];
    assert_eq!(reason, "made up");
    assert_eq!(kinds(&env, &["files", "--no-suppress"]).iter().filter(|(_, kind)| kind == "-").count(), 3);
}

#[test]
fn the_configuration_of_the_work_tree_is_used_from_any_folder() {
    let env = TestEnv::new();
    git(&env, &["init", "-q"]);
    env.write("tests/fake/a.ini", pair(0));
    env.write("src/a.ini", pair(1));
    env.write(".keyhound.toml", "[[allow]]\nreason = 'made up'\npaths = ['tests/fake']\n");
    let found = own(&[("src/a.ini", "-"), ("tests/fake/a.ini", "config")]);
    assert_eq!(kinds(&env, &["files"]), found);
    let inside = env.command(&["files", "--quiet", "."]).current_dir(env.path("tests")).output().unwrap();
    assert_eq!(inside.status.code(), Some(0));
    // Only a scan of the whole work tree knows what is of no use.
    env.write(".keyhound.toml", "\n[[allow]]\nreason = 'old'\npaths = ['gone']\n");
    let unused = |args: &[&str]| {
        let run = env.run(&[args, &["--format", "json"]].concat());
        run.json()["unused_suppressions"].as_array().unwrap().len()
    };
    assert_eq!([unused(&["files"]), unused(&["files", "src"])], [1, 0]);
    assert!(env.run(&["files"]).stdout.contains(
        "suppression: matches nothing in the files (the history was not looked at): [[allow]] at .keyhound.toml:2 (old)"
    ));
    env.write("other.toml", "[rules.aws-access-key]\nenabled = false\n");
    assert_eq!(env.run(&["files", "--config", "other.toml"]).status, 0);
}

#[test]
fn a_broken_file_is_an_error_and_no_empty_list() {
    let env = TestEnv::new();
    git(&env, &["init", "-q"]);
    env.write("a.txt", "nothing");
    for name in [".keyhound.toml", ".keyhound-baseline.toml"] {
        for content in ["[[allow]\n", "unknown = 1\n", "\u{0}"] {
            env.write(name, content);
            let run = env.run(&["files"]);
            assert_eq!(run.status, 2, "{name}: {content}");
            assert!(run.stderr.starts_with(&format!("keyhound: {name}:1: ")), "{}", run.stderr);
        }
        fs::remove_file(env.path(name)).unwrap();
    }
    for option in ["--config", "--baseline"] {
        assert_eq!(env.run(&["files", option, "missing.toml"]).status, 2);
    }
}

#[test]
fn a_baseline_survives_what_happens_to_files() {
    let env = TestEnv::new();
    git(&env, &["init", "-q"]);
    env.write("a.ini", pair(0));
    env.write("b.ini", pair(1));
    env.write("c.ini", format!("# keyhound:allow\n{}", pair(2)));
    let create = ["baseline", "create", "--reason", "rotated", "--author", "Ada", "--expires", "2999-01-31"];
    let run = env.run(&create);
    assert_eq!((run.status, &*run.stdout), (0, ""), "{}", run.stderr);
    let text = fs::read_to_string(env.path(".keyhound-baseline.toml")).unwrap();
    assert_eq!(text.matches("\n  { fingerprint = \"kh1-").count(), 2, "{text}");
    assert!(text.contains("reason = \"rotated\"") && text.contains("expires = 2999-01-31"), "{text}");
    for n in 0..2 {
        assert!(!text.contains(&secret(n)[..8]) && !text.contains(&id(n)[..12]), "{text}");
    }
    assert!(!text.contains(".ini"), "{text}");
    assert_eq!(env.run(&create).status, 2, "it is not replaced unasked");

    // Moved lines, renames, a new one.
    fs::remove_file(env.path("a.ini")).unwrap();
    env.write("deep/other.txt", format!("\n\n\n{}", pair(0)));
    env.write("d.ini", pair(3));
    let found = [("b.ini", "baseline"), ("c.ini", "inline"), ("d.ini", "-"), ("deep/other.txt", "baseline")];
    assert_eq!(kinds(&env, &["files"]), own(&found));

    assert_eq!(env.run(&["baseline", "update"]).status, 0);
    let text = fs::read_to_string(env.path(".keyhound-baseline.toml")).unwrap();
    assert_eq!((text.matches("reason = \"rotated\"").count(), text.matches("reason = \"\"").count()), (2, 1));
    assert_eq!(env.run(&["files"]).status, 0);

    fs::remove_file(env.path("b.ini")).unwrap();
    assert!(
        env.run(&["files"])
            .stdout
            .contains("1 of 3 entries of .keyhound-baseline.toml match nothing in the files")
    );
    assert!(env.run(&["history"]).stdout.contains("matches nothing in the history: kh1-"));
    assert_eq!(env.run(&["baseline", "prune"]).status, 0);
    let text = fs::read_to_string(env.path(".keyhound-baseline.toml")).unwrap();
    assert_eq!(text.matches("kh1-").count(), 2, "{text}");
    assert!(!env.run(&["files"]).stdout.contains("match nothing"));

    // The same from a report.
    let report = env.run(&["files", "--format", "json"]).stdout;
    let from =
        env.run_with_stdin(&["baseline", "create", "--from", "-", "--baseline", "n.toml"], report.as_bytes());
    assert_eq!(from.status, 0, "{}", from.stderr);
    let again = fs::read_to_string(env.path("n.toml")).unwrap();
    let prints = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect()
    };
    assert_eq!(prints(&again), prints(&text));
    let broken = env.run_with_stdin(&["baseline", "update", "--from", "-"], b"{}");
    assert_eq!(broken.status, 2);
    assert_eq!(fs::read_to_string(env.path(".keyhound-baseline.toml")).unwrap(), text, "it stays as it was");
}

#[test]
fn an_entry_is_pruned_when_the_whole_repository_has_it_no_more() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.write("old/a.ini", pair(0));
    repo.git(&["add", "-A"]);
    repo.commit("old");
    repo.git(&["rm", "-q", "old/a.ini"]);
    repo.write("src/b.ini", pair(1));
    repo.write("c.ini", pair(2));
    repo.git(&["add", "src"]);
    repo.commit("new");
    let report = env.run(&["audit", "r", "--format", "json", "-o", "all.json"]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    let run = |args: &[&str]| env.command(args).current_dir(env.path("r")).output().unwrap();
    let entries = || {
        let text = fs::read_to_string(env.path("r/.keyhound-baseline.toml")).unwrap();
        text.matches("fingerprint = ").count()
    };
    assert!(run(&["baseline", "create", "--from", "../all.json", "--reason", "old"]).status.success());
    assert_eq!(entries(), 3);
    for folder in [".", "src"] {
        assert!(run(&["baseline", "prune", folder]).status.success());
        assert_eq!(entries(), 3, "the history and other folders count");
    }
    fs::remove_file(env.path("r/c.ini")).unwrap();
    assert!(run(&["baseline", "prune"]).status.success());
    assert_eq!(entries(), 2);
    repo.git(&["rm", "-q", "src/b.ini"]);
    let report = env.run(&["files", "r", "--format", "json", "-o", "files.json"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert!(run(&["baseline", "prune", "--from", "../files.json"]).status.success());
    assert_eq!(entries(), 0, "reports decide where they are given");
}

#[test]
fn a_baseline_is_written_where_it_is_read_or_nowhere() {
    let env = TestEnv::new();
    env.write("plain/a.ini", pair(0));
    Repo::init(&env, "r", &[]);
    Repo::init(&env, "s", &[]);
    for paths in [&["plain"][..], &["r", "s"], &["r", "plain"]] {
        let run = env.run(&[&["baseline", "create"], paths].concat());
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains("--baseline"), "{}", run.stderr);
    }
    for place in ["", "plain/", "r/"] {
        assert!(!env.path(&format!("{place}.keyhound-baseline.toml")).exists());
    }
    let named = ["--baseline", "known.toml"];
    assert_eq!(env.run(&[&["baseline", "create", "plain"][..], &named].concat()).status, 0);
    assert_eq!(env.run(&[&["files", "plain"][..], &named].concat()).status, 0);
}

#[test]
fn an_incomplete_report_makes_a_baseline_only_if_asked() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    env.write("b.ini", format!("# keyhound:allow\n{}", pair(1)));
    env.write("c.txt", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n");
    let packed = Pack::Gzip.pack(&[("", "nothing here\n".repeat(99).as_bytes())]);
    env.write("cut.gz", &packed[..packed.len() - 12]);
    let report = env.run(&["files", "--show-info", "--format", "json", "-o", "all.json"]);
    assert_eq!(report.status, 2, "{}", report.stderr);
    let create = ["baseline", "create", "--from", "all.json", "--baseline", "known.toml"];
    let run = env.run(&create);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("incomplete"), "{}", run.stderr);
    assert_eq!(env.run(&[&create[..], &["--allow-incomplete"]].concat()).status, 0);
    let text = fs::read_to_string(env.path("known.toml")).unwrap();
    assert_eq!(text.matches("fingerprint = ").count(), 1, "neither the allowed one nor the example: {text}");
}

#[test]
fn a_folder_with_an_exclamation_mark_in_its_name_is_no_archive() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    let zip = |n: usize| Pack::Zip.pack(&[("in/a.ini", pair(n).as_bytes())]);
    repo.stage("tests/a.ini", pair(0));
    repo.stage("tests!prod/a.ini", pair(1));
    repo.stage("tests!prod/b.zip", zip(2));
    repo.stage("keys.zip", zip(3));
    repo.stage(".keyhound.toml", "[[allow]]\nreason = 'fake'\npaths = ['tests', '*.zip']\n");
    let expected = own(&[
        ("keys.zip!in/a.ini", "config"),
        ("tests!prod/a.ini", "-"),
        ("tests!prod/b.zip!in/a.ini", "config"),
        ("tests/a.ini", "config"),
    ]);
    for (command, path) in [("files", "r/"), ("audit", "")] {
        let mut found = kinds(&env, &[command, "r"]);
        found.sort();
        let expected: Vec<_> =
            expected.iter().map(|(p, kind)| (format!("{path}{p}"), kind.clone())).collect();
        assert_eq!(found, expected, "{command}");
    }
    repo.stage(".keyhound.toml", "[[allow]]\nreason = 'fake'\npaths = ['tests', 'keys.zip']\n");
    let left: Vec<_> = kinds(&env, &["files", "r"]).into_iter().filter(|(_, kind)| kind == "-").collect();
    assert_eq!(left, own(&[("r/tests!prod/a.ini", "-"), ("r/tests!prod/b.zip!in/a.ini", "-")]));
    // Advice names the folder, too.
    let said = repo.keyhound(&["staged"]).stdout;
    assert!(said.contains("tests!prod/a.ini") && !said.contains(":/tests "), "{said}");
}

#[test]
fn what_a_scan_left_out_is_not_called_unused() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.stage("a.ini", pair(0));
    repo.commit("leak");
    repo.git(&["rm", "--quiet", "a.ini"]);
    repo.commit("gone");
    assert_eq!(env.run(&["audit", "r", "--format", "json", "-o", "all.json"]).status, 1);
    assert_eq!(repo.keyhound(&["baseline", "create", "--from", "../all.json", "--reason", "old"]).status, 0);
    let unused = |args: &[&str]| repo.keyhound(args).json()["unused_suppressions"].to_string();
    for (args, told) in [
        (&["audit"][..], false),
        (&["history"], false),
        (&["files"], true),
        (&["history", "--since", "2030-01-01"], false),
        (&["history", "--max-blob-size", "1"], false),
        (&["audit", "--refs", "refs/heads/none*"], false),
    ] {
        let told_of = unused(&[args, &["--format", "json"]].concat());
        assert!(!told_of.contains("kh1-"), "{args:?}: {told_of}");
        assert_eq!(told_of.contains("1 of 1 entries"), told, "{args:?}: {told_of}");
    }
}

#[test]
fn commits_are_judged_by_their_own_configuration() {
    let env = TestEnv::new();
    git(&env, &["init", "-q"]);
    env.write("README", "hello");
    git(&env, &["add", "-A"]);
    git(&env, &["commit", "-qm", "first"]);
    env.write("a.ini", pair(0));
    git(&env, &["add", "a.ini"]);
    // What lies in the work tree and is not staged decides nothing.
    env.write(".keyhound.toml", "[[allow]]\nreason = 'fake'\npaths = ['a.ini']\n");
    assert_eq!(kinds(&env, &["staged"]), own(&[("a.ini", "-")]));
    git(&env, &["add", "-A"]);
    assert_eq!(kinds(&env, &["staged"]), own(&[("a.ini", "config")]));
    assert_eq!(env.run(&["staged"]).status, 0);
    git(&env, &["commit", "-qm", "second"]);
    fs::remove_file(env.path(".keyhound.toml")).unwrap();
    assert_eq!(kinds(&env, &["history", "--range", "HEAD~1..HEAD"]), own(&[("a.ini", "config")]));
    assert_eq!(kinds(&env, &["history"]), own(&[("a.ini", "-")]));
}

#[test]
fn baselines_of_two_branches_merge() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage(".gitattributes", ".keyhound-baseline.toml merge=union\n");
    repo.commit("start");
    let add = |branch: &str, pairs: &[usize]| {
        repo.git(&["switch", "--quiet", "--create", branch, "main"]);
        for n in pairs {
            repo.write(&format!("{n}.ini"), pair(*n));
        }
        let update = repo.keyhound(&["baseline", "update", "--reason", branch]);
        assert_eq!(update.status, 0, "{}", update.stderr);
        repo.git(&["add", "--all"]);
        repo.commit(branch);
        fs::read_to_string(repo.path(".keyhound-baseline.toml")).unwrap()
    };
    let left = add("left", &[0, 1, 2]);
    let right = add("right", &[1, 3]);
    assert!(left.contains("author = \"Some One <one@example.org>\""), "whom git would name: {left}");
    let lines = |text: &str| text.lines().filter(|line| line.contains("kh1-")).count();
    assert_eq!((lines(&left), lines(&right)), (3, 2));
    repo.git(&["merge", "--quiet", "--no-edit", "left"]);
    let run = repo.keyhound(&["files", "--format", "json"]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    // What both had stands there once again after the next command.
    assert_eq!(repo.keyhound(&["baseline", "update"]).status, 0);
    let merged = fs::read_to_string(repo.path(".keyhound-baseline.toml")).unwrap();
    assert_eq!(lines(&merged), 4, "{merged}");
    let mut sorted: Vec<&str> = merged.lines().filter(|line| line.contains("kh1-")).collect();
    assert!(sorted.is_sorted(), "{merged}");
    sorted.dedup();
    assert_eq!(sorted.len(), 4);
}

/// What a link leads to is not known: a pipe or a device would be read for ever.
#[cfg(unix)]
#[test]
fn a_link_for_a_file_is_followed_to_a_file_or_refused() {
    use std::os::unix::fs::symlink;

    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.stage("a.ini", pair(0));
    repo.write("shared.toml", "[[allow]]\nreason = \"made up\"\npaths = [\"a.ini\"]\n");
    for name in [".keyhound.toml", ".keyhound-baseline.toml"] {
        symlink("/dev/zero", repo.path(name)).unwrap();
        for command in ["files", "audit"] {
            let run = repo.keyhound(&[command]);
            let told = run.stderr.contains(name) && run.stderr.contains("not a regular file");
            assert!(run.status == 2 && told, "{command}: {}", run.stderr);
        }
        fs::remove_file(repo.path(name)).unwrap();
    }
    symlink("shared.toml", repo.path(".keyhound.toml")).unwrap();
    assert_eq!(repo.keyhound(&["files", "a.ini"]).status, 0);
    repo.git(&["add", "--all"]);
    let staged = repo.keyhound(&["staged"]);
    repo.git(&["commit", "--quiet", "--no-verify", "--message", "link"]);
    for run in [staged, repo.keyhound(&["history", "--range", "HEAD"])] {
        assert_eq!(run.status, 2, "{}", run.stdout);
        assert!(
            run.stderr.contains(".keyhound.toml") && run.stderr.contains("symbolic link"),
            "{}",
            run.stderr
        );
    }
}

/// A scan of the whole puts the places of an id to its pair; others report them apart.
#[test]
fn a_baseline_keeps_what_one_scan_joins_and_another_does_not() {
    for (mark, pairs) in [("", 1_u8), (" # keyhound:allow made up", 0)] {
        let env = TestEnv::new();
        let repo = Repo::init(&env, "r", &[]);
        repo.stage("a.ini", pair(0).replace('\n', &format!("{mark}\n")));
        repo.stage("b.md", format!("the key is {}\n", id(0)));
        repo.commit("leak");
        assert_eq!(
            repo.keyhound(&["audit", "--format", "json", "-o", "../all.json"]).status,
            i32::from(pairs)
        );
        let entries = || {
            fs::read_to_string(repo.path(".keyhound-baseline.toml"))
                .unwrap()
                .matches("fingerprint = ")
                .count()
        };
        let create = ["baseline", "create", "--force", "--from", "../all.json"];
        for create in [&create[..3], &create] {
            for command in [create, &["baseline", "prune"]] {
                assert_eq!(repo.keyhound(command).status, 0);
                assert_eq!(entries(), usize::from(pairs) + 1, "{command:?}");
                for scan in ["files", "history", "audit"] {
                    let run = repo.keyhound(&[scan]);
                    let called_unused = run.stdout.contains("matches nothing");
                    assert_eq!((run.status, called_unused), (0, false), "{scan}: {}", run.stdout);
                }
            }
        }
        repo.git(&["rm", "--quiet", "b.md"]);
        repo.git(&["commit", "--quiet", "--amend", "--no-verify", "--message", "leak"]);
        repo.git(&["reflog", "expire", "--expire=now", "--all"]);
        repo.git(&["gc", "--quiet", "--prune=now"]);
        assert_eq!(repo.keyhound(&["baseline", "prune"]).status, 0);
        assert_eq!(entries(), usize::from(pairs), "the id stands nowhere but in its pair");
    }
}
