//! The shape of the code: which module may use which, and how long a file may be.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::support::rust_files;

/// Each module may use those before it. `lib` and `main` tie them together.
const ORDER: [&str; 14] = [
    "proven",
    "blob",
    "finding",
    "line_hash",
    "aws",
    "rules",
    "decode",
    "detect",
    "sources",
    "scan",
    "triage",
    "verify",
    "report",
    "cli",
];

const LONGEST: usize = 500;

fn src() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

/// The top-level module that a file belongs to.
fn module(file: &Path) -> String {
    let first = file.strip_prefix(src()).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The top-level modules that a text names, without those in comments: `crate::x`, `crate::{x, y::z}`.
fn used(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let one = Regex::new(r"\bcrate::(\w+)").unwrap();
    let mut names: Vec<String> = one.captures_iter(&code).map(|c| c[1].to_owned()).collect();
    let many = Regex::new(r"\bcrate::\{([^;]*)\};").unwrap();
    for group in many.captures_iter(&code) {
        let mut depth = 0;
        let top: String = group[1]
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth == 0
            })
            .collect();
        names.extend(top.split(',').filter_map(|n| n.trim().split("::").next().map(str::to_owned)));
    }
    names
}

#[test]
fn imports_point_one_way() {
    let rank = |name: &str| ORDER.iter().position(|m| *m == name);
    let mut seen = 0;
    for file in rust_files(src()) {
        let own = module(&file);
        if ["lib", "main"].contains(&own.as_str()) {
            continue;
        }
        let own_rank = rank(&own).unwrap_or_else(|| panic!("{own} has no place in the order"));
        for name in used(&fs::read_to_string(&file).unwrap()) {
            let Some(its_rank) = rank(&name) else { continue }; // a macro or an item of the root
            seen += 1;
            assert!(its_rank <= own_rank, "{}: {own} must not use {name}", file.display());
        }
    }
    assert!(seen > 20, "the imports were looked at");
}

#[test]
fn the_command_line_stays_out_of_the_library() {
    let only_in_cli = Regex::new(r"\b(clap|anyhow|indicatif|ctrlc)(_\w+)?::").unwrap();
    for file in rust_files(src()) {
        if !["cli", "main"].contains(&module(&file).as_str()) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!only_in_cli.is_match(&text), "{}", file.display());
        }
    }
}

#[test]
fn unsafe_code_stands_in_one_place() {
    let marks = Regex::new(r"allow\(unsafe_code\)|\bunsafe\s*(\{|fn|impl)").unwrap();
    let holders: Vec<String> = rust_files(src())
        .iter()
        .filter(|file| marks.is_match(&fs::read_to_string(file).unwrap()))
        .map(|file| module(file))
        .collect();
    assert!(!holders.is_empty() && holders.iter().all(|module| module == "proven"), "{holders:?}");
}

#[test]
fn files_are_short_enough_to_read() {
    for file in rust_files(src()) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
    }
}

#[test]
fn every_file_is_a_module() {
    let all: Vec<String> = rust_files(src()).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for file in rust_files(src()) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let module = if name == "mod" { folder } else { name };
        let (declared, by_path) = (format!("mod {module};"), format!("{name}.rs\"]"));
        let is_root = ["lib", "main"].contains(&name);
        let is_used = |text: &String| text.contains(&declared) || text.contains(&by_path);
        assert!(is_root || all.iter().any(is_used), "{} is in no module", file.display());
    }
}

#[test]
fn groups_of_imports_are_understood() {
    let text = "use crate::{a, b::{c, d}, e::f};\n// crate::comment\nlet x = crate::g::h();\nuse crate::i;";
    let mut names = used(text);
    names.sort();
    assert_eq!(names, ["a", "b", "e", "g", "i"]);
}
