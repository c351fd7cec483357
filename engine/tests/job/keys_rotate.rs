//! `engine key rotate`: what is written from then on is sealed under a new master, what was before stays readable, and every
//! medium has the keys before anything that only they open.

use std::fs;
use std::path::Path;
use std::process::Command;

use engine::format::{SealedHeader, SealedKind};
use fixtures::bench::{as_text, objects, text, wait_until};
use fixtures::{Bench, Ran};
use serde_json::Value;

use crate::harness::{prepared, restores_as_it_is};

const FILES: u64 = 4;
const BYTES: usize = 50_000;
const ALL: u64 = FILES * BYTES as u64;

fn opens(bench: &Bench, place: &str, option: &str, file: &str) -> Ran {
    bench.engine(&["recover", "--from", &format!("file://{}", bench.text(place)), option, file])
}

fn medium<'v>(listed: &'v Value, destination: &str) -> &'v Value {
    let media = listed["media"].as_array().expect("a list");
    media.iter().find(|medium| medium["destination"] == destination).expect("listed")
}

fn epoch(bench: &Bench) -> u64 {
    bench.done(&["key", "list"])["epoch"].as_u64().expect("a number")
}

/// How many packs and manifests of each key epoch lie at a place.
fn sealed(bench: &Bench, place: &str) -> Vec<(u32, usize)> {
    let mut found = std::collections::BTreeMap::new();
    for (path, _) in objects(&bench.path(place)) {
        let bytes = fs::read(&path).expect("readable");
        let kind = if text(&path).contains("/packs/") { SealedKind::Pack } else { SealedKind::Manifest };
        let (header, _) = SealedHeader::decode(&bytes, kind).expect("whole");
        *found.entry(header.epoch.0).or_default() += 1;
    }
    found.into_iter().collect()
}

fn new_bytes(bench: &Bench) -> u64 {
    bench.done(&["backup"])["points"][0]["new-bytes"].as_u64().expect("a number")
}

fn copy_tree(bench: &Bench, from: &str, to: &str) {
    let _ = fs::remove_dir_all(bench.path(to));
    let copied = Command::new("cp").arg("-a").args([bench.path(from), bench.path(to)]).status().expect("cp");
    assert!(copied.success());
}

fn moved(bench: &Bench, from: &str, to: &str) {
    fs::rename(bench.path(from), bench.path(to)).expect("one file system");
}

fn once(bench: &Bench) {
    let ran = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&ran.code), "{ran}");
}

fn written(bench: &Bench, name: &str, secret: &str) -> String {
    fs::write(bench.path(name), secret).expect("writable");
    bench.text(name)
}

/// Both points of two epochs, from a place, with nothing but the passphrase.
fn restores_both(bench: &Bench, place: &str) {
    restores_as_it_is(bench, place);
    let older = bench.restored("data~1", place, &bench.path("data"));
    assert_eq!(fs::read(older.path.join("0")).expect("restored").len(), BYTES);
}

