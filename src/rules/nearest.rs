//! The known name that a misspelled one most likely meant.

/// The candidate within an edit distance of a third of the length of `given`, if there is one; the nearest, the first of equals.
pub(super) fn of<'a>(given: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (given.chars().count() / 3).max(1);
    candidates
        .map(|c| (distance(given, c), c))
        .filter(|(d, c)| *d <= limit || c.starts_with(given) || given.starts_with(c))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Edit distance with insertions, deletions, replacements, each of cost 1.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name_and_a_stranger_none() {
        let known = ["prefixes", "pattern", "fence", "labels", "anti_labels"];
        for (given, expected) in [
            ("prefixs", Some("prefixes")),
            ("prefix", Some("prefixes")),
            ("patern", Some("pattern")),
            ("fences", Some("fence")),
            ("anti-labels", Some("anti_labels")),
            ("regex", None),
            ("entropy", None),
        ] {
            assert_eq!(of(given, known.into_iter()), expected, "{given}");
        }
    }

    #[test]
    fn distances_are_those_of_hand() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
