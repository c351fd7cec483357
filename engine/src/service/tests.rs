//! The loop's decisions over a simulated clock.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::model::{DestinationName, Distance, JobName, Time, VaultId};

const MEDIUM: VaultId = VaultId([1; 16]);

fn time(text: &str) -> Time {
    Time::from_seconds(text.parse::<jiff::Timestamp>().expect("a time").as_second())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn name(text: &str) -> DestinationName {
    text.parse().expect("a name")
}

fn job(schedule: &str, last: LastRun) -> JobDue {
    JobDue {
        name: "docs".parse::<JobName>().expect("a name"),
        schedule: schedule.parse().ok(),
        asked: None,
        is_watched: false,
        last,
        noticed: None,
        retry: Pause::new(seconds(300), seconds(3600)),
    }
}

/// An agenda of one job and nothing else.
fn of_job(job: &JobDue, now: Time, monotonic: Duration, home_busy: bool) -> Agenda {
    let (jobs, places) = (std::slice::from_ref(job), BTreeMap::new());
    let zone = &TimeZone::UTC;
    agenda(&View { now, monotonic, zone, jobs, places: &places, home_busy, home_untidy: false, drill: None })
}

/// An agenda of one place and nothing else.
fn of_place(place: &Place, monotonic: Duration) -> Agenda {
    let places = BTreeMap::from([(name("usb"), place.clone())]);
    let (now, zone) = (Time::from_seconds(0), &TimeZone::UTC);
    let (home_busy, home_untidy) = (false, false);
    agenda(&View { now, monotonic, zone, jobs: &[], places: &places, home_busy, home_untidy, drill: None })
}

fn backup() -> Vec<Action> {
    vec![Action::Backup("docs".parse().expect("a name"))]
}

fn look() -> Vec<Action> {
    vec![Action::Look(name("usb"))]
}

fn visit() -> Vec<Action> {
    vec![Action::Visit(name("usb"))]
}

#[test]
fn runs_that_were_missed_while_asleep_are_caught_up_once() {
    let mut docs = job("daily 18:00", LastRun::Began(time("2026-11-01T18:00:00Z")));
    let woken = time("2026-11-09T07:30:00Z");
    assert_eq!(of_job(&docs, woken, Duration::ZERO, false).actions, backup());
    docs.last = LastRun::Began(woken);
    let after = of_job(&docs, woken.plus(seconds(60)), Duration::ZERO, false);
    assert_eq!(after.actions, [], "once");
}

#[test]
fn the_loop_wakes_when_a_run_is_due_and_never_sleeps_through_a_clock_that_was_set() {
    let docs = job("daily 18:00", LastRun::Began(time("2026-11-01T18:00:00Z")));
    let soon = of_job(&docs, time("2026-11-02T17:59:30Z"), Duration::ZERO, false);
    assert_eq!((soon.actions, soon.wake), (vec![], seconds(30)));
    let early = of_job(&docs, time("2026-11-02T08:00:00Z"), Duration::ZERO, false);
    assert_eq!((early.actions, early.wake), (vec![], seconds(60)));
}

#[test]
fn one_point_is_made_at_a_time_and_the_longest_due_is_first() {
    let late = JobDue { name: "late".parse().expect("a name"), ..job("every 15m", LastRun::Never) };
    let later = job("every 15m", LastRun::Began(Time::from_seconds(0)));
    let (now, zone, places) = (Time::from_seconds(100_000), &TimeZone::UTC, BTreeMap::new());
    let view = |home_busy| {
        let jobs = &[late.clone(), later.clone()];
        let monotonic = Duration::ZERO;
        agenda(&View { now, monotonic, zone, jobs, places: &places, home_busy, home_untidy: true, drill: None }).actions
    };
    assert_eq!(view(false), backup());
    assert_eq!(view(true), []);
}

#[test]
fn a_small_step_back_of_the_clock_runs_nothing_again() {
    let docs = job("daily 18:00", LastRun::Began(time("2026-11-01T18:00:01Z")));
    for now in ["2026-11-01T17:59:58Z", "2026-11-01T18:00:00Z", "2026-11-01T18:00:05Z", "2026-11-02T17:59:59Z"] {
        assert_eq!(of_job(&docs, time(now), Duration::ZERO, false).actions, [], "{now}");
    }
    assert_eq!(of_job(&docs, time("2026-11-02T18:00:00Z"), Duration::ZERO, false).actions, backup());
}

#[test]
fn a_last_run_that_a_wrong_clock_told_stops_nothing_and_runs_nothing_at_once() {
    let noticed = time("2026-11-01T09:00:00Z");
    let last = time("2031-01-01T18:00:00Z");
    let wrong = JobDue { noticed: super::noticed(None, last, noticed), ..job("daily 18:00", LastRun::Began(last)) };
    assert_eq!(of_job(&wrong, noticed, Duration::ZERO, false).actions, []);
    assert_eq!(of_job(&wrong, time("2026-11-01T18:00:00Z"), Duration::ZERO, false).actions, backup());
}

#[test]
fn a_run_that_failed_is_tried_again_before_its_next_time_but_not_at_once() {
    let mut docs = job("daily 18:00", LastRun::Began(time("2026-11-01T18:00:00Z")));
    docs.retry.failed(seconds(1000), 0);
    let now = time("2026-11-01T18:01:00Z");
    assert_eq!(of_job(&docs, now, seconds(1060), false).actions, []);
    assert_eq!(of_job(&docs, now, seconds(1225), false).actions, backup());
}

#[test]
fn a_run_that_died_is_tried_again_after_a_while() {
    let docs = job("weekly sun 03:00", LastRun::Died(time("2026-11-01T18:00:00Z")));
    assert_eq!(of_job(&docs, time("2026-11-01T18:09:59Z"), Duration::ZERO, false).actions, []);
    assert_eq!(of_job(&docs, time("2026-11-01T18:10:00Z"), Duration::ZERO, false).actions, backup());
}

#[test]
fn a_drill_waits_for_its_time_and_for_the_one_before() {
    let mut drill = DrillDue {
        schedule: "weekly sun 03:00".parse().expect("a schedule"),
        last: time("2026-11-03T12:00:00Z"),
        noticed: None,
        running: false,
    };
    let (zone, places, monotonic) = (&TimeZone::UTC, BTreeMap::new(), Duration::ZERO);
    let at = |drill: &DrillDue, now| {
        let (home_busy, home_untidy, drill) = (false, false, Some(drill));
        agenda(&View { now, monotonic, zone, jobs: &[], places: &places, home_busy, home_untidy, drill }).actions
    };
    assert_eq!(at(&drill, time("2026-11-08T02:59:59Z")), []);
    assert_eq!(at(&drill, time("2026-11-08T03:00:00Z")), [Action::Drill]);
    drill.running = true;
    assert_eq!(at(&drill, time("2026-11-22T03:00:00Z")), []);
    let marks = [
        DrillMark { began: Time::from_seconds(7), ended: None },
        DrillMark { began: Time::from_seconds(7), ended: Some((Time::from_seconds(9), 4)) },
    ];
    for mark in marks {
        assert_eq!(mark.to_string().parse(), Ok(mark));
    }
}

#[test]
fn a_drive_that_appears_is_looked_at_and_visited_at_once() {
    let mut usb = Place::new(Distance::Local);
    assert_eq!(of_place(&usb, seconds(1)).actions, look());
    usb.look_began();
    assert_eq!(of_place(&usb, seconds(1)).actions, [], "one look at a time");
    assert!(!usb.looked(Err(Missing::Away), seconds(1), 0));
    let away = of_place(&usb, seconds(1));
    assert_eq!((away.actions, away.wake), (vec![], seconds(5)));
    usb.mounts_changed(seconds(2));
    assert_eq!(of_place(&usb, seconds(2)).actions, look());
    usb.look_began();
    assert!(usb.looked(Ok(MEDIUM), seconds(2), 0));
    assert_eq!(of_place(&usb, seconds(2)).actions, visit());
}

#[test]
fn a_place_that_has_all_is_left_alone_until_something_is_owed() {
    let mut usb = Place::new(Distance::Local);
    usb.looked(Ok(MEDIUM), seconds(1), 0);
    usb.visit_began();
    assert_eq!(of_place(&usb, seconds(1)).actions, []);
    usb.visited(Ended::Well, 0, seconds(2), 0);
    assert_eq!(of_place(&usb, seconds(6)).actions, look(), "it is looked at once more");
    usb.looked(Ok(MEDIUM), seconds(6), 0);
    let idle = of_place(&usb, seconds(1000));
    assert_eq!((idle.actions, idle.wake), (vec![], seconds(60)));
    usb.owes(77);
    assert_eq!(of_place(&usb, seconds(1000)).actions, visit());
}

#[test]
fn what_can_not_be_done_there_is_not_tried_for_ever() {
    let mut usb = Place::new(Distance::Local);
    usb.looked(Ok(MEDIUM), seconds(1), 0);
    usb.owes(5);
    usb.visit_began();
    usb.visited(Ended::Well, 5, seconds(1), 0);
    usb.looked(Ok(MEDIUM), seconds(1), 0);
    assert_eq!(of_place(&usb, seconds(2)).actions, [], "full, say");
    usb.owes(6);
    assert_eq!(of_place(&usb, seconds(2)).actions, visit(), "something new is owed");
}

#[test]
fn what_came_while_a_visit_was_under_way_is_served_at_once() {
    let mut usb = Place::new(Distance::Local);
    usb.looked(Ok(MEDIUM), seconds(1), 0);
    usb.owes(5);
    usb.visit_began();
    usb.visited(Ended::Well, 6, seconds(2), 0);
    usb.looked(Ok(MEDIUM), seconds(2), 0);
    assert_eq!(of_place(&usb, seconds(2)).actions, visit());
}

#[test]
fn a_failing_place_waits_longer_each_time_and_one_that_comes_back_does_not_wait() {
    let mut usb = Place::new(Distance::Local);
    usb.looked(Ok(MEDIUM), Duration::ZERO, 0);
    let mut now = Duration::ZERO;
    for _ in 0..20 {
        usb.visit_began();
        usb.visited(Ended::Badly, 5, now, 0);
        let mut looked = false;
        while of_place(&usb, now).actions != visit() {
            if of_place(&usb, now).actions == look() {
                assert!(!usb.looked(Ok(MEDIUM), now, 0), "it never went away");
                looked = true;
            } else {
                now += of_place(&usb, now).wake;
            }
        }
        assert!(looked, "whether it is still there is seen before the next try");
    }
    usb.visit_began();
    usb.visited(Ended::Badly, 5, now, 0);
    usb.mounts_changed(now);
    usb.looked(Err(Missing::Away), now, 0);
    usb.mounts_changed(now);
    assert!(usb.looked(Ok(MEDIUM), now, 0), "unplugged and plugged in again");
    assert_eq!(of_place(&usb, now).actions, visit());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the clock does, a day of sane time later the job has run, and never twice without a time between.
    #[test]
    fn a_job_is_neither_starved_nor_repeated(steps in prop::collection::vec((-200_000_i64..200_000, 1_u64..100_000), 1..8)) {
        let mut docs = job("daily 18:00", LastRun::Never);
        let (mut now, mut monotonic) = (Time::from_seconds(1_800_000_000), Duration::ZERO);
        for (jump, passed) in steps {
            now = Time::from_seconds(now.seconds + jump);
            let end = monotonic + seconds(passed);
            let mut runs: Vec<Time> = Vec::new();
            while monotonic < end {
                tick(&mut docs, now, monotonic, &mut runs);
                let wake = seconds(900);
                (now, monotonic) = (now.plus(wake), monotonic + wake);
            }
            // The first may catch up; from then on a time of the schedule lies between any two.
            for pair in runs.windows(2) {
                let next = docs.schedule.as_ref().expect("one").next_after(pair[0], &TimeZone::UTC).expect("there is one");
                prop_assert!(next <= pair[1], "{:?}", pair);
            }
            prop_assert!(passed < 86_400 + 3600 + 1800 || !runs.is_empty());
        }
        let mut runs = Vec::new();
        let end = monotonic + seconds(86_400 + 3600 + 1800);
        while monotonic < end {
            tick(&mut docs, now, monotonic, &mut runs);
            (now, monotonic) = (now.plus(seconds(900)), monotonic + seconds(900));
        }
        prop_assert!(!runs.is_empty(), "starved");
    }
}

/// What the loop does with a job: notices a wrong clock, and runs what is due.
fn tick(docs: &mut JobDue, now: Time, monotonic: Duration, runs: &mut Vec<Time>) {
    docs.noticed = if let LastRun::Began(last) = docs.last { noticed(docs.noticed, last, now) } else { None };
    if of_job(docs, now, monotonic, false).actions == backup() {
        runs.push(now);
        docs.last = LastRun::Began(now);
    }
}

#[test]
fn a_server_that_is_away_is_logged_in_to_less_and_less_often_and_mounts_mean_nothing_to_it() {
    let (mut office, mut now, mut before) = (Place::new(Distance::Server), Duration::ZERO, Duration::ZERO);
    for _ in 0..12 {
        assert_eq!(of_place(&office, now).actions, look());
        office.look_began();
        office.looked(Err(Missing::Away), now, 0);
        office.mounts_changed(now);
        let begun = now;
        while of_place(&office, now).actions.is_empty() {
            now += of_place(&office, now).wake;
        }
        let waited = now - begun;
        assert!(waited >= seconds(30) && waited >= before && waited <= seconds(900), "{waited:?} after {before:?}");
        before = waited;
    }
    assert!(before >= seconds(600), "{before:?}");
    office.look_began();
    assert!(office.looked(Ok(MEDIUM), now, 0), "it is back");
    assert_eq!(of_place(&office, now).actions, visit());
    office.looked(Err(Missing::Away), now, 0);
    assert!(of_place(&office, now + seconds(40)).actions == look(), "the pause begins anew");
}

#[test]
fn a_server_that_refuses_is_left_alone_for_a_quarter_of_an_hour() {
    let mut office = Place::new(Distance::Server);
    office.look_began();
    office.looked(Err(Missing::Refused), seconds(10), 7);
    assert_eq!(of_place(&office, seconds(909)).actions, []);
    assert_eq!(of_place(&office, seconds(910)).actions, look());
}

#[test]
fn a_place_whose_hours_are_over_is_visited_when_they_begin() {
    let mut usb = Place::new(Distance::Local);
    usb.owes(7);
    assert!(usb.looked(Ok(MEDIUM), seconds(1), 0));
    usb.shut_until(Some(seconds(50)));
    let shut = of_place(&usb, seconds(2));
    assert_eq!((shut.actions, shut.wake), (Vec::new(), seconds(48)));
    usb.shut_until(None);
    assert!(!of_place(&usb, seconds(50)).actions.is_empty());
}
