//! One job: its newest point, when the next is due, how it stands offsite, and what keeps it from being protected.
//!
//! How the newest point stands offsite: at each destination of the job by the best of its media; over them with
//! `copies = "all"` by the worst, with `copies = "first"` by the best. A place on the same disk as this computer counts
//! here as any other, but a job that is whole only there has a problem that says so, and never meets its `expect`.

use super::{Facts, given_up, problem};
use crate::catalog::locks::{LockName, is_held};
use crate::catalog::{JobRow, MediumRow, PointRow};
use crate::command::Failure;
use crate::config::{Copies, Job};
use crate::model::{DestinationName, State, Time, VaultId};
use crate::report::{Begun, JobStatus, NewestProof, Offsite, StatusProblem};
use crate::service::{LastRun, due_at, is_missed, noticed};

/// A run without a schedule and without a deadline is too long after this.
const LONG: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Puts a job's part together.
pub(super) fn status(facts: &Facts<'_>, job: &Job) -> Result<JobStatus, Failure> {
    let row = facts.context.installation.catalog.job_named(&job.name)?;
    let points: Vec<&PointRow> =
        facts.placed.points.iter().filter(|it| Some(it.job) == row.as_ref().map(|row| row.id)).collect();
    let newest = points.iter().rev().find(|point| should_be_there(facts, point)).copied();
    let seen = Seen { facts, job, row: row.as_ref(), points: &points, newest };
    let mut problems = Vec::new();
    problems.extend(seen.last_run());
    problems.extend(seen.missed());
    problems.extend(seen.alarms());
    problems.extend(seen.no_medium());
    problems.extend(seen.same_disk());
    problems.extend(seen.ahead());
    problems.extend(seen.deadline()?);
    problems.extend(seen.damage());
    problems.extend(given_up::problems(facts, job, row.as_ref(), &points)?);
    Ok(JobStatus {
        job: job.name.clone(),
        newest: newest.map(|point| point.created),
        next: seen.next(),
        offsite: seen.offsite(),
        complete_at: seen.complete_at(),
        begun: seen.begun()?,
        proofs: seen.proofs(),
        problems,
    })
}

fn should_be_there(facts: &Facts<'_>, point: &PointRow) -> bool {
    facts
        .placed
        .at
        .values()
        .any(|at| at.get(&point.order).is_some_and(|row| row.state.is_there() || row.state == State::Missing))
}

struct Seen<'s> {
    facts: &'s Facts<'s>,
    job: &'s Job,
    row: Option<&'s JobRow>,
    points: &'s [&'s PointRow],
    newest: Option<&'s PointRow>,
}

