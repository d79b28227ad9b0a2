//! What is there for CI services, run as they would run it; and whether the commands of all documents are ones that the program takes.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::samples::Pack;
use crate::support::git::Repo;
use crate::support::python::venv;
use crate::support::{Run, TestEnv, id, pair, program, secret};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A YAML file of the repository.
fn yaml(file: &str) -> Value {
    let python = venv("yaml", &["PyYAML==6.0.3"]).join("python");
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let done = Command::new(python).args(["-c", script]).arg(root().join(file)).output().unwrap();
    assert!(done.status.success(), "{file}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// A repository whose second commit leaks; its path, and the ids of both commits.
fn leaky(env: &TestEnv) -> (Repo<'_>, String, String) {
    let repo = Repo::init(env, "repo", &[]);
    repo.stage("README", "text\n");
    let base = repo.commit("start");
    repo.stage("a.ini", pair(0));
    let head = repo.commit("leak");
    repo.git(&["rm", "--quiet", "a.ini"]);
    (repo, base, head)
}

/// The program under its own name, in a folder of the test.
fn installed(env: &TestEnv, folder: &str) -> PathBuf {
    env.write(&format!("{folder}/.keep"), "");
    std::os::unix::fs::symlink(program(), env.path(folder).join("keyhound")).unwrap();
    env.path(folder)
}

#[test]
fn the_action_annotates_the_change() {
    let action = yaml("action.yml");
    let steps = action["runs"]["steps"].as_array().unwrap();
    assert_eq!(action["runs"]["using"], "composite");
    assert!(steps.iter().all(|step| step["run"].is_null() || step["shell"] == "bash"));
    let step = |name: &str| steps.iter().find(|step| step["name"] == name).unwrap();

    let env = TestEnv::new();
    installed(&env, "runner/keyhound/bin");
    let (repo, base, head) = leaky(&env);
    env.write(
        "event.json",
        format!(r#"{{"pull_request":{{"base":{{"sha":"{base}"}},"head":{{"sha":"{head}"}}}}}}"#),
    );
    let run = |name: &str, inputs: [&str; 2]| {
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"].as_str().unwrap()]);
        bash.env("RUNNER_TEMP", env.path("runner")).env("GITHUB_OUTPUT", env.path("output"));
        bash.env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", "pull_request");
        bash.env("GITHUB_EVENT_PATH", env.path("event.json"))
            .env("KEYHOUND_ARGS", inputs[0])
            .env("KEYHOUND_SARIF", inputs[1]);
        repo.run(&mut bash)
    };
    let found = run("Scan", ["", "out.sarif"]);
    assert_eq!(found.status, 1, "{}{}", found.stdout, found.stderr);
    assert!(
        found.stdout.contains("::error file=a.ini,line=1,") && !found.stdout.contains(&secret(0)),
        "{}",
        found.stdout
    );
    let sarif: Value = serde_json::from_slice(&fs::read(repo.path("out.sarif")).unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    let lenient = run("Scan", ["--fail-on critical --no-archives", ""]);
    assert_eq!(lenient.status, 0, "{}{}", lenient.stdout, lenient.stderr);
    assert_eq!(run("Scan", ["--no-such-option", ""]).status, 2);
    // Options that the report run must not trip over, and more than one line of them.
    for options in ["--quiet", "--verbose", "--fail-on\n  low\n--quiet\n"] {
        fs::remove_file(repo.path("out.sarif")).unwrap();
        let found = run("Scan", [options, "out.sarif"]);
        assert_eq!((found.status, repo.path("out.sarif").exists()), (1, true), "{options}: {}", found.stderr);
    }
    assert_eq!(run("Scan", ["--quiet\n--fail-on critical", ""]).status, 0, "the second line counts");
    let nowhere = run("Scan", ["--fail-on critical", "no/such/folder/out.sarif"]);
    assert_eq!(nowhere.status, 2, "the file that was asked for is not there");
    assert!(nowhere.stderr.contains("out.sarif"), "{}", nowhere.stderr);

    assert_eq!(run("Tell the source", ["", ""]).status, 0);
    let output = fs::read_to_string(env.path("output")).unwrap();
    assert!(output.starts_with("hash=") && output.trim().len() == 69, "{output}");
}

#[test]
fn the_template_reports_to_the_merge_request() {
    let template = yaml("templates/gitlab-ci.yml");
    let job = &template["keyhound"];
    let artifact = job["artifacts"]["reports"]["secret_detection"].as_str().unwrap();
    let script: Vec<&str> =
        job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let env = TestEnv::new();
    let programs = installed(&env, "bin");
    let (repo, base, head) = leaky(&env);
    let run = |arguments: &str| {
        let mut shell = Command::new("sh");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        shell.args(["-ec", &script.join("\n")]).env("PATH", path).env("KEYHOUND_ARGS", arguments);
        shell
            .env("GITLAB_CI", "true")
            .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base)
            .env("CI_COMMIT_SHA", &head);
        shell.env("CARGO_HOME", env.path("cargo")).env("KEYHOUND_URL", "");
        repo.run(&mut shell)
    };
    let found = run("");
    assert_eq!(found.status, 1, "{}{}", found.stdout, found.stderr);
    assert!(found.stdout.contains("a.ini:1") && !found.stdout.contains(&secret(0)), "{}", found.stdout);
    let report: Value = serde_json::from_slice(&fs::read(repo.path(artifact)).unwrap()).unwrap();
    assert_eq!(report["vulnerabilities"].as_array().unwrap().len(), 1);
    for (options, status) in [("--fail-on critical", 0), ("--quiet", 1), ("--verbose", 1)] {
        fs::remove_file(repo.path(artifact)).unwrap();
        let run = run(options);
        assert_eq!((run.status, repo.path(artifact).exists()), (status, true), "{options}: {}", run.stderr);
    }
    assert_eq!(run("--no-such-option").status, 2);
}

#[test]
fn two_credentials_on_a_line_are_two_annotations() {
    let env = TestEnv::new();
    env.write("a.ini", format!("a:{}:{} b:{}:{}\n", id(0), secret(0), id(1), secret(1)));
    let run = env.run(&["files", "--format", "github"]);
    let lines: Vec<&str> =
        run.stdout.lines().filter(|line| line.starts_with("::error file=a.ini,line=1,")).collect();
    assert_eq!(lines.len(), 2, "{}", run.stdout);
    assert!(
        run.stdout.ends_with("\nkeyhound: 2 leaked credentials in 1 file (128 bytes)\n"),
        "{}",
        run.stdout
    );
    // GitHub shows two of the same place, title and text as one.
    let text = |line: &str| line.split_once("::").unwrap().1.split_once("::").unwrap().1.to_owned();
    assert_ne!(text(lines[0]), text(lines[1]));
}

/// The fenced blocks of a document, with their languages.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let body: Vec<&str> =
                lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            blocks.push((language, body.join("\n")));
        }
    }
    blocks
}

