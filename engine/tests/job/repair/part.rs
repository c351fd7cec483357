//! `engine verify` of a part: what was doubted longest first, random samples, a limit of time; and what that shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use engine::command::{Exit, Repair, VerifyOptions, verify};
use engine::doubt::Wish;
use engine::model::{State, Time};
use engine::report::VerifiedPlace;

use super::bench::{Bench, done, noise};

const DAY: Duration = Duration::from_secs(86_400);
const POINTS: u64 = 8;

fn many_points() -> Bench {
    let bench = Bench::empty();
    done(engine::command::init(&bench.call()));
    for point in 1..=POINTS {
        bench.write(&format!("source/{point}"), &noise(point, 200_000));
        done(engine::command::run_once(&bench.call()));
    }
    bench
}

fn options(wish: Wish, max_duration: Option<Duration>) -> VerifyOptions {
    VerifyOptions { names: vec!["usb".parse().expect("a name")], repair: Repair::No, wish, max_duration }
}

fn sample(share: &str) -> Wish {
    Wish { sample: Some(share.parse().expect("a share")), ..Wish::default() }
}

#[track_caller]
fn verified(bench: &Bench, after: Duration, options: &VerifyOptions) -> (VerifiedPlace, Exit) {
    let (mut report, exit) = verify(&bench.call_after(after), options).expect("it can be verified");
    (report.places.swap_remove(0), exit)
}

/// Packs and manifests that were read: what lies beside them is small, and read each time.
fn read(bench: &Bench, place: &VerifiedPlace, whole: &VerifiedPlace) -> u64 {
    let objects = bench.files("usb/packs").len() + bench.files("usb/points").len();
    place.objects - (whole.objects - objects as u64)
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("written");
}

/// When each point's evidence at the drive was taken, as the catalog says.
fn evidence(bench: &Bench) -> Vec<(State, Option<Time>)> {
    let catalog = bench.catalog();
    let medium =
        catalog.media().expect("read").into_iter().find(|row| row.destination.as_str() == "usb").expect("known");
    let placed = catalog.placements_at(medium.vault).expect("read");
    placed.into_iter().map(|(_, row)| (row.state, row.verified)).collect()
}

#[test]
fn a_sample_reads_a_part_and_says_how_much_can_be_bad() {
    let bench = many_points();
    let (whole, _) = verified(&bench, DAY, &options(Wish::default(), None));
    assert!(!whole.is_part && whole.shows.left == 0 && whole.shows.sample.is_none(), "{whole:?}");
    let before = evidence(&bench);
    let (place, exit) = verified(&bench, 2 * DAY, &options(sample("20%"), None));
    assert_eq!(exit, Exit::Done, "{place:?}");
    let (some, all) = (read(&bench, &place, &whole), read(&bench, &whole, &whole));
    assert!(0 < some && some < all, "{some} of {all}");
    let part = place.shows;
    let shown = part.sample.expect("a sample was asked for");
    assert_eq!((shown.bad_draws, part.left), (0, 0));
    assert!(shown.draws > 0 && shown.bad_bytes_at_most < shown.of_bytes, "{shown:?}");
    assert_eq!((part.coverage.bytes, part.coverage.never_read_bytes), (shown.of_bytes, 0));
    assert_eq!(whole.shows.coverage.bytes, part.coverage.bytes, "the whole says the same of itself");
    assert!(shown.good_objects < shown.of_objects && shown.of_objects == all, "{shown:?}");
    let lies_there = [bench.files("usb/packs"), bench.files("usb/points")].concat();
    let bytes: u64 = lies_there.iter().map(|path| fs::metadata(path).expect("there").len()).sum();
    assert_eq!(shown.of_bytes, bytes);
    // The first day's reading is the oldest still, and no point is called verified for a part of it.
    let oldest = part.coverage.oldest_read.expect("all was read");
    assert!(oldest < Time::from_seconds(1_795_000_000 + 2 * 86_400), "{oldest:?}");
    let lately = |row: &(State, Option<Time>)| row.1 > Some(Time::from_seconds(1_795_000_000 + 2 * 86_400));
    let whole_now = evidence(&bench);
    assert!(whole_now.iter().filter(|row| lately(row)).count() < before.len(), "{whole_now:?}");
}

