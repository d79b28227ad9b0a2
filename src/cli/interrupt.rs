//! Ctrl-C: the first one ends the scan in good order, the second one at once.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use keyhound::scan::{ArchiveLimits, Control};

/// The folder that must not stay if the program ends at once.
static TEMPORARY: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Remove this folder when the second Ctrl-C comes; `None`: no folder.
pub(crate) fn remove(folder: Option<&Path>) {
    *TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner) = folder.map(Path::to_path_buf);
}

/// The controls of a scan that goes so far into archives, and that Ctrl-C (or SIGTERM, SIGHUP) ends.
pub(crate) fn control(archives: ArchiveLimits) -> Arc<Control> {
    let control = Arc::new(Control { archives, ..Control::default() });
    let handled = Arc::clone(&control);
    // Without a handler the default one ends the program: nothing is lost but the partial report.
    let _ = ctrlc::set_handler(move || {
        if handled.stop.swap(true, Ordering::Relaxed) {
            if let Some(folder) = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // What cannot be removed stays; the user wants to leave.
                let _ = std::fs::remove_dir_all(folder);
            }
            #[expect(clippy::exit, clippy::disallowed_methods, reason = "the user asked twice")]
            std::process::exit(130);
        }
    });
    control
}
