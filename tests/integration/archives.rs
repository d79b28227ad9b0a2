//! Archives, as the program reports them.

use std::fs;
#[cfg(unix)]
use std::process::Command;

use serde_json::Value;

use crate::samples::Pack;
use crate::support::git::Repo;
use crate::support::{TestEnv, id, pair, secret};

/// A folder with an archive in an archive, and the report on it.
fn report(more: &[&str]) -> (i32, Value) {
    let env = TestEnv::new();
    let inner = Pack::Zip.pack(&[("conf/app.ini", format!("# a comment\n{}", pair(0)).as_bytes())]);
    fs::write(env.path("backup.bin"), Pack::Gzip.pack(&[("", &Pack::Tar.pack(&[("app.jar", &inner)]))]))
        .unwrap();
    let run = env.run(&[&["files", ".", "--format", "json"], more].concat());
    (run.status, run.json())
}

#[test]
fn what_is_in_an_archive_is_found_with_the_way_to_it() {
    let (status, report) = report(&[]);
    assert_eq!(status, 1);
    let finding = &report["findings"][0];
    assert_eq!(finding["key_id"], id(0));
    assert_eq!(finding["path"], "backup.bin!app.jar!conf/app.ini");
    assert_eq!(finding["line"], 2);
}

#[test]
fn archives_are_left_alone_if_asked_for() {
    let (status, report) = report(&["--no-archives"]);
    assert_eq!((status, &report["incomplete"]), (0, &Value::Array(Vec::new())));
}

#[test]
fn what_lies_deeper_than_the_limit_makes_the_scan_incomplete() {
    assert_eq!(report(&["--max-archive-depth", "3"]).0, 1);
    let (status, report) = report(&["--max-archive-depth", "2"]);
    assert_eq!(status, 2);
    assert_eq!(report["incomplete"][0]["what"], "backup.bin!app.jar");
}

#[test]
fn damage_makes_the_scan_incomplete_and_encryption_does_not() {
    let env = TestEnv::new();
    let zip = Pack::Zip.pack(&[("a.ini", pair(0).as_bytes()), ("b.ini", pair(1).as_bytes())]);
    let mut locked = zip.clone();
    locked[6] |= 1;
    fs::write(env.path("a.zip"), locked).unwrap();
    let run = env.run(&["files", ".", "--format", "json"]);
    assert_eq!((run.status, run.json()["findings"][0]["key_id"].as_str()), (1, Some(&*id(1))));
    let mut broken = zip;
    broken[45] ^= 0xff;
    fs::write(env.path("a.zip"), broken).unwrap();
    let run = env.run(&["files", ".", "--format", "json"]);
    let report = run.json();
    let places =
        report["findings"].as_array().unwrap().iter().map(|f| (f["key_id"].as_str(), f["path"].as_str()));
    assert!(places.into_iter().any(|p| p == (Some(&*id(1)), Some("a.zip!b.ini"))));
    assert_eq!(run.status, 2);
    assert_eq!(report["incomplete"][0]["what"], "a.zip!a.ini");
}

