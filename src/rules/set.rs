//! The rules of a run: the built-in ones, and those of the user.

use std::path::{Path, PathBuf};

use super::error::{Fault, Problem, RuleError};
use super::{Rule, RuleSet, file, nearest};

/// The built-in rules. A test holds the list against the folder.
const BUILT_IN: &[(&str, &str)] = &[
    ("rules/aws-access-key.toml", include_str!("../../rules/aws-access-key.toml")),
    ("rules/aws-bedrock-api-key.toml", include_str!("../../rules/aws-bedrock-api-key.toml")),
    ("rules/aws-bedrock-session-key.toml", include_str!("../../rules/aws-bedrock-session-key.toml")),
    ("rules/aws-secret-access-key.toml", include_str!("../../rules/aws-secret-access-key.toml")),
    ("rules/aws-ses-smtp.toml", include_str!("../../rules/aws-ses-smtp.toml")),
];

impl RuleSet {
    /// The built-in rules.
    pub fn embedded() -> Self {
        let mut set = Self::default();
        for (name, text) in BUILT_IN {
            set.add(text, name, None).expect("the built-in rules are sound: a test loads them");
        }
        set
    }

    /// The built-in rules and those of the given files, and of the `*.toml` files in the given folders (by name, not
    /// deeper). No file replaces a rule: an id that is taken is an error.
    pub fn load(paths: &[PathBuf]) -> Result<Self, RuleError> {
        let mut set = Self::embedded();
        for path in paths {
            if path.is_dir() {
                let files = rule_files(path)?;
                if files.is_empty() {
                    return Err(RuleError::EmptyFolder { path: path.clone() });
                }
                for file in &files {
                    set.add_file(file)?;
                }
            } else {
                set.add_file(path)?;
            }
        }
        Ok(set)
    }

    /// The rule with this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|r| &*r.id == id)
    }

    /// The rule whose id is spelled almost like this.
    pub fn nearest(&self, id: &str) -> Option<&Rule> {
        nearest::of(id, self.rules.iter().map(|r| &*r.id)).and_then(|id| self.get(id))
    }

    /// Add the rule of a file.
    fn add_file(&mut self, path: &Path) -> Result<(), RuleError> {
        let bytes =
            std::fs::read(path).map_err(|source| RuleError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes).map_err(|_| RuleError::NotUtf8 { path: path.to_owned() })?;
        Ok(self.add(&text, &path.display().to_string(), Some(path.to_owned()))?)
    }

    /// Add a rule from the text of a file. `name` stands for the file in messages.
    fn add(&mut self, text: &str, name: &str, path: Option<PathBuf>) -> Result<(), Box<Fault>> {
        let rule = file::parse(text, name, path)?;
        if let Some(other) = self.get(&rule.id) {
            let first = other.file.as_ref().map_or("a built-in rule".into(), |f| f.display().to_string());
            let line = text.lines().position(|l| l.trim_start().starts_with("id")).map_or(1, |i| i + 1);
            let problem = Problem::DuplicateId { first };
            let rule = Some(rule.id.to_string());
            return Err(Box::new(Fault { file: name.to_owned(), line, rule, field: "id".into(), problem }));
        }
        self.rules.push(rule);
        Ok(())
    }
}

/// The rule files of a folder, by name.
fn rule_files(folder: &Path) -> Result<Vec<PathBuf>, RuleError> {
    let failed = |source| RuleError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