#[test]
fn what_comes_is_sealed_anew_what_was_stays_readable_and_a_drive_in_the_safe_is_named_until_it_is_back() {
    let bench = prepared(FILES, BYTES, "", &["usb", "safe"]);
    bench.done(&["run", "--once"]);
    let first = as_text(&bench.points()[0]["id"]);
    let old = bench.text("state/recovery-sheet.txt");
    moved(&bench, "safe", "in the safe");
    let rotated = bench.engine(&["--json", "key", "rotate", "--yes"]).exits(3).json();
    assert_eq!((&rotated["epoch"], &rotated["rotation"]["from"]), (&2.into(), &1.into()), "{rotated}");
    assert!(rotated["rotation"]["bytes"].as_u64() >= Some(ALL), "{rotated}");
    assert_eq!(medium(&rotated, "usb")["accepts-revoked"], Value::Array(vec![]), "{rotated}");
    assert!(medium(&rotated, "safe")["accepts-revoked"].to_string().contains("recovery sheet"), "{rotated}");
    assert!(rotated["advice"].to_string().contains("keep the old recovery sheet"), "{rotated}");
    let new = as_text(&rotated["sheet"]["text"]);
    for place in ["usb", "vault"] {
        let _ = opens(&bench, place, "--sheet", &old).exits(1).says("wrong passphrase or recovery sheet");
        let _ = opens(&bench, place, "--sheet", &new).exits(0).says(&first);
    }
    assert_eq!(sealed(&bench, "usb").iter().map(|it| it.0).collect::<Vec<_>>(), [1], "nothing is sealed anew");

    let first_of_two = bench.engine(&["--json", "backup"]).exits(0).says("a new key epoch began");
    let anew = first_of_two.json()["points"][0]["new-bytes"].as_u64();
    assert!(anew >= Some(ALL), "no chunk of the first epoch is referred to");
    assert_eq!(new_bytes(&bench), 0, "within an epoch chunks are stored once");
    once(&bench);
    assert!(sealed(&bench, "usb").iter().any(|(epoch, count)| *epoch == 2 && *count >= 2));
    restores_both(&bench, "usb");

    let listed = bench.engine(&["--json", "key", "list"]).exits(0).json();
    assert!(medium(&listed, "safe")["accepts-revoked"].to_string().contains("recovery sheet"), "{listed}");
    let _ = opens(&bench, "in the safe", "--sheet", &old).exits(0).says(&first);
    let _ = opens(&bench, "in the safe", "--sheet", &new).exits(1);
    moved(&bench, "in the safe", "safe");
    once(&bench);
    let _ = opens(&bench, "safe", "--sheet", &old).exits(1);
    let _ = opens(&bench, "safe", "--sheet", &new).exits(0).says(&first);
    restores_both(&bench, "safe");
    let listed = bench.done(&["key", "list"]);
    assert_eq!(medium(&listed, "safe")["accepts-revoked"], Value::Array(vec![]), "{listed}");
    bench.done(&["verify"]);
}

/// Two histories of keys are not told apart yet: who does not know that begins none.
#[test]
fn it_is_withheld_from_who_does_not_ask_for_what_is_unfinished() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let mut command = bench.command(&["key", "rotate", "--yes"]);
    let _ = Ran::of(command.env_remove("OFFSITE_UNFINISHED")).exits(1).says("nothing was changed");
    assert_eq!(epoch(&bench), 1);
}

#[test]
fn nothing_is_begun_before_somebody_says_yes_and_the_figures_are_said_first() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    bench.configure_simply("", &[("usb", &bench.path("usb"), "rate = \"1 KiB/s\"")]);
    let told = bench.engine(&["key", "rotate"]).exits(2).says("--yes").says("recovery sheet");
    let _ = told.says("is stored whole again, about 19").says("KiB to usb, 4 minutes at its rate at least");
    let dry = bench.done(&["key", "rotate", "--dry-run"]);
    assert!(dry["rotation"]["bytes-per-second"].as_u64() > Some(0) && dry["rotation"]["seconds"].is_u64(), "{dry}");
    assert_eq!(dry["rotation"]["jobs"][0]["job"], "data", "{dry}");
    assert_eq!(dry["rotation"]["copies"][0]["bytes"], dry["rotation"]["bytes"], "{dry}");
    assert!(dry["rotation"]["dropped"].to_string().contains("recovery sheet"), "{dry}");
    let reused = bench.done(&["key", "rotate", "--dry-run", "--reuse-old"]);
    assert_eq!(reused["rotation"]["bytes"], 0, "{reused}");
    let _ = bench.engine(&["key", "rotate", "--dry-run", "--reuse-old"]).exits(0).says("stays open to who holds");
    let wrong = written(&bench, "wrong", "no passphrase of theirs");
    let _ = bench.engine(&["key", "rotate", "--yes", "--passphrase-file", &wrong]).exits(1).says("stay closed");
    assert_eq!(epoch(&bench), 1);
    let _ = opens(&bench, "usb", "--sheet", &bench.text("state/recovery-sheet.txt")).exits(0);
}

