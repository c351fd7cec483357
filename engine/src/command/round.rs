//! One round of offsite work: each medium that is there gets a session of its own, in a thread of its own, plans for
//! itself and carries out its steps; home comes last. A place that blocks holds up nobody else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{Context, Failure};
use crate::catalog::Snapshot;
use crate::catalog::locks::LockName;
use crate::copy::{CopyError, Origin, Outcome, Session, Told, Tools, execute};
use crate::destination::throttle::{Bandwidth, Throttled};
use crate::destination::watch::{Pulse, Watched};
use crate::destination::{ReadStore, WriteStore};
use crate::installation::{Look, Opened, look_all};
use crate::model::{DestinationName, JobId, PointOrder, VaultId, chain};
use crate::observe::{Observed, PointPacks, Seen, observe};
use crate::plan::{self, Deletions, RemoveReason, State, Step, check, propose, reason_text};

/// A request that has not come back for so long is given up (CONTRACT: `copy`).
const LOST_AFTER: Duration = Duration::from_secs(60);
/// A medium plans again as long as there is something new to do, but not for ever.
const PLANS_MAX: usize = 4;

/// Which steps a round carries out.
#[derive(Clone)]
pub(super) struct Wanted {
    /// Only points of these jobs are copied; all if none.
    pub jobs: Option<Vec<JobId>>,
    /// Only these destinations; all if none.
    pub destinations: Option<Vec<DestinationName>>,
    /// Also what `keep` no longer wants.
    pub retention: Retention,
}

/// Whether a round removes what no rule keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retention {
    /// At home and at destinations.
    Everywhere,
    /// Only as far as room is needed.
    ForRoom,
}

/// What a round came to at one place.
pub(super) struct Visited {
    pub destination: DestinationName,
    pub medium: Option<VaultId>,
    pub outcome: Outcome,
    /// Why nothing, or not all, was done there.
    pub away: Option<String>,
}

/// What every thread of a round shares.
struct Round {
    context: Arc<Context>,
    looks: Vec<(DestinationName, Look)>,
    home: Option<Opened>,
    packs: Mutex<PointPacks>,
    wanted: Wanted,
}

/// Makes a round; gives what was done at each destination, home last.
///
/// # Errors
/// What concerns all: keys, catalog.
pub(super) fn round(context: &Arc<Context>, wanted: &Wanted) -> Result<Vec<Visited>, Failure> {
    let installation = &context.installation;
    installation.keyring()?;
    let media = Arc::new(installation.catalog.media()?);
    let configured: Vec<_> = installation.config.destinations.clone();
    let names = configured.iter().map(|destination| destination.name.clone());
    let looks = names.zip(look_all(&configured, &media)).collect();
    let home_id = installation.home_id()?;
    let home = installation.home().ok().map(|store| Opened { medium: home_id, store });
    let round =
        Arc::new(Round { context: Arc::clone(context), looks, home, packs: Mutex::default(), wanted: wanted.clone() });
    let mut visited = round.visit_offsite();
    if wanted.retention == Retention::Everywhere && wanted.destinations.is_none() {
        visited.extend(round.visit_home());
    }
    Ok(visited)
}

/// What would be done: the plan of a state as it is now, and that state.
///
/// # Errors
/// As [`round`].
pub(super) fn preview(context: &Arc<Context>) -> Result<(State, plan::Plan), Failure> {
    let wanted = Wanted { jobs: None, destinations: None, retention: Retention::Everywhere };
    let installation = &context.installation;
    installation.keyring()?;
    let media = Arc::new(installation.catalog.media()?);
    let names = installation.config.destinations.iter().map(|destination| destination.name.clone());
    let looks = names.zip(look_all(&installation.config.destinations, &media)).collect();
    let home_id = installation.home_id()?;
    let home = installation.home().ok().map(|store| Opened { medium: home_id, store });
    let round = Round { context: Arc::clone(context), looks, home, packs: Mutex::default(), wanted };
    let state = round.state(None)?;
    let plan = propose(&state);
    Ok((state, plan))
}

impl Round {
    fn visit_offsite(self: &Arc<Self>) -> Vec<Visited> {
        let begun: Vec<_> = self
            .looks
            .iter()
            .filter(|(name, _)| self.is_wanted(name))
            .map(|(name, look)| self.begin(name, look))
            .collect();
        begun.into_iter().map(|(name, medium, thread)| wait(name, medium, thread)).collect()
    }

    fn is_wanted(&self, name: &DestinationName) -> bool {
        self.wanted.destinations.as_ref().is_none_or(|wanted| wanted.contains(name))
    }

