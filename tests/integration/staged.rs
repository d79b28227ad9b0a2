//! `keyhound staged`: what the next commit adds, whatever the shape of the index, with git as the oracle.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use keyhound::sources::history::Repo as Opened;
use keyhound::sources::history::store::HashKind;
use keyhound::sources::objects::Objects;
use keyhound::sources::staged::{Index, Scope, index_file, staged};

use crate::samples::Pack;
use crate::support::git::Repo;
use crate::support::{TestEnv, id, pair, secret};

#[test]
fn what_an_index_of_any_shape_adds_is_found() {
    for (shape, init, steps) in [
        ("version 2", &[][..], &[&["update-index", "--index-version", "2"][..]][..]),
        ("version 4", &[], &[&["update-index", "--index-version", "4"]]),
        ("split", &[], &[&["update-index", "--split-index"]]),
        ("sparse", &[], &[&["sparse-checkout", "set", "--cone", "--sparse-index", "dir/a"]]),
        ("SHA-256", &["--object-format=sha256"], &[]),
        (
            "skip hash",
            &[],
            &[&["config", "index.skipHash", "true"], &["update-index", "--force-write-index"]],
        ),
    ] {
        let env = TestEnv::new();
        let repo = Repo::init(&env, "repo", init);
        for n in 0..40 {
            repo.stage(&format!("dir/{}/file{n}.txt", ["a", "b", "c"][n % 3]), format!("text {n}\n"));
        }
        repo.commit("start");
        for step in steps {
            repo.git(step);
        }
        assert_eq!(repo.staged(), [""; 0], "{shape}");
        repo.stage("dir/a/new.ini", pair(0));
        repo.stage("dir/a/file0.txt", format!("# text\n{}", pair(1)));
        assert_eq!(repo.staged(), ["dir/a/file0.txt:2", "dir/a/new.ini:1"], "{shape}");
        repo.commit("leak");
        assert_eq!(repo.staged(), [""; 0], "{shape}: committed");
    }
}

