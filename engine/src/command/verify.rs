//! `engine verify`: everything at home and at destinations is read back and checked; `--repair` replaces what is
//! damaged or missing from a place that has it whole.
//!
//! Without `--repair` nothing is written at any place, and so no session is opened there: what is found goes into the
//! catalog only. With it each place is read and repaired under a session, so that a fenced writer changes nothing. Both
//! hold the place's work lock, so that no copy or removal runs there meanwhile.

use std::collections::BTreeSet;

use super::places::{Here, Places};
use super::{Call, Context, Exit, Failure};
use crate::catalog::locks::{LockName, WorkLock};
use crate::copy::{
    CopyError, Flaw, Inspected, Inspection, Lists, Origin, Session, Told, Tools, heal_files, heal_objects,
    inspect_files, inspect_objects,
};
use crate::destination::ReadStore;
use crate::model::{DestinationName, PointId, chain};
use crate::report::{DamagedObject, PlaceNotThere, VerifiedPlace, VerifyReport};
use crate::seal::{Keyring, is_authentic};
use crate::vault::{FoundKeys, keys_of};

/// Whether damage is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// `--repair`
    Yes,
    /// It is only found.
    No,
}

/// What `verify` is asked for.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Which places, `home` among them; all if none.
    pub names: Vec<DestinationName>,
    /// Is damage repaired?
    pub repair: Repair,
}

/// Reads every object back.
///
/// # Errors
/// Exit 2 for an unknown name; exit 1 if keys or catalog can't be used, or a place is at work and waiting is not wanted.
pub fn verify(call: &Call, options: &VerifyOptions) -> Result<(VerifyReport, Exit), Failure> {
    let context = Context::open(call)?;
    let names = names(&context, &options.names)?;
    let keyring = context.installation.keyring()?;
    let places = Places::look(&context)?;
    let keys = newest_keys(&places, keyring);
    let (mut report, mut exit) = (VerifyReport::default(), Exit::Done);
    for name in names {
        let reason = match places.named(&name) {
            Ok(here) => {
                let _lock = lock(&context, here)?;
                let work = Work { context: &context, keyring, here, places: &places, keys: keys.as_ref() };
                let (verified, ended) = work.verify(options.repair)?;
                exit = exit.and(exit_of(&verified));
                report.places.push(verified);
                ended.map(|error| chain(&error))
            }
            Err(why) => Some(why),
        };
        if let Some(reason) = reason {
            call.voice.warn(&format!("{name} could not be read: {reason}"));
            exit = exit.and(if is_lost_home(&context, &places, &name)? { Exit::Damage } else { Exit::Partial });
            report.not_there.push(PlaceNotThere { destination: name, reason });
        }
    }
    Ok((report, exit))
}

/// Those named, each once; all, home first, if none is.
fn names(context: &Context, wanted: &[DestinationName]) -> Result<Vec<DestinationName>, Failure> {
    for name in wanted.iter().filter(|name| !name.is_home()) {
        context.installation.destination(name)?;
    }
    let configured = context.installation.config.destinations.iter().map(|destination| destination.name.clone());
    let all = std::iter::once(DestinationName::home()).chain(configured);
    Ok(all.filter(|name| wanted.is_empty() || wanted.contains(name)).collect())
}

/// A destination that is away is no damage; a home vault that is gone with points in it is.
fn is_lost_home(context: &Context, places: &Places, name: &DestinationName) -> Result<bool, Failure> {
    if !name.is_home() || places.named(name).is_ok() {
        return Ok(false);
    }
    let installation = &context.installation;
    let placed = installation.catalog.placements_at(installation.home_id()?)?;
    Ok(placed.iter().any(|(_, row)| row.state.is_there()))
}

pub(super) fn lock(context: &Context, here: &Here) -> Result<WorkLock, Failure> {
    if here.name.is_home() {
        context.lock(&LockName::Home, "the home vault")
    } else {
        context.lock(&LockName::Medium(here.medium), &format!("the destination {}", here.name))
    }
}

