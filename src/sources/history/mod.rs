//! The whole history of a repository.

pub mod store;