/// Of two objects the one that was read is good for certain, whatever the draws are worth.
#[test]
fn what_was_read_bounds_what_can_be_bad_where_objects_are_few() {
    let bench = Bench::empty();
    done(engine::command::init(&bench.call()));
    bench.write("source/large", &noise(1, 3_000_000));
    done(engine::command::run_once(&bench.call()));
    let (place, _) = verified(&bench, DAY, &options(sample("1%"), None));
    let shown = place.shows.sample.expect("a sample was asked for");
    let packs = bench.files("usb/packs");
    let largest = packs.iter().map(|path| fs::metadata(path).expect("there").len()).max().expect("packs");
    assert!(largest > shown.of_bytes * 9 / 10, "nearly every draw meets it");
    assert!(shown.bad_bytes_at_most <= shown.of_bytes - largest, "{shown:?}");
}

#[test]
fn a_stopped_run_says_what_was_left_and_what_was_read_counts() {
    let bench = many_points();
    let (whole, _) = verified(&bench, DAY, &options(Wish::default(), None));
    let all = read(&bench, &whole, &whole);
    for (days, part) in [(40, None), (80, Some(Duration::from_secs(3600)))] {
        let asked = std::sync::atomic::AtomicU64::new(0);
        let mut call = bench.call_after(days * DAY);
        call.stop = std::sync::Arc::new(move || asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 6);
        let (mut report, exit) = verify(&call, &options(Wish::default(), part)).expect("it can be verified");
        let place = report.places.swap_remove(0);
        assert_eq!(exit, Exit::Partial);
        assert!(place.unfinished.as_ref().is_some_and(|why| why.contains("what was read counts")), "{place:?}");
        let left = place.shows.left;
        assert!(left > 0 && left < all, "{place:?}");
        let month = Wish { older_than: Some(30 * DAY), ..Wish::default() };
        let (rest, _) = verified(&bench, (days + 1) * DAY, &options(month, None));
        assert_eq!(read(&bench, &rest, &whole), left, "{rest:?}");
    }
}

/// The same damage everywhere: nothing can be healed, and nobody is told to try.
#[test]
fn what_no_place_has_whole_is_not_said_to_be_healed() {
    let bench = many_points();
    let here = bench.files("usb/packs");
    flip(&here[0]);
    let (place, _) = verified(&bench, DAY, &options(Wish::default(), None));
    assert!(place.damaged[0].good_at.as_ref().is_some_and(|places| !places.is_empty()), "{place:?}");
    let at = here[0].strip_prefix(bench.path("usb")).expect("below");
    for other in ["home", "office"].map(|place| bench.path(place).join(at)).iter().filter(|path| path.exists()) {
        flip(other);
    }
    let all = VerifyOptions { names: Vec::new(), ..options(Wish::default(), None) };
    let (report, exit) = verify(&bench.call_after(2 * DAY), &all).expect("it can be verified");
    assert_eq!(exit, Exit::Damage);
    for place in &report.places {
        assert_eq!(place.damaged[0].good_at.as_deref(), Some(&[][..]), "{place:?}");
    }
    let mut page = engine::report::Page::new(jiff::tz::TimeZone::UTC, engine::report::Colour::Plain);
    engine::report::Report::people(&report, &mut page);
    assert!(page.text().contains("no other place is known to have 1 of these whole"), "{}", page.text());
    assert!(!page.text().contains("--repair"), "{}", page.text());
    let (status, _) = engine::command::status(&bench.call_after(3 * DAY)).expect("told");
    let damage = status.jobs[0].problems.iter().filter(|it| it.problem.contains("damaged at"));
    let advice: Vec<_> = damage.map(|it| it.advice.as_str()).collect();
    assert!(!advice.is_empty() && !advice.concat().contains("--repair"), "{advice:?}");
}

