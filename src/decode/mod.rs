//! Views of a text with carriers undone, and a map back to the original offsets.
