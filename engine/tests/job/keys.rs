//! `engine key`: passphrases and sheets that open the vaults, come and go, at every place.

use std::fs;
use std::process::Command;

use fixtures::bench::{as_text, text};
use fixtures::{Bench, Ran, same};
use serde_json::Value;

use crate::harness::prepared;

fn written(bench: &Bench, name: &str, secret: &str) -> String {
    fs::write(bench.path(name), secret).expect("writable");
    bench.text(name)
}

/// What opens the vault at a place, with nothing else.
fn opens(bench: &Bench, place: &str, option: &str, file: &str) -> Ran {
    bench.engine(&["recover", "--from", &format!("file://{}", bench.text(place)), option, file])
}

fn slot<'v>(listed: &'v Value, label: &str) -> &'v Value {
    let slots = listed["slots"].as_array().expect("a list");
    slots.iter().find(|slot| slot["label"] == label).unwrap_or_else(|| panic!("no `{label}` in {listed}"))
}

/// Of a destination, in a list of slots.
fn medium<'v>(listed: &'v Value, destination: &str) -> &'v Value {
    let media = listed["media"].as_array().expect("a list");
    media.iter().find(|medium| medium["destination"] == destination).expect("listed")
}

#[test]
fn a_passphrase_is_changed_everywhere_and_a_drive_that_was_away_accepts_the_old_one_until_it_is_back() {
    let bench = prepared(2, 10_000, "", &["usb", "safe"]);
    bench.done(&["run", "--once"]);
    fs::rename(bench.path("safe"), bench.path("in the safe")).expect("one file system");
    let old = written(&bench, "old", fixtures::bench::PASSPHRASE);
    let new = written(&bench, "new", "a better passphrase");
    let changed = bench.engine(&["--json", "key", "change", "--new-passphrase-file", &new]).exits(3).json();
    assert!(changed["advice"].to_string().contains("put it into"), "{changed}");
    assert_eq!(medium(&changed, "usb")["accepts-revoked"], Value::Array(vec![]), "{changed}");
    assert!(medium(&changed, "safe")["accepts-revoked"].to_string().contains("passphrase"), "{changed}");

    for place in ["usb", "vault"] {
        let _ = opens(&bench, place, "--passphrase-file", &old).exits(1).says("wrong passphrase");
        let _ = opens(&bench, place, "--passphrase-file", &new).exits(0);
        assert_eq!(fs::read_dir(bench.path(place).join("keys")).expect("there").count(), 1, "{place}: no older set");
    }
    let _ = bench.engine(&["status"]).exits(0);
    let _ = bench.engine(&["run", "--once"]).exits(1).says("wrong passphrase");
    fs::copy(&new, bench.path("passphrase")).expect("writable");

    fs::rename(bench.path("in the safe"), bench.path("safe")).expect("one file system");
    let _ = opens(&bench, "safe", "--passphrase-file", &old).exits(0);
    bench.done(&["run", "--once"]);
    let _ = opens(&bench, "safe", "--passphrase-file", &old).exits(1);
    let _ = opens(&bench, "safe", "--passphrase-file", &new).exits(0);
    let listed = bench.done(&["key", "list"]);
    assert_eq!(medium(&listed, "safe")["accepts-revoked"], Value::Array(vec![]), "{listed}");
    assert_eq!(slot(&listed, "passphrase")["configured"], true, "{listed}");
    bench.done(&["verify"]);
}