/// A forgotten passphrase keeps nobody from it who has the sheet and configured a new one; others are taken in again.
#[test]
fn the_configured_passphrase_and_what_opened_the_keys_come_along_and_no_other_secret() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let mine = written(&bench, "mine", "what Ann types");
    let bens = written(&bench, "bens", "what Ben types");
    bench.done(&["key", "add", "--new-passphrase-file", &mine, "--label", "Ann's"]);
    bench.done(&["key", "add", "--new-passphrase-file", &bens, "--label", "Ben's"]);
    let rotated = bench.done(&["key", "rotate", "--yes", "--passphrase-file", &mine]);
    assert!(rotated["advice"].to_string().contains("Ben's") && !rotated["advice"].to_string().contains("Ann's"));
    let _ = opens(&bench, "usb", "--passphrase-file", &mine).exits(0);
    let _ = opens(&bench, "usb", "--passphrase-file", &bench.text("passphrase")).exits(0);
    let _ = opens(&bench, "usb", "--passphrase-file", &bens).exits(1);
    bench.done(&["key", "add", "--new-passphrase-file", &bens, "--label", "Ben's"]);
    let _ = opens(&bench, "usb", "--passphrase-file", &bens).exits(0);
    let passphrase = fs::read(bench.path("passphrase")).expect("readable");
    fs::write(bench.path("passphrase"), "forgotten").expect("writable");
    let sheet = as_text(&rotated["sheet"]["page"]);
    let _ = bench.engine(&["key", "rotate", "--yes", "--sheet", &sheet]).exits(1).says("which this engine works with");
    fs::write(bench.path("passphrase"), passphrase).expect("writable");
    bench.done(&["key", "rotate", "--yes", "--sheet", &sheet]);
    assert_eq!(epoch(&bench), 3);
    once(&bench);
    restores_both(&bench, "usb");
}

#[test]
fn with_reuse_old_only_what_is_new_is_stored_and_all_of_it_restores() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    bench.done(&["key", "rotate", "--yes", "--reuse-old"]);
    assert_eq!(new_bytes(&bench), 0, "known chunks are referred to, by what they were called then");
    fs::copy(bench.path("data/0"), bench.path("data/a copy")).expect("writable");
    fs::write(bench.path("data/new"), fixtures::data::noise(99, 1000)).expect("writable");
    assert_eq!(new_bytes(&bench), 1000);
    once(&bench);
    restores_both(&bench, "usb");
    bench.done(&["key", "rotate", "--yes", "--reuse-old"]);
    assert_eq!(new_bytes(&bench), 0, "and so with the next epoch");
    bench.done(&["key", "rotate", "--yes"]);
    assert!(new_bytes(&bench) >= ALL, "until one is begun without");
    once(&bench);
    restores_both(&bench, "usb");
    bench.done(&["verify"]);
}

/// What is unchanged is not read, but taken over from the point before: not over the border of an epoch.
#[test]
fn files_that_are_old_and_unchanged_are_read_and_stored_anew_too() {
    use std::os::unix::fs::MetadataExt;
    let old = Path::new("/usr/share/common-licenses");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let changed = fs::metadata(old.join("GPL-3")).map(|it| it.ctime().cast_unsigned());
    if !changed.is_ok_and(|changed| changed + 600 < now) {
        eprintln!("SKIPPED: no file here is known to be old");
        return;
    }
    let bench = crate::harness::bench();
    let source = format!("[job.data]\nsource = {{ folders = [\"{}\"] }}\noffsite = [\"usb\"]\n", old.display());
    bench.configure(&format!("{source}[destination.usb]\nurl = \"file://{}\"\n", bench.text("usb")));
    bench.done(&["init"]);
    let first = new_bytes(&bench);
    assert!(first > 35_000);
    assert_eq!(new_bytes(&bench), 0);
    bench.done(&["key", "rotate", "--yes", "--reuse-old"]);
    assert!(new_bytes(&bench) < first / 10, "but with --reuse-old");
    bench.done(&["key", "rotate", "--yes"]);
    let dry = bench.done(&["backup", "--dry-run"]);
    assert!(dry["points"][0]["new-bytes"].as_u64() > Some(first / 2), "{dry}");
    assert!(new_bytes(&bench) >= first / 2);
    once(&bench);
    bench.done(&["verify"]);
}

