//! Did the clock jump? Asked before a point is stamped, because `created` is all that retention and `expect` count by: a
//! wrong clock does no harm before that. What is compared (DESIGN 5.3), a day being the measure each time:
//!
//! - within one boot: the wall clock with where it must be by the clock that counts from the boot, time asleep included,
//!   since the last look (the catalog's [`ClockMark`]); either way;
//! - over a reboot: the wall clock with that of the last look, backwards only: a computer that was off for a month is
//!   none that jumped, and nobody can tell the two apart;
//! - always: the wall clock with the newest point of all jobs and with the last word of any medium, backwards only, unless
//!   a person has confirmed that those lie ahead. This finds a wrong clock after a rebuild, or a catalog that was set back.
//!
//! A jump concerns every job that has points: each is on hold until `engine alarm clear JOB`. Deliberately absent: which
//! clock was right.

use std::time::Duration;

use crate::catalog::{Catalog, CatalogError, ClockMark, EventKind, EventRow, JobRow};
use crate::model::Time;
use crate::port::{Clock, SinceBoot};

/// Less than this is a clock that was put right.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Under this name the catalog keeps up to when times that lie ahead of the clock are known to, in seconds.
const CONFIRMED: &str = "clock-confirmed";

/// Both clocks, read together.
struct Now {
    wall: Time,
    boot: Option<SinceBoot>,
}

impl Now {
    fn read(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), boot: clock.since_boot() }
    }

    /// For the next look; a boot without a name is never the same.
    fn mark(&self) -> ClockMark {
        let (boot, elapsed) = self.boot.clone().map_or_else(Default::default, |it| (it.boot, it.elapsed));
        ClockMark { wall: self.wall, monotonic_nanos: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), boot }
    }

    /// Where the wall clock must be, if the last look was in this boot.
    fn expected(&self, mark: &ClockMark) -> Option<Time> {
        let boot = self.boot.as_ref().filter(|boot| boot.boot == mark.boot)?;
        let passed = boot.elapsed.checked_sub(Duration::from_nanos(mark.monotonic_nanos))?;
        Some(mark.wall.plus(passed))
    }
}

/// How the wall clock jumped since the last look, or how far it is behind `ahead`, which it must not be.
fn jump(now: &Now, mark: Option<&ClockMark>, ahead: Option<Time>) -> Option<String> {
    let (wall, told) = (now.wall, |span: Duration, than: Time, what: &str| {
        format!("the clock says {}, {} {} {what}", now.wall.text(), days(span), than.text())
    });
    let expected = mark.and_then(|mark| now.expected(mark));
    let latest = expected.or_else(|| mark.map(|mark| mark.wall));
    let behind = latest.filter(|latest| latest.since(wall) > DAY);
    let before = expected.filter(|expected| wall.since(*expected) > DAY);
    let earlier = ahead.filter(|ahead| ahead.since(wall) > DAY);
    match (behind, before, earlier) {
        (Some(latest), ..) => Some(told(latest.since(wall), latest, "that it must have passed: it was set back")),
        (_, Some(expected), _) => Some(told(wall.since(expected), expected, "that it can be at: it was set forward")),
        (.., Some(ahead)) => Some(told(ahead.since(wall), ahead, "that is the time of what was made before")),
        _ => None,
    }
}

fn days(span: Duration) -> String {
    format!("{:.1} days from", span.as_secs_f64() / DAY.as_secs_f64())
}

/// What was stamped last, by any clock of this installation: points, and the word of media.
fn stamped_last(catalog: &Catalog, jobs: &[JobRow]) -> Result<Option<Time>, CatalogError> {
    let points = jobs.iter().filter_map(|job| job.newest_created);
    let media = catalog.media()?;
    Ok(points.chain(media.iter().filter_map(|medium| medium.last_seen)).max())
}

