//! `engine forget`: applies `keep` now, everywhere; or removes one point.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::copy::report as copy_report;
use super::give_up::give_up_copies;
use super::hours::Hours;
use super::publish::publish;
use super::read::resolve;
use super::round::{Home, Task, Wanted, looks, round, state_now};
use super::visit::Visited;
use super::{Call, Context, DryRun, Exit, Failure};
use crate::catalog::{PointRow, keeps_packs};
use crate::installation::{Look, Opened};
use crate::model::{DestinationName, JobId, JobName, PointOrder, State as Placed};
use crate::plan::{
    self, Blocker, PackThere, Plan, Reach, Refusal, State, Step, Unwanted, blocker_text, render, unwanted_text,
};
use crate::report::{ForgetReport, KeptPoint};

/// What `forget` is asked for.
#[derive(Debug, Clone)]
pub struct ForgetOptions {
    /// Whose `keep` is applied; all jobs' if none. Not together with a point.
    pub jobs: Vec<JobName>,
    /// The one point that goes.
    pub point: Option<String>,
    /// Only tell the plan?
    pub dry_run: DryRun,
}

/// Removes what `keep` no longer wants, or one point.
///
/// # Errors
/// Exit 2 for unknown names and points; exit 1 if the installation can't be opened.
pub fn forget(call: &Call, options: &ForgetOptions) -> Result<(ForgetReport, Exit), Failure> {
    let context = Context::open(call)?;
    not_fenced(&context)?;
    match &options.point {
        Some(_) if !options.jobs.is_empty() => Err(Failure::usage(
            "a point and jobs can't be forgotten together",
            "with --point just that point is removed",
            "leave out the jobs, or --point",
        )),
        Some(text) => forget_point(&context, &resolve(&context.installation.catalog, text)?, options.dry_run),
        None => forget_jobs(&context, &options.jobs, options.dry_run),
    }
}

/// Another writer goes on: what is the newest point, and the one before it, may be of its making, and what it removes is
/// not known here. So nothing goes, at home neither.
fn not_fenced(context: &Context) -> Result<(), Failure> {
    let refused = |why: String| {
        Err(Failure::new(
            "nothing is removed",
            why,
            "if this computer is to go on, and the other one not: `engine catalog rebuild`, then try again",
        ))
    };
    let catalog = &context.installation.catalog;
    if let Some(why) = catalog.fenced()? {
        return refused(why);
    }
    let ours = catalog.meta()?.epoch;
    for (name, look) in looks(context)? {
        let Look::Here(Opened { sight: Some(sight), .. }) = look else { continue };
        if sight.heads.iter().flatten().any(|head| head.epoch > ours) {
            return refused(format!("fenced: another computer has taken over the vault of {name}"));
        }
    }
    Ok(())
}

fn forget_jobs(context: &Arc<Context>, names: &[JobName], dry_run: DryRun) -> Result<(ForgetReport, Exit), Failure> {
    let jobs = if names.is_empty() { BTreeSet::new() } else { ids(context, names)? };
    if !names.is_empty() && jobs.is_empty() {
        return Ok((ForgetReport::default(), Exit::Done));
    }
    let state = state_now(context, looks(context)?)?;
    let (plan, refusals) = plan::forget(&state, &jobs);
    let kept = kept(&state, &refusals);
    if dry_run == DryRun::Yes {
        return Ok((told(&state, &plan, kept), Exit::Done));
    }
    let visited = visit(context, &state, &plan, Task::Forget(jobs))?;
    let removed = copy_report(context, &visited)?.removed;
    let undone = undone(context, &state, &plan, &visited)?;
    let exit = if failures(&visited) || !undone.is_empty() { Exit::Partial } else { Exit::Done };
    Ok((ForgetReport { removed, kept: [kept, undone].concat(), plan: Vec::new() }, exit))
}