#[test]
fn a_forgotten_passphrase_is_replaced_by_the_sheet_and_a_new_sheet_takes_the_place_of_a_lost_one() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let sheet = bench.text("first sheet");
    fs::rename(bench.path("state/recovery-sheet.txt"), &sheet).expect("one file system");
    let wrong = written(&bench, "passphrase", "what was it again");
    let new = written(&bench, "new", "one that is remembered");
    let _ = bench.engine(&["key", "change", "--new-passphrase-file", &new]).exits(1).says("--sheet FILE");
    let words = ["key", "change", "--new-passphrase-file", &new, "--sheet", &sheet];
    let _ = bench.engine(&words).exits(0).says("put it into");
    fs::copy(&new, &wrong).expect("writable");
    let _ = opens(&bench, "usb", "--passphrase-file", &new).exits(0);

    let made = bench.done(&["key", "sheet"]);
    let second = made["slots"].as_array().expect("a list").last().expect("one")["slot"].clone();
    let second = bench.text(&format!("state/recovery-sheet-{}.txt", as_text(&second)));
    assert!(made["advice"].to_string().contains(&second), "{made}");
    let listed = bench.done(&["key", "list"]);
    let sheets: Vec<&Value> =
        listed["slots"].as_array().expect("a list").iter().filter(|it| it["kind"] == "sheet").collect();
    assert_eq!(sheets.len(), 2, "the first one stays good: {listed}");
    let removed = bench.done(&["key", "remove", &as_text(&sheets[0]["slot"])]);
    assert!(!removed["advice"].to_string().contains("no recovery sheet"), "{removed}");
    for place in ["usb", "vault"] {
        let _ = opens(&bench, place, "--sheet", &sheet).exits(1);
        let _ = opens(&bench, place, "--sheet", &second).exits(0);
    }
    let to = bench.text("to");
    let usb = format!("file://{}", bench.text("usb"));
    let _ = bench.engine(&["recover", "--from", &usb, "--sheet", &second, "--to", &to]).exits(0);
    let data = bench.path("data");
    assert_eq!(same(&data, &bench.path("to").join(text(&data).trim_start_matches('/'))), Vec::<String>::new());
    let last = bench.done(&["key", "remove", &as_text(&sheets[1]["slot"])]);
    assert!(last["advice"].to_string().contains("no recovery sheet opens the vaults now"), "{last}");
}

#[test]
fn nothing_is_changed_where_nobody_could_open_the_vaults_afterwards() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    let listed = bench.done(&["key", "list"]);
    let configured = as_text(&slot(&listed, "passphrase")["slot"]);
    let _ = bench.engine(&["key", "remove", &configured]).exits(1).says("which this engine works with");
    let _ = bench.engine(&["key", "remove", "ffff"]).exits(2).says("there are:");
    let _ =
        bench.engine(&["key", "add", "--new-passphrase-file", &bench.text("passphrase")]).exits(1).says("no new one");
    let empty = written(&bench, "empty", "\n");
    let _ = bench.engine(&["key", "add", "--new-passphrase-file", &empty]).exits(1);
    let wrong = written(&bench, "wrong", "no passphrase of theirs");
    let _ = bench.engine(&["key", "sheet", "--passphrase-file", &wrong]).exits(1).says("the keys stay closed");
    assert_eq!(bench.done(&["key", "list"])["slots"].as_array().expect("a list").len(), 2, "as before");
    bench.done(&["run", "--once"]);
}

/// A person who has an older catalog, or none, gets the newest slots from home, and so do the places.
#[test]
fn after_a_rebuild_places_that_are_behind_are_brought_up_all_the_same() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    fs::rename(bench.path("usb"), bench.path("away")).expect("one file system");
    let old = written(&bench, "old", fixtures::bench::PASSPHRASE);
    let new = written(&bench, "new", "a better passphrase");
    let _ = bench.engine(&["key", "change", "--new-passphrase-file", &new]).exits(3);
    fs::copy(&new, bench.path("passphrase")).expect("writable");
    fs::remove_file(bench.path("state/catalog.redb")).expect("there");
    fs::rename(bench.path("away"), bench.path("usb")).expect("one file system");
    bench.done(&["catalog", "rebuild"]);
    let ran = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&ran.code), "{ran}");
    let _ = opens(&bench, "usb", "--passphrase-file", &old).exits(1);
    let _ = opens(&bench, "usb", "--passphrase-file", &new).exits(0);
}

fn copy_tree(bench: &Bench, from: &str, to: &str) {
    let _ = fs::remove_dir_all(bench.path(to));
    let copied = Command::new("cp").arg("-a").args([bench.path(from), bench.path(to)]).status().expect("cp");
    assert!(copied.success());
}

