//! `backup --dry-run`: what a point would be, without making one.
//!
//! In: the source as it is, the job's point before. Out: the report of the point, with the bytes of the files that would
//! be read as the most that can be new; a first point that has no room is refused as the real one is, with the same
//! figures. No file's content is read but to estimate how well it compresses and to know a canary, nothing is written,
//! no lock is taken.
//! Deliberately absent: what home's overflow rule would give up for it; how much of what would be read is stored already; only reading it all tells.

use super::adopt::{self, Adopted};
use super::room::{refuse_what_cannot_fit, room};
use super::told::{empty, left_out_text, line};
use super::{is_paranoid, previous, source_of};
use crate::capture::{Preview, Reading, preview};
use crate::command::key::reuse_from;
use crate::command::{Context, Failure};
use crate::config::{Job, Source};
use crate::report::{BackupPoint, PathProblem, size};
use crate::vault::VaultReader;

pub(super) fn look(context: &Context, job: &Job, reading: Reading) -> Result<Adopted, Failure> {
    if let Source::RecoveryPoints(config) = &job.source {
        return adopt::would_be(context, job, config);
    }
    point(context, job, reading).map(|point| Adopted { points: vec![point], ..Adopted::default() })
}

fn point(context: &Context, job: &Job, reading: Reading) -> Result<BackupPoint, Failure> {
    let installation = &context.installation;
    let (home, home_id) = (installation.home()?, installation.home_id()?);
    let mut source = source_of(context, job, None)?;
    let row = installation.catalog.job_named(&job.name)?;
    let before = row.as_ref().map(|row| Ok::<_, Failure>((row.id, previous(context, row, home_id)?))).transpose()?;
    let from = reuse_from(&installation.catalog, installation.keyring()?.epoch())?;
    let refers = |order| Ok::<_, Failure>(installation.catalog.point(order)?.is_some_and(|it| it.key_epoch >= from));
    let before = match before {
        Some((id, Some((order, name)))) => refers(order)?.then_some((id, name)),
        _ => None,
    };
    let room = room(context, &home, home_id)?;
    if before.is_none() {
        refuse_what_cannot_fit(&mut *source, job, &room, &|_, _| false)?;
    }
    let reader = VaultReader::new(&*home, installation.keyring()?);
    let reading = if is_paranoid(job) { Reading::Everything } else { reading };
    let Preview { found, to_read, to_read_on_disk, .. } =
        preview(&mut *source, before.filter(|_| reading == Reading::Changed), &reader);
    let mut warnings: Vec<String> = found.warnings.iter().map(line).collect();
    if let Some(left) = room.bytes.filter(|_| before.is_some() && !room.holds(to_read_on_disk)) {
        let (most, left) = (size(to_read_on_disk), size(left));
        warnings
            .push(format!("it may not fit at home: at most {most} are new, {left} are left under limit and reserve"));
    }
    Ok(BackupPoint {
        id: None,
        job: job.name.clone(),
        created: context.call.clock.now(),
        files: found.files,
        bytes: found.bytes,
        new_bytes: to_read,
        rewritten_bytes: 0,
        stored_bytes: 0,
        seconds: 0.0,
        problems: found
            .problems
            .iter()
            .chain(&empty(job, found.files - found.canaries))
            .map(PathProblem::from)
            .collect(),
        warnings,
        left_out: left_out_text(&found.left_out),
        adopted: None,
    })
}
