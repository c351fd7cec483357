//! What keeps removals from being turned against their owner (DESIGN 5.6), looked at inside the transaction that marks
//! one: the plan that wants it was made from a state that other processes have changed since.
//!
//! In: a removal that is to be marked, and what the configuration says about it. Out: nothing, or why it has to wait,
//! which is an answer and no error: the next plan sees the same and decides anew. The state's generation as a whole
//! would be too coarse for this: it moves on with every object that is copied anywhere.
//! Deliberately absent: what `keep` wants (the plan's to say; that nothing it relied on has fallen is looked at here).

use std::fmt;

use super::error::Result;
use super::falls::{fell, passed};
use super::removal::{NewRemoval, Removal};
use super::rows::{Generation, JobRow, MediumRow, PlacementRow, PointRow, Side};
use super::state::keeps_packs;
use super::tables::{Mode, Tables};
use super::value::key_bytes;
use crate::model::{PointOrder, Proof, State};

/// Which rules a removal has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guards {
    /// A person asked for it: pins, bases and what is relied on stay, the rest is for them to decide.
    ByHand,
    /// The engine decided it, by these.
    Rules(RemovalRules),
}

/// What eviction and retention at a medium go by, beyond what the catalog knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalRules {
    /// Complete points of each job that stay there, always.
    pub keep_at_least: u32,
    /// May a point be evicted that is complete nowhere else offsite?
    pub last_copy: LastCopy,
    /// The state that the removal was planned from: nothing that was good there may have fallen since.
    pub planned: Generation,
}

/// `evict-unique`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastCopy {
    /// The last copy offsite may be evicted.
    MayGo,
    /// It stays.
    Stays,
}

/// Why a removal has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// It is in that state there: there is nothing to remove, or it is being copied.
    NotThere(State),
    /// A person pinned it.
    Pinned,
    /// A capture, a copy, a seed or a restore relies on it.
    Reserved,
    /// This point, which depends on it, stays.
    NeededBy(PointOrder),
    /// Its job, or that of the point that the room is for, is on hold.
    OnHold(String),
    /// Too few complete points of its job would be left.
    KeepAtLeast,
    /// No newer point of its job is proved by a drill.
    LastProved,
    /// It is complete nowhere else offsite.
    LastCopy,
    /// Something that the plan took for good has fallen since.
    Fallen,
    /// A point left home since it was planned, and the medium may have what is needed of it.
    Passed,
    /// It is the newest of its row of its job at home, or the newest there was never read back.
    Newest,
    /// The point that it would go for was removed itself, or is not newer.
    ForNothing(PointOrder),
    /// The point that it would go for was never read back where it comes from.
    NotReadBack(PointOrder),
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(state) => write!(f, "it is {state} there"),
            Self::Pinned => f.write_str("it is pinned"),
            Self::Reserved => f.write_str("it is reserved: a capture, a copy, a seed or a restore relies on it"),
            Self::NeededBy(point) => write!(f, "the point {point}, which depends on it, stays there"),
            Self::OnHold(why) => write!(f, "nothing of the job is removed until a person has looked: {why}"),
            Self::KeepAtLeast => f.write_str("too few complete points of its job would be left there (keep-at-least)"),
            Self::LastProved => f.write_str("it is the last point of its job that a drill has proved"),
            Self::LastCopy => f.write_str("it is complete nowhere else offsite (evict-unique = false)"),
            Self::Fallen => f.write_str("something was found damaged or missing since this was planned"),
            Self::Passed => f.write_str("a point left home since this was planned, and may be needed from here"),
            Self::Newest => f.write_str("the newest point of its row at home stays, and is read back before others go"),
            Self::ForNothing(by) => write!(f, "the point {by}, which it would make room for, is wanted no more"),
            Self::NotReadBack(by) => write!(f, "the point {by}, which it would make room for, was never read back"),
        }
    }
}

