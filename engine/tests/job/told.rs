//! What a command comes to is told as it is: what was refused is not called sound, what is in the way is named, what an
//! ordinary user can't do is no failure, and a dry run says what the real one would.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{bench, prepared};
use engine::catalog::locks::{LockName, Wait, WorkLock};
use fixtures::Bench;
use fixtures::bench::{Ran, as_text, text};
use fixtures::data::{inventory, noisy_files};
use serde_json::Value;

/// An ordinary user, and all of the bench is his.
struct Nobody<'b> {
    bench: &'b Bench,
    engine: String,
}

impl<'b> Nobody<'b> {
    /// None where only root could become him.
    fn of(bench: &'b Bench) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root can become another user");
            return None;
        }
        let engine = bench.path("engine");
        fs::copy(env!("CARGO_BIN_EXE_engine"), &engine).expect("copied");
        chown("65534:65534", &bench.path(""));
        Some(Self { bench, engine: text(&engine) })
    }

    fn engine(&self, words: &[&str]) -> Ran {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let mut command = Command::new("setpriv");
        command.current_dir(self.bench.path("")).env("HOME", self.bench.path("")).args(user).arg(&self.engine);
        Ran::of(command.arg("--config").arg(self.bench.path("offsite.toml")).args(words))
    }
}

fn chown(owner: &str, path: &Path) {
    assert!(Command::new("chown").args(["-hR", owner]).arg(path).status().expect("chown").success());
}

/// Files below a folder of a place, sorted.
fn files(bench: &Bench, below: &str) -> Vec<PathBuf> {
    let folder = bench.path(below);
    let all = inventory(&folder).expect("readable");
    all.into_iter().filter(|(_, content)| content.is_some()).map(|(path, _)| folder.join(path)).collect()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}

/// The drive is too small for a pack that an older point began and mostly has for itself: what is said to do helps.
#[test]
fn a_point_that_is_too_large_for_what_it_shares_with_older_ones_is_not_said_to_fit_never() {
    let bench = bench();
    noisy_files(&bench.path("data"), 1, 9, 1 << 20).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "limit = \"12 MiB\"")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    (1..9).for_each(|number| fs::remove_file(bench.path(&format!("data/{number}"))).expect("there"));
    noisy_files(&bench.path("data/more"), 100, 6, 1 << 20).expect("writable");
    bench.done(&["backup"]);
    let _ = bench.engine(&["copy"]).exits(3).says("does not fit on usb");
    let status = bench.engine(&["status"]).exits(0);
    let words = [
        "it needs 15.0 MiB, 9.0 MiB of it in packs with data of older points",
        "12.0 MiB is the most",
        "engine forget",
    ];
    words.iter().for_each(|words| assert!(status.out.contains(words), "`{words}` is not in {status}"));
    assert!(!status.out.contains("never"), "{status}");
    for point in bench.points() {
        let _ = bench.engine(&["forget", "--point", &as_text(&point["id"])]).exits(0);
    }
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("usb").len(), 1);

    noisy_files(&bench.path("data/most"), 200, 13, 1 << 20).expect("writable");
    let _ = bench.engine(&["run", "--once"]).exits(3);
    let _ = bench.engine(&["status"]).exits(0).says("never fits on usb");
}

