//! Words and numbers for people, shared by the formats.

use std::borrow::Cow;
use std::time::Duration;

use crate::aws::identity::{self, Remark};
use crate::blob::Place;
use crate::finding::{Finding, Location, Note, Verification};
use crate::report::Report;
use crate::report::redact::Redactor;
use crate::report::wire::lossy;

/// `1,234`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `1,234 files`: `noun` is the singular of a noun that takes an s.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `999 bytes`, `56 MB`, in powers of 1,000 and two or three digits.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return counted(bytes, "byte");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// `0.4 s`, `12 s`, `3 min 5 s`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

/// What a scan of this mode counts.
pub(super) fn noun(mode: &str) -> &'static str {
    match mode {
        "files" => "file",
        "staged" => "staged file",
        "verify" => "credential",
        _ => "object",
    }
}

/// What was found, in few words: the beginning of the description of its rule, up to the first aside.
pub(super) fn title(finding: &Finding, report: &Report<'_>) -> String {
    let description = report.rule(&finding.rule_id).map_or("", |rule| rule.description.trim());
    let head = [": ", ", ", " ("].iter().filter_map(|aside| description.find(aside)).min();
    let head = description[..head.unwrap_or(description.len())].trim_end_matches('.');
    let head = if head.is_empty() { &*finding.rule_id } else { head };
    let alone = finding.key_id.is_some() && finding.secret.is_none() && finding.session_token.is_none();
    if alone { format!("{head}, its id alone") } else { head.to_owned() }
}

/// The parts that a finding has, masked: `key id AKIA…, secret abcd************, account 123456789012`.
pub(super) fn parts(finding: &Finding) -> String {
    let mut parts = Vec::new();
    if let Some(id) = &finding.key_id {
        parts.push(format!("key id {id}"));
    }
    if let Some(secret) = &finding.secret {
        parts.push(format!("secret {}", secret.masked()));
    } else if finding.key_id.is_some() {
        parts.push("no secret near it".to_owned());
    }
    if finding.session_token.is_some() {
        parts.push("session token".to_owned());
    }
    if let Some(account) = &finding.account_id {
        parts.push(format!("account {account}"));
    }
    parts.join(", ")
}

/// Why a finding is less, or more, than its shape says.
pub(super) const fn note(note: Note) -> &'static str {
    match note {
        Note::DocumentationExample => "an example of AWS's documentation: no credential",
        Note::Placeholder => "a placeholder: no credential",
        Note::ImplausibleId => "the id does not decode as ids that AWS gives out do: it may be made up",
        Note::Canary => "the account belongs to a canary-token service: using the key alerts its owner",
        Note::Expired => "temporary, and first seen so long ago that it must have expired",
    }
}

/// What verification said, in words; `None` if nothing was asked. Not sanitised.
pub(super) fn verification(finding: &Finding, redactor: &Redactor) -> Option<String> {
    match &finding.verification {
        Verification::NotAttempted => None,
        Verification::Active { account, arn, .. } => {
            let mut words = format!("active: it is {arn} of account {account}");
            for remark in remarks(finding) {
                words = format!("{words}; {}", remark.text());
            }
            Some(words)
        }
        Verification::Inactive { code } if code.starts_with("ExpiredToken") => {
            Some(format!("inactive: it has expired ({code})"))
        }
        Verification::Inactive { code } if is_wrong_secret(code) => Some(format!(
            "inactive as a pair, but the id works: its secret is another one, which may stand elsewhere ({code})"
        )),
        Verification::Inactive { code } => Some(format!("inactive: AWS refused it ({code})")),
        Verification::Unknown { reason } => {
            Some(format!("not known whether it is active: {}", redactor.text(reason)))
        }
    }
}

/// Whether a code says that the id exists, and only the secret is wrong.
pub(super) fn is_wrong_secret(code: &str) -> bool {
    matches!(code, "SignatureDoesNotMatch" | "InvalidSignatureException")
}

