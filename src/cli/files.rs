//! `keyhound files`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::common::Common;
use super::exit::ExitStatus;

/// Arguments of `keyhound files`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders and files to scan; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Scan files that git ignores, too
    #[arg(long)]
    no_ignore: bool,
}

/// Scan folders, files or standard input.
pub(crate) fn run(args: &Args, common: &Common) -> Result<ExitStatus> {
    let _ = (args, common);
    bail!("not there yet")
}
