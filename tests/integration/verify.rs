//! `--verify` and `keyhound verify` against an emulator of STS that checks signatures.

use std::path::Path;

use serde_json::Value;

use crate::support::sts::{ACCOUNT, Key, WRONG, moto};
use crate::support::{Run, TestEnv, finish};

/// The status of each finding, by key id.
fn statuses(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap();
    let mut all: Vec<(String, String)> = findings
        .iter()
        .map(|f| {
            let verification = &f["verification"];
            let detail = verification["code"].as_str().or(verification["arn"].as_str()).unwrap_or_default();
            let status = format!(
                "{} {} {detail}",
                f["severity"].as_str().unwrap(),
                verification["status"].as_str().unwrap()
            );
            (f["key_id"].as_str().unwrap().to_owned(), status.trim_end().to_owned())
        })
        .collect();
    all.sort();
    all
}

/// A tree with one key of every kind.
fn tree() -> TestEnv {
    let moto = moto();
    let env = TestEnv::new();
    env.write("deploy.ini", moto.deploy.lines());
    env.write("admin.ini", moto.admin.lines());
    env.write("inactive.ini", moto.inactive.lines());
    env.write("gone.ini", moto.gone.lines());
    env.write("role.ini", moto.role.lines());
    env
}

fn scan(env: &TestEnv, args: &[&str]) -> Run {
    let endpoint = moto().endpoint();
    env.run(&[&["files", ".", "--verify", "--sts-endpoint", &endpoint, "--verify-pause", "0"], args].concat())
}

#[test]
fn each_kind_of_key_is_told_apart() {
    let moto = moto();
    let run = scan(&tree(), &["--format", "json"]);
    let user = |name: &str| format!("critical active arn:aws:iam::{ACCOUNT}:user/{name}");
    let mut expected = vec![
        (moto.deploy.id.clone(), user("deploy")),
        (moto.admin.id.clone(), user("it-admin")),
        (moto.inactive.id.clone(), "high inactive InvalidClientTokenId".to_owned()),
        (moto.gone.id.clone(), "high inactive InvalidClientTokenId".to_owned()),
        (moto.role.id.clone(), format!("critical active arn:aws:sts::{ACCOUNT}:assumed-role/build/job-7")),
    ];
    expected.sort();
    assert_eq!(statuses(&run.json()), expected, "{}", run.stderr);
    assert_eq!(run.status, 1);
    assert_eq!(run.stderr, "");
}

