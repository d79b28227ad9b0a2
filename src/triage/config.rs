//! `.keyhound.toml`: what a repository allows, and how bad its owners take each rule.

use std::collections::BTreeMap;

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::day::Day;
use super::error::{Lines, TriageError};
use crate::finding::{Finding, Severity};
use crate::rules::RuleSet;

/// The name of the configuration at the root of a repository.
pub const CONFIG_NAME: &str = ".keyhound.toml";

/// A configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, for messages.
    pub(super) file: String,
    pub(super) inline: Inline,
    pub(super) entries: Vec<Allow>,
    pub(super) rules: BTreeMap<String, RuleChange>,
}

/// What `keyhound:allow` in texts does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Inline {
    /// It allows.
    #[default]
    Allow,
    /// It allows where it gives a reason.
    WithReason,
    /// Nothing.
    Ignore,
}

/// An entry that allows findings: those that fulfil all its conditions.
#[derive(Debug, Clone)]
pub(super) struct Allow {
    pub(super) line: usize,
    pub(super) reason: String,
    pub(super) author: Option<String>,
    pub(super) expires: Option<Date>,
    paths: Option<GlobSet>,
    fingerprints: Vec<String>,
    key_ids: Vec<String>,
    accounts: Vec<String>,
    rules: Vec<String>,
}

/// What becomes of the findings of a rule.
#[derive(Debug, Clone)]
pub(super) struct RuleChange {
    pub(super) line: usize,
    pub(super) enabled: bool,
    pub(super) severity: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    inline: Inline,
    #[serde(default)]
    allow: Vec<Spanned<AllowFile>>,
    #[serde(default)]
    rules: BTreeMap<Spanned<String>, RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowFile {
    reason: Spanned<String>,
    author: Option<String>,
    expires: Option<Day>,
    paths: Option<Spanned<Vec<Spanned<String>>>>,
    fingerprints: Option<Spanned<Vec<Spanned<String>>>>,
    key_ids: Option<Spanned<Vec<Spanned<String>>>>,
    accounts: Option<Spanned<Vec<Spanned<String>>>>,
    rules: Option<Spanned<Vec<Spanned<String>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default = "yes")]
    enabled: bool,
    severity: Option<Severity>,
}

fn yes() -> bool {
    true
}

impl Config {
    /// Parse and check the bytes of a configuration; `file` names it in messages.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TriageError> {
        let text = TriageError::text(file, bytes)?;
        let raw: ConfigFile =
            toml::from_str(text).map_err(|error| TriageError::parser(file, text, &error))?;
        let at = At { file, text, lines: Lines::of(text) };
        let entries = raw.allow.into_iter().map(|entry| at.entry(entry)).collect::<Result<_, _>>()?;
        let rules = raw.rules.into_iter().map(|(id, rule)| {
            let line = at.lines.at(id.span().start);
            (id.into_inner(), RuleChange { line, enabled: rule.enabled, severity: rule.severity })
        });
        Ok(Self { file: file.to_owned(), inline: raw.inline, entries, rules: rules.collect() })
    }

    /// A sentence for each rule that is named and not among `rules`.
    pub fn unknown_rules(&self, rules: &RuleSet) -> Vec<String> {
        let changed = self.rules.iter().map(|(id, change)| (id, change.line));
        let allowed = self.entries.iter().flat_map(|entry| entry.rules.iter().map(|id| (id, entry.line)));
        let unknown = changed.chain(allowed).filter(|(id, _)| rules.get(id).is_none());
        unknown
            .map(|(id, line)| match rules.nearest(id) {
                Some(rule) => {
                    format!("{}:{line}: no rule is called `{id}`: did you mean `{}`?", self.file, rule.id)
                }
                None => format!("{}:{line}: no rule is called `{id}`", self.file),
            })
            .collect()
    }
}

/// Where a check stands.
struct At<'t> {
    file: &'t str,
    text: &'t str,
    lines: Lines,
}

