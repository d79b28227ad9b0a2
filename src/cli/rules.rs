//! `keyhound rules`: what a scan looks for, and whether the rules do what they say.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Subcommand;
use keyhound::detect::check;
use keyhound::rules::{Part, Rule, RuleSet};
use serde_json::{Value, json};

use super::common::{Common, Format};
use super::{ExitStatus, output};

/// Arguments of `keyhound rules`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all rules: the built-in ones and those of --rules
    List,
    /// Show one rule: what it finds, why that matters and what to do
    Show {
        /// The id of the rule
        id: String,
    },
    /// Run every rule over its own examples and counter-examples
    Check,
}

/// Run `keyhound rules`.
pub(crate) fn run(args: &Args, common: &Common) -> Result<ExitStatus> {
    let rules = common.rule_set()?;
    let json = match common.format {
        Format::Human => false,
        Format::Json => true,
        _ => bail!("rules are shown with --format human or --format json"),
    };
    let (text, status) = match &args.command {
        Command::List if json => (pretty(&rules.rules.iter().map(to_json).collect()), ExitStatus::Clean),
        Command::List => (list(&rules), ExitStatus::Clean),
        Command::Show { id } => {
            let rule = rules.get(id).ok_or_else(|| unknown(&rules, id))?;
            (if json { pretty(&to_json(rule)) } else { show(rule) }, ExitStatus::Clean)
        }
        Command::Check if json => bail!("keyhound rules check has no JSON output"),
        Command::Check => checked(&rules),
    };
    let mut out = io::stdout().lock();
    output::unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
        .context("standard output")?;
    Ok(status)
}

fn unknown(rules: &RuleSet, id: &str) -> anyhow::Error {
    match rules.nearest(id) {
        Some(rule) => anyhow!("no rule is called `{id}`: did you mean `{}`?", rule.id),
        None => anyhow!("no rule is called `{id}`: `keyhound rules list` names them all"),
    }
}

