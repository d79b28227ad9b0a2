//! The credentials of a whole history, numbered; and which of them an object holds, in little memory.
//!
//! A dump of 100,000 keys in 1,000 versions is 100 million findings. All versions hold nearly the same credentials in nearly
//! the same order, so that runs of numbers hold them all.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::detect::Match;
use crate::finding::{Finding, Note, Secret, Severity};
use crate::rules::RuleSet;

/// What makes two findings the same credential: rule, id and secret.
pub(super) type Key = (Arc<str>, Option<Box<str>>, Option<Secret>);

/// Number of a credential.
pub(super) type Credential = u32;

/// All credentials. Their numbers depend on the threads; nothing that is reported does.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    /// By two hashes with keys that nobody knows beforehand; so a look-up copies nothing.
    numbers: HashMap<(u64, u64), Credential>,
    hashers: (RandomState, RandomState),
    keys: Vec<Key>,
    /// See [`Self::is_known`].
    known: Vec<bool>,
}

impl Credentials {
    /// The number of the credential of a finding.
    pub(super) fn of(&mut self, f: &Finding) -> Credential {
        let number = self.number(&f.rule_id, f.key_id.as_deref(), f.secret.as_ref());
        self.note(number, f.severity, &f.notes)
    }

    /// The number of the credential of a match.
    pub(super) fn of_match(&mut self, rules: &RuleSet, m: &Match) -> Credential {
        let id = m.id.as_ref().map(|id| id.text.expose());
        let number = self.number(&rules.rules[m.rule].id, id, m.secret.as_ref().map(|s| &s.text));
        self.note(number, m.severity, &m.notes)
    }

    fn note(&mut self, number: Credential, severity: Severity, notes: &[Note]) -> Credential {
        self.known[number as usize] |= severity > Severity::Info || notes.contains(&Note::Canary);
        number
    }

    fn number(&mut self, rule: &Arc<str>, id: Option<&str>, secret: Option<&Secret>) -> Credential {
        let hash = self.hash(rule, id, secret);
        *self.numbers.entry(hash).or_insert_with(|| {
            self.keys.push((Arc::clone(rule), id.map(Box::from), secret.cloned()));
            self.known.push(false);
            (self.keys.len() - 1) as Credential
        })
    }

    /// The number of the credential of a finding, if it has one.
    pub(super) fn find(&self, f: &Finding) -> Option<Credential> {
        self.numbers.get(&self.hash(&f.rule_id, f.key_id.as_deref(), f.secret.as_ref())).copied()
    }

    /// The number of the credential of a match, if it has one.
    pub(super) fn find_match(&self, rules: &RuleSet, m: &Match) -> Option<Credential> {
        let id = m.id.as_ref().map(|id| id.text.expose());
        let secret = m.secret.as_ref().map(|s| &s.text);
        self.numbers.get(&self.hash(&rules.rules[m.rule].id, id, secret)).copied()
    }

    fn hash(&self, rule: &str, id: Option<&str>, secret: Option<&Secret>) -> (u64, u64) {
        let value = (rule, id, secret.map(Secret::expose));
        (self.hashers.0.hash_one(value), self.hashers.1.hash_one(value))
    }

    /// What a credential is.
    pub(super) fn key(&self, credential: Credential) -> &Key {
        &self.keys[credential as usize]
    }

    /// Whether it is a leak, or one whose id is known to be a trap: not an example, where one half may well be real.
    pub(super) fn is_known(&self, credential: Credential) -> bool {
        self.known[credential as usize]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// All of them, in an order that does not depend on the threads.
    pub(super) fn sorted(&self) -> Vec<Credential> {
        let mut all: Vec<Credential> = (0..self.keys.len() as Credential).collect();
        all.sort_unstable_by(|a, b| self.key(*a).cmp(self.key(*b)));
        all
    }
}

/// A set of credentials: runs of numbers, `first..end`, sorted and apart.
#[derive(Debug, Default, Clone)]
pub(super) struct Runs(Box<[(Credential, Credential)]>);

impl Runs {
    /// The set of these.
    pub(super) fn new(mut all: Vec<Credential>) -> Self {
        all.sort_unstable();
        all.dedup();
        let runs = all.chunk_by(|a, b| a + 1 == *b).map(|run| (run[0], run[run.len() - 1] + 1));
        Self(runs.collect())
    }

    pub(super) fn contains(&self, credential: Credential) -> bool {
        let behind = self.0.partition_point(|run| run.0 <= credential);
        behind > 0 && credential < self.0[behind - 1].1
    }

    /// All of them, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = Credential> + '_ {
        self.0.iter().flat_map(|run| run.0..run.1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_sets(numbers in prop::collection::vec(0u32..40, 0..30)) {
            let set: BTreeSet<u32> = numbers.iter().copied().collect();
            let runs = Runs::new(numbers);
            prop_assert_eq!(runs.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            for n in 0..42 {
                prop_assert_eq!(runs.contains(n), set.contains(&n));
            }
        }
    }
}
