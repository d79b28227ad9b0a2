//! `--verify` against a server that answers and fails in every way.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::reports::{errors, own_schema};
use crate::support::sts::{ACCOUNT, Question, Reply, Server};
use crate::support::{Run, TestEnv, finish, id, pair, secret};

pub(crate) const TOKEN: &str = concat!(
    "IQoJb3JpZ2luX2VjEHk",
    "aCXVzLWVhc3QtMSJHMEUCIQDx7k2LmVq9RtYwZ0bNcJ8hGfUe5aPs3oKiTnCuXlVdWwIgB4jM6qF1yHrOzEaSgD7vLpQx0T9cNkUeW2mRfYbGhIo"
);
pub(crate) const MISSING: Reply =
    Reply::Error(403, "InvalidClientTokenId", "The security token included in the request is invalid.");

pub(crate) fn temporary() -> String {
    id(2).replace("AKIA", "ASIA")
}

/// Run with a server that answers so, on one pair.
fn ask(server: &Server, args: &[&str]) -> Run {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let endpoint = server.endpoint();
    env.run(&[&["files", ".", "--verify", "--format", "json", "--sts-endpoint", &endpoint], args].concat())
}

pub(crate) fn verification(run: &Run) -> (String, String) {
    let report = run.json();
    let verification = &report["findings"][0]["verification"];
    let text = |name: &str| verification[name].as_str().unwrap_or_default();
    (text("status").to_owned(), format!("{}{}{}", text("arn"), text("code"), text("reason")))
}

#[test]
fn what_says_nothing_is_unknown_and_only_throttling_is_asked_again() {
    let html = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 26\r\nConnection: close\r\n\r\n<html>Please log in</html>";
    let portal = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 26\r\nConnection: close\r\n\r\n<html>Please log in</html>";
    let fake = "HTTP/1.1 403 X\r\nContent-Length: 54\r\nConnection: close\r\n\r\n<html><Code>InvalidClientTokenId</Code></html>        ";
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<GetCallerIdentityResponse>";
    for (first, then, status, detail, questions) in [
        (Reply::User("x"), Reply::Reset, "active", "user/x", 1),
        (Reply::Error(400, "Throttling", "Rate exceeded"), Reply::User("x"), "active", "user/x", 2),
        (Reply::Error(503, "ServiceUnavailable", ""), Reply::User("x"), "active", "user/x", 2),
        (
            Reply::Error(500, "InternalFailure", ""),
            Reply::User("x"),
            "unknown",
            "HTTP 500, InternalFailure",
            1,
        ),
        (Reply::Error(403, "AccessDenied", ""), Reply::User("x"), "unknown", "AccessDenied", 1),
        (Reply::Error(403, "ExpiredToken", ""), Reply::User("x"), "inactive", "ExpiredToken", 1),
        (MISSING, Reply::User("x"), "inactive", "InvalidClientTokenId", 1),
        (
            Reply::Error(403, "SignatureDoesNotMatch", ""),
            Reply::User("x"),
            "inactive",
            "SignatureDoesNotMatch",
            1,
        ),
        (Reply::Reset, Reply::User("x"), "unknown", "no connection", 1),
        (Reply::Hang, Reply::User("x"), "unknown", "no answer in time", 1),
        (
            Reply::Late(Duration::from_millis(300), Box::new(Reply::User("x"))),
            Reply::Reset,
            "active",
            "user/x",
            1,
        ),
        (Reply::Raw(html), Reply::User("x"), "unknown", "not AWS's", 1),
        (Reply::Raw(portal), Reply::User("x"), "unknown", "not AWS's", 1),
        (Reply::Raw(fake), Reply::User("x"), "unknown", "not AWS's", 1),
        (Reply::Raw(cut), Reply::User("x"), "unknown", "", 1),
        (Reply::Raw("SSH-2.0-OpenSSH_9.2\r\n"), Reply::User("x"), "unknown", "", 1),
    ] {
        let case = format!("{first:?} then {then:?}");
        let server = Server::start(move |_, n| if n == 0 { first.clone() } else { then.clone() });
        let run = ask(&server, &["--sts-timeout", "2"]);
        let (got, why) = verification(&run);
        assert_eq!((got.as_str(), server.questions().len()), (status, questions), "{case}: {why}");
        assert!(why.contains(detail), "{case}: {why}");
        assert_eq!(run.status, 1, "{case}");
        assert_eq!(run.stderr.is_empty(), status != "unknown", "{case}: {}", run.stderr);
    }
}

