use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::blob::Place;
use crate::finding::{Location, Suppression, SuppressionKind};

const CODE: &str = "SignatureDoesNotMatch";
const CANARY: &str = concat!("AKIA", "SP2TPHJSQH3FJRUX");

fn id(n: u64) -> String {
    let mut digits = String::from("AKIAY34FZKBO");
    for shift in 0..8 {
        let digit = (n >> (5 * shift) & 31) as usize;
        digits.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit]));
    }
    digits
}

fn secret(n: u64) -> Secret {
    Secret::new(format!("{n:020}aBcDeFgHiJkLmNoPq+/x"))
}

fn finding(id: &str, pair: Option<u64>, runners_up: &[u64]) -> Finding {
    let location = Location { secret_line: Some(2), ..Location::new(Place::File) };
    Finding {
        runners_up: runners_up.iter().map(|&n| secret(n)).collect(),
        ..Finding::new("aws-access-key", Severity::High, Some(id), pair.map(secret), location)
    }
}

/// Knows the secret of ids in their partition. Answers from a script first, where there is one.
#[derive(Default)]
struct Fake {
    right: HashMap<(String, Partition), Secret>,
    script: Mutex<Vec<Answer>>,
    calls: Mutex<Vec<(String, Secret, Partition, Instant)>>,
    tokens: Mutex<Vec<String>>,
    /// By id: how many questions are open.
    open: Mutex<HashMap<String, u32>>,
    overlaps: AtomicU64,
    most: AtomicU64,
    stop_after: Option<usize>,
    slow: Duration,
}

impl Fake {
    fn knowing(pairs: &[(&str, u64)]) -> Self {
        let right = pairs.iter().map(|&(id, n)| ((id.to_owned(), Partition::Aws), secret(n))).collect();
        Self { right, ..Self::default() }
    }

    fn calls(&self) -> Vec<(String, Secret, Partition)> {
        self.calls.lock().unwrap().iter().map(|c| (c.0.clone(), c.1.clone(), c.2)).collect()
    }
}

impl Verifier for Fake {
    fn ask(&self, credential: Credential<'_>, partition: Partition, until: &Until<'_>) -> Answer {
        let id = credential.key_id.to_owned();
        {
            let mut open = self.open.lock().unwrap();
            let of_id = open.entry(id.clone()).or_default();
            *of_id += 1;
            self.overlaps.fetch_add(u64::from(*of_id > 1), Ordering::Relaxed);
            self.most.fetch_max(open.values().map(|n| u64::from(*n)).sum(), Ordering::Relaxed);
        }
        std::thread::sleep(self.slow);
        let mut calls = self.calls.lock().unwrap();
        calls.push((id.clone(), credential.secret.clone(), partition, Instant::now()));
        self.tokens.lock().unwrap().extend(credential.token.map(|token| token.expose().to_owned()));
        if self.stop_after.is_some_and(|n| calls.len() >= n) {
            until.stop.store(true, Ordering::Relaxed);
        }
        *self.open.lock().unwrap().get_mut(&id).unwrap() -= 1;
        if let Some(answer) = self.script.lock().unwrap().pop() {
            return answer;
        }
        match self.right.get(&(id, partition)) {
            Some(right) if right == credential.secret => accepted(),
            Some(_) => Answer::WrongSecret { code: CODE.into() },
            None => Answer::Refused { code: "InvalidClientTokenId".into() },
        }
    }
}

fn accepted() -> Answer {
    Answer::Accepted {
        account: "210987654321".into(),
        arn: "arn:aws:iam::210987654321:user/x".into(),
        user_id: "AIDAX".into(),
    }
}

fn options() -> Options {
    Options { pause: Duration::ZERO, backoff: Duration::ZERO, ..Options::default() }
}

fn run(findings: &mut [Finding], fake: &Fake, options: &Options) -> Summary {
    let stop = AtomicBool::new(false);
    let until = Until { stop: &stop, deadline: Instant::now() + Duration::from_mins(10) };
    verify(findings, fake, options, &until, &Progress::default())
}

fn status(finding: &Finding) -> &str {
    match &finding.verification {
        Verification::NotAttempted => "not attempted",
        Verification::Active { .. } => "active",
        Verification::Inactive { code } => code,
        Verification::Unknown { .. } => "unknown",
    }
}

