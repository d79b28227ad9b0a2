//! From the text form of a rule to the compiled one: every check that needs no detector.

use std::path::PathBuf;

use regex::bytes::{Regex, RegexBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Problem};
use super::file::{CounterExampleFile, ExampleFile, PartFile, RuleFile, line_at, one_line};
use super::{ByteSet, Check, CounterExample, Example, Extract, Part, Rule, fence};
use crate::finding::Severity;

/// The shortest value that a part may match.
const MIN_VALUE: usize = 8;
/// The shortest literal the prefilter searches for.
const MIN_LITERAL: usize = 3;
/// How far from its id a value may stand when the file says nothing.
const WITHIN_LINES: u32 = 50;
/// What a value does not continue into when the file says nothing.
const FENCE: &str = "A-Za-z0-9";

type Result<T> = std::result::Result<T, Box<Fault>>;

/// The text of a rule file, to say where something stands in it. It is parsed again for each answer: faults are rare.
pub(super) struct At<'t> {
    pub(super) text: &'t str,
    pub(super) name: &'t str,
}

impl<'t> At<'t> {
    /// The text with spans, if it is TOML.
    pub(super) fn doc(&self) -> Option<DeTable<'t>> {
        DeTable::parse(self.text).ok().map(Spanned::into_inner)
    }

    /// The rule's id, as far as there is one.
    pub(super) fn rule(&self) -> Option<String> {
        self.doc()?.get("id").and_then(|v| v.get_ref().as_str()).map(str::to_owned)
    }

    /// A fault at `field`.
    fn fault(&self, field: impl Into<String>, problem: Problem) -> Box<Fault> {
        let field = field.into();
        let line = line_at(self.text, self.offset_of(&field));
        Box::new(Fault { file: self.name.to_owned(), line, rule: self.rule(), field, problem })
    }

    /// The path of the innermost field around a byte offset; empty where there is none.
    pub(super) fn path_of(&self, offset: usize) -> String {
        self.doc().and_then(|doc| path_in(&doc, "", offset)).unwrap_or_default()
    }

    /// Where a field, or the innermost table that would hold it, begins.
    fn offset_of(&self, field: &str) -> usize {
        let mut offset = 0;
        let Some(doc) = self.doc() else { return offset };
        let mut table = &doc;
        for step in field.split('.') {
            let (name, indices) = step.split_once('[').unwrap_or((step, ""));
            let Some((key, mut value)) = table.get_key_value(name) else { return offset };
            offset = key.span().start;
            for index in indices.split(['[', ']']).filter_map(|i| i.parse::<usize>().ok()) {
                let Some(item) = value.get_ref().as_array().and_then(|l| l.get(index.wrapping_sub(1))) else {
                    return offset;
                };
                value = item;
                offset = value.span().start;
            }
            match value.get_ref() {
                DeValue::Table(next) => table = next,
                _ => return offset,
            }
        }
        offset
    }
}

/// The path of the innermost field of `table` around a byte offset. The span of a table is that of its header alone,
/// so each is searched. The parser limits the depth.
fn path_in(table: &DeTable<'_>, prefix: &str, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let path =
            if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        if key.span().contains(&offset) {
            return Some(path);
        }
        path_at(value, path, offset)
    })
}

fn path_at(value: &Spanned<DeValue<'_>>, path: String, offset: usize) -> Option<String> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => path_in(table, &path, offset),
        DeValue::Array(list) => {
            let mut items = list.iter().enumerate();
            items.find_map(|(i, item)| path_at(item, format!("{path}[{}]", i + 1), offset))
        }
        _ => None,
    };
    inner.or_else(|| value.span().contains(&offset).then_some(path))
}