#[test]
fn one_bad_object_ends_sampling_and_everything_is_read() {
    let bench = many_points();
    let packs = bench.files("usb/packs");
    packs.iter().for_each(|pack| flip(pack));
    // Manifests are good: a smaller sample could be of these alone.
    let (place, exit) = verified(&bench, DAY, &options(sample("50%"), None));
    assert_eq!(exit, Exit::Damage);
    assert_eq!(place.damaged.len(), packs.len(), "{:?}", place.damaged);
    let needed: BTreeSet<_> = place.damaged.iter().flat_map(|object| &object.points).collect();
    assert_eq!(needed.len() as u64, POINTS, "every point that names one is told");
    let shown = place.shows.sample.expect("a sample was asked for");
    assert!(shown.bad_draws >= 1 && shown.bad_bytes_at_most > shown.of_bytes / 2, "{shown:?}");
    assert!(evidence(&bench).iter().all(|(state, _)| *state == State::Damaged));
}

#[test]
fn what_a_part_finds_is_healed_from_another_place() {
    let bench = many_points();
    for pack in bench.files("usb/packs") {
        flip(&pack);
    }
    let repairing = VerifyOptions { repair: Repair::Yes, ..options(sample("10%"), None) };
    let (place, exit) = verified(&bench, DAY, &repairing);
    assert!(exit == Exit::Done && place.damaged.iter().all(|object| object.healed), "{place:?}");
    let coverage = place.shows.coverage;
    assert_eq!((coverage.damaged_bytes, coverage.never_read_bytes), (0, 0), "what was healed was read back");
    assert!(evidence(&bench).iter().all(|(state, _)| *state == State::Complete));
    let (place, exit) = verified(&bench, 2 * DAY, &options(Wish::default(), None));
    assert!(exit == Exit::Done && place.damaged.is_empty(), "{place:?}");
}

/// The clock of these tests moves 10 ms with each look.
#[test]
fn runs_of_limited_time_go_round_through_everything_the_oldest_first() {
    let bench = many_points();
    let (whole, _) = verified(&bench, DAY, &options(Wish::default(), None));
    let (mut again, mut days, all) = (0, 2, read(&bench, &whole, &whole));
    while again < all {
        let (place, exit) = verified(&bench, days * DAY, &options(Wish::default(), Some(Duration::from_millis(100))));
        assert_eq!(exit, Exit::Done);
        let part = place.shows;
        let some = read(&bench, &place, &whole);
        assert_eq!(some + part.left, all, "day {days}: {place:?}");
        assert!(some > 0 && part.left > 0, "day {days}: a part was read, not nothing and not all");
        again += some;
        let oldest = part.coverage.oldest_read.expect("all was read on the first day");
        let first_day = oldest < Time::from_seconds(1_795_000_000 + 2 * 86_400);
        assert_eq!(first_day, again < all, "day {days}: {again} of {all} were read again");
        days += 1;
    }
}

#[test]
fn what_was_read_lately_is_left_out() {
    let bench = many_points();
    let (whole, _) = verified(&bench, DAY, &options(Wish::default(), None));
    let month = Wish { older_than: Some(30 * DAY), ..Wish::default() };
    let (place, _) = verified(&bench, 30 * DAY, &options(month, None));
    assert_eq!(read(&bench, &place, &whole), 0, "29 days are less than 30");
    let (place, _) = verified(&bench, 32 * DAY, &options(month, None));
    assert_eq!(place.objects, whole.objects);
    let (place, _) = verified(&bench, 33 * DAY, &options(month, None));
    assert_eq!(read(&bench, &place, &whole), 0, "read again a day ago");
}

/// A manifest that is damaged is noticed where only it was looked at, and so is one that is gone.
#[test]
fn manifests_are_objects_too() {
    let bench = many_points();
    let manifests = bench.files("usb/points");
    flip(&manifests[0]);
    fs::remove_file(&manifests[1]).expect("there");
    let (place, exit) = verified(&bench, DAY, &options(Wish::default(), Some(Duration::from_secs(3600))));
    assert_eq!(exit, Exit::Damage);
    assert_eq!(place.damaged.len(), 2, "{:?}", place.damaged);
    // What is known to be bad comes first, however little time there is.
    let (place, exit) = verified(&bench, 2 * DAY, &options(Wish::default(), Some(Duration::from_millis(60))));
    assert_eq!(exit, Exit::Damage, "{place:?}");
}
