//! `keyhound history` and `keyhound audit` on repositories that git makes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use crate::support::git::{Repo, commit, git, git_at};
use crate::support::{Run, TestEnv, id, pair};

/// Four ids: 0 on main in 2023, 1 on a branch in 2024, 2 in a large file on main in 2024, 3 lost but for a reflog.
fn repository() -> TestEnv {
    let env = TestEnv::new();
    env.write("r/old.ini", pair(0));
    git(&env, "r", &["init", "--quiet", "--initial-branch=main"]);
    commit(&env, "r", 1_690_000_000, "old");
    git(&env, "r", &["switch", "--quiet", "--create", "side"]);
    env.write("r/side.ini", pair(1));
    commit(&env, "r", 1_710_000_000, "side");
    git(&env, "r", &["switch", "--quiet", "main"]);
    env.write("r/large.txt", format!("{}\n{}", ".".repeat(5_000), pair(2)));
    commit(&env, "r", 1_720_000_000, "large");
    env.write("r/lost.ini", pair(3));
    commit(&env, "r", 1_730_000_000, "lost");
    git(&env, "r", &["reset", "--quiet", "--hard", "HEAD^"]);
    env
}

/// The numbers of the ids that are found.
fn numbers(run: &Run) -> Vec<usize> {
    let report = run.json();
    let found = report["findings"].as_array().unwrap();
    let mut all: Vec<usize> =
        found.iter().map(|f| (0..4).find(|n| f["key_id"] == id(*n).as_str()).unwrap()).collect();
    all.sort_unstable();
    all
}

#[test]
fn options_choose_what_counts() {
    let env = repository();
    for (options, expected) in [
        (&[][..], &[0, 1, 2, 3][..]),
        (&["--reachable-only"], &[0, 1, 2]),
        (&["--refs", "refs/heads/main"], &[0, 2]),
        (&["--refs", "refs/heads/s*"], &[0, 1]),
        (&["--since", "2024-01-01"], &[1, 2, 3]),
        (&["--since", "2024-07-03T09:46:40Z", "--reachable-only"], &[2]),
        (&["--since", "2024-07-03T09:46:41Z", "--reachable-only"], &[]),
        (&["--max-blob-size", "5000"], &[0, 1, 3]),
        (&["--max-blob-size", "1M"], &[0, 1, 2, 3]),
        (&["--check-hashes"], &[0, 1, 2, 3]),
    ] {
        for command in ["history", "audit"] {
            // A bare repository has no files that an audit could find them in.
            let args = [&[command, "r/.git", "--format", "json"], options].concat();
            let run = env.run(&args);
            assert_eq!(run.status, i32::from(!expected.is_empty()), "{args:?}: {}", run.stderr);
            assert_eq!(numbers(&run), expected, "{args:?}");
        }
    }
}

#[test]
fn options_choose_from_the_history_and_not_from_the_files_as_they_are() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "w", &[]);
    repo.stage("old.ini", id(0));
    repo.commit("one");
    repo.write("new.ini", id(1));
    for option in [&["--since", "2090-01-01"][..], &["--refs", "refs/heads/main"]] {
        let found = |command: &str| {
            let run = repo.keyhound(&[&[command, "--format", "json"], option].concat());
            (run.status, numbers(&run))
        };
        assert_eq!(found("audit"), (1, vec![0, 1]), "{option:?}");
        let in_commits = if option[0] == "--since" { (0, vec![]) } else { (1, vec![0]) };
        assert_eq!(found("history"), in_commits, "{option:?}");
    }
    let help = env.run(&["audit", "--help"]).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("What its files hold now is reported whatever --refs, --reachable-only"), "{help}");
}

#[test]
fn a_pattern_that_no_ref_has_is_no_clean_bill() {
    let env = repository();
    for pattern in ["heads/main", "refs/tags/*"] {
        let run = env.run(&["history", "r", "--format", "json", "--refs", pattern]);
        assert_eq!((run.status, numbers(&run)), (2, vec![]), "{}", run.stderr);
        assert!(run.stderr.contains(pattern) && run.stderr.contains("refs/heads/main"), "{}", run.stderr);
    }
}

