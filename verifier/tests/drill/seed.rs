//! What came by post restores as anything else: from the destination alone, by the verifier.

use std::fs;

use crate::harness::{bare, drill};
use fixtures::bench::{as_text, text};
use fixtures::data::noise;

#[test]
fn a_point_that_came_by_post_is_restored_by_a_drill_and_the_seed_is_drilled() {
    let bench = bare();
    let data = bench.folder("data");
    for number in 0..3 {
        fs::write(data.join(format!("noise {number}")), noise(number, 200_000)).expect("writable");
    }
    bench.configure_simply("", &[("office", &bench.path("office"), "")]);
    bench.done(&["init"]);
    bench.done(&["backup"]);
    let post = text(&bench.folder("post"));
    bench.done(&["seed", "export", "--destination", "office", "--to", &post]);
    let into = format!("file://{}", bench.text("office"));
    bench.done(&["seed", "absorb", "--from", &post, "--into", &into]);
    let state = || as_text(&bench.done(&["seed", "status"])["seeds"][0]["state"]);
    assert_eq!(state(), "verified");
    bench.done(&["copy"]);
    fs::remove_dir_all(&post).expect("ours");
    let drilled = drill(&bench, &["--destination", "office"]).exits(0).json();
    assert_eq!((&drilled["verdict"], &drilled["drills"][0]["files"]), (&"pass".into(), &3.into()), "{drilled}");
    assert_eq!(state(), "drilled");
}
