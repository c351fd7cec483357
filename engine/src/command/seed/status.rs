//! `engine seed status`: how far each seed has come. What lies at the destination is looked into, and counts from then
//! on.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::{SeedDriveRow, SeedRow, SeedState};
use crate::command::hours::Hours;
use crate::command::round::{Home, Task, Wanted, round};
use crate::command::{Call, Context, Exit, Failure};
use crate::destination::{FileStore, Privacy};
use crate::model::{DestinationName, Proof, VaultId};
use crate::report::{SeedDriveStatus, SeedStatus, SeedStatusReport};
use crate::seed::lists_on;

/// Looks into what came, and tells.
///
/// # Errors
/// If the catalog or the keys can't be read.
pub fn status(call: &Call) -> Result<(SeedStatusReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    note_shipped(&context)?;
    let open: Vec<VaultId> = catalog.seeds()?.into_iter().filter(SeedRow::is_open).map(|seed| seed.medium).collect();
    let media = catalog.media()?;
    let names: Vec<DestinationName> =
        media.iter().filter(|row| open.contains(&row.vault)).map(|row| row.destination.clone()).collect();
    let mut reasons = Vec::new();
    let mut exit = Exit::Done;
    if !names.is_empty() {
        let wanted =
            Wanted { jobs: None, destinations: Some(names), task: Task::Seeds, home: Home::Not, hours: Hours::Ignored };
        for visited in round(&context, &wanted)? {
            let failures = &visited.outcome.failures;
            if !failures.is_empty() {
                exit = Exit::Partial;
            }
            let why = visited.away.clone().or_else(|| failures.first().cloned());
            reasons.extend(why.map(|why| (visited.destination.clone(), why)));
        }
    }
    let seeds = catalog.seeds()?.into_iter().map(|seed| told(&context, &seed, &reasons));
    Ok((SeedStatusReport { seeds: seeds.collect::<Result<_, _>>()? }, exit))
}

/// A drive that is not where it was written has left.
fn note_shipped(context: &Arc<Context>) -> Result<(), Failure> {
    let (catalog, now) = (&context.installation.catalog, context.call.clock.now());
    for seed in catalog.seeds()?.iter().filter(|seed| seed.is_open()) {
        for drive in seed.drives.iter().filter(|drive| drive.state == SeedState::Exported) {
            if !is_still_there(seed, drive) {
                catalog.update_seed_drive(seed.id, drive.number, &|row| {
                    (row.state, row.since) = (SeedState::Shipped, now);
                })?;
            }
        }
    }
    Ok(())
}

fn is_still_there(seed: &SeedRow, drive: &SeedDriveRow) -> bool {
    let Ok(store) = FileStore::open(Path::new(&drive.place), Privacy::Umask) else { return false };
    let lists = lists_on(&store).map(|(lists, _)| lists).unwrap_or_default();
    lists.iter().any(|found| (found.list.seed, found.list.drive) == (seed.id, drive.number))
}

fn told(context: &Context, seed: &SeedRow, reasons: &[(DestinationName, String)]) -> Result<SeedStatus, Failure> {
    let catalog = &context.installation.catalog;
    let medium = catalog.medium(seed.medium)?;
    let destination = medium.map(|row| row.destination);
    let why = reasons.iter().find(|(name, _)| Some(name) == destination.as_ref()).map(|(_, why)| why.clone());
    let drive = |drive: &SeedDriveRow| -> Result<SeedDriveStatus, Failure> {
        Ok(SeedDriveStatus {
            drive: drive.number,
            state: drive.state.text().to_owned(),
            since: drive.since,
            place: drive.place.clone(),
            packs: drive.packs,
            bytes: drive.bytes,
            read_packs: if seed.is_open() { Some(catalog.seed_drive_proved(seed.id, drive.number)?) } else { None },
            exported: drive.exported,
        })
    };
    let is_drilled = !seed.is_open() && is_drilled(context, seed)?;
    Ok(SeedStatus {
        seed: seed.id,
        destination,
        medium: seed.medium,
        state: if is_drilled { "drilled".to_owned() } else { seed.state_text().to_owned() },
        open: seed.is_open(),
        begun: seed.begun,
        closed: seed.closed,
        points: seed.points.len() as u64,
        drives: seed.drives.iter().map(drive).collect::<Result<_, _>>()?,
        reason: why.filter(|_| seed.is_open()),
    })
}

/// Did a drill restore one of its points from there?
fn is_drilled(context: &Context, seed: &SeedRow) -> Result<bool, Failure> {
    for point in &seed.points {
        let placed = context.installation.catalog.placement(seed.medium, *point)?;
        if placed.is_some_and(|row| row.proof >= Proof::Restored) {
            return Ok(true);
        }
    }
    Ok(false)
}
