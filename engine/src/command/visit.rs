//! A visit: one session at one medium, in a thread that nobody has to join, that plans for itself and carries out its
//! steps until nothing is left to do there.
//!
//! In: every destination as it was looked at. Out: what was done at one of them. Invariants: a visit asks nothing of any
//! other destination but what it copies from there, and its pulse tells of that too: one that blocks holds up nobody
//! else. Deliberately absent: when a visit is made.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::context::lock_failure;
use super::full::{Manner, Place};
use super::hours::{self, Hours};
use super::mirrors::{At, assembled, learn_files, unfit};
use super::progress::Sent;
use super::round::{Task, Wanted};
use super::{Context, Failure, last_failure, seed};
use crate::catalog::locks::{LockError, LockName};
use crate::catalog::{RemovalRules, Snapshot};
use crate::config::{Evict, Window};
use crate::copy::{Assembled, CopyError, Origin, Outcome, Session, Told, Tools, execute, removal_rules};
use crate::destination::throttle::{Bandwidth, Throttled};
use crate::destination::watch::{Pulse, Watched};
use crate::destination::{ReadStore, Space, WriteStore};
use crate::installation::{Look, Opened};
use crate::model::{DestinationName, PointOrder, VaultId, Verify, chain};
use crate::observe::{Observed, PointPacks, Seen, observe};
use crate::plan::{self, Deletions, Plan, RemoveReason, State, Step, admit, propose, reason_text};
use crate::seal::Keyring;

/// A medium plans again as long as there is something new to do, but not for ever.
const PLANS_MAX: usize = 4;

/// What a visit came to.
pub(super) struct Visited {
    pub destination: DestinationName,
    pub outcome: Outcome,
    /// Why nothing, or not all, was done there.
    pub away: Option<String>,
    /// The hours that it was left alone for, though it is there.
    pub shut: Option<Window>,
}

/// Steps with their reasons, and what removals among them go by.
pub(super) type Steps = (Vec<(Step, String)>, RemovalRules);

/// What the visits of a round share.
pub(super) struct Visits {
    context: Arc<Context>,
    pub(super) looks: Vec<(DestinationName, Look)>,
    home: Option<Opened>,
    wanted: Wanted,
    over: seed::Over,
}

/// A place with what a visit needs to know of it.
pub(super) struct There<'v> {
    medium: VaultId,
    destination: DestinationName,
    store: Box<dyn ReadStore + 'v>,
}

impl There<'_> {
    fn at(&self) -> At<'_> {
        (self.medium, &*self.store)
    }
}

