//! Outcomes for the tests of the report formats. All keys are random and never worked.

use std::time::{Duration, SystemTime};

use keyhound::blob::{Place, Skipped};
use keyhound::finding::{
    Commit, Encoding, Finding, Location, Note, Secret, Severity, Snippet, Suppression, SuppressionKind,
    Verification,
};
use keyhound::rules::Rule;
use keyhound::scan::{Outcome, Stats};

pub(crate) const SECRET: &str = "r7Xb/kQ2mVz0LhT9+pYwCe4uJd8sGnA1fRiK6oZx";
pub(crate) const TOKEN: &str = "IQoJb3JpZ2luX2VjTm9uZU9mVGhpc0lzUmVhbDkzODQ3NTYxMDI5Mzg0NzU2Zm9v";
pub(crate) const INFO_ID: &str = concat!("AKIA", "IOSFODNN7EXAMPLE");
const ID: &str = concat!("AKIA", "Q3ZLM7VTWX2KDN5R");
const TEMPORARY: &str = concat!("ASIA", "Q3ZLM7VTB4YHEP6S");
const ALONE: &str = concat!("AKIA", "Q3ZLM7VT7JCRUO3G");

pub(crate) fn rule() -> Rule {
    Rule {
        id: "aws-access-key".into(),
        description: "An AWS access key: the id with its secret.".to_owned(),
        why: "Whoever has the id and the secret of an access key can do what its user may do.".to_owned(),
        remediation:
            "Deactivate the key in IAM, then delete it.\nSearch CloudTrail for what it was used for."
                .to_owned(),
        references: vec![
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html".to_owned(),
        ],
        severity: Severity::High,
        severity_alone: Some(Severity::Low),
        id_part: None,
        secret: None,
        token: None,
        examples: Vec::new(),
        counter_examples: Vec::new(),
        file: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a location takes it so")]
fn commit(digit: char, subject: &str) -> Option<Box<Commit>> {
    Some(Box::new(Commit {
        id: digit.to_string().repeat(40),
        author: "Ada Example <ada@example.org>".to_owned(),
        time: 1_700_000_000,
        subject: subject.to_owned(),
    }))
}

fn finding(severity: Severity, key: Option<&str>, secret: Option<&str>, location: Location) -> Finding {
    Finding {
        account_id: key.map(|_| "123456789012".into()),
        ..Finding::new("aws-access-key", severity, key, secret.map(Secret::new), location)
    }
}

fn in_file(path: impl Into<Vec<u8>>, line: u64, column: u64) -> Location {
    Location {
        path: Some(path.into()),
        line: Some(line),
        column: Some(column),
        end_column: Some(column + 20),
        line_hash: Some(format!("{line:x}0abc:1")),
        ..Location::new(Place::File)
    }
}

fn snippet(before: &str, inside: &str, after: &str) -> Snippet {
    let highlight = (before.len(), before.len() + inside.len());
    Snippet { text: [before, inside, after].concat(), highlight }
}

/// The pair in a file, and again in another one; one in the history, verified; an id alone; a temporary credential that
/// has expired; a message; a file name; an example.
pub(crate) fn full() -> Outcome {
    let mut pair = finding(Severity::High, Some(ID), Some(SECRET), in_file("config/prod.env", 12, 19));
    pair.location.secret_line = Some(13);
    pair.snippet = Some(snippet("AWS_ACCESS_KEY_ID=", ID, ""));
    let mut again =
        finding(Severity::High, Some(ID), Some(SECRET), in_file(&b"old/caf\xe9 #1.txt"[..], 3, 140));
    again.location.secret_line = Some(3);
    again.encodings = vec![Encoding::Base64, Encoding::Packed("zip"), Encoding::Escape];
    again.location.member = Some(b"conf/app.ini"[..].into());
    again.lapsed = Some(".keyhound.toml:3 allowed it until 2026-01-31".to_owned());
    let before = format!("\t{{\"region\": \"{}\", \"accessKeyId\": \"", "eu-west-1 ".repeat(12));
    again.snippet = Some(snippet(
        &before,
        ID,
        "\", \"secretAccessKey\": \"r7Xb************\", \"more\": \"漢字漢字漢字\"}",
    ));

    let mut history = finding(
        Severity::Critical,
        Some(ALONE),
        Some(&SECRET.replace("r7", "q9")),
        in_file("deploy.sh", 4, 8),
    );
    history.location.place = Place::Blob;
    history.location.object = Some("b".repeat(40));
    history.location.commit = commit('1', "Add the deploy script");
    history.location.removed = commit('2', "Remove the keys");
    history.location.reachable = Some(true);
    history.location.in_head = Some(true); // at another place
    history.location.line_hash = None;
    let mut other = history.location.clone();
    other.path = Some(b"scripts/deploy.sh".to_vec());
    other.removed = None;
    other.in_head = Some(true);
    history.other_locations = vec![other];
    history.other_locations_omitted = 1_234;
    history.verification = Verification::Active {
        account: "123456789012".to_owned(),
        arn: "arn:aws:iam::123456789012:user/deploy".to_owned(),
        user_id: "AIDAQ3ZLM7VTPLMOKNIJ".to_owned(),
    };

    let mut alone = finding(Severity::Low, Some(ALONE), None, Location::new(Place::CommitMessage));
    alone.location.line = Some(3);
    alone.location.column = Some(5);
    alone.location.end_column = Some(25);
    alone.location.object = Some("c".repeat(40));
    alone.location.commit = commit('c', "Rotate");
    alone.location.reachable = Some(false);
    alone.location.in_head = Some(false);
    alone.location.named_by = Some("refs/stash@{0}".to_owned());
    alone.notes = vec![Note::Canary];

    let mut temporary = finding(
        Severity::Low,
        Some(TEMPORARY),
        Some(&SECRET.replace("r7", "w4")),
        Location::new(Place::Path),
    );
    temporary.session_token = Some(Secret::new(TOKEN));
    temporary.location.path = Some(format!("backup/{TEMPORARY}.txt").into_bytes());
    temporary.location.line = Some(1);
    temporary.location.column = Some(8);
    temporary.location.end_column = Some(28);
    temporary.notes = vec![Note::Expired];
    temporary.verification = Verification::Unknown { reason: "the network is unreachable".to_owned() };

    let mut example = finding(
        Severity::Info,
        Some(INFO_ID),
        Some(concat!("wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYEXAMPLEKEY")),
        in_file("README.md", 20, 1),
    );
    example.notes = vec![Note::DocumentationExample];

    let mut allowed = finding(
        Severity::High,
        Some(ALONE),
        Some(&SECRET.replace("r7", "t3")),
        in_file("tests/fake.rs", 7, 9),
    );
    allowed.suppression = Some(Suppression {
        kind: SuppressionKind::Config,
        reason: Some("made up for [the] tests".to_owned()),
        author: Some("Ada Example <ada@example.org>".to_owned()),
        expires: Some("2027-01-31".to_owned()),
        source: Some(".keyhound.toml:3".to_owned()),
    });
    let mut beside = finding(Severity::Low, Some(ALONE), None, in_file("docs/setup.md", 2, 1));
    let inline = Suppression {
        kind: SuppressionKind::Inline,
        reason: None,
        author: None,
        expires: None,
        source: None,
    };
    beside.suppression = Some(inline);

    Outcome {
        mode: "audit",
        target: ".".to_owned(),
        started: at(0),
        finished: at(1_240),
        stats: Stats { blobs: 1234, bytes: 56_000_000 },
        findings: vec![pair, again, history, alone, temporary, example, allowed, beside],
        incomplete: Vec::new(),
        left_out: vec![Skipped::new("huge.iso", "larger than 1 GB").help("--max-size raises the limit")],
        unused_suppressions: vec!["allowlist entry 3 (tests/keys.txt)".to_owned()],
    }
}

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_000 + milliseconds)
}

