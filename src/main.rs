//! The keyhound command line.

fn main() {}