#[test]
fn a_pair_is_where_its_secret_is() {
    let env = TestEnv::new();
    git(&env, ".", &["init", "--quiet", "--initial-branch=main", "r"]);
    let (key, only_id) = (pair(1), format!("aws_access_key_id = {}\n", id(1)));
    env.write("r/k.ini", &only_id);
    env.write("r/README", format!("The key is {}.\n", id(1)));
    commit(&env, "r", 1_700_000_000, "the id");
    env.write("r/k.ini", &key);
    commit(&env, "r", 1_710_000_000, "the secret");
    env.write("r/k.ini", &only_id);
    commit(&env, "r", 1_720_000_000, "the id again");
    let gone = git(&env, "r", &["rev-parse", "HEAD"]);

    let run = env.run(&["history", "r", "--format", "json"]);
    let report = run.json();
    let location = &report["findings"][0];
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!((&location["path"], &location["in_head"]), (&"k.ini".into(), &false.into()));
    assert_eq!(location["removed"].as_str(), Some(gone.trim()), "{location}");
    // Where the id alone stands, it stands still.
    let others = report["findings"][0]["other_locations"].as_array().unwrap();
    let readme = others.iter().find(|l| l["path"] == "README").unwrap();
    assert_eq!(readme["in_head"], true);
    let text = env.run(&["history", "r"]).stdout;
    assert!(text.contains("overview: 1 in the history only"), "{text}");

    // A file that moved: its old place is gone, and the credential is not.
    env.write("r/k.ini", &key);
    commit(&env, "r", 1_730_000_000, "and back");
    git(&env, "r", &["mv", "k.ini", "keys.ini"]);
    commit(&env, "r", 1_740_000_000, "moved");
    let text = env.run(&["history", "r"]).stdout;
    assert!(text.contains("still in HEAD at another place; removed from this one by commit"), "{text}");
    assert!(text.contains("overview: 1 still in the files of HEAD"), "{text}");
}

#[test]
fn what_no_tree_holds_was_not_removed() {
    let env = TestEnv::new();
    git(&env, ".", &["init", "--quiet", "--initial-branch=main", "r"]);
    env.write("r/a.txt", "a");
    commit(&env, "r", 1_700_000_000, &format!("say it\n\n{}", pair(1)));
    let text = env.run(&["history", "r"]).stdout;
    assert!(text.contains(&id(1)) && !text.contains("not in HEAD"), "{text}");
}

#[test]
fn a_lost_head_keeps_nothing_from_being_read() {
    let env = repository();
    let head = git(&env, "r", &["rev-parse", "HEAD"]);
    let head = head.trim();
    fs::remove_file(env.path("r/.git/objects").join(&head[..2]).join(&head[2..])).unwrap();
    for command in ["history", "audit"] {
        // Of a bare repository the configuration stands in HEAD.
        let run = env.run(&[command, "r/.git", "--format", "json"]);
        assert_eq!((run.status, numbers(&run)), (2, vec![0, 1, 2, 3]), "{}", run.stderr);
        assert!(run.stderr.contains(head), "{}", run.stderr);
    }
}