#[test]
fn two_hundred_findings_of_fifty_credentials_are_fifty_questions() {
    let ids: Vec<String> = (0..50).map(id).collect();
    let mut fake = Fake::knowing(&ids.iter().zip(0..).map(|(id, n)| (&**id, n)).collect::<Vec<_>>());
    fake.slow = Duration::from_millis(2);
    let mut findings: Vec<Finding> =
        (0..200).map(|n| finding(&ids[n % 50], Some(n as u64 % 50), &[])).collect();
    let summary = run(&mut findings, &fake, &options());
    assert_eq!((summary.active, summary.inactive, summary.unknown), (200, 0, 0));
    assert_eq!(fake.calls().len(), 50);
    assert!(findings.iter().all(|f| f.severity == Severity::Critical));
    assert_eq!(fake.overlaps.load(Ordering::Relaxed), 0);
    let most = fake.most.load(Ordering::Relaxed);
    assert!((2..=4).contains(&most), "{most} at a time");
}

#[test]
fn the_runner_up_that_works_takes_the_place_of_the_secret() {
    let fake = Fake::knowing(&[(&id(1), 3)]);
    let mut findings = [finding(&id(1), Some(1), &[2, 3, 4])];
    let fingerprint = findings[0].fingerprint.clone();
    run(&mut findings, &fake, &options());
    let [found] = findings;
    assert_eq!((status(&found), &found.secret), ("active", &Some(secret(3))));
    assert_eq!(found.runners_up, [secret(2), secret(4), secret(1)]);
    assert_eq!(found.location.secret_line, None);
    assert_eq!(found.fingerprint, fingerprint, "a baseline still knows it");
    let asked: Vec<Secret> = fake.calls().into_iter().map(|c| c.1).collect();
    assert_eq!(asked, [1, 2, 3].map(secret), "one partition, and none after the right one");
}

#[test]
fn a_wrong_secret_is_told_from_an_unknown_id() {
    let fake = Fake::knowing(&[(&id(1), 9)]);
    let mut findings = [finding(&id(1), Some(1), &[]), finding(&id(2), Some(2), &[5, 6])];
    let summary = run(&mut findings, &fake, &options());
    assert_eq!(findings.each_ref().map(status), [CODE, "InvalidClientTokenId"]);
    assert_eq!(findings.each_ref().map(|f| f.severity), [Severity::High; 2]);
    assert_eq!((summary.inactive, summary.failed.len()), (2, 0));
    let of_second: Vec<(Secret, Partition)> =
        fake.calls().into_iter().filter(|c| c.0 == id(2)).map(|c| (c.1, c.2)).collect();
    assert_eq!(of_second, ORDER.map(|p| (secret(2), p)), "no other secret of an id that is not valid");
}

#[test]
fn an_id_whose_other_secrets_were_not_answered_for_is_not_inactive() {
    let wrong = Answer::WrongSecret { code: CODE.into() };
    let none = Answer::Unknown { reason: "timed out".into() };
    for (answers, state) in [
        (vec![wrong.clone(), none.clone(), wrong.clone()], "unknown"),
        (vec![wrong.clone(), wrong.clone(), none.clone()], "unknown"),
        (vec![wrong.clone(); 3], CODE),
    ] {
        let fake = Fake { script: Mutex::new(answers.into_iter().rev().collect()), ..Fake::default() };
        let mut findings = [finding(&id(1), Some(1), &[2, 3])];
        let summary = run(&mut findings, &fake, &options());
        assert_eq!(status(&findings[0]), state);
        assert_eq!(summary.failed.len(), usize::from(state == "unknown"), "{:?}", summary.failed);
    }
    let answers = vec![none, wrong];
    let fake = Fake { script: Mutex::new(answers), ..Fake::knowing(&[(&id(1), 3)]) };
    let mut findings = [finding(&id(1), Some(1), &[2, 3])];
    run(&mut findings, &fake, &options());
    assert_eq!((status(&findings[0]), &findings[0].secret), ("active", &Some(secret(3))));
}