#[test]
fn the_report_for_people_says_how_to_stop_each_key() {
    let moto = moto();
    let run = scan(&tree(), &[]);
    for part in [
        format!("active: it is arn:aws:iam::{ACCOUNT}:user/deploy of account {ACCOUNT}"),
        format!(
            "aws iam update-access-key --access-key-id {} --status Inactive --user-name deploy\n",
            moto.deploy.id
        ),
        "; the name of the user says administrator".to_owned(),
        "aws iam put-role-policy --role-name build --policy-name AWSRevokeOlderSessions".to_owned(),
        "inactive: AWS refused it (InvalidClientTokenId)".to_owned(),
        "verified: 3 active, 2 inactive\n".to_owned(),
    ] {
        assert!(run.stdout.contains(&part), "{part}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("user-name inactive"), "{}", run.stdout);
}

#[test]
fn a_secret_that_is_not_its_own_does_not_hide_that_the_id_works() {
    let moto = moto();
    let env = TestEnv::new();
    env.write("a.ini", moto.deploy.with_secret(WRONG).lines());
    let run = scan(&env, &["--format", "json"]);
    assert_eq!(
        statuses(&run.json()),
        [(moto.deploy.id.clone(), "high inactive SignatureDoesNotMatch".to_owned())]
    );
    let run = scan(&env, &[]);
    assert!(run.stdout.contains("inactive as a pair, but the id works"), "{}", run.stdout);
}

#[test]
fn the_other_secret_near_an_id_is_tried_and_taken() {
    let moto = moto();
    let env = TestEnv::new();
    let Key { id, secret, .. } = &moto.deploy;
    env.write("a.sh", format!("export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={WRONG}\n# export AWS_SECRET_ACCESS_KEY={secret}\n"));
    let plain = env.run(&["files", ".", "--format", "json", "--show-secrets"]).json();
    assert_eq!(plain["findings"][0]["secret"], WRONG, "{plain}");
    let run = scan(&env, &["--format", "json", "--show-secrets"]);
    let report = run.json();
    let found = report["findings"].as_array().unwrap().iter().find(|f| f["key_id"] == **id).unwrap();
    assert_eq!(
        (found["verification"]["status"].as_str(), found["secret"].as_str()),
        (Some("active"), Some(&**secret)),
        "{report:#}"
    );
    assert_eq!(found["fingerprint"], plain["findings"][0]["fingerprint"]);
    let masked = scan(&env, &[]).stdout;
    assert!(!masked.contains(&secret[..12]) && !masked.contains(&WRONG[..12]), "{masked}");
}

#[test]
fn only_what_works_is_reported_and_fails_where_that_is_wanted() {
    let moto = moto();
    let env = tree();
    let run = scan(&env, &["--only-active", "--format", "json"]);
    assert_eq!((run.json()["findings"].as_array().unwrap().len(), run.status), (3, 1));
    assert!(run.stderr.contains("not shown, because they are not known to work: 2"), "{}", run.stderr);
    assert_eq!(scan(&env, &["--fail-on", "active"]).status, 1);
    let dead = TestEnv::new();
    dead.write("gone.ini", moto.gone.lines());
    let run = scan(&dead, &["--fail-on", "active", "--format", "json"]);
    assert_eq!((run.status, run.json()["findings"].as_array().unwrap().len()), (0, 1));
    for args in [&["--only-active"][..], &["--fail-on", "active"], &["--verify-expired"]] {
        let run = dead.run(&[&["files", "."], args].concat());
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains("needs --verify"), "{}", run.stderr);
    }
}

#[test]
fn one_credential_is_read_from_standard_input_alone() {
    let moto = moto();
    let endpoint = moto.endpoint();
    let wrong_token =
        Key { token: moto.role.token.as_ref().map(|t| t.replace('A', "B")), ..moto.role.clone() };
    let env = TestEnv::new();
    for (key, status) in [
        (&moto.deploy, 1),
        (&moto.role, 1),
        (&moto.gone, 0),
        (&moto.inactive, 0),
        (&moto.deploy.with_secret(WRONG), 0),
        (&wrong_token, 0),
        (&moto.deploy.with_secret("too short"), 2),
        (&Key { token: None, ..moto.role.clone() }, 2),
        (&Key { token: moto.role.token.clone(), ..moto.deploy.clone() }, 2),
    ] {
        let run =
            env.run_with_stdin(&["verify", &key.id, "--sts-endpoint", &endpoint], key.typed().as_bytes());
        assert_eq!(run.status, status, "{key:?}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.stdout.is_empty(), status == 2, "{}", run.stdout);
    }
    let run = env.run(&["verify", &moto.deploy.id, &moto.deploy.secret]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("a secret is no argument") && !run.stderr.contains(&moto.deploy.secret),
        "{}",
        run.stderr
    );
    let run = env.run(&["verify", &moto.deploy.secret]);
    assert_eq!(run.status, 2);
    assert!(!run.stderr.contains(&moto.deploy.secret), "{}", run.stderr);
}

#[test]
fn a_report_is_asked_about_later() {
    let env = tree();
    let reports = TestEnv::new();
    let masked = env.run(&["files", ".", "--format", "json"]);
    let open = env.run(&["files", ".", "--format", "json", "--show-secrets"]);
    reports.write("masked.json", &masked.stdout);
    reports.write("open.json", &open.stdout);
    let endpoint = moto().endpoint();
    let ask = |file: &str| {
        reports.run(&[
            "verify",
            "--report",
            file,
            "--sts-endpoint",
            &endpoint,
            "--format",
            "json",
            "--show-secrets",
        ])
    };
    let run = ask("masked.json");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("secrets masked") && run.stderr.contains("--show-secrets"), "{}", run.stderr);

    let run = ask("open.json");
    assert_eq!(run.status, 1, "{}", run.stderr);
    let mut after = run.json();
    let of_scan = scan(&env, &["--format", "json"]).json();
    assert_eq!(statuses(&after), statuses(&of_scan));
    // All else is as it was.
    let mut before = open.json();
    for report in [&mut before, &mut after] {
        report["scan"]["finished"].take();
        for finding in report["findings"].as_array_mut().unwrap() {
            finding["verification"].take();
            finding["severity"].take();
        }
    }
    assert_eq!(after, before);
}

/// Without an endpoint of its own: AWS's host names, through a proxy, over TLS with a CA of our own. Nothing leaves this machine, because
/// the proxy leads back to it.
#[test]
fn proxy_and_certificates_of_the_environment_are_used() {
    let moto = moto();
    let env = TestEnv::new();
    env.write("a.ini", moto.deploy.lines());
    env.write("cn/b.ini", format!("region = cn-northwest-1\n{}", moto.gone.lines()));
    let run = |ca: Option<&Path>, args: &[&str]| {
        let mut command = env.command(&[&["files", ".", "--verify", "--format", "json"], args].concat());
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", moto.proxy));
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        if let Some(ca) = ca {
            command.env("AWS_CA_BUNDLE", ca);
        }
        finish(
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap(),
        )
    };
    let report = run(Some(&moto.ca), &[]).json();
    let mut expected = vec![
        (moto.deploy.id.clone(), format!("critical active arn:aws:iam::{ACCOUNT}:user/deploy")),
        (moto.gone.id.clone(), "high inactive InvalidClientTokenId".to_owned()),
    ];
    expected.sort();
    assert_eq!(statuses(&report), expected, "{report:#}");
    let connects = moto.connects.lock().unwrap().join("\n");
    for host in
        ["sts.us-east-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn"]
    {
        assert!(connects.contains(&format!("CONNECT {host}:443")), "{connects}");
    }

    let untrusted = run(None, &[]);
    assert_eq!(untrusted.status, 1, "the findings stand");
    assert!(
        untrusted.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["verification"]["status"] == "unknown")
    );
    assert!(untrusted.stderr.contains("is not trusted here"), "{}", untrusted.stderr);
    let broken = run(Some(&env.path("a.ini")), &[]);
    assert_eq!(broken.status, 2);
    assert!(broken.stderr.contains("no certificate that can be used"), "{}", broken.stderr);
}

#[test]
fn no_proxy_is_honoured() {
    let moto = moto();
    let env = TestEnv::new();
    env.write("a.ini", moto.deploy.lines());
    let endpoint = format!("https://127.0.0.1:{}", moto.https);
    for (no_proxy, expected) in [("127.0.0.1", "active"), ("example.org", "unknown")] {
        let mut command = env.command(&["files", ".", "--verify", "--format", "json"]);
        command.env("AWS_ENDPOINT_URL_STS", &endpoint).env("AWS_CA_BUNDLE", &moto.ca);
        command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("NO_PROXY", no_proxy).env_remove("no_proxy");
        let run = finish(
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap(),
        );
        assert_eq!(run.json()["findings"][0]["verification"]["status"], expected, "{}", run.stdout);
    }
}