fn forget_point(context: &Arc<Context>, point: &PointRow, dry_run: DryRun) -> Result<(ForgetReport, Exit), Failure> {
    if point.pinned {
        let reason = format!("it is pinned; `engine unpin {}` lets it go", point.id);
        let kept = vec![KeptPoint { point: point.id, reason }];
        return Ok((ForgetReport { kept, ..ForgetReport::default() }, Exit::Failed));
    }
    if let Some(destination) = travels_to(context, point)? {
        let reason = format!(
            "packs of it travel to {destination} on a seed's drive: it can go once that is over (`engine seed status`), or is given \
             up (`engine seed forget {destination}`)"
        );
        let kept = vec![KeptPoint { point: point.id, reason }];
        return Ok((ForgetReport { kept, ..ForgetReport::default() }, Exit::Failed));
    }
    let (state, plan, refusals) = planned(context, point.order, dry_run)?;
    let kept = kept(&state, &refusals);
    if dry_run == DryRun::Yes {
        return Ok((told(&state, &plan, kept), Exit::Done));
    }
    if plan.media.is_empty() && !refusals.is_empty() && !all_away(&state, &refusals) {
        // A rule keeps it: nothing is begun.
        return Ok((ForgetReport { kept, ..ForgetReport::default() }, Exit::Failed));
    }
    let visited = visit(context, &state, &plan, Task::ForgetPoint(point.order))?;
    let removed = copy_report(context, &visited)?.removed;
    if removed.is_empty() && !plan.media.is_empty() {
        let reason = why_nothing_went(&visited).unwrap_or_else(|| "it changed".into());
        let kept = vec![KeptPoint { point: point.id, reason }];
        return Ok((ForgetReport { kept, ..ForgetReport::default() }, Exit::Failed));
    }
    owe_no_more(context, point)?;
    if still_lies(context, point)? {
        // Where it is away, or could not go, a head tells of it even if this computer is lost meanwhile.
        publish(context)?;
    }
    let undone = undone(context, &state, &plan, &visited)?;
    let all = refusals.is_empty() && undone.is_empty() && !failures(&visited);
    Ok((
        ForgetReport { removed, kept: [kept, undone].concat(), plan: Vec::new() },
        if all { Exit::Done } else { Exit::Partial },
    ))
}

/// Where packs of it are on their way by post, if they are: nobody may take away what a drive in the post counts on.
fn travels_to(context: &Arc<Context>, point: &PointRow) -> Result<Option<DestinationName>, Failure> {
    if context.installation.catalog.seeds()?.is_empty() {
        return Ok(None);
    }
    let state = state_now(context, looks(context)?)?;
    let Some(row) = state.points.get(&point.order) else { return Ok(None) };
    let travels = |medium: &&plan::Medium| {
        let on_board = |pack| medium.packs.get(pack) == Some(&PackThere::Travelling);
        !medium.state_of(point.order).is_there() && medium.objects_of(row).iter().any(on_board)
    };
    Ok(state.media.values().find(travels).map(|medium| medium.destination.clone()))
}

/// What goes, and what stays. A copy of the point that broke off is given up first: it would keep the point at home, and
/// nobody will want it.
fn planned(context: &Arc<Context>, point: PointOrder, dry_run: DryRun) -> Result<(State, Plan, Vec<Refusal>), Failure> {
    let plan = || -> Result<_, Failure> {
        let state = state_now(context, looks(context)?)?;
        let (plan, refusals) = plan::forget_point(&state, point);
        Ok((state, plan, refusals))
    };
    let planned = plan()?;
    let is_needed = planned.2.iter().any(|refusal| refusal.blocker == Blocker::Dependents);
    let is_copying = planned.0.media.values().any(|medium| medium.state_of(point) == Placed::Copying);
    if is_needed || !is_copying || dry_run == DryRun::Yes {
        return Ok(planned);
    }
    for medium in context.installation.catalog.media()? {
        give_up_copies(context, &medium, Some(point))?;
    }
    plan()
}

fn why_nothing_went(visited: &[Visited]) -> Option<String> {
    let failed = visited.iter().flat_map(|place| &place.outcome.failures).next().cloned();
    failed.or_else(|| visited.iter().flat_map(|place| &place.outcome.kept).next().map(|kept| kept.why.to_string()))
}

