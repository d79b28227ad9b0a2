//! What `--verify` does not do: look for credentials of the user, open sockets when it is not asked for, tell secrets.

use std::io;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyhound::finding::{Partition, Secret};
use keyhound::verify::sts::{Settings, Sts};
use keyhound::verify::{Credential, Until, Verifier as _};

use crate::support::sts::{Reply, Server, WRONG};
use crate::support::{Run, TestEnv, finish, id, pair, program, run_with_stdin, secret};
use crate::verify_faults::{MISSING, TOKEN, temporary, verification};

/// Bait for everything that looks for credentials of the user.
#[test]
fn no_credential_but_the_found_one_is_looked_for() {
    let bait = Server::start(|_, _| Reply::Error(500, "InternalFailure", ""));
    let server = Server::start(|_, _| MISSING);
    let env = TestEnv::new();
    env.write("scan/a.ini", pair(0));
    let other = "aws_access_key_id = AKIAQQ7BAITBAITBAIT2\naws_secret_access_key = ";
    env.write("home/.aws/credentials", format!("[default]\n{other}{WRONG}\n[bait]\n{other}{WRONG}\n"));
    env.write(
        "home/.aws/config",
        format!(
            "[profile bait]\nregion = eu-west-1\ncredential_process = touch {}\nendpoint_url = {}\n",
            env.path("ran").display(),
            bait.endpoint()
        ),
    );
    env.write("token", TOKEN);
    let trace = env.path("trace");
    let mut command = match traced(&["open", "openat", "connect", "execve"], &trace) {
        Some(command) => command,
        None => Command::new(program()),
    };
    let clean =
        env.command(&["files", "scan", "--verify", "--format", "json", "--sts-endpoint", &server.endpoint()]);
    command.args(clean.get_args()).current_dir(env.path(""));
    command.env("HOME", env.path("home")).env("AWS_PROFILE", "bait").env("AWS_REGION", "eu-west-1");
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "AKIAQQ7BAITBAITBAIT2"),
        ("AWS_SECRET_ACCESS_KEY", WRONG),
        ("AWS_SESSION_TOKEN", TOKEN),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/bait"),
    ] {
        command.env(name, value);
    }
    command.env("AWS_ENDPOINT_URL", bait.endpoint());
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", bait.endpoint());
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", bait.endpoint());
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", env.path("token"));
    command.env_remove("AWS_CA_BUNDLE").env_remove("AWS_ENDPOINT_URL_STS");
    let run =
        finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(verification(&run).1, "InvalidClientTokenId", "{}", run.stderr);
    assert_eq!(bait.questions().len(), 0);
    assert!(
        server.questions().iter().all(|q| q.key_id() == id(0) && q.header("x-amz-security-token").is_none())
    );
    assert!(!env.path("ran").exists());
    if let Ok(calls) = std::fs::read_to_string(&trace) {
        assert!(calls.contains("scan/a.ini"), "the trace shows files: {calls}");
        let ports: Vec<&str> = calls.lines().filter(|l| l.contains("sin_port")).collect();
        assert!(
            !ports.is_empty() && ports.iter().all(|l| l.contains(&format!("htons({})", server.port))),
            "{ports:?}"
        );
        for name in ["/.aws", "/token", "169.254"] {
            assert!(!calls.contains(name), "{name}");
        }
    }
}

/// A command that runs the program under strace, which writes those calls to a file.
fn traced(calls: &[&str], trace: &std::path::Path) -> Option<Command> {
    let is_there =
        Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    is_there.then(|| {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-qq", "-s", "300", "-o"])
            .arg(trace)
            .arg("-e")
            .arg(format!("trace={}", calls.join(",")));
        command.arg(program());
        command
    })
}

/// A whole audit and every other scan under a kernel that kills what opens a socket. With --verify it does.
#[cfg(target_os = "linux")]
#[test]
fn without_verify_no_socket_is_opened() {
    let server = Server::start(|_, _| Reply::User("x"));
    let env = TestEnv::new();
    env.write("r/a.ini", pair(0));
    let git = "git init -q && git add . && git -c user.name=A -c user.email=a@example.org commit -qm x && echo >>a.ini";
    assert!(Command::new("sh").args(["-c", git]).current_dir(env.path("r")).status().unwrap().success());
    let endpoint = server.endpoint();
    let scans: [(&[&str], i32); 8] = [
        (&["audit", "r"], 1),
        (&["history", "r"], 1),
        (&["history", "r", "--range", "HEAD"], 1),
        (&["files", "r"], 1),
        (&["files", "r", "--sts-endpoint", &endpoint, "--format", "json"], 1),
        (&["staged"], 0),
        (&["rules", "check"], 0),
        (&["files", "r", "--verify", "--sts-endpoint", &endpoint], -1), // killed
    ];
    for (args, status) in scans {
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/no_socket.py")).arg(program()).args(args);
        let folder = if args == ["staged"] { env.path("r") } else { env.path("") };
        command.current_dir(folder).env("AWS_ENDPOINT_URL_STS", &endpoint).stdin(Stdio::null());
        let run = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(run.status, status, "{args:?}: {}", run.stderr);
    }
    assert_eq!(server.questions().len(), 0);
}

