//! Git history: the repository, its refs, its objects, and who introduced what.
//!
//! - [`repo`], `submodules`, `embedded`, `own_files`: where things are
//! - [`refs`], `reftable`, [`reflog`]: names
//! - [`store`]: the objects
//! - [`commits`], [`reach`]: the graph of commits and what holds them
//! - [`trees`], [`attribute`]: which commit introduced a blob, and at which path; what is missing
//! - [`removal`]: which commit took it away, by `dirty`: trees cut down to what leads to what was found

pub mod attribute;
pub mod commits;
mod dirty;
mod embedded;
mod own_files;
pub mod reach;
pub mod reflog;
pub mod refs;
mod reftable;
pub mod removal;
pub mod repo;
pub mod store;
mod submodules;
pub mod trees;

pub use embedded::Embedded;
pub use repo::{Repo, RepoError, read_at_most};
pub use submodules::Submodule;