/// It is owed to nobody any more, to media that are away neither.
fn owe_no_more(context: &Context, point: &PointRow) -> Result<(), Failure> {
    let (catalog, now) = (&context.installation.catalog, context.call.clock.now());
    let reason = unwanted_text(Unwanted::Forgotten);
    catalog.retire_point(point.order, reason, now)?;
    for medium in catalog.media()?.iter().filter(|row| !row.destination.is_home()) {
        if catalog.placement(medium.vault, point.order)?.is_none() {
            catalog.decline(medium.vault, &[point.order], reason, now)?;
        }
    }
    Ok(())
}

fn still_lies(context: &Context, point: &PointRow) -> Result<bool, Failure> {
    let placements = context.installation.catalog.placements_of(point.order)?;
    Ok(placements.iter().any(|(medium, row)| medium.retired.is_none() && keeps_packs(row.state)))
}

fn ids(context: &Arc<Context>, names: &[JobName]) -> Result<BTreeSet<JobId>, Failure> {
    let known = context.installation.catalog.jobs()?;
    let mut ids = BTreeSet::new();
    for name in names {
        match known.iter().find(|row| row.name == *name) {
            Some(row) => _ = ids.insert(row.id),
            None => _ = context.jobs(std::slice::from_ref(name))?,
        }
    }
    Ok(ids)
}

/// What the plan would have removed and what is there all the same: a session may delete nothing where it found a
/// manifest or a head that it can't read (D-3), which shows only once it has begun; or something has changed since.
fn undone(context: &Context, state: &State, plan: &Plan, visited: &[Visited]) -> Result<Vec<KeptPoint>, Failure> {
    let all_kept = || visited.iter().flat_map(|place| &place.outcome.kept);
    let mut undone = Vec::new();
    for (id, steps) in &plan.media {
        let Some(medium) = state.media.get(id) else { continue };
        for order in steps.iter().filter(|step| matches!(step, Step::Remove { .. })).filter_map(Step::point) {
            let row = context.installation.catalog.placement(*id, order)?;
            if let Some(point) = state.points.get(&order).filter(|_| row.is_some_and(|row| row.state.is_there())) {
                let why = all_kept().find(|kept| (kept.medium, kept.point) == (*id, order));
                let why = why.map_or("nothing could be deleted there now".to_owned(), |kept| kept.why.to_string());
                let reason = format!("at {}: {why}", medium.destination);
                undone.push(KeptPoint { point: point.id, reason });
            }
        }
    }
    Ok(undone)
}

/// Only places at which the plan has something to do are written to.
fn visit(context: &Arc<Context>, state: &State, plan: &Plan, task: Task) -> Result<Vec<Visited>, Failure> {
    let places = plan.media.keys().filter_map(|id| state.media.get(id));
    let offsite: Vec<_> = places.clone().filter(|medium| !medium.is_home()).map(|it| it.destination.clone()).collect();
    if plan.media.is_empty() {
        return Ok(Vec::new());
    }
    let at_home = places.clone().any(|medium| medium.is_home());
    let home = if at_home { Home::Too } else { Home::Not };
    round(context, &Wanted { jobs: None, destinations: Some(offsite), task, home, hours: Hours::Ignored })
}

fn kept(state: &State, refusals: &[Refusal]) -> Vec<KeptPoint> {
    let text = |refusal: &Refusal| -> Option<KeptPoint> {
        let medium = state.media.get(&refusal.medium)?;
        let why = match &medium.reach {
            Reach::Away(why) => format!("it is not there now ({why})"),
            Reach::Here => blocker_text(refusal.blocker).to_owned(),
        };
        let point = state.points.get(&refusal.point)?.id;
        Some(KeptPoint { point, reason: format!("at {}: {why}", medium.destination) })
    };
    refusals.iter().filter_map(text).collect()
}

fn told(state: &State, plan: &Plan, kept: Vec<KeptPoint>) -> ForgetReport {
    let plan = render(state, plan).lines().map(str::to_owned).collect();
    ForgetReport { removed: Vec::new(), kept, plan }
}

fn all_away(state: &State, refusals: &[Refusal]) -> bool {
    refusals.iter().all(|refusal| state.media.get(&refusal.medium).is_some_and(|medium| !medium.is_here()))
}

fn failures(visited: &[Visited]) -> bool {
    visited.iter().any(|place| !place.outcome.failures.is_empty() || place.away.is_some())
}
