//! Tables: what parses, and what comes next on ordinary days and on those when the clocks change.

use jiff::civil::DateTime;

use super::*;

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a bundled zone")
}

pub(super) fn schedule(text: &str) -> Schedule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn moment(text: &str) -> Time {
    Time::from_seconds(text.parse::<Timestamp>().expect("a moment").as_second())
}

/// The moments of `text` in `from..to`, both local, as local times with their offset.
fn runs(text: &str, zone_name: &str, from: &str, to: &str) -> Vec<String> {
    let tz = zone(zone_name);
    let local = |text: &str| {
        let civil: DateTime = text.parse().expect("a date and time");
        Time::from_seconds(tz.to_timestamp(civil).expect("in range").as_second())
    };
    let (mut at, end, rule) = (local(from), local(to), schedule(text));
    let mut shown = Vec::new();
    while let Some(next) = rule.next_after(at, &tz).filter(|next| *next < end) {
        let zoned = Timestamp::from_second(next.seconds).expect("in range").to_zoned(tz.clone());
        shown.push(zoned.strftime("%m-%d %H:%M %:z").to_string());
        at = next;
    }
    shown
}

#[test]
fn each_form_of_the_contract_runs_when_it_says() {
    let (from, to) = ("2026-11-21T17:59", "2026-12-02T00:00");
    let utc = |text| runs(text, "UTC", from, to);
    assert_eq!(utc("daily 18:00")[..2], ["11-21 18:00 +00:00", "11-22 18:00 +00:00"]);
    assert_eq!(utc("every 15m")[..2], ["11-21 18:14 +00:00", "11-21 18:29 +00:00"]);
    assert_eq!(utc("hourly")[..2], ["11-21 18:00 +00:00", "11-21 19:00 +00:00"]);
    assert_eq!(utc("weekly sun 03:00"), ["11-22 03:00 +00:00", "11-29 03:00 +00:00"]);
    assert_eq!(utc("monthly 1 03:00"), ["12-01 03:00 +00:00"]);
    assert_eq!(
        utc("0 2 * * mon-wed"),
        ["11-23 02:00 +00:00", "11-24 02:00 +00:00", "11-25 02:00 +00:00", "11-30 02:00 +00:00", "12-01 02:00 +00:00"]
    );
}

#[test]
fn a_month_without_that_day_runs_on_its_last() {
    let days = runs("monthly 31 03:00", "UTC", "2028-01-01T00:00", "2028-05-01T00:00");
    assert_eq!(days, ["01-31 03:00 +00:00", "02-29 03:00 +00:00", "03-31 03:00 +00:00", "04-30 03:00 +00:00"]);
}

#[test]
fn cron_days_follow_the_either_or_rule() {
    let days = |text| runs(text, "UTC", "2026-11-01T00:00", "2026-12-01T00:00").len();
    assert_eq!(days("0 0 13 * fri"), 4, "every Friday, and the 13th is one of them");
    assert_eq!(days("0 0 14 * fri"), 5, "every Friday and the 14th");
    assert_eq!(days("0 0 */2 * fri"), 2, "a star restricts nothing by itself: Fridays that are odd days");
    assert_eq!(days("0 0 * * 0"), 4, "Sundays but the first, which is where we start");
    assert_eq!(days("0 0 * * 7"), days("0 0 * * sun"));
    assert_eq!(days("0 0 * * sat-sun"), 8);
    assert_eq!(days("0,30 8-10/2 1,15 jan-nov *"), 8);
}

#[test]
fn a_time_that_the_clocks_skip_runs_once_just_after() {
    let berlin = |text| runs(text, "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T06:00");
    assert_eq!(berlin("daily 02:30"), ["03-29 03:00 +02:00"]);
    assert_eq!(berlin("0,30 2 * * *"), ["03-29 03:00 +02:00"]);
    assert_eq!(
        berlin("hourly"),
        ["01:00 +01:00", "03:00 +02:00", "04:00 +02:00", "05:00 +02:00"].map(|t| format!("03-29 {t}"))
    );
    assert_eq!(
        runs("daily 02:15", "Australia/Lord_Howe", "2026-10-04T00:00", "2026-10-04T06:00"),
        ["10-04 02:30 +11:00"]
    );
}

#[test]
fn a_time_that_the_clocks_show_twice_runs_the_first_time() {
    let berlin = |text| runs(text, "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T06:00");
    assert_eq!(berlin("daily 02:30"), ["10-25 02:30 +02:00"]);
    assert_eq!(berlin("0 2,3 * * *"), ["10-25 02:00 +02:00", "10-25 03:00 +01:00"]);
    assert_eq!(
        runs("daily 01:45", "Australia/Lord_Howe", "2026-04-05T00:00", "2026-04-05T06:00"),
        ["04-05 01:45 +11:00"]
    );
}

