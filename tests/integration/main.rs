//! The integration tests: one binary.
//!
//! `support` runs the real program in a folder of its own with a clean environment. `KEYHOUND_TEST_BIN` names another
//! program to test, such as an installed one.

#![allow(clippy::unwrap_used, reason = "a test that panics has said what is wrong")]

mod architecture;
mod cli;
mod files;
mod pieces;
mod report_samples;
mod reports;
mod rules;
mod support;
