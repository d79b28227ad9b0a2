//! Ctrl-C: the first one ends the scan in good order, the second one at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyhound::scan::{ArchiveLimits, Control};

/// The controls of a scan that goes so far into archives, and that Ctrl-C (or SIGTERM, SIGHUP) ends.
pub(crate) fn control(archives: ArchiveLimits) -> Arc<Control> {
    let control = Arc::new(Control { archives, ..Control::default() });
    let handled = Arc::clone(&control);
    // Without a handler the default one ends the program: nothing is lost but the partial report.
    let _ = ctrlc::set_handler(move || {
        if handled.stop.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, clippy::disallowed_methods, reason = "the user asked twice")]
            std::process::exit(130);
        }
    });
    control
}
