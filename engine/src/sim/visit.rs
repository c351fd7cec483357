//! What the commands do, over simulated places: captures and rounds, put together of production's own functions, one
//! medium after the other.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::power::Wire;
use super::source::{SimSource, lock};
use super::world::{Canary, World};
use crate::capture::{Canaries, CaptureError, CaptureJob, Captured, Ports, Reading, Room, capture, preview};
use crate::catalog::{Evidence, EvidenceKind, NewCopy, NewJobIds, RemovalRules, Snapshot};
use crate::config::reserve_bytes;
use crate::copy::{CopyError, Origin, Outcome, Session, Told, Tools, execute, removal_rules, sweep_home};
use crate::destination::ReadStore;
use crate::model::{DestinationName, GroupId, JobId, PointName, PointOrder, State as Placed, VaultId, chain};
use crate::observe::{Observed, PointPacks, Seen, observe};
use crate::plan::{self, Coming, Deletions, Loss, RemoveReason, State, Step, check, propose, reason_text};
use crate::port::{Clock as _, Entropy as _};
use crate::vault::VaultReader;

/// A destination, and its medium and place if it is there, or why it is not.
type Looked = (DestinationName, Result<(VaultId, Wire), String>);

/// A medium plans again as long as there is something new to do, but not for ever.
const PLANS_MAX: usize = 4;

/// What entries and footers may take, beside the bytes of what is read.
const BESIDE: u64 = 8 << 10;

/// Which removals a round makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// What `keep` does not want, everywhere.
    Everywhere,
    /// Only as far as room is needed; home is left alone.
    ForRoom,
}

/// What a round came to at one medium.
#[derive(Debug, Default)]
pub struct Visited {
    /// The medium.
    pub medium: Option<VaultId>,
    /// The session began: heads were judged, what lies there was listed.
    pub opened: bool,
    /// The session ended as it should.
    pub closed: bool,
    /// Steps that were carried out or tried.
    pub steps: usize,
    /// Each with its reason.
    pub did: Vec<String>,
    /// What failed, for people.
    pub failures: Vec<String>,
    /// A plan broke its own rules.
    pub broken_plan: Option<String>,
    /// Another writer was found there.
    pub fenced: bool,
}

/// The places of a round.
struct Round<'w> {
    world: &'w World,
    home: Option<(VaultId, Wire)>,
    looks: Vec<Looked>,
    packs: PointPacks,
    retention: Retention,
    tools: Tools<'w>,
}

fn never() -> bool {
    false
}

type Tell<'t> = &'t (dyn Fn(&Told) + Sync);

impl World {
    fn note(&self, told: &Told) {
        if let Told::Note(text) = told {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        }
    }

    fn tools<'t>(&'t self, tell: Tell<'t>) -> Tools<'t> {
        Tools {
            catalog: &self.catalog,
            keyring: &self.keyring,
            clock: &*self.clock,
            entropy: &self.entropy,
            stop: &never,
            tell,
        }
    }

    /// What is at a destination now, as `installation::look` judges it.
    fn look(&self, slot: usize) -> Result<(VaultId, Wire), String> {
        let wire = self.wire(&self.drives[self.slots[slot]])?;
        let media = self.catalog.media().map_err(|error| chain(&error))?;
        let vault = crate::installation::recognise(&self.config.destinations[slot], &wire, &media)?;
        Ok((vault, wire))
    }

    fn begin_round<'t>(&'t self, retention: Retention, tell: Tell<'t>) -> Round<'t> {
        let names = self.config.destinations.iter().map(|destination| destination.name.clone());
        let looks = names.enumerate().map(|(slot, name)| (name, self.look(slot))).collect();
        let home = self.wire(&self.home).ok().map(|wire| (self.home.vault, wire));
        Round { world: self, home, looks, packs: PointPacks::default(), retention, tools: self.tools(tell) }
    }

    /// One round of offsite work, then home.
    #[must_use]
    pub fn round(&self, retention: Retention) -> Vec<Visited> {
        let tell = |told: &Told| self.note(told);
        let mut round = self.begin_round(retention, &tell);
        let mut visited = Vec::new();
        for slot in 0..round.looks.len() {
            if let (_, Ok((medium, wire))) = &round.looks[slot] {
                let (medium, wire) = (*medium, wire.clone());
                visited.push(round.visit(medium, &wire));
            }
        }
        if retention == Retention::Everywhere
            && let Some((medium, wire)) = round.home.clone()
        {
            visited.push(round.visit(medium, &wire));
        }
        visited
    }

