//! Damage of every kind to every kind of object at a destination: no drill passes, and none is called a mere absence.
//! Whoever has the vault afterwards finds it as it was damaged: a drill repairs nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{drill, protected};
use fixtures::Bench;
use fixtures::bench::{objects, text};
use fixtures::data::inventory;

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Delete,
    Truncate,
    Flip,
    /// Another valid object of its kind lies under its name.
    Swap,
}

const HARMS: [Harm; 4] = [Harm::Delete, Harm::Truncate, Harm::Flip, Harm::Swap];

impl Harm {
    fn befalls(self, victim: &Path, other: &Path) {
        let held = fs::read(victim).expect("readable");
        if self == Self::Delete {
            return fs::remove_file(victim).expect("ours");
        }
        let harmed = match self {
            Self::Delete => unreachable!("done above"),
            Self::Truncate => held[..held.len() / 2].to_vec(),
            Self::Flip => {
                let mut flipped = held.clone();
                flipped[held.len() / 2] ^= 0x10;
                flipped
            }
            Self::Swap => fs::read(other).expect("readable"),
        };
        assert_ne!(harmed, held, "{self:?} of {} changes it", victim.display());
        fs::set_permissions(victim, fs::Permissions::from_mode(0o644)).expect("ours");
        fs::write(victim, harmed).expect("ours");
    }
}

/// Each harm to these files, one after the other, each on a sound copy of the vault; `others` are swapped in.
fn each_harm_is_found(bench: &Bench, victims: &[PathBuf], others: &[PathBuf]) {
    for harm in HARMS {
        let good = bench.path("usb.good");
        copy(&bench.path("usb"), &good);
        for (victim, other) in victims.iter().zip(others) {
            harm.befalls(victim, other);
        }
        let harmed = inventory(&bench.path("usb")).expect("readable");
        let ran = drill(bench, &["--destination", "usb"]);
        assert_eq!(ran.code, 4, "{harm:?} of {victims:?}: {ran}");
        assert_eq!(ran.json()["verdict"], "fail", "{harm:?} of {victims:?}: {ran}");
        assert!(inventory(&bench.path("scratch")).expect("readable").is_empty(), "{harm:?}: scratch is cleaned up");
        let after: Vec<_> = inventory(&bench.path("usb")).expect("readable");
        let after: Vec<_> = after.into_iter().filter(|(path, _)| !path.starts_with("drills")).collect();
        assert!(harmed.iter().filter(|(path, _)| !path.starts_with("drills")).eq(&after), "{harm:?}: repaired nothing");
        fs::remove_dir_all(bench.path("usb")).expect("ours");
        fs::rename(&good, bench.path("usb")).expect("ours");
    }
    let _ = drill(bench, &["--destination", "usb", "--strict"]).exits(0);
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().expect("cp").success());
}

/// The packs that only the newest point needs, smallest first: one of its entries, one of its data.
fn packs_of_newest(bench: &Bench) -> Vec<PathBuf> {
    let mut packs: Vec<_> =
        objects(&bench.path("usb")).into_iter().filter(|(path, _)| text(path).contains("/packs/")).collect();
    packs.sort_by_key(|(path, _)| fs::metadata(path).and_then(|meta| meta.modified()).expect("there"));
    let mut newest = packs.split_off(packs.len() - 2);
    newest.sort_by_key(|(_, bytes)| *bytes);
    newest.into_iter().map(|(path, _)| path).collect()
}

/// Oldest first.
fn manifests(bench: &Bench) -> Vec<PathBuf> {
    let all = objects(&bench.path("usb")).into_iter().map(|(path, _)| path);
    all.filter(|path| text(path).contains("/points/")).collect()
}

fn keys(vault: &Path) -> PathBuf {
    let mut entries = fs::read_dir(vault.join("keys")).expect("readable");
    entries.next().expect("a keys file").expect("readable").path()
}

#[test]
fn harm_to_a_pack_of_data_is_found() {
    let bench = protected(&["usb"]);
    let packs = packs_of_newest(&bench);
    each_harm_is_found(&bench, &packs[1..], &packs[..1]);
}

#[test]
fn harm_to_a_pack_of_entries_is_found() {
    let bench = protected(&["usb"]);
    let packs = packs_of_newest(&bench);
    each_harm_is_found(&bench, &packs[..1], &packs[1..]);
}

#[test]
fn harm_to_a_manifest_is_found_and_an_older_good_point_hides_nothing() {
    let bench = protected(&["usb"]);
    let manifests = manifests(&bench);
    assert_eq!(manifests.len(), 2);
    each_harm_is_found(&bench, &manifests[1..], &manifests[..1]);
}

#[test]
fn harm_to_both_identity_files_is_found() {
    let (bench, foreign) = (protected(&["usb"]), protected(&["usb"]));
    let both = |bench: &Bench| ["VAULT", "VAULT.copy"].map(|name| bench.path("usb").join(name));
    each_harm_is_found(&bench, &both(&bench), &both(&foreign));
}

#[test]
fn harm_to_the_keys_is_found() {
    let (bench, foreign) = (protected(&["usb"]), protected(&["usb"]));
    each_harm_is_found(&bench, &[keys(&bench.path("usb"))], &[keys(&foreign.path("usb"))]);
}

#[test]
fn a_destination_set_back_to_an_older_state_is_found() {
    let bench = protected(&["usb"]);
    copy(&bench.path("usb"), &bench.path("stale"));
    fs::write(bench.path("data/noise 1"), b"newer").expect("writable");
    bench.done(&["run", "--once"]);
    fs::remove_dir_all(bench.path("usb")).expect("ours");
    fs::rename(bench.path("stale"), bench.path("usb")).expect("ours");
    let ran = drill(&bench, &["--destination", "usb"]);
    assert_eq!(ran.code, 4, "every object there is sound, and the newest point is not there: {ran}");
}
