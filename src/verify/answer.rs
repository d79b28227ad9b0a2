//! What an answer of STS to `GetCallerIdentity` means. Only a success, or an error code that AWS itself gave, says anything about a
//! credential: whatever else comes (a proxy's page, a time-out, a code that has other reasons, too) leaves it unknown.

use crate::finding::Verification;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It works.
    Accepted {
        /// Account number, 12 digits.
        account: String,
        /// ARN of the caller.
        arn: String,
        /// Unique id of the caller.
        user_id: String,
    },
    /// The id, or the token with it, is not valid in this partition: deleted, deactivated, of another partition, or never
    /// made.
    Refused {
        /// The error code.
        code: String,
    },
    /// The id is valid, and the secret is not its secret.
    WrongSecret {
        /// The error code.
        code: String,
    },
    /// It was valid, and is over.
    Expired {
        /// The error code.
        code: String,
    },
    /// Too many questions: ask later.
    Busy {
        /// What it said.
        reason: String,
    },
    /// The time in the question is too far from STS's.
    Skewed {
        /// What it said.
        reason: String,
    },
    /// Nothing was learned.
    Unknown {
        /// Why not.
        reason: String,
    },
}

impl Answer {
    /// The answer that an error response gives: its HTTP status, and the code and message of the error document of AWS
    /// in it, if it is one. Nothing of the message is kept.
    pub fn of_error(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let message = message.unwrap_or("");
        let code = code.filter(|code| is_code(code)).unwrap_or("");
        let owned = || code.to_owned();
        let http =
            || if code.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}, {code}") };
        match code {
            "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClientException" => {
                Self::Refused { code: owned() }
            }
            "SignatureDoesNotMatch" | "InvalidSignatureException" if is_about_time(message) => {
                Self::Skewed { reason: format!("the clock of this machine is wrong ({})", http()) }
            }
            "RequestExpired" | "RequestTimeTooSkewed" => {
                Self::Skewed { reason: format!("the clock of this machine is wrong ({})", http()) }
            }
            "SignatureDoesNotMatch" | "InvalidSignatureException" => Self::WrongSecret { code: owned() },
            "ExpiredToken" | "ExpiredTokenException" => Self::Expired { code: owned() },
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown"
            | "ServiceUnavailable" => {
                Self::Busy { reason: format!("STS asked for fewer questions ({})", http()) }
            }
            _ if status == 429 || status == 503 => {
                Self::Busy { reason: format!("STS, or what is before it, was busy ({})", http()) }
            }
            "" => Self::Unknown {
                reason: format!("an answer that is not AWS's ({}): is there a proxy before it?", http()),
            },
            _ => Self::Unknown { reason: format!("STS answered {}", http()) },
        }
    }

    /// What a finding carries away from it.
    pub(super) fn verification(&self) -> Verification {
        match self {
            Self::Accepted { account, arn, user_id } => {
                Verification::Active { account: account.clone(), arn: arn.clone(), user_id: user_id.clone() }
            }
            Self::Refused { code } | Self::WrongSecret { code } | Self::Expired { code } => {
                Verification::Inactive { code: code.clone() }
            }
            Self::Busy { reason } | Self::Skewed { reason } | Self::Unknown { reason } => {
                Verification::Unknown { reason: reason.clone() }
            }
        }
    }
}

/// Error codes are short words. What is none is not repeated to the user.
fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

fn is_about_time(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome in one word.
    fn kind(answer: &Answer) -> &'static str {
        match answer {
            Answer::Accepted { .. } => "accepted",
            Answer::Refused { .. } => "refused",
            Answer::WrongSecret { .. } => "wrong secret",
            Answer::Expired { .. } => "expired",
            Answer::Busy { .. } => "busy",
            Answer::Skewed { .. } => "skewed",
            Answer::Unknown { .. } => "unknown",
        }
    }

    /// The table of what STS answers: status, code, message, and what it means.
    const TABLE: &[(u16, Option<&str>, &str, &str)] = &[
        (
            403,
            Some("InvalidClientTokenId"),
            "The security token included in the request is invalid.",
            "refused",
        ),
        (403, Some("InvalidAccessKeyId"), "", "refused"),
        (403, Some("UnrecognizedClientException"), "", "refused"),
        (
            403,
            Some("SignatureDoesNotMatch"),
            "The request signature we calculated does not match",
            "wrong secret",
        ),
        (403, Some("InvalidSignatureException"), "", "wrong secret"),
        (403, Some("SignatureDoesNotMatch"), "Signature expired: 20261125T1 is now earlier than", "skewed"),
        (
            403,
            Some("SignatureDoesNotMatch"),
            "Signature not yet current: 20261125T1 is still later",
            "skewed",
        ),
        (400, Some("RequestExpired"), "", "skewed"),
        (403, Some("RequestTimeTooSkewed"), "", "skewed"),
        (403, Some("ExpiredToken"), "The security token included in the request is expired", "expired"),
        (403, Some("ExpiredTokenException"), "", "expired"),
        (403, Some("AccessDenied"), "", "unknown"),
        (403, Some("RegionDisabledException"), "", "unknown"),
        (400, Some("IncompleteSignature"), "", "unknown"),
        (403, Some("IncompleteSignature"), "", "unknown"),
        (403, Some("MissingAuthenticationToken"), "", "unknown"),
        (403, Some("OptInRequired"), "", "unknown"),
        (400, Some("NotAuthorized"), "", "unknown"),
        (400, Some("Throttling"), "Rate exceeded", "busy"),
        (400, Some("ThrottlingException"), "", "busy"),
        (503, Some("ServiceUnavailable"), "", "busy"),
        (503, None, "", "busy"),
        (429, None, "", "busy"),
        (500, Some("InternalFailure"), "", "unknown"),
        (502, None, "", "unknown"),
        (403, None, "", "unknown"),
        (200, None, "", "unknown"),
        (403, Some(""), "", "unknown"),
        (403, Some("<script>"), "", "unknown"),
        (403, Some("SomethingNew"), "", "unknown"),
    ];

    #[test]
    fn the_answers_of_sts_mean_what_the_table_says() {
        for (status, code, message, expected) in TABLE {
            let answer = Answer::of_error(*status, *code, Some(message));
            assert_eq!(kind(&answer), *expected, "{status} {code:?} {message}");
        }
    }

    #[test]
    fn only_codes_of_aws_make_a_credential_inactive_and_messages_are_not_kept() {
        for (status, code, _, expected) in TABLE {
            let verification = Answer::of_error(*status, *code, Some("Signature of s3cr3t")).verification();
            let inactive = ["refused", "wrong secret", "expired"].contains(expected)
                || (*expected == "skewed" && code.is_some_and(|c| c.starts_with("Signature")));
            match verification {
                Verification::Inactive { code: told } => {
                    assert!(inactive && Some(&*told) == *code, "{status} {code:?}");
                }
                Verification::Unknown { reason } => {
                    assert!(!inactive && !reason.contains("s3cr3t") && !reason.contains('<'), "{reason}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