impl At<'_> {
    fn fault(&self, offset: usize, problem: impl Into<String>) -> TriageError {
        TriageError::at(self.file, self.text, offset, problem)
    }

    fn entry(&self, entry: Spanned<AllowFile>) -> Result<Allow, TriageError> {
        let start = entry.span().start;
        let entry = entry.into_inner();
        if entry.reason.get_ref().trim().is_empty() {
            return Err(self.fault(entry.reason.span().start, "the reason is empty: say why this is allowed"));
        }
        let is_fingerprint = |text: &str| {
            text.strip_prefix("kh1-").is_some_and(|digits| {
                digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            })
        };
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let is_key_id = |text: &str| text.len() >= 16 && text.bytes().all(|b| b.is_ascii_graphic());
        let paths = self.list("paths", entry.paths, |_| true, "")?;
        let allow = Allow {
            line: self.lines.at(start),
            reason: entry.reason.into_inner(),
            author: entry.author,
            expires: entry.expires.map(|day| day.0),
            paths: paths.map(|paths| self.globs(&paths)).transpose()?,
            fingerprints: self.texts(
                "fingerprints",
                entry.fingerprints,
                is_fingerprint,
                "a fingerprint: kh1- and 32 digits, as reports give it",
            )?,
            key_ids: self.texts("key_ids", entry.key_ids, is_key_id, "a whole key id")?,
            accounts: self.texts(
                "accounts",
                entry.accounts,
                is_account,
                "an account: 12 digits in quotes",
            )?,
            rules: self.texts("rules", entry.rules, |text| !text.is_empty(), "the id of a rule")?,
        };
        let lists = [&allow.fingerprints, &allow.key_ids, &allow.accounts, &allow.rules];
        if allow.paths.is_none() && lists.iter().all(|list| list.is_empty()) {
            return Err(
                self.fault(start, "allows everything: name paths, fingerprints, key_ids, accounts or rules")
            );
        }
        Ok(allow)
    }

    fn texts(
        &self,
        name: &str,
        list: Option<Spanned<Vec<Spanned<String>>>>,
        good: impl Fn(&str) -> bool,
        wanted: &str,
    ) -> Result<Vec<String>, TriageError> {
        let list = self.list(name, list, good, wanted)?.unwrap_or_default();
        Ok(list.into_iter().map(Spanned::into_inner).collect())
    }

    fn list(
        &self,
        name: &str,
        list: Option<Spanned<Vec<Spanned<String>>>>,
        good: impl Fn(&str) -> bool,
        wanted: &str,
    ) -> Result<Option<Vec<Spanned<String>>>, TriageError> {
        let Some(list) = list else { return Ok(None) };
        let start = list.span().start;
        let list = list.into_inner();
        if list.is_empty() {
            return Err(self.fault(start, format!("`{name}` is empty: nothing would match")));
        }
        match list.iter().find(|text| !good(text.get_ref())) {
            // what is given may be a secret that was put into the wrong list
            Some(bad) => Err(self.fault(bad.span().start, format!("`{name}` holds what is not {wanted}"))),
            None => Ok(Some(list)),
        }
    }

    /// Patterns as in a `.gitignore`, without negation.
    fn globs(&self, patterns: &[Spanned<String>]) -> Result<GlobSet, TriageError> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let start = pattern.span().start;
            let text = pattern.get_ref();
            let bare = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
            if bare.is_empty() || text.starts_with('!') {
                return Err(self.fault(start, "a path is wanted, such as `tests/**` or `*.pem`"));
            }
            let anchored = match bare.strip_prefix('/') {
                Some(bare) => bare.to_owned(),
                None if bare.contains('/') => bare.to_owned(),
                None => format!("**/{bare}"),
            };
            let mut forms = vec![format!("{anchored}/**")];
            if !text.ends_with('/') {
                forms.push(anchored);
            }
            for form in forms {
                let glob = GlobBuilder::new(&form).literal_separator(true).backslash_escape(true).build();
                set.add(glob.map_err(|error| self.fault(start, format!("bad pattern: {}", error.kind())))?);
            }
        }
        set.build().map_err(|error| self.fault(0, format!("bad pattern: {}", error.kind())))
    }
}

impl Allow {
    /// Whether all conditions but the path are fulfilled.
    pub(super) fn matches(&self, finding: &Finding) -> bool {
        let has = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|item| item == value))
        };
        has(&self.fingerprints, Some(finding.fingerprint.as_str()))
            && has(&self.key_ids, finding.key_id.as_deref())
            && has(&self.accounts, finding.account_id.as_deref())
            && has(&self.rules, Some(&*finding.rule_id))
    }

    /// Whether it allows whatever there is in its places.
    pub(super) fn allows_all(&self) -> bool {
        self.paths.is_some()
            && [&self.fingerprints, &self.key_ids, &self.accounts, &self.rules]
                .iter()
                .all(|list| list.is_empty())
    }

    /// Whether it depends on the place.
    pub(super) fn needs_path(&self) -> bool {
        self.paths.is_some()
    }

    /// Whether the entry speaks of this place; `path` is its path from the root of the repository, of which the last `member_len` bytes name a
    /// member of an archive.
    pub(super) fn covers(&self, path: Option<&[u8]>, member_len: usize) -> bool {
        let Some(globs) = &self.paths else { return true };
        let Some(path) = path else { return false };
        let is_match = |path: &[u8]| globs.is_match_candidate(&Candidate::from_bytes(path));
        // For a member of an archive: its own path, or that of the archive. A file may have a `!` in its name, too.
        let file = path.len().saturating_sub(member_len);
        is_match(path) || memchr::memchr_iter(b'!', &path[file..]).any(|end| is_match(&path[..file + end]))
    }

    pub(super) fn describe(&self, file: &str) -> String {
        format!("[[allow]] at {file}:{} ({})", self.line, self.reason)
    }
}
