//! What a drive is to hold: what a plan would copy to the medium if it were there, newest point first, until it is
//! full.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, PackNo};
use crate::format::SeedPack;
use crate::model::{JobId, PointOrder, VaultId};
use crate::plan::{Deletions, Medium, PackNumber, Problem, Reach, State, Step, problem_text, propose};

/// Left free on a drive for its list and what a file system needs, beside so much for each pack.
const SPARE: u64 = 4 << 20;
/// Bytes of a pack in a list, and what its file takes beyond its length.
const EACH: u64 = 64 + 4096;

/// What goes onto a drive, and what does not.
#[derive(Debug, Default)]
pub(super) struct Cargo {
    pub packs: Vec<PackNo>,
    pub points: Vec<PointOrder>,
    /// Packs that found no room, and their bytes.
    pub left: (u64, u64),
}

/// A point, and the packs of it that a medium lacks.
pub(super) type Owed = (PointOrder, Vec<PackNumber>);

/// The points that are owed to a medium, newest first, and what is in the way of others.
pub(super) fn owed(mut state: State, medium: VaultId, jobs: Option<&[JobId]>) -> (Vec<Owed>, Vec<String>) {
    let Some(row) = state.media.get_mut(&medium) else { return (Vec::new(), Vec::new()) };
    if !row.is_here() {
        // What a plan would do if it were there; its room is not known.
        (row.reach, row.free, row.deletions) = (Reach::Here, None, Deletions::Refused("it is not there".to_owned()));
    }
    let plan = propose(&state);
    let is_asked = |point: &PointOrder| {
        let job = state.points.get(point).map(|point| point.job);
        jobs.is_none_or(|jobs| job.is_some_and(|job| jobs.contains(&job)))
    };
    let is_home = |id: &VaultId| state.media.get(id).is_some_and(Medium::is_home);
    let (mut copies, mut elsewhere) = (Vec::new(), 0_u64);
    for step in plan.media.get(&medium).into_iter().flatten() {
        match step {
            Step::Copy { point, packs, sources, .. } if is_asked(point) => match sources.iter().any(is_home) {
                true => copies.push((*point, packs.clone())),
                false => elsewhere += 1,
            },
            _ => {}
        }
    }
    let problems = plan.problems.iter().filter(|problem| match problem {
        Problem::Full { medium: at, point, .. } | Problem::NeverFits { medium: at, point, .. } => {
            *at == medium && is_asked(point)
        }
        _ => false,
    });
    let mut stuck: Vec<String> = problems.map(|problem| problem_text(&state, problem)).collect();
    match elsewhere {
        0 => {}
        1 => stuck.push("1 point is at other destinations only: `engine copy` copies it from there".to_owned()),
        n => stuck.push(format!("{n} points are at other destinations only: `engine copy` copies them from there")),
    }
    (copies, stuck)
}

/// As much of it as so many free bytes take. A drive takes whole packs, in order; the first that finds no room ends it,
/// so that what is newest travels first.
pub(super) fn load(catalog: &Catalog, owed: &[Owed], free: u64) -> crate::catalog::Result<Cargo> {
    let (mut cargo, mut room, mut is_full) = (Cargo::default(), free.saturating_sub(SPARE), false);
    let mut seen = BTreeSet::new();
    for (point, packs) in owed {
        let new: Vec<PackNo> = packs.iter().map(|pack| PackNo(pack.0)).filter(|pack| seen.insert(*pack)).collect();
        let before = cargo.packs.len();
        for (number, row) in new.iter().zip(catalog.packs(&new)?) {
            let takes = row.bytes + EACH;
            is_full |= takes > room;
            if is_full {
                cargo.left = (cargo.left.0 + 1, cargo.left.1 + row.bytes);
            } else {
                room -= takes;
                cargo.packs.push(*number);
            }
        }
        // One that shares all its packs with a newer one travels with those.
        if !is_full || cargo.packs.len() > before {
            cargo.points.push(*point);
        }
    }
    Ok(cargo)
}

/// Packs as lists have them, in the order of their names.
pub(super) fn listed(catalog: &Catalog, packs: &[PackNo]) -> crate::catalog::Result<Vec<SeedPack>> {
    let rows = catalog.packs(packs)?;
    let mut listed: Vec<SeedPack> =
        rows.iter().filter_map(|row| Some(SeedPack { id: row.id, bytes: u32::try_from(row.bytes).ok()? })).collect();
    listed.sort_unstable();
    Ok(listed)
}
