//! The ledger of drills: whoever edits, removes or replaces a report shows, by the chain or by the heads at
//! destinations.

use std::fs;
use std::path::{Path, PathBuf};

use fixtures::Bench;
use fixtures::Ran;
use fixtures::bench::as_text;
use fixtures::data::noise;
use serde_json::Value;

use crate::harness::{VERIFIER, bare, copy, drill};

/// A bench with one small job, complete at these destinations.
fn small(destinations: &[&str]) -> Bench {
    let bench = bare();
    let data = bench.folder("data");
    fs::write(data.join("noise"), noise(1, 50_000)).expect("writable");
    let places: Vec<_> = destinations.iter().map(|name| (*name, bench.path(name))).collect();
    let places: Vec<_> = places.iter().map(|(name, path)| (*name, path.as_path(), "")).collect();
    bench.configure_simply("expect = \"1d\"", &places);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    bench
}

fn report(bench: &Bench, words: &[&str]) -> Ran {
    Ran::of(&mut bench.command_of(Path::new(VERIFIER), &[&["--json", "report"], words].concat()))
}

/// Checks, and gives the document.
fn check(bench: &Bench, exit: i32) -> Value {
    report(bench, &["check"]).exits(exit).json()
}

fn problems(document: &Value) -> String {
    document["findings"].to_string()
}

/// All files of reports with this ending, by number.
fn files(bench: &Bench, ending: &str) -> Vec<PathBuf> {
    let listed = fs::read_dir(bench.path("state/reports")).expect("there");
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == ending));
    files.sort();
    files
}

/// The heads of ledgers at a vault.
fn heads(vault: &Path) -> Vec<PathBuf> {
    let Ok(verifiers) = fs::read_dir(vault.join("drills")) else { return Vec::new() };
    let listed = verifiers.flat_map(|folder| fs::read_dir(folder.expect("readable").path()).expect("a folder"));
    let mut heads: Vec<PathBuf> = listed.map(|entry| entry.expect("readable").path()).collect();
    heads.sort();
    heads
}

fn number(head: &Path) -> u64 {
    let name = head.file_name().expect("named").to_string_lossy().into_owned();
    name.split('-').next().expect("a number").parse().expect("a number")
}

#[test]
fn a_ledger_is_sound_with_heads_everywhere_and_its_views_carry_its_digest() {
    let bench = small(&["usb", "office"]);
    let _ = drill(&bench, &[]).exits(0);
    let found = check(&bench, 0);
    assert_eq!((&found["verdict"], &found["reports"], &found["signed"]), (&"sound".into(), &2.into(), &2.into()));
    for place in ["usb", "office", "vault"] {
        let heads = heads(&bench.path(place));
        assert_eq!(heads.iter().map(|head| number(head)).collect::<Vec<_>>(), [2], "{place}");
    }
    for place in found["destinations"].as_array().expect("places") {
        assert_eq!((&place["compared"], &place["newest"]), (&true.into(), &2.into()), "{place}");
    }
    for file in files(&bench, "json") {
        let bytes = fs::read(&file).expect("there");
        let digest = blake3::hash(&bytes).to_string();
        for view in ["xml", "html"] {
            let view = fs::read_to_string(file.with_extension(view)).expect("a view");
            assert!(view.contains(&digest), "{view}");
        }
    }
    let list = report(&bench, &["list"]).exits(0).json();
    assert_eq!(list["reports"].as_array().map(Vec::len), Some(2));
    let shown = report(&bench, &["show", "1"]).exits(0);
    assert_eq!(shown.out.as_bytes(), fs::read(&files(&bench, "json")[0]).expect("there"), "the file as it is");
    let text = Ran::of(&mut bench.command_of(Path::new(VERIFIER), &["report", "show"])).exits(0);
    let _ = text.says("negative control").says("expected: ");
}