#[test]
fn there_is_a_pause_after_a_wrong_secret() {
    let fake = Fake::knowing(&[(&id(1), 2)]);
    let mut findings = [finding(&id(1), Some(1), &[2])];
    let pause = Duration::from_millis(80);
    run(&mut findings, &fake, &Options { pause, ..options() });
    let calls = fake.calls.lock().unwrap();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].3 - calls[0].3 >= pause);
}

#[test]
fn evidence_decides_where_is_asked_first() {
    let mut fake = Fake::default();
    fake.right.insert((id(1), Partition::China), secret(1));
    fake.right.insert((id(2), Partition::Gov), secret(2));
    fake.right.insert((id(3), Partition::Europe), secret(3));
    let mut findings = [1, 2, 3].map(|n| finding(&id(n), Some(n), &[]));
    findings[0].partition = Some(Partition::China);
    findings[2].partition = Some(Partition::Europe);
    run(&mut findings, &fake, &Options { concurrency: 1, ..options() });
    assert_eq!(findings.each_ref().map(status), ["active"; 3]);
    let asked: Vec<Partition> = fake.calls().into_iter().map(|c| c.2).collect();
    assert_eq!(asked, [Partition::China, Partition::Aws, Partition::Gov, Partition::Europe]);

    // What a token says of itself is more than evidence: no other partition gets to see it.
    let fake = Fake::default();
    let mut temporary = finding(&id(4).replace("AKIA", "ASIA"), Some(4), &[]);
    temporary.session_token = Some(Secret::new("IQoJb3JpZ2luX2VjEAEaDXVzLWdvdi13ZXN0LTE"));
    run(std::slice::from_mut(&mut temporary), &fake, &options());
    assert_eq!(status(&temporary), "InvalidClientTokenId");
    let asked: Vec<Partition> = fake.calls().into_iter().map(|c| c.2).collect();
    assert_eq!(asked, [Partition::Gov]);
}

#[test]
fn only_a_busy_sts_is_asked_again_and_the_right_time_once() {
    let busy = || Answer::Busy { reason: "busy".into() };
    let skewed = || Answer::Skewed { reason: "clock".into() };
    let unknown = || Answer::Unknown { reason: "reset".into() };
    let [refused, gone] = [(); 2].map(|()| Answer::Refused { code: "InvalidClientTokenId".into() });
    let cases: Vec<(Vec<Answer>, &str, usize)> = vec![
        (vec![busy(), busy(), accepted()], "active", 3),
        (vec![busy(); 9], "unknown", 5),
        (vec![unknown(), accepted()], "unknown", 1),
        (vec![skewed(), accepted()], "active", 2),
        (vec![skewed(), skewed(), accepted()], "unknown", 2),
        (vec![refused, unknown()], "unknown", 2),
        (vec![gone, accepted()], "active", 2),
        (vec![Answer::Expired { code: "ExpiredToken".into() }], "ExpiredToken", 1),
    ];
    for (mut script, expected, calls) in cases {
        let case = format!("{script:?}");
        script.reverse();
        let fake = Fake { script: Mutex::new(script), ..Fake::default() };
        let mut findings = [finding(&id(1), Some(1), &[])];
        let summary = run(&mut findings, &fake, &options());
        assert_eq!((status(&findings[0]), fake.calls().len()), (expected, calls), "{case}");
        assert_eq!(summary.failed.len(), usize::from(expected == "unknown"), "{case}");
    }
}

