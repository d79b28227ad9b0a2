//! The integration tests: one binary.

mod report_samples;
mod reports;
mod rules;