/// The highest set of slots that any place has and that was made with the family's keys.
fn newest_keys(places: &Places, keyring: &Keyring) -> Option<FoundKeys> {
    let found = places.here.iter().filter_map(|here| keys_of(&*here.store, keyring.family()).ok());
    found.filter(|keys| is_authentic(&keys.set, keyring)).max_by_key(|keys| keys.set.sequence)
}

fn exit_of(place: &VerifiedPlace) -> Exit {
    if place.damaged.iter().all(|object| object.healed) { Exit::Done } else { Exit::Damage }
}

/// One place's turn.
struct Work<'w> {
    context: &'w Context,
    keyring: &'w Keyring,
    here: &'w Here,
    places: &'w Places,
    keys: Option<&'w FoundKeys>,
}

impl Work<'_> {
    /// What was found there, and why it ended early, if it did.
    fn verify(&self, repair: Repair) -> Result<(VerifiedPlace, Option<CopyError>), Failure> {
        let call = &self.context.call;
        let tell = |told: &Told| {
            if let Told::Note(text) = told {
                call.voice.warn(text);
            }
        };
        let stop = || (call.stop)();
        let tools = Tools {
            catalog: &self.context.installation.catalog,
            keyring: self.keyring,
            clock: &*call.clock,
            entropy: &*call.entropy,
            stop: &stop,
            tell: &tell,
        };
        let others = self.places.origins(self.here.medium);
        let stores = others.iter().map(|origin| (origin.medium, origin.store));
        let here = std::iter::once((self.here.medium, &*self.here.store as &dyn ReadStore));
        let lists = Lists::new(self.keyring, here.chain(stores));
        let what = format!("{}: reading back", self.here.name);
        let progress = |done, total| call.voice.progress(&what, done, total);
        let at = Inspected {
            tools,
            medium: self.here.medium,
            destination: self.here.name.clone(),
            store: &*self.here.store,
            lists: &lists,
            keys: self.keys,
            progress: &progress,
        };
        let mut found = Inspection::default();
        let ended = match repair {
            Repair::Yes => self.repair(&at, &others, &mut found),
            Repair::No => inspect(&at, &mut found),
        };
        call.voice.progress_done(&what);
        Ok((self.told(&found)?, ended.err()))
    }

    fn repair(&self, at: &Inspected<'_>, origins: &[Origin<'_>], found: &mut Inspection) -> Result<(), CopyError> {
        inspect_files(at, found)?;
        let session = match Session::open(at.tools, &*self.here.store, self.here.medium) {
            Ok(session) => session,
            Err(error @ CopyError::Fenced { .. }) => {
                // It can be read all the same; what is found stays as it is.
                inspect_objects(at, found)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        heal_files(&session, at, found)?;
        inspect_objects(at, found)?;
        heal_objects(&session, origins, found)?;
        session.close()
    }

    fn told(&self, found: &Inspection) -> Result<VerifiedPlace, Failure> {
        let damaged = found.flaws.iter().map(|flaw| self.flaw(flaw)).collect::<Result<_, _>>()?;
        Ok(VerifiedPlace {
            destination: self.here.name.clone(),
            medium: Some(self.here.medium),
            objects: found.objects,
            bytes: found.bytes,
            damaged,
        })
    }

    fn flaw(&self, flaw: &Flaw) -> Result<DamagedObject, Failure> {
        let catalog = &self.context.installation.catalog;
        let mut points = BTreeSet::<PointId>::new();
        for order in &flaw.points {
            points.extend(catalog.point(*order)?.map(|point| point.id));
        }
        let points: Vec<PointId> = points.into_iter().collect();
        if !flaw.healed {
            let ids: Vec<String> = points.iter().map(ToString::to_string).collect();
            let needed = if ids.is_empty() { String::new() } else { format!("; needed by {}", ids.join(", ")) };
            self.context.call.voice.warn(&format!("{}: {}: {}{needed}", self.here.name, flaw.path, flaw.problem));
        }
        Ok(DamagedObject { object: flaw.path.to_string(), problem: flaw.problem.clone(), points, healed: flaw.healed })
    }
}

fn inspect(at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
    inspect_files(at, found)?;
    inspect_objects(at, found)
}
