//! A place that tells no room of its own and turned out to be full: first one point at a time, as what came side by side
//! may have taken each other's room. What lies there when it is full then is its limit for one more session of the same
//! visit, in which its oldest points make room; where none may go, what still fits comes.
//!
//! Invariant: room that was made and not used is not made again before the place has taken something. One that keeps what
//! was deleted (a bin, versions, a quota that is counted late) would lose point after point otherwise, and stay full.
//! Deliberately absent: which points go (`plan`).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::catalog::{self, Catalog, UsageRow};
use crate::copy::{Lanes, Outcome, WhenFull};
use crate::model::{DestinationName, Time, VaultId, size};
use crate::port::Clock;
use crate::report;

/// A file system with a journal gives freed room back when that is written, every 5 s by default (ext4).
const FREED_AFTER: Duration = Duration::from_secs(8);

/// How a session goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    pub lanes: Lanes,
    pub when_full: WhenFull,
    /// What the place holds at most, as it said itself.
    pub full_at: Option<u64>,
}

impl Manner {
    const FIRST: Self = Self { lanes: Lanes::AsManyAsThePlaceTakes, when_full: WhenFull::Stop, full_at: None };
    const ONE_BY_ONE: Self = Self { lanes: Lanes::One, ..Self::FIRST };
    const WHAT_FITS: Self = Self { when_full: WhenFull::GoOn, ..Self::ONE_BY_ONE };

    const fn making_room(holds: u64) -> Self {
        Self { full_at: Some(holds), ..Self::ONE_BY_ONE }
    }
}

/// Where room is made.
pub(super) struct Place<'p> {
    pub catalog: &'p Catalog,
    pub clock: &'p dyn Clock,
    pub name: &'p DestinationName,
    pub medium: VaultId,
    /// May points go to make room there?
    pub evicts: bool,
    /// Is it to end?
    pub stop: &'p dyn Fn() -> bool,
    /// Tells a person.
    pub tell: &'p dyn Fn(&str),
}

/// Carries out a session in that manner.
type Sessions<'s> = &'s dyn Fn(Manner) -> Outcome;

/// Room that was made in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Vain {
    since: Time,
    /// The place has to take so much before room is made there again.
    due: u64,
}

