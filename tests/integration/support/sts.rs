//! STS on this machine: an emulator that checks signatures, and a server that answers whatever a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{TestEnv, python};

/// The account of the emulator: not the one of its own choice, which documentation uses, too.
pub(crate) const ACCOUNT: &str = "488042315319";

/// An access key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Key {
    /// The lines of a credentials file that hold it.
    pub(crate) fn lines(&self) -> String {
        let Self { id, secret, token } = self;
        let token = token.as_ref().map_or(String::new(), |token| format!("aws_session_token = {token}\n"));
        format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n{token}")
    }

    /// What `keyhound verify` reads.
    pub(crate) fn typed(&self) -> String {
        format!("{}\n{}\n", self.secret, self.token.as_deref().unwrap_or_default())
    }

    pub(crate) fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }
}

/// The emulator, which runs until the tests end.
pub(crate) struct Moto {
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) proxy: u16,
    pub(crate) ca: PathBuf,
    /// Keys of users of these names.
    pub(crate) deploy: Key,
    pub(crate) admin: Key,
    /// Deactivated.
    pub(crate) inactive: Key,
    /// Deleted.
    pub(crate) gone: Key,
    /// A session of the role `build`.
    pub(crate) role: Key,
    _folder: TempDir,
    _child: Child,
    /// What the proxy was asked for.
    pub(crate) connects: Arc<Mutex<Vec<String>>>,
}

/// What the emulator is made of.
const PACKAGES: [&str; 4] = ["moto[iam,sts]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "werkzeug==3.1.9"];

/// A secret that belongs to no key.
pub(crate) const WRONG: &str = concat!("uV5xKq0Rz8+LtWn3YbEj", "7cGhSd2/ApMo9fIiXw6T");

static MOTO: LazyLock<Moto> = LazyLock::new(Moto::start);

/// The emulator. Without it there is no test: what it needs is installed here, or the test fails.
pub(crate) fn moto() -> &'static Moto {
    &MOTO
}

