//! What a drill finds is known afterwards: to `points`, to `status`, and to `verify --repair`, which heals it.

mod harness;

use std::fs;

use fixtures::Bench;
use fixtures::bench::{as_text, state_at};
use harness::{drill, flip, manifests, packs, protected};

fn states(bench: &Bench, destination: &str) -> Vec<String> {
    bench.points().iter().filter_map(|point| state_at(point, destination)).collect()
}

#[test]
fn a_damaged_pack_is_recorded_for_every_point_that_names_it_and_healed_by_a_repair() {
    let bench = protected(&["usb", "office"]);
    // The first point's data, which the second one names too.
    flip(&packs(&bench, "usb")[0]);
    let ran = drill(&bench, &["--destination", "usb"]).exits(4).says("`engine verify usb --repair`");
    assert_eq!(ran.json()["drills"][0]["notes"].as_array().map(Vec::len), Some(1), "{ran}");
    assert_eq!(states(&bench, "usb"), ["damaged", "damaged"], "{ran}");
    assert_eq!(states(&bench, "office"), ["complete", "complete"]);
    let placement = &bench.points()[0]["placements"];
    let usb = placement.as_array().expect("a list").iter().find(|it| it["destination"] == "usb").expect("known");
    assert_eq!(usb["proof"], "none", "{placement}");
    let status = bench.done(&["status"]);
    assert_eq!(status["jobs"][0]["offsite"], "damaged", "{status:#}");
    let _ = bench.engine(&["verify", "usb", "--repair"]).exits(0);
    assert_eq!(states(&bench, "usb"), ["complete", "complete"]);
    let _ = drill(&bench, &["--destination", "usb", "--strict"]).exits(0);
    assert_eq!(proof_at(&bench, "usb"), "opened");
}

fn proof_at(bench: &Bench, destination: &str) -> String {
    let newest = &bench.points()[0];
    let placements = newest["placements"].as_array().expect("a list");
    as_text(&placements.iter().find(|it| it["destination"] == destination).expect("known")["proof"])
}

#[test]
fn a_missing_manifest_is_recorded_and_brought_back_by_a_repair() {
    let bench = protected(&["usb"]);
    fs::remove_file(&manifests(&bench, "usb")[1]).expect("ours");
    let _ = drill(&bench, &["--destination", "usb"]).exits(4);
    assert_eq!(states(&bench, "usb"), ["missing", "complete"]);
    let _ = bench.engine(&["verify", "usb", "--repair"]).exits(0);
    let _ = drill(&bench, &["--destination", "usb"]).exits(0);
}

#[test]
fn a_file_that_was_broken_at_the_source_is_no_damage_of_the_copy() {
    let bench = protected(&["usb"]);
    let zip = bench.path("data/texts.zip");
    let bytes = fs::read(&zip).expect("readable");
    fs::write(&zip, &bytes[..bytes.len() - 10]).expect("writable");
    bench.done(&["run", "--once"]);
    let _ = drill(&bench, &["--destination", "usb"]).exits(4);
    assert_eq!(states(&bench, "usb"), ["complete"; 3]);
}

#[test]
fn a_drill_beside_the_service_records_too() {
    let bench = protected(&["usb"]);
    let service = bench.begin(&["run"]);
    flip(&packs(&bench, "usb")[0]);
    let _ = drill(&bench, &["--destination", "usb"]).exits(4);
    service.signal(rustix::process::Signal::TERM);
    let _ = service.end().exits(0);
    assert!(states(&bench, "usb").contains(&"damaged".to_owned()), "{:?}", states(&bench, "usb"));
}