fn changes(bench: &Bench, number: u32) -> String {
    let new = written(bench, &format!("passphrase {number}"), &format!("passphrase number {number}"));
    bench.done(&["key", "change", "--new-passphrase-file", &new]);
    fs::copy(&new, bench.path("passphrase")).expect("writable");
    new
}

/// Home was restored from an older copy: what the catalog knows counts, and home is brought up to it.
#[test]
fn a_home_that_was_set_back_gets_the_newest_slots_again_and_the_old_passphrase_stays_revoked() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    copy_tree(&bench, "vault", "vault.old");
    let old = written(&bench, "old", fixtures::bench::PASSPHRASE);
    let new = changes(&bench, 1);
    copy_tree(&bench, "vault.old", "vault");
    fs::copy(&old, bench.path("passphrase")).expect("writable");
    let _ = bench.engine(&["run", "--once"]).exits(1).says("was revoked");
    fs::copy(&new, bench.path("passphrase")).expect("writable");
    let ran = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&ran.code), "{ran}");
    let last = changes(&bench, 2);
    for place in ["vault", "usb"] {
        let _ = opens(&bench, place, "--passphrase-file", &last).exits(0);
        for revoked in [&old, &new] {
            let _ = opens(&bench, place, "--passphrase-file", revoked).exits(1);
        }
    }
}

/// The whole computer was set back, passphrase and all: what the places have is newer, and nobody is locked out of them.
#[test]
fn a_computer_that_was_set_back_changes_no_slots_that_it_does_not_know_and_the_sheet_makes_all_one_again() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    for name in ["vault", "state"] {
        copy_tree(&bench, name, &format!("{name}.old"));
    }
    let old = written(&bench, "old", fixtures::bench::PASSPHRASE);
    let (_, second) = (changes(&bench, 1), changes(&bench, 2));
    for name in ["vault", "state"] {
        copy_tree(&bench, &format!("{name}.old"), name);
    }
    fs::copy(&old, bench.path("passphrase")).expect("writable");
    let fourth = written(&bench, "fourth", "passphrase number four");
    let _ = bench.engine(&["key", "change", "--new-passphrase-file", &fourth]).exits(1).says("was revoked");
    let _ = bench.engine(&["verify", "--repair"]).says("newer key slots");
    let _ = bench.engine(&["run", "--once"]);
    let _ = opens(&bench, "usb", "--passphrase-file", &second).exits(0);
    let _ = opens(&bench, "usb", "--passphrase-file", &old).exits(1);
    let sheet = bench.text("state/recovery-sheet.txt");
    let changed = bench.engine(&["key", "change", "--new-passphrase-file", &fourth, "--sheet", &sheet]);
    assert!([0, 3].contains(&changed.code), "{changed}");
    fs::copy(&fourth, bench.path("passphrase")).expect("writable");
    let ran = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&ran.code), "{ran}");
    for place in ["vault", "usb"] {
        let _ = opens(&bench, place, "--passphrase-file", &fourth).exits(0);
        for revoked in [&old, &second] {
            let _ = opens(&bench, place, "--passphrase-file", revoked).exits(1);
        }
    }
}

/// A server that was restored from its backup accepts what was revoked, until a session sees that it was set back.
#[test]
fn a_place_that_was_set_back_is_brought_up_again() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    copy_tree(&bench, "usb", "usb.old");
    let old = written(&bench, "old", fixtures::bench::PASSPHRASE);
    let new = changes(&bench, 1);
    copy_tree(&bench, "usb.old", "usb");
    let _ = opens(&bench, "usb", "--passphrase-file", &old).exits(0);
    let ran = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&ran.code), "{ran}");
    let _ = opens(&bench, "usb", "--passphrase-file", &old).exits(1);
    let _ = opens(&bench, "usb", "--passphrase-file", &new).exits(0);
    assert_eq!(fs::read_dir(bench.path("usb/keys")).expect("there").count(), 1);
}