/// The arguments of each call of the program that a text shows, as far as they are literal.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap().trim();
        let Some(start) =
            line.find("keyhound ").filter(|at| line[..*at].chars().all(|c| "-$>|'(: runscpte".contains(c)))
        else {
            continue;
        };
        let end = line[start..].find([';', '&', '|', '\'', '`']).map_or(line.len(), |at| start + at);
        let words = line[start..end].split('"').enumerate().flat_map(|(n, part)| {
            let words: Vec<String> = if n % 2 == 1 {
                vec![part.into()]
            } else {
                part.split_whitespace().map(String::from).collect()
            };
            words
        });
        let literal = |word: &String| !word.contains(['$', '[', '{', '<']);
        commands.push(words.skip(1).filter(literal).collect());
    }
    commands
}

#[test]
fn the_commands_of_all_documents_are_taken() {
    let mut files =
        vec!["README.md".to_owned(), "action.yml".to_owned(), "templates/gitlab-ci.yml".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|e| e == "md") {
            files.push(format!("docs/{name}"));
        }
    }
    let env = TestEnv::new();
    let mut seen = 0;
    for file in files {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let shown: Vec<String> = if Path::new(&file).extension().is_some_and(|e| e == "md") {
            blocks(&text)
                .into_iter()
                .filter(|b| ["sh", "yaml", "groovy", "console"].contains(&b.0))
                .map(|b| b.1)
                .collect()
        } else {
            vec![text]
        };
        for command in shown.iter().flat_map(|text| commands(text)) {
            let run = env.run(&[&command[..], &["--help".to_owned()]].concat());
            assert_eq!(run.status, 0, "{file}: keyhound {command:?}: {}", run.stderr);
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn the_configuration_of_the_documents_is_valid() {
    let env = TestEnv::new();
    let text = fs::read_to_string(root().join("docs/suppress.md")).unwrap();
    let toml: Vec<String> =
        blocks(&text).into_iter().filter(|block| block.0 == "toml").map(|block| block.1).collect();
    assert!(!toml.is_empty());
    for config in toml {
        env.write("c.toml", config);
        let run = env.run(&["files", "--config", "c.toml", "c.toml"]);
        assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
        assert!(!run.stdout.contains("no rule is called"), "{}", run.stdout);
    }
}

/// What a fork brings along decides nothing.
#[test]
fn the_files_of_the_base_decide_about_a_fork() {
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let block = blocks(&page).into_iter().map(|b| b.1).find(|b| b.contains("allowed.toml")).unwrap();
    let env = TestEnv::new();
    env.write("steps.yml", block);
    let steps = yaml(env.path("steps.yml").to_str().unwrap());
    let shell = steps[0]["run"].as_str().unwrap();
    let (repo, base, head) = leaky(&env);
    repo.git(&["checkout", "--quiet", &head]);
    repo.stage(".keyhound.toml", "[[allow]]\nreason = 'mine'\npaths = ['*']\n");
    let fork = repo.commit("allow all");
    repo.git(&["update-ref", "refs/remotes/origin/main", &base]);
    let scan = |more: &[&str]| {
        let range = format!("{base}..{fork}");
        repo.keyhound(&[&["history", "--range", &range], more].concat()).status
    };
    assert_eq!(scan(&[]), 0);
    env.write("temporary/.keep", "");
    let options = ["--config", "../temporary/allowed.toml", "--baseline", "../temporary/known.toml"];
    let prepare = |base: &str| {
        let mut command = Command::new("bash");
        command.args(["-e", "-c", shell]).env("RUNNER_TEMP", env.path("temporary"));
        assert_eq!(repo.run(command.env("GITHUB_BASE_REF", base)).status, 0);
    };
    prepare("main");
    assert_eq!(scan(&options), 1);
    // Of a push there is no base.
    prepare("");
    assert_eq!(scan(&options), 0);
}

/// Who reads the change sees what stops it, where it is.
#[test]
fn what_fails_the_job_is_an_error_and_the_rest_a_warning() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    env.write("b.txt", format!("see {}\n", id(1)));
    env.write("c.zip", Pack::Zip.pack(&[("in/c.ini", pair(2).as_bytes())]));
    let run = |more: &[&str]| env.run(&[&["files", "--format", "github"], more].concat());
    let kinds = |run: &Run| -> Vec<String> {
        let commands = run.stdout.lines().filter_map(|line| line.strip_prefix("::"));
        commands.map(|line| line.split([',', ' ']).take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let high = run(&["--fail-on", "high"]);
    assert_eq!(kinds(&high), ["error file=a.ini", "error file=c.zip", "warning file=b.txt"]);
    assert!(
        high.stdout.contains("::error file=c.zip,title=An AWS access key::In c.zip!in/c.ini. high"),
        "{}",
        high.stdout
    );
    let low = run(&[]);
    assert_eq!(kinds(&low)[2], "error file=b.txt");
    let critical = run(&["--fail-on", "critical"]);
    assert!(critical.status == 0 && kinds(&critical).iter().all(|kind| kind.starts_with("warning")));
    env.write("clean/a.txt", "text");
    let clean = env.run(&["files", "clean", "--format", "github"]);
    assert_eq!((clean.status, &*clean.stdout), (0, "keyhound: no leaks found in 1 file (4 bytes)\n"));
}
