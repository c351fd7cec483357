//! Room at home for a point that is being made: what there is, and what home's overflow rule makes (DESIGN 5.8).
//!
//! A capture that needs more than there is asks for each pack, and what nobody misses makes room then. Only where that is not
//! enough may points be lost for it, and only at once for the whole of it, by what no more can come: so none is lost for a
//! point that does not fit in the end. All that goes, goes by a plan like any other, judged, in the capture's own session at
//! home; what is lost is told at once, and is a problem of the new point, or of the run if that fails.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use super::Failure;
use crate::capture::{CaptureJob, Reading, Room, estimate, preview};
use crate::catalog::Catalog;
use crate::command::Context;
use crate::command::round::{Wanted, looks};
use crate::command::visit::Visits;
use crate::config::{self as configured, Job, reserve_bytes};
use crate::copy::{Outcome, Session};
use crate::destination::{FileStore, ReadStore};
use crate::model::{JobId, Problem, VaultId, chain};
use crate::plan::{Coming, Loss};
use crate::report::size;
use crate::source::Source;
use crate::vault::VaultReader;

/// What may be written at home: under its limit, and above its reserve.
pub(super) fn room(context: &Context, home: &FileStore, home_id: VaultId) -> Result<Room, Failure> {
    let config = &context.installation.config.home;
    let used = context.installation.catalog.usage(home_id)?.bytes();
    let space = home
        .space()
        .map_err(|error| Failure::of("can't measure the home vault", &error, "check the disk and its permissions"))?;
    let by_limit = config.limit.map(|limit| limit.saturating_sub(used));
    let by_reserve = space.map(|space| space.free.saturating_sub(reserve_bytes(config.reserve, space.total)));
    Ok(Room { bytes: [by_limit, by_reserve].into_iter().flatten().min() })
}

/// How often it is planned anew, where the catalog knew better than the plan.
const PLANS_MAX: usize = 3;

/// So many points that were lost are named; of more there is the number.
const NAMED_MAX: usize = 3;

/// Makes room at home for one capture. The caller holds home's lock, and the session.
pub(super) struct MakesRoom<'m> {
    context: &'m Arc<Context>,
    session: &'m Session<'m>,
    job: JobId,
    home: &'m FileStore,
    visits: OnceCell<Visits>,
    /// The points' ids, and what was lost with them.
    lost: RefCell<Vec<(Loss, String)>>,
    /// Why no point was given up.
    in_vain: RefCell<Option<String>>,
}

impl<'m> MakesRoom<'m> {
    pub(super) fn new(context: &'m Arc<Context>, session: &'m Session<'m>, job: JobId, home: &'m FileStore) -> Self {
        let (visits, lost, in_vain) = (OnceCell::new(), RefCell::default(), RefCell::default());
        Self { context, session, job, home, visits, lost, in_vain }
    }

    /// Is there room for so many bytes more at home, if need be because points make it that nobody misses there?
    pub(super) fn holds(&self, bytes: u64) -> bool {
        self.fits(bytes) || self.makes(bytes, Loss::Nothing)
    }

    /// The same for a whole point of no more than so many bytes, even if others are lost for it.
    pub(super) fn holds_at_a_loss(&self, most: u64) -> bool {
        let holds = self.fits(most) || self.makes(most, Loss::ThePoint);
        let (most, lost) = (size(most), !self.lost.borrow().is_empty());
        let rest =
            if lost { "what went for it freed less than it takes up" } else { "nothing that is owed was given up" };
        let why = format!("it may take up to {most}, and home can't make that much room: {rest}");
        *self.in_vain.borrow_mut() = (!holds).then_some(why);
        holds
    }

    fn fits(&self, bytes: u64) -> bool {
        room(self.context, self.home, self.session.medium).is_ok_and(|room| room.holds(bytes))
    }

    /// Carries out what the rule wants, until there is room or it wants nothing more.
    fn makes(&self, bytes: u64, at_most: Loss) -> bool {
        let coming = Coming { job: self.job, bytes, at_most };
        // What is lost is lost for a plan that ends with room; where the disk does not have it then, more would go in vain.
        let plans = if at_most == Loss::Nothing { PLANS_MAX } else { 1 };
        (0..plans).any(|_| self.make(coming) && self.fits(bytes))
    }

    /// False if it wants nothing, or could not be asked.
    fn make(&self, coming: Coming) -> bool {
        let visits = match self.visits() {
            Ok(visits) => visits,
            Err(failure) => {
                self.context.call.voice.warn(&format!("no room can be made at home: {failure}"));
                return false;
            }
        };
        let outcome = visits.make_room_at_home(self.session, coming);
        self.tell(&outcome);
        !outcome.removed.is_empty()
    }

    fn visits(&self) -> Result<&Visits, Failure> {
        if self.visits.get().is_none() {
            let visits = Visits::new(self.context, looks(self.context)?, Wanted::everything())?;
            let _ = self.visits.set(visits);
        }
        Ok(self.visits.get().expect("set just now"))
    }