#[test]
fn what_stands_before_damage_is_found_and_the_damage_is_told() {
    let env = TestEnv::new();
    let filler = |n: u64| format!("{:08x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
    let text = [pair(0), (0..2500).map(filler).collect(), "\n".into(), pair(1)].concat();
    // These lose a block, and all of this is one.
    let packs: Vec<Pack> = Pack::ALL.into_iter().filter(|p| !matches!(p, Pack::Bzip2 | Pack::Zstd)).collect();
    for pack in &packs {
        let whole = pack.pack(&[("a.txt", text.as_bytes())]);
        let at = whole.len() * 3 / 5;
        env.write(&format!("{pack:?}.cut"), &whole[..at]);
        let mut damaged = whole;
        damaged[at] ^= 0x55;
        env.write(&format!("{pack:?}.damaged"), damaged);
    }
    let run = env.run(&["files", ".", "--format", "json"]);
    let report = run.json();
    assert_eq!(run.status, 2);
    let list = |name: &str| report[name].as_array().unwrap().iter();
    for pack in packs {
        for kind in ["cut", "damaged"] {
            let file = format!("{pack:?}.{kind}");
            let is_here = |v: &Value| v.as_str().is_some_and(|path| path.split('!').next() == Some(&*file));
            assert!(list("findings").any(|f| is_here(&f["path"]) && f["key_id"] == id(0)), "{file}");
            // What has no checksum holds another text, and that is read.
            let unchecked = matches!(pack, Pack::Tar | Pack::Ar | Pack::Cpio | Pack::Lzma);
            let told: Vec<_> = list("incomplete").filter(|i| is_here(&i["what"])).collect();
            assert!(kind == "damaged" && unchecked || told.len() == 1, "{file}: {told:?}");
            assert!(told.iter().all(|i| i["reason"].as_str().is_some_and(|r| r.starts_with("corrupt: "))));
        }
    }
}

#[test]
fn standard_input_may_be_an_archive() {
    let env = TestEnv::new();
    let run = env
        .run_with_stdin(&["files", "-", "--format", "json"], &Pack::Gzip.pack(&[("", pair(0).as_bytes())]));
    assert_eq!((run.status, run.json()["findings"][0]["line"].as_u64()), (1, Some(1)));
}

/// Programs cut a text into runs where its looks change, or where the spelling checker takes a slash for the end of a word.
#[test]
fn values_in_several_runs_of_a_document_are_whole() {
    let (id, secret) = (id(0), secret(0));
    let runs = |open: &str, close: &str| {
        let mark = "<w:proofErr w:type=\"spellEnd\"/>\n  ";
        let run = |text: &str| format!("{open}{text}{close}{mark}");
        [&secret[..9], &secret[9..10], &secret[10..37], &secret[37..]].map(run).concat()
    };
    let (word, slide) =
        (runs("<w:r><w:rPr><w:b/></w:rPr><w:t>", "</w:t></w:r>"), runs("<a:r><a:t>", "</a:t></a:r>"));
    let (sheet, span) = (
        runs("<r><rPr><b/></rPr><t xml:space=\"preserve\">", "</t></r>"),
        runs("<text:span>", "</text:span>"),
    );
    let url = format!("https://files/{}/x", self::id(1));
    let office = "http://schemas.openxmlformats.org";
    let documents = [
        (
            "a.docx!word/document.xml",
            format!(
                "<w:document xmlns:w=\"{office}/wordprocessingml/2006/main\"><w:body><w:p w:rsidR=\"00A1\"><w:r><w:t>Access key id: \
                 </w:t></w:r><w:r><w:t>{}</w:t></w:r><w:r><w:t>{}</w:t></w:r></w:p><w:p><w:r><w:t>Secret access key: \
                 </w:t></w:r>{word}</w:p></w:body></w:document>",
                &id[..11],
                &id[11..],
            ),
        ),
        (
            "table.docx!word/document.xml",
            format!(
                "<w:document xmlns:w=\"{office}/wordprocessingml/2006/main\"><w:tbl><w:tr><w:tc><w:p><w:r><w:t>Access key \
                 ID</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Secret access key</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p>\
                 <w:r><w:t>{id}</w:t></w:r></w:p></w:tc><w:tc><w:p>{word}</w:p></w:tc></w:tr></w:tbl></w:document>"
            ),
        ),
        (
            "b.pptx!ppt/slides/slide1.xml",
            format!(
                "<p:sld xmlns:p=\"{office}/presentationml/2006/main\"><a:p><a:r><a:t>{id}</a:t></a:r></a:p><a:p>{slide}</a:p></p:sld>"
            ),
        ),
        (
            "c.xlsx!xl/sharedStrings.xml",
            format!(
                "<sst xmlns=\"{office}/spreadsheetml/2006/main\"><si><t>Access key</t></si><si><t>{id}</t></si><si><t>Secret \
                 key</t></si><si>{sheet}</si></sst>"
            ),
        ),
        (
            "d.odt!content.xml",
            format!(
                "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"><text:p>Access key \
                 <text:a xlink:href=\"{url}\">of</text:a>: {id}</text:p><text:p>Secret: {span}</text:p></office:document-content>"
            ),
        ),
    ];
    let env = TestEnv::new();
    for (path, xml) in &documents {
        let (file, member) = path.split_once('!').unwrap();
        let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n{xml}");
        env.write(file, Pack::Zip.pack(&[(member, xml.as_bytes())]));
        env.write(&format!("{file}.xml"), xml);
    }
    let report = env.run(&["files", ".", "--format", "json", "--show-secrets", "--show-info"]).json();
    let findings = report["findings"].as_array().unwrap();
    let field = |f: &Value, name: &str| f[name].as_str().map(ToOwned::to_owned);
    let found: Vec<_> =
        findings.iter().map(|f| ["path", "key_id", "secret"].map(|name| field(f, name))).collect();
    let unpacked = documents.iter().map(|(path, _)| format!("{}.xml", path.split_once('!').unwrap().0));
    for path in documents.iter().map(|(path, _)| (*path).to_owned()).chain(unpacked) {
        let wanted = [&*path, &id, &secret].map(|v| Some(v.to_owned()));
        assert!(found.contains(&wanted), "{path}: {found:?}");
    }
    // What a tag says is not lost.
    let link = [Some("d.odt!content.xml".to_owned()), Some(self::id(1)), None];
    assert!(found.contains(&link), "{found:?}");
    assert_eq!(found.len(), 2 * (documents.len() + 1));
    // It is no layer of an archive.
    let shallow = env.run(&["files", ".", "--format", "json", "--max-archive-depth", "1"]).json();
    assert_eq!(shallow["incomplete"], Value::Array(Vec::new()));
}

/// Databases, read while a program has them open: the last rows stand in the log alone.
#[cfg(unix)]
#[test]
fn rows_of_a_database_are_read_also_those_that_are_in_its_log_alone() {
    let script = "import sqlite3, sys, os
db = sqlite3.connect('app.db')
db.execute('pragma page_size = 1024')
db.execute('pragma journal_mode = wal')
db.execute('create table keys (name, id, secret)')
add = lambda pairs: [db.execute('insert into keys values (?, ?, ?)', ('ci', *pair.split())) for pair in pairs]
add(sys.argv[1:3])
db.commit()
db.execute('pragma wal_checkpoint(truncate)')
add(sys.argv[3:])
db.commit()
os._exit(0)
";
    let env = TestEnv::new();
    let rows = [0, 1, 2, 3].map(|n| format!("{} {}", id(n), secret(n)));
    let made =
        Command::new("python3").args(["-c", script]).args(&rows).current_dir(env.path("")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let report = env.run(&["files", ".", "--format", "json", "--show-secrets", "--show-info"]).json();
    let field = |f: &Value, name: &str| f[name].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (field(f, "path"), format!("{} {}", field(f, "key_id"), field(f, "secret"))))
        .collect();
    found.sort();
    // The log has the page whole.
    let of = |file: &str, rows: &[String]| {
        rows.iter().map(|row| (file.to_owned(), row.clone())).collect::<Vec<_>>()
    };
    let mut wanted = [of("app.db", &rows[..2]), of("app.db-wal", &rows)].concat();
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(report["incomplete"], Value::Array(Vec::new()));
}

/// A web server that serves its folder, or a backup of one.
#[test]
fn objects_in_a_copy_of_a_repository_are_read() {
    let origin = TestEnv::new();
    let repo = Repo::init(&origin, "r", &[]);
    repo.stage("app.ini", pair(0));
    repo.commit("one");
    let mut files = Vec::new();
    let mut folders = vec![repo.path(".git/objects")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    assert_eq!(files.len(), 3, "a commit, a tree, a blob");
    let env = TestEnv::new();
    let name = |path: &std::path::Path| format!("site/.git/{}", path.file_name().unwrap().display());
    let members: Vec<(String, Vec<u8>)> = files.iter().map(|f| (name(f), fs::read(f).unwrap())).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    env.write("backup.zip", Pack::Zip.pack(&members));
    let report = env.run(&["files", ".", "--format", "json", "--show-secrets"]).json();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&report["findings"][0]["key_id"], &report["findings"][0]["secret"]),
        (&id(0).into(), &secret(0).into())
    );
    assert_eq!(report["incomplete"], Value::Array(Vec::new()));
}

