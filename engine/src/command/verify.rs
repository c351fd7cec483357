//! `engine verify`: everything at home and at destinations is read back and checked; `--repair` replaces what is
//! damaged or missing from a place that has it whole.
//!
//! Without `--repair` nothing is written at any place, and so no session is opened there: what is found goes into the
//! catalog only. With it each place is read and repaired under a session, so that a fenced writer changes nothing. Both
//! hold the place's work lock, so that no copy or removal runs there meanwhile.

mod nameless;

use std::collections::BTreeSet;
use std::time::Duration;

use super::context::lock_failure;
use super::mirrors::{assembled, learn_files};
use super::places::{Here, Places};
use super::{Call, Context, Exit, Failure};
use crate::catalog::locks::{LockError, LockName, WorkLock};
use crate::copy::{
    Assembled, CopyError, Drawn, Flaw, Inspected, Inspection, Lists, Origin, Part, Session, Told, Tools, coverage,
    heal_files, heal_objects, inspect_files, inspect_objects, inspect_part,
};
use crate::destination::ReadStore;
use crate::doubt::{CONFIDENCE, Coverage, Wish};
use crate::model::{DestinationName, ObjectName, PointId, chain};
use crate::report::{
    CoverageShows, DamagedObject, PlaceNotThere, SampleShows, UnreadObject, VerifiedPlace, VerifiedShows, VerifyReport,
};
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
    /// Which objects; all by default.
    pub wish: Wish,
    /// No object is begun later than so long after the start; each place has its share of it.
    pub max_duration: Option<Duration>,
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
    let keys = newest_keys(&context, &places, keyring);
    let (mut report, mut exit, mut busy) = (VerifyReport::default(), Exit::Done, None);
    let end = options.max_duration.map(|most| call.clock.monotonic() + most);
    for (place, name) in names.iter().cloned().enumerate() {
        let part = part(&context, options, end, names.len() - place)?;
        let verified = match named(&context, keyring, &places, &name)? {
            Ok(here) => match try_lock(&context, &here) {
                Ok(_lock) => {
                    let here = &*here;
                    let work = Work { context: &context, keyring, here, places: &places, keys, part };
                    work.verify(options.repair)?
                }
                Err((error, what)) => {
                    busy = busy.or_else(|| Some(lock_failure(&error, &what)));
                    Err(chain(&error))
                }
            },
            Err(why) => Err(why),
        };
        match verified {
            Ok(verified) => {
                exit = exit.and(exit_of(&verified));
                report.places.push(verified);
            }
            Err(reason) => {
                call.voice.warn(&format!("{name} could not be read: {reason}"));
                exit = exit.and(if is_lost_home(&context, &places, &name)? { Exit::Damage } else { Exit::Partial });
                report.not_there.push(PlaceNotThere { destination: name, reason });
            }
        }
    }
    look_elsewhere(&context, &mut report.places)?;
    match busy {
        Some(failure) if report.places.is_empty() && exit != Exit::Damage => Err(failure),
        _ => Ok((report, exit)),
    }
}

/// What is asked for of a place; none for all of it. It may take an equal share of what is left of the time.
fn part(
    context: &Context,
    options: &VerifyOptions,
    end: Option<Duration>,
    places: usize,
) -> Result<Option<Part>, Failure> {
    if options.wish == Wish::default() && end.is_none() {
        return Ok(None);
    }
    let mut seed = [0; 32];
    context.call.entropy.fill(&mut seed).map_err(|error| {
        Failure::new("no sample can be drawn", error.to_string(), "see why the system gives no random numbers")
    })?;
    let now = context.call.clock.monotonic();
    let share = |end: Duration| now + end.saturating_sub(now) / u32::try_from(places).unwrap_or(u32::MAX);
    Ok(Some(Part { wish: options.wish, seed, until: end.map(share) }))
}

/// The place of that name, or why it can't be read. One that has lost its name is known by its heads.
fn named<'p>(
    context: &Context,
    keyring: &Keyring,
    places: &'p Places,
    name: &DestinationName,
) -> Result<Result<Named<'p>, String>, Failure> {
    let why = match places.named(name) {
        Ok(here) => return Ok(Ok(Named::Looked(here))),
        Err(why) => why,
    };
    Ok(nameless::find(context, keyring, name)?.unwrap_or(Err(why)).map(Named::Nameless))
}