/// What makes an active credential worse than others.
pub(super) fn remarks(finding: &Finding) -> Vec<Remark> {
    match (&finding.verification, &finding.key_id) {
        (Verification::Active { arn, .. }, Some(id)) => identity::remarks(id, arn),
        _ => Vec::new(),
    }
}

/// The status of a verification, as formats for programs name it.
pub(super) const fn status(verification: &Verification) -> &'static str {
    match verification {
        Verification::NotAttempted => "not-attempted",
        Verification::Active { .. } => "active",
        Verification::Inactive { .. } => "inactive",
        Verification::Unknown { .. } => "unknown",
    }
}

/// The name of a place where it has no path, or the path is not the place: `commit message 1a2b3c4d5e6f`.
pub(super) fn place_name<'a>(location: &'a Location, redactor: &Redactor) -> Cow<'a, str> {
    if let Some(path) = &location.path {
        return lossy(redactor.bytes(path));
    }
    let kind = match location.place {
        Place::Stdin => return Cow::Borrowed("<stdin>"),
        Place::CommitMessage => "commit message",
        Place::TagMessage => "tag message",
        Place::Note => "note",
        Place::Ref => "ref",
        Place::Path => "file name",
        Place::Symlink => "symbolic link",
        Place::Lfs => "git-lfs object",
        Place::File | Place::GitFile | Place::Index | Place::Blob => "object",
    };
    if let Some(object) = &location.note_on {
        return Cow::Owned(format!("{kind} on {}", short(object)));
    }
    match inner_name(location, redactor) {
        Some(name) if location.place == Place::Ref => Cow::Owned(format!("{kind} {name}")),
        Some(name) => Cow::Owned(format!("{kind} {}", short(&name))),
        None => Cow::Borrowed(kind),
    }
}

/// The path in the archive that a place encodes, where it does.
pub(super) fn member<'a>(location: &'a Location, redactor: &Redactor) -> Option<Cow<'a, str>> {
    location.member.as_deref().map(|member| lossy(redactor.bytes(member)))
}

/// What git calls a place without path: the ref, else the object, the commit, or what names it.
pub(super) fn inner_name<'a>(location: &'a Location, redactor: &Redactor) -> Option<Cow<'a, str>> {
    let name = location.named_by.as_deref().map(|name| redactor.text(name));
    let object = location.object.as_deref().or(location.commit.as_ref().map(|commit| commit.id.as_str()));
    let object = object.map(Cow::Borrowed);
    if location.place == Place::Ref { name.or(object) } else { object.or(name) }
}

/// The first twelve digits of an object id.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Whether what a commit brought is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// HEAD has it at this place.
    Here,
    /// HEAD has it, but no longer at this place.
    Elsewhere,
    /// HEAD no longer has it.
    Gone,
    /// HEAD does not have it, and nothing says that it had.
    NotThere,
    /// It is staged, and in no commit that a ref leads to.
    Staged,
    /// No ref leads to it.
    Unreached,
}

/// Where a place of the history stands. `None`: HEAD has nothing to do with it.
pub(super) fn standing(location: &Location) -> Option<Standing> {
    let removed = location.removed.is_some();
    match (location.in_head, location.reachable) {
        (Some(true), _) => Some(if removed { Standing::Elsewhere } else { Standing::Here }),
        (_, Some(false)) if location.place == Place::Index => Some(Standing::Staged),
        (_, Some(false)) => Some(Standing::Unreached),
        (Some(false), _) if removed => Some(Standing::Gone),
        (Some(false), _) if location.place.is_in_tree() => Some(Standing::NotThere),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(
            [counted(0, "file"), counted(1, "file"), counted(2, "file")],
            ["0 files", "1 file", "2 files"]
        );
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (56_000_000, "56 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (milliseconds, text) in [(0, "0.0 s"), (1_240, "1.2 s"), (59_600, "60 s"), (185_000, "3 min 5 s")]
        {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
