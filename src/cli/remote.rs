//! `keyhound audit URL`: a clone in a temporary folder, made by the git command, which knows proxies, credentials and
//! keys. It runs nothing of the repository: a bare clone checks nothing out, and only these protocols are let through.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use keyhound::report::sanitize::sanitize;
use keyhound::scan::Control;
use keyhound::sources::history::Repo;
use keyhound::sources::history::refs::Refs;
use tempfile::TempDir;

use super::common::env;
use super::git::reason;
use super::interrupt;
use super::output::note;
use super::stoppable::Stoppable;

/// What may be fetched by. Not `ext`, which runs a command, nor `http` and `git`, which anybody can change on the way.
const PROTOCOLS: &str = "https:ssh:file";

/// The longest line of git that is kept whole.
const LONGEST: usize = 4096;

/// Variables that would lead git to another repository.
const ELSEWHERE: [&str; 9] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_QUARANTINE_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
];

/// A URL of a repository, apart from the credentials in it.
pub(crate) struct Url {
    /// Without credentials: what is shown, and what git sees on its command line.
    clean: String,
    /// The beginning, with credentials and without.
    with_credentials: Option<(String, String)>,
    /// The parts of it that are credentials.
    credentials: Vec<String>,
}

impl Url {
    /// The URL that an argument is, unless it is the path of something. As for git, `host:path` is one as well.
    pub(crate) fn of(argument: &Path) -> Result<Option<Self>> {
        let Some(text) = argument.to_str() else { return Ok(None) };
        if text.starts_with('-') {
            bail!("{text:?} is neither a path nor a URL: it begins with a dash");
        }
        let before_slash = text.split('/').next().unwrap_or_default();
        let drive = cfg!(windows) && before_slash.as_bytes().get(1) == Some(&b':');
        if argument.exists() || !before_slash.contains(':') || drive {
            return Ok(None);
        }
        lacks_scheme(text)?;
        Ok(Some(Self::parse(text)))
    }

    /// Fail where a URL was given to a command that clones none; what is in it is not shown.
    pub(crate) fn refuse(argument: &Path) -> Result<()> {
        if argument.exists() {
            return Ok(());
        }
        let text = argument.to_string_lossy();
        if text.contains("://") {
            bail!("a URL is no folder; to scan what is there: keyhound audit URL");
        }
        lacks_scheme(&text)
    }

    fn parse(text: &str) -> Self {
        // Git knows `HTTPS` as no protocol.
        let lower =
            text.split_once("://").map(|(scheme, rest)| format!("{}://{rest}", scheme.to_ascii_lowercase()));
        let text = lower.as_deref().unwrap_or(text);
        let plain = || Self { clean: text.to_owned(), with_credentials: None, credentials: Vec::new() };
        let Some((scheme, rest)) = text.split_once("://") else { return plain() };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // The name of a user is no secret where it is all there is to ssh.
        let user = authority.rsplit_once('@').filter(|(user, _)| scheme != "ssh" || user.contains(':'));
        let host = user.map_or(authority, |(_, host)| host);
        // Tokens can stand behind a question mark.
        let (path, query) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
        let clean = format!("{scheme}://{host}{path}");
        let with_credentials = match (user, query) {
            (None, "") => None,
            (Some(_), "") => {
                // With the slash, or it would be the beginning of other hosts as well.
                let slash = if path.starts_with('/') { "/" } else { "" };
                Some((format!("{scheme}://{authority}{slash}"), format!("{scheme}://{host}{slash}")))
            }
            _ => Some((text.to_owned(), clean.clone())),
        };
        let password = user.and_then(|(user, _)| Some(user.split_once(':')?.1.to_owned()));
        let user = user.map(|(user, _)| format!("{user}@"));
        let query = Some(query.to_owned()).filter(|query| query.len() > 1);
        // Shorter ones are in many a word, and say nothing there.
        let password = password.filter(|password| password.len() >= 4);
        let mut credentials: Vec<String> = [user, query, password].into_iter().flatten().collect();
        // Programs undo the percent signs before they speak of it.
        credentials.extend(credentials.clone().iter().filter_map(|part| unescaped(part)));
        Self { clean, with_credentials, credentials }
    }

    /// What the report names.
    pub(crate) fn shown(&self) -> &str {
        &self.clean
    }

