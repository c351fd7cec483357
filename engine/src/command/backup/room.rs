//! Room at home for a point that is being made: what there is, and what home's overflow rule makes (DESIGN 5.8).
//!
//! A capture that needs more than there is asks for each pack. What the rule gives up then goes by a plan like any other,
//! judged, in the capture's own session at home; what is lost with it is told at once and is a problem of the new point.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use super::Failure;
use crate::capture::{Room, estimate};
use crate::command::Context;
use crate::command::round::{Wanted, looks};
use crate::command::visit::Visits;
use crate::config::{Job, reserve_bytes};
use crate::copy::{Outcome, Session};
use crate::destination::{FileStore, ReadStore};
use crate::model::{JobId, PointOrder, Problem, VaultId, chain};
use crate::plan::{Coming, Loss, Unwanted, unwanted_text};
use crate::source::Source;

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

/// Makes room at home for one capture. The caller holds home's lock, and the session.
pub(super) struct MakesRoom<'m> {
    context: &'m Arc<Context>,
    session: &'m Session<'m>,
    job: JobId,
    home: &'m FileStore,
    visits: OnceCell<Visits>,
    lost: RefCell<Vec<PointOrder>>,
}

impl<'m> MakesRoom<'m> {
    pub(super) fn new(context: &'m Arc<Context>, session: &'m Session<'m>, job: JobId, home: &'m FileStore) -> Self {
        Self { context, session, job, home, visits: OnceCell::new(), lost: RefCell::default() }
    }

    /// Is there room for so many bytes more at home, if need be because older points make it?
    pub(super) fn holds(&self, bytes: u64) -> bool {
        self.fits(bytes) || (self.make(bytes) && self.fits(bytes))
    }

    fn fits(&self, bytes: u64) -> bool {
        room(self.context, self.home, self.session.medium).is_ok_and(|room| room.holds(bytes))
    }

    /// Carries out what the rule wants; false if it wants nothing, or could not be asked.
    fn make(&self, bytes: u64) -> bool {
        let visits = match self.visits() {
            Ok(visits) => visits,
            Err(failure) => {
                self.context.call.voice.warn(&format!("no room can be made at home: {failure}"));
                return false;
            }
        };
        let outcome = visits.make_room_at_home(self.session, Coming { job: self.job, bytes, at_most: Loss::Nothing });
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
            let id = row.as_ref().map_or_else(|| removed.point.to_string(), |row| row.id.to_string());
            voice.warn(&format!("home: the point {id} was removed: {}", removed.reason));
            let is_lost = row.and_then(|row| row.removed).is_some_and(|why| why == unwanted_text(Unwanted::GivenUp));
            if is_lost {
                self.lost.borrow_mut().push(removed.point);
            }
        }
        outcome.failures.iter().for_each(|failure| voice.warn(failure));
        if let Some(error) = &outcome.ended {
            voice.warn(&format!("home: {}", chain(error)));
        }
    }

    /// What was lost, as a problem of the point that it was lost for.
    pub(super) fn problem(&self) -> Option<Problem> {
        let lost = self.lost.borrow().len();
        let points =
            if lost == 1 { "1 older point that was".to_owned() } else { format!("{lost} older points that were") };
        let text = format!("home was full: {points} not copied anywhere yet had to be given up");
        (lost > 0).then(|| Problem::new(b"", text))
    }
}

/// A first point that can't fit is refused before it is begun, with figures.
pub(super) fn refuse_what_cannot_fit(
    source: &mut dyn Source,
    job: &Job,
    room: &Room,
    make: &dyn Fn(u64) -> bool,
) -> Result<(), Failure> {
    let Some(bytes) = room.bytes else { return Ok(()) };
    let needed = estimate(source, bytes);
    if room.holds(needed) || make(needed) {
        return Ok(());
    }
    let why = format!("about {needed} bytes are needed, {bytes} are left under its limit and reserve");
    Err(Failure::new(
        format!("the home vault has no room for a point of {}", job.name),
        why,
        "raise home.limit, lower home.reserve, free the disk, or exclude something",
    ))
}
