//! `engine copy`: what is owed, now.

use std::sync::Arc;

use super::hours::Hours;
use super::owed::Placed;
use super::round::{Home, Task, Wanted, preview, round};
use super::visit::Visited;
use super::{Call, Context, DryRun, Exit, Failure};
use crate::catalog::MediumRow;
use crate::config::Copies;
use crate::copy::refused_at;
use crate::model::{DestinationName, JobId, JobName, PointOrder, State, VaultId};
use crate::plan::{self, render};
use crate::report::{CopiedPoint, CopyReport, EvictedPoint, RemovedPoint};

/// What `copy` is asked for.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Which jobs' points; all if none.
    pub jobs: Vec<JobName>,
    /// Only this destination.
    pub destination: Option<DestinationName>,
    /// Only tell the plan?
    pub dry_run: DryRun,
}

/// Copies what is owed.
///
/// # Errors
/// Exit 2 for unknown names; exit 1 if the installation can't be opened.
pub fn copy(call: &Call, options: &CopyOptions) -> Result<(CopyReport, Exit), Failure> {
    let context = Context::open(call)?;
    let jobs = context.jobs(&options.jobs)?;
    if let Some(name) = &options.destination {
        context.installation.destination(name)?;
    }
    if options.dry_run == DryRun::Yes {
        let (state, mut plan) = preview(&context)?;
        if let Some(name) = &options.destination {
            let there = |medium: &VaultId| state.media.get(medium).is_some_and(|it| it.destination == *name);
            plan.media.retain(|medium, _| there(medium));
            plan.waiting.retain(|it| there(&it.medium));
        }
        let lines = render(&state, &plan).lines().map(str::to_owned).collect();
        return Ok((CopyReport { plan: lines, ..CopyReport::default() }, Exit::Done));
    }
    let known = context.installation.catalog.jobs()?;
    let ids: Vec<JobId> =
        known.iter().filter(|row| jobs.iter().any(|job| job.name == row.name)).map(|row| row.id).collect();
    let wanted = Wanted {
        jobs: (!options.jobs.is_empty()).then_some(ids),
        destinations: options.destination.clone().map(|name| vec![name]),
        task: Task::Copies,
        home: if context.installation.config.jobs.iter().all(|job| job.home) { Home::Not } else { Home::Spool },
        hours: Hours::Ignored,
    };
    let visited = round(&context, &wanted)?;
    let exit = exit(&context, &visited, &wanted)?;
    match busy(&visited).filter(|_| exit != Exit::Damage && !did_anything(&visited)) {
        Some(failure) => Err(failure),
        None => Ok((report(&context, &visited)?, exit)),
    }
}

/// Another process was at work where something was to be done, and was not waited for.
pub(super) fn busy(visited: &[Visited]) -> Option<Failure> {
    let busy = visited.iter().filter(|place| place.outcome.busy);
    let why: Vec<&str> = busy.flat_map(|place| &place.outcome.failures).map(String::as_str).collect();
    let advice = "wait until it has finished, or leave out --no-wait";
    (!why.is_empty()).then(|| Failure::new("another engine is at work", why.join("; "), advice))
}

/// Was anything copied, read back or removed anywhere?
pub(super) fn did_anything(visited: &[Visited]) -> bool {
    let worked = |it: &Visited| it.outcome.copied.iter().any(|copy| !copy.failed) || !it.outcome.removed.is_empty();
    visited.iter().any(worked)
}

/// What was done, and what is owed and was not done.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn report(context: &Arc<Context>, visited: &[Visited]) -> Result<CopyReport, Failure> {
    let mut report = CopyReport::default();
    for place in visited {
        // Reading back at home is no copy.
        let copies = place.outcome.copied.iter().filter(|_| !place.destination.is_home());
        for copied in copies {
            let told = told(context, copied.point, &place.destination, Some(copied.medium), copied.state)?;
            let seconds = copied.took.as_secs_f64();
            report.copies.extend(told.map(|told| CopiedPoint {
                bytes: copied.bytes,
                seconds,
                reason: copied.reason.clone(),
                ..told
            }));
        }
        for removed in &place.outcome.removed {
            let Some(point) = context.installation.catalog.point(removed.point)? else { continue };
            let (destination, bytes, reason) = (place.destination.clone(), removed.bytes, removed.reason.clone());
            if removed.evicted {
                report.evicted.push(EvictedPoint {
                    point: point.id,
                    destination,
                    medium: Some(removed.medium),
                    bytes,
                    reason,
                });
            } else {
                report.removed.push(RemovedPoint { point: point.id, destination, bytes, reason });
            }
        }
    }
    let tried: Vec<(VaultId, PointOrder)> =
        visited.iter().flat_map(|place| &place.outcome.copied).map(|copied| (copied.medium, copied.point)).collect();
    let mut stuck = Stuck::default();
    for (name, medium, order, state) in owed(context)? {
        let place = visited.iter().find(|place| place.destination == name);
        let was_tried = medium.is_some_and(|medium| tried.contains(&(medium, order)));
        if let Some(place) = place.filter(|_| !was_tried) {
            let why = place.away.clone().or_else(|| place.outcome.failures.first().cloned());
            let reason = match why {
                Some(why) => why,
                None if is_satisfied(context, order, &name)? => "it is not needed there".to_owned(),
                None => medium.map_or_else(String::new, |medium| stuck.why(context, medium, order)),
            };
            report
                .copies
                .extend(told(context, order, &name, medium, state)?.map(|told| CopiedPoint { reason, ..told }));
        }
    }
    Ok(report)
}

