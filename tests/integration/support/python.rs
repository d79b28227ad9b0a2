//! Programs from the Python package index, each in a virtual environment of its own below `target`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the programs of these packages, which are installed when they are not there yet.
///
/// # Panics
///
/// When they cannot be installed: a test that needs them must not pass without them.
pub(crate) fn venv(name: &str, packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("venv");
    fs::create_dir_all(&folder).unwrap();
    // Tests run at the same time, in one process or in several.
    let lock = File::create(folder.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let venv = folder.join(name);
    let (programs, stamp) = (venv.join("bin"), venv.join("installed"));
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return programs;
    }
    let _ = fs::remove_dir_all(&venv); // what an interrupted run left
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    run(Command::new(programs.join("python")).args(pip).args(packages));
    fs::write(stamp, wanted).unwrap();
    programs
}

fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}: the tests need Python 3"));
    assert!(
        done.status.success(),
        "{command:?} failed; the tests need Python 3 with venv, and PyPI:\n{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}
