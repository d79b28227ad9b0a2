//! `keyhound files`: what is read and what is not.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::git::Repo;
use crate::support::{TestEnv, id, pair, secret};

#[test]
fn hidden_files_are_read_and_git_is_not() {
    let env = TestEnv::new();
    env.write(".aws/credentials", pair(0));
    env.write(".env", pair(1));
    env.write(".git/config", pair(2));
    env.write("sub/.git", pair(2)); // a linked work tree has a file of that name
    env.write("sub/.github/workflows/x.yml", pair(3));
    assert_eq!(env.found(&[]), [".aws/credentials:1", ".env:1", "sub/.github/workflows/x.yml:1"]);
}

#[test]
fn what_git_ignores_is_left_out_inside_a_work_tree() {
    let env = TestEnv::new();
    env.write("repo/.git/HEAD", "ref: refs/heads/main\n");
    env.write("repo/.gitignore", "*.log\n/build/\n");
    env.write("repo/.ignore", "*.ini\n");
    env.write("repo/.git/info/exclude", "local.txt\n");
    for name in ["a.log", "a.ini", "local.txt", "build/a.txt", "sub/a.log", "sub/a.txt"] {
        env.write(&format!("repo/{name}"), pair(0));
        env.write(&format!("folder/{name}"), pair(0));
    }
    env.write("folder/.gitignore", "*.log\n/build/\n");
    let kept = ["repo/a.ini:1", "repo/sub/a.txt:1"];
    assert_eq!(env.found(&["repo"]), kept);
    assert_eq!(env.found(&["--no-ignore", "repo"]).len(), 6);
    assert_eq!(env.found(&["folder"]).len(), 6, "a folder that is no work tree has no ignored files");
    assert_eq!(env.found(&["repo/sub"]), ["repo/sub/a.txt:1"], "the rules of the folders above count");
    assert_eq!(env.found(&["repo/build"]), ["repo/build/a.txt:1"], "what is named is scanned");
    assert_eq!(env.found(&["repo/a.log"]), ["repo/a.log:1"], "what is named is scanned");
    let both = ["repo/a.ini:1", "repo/build/a.txt:1", "repo/sub/a.txt:1"];
    assert_eq!(
        env.found(&["repo", "repo/build"]),
        both,
        "what is named is scanned, also inside another folder"
    );
}

