//! `keyhound completions` and `keyhound man`.

use std::io::{self, Write};

use anyhow::{Context as _, Result};
use clap::Args;
use clap_mangen::Man;

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

/// Print the manual page: one for all commands, as there is but one file.
pub(crate) fn man(command: clap::Command, to: &mut dyn Write) -> Result<ExitStatus> {
    let page = page(command).context("cannot write the manual page")?;
    print(&page, to)
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut commands = Vec::new();
    sections("keyhound", &command, &mut commands)?;
    let man = Man::new(command);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend(commands);
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A section for each command below `outer`, without the options that all have.
fn sections(outer: &str, command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    for inner in command.get_subcommands() {
        let name = format!("{outer} {}", inner.get_name());
        if inner.has_subcommands() {
            sections(&name, inner, page)?;
            continue;
        }
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let man = Man::new(inner.clone().bin_name(name).disable_help_flag(true));
        let mut parts = Vec::new();
        man.render_synopsis_section(&mut parts)?;
        man.render_description_section(&mut parts)?;
        man.render_options_section(&mut parts)?;
        let parts = String::from_utf8_lossy(&parts);
        // Parts of this section, and no sections of their own.
        for line in parts.lines() {
            match line.strip_prefix(".SH") {
                Some(heading) => writeln!(page, ".SS{heading}")?,
                None => writeln!(page, "{line}")?,
            }
        }
    }
    Ok(())
}

fn print(text: &[u8], to: &mut dyn Write) -> Result<ExitStatus> {
    output::unless_closed(to.write_all(text).and_then(|()| to.flush())).context("standard output")?;
    Ok(ExitStatus::Clean)
}
