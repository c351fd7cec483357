//! What only heads tell: jobs, media that are away, eviction marks, pins, removed points, proofs.
//!
//! Each head holds all of it as of its session, so the newest counts; older ones give what it does not have.

use crate::catalog::{Catalog, EvictedMark, NewJobIds, NewMedium};
use crate::command::Failure;
use crate::config::Config;
use crate::format::{Head, HeadMedium};
use crate::model::Time;

/// Removed points, jobs, media and marks.
pub(super) fn before_points(catalog: &Catalog, heads: &[Head], now: Time) -> Result<(), Failure> {
    // Removed for good is removed, whichever head says so.
    let removed = heads.iter().flat_map(|head| &head.removed).copied().collect();
    catalog.heed_removed(&removed, now)?;
    for job in heads.iter().flat_map(|head| &head.jobs) {
        if catalog.job_named(&job.name)?.is_none() {
            catalog.ensure_job(&job.name, None, &NewJobIds { job: job.id, group: job.group })?;
            catalog.update_job(job.id, &|row| row.alarm.clone_from(&job.alarm))?;
        }
    }
    for head in heads {
        for medium in head.media.iter().filter(|medium| !medium.destination.is_home()) {
            know_medium(catalog, medium, head.created)?;
        }
    }
    let Some(newest) = heads.first() else { return Ok(()) };
    for retired in newest.media.iter().filter(|medium| medium.retired) {
        if catalog.medium(retired.medium)?.is_some() {
            catalog.update_medium(retired.medium, &|row| row.retired = Some(newest.created))?;
        }
    }
    for mark in &newest.marks {
        if catalog.medium(mark.medium)?.is_some() {
            catalog.update_medium(mark.medium, &|row| {
                row.evicted.push(EvictedMark { job: mark.job, order: mark.evicted });
            })?;
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

/// Pins, proofs, shared groups; and whether removals are allowed again.
pub(super) fn after_points(catalog: &Catalog, heads: &[Head], config: &Config) -> Result<(), Failure> {
    if let Some(newest) = heads.first() {
        for id in &newest.pins {
            if let Some(point) = catalog.point_by_id(*id)? {
                catalog.pin(point.order)?;
            }
        }
        for proof in &newest.proofs {
            let Some(point) = catalog.point_by_id(proof.point)? else { continue };
            let there = catalog.medium(proof.medium)?.is_some()
                && catalog.placement(proof.medium, point.order)?.is_some_and(|row| {
                    matches!(row.state, crate::model::State::Present | crate::model::State::Complete)
                });
            if there {
                catalog.set_proof(proof.medium, point.order, proof.proof, proof.time)?;
            }
        }
    }
    shared_groups(catalog, config)?;
    let newest_point = catalog.points()?.last().map(|point| point.order);
    if newest_point <= heads.iter().filter_map(|head| head.newest).max() {
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
