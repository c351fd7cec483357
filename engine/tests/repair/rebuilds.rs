//! Catalogs rebuilt from what is really there.

use std::fs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::command::{BackupOptions, Call, DryRun, Exit, ForgetOptions, Repair, backup, forget, rebuild, run_once};
use engine::model::{PointId, State, Time};
use engine::port::{Clock, SinceBoot};

use crate::bench::{Bench, done, noise};

/// What each destination's name has of which point, in which state.
fn placed(bench: &Bench, place: &str) -> Vec<(PointId, State)> {
    let catalog = bench.catalog();
    let media = catalog.media().expect("read");
    let medium = media.iter().find(|medium| medium.destination.as_str() == place).expect("known").vault;
    let at = catalog.placements_at(medium).expect("read");
    at.into_iter().map(|(order, row)| (catalog.point(order).expect("read").expect("known").id, row.state)).collect()
}

fn ids(bench: &Bench) -> Vec<PointId> {
    bench.catalog().points().expect("read").iter().map(|point| point.id).collect()
}

fn with_state(ids: &[PointId], state: State) -> Vec<(PointId, State)> {
    ids.iter().map(|id| (*id, state)).collect()
}

/// A rebuilt installation goes on: it makes a point out of what it has, copies it, and is sound.
fn goes_on(bench: &Bench) {
    bench.write("source/third", &noise(3, 100_000));
    let report = done(run_once(&bench.call()));
    assert_eq!(report.points.len(), 1);
    assert!(report.points[0].new_bytes < 200_000, "what home has is not stored again: {}", report.points[0].new_bytes);
    let (report, exit) = bench.verify(Repair::No);
    assert_eq!(exit, Exit::Done, "{report:?}");
}

#[test]
fn a_missing_catalog_is_rebuilt_and_the_installation_goes_on() {
    let bench = Bench::made();
    let before = ids(&bench);
    fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
    let refused = run_once(&bench.call()).expect_err("D-6: it is not taken for an empty one");
    assert!(refused.advice.contains("engine catalog rebuild"), "{refused:?}");
    let report = done(rebuild(&bench.call(), None));
    assert_eq!((report.points, report.home_made, report.unconfirmed), (2, false, false), "{report:?}");
    assert_eq!(ids(&bench), before);
    for place in ["home", "usb", "office"] {
        assert_eq!(placed(&bench, place), with_state(&before, State::Present), "{place}: evidence is taken again");
    }
    assert_eq!(bench.catalog().meta().expect("read").epoch, 2);
    goes_on(&bench);
}

#[test]
fn garbage_in_place_of_a_catalog_is_rebuilt() {
    let bench = Bench::made();
    let before = ids(&bench);
    bench.write("state/catalog.redb", &noise(9, 200_000));
    assert!(run_once(&bench.call()).is_err());
    done(rebuild(&bench.call(), None));
    assert_eq!(ids(&bench), before);
    goes_on(&bench);
}

#[test]
fn a_missing_state_folder_is_made_again() {
    let bench = Bench::made();
    let before = ids(&bench);
    fs::remove_dir_all(bench.path("state")).expect("deleted");
    done(rebuild(&bench.call(), None));
    assert_eq!(ids(&bench), before);
    goes_on(&bench);
}

#[test]
fn an_absent_home_is_made_anew_and_a_repair_fetches_its_points() {
    let bench = Bench::made();
    let before = ids(&bench);
    fs::remove_dir_all(bench.path("home")).expect("deleted");
    fs::remove_dir_all(bench.path("state")).expect("deleted");
    let report = done(rebuild(&bench.call(), Some("usb".parse().expect("a name"))));
    assert!(report.home_made);
    assert_eq!(placed(&bench, "home"), with_state(&before, State::Missing));
    assert_eq!(bench.verify(Repair::No).1, Exit::Damage, "what home should have is missing");
    let (report, exit) = bench.verify(Repair::Yes);
    assert_eq!(exit, Exit::Done, "{report:?}");
    assert_eq!(placed(&bench, "home"), with_state(&before, State::Complete));
    goes_on(&bench);
}