impl Moto {
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    fn start() -> Self {
        let programs = python::venv("moto", &PACKAGES);
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto/server.py");
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(programs.join("python"))
            .arg(server)
            .arg(folder.path())
            .env("MOTO_ACCOUNT_ID", ACCOUNT)
            .stdin(Stdio::piped()) // its end ends the server
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let connects = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&connects);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if line.starts_with("CONNECT") {
                    heard.lock().unwrap().push(line);
                } else {
                    let _ = writeln!(std::io::stderr(), "moto: {line}");
                }
            }
        });
        let ports: Value = serde_json::from_str(&line).expect("the emulator tells its ports");
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        let mut moto = Self {
            http: port("http"),
            https: port("https"),
            proxy: port("proxy"),
            ca: folder.path().join("ca.pem"),
            deploy: Key::default(),
            admin: Key::default(),
            inactive: Key::default(),
            gone: Key::default(),
            role: Key::default(),
            _folder: folder,
            _child: child,
            connects,
        };
        moto.fill();
        moto
    }

    fn fill(&mut self) {
        self.deploy = self.user("deploy");
        self.admin = self.user("it-admin");
        self.inactive = self.user("inactive");
        self.gone = self.user("gone");
        let of = |key: &Key, user: &str| format!("UserName={user}&AccessKeyId={}", key.id);
        self.iam(&format!("Action=UpdateAccessKey&Status=Inactive&{}", of(&self.inactive, "inactive")));
        self.iam(&format!("Action=DeleteAccessKey&{}", of(&self.gone, "gone")));
        self.iam("Action=CreateRole&RoleName=build&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D");
        let session = self.call(
            "sts",
            &format!("Version=2011-06-15&Action=AssumeRole&RoleArn=arn:aws:iam::{ACCOUNT}:role/build&RoleSessionName=job-7"),
        );
        self.role = key_of(&session);
        self.role.token = Some(tag(&session, "SessionToken"));
        // Until it is told to, the emulator believes everybody: a test of it would show nothing.
        let wrong = self.deploy.with_secret(WRONG);
        assert_eq!(self.ask(&wrong), 1, "it takes a wrong secret before it is told to check");
        let answer = self.post("/moto-api/reset-auth", "text/plain", "x", "0");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(self.ask(&wrong), 0, "it checks signatures");
    }

    /// The status of `keyhound verify` for a key.
    fn ask(&self, key: &Key) -> i32 {
        let env = TestEnv::new();
        env.run_with_stdin(&["verify", &key.id, "--sts-endpoint", &self.endpoint()], key.typed().as_bytes())
            .status
    }

    fn user(&self, name: &str) -> Key {
        self.iam(&format!("Action=CreateUser&UserName={name}"));
        key_of(&self.iam(&format!("Action=CreateAccessKey&UserName={name}")))
    }

    fn iam(&self, action: &str) -> String {
        self.call("iam", &format!("Version=2010-05-08&{action}"))
    }

    fn call(&self, service: &str, body: &str) -> String {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let answer = self.post("/", "application/x-www-form-urlencoded", &scope, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    fn post(&self, path: &str, kind: &str, authorization: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nAuthorization: {authorization}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn key_of(answer: &str) -> Key {
    Key { id: tag(answer, "AccessKeyId"), secret: tag(answer, "SecretAccessKey"), token: None }
}

fn tag(answer: &str, name: &str) -> String {
    let rest = answer.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{name} in {answer}")).1;
    rest.split_once('<').unwrap().0.to_owned()
}

/// A question that the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Question {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The key id that signed it.
    pub(crate) fn key_id(&self) -> &str {
        let authorization = self.header("authorization").unwrap_or_default();
        authorization.split_once("Credential=").map_or("", |rest| rest.1.split('/').next().unwrap())
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The caller is the user of this name.
    User(&'static str),
    /// The caller is the root user.
    Root,
    /// An error document of AWS: status, code, message.
    Error(u16, &'static str, &'static str),
    /// An error document, and a `Date`.
    Dated(u16, &'static str, &'static str, String),
    /// Something else.
    Raw(&'static str),
    /// The same, later.
    Late(Duration, Box<Self>),
    /// Hang up in the middle of the question.
    Reset,
    /// Say nothing for as long as the other side waits.
    Hang,
}

/// A server on loopback. It does not check signatures.
pub(crate) struct Server {
    pub(crate) port: u16,
    questions: Arc<Mutex<Vec<Question>>>,
}

impl Server {
    /// Answers each question, which are counted from 0, as the function says.
    pub(crate) fn start(reply: impl Fn(&Question, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let questions = Arc::new(Mutex::new(Vec::new()));
        let (heard, reply) = (Arc::clone(&questions), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, reply) = (Arc::clone(&heard), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream, &heard, &*reply));
            }
        });
        Self { port, questions }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn questions(&self) -> Vec<Question> {
        self.questions.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, heard: &Mutex<Vec<Question>>, reply: &dyn Fn(&Question, usize) -> Reply) {
    let Some(question) = read(&mut stream) else { return };
    let number = {
        let mut heard = heard.lock().unwrap();
        heard.push(question.clone());
        heard.len() - 1
    };
    let mut next = reply(&question, number);
    while let Reply::Late(time, then) = next {
        std::thread::sleep(time);
        next = *then;
    }
    let error = |status: u16, code: &str, message: &str| {
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
        );
        (status, body)
    };
    let identity = |name: &str| {
        (
            200,
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:{name}</Arn><UserId>AIDAQ3EGVUKTBDYJ2MMHX</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
            ),
        )
    };
    let mut date = String::new();
    let (status, body) = match next {
        Reply::Root => identity("root"),
        Reply::User(name) => identity(&format!("user/{name}")),
        Reply::Error(status, code, message) => error(status, code, message),
        Reply::Dated(status, code, message, at) => {
            date = format!("Date: {at}\r\n");
            error(status, code, message)
        }
        Reply::Raw(text) => {
            let _ = stream.write_all(text.as_bytes());
            return;
        }
        Reply::Hang => {
            let _ = stream.read(&mut [0]); // until the other side gives up
            return;
        }
        Reply::Reset | Reply::Late(..) => return,
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\n{date}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn read(stream: &mut TcpStream) -> Option<Question> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head += &line;
    }
    let question = Question { head, body: String::new() };
    let length = question.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Question { body: String::from_utf8(body).ok()?, ..question })
}