/// What the planner says of points that it leaves where they are; asked once, and only if it is needed.
#[derive(Default)]
struct Stuck(Option<Result<(plan::State, plan::Plan), Failure>>);

impl Stuck {
    fn why(&mut self, context: &Arc<Context>, medium: VaultId, order: PointOrder) -> String {
        match self.0.get_or_insert_with(|| preview(context)) {
            Ok((state, plan)) => stuck_text(state, plan, medium, order),
            Err(_) => None,
        }
        .unwrap_or_else(|| "it waits for the next run".to_owned())
    }
}

/// The medium's own problem first that names this point, then the one that it waits behind.
fn stuck_text(state: &plan::State, plan: &plan::Plan, at: VaultId, order: PointOrder) -> Option<String> {
    use plan::Problem;
    let names = |problem: &&Problem| match problem {
        Problem::Full { medium, point, .. }
        | Problem::NeverFits { medium, point, .. }
        | Problem::ChainOutgrows { medium, point, .. }
        | Problem::Irreparable { medium, point } => (*medium, *point) == (at, order),
        Problem::OverLimit { .. } => false,
    };
    let behind = |problem: &&Problem| matches!(problem, Problem::Full { medium, .. } if *medium == at);
    let problem = plan.problems.iter().find(names).or_else(|| plan.problems.iter().find(behind));
    let waits = plan.waiting.iter().find(|waiting| waiting.medium == at).map(|waiting| match &waiting.reason {
        plan::WaitReason::MediumAway(why) => why.clone(),
        plan::WaitReason::SourceAway => "no place that has it is there".to_owned(),
        plan::WaitReason::NoGoodCopy => "no good copy of it is known anywhere".to_owned(),
        plan::WaitReason::OnSeed => plan::ON_SEED.to_owned(),
    });
    problem.map(|problem| plan::problem_text(state, problem)).or(waits)
}

fn told(
    context: &Context,
    order: PointOrder,
    destination: &DestinationName,
    medium: Option<VaultId>,
    state: State,
) -> Result<Option<CopiedPoint>, Failure> {
    let catalog = &context.installation.catalog;
    let Some(point) = catalog.point(order)? else { return Ok(None) };
    let job = catalog.jobs()?.into_iter().find(|row| row.id == point.job).map(|row| row.name);
    let told = |job| CopiedPoint {
        point: point.id,
        job,
        destination: destination.clone(),
        medium,
        state,
        bytes: 0,
        seconds: 0.0,
        reason: String::new(),
    };
    Ok(job.map(told))
}

/// What is owed to a destination and not complete there; the medium is none for a place that was never there.
type Owed = (DestinationName, Option<VaultId>, PointOrder, State);

/// All of it, newest point first: placements that are begun or lost, and points that no placement speaks of yet. What is
/// only present, and no plan wants any more evidence of, is left as it is and not owed.
fn owed(context: &Arc<Context>) -> Result<Vec<Owed>, Failure> {
    let placed = Placed::read(&context.installation.catalog)?;
    let config = &context.installation.config;
    let mut owed = Vec::new();
    for medium in placed.media.iter().filter(|row| !row.destination.is_home() && row.retired.is_none()) {
        for (order, row) in placed.at.get(&medium.vault).into_iter().flatten().rev() {
            let comes = matches!(row.state, State::Pending | State::Copying | State::Present);
            let is_bad = matches!(row.state, State::Missing | State::Damaged);
            if is_bad || comes && !placed.waits_its_turn(config, medium.vault, *order) {
                owed.push((medium.destination.clone(), Some(medium.vault), *order, row.state));
            }
        }
    }
    for destination in &config.destinations {
        let unknown = placed.waits(config, &destination.name).into_iter().rev();
        let is_unknown = |medium: Option<VaultId>, order| medium.is_none_or(|at| placed.state(at, order).is_none());
        let unknown = unknown.filter(|(medium, order)| is_unknown(*medium, *order));
        owed.extend(unknown.map(|(medium, order)| (destination.name.clone(), medium, order, State::Pending)));
    }
    if owed.iter().any(|(.., state)| *state == State::Present) {
        let planned = planned(context)?;
        let waits = |medium: &Option<VaultId>, order| planned.iter().any(|it| Some(it.0) == *medium && it.1 == order);
        owed.retain(|(_, medium, order, state)| *state != State::Present || waits(medium, *order));
    }
    Ok(owed)
}