    /// Clone the repository, with all its refs, into a folder that goes away with the value.
    pub(crate) fn clone(&self, progress: bool, control: &Arc<Control>) -> Result<TemporaryClone> {
        let folder = tempfile::Builder::new().prefix("keyhound-").tempdir().context("no temporary folder")?;
        interrupt::remove(Some(folder.path()));
        let path = folder.path().join("repo.git");
        let (done, said) = self.run(&mut self.command(&path, progress), progress, control)?;
        if !done {
            bail!("cannot clone {}: {}{}", self.shown(), reason(&said), help(&said));
        }
        let is_empty = || Repo::discover(&path).is_ok_and(|repo| Refs::read(&repo).roots.is_empty());
        if self.clean.starts_with("https:") && is_empty() && !self.is_git_server(control)? {
            bail!(
                "cannot clone {}: what answers there does not speak as git does, and names no branch: look for a mistake in the URL",
                self.shown()
            );
        }
        Ok(TemporaryClone { folder, path })
    }

    /// Run git. Whether it succeeded, and what it said.
    fn run(&self, git: &mut Command, show: bool, control: &Arc<Control>) -> Result<(bool, String)> {
        let mut git = interrupt::start(git).context("cannot run git")?;
        // When git has been ended, a program that it ran may still hold the other end.
        let stderr = git.stderr.take().map(|stderr| Stoppable::of(stderr, control));
        let said = stderr.map(|stderr| self.listen(stderr, show)).unwrap_or_default();
        interrupt::ended();
        Ok((git.wait().context("cannot wait for git")?.success(), said))
    }

    /// Whether git itself answers there. Any page of the web in one line, such as that of a login, is an empty repository to git, which takes
    /// it for a list of refs.
    fn is_git_server(&self, control: &Arc<Control>) -> Result<bool> {
        let mut git = self.git(&["ls-remote", "--", &self.clean]);
        let (_, said) = self.run(git.env("GIT_TRACE_PACKET", "1"), false, control)?;
        Ok(said.contains("packet: "))
    }

    /// The lines that git says, without credentials. With `show` they are shown as they come, with those that make way for the next.
    fn listen(&self, mut stderr: impl Read, show: bool) -> String {
        let (mut said, mut line, mut piece) = (String::new(), Vec::new(), [0; 4096]);
        let mut end = |line: &mut Vec<u8>, by: &str| {
            let text = self.without_credentials(&String::from_utf8_lossy(line));
            line.clear();
            if show {
                let _ = write!(io::stderr(), "{}{by}", sanitize(&text));
            }
            if by == "\n" {
                said.push_str(&text);
                said.push('\n');
            }
        };
        let mut returned = false;
        // An error ends it as well: what git came to is told by its status.
        while let Ok(read @ 1..) = stderr.read(&mut piece) {
            for &byte in &piece[..read] {
                // The lines of ssh end in both.
                if returned && byte != b'\n' {
                    end(&mut line, "\r");
                }
                returned = byte == b'\r';
                match byte {
                    b'\n' => end(&mut line, "\n"),
                    b'\r' => {}
                    _ if line.len() < LONGEST => line.push(byte),
                    _ => {}
                }
            }
        }
        if !line.is_empty() {
            end(&mut line, "\n");
        }
        said
    }

    fn command(&self, path: &Path, progress: bool) -> Command {
        let progress = if progress { "--progress" } else { "--quiet" };
        let mut git =
            self.git(&["clone", "--bare", "--mirror", "--template=", "--no-recurse-submodules", progress]);
        git.arg("--").arg(&self.clean).arg(path);
        git
    }

    /// Git, which is told the credentials and listens to nobody else.
    fn git(&self, args: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.args(["-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null"]).args(args);
        for name in ELSEWHERE {
            git.env_remove(name);
        }
        git.env("GIT_ALLOW_PROTOCOL", PROTOCOLS);
        if let Some((with, without)) = &self.with_credentials {
            // Everybody on the machine can read a command line; not so an environment.
            let count = env("GIT_CONFIG_COUNT").and_then(|n| n.to_str()?.parse().ok()).unwrap_or(0u32);
            git.env("GIT_CONFIG_COUNT", (count + 1).to_string());
            git.env(format!("GIT_CONFIG_KEY_{count}"), format!("url.{with}.insteadOf"));
            git.env(format!("GIT_CONFIG_VALUE_{count}"), without);
        }
        if env("GIT_TERMINAL_PROMPT").is_none() && !io::stderr().is_terminal() {
            git.env("GIT_TERMINAL_PROMPT", "0"); // nobody is there to answer
        }
        git.stdin(Stdio::null()).stdout(Stdio::null());
        // In words that are known here.
        git.stderr(Stdio::piped()).env("LC_ALL", "C");
        git
    }

