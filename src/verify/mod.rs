//! Which credentials work: asks AWS STS about each distinct one, once.
//!
//! - [`answer`]: what an answer of STS means
//! - [`driver`]: what is asked, in which order, how often, how fast; and what findings carry away from it
//! - `sts` (cargo feature `verify`): the only network code, and the only async code, of the program
//!
//! Nothing here runs unless it is asked for: no source, no detector and no report leads here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::finding::{Partition, Secret};

pub mod answer;
pub mod driver;
#[cfg(feature = "verify")]
pub mod sts;

pub use answer::Answer;
pub use driver::{Options, Progress, Summary, verify};

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Credential<'a> {
    /// The access key id.
    pub key_id: &'a str,
    /// The secret.
    pub secret: &'a Secret,
    /// The session token of a temporary credential.
    pub token: Option<&'a Secret>,
}

/// Somebody who knows whether a credential works.
pub trait Verifier: Sync {
    /// Ask once, and wait for the answer, but not when `until` is over.
    fn ask(&self, credential: Credential<'_>, partition: Partition, until: &Until<'_>) -> Answer;

    /// Whether all partitions are asked at the same place, so that one question does.
    fn has_one_endpoint(&self) -> bool {
        false
    }
}

/// When to stop waiting.
#[derive(Debug, Clone, Copy)]
pub struct Until<'a> {
    /// Set to stop at once.
    pub stop: &'a AtomicBool,
    /// When time is up.
    pub deadline: Instant,
}

impl Until<'_> {
    /// How often to look whether it is over, at least.
    pub(crate) const TICK: Duration = Duration::from_millis(50);

    /// Why there is no time left, if there is none.
    pub fn over(&self) -> Option<&'static str> {
        if self.stop.load(Ordering::Relaxed) {
            Some("interrupted before it was asked, or before the answer came")
        } else if Instant::now() >= self.deadline {
            Some("the time for verification was up (--verify-timeout)")
        } else {
            None
        }
    }

    /// Wait so long; false if it is over before.
    fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            if self.over().is_some() {
                return false;
            }
            match end.checked_duration_since(Instant::now()) {
                None | Some(Duration::ZERO) => return true,
                Some(left) => std::thread::sleep(left.min(Self::TICK)),
            }
        }
    }
}
