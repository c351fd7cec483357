//! What only heads tell: jobs, media that are away, eviction marks, pins, removed points, proofs.
//!
//! Each head holds all of it as of its session, so of each vault the last one counts, and of these all that none of the
//! others knew of; older ones give the jobs and media that those do not have.

use crate::catalog::{Catalog, NewJobIds, NewMedium};
use crate::command::Failure;
use crate::config::Config;
use crate::copy::{current, heed_head};
use crate::format::{Head, HeadMedium};
use crate::model::{Time, VaultId};

/// Heads by vault, the last session first.
type Heads = [(VaultId, Vec<Head>)];

/// Removed points, jobs with their alarms, media, marks; pins, of points that turn up later too.
pub(super) fn before_points(catalog: &Catalog, heads: &Heads, now: Time) -> Result<(), Failure> {
    // Removed for good is removed, whichever head says so.
    let all = || heads.iter().flat_map(|(_, heads)| heads);
    let removed = all().flat_map(|head| &head.removed).copied().collect();
    catalog.heed_removed(&removed, now)?;
    let current = current(heads);
    for head in current.iter().map(|(_, head)| *head).chain(all()) {
        for medium in head.media.iter().filter(|medium| !medium.destination.is_home()) {
            know_medium(catalog, medium, head.created)?;
        }
    }
    for (vault, head) in current {
        heed_head(catalog, vault, head, now)?;
    }
    for job in all().flat_map(|head| &head.jobs) {
        if catalog.job_named(&job.name)?.is_none() {
            catalog.ensure_job(&job.name, None, &NewJobIds { job: job.id, group: job.group })?;
        }
    }
    Ok(())
}

/// A medium that is away stays known.
fn know_medium(catalog: &Catalog, medium: &HeadMedium, enrolled: Time) -> Result<(), Failure> {
    if catalog.medium(medium.medium)?.is_some() {
        return Ok(());
    }
    catalog.enrol(&NewMedium {
        vault: medium.medium,
        destination: medium.destination.clone(),
        place: String::new(),
        file_system: String::new(),
        device: 0,
        // Where it is was not seen, and what is not known is not offsite: the next look tells.
        same_disk: true,
        probe: Vec::new(),
        enrolled,
    })?;
    Ok(())
}

/// Proofs, shared groups; and whether removals are allowed again.
pub(super) fn after_points(catalog: &Catalog, heads: &Heads, config: &Config) -> Result<(), Failure> {
    for proof in current(heads).iter().flat_map(|(_, head)| &head.proofs) {
        let Some(point) = catalog.point_by_id(proof.point)? else { continue };
        let there = catalog.medium(proof.medium)?.is_some()
            && catalog
                .placement(proof.medium, point.order)?
                .is_some_and(|row| matches!(row.state, crate::model::State::Present | crate::model::State::Complete));
        if there {
            catalog.set_proof(proof.medium, point.order, proof.proof, proof.time)?;
        }
    }
    shared_groups(catalog, config)?;
    let newest_point = catalog.points()?.last().map(|point| point.order);
    if newest_point <= heads.iter().flat_map(|(_, heads)| heads).filter_map(|head| head.newest).max() {
        catalog.confirm()?;
    }
    Ok(())
}

/// Jobs that share a dedup group go on sharing the one that they have.
fn shared_groups(catalog: &Catalog, config: &Config) -> Result<(), Failure> {
    for job in config.jobs.iter().filter(|job| job.dedup_group != job.name) {
        if let Some(row) = catalog.job_named(&job.name)? {
            let ids = NewJobIds { job: row.id, group: row.group };
            catalog.ensure_job(&job.name, Some(&job.dedup_group), &ids)?;
        }
    }
    Ok(())
}
