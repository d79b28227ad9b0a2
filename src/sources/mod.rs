//! Where content comes from: folders and files, the index, git history.

pub mod changes;
pub mod files;
pub mod history;
pub mod lfs;
pub mod names;
pub mod objects;
pub mod range;
pub mod staged;
