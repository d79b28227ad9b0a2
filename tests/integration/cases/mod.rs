//! The case templates of `fixtures/cases`: files from public bug reports and real formats, filled with random values.
//!
//! Run with a fixed seed and with a random one, which is printed; `KEYHOUND_CASES_SEED` repeats a run.

mod frames;
mod render;
mod stores;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::support::TestEnv;
use render::{Case, Expect};
pub(crate) use render::{Random, base64};

#[test]
fn all_cases_are_right_for_a_fixed_seed() {
    judge(1);
}

#[test]
fn all_cases_are_right_for_a_random_seed() {
    let seed = std::env::var("KEYHOUND_CASES_SEED").ok().and_then(|s| s.parse().ok());
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = seed.unwrap_or(u64::from(nanos));
    println!("KEYHOUND_CASES_SEED={seed}");
    judge(seed);
}

fn judge(seed: u64) {
    let env = TestEnv::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases");
    let cases = render::all(&folder, &env.path(""), seed);
    assert!(cases.len() > 180, "only {} cases in {}", cases.len(), folder.display());
    let report = env.run(&["files", ".", "--format", "json", "--show-secrets"]).json();
    let findings: Vec<&Value> = report["findings"].as_array().expect("findings is a list").iter().collect();
    let mut faults = String::new();
    for case in &cases {
        for fault in faults_of(case, &findings) {
            writeln!(faults, "{}: {fault}", case.id).unwrap();
        }
    }
    assert!(faults.is_empty(), "seed {seed}:\n{faults}");
}

/// What is wrong with the findings of one case.
fn faults_of(case: &Case, findings: &[&Value]) -> Vec<String> {
    let prefix = format!("{}/", case.id);
    let path = |f: &Value| {
        let path = f["path"].as_str().unwrap_or("").trim_start_matches("./");
        path.split('!').next().unwrap_or(path).to_owned() // of a member the archive
    };
    let mut left: Vec<&Value> = findings.iter().filter(|f| path(f).starts_with(&prefix)).copied().collect();
    let mut faults = Vec::new();
    for want in &case.expect {
        let fits = |f: &Value| {
            f["key_id"].as_str() == want.id.as_deref()
                && f["secret"].as_str() == want.secret.as_deref()
                && f["session_token"].as_str() == want.token.as_deref()
                && path(f) == format!("{prefix}{}", want.path)
                && want.line.is_none_or(|l| f["line"].as_u64() == Some(l))
        };
        match left.iter().position(|f| fits(f)) {
            Some(at) => {
                left.remove(at);
            }
            None => faults.push(format!("missed {}", describe(want))),
        }
    }
    for f in left {
        faults.push(format!("extra {} {} line {}", f["key_id"], f["secret"], f["line"]));
    }
    faults
}

fn describe(want: &Expect) -> String {
    format!("{:?} {:?} at {}:{:?}", want.id, want.secret, want.path, want.line)
}
