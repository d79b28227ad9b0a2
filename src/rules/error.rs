//! What can be wrong with a rule file. Every message names the file, the line, the rule and the field, says what is
//! wrong and what would be right.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// Why rules could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// A file or folder that cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file that is not UTF-8.
    #[error("{}: not UTF-8; rule files are TOML", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A folder without rule files.
    #[error("{}: no rule in this folder; rule files end in .toml", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A rule file that says something wrong.
    #[error(transparent)]
    Fault(#[from] Box<Fault>),
}

/// What is wrong in a rule file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The file as it was given, or `rules/NAME.toml` for a built-in one.
    pub file: String,
    /// The line, from 1; of the nearest enclosing table for a field that is missing.
    pub line: usize,
    /// The rule's id, where the file gives one.
    pub rule: Option<String>,
    /// The field, such as `part.secret.pattern` or `example[1].text`; empty for the file itself. Lists count from 1.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (&self.rule, self.field.as_str()) {
            (Some(rule), "") => format!("rule {rule}: "),
            (Some(rule), field) => format!("rule {rule}, {field}: "),
            (None, "") => String::new(),
            (None, field) => format!("{field}: "),
        };
        // names and values come from the file: a line break or an escape sequence in them stays visible
        for c in format!("{}:{}: {place}{}", self.file, self.line, self.problem).chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

/// What is wrong with a field of a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is no TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// A field that rule files do not have.
    #[error("unknown field{}", maybe(nearest.as_deref()))]
    UnknownField {
        /// A known field of the same table that is spelled almost like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type.
    #[error("{0}")]
    Type(String),
    /// A field that must be there is not, or is empty.
    #[error("missing; {0}")]
    Missing(&'static str),
    /// The id is not kebab-case, or not that of the file.
    #[error("`{0}` is not an id: use lower-case words and digits joined by `-`, such as `acme-token`")]
    Id(String),
    /// Another rule has this id.
    #[error("the id is already taken by {first}; rename this rule")]
    DuplicateId {
        /// The file of the other rule.
        first: String,
    },
    /// A name that is none of the known ones.
    #[error("`{given}` is not a {what}: use one of {}", all.join(", "))]
    UnknownName {
        /// What was asked for: `severity`, `check`.
        what: &'static str,
        /// What the file says.
        given: String,
        /// The known names.
        all: Vec<&'static str>,
    },
    /// The pattern does not parse or compile.
    #[error("bad pattern: {0}")]
    Pattern(String),
    /// The pattern looks around itself.
    #[error(
        "anchors and `\\b` do not work in a pattern: say with `fence` what may not stand around the value"
    )]
    PatternLooksAround,
    /// The value may be too short to be a secret.
    #[error("matches values of {shortest} bytes: a value must have at least {least}, prefix included")]
    TooShort {
        /// Length of the shortest match.
        shortest: usize,
        /// The least that is allowed.
        least: usize,
    },
    /// A prefix the prefilter cannot search for.
    #[error("the prefix `{0}` must be at least 3 printable ASCII characters without blanks")]
    Prefix(String),
    /// The same entry twice.
    #[error("`{0}` stands there twice")]
    Twice(String),
    /// The fence is no class of bytes.
    #[error("bad class of bytes: {0}")]
    Fence(String),
    /// Nothing says where a secret without an id begins.
    #[error(
        "nothing gives this secret away: it needs `prefixes`, or `alone_labels` with `keywords`, or an id beside it ([part.id])"
    )]
    NoEvidence,
    /// A label that says nothing.
    #[error("the label `{0}` must hold a letter, and words of ASCII letters and digits only")]
    Label(String),
    /// A keyword that no alone label holds.
    #[error("no label of `alone_labels` contains the keyword `{0}`, so it would be searched for in vain")]
    IdleKeyword(String),
    /// An alone label that no keyword leads to.
    #[error("the label `{0}` contains none of `keywords`, so it would never be looked for")]
    UnreachableLabel(String),
    /// A keyword that is too short, or that cannot stand in a label.
    #[error("the keyword `{0}` must be at least 3 printable ASCII characters without blanks")]
    Keyword(String),
    /// A field that means nothing at this place.
    #[error("means nothing here: {0}")]
    Useless(&'static str),
    /// A number out of its range.
    #[error("{given} is out of range: use {range}")]
    Range {
        /// What the file says.
        given: String,
        /// What is allowed.
        range: &'static str,
    },
    /// A reference that is no link.
    #[error("`{0}` is not a link: use https://…")]
    Reference(String),
    /// An extract without any value.
    #[error("extracts nothing: name at least a `secret`, or the `id` where `severity_alone` is set")]
    EmptyExtract,
    /// An extracted value that the part does not match.
    #[error("`{0}` is not what [part.{1}] matches whole")]
    ExtractUnmatched(String, &'static str),
}

/// `: did you mean …` for the message of an unknown field.
fn maybe(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |n| format!(": did you mean `{n}`?"))
}
