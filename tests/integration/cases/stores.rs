//! What git and git-lfs keep outside of commits: each template of `fixtures/stores` becomes a repository, which is audited.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::render;
use crate::support::TestEnv;
use crate::support::git::Repo;

#[test]
fn what_git_keeps_outside_of_commits_is_found() {
    let env = TestEnv::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stores");
    let cases = render::all(&folder, &env.path(""), 1);
    assert!(cases.len() >= 3, "only {} cases in {}", cases.len(), folder.display());
    for case in &cases {
        let settings = env.path(&format!("{}/.git/config", case.id));
        let ours = fs::read(&settings);
        let repo = Repo::init(&env, &case.id, &[]);
        if let Ok(ours) = ours {
            fs::write(settings, ours).unwrap(); // git has added to it
        }
        to_lfs(&repo);
        repo.git(&["add", "--all"]);
        repo.commit("Add all");
        repo.git(&["rm", "-r", "--quiet", "--ignore-unmatch", "lfs"]);
        repo.commit("Delete the large files");
        let report = env.run(&["audit", &case.id, "--format", "json", "--show-secrets"]).json();
        assert_eq!(report["incomplete"], Value::Array(Vec::new()), "{}", case.id);
        let text = |f: &Value, field: &str| f[field].as_str().map(str::to_owned);
        let mut found: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| (text(f, "path"), f["line"].as_u64(), text(f, "key_id"), text(f, "secret")))
            .collect();
        found.sort_unstable();
        let mut wanted: Vec<_> = case
            .expect
            .iter()
            .map(|e| (Some(e.path.clone()), e.line, e.id.clone(), e.secret.clone()))
            .collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{}", case.id);
    }
}

/// Store every file below `lfs` as git-lfs does.
fn to_lfs(repo: &Repo<'_>) {
    let Ok(files) = fs::read_dir(repo.path("lfs")) else { return };
    for file in files {
        let path = file.unwrap().path();
        let content = fs::read(&path).unwrap();
        let digest = Sha256::digest(&content).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {}\n",
            content.len()
        );
        repo.write(&format!(".git/lfs/objects/{}/{}/{digest}", &digest[..2], &digest[2..4]), content);
        fs::write(path, pointer).unwrap();
    }
}