impl Place<'_> {
    /// A session, and what follows if the place turned out to be full.
    ///
    /// # Errors
    /// As the catalog answers.
    pub(super) fn visited(&self, session: Sessions<'_>) -> catalog::Result<Outcome> {
        let first = session(Manner::FIRST);
        let was_vain = self.vain()?.is_some();
        let outcome = match is_stuck(&first) {
            false => first,
            true if self.evicts && !was_vain => return self.make_room(first, session),
            true => joined(first, self.after_a_while(session, Manner::WHAT_FITS)),
        };
        self.took(&outcome)?;
        match self.vain()? {
            Some(vain) if is_stuck(&outcome) && self.evicts => Ok(self.in_vain(outcome, vain.since)),
            _ => Ok(outcome),
        }
    }

    /// The place is full, and its oldest points may go.
    fn make_room(&self, first: Outcome, session: Sessions<'_>) -> catalog::Result<Outcome> {
        let before = joined(first, self.after_a_while(session, Manner::ONE_BY_ONE));
        if !is_stuck(&before) {
            return Ok(before);
        }
        let holds = self.lies_there()?;
        let full = format!("{}: it is full with {} of ours there", self.name, size(holds));
        (self.tell)(&format!("{full}; what of that may go makes room"));
        let mut made = session(Manner::making_room(holds));
        if evicted(&made).is_none() && made.ended.is_none() {
            (self.tell)(&format!("{full}, and none of that may go: only what still fits comes"));
            made = joined(made, session(Manner::WHAT_FITS));
        } else {
            made = self.filled(made, holds, session);
            self.note_vain(&made)?;
        }
        Ok(joined(before, made))
    }

    /// Room shows late: it is waited for, as long as the place takes something each time.
    fn filled(&self, mut made: Outcome, holds: u64, session: Sessions<'_>) -> Outcome {
        while is_stuck(&made) {
            let more = self.after_a_while(session, Manner::making_room(holds));
            let has_taken = taken(&more) > 0;
            made = joined(made, more);
            if !has_taken {
                break;
            }
        }
        made
    }

    /// A session once the room shows that the one before gave back.
    fn after_a_while(&self, session: Sessions<'_>, manner: Manner) -> Outcome {
        self.wait();
        session(manner)
    }

    fn wait(&self) {
        let until = self.clock.monotonic() + FREED_AFTER;
        while self.clock.monotonic() < until && !(self.stop)() {
            self.clock.sleep(Duration::from_millis(200));
        }
    }

    fn in_vain(&self, mut outcome: Outcome, since: Time) -> Outcome {
        let why = format!(
            "{}: it is full, and has taken nothing since its oldest points made room at {}: nothing more is evicted there \
             before it does; see what else takes its room (a bin, kept versions, other data), or give it a `limit`",
            self.name,
            report::utc(since)
        );
        (self.tell)(&why);
        outcome.failures.push(why);
        outcome
    }

    /// Room was made, and the place is full all the same. Half of it has to be used: points are never of one size.
    fn note_vain(&self, made: &Outcome) -> catalog::Result<()> {
        let half = evicted(made).map_or(0, |bytes| bytes.div_ceil(2).max(1));
        let due = half.saturating_sub(taken(made));
        if due > 0 && is_stuck(made) { self.note(Some(Vain { since: self.clock.now(), due })) } else { Ok(()) }
    }

    /// What the place took since counts; once it is enough, that room was made in vain is forgotten.
    fn took(&self, outcome: &Outcome) -> catalog::Result<()> {
        let (Some(vain), taken) = (self.vain()?, taken(outcome)) else { return Ok(()) };
        if taken == 0 {
            return Ok(());
        }
        let due = vain.due.saturating_sub(taken);
        self.note((due > 0).then_some(Vain { due, ..vain }))
    }

    fn vain(&self) -> catalog::Result<Option<Vain>> {
        let text = self.catalog.memo(&memo(self.medium))?.unwrap_or_default();
        let mut numbers = text.split_whitespace();
        let since = numbers.next().and_then(|since| since.parse().ok()).map(Time::from_seconds);
        // An earlier version wrote no bytes: any will do.
        let due = numbers.next().and_then(|due| due.parse().ok()).unwrap_or(1);
        Ok(since.map(|since| Vain { since, due }))
    }

    fn note(&self, vain: Option<Vain>) -> catalog::Result<()> {
        let text = vain.map_or_else(String::new, |vain| format!("{} {}", vain.since.seconds, vain.due));
        self.catalog.set_memo(&memo(self.medium), &text)
    }

    /// Bytes of whole objects there, and of unfinished ones that are gone on with.
    fn lies_there(&self) -> catalog::Result<u64> {
        let whole = self.catalog.snapshot()?.usage.get(&self.medium).map_or(0, UsageRow::bytes);
        let parts = self.catalog.checkpoints(self.medium)?;
        Ok(parts.iter().fold(whole, |sum, (_, hint)| sum.saturating_add(hint.done_bytes)))
    }
}

/// Was room made at a medium in vain, and nothing more goes there before it takes something?
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn is_vain(catalog: &Catalog, medium: VaultId) -> catalog::Result<bool> {
    Ok(catalog.memo(&memo(medium))?.is_some_and(|text| !text.is_empty()))
}

fn memo(medium: VaultId) -> String {
    format!("made-room-{medium}")
}

/// Did the place say that it is full, and nothing else end the session?
const fn is_stuck(outcome: &Outcome) -> bool {
    outcome.full && outcome.ended.is_none()
}

/// Bytes of what was evicted; none if nothing was.
fn evicted(outcome: &Outcome) -> Option<u64> {
    let evicted = outcome.removed.iter().filter(|removed| removed.evicted).map(|removed| removed.bytes);
    evicted.reduce(u64::saturating_add)
}

/// Bytes of points that came.
fn taken(outcome: &Outcome) -> u64 {
    let taken = outcome.copied.iter().filter(|copied| !copied.failed);
    taken.fold(0, |sum, copied| sum.saturating_add(copied.bytes))
}