#[test]
fn what_is_too_large_is_listed_and_does_not_make_a_scan_incomplete() {
    let env = repository();
    let blob = git(&env, "r", &["rev-parse", "HEAD:large.txt"]);
    let run = env.run(&["history", "r", "--format", "json", "--max-blob-size", "4k"]);
    let report = run.json();
    assert_eq!((run.status, &report["scan"]["state"]), (1, &"complete".into()));
    let left_out = report["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert_eq!(left_out[0]["what"], format!("large.txt (object {})", blob.trim()));
    assert!(left_out[0]["reason"].as_str().unwrap().contains("--max-blob-size"), "{left_out:?}");
}

#[test]
fn every_id_that_git_can_print_is_found() {
    let env = repository();
    git(&env, "r", &["repack", "-Adq", "--depth=5"]);
    for n in 0..3 {
        env.write(&format!("r/more{n}.txt"), format!("{}{}", "x\n".repeat(n * 40), pair(n)));
        commit(&env, "r", 1_740_000_000 + n as u64, &format!("ASIA{} too", &id(n)[4..]));
    }
    git(&env, "r", &["tag", "-a", "-m", &format!("see ASIA{}", &id(3)[4..]), "v1"]);
    let all = git(&env, "r", &["cat-file", "--batch-all-objects", "--unordered", "--batch"]);
    let printed = regex(&all);
    assert_eq!(printed.len(), 8);
    let report = env.run(&["history", "r", "--format", "json", "--show-info"]).json();
    let found = report["findings"].as_array().unwrap().iter();
    let found: BTreeSet<String> = found.filter_map(|f| f["key_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(found, printed);
}

/// Everything that looks like an id.
fn regex(text: &str) -> BTreeSet<String> {
    let is_id = |s: &&str| {
        (s.starts_with("AKIA") || s.starts_with("ASIA"))
            && s[4..].bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
    };
    let starts = (0..text.len()).filter_map(|i| text.get(i..i + 20));
    starts.filter(is_id).map(str::to_owned).collect()
}

#[test]
fn an_audit_sees_files_history_and_submodules() {
    let env = repository();
    env.write("lib/x.ini", pair(3));
    git(&env, "lib", &["init", "--quiet", "--initial-branch=main"]);
    commit(&env, "lib", 1_600_000_000, "lib");
    env.write("lib/x.ini", "clean\n");
    commit(&env, "lib", 1_610_000_000, "clean");
    git(&env, "r", &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../lib", "libs/x"]);
    commit(&env, "r", 1_740_000_000, "Add a library");
    git(&env, "r", &["reflog", "expire", "--expire=all", "--all"]);
    git(&env, "r", &["gc", "--quiet", "--prune=now"]);
    env.write("r/.env", format!("{}\n{}", "# local", pair(3)));
    let run = env.run(&["audit", "r", "--format", "json"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert_eq!(numbers(&run), [0, 1, 2, 3]);
    let report = run.json();
    let found = report["findings"].as_array().unwrap();
    let last = found.iter().find(|f| f["key_id"] == id(3).as_str()).unwrap();
    assert_eq!((&last["path"], &last["named_by"]), (&"libs/x/x.ini".into(), &"submodule libs/x".into()));
    assert_eq!(last["in_head"], false);
    let others = last["other_locations"].as_array().unwrap();
    assert_eq!(others.len(), 1, "{others:?}");
    assert_eq!((&others[0]["path"], &others[0]["where"]), (&".env".into(), &"file".into()));

    let text = env.run(&["audit", "r"]).stdout;
    let overview: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("overview:")).take(5).collect();
    assert_eq!(
        overview[0],
        "overview: 2 still in the files of HEAD, 1 in the work tree only, 1 in the history only"
    );
    let line = overview.iter().find(|l| l.contains(&id(3))).unwrap();
    assert!(line.contains("in libs/x/x.ini and 1 more place, since 2020-09-13 by Ann"), "{line}");
    assert!(line.ends_with("; in the work tree"), "{line}");
}

#[test]
fn what_git_ignores_is_audited_on_request() {
    let env = TestEnv::new();
    env.write("r/.gitignore", "*.secret\n");
    env.write("r/a.secret", pair(0));
    git(&env, "r", &["init", "--quiet"]);
    commit(&env, "r", 1_600_000_000, "start");
    let run = |args: &[&str]| env.run(&[args, &["r", "--format", "json"]].concat());
    assert_eq!(run(&["audit"]).places(), [""; 0]);
    assert_eq!(run(&["audit", "--no-ignore"]).places(), ["a.secret:1"]);
}

#[test]
fn a_url_is_cloned_scanned_and_removed() {
    let env = repository();
    fs::create_dir(env.path("tmp")).unwrap();
    let url = format!("file://{}", env.path("r").display());
    let run = |args: &[&str]| {
        let mut command = env.command(args);
        command.env("TMPDIR", env.path("tmp")).env("GIT_DIR", env.path("elsewhere"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        crate::support::finish(command.spawn().unwrap())
    };
    let left = || fs::read_dir(env.path("tmp")).unwrap().count();
    let done = run(&["audit", &url, "--format", "json"]);
    assert_eq!(numbers(&done), [0, 1, 2], "{}", done.stderr);
    assert_eq!((done.status, done.json()["scan"]["target"].as_str()), (1, Some(&*url)));
    assert_eq!(left(), 0);

    let kept = run(&["audit", &url, "--keep", "--format", "json"]);
    let path = kept.stderr.trim().strip_prefix("keyhound: the clone is ").unwrap();
    assert_eq!(left(), 1);
    assert_eq!(numbers(&env.run(&["history", path, "--format", "json"])), [0, 1, 2]);
    assert_eq!(run(&["audit", "r", "--keep"]).status, 2);
}

#[test]
fn no_url_runs_a_command_or_shows_a_password() {
    let env = TestEnv::new();
    let mark = env.path("ran");
    let ext = format!("ext::touch {}", mark.display());
    let upload = format!("--upload-pack=touch {}", mark.display());
    for args in [
        &["audit", &*ext][..],
        &["audit", "--", &*upload],
        &["audit", "http://127.0.0.1:9/r"],
        &["audit", "file://me:hunter2@/no/such/repository?hunter2"],
    ] {
        let run = env.run(args);
        assert_eq!(run.status, 2, "{args:?}");
        assert_eq!(run.stdout, "");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        assert!(!mark.exists(), "{args:?}");
    }
}

#[test]
fn what_is_not_read_is_named_by_its_path() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    let mut broken = crate::samples::gzip(pair(0).repeat(500).as_bytes());
    broken.truncate(broken.len() / 2);
    repo.stage("logs/old/app.gz", &broken);
    repo.stage("logs/fine.txt", "text\n");
    repo.commit("logs");
    let id = repo.git(&["rev-parse", "HEAD:logs/old/app.gz"]);
    repo.git(&["rm", "--quiet", "-r", "logs"]);
    repo.commit("gone");
    let run = repo.keyhound(&["history", "--format", "json"]);
    assert_eq!(run.status, 2, "{}", run.stderr);
    let report = run.json();
    assert_eq!(report["incomplete"][0]["what"], format!("logs/old/app.gz (object {})", id.trim()));
    assert_eq!(report["incomplete"].as_array().unwrap().len(), 1);
    assert!(run.stderr.contains("logs/old/app.gz"), "{}", run.stderr);
    assert_eq!(report["findings"][0]["path"], "logs/old/app.gz", "what could be read of it counts");
}

#[test]
fn a_date_counts_for_tags_too() {
    let env = TestEnv::new();
    env.write("r/a", "a");
    git(&env, "r", &["init", "--quiet", "--initial-branch=main"]);
    commit(&env, "r", 1_600_000_000, "start");
    git_at(&env, "r", 1_600_000_000, &["tag", "-a", "old", "-m", &pair(0)]);
    git_at(&env, "r", 1_700_000_000, &["tag", "-a", "new", "-m", &pair(1)]);
    let found = |since: &str| {
        let report = env.run(&["history", "r", "--format", "json", "--since", since]).json();
        let findings = report["findings"].as_array().unwrap().iter();
        let mut ids: Vec<_> = findings.map(|f| f["key_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut both = [id(0), id(1)];
    both.sort();
    assert_eq!(found("2020-01-01"), both);
    assert_eq!(found("2023-01-01"), [id(1)]);
    assert_eq!(found("2024-01-01"), [""; 0]);
}

#[test]
fn what_git_lfs_keeps_is_read_where_it_is_and_named_where_it_is_not() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    let digests = ["5f", "6e"].map(|byte| byte.repeat(32));
    for digest in &digests {
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 90\n");
        repo.stage(&format!("{}.bin", &digest[..2]), pointer);
    }
    repo.commit("in git-lfs");
    let scan = || repo.keyhound(&["history", "--format", "json"]);
    let left_out = |run: &Run| run.json()["left_out"].clone();
    let absent = |what: &str| {
        serde_json::json!([{
            "what": what,
            "reason": "not in this clone, so not searched",
            "help": "`git lfs fetch --all` fetches them",
        }])
    };
    assert_eq!(left_out(&scan()), absent("2 git-lfs objects"));
    // An absolute path, and one in git's folder.
    let elsewhere = env.path("store").display().to_string();
    for (storage, folder) in [(elsewhere.as_str(), "store"), ("large/Files", "r/.git/large/Files")] {
        repo.git(&["config", "lfs.storage", storage]);
        env.write(&format!("{folder}/objects/5f/5f/{}", digests[0]), pair(0));
        let run = scan();
        assert_eq!((run.status, run.places()), (1, vec!["5f.bin:1".to_owned()]), "{storage}: {}", run.stderr);
        assert_eq!(left_out(&run), absent("1 git-lfs object"), "{storage}");
    }
    // What a clone borrows objects from has those of git-lfs, too.
    env.write(&format!("r/.git/lfs/objects/6e/6e/{}", digests[1]), pair(1));
    repo.git(&["clone", "--quiet", "--shared", ".", "../shared"]);
    let shared = env.run(&["history", "shared", "--format", "json"]);
    assert_eq!(
        (shared.places(), left_out(&shared)),
        (vec!["6e.bin:1".to_owned()], absent("1 git-lfs object"))
    );
    let range = env.run(&["history", "shared", "--range", "HEAD", "--format", "json"]);
    assert_eq!(range.places(), ["6e.bin:1"], "{}", range.stderr);
    // What is there and no file cannot be read, which is another thing.
    fs::create_dir_all(env.path(&format!("r/.git/large/Files/objects/6e/6e/{}", digests[1]))).unwrap();
    for args in [&["history"][..], &["history", "--range", "HEAD"]] {
        let run = repo.keyhound(args);
        assert_eq!(run.status, 2, "{args:?}: {}", run.stdout);
        assert!(run.stderr.contains("6e.bin") && run.stderr.contains("not a regular file"), "{}", run.stderr);
    }
}
