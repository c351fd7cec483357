//! points, explain, ls, find, diff, dump over a real home vault.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::{Value, json};

use super::{code, engine, json, run, said};

/// An installation with one job and two points of it; `usb` is there, `office` is not.
pub fn prepared(folder: &Path) {
    fs::create_dir_all(folder.join("src/sub")).unwrap();
    fs::create_dir(folder.join("media")).unwrap();
    fs::write(folder.join("src/a.txt"), "one\n").unwrap();
    fs::write(folder.join("src/sub/b.txt"), "two\n").unwrap();
    fs::write(folder.join("src").join(OsStr::from_bytes(b"caf\xe9")), "three\n").unwrap();
    fs::write(folder.join("passphrase"), "correct horse\n").unwrap();
    let place = folder.display();
    let configuration = format!(
        "[home]\npath = \"vault\"\n[state]\npath = \"state\"\n[key]\npassphrase-file = \"passphrase\"\n\
         [job.documents]\nsource = {{ folders = [\"{place}/src\"] }}\noffsite = [\"usb\", \"office\"]\n\
         [destination.usb]\nurl = \"file://{place}/media/offsite\"\n\
         [destination.office]\nurl = \"file://{place}/nowhere/offsite\"\n"
    );
    fs::write(folder.join("offsite.toml"), configuration).unwrap();
    done(folder, &["init"]);
    done(folder, &["backup"]);
    fs::write(folder.join("src/a.txt"), "one and more\n").unwrap();
    fs::remove_file(folder.join("src/sub/b.txt")).unwrap();
    fs::write(folder.join("src/new.txt"), "new\n").unwrap();
    done(folder, &["backup"]);
}

fn done(folder: &Path, line: &[&str]) {
    let output = run(folder, line);
    assert_eq!(code(&output), 0, "{line:?}: {}", said(&output));
}

fn found(folder: &Path, line: &[&str]) -> Value {
    let (value, code) = json(folder, line);
    assert_eq!(code, 0, "{line:?}: {value}");
    value
}

/// A path of the source as it stands in a point.
fn inside(folder: &Path, path: &str) -> String {
    format!("{}/src/{path}", folder.display().to_string().trim_start_matches('/'))
}

#[test]
fn reading_commands_tell_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    points_are_newest_first_and_home_is_first(folder);
    a_path_that_is_not_utf_8_is_listed_and_dumped(folder);
    differences_find_and_older_points(folder);
    explanations_name_what_would_be_lost(folder);
    without_a_passphrase_points_and_explain_work(folder);
}

fn points_are_newest_first_and_home_is_first(folder: &Path) {
    let points = found(folder, &["points", "--json"])["points"].clone();
    let sequences: Vec<_> =
        points.as_array().unwrap().iter().map(|point| point["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [2, 1]);
    let places = |key: &str| {
        let placements = points[0]["placements"].as_array().unwrap();
        placements.iter().map(|placement| placement[key].clone()).collect::<Vec<_>>()
    };
    assert_eq!(places("destination"), [json!("home"), json!("usb"), json!("office")]);
    assert_eq!(places("state"), [json!("complete"), json!("pending"), json!("pending")]);
    assert_eq!(places("medium")[2], Value::Null, "office was never there");
    let (error, code) = json(folder, &["points", "--job", "nope", "--json"]);
    assert_eq!((code, error.get("error").is_some()), (2, true));
}

fn a_path_that_is_not_utf_8_is_listed_and_dumped(folder: &Path) {
    let entries = found(folder, &["ls", "documents", "--json"])["entries"].clone();
    let odd = entries.as_array().unwrap().iter().find(|entry| entry.get("path-bytes").is_some()).unwrap().clone();
    let bytes = [inside(folder, "caf").as_bytes(), b"\xe9"].concat();
    assert_eq!(odd["path-bytes"], data_encoding::BASE64.encode(&bytes));
    let output = engine(folder, &["dump", "documents"]).arg(OsStr::from_bytes(&bytes)).output().unwrap();
    assert_eq!((code(&output), &output.stdout[..]), (0, &b"three\n"[..]), "{}", said(&output));
    let below = found(folder, &["ls", "documents~1", &format!("/{}/", inside(folder, "sub")), "--json"]);
    assert_eq!(below["entries"].as_array().unwrap().len(), 2, "the folder and its file: {below}");
}

fn differences_find_and_older_points(folder: &Path) {
    let entries = found(folder, &["diff", "documents~1", "documents", "--json"])["entries"].clone();
    let change = |path: &str| {
        let path = inside(folder, path);
        entries.as_array().unwrap().iter().find(|entry| entry["path"] == *path).unwrap()["change"].clone()
    };
    assert_eq!([change("a.txt"), change("sub/b.txt"), change("new.txt")], ["changed", "removed", "added"]);
    let matches = found(folder, &["find", "b.txt", "--json"])["found"].clone();
    assert_eq!(matches.as_array().unwrap().len(), 1, "only the older point has it: {matches}");
    let output = run(folder, &["dump", "documents~1", &inside(folder, "sub/b.txt")]);
    assert_eq!((code(&output), &output.stdout[..]), (0, &b"two\n"[..]));
    for (line, wanted) in [(["ls", "documents~2"], 1), (["ls", "nope"], 2), (["find", "["], 2)] {
        let output = run(folder, &line);
        assert_eq!((code(&output), output.stdout.len()), (wanted, 0), "{line:?}: {}", said(&output));
    }
}

fn explanations_name_what_would_be_lost(folder: &Path) {
    let home = found(folder, &["explain", "home", "--json"])["name"].clone();
    let lost = home["would-be-lost"].as_array().unwrap();
    assert_eq!((lost.len(), &lost[0]["only"]), (2, &json!("home")));
    let job = found(folder, &["explain", "documents", "--json"])["name"].clone();
    assert_eq!((&job["kind"], &job["newest"]["sequence"]), (&json!("job"), &json!(2)));
    let id = job["newest"]["id"].as_str().unwrap();
    let point = found(folder, &["explain", &id[..6], "--json"])["point"].clone();
    assert_eq!((&point["id"], &point["media"][0]["evidence"]), (&json!(id), &json!("written and flushed")));
    let plan = found(folder, &["explain", "--json"])["plan"]["lines"].clone();
    assert!(plan.to_string().contains("copy documents"), "{plan}");
}

fn without_a_passphrase_points_and_explain_work(folder: &Path) {
    fs::write(folder.join("passphrase"), "wrong\n").unwrap();
    for line in [&["points"][..], &["explain", "documents"], &["explain", "documents~1"], &["explain", "usb"]] {
        done(folder, line);
    }
    let (error, code) = json(folder, &["ls", "documents", "--json"]);
    assert_eq!((code, error.get("error").is_some()), (1, true), "{error}");
}
