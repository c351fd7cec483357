//! A share as a destination: a real Samba server, mounted by smbnetfs (a FUSE daemon), which stands in for the kernel's
//! own mount. Such a mount has no hard links and no exclusive rename, and tells no free space.
//!
//! The server dies in mid-copy, its disk is full, the share becomes read-only, the daemon dies (every answer is
//! `ENOTCONN`, as `ESTALE` is of NFS) or hangs: nothing is called complete that is not, the other destination is served
//! meanwhile, and `status` says why.
//!
//! Needs root and FUSE; says SKIPPED without.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::destination::{FileStore, Privacy, WriteStore, conformance};
use fixtures::bench::{Ran, Running, as_text, leftovers, objects, state_at, wait_until};
use fixtures::data::noise;
use fixtures::share::Access;
use fixtures::{Bench, Mounted, Share};
use serde_json::Value;

use crate::harness::{bench, restores_as_it_is};

/// All but the rule in which one writer meets another one of the same name: SMB refuses to remove what is open. One
/// writer for each vault is what keeps that from happening.
#[test]
fn a_mounted_share_keeps_the_rules() {
    let Some(share) = Share::new() else { return };
    let mut broken = Vec::new();
    for (number, (rule, test)) in conformance::RULES.into_iter().enumerate() {
        let place = share.path().join(format!("place{number}"));
        let store = FileStore::create_root(&place, Privacy::Umask).expect("made");
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&store as &dyn WriteStore)));
        broken.extend(outcome.is_err().then_some(rule));
    }
    assert_eq!(broken, ["S-4 the first of two writers wins"]);
}

/// A bench with two destinations: `share`, a folder on it, with these lines; and `office` on this disk. One point is at
/// both.
fn on(share: &Share, lines: &str) -> Bench {
    on_at(share, "offsite", lines)
}

