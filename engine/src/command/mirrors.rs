//! Mirrors, for whatever writes or reads objects there: which files points are, and other places as ones that give them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Context;
use crate::catalog::{MediumRow, PackState};
use crate::copy::{Assembled, Copied, CopyError, judge_files, learn_mirrored};
use crate::destination::ReadStore;
use crate::model::{DestinationName, JobId, VaultId};
use crate::seal::Keyring;

/// A place that points can be read at.
pub(super) type At<'a> = (VaultId, &'a dyn ReadStore);

/// At a mirror points are files: those of its destination's jobs that are not known as such yet are read, there or at the
/// other places.
///
/// # Errors
/// As the catalog answers.
pub(super) fn learn_files(
    context: &Context,
    keyring: &Keyring,
    name: &DestinationName,
    here: At<'_>,
    others: &[At<'_>],
) -> Result<(), CopyError> {
    let Some(index) = here.1.mirror() else { return Ok(()) };
    let catalog = &context.installation.catalog;
    let medium = catalog.medium(here.0)?;
    if let Some(bytes) = medium.as_ref().and_then(MediumRow::largest_file) {
        index.limit_files(bytes);
    }
    if medium.is_some_and(|medium| medium.folds_names()) {
        index.fold_names();
    }
    let mut jobs = BTreeSet::new();
    for job in context.installation.config.jobs.iter().filter(|job| job.offsite.contains(name)) {
        jobs.extend(catalog.job_named(&job.name)?.map(|row| row.id));
    }
    let mut there = BTreeSet::new();
    for (order, row) in catalog.placements_at(here.0)? {
        there.extend(row.state.is_there().then_some(order));
    }
    let places: Vec<At<'_>> = others.iter().copied().chain([here]).collect();
    let wanted = |point: &crate::catalog::PointRow| jobs.contains(&point.job) || there.contains(&point.order);
    learn_mirrored(catalog, keyring, index, &wanted, &places)?;
    for (_, pack, there) in catalog.packs_at(here.0)? {
        index.hold(&pack.id, there.state != PackState::Missing);
    }
    judge_files(catalog, (here.0, here.1, index), &wanted, context.call.clock.now())
}

/// Points of these jobs that are owed to a mirror and can't be there: copies that failed without a try.
///
/// # Errors
/// As the catalog answers.
pub(super) fn unfit(
    context: &Context,
    (name, medium): (&DestinationName, VaultId),
    is_wanted: &dyn Fn(JobId) -> bool,
) -> Result<Vec<Copied>, CopyError> {
    let catalog = &context.installation.catalog;
    let mut all = Vec::new();
    for (order, row) in catalog.placements_at(medium)?.into_iter().filter(|(_, row)| row.is_unfit()) {
        let Some(point) = catalog.point(order)?.filter(|point| point.removed.is_none() && is_wanted(point.job)) else {
            continue;
        };
        all.push(Copied {
            point: point.order,
            medium,
            destination: name.clone(),
            state: row.state,
            bytes: 0,
            took: Duration::ZERO,
            reason: row.reason,
            failed: true,
        });
    }
    Ok(all)
}

/// For a copy to a mirror: each place that holds packs as one that gives files; none where it is as it should be.
///
/// # Errors
/// As the catalog answers.
pub(super) fn assembled<'a>(
    context: &'a Context,
    keyring: &'a Keyring,
    to: &dyn ReadStore,
    places: impl Iterator<Item = At<'a>>,
) -> Result<Vec<Option<Assembled<'a>>>, CopyError> {
    let each = |(medium, store): At<'a>| match to.mirror().is_some() && store.mirror().is_none() {
        true => Assembled::new(store, keyring, &context.installation.catalog, medium).map(Some),
        false => Ok(None),
    };
    places.map(each).collect()
}
