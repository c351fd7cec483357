//! The recovery sheet in its two files and its two forms, and what a passphrase costs to try.

use std::fs;

use engine::format::{KeysName, SlotSet};
use fixtures::bench::as_text;
use fixtures::{Bench, Ran};

use crate::harness::prepared;

fn recover(bench: &Bench, sheet: &str) -> Ran {
    bench.engine(&["recover", "--from", &format!("file://{}", bench.text("usb")), "--sheet", sheet])
}

fn written(bench: &Bench, name: &str, text: &str) -> String {
    fs::write(bench.path(name), text).expect("writable");
    bench.text(name)
}

/// The lines of words on a sheet, without their numbers.
fn words(sheet: &str) -> Vec<String> {
    let lines = sheet.lines().filter_map(|line| line.trim().split_once("  "));
    let lines = lines.filter(|(number, _)| ["1", "2", "3", "4"].contains(number));
    lines.map(|(_, words)| words.to_owned()).collect()
}

#[test]
fn text_page_and_what_is_typed_from_either_open_the_vault() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let made = bench.done(&["init"]);
    let (text, page) = (as_text(&made["recovery-sheet"]), as_text(&made["recovery-sheet-page"]));
    let _ = recover(&bench, &text).exits(0);
    let _ = recover(&bench, &page).exits(0);
    let html = fs::read_to_string(&page).expect("written");
    assert!(html.contains("<svg") && !html.contains("<script") && !html.contains("http://") || html.contains("w3.org"));

    let sheet = fs::read_to_string(&text).expect("written");
    let words = words(&sheet);
    assert_eq!(words.len(), 4, "{sheet}");
    let typed = written(&bench, "typed", &words.join("\n"));
    let _ = recover(&bench, &typed).exits(0);
    let (line, rest) = words[2].split_once(' ').expect("five words");
    let mistyped = words.join("\n").replace(&words[2], &format!("{line}x {rest}"));
    let mistyped = written(&bench, "mistyped", &mistyped);
    let ran = recover(&bench, &mistyped).exits(1).says("line 3 of the words: word 1 is not on the list of words");
    assert!(!format!("{}{}", ran.out, ran.err).contains(line), "no part of a secret is told: {ran}");
    let new = written(&bench, "new", "another passphrase");
    let _ = bench.engine(&["key", "change", "--new-passphrase-file", &new, "--sheet", &mistyped]).exits(1);
    let _ = bench.engine(&["key", "change", "--new-passphrase-file", &new, "--sheet", &typed]).exits(0);
}

#[test]
fn one_more_sheet_is_told_of_with_both_files_and_both_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let made = bench.done(&["key", "sheet"]);
    for kind in ["text", "page"] {
        let file = as_text(&made["sheet"][kind]);
        assert!(made["advice"].to_string().contains(&file), "{made}");
        assert_eq!(fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600, "{file}");
        let _ = recover(&bench, &file).exits(0);
    }
}

#[test]
fn a_passphrase_costs_what_this_machine_bears_within_the_bounds_and_any_machine_opens_it() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let new = written(&bench, "new", "another passphrase");
    let mut change = bench.command(&["--json", "key", "change", "--new-passphrase-file", &new]);
    let changed = Ran::of(change.env_remove("OFFSITE_PASSPHRASE_COST")).exits(0).json();
    let slots = changed["slots"].as_array().expect("a list");
    let slot = slots.iter().find(|slot| slot["kind"] == "passphrase").expect("one");
    let figure = |name: &str| slot[name].as_u64().expect("a number");
    let (memory, passes) = (figure("memory-kib"), figure("passes"));
    assert!([65_536, 131_072, 262_144].contains(&memory) && figure("lanes") == 1, "{slot}");
    assert!((196_608..=524_288).contains(&(memory * passes)), "{slot}");
    fs::copy(&new, bench.path("passphrase")).expect("writable");
    bench.done(&["run", "--once"]);
}

/// Somebody who may write there can put slots in front that would eat all memory: they are damage before they are tried.
#[test]
fn slots_with_absurd_costs_are_told_of_and_never_tried() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let keys = bench.path("usb/keys");
    let name = fs::read_dir(&keys).expect("there").next().expect("one").expect("readable").file_name();
    let good = fs::read(keys.join(&name)).expect("readable");
    let mut set = SlotSet::decode(&good).expect("ours");
    set.sequence += 1;
    set.slots.iter_mut().for_each(|slot| slot.kdf.memory_kib = u32::MAX);
    let bad = set.encode();
    let name = KeysName { sequence: set.sequence, digest: KeysName::digest_of(&bad) };
    fs::write(keys.join(name.to_string()), bad).expect("writable");
    let from = format!("file://{}", bench.text("usb"));
    let words = ["recover", "--from", &from, "--passphrase-file", &bench.text("passphrase")];
    let _ = bench.engine(&words).exits(0).says("Argon2id parameters out of bounds");
}
