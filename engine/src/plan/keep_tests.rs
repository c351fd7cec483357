//! Tables and properties of the retention rules.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a bundled zone")
}

fn at(text: &str, tz: &TimeZone) -> Time {
    let local: DateTime = text.parse().expect("a date and time");
    Time::from_seconds(tz.to_timestamp(local).expect("in range").as_second())
}

fn order(sequence: u64) -> PointOrder {
    PointOrder { epoch: 1, sequence }
}

/// Points in the order of the list, the first one oldest.
fn points(moments: &[&str], tz: &TimeZone) -> Vec<(PointOrder, Time)> {
    (1..).map(order).zip(moments.iter().map(|text| at(text, tz))).collect()
}

fn kept(counts: &[(KeepRule, u32)], points: &[(PointOrder, Time)], tz: &TimeZone) -> Vec<u64> {
    let rule = Keep::new(counts.iter().copied()).expect("not empty");
    keep(Some(&rule), points, tz).into_keys().map(|order| order.sequence).collect()
}

#[test]
fn without_a_rule_everything_stays() {
    let all = points(&["2026-01-01T10:00", "2026-01-01T10:00"], &TimeZone::UTC);
    assert_eq!(keep(None, &all, &TimeZone::UTC).len(), 2);
}

#[test]
fn the_newest_point_of_each_period_stays() {
    let utc = TimeZone::UTC;
    let all = points(
        &[
            "2024-12-29T12:00", // Sunday of ISO week 2024-52
            "2024-12-30T12:00", // Monday of ISO week 2025-1
            "2025-01-05T08:10",
            "2025-01-05T08:50",
            "2025-01-05T09:00",
        ],
        &utc,
    );
    type Case<'a> = (&'a [(KeepRule, u32)], &'a [u64]);
    let table: [Case<'_>; 9] = [
        (&[(KeepRule::Last, 2)], &[4, 5]),
        (&[(KeepRule::Last, 9)], &[1, 2, 3, 4, 5]),
        (&[(KeepRule::Hourly, 2)], &[4, 5]),
        (&[(KeepRule::Daily, 2)], &[2, 5]),
        (&[(KeepRule::Weekly, 1)], &[5]),
        (&[(KeepRule::Weekly, 2)], &[1, 5]),
        (&[(KeepRule::Monthly, 2)], &[2, 5]),
        (&[(KeepRule::Yearly, 5)], &[2, 5]),
        (&[(KeepRule::Hourly, 3), (KeepRule::Weekly, 2)], &[1, 2, 4, 5]),
    ];
    for (counts, expected) in table {
        assert_eq!(kept(counts, &all, &utc), expected, "{counts:?}");
    }
}

#[test]
fn every_reason_of_a_point_is_given() {
    let utc = TimeZone::UTC;
    let rule = Keep::new([(KeepRule::Yearly, 1), (KeepRule::Last, 1)]).expect("not empty");
    let reasons = keep(Some(&rule), &points(&["2026-01-01T10:00"], &utc), &utc);
    assert_eq!(reasons[&order(1)], [KeepReason::Newest(KeepRule::Last), KeepReason::Newest(KeepRule::Yearly)]);
}

#[test]
fn days_are_those_of_the_zone() {
    let berlin = zone("Europe/Berlin");
    let all = points(&["2026-07-01T23:30", "2026-07-02T00:30"], &berlin);
    assert_eq!(kept(&[(KeepRule::Daily, 2)], &all, &berlin), [1, 2]);
    assert_eq!(kept(&[(KeepRule::Daily, 2)], &all, &TimeZone::UTC), [2]);
}

#[test]
fn periods_without_points_do_not_count() {
    let utc = TimeZone::UTC;
    let all = points(&["2020-01-01T10:00", "2023-01-01T10:00", "2026-01-01T10:00"], &utc);
    assert_eq!(kept(&[(KeepRule::Daily, 2)], &all, &utc), [2, 3]);
}

#[test]
fn moments_beyond_any_calendar_do_not_panic() {
    for seconds in [i64::MIN, i64::MAX] {
        for nanos in [0, 999_999_999, u32::MAX] {
            assert_eq!(kept(&[(KeepRule::Weekly, 1)], &[(order(1), Time { seconds, nanos })], &TimeZone::UTC), [1]);
        }
    }
}

