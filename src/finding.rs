//! A credential that was found: what every stage after detection works on.
//!
//! [`Finding`] owns its data. Each later stage writes fields of its own: the sources and `scan` the places, `triage`
//! the suppression, `verify` the verification. Reports convert it to wire types of their own.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::blob::Place;

mod suppression;

pub use suppression::{Suppression, SuppressionKind};

/// How bad a finding is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No credential: a documentation example, a placeholder, a known canary. Never fails a run.
    Info,
    /// An id alone, or a temporary credential that must have expired.
    Low,
    /// A labelled secret without id, an SES SMTP login, a Bedrock key, or a pair whose id is in doubt.
    Medium,
    /// A key id with its secret.
    High,
    /// Verified to be active.
    Critical,
}

impl Severity {
    /// All severities, least first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in reports and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What stands in place of a secret, or of what follows its first characters; of one length, so that nothing else shows.
pub(crate) const MASK: &str = "************";

/// A secret value. It has no `Display` and no `Serialize`, and `Debug` masks it: only [`Secret::expose`] gives it away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wrap a secret.
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The secret itself. Every use is a place where it can leak.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first four characters and asterisks, always of the same length, so that nothing else shows.
    /// A secret of fewer than 16 characters shows none of them.
    pub fn masked(&self) -> String {
        let shown = if self.0.len() < 16 { "" } else { self.0.get(..4).unwrap_or("") };
        format!("{shown}{MASK}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.masked())
    }
}

/// A carrier that had to be undone to read a value. The JSON field `encodings`, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// UTF-16, little or big endian.
    Utf16,
    /// UTF-32, little or big endian.
    Utf32,
    /// Base64, standard or URL alphabet.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// Bytes as numbers, one by one: a dump, an array.
    Bytes,
    /// `%2F`.
    Percent,
    /// `\/`, `\n`, `\"`, `\u0041`, `\x41`.
    Escape,
    /// `&amp;`, `&#43;`.
    Html,
    /// `=3D`, and lines that end in `=`.
    QuotedPrintable,
    /// A value in several pieces: `"ab" + "cd"`.
    Joined,
    /// A compressed stream or an archive, by the name of its format: what is inside base64.
    Packed(&'static str),
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Utf16,
        Self::Utf32,
        Self::Base64,
        Self::Hex,
        Self::Bytes,
        Self::Percent,
        Self::Escape,
        Self::Html,
        Self::QuotedPrintable,
        Self::Joined,
        Self::Packed("gzip"),
        Self::Packed("bzip2"),
        Self::Packed("xz"),
        Self::Packed("zstd"),
        Self::Packed("lzma"),
        Self::Packed("zlib"),
        Self::Packed("zip"),
        Self::Packed("tar"),
        Self::Packed("ar"),
        Self::Packed("cpio"),
        Self::Packed("rpm"),
        Self::Packed("7z"),
        Self::Packed("pdf"),
        Self::Packed("sqlite"),
        Self::Packed("sqlite-wal"),
        Self::Packed("pg-dump"),
        Self::Packed("office"),
        Self::Packed("git-pack"),
    ];

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf16 => "utf-16",
            Self::Utf32 => "utf-32",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Bytes => "bytes",
            Self::Percent => "percent",
            Self::Escape => "escape",
            Self::Html => "html",
            Self::QuotedPrintable => "quoted-printable",
            Self::Joined => "joined",
            Self::Packed(format) => format,
        }
    }

    /// Whether nothing of the content shows through it. Such layers are counted.
    pub const fn is_opaque(self) -> bool {
        matches!(self, Self::Base64 | Self::Hex | Self::Bytes | Self::Packed(_))
    }
}

/// Why a finding is less, or more, than its shape says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// One of AWS's published documentation examples.
    DocumentationExample,
    /// A placeholder: repeated characters, the word EXAMPLE, a keyboard row.
    Placeholder,
    /// The id does not decode as ids that AWS gives out.
    ImplausibleId,
    /// The account in the id belongs to a known canary-token service; using the key alerts its owner.
    Canary,
    /// A temporary credential first seen more than 36 hours ago.
    Expired,
}

impl Note {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::DocumentationExample, Self::Placeholder, Self::ImplausibleId, Self::Canary, Self::Expired];

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DocumentationExample => "documentation-example",
            Self::Placeholder => "placeholder",
            Self::ImplausibleId => "implausible-id",
            Self::Canary => "canary",
            Self::Expired => "expired",
        }
    }
}

