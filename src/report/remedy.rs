//! What stops a credential that works: the commands, ready to be pasted. They are for an administrator of the account, not for
//! the leaked key.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::aws::identity::{self, Identity};
use crate::aws::{key_id, partition};
use crate::finding::{Finding, Partition, Verification};

/// A step: what it does, and its command, where a command can do it.
pub(super) struct Step {
    pub(super) what: String,
    pub(super) command: Option<String>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.command.iter().try_for_each(|command| write!(f, ": {command}"))
    }
}

/// The steps that stop the credential of a finding, first one first; none unless it is active. Sessions from before `now` are
/// ended.
pub(super) fn steps(finding: &Finding, now: SystemTime) -> Vec<Step> {
    let (Verification::Active { account, arn, .. }, Some(id)) = (&finding.verification, &finding.key_id)
    else {
        return Vec::new();
    };
    if !key_id::has_shape(id.as_bytes()) {
        return Vec::new();
    }
    let account = if account.bytes().all(|b| b.is_ascii_digit()) { account } else { "that it names" };
    let region = match partition::of_arn(arn) {
        Some(partition) if partition != Partition::Aws => format!(" --region {}", partition.region()),
        _ => String::new(),
    };
    let now = Timestamp::try_from(now).unwrap_or_default();
    let now = Timestamp::from_second(now.as_second()).unwrap_or_default();
    let deny = format!(
        "'{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{{\"DateLessThan\":{{\"aws:TokenIssueTime\":\"{now}\"}}}}}}]}}'"
    );
    let step = |what: &str, command: String| Step { what: what.to_owned(), command: Some(command) };
    let said = |what: String| Step { what, command: None };
    let end_sessions = |what: &str, user: &str| {
        step(
            what,
            format!(
                "aws iam put-user-policy --user-name {user} --policy-name DenyOlderSessions --policy-document {deny}{region}"
            ),
        )
    };
    let temporary = key_id::is_temporary(id.as_bytes());
    match identity::of(arn) {
        Identity::Root if !temporary => vec![said(format!(
            "sign in as the root user of account {account}, and under \"Security credentials\" deactivate the access key {id}, then delete it: the root user should have none"
        ))],
        Identity::User(user) if !temporary => {
            let user = argument(user, "USER");
            vec![
                step(
                    "deactivate the key",
                    format!(
                        "aws iam update-access-key --access-key-id {id} --status Inactive --user-name {user}{region}"
                    ),
                ),
                end_sessions("end the sessions that were made with it", user),
            ]
        }
        Identity::User(user) => vec![end_sessions(
            "end the sessions of the user, a temporary credential cannot be deactivated",
            argument(user, "USER"),
        )],
        Identity::Role { role, .. } => vec![step(
            "end the sessions of the role, a temporary credential cannot be deactivated",
            format!(
                "aws iam put-role-policy --role-name {} --policy-name AWSRevokeOlderSessions --policy-document {deny}{region}",
                argument(role, "ROLE")
            ),
        )],
        Identity::Root | Identity::Federated(_) | Identity::Other => vec![said(format!(
            "find in CloudTrail of account {account} who made the session {id}, and deactivate the key that made it"
        ))],
    }
}

/// A name as an argument of a shell. IAM allows no other characters; an answer that has some is not repeated.
fn argument<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain) { name } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Place;
    use crate::finding::{Location, Severity};

    fn commands(id: &str, arn: &str) -> String {
        let finding = Finding {
            verification: Verification::Active {
                account: "210987654321".into(),
                arn: arn.into(),
                user_id: String::new(),
            },
            ..Finding::new("r", Severity::Critical, Some(id), None, Location::new(Place::Stdin))
        };
        let steps = steps(&finding, SystemTime::UNIX_EPOCH);
        let texts: Vec<String> = steps
            .into_iter()
            .map(|step| step.command.unwrap_or_else(|| format!("# {}", step.what)))
            .collect();
        texts.join("\n")
    }

    #[test]
    fn each_kind_of_caller_is_stopped_in_its_own_way() {
        let (lasting, temporary) = ("AKIAY34FZKBOKMUTVV7A", "ASIAY34FZKBOKMUTVV7A");
        for (id, arn, expected) in [
            (
                lasting,
                "arn:aws:iam::210987654321:user/ci/deploy",
                "aws iam update-access-key --access-key-id AKIAY34FZKBOKMUTVV7A --status Inactive --user-name deploy\n",
            ),
            (lasting, "arn:aws-cn:iam::210987654321:user/x", "--user-name x --region cn-north-1\n"),
            (lasting, "arn:aws-us-gov:iam::210987654321:user/x", "--user-name x --region us-gov-west-1\n"),
            (lasting, "arn:aws:iam::210987654321:root", "# sign in as the root user of account 210987654321"),
            (
                temporary,
                "arn:aws:iam::210987654321:user/x",
                "put-user-policy --user-name x --policy-name Deny",
            ),
            (
                temporary,
                "arn:aws:sts::210987654321:assumed-role/build/7",
                "put-role-policy --role-name build --policy",
            ),
            (
                temporary,
                "arn:aws:sts::210987654321:federated-user/x",
                "# find in CloudTrail of account 210987654321",
            ),
            (
                temporary,
                "arn:aws:sts::210987654321:assumed-role/build/7",
                "\"aws:TokenIssueTime\":\"1970-01-01T00:00:00Z\"",
            ),
            (lasting, "arn:aws:iam::210987654321:user/x;reboot", "--user-name USER\n"),
            (lasting, "arn:aws:iam::210987654321:user/$(reboot)", "--user-name USER\n"),
            (lasting, "arn:aws:iam::210987654321:user/--debug", "--user-name USER\n"),
            (lasting, "arn:aws:iam::210987654321:user/", "--user-name USER\n"),
        ] {
            let commands = commands(id, arn);
            assert!(commands.contains(expected), "{arn}: {commands}");
        }
        assert_eq!(commands("AKIA;reboot", "arn:aws:iam::210987654321:user/x"), "");
    }
}