    /// The plan of the state as it is now, at whatever is there.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub fn preview(&self) -> Result<(State, plan::Plan), String> {
        let tell = |told: &Told| self.note(told);
        let mut round = self.begin_round(Retention::Everywhere, &tell);
        let state = round.state(None)?;
        let plan = propose(&state);
        Ok((state, plan))
    }

    /// Makes a point of a job, as `engine backup` does.
    ///
    /// # Errors
    /// Why there is none, for people; what was told of the walk is kept in any case.
    pub fn capture(&mut self, at: usize, reading: Reading) -> Result<Captured, String> {
        let opened = std::cell::Cell::new(false);
        let seed = self.chance.any();
        let tree = self.jobs[at].tree.clone();
        let mut source = SimSource::new(tree, self.clock.clone(), super::chance::Chance::new(seed));
        let made = self.capture_from(at, reading, &mut source, &opened);
        self.home.set_back &= !opened.get();
        self.home.unsettled = made.is_err();
        self.truths.walked(self.jobs[at].name.clone(), std::mem::take(&mut source.told));
        made
    }

    fn capture_from(
        &self,
        at: usize,
        reading: Reading,
        source: &mut SimSource,
        opened: &std::cell::Cell<bool>,
    ) -> Result<Captured, String> {
        let fail = |error: &dyn std::error::Error| chain(error);
        let job = &self.config.jobs[at];
        let wire = self.wire(&self.home)?;
        let mut random = [0; 24];
        self.entropy.fill(&mut random).map_err(|error| error.to_string())?;
        let id = |from: usize| random[from..from + 8].try_into().unwrap_or([0; 8]);
        let ids = NewJobIds { job: JobId(id(0)), group: GroupId(id(8)) };
        let group = (job.dedup_group != job.name).then_some(&job.dedup_group);
        let room = self.room(&wire)?;
        let tell = |told: &Told| self.note(told);
        let session = Session::open(self.tools(&tell), &wire, self.home.vault).map_err(|error| fail(&error))?;
        opened.set(true);
        // A job that lies at home and is not known any more is read in, not made anew.
        let row = self.catalog.ensure_job(&job.name, group, &ids).map_err(|error| fail(&error))?;
        let previous = self.previous(row.id).map_err(|error| fail(&error))?;
        let media = self.catalog.media().map_err(|error| fail(&error))?;
        let owed = media.iter().filter(|row| row.retired.is_none() && job.offsite.contains(&row.destination));
        let capture_job = CaptureJob {
            id: row.id,
            name: job.name.clone(),
            group: row.group,
            source: format!("folders {}", lock(&self.jobs[at].tree).root()),
            reading,
            previous,
            reuse_from: self.keyring.epoch(),
            not_before: row.newest_created,
            owed: owed.map(|row| row.vault).collect(),
            adopts: None,
            suspicions: Vec::new(),
            canaries: Canaries::default(),
        };
        let ports = Ports {
            home: &wire,
            home_id: self.home.vault,
            keyring: &self.keyring,
            catalog: &self.catalog,
            clock: &*self.clock,
            entropy: &self.entropy,
            lock: "capture-simulated",
            room,
            make_room: &|bytes| self.makes_room(&session, Coming { job: row.id, bytes, at_most: Loss::Nothing }),
            stop: &never,
            progress: &|_| {},
        };
        let mut captured = capture(source, &capture_job, &ports);
        if matches!(captured, Err(CaptureError::Full { .. })) {
            let _ = sweep_home(&session);
            let before = capture_job.previous.filter(|_| reading == Reading::Changed).map(|(_, name)| (row.id, name));
            let most = preview(source, before, &VaultReader::new(&wire, &self.keyring)).to_read;
            let bytes = most + most / 64 + BESIDE;
            if self.makes_room(&session, Coming { job: row.id, bytes, at_most: Loss::ThePoint }) {
                captured = capture(source, &capture_job, &ports);
            }
        }
        if captured.is_err() {
            let _ = sweep_home(&session);
        }
        let closed = session.close();
        let captured = captured.map_err(|error| fail(&error))?;
        closed.map_err(|error| fail(&error))?;
        Ok(captured)
    }

    /// Does what home's overflow rule wants, if that is enough.
    fn makes_room(&self, session: &Session<'_>, coming: Coming) -> bool {
        let tell = |told: &Told| self.note(told);
        let mut round = self.begin_round(Retention::Everywhere, &tell);
        let Ok(state) = round.state(Some(session)) else { return false };
        let state = State { coming: Some(coming), ..state };
        let plan = check(&state, propose(&state));
        assert!(plan.is_ok(), "a plan broke its own rules: {plan:?}");
        let steps = plan.ok().and_then(|plan| plan.plan().media.get(&session.medium).cloned()).unwrap_or_default();
        let steps: Vec<_> = steps.into_iter().map(|step| (step.clone(), reason_text(&state, &step))).collect();
        let outcome = execute(session, &steps, &[], &removal_rules(&state, session.medium));
        for removed in outcome.removed.iter().filter(|removed| removed.lost > Loss::Nothing) {
            self.note(&Told::Note(format!("{} was given up: {}", removed.point, removed.reason)));
        }
        self.wire(&self.home).is_ok_and(|wire| self.room(&wire).is_ok_and(|room| room.holds(coming.bytes)))
    }

    fn previous(&self, job: JobId) -> crate::catalog::Result<Option<(PointOrder, PointName)>> {
        for (order, placement) in self.catalog.placements_at(self.home.vault)?.into_iter().rev() {
            if matches!(placement.state, Placed::Complete | Placed::Present)
                && let Some(point) = self.catalog.point(order)?.filter(|point| point.job == job)
            {
                return Ok(Some((order, PointName { order, id: point.id })));
            }
        }
        Ok(None)
    }

    fn room(&self, home: &Wire) -> Result<Room, String> {
        let used = self.catalog.usage(self.home.vault).map_err(|error| chain(&error))?.bytes();
        let space = home.space().map_err(|error| chain(&error))?;
        let by_limit = self.config.home.limit.map(|limit| limit.saturating_sub(used));
        let reserve = |total| reserve_bytes(self.config.home.reserve, total);
        let by_reserve = space.map(|space| space.free.saturating_sub(reserve(space.total)));
        Ok(Room { bytes: [by_limit, by_reserve].into_iter().flatten().min() })
    }
}