fn any_points() -> impl Strategy<Value = Vec<(PointOrder, Time)>> {
    // Close together and far apart; the clock may have gone back between two points.
    let moment = prop_oneof![0..200_000_i64, 0..40_000_000_i64, 0..2_000_000_000_i64];
    btree_map((1..3_u32, 1..60_u64), moment, 0..40).prop_map(|map| {
        let point = |((epoch, sequence), seconds)| {
            (PointOrder { epoch, sequence }, Time::from_seconds(1_700_000_000 + seconds))
        };
        map.into_iter().map(point).collect()
    })
}

fn any_counts() -> impl Strategy<Value = Vec<(KeepRule, u32)>> {
    vec(0..6_u32, 6).prop_map(|counts| KeepRule::ALL.into_iter().zip(counts).collect())
}

fn any_zone() -> impl Strategy<Value = TimeZone> {
    let names = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"];
    prop::sample::select(names.to_vec()).prop_map(zone)
}

proptest! {
    #[test]
    fn last_n_keeps_n_or_all(all in any_points(), n in 1..50_u32, tz in any_zone()) {
        let rule = Keep::new([(KeepRule::Last, n)]);
        let newest: Vec<_> = all.iter().rev().take(n as usize).rev().map(|(order, _)| *order).collect();
        prop_assert_eq!(keep(rule.as_ref(), &all, &tz).into_keys().collect::<Vec<_>>(), newest);
    }

    #[test]
    fn the_newest_point_always_stays_and_nothing_is_invented(
        all in any_points(), counts in any_counts(), tz in any_zone()
    ) {
        let rule = Keep::new(counts);
        let kept = keep(rule.as_ref(), &all, &tz);
        if let Some((newest, _)) = all.last() {
            prop_assert!(kept.contains_key(newest));
        }
        prop_assert!(kept.keys().all(|order| all.iter().any(|(known, _)| known == order)));
        prop_assert!(kept.values().all(|reasons| !reasons.is_empty()));
    }

    #[test]
    fn what_was_kept_is_kept_again_for_the_same_reasons(
        all in any_points(), counts in any_counts(), tz in any_zone()
    ) {
        let rule = Keep::new(counts);
        let once = keep(rule.as_ref(), &all, &tz);
        let left: Vec<_> = all.into_iter().filter(|(order, _)| once.contains_key(order)).collect();
        prop_assert_eq!(keep(rule.as_ref(), &left, &tz), once);
    }

    #[test]
    fn a_higher_count_never_drops_a_point(
        all in any_points(), counts in any_counts(), more in 0..6_usize, tz in any_zone()
    ) {
        let Some(rule) = Keep::new(counts.clone()) else { return Ok(()) };
        let mut raised = counts;
        raised[more].1 += 1;
        let (before, after) = (keep(Some(&rule), &all, &tz), keep(Keep::new(raised).as_ref(), &all, &tz));
        prop_assert!(before.keys().all(|order| after.contains_key(order)));
    }

    #[test]
    fn a_newer_point_brings_nothing_back_and_costs_each_rule_one_point_at_most(
        all in any_points(), counts in any_counts(), seconds in 0..2_000_000_000_i64, tz in any_zone()
    ) {
        let Some(rule) = Keep::new(counts) else { return Ok(()) };
        let before = keep(Some(&rule), &all, &tz);
        let newer = PointOrder { epoch: 9, sequence: 1 };
        let grown: Vec<_> = all.into_iter().chain([(newer, Time::from_seconds(1_700_000_000 + seconds))]).collect();
        let after = keep(Some(&rule), &grown, &tz);
        prop_assert!(after.contains_key(&newer));
        prop_assert!(after.keys().all(|order| *order == newer || before.contains_key(order)));
        let lost = before.keys().filter(|order| !after.contains_key(order)).count();
        prop_assert!(lost <= rule.counts().count());
    }

    #[test]
    fn the_order_of_the_slice_does_not_matter(all in any_points(), counts in any_counts(), tz in any_zone()) {
        let rule = Keep::new(counts);
        let backwards: Vec<_> = all.iter().rev().copied().collect();
        prop_assert_eq!(keep(rule.as_ref(), &all, &tz), keep(rule.as_ref(), &backwards, &tz));
    }
}
