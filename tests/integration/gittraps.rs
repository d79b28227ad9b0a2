//! The tricky repositories of `tests/gittraps`: `make.py` builds them with git, `check.py` judges what is reported.
//!
//! With a fixed seed and a random one, which is printed; `KEYHOUND_TRAPS_SEED` repeats a run.

use std::path::Path;
use std::process::Command;

use crate::support::{TestEnv, program};

/// What archives hold is not read yet.
const WAITING: [&str; 1] = ["gzip-file"];

#[test]
fn all_traps_are_seen_through_for_a_fixed_seed() {
    judge("1");
}

#[test]
fn all_traps_are_seen_through_for_a_random_seed() {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = std::env::var("KEYHOUND_TRAPS_SEED").unwrap_or_else(|_| nanos.to_string());
    println!("KEYHOUND_TRAPS_SEED={seed}");
    judge(&seed);
}

fn judge(seed: &str) {
    let env = TestEnv::new();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gittraps");
    let run = |script: &str, args: &[&str]| {
        let mut python = Command::new("python3");
        python.arg("-B").arg(scripts.join(script)).arg(env.path("traps")).args(args);
        let done = python.output().expect("the tests need python3");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.success(), text(&done.stdout) + &text(&done.stderr))
    };
    let (made, said) = run("make.py", &["--seed", seed]);
    assert!(made, "seed {seed}: {said}");
    let program = program();
    let expected = std::fs::read_to_string(env.path("traps").join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let names = expected.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap());
    let mut arguments = vec!["--strict", "--exe", program.to_str().unwrap()];
    for name in names.filter(|name| !WAITING.contains(name)) {
        arguments.extend(["--only", name]);
    }
    let (right, said) = run("check.py", &arguments);
    assert!(right, "seed {seed}: {said}");
}