#[test]
fn overlapping_paths_are_read_once() {
    let env = TestEnv::new();
    env.write("a/b/x.ini", pair(0));
    env.write("a/y.ini", pair(1));
    let absolute = env.path("a/b");
    let absolute = absolute.to_str().unwrap();
    for paths in [
        &["a", "a"][..],
        &["a", "a/b"],
        &["a/b", "a"],
        &["a", "a/b/x.ini", "a/../a/b"],
        &[".", "a/b/x.ini", "a/y.ini"],
        &["a", absolute],
    ] {
        assert_eq!(env.found(paths).len(), 2, "{paths:?}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_content_and_not_followed() {
    use std::os::unix::fs::symlink;
    let env = TestEnv::new();
    env.write("outside/x.ini", pair(0));
    env.write("tree/a.txt", "nothing");
    symlink("../outside", env.path("tree/folder")).unwrap();
    symlink("../outside/x.ini", env.path("tree/file")).unwrap();
    symlink(".", env.path("tree/loop")).unwrap();
    symlink("nowhere", env.path("tree/dangling")).unwrap();
    assert_eq!(env.found(&["tree"]), [""; 0]);
    assert_eq!(env.found(&["tree/file"]), ["tree/file:1"], "a link that is named is followed");
    assert_eq!(env.found(&["tree/folder"]), ["tree/folder/x.ini:1"], "a link that is named is followed");
    assert_eq!(env.found(&["tree/file", "tree/folder", "outside"]).len(), 1, "all are the same file");

    symlink(format!("s3://{}:{}@bucket", id(0), secret(0)), env.path("tree/link")).unwrap();
    let run = env.run(&["files", "tree", "--format", "json"]);
    assert_eq!(run.places(), ["tree/link:1"]);
    assert_eq!(run.json()["findings"][0]["where"], "symlink");
}

#[test]
fn names_are_content() {
    let env = TestEnv::new();
    env.write(&format!("d/rootkey-{}.csv", id(0)), "empty");
    env.write(&format!("d/{}/x.txt", id(1)), "empty");
    let run = env.run(&["files", "d", "--format", "json"]);
    let mut expected = [format!("d/rootkey-{}.csv", id(0)), format!("d/{}", id(1))];
    expected.sort();
    assert_eq!(run.places(), expected);
    assert!(run.json()["findings"].as_array().unwrap().iter().all(|f| f["where"] == "path"));
}

#[cfg(unix)]
#[test]
fn sockets_are_passed_over_unless_named() {
    let env = TestEnv::new();
    env.write("d/x.ini", pair(0));
    let _socket = std::os::unix::net::UnixListener::bind(env.path("d/socket")).unwrap();
    assert_eq!(env.found(&["d"]), ["d/x.ini:1"]);
    let run = env.run(&["files", "d/socket"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.starts_with("keyhound: cannot scan: d/socket: neither a file nor a folder"),
        "{}",
        run.stderr
    );
}

/// Filler that no rule looks at, of about `bytes` bytes and in lines.
fn filler(bytes: usize) -> String {
    let line = "the quick brown fox jumps over the lazy dog and has nothing to hide\n";
    line.repeat(bytes / line.len() + 1)
}

#[test]
fn a_file_is_read_to_its_end_however_large() {
    let env = TestEnv::new();
    // Around the sizes of a chunk, of what is held in memory, and of the pieces of what is not.
    for (n, size) in [200_000, 262_144, 600_000, 8 << 20, (16 << 20) - 100, 25 << 20].into_iter().enumerate()
    {
        let mut text = filler(size);
        let line = text.lines().count() + 1;
        text.push_str(&pair(n % 4));
        text.push_str(&filler(size / 3));
        env.write(&format!("{n}.txt"), text);
        assert_eq!(env.found(&[&format!("{n}.txt")]), [format!("{n}.txt:{line}")], "{size} bytes");
    }
}

#[test]
fn a_pair_is_one_wherever_it_lies() {
    let env = TestEnv::new();
    // Cuts of chunks and pieces go through the id, the secret and between.
    let text = pair(0).replace('\n', " ");
    for border in [256 << 10, 512 << 10, 16 << 20, 24 << 20] {
        let mut all = String::new();
        let mut expected = 0;
        for cut in (0..text.len()).step_by(if border > 1 << 20 { 40 } else { 7 }) {
            all.clear();
            all.push_str(&"-".repeat(border - cut - 1));
            all.push('\n');
            all.push_str(&text);
            all.push('\n');
            all.push_str(&"=".repeat(1000));
            env.write(&format!("b{border}/{cut}.txt"), &all);
            expected += 1;
            if border > 1 << 20 {
                check(&env, &format!("b{border}"), 1);
                fs::remove_dir_all(env.path(&format!("b{border}"))).unwrap();
            }
        }
        if border <= 1 << 20 {
            check(&env, &format!("b{border}"), expected);
        }
    }
}

fn check(env: &TestEnv, folder: &str, expected: usize) {
    let run = env.run(&["files", folder, "--format", "json", "--show-secrets"]);
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), expected, "{folder}");
    for finding in findings {
        assert_eq!((&finding["key_id"], &finding["secret"]), (&id(0).into(), &secret(0).into()), "{finding}");
        assert_eq!((&finding["line"], &finding["column"]), (&2.into(), &21.into()), "{finding}");
    }
}

#[test]
fn one_line_may_be_as_long_as_it_likes() {
    let env = TestEnv::new();
    let mut text = "ab cd ".repeat(4 << 20);
    let object = format!("{{\"accessKeyId\":\"{}\",\"secretAccessKey\":\"{}\"}}", id(0), secret(0));
    text.push_str(&object);
    env.write("long.json", &text);
    let run = env.run(&["files", "--format", "json"]);
    let report = run.json();
    let finding = &report["findings"][0];
    assert_eq!((&finding["line"], &finding["column"]), (&1.into(), &((24 << 20) + 17).into()));
    assert!(run.stdout.len() < 5000, "the report shows an excerpt");
}

/// To git a rule counts for what it does not track.
#[test]
fn what_git_tracks_is_read_although_a_rule_ignores_it() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.write(".gitignore", "*.env\nbuild/\n");
    repo.write("prod.env", "clean\n");
    repo.write("build/deep/k.txt", "clean\n");
    repo.git(&["add", "--force", "."]);
    repo.commit("tracked");
    repo.write("prod.env", pair(0));
    repo.write("build/deep/k.txt", pair(1));
    repo.write("local.env", pair(2));
    repo.write("build/other.txt", pair(3));
    let found = |args: &[&str], folder: &str| {
        let mut command = env.command(&[args, &["--format", "json"]].concat());
        let output = command.current_dir(env.path(folder)).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let paths =
            report["findings"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(found(&["files"], "r"), ["build/deep/k.txt", "prod.env"]);
    assert_eq!(
        found(&["files", "."], "r/build"),
        ["deep/k.txt", "other.txt"],
        "what is named is no longer ignored"
    );
    assert_eq!(found(&["files", "r"], "."), ["r/build/deep/k.txt", "r/prod.env"]);
    assert_eq!(found(&["files", "r", "r/build/deep"], "."), ["r/build/deep/k.txt", "r/prod.env"]);
    assert_eq!(found(&["audit"], "r"), ["build/deep/k.txt", "prod.env"]);
    assert_eq!(found(&["files", "--no-ignore"], "r").len(), 4);

    // A folder that a link has replaced is no folder of the work tree.
    fs::create_dir(env.path("elsewhere")).unwrap();
    fs::rename(env.path("r/build/deep"), env.path("elsewhere/deep")).unwrap();
    std::os::unix::fs::symlink(env.path("elsewhere/deep"), repo.path("build/deep")).unwrap();
    assert_eq!(found(&["files"], "r"), ["prod.env"]);

    // Without an index nobody knows what is tracked.
    repo.write(".git/index", "DIRC");
    let run = env.run(&["files", "r"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("index") && run.stderr.contains("--no-ignore"), "{}", run.stderr);
    assert_eq!(env.run(&["audit", "r"]).status, 2);
}

/// A compiler of Rust puts the strings of a program one behind another; lengths tell where each ends, elsewhere.
#[test]
fn the_strings_of_a_program_have_nothing_between_them() {
    let env = TestEnv::new();
    let source = format!(
        r#"fn send(id: &str, secret: &str, region: &str) {{ println!("{{id}} {{secret}} {{region}}") }}
fn main() {{
    send("{}", "{}", "us-east-1");
    if std::env::args().count() > 1 {{ send("{}", "{}", "eu-west-1") }}
}}"#,
        id(0),
        secret(0),
        id(1),
        secret(1),
    );
    fs::write(env.path("upload.rs"), source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    for optimized in ["0", "3"] {
        let level = format!("opt-level={optimized}");
        let args = ["-C", &*level, "-o", "upload", "upload.rs"];
        let made = Command::new(&rustc).args(args).current_dir(env.path("")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let report = env.run(&["files", "upload", "--format", "json", "--show-secrets"]).json();
        let findings = report["findings"].as_array().unwrap();
        let text = |f: &Value, name: &str| f[name].as_str().unwrap_or_default().to_owned();
        let mut found: Vec<_> = findings.iter().map(|f| [text(f, "key_id"), text(f, "secret")]).collect();
        found.sort();
        let mut wanted = [0, 1].map(|n| [id(n), secret(n)]);
        wanted.sort();
        assert_eq!(found, wanted, "{level}");
    }
}

/// A link in a repository can lead to a pipe or a device: whoever reads it as a list of what is ignored never ends.
#[cfg(unix)]
#[test]
fn an_ignore_file_that_is_a_pipe_ignores_nothing() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.write(".gitignore", "*.log\n");
    for (n, file) in ["a.log", "sub/b.log", "sub/deep/c.log", "sub/d.ini"].iter().enumerate() {
        repo.write(file, pair(n));
    }
    let pipe = env.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let link = |file: &str| std::os::unix::fs::symlink(&pipe, repo.path(file)).unwrap();
    let found = || {
        let run = repo.keyhound(&["files", "--format", "json"]);
        assert_eq!(run.status, 1, "{}", run.stderr);
        run.places()
    };
    assert_eq!(found(), ["sub/d.ini:1"]);
    link("sub/.gitignore");
    let below = ["sub/b.log:1", "sub/d.ini:1", "sub/deep/c.log:1"];
    assert_eq!(found(), below, "in its folder alone, each file once");
    repo.write(".git/info/exclude", "");
    for file in [".gitignore", ".git/info/exclude"] {
        let kept = fs::read(repo.path(file)).unwrap();
        fs::remove_file(repo.path(file)).unwrap();
        link(file);
        assert_eq!(found(), [&["a.log:1"][..], &below].concat(), "{file}");
        let audit = repo.keyhound(&["audit", "--format", "json"]);
        assert_eq!(audit.json()["findings"].as_array().unwrap().len(), 4, "{file}");
        fs::remove_file(repo.path(file)).unwrap();
        fs::write(repo.path(file), kept).unwrap();
    }
}