#[test]
fn sts_that_stays_busy_is_left_alone() {
    let server = Server::start(|_, _| Reply::Error(400, "Throttling", "Rate exceeded"));
    let run = ask(&server, &["--verify-timeout", "3"]);
    let (status, why) = verification(&run);
    assert_eq!(status, "unknown");
    assert!(why.contains("Throttling"), "{why}");
    let asked = server.questions().len();
    assert!((2..=5).contains(&asked), "{asked}");
}

/// Format a time as HTTP does.
fn http_date(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn a_wrong_clock_is_put_right_or_said_and_never_makes_a_secret_wrong() {
    // The server's clock is an hour ahead: it refuses what was signed with another one.
    let hour = Duration::from_hours(1);
    let server = Server::start(move |question: &Question, _| {
        let now = SystemTime::now() + hour;
        let signed =
            jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", question.header("x-amz-date").unwrap())
                .unwrap();
        let signed = signed.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let off = signed.duration_since(jiff::Timestamp::try_from(now).unwrap()).abs();
        if off < jiff::SignedDuration::from_mins(15) {
            Reply::User("x")
        } else {
            Reply::Dated(
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20261125T000000Z is now earlier than",
                http_date(now),
            )
        }
    });
    let run = ask(&server, &[]);
    assert_eq!(verification(&run).0, "active", "{}", run.stdout);
    assert_eq!(server.questions().len(), 2);

    let server = Server::start(|_, _| {
        Reply::Error(403, "SignatureDoesNotMatch", "Signature not yet current: 1 is still later than 2")
    });
    let (status, why) = verification(&ask(&server, &[]));
    assert_eq!(status, "unknown");
    assert!(why.contains("clock"), "{why}");
}

#[test]
fn tls_that_fails_and_servers_that_are_not_there_are_unknown() {
    let server = Server::start(|_, _| Reply::User("x"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    for url in [format!("https://127.0.0.1:{}", server.port), format!("http://127.0.0.1:{closed}")] {
        let run = env.run(&["files", ".", "--verify", "--format", "json", "--sts-endpoint", &url]);
        let (status, why) = verification(&run);
        assert_eq!(status, "unknown", "{url}");
        assert!(why.starts_with("no connection"), "{why}");
    }
    assert_eq!(server.questions().len(), 0);
    for url in ["sts.example.org", "http://sts.example.org", "https://user:pass@x"] {
        let run = env.run(&["files", ".", "--verify", "--sts-endpoint", url]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{url}");
    }
}

#[test]
fn fifty_credentials_in_two_hundred_places_are_fifty_questions() {
    let server = Server::start(|_, _| Reply::User("x"));
    let env = TestEnv::new();
    let digits = |n: usize| -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        [n % 32, n / 32, 7 * n % 32].iter().map(|d| char::from(alphabet[*d])).collect()
    };
    for file in 0..4 {
        let mut text = String::new();
        for n in 0..50 {
            let key = format!("{}{}", &id(0)[..17], digits(n));
            let value = format!("{}{}x", &secret(0)[..36], digits(n).to_lowercase());
            let _ =
                writeln!(text, "[profile-{n}]\naws_access_key_id = {key}\naws_secret_access_key = {value}\n");
        }
        env.write(&format!("{file}/credentials"), text);
    }
    let run = env.run(&["files", ".", "--verify", "--format", "json", "--sts-endpoint", &server.endpoint()]);
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 200);
    assert!(findings.iter().all(|f| f["verification"]["status"] == "active"));
    let mut ids: Vec<String> = server.questions().iter().map(|q| q.key_id().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), server.questions().len()), (50, 50));
}

