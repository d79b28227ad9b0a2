//! Ctrl-C: the first one ends the scan in good order, the second one at once.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyhound::scan::{ArchiveLimits, Control};

/// What must not stay when the program ends.
struct Kept {
    /// Whether it was told to end.
    stopped: bool,
    /// A folder.
    temporary: Option<PathBuf>,
    /// The number of a program that runs for it, and whether it is that of a group, too.
    child: Option<(u32, bool)>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { stopped: false, temporary: None, child: None });

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remove this folder when the second Ctrl-C comes; `None`: no folder.
pub(crate) fn remove(folder: Option<&Path>) {
    kept().temporary = folder.map(Path::to_path_buf);
}

/// Start a program that the first Ctrl-C ends. [`ended`] has to be said before its number can be another's.
pub(crate) fn start(command: &mut Command) -> io::Result<Child> {
    let group = own_group(command);
    let child = command.spawn()?;
    let mut kept = kept();
    kept.child = Some((child.id(), group));
    if kept.stopped {
        kept.end_child();
    }
    Ok(child)
}

/// The program that was started is about to be waited for.
pub(crate) fn ended() {
    kept().child = None;
}

/// Give a program a group of its own, with the programs that it starts, unless there is a terminal: at that it may ask for a password, and
/// Ctrl-C reaches all of them there.
#[cfg(unix)]
fn own_group(command: &mut Command) -> bool {
    use std::os::unix::process::CommandExt as _;
    let alone = std::fs::File::open("/dev/tty").is_err();
    if alone {
        command.process_group(0);
    }
    alone
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) -> bool {
    false
}

impl Kept {
    /// SIGTERM: git removes what it has made.
    #[cfg(unix)]
    fn end_child(&mut self) {
        use rustix::process::{Pid, Signal, kill_process, kill_process_group};
        let Some((number, group)) = self.child.take() else { return };
        if let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ =
                if group { kill_process_group(pid, Signal::TERM) } else { kill_process(pid, Signal::TERM) };
        }
    }

    #[cfg(not(unix))]
    fn end_child(&mut self) {
        self.child = None;
    }
}

/// The controls of a scan that goes so far into archives, and that Ctrl-C (or SIGTERM, SIGHUP) ends.
pub(crate) fn control(archives: ArchiveLimits) -> Arc<Control> {
    let control = Arc::new(Control { archives, ..Control::default() });
    let handled = Arc::clone(&control);
    // Without a handler the default one ends the program: nothing is lost but the partial report.
    let _ = ctrlc::set_handler(move || {
        let mut kept = kept();
        kept.stopped = true;
        // Before others see that all is to end: they wait for it.
        kept.end_child();
        if handled.stop.swap(true, Ordering::Relaxed) {
            if let Some(folder) = kept.temporary.take() {
                // What cannot be removed stays; the user wants to leave.
                let _ = std::fs::remove_dir_all(folder);
            }
            #[expect(clippy::exit, clippy::disallowed_methods, reason = "the user asked twice")]
            std::process::exit(130);
        }
    });
    control
}