/// A place that was found when all were looked at, or by its heads.
enum Named<'p> {
    Looked(&'p Here),
    Nameless(Here),
}

impl std::ops::Deref for Named<'_> {
    type Target = Here;

    fn deref(&self) -> &Here {
        match self {
            Self::Looked(here) => here,
            Self::Nameless(here) => here,
        }
    }
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

/// Its work lock; if it was not had, why, and what it is of.
fn try_lock(context: &Context, here: &Here) -> Result<WorkLock, (LockError, String)> {
    let (name, what) = if here.name.is_home() {
        (LockName::Home, "the home vault".to_owned())
    } else {
        (LockName::Medium(here.medium), format!("the destination {}", here.name))
    };
    context.try_lock(&name, &what).map_err(|error| (error, what))
}

/// The slots that this engine works with: what every place should have. A higher set somewhere else is told, and never put
/// in their place: nobody here may be able to open it.
fn newest_keys<'c>(context: &'c Context, places: &Places, keyring: &Keyring) -> Option<&'c FoundKeys> {
    let held = context.installation.slots_held()?;
    for here in &places.here {
        let found = keys_of(&*here.store, keyring.family()).ok();
        let higher = found.filter(|keys| keys.set.name() > held.set.name() && is_authentic(&keys.set, keyring));
        if let Some(keys) = higher {
            let (name, sequence) = (&here.name, keys.set.sequence);
            context.call.voice.warn(&format!(
                "{name} has newer key slots (number {sequence}) than this computer, which was set back: `engine key list`"
            ));
        }
    }
    Some(held)
}

fn exit_of(place: &VerifiedPlace) -> Exit {
    let is_whole = place.unread.is_empty() && place.unfinished.is_none();
    let rest = if is_whole { Exit::Done } else { Exit::Partial };
    if place.damaged.iter().all(|object| object.healed) { rest } else { Exit::Damage }
}

/// One place's turn.
struct Work<'w> {
    context: &'w Context,
    keyring: &'w Keyring,
    here: &'w Here,
    places: &'w Places,
    keys: Option<&'w FoundKeys>,
    part: Option<Part>,
}