/// The paths that the index changes, as git tells them.
fn git_says(repo: &Repo<'_>) -> BTreeSet<String> {
    let out =
        repo.git(&["diff-index", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z", "HEAD"]);
    out.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

fn keyhound_says(repo: &Repo<'_>) -> BTreeSet<String> {
    let opened = Opened::discover(&repo.path("")).unwrap();
    let objects = Objects::open(&opened.objects_dir, &[], HashKind::Sha1).unwrap();
    let index = Index::read(&index_file(&opened), opened.hash).unwrap();
    let changes = staged(&opened, &index, Scope::Changed, &objects, &mut |path, error| {
        panic!("{}: {error}", path.escape_ascii());
    });
    changes.unwrap().changed.into_iter().map(|c| String::from_utf8(c.path).unwrap()).collect()
}

#[test]
fn the_same_entries_differ_for_git_and_for_us() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    // Names around the order of `/`, where trees and the index sort files and folders.
    let names = ["a", "a-b", "a.b", "a0", "ab", "b"];
    let path = |n: usize| match n % 4 {
        0 => format!("{}/x", names[n % 6]),
        1 => format!("d/{}/{}/y{}", names[n / 2 % 6], names[n / 5 % 6], n % 3),
        2 => format!("d/{}.txt", names[n / 3 % 6]),
        _ => format!("e/{}/z", names[n / 7 % 6]),
    };
    let mut random = 7usize;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut seen = 0;
    for round in 0..25 {
        for _ in 0..next(12) {
            let file = path(next(60));
            // A file may stand where a folder is to be, and the other way round.
            let mut above = Path::new(&file).parent();
            while let Some(folder) = above.filter(|folder| !folder.as_os_str().is_empty()) {
                let folder_path = repo.path(folder.to_str().unwrap());
                if folder_path.is_file() {
                    fs::remove_file(folder_path).unwrap();
                }
                above = folder.parent();
            }
            if repo.path(&file).is_dir() {
                fs::remove_dir_all(repo.path(&file)).unwrap();
            }
            if next(3) == 0 {
                let _ = fs::remove_file(repo.path(&file));
            } else {
                repo.write(&file, format!("{}\n", next(5)));
            }
        }
        repo.git(&["add", "--all"]);
        if round > 0 {
            seen += git_says(&repo).len();
            assert_eq!(keyhound_says(&repo), git_says(&repo), "round {round}");
        }
        if round % 3 == 0 {
            repo.commit("round");
            assert_eq!(keyhound_says(&repo), BTreeSet::new(), "round {round}, committed");
        }
        match round % 4 {
            1 => drop(repo.git(&["read-tree", "HEAD"])), // without cached trees
            2 => drop(repo.git(&["write-tree"])),        // with all of them
            _ => {}
        }
        if round > 0 {
            assert_eq!(keyhound_says(&repo), git_says(&repo), "round {round}, rewritten");
        }
    }
    assert!(seen > 50, "there were changes: {seen}");
}

#[test]
fn only_what_is_added_counts() {
    for (what, before, after, expected) in [
        ("another line", vec![("f", pair(0))], vec![("f", format!("# new\n{}", pair(0)))], vec![]),
        (
            "the pair turned round",
            vec![("f", pair(0))],
            vec![("f", format!("{}\n{}\n", secret(0), id(0)))],
            vec![],
        ),
        ("its secret", vec![("f", id(0))], vec![("f", pair(0))], vec!["f:1"]),
        (
            "its id",
            vec![("f", format!("aws_secret_access_key = {}\n", secret(0)))],
            vec![("f", pair(0))],
            vec!["f:1"],
        ),
        (
            "moved to a new file",
            vec![("f", pair(0))],
            vec![("f", String::new()), ("g", format!("#\n{}", pair(0)))],
            vec![],
        ),
        ("copied", vec![("f", pair(0))], vec![("g", pair(0))], vec!["g:1"]),
        (
            "copied, the first one edited",
            vec![("f", pair(0))],
            vec![("f", pair(0) + "#"), ("g", pair(0))],
            vec!["g:1"],
        ),
        (
            "the id to a file with its secret's id elsewhere",
            vec![("f", pair(0))],
            vec![("g", id(0))],
            vec!["g:1"],
        ),
        ("a name", vec![], vec![("keys/AKIA/x", String::new())], vec![]),
    ] {
        let env = TestEnv::new();
        let repo = Repo::init(&env, "repo", &[]);
        for (file, content) in before {
            repo.stage(file, content);
        }
        repo.commit("before");
        for (file, content) in after {
            repo.stage(file, content);
        }
        assert_eq!(repo.staged(), expected, "{what}");
    }
}

#[test]
fn names_links_and_pointers_are_content() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage(&format!("keys/{}/readme", id(0)), "");
    assert_eq!(repo.staged(), [format!("keys/{}", id(0))]);
    repo.commit("name");
    repo.stage(&format!("keys/{}/another", id(0)), "");
    assert_eq!(repo.staged(), [""; 0], "the name is there already");

    let digest = "5f".repeat(32);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 90\n");
    repo.stage("big.bin", pointer);
    assert_eq!(repo.staged(), [""; 0], "content that is not here cannot be pushed");
    repo.write(&format!(".git/lfs/objects/5f/5f/{digest}"), pair(1));
    assert_eq!(repo.staged(), ["big.bin:1"]);

    // What the content of a pointer held before is held, wherever it moves.
    repo.commit("in git-lfs");
    let next = "6e".repeat(32);
    repo.write(&format!(".git/lfs/objects/6e/6e/{next}"), format!("one more line\n{}", pair(1)));
    repo.stage(
        "big.bin",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{next}\nsize 99\n"),
    );
    assert_eq!(repo.staged(), [""; 0], "it was there before");
    repo.git(&["mv", "big.bin", "moved.bin"]);
    assert_eq!(repo.staged(), [""; 0], "it only moved");
    repo.commit("moved");
    repo.stage(
        "copy.bin",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{next}\nsize 99\n"),
    );
    assert_eq!(repo.staged().len(), 1, "a copy is one more");
}

#[cfg(unix)]
#[test]
fn the_target_of_a_link_is_content() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    std::os::unix::fs::symlink(format!("/backup/{}/x", id(0)), repo.path("link")).unwrap();
    repo.git(&["add", "link"]);
    let report = repo.keyhound(&["staged", "--format", "json"]);
    assert_eq!(report.json()["findings"][0]["where"], "symlink", "{}", report.stdout);
}

#[test]
fn a_staged_blob_that_is_lost_is_no_clean_commit() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.txt", "text\n");
    let blob = repo.git(&["rev-parse", ":a.txt"]).trim().to_owned();
    fs::remove_file(repo.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))).unwrap();
    let run = repo.keyhound(&["staged"]);
    assert_eq!(run.status, 2, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("a.txt") && run.stdout.contains("missing"), "{}", run.stdout);
}