/// The same, with the destination in this folder of the share.
fn on_at(share: &Share, folder: &str, lines: &str) -> Bench {
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    fill(&bench, 1, 1);
    let office = bench.path("office");
    bench.configure_simply("", &[("share", &share.path().join(folder), lines), ("office", &office, "")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    bench
}

/// New content, so many MiB, in place of what was there.
fn fill(bench: &Bench, seed: u64, mebibytes: usize) {
    fs::write(bench.path("data/noise"), noise(seed, mebibytes << 20)).expect("writable");
}

fn newest_at(bench: &Bench, place: &str) -> String {
    state_at(&bench.points()[0], place).expect("it is a place of the job")
}

/// What `status` says of the share: one text.
fn told_of_share(bench: &Bench) -> String {
    let status = bench.done(&["status"]);
    let all = status["destinations"].as_array().expect("a list");
    let share = all.iter().find(|destination| destination["destination"] == "share").expect("it is there");
    format!("{} {}", share["reason"], share["problems"])
}

/// Begins a copy and waits until so many bytes have come to the server.
fn begun_copy(bench: &Bench, data: &Path, bytes: u64) -> Running {
    let copy = bench.begin(&["--json", "copy"]);
    let sent = || objects(&data.join("offsite")).iter().map(|(_, bytes)| bytes).sum::<u64>();
    wait_until("the middle of the copy", || sent() > bytes);
    copy
}

/// Catches up, and everything there is as it should be.
fn goes_on(bench: &Bench, data: &Path, points: usize) {
    let _ = bench.engine(&["copy"]).exits(0);
    assert_eq!(bench.complete_at("share").len(), points);
    let _ = bench.engine(&["verify", "share"]).exits(0);
    assert_eq!(leftovers(&data.join("offsite")), Vec::<std::path::PathBuf>::new());
    restores_as_it_is(bench, "share");
}

#[test]
fn a_share_takes_copies_tells_of_them_and_restores() {
    let Some(share) = Share::new() else { return };
    let bench = on(&share, "");
    fill(&bench, 2, 3);
    bench.done(&["run", "--once"]);
    let status = bench.done(&["status"]);
    let told = &status["destinations"][0];
    assert_eq!((&told["available"], &told["free-bytes"]), (&Value::Bool(true), &Value::Null), "{status}");
    goes_on(&bench, &share.data(), 2);
    let first = as_text(&bench.points()[1]["id"]);
    let _ = bench.engine(&["forget", "--point", &first]).exits(0);
    assert_eq!(bench.complete_at("share").len(), 1);
    let _ = bench.engine(&["verify", "share"]).exits(0);
}

#[test]
fn enrolment_finds_out_what_a_mounted_share_can_do() {
    let Some(share) = Share::new() else { return };
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    bench.configure_simply("", &[("share", &share.path().join("offsite"), "reserve = \"1 GiB\"")]);
    let made = bench.done(&["init"]);
    let probe = &made["vaults"][1]["probe"];
    let told = |name: &str| probe[name].as_str();
    assert_eq!((told("renaming"), told("case")), (Some("after a look"), Some("ignored")), "{made}");
    assert_eq!((told("free-space"), told("deletions")), (Some("not told"), Some("allowed")), "{made}");
    assert!(made["warnings"].to_string().contains("give it a `limit`"), "{made}");
    assert_eq!(leftovers(&share.data()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_server_that_dies_in_mid_copy_costs_the_other_destination_nothing_and_the_copy_goes_on_when_it_is_back() {
    let Some(mut share) = Share::new() else { return };
    let bench = on(&share, "rate = \"4 MiB/s\"");
    fill(&bench, 2, 12);
    bench.done(&["backup"]);
    let data = share.data();
    let copy = begun_copy(&bench, &data, 4 << 20);
    share.kill_server();
    let ended = copy.end().exits(3);
    assert!(!ended.err.contains("panicked"), "{ended}");
    assert_eq!(newest_at(&bench, "office"), "complete", "{ended}");
    assert_ne!(newest_at(&bench, "share"), "complete", "{ended}");
    assert_eq!(bench.complete_at("share").len(), 1, "what was there is not doubted: {ended}");
    let told = told_of_share(&bench);
    assert!(told.contains("nput/output error"), "{told}");
    share.serve(Access::Write);
    goes_on(&bench, &data, 2);
}

#[test]
fn a_share_that_becomes_read_only_is_told_and_taken_up_again() {
    let Some(mut share) = Share::new() else { return };
    let bench = on(&share, "");
    share.kill_server();
    share.serve(Access::ReadOnly);
    is_refused_then_taken_up(&bench, &share.data(), || {
        share.kill_server();
        share.serve(Access::Write);
    });
}

#[test]
fn a_share_whose_permissions_are_lost_is_told_and_taken_up_again() {
    use std::os::unix::fs::chown;
    let Some(share) = Share::new() else { return };
    let bench = on(&share, "");
    let vault = share.data().join("offsite");
    let owned_by = |user| {
        ["", "heads", "packs", "points"].iter().for_each(|folder| {
            chown(vault.join(folder), Some(user), None).expect("root");
        })
    };
    owned_by(0);
    is_refused_then_taken_up(&bench, &share.data(), || owned_by(1));
}

/// A copy to a share that can't be written now; then it can be.
fn is_refused_then_taken_up(bench: &Bench, data: &Path, mend: impl FnOnce()) {
    fill(bench, 2, 1);
    let ran = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(newest_at(bench, "office"), "complete", "{ran}");
    assert_ne!(newest_at(bench, "share"), "complete", "{ran}");
    assert_eq!(bench.complete_at("share").len(), 1, "what was there is not doubted: {ran}");
    let told = told_of_share(bench);
    assert!(told.contains("denied") || told.contains("ead-only"), "{told}");
    mend();
    goes_on(bench, data, 2);
}

#[test]
fn a_share_whose_disk_is_full_is_told_the_other_destination_is_served_and_room_is_used_when_there_is_some() {
    let Some(share) = Share::new() else { return };
    let (aside, data) = (tempfile::tempdir().expect("a folder"), share.data().join("disk"));
    let disk = Mounted::small(aside.path(), &data);
    let bench = on_at(&share, "disk/offsite", "evict = \"never\"");
    let other = disk.fill();
    fill(&bench, 2, 6);
    let ran = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(newest_at(&bench, "office"), "complete", "{ran}");
    assert_ne!(newest_at(&bench, "share"), "complete", "{ran}");
    assert_eq!(bench.complete_at("share").len(), 1, "what was there is not doubted: {ran}");
    let told = told_of_share(&bench);
    assert!(told.contains("No space left"), "{told}");
    fs::remove_file(other).expect("there");
    disk.settle();
    goes_on(&bench, &data, 2);
}

#[test]
fn a_mount_whose_daemon_died_is_told_and_nothing_is_written_below_it() {
    let Some(mut share) = Share::new() else { return };
    let bench = on(&share, "");
    fill(&bench, 2, 1);
    share.kill_daemon();
    let ran = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(newest_at(&bench, "office"), "complete", "{ran}");
    let told = told_of_share(&bench);
    assert!(told.contains("not connected") && !told.contains("drive"), "{told}");
    share.unplug();
    let ran = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(bench.complete_at("share").len(), 1, "{ran}");
    share.plug();
    goes_on(&bench, &share.data(), 3);
}

/// `status` answers within its ten seconds, and a little for itself.
fn status_in_time(bench: &Bench) {
    let begun = Instant::now();
    let told = told_of_share(bench);
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    assert!(told.contains("it blocks"), "{told}");
}

#[test]
fn a_mount_that_hangs_holds_up_nobody_else() {
    let Some(share) = Share::new() else { return };
    let bench = on(&share, "rate = \"4 MiB/s\"");
    fill(&bench, 2, 1);
    share.freeze();
    status_in_time(&bench);
    let _ = bench.engine(&["init"]).exits(0).says("it blocks");
    let _ = bench.engine(&["enrol", "share"]).exits(1).says("it blocks");
    let ran = bench.engine(&["run", "--once"]).exits(3).says("it blocks");
    assert_eq!(newest_at(&bench, "office"), "complete", "{ran}");
    share.thaw();
    goes_on(&bench, &share.data(), 2);
}

/// A request of the copy is under way, and the kernel may hold the process until it is answered: then its exit code comes
/// late, but all that it had to say and to keep was said and kept.
#[test]
fn a_mount_that_hangs_in_mid_copy_is_given_up_after_a_minute_and_the_other_destination_has_its_copy_by_then() {
    let Some(share) = Share::new() else { return };
    let bench = on(&share, "rate = \"4 MiB/s\"");
    fill(&bench, 2, 12);
    bench.done(&["backup"]);
    let copy = begun_copy(&bench, &share.data(), 4 << 20);
    share.freeze();
    let begun = Instant::now();
    wait_until("the other destination's copy", || newest_at(&bench, "office") == "complete");
    status_in_time(&bench);
    let ended = ends_within(copy, &share, Duration::from_secs(90).saturating_sub(begun.elapsed())).exits(3);
    assert!(ended.says("has not answered for 60 s").code == 3);
    assert_ne!(newest_at(&bench, "share"), "complete");
    goes_on(&bench, &share.data(), 2);
}

/// Lets the daemon go on when the process has ended, or this time is over.
fn ends_within(mut running: Running, share: &Share, time: Duration) -> Ran {
    let begun = Instant::now();
    while begun.elapsed() < time && !running.has_ended() {
        std::thread::sleep(Duration::from_millis(100));
    }
    share.thaw();
    running.end()
}
