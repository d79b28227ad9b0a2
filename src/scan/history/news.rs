//! Which of the credentials of a place its commit brought. Where all commits count the first that has one did.

use std::collections::HashMap;

use super::credentials::{Credential, Credentials};
use super::merge::Occurrence;
use super::objects::Hit;
use super::write::holds;
use super::{Found, Known};
use crate::finding::Secret;
use crate::sources::history::removal::Removals;

/// So many pairs that share an id or a secret are known: one of them is nearly always alone.
const MAX_WHOLES: usize = 100;

/// Tells what a commit brought from what a parent had at the same path.
pub(super) struct News<'a> {
    credentials: &'a Credentials,
    hits: &'a [Hit],
    trees: Removals<'a>,
    with_id: HashMap<(&'a str, &'a str), Vec<Credential>>,
    with_secret: HashMap<&'a Secret, Vec<Credential>>,
}

impl<'a> News<'a> {
    pub(super) fn new(known: &'a Known<'a>, found: &Found<'a>) -> Self {
        let credentials = &found.gathered.credentials;
        let (mut with_id, mut with_secret) = (HashMap::new(), HashMap::new());
        for credential in credentials.sorted() {
            let (rule, Some(id), Some(secret)) = credentials.key(credential) else { continue };
            let of_id: &mut Vec<Credential> = with_id.entry((&**rule, &**id)).or_default();
            let of_secret: &mut Vec<Credential> = with_secret.entry(secret).or_default();
            for all in [of_id, of_secret] {
                if all.len() < MAX_WHOLES {
                    all.push(credential);
                }
            }
        }
        let trees = Removals::new(&known.graph, found.trees, found.places);
        Self { credentials, hits: &found.gathered.hits, trees, with_id, with_secret }
    }

    /// What the parents of the commit have at this path.
    pub(super) fn before(&mut self, o: &Occurrence) -> Vec<u32> {
        match (o.commit, o.path) {
            (Some(commit), Some(path)) => self.trees.before(commit, path),
            _ => Vec::new(),
        }
    }

    /// Whether none of what was there before holds the credential, or a pair that it is part of.
    pub(super) fn is_new(&self, before: &[u32], credential: Credential) -> bool {
        if before.is_empty() {
            return true;
        }
        let wholes = match self.credentials.key(credential) {
            (rule, Some(id), None) => self.with_id.get(&(&**rule, &**id)),
            (_, None, Some(secret)) => self.with_secret.get(secret),
            _ => None,
        };
        let wholes = wholes.map_or(&[][..], Vec::as_slice);
        let has =
            |target: &u32| holds(self.hits, *target, &[credential]) || holds(self.hits, *target, wholes);
        !before.iter().any(has)
    }
}
