//! The command line: exit statuses, streams, options.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::support::git::git;
use crate::support::{TestEnv, finish, id, pair, secret};

#[test]
fn the_exit_status_says_what_came_of_it() {
    let env = TestEnv::new();
    env.write("clean/a.txt", "nothing here");
    env.write("leak/a.ini", pair(0));
    env.write("leak/b.txt", format!("see {}", id(1)));
    env.write("low/b.txt", format!("see {}", id(1)));
    for (args, status) in [
        (&["files", "clean"][..], 0),
        (&["files", "leak"], 1),
        (&["files", "leak", "--fail-on", "high"], 1),
        (&["files", "leak", "--fail-on", "critical"], 0),
        (&["files", "low"], 1),
        (&["files", "low", "--fail-on", "medium"], 0),
        (&["files", "no-such-folder"], 2),
        (&["files", "clean", "no-such-folder"], 2),
        (&["files", "--no-such-option"], 2),
        (&["files", "--fail-on", "info"], 2),
        (&["no-such-command"], 2),
        (&[], 2),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["files", "-h"], 0),
    ] {
        let run = env.run(args);
        assert_eq!(run.status, status, "{args:?}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn usage_errors_are_one_line_that_names_the_path() {
    let env = TestEnv::new();
    let run = env.run(&["files", "no-such-folder"]);
    assert_eq!(run.stderr, "keyhound: cannot scan: no-such-folder: no such file or folder\n");
    assert_eq!(run.stdout, "");
    let run = env.run(&["files", "a\x1b[2J\nb"]);
    assert_eq!(run.stderr, "keyhound: cannot scan: a\\x1b[2J\\nb: no such file or folder\n");
}

#[test]
fn who_gives_a_place_instead_of_a_command_is_told_the_command() {
    let env = TestEnv::new();
    for (place, advice) in [
        (".", ". is no command; to scan it: keyhound files ., or with its history: keyhound audit ."),
        (
            "https://me:password@example.org/repo.git",
            "a URL is no command; to scan what is there: keyhound audit URL",
        ),
    ] {
        let run = env.run(&[place]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        assert_eq!(run.stderr, format!("keyhound: {advice}\n"));
    }
    let run = env.run(&["no-such-place"]);
    assert!(run.stderr.contains("unrecognized subcommand 'no-such-place'"), "{}", run.stderr);
}

#[test]
fn hooks_are_not_installed_with_options_that_they_do_not_keep() {
    let env = TestEnv::new();
    git(&env, ".", &["init", "--quiet"]);
    for options in
        [&["--fail-on", "high"][..], &["--max-archive-depth", "3"], &["-j", "2"], &["--no-suppress"]]
    {
        for args in [
            [&["hook", "install"], options].concat(),
            [options, &["hook", "uninstall", "pre-commit"]].concat(),
        ] {
            let run = env.run(&args);
            let option = if options[0] == "-j" { "--threads" } else { options[0] };
            assert_eq!((run.status, run.stdout.as_str()), (2, ""));
            let told =
                run.stderr.strip_prefix(&format!("keyhound: {option} has no meaning for `keyhound hook "));
            assert!(
                told.is_some_and(|why| why.ends_with("the hooks keep to .keyhound.toml\n")),
                "{}",
                run.stderr
            );
        }
    }
    assert!(!env.path(".git/hooks/pre-commit").exists());
    for args in
        [&["hook", "install", "pre-commit", "--color", "never"][..], &["--verbose", "hook", "uninstall"]]
    {
        assert_eq!(env.run(args).status, 0);
    }
}

#[test]
fn what_is_not_shown_still_is_found() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let masked = env.run(&["files", "--format", "json"]);
    let shown = env.run(&["files", "--format", "json", "--show-secrets"]);
    assert!(!masked.stdout.contains(&secret(0)), "{}", masked.stdout);
    assert_eq!(shown.json()["findings"][0]["secret"], secret(0).as_str());
    assert_eq!(masked.json()["findings"][0]["fingerprint"], shown.json()["findings"][0]["fingerprint"]);
}

#[test]
fn no_format_shows_secrets_unasked() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    env.write("b.txt", format!("{} {}", pair(1).replace('\n', " "), pair(2)));
    for format in ["human", "json", "jsonl", "sarif"] {
        let run = env.run(&["files", "--format", format]);
        assert!(run.stdout.contains("a.ini") && run.stdout.contains("b.txt"), "{}", run.stdout);
        for n in 0..3 {
            assert!(!run.stdout.contains(&secret(n)[..12]), "{format}: {}", run.stdout);
            assert!(!run.stdout.contains(&secret(n)[28..]), "{format}: {}", run.stdout);
        }
    }
}

#[test]
fn standard_input_is_content() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let run = env.run_with_stdin(&["files", "-", "--format", "json"], format!("\n\n{}", pair(1)).as_bytes());
    assert_eq!((run.places(), run.status), (vec!["-:3".to_owned()], 1));
    assert_eq!(run.json()["findings"][0]["where"], "stdin");
    let run = env.run_with_stdin(&["files", "-", "a.ini", "--format", "json"], pair(1).as_bytes());
    assert_eq!(run.places(), ["-:1", "a.ini:1"]);
    let run = env.run_with_stdin(&["files", "-"], b"");
    assert_eq!(run.status, 0);
}

