//! `engine restore`: a point, or a part of it, below a folder.
//!
//! Home first, then the job's destinations in order, then any other place that has it; with `--from` that place only.
//! A point that is built on another one comes with that.
//! What is read is reserved while it is read (D-2). Damage met on the way goes into the catalog once it was read back
//! and found so; a restore that routed around it is whole all the same.

#[cfg(target_os = "linux")]
mod device;
mod inside;

use std::path::{Path, PathBuf};

use super::places::{Here, Places};
use super::read::{one_before, resolve};
use super::reading::{Reserved, record};
use super::restored::{Told, exit_of, failure_of, report_of, request_paths};
use super::{Call, Context, DryRun, Exit, Failure};
use crate::catalog::{Catalog, CatalogError, PointRow};
use crate::model::{DestinationName, EntryPath, JobName, State};
use crate::report::{PlaceNotThere, RestoreReport};
use crate::restore::{
    self, Damage, Doing, Existing, Owners, Place, Progress, Request, RestoreError, Restored, TreeOptions,
};

/// What `restore` is asked for.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Which point.
    pub point: String,
    /// Whereto.
    pub to: RestoreTo,
    /// From that place only.
    pub from: Option<DestinationName>,
    /// Only these paths, as bytes; everything if none.
    pub paths: Vec<Vec<u8>>,
    /// What becomes of things in the way.
    pub existing: Existing,
    /// Whose the entries become.
    pub owners: Owners,
    /// Only count?
    pub dry_run: DryRun,
}

/// Whereto.
#[derive(Debug, Clone)]
pub enum RestoreTo {
    /// Below this folder.
    Folder(PathBuf),
    /// The image of a drive, onto this device.
    Device(ToDevice),
}

/// A device that is to be overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToDevice {
    /// Which.
    pub device: PathBuf,
    /// Its path once more, as `--confirm` gives it; asked for on the terminal if none.
    pub confirm: Option<PathBuf>,
}

/// A point, and the places that it is read from.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
struct Chosen<'c> {
    context: &'c Context,
    options: &'c RestoreOptions,
    /// What becomes of things in the way.
    existing: Existing,
    point: &'c PointRow,
    job: &'c JobName,
    paths: &'c [EntryPath],
    places: &'c [Place<'c>],
    all: &'c Places,
    here: &'c [&'c Here],
}

impl Chosen<'_> {
    fn record(&self, damage: &[Damage]) -> Result<(), Failure> {
        record(self.context, self.all, self.here, damage)
    }
}

/// Restores it.
///
/// # Errors
/// Exit 2 if a point, place or path names nothing; exit 4 if damage keeps all of it from being restored; exit 1 for the
/// rest. What could be restored in part is in the report.
pub fn restore(call: &Call, options: &RestoreOptions) -> Result<(RestoreReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let paths = request_paths(&options.paths)?;
    let point = resolve(catalog, &options.point)?;
    let mut chain = chain_of(catalog, point)?;
    if !paths.is_empty() {
        // A path is one of the point's own.
        chain.drain(..chain.len() - 1);
    }
    if let Some(name) = options.from.as_ref().filter(|name| !name.is_home()) {
        context.installation.destination(name)?;
    }
    let all = Places::look(&context)?;
    let mut whole: Option<(RestoreReport, Exit)> = None;
    for point in &chain {
        // What it is built on was just put there.
        let existing = if whole.is_some() { Existing::Replace } else { options.existing };
        let one = restore_one(&context, options, &all, (point, &paths, existing))?;
        whole = Some(match whole {
            Some((before, exit)) => (one.0.with_base(before), exit.and(one.1)),
            None => one,
        });
    }
    Ok(whole.expect("a chain holds its point"))
}