impl Work<'_> {
    /// What was found there; why nothing was, if it could not be read at all.
    fn verify(&self, repair: Repair) -> Result<Result<VerifiedPlace, String>, Failure> {
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
        let stores: Vec<_> = stores.collect();
        let here = (self.here.medium, &*self.here.store as &dyn ReadStore);
        if let Err(error) = learn_files(self.context, self.keyring, &self.here.name, here, &stores) {
            return Ok(Err(chain(&error)));
        }
        let lists = Lists::new(self.keyring, std::iter::once(here).chain(stores));
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
            Repair::No => inspect_files(&at, &mut found).and_then(|()| self.objects(&at, &mut found)),
        };
        call.voice.progress_done(&what);
        let unfinished = ended.err().map(|error| why(&error));
        let nothing = found.objects == 0 && found.flaws.is_empty() && found.unread.is_empty();
        match unfinished {
            Some(why) if nothing => Ok(Err(why)),
            unfinished => {
                // After the repair: what was healed was read back.
                let coverage = coverage(&at).map_err(|error| {
                    Failure::of("what was read can't be told", &error, "see what is wrong with the catalog")
                })?;
                self.told(&found, unfinished, coverage).map(Ok)
            }
        }
    }

    /// Packs and manifests, all or the part that is asked for.
    fn objects(&self, at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
        match &self.part {
            None => inspect_objects(at, found),
            Some(part) => inspect_part(at, part, found),
        }
    }

    fn repair(&self, at: &Inspected<'_>, origins: &[Origin<'_>], found: &mut Inspection) -> Result<(), CopyError> {
        inspect_files(at, found)?;
        let session = match Session::open(at.tools, &*self.here.store, self.here.medium) {
            Ok(session) => session,
            Err(error @ (CopyError::Stopped | CopyError::Catalog(_))) => return Err(error),
            Err(error) => {
                // It can be read all the same; what is found stays as it is.
                self.objects(at, found)?;
                return Err(error);
            }
        };
        let files = heal_files(&session, at, found);
        self.objects(at, found)?;
        files?;
        let others = origins.iter().map(|origin| (origin.medium, origin.store));
        let assembled = assembled(self.context, self.keyring, at.store, others)?;
        let origins: Vec<Origin<'_>> = origins.iter().zip(&assembled).map(as_origin).collect();
        heal_objects(&session, &origins, found)?;
        session.close()
    }

    fn told(
        &self,
        found: &Inspection,
        unfinished: Option<String>,
        coverage: Coverage,
    ) -> Result<VerifiedPlace, Failure> {
        let (voice, name) = (&self.context.call.voice, &self.here.name);
        let unread = found.unread.iter().map(|unread| {
            voice.warn(&format!("{name}: {}: {}", unread.path, unread.problem));
            UnreadObject { object: unread.path.to_string(), problem: unread.problem.clone() }
        });
        let unread = unread.collect();
        if let Some(why) = &unfinished {
            voice.warn(&format!("{name}: not finished: {why}"));
        }
        let damaged = found.flaws.iter().map(|flaw| self.flaw(flaw)).collect::<Result<_, _>>()?;
        Ok(VerifiedPlace {
            destination: self.here.name.clone(),
            medium: Some(self.here.medium),
            objects: found.objects,
            bytes: found.bytes,
            damaged,
            unread,
            unfinished,
            is_part: self.part.is_some(),
            shows: shows(found, coverage),
        })
    }

    /// By its path in the vault; a file of a mirror by its own.
    fn called(&self, flaw: &Flaw) -> String {
        let object = ObjectName::at(&flaw.path);
        let file = self.here.store.mirror().zip(object).and_then(|(index, object)| index.file_of(&object));
        file.map_or_else(|| flaw.path.to_string(), |file| file.path.to_string())
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
            let object = self.called(flaw);
            self.context.call.voice.warn(&format!("{}: {object}: {}{needed}", self.here.name, flaw.problem));
        }
        let (object, problem, name) = (self.called(flaw), flaw.problem.clone(), ObjectName::at(&flaw.path));
        Ok(DamagedObject { object, problem, points, healed: flaw.healed, good_at: None, name })
    }
}

fn as_origin<'o>((origin, assembled): (&'o Origin<'o>, &'o Option<Assembled<'o>>)) -> Origin<'o> {
    Origin {
        medium: origin.medium,
        destination: origin.destination.clone(),
        store: assembled.as_ref().map_or(origin.store, |assembled| assembled as &dyn ReadStore),
    }
}

/// Of what was stopped all that was read counts; but without `--older-than` the next run reads everything.
fn why(error: &CopyError) -> String {
    match error {
        CopyError::Stopped => {
            "stopped: what was read counts, and `engine verify --older-than 1d` leaves it out".to_owned()
        }
        error => chain(error),
    }
}

/// Where else each object is, once all places were read.
fn look_elsewhere(context: &Context, places: &mut [VerifiedPlace]) -> Result<(), Failure> {
    for place in places {
        let Some(medium) = place.medium else { continue };
        for object in &mut place.damaged {
            let name = object.name.as_ref();
            object.good_at = name.map(|name| context.installation.catalog.elsewhere(name, medium)).transpose()?;
        }
    }
    Ok(())
}

fn shows(found: &Inspection, coverage: Coverage) -> VerifiedShows {
    let sample = |drawn: Drawn| SampleShows {
        seed: drawn.seed,
        of_bytes: drawn.of,
        draws: drawn.draws,
        bad_draws: drawn.bad,
        confidence: CONFIDENCE,
        bad_bytes_at_most: drawn.at_most,
        of_objects: drawn.of_objects,
        good_objects: drawn.good_objects,
    };
    let Coverage { bytes, bad, never_read, oldest } = coverage;
    let coverage = CoverageShows { bytes, damaged_bytes: bad, never_read_bytes: never_read, oldest_read: oldest };
    VerifiedShows { left: found.left, sample: found.sample.map(sample), coverage }
}