/// Check and compile a whole rule.
pub(super) fn rule(file: RuleFile, at: &At<'_>, path: Option<PathBuf>) -> Result<Rule> {
    if !is_kebab_case(&file.id) {
        return Err(at.fault("id", Problem::Id(file.id)));
    }
    for (field, text, what) in [
        ("description", &file.description, "say in one sentence what the rule finds"),
        ("why", &file.why, "say why finding it matters"),
        ("remediation", &file.remediation, "say what to do about a finding, one step a line"),
    ] {
        if text.trim().is_empty() {
            return Err(at.fault(field, Problem::Missing(what)));
        }
    }
    for (i, link) in file.references.iter().enumerate() {
        if !link.starts_with("https://") && !link.starts_with("http://") {
            return Err(at.fault(format!("references[{}]", i + 1), Problem::Reference(link.clone())));
        }
    }
    let severity = severity(&file.severity, at, "severity")?;
    let severity_alone = match &file.severity_alone {
        Some(_) if file.part.id.is_none() => {
            let problem = Problem::Useless(
                "it is the severity of an id without its secret, and the rule has no [part.id]",
            );
            return Err(at.fault("severity_alone", problem));
        }
        Some(name) => Some(self::severity(name, at, "severity_alone")?),
        None => None,
    };
    if file.part.secret.is_none() {
        return Err(at.fault(
            "part.secret",
            Problem::Missing("a rule finds a secret; a token that stands alone is one"),
        ));
    }
    if file.part.token.is_some() && file.part.id.is_none() {
        return Err(at.fault(
            "part.token",
            Problem::Useless("a token joins an id and its secret, and the rule has no [part.id]"),
        ));
    }
    let compiled = |part: &Option<PartFile>, role| part.as_ref().map(|p| self::part(p, role, at)).transpose();
    let id_part = compiled(&file.part.id, Role::Id)?;
    let secret = compiled(&file.part.secret, Role::Secret { paired: id_part.is_some() })?;
    let token = compiled(&file.part.token, Role::Token)?;
    let mut rule = Rule {
        id: file.id.into(),
        description: file.description.trim().to_owned(),
        why: paragraphs(&file.why),
        remediation: file.remediation.trim().to_owned(),
        references: file.references,
        severity,
        severity_alone,
        id_part,
        secret,
        token,
        examples: Vec::new(),
        counter_examples: Vec::new(),
        file: path,
    };
    rule.examples = examples(file.example, &rule, at)?;
    rule.counter_examples = counter_examples(file.counter_example, at)?;
    Ok(rule)
}

/// A text whose lines were wrapped, with a line for each paragraph.
fn paragraphs(text: &str) -> String {
    let joined = |p: &str| p.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(joined).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Lower-case words and digits, joined by single `-`, beginning with a letter.
fn is_kebab_case(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

fn severity(given: &str, at: &At<'_>, field: &str) -> Result<Severity> {
    Severity::ALL.into_iter().find(|s| s.name() == given).ok_or_else(|| {
        let all = Severity::ALL.into_iter().map(Severity::name).collect();
        at.fault(field, Problem::UnknownName { what: "severity", given: given.to_owned(), all })
    })
}

/// Which value of a rule a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Id,
    Secret { paired: bool },
    Token,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Secret { .. } => "secret",
            Self::Token => "token",
        }
    }
}

/// Check the literals and labels of a part, each alone and one against the other.
fn words(file: &PartFile, role: Role, at: &At<'_>) -> Result<()> {
    let fault = |field: &str, i: usize, problem| {
        Err(at.fault(format!("part.{}.{field}[{}]", role.name(), i + 1), problem))
    };
    for (i, prefix) in file.prefixes.iter().enumerate() {
        if !is_literal(prefix) {
            return fault("prefixes", i, Problem::Prefix(prefix.clone()));
        }
    }
    for (field, list) in [
        ("prefixes", &file.prefixes),
        ("labels", &file.labels),
        ("anti_labels", &file.anti_labels),
        ("alone_labels", &file.alone_labels),
        ("keywords", &file.keywords),
    ] {
        if let Some(i) = (1..list.len()).find(|&i| list[..i].contains(&list[i])) {
            return fault(field, i, Problem::Twice(list[i].clone()));
        }
    }
    for (field, list) in
        [("labels", &file.labels), ("anti_labels", &file.anti_labels), ("alone_labels", &file.alone_labels)]
    {
        if let Some(i) = list.iter().position(|label| !is_label(label)) {
            return fault(field, i, Problem::Label(list[i].clone()));
        }
    }
    let alone: Vec<String> = file.alone_labels.iter().map(|l| squeeze(l)).collect();
    let keys: Vec<String> = file.keywords.iter().map(|k| squeeze(k)).collect();
    for (i, keyword) in file.keywords.iter().enumerate() {
        if !is_literal(keyword) || keys[i].is_empty() {
            return fault("keywords", i, Problem::Keyword(keyword.clone()));
        }
        if !alone.iter().any(|l| l.contains(&keys[i])) {
            return fault("keywords", i, Problem::IdleKeyword(keyword.clone()));
        }
    }
    if let Some(i) = alone.iter().position(|l| !keys.iter().any(|k| l.contains(k.as_str()))) {
        return fault("alone_labels", i, Problem::UnreachableLabel(file.alone_labels[i].clone()));
    }
    Ok(())
}

