//! A point that is built on another one is worth nothing without it.

use std::fs;
use std::path::PathBuf;

use fixtures::Bench;
use fixtures::bench::as_text;
use fixtures::data::noise;

use crate::harness::{bare, burn, drill, flip, manifests, packs};

/// A bench with a chain of three, adopted and copied; and its manifests at `usb`, oldest first.
fn chained() -> (Bench, Vec<PathBuf>) {
    let bench = bare();
    let foreign = bench.folder("data");
    for (seed, name) in (1..).zip(["CF001.v2i", "CF001_i001.iv2i", "CF001_i002.iv2i"]) {
        fs::write(foreign.join(name), noise(seed, 300_000)).expect("writable");
    }
    fs::write(bench.path("passphrase"), fixtures::bench::PASSPHRASE).expect("ours");
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"{0}\", settle = \"1s\", grouping = \"ghost\" }}\n\
         offsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{1}\"\n",
        foreign.display(),
        bench.text("usb"),
    ));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let there = manifests(&bench, "usb");
    assert_eq!(there.len(), 3);
    (bench, there)
}

#[test]
fn a_chain_is_drilled_whole_and_each_of_its_points_is_proved() {
    let (bench, _) = chained();
    let ran = drill(&bench, &["--destination", "usb"]).exits(0);
    let document = ran.json();
    assert_eq!(document["drills"].as_array().map(Vec::len), Some(1), "{ran}");
    assert_eq!((&document["drills"][0]["files"], &document["drills"][0]["verdict"]), (&3.into(), &"pass".into()));
    for point in bench.points() {
        let there = point["copies"].to_string() + &point["placements"].to_string();
        assert!(there.contains("restored") || there.contains("opened"), "{point:#}");
    }
}

#[test]
fn a_point_whose_base_is_not_there_fails_even_after_a_fire() {
    for gone in [0, 1] {
        let (bench, there) = chained();
        let base = there[gone].to_string_lossy().rsplit('-').next().expect("a name").to_owned();
        fs::rename(&there[gone], bench.path("away")).expect("ours");
        for knows in [true, false] {
            if !knows {
                burn(&bench);
            }
            let ran = drill(&bench, &["--destination", "usb"]).exits(4);
            let drilled = ran.json()["drills"][0].clone();
            assert_eq!(drilled["verdict"], "fail", "{ran}");
            let told = drilled["mismatches"].to_string();
            assert!(told.contains("built on"), "{told}");
            assert!(!knows || told.contains(&base), "{told}");
        }
    }
}

#[test]
fn a_point_whose_base_is_damaged_fails_and_names_it() {
    let (bench, there) = chained();
    let newest = as_text(&bench.points()[0]["id"]);
    flip(&there[0]);
    let ran = drill(&bench, &["--destination", "usb"]).exits(4);
    assert_eq!(as_text(&ran.json()["drills"][0]["point"]), newest);
    assert!(ran.json()["drills"][0]["mismatches"].to_string().contains("is built on it"), "{ran}");

    let (bench, there) = chained();
    let base = there[0].to_string_lossy().rsplit('-').next().expect("a name").to_owned();
    packs(&bench, "usb").iter().for_each(|pack| flip(pack));
    let ran = drill(&bench, &["--destination", "usb"]).exits(4);
    assert!(ran.json()["drills"][0]["mismatches"].to_string().contains(&base), "{ran}");
}