/// Two sessions as one: a copy that failed in the first one and was tried again counts as the second one left it.
fn joined(mut first: Outcome, second: Outcome) -> Outcome {
    let tried: BTreeSet<_> = second.copied.iter().map(|copied| copied.point).collect();
    first.copied.retain(|copied| !(copied.failed && tried.contains(&copied.point)));
    first.copied.extend(second.copied);
    first.removed.extend(second.removed);
    first.kept.extend(second.kept);
    first.failures.extend(second.failures);
    first.refused += second.refused;
    Outcome { full: second.full, ended: second.ended, busy: second.busy, ..first }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::catalog::{Founding, NewMedium, OpenOptions};
    use crate::copy::{Copied, CopyError, Removed};
    use crate::model::{FamilyId, PointOrder, State, WriterId};
    use crate::plan::Loss;
    use crate::sim::clock::SimClock;

    const MEDIUM: VaultId = VaultId([1; 16]);

    const POINT: u64 = 4_000_000;

    fn copied(sequence: u64, failed: bool) -> Copied {
        Copied {
            point: PointOrder { epoch: 1, sequence },
            medium: MEDIUM,
            destination: DestinationName::home(),
            state: if failed { State::Pending } else { State::Complete },
            bytes: if failed { 0 } else { POINT },
            took: Duration::ZERO,
            reason: String::new(),
            failed,
        }
    }

    fn full() -> Outcome {
        Outcome { copied: vec![copied(2, true)], full: true, ..Outcome::default() }
    }

    fn took() -> Outcome {
        Outcome { copied: vec![copied(2, false)], ..Outcome::default() }
    }

    fn took_bytes(bytes: u64) -> Outcome {
        Outcome { copied: vec![Copied { bytes, ..copied(3, false) }], ..Outcome::default() }
    }

    fn stopped(then: Outcome) -> Outcome {
        Outcome { ended: Some(CopyError::Stopped), ..then }
    }

    fn evicting(then: Outcome) -> Outcome {
        let (point, destination) = (PointOrder { epoch: 1, sequence: 1 }, DestinationName::home());
        let reason = String::new();
        Outcome {
            removed: vec![Removed {
                point,
                medium: MEDIUM,
                destination,
                bytes: POINT,
                reason,
                evicted: true,
                lost: Loss::Nothing,
            }],
            ..then
        }
    }

    const ROOM: Manner = Manner::making_room(0);

    /// A visit whose sessions end so, one after the other; gives its outcome and the manners of those that there were.
    fn visit_where(evicts: bool, catalog: &Catalog, sessions: Vec<Outcome>) -> (Outcome, Vec<Manner>) {
        let (sessions, manners) = (RefCell::new(sessions.into_iter()), RefCell::new(Vec::new()));
        let (clock, name) = (SimClock::new(), DestinationName::home());
        let place =
            Place { catalog, clock: &clock, name: &name, medium: MEDIUM, evicts, stop: &|| false, tell: &|_| {} };
        let session = |manner| {
            manners.borrow_mut().push(manner);
            sessions.borrow_mut().next().expect("no more sessions than that")
        };
        let outcome = place.visited(&session).expect("the catalog answers");
        assert!(sessions.borrow_mut().next().is_none(), "as many sessions as that");
        (outcome, manners.into_inner())
    }

    fn visit(catalog: &Catalog, sessions: Vec<Outcome>) -> (Outcome, Vec<Manner>) {
        visit_where(true, catalog, sessions)
    }

    fn is_in_vain(outcome: &Outcome) -> bool {
        outcome.failures.iter().any(|failure| failure.contains("nothing more is evicted there"))
    }

    fn with_catalog(test: impl FnOnce(&Catalog)) {
        let folder = tempfile::tempdir().expect("a folder");
        let created = Time::from_seconds(1);
        let founding = Founding { family: FamilyId([2; 16]), writer: WriterId([3; 16]), epoch: 1, created };
        let catalog = Catalog::create(folder.path(), &founding, OpenOptions::default()).expect("made");
        let medium = NewMedium {
            vault: MEDIUM,
            destination: DestinationName::home(),
            place: String::new(),
            file_system: String::new(),
            device: 0,
            same_disk: false,
            probe: Vec::new(),
            enrolled: created,
        };
        catalog.enrol(&medium).expect("enrolled");
        test(&catalog);
    }

    #[test]
    fn a_copy_that_was_tried_again_counts_as_it_ended_and_one_that_was_not_stays_failed() {
        let first = Outcome { copied: vec![copied(3, false), copied(2, true), copied(1, true)], ..Outcome::default() };
        let both = joined(first, took());
        let told: Vec<_> = both.copied.iter().map(|copied| (copied.point.sequence, copied.failed)).collect();
        assert_eq!(told, [(3, false), (1, true), (2, false)]);
    }

    #[test]
    fn what_only_took_each_others_room_comes_one_by_one_and_nothing_is_evicted() {
        with_catalog(|catalog| {
            let (outcome, manners) = visit(catalog, vec![full(), took()]);
            assert_eq!(manners, [Manner::FIRST, Manner::ONE_BY_ONE]);
            assert_eq!((outcome.full, outcome.copied[0].failed), (false, false));
        });
    }

    #[test]
    fn room_that_was_made_and_used_may_be_made_again() {
        with_catalog(|catalog| {
            for _ in 0..2 {
                let (outcome, manners) = visit(catalog, vec![full(), full(), evicting(took())]);
                assert_eq!(manners, [Manner::FIRST, Manner::ONE_BY_ONE, ROOM]);
                assert_eq!((outcome.copied.len(), outcome.removed.len()), (1, 1));
                assert!(!outcome.full && outcome.failures.is_empty());
            }
        });
    }

    #[test]
    fn room_that_shows_late_is_waited_for_as_long_as_the_place_takes_something() {
        with_catalog(|catalog| {
            let (outcome, _) = visit(catalog, vec![full(), full(), evicting(full()), took()]);
            assert_eq!((outcome.full, outcome.copied[0].failed), (false, false));
            let more = Outcome { full: true, ..evicting(took_bytes(POINT)) };
            let (outcome, _) = visit(catalog, vec![full(), full(), evicting(full()), more, took()]);
            assert_eq!((outcome.full, outcome.removed.len()), (false, 2));
        });
    }

    #[test]
    fn room_that_was_made_in_vain_is_not_made_again_before_the_place_takes_as_much_as_half_of_it() {
        with_catalog(|catalog| {
            let (outcome, _) = visit(catalog, vec![full(), full(), evicting(full()), full()]);
            assert!(outcome.full);
            for _ in 0..2 {
                let (outcome, manners) = visit(catalog, vec![full(), full()]);
                assert_eq!(manners, [Manner::FIRST, Manner::WHAT_FITS], "what is small enough still comes");
                assert!(is_in_vain(&outcome), "{:?}", outcome.failures);
            }
            let _ = visit(catalog, vec![took_bytes(20_000)]);
            let also_full = Outcome { full: true, ..took_bytes(20_000) };
            assert!(is_in_vain(&visit(catalog, vec![also_full, full()]).0), "a little is not enough");
            let _ = visit(catalog, vec![took_bytes(POINT / 2 - 40_001)]);
            assert!(is_in_vain(&visit(catalog, vec![full(), full()]).0), "one byte is missing");
            let _ = visit(catalog, vec![took_bytes(1)]);
            assert_eq!(visit(catalog, vec![full(), full(), evicting(took())]).1.len(), 3);
        });
    }

    #[test]
    fn what_ends_early_says_nothing_of_whether_room_was_made_in_vain() {
        with_catalog(|catalog| {
            for interrupted in [stopped(Outcome::default()), stopped(evicting(full()))] {
                let (outcome, _) = visit(catalog, vec![full(), full(), interrupted]);
                assert!(outcome.ended.is_some());
            }
            let (outcome, _) = visit(catalog, vec![full(), full(), evicting(full()), stopped(full())]);
            assert!(outcome.ended.is_some());
            assert!(!is_in_vain(&visit(catalog, vec![full(), full(), evicting(took())]).0));
        });
    }

    #[test]
    fn where_nothing_can_go_what_still_fits_comes_each_time() {
        with_catalog(|catalog| {
            for _ in 0..2 {
                let (outcome, manners) = visit(catalog, vec![full(), full(), Outcome::default(), full()]);
                assert_eq!(manners[2..], [ROOM, Manner::WHAT_FITS]);
                assert_eq!((outcome.copied[0].failed, is_in_vain(&outcome)), (true, false), "what failed stays told");
            }
            let (outcome, manners) = visit_where(false, catalog, vec![full(), took_bytes(20_000)]);
            assert_eq!(manners, [Manner::FIRST, Manner::WHAT_FITS]);
            assert_eq!(outcome.copied.len(), 2);
        });
    }
}
