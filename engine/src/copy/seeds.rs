//! What came by post: receipts that lie at a session's medium are looked into, and what they say counts from then on.
//!
//! In: a session, and how much of it is read. Out: packs in the catalog, with evidence if they were read; manifests are
//! the plan's to copy, as of any point whose packs are there, and so is it to take the evidence that is missing. A
//! receipt is nobody's word: it has no key. That a list is ours is known by its signature, that its packs lie there by
//! their lengths, and what they are by their bytes, of which a sample is read at once.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::error::CopyError;
use super::session::Session;
use crate::catalog::{Evidence, EvidenceKind, PackNo, SeedDriveRow, SeedRow, SeedState};
use crate::doubt::Share;
use crate::model::{PackId, SeedId, State};
use crate::seed::{FoundList, Looked, is_ours, lists_of, look, receipts_at};
use crate::vault::VaultError;

/// A drive whose receipt was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Of which seed.
    pub seed: SeedId,
    /// The drive's number in it.
    pub drive: u32,
    /// Packs that its list names.
    pub packs: u64,
    /// How many were read back.
    pub read: u64,
    /// Packs that are not there as the receipt says: they are sent now as if they had never travelled.
    pub wrong: BTreeSet<PackId>,
}

/// Looks into every receipt that is new.
///
/// # Errors
/// As place and catalog answer.
pub fn take_seeds(session: &Session<'_>, share: Share) -> Result<Vec<Arrival>, CopyError> {
    let Some(seed) = session.tools.catalog.open_seed_at(session.medium)? else { return Ok(Vec::new()) };
    let receipts = receipts_at(session.store, seed.id)?;
    if receipts.is_empty() {
        return Ok(Vec::new());
    }
    let (lists, _) = lists_of(session.store, seed.id)?;
    let is_meant = |found: &&FoundList| {
        let list = &found.list;
        (list.seed, list.vault) == (seed.id, session.medium) && list.finished && is_ours(list, session.tools.keyring)
    };
    let lists: Vec<&FoundList> = lists.iter().filter(is_meant).collect();
    let is_new = |number| {
        let row = seed.drives.iter().find(|drive| drive.number == number);
        row.is_none_or(|drive| drive.state < SeedState::Verified)
    };
    // A drive that was absorbed twice has two receipts, one that was gone on with two lists: the last one counts.
    let mut came: BTreeMap<u32, &FoundList> = BTreeMap::new();
    for receipt in receipts.iter().filter(|receipt| is_new(receipt.drive)) {
        let list = lists.iter().find(|found| (found.digest, found.list.drive) == (receipt.list, receipt.drive));
        let Some(list) = list else {
            note(session, &format!("a receipt there (drive {}) is of no list of ours", receipt.drive));
            continue;
        };
        let known = came.entry(receipt.drive).or_insert(list);
        if list.list.revision > known.list.revision {
            *known = list;
        }
    }
    let mut arrivals = Vec::new();
    for list in came.into_values() {
        arrivals.push(take(session, &seed, list, share)?);
    }
    Ok(arrivals)
}

fn take(session: &Session<'_>, seed: &SeedRow, found: &FoundList, share: Share) -> Result<Arrival, CopyError> {
    let (catalog, drive) = (session.tools.catalog, found.list.drive);
    if seed.drives.iter().all(|row| row.number != drive) {
        // Only a head told of this seed.
        let packs = known(session, found.list.packs.iter().map(|pack| &pack.id))?;
        let packs: Vec<PackNo> = packs.into_iter().map(|(number, _)| number).collect();
        catalog.know_seed_drive(seed.id, (drive, found.digest), &packs, session.tools.clock.now())?;
    }
    advance(session, seed.id, drive, SeedState::Absorbed)?;
    let mut random = [0; 32];
    session.tools.entropy.fill(&mut random).map_err(VaultError::Entropy)?;
    let looked = look(session.store, &found.list.packs, (share, random), session.tools.stop)?;
    let Some(looked) = looked else { return Err(CopyError::Stopped) };
    session.look_again()?;
    let arrived = arrived(session, found, &looked)?;
    catalog.packs_arrived(session.medium, &arrived)?;
    let wrong: BTreeSet<PackId> = looked.missing.union(&looked.damaged).copied().collect();
    // What was to travel and is not what came does not travel any more.
    let came: BTreeSet<PackNo> = arrived.iter().map(|(number, _)| *number).collect();
    let left = catalog.seed_drive_packs(seed.id, drive)?.into_iter().filter(|number| !came.contains(number));
    catalog.unload_seed_drive(seed.id, drive, &left.collect::<Vec<_>>())?;
    advance(session, seed.id, drive, SeedState::Verified)?;
    let (packs, read) = (found.list.packs.len() as u64, looked.read.len() as u64);
    if !wrong.is_empty() {
        let what = format!("{} packs of the seed's drive {drive} are not there as its receipt says", wrong.len());
        note(session, &format!("{what}: they are sent"));
    }
    Ok(Arrival { seed: seed.id, drive, packs, read, wrong })
}

fn known<'p>(
    session: &Session<'_>,
    packs: impl Iterator<Item = &'p PackId>,
) -> Result<Vec<(PackNo, PackId)>, CopyError> {
    let mut numbers = Vec::new();
    for pack in packs {
        numbers.extend(session.tools.catalog.pack_by_id(pack)?.map(|(number, _)| (number, *pack)));
    }
    Ok(numbers)
}

/// What is there. Only what was read has evidence (DESIGN 5.2): a receipt is nobody's word, and the rest is read before
/// any of its points is complete.
fn arrived(
    session: &Session<'_>,
    found: &FoundList,
    looked: &Looked,
) -> Result<Vec<(PackNo, Option<Evidence>)>, CopyError> {
    let time = session.tools.clock.now();
    let there = found.list.packs.iter().map(|pack| &pack.id).filter(|pack| !looked.is_wrong(pack));
    let read = Evidence { kind: EvidenceKind::ReadBack, time };
    let evidence = |pack: &PackId| Some(read).filter(|_| looked.read.contains(pack));
    Ok(known(session, there)?.into_iter().map(|(number, pack)| (number, evidence(&pack))).collect())
}

fn advance(session: &Session<'_>, seed: SeedId, drive: u32, state: SeedState) -> Result<(), CopyError> {
    let now = session.tools.clock.now();
    let change = |row: &mut SeedDriveRow| {
        if row.state < state {
            (row.state, row.since) = (state, now);
        }
    };
    Ok(session.tools.catalog.update_seed_drive(seed, drive, &change)?)
}

fn note(session: &Session<'_>, text: &str) {
    (session.tools.tell)(&Told::Note(format!("{}: {text}", session.destination)));
}

/// A seed is over once all its drives were looked into, and none of its points waits for anything any more, evidence
/// included. Gives it then.
///
/// # Errors
/// As the catalog answers.
pub fn close_seed(session: &Session<'_>) -> Result<Option<SeedRow>, CopyError> {
    let catalog = session.tools.catalog;
    let Some(seed) = catalog.open_seed_at(session.medium)? else { return Ok(None) };
    let all_count = seed.drives.iter().all(|drive| drive.state == SeedState::Verified);
    if seed.drives.is_empty() || !all_count {
        return Ok(None);
    }
    for point in &seed.points {
        let placed = catalog.placement(session.medium, *point)?;
        let is_settled = |state| matches!(state, State::Complete | State::NotWanted | State::Evicted);
        if placed.is_some_and(|row| !is_settled(row.state)) {
            return Ok(None);
        }
    }
    catalog.close_seed(seed.id, session.tools.clock.now())?;
    Ok(Some(seed))
}