/// Looks at the clocks, holds every job that has points if they jumped, and remembers them. Gives what was found.
///
/// # Errors
/// If the catalog can't be read or written.
pub(super) fn look(catalog: &Catalog, clock: &dyn Clock) -> Result<Option<String>, CatalogError> {
    let (now, meta, jobs) = (Now::read(clock), catalog.meta()?, catalog.jobs()?);
    let confirmed = catalog.memo(CONFIRMED)?.and_then(|text| text.parse().ok()).map(Time::from_seconds);
    // What is on hold already is not found once more.
    let held = jobs.iter().any(|job| job.clock_jump.is_some());
    let ahead = if held { None } else { stamped_last(catalog, &jobs)?.filter(|last| Some(*last) > confirmed) };
    let found = jump(&now, meta.clock.as_ref(), ahead);
    if let Some(why) = &found {
        for job in jobs.iter().filter(|job| job.newest_created.is_some()) {
            hold(catalog, job, why, now.wall)?;
        }
    }
    // Last: a crash before it finds the same jump again.
    catalog.set_clock(&now.mark())?;
    Ok(found)
}

fn hold(catalog: &Catalog, job: &JobRow, why: &str, now: Time) -> Result<(), CatalogError> {
    catalog.update_job(job.id, &|row| _ = row.clock_jump.get_or_insert_with(|| why.to_owned()))?;
    catalog.note_event(&EventRow {
        time: now,
        kind: EventKind::Noted,
        job: Some(job.id),
        point: None,
        medium: None,
        bytes: 0,
        reason: why.to_owned(),
    })
}

/// A person says that it is well: what lies ahead of the clock now is no jump any more.
///
/// # Errors
/// If the catalog can't be read or written.
pub(in crate::command) fn confirm(catalog: &Catalog) -> Result<(), CatalogError> {
    let last = stamped_last(catalog, &catalog.jobs()?)?;
    // Rounded up: what is confirmed is confirmed whole.
    last.map_or(Ok(()), |last| catalog.set_memo(CONFIRMED, &last.seconds.saturating_add(1).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const DAYS: u64 = 24 * HOUR;

    fn at(seconds: u64) -> Time {
        Time::from_seconds(1_700_000_000).plus(Duration::from_secs(seconds))
    }

    fn now(wall: u64, boot: &str, elapsed: u64) -> Now {
        Now { wall: at(wall), boot: Some(SinceBoot { boot: boot.to_owned(), elapsed: Duration::from_secs(elapsed) }) }
    }

    /// A last look at day 100, one hour after the boot `a`.
    fn mark() -> ClockMark {
        now(100 * DAYS, "a", HOUR).mark()
    }

    #[test]
    fn within_one_boot_a_day_either_way_is_a_jump_and_sleep_is_none() {
        let judged = |wall: u64, elapsed: u64| jump(&now(wall, "a", elapsed), Some(&mark()), None);
        assert_eq!(judged(130 * DAYS, 30 * DAYS + HOUR), None, "it slept for a month");
        assert_eq!(judged(101 * DAYS, HOUR), None, "exactly a day is put right");
        assert_eq!(judged(99 * DAYS, HOUR), None);
        assert!(judged(101 * DAYS + 1, HOUR).is_some_and(|why| why.ends_with("it was set forward")));
        assert!(judged(99 * DAYS - 1, HOUR).is_some_and(|why| why.ends_with("it was set back")));
        assert!(judged(100 * DAYS, 3 * DAYS).is_some_and(|why| why.ends_with("it was set back")), "it stood still");
    }

    #[test]
    fn over_a_reboot_only_backwards_is_a_jump() {
        let judged = |wall: u64| jump(&now(wall, "b", 60), Some(&mark()), None);
        assert_eq!(judged(400 * DAYS), None, "it was off for ten months");
        assert_eq!(judged(99 * DAYS), None);
        assert!(judged(98 * DAYS).is_some());
        let silent = Now { wall: at(98 * DAYS), boot: None };
        assert!(jump(&silent, Some(&mark()), None).is_some(), "a system that tells nothing of its boots");
        assert_eq!(jump(&Now { wall: at(400 * DAYS), boot: None }, Some(&silent.mark()), None), None);
    }

    #[test]
    fn a_clock_behind_what_was_made_before_jumped_whatever_the_last_look_was() {
        let ahead = Some(at(103 * DAYS));
        assert!(jump(&now(100 * DAYS, "b", 60), None, ahead).is_some(), "after a rebuild");
        assert!(jump(&now(100 * DAYS, "a", HOUR), Some(&mark()), ahead).is_some(), "a catalog that was set back");
        assert_eq!(jump(&now(102 * DAYS, "b", 60), None, ahead), None);
        assert_eq!(jump(&now(100 * DAYS, "b", 60), None, None), None, "nothing is known");
    }
}