/// The commit that introduced a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit {
    /// The full id, hexadecimal.
    pub id: String,
    /// The author, as `Name <email>`, invalid UTF-8 replaced.
    pub author: String,
    /// The committer date, seconds since 1970 UTC.
    pub time: i64,
    /// The first line of the message, invalid UTF-8 replaced.
    pub subject: String,
}

/// One place where a credential stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// What kind of place it is.
    pub place: Place,
    /// Path bytes, where there is a path. For an archive member: `outer.zip!inner/file`.
    pub path: Option<Vec<u8>>,
    /// Line of the key id (of the secret, where there is no id), from 1.
    pub line: Option<u64>,
    /// First column on that line, in characters, from 1.
    pub column: Option<u64>,
    /// One past the last column. On the line where the value ends, if it spans several.
    pub end_column: Option<u64>,
    /// Line of the secret, from 1.
    pub secret_line: Option<u64>,
    /// The commit that introduced it, where there is one.
    pub commit: Option<Box<Commit>>,
    /// The commit that removed it from this path, where one did.
    pub removed: Option<Box<Commit>>,
    /// Whether a ref or a HEAD reaches it; `None` outside history.
    pub reachable: Option<bool>,
    /// Whether HEAD's tree still holds it; `None` outside history.
    pub in_head: Option<bool>,
    /// The name of the ref, reflog entry, stash or note that holds it, where that tells more than the commit.
    pub named_by: Option<String>,
    /// The object that a note is about, hexadecimal.
    pub note_on: Option<String>,
    /// The git object that holds it, hexadecimal.
    pub object: Option<String>,
    /// `primaryLocationLineHash` as GitHub code scanning computes it, where the place is a line of a text.
    pub line_hash: Option<String>,
    /// The text beside it says `keyhound:allow`, with this reason, which may be empty.
    pub allowed: Option<Box<str>>,
    /// Where what stands here encodes an archive: the path in it, as `inner.zip!file`. Line and column are not those of the member.
    pub member: Option<Box<[u8]>>,
    /// How many bytes of `path`, from its end, name a member of an archive, with the `!` before it.
    pub member_len: usize,
}

impl Location {
    /// A place with nothing known but its kind.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            path: None,
            line: None,
            column: None,
            end_column: None,
            secret_line: None,
            commit: None,
            removed: None,
            reachable: None,
            in_head: None,
            named_by: None,
            note_on: None,
            object: None,
            line_hash: None,
            allowed: None,
            member: None,
            member_len: 0,
        }
    }

    /// The path of the file: of `a.zip!b` that of the archive.
    pub fn file(&self) -> Option<&[u8]> {
        self.path.as_deref().map(|path| &path[..path.len().saturating_sub(self.member_len)])
    }
}

/// The text around a finding, for people: one line, cut around the finding. Values inside are replaced by their masked
/// form when it is made, so that it is safe to print without `--show-secrets`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snippet {
    /// The masked text, invalid UTF-8 replaced, control characters not yet escaped.
    pub text: String,
    /// The byte range of the finding in `text`.
    pub highlight: (usize, usize),
}

/// A part of AWS that shares no accounts with the others: a credential works in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// `GovCloud`.
    Gov,
    /// China.
    China,
    /// The European Sovereign Cloud.
    Europe,
}

impl Partition {
    /// The name in ARNs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gov => "aws-us-gov",
            Self::China => "aws-cn",
            Self::Europe => "aws-eusc",
        }
    }

    /// The region that is asked about a credential of this partition.
    pub const fn region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::Gov => "us-gov-west-1",
            Self::China => "cn-north-1",
            Self::Europe => "eusc-de-east-1",
        }
    }
}

/// What is known about whether a credential works.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verification {
    /// Nothing was asked.
    #[default]
    NotAttempted,
    /// STS accepted it.
    Active {
        /// Account number, 12 digits.
        account: String,
        /// ARN of the caller.
        arn: String,
        /// Unique id of the caller.
        user_id: String,
    },
    /// STS refused it, with this code. `SignatureDoesNotMatch`: the id works, and the secret is not its secret.
    Inactive {
        /// The error code of STS.
        code: String,
    },
    /// Nothing was learned.
    Unknown {
        /// Why not.
        reason: String,
    },
}