#[test]
fn a_report_has_what_an_auditor_asks_for_and_no_secret() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    let text = fs::read_to_string(&files(&bench, "json")[0]).expect("there");
    assert!(!text.contains(fixtures::bench::PASSPHRASE));
    let key = fs::read_to_string(bench.path("state/verifier-key")).expect("there");
    assert!(!text.contains(key.trim()));
    let json: Value = serde_json::from_str(&text).expect("JSON");
    for (key, value) in [
        ("report-version", &Value::from(2)),
        ("key-kind", &"installation".into()),
        ("method", &"folders".into()),
        ("clean-up", &"all that was restored was removed".into()),
        ("previous", &Value::Null),
    ] {
        assert_eq!(json[key], *value, "{key}");
    }
    assert_eq!(json["objectives"][0]["met"], true);
    assert_eq!(json["coverage"]["bytes-compared"], json["coverage"]["bytes-expected"]);
    assert_eq!(json["coverage"]["bytes-compared"], 50_000);
    assert!(json["measured"]["first-content-seconds"].is_number(), "{json}");
    let checks = json["checks"].as_array().expect("checks");
    assert_eq!(checks.len(), 5);
    for check in checks.iter().filter(|check| check["check"] != "probes") {
        assert_eq!(check["verdict"], "pass", "{check}");
    }
    assert!(json["controls"].to_string().contains("CP-9(1)") && json["controls"].to_string().contains("DORA"));
    assert!(as_text(&json["restored-to"]).ends_with("scratch"));
}

#[test]
fn an_edited_report_shows_and_so_does_one_that_is_taken_out_of_the_middle() {
    let bench = small(&["usb"]);
    (0..3).for_each(|_| drop(drill(&bench, &[]).exits(0)));
    let all = files(&bench, "json");
    let whole = fs::read(&all[1]).expect("there");
    let edited = String::from_utf8(whole.clone()).expect("text").replacen("\"files\": 1", "\"files\": 9", 1);
    assert_ne!(edited.as_bytes(), whole);
    fs::write(&all[1], &edited).expect("ours");
    let found = check(&bench, 4);
    assert!(problems(&found).contains("changed after it was written"), "{found:#}");
    assert!(problems(&found).contains("does not follow report 2"), "{found:#}");
    assert!(problems(&found).contains("another digest"), "the head at usb knows too: {found:#}");
    let _ = report(&bench, &["show", "2"]).exits(4);
    let alone = fixtures::bench::text(&all[1]);
    let _ = report(&bench, &["check", &alone]).exits(4);
    assert_eq!(report(&bench, &["list"]).exits(0).json()["reports"][1]["signature"], "broken");

    fs::write(&all[1], &whole).expect("ours");
    let _ = check(&bench, 0);
    fs::remove_file(&all[1]).expect("ours");
    assert!(problems(&check(&bench, 4)).contains("report 2 is not there"));
    assert!(problems(&report(&bench, &["list"]).exits(0).json()).contains("report 2 is not there"));
}

#[test]
fn the_last_report_that_is_taken_away_is_missed_by_the_heads_alone() {
    let bench = small(&["usb"]);
    (0..2).for_each(|_| drop(drill(&bench, &[]).exits(0)));
    let all = files(&bench, "json");
    fs::remove_file(&all[1]).expect("ours");
    let found = check(&bench, 4);
    assert!(problems(&found).contains("report 2, which this head names, is not there"), "{found:#}");
    let folder = bench.text("state/reports");
    let alone = report(&bench, &["check", &folder]).exits(0).json();
    assert!(alone["not-checked"].to_string().contains("heads"), "the chain alone can't tell: {alone:#}");

    // A drill sees that, says so, and gives no number twice; the data are as good as they are.
    let ran = drill(&bench, &[]).exits(0);
    assert!(ran.err.contains("not as it was written") && ran.err.contains("report 2"), "{ran}");
    let document = ran.json();
    assert_eq!((&document["verdict"], &document["ledger-before"]["highest"]), (&"pass".into(), &2.into()));
    let third = files(&bench, "json").pop().expect("a report");
    let report: Value = serde_json::from_slice(&fs::read(&third).expect("there")).expect("JSON");
    assert_eq!((&report["sequence"], &report["verdict"]), (&3.into(), &"pass".into()));
    assert!(report["ledger-before"]["findings"].to_string().contains("report 2"), "{report:#}");
    for view in ["xml", "html"] {
        let view = fs::read_to_string(third.with_extension(view)).expect("a view");
        assert!(view.contains("report 2, which this head names, is not there"), "{view}");
    }
    assert!(problems(&check(&bench, 4)).contains("report 2 is not there"));
}

