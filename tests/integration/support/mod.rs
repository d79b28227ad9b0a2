//! A folder to work in, and the program run there.

pub(crate) mod git;
#[cfg(unix)]
pub(crate) mod python;
#[cfg(all(unix, feature = "verify"))]
pub(crate) mod sts;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use serde_json::Value;
use tempfile::TempDir;

/// Ids and secrets of the right shape, made up for these tests, in two halves so that no scanner takes this file for a
/// leak.
const IDS: [(&str, &str); 4] = [
    ("AKIA", "YVPDQ5TMJH3RWXKO"),
    ("AKIA", "3ZLGTEUNB6CQ2DFI"),
    ("AKIA", "XKQ4OHRMVW7SYJ5E"),
    ("AKIA", "2BNTFZPDL3UGCQ6A"),
];
const SECRETS: [(&str, &str); 4] = [
    ("r8VwTq2LmZx0cKjY", "5hNsB7dGpF1uRaEo3iWt/XyQ"),
    ("Jq9+uXo3PzKc7TnV", "e1RbLw5YsHg0dMfA8tZiUkCx"),
    ("nC4yWgLr7QaTz1Xk", "8vEo/JmPb0ShUd6FiKwR2YtH"),
    ("Zp3TfKx6VbYn0LqC", "w9JgRuMe5oHs+AdW1iXyN7kB"),
];

/// The id number `n`.
pub(crate) fn id(n: usize) -> String {
    format!("{}{}", IDS[n].0, IDS[n].1)
}

/// The secret number `n`.
pub(crate) fn secret(n: usize) -> String {
    format!("{}{}", SECRETS[n].0, SECRETS[n].1)
}

/// The lines of a credentials file that hold pair number `n`.
pub(crate) fn pair(n: usize) -> String {
    format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", id(n), secret(n))
}

/// A folder that goes away with the value.
pub(crate) struct TestEnv {
    folder: TempDir,
}

/// What a run of the program came to.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Write a file, and the folders that it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The program, to be run in the folder.
    pub(crate) fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if ["AWS_", "GIT_", "KEYHOUND_", "XDG_"].iter().any(|prefix| name.starts_with(prefix))
                || ["NO_COLOR", "CI", "COLUMNS"].contains(&&*name)
                || ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].contains(&&*name.to_uppercase())
            {
                command.env_remove(&*name);
            }
        }
        // No git configuration of the machine: it may ignore files everywhere.
        command.env("HOME", self.folder.path().join("no-home"));
        command
    }

    pub(crate) fn run(&self, args: &[impl AsRef<OsStr>]) -> Run {
        finish(self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &[u8]) -> Run {
        run_with_stdin(self.command(args), stdin)
    }

    /// `keyhound files` with these arguments: what it found, as [`places`] gives it.
    pub(crate) fn found(&self, args: &[&str]) -> Vec<String> {
        let args: Vec<&str> = ["files", "--format", "json"].iter().chain(args).copied().collect();
        let run = self.run(&args);
        assert!(run.stderr.is_empty(), "{}", run.stderr);
        let places = run.places();
        assert_eq!(run.status, i32::from(!places.is_empty()), "{}", run.stdout);
        places
    }
}

/// The program to test.
pub(crate) fn program() -> PathBuf {
    env::var_os("KEYHOUND_TEST_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_keyhound").into()).into()
}

/// Run a program that gets this to read.
pub(crate) fn run_with_stdin(mut command: Command, stdin: &[u8]) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&stdin));
    let run = finish(child);
    let _ = writer.join().unwrap(); // the program may stop reading
    run
}

/// Wait for the program to end.
pub(crate) fn finish(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// The JSON report.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }

    /// `path:line` of every finding of the JSON report, sorted; names, which have no lines, as `path`.
    pub(crate) fn places(&self) -> Vec<String> {
        let report = self.json();
        let place = |f: &Value| {
            let path = f["path"].as_str().unwrap_or("-").to_owned();
            f["line"].as_u64().map_or(path.clone(), |line| format!("{path}:{line}"))
        };
        let mut places: Vec<String> = report["findings"].as_array().unwrap().iter().map(place).collect();
        places.sort();
        places
    }
}

/// All Rust files below a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