#[test]
fn a_report_file_leaves_standard_output_empty() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let run = env.run(&["files", "a.ini", "--format", "json", "-o", "report.json"]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    let to_stdout = env.run(&["files", "a.ini", "--format", "json"]);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(env.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["findings"], to_stdout.json()["findings"]);
    let dash = env.run(&["files", "a.ini", "--format", "json", "-o", "-"]);
    assert_eq!((&dash.json()["findings"], env.path("-").exists()), (&report["findings"], false));

    let run = env.run(&["files", "a.ini", "-o", "no/such/folder/report"]);
    assert_eq!(run.status, 2, "a report that cannot be written is a failure");
    assert!(run.stderr.starts_with("keyhound: "), "{}", run.stderr);
}

#[test]
fn a_closed_pipe_does_not_change_the_status() {
    let env = TestEnv::new();
    for n in 0..400 {
        env.write(&format!("{n}.ini"), pair(0));
    }
    let mut child = env.command(&["files"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(1), ""));
}

#[test]
fn the_report_does_not_depend_on_the_number_of_threads() {
    let env = TestEnv::new();
    for n in 0..60 {
        env.write(&format!("d{}/f{n}.txt", n % 7), format!("{}\n{}", pair(n % 4), id((n + 1) % 4)));
    }
    let findings =
        |threads| env.run(&["files", "--format", "json", "-j", threads]).json()["findings"].clone();
    let one = findings("1");
    assert!(one.as_array().unwrap().len() >= 60);
    for threads in ["2", "3", "16"] {
        assert_eq!(findings(threads), one, "{threads} threads");
    }
}

#[test]
fn colour_is_for_terminals_or_on_request() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    assert!(!env.run(&["files"]).stdout.contains('\x1b'));
    assert!(env.run(&["files", "--color", "always"]).stdout.contains('\x1b'));
}

#[test]
fn no_option_is_lost_on_what_prints_no_report() {
    let env = TestEnv::new();
    for command in [&["rules", "list"][..], &["completions", "bash"], &["man"]] {
        let run = env.run(&[command, &["--output", "f"]].concat());
        assert_eq!((run.status, &*run.stdout, env.path("f").exists()), (2, "", false), "{command:?}");
        assert!(run.stderr.contains("> f"), "{}", run.stderr);
    }
}

#[test]
fn the_shell_is_served() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = env.run(&["completions", shell]);
        assert!(run.status == 0 && run.stdout.contains("keyhound"), "{shell}");
    }
    let man = env.run(&["man"]);
    assert!(man.status == 0 && man.stdout.contains(".TH keyhound"), "{}", man.stdout);
    // There is one page, so it has the options of all commands, and names no other.
    let text = man.stdout.replace("\\-", "-");
    for option in ["--range", "--keep", "--no-ignore", "--global", "--expires", "--report", "--fail-on"] {
        assert!(text.contains(option), "{option}: {text}");
    }
    assert!(text.contains(".SH \"KEYHOUND HOOK INSTALL\"") && !text.contains("(1)"), "{text}");
    assert_eq!(text.matches("--fail-on").count(), 2, "in the synopsis, and where it is explained");
}

/// The input has no end, so only the interrupt ends the scan.
#[cfg(unix)]
#[test]
fn an_interrupted_scan_reports_what_it_found() {
    let env = TestEnv::new();
    let mut command = env.command(&["files", "-", "--format", "json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(pair(0).as_bytes()).unwrap();
    let lines = "nothing to see here\n".repeat(1000);
    let mut written = 0;
    while pipe.write_all(lines.as_bytes()).is_ok() {
        written += lines.len();
        if written == lines.len() * 2000 {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        }
    }
    drop(pipe);
    let run = finish(child);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.starts_with("keyhound: the scan is incomplete: the rest: not read, because"),
        "{}",
        run.stderr
    );
    assert_eq!(run.places(), ["-:1"]);
}

/// Nobody writes, and nobody closes the pipe: the first interrupt ends the scan all the same.
#[cfg(unix)]
#[test]
fn a_scan_that_waits_for_standard_input_is_interrupted() {
    let env = TestEnv::new();
    let mut command = env.command(&["files", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // More than a pipe holds: when all is written it has begun to read.
    pipe.write_all("nothing to see here\n".repeat(100_000).as_bytes()).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let run = finish(child);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("the scan was interrupted"), "{}", run.stderr);
    drop(pipe);
}

/// Reading the memory of a process at 0 fails for everybody, root as well.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_read_makes_the_scan_incomplete() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    let run = env.run(&["files", "a.ini", "/proc/self/mem", "--format", "json"]);
    assert_eq!(run.status, 2);
    let start = "keyhound: the scan is incomplete: /proc/self/mem: cannot be read: ";
    assert!(run.stderr.starts_with(start) && run.stderr.lines().count() == 1, "{}", run.stderr);
    assert_eq!(run.places(), ["a.ini:1"], "the rest is scanned");
    assert_eq!(run.json()["scan"]["state"], "incomplete");
    assert_eq!(run.json()["incomplete"].as_array().unwrap().len(), 1);

    let run = env.run(&["files", "/proc/self/mem", "/proc/thread-self/mem"]);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "keyhound: the scan is incomplete: 2 places could not be read");
    assert!(lines[1].starts_with("keyhound: /proc/self/mem: cannot be read"), "{}", run.stderr);

    assert_eq!(env.run(&["files", "a.ini", "/proc/self/mem", "--allow-incomplete"]).status, 1);
    assert_eq!(env.run(&["files", "/proc/self/mem", "--allow-incomplete"]).status, 0);
}