/// The check of this name.
fn check(name: &str, role: Role, at: &At<'_>) -> Result<Check> {
    Check::ALL.into_iter().find(|c| c.name() == name).ok_or_else(|| {
        let all = Check::ALL.into_iter().map(Check::name).collect();
        let problem = Problem::UnknownName { what: "check", given: name.to_owned(), all };
        at.fault(format!("part.{}.check", role.name()), problem)
    })
}

/// Check and compile a part.
fn part(file: &PartFile, role: Role, at: &At<'_>) -> Result<Part> {
    let fault = |field: &str, problem| Err(at.fault(format!("part.{}.{field}", role.name()), problem));

    if !matches!(role, Role::Secret { .. }) && !file.alone_labels.is_empty() {
        return fault("alone_labels", Problem::Useless("only a secret is reported for its label"));
    }
    words(file, role, at)?;
    match role {
        Role::Id if file.prefixes.is_empty() => {
            return fault("prefixes", Problem::Missing("an id is found by the literal that it begins with"));
        }
        Role::Secret { paired: false } if file.prefixes.is_empty() && file.keywords.is_empty() => {
            return Err(at.fault("part.secret", Problem::NoEvidence));
        }
        _ => {}
    }
    let distant = role == Role::Token || role == Role::Secret { paired: true };
    if file.within_lines.is_some() && !distant {
        return fault(
            "within_lines",
            Problem::Useless("it is the distance of a secret or token from its id"),
        );
    }
    if file.within_lines == Some(0) {
        return fault("within_lines", Problem::Range { given: "0".into(), range: "at least 1" });
    }
    let min_entropy = file.min_entropy.unwrap_or(0.0);
    if !(0.0..=8.0).contains(&min_entropy) {
        let problem = Problem::Range { given: min_entropy.to_string(), range: "0 to 8 bits per character" };
        return fault("min_entropy", problem);
    }
    let check = file.check.as_deref().map(|name| check(name, role, at)).transpose()?;
    let fence: ByteSet = match fence::parse(file.fence.as_deref().unwrap_or(FENCE)) {
        Ok(set) => set,
        Err(reason) => return fault("fence", Problem::Fence(reason)),
    };
    let regex = match pattern(&file.pattern, &file.prefixes) {
        Ok(regex) => regex,
        Err(problem) => return fault("pattern", problem),
    };
    Ok(Part {
        prefixes: file.prefixes.clone(),
        pattern: file.pattern.clone(),
        regex,
        fence,
        check,
        labels: normal(&file.labels),
        anti_labels: normal(&file.anti_labels),
        alone_labels: normal(&file.alone_labels),
        keywords: file.keywords.clone(),
        within_lines: file.within_lines.unwrap_or(WITHIN_LINES),
        min_entropy,
    })
}

/// The regex of a whole value: a prefix at the start of the haystack and the pattern, or the pattern anywhere.
fn pattern(pattern: &str, prefixes: &[String]) -> std::result::Result<Regex, Problem> {
    let parsed = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(|e| Problem::Pattern(syntax_message(&e)))?;
    if !parsed.properties().look_set().is_empty() {
        return Err(Problem::PatternLooksAround);
    }
    let prefix = prefixes.iter().map(String::len).min().unwrap_or(0);
    match parsed.properties().minimum_len() {
        None => return Err(Problem::Pattern("it cannot match anything".into())),
        Some(least) if least == 0 || least + prefix < MIN_VALUE => {
            return Err(Problem::TooShort { shortest: least + prefix, least: MIN_VALUE.max(prefix + 1) });
        }
        Some(_) => {}
    }
    let whole = if prefixes.is_empty() {
        pattern.to_owned()
    } else {
        let heads: Vec<String> = prefixes.iter().map(|p| regex::escape(p)).collect();
        format!("^(?:{})(?:{pattern})", heads.join("|"))
    };
    RegexBuilder::new(&whole).unicode(false).build().map_err(|e| Problem::Pattern(one_line(&e.to_string())))
}