impl Visits {
    /// Visits of these places.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub(super) fn new(
        context: &Arc<Context>,
        looks: Vec<(DestinationName, Look)>,
        wanted: Wanted,
    ) -> Result<Self, Failure> {
        let medium = context.installation.home_id()?;
        let home = context.installation.home().ok().map(|store| {
            let space = store.space().ok().flatten();
            Opened { medium, store, space, sight: None }
        });
        Ok(Self { context: Arc::clone(context), looks, home, wanted, over: seed::Over::default() })
    }

    /// The hours of a destination, if they are kept and it is not copied to now.
    pub(super) fn shut(&self, name: &DestinationName) -> Option<Window> {
        let (config, now) = (&self.context.installation.config, self.context.call.clock.now());
        if self.wanted.hours == Hours::Kept { hours::shut(config, name, now) } else { None }
    }

    /// Something that a person should know now.
    pub(super) fn warn(&self, text: &str) {
        self.context.call.voice.warn(text);
    }

    pub(super) fn is_wanted(&self, name: &DestinationName) -> bool {
        self.wanted.destinations.as_ref().is_none_or(|wanted| wanted.contains(name))
    }

    /// Begins a visit in a thread of its own; `done` is called there when it has ended.
    ///
    /// # Errors
    /// If the system has no thread.
    pub(super) fn begin(
        self: &Arc<Self>,
        name: &DestinationName,
        opened: Opened,
        done: impl FnOnce(Outcome) + Send + 'static,
    ) -> std::io::Result<Pulse> {
        let pulse = Pulse::default();
        let (visits, destination, watched) = (Arc::clone(self), name.clone(), pulse.clone());
        std::thread::Builder::new().name(format!("copy-{name}")).spawn(move || {
            visits.context.be_quiet();
            let store = visits.dressed(&destination, opened.store, watched.clone());
            done(visits.visit(&*store, &destination, opened.medium, &watched));
        })?;
        Ok(pulse)
    }

    /// Home's own visit, in this thread; none if home is not there.
    pub(super) fn visit_home(&self) -> Option<Visited> {
        let home = self.home.as_ref()?;
        // The service lays it again once there is room.
        let _ = self.context.installation.keeps_ballast();
        let what = "the home vault";
        let outcome = match self.context.try_lock(&LockName::Home, what) {
            Ok(_lock) => self.visit_locked(&*home.store, &DestinationName::home(), home.medium, &Pulse::default()),
            Err(error) => not_begun(&error, what),
        };
        Some(Visited { destination: DestinationName::home(), outcome, away: None, shut: None })
    }

    /// The state as it is now, as far as it is known without a session.
    ///
    /// # Errors
    /// As keys and catalog answer.
    pub(super) fn state(&self) -> Result<State, Failure> {
        let places = self.places(None, &Pulse::default());
        self.observed(&places, &mut PointPacks::default(), None)
    }

    /// The place with its patience, its request timer and its bandwidth limit. The timer counts what patience takes: who
    /// waits for the place waits for both.
    fn dressed(&self, name: &DestinationName, store: Arc<dyn WriteStore>, pulse: Pulse) -> Box<dyn WriteStore> {
        let watched = Watched::new(self.context.patient(name, store), pulse);
        let rate = self.context.installation.config.destination(name).and_then(|destination| destination.rate);
        match rate.and_then(NonZeroU64::new) {
            Some(rate) => Box::new(Throttled::new(watched, Bandwidth::new(rate, Arc::clone(&self.context.call.clock)))),
            None => Box::new(watched),
        }
    }

    fn visit(&self, store: &dyn WriteStore, name: &DestinationName, medium: VaultId, pulse: &Pulse) -> Outcome {
        let what = format!("the destination {name}");
        let outcome = match self.context.try_lock(&LockName::Medium(medium), &what) {
            Ok(_lock) => self.visit_locked(store, name, medium, pulse),
            Err(error) => not_begun(&error, &what),
        };
        self.over.tell(&self.context);
        outcome
    }

    /// A session, and where the place turned out to be full, more that make room or look for what still fits.
    fn visit_locked(&self, store: &dyn WriteStore, name: &DestinationName, medium: VaultId, pulse: &Pulse) -> Outcome {
        let installation = &self.context.installation;
        let place = Place {
            catalog: &installation.catalog,
            clock: &*self.context.call.clock,
            name,
            medium,
            evicts: installation.config.destination(name).is_some_and(|it| it.evict == Evict::Oldest),
            stop: &*self.context.call.stop,
            tell: &|text| self.warn(text),
        };
        let outcome = place.visited(&|manner| self.session(store, name, (medium, manner), pulse));
        self.noted(medium, outcome.unwrap_or_else(|error| failed(chain(&error))))
    }

    /// One session: plans and carries out until nothing is left to do there.
    fn session(
        &self,
        store: &dyn WriteStore,
        name: &DestinationName,
        (medium, manner): (VaultId, Manner),
        pulse: &Pulse,
    ) -> Outcome {
        let call = &self.context.call;
        let sent = Sent::default();
        let tell = |told: &Told| sent.tell(&*call.voice, told);
        let stop = || (call.stop)() || self.shut(name).is_some();
        let keyring = match self.context.installation.keyring() {
            Ok(keyring) => keyring,
            Err(error) => return failed(chain(&error)),
        };
        let catalog = &self.context.installation.catalog;
        let tools = Tools { catalog, keyring, clock: &*call.clock, entropy: &*call.entropy, stop: &stop, tell: &tell };
        let places = self.places(Some(medium), pulse);
        let others: Vec<_> = places.iter().map(There::at).collect();
        if let Err(error) = learn_files(&self.context, keyring, name, (medium, store), &others) {
            return self.not_begun(medium, error);
        }
        match Session::open(tools, store, medium) {
            Ok(mut session) => {
                let destination = self.context.installation.config.destination(&session.destination);
                session.verify = destination.map_or(Verify::ReadBack, |destination| destination.verify);
                (session.full_at, session.lanes, session.when_full) = (manner.full_at, manner.lanes, manner.when_full);
                self.at_closing_time(self.work(session, keyring, &places, &sent))
            }
            Err(error) => self.at_closing_time(self.not_begun(medium, error)),
        }
    }

    /// That its hours are over is no failure: it goes on in the next ones.
    fn at_closing_time(&self, mut outcome: Outcome) -> Outcome {
        if matches!(outcome.ended, Some(CopyError::Stopped)) && !(self.context.call.stop)() {
            let stopped = chain(&CopyError::Stopped);
            outcome.failures.retain(|failure| !failure.ends_with(&stopped));
            outcome.ended = None;
        }
        outcome
    }

    /// A session that could not begin is told of at once, as a step that fails is.
    fn not_begun(&self, medium: VaultId, error: CopyError) -> Outcome {
        let row = self.context.installation.catalog.medium(medium).ok().flatten();
        let name = row.map_or_else(|| medium.to_string(), |row| row.destination.to_string());
        let text = format!("{name}: {}", chain(&error));
        if !matches!(error, CopyError::Stopped) {
            self.context.call.voice.warn(&text);
        }
        Outcome { failures: vec![text], ended: Some(error), ..Outcome::default() }
    }

    /// How it ended is kept, for who asks later why nothing comes there.
    fn noted(&self, medium: VaultId, outcome: Outcome) -> Outcome {
        let call = &self.context.call;
        if let Err(error) = last_failure::note(&self.context.installation.catalog, medium, &outcome, call.clock.now()) {
            call.voice.warn(&format!("how the session ended can't be kept: {}", chain(&error)));
        }
        outcome
    }

    fn work(&self, session: Session<'_>, keyring: &Keyring, places: &[There<'_>], sent: &Sent) -> Outcome {
        let mut total = Outcome::default();
        let mut packs = PointPacks::default();
        let assembled = match assembled(&self.context, keyring, session.store, places.iter().map(There::at)) {
            Ok(assembled) => assembled,
            Err(error) => return failed(chain(&error)),
        };
        let origins = origins(places, &assembled);
        if let Some(failed) = seed::arrive(&self.context, &session) {
            total = failed;
            if total.ended.is_some() {
                return total;
            }
        }
        for turn in 0..=PLANS_MAX {
            let planned = match turn {
                0 => self.forgotten(&session, places, &mut packs),
                _ => self.steps(&session, places, &mut packs),
            };
            let (steps, rules) = match planned {
                Ok(None) if turn == 0 => continue,
                Ok(None) => break,
                Ok(Some(steps)) => steps,
                Err(error) => {
                    total.failures.push(error);
                    break;
                }
            };
            sent.plan(&steps);
            let outcome = execute(&session, &steps, &origins, &rules);
            // After a failure nothing is planned anew in this session: what a broken copy left there is read in by the
            // next one before anything is swept.
            // Only that the place does not let us delete is news that a plan can be made with.
            let failed = outcome.copied.iter().any(|copy| copy.failed) || outcome.failures.len() > outcome.refused;
            total.copied.extend(outcome.copied);
            total.removed.extend(outcome.removed);
            total.kept.extend(outcome.kept);
            total.failures.extend(outcome.failures);
            total.full |= outcome.full;
            total.ended = outcome.ended;
            if total.ended.is_some() || failed {
                break;
            }
        }
        if session.store.mirror().is_some() {
            let is_wanted = |job| self.wanted.jobs.as_ref().is_none_or(|jobs| jobs.contains(&job));
            match unfit(&self.context, (&session.destination, session.medium), &is_wanted) {
                Ok(unfit) => {
                    let tried: BTreeSet<PointOrder> = total.copied.iter().map(|copied| copied.point).collect();
                    total.copied.extend(unfit.into_iter().filter(|it| !tried.contains(&it.point)));
                }
                Err(error) => total.failures.push(chain(&error)),
            }
        }
        self.context.call.voice.progress_done(&format!("{}: copying", session.destination));
        if total.ended.is_none() {
            total.failures.extend(seed::close(&self.context, &session, &self.over).err());
        }
        if total.ended.is_none()
            && let Err(error) = session.close()
        {
            total.failures.push(chain(&error));
            total.ended = Some(error);
        }
        total
    }

    /// The checked steps for one medium, each with its reason, and what its removals go by.
    fn steps(
        &self,
        session: &Session<'_>,
        places: &[There<'_>],
        packs: &mut PointPacks,
    ) -> Result<Option<Steps>, String> {
        let state = self.observed(places, packs, Some(session)).map_err(|failure| failure.to_string())?;
        let steps = checked(&state, self.proposed(&state), session.medium)?;
        let wanted = match state.media.get(&session.medium) {
            Some(medium) => {
                plan::select(medium, &steps, |step| self.wants(&state, medium, step) && self.is_asked(medium, step))
            }
            None => Vec::new(),
        };
        Ok(reasoned(&state, wanted, session.medium))
    }

    /// What a person removed everywhere while this medium was away, or while a copy there had broken off: it goes now.
    fn forgotten(
        &self,
        session: &Session<'_>,
        places: &[There<'_>],
        packs: &mut PointPacks,
    ) -> Result<Option<Steps>, String> {
        let catalog = &self.context.installation.catalog;
        let removed = catalog.removed_at(session.medium).map_err(|error| chain(&error))?;
        if removed.is_empty() {
            return Ok(None);
        }
        let state = self.observed(places, packs, Some(session)).map_err(|failure| failure.to_string())?;
        let mut all = Vec::new();
        for point in removed {
            all.extend(checked(&state, plan::forget_point(&state, point).0, session.medium)?);
        }
        Ok(reasoned(&state, all, session.medium))
    }

    fn proposed(&self, state: &State) -> Plan {
        match &self.wanted.task {
            Task::Copies | Task::Everything | Task::Seeds => propose(state),
            Task::Forget(jobs) => plan::forget(state, jobs).0,
            Task::ForgetPoint(point) => plan::forget_point(state, *point).0,
        }
    }

    fn wants(&self, state: &State, medium: &plan::Medium, step: &Step) -> bool {
        if self.wanted.task == Task::Seeds {
            return seed::belongs(state, medium, step);
        }
        let for_room = self.wanted.task == Task::Copies;
        let about = match step {
            Step::Remove { reason: RemoveReason::Retention, .. } if for_room => return false,
            Step::Remove { reason: RemoveReason::Eviction { by } | RemoveReason::Superseded { by }, .. } => Some(*by),
            other => other.point(),
        };
        about.is_none_or(|point| self.is_of_wanted_job(state, point))
    }

    /// Where only copies are asked for, home does no more than to let go of what they have made superfluous there.
    fn is_asked(&self, medium: &plan::Medium, step: &Step) -> bool {
        let passes = matches!(step, Step::Finish { .. } | Step::Remove { reason: RemoveReason::Spooled, .. });
        self.wanted.task != Task::Copies || !medium.is_home() || passes
    }

    fn is_of_wanted_job(&self, state: &State, point: PointOrder) -> bool {
        let job = state.points.get(&point).map(|point| point.job);
        self.wanted.jobs.as_ref().is_none_or(|jobs| job.is_some_and(|job| jobs.contains(&job)))
    }

    /// The state as one session sees it: what may be deleted is known of its own medium only.
    pub(super) fn observed(
        &self,
        places: &[There<'_>],
        packs: &mut PointPacks,
        session: Option<&Session<'_>>,
    ) -> Result<State, Failure> {
        let installation = &self.context.installation;
        let snapshot = installation.catalog.snapshot()?;
        let mut stores: Vec<(VaultId, &dyn ReadStore)> =
            places.iter().map(|there| (there.medium, &*there.store)).collect();
        if let Some(session) = session {
            stores.push((session.medium, session.store));
        }
        packs.fill(&installation.catalog, installation.keyring()?, &snapshot, &stores);
        let seen = self.seen(session, &snapshot);
        let now = self.context.call.clock.now();
        Ok(observe(&Observed { config: &installation.config, snapshot: &snapshot, seen: &seen, now }, packs))
    }

    /// Every place that is there, home first, but for the one that is visited. What blocks there shows in the pulse.
    pub(super) fn places(&self, but: Option<VaultId>, pulse: &Pulse) -> Vec<There<'_>> {
        let home = self.home.iter().map(|opened| There {
            medium: opened.medium,
            destination: DestinationName::home(),
            store: Box::new(Arc::clone(&opened.store)),
        });
        let offsite = self.looks.iter().filter_map(|(name, look)| match look {
            Look::Here(opened) => Some(There {
                medium: opened.medium,
                destination: name.clone(),
                store: Box::new(Watched::new(self.context.patient(name, Arc::clone(&opened.store)), pulse.clone())),
            }),
            Look::Away(_) | Look::Refused(_) | Look::Emptied(_) => None,
        });
        home.chain(offsite).filter(|there| Some(there.medium) != but).collect()
    }

    /// What the media said of themselves: the one that is visited now, home now, the others when they were looked at.
    fn seen(&self, session: Option<&Session<'_>>, snapshot: &Snapshot) -> BTreeMap<VaultId, Seen> {
        let mut seen = BTreeMap::new();
        for row in &snapshot.media {
            if let Some(why) = self.away(&row.destination) {
                seen.insert(
                    row.vault,
                    Seen { space: Err(why.clone()), full_at: None, deletions: Deletions::Refused(why) },
                );
            }
        }
        let here = self.looks.iter().filter_map(|(_, look)| match look {
            Look::Here(opened) => Some((opened.medium, opened.space)),
            Look::Away(_) | Look::Refused(_) | Look::Emptied(_) => None,
        });
        let home = self.home.iter().map(|opened| (opened.medium, opened.store.space().ok().flatten()));
        for (medium, space) in home.chain(here) {
            seen.insert(medium, seen_at(session, medium, space));
        }
        seen
    }

    fn away(&self, destination: &DestinationName) -> Option<String> {
        self.looks.iter().find_map(|(name, look)| match look {
            Look::Away(why) | Look::Refused(why) | Look::Emptied(why) if name == destination => Some(why.clone()),
            _ => None,
        })
    }
}

/// A plan's steps at a medium, once it was judged.
pub(super) fn checked(state: &State, plan: Plan, medium: VaultId) -> Result<Vec<Step>, String> {
    let (plan, refused) = admit(state, plan);
    // What is wrong elsewhere is told by the visits there.
    if let Some(first) = refused.iter().find(|it| it.medium.is_none_or(|at| at == medium)) {
        return Err(format!("a plan broke its own rules and was not carried out ({first:?}); please report this"));
    }
    Ok(plan.plan().media.get(&medium).cloned().unwrap_or_default())
}

/// The steps with their reasons; none if there are none.
pub(super) fn reasoned(state: &State, steps: Vec<Step>, medium: VaultId) -> Option<Steps> {
    let rules = removal_rules(state, medium);
    let steps: Vec<_> = steps.into_iter().map(|step| (step.clone(), reason_text(state, &step))).collect();
    (!steps.is_empty()).then_some((steps, rules))
}

fn seen_at(session: Option<&Session<'_>>, medium: VaultId, space: Option<Space>) -> Seen {
    let there = Seen { space: Ok(space), full_at: None, deletions: Deletions::Allowed };
    match session {
        Some(session) if session.medium == medium => Seen {
            space: Ok(session.store.space().ok().flatten()),
            full_at: session.full_at,
            deletions: session.deletions(),
        },
        Some(_) => Seen { deletions: Deletions::Refused("another session plans there".into()), ..there },
        None => there,
    }
}

fn origins<'o>(places: &'o [There<'_>], assembled: &'o [Option<Assembled<'o>>]) -> Vec<Origin<'o>> {
    let origin = |(there, assembled): (&'o There<'_>, &'o Option<Assembled<'o>>)| Origin {
        medium: there.medium,
        destination: there.destination.clone(),
        store: assembled.as_ref().map_or(&*there.store, |assembled| assembled as &dyn ReadStore),
    };
    places.iter().zip(assembled).map(origin).collect()
}

fn not_begun(error: &LockError, what: &str) -> Outcome {
    let failure = lock_failure(error, what);
    Outcome { busy: matches!(error, LockError::Held { .. }), ..failed(failure.to_string()) }
}

fn failed(why: String) -> Outcome {
    Outcome { failures: vec![why], ..Outcome::default() }
}