impl Round<'_> {
    fn visit(&mut self, medium: VaultId, wire: &Wire) -> Visited {
        let mut visited = Visited { medium: Some(medium), ..Visited::default() };
        match Session::open(self.tools, wire, medium) {
            Ok(session) => {
                visited.opened = true;
                self.work(session, &mut visited);
            }
            Err(error) => {
                visited.fenced = matches!(error, CopyError::Fenced { .. });
                visited.failures.push(chain(&error));
            }
        }
        visited
    }

    fn work(&mut self, session: Session<'_>, visited: &mut Visited) {
        if self.world.canary == Canary::BelievesWithoutLooking {
            self.believe(session.medium);
        }
        for _ in 0..PLANS_MAX {
            let (steps, rules) = match self.steps(&session, visited) {
                Ok((steps, _)) if steps.is_empty() => break,
                Ok(steps) => steps,
                Err(error) => {
                    visited.failures.push(error);
                    break;
                }
            };
            let origins = self.origins(session.medium);
            let failures = visited.failures.len();
            let outcome = execute(&session, &steps, &origins, &rules);
            visited.steps += steps.len();
            visited.did.extend(steps.iter().map(|(step, why)| format!("{}: {why}", step_text(step))));
            let done = !outcome.copied.iter().all(|copy| copy.failed) || !outcome.removed.is_empty();
            let Outcome { failures: failed, ended, .. } = outcome;
            visited.failures.extend(failed);
            if let Some(error) = ended {
                visited.fenced |= matches!(error, CopyError::Fenced { .. });
                return;
            }
            if !done && visited.failures.len() > failures {
                break;
            }
        }
        match session.close() {
            Ok(()) => visited.closed = true,
            Err(error) => visited.failures.push(chain(&error)),
        }
    }

    fn steps(
        &mut self,
        session: &Session<'_>,
        visited: &mut Visited,
    ) -> Result<(Vec<(Step, String)>, RemovalRules), String> {
        let state = self.state(Some(session))?;
        let plan = check(&state, propose(&state)).map_err(|violations| {
            let text = format!("{violations:?}");
            visited.broken_plan = Some(text.clone());
            text
        })?;
        let steps = plan.plan().media.get(&session.medium).cloned().unwrap_or_default();
        let wanted = steps.into_iter().filter(|step| self.wants(step));
        let steps = wanted.map(|step| (step.clone(), reason_text(&state, &step))).collect();
        Ok((steps, removal_rules(&state, session.medium)))
    }

    fn wants(&self, step: &Step) -> bool {
        let for_room = self.retention == Retention::ForRoom;
        !(for_room && matches!(step, Step::Remove { reason: RemoveReason::Retention, .. }))
    }

    fn state(&mut self, session: Option<&Session<'_>>) -> Result<State, String> {
        let world = self.world;
        let snapshot = world.catalog.snapshot().map_err(|error| chain(&error))?;
        let (home, looks) = (&self.home, &self.looks);
        let here = looks.iter().filter_map(|(_, look)| look.as_ref().ok());
        let stores: Vec<(VaultId, &dyn ReadStore)> =
            home.iter().chain(here).map(|(medium, wire)| (*medium, wire as &dyn ReadStore)).collect();
        self.packs.fill(&world.catalog, &world.keyring, &snapshot, &stores);
        let seen = seen(session, &snapshot, &stores, looks);
        let observed = Observed { config: &world.config, snapshot: &snapshot, seen: &seen, now: world.clock.now() };
        let state = observe(&observed, &self.packs);
        Ok(State { zone: jiff::tz::TimeZone::UTC, ..state })
    }

    fn origins(&self, but: VaultId) -> Vec<Origin<'_>> {
        let home = self.home.iter().map(|it| (DestinationName::home(), it));
        let offsite = self.looks.iter().filter_map(|(name, look)| Some((name.clone(), look.as_ref().ok()?)));
        let all = home.chain(offsite).filter(|(_, (medium, _))| *medium != but);
        all.map(|(destination, (medium, wire))| Origin { medium: *medium, destination, store: wire }).collect()
    }

    /// The canary: whatever is owed is recorded as if it had been sent and read back.
    fn believe(&self, medium: VaultId) {
        let (catalog, now) = (&self.world.catalog, self.world.clock.now());
        let Ok(placements) = catalog.placements_at(medium) else { return };
        let evidence = Some(Evidence { kind: EvidenceKind::ReadBack, time: now });
        for (order, _) in placements.into_iter().filter(|(_, row)| row.state == Placed::Pending) {
            let from = self.world.home.vault;
            let new = NewCopy { from, to: medium, point: order, packs: &[], expected: None, now };
            let _ = catalog.begin_copy(&new);
            let _ = catalog.settle_point(medium, order, &[], evidence, now);
        }
    }
}