#[test]
fn what_repeats_by_the_hour_goes_on_through_long_and_short_days() {
    let hours = |day, next| runs("hourly", "Europe/Berlin", day, next).len() + 1;
    assert_eq!(hours("2026-10-25T00:00", "2026-10-26T00:00"), 25);
    assert_eq!(hours("2026-03-29T00:00", "2026-03-30T00:00"), 23);
    let quarters = runs("*/15 * * * *", "Europe/Berlin", "2026-10-25T01:59", "2026-10-25T03:00");
    assert_eq!(quarters.len(), 8);
    let every = runs("every 15m", "Europe/Berlin", "2026-10-25T01:59", "2026-10-25T03:00");
    assert_eq!(every.len(), 8);
}

#[test]
fn a_second_showing_is_not_run_again_by_one_that_already_ran() {
    let (berlin, rule) = (zone("Europe/Berlin"), schedule("daily 02:30"));
    let second_showing_of_0210 = moment("2026-10-25T01:10:00Z");
    assert_eq!(rule.next_after(second_showing_of_0210, &berlin), Some(moment("2026-10-26T01:30:00Z")));
}

#[test]
fn a_day_that_never_was_runs_as_the_next_begins() {
    // Samoa crossed the date line: 2011-12-30 does not exist there.
    let days = runs("daily 18:00", "Pacific/Apia", "2011-12-29T00:00", "2012-01-01T00:00");
    assert_eq!(days, ["12-29 18:00 -10:00", "12-31 00:00 +14:00", "12-31 18:00 +14:00"]);
}

#[test]
fn runs_missed_during_sleep_are_caught_up_once() {
    let (utc, rule) = (TimeZone::UTC, schedule("daily 18:00"));
    let (asleep, awake) = (moment("2026-11-01T18:00:00Z"), moment("2026-11-21T09:00:00Z"));
    assert!(rule.due(Some(asleep), awake, &utc));
    assert!(!rule.due(Some(awake), awake, &utc));
    assert!(!rule.due(Some(awake), moment("2026-11-21T17:59:59Z"), &utc));
    assert!(rule.due(Some(awake), moment("2026-11-21T18:00:00Z"), &utc));
    assert!(rule.due(None, awake, &utc));
    assert!(!rule.due(Some(moment("2027-01-01T00:00:00Z")), awake, &utc));
}

#[test]
fn what_is_no_schedule_is_refused_with_the_reason() {
    let table = [
        ("", "`` is not a schedule"),
        ("sometimes", "`sometimes` is not a schedule"),
        ("daily", "`daily` is not of the form `daily 18:00`"),
        ("daily 24:00", "`24:00` is not a time of day from 00:00 to 23:59"),
        ("daily 18:60", "`18:60` is not a time of day from 00:00 to 23:59"),
        ("daily 6pm", "`6pm` is not a time of day from 00:00 to 23:59"),
        ("weekly funday 03:00", "`funday` is not one of mon, tue, wed, thu, fri, sat, sun"),
        ("monthly 0 03:00", "`0` is not a day from 1 to 31"),
        ("every 0s", "`0s` is not a number and s, m, h, d or w, from 1s to ten years"),
        (
            "every 99999999999999999999w",
            "`99999999999999999999w` is not a number and s, m, h, d or w, from 1s to ten years",
        ),
        ("every 15 m", "`every 15 m` is not of the form `every 15m`"),
        ("60 * * * *", "`60` is no minute: 0 to 59 are allowed"),
        ("* * 0 * *", "`0` is no day of month: 1 to 31 are allowed"),
        ("* * * foo *", "`foo` is no month: 1 to 12 are allowed"),
        ("*/0 * * * *", "`0` is no minute: a step is a number from 1"),
        ("5/15 * * * *", "`5/15` is no minute: a step needs `*` or a range before it"),
        ("* 22-2 * * *", "`22-2` is no hour: a range goes up"),
        ("* * * * * *", "`* * * * * *` is not a schedule"),
        ("0 0 30 2 *", "the date `30 2` never comes"),
        ("1,,2 * * * *", "`` is no minute: 0 to 59 are allowed"),
    ];
    for (text, wrong) in table {
        assert_eq!(text.parse::<Schedule>().map_err(|error| error.to_string()), Err(wrong.to_owned()), "{text:?}");
    }
    assert!("x".repeat(10_000).parse::<Schedule>().is_err());
}

#[test]
fn a_leap_day_on_a_weekday_comes_however_rare() {
    let tz = TimeZone::UTC;
    let next = schedule("0 0 29 2 */7").next_after(moment("2088-02-29T00:00:00Z"), &tz);
    assert!(next.is_some_and(|next| next > moment("2100-01-01T00:00:00Z")), "{next:?}");
}

#[test]
fn a_schedule_is_shown_as_it_was_written() {
    assert_eq!(schedule(" weekly sun 03:00 ").to_string(), "weekly sun 03:00");
}
