//! Is the right thing in the backup? What a drill says of the live source, and of what no job protects.

use std::fs;
use std::path::Path;

use fixtures::bench::text;
use fixtures::{Bench, Ran};
use serde_json::Value;

use crate::harness::{VERIFIER, bare, drill, drill_command, protected};

fn configured(exclude: &str) -> Bench {
    let bench = bare();
    configure(&bench, exclude);
    bench
}

fn configure(bench: &Bench, exclude: &str) {
    fs::write(bench.path("passphrase"), "correct horse\n").expect("ours");
    let config = format!(
        "[home]\npath = \"vault\"\n[state]\npath = \"state\"\n[key]\npassphrase-file = \"passphrase\"\n\
         [job.data]\nsource = {{ folders = [\"data\"], exclude = [{exclude}] }}\noffsite = [\"usb\"]\n\
         [destination.usb]\nurl = \"file:usb\"\n"
    );
    fs::write(bench.path("offsite.toml"), config).expect("ours");
}

fn count(source: &Value, kind: &str) -> u64 {
    source[kind]["count"].as_u64().unwrap_or_else(|| panic!("{kind}: {source:#}"))
}

fn names(source: &Value, kind: &str) -> Vec<String> {
    let some = source[kind]["some"].as_array().unwrap_or_else(|| panic!("{kind}: {source:#}"));
    some.iter()
        .map(|path| path["path"].as_str().expect("a path").rsplit('/').next().expect("a name").to_owned())
        .collect()
}

#[test]
fn what_patterns_hide_and_what_came_later_is_told_and_no_alarm() {
    let bench = configured("\"*.raw\"");
    let data = bench.folder("data");
    for (name, bytes) in [("kept", 1000), ("large.raw", 500_000), ("small.raw", 10)] {
        fs::write(data.join(name), vec![7; bytes]).expect("writable");
    }
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    fs::write(data.join("later"), "new").expect("writable");
    let source = drill(&bench, &[]).exits(0).json()["drills"][0]["live-source"].clone();
    assert_eq!(names(&source, "newer"), ["later"]);
    assert_eq!((count(&source, "in-no-point"), count(&source, "differs")), (0, 0), "{source:#}");
    let hidden: Vec<_> = source["hidden"].as_array().expect("a list").iter().map(|it| it["bytes"].as_u64()).collect();
    assert_eq!(hidden, [Some(500_000), Some(10)], "the largest first: {source:#}");
    assert_eq!((&source["hidden-bytes"], &source["sampled-files"]), (&500_010.into(), &1.into()));
    // Once nothing is left out any more, the next point has it; until then it is in none.
    configure(&bench, "");
    let source = drill(&bench, &[]).exits(0).json()["drills"][0]["live-source"].clone();
    let mut missing = names(&source, "in-no-point");
    missing.sort();
    assert_eq!(missing, ["large.raw", "small.raw"]);
}

#[test]
fn a_source_that_is_empty_now_is_told_and_one_look_serves_all_destinations() {
    let bench = protected(&["usb", "office"]);
    for entry in fs::read_dir(bench.path("data")).expect("a folder") {
        fs::remove_file(entry.expect("an entry").path()).expect("ours");
    }
    let ran = drill(&bench, &[]).exits(0);
    let looked: Vec<_> =
        ran.json()["drills"].as_array().expect("drills").iter().map(|it| !it["live-source"].is_null()).collect();
    assert_eq!(looked, [true, true]);
    let document = ran.json();
    for number in [0, 1] {
        let drill = &document["drills"][number];
        assert_eq!((&drill["live-source"]["files"], &drill["live-source-reason"]), (&0.into(), &Value::Null));
    }
    // All views say so, and how much of the content was compared.
    let file = bench.path(document["drills"][1]["report"].as_str().expect("a report"));
    let shown = Ran::of(&mut bench.command_of(Path::new(VERIFIER), &["report", "show", "2"])).exits(0).out;
    let views = [shown, fs::read_to_string(file.with_extension("html")).expect("there")];
    for view in views.into_iter().chain(fs::read_to_string(file.with_extension("xml"))) {
        for words in ["there is no file in it now", "of 0 files (0 B), drawn at random", "the content was compared"] {
            assert!(view.contains(words), "{words}: {view}");
        }
    }
    let again = drill(&bench, &["--point", "data"]).exits(0).json()["drills"][0].clone();
    assert_eq!((&again["live-source"], again["live-source-reason"].is_string()), (&Value::Null, true), "{again:#}");
}

#[test]
fn what_no_job_protects_is_named_the_largest_first() {
    let bench = protected(&["usb"]);
    for (name, bytes) in [("Pictures", 5_000_000), ("Music", 2_000_000), (".cache", 9_000_000)] {
        fs::write(bench.folder(&format!("ann/{name}")).join("file"), vec![1; bytes]).expect("writable");
    }
    let ran = Ran::of(drill_command(&bench, &[]).env("HOME", bench.path("ann"))).exits(0);
    let ann = text(&bench.path("ann"));
    let document = ran.json();
    let told = document["not-backed-up"].as_array().expect("a list").iter();
    let told: Vec<_> = told.filter_map(|it| it["path"].as_str()?.strip_prefix(&ann)).collect();
    assert_eq!(told, ["/Pictures", "/Music"], "{ran}");
    let file = bench.path(document["drills"][0]["report"].as_str().expect("a report"));
    let report: Value = serde_json::from_slice(&fs::read(&file).expect("there")).expect("JSON");
    assert_eq!(report["not-backed-up"], document["not-backed-up"]);
    let shown = Ran::of(&mut bench.command_of(Path::new(VERIFIER), &["report", "show"])).exits(0).out;
    for view in [shown]
        .into_iter()
        .chain(["html", "xml"].map(|kind| fs::read_to_string(file.with_extension(kind)).expect("there")))
    {
        assert!(view.contains(&format!("You are not backing up {ann}/Pictures (4.7 MiB)")), "{view}");
    }
    let ran = Ran::of(drill_command(&bench, &["--job", "data"]).env("HOME", bench.path("ann"))).exits(0);
    let document = ran.json();
    assert_eq!(document["not-backed-up"], Value::Null, "a part was asked for");
    assert!(document["not-backed-up-reason"].to_string().contains("only a part"), "{ran}");
}