#[test]
fn a_question_holds_what_the_documentation_says() {
    let server = Server::start(|_, _| Reply::User("x"));
    let env = TestEnv::new();
    let (id, secret) = (temporary(), secret(1));
    env.write(
        "a.ini",
        format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {TOKEN}\n"),
    );
    env.run(&["files", ".", "--verify", "--sts-endpoint", &server.endpoint()]);
    let questions = server.questions();
    let [question] = &questions[..] else { panic!("{questions:?}") };
    assert!(question.head.starts_with("POST / HTTP/1.1"), "{}", question.head);
    assert_eq!(question.body, "Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(question.key_id(), id);
    assert_eq!(question.header("x-amz-security-token"), Some(TOKEN));
    assert!(question.header("user-agent").unwrap().contains("app/keyhound"), "{}", question.head);
    assert!(!question.head.contains(&secret) && !question.head.contains("a.ini"));
}

#[test]
fn canaries_and_what_cannot_work_are_not_asked_about() {
    let server = Server::start(|_, _| Reply::User("x"));
    let env = TestEnv::new();
    let canary = concat!("AKIA", "SP2TPHJSQH3FJRUX");
    env.write("canary.ini", format!("aws_access_key_id = {canary}\naws_secret_access_key = {}\n", secret(0)));
    env.write(
        "half.ini",
        format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", temporary(), secret(1)),
    );
    env.write("alone.txt", id(3));
    let endpoint = server.endpoint();
    let scan = |args: &[&str]| {
        env.run(
            &[
                &["files", ".", "--verify", "--show-info", "--format", "json", "--sts-endpoint", &endpoint],
                args,
            ]
            .concat(),
        )
    };
    let run = scan(&[]);
    let of = |report: &Value, id: &str| {
        let all = report["findings"].as_array().unwrap();
        all.iter().find(|f| f["key_id"] == id).unwrap().clone()
    };
    let report = run.json();
    assert_eq!(of(&report, &id(3))["verification"]["status"], "not-attempted");
    for (id, word) in [(canary, "canary"), (&temporary(), "session token")] {
        let verification = &of(&report, id)["verification"];
        assert_eq!(verification["status"], "unknown");
        assert!(verification["reason"].as_str().unwrap().contains(word), "{verification}");
    }
    assert_eq!(of(&report, canary)["notes"][0], "canary");
    assert_eq!((server.questions().len(), run.stderr.as_str()), (0, ""));
    // Of a report, too, what was not learned is not "it does not work".
    for (file, status) in [("half.ini", 2), ("alone.txt", 0)] {
        let of = ["files", file, "--show-secrets", "--format", "json", "-o", "report.json"];
        assert_eq!(env.run(&of).status, 1);
        let later = env.run(&["verify", "--report", "report.json", "--sts-endpoint", &endpoint]);
        assert_eq!(later.status, status, "{file}: {}", later.stderr);
    }
    let report = scan(&["--verify-canaries"]).json();
    let found = of(&report, canary);
    assert_eq!(
        (found["verification"]["status"].as_str(), found["severity"].as_str()),
        (Some("active"), Some("info"))
    );
    assert_eq!(server.questions().len(), 1);
}

#[test]
fn expired_sessions_in_a_history_are_asked_about_only_on_request() {
    let server = Server::start(|_, _| Reply::Error(403, "ExpiredToken", ""));
    let env = TestEnv::new();
    env.write(
        "r/a.ini",
        format!(
            "aws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {TOKEN}\n",
            temporary(),
            secret(1)
        ),
    );
    let git = "git init -q && git add . && GIT_COMMITTER_DATE=2024-01-01T00:00:00Z git -c user.name=A -c user.email=a@example.org commit -qm x";
    assert!(Command::new("sh").args(["-c", git]).current_dir(env.path("r")).status().unwrap().success());
    let endpoint = server.endpoint();
    let scan = |args: &[&str]| {
        env.run(
            &[&["history", "r", "--verify", "--format", "json", "--sts-endpoint", &endpoint], args].concat(),
        )
    };
    let (status, why) = verification(&scan(&[]));
    assert_eq!((status.as_str(), server.questions().len()), ("unknown", 0));
    assert!(why.contains("36 hours"), "{why}");
    assert_eq!(verification(&scan(&["--verify-expired"])), ("inactive".into(), "ExpiredToken".into()));
    assert_eq!(server.questions().len(), 1);
}

#[test]
fn a_question_without_answer_does_not_pass_for_a_no() {
    let server = Server::start(|_, _| Reply::Error(500, "InternalFailure", ""));
    for args in [&["--only-active"][..], &["--fail-on", "active"]] {
        let run = ask(&server, args);
        assert_eq!(run.status, 2, "{args:?}");
        assert!(
            run.stderr.starts_with(&format!("keyhound: the scan is incomplete: whether {} works", id(0))),
            "{}",
            run.stderr
        );
        assert_eq!(run.json()["scan"]["state"], "incomplete");
        assert_eq!(ask(&server, &[args, &["--allow-incomplete"]].concat()).status, 0, "{args:?}");
    }
}

#[test]
fn an_interrupt_reports_what_is_known() {
    // The second key gets no answer.
    let server = Server::start(|_, n| if n == 0 { Reply::User("x") } else { Reply::Hang });
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    env.write("b.ini", pair(1));
    let endpoint = server.endpoint();
    let mut command = env.command(&[
        "files",
        ".",
        "--verify",
        "--format",
        "json",
        "--sts-timeout",
        "600",
        "--sts-endpoint",
        &endpoint,
    ]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.questions().len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300)); // the first answer arrives
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let run = finish(child);
    let report = run.json();
    let mut statuses: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["verification"]["status"].as_str().unwrap())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["active", "unknown"], "{}", run.stderr);
    assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
}