    fn without_credentials(&self, text: &str) -> String {
        // Git may name a part of the URL alone.
        self.credentials.iter().fold(text.to_owned(), |text, part| text.replace(part, ""))
    }
}

/// Fail for `user:password@host/path`: git would take the password for a part of a path, and name it.
fn lacks_scheme(text: &str) -> Result<()> {
    let before_slash = text.split('/').next().unwrap_or_default();
    let user = before_slash.split_once(':').filter(|(user, rest)| !user.contains('@') && rest.contains('@'));
    if user.is_some() {
        bail!("a URL with a password begins with https:// or ssh://, and this one with the user");
    }
    Ok(())
}

/// A text without percent encoding, if it has any.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok().filter(|plain| plain != text)
}

/// What one can do about what git said.
fn help(said: &str) -> &'static str {
    if said.contains("not allowed") && said.contains("transport '") {
        " (keyhound fetches by https, ssh and file: what comes by http or git can be changed on the way. To take it all the same: git clone --mirror URL FOLDER, and keyhound audit FOLDER)"
    } else if said.contains("terminal prompts disabled") {
        " (it asks for a name and a password: set up a git credential helper, or use ssh)"
    } else {
        ""
    }
}

/// A clone in a temporary folder.
#[derive(Debug)]
pub(crate) struct TemporaryClone {
    folder: TempDir,
    path: PathBuf,
}

impl TemporaryClone {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Let it stay, and say where it is.
    pub(crate) fn keep(self) {
        interrupt::remove(None);
        let _ = self.folder.keep();
        note(format_args!("keyhound: the clone is {}", OsStr::display(self.path.as_os_str())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths() {
        let url = |text: &str| Url::of(Path::new(text)).map(|url| url.map(|url| url.clean));
        for text in ["https://h/r", "file:///r", "git@h:r.git", "h:r", "ext::sh -c x", "ssh://git@h/r"] {
            assert_eq!(url(text).expect("not refused").as_deref(), Some(text));
        }
        for text in [".", "a/b:c", "/x:y", "r", "./h:r"] {
            assert_eq!(url(text).expect("not refused"), None, "{text}");
        }
        assert!(url("--upload-pack=x").is_err());
        assert!(url("me:hunter2@h/r").is_err() && Url::refuse(Path::new("me:hunter2@h:r")).is_err());
    }

    #[test]
    fn what_git_says_is_told_in_one_line() {
        let url = Url::parse("https://me:p%40ss%2fword@h/r");
        let said = "Cloning into bare repository '/tmp/x'...\nReceiving: 1%\rReceiving: 2%\rremote: no p@ss/word \r\nfatal: cannot access 'https://me:p%40ss%2fword@h/r': refused\n";
        let said = url.listen(said.as_bytes(), false);
        assert_eq!(reason(&said), "remote: no; cannot access 'https://h/r': refused");
        assert!(help("fatal: transport 'http' not allowed").contains("https, ssh and file"));
        assert_eq!(help(&said), "");
    }

    #[test]
    fn credentials_are_not_shown() {
        for (text, clean) in [
            ("https://me:hunter2@h:8/r.git", "https://h:8/r.git"),
            ("https://token-hunter2@h/r@x", "https://h/r@x"),
            ("ssh://me:hunter2@h/r", "ssh://h/r"),
            ("https://a:hunter2@b@h?token=hunter2", "https://h"),
            ("https://h/r.git?token=hunter2", "https://h/r.git"),
            ("https://h/r#hunter2", "https://h/r"),
            ("https://me:hunter2%40@h/r", "https://h/r"),
        ] {
            let url = Url::parse(text);
            assert_eq!(url.shown(), clean);
            let command = format!("{:?}", url.command(Path::new("/p"), false).get_args());
            assert!(!command.contains("hunter2"), "{command}");
            for said in [text, text.split_once("://h").map_or(text, |(_, path)| path)] {
                let said = url.without_credentials(&format!("fatal: cannot access '{said}'"));
                assert!(!said.contains("hunter2"), "{said}");
            }
        }
    }
}