/// What a point is built on, the oldest first, and the point itself.
fn chain_of(catalog: &Catalog, point: PointRow) -> Result<Vec<PointRow>, Failure> {
    let mut chain = vec![point];
    while let Some(base) = chain.last().and_then(|last| last.base) {
        let last = chain.last().map_or(base, |last| last.order);
        // A base is older: a chain ends.
        let row = catalog.point(base)?.filter(|row| row.order < last);
        let missing = || CatalogError::Unknown { what: format!("the point {base} that {last} is built on") };
        chain.push(row.ok_or_else(missing)?);
    }
    chain.reverse();
    Ok(chain)
}

fn restore_one(
    context: &Context,
    options: &RestoreOptions,
    all: &Places,
    (point, paths, existing): (&PointRow, &[EntryPath], Existing),
) -> Result<(RestoreReport, Exit), Failure> {
    let job = job_name(context, point)?;
    let chosen = chosen(context, all, point, &job, options.from.as_ref())?;
    let reserved = Reserved::take(context, &chosen, &[point])?;
    let chosen: Vec<&Here> = chosen.into_iter().filter(|here| reserved.may_read(here, point)).collect();
    let places: Vec<Place<'_>> =
        chosen.iter().map(|here| Place { name: here.name.clone(), store: &*here.store }).collect();
    let ready = Chosen { context, options, existing, point, job: &job, paths, places: &places, all, here: &chosen };
    match &options.to {
        RestoreTo::Folder(to) => to_folder(&ready, to),
        #[cfg(target_os = "linux")]
        RestoreTo::Device(to) => device::to_device(&ready, to),
        #[cfg(not(target_os = "linux"))]
        RestoreTo::Device(_) => {
            let why = "this system's devices can't be written by this version";
            Err(Failure::usage("that can't be done here", why, "restore into a file with --to"))
        }
    }
}

fn to_folder(ready: &Chosen<'_>, to: &Path) -> Result<(RestoreReport, Exit), Failure> {
    let Chosen { context, options, existing, point, job, paths, places, .. } = *ready;
    if let Some(restored) = inside::restored_inside(ready, to)? {
        return Ok(restored);
    }
    let call = &context.call;
    let keyring = context.installation.keyring()?;
    let what = format!("{job}: restoring");
    let progress = |p: &Progress| call.voice.progress(&what, p.bytes, p.bytes_total);
    let stop = || (call.stop)();
    let request = Request {
        keyring,
        job: point.job,
        point: point.name(),
        places,
        target: to,
        paths,
        options: TreeOptions { existing, owners: options.owners },
        doing: if options.dry_run == DryRun::Yes { Doing::Count } else { Doing::Write },
        stop: &stop,
        progress: &progress,
    };
    let begun = call.clock.monotonic();
    let outcome = restore::restore(&request);
    call.voice.progress_done(&what);
    ready.record(damage_of(&outcome))?;
    let told = Told {
        point: point.id,
        job: job.clone(),
        created: point.created,
        to,
        dry_run: options.dry_run,
        seconds: call.clock.monotonic().saturating_sub(begun).as_secs_f64(),
    };
    finish(context, point, outcome, &told, away_of(ready.all, options.from.as_ref(), context, point)?)
}

fn finish(
    context: &Context,
    point: &PointRow,
    outcome: Result<Restored, RestoreError>,
    told: &Told<'_>,
    away: Vec<PlaceNotThere>,
) -> Result<(RestoreReport, Exit), Failure> {
    let ended = match outcome {
        Ok(restored) => {
            let exit = exit_of(restored.exit());
            Ok((report_of(restored, told), exit))
        }
        Err(error) => failure_of(error, told),
    };
    let exit = ended.as_ref().map_or_else(|failure| failure.exit, |(_, exit)| *exit);
    let before = if exit == Exit::Damage { one_before(&context.installation.catalog, point)? } else { None };
    let advice = before.map(|before| format!("the point before it is {} of {}", before.id, before.created.text()));
    if let Some(advice) = &advice {
        context.call.voice.warn(&format!("{} can't be restored whole; {advice}", point.id));
    }
    match ended {
        Ok((report, exit)) => {
            let not_there = report.not_there.iter().cloned().chain(away).collect();
            Ok((RestoreReport { not_there, ..report }, exit))
        }
        Err(failure) => {
            let away: Vec<_> = away.iter().map(|away| format!("{}: {}", away.destination, away.reason)).collect();
            let why = if away.is_empty() { failure.why } else { format!("{}; {}", failure.why, away.join("; ")) };
            Err(Failure { why, advice: advice.unwrap_or(failure.advice), ..failure })
        }
    }
}

