//! What stops a credential that works: the commands, ready to be pasted. They are for an administrator of the account, not for
//! the leaked key.

use jiff::Timestamp;

use crate::aws::identity::{self, Identity};
use crate::aws::{key_id, partition};
use crate::finding::{Finding, Partition, Verification};
use crate::report::Report;

/// A step: what it does, and its command, where a command can do it.
pub(super) struct Step {
    pub(super) what: String,
    pub(super) command: Option<String>,
}

/// The steps that stop the credential of a finding, first one first; none unless it is active.
pub(super) fn steps(finding: &Finding, report: &Report<'_>) -> Vec<Step> {
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
    let now = Timestamp::try_from(report.outcome.finished).unwrap_or_default();
    let now = Timestamp::from_second(now.as_second()).unwrap_or_default();
    let deny = format!(
        "'{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{{\"DateLessThan\":{{\"aws:TokenIssueTime\":\"{now}\"}}}}}}]}}'"
    );
    let step = |what: &str, command: String| Step { what: what.to_owned(), command: Some(command) };
    let said = |what: String| Step { what, command: None };
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
                step(
                    "end the sessions that were made with it",
                    format!(
                        "aws iam put-user-policy --user-name {user} --policy-name DenyOlderSessions --policy-document {deny}{region}"
                    ),
                ),
            ]
        }
        Identity::User(user) => vec![step(
            "end the sessions of the user, a temporary credential cannot be deactivated",
            format!(
                "aws iam put-user-policy --user-name {} --policy-name DenyOlderSessions --policy-document {deny}{region}",
                argument(user, "USER")
            ),
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
