//! `keyhound completions` and `keyhound man`.

use std::io::Write;

use anyhow::{Context as _, Result};
use clap::Args;

use super::{ExitStatus, output};

/// Arguments of `keyhound completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Print a completion script.
pub(crate) fn completions(
    args: &Completions,
    command: &mut clap::Command,
    to: &mut dyn Write,
) -> Result<ExitStatus> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "keyhound", &mut script);
    print(&script, to)
}

/// Print the manual page.
pub(crate) fn man(command: clap::Command, to: &mut dyn Write) -> Result<ExitStatus> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("cannot write the manual page")?;
    print(&page, to)
}

fn print(text: &[u8], to: &mut dyn Write) -> Result<ExitStatus> {
    output::unless_closed(to.write_all(text).and_then(|()| to.flush())).context("standard output")?;
    Ok(ExitStatus::Clean)
}
