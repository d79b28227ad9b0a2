//! Asks about the credentials of findings: each distinct one once, one after the other for one key id, several ids at a time.
//!
//! STS answers wrongly when two secrets of one id come within five seconds: the second is refused although it is right. So the
//! secrets of an id never overlap, and after a wrong one there is a pause.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Answer, Credential, Until, Verifier};
use crate::aws::secret::has_shape;
use crate::aws::{key_id, partition};
use crate::finding::{Finding, Note, Partition, Secret, Severity, Verification};

/// What to ask, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Ask about keys of known canary accounts, too: that alerts their owners.
    pub canaries: bool,
    /// Ask about temporary credentials that must have expired, too.
    pub expired: bool,
    /// How many key ids at a time; at least one.
    pub concurrency: usize,
    /// The wait between a wrong secret of an id and its next one.
    pub pause: Duration,
    /// How often to ask while STS says that it is asked too much; at least once.
    pub attempts: u32,
    /// The first wait between two such questions; the next ones are twice as long each, give or take a half.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            canaries: false,
            expired: false,
            concurrency: 4,
            pause: Duration::from_millis(5500),
            attempts: 5,
            backoff: Duration::from_millis(500),
        }
    }
}

/// The longest wait between two questions that STS has no time for.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);

/// The partitions in the order in which they are asked where nothing tells which one it is.
const ORDER: [Partition; 3] = [Partition::Aws, Partition::Gov, Partition::China];

/// How far verification is, for a progress line.
#[derive(Debug, Default)]
pub struct Progress {
    /// Key ids to ask about.
    pub total: AtomicU64,
    /// Those of them that are done.
    pub done: AtomicU64,
    /// Those of these that work.
    pub active: AtomicU64,
}

/// What verification came to, in findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// They work.
    pub active: u64,
    /// AWS refused them.
    pub inactive: u64,
    /// Nothing was learned about them, asked or not.
    pub unknown: u64,
    /// The key ids that were to be asked about, of which nothing was learned, and why. Sorted, none twice.
    pub failed: Vec<(String, String)>,
}

/// Ask about the credentials of `findings`, and write down in them what came of it: the verification, `critical` as the severity
/// of those that work, and the other secret near the id where that one turned out to be right. Suppressed findings,
/// examples and what has no pair of id and secret stay as they are.
pub fn verify(
    findings: &mut [Finding],
    verifier: &dyn Verifier,
    options: &Options,
    until: &Until<'_>,
    progress: &Progress,
) -> Summary {
    let mut summary = Summary::default();
    let mut jobs: Vec<Vec<usize>> = Vec::new();
    let mut by_id: HashMap<Box<str>, usize> = HashMap::new();
    for (index, finding) in findings.iter_mut().enumerate() {
        match plan(finding, options) {
            Plan::Nothing => {}
            Plan::Skip(reason) => finding.verification = Verification::Unknown { reason: reason.to_owned() },
            Plan::Ask => {
                let id = finding.key_id.clone().unwrap_or_default();
                let job = *by_id.entry(id).or_insert(jobs.len());
                if job == jobs.len() {
                    jobs.push(Vec::new());
                }
                jobs[job].push(index);
            }
        }
    }
    progress.total.store(jobs.len() as u64, Ordering::Relaxed);
    for (index, change) in ask_all(findings, &jobs, verifier, options, until, progress) {
        if change.failed
            && let (Some(id), Verification::Unknown { reason }) =
                (&findings[index].key_id, &change.verification)
        {
            summary.failed.push((id.to_string(), reason.clone()));
        }
        apply(&mut findings[index], change);
    }
    summary.failed.sort_unstable();
    summary.failed.dedup();
    for finding in findings.iter() {
        match finding.verification {
            Verification::NotAttempted => {}
            Verification::Active { .. } => summary.active += 1,
            Verification::Inactive { .. } => summary.inactive += 1,
            Verification::Unknown { .. } => summary.unknown += 1,
        }
    }
    summary
}