/// What `git` and tools beside it leave in their folder and that is no object. With submodules and linked work trees.
#[test]
fn an_audit_reads_what_is_in_the_git_folder_beside_objects() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.commit("nothing");
    let inner = Repo::init(&env, "inner", &[]);
    inner.commit("nothing");
    let url = format!("file://{}", inner.path("").display());
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", &url, "sub"]);
    repo.git(&["worktree", "add", "-q", "../linked"]);
    let written = [
        ".git/COMMIT_EDITMSG",
        ".git/annex/objects/00/1",
        ".git/hooks/pre-push",
        ".git/info/attributes",
        ".git/logs/refs/heads/gone",
        ".git/modules/sub/description",
        ".git/modules/sub/rr-cache/1/preimage",
        ".git/rebase-merge/message",
        ".git/worktrees/linked/MERGE_MSG",
    ];
    for path in written {
        repo.write(path, pair(0));
    }
    for place in ["r", "linked"] {
        let report = env.run(&["audit", place, "--format", "json"]).json();
        assert_eq!(report["findings"].as_array().unwrap().len(), 1);
        let finding = &report["findings"][0];
        let places = std::iter::once(finding).chain(finding["other_locations"].as_array().unwrap());
        let mut found: Vec<_> = places
            .map(|place| {
                assert_eq!(place["where"], "git-file");
                place["path"].as_str().unwrap()
            })
            .collect();
        found.sort_unstable();
        let inside: Vec<_> = found.iter().filter_map(|path| Some(&path[path.find(".git/")?..])).collect();
        assert_eq!(inside, written, "{place}");
        assert_eq!(report["incomplete"].as_array().unwrap().len(), 0, "{}", report["incomplete"]);
    }
}