#[test]
fn an_installation_that_lost_its_home_only_gets_it_back() {
    let bench = Bench::made();
    let before = ids(&bench);
    fs::remove_dir_all(bench.path("home")).expect("deleted");
    let (report, exit) = bench.verify(Repair::No);
    assert_eq!(exit, Exit::Damage, "{report:?}");
    done(rebuild(&bench.call(), None));
    assert_eq!(bench.verify(Repair::Yes).1, Exit::Done);
    assert_eq!(placed(&bench, "home"), with_state(&before, State::Complete));
    goes_on(&bench);
}

#[test]
fn a_destination_that_moved_is_known_by_its_vault() {
    let bench = Bench::made();
    let before = ids(&bench);
    fs::rename(bench.path("usb"), bench.path("elsewhere")).expect("moved");
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("read").replace("file:usb", "file:elsewhere");
    bench.write("offsite.toml", config.as_bytes());
    done(rebuild(&bench.call(), None));
    assert_eq!(placed(&bench, "usb"), with_state(&before, State::Present));
    goes_on(&bench);
}

#[test]
fn without_a_head_as_new_as_the_newest_point_nothing_is_confirmed() {
    let bench = Bench::made();
    bench.write("source/third", &noise(3, 1000));
    let options = BackupOptions { jobs: Vec::new(), reading: engine::capture::Reading::Changed, dry_run: DryRun::No };
    done(backup(&bench.call(), &options));
    let newest = bench.files("home/heads").pop().expect("the session's last head tells of the point");
    let kept = fs::read(&newest).expect("readable");
    for confirmed in [false, true] {
        if confirmed {
            fs::write(&newest, &kept).expect("written");
        } else {
            fs::remove_file(&newest).expect("deleted");
        }
        fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
        let report = done(rebuild(&bench.call(), None));
        assert_eq!((report.unconfirmed, report.points), (!confirmed, 3));
    }
}

#[test]
fn a_foreign_vault_at_a_configured_place_stops_a_rebuild_before_anything_changes() {
    let (bench, other) = (Bench::made(), Bench::made());
    fs::remove_dir_all(bench.path("usb")).expect("deleted");
    fs::create_dir(bench.path("usb")).expect("made");
    crate::bench::copy_tree(&other.path("usb"), &bench.path("usb"));
    let before = bench.catalog().meta().expect("read");
    let failure = rebuild(&bench.call(), None).expect_err("it is not ours");
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.why.contains("not ours"), "{failure:?}");
    assert_eq!(bench.catalog().meta().expect("read").writer, before.writer, "the old catalog stays");
}

#[test]
fn a_manifest_damaged_at_home_is_a_damaged_placement_after_a_rebuild() {
    let bench = Bench::made();
    let before = ids(&bench);
    let manifest = bench.files("home/points").pop().expect("one");
    fs::write(&manifest, noise(1, 500)).expect("written");
    fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
    let report = done(rebuild(&bench.call(), None));
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!(placed(&bench, "home"), [(before[0], State::Present), (before[1], State::Damaged)]);
    assert_eq!(bench.verify(Repair::Yes).1, Exit::Done);
    assert_eq!(placed(&bench, "home"), with_state(&before, State::Complete));
}

#[test]
fn a_pack_missing_at_home_is_damage_after_a_rebuild_and_comes_back() {
    let bench = Bench::made();
    for pack in bench.files("home/packs") {
        fs::remove_file(pack).expect("deleted");
    }
    fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
    done(rebuild(&bench.call(), None));
    let before = ids(&bench);
    assert_eq!(placed(&bench, "home"), with_state(&before, State::Damaged));
    assert_eq!(bench.verify(Repair::Yes).1, Exit::Done);
    assert_eq!(placed(&bench, "home"), with_state(&before, State::Complete));
    goes_on(&bench);
}

#[test]
fn pins_outlive_the_catalog() {
    let bench = Bench::made();
    let pinned = bench.catalog().points().expect("read")[0].order;
    bench.catalog().pin(pinned).expect("pinned");
    bench.write("source/third", &noise(3, 1000));
    done(run_once(&bench.call()));
    fs::remove_dir_all(bench.path("state")).expect("deleted");
    done(rebuild(&bench.call(), None));
    let points = bench.catalog().points().expect("read");
    assert_eq!(points.iter().map(|point| point.pinned).collect::<Vec<_>>(), [true, false, false]);
}