#[test]
fn a_ledger_that_was_set_back_goes_on_above_all_that_heads_name() {
    let bench = small(&["usb", "office"]);
    let _ = drill(&bench, &["--destination", "usb"]).exits(0);
    copy(&bench.path("state"), &bench.path("state.old"));
    (0..3).for_each(|_| drop(drill(&bench, &["--destination", "usb"]).exits(0)));
    fs::remove_dir_all(bench.path("state")).expect("ours");
    fs::rename(bench.path("state.old"), bench.path("state")).expect("ours");
    // Neither home nor the place that is drilled knows; the other one does.
    fs::remove_dir_all(bench.path("vault/drills")).expect("ours");
    fs::remove_dir_all(bench.path("usb/drills")).expect("ours");
    let ran = drill(&bench, &["--destination", "usb"]).exits(0);
    assert!(ran.json()["drills"][0]["report"].to_string().contains("/00000005-"), "{ran}");
    assert!(problems(&check(&bench, 4)).contains("reports 2 to 4 are not there"));
}

#[test]
fn what_was_edited_is_no_fact_of_later_plots_and_an_edited_view_shows() {
    let bench = small(&["usb"]);
    (0..2).for_each(|_| drop(drill(&bench, &[]).exits(0)));
    let all = files(&bench, "json");
    let whole = fs::read(&all[1]).expect("there");
    let text = String::from_utf8(whole.clone()).expect("text");
    let at = text.find("\"restore-seconds\": ").expect("a figure") + "\"restore-seconds\": ".len();
    fs::write(&all[1], format!("{}98765{}", &text[..at], &text[at + 5..])).expect("ours");
    let ran = drill(&bench, &[]).exits(0);
    assert!(ran.err.contains("not as it was written"), "{ran}");
    let third = files(&bench, "json").pop().expect("a report");
    let page = fs::read_to_string(third.with_extension("html")).expect("a page");
    assert!(!page.contains("98765"), "{page}");
    assert!(page.contains("Not in these plots: report 2, not as written"), "{page}");
    fs::write(&all[1], &whole).expect("ours");
    let found = check(&bench, 4);
    assert_eq!(found["findings"][0]["report"], 3, "{found:#}");
    assert!(problems(&found).contains("does not follow report 2"), "{found:#}");

    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    let _ = check(&bench, 0);
    let first = files(&bench, "json").remove(0);
    for kind in ["html", "xml"] {
        let view = first.with_extension(kind);
        let whole = fs::read_to_string(&view).expect("a view");
        fs::write(&view, whole.replacen("pass", "fail", 1)).expect("ours");
        let found = check(&bench, 4);
        let name = view.file_name().expect("named").to_string_lossy();
        assert!(problems(&found).contains(&*name) && problems(&found).contains("not as it was made"), "{found:#}");
        for alone in [view.clone(), first.clone(), bench.path("state/reports")] {
            let _ = report(&bench, &["check", &fixtures::bench::text(&alone)]).exits(4);
        }
        fs::remove_file(&view).expect("ours");
        let found = check(&bench, 0);
        assert_eq!(found["views"]["not-there"], 1, "it says nothing that the report does not: {found:#}");
        fs::write(&view, whole).expect("ours");
    }
}

#[test]
fn all_reports_gone_is_missed_as_long_as_the_installation_knows_who_it_is() {
    let bench = small(&["usb"]);
    let _ = report(&bench, &["check"]).exits(1);
    let _ = drill(&bench, &[]).exits(0);
    assert_eq!(report(&bench, &["list"]).exits(0).json()["reports"].as_array().map(Vec::len), Some(1));
    fs::remove_dir_all(bench.path("state/reports")).expect("ours");
    assert!(problems(&check(&bench, 4)).contains("report 1"));
    assert!(problems(&report(&bench, &["list"]).exits(4).json()).contains("report 1"));
    // Home is this computer's own: heads there were left by a ledger of its own.
    for name in ["verifier-id", "verifier-key"] {
        fs::remove_file(bench.path("state").join(name)).expect("ours");
    }
    assert!(problems(&check(&bench, 4)).contains("the ledger was erased"));
    assert!(problems(&report(&bench, &["list"]).exits(4).json()).contains("the ledger was erased"));
    fs::remove_dir_all(bench.path("vault/drills")).expect("ours");
    let _ = report(&bench, &["check"]).exits(1).says("usb has heads of the verifier");
    assert!(report(&bench, &["list"]).exits(3).json()["others"].to_string().contains("usb has heads"));
    fs::remove_dir_all(bench.path("usb/drills")).expect("ours");
    assert_eq!(report(&bench, &["list"]).exits(0).json()["others"], serde_json::json!([]));
}