type Answer = Result<Option<Withheld>>;

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Why these points can't be marked for removal now, if so.
    pub fn withheld(&self, medium: &MediumRow, new: &NewRemoval<'_>, points: &[PointRow]) -> Answer {
        for point in points {
            if let Some(why) = self.is_relied_on(medium, point, new.points)? {
                return Ok(Some(why));
            }
        }
        match new.guards {
            Guards::ByHand => Ok(None),
            Guards::Rules(rules) => self.breaks_rules(medium, new, points, rules),
        }
    }

    /// What even a person does not break by accident.
    fn is_relied_on(&self, medium: &MediumRow, point: &PointRow, leaving: &[PointOrder]) -> Answer {
        let state = self.placements.get(&(medium.number, point.order))?.map_or(State::NotWanted, |row| row.state);
        if point.pinned {
            return Ok(Some(Withheld::Pinned));
        }
        if !keeps_packs(state) || state == State::Copying {
            return Ok(Some(Withheld::NotThere(state)));
        }
        if !self.holders(medium.vault, point.order)?.is_empty() {
            return Ok(Some(Withheld::Reserved));
        }
        for child in self.children.under(&key_bytes(&point.order))? {
            let ((_, child), ()) = child?;
            let placed = self.placements.get(&(medium.number, child))?;
            if placed.is_some_and(|row| keeps_packs(row.state)) && !leaving.contains(&child) {
                return Ok(Some(Withheld::NeededBy(child)));
            }
        }
        Ok(None)
    }

    fn breaks_rules(
        &self,
        medium: &MediumRow,
        new: &NewRemoval<'_>,
        points: &[PointRow],
        rules: RemovalRules,
    ) -> Answer {
        if self.has_fallen(medium, rules.planned)? {
            return Ok(Some(Withheld::Fallen));
        }
        if self.has_passed(medium, rules.planned)? {
            return Ok(Some(Withheld::Passed));
        }
        for point in points {
            if let Some(why) = on_hold(&self.job(point.job)?) {
                return Ok(Some(why));
            }
            if self.is_last_proved(medium, point)? {
                return Ok(Some(Withheld::LastProved));
            }
            if !self.leaves_enough(medium, point, new.points, rules.keep_at_least)? {
                return Ok(Some(Withheld::KeepAtLeast));
            }
            let unwanted = matches!(new.removal, Removal::NotWanted { .. });
            if !unwanted && rules.last_copy == LastCopy::Stays && !self.is_complete_elsewhere(medium, point.order)? {
                return Ok(Some(Withheld::LastCopy));
            }
            let overflows = matches!(new.removal, Removal::Evicted { .. } | Removal::GivenUp { .. });
            if overflows && medium.side == Side::Home && !self.newer_is_good(medium, point, new.points)? {
                return Ok(Some(Withheld::Newest));
            }
        }
        new.incoming.map_or(Ok(None), |by| self.is_no_reason(medium, by, new.points))
    }

    /// A plan for home relies on what lies offsite, too: home gives up what others have.
    fn has_fallen(&self, medium: &MediumRow, planned: Generation) -> Result<bool> {
        let relied_on =
            |row: &MediumRow| row.vault == medium.vault || (medium.side == Side::Home && row.retired.is_none());
        let media = self.media_in_order()?;
        Ok(media.iter().filter(|row| relied_on(row)).any(|row| fell(row).is_some_and(|fell| fell > planned)))
    }

    /// A plan for a medium offsite may count on what was at home.
    fn has_passed(&self, medium: &MediumRow, planned: Generation) -> Result<bool> {
        let media = self.media_in_order()?;
        let home = media.iter().find(|row| row.side == Side::Home && medium.side != Side::Home);
        Ok(home.and_then(passed).is_some_and(|passed| passed > planned))
    }

    /// Home's overflow rule: is a newer point of its row of its job complete there, read back, and does it stay?
    fn newer_is_good(&self, home: &MediumRow, point: &PointRow, leaving: &[PointOrder]) -> Result<bool> {
        for (order, row) in self.placed_at(home.number)? {
            let good = row.state == State::Complete && row.proof >= Proof::BytesRead;
            if good && order > point.order && !leaving.contains(&order) && self.is_of_its_row(point, order)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_of_its_row(&self, point: &PointRow, other: PointOrder) -> Result<bool> {
        Ok(self.point(other)?.job == point.job && self.series.get(&other)? == self.series.get(&point.order)?)
    }

    fn is_last_proved(&self, medium: &MediumRow, point: &PointRow) -> Result<bool> {
        let is_proved = |row: &PlacementRow| is_whole(row.state) && row.proof >= Proof::Restored;
        if !self.placements.get(&(medium.number, point.order))?.as_ref().is_some_and(is_proved) {
            return Ok(false);
        }
        for row in self.media_in_order()?.iter().filter(|row| row.retired.is_none()) {
            for (order, placed) in self.placed_at(row.number)? {
                if order > point.order && is_proved(&placed) && self.point(order)?.job == point.job {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn leaves_enough(&self, medium: &MediumRow, point: &PointRow, leaving: &[PointOrder], least: u32) -> Result<bool> {
        let mut left = 0;
        for row in self.placements.under(&key_bytes(&medium.number))? {
            if left >= least {
                break;
            }
            let ((_, order), row) = row?;
            let stays = row.state == State::Complete && !leaving.contains(&order);
            left += u32::from(stays && self.point(order)?.job == point.job);
        }
        Ok(left >= least)
    }

    /// A placement that is on its way out is no longer complete.
    fn is_complete_elsewhere(&self, medium: &MediumRow, order: PointOrder) -> Result<bool> {
        let counts = |row: &&MediumRow| {
            row.vault != medium.vault && row.side == Side::Offsite && row.retired.is_none() && !row.same_disk
        };
        for row in self.media_in_order()?.iter().filter(counts) {
            if self.placements.get(&(row.number, order))?.is_some_and(|row| row.state == State::Complete) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Is the incoming point none that anything may be removed for?
    fn is_no_reason(&self, medium: &MediumRow, by: PointOrder, leaving: &[PointOrder]) -> Answer {
        let point = self.point(by)?;
        if point.removed.is_some() || leaving.iter().any(|order| *order >= by) {
            return Ok(Some(Withheld::ForNothing(by)));
        }
        if let Some(why) = on_hold(&self.job(point.job)?) {
            return Ok(Some(why));
        }
        for row in self.media_in_order()?.iter().filter(|row| row.vault != medium.vault) {
            let placed = self.placements.get(&(row.number, by))?;
            if placed.is_some_and(|placed| was_read_back(row.side, &placed)) {
                return Ok(None);
            }
        }
        Ok(Some(Withheld::NotReadBack(by)))
    }
}

fn on_hold(job: &JobRow) -> Option<Withheld> {
    job.alarm.as_ref().or(job.clock_jump.as_ref()).cloned().map(Withheld::OnHold)
}

const fn is_whole(state: State) -> bool {
    matches!(state, State::Present | State::Complete)
}

/// Complete at home means written; offsite it means read back, or the server's word for each object.
fn was_read_back(side: Side, placed: &PlacementRow) -> bool {
    let offsite = side == Side::Offsite && placed.state == State::Complete;
    offsite || (is_whole(placed.state) && placed.proof >= Proof::BytesRead)
}