/// What a plan made now would copy or read back, or would if its medium were there.
fn planned(context: &Arc<Context>) -> Result<Vec<(VaultId, PointOrder)>, Failure> {
    let (state, plan) = preview(context)?;
    let mut planned: Vec<(VaultId, PointOrder)> = plan.waiting.iter().map(|it| (it.medium, it.point)).collect();
    for (medium, steps) in &plan.media {
        let comes = |step: &&plan::Step| matches!(step, plan::Step::Copy { .. } | plan::Step::Verify { .. });
        planned.extend(steps.iter().filter(comes).filter_map(|step| Some((*medium, step.point()?))));
    }
    for (id, medium) in state.media.iter().filter(|(_, medium)| !medium.is_here()) {
        planned.extend(medium.placements.keys().map(|order| (*id, *order)));
    }
    Ok(planned)
}

/// 4 for what is damaged or missing and was not healed, 3 for what waits or failed, 0 else.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn exit(context: &Arc<Context>, visited: &[Visited], wanted: &Wanted) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    if visited.iter().any(|place| !place.outcome.failures.is_empty()) {
        exit = exit.and(Exit::Partial);
    }
    if only_grows(context, visited)? {
        exit = exit.and(Exit::Partial);
    }
    let is_wanted = |name: &DestinationName| wanted.destinations.as_ref().is_none_or(|names| names.contains(name));
    let is_shut =
        |name: &DestinationName| visited.iter().any(|place| place.destination == *name && place.shut.is_some());
    for (name, _, order, state) in owed(context)?.into_iter().filter(|(name, ..)| is_wanted(name)) {
        if !is_of_jobs(context, order, wanted)? {
            continue;
        }
        exit = exit.and(match state {
            State::Damaged | State::Missing => Exit::Damage,
            _ if is_satisfied(context, order, &name)? || is_shut(&name) => Exit::Done,
            _ => Exit::Partial,
        });
    }
    Ok(exit)
}

/// Did a place that was visited refuse every deletion? Its medium is the one of the destination that was seen last.
fn only_grows(context: &Context, visited: &[Visited]) -> Result<bool, Failure> {
    let media = context.installation.catalog.media()?;
    let visited = visited.iter().filter(|place| place.away.is_none());
    let mut of = visited.filter_map(|place| {
        let its = media.iter().filter(|row| row.destination == place.destination && row.retired.is_none());
        its.max_by_key(|row| row.last_seen)
    });
    Ok(of.any(|row| refused_at(row).is_some()))
}

fn is_of_jobs(context: &Context, order: PointOrder, wanted: &Wanted) -> Result<bool, Failure> {
    let Some(jobs) = &wanted.jobs else { return Ok(true) };
    Ok(context.installation.catalog.point(order)?.is_some_and(|point| jobs.contains(&point.job)))
}

/// Is the copy there wanted no more: the job no longer goes there, or `copies = "first"` has its one copy?
fn is_satisfied(context: &Context, order: PointOrder, destination: &DestinationName) -> Result<bool, Failure> {
    let catalog = &context.installation.catalog;
    let Some(point) = catalog.point(order)? else { return Ok(true) };
    let name = catalog.jobs()?.into_iter().find(|row| row.id == point.job).map(|row| row.name);
    let Some(job) = name.and_then(|name| context.installation.config.job(&name)) else { return Ok(true) };
    if !job.offsite.contains(destination) {
        return Ok(true);
    }
    let elsewhere = catalog.placements_of(order)?;
    let counts = |row: &MediumRow| job.offsite.contains(&row.destination) && row.retired.is_none();
    let complete = elsewhere.iter().any(|(row, placement)| counts(row) && placement.state == State::Complete);
    Ok(job.copies == Copies::First && complete)
}
