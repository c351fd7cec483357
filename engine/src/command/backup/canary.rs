//! `canary = true`: what stands at the places of a job's canaries before its source is read; what is missing is planted.
//!
//! One that something rewrote is an alarm of the job, and so is one that is gone while its folder holds other files:
//! what did that may have rewritten or renamed what lies beside it. What stands there is left, for whoever looks;
//! once a person has removed it and cleared the alarm, the next run plants a new one. None is planted where the
//! folder holds nothing else, where it lies on another file system than before (is the drive mounted?), and while the
//! job raises an alarm.
//!
//! What stood there before is remembered with the job, once its point is made. Where that is not known, as after a
//! rebuild, the job's point before tells. Deliberately absent: what counts as content (`capture/canaries.rs`).

use std::collections::BTreeMap;

use crate::capture::{Canaries, Planted, planted, rewritten};
use crate::catalog::{PlotMark, Plots};
use crate::command::{Context, Failure};
use crate::config::{Job, Source};
use crate::model::{EntryPath, JobId, JobName, PointName, PointOrder, Problem};
use crate::source::{CanaryFound, CanarySpot, Plot};
use crate::vault::VaultReader;

use super::source::folders_of;
use super::told::line;

/// What a person should know.
#[derive(Debug, Default)]
pub(super) struct Tended {
    /// Those that are rewritten or gone; the job's row has it already.
    pub alarm: Vec<String>,
    /// They are the point's.
    pub problems: Vec<Problem>,
    /// Why one is not planted yet, where that is as it should be.
    pub warnings: Vec<Problem>,
    /// To be remembered once the point is made.
    pub plots: Option<Plots>,
}

/// What no point of this installation counts as content. Jobs that are configured no more left theirs, maybe.
pub(super) fn known(context: &Context) -> Result<Canaries, Failure> {
    let known = context.installation.catalog.jobs()?.into_iter().map(|row| row.name);
    let jobs = &context.installation.config.jobs;
    let names: Vec<JobName> = jobs.iter().map(|job| job.name.clone()).chain(known).collect();
    Ok(Canaries::new(&names, jobs.iter().flat_map(Job::canaries)))
}

/// Looks, raises the alarm, plants.
pub(super) fn tend(
    context: &Context,
    job: &Job,
    id: JobId,
    previous: Option<(PointOrder, PointName)>,
) -> Result<Tended, Failure> {
    let Source::Folders(folders) = &job.source else { return Ok(Tended::default()) };
    if !job.canary {
        return Ok(Tended::default());
    }
    let spots = folders_of(context, job, folders, None)?.canaries();
    let former = Former::of(context, id, previous, &spots)?;
    let mut tended = Tended::default();
    tended.look(&spots, &former);
    let catalog = &context.installation.catalog;
    catalog.raise_alarm(id, &tended.alarm)?;
    let is_held = catalog.job_named(&job.name)?.is_some_and(|row| row.alarm.is_some());
    let mut plots = former.out_of_sight(job, &spots);
    for CanarySpot { path, device, found } in spots {
        let Some(device) = device else { continue };
        let whole = match found {
            CanaryFound::Whole => true,
            CanaryFound::Nothing(plot) if !is_held => {
                tended.plant(context, job, &path, plot, former.moved(&path, device))
            }
            CanaryFound::Unknown(_) => former.was_whole(&path),
            CanaryFound::Nothing(_) | CanaryFound::Rewritten => false,
        };
        // A person who clears the alarm has not said yet that the file system is the right one.
        let device = if is_held { former.device(&path).unwrap_or(device) } else { device };
        plots.insert(path, PlotMark { device, whole });
    }
    tended.plots = Some(plots);
    for told in tended.problems.iter().chain(&tended.warnings) {
        context.call.voice.warn(&format!("{}: {}", job.name, line(told)));
    }
    Ok(tended)
}

/// Did a folder come to lie on another file system?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Yes,
    No,
}