#[test]
fn no_output_holds_a_secret_whatever_goes_wrong() {
    let replies = [
        Reply::User("x"),
        MISSING,
        Reply::Error(403, "SignatureDoesNotMatch", "The Canonical String for this request should have been"),
        Reply::Error(500, "InternalFailure", ""),
        Reply::Raw("HTTP/1.1 200 OK\r\n\r\ngarbage"),
        Reply::Raw("garbage"),
        Reply::Reset,
        Reply::Error(400, "Throttling", ""),
    ];
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    env.write(
        "b.ini",
        format!(
            "aws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {TOKEN}\n",
            temporary(),
            secret(1)
        ),
    );
    for reply in replies {
        let case = format!("{reply:?}");
        let server = Server::start(move |_, _| reply.clone());
        for format in keyhound::report::Format::ALL {
            let endpoint = server.endpoint();
            let mut command = env.command(&[
                "files",
                ".",
                "--verify",
                "--verbose",
                "--verify-timeout",
                "1",
                "--format",
                format.name(),
                "--sts-endpoint",
                &endpoint,
            ]);
            command
                .env("RUST_LOG", "trace")
                .env("RUST_BACKTRACE", "full")
                .env("SSLKEYLOGFILE", env.path("keys"));
            let run = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
            for (name, value) in [("secret", secret(0)), ("secret", secret(1)), ("token", TOKEN.to_owned())] {
                for part in [&value[..12], &value[12..24]] {
                    assert!(
                        !run.stdout.contains(part) && !run.stderr.contains(part),
                        "{case} {}: a {name} in {}{}",
                        format.name(),
                        run.stdout,
                        run.stderr
                    );
                }
            }
        }
        assert!(!env.path("keys").exists());
    }
}

/// Keeps all that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The program never turns the SDK's own log on. Were it turned on, the secret would not be in it.
#[test]
fn the_log_of_the_sdk_holds_no_secret_at_any_level() {
    let server =
        Server::start(
            |_, n| if n == 0 { Reply::User("x") } else { Reply::Error(403, "SignatureDoesNotMatch", "") },
        );
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let (id, secret, token) = (temporary(), Secret::new(secret(1)), Secret::new(TOKEN));
    tracing::subscriber::with_default(subscriber, || {
        let sts = Sts::new(&Settings { endpoint: Some(server.endpoint()), ..Settings::default() }).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let until = Until { stop: &stop, deadline: Instant::now() + Duration::from_mins(1) };
        for _ in 0..2 {
            sts.ask(Credential { key_id: &id, secret: &secret, token: Some(&token) }, Partition::Aws, &until);
        }
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("TRACE") && log.contains("GetCallerIdentity"),
        "something was logged: {}",
        log.len()
    );
    assert_eq!(server.questions().len(), 2);
    for part in [&secret.expose()[..12], &secret.expose()[12..24]] {
        assert!(!log.contains(part), "the secret is logged");
    }
    assert!(!log.contains(&TOKEN[..40]), "the token is logged");
}

/// Run on a terminal: what it shows when these lines are typed at the prompts.
fn on_terminal(env: &TestEnv, args: &[&str], typed: &str) -> Run {
    let mut command = Command::new("python3");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminal.py"))
        .arg("(not shown): ")
        .arg(program());
    let clean = env.command(args);
    command.args(clean.get_args()).current_dir(env.path("")).env("TERM", "xterm");
    run_with_stdin(command, typed.as_bytes())
}

#[test]
fn secrets_are_typed_without_echo() {
    let server = Server::start(|_, _| Reply::User("x"));
    let env = TestEnv::new();
    let endpoint = server.endpoint();
    for (id, typed) in
        [(id(0), format!("{}\n", secret(0))), (temporary(), format!("{}\n{TOKEN}\n", secret(1)))]
    {
        let run = on_terminal(&env, &["verify", &id, "--sts-endpoint", &endpoint], &typed);
        assert_eq!(run.status, 1, "{}", run.stdout);
        assert!(run.stdout.contains(&format!("Secret of {id} (not shown): ")), "{}", run.stdout);
        assert!(run.stdout.contains("active: it is"), "{}", run.stdout);
        for line in typed.lines() {
            assert!(!run.stdout.contains(&line[..12]), "{}", run.stdout);
        }
    }
    assert_eq!(server.questions()[1].header("x-amz-security-token"), Some(TOKEN));
}

#[test]
fn a_terminal_shows_how_far_it_is() {
    let server = Server::start(|_, _| Reply::Late(Duration::from_millis(1500), Box::new(Reply::User("x"))));
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let args = ["files", "a.ini", "--verify", "--sts-endpoint", &server.endpoint()];
    let run = on_terminal(&env, &args, "");
    assert!(run.stdout.contains("asked AWS about 0 of 1 keys"), "{}", run.stdout);
    let run = on_terminal(&env, &[&args[..], &["--no-progress"]].concat(), "");
    assert!(!run.stdout.contains("asked AWS"), "{}", run.stdout);
}
