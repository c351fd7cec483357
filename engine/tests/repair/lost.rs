//! What no place has whole any more: it is told at each place where it should be, each time, and never as healed.

use std::fs;

use engine::command::{Exit, Repair, status};
use engine::model::State;

use crate::bench::Bench;

/// Loses the manifest of the older point at every place.
fn lose_the_older_point(bench: &Bench) -> engine::model::PointId {
    let point = bench.catalog().points().expect("read").remove(0);
    for place in ["home", "usb", "office"] {
        let manifests = bench.files(&format!("{place}/points"));
        let its = manifests.iter().find(|path| path.to_string_lossy().ends_with(&point.id.to_string()));
        fs::remove_file(its.expect("its manifest")).expect("removed");
    }
    point.id
}

#[test]
fn a_point_that_is_lost_everywhere_is_told_as_damage_at_home_and_at_each_destination_every_time() {
    let bench = Bench::made();
    let point = lose_the_older_point(&bench);
    for repair in [Repair::No, Repair::Yes, Repair::Yes] {
        let (report, exit) = bench.verify(repair);
        assert_eq!(exit, Exit::Damage);
        for place in &report.places {
            let its: Vec<_> = place.damaged.iter().filter(|object| object.points.contains(&point)).collect();
            assert!(!its.is_empty() && its.iter().all(|object| !object.healed), "{}: {place:?}", place.destination);
        }
        bench.run_once_whatever();
    }
    for (medium, row) in bench.catalog().placements_of(first(&bench)).expect("read") {
        assert_eq!(row.state, State::Missing, "{}", medium.destination);
    }
    let (report, _) = status(&bench.call()).expect("it answers");
    let told = format!("{report:?}");
    assert!(told.contains("missing"), "{told}");
}

fn first(bench: &Bench) -> engine::model::PointOrder {
    bench.catalog().points().expect("read").remove(0).order
}