enum Plan {
    Nothing,
    Skip(&'static str),
    Ask,
}

fn plan(finding: &Finding, options: &Options) -> Plan {
    let (Some(id), Some(secret)) = (&finding.key_id, &finding.secret) else { return Plan::Nothing };
    let noted = |note| finding.notes.contains(&note);
    // Nobody's keys, other kinds of secrets, and what somebody has judged already.
    if finding.suppression.is_some()
        || noted(Note::DocumentationExample)
        || noted(Note::Placeholder)
        || !key_id::has_shape(id.as_bytes())
        || !is_secret(secret)
    {
        return Plan::Nothing;
    }
    let canary = key_id::classify(id.as_bytes()).canary;
    if canary && !options.canaries {
        Plan::Skip(
            "not asked, because the account is a known canary: to ask alerts its owner (--verify-canaries asks)",
        )
    } else if finding.severity == Severity::Info && !canary {
        Plan::Nothing
    } else if key_id::is_temporary(id.as_bytes()) && finding.session_token.is_none() {
        Plan::Skip("not asked: a temporary credential works only with its session token, and none was found")
    } else if noted(Note::Expired) && !options.expired {
        Plan::Skip(
            "not asked: it is temporary and more than 36 hours old, so it has expired (--verify-expired asks)",
        )
    } else {
        Plan::Ask
    }
}

/// Whether it looks like the secret of an access key: an SES password, for example, does not.
fn is_secret(secret: &Secret) -> bool {
    has_shape(secret.expose().as_bytes())
}

/// What becomes of a finding.
struct Change {
    verification: Verification,
    /// The secret that works, where it is another one.
    secret: Option<Secret>,
    /// It was to be asked about, and nothing was learned.
    failed: bool,
}

fn apply(finding: &mut Finding, change: Change) {
    finding.verification = change.verification;
    if let (Some(right), Some(wrong)) = (change.secret, finding.secret.as_mut()) {
        finding.runners_up.retain(|other| *other != right);
        finding.runners_up.push(std::mem::replace(wrong, right)); // still a secret that no report may show
        // The lines told of are those of the other one.
        for location in finding.places_mut() {
            location.secret_line = None;
        }
    }
    if finding.verification.is_active() && finding.severity > Severity::Info {
        finding.severity = Severity::Critical;
    }
}

/// The changes of the findings of all jobs, sorted by finding.
fn ask_all(
    findings: &[Finding],
    jobs: &[Vec<usize>],
    verifier: &dyn Verifier,
    options: &Options,
    until: &Until<'_>,
    progress: &Progress,
) -> Vec<(usize, Change)> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut asker =
                Asker { verifier, options, until, known: HashMap::new(), home: None, wrong: None };
            let changes: Vec<(usize, Change)> =
                job.iter().map(|&index| (index, asker.change(&findings[index]))).collect();
            if changes.iter().any(|c| c.1.verification.is_active()) {
                progress.active.fetch_add(1, Ordering::Relaxed);
            }
            progress.done.fetch_add(1, Ordering::Relaxed);
            all.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.concurrency.clamp(1, jobs.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(index, _)| *index);
    all
}

/// Asks about the credentials of one key id.
struct Asker<'a> {
    verifier: &'a dyn Verifier,
    options: &'a Options,
    until: &'a Until<'a>,
    /// What is known, by secret and token.
    known: HashMap<(Secret, Option<Secret>), Answer>,
    /// The partition that knows the id.
    home: Option<Partition>,
    /// When a secret was last found to be wrong.
    wrong: Option<Instant>,
}

