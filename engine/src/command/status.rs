//! `engine status`: what is protected, what is not, why, and what to do. Exit 0 whatever it reports.
//!
//! Works while the service runs, while a drive blocks, and without the passphrase: only what is full, and why it stays
//! so, needs the keys, and where they can't be had that is said instead.

mod doubt;
mod drill;
mod failed;
mod given_up;
mod job;
mod places;

pub(super) use given_up::hear;

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::last_failure::{self, FailureKind};
use super::owed::Placed;
use super::round::{looks_to_tell, state_now};
use super::{Call, Context, Exit, Failure};
use crate::catalog::MediumRow;
use crate::catalog::locks::{LockName, is_held};
use crate::installation::{Look, Opened};
use crate::model::{DestinationName, Time};
use crate::plan::{Plan, State, propose};
use crate::report::{StatusProblem, StatusReport, local};

/// Tells it.
///
/// # Errors
/// Exit 2 for the configuration; exit 1 if the catalog can't be read.
pub fn status(call: &Call) -> Result<(StatusReport, Exit), Failure> {
    let context = Context::open(call)?;
    context.tell_notes();
    let before = context.installation.catalog.media()?;
    let looks = looks_to_tell(&context)?;
    let mut facts = Facts::gather(&context, looks, &before)?;
    let outlook = facts.outlook(&context);
    let config = &context.installation.config;
    let jobs = config.jobs.iter().map(|job| job::status(&facts, job)).collect::<Result<_, _>>()?;
    let destinations =
        config.destinations.iter().map(|destination| places::destination(&facts, destination, outlook.as_ref()));
    let report = StatusReport {
        jobs,
        destinations: destinations.collect::<Result<_, _>>()?,
        home: Some(places::home(&facts, outlook.as_ref())?),
        problems: problems(&facts)?,
    };
    Ok((report, Exit::Done))
}

/// All that the parts of the report are made from.
struct Facts<'f> {
    context: &'f Context,
    looks: Vec<(DestinationName, Look)>,
    placed: Placed,
    now: Time,
    zone: TimeZone,
    /// Does the service run?
    served: bool,
    /// Media that are not as the catalog has them.
    doubts: Vec<doubt::Doubt>,
    /// Why the keys can't be had, if they were needed.
    locked: Option<String>,
}

impl<'f> Facts<'f> {
    fn gather(
        context: &'f Context,
        looks: Vec<(DestinationName, Look)>,
        before: &[MediumRow],
    ) -> Result<Self, Failure> {
        let mut facts = Self {
            context,
            looks,
            placed: Placed::read(&context.installation.catalog)?,
            now: context.call.clock.now(),
            zone: TimeZone::system(),
            served: is_held(&context.locks(), &LockName::Service.to_string()),
            doubts: Vec::new(),
            locked: None,
        };
        facts.go_by_the_looks();
        facts.doubts = doubt::doubts(&facts, before, &context.installation.catalog.meta()?);
        for doubt in &facts.doubts {
            facts.placed.doubt(doubt.medium);
        }
        Ok(facts)
    }

    /// On which disk a medium is, a look tells better than what was noted at an earlier one.
    fn go_by_the_looks(&mut self) {
        for (_, look) in &self.looks {
            let Look::Here(Opened { medium, sight: Some(sight), .. }) = look else { continue };
            for row in self.placed.media.iter_mut().filter(|row| row.vault == *medium) {
                (row.device, row.same_disk) = (sight.device, sight.same_disk);
            }
        }
    }

    fn look(&self, name: &DestinationName) -> Option<&Look> {
        self.looks.iter().find(|(other, _)| other == name).map(|(_, look)| look)
    }

    /// A plan as of now, if anything could be stuck: where something is owed to a place that is there, or a place holds
    /// more than it may.
    fn outlook(&mut self, context: &Arc<Context>) -> Option<(State, Plan)> {
        let config = &context.installation.config;
        let owed = |(name, look): &(DestinationName, Look)| {
            let Look::Here(opened) = look else { return false };
            let used = context.installation.catalog.usage(opened.medium).map_or(0, |usage| usage.bytes());
            let limit = config.destination(name).and_then(|destination| destination.limit);
            !self.placed.owed(config, name).is_empty() || limit.is_some_and(|limit| used > limit)
        };
        if !self.looks.iter().any(owed) {
            return None;
        }
        match state_now(context, self.looks.clone()) {
            Ok(mut state) => {
                self.full_as_told(&mut state);
                let plan = propose(&state);
                Some((state, plan))
            }
            Err(failure) => {
                self.locked = Some(failure.to_string());
                None
            }
        }
    }

    /// A place that tells no room and said that it is full holds what it can, until it takes something again.
    fn full_as_told(&self, state: &mut State) {
        let catalog = &self.context.installation.catalog;
        for (id, medium) in state.media.iter_mut().filter(|(_, medium)| medium.free.is_none()) {
            if last_failure::of(catalog, *id).ok().flatten().is_some_and(|it| it.kind == FailureKind::Full) {
                medium.limit = Some(medium.limit.unwrap_or(u64::MAX).min(medium.used));
            }
        }
    }

    /// A moment by the clocks of this place.
    fn when(&self, time: Time) -> String {
        local(time, &self.zone)
    }
}

fn problem(problem: impl Into<String>, advice: impl Into<String>) -> StatusProblem {
    StatusProblem { problem: problem.into(), advice: advice.into() }
}

/// Of the installation as a whole.
fn problems(facts: &Facts<'_>) -> Result<Vec<StatusProblem>, Failure> {
    let mut problems = Vec::new();
    if !facts.context.installation.keeps_ballast() {
        problems.push(problem(
            "the disk that holds the engine's state is full: what was kept there for making room has been given up",
            "free some room on it; it is laid again by itself",
        ));
    }
    if facts.context.installation.catalog.meta()?.unconfirmed {
        problems.push(problem(
            "the catalog was rebuilt or set back, and no head as new as its newest point was read since: nothing is evicted or \
             removed",
            "connect the newest drive, or confirm with `engine alarm clear JOB`",
        ));
    }
    if let Some(why) = facts.context.installation.catalog.fenced()? {
        problems.push(problem(
            format!("{why}; nothing is removed anywhere by this one"),
            "if this computer is to go on, and the other one not: `engine catalog rebuild`; else stop this one, or \
             `engine retire` what is the other one's now",
        ));
    }
    if let Some(why) = &facts.locked {
        problems.push(problem(
            format!("what is full and stuck can't be told: {why}"),
            "check the passphrase that [key] names; without it nothing can be backed up or copied either",
        ));
    }
    problems.extend(drill::problem_of(facts)?);
    Ok(problems)
}
