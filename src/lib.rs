//! keyhound finds leaked AWS credentials in files and in git history, and pairs every key id with its secret.
//!
//! Data goes one way:
//!
//! ```text
//!              ┌───────────── scan ─────────────┐
//! sources ─Blob→ decode ─View→ detect ─Match→ collect → Vec<Finding>
//! (files|staged|history|range)                         │ triage     (inline, allowlist, baseline)
//!                                                      │ verify     (STS)
//!                                                      ▼
//!                                        report (human|json|sarif|…) → exit status
//! ```
//!
//! Each module imports only what stands to its left (a test holds this):
//! `blob, finding, line_hash, aws, rules, decode → detect → sources → scan → triage → verify → report → (binary) cli → main`.
//!
//! - a new rule: a file in `rules/`, see [`rules`]
//! - a new carrier (an encoding, an escape): [`decode`]
//! - a new place to read from: [`sources`], which implements [`blob::Source`]
//! - a new report format: [`report`]

pub mod aws;
pub mod blob;
pub mod decode;
pub mod detect;
pub mod finding;
pub mod line_hash;
mod proven;
pub mod report;
pub mod rules;
pub mod scan;
pub mod sources;
pub mod triage;
pub mod verify;