    fn tell(&self, outcome: &Outcome) {
        let (catalog, voice) = (&self.context.installation.catalog, &self.context.call.voice);
        for removed in &outcome.removed {
            let row = catalog.point(removed.point).ok().flatten();
            let id = row.map_or_else(|| removed.point.to_string(), |row| row.id.to_string());
            voice.warn(&format!("home: the point {id} was removed: {}", removed.reason));
            if removed.lost > Loss::Nothing {
                self.lost.borrow_mut().push((removed.lost, id));
            }
        }
        outcome.failures.iter().for_each(|failure| voice.warn(failure));
        if let Some(error) = &outcome.ended {
            voice.warn(&format!("home: {}", chain(error)));
        }
    }

    /// What was lost, as problems of the point that it was lost for.
    pub(super) fn problems(&self) -> Vec<Problem> {
        problems(&self.lost.borrow())
    }

    /// The refusal of one that was not begun, which has the figures, with what was lost in vain before it.
    pub(super) fn told_of_loss(&self, failure: Failure) -> Failure {
        told(failure, &self.lost.borrow(), None)
    }

    /// The failure of the capture, with what was lost in vain before it, and why no more was.
    pub(super) fn told(&self, failure: Failure) -> Failure {
        told(failure, &self.lost.borrow(), self.in_vain.borrow().as_deref())
    }
}

fn problems(lost: &[(Loss, String)]) -> Vec<Problem> {
    let of = |loss: Loss, what: &str| {
        let ids: Vec<&str> = lost.iter().filter(|(it, _)| *it == loss).map(|(_, id)| id.as_str()).collect();
        let (count, named) = (ids.len(), ids[..ids.len().min(NAMED_MAX)].join(", "));
        let points = if count == 1 { "1 older point was".to_owned() } else { format!("{count} older points were") };
        let more = if count > NAMED_MAX { ", …" } else { "" };
        (count > 0).then(|| Problem::new(b"", format!("home was full: {points} given up {what}: {named}{more}")))
    };
    let whole = of(Loss::ThePoint, "before any place had a whole copy");
    whole.into_iter().chain(of(Loss::Copies, "before every place had a copy")).collect()
}

fn told(mut failure: Failure, lost: &[(Loss, String)], in_vain: Option<&str>) -> Failure {
    let lost = problems(lost).into_iter().map(|problem| problem.problem);
    for more in in_vain.map(str::to_owned).into_iter().chain(lost) {
        failure.why = format!("{}; {more}", failure.why);
    }
    failure
}

/// No more than this comes of such a point: what would be read of it as it lies on the disk, and as much again as entries,
/// footers and what does not compress may add. None where nothing is known before it is read.
pub(super) fn at_most(
    job: &Job,
    capture: &CaptureJob,
    source: &mut dyn Source,
    (catalog, reader): (&Catalog, &VaultReader<'_>),
) -> Option<u64> {
    const OF_AN_ENTRY: u64 = 512;
    const BESIDE: u64 = 128 << 10;
    let is_known = matches!(
        job.source,
        configured::Source::Folders(_) | configured::Source::Drive(_) | configured::Source::RecoveryPoints(_)
    );
    let is_read = capture.reading == Reading::Everything;
    let before = capture.refers_to(catalog).filter(|_| !is_read).map(|point| (capture.id, point));
    let seen = is_known.then(|| preview(source, before, reader))?;
    let entries = seen.found.files.saturating_mul(OF_AN_ENTRY);
    let read = seen.to_read_on_disk.saturating_add(seen.to_read_on_disk / 64);
    Some(read.saturating_add(entries).saturating_add(seen.of_names).saturating_add(BESIDE))
}

/// A first point that can't fit is refused before it is begun, with figures.
pub(super) fn refuse_what_cannot_fit(
    source: &mut dyn Source,
    job: &Job,
    room: &Room,
    make: &dyn Fn(&mut dyn Source, u64) -> bool,
) -> Result<(), Failure> {
    let Some(bytes) = room.bytes else { return Ok(()) };
    let needed = estimate(source, bytes);
    if room.holds(needed) || make(source, needed) {
        return Ok(());
    }
    let why = format!("about {needed} bytes are needed, {bytes} are left under its limit and reserve");
    Err(Failure::new(
        format!("the home vault has no room for a point of {}", job.name),
        why,
        "raise home.limit, lower home.reserve, free the disk, or exclude something",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_with_the_point_and_where_that_fails_with_the_failure() {
        let lost: Vec<_> =
            (1..=5).map(|n| (if n == 5 { Loss::Copies } else { Loss::ThePoint }, format!("p{n}"))).collect();
        let problems: Vec<String> = problems(&lost).into_iter().map(|problem| problem.problem).collect();
        let both = [
            "home was full: 4 older points were given up before any place had a whole copy: p1, p2, p3, …",
            "home was full: 1 older point was given up before every place had a copy: p5",
        ];
        assert_eq!(problems, both);
        let failure = told(Failure::new("no point", "the source is gone", "look"), &lost, None);
        assert_eq!(failure.why, format!("the source is gone; {}; {}", both[0], both[1]));
        let failure = told(Failure::new("no point", "no room", "look"), &[], Some("it is too large"));
        assert_eq!(failure.why, "no room; it is too large");
    }
}
