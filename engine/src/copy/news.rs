//! What a head tells that this catalog may not know: it was rebuilt, or set back. Pins, alarms, eviction marks, retired
//! media, points that were removed, seeds under way: heeded before anything is planned.
//!
//! In: a head, and where it lies. Out: the catalog that knows what it tells. Each head holds all of it as of its session,
//! and says which sessions elsewhere its writer knew of (FORMAT.md 12.1, field 9): what such an older head says was known
//! when the newer one was written, so it is no news, and what a person took back since stays taken back. What is heeded
//! only ever holds removals up: a pin is added, never dropped.
//! Deliberately absent: media that are not known (a rebuild enrols them), proofs.

use std::collections::BTreeMap;

use crate::catalog::{self, Catalog, EvictedMark, HeadMark, MediumRow, NewJobIds};
use crate::format::{self, Head, HeadJob};
use crate::model::{SeedId, Time, VaultId};

/// The name under which a medium remembers up to which session there all is heeded: `EPOCH.SESSION`.
const HEEDED: &str = "heeded";

/// Does a head of that epoch and session at the medium say anything that was not heeded?
pub(super) fn is_news(row: &MediumRow, head: (u32, u64)) -> bool {
    let ours = row.head.map(|HeadMark { epoch, session }| (epoch, session));
    Some(head) > ours.max(heeded(row))
}

/// The newest readable head of each vault, but for those that another one of them knew of.
pub(crate) fn current(heads: &[(VaultId, Vec<Head>)]) -> Vec<(VaultId, &Head)> {
    let newest: Vec<(VaultId, &Head)> =
        heads.iter().filter_map(|(vault, heads)| Some((*vault, heads.iter().max_by_key(|it| session(it))?))).collect();
    let is_known = |(vault, head): &(VaultId, &Head)| {
        newest.iter().filter(|(other, _)| other != vault).any(|(_, other)| {
            let knows = other.media.iter().find(|medium| medium.medium == *vault);
            knows.is_some_and(|knows| (knows.epoch, knows.session) >= session(head))
        })
    };
    newest.iter().filter(|head| !is_known(head)).copied().collect()
}

/// Heeds a head that lies at a vault.
///
/// # Errors
/// As the catalog answers; it can be heeded again.
pub(crate) fn heed(catalog: &Catalog, at: VaultId, head: &Head, now: Time) -> catalog::Result<()> {
    head.jobs.iter().try_for_each(|job| heed_job(catalog, job))?;
    catalog.heed_pins(&head.pins.iter().copied().collect())?;
    catalog.heed_removed(&head.removed.iter().copied().collect(), now)?;
    for seed in &head.seeds {
        catalog.know_seed(SeedId(seed.id), seed.medium, now)?;
    }
    for row in catalog.media()? {
        heed_medium(catalog, row.vault, at, head)?;
    }
    Ok(())
}

/// A job that is not known is known from now on; one that raises an alarm there raises it here.
fn heed_job(catalog: &Catalog, job: &HeadJob) -> catalog::Result<()> {
    let rows = catalog.jobs()?;
    let known = rows.iter().find(|row| row.id == job.id || row.name == job.name);
    let id = match known {
        Some(known) => known.id,
        None => catalog.ensure_job(&job.name, None, &NewJobIds { job: job.id, group: job.group })?.id,
    };
    let is_held = known.is_some_and(|row| row.alarm.is_some() || row.clock_jump.is_some());
    if job.alarm.is_some() && !is_held {
        catalog.update_job(id, &|row| row.alarm.clone_from(&job.alarm))?;
    }
    Ok(())
}

/// Its eviction marks, whether it is retired, and how far it is heeded, all at once.
fn heed_medium(catalog: &Catalog, medium: VaultId, at: VaultId, head: &Head) -> catalog::Result<()> {
    let told = head.media.iter().find(|told| told.medium == medium);
    // Where a session is, a person has enrolled again.
    let retired = (medium != at && told.is_some_and(|told| told.retired)).then_some(head.created);
    let knows = if medium == at { Some(session(head)) } else { told.map(|told| (told.epoch, told.session)) };
    catalog.update_medium(medium, &|row| {
        row.retired = row.retired.or(retired);
        evict(&mut row.evicted, head.marks.iter().filter(|mark| mark.medium == medium));
        let heeded = knows.max(heeded(row)).map(|(epoch, session)| format!("{epoch}.{session}"));
        row.marks.retain(|mark| mark.name != HEEDED);
        row.marks.extend(heeded.map(|value| catalog::Mark { name: HEEDED.to_owned(), value }));
    })?;
    Ok(())
}

/// The newest of each job counts.
fn evict<'m>(evicted: &mut Vec<EvictedMark>, marks: impl Iterator<Item = &'m format::HeadMark>) {
    let mut newest: BTreeMap<_, _> = evicted.iter().map(|mark| (mark.job, mark.order)).collect();
    for mark in marks {
        let order = newest.entry(mark.job).or_insert(mark.evicted);
        *order = mark.evicted.max(*order);
    }
    *evicted = newest.into_iter().map(|(job, order)| EvictedMark { job, order }).collect();
}

const fn session(head: &Head) -> (u32, u64) {
    (head.epoch, head.session)
}

fn heeded(row: &MediumRow) -> Option<(u32, u64)> {
    let (epoch, session) = row.marks.iter().find(|mark| mark.name == HEEDED)?.value.split_once('.')?;
    Some((epoch.parse().ok()?, session.parse().ok()?))
}