#[test]
fn a_damaged_index_is_no_clean_commit() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    for n in 0..20 {
        repo.stage(&format!("dir/file{n}"), "text\n");
    }
    let whole = fs::read(repo.path(".git/index")).unwrap();
    assert_eq!(repo.keyhound(&["staged"]).status, 0);
    for length in [0, 3, 12, 100, whole.len() / 2, whole.len() - 40] {
        fs::write(repo.path(".git/index"), &whole[..length]).unwrap();
        assert_eq!(repo.keyhound(&["staged"]).status, 2, "{length} of {} bytes", whole.len());
    }
}

#[test]
fn no_object_and_no_file_is_written() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage("a.ini", pair(0));
    let files = || {
        let mut all: Vec<_> = walk(&repo.path(""));
        all.sort();
        all
    };
    let before = files();
    assert_eq!(repo.keyhound(&["staged"]).status, 1);
    assert_eq!(files(), before);
}

fn walk(folder: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.push((path.clone(), fs::metadata(&path).unwrap().modified().unwrap()));
        if path.is_dir() {
            all.extend(walk(&path));
        }
    }
    all
}

#[test]
fn a_blocked_developer_reads_ten_lines_at_most() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    assert_eq!(repo.keyhound(&["staged"]).stdout, "", "nothing to say");
    for n in 0..4 {
        repo.stage(&format!("a{n}.ini"), pair(n));
        repo.stage(&format!("b{n}.ini"), pair(n));
    }
    let run = repo.keyhound(&["staged"]);
    assert_eq!(run.status, 1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.len() <= 10, "{}", run.stdout);
    for part in [&id(0), "a0.ini:1", "why:", "git rm --cached --force :/a0.ini", "vault", "8 credentials"] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    for n in 0..4 {
        assert!(!run.stdout.contains(&secret(n)), "{}", run.stdout);
    }
}

/// The name of a file has no line: the advice is one that can be taken.
#[test]
fn a_key_id_in_the_name_of_a_file_gets_advice_of_its_own() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    let name = format!("backup-{}.txt", id(0));
    repo.stage(&name, "nothing");
    let run = repo.keyhound(&["staged"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    for part in
        [&format!("{name} (its name)"), "give the file another name", "allow: no leak? keyhound staged"]
    {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("keyhound:allow"), "{}", run.stdout);
    let advice =
        run.stdout.lines().find_map(|line| line.strip_prefix("allow: no leak? ")).expect("a command");
    assert_eq!(repo.paste("", advice).status, 0, "{advice}");
    repo.git(&["add", "."]);
    assert_eq!(repo.keyhound(&["staged"]).status, 0, "the advice helps");
}

/// A commit that leaks nothing may break what the next ones need, or hold what cannot be read and is meant to be so.
#[test]
fn a_broken_configuration_is_told_and_a_damaged_file_can_be_allowed() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.stage(".keyhound.toml", "broken config");
    let run = repo.keyhound(&["staged"]);
    assert!(run.status == 2 && run.stderr.contains(".keyhound.toml:1"), "{}", run.stderr);
    repo.stage(".keyhound.toml", "inline = \"allow\"\n");
    // It says that a hundred bytes follow.
    let cut = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x64\0\x9b\xff"[..], b"only these"].concat();
    repo.stage("tests/cut.gz", cut);
    let run = repo.keyhound(&["staged"]);
    assert_eq!(run.status, 2);
    assert!(run.stdout.contains("tests/cut.gz") && run.stdout.contains("[[allow]]"), "{}", run.stdout);
    let allow = "[[allow]]\nreason = \"a test\"\npaths = [\"tests/cut.gz\"]\n";
    // One that allows only some things says nothing of what was not read.
    repo.stage(".keyhound.toml", format!("{allow}rules = [\"aws-access-key\"]\n"));
    assert_eq!(repo.keyhound(&["staged"]).status, 2);
    repo.stage(".keyhound.toml", allow);
    assert_eq!(repo.keyhound(&["staged"]).status, 0);
    repo.commit("with a damaged file");
    for args in [&["files", "."][..], &["history"], &["history", "--range", "HEAD"], &["audit"]] {
        let run = repo.keyhound(args);
        assert_eq!(run.status, 0, "{args:?}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains("tests/cut.gz"), "{args:?}: {}", run.stdout);
        assert_eq!(repo.keyhound(&[args, &["--no-suppress"]].concat()).status, 2, "{args:?}");
    }
}

#[test]
fn what_passes_gets_no_advice() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.commit("start");
    repo.stage("a.ini", pair(0));
    repo.stage("b.txt", format!("see {}\n", id(1)));
    for (fail_on, status, head, advice) in [
        ("critical", 0, "2 credentials, none of them at or above critical, so that nothing is stopped", ""),
        ("high", 1, "2 credentials, 1 of them at or above high", ":/a.ini"),
        ("low", 1, "2 credentials", ":/a.ini :/b.txt"),
    ] {
        let run = repo.keyhound(&["staged", "--fail-on", fail_on]);
        let said = &run.stdout;
        assert_eq!((run.status, run.stderr.as_str()), (status, ""), "{fail_on}");
        assert_eq!(said.lines().next(), Some(&*format!("keyhound: this commit would add {head}")));
        assert!(said.contains("a.ini:1") && said.contains("b.txt:1"), "{said}");
        assert_eq!(said.contains("why: ") || said.contains("fix: "), status == 1, "{said}");
        assert!(advice.is_empty() || said.contains(&format!("git restore --staged {advice}\n")), "{said}");
        // The whole report says the same.
        let whole = repo.keyhound(&["staged", "--fail-on", fail_on, "--verbose"]).stdout;
        let told = match fail_on {
            "critical" => "none of them at or above critical: they do not fail the run",
            "high" => "1 of them at or above high, which fails the run",
            _ => "",
        };
        assert!(whole.contains(told) && whole.contains("the run") != told.is_empty(), "{whole}");
    }
    repo.git(&["rm", "--quiet", "--force", "--cached", "b.txt"]);
    let one = repo.keyhound(&["staged", "--fail-on", "critical"]).stdout;
    assert!(
        one.starts_with("keyhound: this commit would add 1 credential, not at or above critical, so"),
        "{one}"
    );
    let one = repo.keyhound(&["staged", "--fail-on", "critical", "--verbose"]).stdout;
    assert!(one.contains("\nnot at or above critical: it does not fail the run\n"), "{one}");
    let packed = Pack::Gzip.pack(&[("", "nothing here\n".repeat(99).as_bytes())]);
    repo.write("cut.gz", &packed[..packed.len() - 12]);
    repo.git(&["rm", "--quiet", "--force", "--cached", "a.ini"]);
    repo.git(&["add", "cut.gz"]);
    let run = repo.keyhound(&["staged", "--allow-incomplete"]);
    assert_eq!(run.status, 0, "{}", run.stdout);
    assert!(
        run.stdout.contains("; --allow-incomplete lets that pass") && !run.stdout.contains("fix: "),
        "{}",
        run.stdout
    );
}

