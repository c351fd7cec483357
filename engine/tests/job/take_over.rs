//! A lost computer: another one, that has nothing, becomes the writer of its vault.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fixtures::bench::{objects, text};
use fixtures::{Bench, Ran, same};

use crate::harness::prepared;

/// A bench whose job has a point at home and at `usb`.
fn lost() -> Bench {
    let bench = prepared(4, 100_000, "expect = \"26h\"", &["usb"]);
    bench.done(&["run", "--once"]);
    bench
}

/// A computer that has nothing, not even the passphrase.
fn empty() -> Bench {
    let bench = crate::harness::bench();
    fs::remove_file(bench.path("passphrase")).expect("there");
    bench
}

/// Takes over what is at `usb`; every word is an option more.
fn take_over(new: &Bench, usb: &Path, words: &[&str]) -> Ran {
    let url = format!("file://{}", usb.display());
    new.engine(&[&["recover", "--from", &url, "--take-over", "--json"], words].concat())
}

/// The old computer's data is where the job looks for it, from the drive.
fn gets_its_data_back(new: &Bench, old: &Bench) {
    new.done(&["verify", "home", "--repair"]);
    for place in ["home", "usb"] {
        let restored = new.restored("data", place, &old.path("data"));
        assert_eq!(same(&old.path("data"), &restored.path), Vec::<String>::new());
    }
    let restored = new.restored("data", "usb", &old.path("data"));
    fs::rename(&restored.path, new.path("data")).expect("one file system");
}

#[test]
fn a_computer_that_has_nothing_goes_on_in_the_place_of_one_that_is_lost_which_is_fenced_off() {
    let (old, new) = (lost(), empty());
    let taken = take_over(&new, &old.path("usb"), &["--passphrase-file", &old.text("passphrase")]).exits(0).json();
    assert_eq!(taken["taken-over"]["configuration"], new.text("offsite.toml"), "{taken}");
    assert!(taken["taken-over"]["epoch"].as_u64() > Some(1), "{taken}");
    let written = fs::read_to_string(new.path("offsite.toml")).expect("written");
    assert!(written.contains(&fs::read_to_string(old.path("offsite.toml")).expect("there")), "as it was: {written}");
    assert_eq!(fs::read(new.path("passphrase")).expect("written"), fs::read(old.path("passphrase")).expect("there"));
    assert_eq!(new.complete_at("usb").len(), 0, "what was not read back is not called complete");

    gets_its_data_back(&new, &old);
    fs::write(new.path("data/theirs"), b"of the new computer").expect("writable");
    new.done(&["run", "--once"]);
    assert_eq!(new.complete_at("usb").len(), 2, "the one from before, and a new one");
    new.done(&["verify"]);

    let before = objects(&old.path("usb"));
    fs::write(old.path("data/ours"), b"of the old computer, found again").expect("writable");
    let _ = old.engine(&["run", "--once"]).exits(3).says("fenced");
    let _ = old.engine(&["status"]).exits(0).says("fenced");
    assert_eq!(before, objects(&old.path("usb")), "the fenced one wrote");
}

#[test]
fn the_sheet_alone_is_enough_and_the_drive_may_stand_elsewhere() {
    let (old, new) = (lost(), empty());
    let sheet = old.text("state/recovery-sheet.txt");
    let usb = new.path("elsewhere");
    fs::rename(old.path("usb"), &usb).expect("one file system");
    let asks = take_over(&new, &usb, &["--sheet", &sheet]).exits(2);
    assert!(asks.out.contains("--new-passphrase-file"), "{asks}");
    assert!(!new.path("offsite.toml").exists() && !new.path("vault").exists(), "nothing was written");

    fs::write(new.path("mine"), "another passphrase\n").expect("writable");
    let words = ["--sheet", &sheet, "--new-passphrase-file", &new.text("mine")];
    let _ = take_over(&new, &usb, &words).exits(0);
    let written = fs::read_to_string(new.path("offsite.toml")).expect("written");
    assert!(written.contains(&format!("url = \"file://{}\"", text(&usb))), "{written}");
    assert!(written.contains("expect = \"26h\""), "all else is as it was: {written}");
    let usb = |words: &[&str]| new.engine(&[&["recover", "--from", &format!("file://{}", text(&usb))], words].concat());
    let _ = usb(&["--passphrase-file", &new.text("mine")]).exits(0);
    let _ = usb(&["--passphrase-file", &old.text("passphrase")]).exits(0);
    gets_its_data_back(&new, &old);
    new.done(&["run", "--once"]);
    assert_eq!(new.complete_at("usb").len(), 2);
}