impl Seen<'_> {
    fn is_running(&self) -> bool {
        is_held(&self.facts.context.locks(), &LockName::Job(self.job.name.clone()).to_string())
    }

    fn last(&self) -> LastRun {
        self.row.and_then(|row| row.last_run.as_ref()).map_or(LastRun::Never, |run| LastRun::Began(run.started))
    }

    fn next(&self) -> Option<Time> {
        let (schedule, now) = (self.job.schedule.as_ref()?, self.facts.now);
        let wrong = match self.last() {
            LastRun::Began(last) | LastRun::Died(last) => noticed(None, last, now),
            LastRun::Never => None,
        };
        due_at(schedule, self.last(), wrong, now, &self.facts.zone)
    }

    fn last_run(&self) -> Option<StatusProblem> {
        let run = self.row?.last_run.as_ref()?;
        let (name, began) = (&self.job.name, self.facts.when(run.started));
        let again = format!("see that nothing stops it, then `engine backup {name}`");
        match (run.finished, run.outcome) {
            (None, _) if self.is_running() => {
                let most = self.job.expect.unwrap_or(LONG).min(LONG);
                let too_long = self.facts.now.since(run.started) > most;
                too_long.then(|| {
                    problem(
                        format!("the run that began at {began} still goes on"),
                        "see what it waits for; a run that takes so long counts as failing",
                    )
                })
            }
            (None, _) => Some(problem(format!("the run that began at {began} died"), again)),
            (Some(_), 0) => None,
            // An alarm, which is told by itself for as long as it is raised.
            (Some(_), 3) if run.text.is_empty() => None,
            (Some(_), 3) => Some(problem(
                format!("the run of {began} has problems: {}", run.text),
                if run.text.contains("could not be read") {
                    format!("`engine backup {name}` names the files; exclude them, or see to their permissions")
                } else {
                    format!("look at the source; `engine backup {name}` once it is as it should be")
                },
            )),
            (Some(_), _) => Some(problem(format!("the run of {began} made no point: {}", run.text), again)),
        }
    }

    fn missed(&self) -> Option<StatusProblem> {
        let due = self.next().filter(|due| is_missed(*due, self.facts.now) && !self.is_running())?;
        let advice = if self.facts.served {
            "the service is busy with another job, or stuck"
        } else {
            "the service does not run: start it (`engine run`)"
        };
        Some(problem(format!("the run that was due at {} did not happen", self.facts.when(due)), advice))
    }

    fn alarms(&self) -> Vec<StatusProblem> {
        let clear = format!("if that is right, `engine alarm clear {}` lets removals go on", self.job.name);
        let raised = self.row.into_iter().flat_map(|row| [row.alarm.clone(), row.clock_jump.clone()]).flatten();
        raised.map(|text| problem(format!("alarm: {text}; nothing of it is evicted or removed"), &*clear)).collect()
    }

    /// The state at one destination: the best of its media.
    fn state_at(&self, name: &DestinationName, point: &PointRow) -> State {
        let states = self.facts.placed.in_use(name).filter_map(|row| self.facts.placed.state(row.vault, point.order));
        states.min_by_key(|state| rank(*state)).unwrap_or(State::Pending)
    }

    fn offsite(&self) -> Offsite {
        let Some(newest) = self.newest else { return Offsite::None };
        let states = self.job.offsite.iter().map(|name| self.state_at(name, newest));
        let state = match self.job.copies {
            Copies::All => states.max_by_key(|state| rank(*state)),
            Copies::First => states.min_by_key(|state| rank(*state)),
        };
        state.map_or(Offsite::None, Offsite::State)
    }

    fn complete_at(&self) -> Vec<DestinationName> {
        let Some(newest) = self.newest else { return Vec::new() };
        let is_there = |row: &MediumRow| self.facts.placed.state(row.vault, newest.order) == Some(State::Complete);
        let whole = |name: &&DestinationName| self.facts.placed.in_use(name).any(|row| !row.same_disk && is_there(row));
        self.job.offsite.iter().filter(whole).cloned().collect()
    }

    /// Who copies the newest point where that is begun: whoever died holds no lock.
    fn begun(&self) -> Result<Begun, Failure> {
        let Some(newest) = self.newest else { return Ok(Begun::BrokenOff) };
        let is_begun = |row: &&MediumRow| self.facts.placed.state(row.vault, newest.order) == Some(State::Copying);
        let at: Vec<VaultId> = self.media().filter(is_begun).map(|row| row.vault).collect();
        let locks = self.facts.context.locks();
        if at.iter().any(|medium| is_held(&locks, &LockName::Medium(*medium).to_string())) {
            return Ok(Begun::UnderWay);
        }
        for medium in at {
            if self.facts.context.installation.catalog.open_seed_at(medium)?.is_some() {
                return Ok(Begun::OnSeed);
            }
        }
        Ok(Begun::BrokenOff)
    }

    /// At each medium that is in use, home first: the newest point that is there, and its proof.
    fn proofs(&self) -> Vec<NewestProof> {
        let newest_at = |medium: &MediumRow| {
            let at = self.facts.placed.at.get(&medium.vault)?;
            let there = |point: &PointRow| at.get(&point.order).filter(|row| row.state.is_there());
            let (point, row) = self.points.iter().rev().find_map(|point| Some((point, there(point)?)))?;
            let (destination, medium) = (medium.destination.clone(), medium.vault);
            Some(NewestProof { destination, medium, point: point.id, created: point.created, proof: row.proof })
        };
        let (home, away): (Vec<&MediumRow>, Vec<&MediumRow>) = {
            let media = self.facts.placed.media.iter().filter(|row| row.retired.is_none());
            media.partition(|row| row.destination.is_home())
        };
        home.into_iter().chain(away).filter_map(newest_at).collect()
    }

    /// Media that the job's copies count at.
    fn media(&self) -> impl Iterator<Item = &MediumRow> {
        self.job.offsite.iter().flat_map(|name| self.facts.placed.in_use(name))
    }

    fn no_medium(&self) -> Option<StatusProblem> {
        let none = !self.job.offsite.is_empty() && self.media().next().is_none();
        none.then(|| {
            problem(
                "none of its destinations takes copies: nothing of it goes offsite",
                "see below what each of them needs",
            )
        })
    }

    fn same_disk(&self) -> Option<StatusProblem> {
        let media: Vec<_> = self.media().collect();
        let only = !media.is_empty() && media.iter().all(|row| row.same_disk);
        only.then(|| {
            problem(
                "all its copies are on the same disk as this computer's own data: nothing of it is offsite",
                "add a destination on another disk or another computer",
            )
        })
    }

    /// Points that a wrong clock dated ahead: neither `expect` nor `keep` can count by them.
    fn ahead(&self) -> Option<StatusProblem> {
        let created = self.newest?.created;
        (created.since(self.facts.now) > LONG).then(|| {
            let name = &self.job.name;
            problem(
                format!(
                    "its newest point is dated {}, which is not yet: its deadline can't be judged",
                    self.facts.when(created)
                ),
                format!(
                    "if the clock is right now, remove the points with a wrong date (`engine forget --point`), then \
                     `engine alarm clear {name}`"
                ),
            )
        })
    }

    /// `expect`: only what is complete, with evidence, at a medium on another disk counts.
    fn deadline(&self) -> Result<Option<StatusProblem>, Failure> {
        let Some(expect) = self.job.expect else { return Ok(None) };
        let is_good = |point: &&&PointRow| {
            self.media().filter(|row| !row.same_disk).any(|row| {
                let placed = self.facts.placed.at.get(&row.vault).and_then(|at| at.get(&point.order));
                placed.is_some_and(|it| it.state == State::Complete && it.verified.is_some())
            })
        };
        let newest = self.points.iter().rev().find(is_good).map(|point| point.created);
        let since = match (newest, self.points.first()) {
            (Some(newest), _) => newest,
            (None, Some(first)) => first.created,
            (None, None) => self.facts.context.installation.catalog.meta()?.created,
        };
        if self.facts.now.since(since) <= expect {
            return Ok(None);
        }
        let (since, hours) = (self.facts.when(since), expect.as_secs() / 3600);
        let what = if newest.is_some() {
            "no newer verified offsite copy since"
        } else {
            "no verified offsite copy at all since"
        };
        let text = format!("its deadline has passed: {what} {since}, and one is expected within {hours} h");
        Ok(Some(problem(text, "see below what its destinations wait for")))
    }

    /// Points that should restore from some place and do not.
    fn damage(&self) -> Vec<StatusProblem> {
        let mut problems = Vec::new();
        for medium in self.facts.placed.media.iter().filter(|row| row.retired.is_none()) {
            for state in [State::Damaged, State::Missing] {
                let is_so = |it: &&&PointRow| self.facts.placed.state(medium.vault, it.order) == Some(state);
                let points: Vec<&PointRow> = self.points.iter().filter(is_so).copied().collect();
                if points.is_empty() {
                    continue;
                }
                let (count, place) = (points.len(), &medium.destination);
                let is = if count == 1 { "point is" } else { "points are" };
                let advice = if points.iter().any(|point| self.is_whole_beside(medium.vault, point)) {
                    format!("`engine verify {place} --repair` replaces what is good elsewhere")
                } else {
                    format!(
                        "no other place is known to have that whole: `engine backup {}` makes a new point",
                        self.job.name
                    )
                };
                problems.push(problem(format!("{count} {is} {state} at {place}"), advice));
            }
        }
        problems
    }

    fn is_whole_beside(&self, medium: VaultId, point: &PointRow) -> bool {
        let others = self.facts.placed.media.iter().filter(|row| row.vault != medium && row.retired.is_none());
        let mut states = others.filter_map(|row| self.facts.placed.state(row.vault, point.order));
        states.any(|state| matches!(state, State::Complete | State::Present))
    }
}

/// From good to bad.
const fn rank(state: State) -> u8 {
    match state {
        State::Complete => 0,
        State::Present => 1,
        State::Copying => 2,
        State::Pending => 3,
        State::NotWanted => 4,
        State::Evicted => 5,
        State::Missing => 6,
        State::Damaged => 7,
    }
}