impl Tended {
    fn look(&mut self, spots: &[CanarySpot], former: &Former) {
        for CanarySpot { path, found, .. } in spots {
            match found {
                CanaryFound::Whole => {}
                CanaryFound::Rewritten => self.alarm.push(rewritten(path)),
                CanaryFound::Unknown(why) => self.problem(format!("there is no canary at {}: {why}", shown(path))),
                CanaryFound::Nothing(_) if !former.was_whole(path) => {}
                CanaryFound::Nothing(plot) if plot.bare => {
                    self.problem(format!("the canary {} is gone, with all that lay beside it", shown(path)));
                }
                CanaryFound::Nothing(_) => self.alarm.push(gone(path)),
            }
        }
    }

    fn problem(&mut self, text: String) {
        self.problems.push(Problem::new(b"", text));
    }

    /// Does one stand there now?
    fn plant(&mut self, context: &Context, job: &Job, path: &EntryPath, plot: Plot, moved: Moved) -> bool {
        let shown = shown(path);
        if plot.bare {
            let text = format!("no canary is planted at {shown} while there is nothing else in that folder");
            self.warnings.push(Problem::new(b"", text));
            return false;
        }
        if moved == Moved::Yes {
            let text = format!(
                "no canary is planted at {shown} now: the folder lies on another file system than in the point before"
            );
            self.warnings.push(Problem::new(b"", text));
            return false;
        }
        let planted = plot.plant(&job.name, context.call.clock.now());
        let is_planted = planted.is_ok();
        if let Err(error) = planted {
            self.problem(format!("no canary can be planted at {shown}: {error}"));
        }
        is_planted
    }
}

/// The reason for an alarm that a canary is which went alone.
fn gone(path: &EntryPath) -> String {
    format!(
        "the canary {} is gone and other files are there still: did something rename or replace them? Once that is \
         clear, a new one is planted",
        shown(path)
    )
}

fn shown(path: &EntryPath) -> String {
    format!("/{}", path.to_string().escape_debug())
}

/// What stood in the job's folders before.
struct Former {
    remembered: Option<Plots>,
    /// Of the folders that have no canary now.
    in_point: BTreeMap<EntryPath, Planted>,
    canaries: Canaries,
}

impl Former {
    fn of(
        context: &Context,
        job: JobId,
        previous: Option<(PointOrder, PointName)>,
        spots: &[CanarySpot],
    ) -> Result<Self, Failure> {
        let (remembered, canaries) = (context.installation.catalog.plots(job)?, known(context)?);
        let without = |spot: &&CanarySpot| matches!(spot.found, CanaryFound::Nothing(_));
        let without: Vec<&EntryPath> = spots.iter().filter(without).map(|spot| &spot.path).collect();
        let mut in_point = BTreeMap::new();
        if let (None, false, Some((_, point))) = (&remembered, without.is_empty(), previous) {
            let home = context.installation.home()?;
            let reader = VaultReader::new(&*home, context.installation.keyring()?);
            if let Ok((manifest, ..)) = reader.manifest(job, point) {
                in_point = planted(&manifest, &reader, &without);
            }
        }
        Ok(Self { remembered, in_point, canaries })
    }

    fn was_whole(&self, path: &EntryPath) -> bool {
        let in_point = || self.in_point.get(path).is_some_and(|planted| planted.was_whole(&self.canaries));
        self.remembered.as_ref().map_or_else(in_point, |plots| plots.get(path).is_some_and(|plot| plot.whole))
    }

    /// The file system that a folder lay on.
    fn device(&self, path: &EntryPath) -> Option<u64> {
        let remembered = self.remembered.as_ref().and_then(|plots| plots.get(path)).map(|plot| plot.device);
        remembered.or_else(|| self.in_point.get(path)?.device)
    }

    fn moved(&self, path: &EntryPath, device: u64) -> Moved {
        if self.device(path).is_some_and(|before| before != device) { Moved::Yes } else { Moved::No }
    }

    /// What is remembered of folders that are not there, or can't be looked at, now.
    fn out_of_sight(&self, job: &Job, spots: &[CanarySpot]) -> Plots {
        let seen = |path: &EntryPath| spots.iter().any(|spot| spot.path == *path && spot.device.is_some());
        let configured = job.canaries();
        let remembered = self.remembered.iter().flatten().map(|(path, plot)| (path.clone(), *plot));
        remembered.filter(|(path, _)| configured.contains(path) && !seen(path)).collect()
    }
}
