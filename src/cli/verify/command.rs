//! `keyhound verify`: one credential, or those of a JSON report.

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use keyhound::aws::key_id;
use keyhound::aws::secret::has_shape;
use keyhound::blob::Place;
use keyhound::finding::{Finding, Location, Note, Secret, Severity, Verification};
use keyhound::report::is_masked;
use keyhound::scan::{Control, Outcome, Stats};

use super::{ask, tell_failed};
use crate::cli::common::{Common, now, read_report};
use crate::cli::exit::ExitStatus;
use crate::cli::{interrupt, output};

/// Arguments of `keyhound verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The secret is asked for, or read from standard input: the secret on the first line and, for an ASIA id, the session token on the \
second. It is never an argument, because other users of the machine see those.

Exit status: 1 it works, 0 it does not, 2 not known.")]
pub(crate) struct Args {
    /// The access key id
    #[arg(value_name = "KEY-ID", required_unless_present = "report")]
    key_id: Option<String>,
    /// Ask about the credentials of a report of `--format json --show-secrets`, and write it again; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "key_id")]
    report: Option<PathBuf>,
    /// To say so to those who try
    #[arg(hide = true, value_name = "NOTHING")]
    more: Vec<OsString>,
}

/// Run `keyhound verify`.
pub(crate) fn run(args: &Args, common: &Common) -> Result<ExitStatus> {
    if !args.more.is_empty() {
        bail!("give the key id alone: a secret is no argument, it is asked for or read from standard input");
    }
    let started = now();
    let mut outcome = match (&args.report, &args.key_id) {
        (Some(path), _) => unverified(path)?,
        (None, Some(id)) => Outcome {
            mode: "verify",
            target: id.clone(),
            started,
            finished: started,
            stats: Stats { blobs: 1, bytes: 0 },
            findings: vec![given(id)?],
            incomplete: Vec::new(),
            left_out: Vec::new(),
            unused_suppressions: Vec::new(),
        },
        (None, None) => bail!("which credential? Give a key id, or --report FILE"),
    };
    // Not before: at a prompt Ctrl-C ends the program.
    let control = interrupt::control(common.archives());
    check(&mut outcome, common, &control)
}

fn check(outcome: &mut Outcome, common: &Common, control: &Arc<Control>) -> Result<ExitStatus> {
    let summary = ask::ask(&mut outcome.findings, common, control)?;
    outcome.finished = now();
    // Of what is long over nobody waits for an answer.
    let is_open = |f: &Finding| {
        matches!(f.verification, Verification::Unknown { .. }) && !f.notes.contains(&Note::Expired)
    };
    let is_known = summary.failed.is_empty() && !outcome.findings.iter().any(|f| f.counts() && is_open(f));
    let is_active = outcome.findings.iter().any(output::is_active);
    tell_failed(&summary, common);
    let rules = common.rule_set()?;
    output::write_report(outcome, &rules, common)?;
    Ok(if is_active {
        ExitStatus::Findings
    } else if is_known || common.allow_incomplete {
        ExitStatus::Clean
    } else {
        ExitStatus::Failed
    })
}

/// The credential of this id, whose secret somebody types or pipes in.
fn given(id: &str) -> Result<Finding> {
    if !key_id::has_shape(id.as_bytes()) {
        bail!("this is no access key id: AKIA or ASIA, and 16 characters of A-Z and 2-7");
    }
    let class = key_id::classify(id.as_bytes());
    let is_temporary = key_id::is_temporary(id.as_bytes());
    let (secret, token) = if io::stdin().is_terminal() {
        // Before the prompt: what is pasted at the sight of it must not show, either.
        #[cfg(unix)]
        let _silent = Silent::new().context("cannot turn off the echo of the terminal")?;
        let secret = hidden(&format!("Secret of {id} (not shown): "))?;
        (secret, if is_temporary { hidden("Session token (not shown): ")? } else { String::new() })
    } else {
        let mut lines = io::stdin().lock().lines();
        let mut line = || lines.next().transpose().map(Option::unwrap_or_default);
        let secret = line().context("cannot read the secret from standard input")?;
        (secret, line().context("cannot read the session token from standard input")?)
    };
    let (secret, token) = (secret.trim(), token.trim());
    if !has_shape(secret.as_bytes()) {
        bail!("this is no secret of an access key: 40 characters of A-Z, a-z, 0-9, + and /");
    }
    if is_temporary && token.is_empty() {
        bail!("a temporary credential (ASIA) works only with its session token: give it on the second line");
    }
    if !is_temporary && !token.is_empty() {
        bail!("a lasting key (AKIA) has no session token: give its secret alone");
    }
    let location = Location::new(Place::Stdin);
    let secret = Some(Secret::new(secret));
    Ok(Finding {
        account_id: class.account.map(Into::into),
        session_token: is_temporary.then(|| Secret::new(token)),
        notes: if class.canary { vec![Note::Canary] } else { Vec::new() },
        ..Finding::new("aws-access-key", Severity::High, Some(id), secret, location)
    })
}

/// The terminal without echo, for as long as the value lives.
#[cfg(unix)]
struct Silent {
    terminal: std::fs::File,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Silent {
    fn new() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let terminal = std::fs::File::open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Silent {
    fn drop(&mut self) {
        // If it fails the terminal is gone.
        let _ =
            rustix::termios::tcsetattr(&self.terminal, rustix::termios::OptionalActions::Now, &self.before);
    }
}

fn hidden(prompt: &str) -> Result<String> {
    rpassword::prompt_password(prompt).context("cannot read from the terminal")
}

fn unverified(path: &Path) -> Result<Outcome> {
    let name = path.display();
    let mut outcome = read_report(path)?;
    let masked =
        |f: &&Finding| f.secret.iter().filter(|_| f.key_id.is_some()).chain(&f.session_token).any(is_masked);
    let masked = outcome.findings.iter().filter(masked).count();
    if masked > 0 {
        bail!(
            "{name} has {masked} secrets masked, so there is nothing to ask with: write it with --show-secrets, or scan again with --verify"
        );
    }
    for finding in &mut outcome.findings {
        // What an earlier run came to is asked anew.
        if finding.severity == Severity::Critical && finding.verification.is_active() {
            finding.severity = Severity::High;
        }
        finding.verification = Verification::NotAttempted;
    }
    Ok(outcome)
}
