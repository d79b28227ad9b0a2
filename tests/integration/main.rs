//! The integration tests: one binary.
//!
//! `support` runs the real program in a folder of its own with a clean environment. `KEYHOUND_TEST_BIN` names another
//! program to test, such as an installed one.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::disallowed_methods, reason = "tests take their seed and the program to test from outside")]

mod architecture;
mod archives;
mod cases;
mod ci;
mod cli;
#[cfg(unix)]
mod embedded;
mod files;
mod framework;
mod gitlab_schema;
mod gittraps;
mod history;
mod hook_places;
mod hooks;
mod long_ranges;
mod messages;
mod pieces;
mod ranges;
mod read;
#[cfg(unix)]
mod remote;
mod report_samples;
mod reports;
mod rules;
#[allow(dead_code, reason = "shared with the unit tests, which use all of it")]
#[path = "../../src/decode/unpack/samples.rs"]
mod samples;
mod staged;
mod support;
mod suppress;
mod truth;
#[cfg(all(unix, feature = "verify"))]
mod verify;
#[cfg(all(unix, feature = "verify"))]
mod verify_faults;
#[cfg(all(unix, feature = "verify"))]
mod verify_silence;
#[cfg(not(feature = "verify"))]
mod without_verify;
