//! Which credentials older content held already. A change may have thousands of findings and touch thousands of files, so
//! all values are looked for at once, and each older content is examined once.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use aho_corasick::AhoCorasick;

use super::{Collector, Control};
use crate::blob::{Blob, Origin, Place, Sink as _};
use crate::detect::Detector;
use crate::finding::{Finding, Secret};

/// Values looked for in one pass: this bounds the memory for it.
const AT_ONCE: usize = 2000;

/// The values of findings, to be looked for.
pub(super) struct Wanted {
    /// Where each value stands in the list.
    values: HashMap<Box<str>, usize>,
    searches: Vec<AhoCorasick>,
}

/// What a text holds of the values.
pub(super) struct Held<'a> {
    wanted: &'a Wanted,
    detector: &'a Detector,
    text: &'a [u8],
    /// Of each value whether it stands in the text.
    seen: Vec<bool>,
    /// The credentials that the detector finds: they may be encoded.
    found: OnceCell<HashSet<Credential>>,
}

/// Key id, secret and session token; `None` where it does not matter.
type Credential = (Option<Box<str>>, Option<Secret>, Option<Secret>);

impl Wanted {
    /// The values of these findings.
    pub(super) fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut all: Vec<&str> = findings.into_iter().flat_map(values).collect();
        all.sort_unstable();
        all.dedup();
        let search = |part: &[&str]| AhoCorasick::new(part).expect("so few values fit into an automaton");
        let searches = all.chunks(AT_ONCE).map(search).collect();
        Self { values: all.iter().enumerate().map(|(n, value)| ((*value).into(), n)).collect(), searches }
    }

    /// Look at a text.
    pub(super) fn look<'a>(&'a self, detector: &'a Detector, text: &'a [u8]) -> Held<'a> {
        let mut seen = vec![false; self.values.len()];
        for (search, part) in self.searches.iter().zip(seen.chunks_mut(AT_ONCE)) {
            for found in search.find_overlapping_iter(text) {
                part[found.pattern().as_usize()] = true;
            }
        }
        Held { wanted: self, detector, text, seen, found: OnceCell::new() }
    }
}

impl Held<'_> {
    /// Whether the text holds the credential of a finding: its values as they are, paired or not, or encoded.
    pub(super) fn holds(&self, finding: &Finding) -> bool {
        self.has_values(finding) || {
            let found = self.found.get_or_init(|| credentials(self.detector, self.text));
            found.contains(&(
                finding.key_id.as_deref().map(Into::into),
                finding.secret.clone(),
                finding.session_token.clone(),
            ))
        }
    }

    /// Whether all values of a finding stand in the text.
    pub(super) fn has_values(&self, finding: &Finding) -> bool {
        let stands = |value: &str| self.wanted.values.get(value).is_some_and(|n| self.seen[*n]);
        values(finding).next().is_some() && values(finding).all(stands)
    }
}

/// The values of a finding, in clear text.
fn values(f: &Finding) -> impl Iterator<Item = &str> {
    let secrets = f.secret.iter().chain(&f.session_token).map(Secret::expose);
    f.key_id.as_deref().into_iter().chain(secrets)
}

/// The credentials of a text, each also without its secret, its token or both: whoever had the whole had the part.
fn credentials(detector: &Detector, text: &[u8]) -> HashSet<Credential> {
    let control = Control::default();
    let collector = Collector::new(detector, &control);
    let origin = Origin::new(Place::Blob, None, None);
    collector.blob(Blob { origin: &origin, bytes: text });
    let mut all = HashSet::new();
    for finding in collector.finish().findings {
        let id: Option<Box<str>> = finding.key_id.as_deref().map(Into::into);
        let (secret, token) = (finding.secret, finding.session_token);
        all.insert((id.clone(), None, None));
        all.insert((id.clone(), secret.clone(), None));
        all.insert((id.clone(), None, token.clone()));
        all.insert((id, secret, token));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rules::RuleSet;

    const ID: &str = "AKIAQ3EGVUKTBDYJ2MMH";
    const OTHER: &str = "AKIAQ7RXLZKTBDYJ5WWA";
    const SECRETS: [&str; 2] =
        ["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", "Jq9+uXo3PzKc7TnVe1RbLw5YsHg0dMfA8tZiUkCx"];

    fn findings(text: &str) -> Vec<Finding> {
        let detector = Detector::new(Arc::new(RuleSet::embedded()));
        let control = Control::default();
        let collector = Collector::new(&detector, &control);
        let origin = Origin::new(Place::Blob, None, None);
        collector.blob(Blob { origin: &origin, bytes: text.as_bytes() });
        collector.finish().findings
    }

    #[test]
    fn values_count_however_they_stand_there() {
        let pair = format!("aws_access_key_id = {ID}\naws_secret_access_key = {}\n", SECRETS[0]);
        let wanted = findings(&pair);
        assert_eq!(wanted.len(), 1);
        let percent = SECRETS[0].replace('/', "%2F");
        let detector = Detector::new(Arc::new(RuleSet::embedded()));
        for (text, expected) in [
            (pair.clone(), true),
            (format!("{} and, far away, {}{ID}", SECRETS[0], "x ".repeat(50_000)), true),
            (format!("https://x/?AWSAccessKeyId={ID}&aws_secret_access_key={percent}"), true),
            (ID.to_owned(), false),
            (SECRETS[0].to_owned(), false),
            (pair.replace(ID, OTHER), false),
            (pair.replace(SECRETS[0], SECRETS[1]), false),
            (String::new(), false),
        ] {
            let all = Wanted::of(&wanted);
            assert_eq!(all.look(&detector, text.as_bytes()).holds(&wanted[0]), expected, "{text:.200}");
        }
        // The id alone was there, too, where the pair was, be it encoded.
        let alone = findings(ID);
        let json = format!("{{\"accessKeyId\":\"{}\\u0041{}\"}}", &ID[..4], &ID[5..]);
        let all = Wanted::of(&alone);
        assert_eq!(ID.as_bytes()[4], b'Q', "the escape changes the id");
        assert!(!all.look(&detector, json.as_bytes()).holds(&alone[0]));
        assert!(all.look(&detector, json.replace("0041", "0051").as_bytes()).holds(&alone[0]));
    }

    #[test]
    fn more_values_than_one_pass_takes() {
        let ids: Vec<String> = (0..=2 * AT_ONCE)
            .map(|n| {
                let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
                let tail: Vec<u8> = (0..3).map(|place| digits[n >> (5 * place) & 31]).collect();
                format!("AKIAQ3EGVUKTBDYJ2{}", String::from_utf8_lossy(&tail))
            })
            .collect();
        let one = findings(ID).remove(0);
        let findings: Vec<Finding> =
            ids.iter().map(|id| Finding { key_id: Some(id.as_str().into()), ..one.clone() }).collect();
        let wanted = Wanted::of(&findings);
        assert!(wanted.searches.len() > 2);
        let detector = Detector::new(Arc::new(RuleSet::embedded()));
        let text: Vec<&str> = ids.iter().step_by(3).map(String::as_str).collect();
        let text = text.join(" ");
        let held = wanted.look(&detector, text.as_bytes());
        for (n, finding) in findings.iter().enumerate() {
            assert_eq!(held.holds(finding), n % 3 == 0, "{n}");
        }
    }
}
