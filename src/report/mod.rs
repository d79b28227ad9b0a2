//! Report formats: one file each, with versioned wire types of their own.