fn step_text(step: &Step) -> String {
    let text = format!("{step:?}");
    let kind = text.split([' ', '{']).next().unwrap_or_default().to_owned();
    step.point().map_or_else(|| kind.clone(), |point| format!("{kind} {point}"))
}

fn seen(
    session: Option<&Session<'_>>,
    snapshot: &Snapshot,
    stores: &[(VaultId, &dyn ReadStore)],
    looks: &[Looked],
) -> BTreeMap<VaultId, Seen> {
    let deletions = |medium: VaultId| match session {
        Some(session) if session.medium == medium => session.deletions(),
        Some(_) => Deletions::Refused("another session plans there".into()),
        None => Deletions::Allowed,
    };
    let mut seen: BTreeMap<VaultId, Seen> = stores
        .iter()
        .map(|(medium, store)| {
            (*medium, Seen { space: Ok(store.space().ok().flatten()), full_at: None, deletions: deletions(*medium) })
        })
        .collect();
    for row in &snapshot.media {
        let away = looks.iter().find_map(|(name, look)| match look {
            Err(why) if *name == row.destination => Some(why.clone()),
            _ => None,
        });
        if let Some(why) = away {
            let refused =
                || Seen { space: Err(why.clone()), full_at: None, deletions: Deletions::Refused(why.clone()) };
            seen.entry(row.vault).or_insert_with(refused);
        }
    }
    seen
}

#[cfg(test)]
#[path = "visit_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "set_back_tests.rs"]
mod set_back_tests;

#[cfg(test)]
#[path = "unsure_tests.rs"]
mod unsure_tests;