/// Killed before home had the new slots: nothing happened, but for a sheet that opens nothing.
#[test]
fn what_was_only_intended_changes_nothing() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let keys = bench.path("vault/keys");
    // Home takes no new file of slots: the step after what is noted fails.
    moved(&bench, "vault/keys", "keys.aside");
    fs::write(&keys, "in the way").expect("writable");
    let ran = bench.engine(&["key", "rotate", "--yes"]);
    assert_eq!(ran.code, 1, "{ran}");
    fs::remove_file(&keys).expect("there");
    moved(&bench, "keys.aside", "vault/keys");
    let listed = bench.done(&["key", "list"]);
    assert_eq!(listed["epoch"], 1, "{listed}");
    assert_eq!(medium(&listed, "usb")["accepts-revoked"], Value::Array(vec![]), "nothing was revoked: {listed}");
    assert_eq!(new_bytes(&bench), 0);
    bench.done(&["key", "rotate", "--yes"]);
    assert!(new_bytes(&bench) >= ALL);
}

/// Killed after home had them and before the catalog: the next command of any kind goes on.
#[test]
fn a_new_epoch_that_only_home_knows_is_brought_everywhere_before_anything_of_it() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let old = bench.text("old sheet");
    fs::copy(bench.path("state/recovery-sheet.txt"), &old).expect("writable");
    for place in ["state", "usb"] {
        copy_tree(&bench, place, &format!("{place}.before"));
    }
    let rotated = bench.done(&["key", "rotate", "--yes"]);
    let new = written(&bench, "new sheet", &fs::read_to_string(as_text(&rotated["sheet"]["text"])).expect("there"));
    for place in ["state", "usb"] {
        copy_tree(&bench, &format!("{place}.before"), place);
    }
    assert!(new_bytes(&bench) >= ALL, "home says which epoch it is");
    once(&bench);
    let _ = opens(&bench, "usb", "--sheet", &new).exits(0);
    let _ = opens(&bench, "usb", "--sheet", &old).exits(1);
    restores_both(&bench, "usb");
}

/// A place where the new slots can't be laid gets nothing that only they open.
#[test]
fn nothing_of_the_new_epoch_lies_where_its_keys_do_not() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    moved(&bench, "usb", "away");
    let rotated = bench.engine(&["--json", "key", "rotate", "--yes"]).exits(3).json();
    bench.done(&["backup"]);
    moved(&bench, "away", "usb");
    moved(&bench, "usb/keys", "keys.aside");
    fs::write(bench.path("usb/keys"), "in the way").expect("writable");
    let ran = bench.engine(&["copy"]);
    assert_ne!(ran.code, 0, "{ran}");
    assert_eq!(sealed(&bench, "usb").iter().map(|it| it.0).collect::<Vec<_>>(), [1]);
    let heads = fs::read_dir(bench.path("usb/heads")).expect("there").flatten();
    for head in heads {
        let (header, _) =
            SealedHeader::decode(&fs::read(head.path()).expect("readable"), SealedKind::Head).expect("whole");
        assert_eq!(header.epoch.0, 1, "no head either");
    }
    fs::remove_file(bench.path("usb/keys")).expect("there");
    moved(&bench, "keys.aside", "usb/keys");
    once(&bench);
    let _ = opens(&bench, "usb", "--sheet", &as_text(&rotated["sheet"]["text"])).exits(0);
    restores_both(&bench, "usb");
}

#[test]
fn after_a_fire_and_after_a_rebuild_points_of_both_epochs_are_there() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let rotated = bench.done(&["key", "rotate", "--yes"]);
    let sheet = written(&bench, "sheet", &fs::read_to_string(as_text(&rotated["sheet"]["text"])).expect("there"));
    once(&bench);
    let ids: Vec<String> = bench.points().iter().map(|point| as_text(&point["id"])).collect();
    fs::remove_file(bench.path("state/catalog.redb")).expect("there");
    bench.done(&["catalog", "rebuild"]);
    once(&bench);
    restores_both(&bench, "usb");
    for place in ["vault", "state"] {
        fs::remove_dir_all(bench.path(place)).expect("there");
    }
    let from = format!("file://{}", bench.text("usb"));
    for id in &ids {
        let to = bench.text(&format!("to {id}"));
        let words = ["recover", "--from", &from, "--sheet", &sheet, "--point", id, "--to", &to];
        let _ = bench.engine(&words).exits(0);
    }
    let rebuilt = bench.engine(&["catalog", "rebuild"]);
    assert!([0, 3].contains(&rebuilt.code), "{rebuilt}");
    let _ = bench.engine(&["verify", "home", "--repair"]);
    restores_both(&bench, "home");
}