fn job_name(context: &Context, point: &PointRow) -> Result<JobName, Failure> {
    let jobs = context.installation.catalog.jobs()?;
    let found = jobs.into_iter().find(|row| row.id == point.job).map(|row| row.name);
    let missing = || CatalogError::Unknown { what: format!("the job {}", point.job) };
    Ok(found.ok_or_else(missing)?)
}

/// The places that it is asked of, in order.
fn chosen<'p>(
    context: &Context,
    all: &'p Places,
    point: &PointRow,
    job: &JobName,
    from: Option<&DestinationName>,
) -> Result<Vec<&'p Here>, Failure> {
    let catalog = &context.installation.catalog;
    if let Some(name) = from {
        let retired = || all.retired.iter().find(|here| here.name == *name);
        let here = all.named(name).or_else(|why| retired().ok_or(why)).map_err(|why| {
            let advice = "see to that, or leave out --from to use other places";
            Failure::new(format!("{name} can't be read from"), why, advice)
        })?;
        let state = catalog.placement(here.medium, point.order)?.map(|row| row.state);
        if let Some(state) = state.filter(|state| !state.is_there() && *state != State::Missing) {
            let why = format!("its copy of {} there is {state}", point.id);
            let advice = format!("`engine explain {}` tells where it is", point.id);
            return Err(Failure::new(format!("{name} does not have it"), why, advice));
        }
        return Ok(vec![here]);
    }
    let offsite = context.installation.config.job(job).map(|job| job.offsite.clone()).unwrap_or_default();
    let (mut places, mut remains) = (Vec::new(), Vec::new());
    for here in &all.here {
        match catalog.placement(here.medium, point.order)?.map(|row| row.state) {
            Some(state) if state.is_there() => places.push(here),
            // Its manifest is gone: what is left of its packs may make up for what is damaged elsewhere.
            Some(State::Missing) => remains.push(here),
            _ => {}
        }
    }
    let rank = |here: &&Here| match offsite.iter().position(|name| *name == here.name) {
        _ if here.name.is_home() => 0,
        Some(at) => at + 1,
        None => offsite.len() + 1,
    };
    places.sort_by_key(rank);
    for here in &all.retired {
        if catalog.placement(here.medium, point.order)?.is_some_and(|row| row.state.is_there()) {
            places.push(here);
        }
    }
    places.extend(remains);
    Ok(places)
}

/// Places that should have it and are away.
fn away_of(
    all: &Places,
    from: Option<&DestinationName>,
    context: &Context,
    point: &PointRow,
) -> Result<Vec<PlaceNotThere>, Failure> {
    if from.is_some() {
        return Ok(Vec::new());
    }
    let placed = context.installation.catalog.placements_of(point.order)?;
    let should =
        |name: &DestinationName| placed.iter().any(|(medium, row)| medium.destination == *name && row.state.is_there());
    let away = all.away.iter().filter(|(name, _)| should(name));
    Ok(away.map(|(name, why)| PlaceNotThere { destination: name.clone(), reason: why.clone() }).collect())
}

fn damage_of(outcome: &Result<Restored, RestoreError>) -> &[Damage] {
    match outcome {
        Ok(restored) => &restored.damage,
        Err(RestoreError::NoPlace { damage, .. }) => damage,
        Err(RestoreError::Full { done, .. } | RestoreError::Stopped { done }) => &done.damage,
        Err(_) => &[],
    }
}