/// A clock that sleeps at once, and remembers how long in all.
struct Slept {
    clock: Arc<dyn Clock>,
    slept: Arc<AtomicU64>,
}

impl Clock for Slept {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        self.clock.since_boot()
    }

    fn sleep(&self, span: Duration) {
        self.slept.fetch_add(u64::try_from(span.as_millis()).expect("small"), Ordering::Relaxed);
        self.clock.sleep(span);
    }
}

/// All that is due; gives for how many seconds something was waited for.
fn waited(bench: &Bench) -> u64 {
    let (call, slept) = (bench.call(), Arc::new(AtomicU64::new(0)));
    let clock = Arc::new(Slept { clock: Arc::clone(&call.clock), slept: Arc::clone(&slept) });
    done(run_once(&Call { clock, ..call }));
    slept.load(Ordering::Relaxed) / 1000
}

#[test]
fn the_first_session_after_a_rebuild_outlasts_the_writer_before_it_and_the_next_one_does_not() {
    let bench = Bench::made();
    assert_eq!(waited(&bench), 0);
    fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
    done(rebuild(&bench.call(), None));
    // Moments pass with each look at the clock, so a wait of ten seconds sleeps for somewhat less.
    assert!(waited(&bench) >= 3 * 8, "at home, and at both destinations");
    assert_eq!(waited(&bench), 0);
}

/// A point that a person removed while `office` was away: neither two rebuilds nor its return bring it back.
#[test]
fn what_was_removed_by_hand_outlives_the_catalog_twice() {
    let bench = Bench::made();
    let gone = ids(&bench)[0];
    fs::rename(bench.path("office"), bench.path("away")).expect("unplugged");
    let options = ForgetOptions { jobs: Vec::new(), point: Some(gone.to_string()), dry_run: DryRun::No };
    assert_eq!(forget(&bench.call(), &options).expect("forgotten").1, Exit::Partial, "office is away");
    for seed in [4, 5] {
        fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
        done(rebuild(&bench.call(), None));
        assert!(!ids(&bench).contains(&gone), "it is nowhere that was read");
        assert!(bench.catalog().removed_unseen().expect("read").contains(&gone), "it is waited for");
        bench.write("source/third", &noise(seed, 100_000));
        bench.run_once_whatever();
    }
    fs::rename(bench.path("away"), bench.path("office")).expect("plugged in");
    for _ in 0..3 {
        bench.run_once_whatever();
    }
    for place in ["home", "usb", "office"] {
        let here = placed(&bench, place);
        assert!(!here.iter().any(|(id, state)| *id == gone && *state != State::NotWanted), "{place}: {here:?}");
        let of_it = |file: &std::path::PathBuf| file.to_string_lossy().contains(&gone.to_string());
        assert!(!bench.files(&format!("{place}/points")).iter().any(of_it), "{place} has it");
    }
    assert_eq!(bench.verify(Repair::No).1, Exit::Done);
}

/// The same with the place there again when the catalog is rebuilt; a medium that is made later is not given it either.
#[test]
fn what_was_removed_by_hand_and_is_read_in_by_a_rebuild_goes() {
    let bench = Bench::made();
    let gone = ids(&bench)[0];
    fs::rename(bench.path("office"), bench.path("away")).expect("unplugged");
    let options = ForgetOptions { jobs: Vec::new(), point: Some(gone.to_string()), dry_run: DryRun::No };
    forget(&bench.call(), &options).expect("forgotten");
    fs::rename(bench.path("away"), bench.path("office")).expect("plugged in");
    fs::remove_file(bench.path("state/catalog.redb")).expect("deleted");
    done(rebuild(&bench.call(), None));
    let office = placed(&bench, "office");
    assert!(office.contains(&(gone, State::Present)), "{office:?}");
    for _ in 0..2 {
        bench.run_once_whatever();
    }
    let left = |place: &str| placed(&bench, place).iter().any(|(id, state)| *id == gone && state.is_there());
    assert!(!["home", "usb", "office"].into_iter().any(left));
}