/// Nothing found, nothing left out.
pub(crate) fn clean() -> Outcome {
    Outcome {
        mode: "files",
        target: "src".to_owned(),
        findings: Vec::new(),
        left_out: Vec::new(),
        unused_suppressions: Vec::new(),
        ..full()
    }
}

/// Nothing found, but not all was read.
pub(crate) fn incomplete() -> Outcome {
    let skipped = |number: usize| Skipped {
        help: (number == 1).then(|| "run as a user that may read it".to_owned()),
        ..Skipped::new(format!("dir/{number:02}.bin"), "permission denied")
    };
    Outcome { incomplete: (1..=12).map(skipped).collect(), ..clean() }
}

/// Texts that would run on a terminal, in a page or in a workflow.
pub(crate) fn attack() -> Outcome {
    let words = "\u{1b}]52;c;cm0gLXJm\u{7}\u{1b}]8;;http://evil.test\u{1b}\\\u{202e}\u{200b}\u{9b}2J\r\n::stop-commands::x,y=1\n<script>alert(1)</script>";
    let mut file =
        finding(Severity::High, Some(ID), Some(SECRET), in_file([words.as_bytes(), b"\xff"].concat(), 1, 1));
    file.snippet = Some(snippet(words, ID, words));
    file.verification = Verification::Active {
        account: words.to_owned(),
        arn: format!("arn:aws:iam::123456789012:user/{words}"),
        user_id: words.to_owned(),
    };
    let mut suppressed = file.clone();
    suppressed.suppression = Some(Suppression {
        kind: SuppressionKind::Baseline,
        reason: Some(words.to_owned()),
        author: Some(words.to_owned()),
        expires: None,
        source: Some(words.to_owned()),
    });
    let mut history = finding(Severity::High, Some(ALONE), None, Location::new(Place::Ref));
    history.location.commit = commit('3', words);
    if let Some(commit) = &mut history.location.commit {
        words.clone_into(&mut commit.author);
    }
    history.location.named_by = Some(words.to_owned());
    history.verification = Verification::Unknown { reason: words.to_owned() };
    let skipped = Skipped::new(words, words).help(words);
    Outcome {
        target: words.to_owned(),
        findings: vec![file, history, suppressed],
        left_out: vec![skipped],
        unused_suppressions: vec![words.to_owned()],
        ..clean()
    }
}