/// On a terminal, which `script` stands in for.
#[test]
fn who_gives_no_secret_is_asked_for_the_passphrase_or_the_letters_of_the_sheet() {
    let old = lost();
    let sheet = fs::read_to_string(old.path("state/recovery-sheet.txt")).expect("written by init");
    let letters =
        sheet.lines().map(str::trim).find(|line| line.matches('-').count() == 8).expect("36 letters").to_owned();
    let command = format!("{} recover --from file://{}", env!("CARGO_BIN_EXE_engine"), old.text("usb"));
    for (typed, code) in [(fixtures::bench::PASSPHRASE, 0), (&letters, 0), ("neither of them", 1)] {
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(old.path("usb"));
        let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("util-linux has it");
        let mut keyboard = terminal.stdin.take().expect("piped");
        keyboard.write_all(format!("{typed}\n").as_bytes()).expect("it listens");
        let ended = terminal.wait_with_output().expect("our child");
        drop(keyboard);
        let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{typed}: {shown}");
        assert!(shown.contains("recovery sheet's letters"), "{shown}");
    }
}

#[test]
fn what_does_not_open_or_does_not_fit_writes_nothing() {
    let (old, new) = (lost(), empty());
    let before = objects(&old.path("usb"));
    fs::write(new.path("wrong"), "no passphrase of theirs").expect("writable");
    let wrong = new.text("wrong");
    let _ = take_over(&new, &old.path("usb"), &["--passphrase-file", &wrong]).exits(1);
    let _ = take_over(&new, &new.path("nowhere"), &["--passphrase-file", &old.text("passphrase")]).exits(1);
    let passphrase = old.text("passphrase");
    fs::write(new.path("offsite.toml"), format!("[key]\npassphrase-file = \"{passphrase}\"\n")).expect("writable");
    let foreign = take_over(&new, &old.path("usb"), &["--passphrase-file", &passphrase]).exits(2);
    assert!(foreign.out.contains("is not one of this vault"), "{foreign}");
    new.configure_simply("", &[("usb", &old.path("usb"), "")]);
    fs::write(new.path("passphrase"), "not the right one").expect("writable");
    let _ = take_over(&new, &old.path("usb"), &["--passphrase-file", &passphrase]).exits(1);
    assert!(!new.path("vault").exists() && !new.path("state").exists(), "nothing was made");
    assert_eq!(before, objects(&old.path("usb")));
    old.done(&["run", "--once"]);
}

/// Releases before this one left no configuration in their heads.
#[test]
fn a_vault_that_carries_no_configuration_is_taken_over_with_one_of_the_place_alone() {
    let (old, new) = (lost(), empty());
    let heads = old.path("usb/heads");
    fs::remove_dir_all(&heads).expect("there");
    let taken = take_over(&new, &old.path("usb"), &["--passphrase-file", &old.text("passphrase")]);
    assert!([0, 3].contains(&taken.code), "{taken}");
    let written = fs::read_to_string(new.path("offsite.toml")).expect("written");
    assert!(written.contains("[destination.vault]") && written.contains("write [job.NAME] sections"), "{written}");
    assert_eq!(new.points().len(), 1);
}

/// A drive that was away when the passphrase was changed knows nothing of that; another destination does.
#[test]
fn a_take_over_from_a_place_that_missed_a_change_does_not_bring_a_revoked_passphrase_back() {
    let (old, new) = (prepared(4, 100_000, "", &["usb", "nas"]), empty());
    old.done(&["run", "--once"]);
    fs::rename(old.path("usb"), old.path("in the safe")).expect("one file system");
    fs::write(old.path("second"), "a better passphrase").expect("writable");
    let _ = old.engine(&["key", "change", "--new-passphrase-file", &old.text("second")]).exits(3);
    fs::rename(old.path("in the safe"), old.path("usb")).expect("one file system");
    let revoked = take_over(&new, &old.path("usb"), &["--passphrase-file", &old.text("passphrase")]).exits(1);
    assert!(revoked.out.contains("was revoked") && !new.path("offsite.toml").exists(), "{revoked}");
    fs::write(new.path("mine"), "another passphrase").expect("writable");
    let sheet = old.text("state/recovery-sheet.txt");
    let words = ["--sheet", &sheet, "--new-passphrase-file", &new.text("mine")];
    let _ = take_over(&new, &old.path("usb"), &words).exits(0);
    new.done(&["verify", "home", "--repair"]);
    for place in ["usb", "nas"] {
        let url = format!("file://{}", old.text(place));
        for (passphrase, code) in [(new.text("mine"), 0), (old.text("second"), 0), (old.text("passphrase"), 1)] {
            let _ = new.engine(&["recover", "--from", &url, "--passphrase-file", &passphrase]).exits(code);
        }
    }
}

/// Killed while the home vault is made, it can be done again.
#[test]
fn a_take_over_that_was_killed_is_done_again() {
    let (old, new) = (lost(), empty());
    let words = ["--passphrase-file", &old.text("passphrase")];
    // As a kill leaves it: the text of an identity that nothing has.
    fs::create_dir_all(new.path("vault")).expect("makable");
    fs::write(new.path("vault/RESTORE.txt"), "This folder is a vault of an identity that nobody has.")
        .expect("writable");
    fs::write(new.path("passphrase.tmp"), "").expect("writable");
    let _ = take_over(&new, &old.path("usb"), &words).exits(0);
    let text = fs::read_to_string(new.path("vault/RESTORE.txt")).expect("written");
    assert!(text.contains("engine recover --from"), "{text}");
}
