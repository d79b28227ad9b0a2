//! Who an ARN of `GetCallerIdentity` speaks of.

/// Whose credential it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The root user of the account: nothing is forbidden to it.
    Root,
    /// An IAM user; its name without path.
    User(&'a str),
    /// A session of a role.
    Role {
        /// The name of the role.
        role: &'a str,
        /// The name of the session.
        session: &'a str,
    },
    /// A session of `GetFederationToken`; its name.
    Federated(&'a str),
    /// Something else.
    Other,
}

/// What makes an active credential worse than others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// It is one of the root user of the account.
    RootUser,
    /// It does not expire, and the name of its user says that the user may do nearly everything.
    AdminName,
}

impl Remark {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RootUser => "root-user",
            Self::AdminName => "admin-name",
        }
    }

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::RootUser => "it is the ROOT USER of the account: nothing is forbidden to it",
            Self::AdminName => "the name of the user says administrator, and the key does not expire",
        }
    }
}

/// Words of names of users that may do nearly everything.
const ADMIN: &[&str] = &["admin", "root", "superuser", "super-user", "poweruser", "power-user", "sysadm"];
/// The same, where they stand alone or between separators only: `sudo-ci`, not `pseudonym`.
const ADMIN_WORDS: &[&str] = &["super", "sudo", "owner", "adm", "sre", "devops", "terraform", "breakglass"];

/// Take an ARN apart.
pub fn of(arn: &str) -> Identity<'_> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(_), Some(_), Some(_), Some(_), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Identity::Other;
    };
    match resource.split_once('/') {
        None if resource == "root" => Identity::Root,
        Some(("user", name)) => Identity::User(name.rsplit('/').next().unwrap_or(name)),
        Some(("assumed-role", name)) => {
            let (role, session) = name.split_once('/').unwrap_or((name, ""));
            Identity::Role { role, session }
        }
        Some(("federated-user", name)) => Identity::Federated(name),
        _ => Identity::Other,
    }
}

/// What is to be said about an active credential with this id and this ARN.
pub fn remarks(key_id: &str, arn: &str) -> Vec<Remark> {
    match of(arn) {
        Identity::Root => vec![Remark::RootUser],
        Identity::User(name) if key_id.starts_with("AKIA") && is_admin(name) => vec![Remark::AdminName],
        _ => Vec::new(),
    }
}

fn is_admin(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ADMIN.iter().any(|word| name.contains(word))
        || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| ADMIN_WORDS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_say_whose_a_credential_is() {
        for (arn, expected) in [
            ("arn:aws:iam::123456789012:root", Identity::Root),
            ("arn:aws:iam::123456789012:user/deploy", Identity::User("deploy")),
            ("arn:aws-cn:iam::123456789012:user/teams/ci/deploy", Identity::User("deploy")),
            (
                "arn:aws:sts::123456789012:assumed-role/build/i-0abc",
                Identity::Role { role: "build", session: "i-0abc" },
            ),
            ("arn:aws:sts::123456789012:federated-user/ada", Identity::Federated("ada")),
            ("arn:aws:iam::123456789012:group/x", Identity::Other),
            ("arn:aws:iam", Identity::Other),
            ("", Identity::Other),
        ] {
            assert_eq!(of(arn), expected, "{arn}");
        }
    }

    #[test]
    fn root_and_lasting_admin_keys_are_called_out() {
        let user = |name: &str| format!("arn:aws:iam::123456789012:user/{name}");
        for (id, arn, expected) in [
            ("AKIA", "arn:aws:iam::123456789012:root".to_owned(), &[Remark::RootUser][..]),
            ("ASIA", "arn:aws:iam::123456789012:root".to_owned(), &[Remark::RootUser]),
            ("AKIA", user("Administrator"), &[Remark::AdminName]),
            ("AKIA", user("it/ada-sudo"), &[Remark::AdminName]),
            ("AKIA", user("terraform"), &[Remark::AdminName]),
            ("ASIA", user("Administrator"), &[]),
            ("AKIA", user("pseudonym"), &[]),
            ("AKIA", user("uploader"), &[]),
            ("ASIA", "arn:aws:sts::1:assumed-role/admin/x".to_owned(), &[]),
        ] {
            assert_eq!(remarks(id, &arn), expected, "{id} {arn}");
        }
    }
}
