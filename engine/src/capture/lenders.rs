//! Which media may lend a capture what has left home (DESIGN 5.8), and how they are asked.
//!
//! Invariants: a lender is there now, off this computer's disk, and the only medium in use of its destination: drives
//! that take turns in one slot never meet, so what one of them lends could never get to the other. It lacks no newer
//! point of the job that is at home: a place that is full, or fails, holds up one point that borrows and not each one
//! after it. Deliberately absent: the reservations themselves (`catalog`).

use std::collections::BTreeMap;

use super::Ports;
use super::error::CaptureError;
use crate::catalog::{self, Catalog, Finding, MediumRow, PackRow, Side};
use crate::copy::{Lists, record_damage};
use crate::destination::ReadStore;
use crate::model::{JobId, ObjectName, PointOrder, State, VaultId, VaultPath};

/// From so many packs on, folders are listed instead of asking for each pack.
const LIST_FROM: usize = 512;

/// A medium that is there, and may lend packs.
#[derive(Clone, Copy)]
pub struct Lender<'p> {
    /// Its vault.
    pub medium: VaultId,
    /// The place.
    pub store: &'p dyn ReadStore,
}

/// Of media that are there, in the job's order of preference, those that may lend to its next point: the one with its
/// newest point first. Where one copy is enough, `here` is the first of them alone: what borrows can go nowhere else.
///
/// # Errors
/// As the catalog answers.
pub fn lenders(catalog: &Catalog, job: JobId, here: &[VaultId]) -> catalog::Result<Vec<VaultId>> {
    let media = catalog.media()?;
    let home = media.iter().find(|row| row.side == Side::Home);
    let at_home = home.map_or(Ok(None), |home| newest(catalog, home.vault, job, State::is_there))?;
    let mut found = Vec::new();
    for id in here {
        let Some(row) = media.iter().find(|row| row.vault == *id && may_lend(row, &media)) else { continue };
        let newest = newest(catalog, row.vault, job, |state| state == State::Complete)?;
        if let Some(newest) = newest.filter(|newest| at_home.is_none_or(|at_home| at_home <= *newest)) {
            found.push((newest, row.vault));
        }
    }
    // The order of preference decides between equals.
    found.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    Ok(found.into_iter().map(|(_, medium)| medium).collect())
}

fn may_lend(row: &MediumRow, media: &[MediumRow]) -> bool {
    let of_it = media.iter().filter(|other| other.destination == row.destination && other.retired.is_none());
    row.side == Side::Offsite && row.retired.is_none() && !row.same_disk && of_it.count() == 1
}

fn newest(
    catalog: &Catalog,
    medium: VaultId,
    job: JobId,
    counts: impl Fn(State) -> bool,
) -> catalog::Result<Option<PointOrder>> {
    for (order, row) in catalog.placements_at(medium)?.into_iter().rev() {
        let is_its = || Ok(catalog.point(order)?.is_some_and(|point| point.job == job));
        if counts(row.state) && is_its()? {
            return Ok(Some(order));
        }
    }
    Ok(None)
}

/// DESIGN 5.2, where packs are lent: each is there with its length. One that is not is damage there.
pub(super) fn look(ports: &Ports<'_>, packs: &[PackRow]) -> Result<(), CaptureError> {
    let Some(lender) = ports.lenders.first().filter(|_| !packs.is_empty()) else { return Ok(()) };
    let not_lent = |why: &dyn std::error::Error| CaptureError::NotLent(crate::model::chain(why));
    let mut listed = BTreeMap::new();
    for pack in packs {
        let path = ObjectName::Pack(pack.id).path();
        if packs.len() >= LIST_FROM {
            list(*lender, path.folder(), &mut listed).map_err(|error| not_lent(&error))?;
        }
        let there = listed.get(&path).copied() == Some(Some(pack.bytes))
            || lender.store.stat(&path).map_err(|error| not_lent(&error))? == Some(pack.bytes);
        if !there {
            lender.store.still_there().map_err(|error| not_lent(&error))?;
            let lists = Lists::new(ports.keyring, [(lender.medium, lender.store)]);
            let (object, now) = (ObjectName::Pack(pack.id), ports.clock.now());
            record_damage(ports.catalog, &lists, (lender.medium, &object), Finding::Missing, now)
                .map_err(|error| not_lent(&error))?;
            return Err(CaptureError::NotLent(format!("the pack {} is not there", pack.id)));
        }
    }
    Ok(())
}

type Listed = BTreeMap<VaultPath, Option<u64>>;

fn list(lender: Lender<'_>, folder: VaultPath, listed: &mut Listed) -> Result<(), crate::destination::StoreError> {
    // A folder that was listed has an entry of its own.
    if listed.insert(folder.clone(), None).is_none() {
        listed.extend(lender.store.list(&folder)?.into_iter().map(|it| (it.path, it.bytes)));
    }
    Ok(())
}
