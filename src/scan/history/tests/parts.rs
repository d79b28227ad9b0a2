//! What is part of another finding, and what must not be.

use super::*;
use crate::finding::Secret;

/// Id and secret of a finding.
type Halves<'a> = (Option<&'a str>, Option<&'a str>);

/// Findings that are a leak, and those that are none.
fn leaks(outcome: &Outcome) -> (Vec<Halves<'_>>, usize) {
    let (leaks, others): (Vec<&Finding>, Vec<&Finding>) =
        outcome.findings.iter().partition(|f| f.severity > Severity::Info);
    let mut named: Vec<_> =
        leaks.iter().map(|f| (f.key_id.as_deref(), f.secret.as_ref().map(Secret::expose))).collect();
    named.sort_unstable();
    (named, others.len())
}

#[test]
fn a_secret_alone_is_part_of_the_only_id_that_came_with_it_if_that_can_be_real() {
    let ((id, secret), (_, other)) = (key("AKIA", 0), key("AKIA", 1));
    let named = |secret: &str| format!("AWS_SECRET_ACCESS_KEY = \"{secret}\"\n");
    let found = |secret| (None, Some(secret));
    for (with, more, leaked, harmless) in [
        ("AKIAIOSFODNN7EXAMPLE", "", vec![found(&*secret)], 1),
        (&*id, "", vec![(Some(&*id), None)], 0),
        (&*id, &*other, vec![found(&*other), found(&*secret), (Some(&*id), None)], 0),
    ] {
        let made = Made::new();
        let files =
            [("README", format!("set {with} first\n")), ("a.py", named(&secret)), ("b.py", named(more))];
        made.commit("all", &files.each_ref().map(|(path, text)| (*path, Some(&**text))));
        assert_eq!(leaks(&made.scan()), (leaked, harmless), "{with} {more}");
    }
}

#[test]
fn a_half_that_may_be_real_is_no_part_of_an_example() {
    const EXAMPLE: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    const TRAP: &str = "AKIASP2TPHJSQH3FJRUX";
    let (id, secret) = key("AKIA", 0);
    let pair = |id: &str, secret: &str| ini(&(id.to_owned(), secret.to_owned()));
    let alone = format!("AWS_SECRET_ACCESS_KEY = \"{secret}\"\n");
    for (before, now, leaked) in [
        // The example's secret is somebody's elsewhere; and an id whose secret was made up.
        (pair(EXAMPLE.0, &secret), alone.clone(), vec![(None, Some(&*secret))]),
        (pair(&id, EXAMPLE.1), format!("uses {id}\n"), vec![(Some(&*id), None)]),
        // What belongs to a trap is known.
        (pair(TRAP, &secret), alone, vec![]),
    ] {
        let made = Made::new();
        made.commit("before", &[("docs/a.ini", Some(&before))]);
        made.commit("now", &[("b.txt", Some(&now))]);
        let outcome = made.scan();
        assert_eq!(leaks(&outcome), (leaked.clone(), 1), "{now}");
        // With the real pair the half is part of that, wherever the example was first.
        if !leaked.is_empty() {
            made.commit("whole", &[("c.ini", Some(&pair(&id, &secret)))]);
            let outcome = made.scan();
            assert_eq!(leaks(&outcome), (vec![(Some(&*id), Some(&*secret))], 1), "{now}");
        }
    }
}
