//! The progress line: on a terminal only, and only when a scan takes longer than half a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use keyhound::scan::Control;

const PATIENCE: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(100);

/// A progress line; it disappears with the value.
pub(crate) struct Progress {
    done: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
}

impl Progress {
    /// Show `control` until the value is dropped. Shows nothing if not `enabled`.
    pub(crate) fn start(enabled: bool, what: &'static str, control: &Arc<Control>) -> Self {
        let control = Arc::clone(control);
        Self::saying(enabled, move |elapsed| {
            let blobs = control.blobs.load(Ordering::Relaxed);
            let bytes = control.bytes.load(Ordering::Relaxed);
            let rate = bytes * 1000 / (elapsed.as_millis() as u64).max(1);
            format!("{} {what}, {}, {}/s", HumanCount(blobs), HumanBytes(bytes), HumanBytes(rate))
        })
    }

    /// Show what `text` says after so long, until the value is dropped. Shows nothing if not `enabled`.
    pub(crate) fn saying(enabled: bool, text: impl Fn(Duration) -> String + Send + 'static) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let painter = enabled.then(|| {
            let done = Arc::clone(&done);
            std::thread::spawn(move || paint(&done, text))
        });
        Self { done, painter }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(painter) = self.painter.take() {
            painter.thread().unpark();
            let _ = painter.join();
        }
    }
}

fn paint(done: &AtomicBool, text: impl Fn(Duration) -> String) {
    let begun = Instant::now();
    let mut bar = None;
    loop {
        let wait = if bar.is_none() { PATIENCE.saturating_sub(begun.elapsed()) } else { EVERY };
        std::thread::park_timeout(wait);
        if done.load(Ordering::Relaxed) {
            break;
        }
        if begun.elapsed() < PATIENCE {
            continue;
        }
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is well-formed");
            ProgressBar::new_spinner().with_style(style)
        });
        bar.set_message(text(begun.elapsed()));
        bar.tick();
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