#[test]
fn what_a_place_refuses_is_told_and_hides_no_damage_behind_it() {
    let bench = prepared(3, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    fs::write(bench.path("data/more"), b"more").expect("writable");
    bench.done(&["run", "--once"]);
    let Some(nobody) = Nobody::of(&bench) else { return };
    let packs = files(&bench, "usb/packs");
    let (refused, damaged) = (&packs[0], &packs[1]);
    chown("0:0", refused);
    fs::set_permissions(refused, fs::Permissions::from_mode(0o600)).expect("ours");

    let only_refused = nobody.engine(&["--json", "verify", "usb"]).exits(3).json();
    assert_eq!((list(&only_refused["places"]).len(), list(&only_refused["not-there"]).len()), (1, 0), "{only_refused}");
    let place = &only_refused["places"][0];
    assert_eq!(list(&place["damaged"]).len(), 0, "{place}");
    let [unread] = list(&place["unread"]) else { panic!("{place}") };
    assert!(refused.ends_with(as_text(&unread["object"])), "{place}");
    assert_eq!(unread["problem"], "could not be read: permission denied");
    let people = nobody.engine(&["verify", "usb"]).exits(3).says("1 could not be read");
    assert!(!people.out.contains("sound"), "{people}");
    assert_eq!(bench.complete_at("usb").len(), 2, "what is not known stays as it was");

    let length = fs::metadata(damaged).expect("there").len();
    flip(damaged);
    assert_eq!(fs::metadata(damaged).expect("there").len(), length);
    let both = nobody.engine(&["--json", "verify", "usb"]).exits(4).json();
    let place = &both["places"][0];
    assert_eq!((list(&place["unread"]).len(), list(&place["damaged"]).len()), (1, 1), "{place}");
    assert!(damaged.ends_with(as_text(&place["damaged"][0]["object"])), "{place}");
    let repaired = nobody.engine(&["--json", "verify", "usb", "--repair"]).exits(3).json();
    let place = &repaired["places"][0];
    assert_eq!((&place["damaged"][0]["healed"], list(&place["unread"]).len()), (&Value::Bool(true), 1), "{place}");
}

#[test]
fn an_ordinary_user_restores_what_others_own_without_a_problem() {
    let bench = prepared(2, 1000, "", &["usb"]);
    let special = bench.path("data/set-id");
    fs::write(&special, b"x").expect("writable");
    fs::set_permissions(&special, fs::Permissions::from_mode(0o4755)).expect("ours");
    bench.done(&["run", "--once"]);
    let Some(nobody) = Nobody::of(&bench) else { return };
    let restored = nobody.engine(&["--json", "restore", "data", "--to", "back"]).exits(0).json();
    assert_eq!(list(&restored["problems"]).len(), 0, "{restored}");
    assert!(restored["kept-by-restorer"].as_u64().is_some_and(|kept| kept >= 3), "{restored}");
    let below = special.strip_prefix("/").expect("absolute");
    let made = fs::metadata(bench.path("back").join(below)).expect("restored");
    assert_eq!((made.uid(), made.mode() & 0o7777), (65534, 0o755), "no set-id bit for another owner");
    let _ = nobody.engine(&["restore", "data", "--to", "again"]).exits(0).says("only root can restore");

    let usb = format!("file://{}", bench.text("usb"));
    let from = ["recover", "--from", &usb, "--passphrase-file", "passphrase", "--to"];
    let _ = nobody.engine(&[&from[..], &["recovered"]].concat()).exits(0);
    chown("12345:12345", &bench.path("data"));
    let _ = bench.engine(&["run", "--once"]).exits(0);
    let owner = |to: &str| fs::metadata(bench.path(to).join(below)).expect("restored").uid();
    let _ = bench.engine(&[&from[..], &["theirs"]].concat()).exits(0);
    let _ =
        bench.engine(&[&from[..], &["ours", "--no-owner", "--path", &text(&bench.path("data/0"))]].concat()).exits(0);
    let plain = |to: &str| {
        let path = bench.path(to).join(bench.path("data/0").strip_prefix("/").expect("absolute"));
        fs::metadata(path).expect("restored").uid()
    };
    assert_eq!((owner("theirs"), plain("theirs"), plain("ours")), (12345, 12345, 0));
}

/// The lock of a destination's medium, as another process at work there holds it.
fn at_work(bench: &Bench, destination: &str) -> WorkLock {
    let vaults = bench.done(&["init"])["vaults"].clone();
    let its = list(&vaults).iter().find(|vault| vault["destination"] == destination).expect("known");
    let medium = as_text(&its["medium"]).parse().expect("an id");
    WorkLock::acquire(&bench.path("state/locks"), &LockName::Medium(medium), Wait::No).expect("free")
}

#[test]
fn who_does_not_wait_is_told_that_nothing_was_done_or_what_was_done_elsewhere() {
    let bench = prepared(2, 1000, "", &["usb", "office"]);
    bench.done(&["backup"]);
    let busy = at_work(&bench, "usb");
    for words in [&["copy", "--destination", "usb"][..], &["verify", "usb"]] {
        let ran = bench.engine(&[&["--json", "--no-wait"], words].concat()).exits(1);
        let error = ran.json()["error"].clone();
        assert!(as_text(&error["why"]).contains("in use by process"), "{words:?}: {ran}");
        assert!(as_text(&error["do"]).contains("--no-wait"), "{words:?}: {ran}");
    }
    let copied = bench.engine(&["--json", "--no-wait", "copy"]).exits(3).json();
    let at =
        |name: &str| list(&copied["copies"]).iter().find(|copy| copy["destination"] == name).expect("told").clone();
    assert_eq!(at("office")["state"], "complete", "{copied}");
    assert!(as_text(&at("usb")["reason"]).contains("in use"), "{copied}");
    let _ = bench.engine(&["--json", "--no-wait", "copy"]).exits(1);
    let verified = bench.engine(&["--json", "--no-wait", "verify"]).exits(3).json();
    assert_eq!((list(&verified["places"]).len(), list(&verified["not-there"]).len()), (2, 1), "{verified}");
    let ran = bench.engine(&["--json", "--no-wait", "run", "--once"]).exits(3).json();
    assert_eq!(list(&ran["points"]).len(), 1, "a point was made, if no copy of it at usb");
    drop(busy);
    bench.done(&["--no-wait", "copy"]);
}

#[test]
fn a_dry_run_says_what_would_be_read_and_refuses_what_the_real_one_refuses() {
    let bench = prepared(4, 1 << 20, "", &["usb"]);
    let point = bench.done(&["backup", "--dry-run"])["points"][0].clone();
    assert!(point["id"].is_null(), "{point}");
    assert_eq!((point["bytes"].as_u64(), point["new-bytes"].as_u64()), (Some(4 << 20), Some(4 << 20)), "{point}");
    let _ = bench.engine(&["--quiet", "backup", "--dry-run"]).exits(0).says("at most 4.0 MiB of it new");
    let whole = fs::read_to_string(bench.path("offsite.toml")).expect("ours");
    fs::write(bench.path("offsite.toml"), format!("{whole}\n[home]\nlimit = \"2 MiB\"\n")).expect("ours");
    let (real, dry) = (bench.engine(&["backup"]).exits(1), bench.engine(&["backup", "--dry-run"]).exits(1));
    let why = |ran: &Ran| ran.err.lines().find(|line| line.contains("bytes are needed")).map(str::to_owned);
    assert!(why(&real).is_some() && why(&real) == why(&dry), "{real}\n{dry}");
    assert!(bench.points().is_empty());
}

#[test]
fn a_dry_copy_to_one_place_tells_of_that_place() {
    let bench = prepared(2, 1000, "", &["usb", "office"]);
    bench.done(&["backup"]);
    let mut whole = places_of(&bench, &[]);
    whole.sort_unstable();
    assert_eq!(whole, ["office:", "usb:"]);
    assert_eq!(places_of(&bench, &["--destination", "usb"]), ["usb:"]);
}

fn places_of(bench: &Bench, words: &[&str]) -> Vec<String> {
    let told = bench.done(&[&["copy", "--dry-run"], words].concat());
    let lines = list(&told["plan"]).iter().map(as_text);
    lines.filter(|line| line.ends_with(':') && !line.starts_with(' ')).collect()
}

#[test]
fn a_file_of_patterns_is_checked_before_anything_is_done() {
    let bench = prepared(1, 100, "", &["usb"]);
    let whole = fs::read_to_string(bench.path("offsite.toml")).expect("ours");
    let with = |file: &str| whole.replace("[\"data\"]", &format!("[\"data\"], exclude-file = \"{file}\""));
    fs::write(bench.path("patterns"), "*.tmp\n[\n").expect("ours");
    for file in ["missing", "patterns"] {
        fs::write(bench.path("offsite.toml"), with(file)).expect("ours");
        for words in [&["backup"][..], &["backup", "--dry-run"], &["run", "--once"], &["init"]] {
            let _ = bench.engine(words).exits(2).says("offsite.toml:5:47: ");
        }
        assert!(bench.points().is_empty(), "and nothing else stops for it");
    }
}

#[test]
fn a_vault_that_lost_its_name_is_told_and_gets_it_back_from_its_heads() {
    let bench = prepared(2, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    for place in ["usb", "vault"] {
        let name = if place == "usb" { "usb" } else { "home" };
        for file in ["VAULT", "VAULT.copy"] {
            fs::remove_file(bench.path(place).join(file)).expect("there");
        }
        if name == "usb" {
            let status = bench.done(&["status"]);
            let reason = as_text(&status["destinations"][0]["reason"]);
            assert!(reason.contains("`engine verify usb --repair`"), "{reason}");
        } else {
            fs::rename(bench.path("usb"), bench.path("away")).expect("no other place has the keys");
        }
        let found = bench.engine(&["--json", "verify", name]).exits(4).json();
        let damaged: Vec<_> = list(&found["places"][0]["damaged"]).iter().map(|it| as_text(&it["object"])).collect();
        assert_eq!(damaged, ["VAULT", "VAULT.copy"], "{found}");
        let _ = bench.engine(&["verify", name, "--repair"]).exits(0);
        let _ = bench.engine(&["verify", name]).exits(0).says("all sound");
        assert!(bench.path(place).join("VAULT.copy").exists());
    }
    fs::rename(bench.path("away"), bench.path("usb")).expect("back");
    crate::harness::restores_as_it_is(&bench, "usb");
    crate::harness::restores_as_it_is(&bench, "home");
}

#[test]
fn another_vault_without_a_name_gets_none_of_ours() {
    let (ours, theirs) = (prepared(1, 100, "", &["usb"]), prepared(1, 100, "", &["usb"]));
    ours.done(&["run", "--once"]);
    theirs.done(&["run", "--once"]);
    fs::rename(ours.path("usb"), ours.path("away")).expect("moved");
    let copied = Command::new("cp").arg("-a").args([theirs.path("usb"), ours.path("usb")]).status();
    assert!(copied.expect("cp").success());
    for file in ["VAULT", "VAULT.copy"] {
        fs::remove_file(ours.path("usb").join(file)).expect("there");
    }
    let before = inventory(&ours.path("usb")).expect("readable");
    let _ = ours.engine(&["verify", "usb", "--repair"]).exits(3).says("it is not certain which vault lies there");
    assert!(before == inventory(&ours.path("usb")).expect("readable"), "it was written");
}

#[test]
fn a_full_place_says_so_where_its_copies_wait() {
    let bench = bench();
    fixtures::data::noisy_files(&bench.path("data"), 1, 2, 100_000).expect("writable");
    let lines = "limit = \"300 KiB\"\nevict = \"never\"";
    bench.configure_simply("", &[("usb", &bench.path("usb"), lines)]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    fixtures::data::noisy_files(&bench.path("data"), 70, 2, 100_000).expect("writable");
    let _ = bench.engine(&["run", "--once"]).exits(3);
    let copied = bench.engine(&["--json", "copy"]).exits(3).json();
    let reason = as_text(&copied["copies"][0]["reason"]);
    assert!(reason.contains("usb is full") && reason.contains("evict = \"never\""), "{copied}");
    let quiet = bench.engine(&["--quiet", "copy"]).exits(3).says("usb is full");
    assert_eq!(quiet.out, "", "{quiet}");
}

#[test]
fn a_name_that_does_not_exist_is_told_with_what_to_do() {
    let bench = prepared(1, 100, "", &["usb"]);
    for (words, what) in [
        (&["backup", "nonsense"][..], "there is no job `nonsense`"),
        (&["copy", "--destination", "nonsense"], "there is no destination `nonsense`"),
        (&["verify", "nonsense"], "there is no destination `nonsense`"),
    ] {
        let error = bench.engine(&[&["--json"], words].concat()).exits(2).json()["error"].clone();
        assert_eq!(error["what"], what);
        assert!(!as_text(&error["why"]).is_empty() && !as_text(&error["do"]).is_empty(), "{error}");
    }
    fs::remove_file(bench.path("passphrase")).expect("there");
    let error = bench.engine(&["--json", "backup"]).exits(1).json()["error"].clone();
    assert!(as_text(&error["do"]).contains("[key]"), "{error}");
}

#[test]
fn a_job_named_twice_is_backed_up_once() {
    let bench = prepared(1, 100, "", &["usb"]);
    assert_eq!(list(&bench.done(&["backup", "data", "data"])["points"]).len(), 1);
    assert_eq!(bench.points().len(), 1);
}

#[test]
fn looking_before_anything_was_prepared_makes_nothing() {
    let bench = bench();
    bench.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    for words in [&["status"][..], &["points"], &["verify"], &["ls", "data"]] {
        let _ = bench.engine(words).exits(1).says("engine init");
    }
    assert!(!bench.path("state").exists());
}

#[test]
fn quiet_prints_no_results_and_still_prints_what_was_asked_for() {
    let bench = prepared(1, 100, "", &["usb"]);
    for words in [&["init"][..], &["backup"], &["copy"], &["run", "--once"], &["verify"]] {
        let ran = bench.engine(&[&["--quiet"], words].concat()).exits(0);
        assert_eq!(ran.out, "", "{words:?}");
        let warned = ran.err.lines().filter(|line| !line.contains("on the same disk")).count();
        assert_eq!(warned, 0, "{words:?}: {ran}");
    }
    for words in [&["points"][..], &["status"], &["explain"], &["ls", "data"], &["--json", "verify"]] {
        assert!(!bench.engine(&[&["--quiet"], words].concat()).exits(0).out.is_empty(), "{words:?}");
    }
    let _ = bench.engine(&["backup", "--help"]).exits(0).says("no result of init, backup, copy");
}

#[test]
fn an_empty_source_is_told_as_that_and_not_as_a_matter_of_permissions() {
    let bench = prepared(1, 100, "", &["usb"]);
    bench.done(&["run", "--once"]);
    fs::remove_file(bench.path("data/0")).expect("there");
    let ran = bench.engine(&["backup"]).exits(3).says("  the source of data is empty");
    assert!(!ran.out.contains(" : ") && !ran.err.contains(": : "), "{ran}");
    let problems = bench.done(&["status"])["jobs"][0]["problems"].to_string();
    assert!(problems.contains("the source of data is empty") && !problems.contains("permissions"), "{problems}");
}

#[test]
fn status_tells_how_far_the_newest_point_at_each_place_was_shown_to_be_good() {
    let bench = prepared(3, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let proofs = || bench.done(&["status"])["jobs"][0]["proofs"].as_array().expect("proofs").clone();
    let told = |proofs: &[Value]| -> Vec<(String, String, String)> {
        let text = |it: &Value, key: &str| as_text(&it[key]);
        proofs.iter().map(|it| (text(it, "destination"), text(it, "point"), text(it, "proof"))).collect()
    };
    let newest = || bench.done(&["points"])["points"][0].clone();
    let (first, home) = (as_text(&newest()["id"]), as_text(&newest()["placements"][0]["proof"]));
    let of = |place: &str, point: &str, proof: &str| (place.to_owned(), point.to_owned(), proof.to_owned());
    assert_eq!(told(&proofs()), [of("home", &first, &home), of("usb", &first, "bytes-read")]);
    fs::write(bench.path("data/another"), "newer").expect("writable");
    bench.done(&["backup"]);
    let (second, now) = (as_text(&newest()["id"]), told(&proofs()));
    assert_ne!(first, second);
    assert_eq!(now, [of("home", &second, &home), of("usb", &first, "bytes-read")], "the newest that is there");
}
