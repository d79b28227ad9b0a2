//! The one place of the library that needs `unsafe`: what the compiler cannot check, each with its proof.
//!
//! - [`mmap`]: files that are mapped into memory
//! - [`lanes`]: instructions that not every processor has
#![allow(unsafe_code)]

pub(crate) mod lanes;
pub(crate) mod mmap;