#[test]
fn an_audit_reads_the_urls_and_the_credential_store_of_a_repository() {
    let env = TestEnv::new();
    let repo = Repo::init(&env, "r", &[]);
    repo.commit("nothing");
    let config = fs::read_to_string(repo.path(".git/config")).unwrap();
    repo.write(".git/config", format!("{config}[remote \"s3\"]\n\turl = s3://{}@bucket/r\n", id(1)));
    repo.write(".git/credentials", pair(0));
    let run = env.run(&["audit", "r", "--format", "json"]);
    let report = run.json();
    let mut places: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["path"].as_str(), f["key_id"].as_str()))
        .collect();
    places.sort_unstable();
    assert_eq!(places, [(Some(".git/config"), Some(&*id(1))), (Some(".git/credentials"), Some(&*id(0)))]);
    assert_eq!(run.status, 1);
}

/// Ten gigabytes of zeros, ten megabytes of gzip: one stream many times over.
#[test]
fn ten_gigabytes_of_zeros_end_early() {
    let env = TestEnv::new();
    let stream = Pack::Gzip.pack(&[("", &vec![0; 64 << 20])]);
    let bomb = stream.repeat((10 << 30) / (64 << 20));
    fs::write(env.path("zeros.gz"), &bomb).unwrap();
    fs::write(env.path("beside.ini"), pair(0)).unwrap();
    let run = env.run(&["files", ".", "--format", "json"]);
    let report = run.json();
    assert_eq!((run.status, report["findings"][0]["key_id"].as_str()), (2, Some(&*id(0))));
    let incomplete = report["incomplete"].as_array().unwrap();
    assert!(matches!(&incomplete[..], [one] if one["what"] == "zeros.gz"), "{incomplete:?}");
}

/// What a Kubernetes secret, a data URI and a mail do with whole archives.
#[test]
fn an_archive_in_base64_is_told_with_its_place_and_the_member() {
    let env = TestEnv::new();
    let base64 = crate::cases::base64;
    let jar = Pack::Zip.pack(&[("a.txt", b"nothing"), ("conf/app.ini", pair(0).as_bytes())]);
    let tar = Pack::Tar.pack(&[("lib/app.jar", &jar)]);
    let inner = format!("x: {}\n", base64(&jar));
    for (text, at, encodings, member) in [
        (
            format!("kind: Secret\nbinaryData:\n  bundle.zip: {}\n", base64(&jar)),
            (3, 15),
            &["base64", "zip"][..],
            "conf/app.ini",
        ),
        (
            format!("<a href=\"data:application/gzip;base64,{}\">", base64(&Pack::Gzip.pack(&[("", &tar)]))),
            (1, 39),
            &["base64", "gzip", "tar", "zip"],
            "lib/app.jar!conf/app.ini",
        ),
        (
            format!("\nx: {}\n", base64(&Pack::Zip.pack(&[("values.yaml", inner.as_bytes())]))),
            (2, 4),
            &["base64", "zip", "base64", "zip"],
            "values.yaml!conf/app.ini",
        ),
    ] {
        env.write("a.txt", &text);
        let report = env.run(&["files", ".", "--format", "json"]).json();
        let finding = &report["findings"][0];
        assert_eq!(finding["key_id"], id(0));
        assert_eq!((finding["path"].as_str(), finding["member"].as_str()), (Some("a.txt"), Some(member)));
        assert_eq!((finding["line"].as_u64(), finding["column"].as_u64()), (Some(at.0), Some(at.1)));
        assert_eq!(finding["encodings"], serde_json::json!(encodings));
        let place = format!("at a.txt:{}:{}, there in {member}", at.0, at.1);
        assert!(env.run(&["files", "."]).stdout.contains(&place));
        let sarif = env.run(&["files", ".", "--format", "sarif"]).json();
        assert_eq!(sarif["runs"][0]["results"][0]["properties"]["member"], member);
    }
}

#[test]
fn the_depth_of_encodings_is_an_option() {
    let env = TestEnv::new();
    let packed = Pack::Gzip.pack(&[("", pair(0).as_bytes())]);
    fs::write(env.path("a.txt"), format!("one\nx: {}\n", crate::cases::base64(&packed))).unwrap();
    let run = env.run(&["files", ".", "--format", "json"]);
    let report = run.json();
    let finding = &report["findings"][0];
    assert_eq!(finding["encodings"], serde_json::json!(["base64", "gzip"]));
    assert_eq!((finding["line"].as_u64(), finding["column"].as_u64()), (Some(2), Some(4)));
    assert!(env.run(&["files", "."]).stdout.contains("base64 > gzip"));
    for shallow in [&["--max-decode-depth", "1"][..], &["--no-archives"]] {
        assert_eq!(env.run(&[&["files", "."], shallow].concat()).status, 0);
    }
}