/// A line for each rule.
fn list(rules: &RuleSet) -> String {
    let width = rules.rules.iter().map(|r| r.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in &rules.rules {
        line(&mut text, format_args!("{:width$}  {:8}  {}", rule.id, rule.severity.name(), rule.description));
    }
    text
}

/// All that a person wants to know of a rule.
fn show(rule: &Rule) -> String {
    let mut text = String::new();
    let alone = rule.severity_alone.map_or(String::new(), |s| format!("; {} for the id alone", s.name()));
    let from = rule.file.as_ref().map_or("built in".into(), |f| f.display().to_string());
    line(&mut text, format_args!("{}\n\n{}\n", rule.id, rule.description));
    line(&mut text, format_args!("Severity: {}{alone}\nFrom:     {from}\n", rule.severity.name()));
    line(&mut text, format_args!("Why it matters"));
    for sentence in rule.why.lines() {
        line(&mut text, format_args!("  {sentence}"));
    }
    line(&mut text, format_args!("\nWhat to do"));
    for (i, step) in rule.remediation.lines().enumerate() {
        line(&mut text, format_args!("  {}. {step}", i + 1));
    }
    line(&mut text, format_args!("\nWhat it looks for"));
    for (name, part) in parts(rule) {
        show_part(&mut text, name, part, rule);
    }
    if !rule.references.is_empty() {
        line(&mut text, format_args!("\nReferences"));
        for link in &rule.references {
            line(&mut text, format_args!("  {link}"));
        }
    }
    let (yes, no) = (rule.examples.len(), rule.counter_examples.len());
    line(
        &mut text,
        format_args!("\n{yes} examples and {no} counter-examples: `keyhound rules check` runs them"),
    );
    text
}

fn show_part(text: &mut String, name: &str, part: &Part, rule: &Rule) {
    let heads = match part.prefixes.as_slice() {
        [] => String::new(),
        prefixes => format!("{}, then ", prefixes.join(" or ")),
    };
    line(text, format_args!("  {name:6}  {heads}{}", part.pattern));
    let mut detail = |what: &str, names: &[String]| {
        if !names.is_empty() {
            line(text, format_args!("          {what} {}", names.join(", ")));
        }
    };
    detail("named", &part.labels);
    detail("reported without an id when named", &part.alone_labels);
    detail("not behind", &part.anti_labels);
    if name != "id" && rule.id_part.is_some() {
        line(text, format_args!("          within {} lines of the id", part.within_lines));
    }
    if let Some(check) = part.check {
        line(text, format_args!("          check {}", check.name()));
    }
}

/// The parts that a rule has, by their names in rule files.
fn parts(rule: &Rule) -> impl Iterator<Item = (&'static str, &Part)> {
    [("id", &rule.id_part), ("secret", &rule.secret), ("token", &rule.token)]
        .into_iter()
        .filter_map(|(name, part)| part.as_ref().map(|p| (name, p)))
}

fn to_json(rule: &Rule) -> Value {
    let part = |part: &Part| {
        json!({
            "prefixes": part.prefixes,
            "pattern": part.pattern,
            "check": part.check.map(keyhound::rules::Check::name),
            "labels": part.labels,
            "alone_labels": part.alone_labels,
            "anti_labels": part.anti_labels,
            "within_lines": part.within_lines,
            "min_entropy": part.min_entropy,
        })
    };
    json!({
        "id": &*rule.id,
        "description": rule.description,
        "why": rule.why,
        "remediation": rule.remediation.lines().collect::<Vec<_>>(),
        "references": rule.references,
        "severity": rule.severity.name(),
        "severity_alone": rule.severity_alone.map(keyhound::finding::Severity::name),
        "file": rule.file.as_ref().map(|f| f.display().to_string()),
        "parts": parts(rule).map(|(name, p)| (name.to_owned(), part(p))).collect::<serde_json::Map<_, _>>(),
        "examples": rule.examples.len(),
        "counter_examples": rule.counter_examples.len(),
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// What the rules fail, and whether they fail anything.
fn checked(rules: &RuleSet) -> (String, ExitStatus) {
    let failures = check::rules(rules);
    let mut text = String::new();
    for failure in &failures {
        line(&mut text, format_args!("{failure}"));
    }
    let count = |of: fn(&Rule) -> usize| rules.rules.iter().map(of).sum::<usize>();
    let total = count(|r| r.examples.len()) + count(|r| r.counter_examples.len());
    let (number, s) = (rules.rules.len(), if rules.rules.len() == 1 { "" } else { "s" });
    line(&mut text, format_args!("{number} rule{s}, {total} texts, {} failed", failures.len()));
    (text, if failures.is_empty() { ExitStatus::Clean } else { ExitStatus::Failed })
}

/// Append a line. Control characters, which a rule file may hold, do not reach the terminal.
fn line(text: &mut String, line: fmt::Arguments<'_>) {
    let from = text.len();
    let _ = writeln!(text, "{line}"); // writing to a string does not fail
    if text[from..].contains(|c: char| c.is_control() && c != '\n') {
        let clean = text[from..].replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
        text.replace_range(from.., &clean);
    }
}

#[cfg(test)]
mod tests {
    use keyhound::rules::CounterExample;

    use super::*;

    #[test]
    fn every_rule_has_a_line_and_a_page() {
        let rules = RuleSet::embedded();
        assert_eq!(list(&rules).lines().count(), rules.rules.len());
        for rule in &rules.rules {
            assert!(list(&rules).contains(&*rule.id));
            let page = show(rule);
            for wanted in [&rule.description, "  1. ", "check aws-", &rule.references[0]] {
                assert!(page.contains(wanted), "{wanted}: {page}");
            }
        }
        let page = show(&rules.rules[0]);
        assert!(page.contains("id      AKIA or ASIA, then [A-Z2-7]{16}"), "{page}");
        assert!(page.contains("Severity: high; low for the id alone"), "{page}");
        assert!(to_json(&rules.rules[0])["parts"]["secret"]["pattern"].is_string());
    }

    #[test]
    fn a_misspelled_rule_is_told_from_an_unknown_one() {
        let rules = RuleSet::embedded();
        assert!(unknown(&rules, "aws-acess-key").to_string().contains("did you mean `aws-access-key`"));
        assert!(unknown(&rules, "gcp").to_string().contains("rules list"));
    }

    #[test]
    fn a_rule_that_fails_its_texts_fails_the_command() {
        let mut rules = RuleSet::embedded();
        let (text, status) = checked(&rules);
        assert_eq!(status, ExitStatus::Clean, "{text}");
        assert!(text.starts_with("5 rules, ") && text.ends_with(" texts, 0 failed\n"), "{text}");
        let wrong = rules.rules[0].examples[0].text.clone();
        rules.rules[0].counter_examples.push(CounterExample { text: wrong, why: "wrong".into() });
        let (text, status) = checked(&rules);
        assert_eq!(status, ExitStatus::Failed);
        assert!(text.starts_with("rule aws-access-key, counter-example "), "{text}");
        assert!(text.ends_with("1 failed\n"), "{text}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut rule = RuleSet::embedded().rules.swap_remove(0);
        rule.description = "a\u{1b}[31mb".into();
        assert!(!show(&rule).contains('\u{1b}'));
    }
}