#[test]
fn what_no_longer_allows_a_finding_is_said_beside_it() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.commit("start");
    repo.stage("a.ini", format!("# keyhound:allow\n{}", pair(0)));
    let config = |text: &str| repo.stage(".keyhound.toml", text);
    let expired = "[[allow]]\nreason = 'until it is rotated'\npaths = ['a.ini']\nexpires = 2020-01-31\n";
    for (text, told) in [
        ("inline = 'with-reason'\n", "its keyhound:allow gives no reason, and .keyhound.toml asks for one"),
        ("inline = 'ignore'\n", ".keyhound.toml says that keyhound:allow in texts counts for nothing"),
        (&format!("inline = 'ignore'\n{expired}"), ".keyhound.toml:2 allowed it until 2020-01-31"),
    ] {
        config(text);
        let run = repo.keyhound(&["staged"]);
        assert_eq!(run.status, 1);
        assert!(run.stdout.contains(&format!("a.ini:2; {told}\n")), "{}", run.stdout);
        assert!(run.stdout.lines().count() <= 10);
        let json = repo.keyhound(&["staged", "--format", "json"]).json();
        assert_eq!(json["findings"][0]["lapsed"], told);
        let human = repo.keyhound(&["staged", "--verbose"]).stdout;
        assert!(human.contains(&format!("  note    {told}\n")), "{human}");
    }
    // What has expired and is about something else is no concern of this commit.
    repo.stage("a.ini", "clean\n");
    let run = repo.keyhound(&["staged"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    config(&format!("{expired}[[allow]]\npaths = ['b']\n"));
    let run = repo.keyhound(&["staged"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains(".keyhound.toml:5: missing field `reason`"), "{}", run.stderr);
}

#[test]
fn a_link_to_the_same_bytes_hides_no_archive() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "repo", &[]);
    repo.commit("start");
    repo.stage("b.gz", Pack::Gzip.pack(&[("", pair(0).as_bytes())]));
    let blob = repo.git(&["rev-parse", ":b.gz"]);
    // No system makes such a link, but whoever wants to pass can.
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("120000,{},a", blob.trim())]);
    assert_eq!(repo.staged(), ["b.gz:1"]);
    repo.commit("both");
    let run = repo.keyhound(&["history", "--range", "HEAD", "--format", "json"]);
    assert_eq!(run.places(), ["b.gz:1"], "{}", run.stderr);
}