/// One question, and an answer that names the root user, whatever is scanned.
#[test]
fn every_scan_asks_and_every_format_tells() {
    let server = Server::start(|_, _| Reply::Root);
    let env = TestEnv::new();
    env.write("r/a.ini", pair(0));
    let git = "git init -q && git add . && git -c user.name=A -c user.email=a@example.org commit -qm x && cp a.ini b.ini && git add b.ini";
    assert!(Command::new("sh").args(["-c", git]).current_dir(env.path("r")).status().unwrap().success());
    env.write("message", pair(1));
    let endpoint = server.endpoint();
    let scans: [&[&str]; 7] = [
        &["audit"],
        &["history"],
        &["history", "--range", "HEAD"],
        &["files", "a.ini"],
        &["staged"],
        &["hook", "run", "pre-commit"],
        &["hook", "run", "commit-msg", "../message"],
    ];
    let mut asked = 0;
    let mut run = |args: &[&str]| {
        let mut command = env.command(&[&["--verify", "--sts-endpoint", &endpoint], args].concat());
        command.current_dir(env.path("r")).env("GIT_DIR", ".git").env("GIT_WORK_TREE", ".");
        let run = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!((run.status, run.stderr.as_str()), (1, ""), "{args:?}");
        asked += 1;
        assert_eq!(server.questions().len(), asked, "{args:?}");
        run
    };
    for args in scans {
        let text = run(args).stdout;
        assert!(text.contains("critical"), "{args:?}: {text}");
        assert!(text.contains("ROOT USER") || text.contains("ACTIVE"), "{args:?}: {text}");
    }
    for format in keyhound::report::Format::ALL {
        let text = run(&["files", "a.ini", "--format", format.name()]).stdout;
        assert!(text.contains(&format!("arn:aws:iam::{ACCOUNT}:root")), "{}: {text}", format.name());
        if *format == keyhound::report::Format::Json {
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(errors(&own_schema(), &report), [""; 0]);
            assert_eq!(report["findings"][0]["verification"]["remarks"], serde_json::json!(["root-user"]));
        }
    }
}

/// STS refuses the right secret of an id if it follows a wrong one within five seconds.
#[test]
fn the_right_secret_is_not_asked_about_too_soon_after_a_wrong_one() {
    let first = Mutex::new(None::<Instant>);
    let server = Server::start(move |_, _| {
        let mut first = first.lock().unwrap();
        match *first {
            Some(at) if at.elapsed() >= Duration::from_secs(5) => Reply::User("x"),
            _ => {
                *first = Some(Instant::now());
                Reply::Error(403, "SignatureDoesNotMatch", "")
            }
        }
    });
    let env = TestEnv::new();
    let other = format!("# aws_secret_access_key = {}\n", secret(1));
    env.write("a.ini", pair(0) + &other);
    let run = env.run(&[
        "files",
        ".",
        "--verify",
        "--format",
        "json",
        "--show-secrets",
        "--sts-endpoint",
        &server.endpoint(),
    ]);
    let report = run.json();
    let found = &report["findings"][0];
    assert_eq!(
        (found["verification"]["status"].as_str(), found["secret"].as_str()),
        (Some("active"), Some(&*secret(1)))
    );
    assert_eq!(server.questions().len(), 2);
}

#[test]
fn the_time_for_all_questions_is_limited() {
    let server = Server::start(|_, _| Reply::Hang);
    let run = ask(&server, &["--verify-timeout", "1", "--sts-timeout", "600"]);
    let (status, why) = verification(&run);
    assert_eq!(status, "unknown");
    assert!(why.contains("--verify-timeout"), "{why}");
}

#[test]
fn what_is_not_shown_is_not_shown_in_a_path_either() {
    let server =
        Server::start(|question, _| if question.key_id() == id(0) { Reply::User("x") } else { MISSING });
    let env = TestEnv::new();
    env.write(&format!("{}/a.ini", secret(1)), pair(0));
    env.write("b.ini", pair(1));
    let endpoint = server.endpoint();
    for format in keyhound::report::Format::ALL {
        let args = [
            "files",
            ".",
            "--verify",
            "--only-active",
            "--format",
            format.name(),
            "--sts-endpoint",
            &endpoint,
        ];
        let text = env.run(&args).stdout;
        assert!(text.contains(&id(0)) && !text.contains(&id(1)), "{}: {text}", format.name());
        assert!(!text.contains(&secret(1)[..12]), "{}: {text}", format.name());
    }
}