#[test]
fn a_report_is_shown_in_lines_that_can_be_read() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    let shown = Ran::of(&mut bench.command_of(Path::new(VERIFIER), &["report", "show"])).exits(0);
    for line in ["the vault opens  expected: ", "negative control expected: ", "                 found: "] {
        assert!(shown.out.lines().any(|it| it.starts_with(line)), "{line:?}: {shown}");
    }
    let begun = shown.out.lines().find_map(|line| line.strip_prefix("begun")).expect("a line").trim();
    assert!(begun.len() == "2026-11-23 12:00:00 UTC".len() && begun.ends_with(" UTC"), "{begun}");
    let checked = Ran::of(&mut bench.command_of(Path::new(VERIFIER), &["report", "check"])).exits(0);
    assert!(checked.out.starts_with("1 report, 1 to 1; 1 signed") && checked.out.contains(": 1 head,"), "{checked}");
}

#[test]
fn a_lost_key_and_a_ledger_that_was_written_anew_with_another_key_show() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    fs::rename(bench.path("state/verifier-key"), bench.path("key.away")).expect("ours");
    assert!(problems(&check(&bench, 4)).contains("not in the state folder"));
    let _ = drill(&bench, &[]).exits(0).says("was signed by another key");
    assert!(problems(&check(&bench, 4)).contains("another key than those before"));

    // The whole ledger anew, with a key of one's own: sound by itself, and not what the heads say.
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    fs::rename(bench.path("usb"), bench.path("usb.away")).expect("ours");
    for gone in ["state/reports", "vault/drills"] {
        fs::remove_dir_all(bench.path(gone)).expect("ours");
    }
    fs::remove_file(bench.path("state/verifier-key")).expect("ours");
    let _ = drill(&bench, &[]).exits(3);
    let away = check(&bench, 0);
    assert!(away["destinations"].to_string().contains("not there"), "what was not compared is said: {away:#}");
    fs::rename(bench.path("usb.away"), bench.path("usb")).expect("ours");
    assert!(problems(&check(&bench, 4)).contains("another digest"));
}

#[test]
fn two_verifiers_at_one_destination_leave_each_other_alone() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    copy(&bench.path("state"), &bench.path("state.first"));
    for gone in ["state/reports", "state/verifier-id", "state/verifier-key"] {
        let path = bench.path(gone);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("ours");
    }
    (0..2).for_each(|_| drop(drill(&bench, &[]).exits(0)));
    let found = check(&bench, 0);
    let usb = &found["destinations"].as_array().expect("places").iter().find(|it| it["destination"] == "usb").cloned();
    let usb = usb.as_ref().expect("looked at");
    assert_eq!((&usb["heads"], &usb["others"][0]["newest"]), (&2.into(), &1.into()), "{found:#}");
    assert_eq!(heads(&bench.path("usb")).len(), 3);
    fs::rename(bench.path("state"), bench.path("state.second")).expect("ours");
    fs::rename(bench.path("state.first"), bench.path("state")).expect("ours");
    let _ = check(&bench, 0);
}

