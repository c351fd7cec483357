//! `canary = true`: what stands at the places of a job's canaries before its source is read; what is missing is planted.
//!
//! One that something rewrote is an alarm of the job: what did that may have rewritten what lies beside it. It is left
//! as it is, for whoever looks; once a person has removed it and cleared the alarm, the next run plants a new one. One
//! that the point before has and that is gone is told. None is planted where the folder holds nothing else, where it
//! lies on another file system than in the point before (is the drive mounted?), and while the job raises an alarm.

use std::collections::BTreeMap;

use crate::capture::{Planted, planted};
use crate::command::{Context, Failure};
use crate::config::{Job, Source};
use crate::model::{EntryPath, JobId, PointName, PointOrder, Problem};
use crate::source::{CanaryFound, CanarySpot, Plot};
use crate::vault::VaultReader;

use super::source::folders_of;
use super::told::line;

/// What a person should know.
#[derive(Debug, Default)]
pub(super) struct Tended {
    /// Rewritten ones; the job's row has it already.
    pub alarm: Option<String>,
    /// They are the point's.
    pub problems: Vec<Problem>,
    /// Why one is not planted yet, where that is as it should be.
    pub warnings: Vec<Problem>,
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
    let mut tended = Tended { alarm: rewritten(&spots), ..Tended::default() };
    let catalog = &context.installation.catalog;
    if let Some(why) = &tended.alarm {
        catalog.update_job(id, &|row| _ = row.alarm.get_or_insert_with(|| why.clone()))?;
    }
    let is_held = catalog.job_named(&job.name)?.is_some_and(|row| row.alarm.is_some());
    let before = before(context, id, previous, &spots)?;
    for CanarySpot { path, found } in spots {
        match found {
            CanaryFound::Whole | CanaryFound::Rewritten => {}
            CanaryFound::Unknown(why) => tended.problem(format!("there is no canary at {}: {why}", shown(&path))),
            CanaryFound::Nothing(plot) => {
                let before = before.get(&path).copied().unwrap_or_default();
                if before.was_whole(context.installation.config.jobs.iter().map(|job| &job.name)) {
                    tended.problem(format!("the canary {}, which the point before has, is gone", shown(&path)));
                }
                if !is_held {
                    tended.plant(context, job, &path, plot, before);
                }
            }
        }
    }
    for told in tended.problems.iter().chain(&tended.warnings) {
        context.call.voice.warn(&format!("{}: {}", job.name, line(told)));
    }
    Ok(tended)
}

impl Tended {
    fn problem(&mut self, text: String) {
        self.problems.push(Problem::new(b"", text));
    }

    fn plant(&mut self, context: &Context, job: &Job, path: &EntryPath, plot: Plot, before: Planted) {
        let shown = shown(path);
        if plot.bare {
            let text = format!("no canary is planted at {shown} while there is nothing else in that folder");
            return self.warnings.push(Problem::new(b"", text));
        }
        if before.device.is_some_and(|device| device != plot.device()) {
            let text = format!(
                "no canary is planted at {shown} now: the folder lies on another file system than in the point before"
            );
            return self.warnings.push(Problem::new(b"", text));
        }
        if let Err(error) = plot.plant(&job.name, context.call.clock.now()) {
            self.problem(format!("no canary can be planted at {shown}: {error}"));
        }
    }
}

/// The alarm, if there is reason for one.
fn rewritten(spots: &[CanarySpot]) -> Option<String> {
    let rewritten = spots.iter().filter(|spot| matches!(spot.found, CanaryFound::Rewritten));
    let paths: Vec<String> = rewritten.map(|spot| shown(&spot.path)).collect();
    (!paths.is_empty()).then(|| {
        format!(
            "the canary {} is not as it was planted: did something rewrite the files beside it? Once that is clear, \
             remove it, and a new one is planted",
            paths.join(", ")
        )
    })
}

fn shown(path: &EntryPath) -> String {
    format!("/{}", path.to_string().escape_debug())
}

/// What the point before says of the folders that have none.
fn before(
    context: &Context,
    job: JobId,
    previous: Option<(PointOrder, PointName)>,
    spots: &[CanarySpot],
) -> Result<BTreeMap<EntryPath, Planted>, Failure> {
    let missing: Vec<&EntryPath> =
        spots.iter().filter(|spot| matches!(spot.found, CanaryFound::Nothing(_))).map(|spot| &spot.path).collect();
    let (false, Some((_, point))) = (missing.is_empty(), previous) else { return Ok(BTreeMap::new()) };
    let home = context.installation.home()?;
    let reader = VaultReader::new(&*home, context.installation.keyring()?);
    let manifest = reader.manifest(job, point).ok();
    Ok(manifest.map(|(manifest, ..)| planted(&manifest, &reader, &missing)).unwrap_or_default())
}
