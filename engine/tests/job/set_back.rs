//! A computer that was set back to an earlier state: what was said since holds, what was made since stays.

use std::fs;
use std::path::Path;
use std::process::Command;

use fixtures::Bench;
use fixtures::bench::{as_text, text};
use fixtures::data::noise;
use fixtures::same;

use super::harness::prepared;

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").args(["-a", &text(from), &text(to)]).status().expect("cp").success());
}

fn keep(bench: &Bench, folders: &[&str]) {
    folders.iter().for_each(|name| copy(&bench.path(name), &bench.path(&format!("{name}.kept"))));
}

fn set_back(bench: &Bench, folders: &[&str]) {
    folders.iter().for_each(|name| copy(&bench.path(&format!("{name}.kept")), &bench.path(name)));
}

fn change(bench: &Bench, seed: u64) {
    fs::write(bench.path("data/0"), noise(seed, 60_000)).expect("writable");
}

fn newest(bench: &Bench) -> String {
    as_text(&bench.points()[0]["id"])
}

#[test]
fn a_pin_that_the_catalog_was_set_back_behind_holds_everywhere() {
    let bench = prepared(3, 20_000, "keep = { last = 2 }", &["usb", "nas"]);
    bench.done(&["run", "--once"]);
    let oldest = newest(&bench);
    change(&bench, 1);
    bench.done(&["run", "--once"]);
    keep(&bench, &["state"]);
    bench.done(&["pin", &oldest]);
    set_back(&bench, &["state"]);
    for round in 2..5 {
        change(&bench, round);
        let _ = bench.engine(&["run", "--once"]);
    }
    for place in ["home", "usb", "nas"] {
        let _ = bench.restored(&oldest, place, &bench.path("data"));
    }
    let points = bench.points();
    let pinned = points.iter().find(|point| as_text(&point["id"]) == oldest).expect("it is known");
    assert_eq!(pinned["pinned"], true, "{pinned:#}");
}

/// Keeps home and state as they are after a first point, and makes and copies a second one; gives that.
fn made_behind_what_is_kept(bench: &Bench) -> String {
    bench.done(&["backup"]);
    bench.done(&["copy"]);
    keep(bench, &["vault", "state"]);
    change(bench, 1);
    bench.done(&["backup"]);
    bench.done(&["copy"]);
    newest(bench)
}

#[test]
fn points_that_share_a_place_in_the_order_are_told_of_restored_by_id_and_never_deleted() {
    let bench = prepared(3, 20_000, "", &["usb"]);
    let abandoned = made_behind_what_is_kept(&bench);
    copy(&bench.path("data"), &bench.path("data.abandoned"));
    set_back(&bench, &["vault", "state"]);
    fs::rename(bench.path("usb"), bench.path("away")).expect("ours");
    change(&bench, 2);
    bench.done(&["backup"]);
    let ours = newest(&bench);
    fs::rename(bench.path("away"), bench.path("usb")).expect("ours");
    for _ in 0..2 {
        let _ = bench.engine(&["copy"]).exits(3).says("the same place in the order");
    }
    let _ = bench.engine(&["status"]).exits(0).says("nothing is deleted there").says(&abandoned);
    let _ = bench.engine(&["verify", "usb"]).exits(0).says(&abandoned);
    let (usb, to) = (format!("file://{}", bench.text("usb")), bench.path("recovered"));
    let source = bench.path("data");
    for (point, wanted) in [(&ours, "data"), (&abandoned, "data.abandoned")] {
        let _ = fs::remove_dir_all(&to);
        let words =
            ["recover", "--from", &usb, "--passphrase-file", "passphrase", "--point", point, "--to", &text(&to)];
        let _ = bench.engine(&words).exits(0);
        let restored = found(&to, &source);
        assert_eq!(same(&bench.path(wanted), &restored), Vec::<String>::new(), "{point}");
    }
    let _ = fs::remove_dir_all(&to);
    let words = ["recover", "--from", &usb, "--passphrase-file", "passphrase", "--to", &text(&to)];
    let _ = bench.engine(&words).exits(0).says(&format!("  from {usb} in "));
    assert_eq!(same(&source, &found(&to, &source)), Vec::<String>::new(), "the newest is the one made last");
    let rebuilt = bench.engine(&["catalog", "rebuild"]).exits(3).says("the same place in the order");
    assert!(!rebuilt.err.contains("no place has"), "{rebuilt}");
    change(&bench, 3);
    bench.done(&["backup"]);
    let _ = bench.engine(&["copy"]).exits(3);
    assert_eq!(bench.complete_at("usb").first(), Some(&newest(&bench)));
}

/// Where the source stands in what was recovered, by job or not.
fn found(to: &Path, source: &Path) -> std::path::PathBuf {
    let inside = source.strip_prefix("/").expect("absolute");
    [to.join(inside), to.join("data").join(inside)].into_iter().find(|path| path.exists()).expect("it is there")
}

/// Nothing changed since the newest point, whose packs went with the home that there was.
#[test]
fn a_home_that_was_set_back_by_itself_gets_its_next_point_at_once_and_lacks_nothing() {
    for is_there in [true, false] {
        let bench = prepared(3, 60_000, "", &["usb"]);
        bench.done(&["backup"]);
        keep(&bench, &["vault"]);
        for seed in 11..13 {
            change(&bench, seed);
            bench.done(&["backup"]);
        }
        bench.done(&["copy"]);
        set_back(&bench, &["vault"]);
        if !is_there {
            fs::rename(bench.path("usb"), bench.path("away")).expect("ours");
        }
        let made = bench.engine(&["backup"]).exits(0);
        let _ = made.says("is not in the home vault any more: what it held is read and stored again");
        let restored = bench.restored("data", "home", &bench.path("data"));
        assert_eq!(same(&bench.path("data"), &restored.path), Vec::<String>::new());
        if is_there {
            let _ = bench.engine(&["status"]).exits(0).says("`engine verify home --repair`");
            let _ = bench.engine(&["verify", "home", "--repair"]).exits(0);
            assert_eq!(bench.complete_at("home").len() + present_at_home(&bench), 4);
        }
    }
}

fn present_at_home(bench: &Bench) -> usize {
    let points = bench.points();
    points.iter().filter(|point| fixtures::bench::state_at(point, "home").as_deref() == Some("present")).count()
}

#[test]
fn a_backup_meets_a_medium_that_shows_a_set_back_before_it_takes_a_place_in_the_order() {
    let bench = prepared(3, 20_000, "", &["usb"]);
    let before = made_behind_what_is_kept(&bench);
    set_back(&bench, &["vault", "state"]);
    change(&bench, 2);
    bench.done(&["backup"]);
    bench.done(&["copy"]);
    let points: Vec<String> = bench.points().iter().map(|point| as_text(&point["id"])).collect();
    assert!(points.len() == 3 && points[1] == before, "{points:?}");
    bench.done(&["verify", "usb"]);
}