#[test]
fn a_destination_that_is_away_or_takes_nothing_is_a_note_and_no_failure() {
    let bench = small(&["usb", "office"]);
    fs::rename(bench.path("office"), bench.path("office.away")).expect("ours");
    let ran = drill(&bench, &["--destination", "usb"]).exits(0);
    let notes = ran.json()["drills"][0]["notes"].to_string();
    assert!(notes.contains("no head of report 1 at office"), "{ran}");
    fs::rename(bench.path("office.away"), bench.path("office")).expect("ours");

    // A file where the folder should be: nobody can write there, not even root.
    fs::write(bench.path("office/drills"), b"").expect("ours");
    let ran = drill(&bench, &["--destination", "office"]).exits(0);
    assert!(ran.json()["drills"][0]["notes"].to_string().contains("at office"), "{ran}");
    assert_eq!(heads(&bench.path("usb")).iter().map(|head| number(head)).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_destination_that_is_read_only_is_drilled_all_the_same() {
    let bench = small(&["usb"]);
    let usb = bench.text("usb");
    let bound = fixtures::drive::run("mount", &["--bind", &usb, &usb])
        .and_then(|_| fixtures::drive::run("mount", &["-o", "remount,ro,bind", &usb]));
    if let Err(why) = bound {
        eprintln!("SKIPPED: no read-only mount here (root is needed): {why}");
        return;
    }
    let ran = drill(&bench, &[]);
    fixtures::drive::run("umount", &["-l", &usb]).expect("ours");
    let ran = ran.exits(0);
    assert!(ran.json()["drills"][0]["notes"].to_string().contains("no head of report 1 at usb"), "{ran}");
    assert!(heads(&bench.path("usb")).is_empty());
    assert_eq!(heads(&bench.path("vault")).len(), 1, "home has one");
}

#[test]
fn old_heads_go_and_what_is_not_ours_stays() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    let first = heads(&bench.path("usb")).remove(0);
    let folder = first.parent().expect("a folder");
    for number in 100..140 {
        fs::write(folder.join(format!("{number:08}-0011223344556677")), b"").expect("ours");
    }
    let (foreign, unfinished) = (folder.join("notes.txt"), folder.join(".tmp-00000001-0011223344556677"));
    fs::write(&foreign, b"mine").expect("ours");
    fs::write(&unfinished, b"half").expect("ours");
    let _ = drill(&bench, &[]).exits(0);
    assert!(foreign.exists() && !unfinished.exists());
    let left = heads(&bench.path("usb")).len();
    assert_eq!(left, 32 + 1, "32 heads and what is not ours");
    assert!(problems(&check(&bench, 4)).contains("not what its name says"), "empty files are no heads");
}

#[test]
fn the_engine_leaves_heads_of_ledgers_alone() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    let before: Vec<_> = ["usb", "vault"].iter().flat_map(|place| heads(&bench.path(place))).collect();
    assert_eq!(before.len(), 2);
    fs::write(bench.path("data/noise"), noise(2, 60_000)).expect("writable");
    bench.done(&["run", "--once"]);
    let oldest = as_text(&bench.points().last().expect("two points")["id"]);
    bench.done(&["forget", "--point", &oldest]);
    bench.done(&["run", "--once"]);
    bench.done(&["verify"]);
    bench.done(&["verify", "--repair"]);
    bench.done(&["copy"]);
    fs::remove_file(bench.path("state/catalog.redb")).expect("ours");
    bench.done(&["catalog", "rebuild"]);
    bench.done(&["run", "--once"]);
    let after: Vec<_> = ["usb", "vault"].iter().flat_map(|place| heads(&bench.path(place))).collect();
    assert_eq!(before, after);
    let _ = check(&bench, 0);
}

#[test]
fn bytes_of_any_kind_are_told_and_nothing_panics() {
    let bench = small(&["usb"]);
    let _ = drill(&bench, &[]).exits(0);
    let folder = bench.path("state/reports");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bytes: [&[u8]; 5] = [b"", b"\xff\xfe", b"{}", deep.as_bytes(), b"{\"sequence\": 1e999}"];
    for (number, bytes) in (2..).zip(bytes) {
        fs::write(folder.join(format!("{number:08}-x-y-none.json")), bytes).expect("ours");
    }
    let found = check(&bench, 4);
    assert_eq!(found["reports"], 6);
    let _ = report(&bench, &["list"]).exits(0);
    for number in 2..=6 {
        let ran = report(&bench, &["show", &number.to_string()]);
        assert_eq!(ran.code, 1, "{ran}");
    }
    for (words, code) in
        [(&["check", "nowhere"][..], 1), (&["show", "nowhere"], 1), (&["show", "77"], 1), (&["shw"], 2)]
    {
        assert_eq!(report(&bench, words).code, code, "{words:?}");
    }
}