#[test]
fn what_should_not_be_asked_is_not() {
    let temporary = id(7).replace("AKIA", "ASIA");
    let expired = Finding {
        notes: vec![Note::Expired],
        session_token: Some(Secret::new("IQoJ")),
        ..finding(&temporary, Some(1), &[])
    };
    let example =
        Finding { severity: Severity::Info, notes: vec![Note::Placeholder], ..finding(&id(8), Some(1), &[]) };
    let suppressed = Finding {
        suppression: Some(Suppression {
            kind: SuppressionKind::Baseline,
            reason: None,
            author: None,
            expires: None,
            source: None,
        }),
        ..finding(&id(9), Some(1), &[])
    };
    let password = Finding {
        secret: Some(Secret::new("BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2")),
        ..finding(&id(10), None, &[])
    };
    let canary = Finding { severity: Severity::Info, ..finding(CANARY, Some(1), &[]) };
    let mut findings = [
        (canary, "unknown"),
        (finding(&temporary, Some(1), &[]), "unknown"),
        (expired, "unknown"),
        (finding(&id(6), None, &[]), "not attempted"),
        (example, "not attempted"),
        (suppressed, "not attempted"),
        (password, "not attempted"),
    ];
    let fake = Fake::default();
    for (finding, expected) in &mut findings {
        let summary = run(std::slice::from_mut(finding), &fake, &options());
        assert_eq!(status(finding), *expected, "{:?}", finding.key_id);
        assert_eq!(summary.failed, []);
    }
    assert_eq!(fake.calls(), []);

    // Unless it is asked for.
    let mut fake = Fake::knowing(&[(CANARY, 1), (&temporary, 1)]);
    fake.slow = Duration::ZERO;
    let all = Options { canaries: true, expired: true, ..options() };
    for (index, severity) in [(0, Severity::Info), (2, Severity::Critical)] {
        run(std::slice::from_mut(&mut findings[index].0), &fake, &all);
        assert_eq!(status(&findings[index].0), "active");
        assert_eq!(findings[index].0.severity, severity, "a canary is no leak");
    }
}

#[test]
fn tokens_go_with_temporary_credentials_alone() {
    let temporary = id(2).replace("AKIA", "ASIA");
    let fake = Fake::knowing(&[(&id(1), 1), (&temporary, 1)]);
    let mut findings = [finding(&id(1), Some(1), &[]), finding(&temporary, Some(1), &[])];
    for (finding, token) in findings.iter_mut().zip(["of another one", "its own"]) {
        finding.session_token = Some(Secret::new(token));
    }
    run(&mut findings, &fake, &options());
    assert_eq!(findings.each_ref().map(status), ["active"; 2]);
    assert_eq!(*fake.tokens.lock().unwrap(), ["its own"]);
}

#[test]
fn an_interrupt_keeps_what_is_known() {
    let ids: Vec<String> = (0..20).map(id).collect();
    let mut fake = Fake::knowing(&ids.iter().map(|id| (&**id, 0)).collect::<Vec<_>>());
    fake.stop_after = Some(3);
    let mut findings: Vec<Finding> = ids.iter().map(|id| finding(id, Some(0), &[])).collect();
    let summary = run(&mut findings, &fake, &Options { concurrency: 1, ..options() });
    assert_eq!((summary.active, summary.unknown, summary.failed.len()), (3, 17, 17));
    assert!(summary.failed.iter().all(|(_, reason)| reason.starts_with("interrupted")));
}

proptest! {
    /// Whatever stands near whatever: each credential is accepted at most once, and what works is found to work.
    #[test]
    fn each_credential_is_accepted_once(
        found in proptest::collection::vec((0u64..6, 0u64..8, proptest::collection::vec(0u64..8, 0..4)), 1..40),
        right in proptest::collection::vec(0u64..8, 6),
    ) {
        let ids: Vec<String> = (0..6).map(id).collect();
        let fake = Fake::knowing(&ids.iter().zip(&right).map(|(id, n)| (&**id, *n)).collect::<Vec<_>>());
        let mut findings: Vec<Finding> =
            found.iter().map(|(n, pair, others)| finding(&ids[*n as usize], Some(*pair), others)).collect();
        run(&mut findings, &fake, &options());
        let calls = fake.calls();
        let mut asked: Vec<(String, Secret)> = calls.iter().map(|c| (c.0.clone(), c.1.clone())).collect();
        asked.sort();
        asked.dedup();
        prop_assert_eq!(asked.len(), calls.len(), "nothing is asked twice");
        prop_assert_eq!(fake.overlaps.load(Ordering::Relaxed), 0);
        for ((n, pair, others), f) in found.iter().zip(&findings) {
            let right = right[*n as usize];
            if *pair == right || others.contains(&right) {
                prop_assert_eq!((status(f), &f.secret), ("active", &Some(secret(right))));
            } else {
                prop_assert_eq!((status(f), &f.secret), (CODE, &Some(secret(*pair))));
            }
        }
    }
}
