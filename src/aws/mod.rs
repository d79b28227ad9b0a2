//! What is known of AWS credentials, as code: key ids, secrets, tokens, SES passwords, examples, canaries.
