//! Where content comes from: folders and files, the index, git history.

pub mod files;
pub mod history;
