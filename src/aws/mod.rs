//! What is known of AWS credentials, as code: key ids, secrets, tokens, SES passwords, Bedrock keys, examples, canaries; and of key ids
//! that are not AWS's.
//!
//! Pure functions over bytes: whether a value of the right shape can be what it seems to be, and what can be read from it
//! without asking AWS. Nothing here knows of rules, texts or findings. Each file says where its facts come from.

pub mod bedrock;
pub mod canary;
pub mod identity;
pub mod key_id;
pub mod other;
pub mod partition;
pub mod secret;
pub mod ses;
pub mod token;

pub(crate) mod base;
mod looks;
mod words;

/// AWS writes these accounts in its documentation, and emulators hand them out: nobody's keys.
const NOBODYS_ACCOUNTS: [&str; 13] = [
    "000000000000",
    "012345678901",
    "111111111111",
    "111122223333",
    "123456789012",
    "222222222222",
    "333333333333",
    "444455556666",
    "444444444444",
    "555555555555",
    "777788889999",
    "888888888888",
    "999999999999",
];

#[cfg(test)]
mod random;
