//! What holds for every schedule in every zone.

use jiff::civil::Date;
use proptest::prelude::*;

use super::tests::{schedule, zone};
use super::*;

fn any_zone() -> impl Strategy<Value = TimeZone> {
    let names =
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Africa/Casablanca"];
    prop::sample::select(names.to_vec()).prop_map(zone)
}

fn any_wall_schedule() -> impl Strategy<Value = Schedule> {
    let texts = [
        "hourly",
        "daily 02:30",
        "daily 00:00",
        "weekly sun 02:00",
        "monthly 31 01:59",
        "*/7 * * * *",
        "0 */3 * * *",
        "30 2 * * *",
        "15,45 1-3 * * mon,sun",
        "0 0 29 2 *",
        "5 4 13 * fri",
    ];
    prop::sample::select(texts.to_vec()).prop_map(schedule)
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let every = prop::sample::select(vec!["every 15m", "every 36h"]).prop_map(schedule);
    prop_oneof![1 => every, 6 => any_wall_schedule()]
}

fn any_moment() -> impl Strategy<Value = Time> {
    // From 2000 to 2060, and often within two days of a change of Berlin's, New York's or Lord Howe's clocks.
    let changes = [1_774_746_000_i64, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_775_314_800, 1_791_041_400];
    let near = (prop::sample::select(changes.to_vec()), -200_000..200_000_i64).prop_map(|(at, by)| at + by);
    let seconds = prop_oneof![946_684_800..2_840_140_800_i64, near];
    (seconds, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Time { seconds, nanos })
}

fn date(time: Time, tz: &TimeZone) -> Date {
    tz.to_datetime(Timestamp::from_second(time.seconds).expect("in range")).date()
}

proptest! {
    #[test]
    fn the_next_moment_is_strictly_later(rule in any_schedule(), at in any_moment(), tz in any_zone()) {
        let next = rule.next_after(at, &tz).expect("long before the calendar ends");
        prop_assert!(next > at);
    }

    #[test]
    fn nothing_lies_between_a_moment_and_the_next(
        rule in any_wall_schedule(), at in any_moment(), part in 0.0..1.0_f64, tz in any_zone()
    ) {
        let next = rule.next_after(at, &tz).expect("long before the calendar ends");
        let between = at.plus(next.since(at).mul_f64(part));
        if between < next {
            prop_assert_eq!(rule.next_after(between, &tz), Some(next));
        }
    }

    #[test]
    fn a_daily_schedule_runs_once_on_each_day(
        hour in 0..24_u8, minute in 0..60_u8, at in any_moment(), tz in any_zone()
    ) {
        let rule = schedule(&format!("daily {hour}:{minute:02}"));
        let mut last = rule.next_after(at, &tz).expect("long before the calendar ends");
        for _ in 0..5 {
            let next = rule.next_after(last, &tz).expect("long before the calendar ends");
            prop_assert_eq!(Some(date(next, &tz)), date(last, &tz).tomorrow().ok());
            last = next;
        }
    }

    #[test]
    fn a_daily_schedule_and_its_cron_agree(hour in 0..24_u8, minute in 0..60_u8, at in any_moment(), tz in any_zone()) {
        let (words, cron) = (format!("daily {hour:02}:{minute:02}"), format!("{minute} {hour} * * *"));
        prop_assert_eq!(schedule(&words).next_after(at, &tz), schedule(&cron).next_after(at, &tz));
    }

    #[test]
    fn hourly_never_waits_longer_than_an_hour_but_for_a_half_hour_change(at in any_moment(), tz in any_zone()) {
        let next = schedule("hourly").next_after(at, &tz).expect("long before the calendar ends");
        let limit = if tz.iana_name() == Some("Australia/Lord_Howe") { 5400 } else { 3600 };
        prop_assert!(next.since(at) <= Duration::from_secs(limit));
    }

    #[test]
    fn it_is_due_from_the_next_moment_on_and_not_before(
        rule in any_schedule(), at in any_moment(), tz in any_zone()
    ) {
        let next = rule.next_after(at, &tz).expect("long before the calendar ends");
        prop_assert!(rule.due(Some(at), next, &tz));
        prop_assert!(!rule.due(Some(at), next.minus(Duration::from_nanos(1)), &tz));
        prop_assert!(!rule.due(Some(next), next, &tz));
    }

    #[test]
    fn no_text_panics(text in "[-*/,0-9a-z: ]{0,40}|\\PC{0,40}", at in any_moment()) {
        if let Ok(rule) = text.parse::<Schedule>() {
            let _ = rule.next_after(at, &TimeZone::UTC);
        }
    }

    #[test]
    fn no_moment_panics(rule in any_schedule(), seconds in any::<i64>(), nanos in any::<u32>(), tz in any_zone()) {
        let at = Time { seconds, nanos: nanos % 1_000_000_000 };
        let _ = rule.next_after(at, &tz);
    }
}