    /// A visit in a thread that nobody has to join.
    fn begin(
        self: &Arc<Self>,
        name: &DestinationName,
        look: &Look,
    ) -> (DestinationName, Option<VaultId>, Result<Visit, String>) {
        let opened = match look {
            Look::Here(opened) => opened.clone(),
            Look::Away(why) => return (name.clone(), None, Err(why.clone())),
        };
        let (send, receive) = crossbeam_channel::bounded(1);
        let pulse = Pulse::default();
        let (round, destination, medium, watched) = (Arc::clone(self), name.clone(), opened.medium, pulse.clone());
        let thread = std::thread::Builder::new().name(format!("copy-{name}"));
        let begun = thread.spawn(move || {
            let store = round.dressed(&destination, opened.store, watched);
            drop(send.send(round.visit(&*store, opened.medium)));
        });
        let visit = begun.map(|_| Visit { receive, pulse }).map_err(|error| format!("no thread for it: {error}"));
        (name.clone(), Some(medium), visit)
    }

    /// The place with its request timer and its bandwidth limit.
    fn dressed(&self, name: &DestinationName, store: Arc<dyn WriteStore>, pulse: Pulse) -> Box<dyn WriteStore> {
        let watched = Watched::new(store, pulse);
        let rate = self.context.installation.config.destination(name).and_then(|destination| destination.rate);
        match rate.and_then(std::num::NonZeroU64::new) {
            Some(rate) => Box::new(Throttled::new(watched, Bandwidth::new(rate, Arc::clone(&self.context.call.clock)))),
            None => Box::new(watched),
        }
    }

    fn visit_home(&self) -> Option<Visited> {
        let home = self.home.as_ref()?;
        let lock = self.context.lock(&LockName::Home, "the home vault");
        let outcome = match lock {
            Ok(_lock) => self.visit_locked(&*home.store, home.medium),
            Err(failure) => failed(failure.to_string()),
        };
        Some(Visited { destination: DestinationName::home(), medium: Some(home.medium), outcome, away: None })
    }

    fn visit(&self, store: &dyn WriteStore, medium: VaultId) -> Outcome {
        match self.context.lock(&LockName::Medium(medium), "this destination") {
            Ok(_lock) => self.visit_locked(store, medium),
            Err(failure) => failed(failure.to_string()),
        }
    }

    /// One session: plans and carries out until nothing is left to do there.
    fn visit_locked(&self, store: &dyn WriteStore, medium: VaultId) -> Outcome {
        let call = &self.context.call;
        let tell = |told: &Told| match told {
            Told::Note(text) => call.voice.warn(text),
            Told::Progress { destination, done, total, .. } => {
                call.voice.progress(&format!("{destination}: copying"), *done, *total)
            }
        };
        let stop = || (call.stop)();
        let keyring = match self.context.installation.keyring() {
            Ok(keyring) => keyring,
            Err(error) => return failed(chain(&error)),
        };
        let catalog = &self.context.installation.catalog;
        let tools = Tools { catalog, keyring, clock: &*call.clock, entropy: &*call.entropy, stop: &stop, tell: &tell };
        match Session::open(tools, store, medium) {
            Ok(session) => self.work(session),
            Err(error) => ended(error),
        }
    }

    fn work(&self, session: Session<'_>) -> Outcome {
        let mut total = Outcome::default();
        for _ in 0..PLANS_MAX {
            let steps = match self.steps(&session) {
                Ok(steps) if steps.is_empty() => break,
                Ok(steps) => steps,
                Err(error) => {
                    total.failures.push(error);
                    break;
                }
            };
            let origins = self.origins(session.medium);
            let failures = total.failures.len();
            let outcome = execute(&session, &steps, &origins);
            let done = !outcome.copied.iter().all(|copy| copy.failed) || !outcome.removed.is_empty();
            total.copied.extend(outcome.copied);
            total.removed.extend(outcome.removed);
            total.failures.extend(outcome.failures);
            total.ended = outcome.ended;
            if total.ended.is_some() || (!done && total.failures.len() > failures) {
                break;
            }
        }
        self.context.call.voice.progress_done(&format!("{}: copying", session.destination));
        if total.ended.is_none()
            && let Err(error) = session.close()
        {
            total.failures.push(chain(&error));
            total.ended = Some(error);
        }
        total
    }

    /// The checked steps for one medium, each with its reason.
    fn steps(&self, session: &Session<'_>) -> Result<Vec<(Step, String)>, String> {
        let state = self.state(Some(session)).map_err(|failure| failure.to_string())?;
        let plan = check(&state, propose(&state)).map_err(|violations| {
            let first = violations.first().map_or_else(String::new, |violation| format!("{violation:?}"));
            format!("a plan broke its own rules and was not carried out ({first}); please report this")
        })?;
        let steps = plan.plan().media.get(&session.medium).cloned().unwrap_or_default();
        let wanted = steps.into_iter().filter(|step| self.wants(&state, step));
        Ok(wanted.map(|step| (step.clone(), reason_text(&state, &step))).collect())
    }

    fn wants(&self, state: &State, step: &Step) -> bool {
        let for_room = self.wanted.retention == Retention::ForRoom;
        let about = match step {
            Step::Remove { reason: RemoveReason::Retention, .. } if for_room => return false,
            Step::Remove { reason: RemoveReason::Eviction { by } | RemoveReason::Superseded { by }, .. } => Some(*by),
            other => other.point(),
        };
        about.is_none_or(|point| self.is_of_wanted_job(state, point))
    }

