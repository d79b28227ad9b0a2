//! The keyhound command line: see `cli` for what each command does, and the library for how.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os()).into()
}