/// The whole computer was set back to before: it takes nothing away from what it does not know, and the places tell it.
#[test]
fn a_computer_that_was_set_back_to_the_epoch_before_harms_nothing_and_is_led_to_the_new_one() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    for place in ["vault", "state"] {
        copy_tree(&bench, place, &format!("{place}.before"));
    }
    let rotated = bench.done(&["key", "rotate", "--yes"]);
    let sheet = written(&bench, "sheet", &fs::read_to_string(as_text(&rotated["sheet"]["text"])).expect("there"));
    once(&bench);
    let newest = as_text(&bench.points()[0]["id"]);
    let before = sealed(&bench, "usb");
    for place in ["vault", "state"] {
        copy_tree(&bench, &format!("{place}.before"), place);
    }
    let ran = bench.engine(&["run", "--once"]);
    let after = sealed(&bench, "usb");
    for (epoch, count) in &before {
        assert!(after.iter().any(|(of, now)| of == epoch && now >= count), "{before:?} {after:?} {ran}");
    }
    let _ = opens(&bench, "usb", "--passphrase-file", &bench.text("passphrase")).says(&newest);
    let _ = bench.engine(&["verify", "usb"]).exits(4).says("which are not known here: `engine key list`");
    assert_eq!(epoch(&bench), 2, "it does");
    once(&bench);
    let _ = opens(&bench, "vault", "--sheet", &sheet).exits(0);
    let _ = opens(&bench, "usb", "--sheet", &sheet).exits(0).says(&newest);
    let restored = bench.restored(&newest, "usb", &bench.path("data"));
    assert_eq!(fixtures::same(&bench.path("data"), &restored.path), Vec::<String>::new());
}

/// A service lives on while another process begins a new epoch: what it makes from then on is of that one.
#[test]
fn a_service_that_runs_goes_over_to_the_new_epoch() {
    let bench = crate::harness::bench();
    let foreign = bench.folder("foreign");
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"{}\", settle = \"1s\", grouping = \"ghost\", watch = true }}\n\
         offsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{}\"\n",
        text(&foreign),
        bench.text("usb")
    ));
    bench.done(&["init"]);
    let comes = |name: &str| fs::write(foreign.join(name), fixtures::data::noise(7, BYTES)).expect("writable");
    comes("CF001.v2i");
    let service = bench.begin(&["run"]);
    wait_until("the first is copied", || bench.complete_at("usb").len() == 1);
    bench.done(&["key", "rotate", "--yes"]);
    comes("DF001.v2i");
    wait_until("the second is copied", || bench.complete_at("usb").len() == 2);
    service.signal(rustix::process::Signal::TERM);
    let _ = service.end().exits(0);
    let found = sealed(&bench, "usb");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].1, found[1].1, "one like the other: {found:?}");
    bench.done(&["verify"]);
}

/// Whenever it is killed, one epoch or the other counts, whole, everywhere, and nobody is locked out.
#[test]
fn a_rotation_that_is_killed_at_any_moment_is_one_that_happened_or_one_that_did_not() {
    let bench = prepared(FILES, BYTES, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let mut dice = fixtures::data::Dice::new(17);
    let begun = std::time::Instant::now();
    bench.done(&["key", "rotate", "--yes"]);
    let whole = u64::try_from(begun.elapsed().as_micros()).expect("short");
    let passphrase = bench.text("passphrase");
    let mut last = epoch(&bench);
    for _ in 0..6 {
        let mut rotating = bench.begin(&["key", "rotate", "--yes"]);
        std::thread::sleep(std::time::Duration::from_micros(dice.below(whole)));
        if !rotating.has_ended() {
            rotating.signal(rustix::process::Signal::KILL);
        }
        let _ = rotating.end();
        let now = epoch(&bench);
        assert!(now == last || now == last + 1, "{last}, then {now}");
        last = now;
        once(&bench);
        for place in ["usb", "vault"] {
            let _ = opens(&bench, place, "--passphrase-file", &passphrase).exits(0);
            assert_eq!(fs::read_dir(bench.path(place).join("keys")).expect("there").count(), 1, "{place}");
        }
        let newest = sealed(&bench, "usb").last().expect("points").0;
        assert!(u64::from(newest) == now, "what was made just now is of the epoch that counts");
        restores_as_it_is(&bench, "usb");
    }
    bench.done(&["verify"]);
}
