//! `--verify`, and `keyhound verify`.
//!
//! `command` is the command, `ask` what it and every scan with `--verify` do. The environment is read here: what names credentials is
//! not.

use std::sync::Arc;

use anyhow::{Result, bail};
use keyhound::blob::Skipped;
use keyhound::scan::{Control, Outcome};
use keyhound::verify::Summary;

use super::common::{Common, FailOn};
use super::output::note;

mod ask;
mod command;

pub(crate) use command::{Args, run};

/// Options of verification.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Verification options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Flags {
    /// Ask AWS STS which of the credentials work; the audit log of their account will show it
    #[arg(long, global = true)]
    pub(crate) verify: bool,
    /// Report only what works
    #[arg(long, global = true)]
    pub(crate) only_active: bool,
    /// Ask about keys of known canary accounts, too, which alerts their owners
    #[arg(long, global = true)]
    verify_canaries: bool,
    /// Ask about temporary credentials of more than 36 hours ago, too
    #[arg(long, global = true)]
    verify_expired: bool,
    /// Stop asking after so many seconds; what is not known by then stays unknown
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 600)]
    verify_timeout: u32,
    /// Wait so many seconds for one answer of STS
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    sts_timeout: u32,
    /// Ask there instead of at AWS [default: what `AWS_ENDPOINT_URL_STS` says, else AWS]
    #[arg(long, global = true, value_name = "URL")]
    sts_endpoint: Option<String>,
    /// The wait between two secrets of one id. STS needs it; its emulators do not.
    #[arg(long, global = true, value_name = "MILLISECONDS", hide = true)]
    verify_pause: Option<u32>,
}

#[cfg(feature = "verify")]
impl Flags {
    fn options(&self) -> keyhound::verify::Options {
        let default = keyhound::verify::Options::default();
        keyhound::verify::Options {
            canaries: self.verify_canaries,
            expired: self.verify_expired,
            pause: self
                .verify_pause
                .map_or(default.pause, |pause| std::time::Duration::from_millis(pause.into())),
            ..default
        }
    }
}

/// Refuse options of verification that have no use or cannot work, before a long scan.
pub(crate) fn check(common: &Common, is_command: bool) -> Result<()> {
    let flags = &common.verify;
    if flags.verify || is_command {
        return ask::check(flags);
    }
    let names = [
        ("--only-active", flags.only_active),
        ("--verify-canaries", flags.verify_canaries),
        ("--verify-expired", flags.verify_expired),
        ("--fail-on active", common.fail_on == FailOn::Active),
    ];
    match names.iter().find(|(_, given)| *given) {
        Some((name, _)) => bail!("{name} needs --verify"),
        None => Ok(()),
    }
}

/// With `--verify`, ask about the credentials of an outcome.
pub(crate) fn apply(outcome: &mut Outcome, common: &Common, control: &Arc<Control>) -> Result<()> {
    if !common.verify.verify {
        return Ok(());
    }
    let summary = ask::ask(&mut outcome.findings, common, control)?;
    // Where the answers decide what is reported or what fails, a question without an answer must not pass for a no.
    if common.verify.only_active || common.fail_on == FailOn::Active {
        outcome.incomplete.extend(
            summary
                .failed
                .iter()
                .map(|(id, reason)| Skipped::new(format!("whether {id} works"), reason.clone())),
        );
    } else if outcome.incomplete.is_empty() {
        // The first thing said of an incomplete scan is that it is one.
        tell_failed(&summary, common);
    }
    let hidden = outcome.findings.iter().filter(|f| f.counts() && !f.verification.is_active()).count();
    if common.verify.only_active && outcome.incomplete.is_empty() && hidden > 0 && !common.quiet {
        note(format_args!(
            "keyhound: not shown, because they are not known to work: {hidden} (--only-active)"
        ));
    }
    Ok(())
}

/// Say that answers are missing: the first reason tells most.
fn tell_failed(summary: &Summary, common: &Common) {
    let Some((id, reason)) = summary.failed.first() else { return };
    if common.verbose {
        for (id, reason) in &summary.failed {
            note(format_args!("keyhound: not known whether {id} works: {reason}"));
        }
    } else if !common.quiet {
        let more = match summary.failed.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more: --verbose lists them)"),
        };
        note(format_args!("keyhound: not known whether {id} works: {reason}{more}"));
    }
}
