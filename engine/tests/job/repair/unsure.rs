//! What a place may need and nobody knows of: a pack list that can't be read whole, a manifest that is gone though a head
//! tells of it. Nothing is deleted there until it is known.

use std::fs;
use std::path::Path;

use engine::command::{Exit, Repair, pin, rebuild, status};
use engine::model::{PointId, State};
use engine::report::RebuildReport;

use super::bench::{Bench, done};

/// The computer is lost, and `office` is away.
fn lose_all_but_usb(bench: &Bench) {
    fs::remove_dir_all(bench.path("home")).expect("deleted");
    fs::remove_dir_all(bench.path("state")).expect("deleted");
    fs::rename(bench.path("office"), bench.path("away")).expect("unplugged");
}

fn office_comes_back(bench: &Bench) {
    fs::rename(bench.path("away"), bench.path("office")).expect("plugged in");
}

fn rebuilt(bench: &Bench) -> (RebuildReport, Exit) {
    rebuild(&bench.call(), None).expect("it is rebuilt")
}

/// The packs of entries and of pack lists are small here.
fn small(path: &Path) -> bool {
    fs::metadata(path).expect("there").len() < 100_000
}

/// Flips a bit of each pack list at `usb`: the last chunk before the footer.
fn damage_the_pack_lists(bench: &Bench) {
    for path in bench.files("usb/packs").into_iter().filter(|path| small(path)) {
        let mut bytes = fs::read(&path).expect("readable");
        let at = bytes.len() - 170;
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("written");
    }
}

/// Sessions of every kind at `usb`; none deletes a pack there.
fn nothing_goes(bench: &Bench, point: PointId) {
    let before = bench.files("usb/packs");
    pin(&bench.call(), &point.to_string()).expect("pinned");
    bench.run_once_whatever();
    let _ = bench.verify(Repair::Yes);
    bench.run_once_whatever();
    let after = bench.files("usb/packs");
    let gone: Vec<_> = before.iter().filter(|path| !after.contains(path)).collect();
    assert!(gone.is_empty(), "deleted: {gone:?}");
}

fn states(bench: &Bench, place: &str) -> Vec<State> {
    let catalog = bench.catalog();
    let media = catalog.media().expect("read");
    let medium = media.iter().find(|medium| medium.destination.as_str() == place).expect("known").vault;
    catalog.placements_at(medium).expect("read").into_iter().map(|(_, row)| row.state).collect()
}

fn ids(bench: &Bench) -> Vec<PointId> {
    bench.catalog().points().expect("read").iter().map(|point| point.id).collect()
}

#[test]
fn where_a_pack_list_can_not_be_read_nothing_is_deleted_until_it_was_healed() {
    let bench = Bench::made();
    let points = ids(&bench);
    lose_all_but_usb(&bench);
    damage_the_pack_lists(&bench);
    let (report, exit) = rebuilt(&bench);
    assert_eq!(exit, Exit::Damage, "{report:?}");
    for point in &points {
        let told = report.problems.iter().any(|problem| problem.contains(&point.to_string()));
        assert!(told, "{point} is whole nowhere: {report:?}");
    }
    assert_eq!(states(&bench, "usb"), [State::Damaged, State::Damaged]);
    nothing_goes(&bench, points[1]);
    let told = format!("{:?}", status(&bench.call()).expect("it answers").0);
    assert!(told.contains("nothing is deleted there"), "{told}");
    office_comes_back(&bench);
    for _ in 0..2 {
        let _ = bench.verify(Repair::Yes);
        bench.run_once_whatever();
    }
    assert_eq!(bench.verify(Repair::No).1, Exit::Done);
    assert!(states(&bench, "usb").iter().all(|state| *state == State::Complete), "{:?}", states(&bench, "usb"));
    let told = format!("{:?}", status(&bench.call()).expect("it answers").0);
    assert!(!told.contains("nothing is deleted there"), "{told}");
}

#[test]
fn a_manifest_that_a_head_tells_of_and_that_is_gone_is_told_by_a_rebuild_and_its_packs_stay() {
    let bench = Bench::made();
    let points = ids(&bench);
    lose_all_but_usb(&bench);
    fs::remove_file(bench.files("usb/points").pop().expect("the newest")).expect("deleted");
    let (report, exit) = rebuilt(&bench);
    assert_eq!(exit, Exit::Damage, "{report:?}");
    let told = report.problems.iter().any(|problem| problem.contains(&points[1].to_string()));
    assert!(told, "{report:?}");
    nothing_goes(&bench, points[0]);
    office_comes_back(&bench);
    for _ in 0..3 {
        bench.run_once_whatever();
        let _ = bench.verify(Repair::Yes);
    }
    assert!(points.iter().all(|point| ids(&bench).contains(point)));
    assert!(states(&bench, "usb").iter().all(|state| *state == State::Complete), "{:?}", states(&bench, "usb"));
    assert_eq!(bench.verify(Repair::No).1, Exit::Done);
}

#[test]
fn a_manifest_that_only_one_place_lost_is_missing_there_after_a_rebuild() {
    let bench = Bench::made();
    fs::remove_file(bench.files("usb/points").pop().expect("the newest")).expect("deleted");
    fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
    let report = done(rebuild(&bench.call(), None));
    assert_eq!(report.problems.len(), 1, "another place has it: {report:?}");
    assert_eq!(states(&bench, "usb"), [State::Present, State::Missing]);
    assert_eq!(bench.verify(Repair::Yes).1, Exit::Done);
    assert_eq!(states(&bench, "usb"), [State::Complete, State::Complete]);
}

#[test]
fn a_rebuild_tells_of_a_point_whose_only_copy_is_damaged() {
    let bench = Bench::made();
    let points = ids(&bench);
    lose_all_but_usb(&bench);
    let newer = bench.files("usb/packs").into_iter().filter(|path| !small(path));
    for path in newer {
        let bytes = fs::read(&path).expect("readable");
        fs::write(&path, &bytes[..bytes.len() - 10]).expect("cut");
    }
    let (report, exit) = rebuilt(&bench);
    assert_eq!(exit, Exit::Damage, "{report:?}");
    for point in &points {
        assert!(report.problems.iter().any(|problem| problem.contains(&point.to_string())), "{report:?}");
    }
}