impl Asker<'_> {
    /// Ask about the pair of a finding; if its secret is the wrong one, about the others that may belong to the id.
    fn change(&mut self, finding: &Finding) -> Change {
        let (Some(id), Some(secret)) = (&finding.key_id, &finding.secret) else {
            unreachable!("only pairs are planned")
        };
        let hint = finding.partition;
        // A lasting key has none: with the token of another one STS refuses it.
        let token = finding.session_token.as_ref().filter(|_| key_id::is_temporary(id.as_bytes()));
        let first = self.answer(Credential { key_id: id, secret, token }, hint);
        let mut verification = first.verification();
        if matches!(first, Answer::WrongSecret { .. }) {
            for other in finding.runners_up.iter().filter(|other| is_secret(other)) {
                let answer = self.answer(Credential { key_id: id, secret: other, token }, hint);
                if matches!(answer, Answer::Accepted { .. } | Answer::Expired { .. }) {
                    let secret = Some(other.clone());
                    return Change { verification: answer.verification(), secret, failed: false };
                }
                if let Verification::Unknown { reason } = answer.verification() {
                    let reason = format!("its secret is wrong, and of another one near it: {reason}");
                    verification = Verification::Unknown { reason };
                }
            }
        }
        let failed = matches!(verification, Verification::Unknown { .. });
        Change { verification, secret: None, failed }
    }

    fn answer(&mut self, credential: Credential<'_>, hint: Option<Partition>) -> Answer {
        let key = (credential.secret.clone(), credential.token.cloned());
        if let Some(answer) = self.known.get(&key) {
            return answer.clone();
        }
        let answer = self.in_all_partitions(credential, hint);
        if matches!(answer, Answer::WrongSecret { .. }) {
            self.wrong = Some(Instant::now());
        }
        self.known.insert(key, answer.clone());
        answer
    }

    /// Ask in one partition after the other, for as long as it is not known there.
    fn in_all_partitions(&mut self, credential: Credential<'_>, hint: Option<Partition>) -> Answer {
        if let Some(wrong) = self.wrong {
            let left = (wrong + self.options.pause).saturating_duration_since(Instant::now());
            if !self.until.wait(left) {
                return Answer::Unknown { reason: self.until.over().unwrap_or("interrupted").to_owned() };
            }
        }
        // A token was made in one partition, and is nothing to the others.
        let sure = credential.token.and_then(|token| partition::of_token(token.expose())).or(self.home);
        let mut order: Vec<Partition> = sure.or(hint).into_iter().collect();
        if sure.is_none() {
            order.extend(ORDER.into_iter().filter(|p| Some(*p) != hint));
        }
        if self.verifier.has_one_endpoint() {
            order.truncate(1);
        }
        let mut refused: Option<(Partition, Answer)> = None;
        for partition in order {
            let answer = self.in_partition(credential, partition);
            match (&answer, &refused) {
                (Answer::Refused { .. }, _) => {
                    refused.get_or_insert((partition, answer));
                }
                (
                    Answer::Busy { reason } | Answer::Skewed { reason } | Answer::Unknown { reason },
                    Some((first, _)),
                ) => {
                    let (no, open) = (first.name(), partition.name());
                    return Answer::Unknown {
                        reason: format!("not valid in {no}, and {open} did not tell: {reason}"),
                    };
                }
                (Answer::WrongSecret { .. }, _) => {
                    self.home = Some(partition);
                    return answer;
                }
                _ => return answer,
            }
        }
        refused.map_or(Answer::Unknown { reason: "not asked".to_owned() }, |(_, answer)| answer)
    }

    /// Ask in a partition: again while it is busy, and once again after it told the time.
    fn in_partition(&self, credential: Credential<'_>, partition: Partition) -> Answer {
        let mut backoff = self.options.backoff;
        let mut attempt = 1;
        let mut told_the_time = false;
        loop {
            if let Some(reason) = self.until.over() {
                return Answer::Unknown { reason: reason.to_owned() };
            }
            let answer = self.verifier.ask(credential, partition, self.until);
            match answer {
                Answer::Busy { .. } if attempt < self.options.attempts => {
                    attempt += 1;
                    if !self.until.wait(jitter(backoff)) {
                        return answer;
                    }
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
                Answer::Skewed { .. } if !told_the_time => told_the_time = true,
                _ => return answer,
            }
        }
    }
}

/// Half of a time, and up to as much again by chance, so that those who were refused together do not come back together.
fn jitter(time: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0) as u32;
    time / 2 + time.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