impl Verification {
    /// Whether STS accepted it.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }
}

/// A hash of rule and credential: it survives moves, renames and rebases. What cannot be guessed cannot be told from it, and 40 random
/// characters cannot; the key is public.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Box<str>);

impl Fingerprint {
    /// The fingerprint of a credential: 32 hexadecimal digits behind `kh1-`.
    pub fn of(rule_id: &str, key_id: Option<&str>, secret: Option<&Secret>) -> Self {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"keyhound finding fingerprint v1")
            .expect("HMAC takes keys of any length");
        for part in [rule_id, key_id.unwrap_or(""), secret.map_or("", Secret::expose)] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut text = String::from("kh1-");
        for byte in &mac.finalize().into_bytes()[..16] {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// A fingerprint in its text form; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("kh1-")?;
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (digits.len() == 32 && digits.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A credential and its places.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The id of the rule that found it.
    pub rule_id: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// The access key id, or the id part of another rule.
    pub key_id: Option<Box<str>>,
    /// The AWS account, 12 digits, decoded from the id or the key, never asked for.
    pub account_id: Option<Box<str>>,
    /// The secret.
    pub secret: Option<Secret>,
    /// The session token of a temporary credential.
    pub session_token: Option<Secret>,
    /// What had to be undone to read it, outermost first.
    pub encodings: Vec<Encoding>,
    /// Why it is less, or more, than its shape says.
    pub notes: Vec<Note>,
    /// The place that introduced it.
    pub location: Location,
    /// Every other place, without duplicates.
    pub other_locations: Vec<Location>,
    /// How many further places there are that are not listed, because there are too many. A place whose path is not known
    /// any more can count more than once.
    pub other_locations_omitted: u64,
    /// The line it stands on, masked and cut.
    pub snippet: Option<Snippet>,
    /// Identity of rule and credential.
    pub fingerprint: Fingerprint,
    /// Why it does not count, if it does not.
    pub suppression: Option<Suppression>,
    /// What was to suppress it and does so no longer, or not at all, in one clause; `None` where nothing was.
    pub lapsed: Option<String>,
    /// Whether it works.
    pub verification: Verification,
    /// The partition that the text around it, or its token, speaks of; for verification only.
    pub partition: Option<Partition>,
    /// Other secrets that may belong to the id, best first; for verification only, never reported.
    pub runners_up: Vec<Secret>,
}

impl Finding {
    /// Whether it is a leak that nothing suppresses.
    pub fn counts(&self) -> bool {
        self.suppression.is_none() && self.severity > Severity::Info
    }

    /// All its places, the one that introduced it first.
    pub fn places(&self) -> impl Iterator<Item = &Location> {
        std::iter::once(&self.location).chain(&self.other_locations)
    }

    /// All its places, to be changed.
    pub fn places_mut(&mut self) -> impl Iterator<Item = &mut Location> {
        std::iter::once(&mut self.location).chain(&mut self.other_locations)
    }

    /// Of a pair, some of whose places may name its id alone: the fingerprint that scans give these which report each place apart.
    pub fn id_alone(&self) -> Option<Fingerprint> {
        let is_alone = |place: &Location| place.secret_line.is_none();
        let apart = self.other_locations_omitted > 0 || self.places().any(is_alone);
        let id = self.key_id.as_deref().filter(|_| apart && self.secret.is_some())?;
        Some(Fingerprint::of(&self.rule_id, Some(id), None))
    }

    /// A finding of these values at this place, of which nothing else is known.
    pub fn new(
        rule_id: impl Into<Arc<str>>,
        severity: Severity,
        key_id: Option<&str>,
        secret: Option<Secret>,
        location: Location,
    ) -> Self {
        let rule_id = rule_id.into();
        Self {
            severity,
            key_id: key_id.map(Into::into),
            account_id: None,
            fingerprint: Fingerprint::of(&rule_id, key_id, secret.as_ref()),
            rule_id,
            secret,
            session_token: None,
            encodings: Vec::new(),
            notes: Vec::new(),
            location,
            other_locations: Vec::new(),
            other_locations_omitted: 0,
            snippet: None,
            suppression: None,
            lapsed: None,
            verification: Verification::NotAttempted,
            partition: None,
            runners_up: Vec::new(),
        }
    }
}