/// What the regex parser says, on one line, with the place.
fn syntax_message(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(e) => format!("{} at character {}", e.kind(), e.span().start.column),
        regex_syntax::Error::Translate(e) => format!("{} at character {}", e.kind(), e.span().start.column),
        other => one_line(&other.to_string()),
    }
}

/// Whether the prefilter can search for it.
fn is_literal(text: &str) -> bool {
    text.len() >= MIN_LITERAL && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether it is words of letters and digits, joined by separators.
fn is_label(label: &str) -> bool {
    let words = |text: &str| {
        text.bytes().any(|b| b.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_' | b'.'))
    };
    // the star before the last words, behind one
    match label.split_once(" * ") {
        Some((first, rest)) => {
            words(first) && first.bytes().all(|b| b.is_ascii_alphanumeric()) && words(rest)
        }
        None => words(label),
    }
}

/// Labels in lower case, their words separated by single blanks.
fn normal(labels: &[String]) -> Vec<String> {
    let words =
        |l: &String| l.split([' ', '-', '_', '.']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    labels.iter().map(|l| words(l).to_ascii_lowercase()).collect()
}

/// A label in the form in which labels are compared: lower case, without separators.
fn squeeze(label: &str) -> String {
    label.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn examples(files: Vec<ExampleFile>, rule: &Rule, at: &At<'_>) -> Result<Vec<Example>> {
    if files.is_empty() {
        return Err(
            at.fault("example", Problem::Missing("add an [[example]] with a text and what it extracts"))
        );
    }
    let mut examples = Vec::new();
    for (i, file) in files.into_iter().enumerate() {
        let field = |name: &str| format!("example[{}].{name}", i + 1);
        if file.text.trim().is_empty() {
            return Err(at.fault(field("text"), Problem::Missing("an example is a text")));
        }
        if file.extracts.is_empty() {
            return Err(
                at.fault(field("extracts"), Problem::Missing("say what must be extracted from the text"))
            );
        }
        let mut extracts = Vec::new();
        for (j, e) in file.extracts.into_iter().enumerate() {
            let field = |name: &str| format!("example[{}].extracts[{}]{name}", i + 1, j + 1);
            if e.secret.is_none() && (e.id.is_none() || rule.severity_alone.is_none()) {
                return Err(at.fault(field(""), Problem::EmptyExtract));
            }
            for (name, value, part) in [
                ("id", &e.id, &rule.id_part),
                ("secret", &e.secret, &rule.secret),
                ("token", &e.token, &rule.token),
            ] {
                if let Some(value) = value
                    && !part.as_ref().is_some_and(|p| matches_whole(p, value))
                {
                    return Err(
                        at.fault(field(&format!(".{name}")), Problem::ExtractUnmatched(value.clone(), name))
                    );
                }
            }
            extracts.push(Extract { id: e.id, secret: e.secret, token: e.token });
        }
        examples.push(Example { text: file.text, extracts });
    }
    Ok(examples)
}

fn matches_whole(part: &Part, value: &str) -> bool {
    part.regex.find(value.as_bytes()).is_some_and(|m| m.range() == (0..value.len()))
}

fn counter_examples(files: Vec<CounterExampleFile>, at: &At<'_>) -> Result<Vec<CounterExample>> {
    let mut all = Vec::new();
    for (i, file) in files.into_iter().enumerate() {
        let field = |name: &str| format!("counter_example[{}].{name}", i + 1);
        if file.text.trim().is_empty() {
            return Err(at.fault(field("text"), Problem::Missing("a counter-example is a text")));
        }
        if file.why.trim().is_empty() {
            return Err(at.fault(field("why"), Problem::Missing("say why the text holds no credential")));
        }
        all.push(CounterExample { text: file.text, why: file.why });
    }
    Ok(all)
}