    fn is_of_wanted_job(&self, state: &State, point: PointOrder) -> bool {
        let job = state.points.get(&point).map(|point| point.job);
        self.wanted.jobs.as_ref().is_none_or(|jobs| job.is_some_and(|job| jobs.contains(&job)))
    }

    /// The state as one session sees it: what may be deleted is known of its own medium only.
    fn state(&self, session: Option<&Session<'_>>) -> Result<State, Failure> {
        let installation = &self.context.installation;
        let snapshot = installation.catalog.snapshot()?;
        let stores = self.stores();
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.fill(&installation.catalog, installation.keyring()?, &snapshot, &stores);
        let seen = self.seen(session, &snapshot, &stores);
        let observed = Observed {
            config: &installation.config,
            snapshot: &snapshot,
            seen: &seen,
            now: self.context.call.clock.now(),
        };
        Ok(observe(&observed, &packs))
    }

    /// Every place that is there, home first.
    fn stores(&self) -> Vec<(VaultId, &dyn ReadStore)> {
        let home = self.home.iter().map(|opened| (opened.medium, &*opened.store as &dyn ReadStore));
        let offsite = self.looks.iter().filter_map(|(_, look)| match look {
            Look::Here(opened) => Some((opened.medium, &*opened.store as &dyn ReadStore)),
            Look::Away(_) => None,
        });
        home.chain(offsite).collect()
    }

    fn seen<'s>(
        &self,
        session: Option<&Session<'_>>,
        snapshot: &Snapshot,
        stores: &[(VaultId, &'s dyn ReadStore)],
    ) -> BTreeMap<VaultId, Seen<'s>> {
        let deletions = |medium: VaultId| match session {
            Some(session) if session.medium == medium => session.deletions.clone(),
            Some(_) => Deletions::Refused("another session plans there".into()),
            None => Deletions::Allowed,
        };
        let mut seen: BTreeMap<VaultId, Seen<'s>> = stores
            .iter()
            .map(|(medium, store)| (*medium, Seen { store: Ok(*store), deletions: deletions(*medium) }))
            .collect();
        for row in &snapshot.media {
            if let Some(why) = self.away(&row.destination) {
                seen.entry(row.vault)
                    .or_insert_with(|| Seen { store: Err(why.clone()), deletions: Deletions::Refused(why) });
            }
        }
        seen
    }

    fn away(&self, destination: &DestinationName) -> Option<String> {
        self.looks.iter().find_map(|(name, look)| match look {
            Look::Away(why) if name == destination => Some(why.clone()),
            _ => None,
        })
    }

    fn origins(&self, but: VaultId) -> Vec<Origin<'_>> {
        let home = self.home.iter().map(|opened| (DestinationName::home(), opened));
        let offsite = self.looks.iter().filter_map(|(name, look)| match look {
            Look::Here(opened) => Some((name.clone(), opened)),
            Look::Away(_) => None,
        });
        let origin = |(destination, opened): (DestinationName, &'_ Opened)| (opened.medium, destination);
        let _ = origin;
        let all = home.chain(offsite).filter(|(_, opened)| opened.medium != but);
        all.map(|(destination, opened)| Origin { medium: opened.medium, destination, store: as_read(&opened.store) })
            .collect()
    }
}

fn as_read(store: &Arc<dyn WriteStore>) -> &dyn ReadStore {
    &**store
}

/// A visit under way.
struct Visit {
    receive: Receiver<Outcome>,
    pulse: Pulse,
}

/// Waits for a visit, unless a request of it does not come back.
fn wait(destination: DestinationName, medium: Option<VaultId>, visit: Result<Visit, String>) -> Visited {
    let visit = match visit {
        Ok(visit) => visit,
        Err(why) => return Visited { destination, medium, outcome: Outcome::default(), away: Some(why) },
    };
    loop {
        match visit.receive.recv_timeout(Duration::from_millis(500)) {
            Ok(outcome) => {
                let away = outcome.ended.as_ref().map(|error| chain(error));
                return Visited { destination, medium, outcome, away };
            }
            Err(RecvTimeoutError::Disconnected) => {
                let away = Some("its thread broke off".to_owned());
                return Visited { destination, medium, outcome: Outcome::default(), away };
            }
            Err(RecvTimeoutError::Timeout) if visit.pulse.waits() > LOST_AFTER => {
                let away = Some(format!("it has not answered for {} s: given up for now", LOST_AFTER.as_secs()));
                return Visited { destination, medium, outcome: Outcome::default(), away };
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn failed(why: String) -> Outcome {
    Outcome { failures: vec![why], ..Outcome::default() }
}

fn ended(error: CopyError) -> Outcome {
    Outcome { failures: vec![chain(&error)], ended: Some(error), ..Outcome::default() }
}
