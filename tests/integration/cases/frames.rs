//! What stands in other texts: each case once more with something before every line, or as a string of a program. It must be reported
//! as it is without.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::render;
use crate::support::TestEnv;

/// What is around a text.
type Frame = fn(&str) -> String;

/// Texts around a text, by name.
const FRAMES: [(&str, Frame); 46] = [
    ("mail", |text| lines(text, "> ", "")),
    ("slashes", |text| lines(text, "// ", "")),
    ("hashes", |text| lines(text, "# ", "")),
    ("dashes", |text| lines(text, "-- ", "")),
    ("javadoc", |text| format!("/**\n{}\n */\nclass A {{}}\n", lines(text, " * ", ""))),
    ("patch", |text| {
        format!("diff --git a/x b/x\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,9 @@\n{}\n", lines(text, "+", ""))
    }),
    ("old", |text| {
        format!("diff --git a/x b/x\n--- a/x\n+++ /dev/null\n@@ -1,9 +0,0 @@\n{}\n", lines(text, "-", ""))
    }),
    ("workflow log", |text| lines(text, "2026-11-27T10:11:12.1234567Z ", "")),
    ("pod log", |text| lines(text, "2026-11-27T10:11:12.123456789Z stdout F ", "")),
    ("syslog", |text| lines(text, "Nov 27 10:11:12 host app[123]: ", "")),
    ("compose log", |text| lines(text, "web-1  | ", "")),
    ("grep", |text| numbered(text, |number, line| format!("conf/app.txt:{number}:{line}"))),
    ("cat", |text| numbered(text, |number, line| format!("{number:>6}\t{line}"))),
    ("blame", |text| {
        numbered(text, |number, line| {
            format!("{:08x} (Ann Ex 2026-01-02 10:11:12 +0100 {number:>3}) {line}", number % 3)
        })
    }),
    ("journal", |text| lines(text, "2026-11-27T10:11:12+0100 host app[123]: ", "")),
    ("job log", |text| lines(text, "build\tRun tests\t2026-11-27T10:11:12.1234567Z ", "")),
    ("runner log", |text| lines(text, "2026-11-27T10:11:12.123456Z 01O ", "")),
    ("build log", |text| lines(text, "[INFO] ", "")),
    ("server of git", |text| lines(text, "remote: ", "")),
    ("image build", |text| lines(text, "#12 0.345 ", "")),
    ("provisioner", |text| lines(text, "aws_instance.web (remote-exec): ", "")),
    ("cursor", |text| numbered(text, |number, line| format!("\x1b[{number};1H{line}"))),
    ("notebook", |text| format!("[\n{}\n]\n", literals(text, "    ", ","))),
    ("container log", |text| literals(text, "{\"log\":", ",\"stream\":\"stdout\"}")),
    ("statements", |text| literals(text, "    printf(", ");")),
    ("sum", |text| format!("String s = {};", literals(text, "", " +").trim_end_matches(" +"))),
    ("records", |text| {
        numbered(text, |number, line| {
            format!(
                "{{\"time\":\"2026-11-27T10:11:12.{number:03}Z\",\"level\":\"info\",\"msg\":{}}}",
                json(line)
            )
        })
    }),
    ("records of python", |text| {
        numbered(text, |number, line| {
            format!("{{\"message\": {}, \"asctime\": \"2026-11-27 10:11:12,{number:03}\"}}", json(line))
        })
    }),
    ("journal in json", |text| {
        numbered(text, |number, line| {
            format!("{{\"__CURSOR\":\"s=ab12;i={number:x}\",\"MESSAGE\":{},\"_PID\":\"123\"}}", json(line))
        })
    }),
    ("events", |text| {
        let events = numbered(text, |number, line| {
            format!(
                "    {{\n      \"timestamp\": 17642{number:08},\n      \"message\": {}\n    }},",
                json(line)
            )
        });
        format!("{{\n  \"events\": [\n{}\n  ]\n}}\n", events.trim_end_matches(','))
    }),
    ("logfmt", |text| {
        numbered(text, |number, line| {
            format!("time=\"2026-11-27T10:11:{:02}Z\" level=info msg={}", number % 60, json(line))
        })
    }),
    ("echo", |text| numbered(text, |_, line| format!("echo {} >> file", shell(line)))),
    ("first echo", |text| {
        numbered(text, |number, line| {
            format!("echo {} {} file", shell(line), if number == 1 { ">" } else { ">>" })
        })
    }),
    ("quoted echo", |text| {
        let escaped = |line: &str| {
            line.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`")
        };
        numbered(text, |_, line| format!("echo \"{}\" >> ~/.aws/file", escaped(line)))
    }),
    ("tee", |text| {
        numbered(text, |_, line| format!("echo {} | sudo tee -a /etc/x > /dev/null", shell(line)))
    }),
    ("layers", |text| {
        let lines = numbered(text, |_, line| format!("    echo {} >> /root/file && \\", shell(line)));
        format!("FROM alpine\nRUN {}\n", lines.trim_start().trim_end_matches(" && \\"))
    }),
    ("steps", |text| numbered(text, |_, line| format!("      - run: echo {} >> file", shell(line)))),
    ("add-content", |text| {
        numbered(text, |_, line| format!("Add-Content -Path $f -Value '{}'", line.replace('\'', "''")))
    }),
    ("println", |text| numbered(text, |_, line| format!("\tfmt.Println({})", json(line)))),
    ("console", |text| {
        let escaped = |line: &str| line.replace('\\', "\\\\").replace('\'', "\\'");
        numbered(text, |_, line| format!("console.log('{}');", escaped(line)))
    }),
    ("list", |text| {
        format!("lines := []string{{\n{}\n}}\n", numbered(text, |_, line| format!("\t{},", json(line))))
    }),
    ("yaml list", |text| numbered(text, |_, line| format!("  - {}", json(line)))),
    ("csv", |text| {
        numbered(text, |number, line| {
            format!("2026-11-27 10:11:12.{number:03},\"{}\",app/web/1", line.replace('"', "\"\""))
        })
    }),
    ("items of a page", |text| numbered(text, |_, line| format!("<li>{}</li>", html(line)))),
    ("lines of a page", |text| {
        numbered(text, |number, line| {
            format!("<tr><td data-line-number=\"{number}\"></td><td class=\"code\">{}</td></tr>", html(line))
        })
    }),
    ("breaks", |text| numbered(text, |_, line| format!("{}<br>", html(line)))),
];

/// Cases that a frame changes: what belongs to a line's start or end there, is not there any more, or is another thing.
const CHANGED: [(&str, &[&str]); 15] = [
    // soft ends of lines, hexadecimal digits over several, and lines that are as long as people make them
    ("quoted-printable-mail", &[]),
    ("hex-upper-passage", &[]),
    ("secrets-over-two-lines", &[]),
    // a number behind words is none of a dump
    ("bytes-one-a-line", &[]),
    // what shows no id as it is has no frame
    ("dumps-of-bytes", &[]),
    // a secret alone, which is told by the lines above it, and lines without an id have no margin
    ("cloudformation-parameter-description-alone", &[]),
    ("secret-with-an-id-of-others-near", &["lines of a page"]),
    // two secrets of others are told by the lines above them
    ("stores-of-others-clean", &["steps", "yaml list"]),
    // more than three margins, one in another, or literals of lines in one another
    ("lines-with-a-margin", &[]),
    ("tables-in-strings", &["csv"]),
    // a line as long as a secret is a cell of a row
    ("armour-beside-an-id", &["list"]),
    // ids alone are items of a list
    ("rule-in-markdown", &["logfmt", "add-content", "lines of a page"]),
    // what a message of one line says of owners is not looked at
    (
        "owners-by-headings",
        &["records", "records of python", "journal in json", "events", "logfmt", "add-content"],
    ),
    // one line behind the first is no text
    ("old-id-behind-comment-mark", &["sum"]),
    // base64 twice is looked for right behind a name
    (
        "k8s-secret-encoded-twice",
        &[
            "pod log",
            "blame",
            "journal",
            "job log",
            "runner log",
            "provisioner",
            "records",
            "records of python",
            "journal in json",
            "events",
            "logfmt",
            "tee",
            "csv",
            "lines of a page",
        ],
    ),
];

#[test]
fn frames_change_nothing() {
    let env = TestEnv::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases");
    let cases = render::all(&folder, &env.path("plain"), 1);
    let texts: Vec<(String, String)> =
        cases.iter().flat_map(|case| read(&env.path("plain"), &case.id)).collect();
    for (number, (_, frame)) in FRAMES.iter().enumerate() {
        for (path, text) in &texts {
            let target = env.path(&format!("frame{number}/{path}"));
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            let text = text.trim_start_matches('\u{feff}').trim_end_matches('\n');
            std::fs::write(target, frame(text)).unwrap();
        }
    }
    let plain = found(&env, "plain");
    let ids: BTreeSet<&str> = texts.iter().map(|(path, _)| path.split('/').next().unwrap()).collect();
    assert!(ids.len() > 250, "only {} cases are texts", ids.len());
    let of = |found: &Found, id: &str| found.get(id).cloned().unwrap_or_default();
    let mut faults = String::new();
    for (number, (name, _)) in FRAMES.iter().enumerate() {
        let framed = found(&env, &format!("frame{number}"));
        for id in &ids {
            let changed = CHANGED
                .iter()
                .any(|(case, in_frames)| case == id && (in_frames.is_empty() || in_frames.contains(name)));
            let (want, got) = (of(&plain, id), of(&framed, id));
            if want != got && !changed {
                let lost: Vec<&str> = want.difference(&got).map(String::as_str).collect();
                let new: Vec<&str> = got.difference(&want).map(String::as_str).collect();
                let (lost, new) = (lost.join(" "), new.join(" "));
                writeln!(faults, "{name}: {id}: {new} instead of {lost}").unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// Every line with something before and behind it.
fn lines(text: &str, before: &str, behind: &str) -> String {
    numbered(text, |_, line| format!("{before}{line}{behind}"))
}

fn numbered(text: &str, frame: impl Fn(usize, &str) -> String) -> String {
    text.lines().enumerate().map(|(at, line)| frame(at + 1, line)).collect::<Vec<String>>().join("\n")
}

/// Every line as a string literal that ends in that of a line's end.
fn literals(text: &str, before: &str, behind: &str) -> String {
    numbered(text, |_, line| format!("{before}{}{behind}", json(&format!("{line}\n"))))
}

/// A string of JSON.
fn json(line: &str) -> String {
    serde_json::Value::from(line).to_string()
}

/// A word of a shell.
fn shell(line: &str) -> String {
    format!("'{}'", line.replace('\'', "'\\''"))
}

/// The text of an element.
fn html(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The files of a case by their paths, if they are texts.
fn read(root: &Path, id: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut open = vec![root.join(id)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            match String::from_utf8(std::fs::read(&path).unwrap()) {
                Ok(text) if !text.contains(['\0', '\r']) => {
                    let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    texts.push((below, text));
                }
                _ => return Vec::new(),
            }
        }
    }
    texts
}

/// What is found in each case: `ID:SECRET`.
type Found = BTreeMap<String, BTreeSet<String>>;

/// What is found in the cases below a folder.
fn found(env: &TestEnv, folder: &str) -> Found {
    let report = env.run(&["files", folder, "--format", "json", "--show-secrets"]).json();
    let mut found = Found::new();
    for finding in report["findings"].as_array().expect("findings is a list") {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let path = text("path");
        let id = path.split('/').skip_while(|part| *part != folder).nth(1).expect("a case below the folder");
        found.entry(id.to_owned()).or_default().insert(format!("{}:{}", text("key_id"), text("secret")));
    }
    found
}
