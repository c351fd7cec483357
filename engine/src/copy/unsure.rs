//! Points of which a session does not know which packs they need at its medium (D-3): nothing is deleted there then.
//!
//! In: the heads that lay there when it began, and what lies in `points/`. Out: why nothing may be deleted, if so; the
//! catalog keeps which points it is about, until a list is read whole or a manifest went on purpose.
//! Deliberately absent: healing a list (`heal`), which takes another place.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::error::CopyError;
use super::lists::Listing;
use super::read_in::ReadIn;
use super::session::Session;
use crate::catalog::{Finding, PointRow, keeps_packs};
use crate::format::HeadNewest;
use crate::model::{JobId, ObjectName, PointName, State};
use crate::vault::{FoundHead, newest_told};

/// Looks for what heads tell of and is not there, and once more for lists that could not be read.
pub(super) fn unsure(
    session: &Session<'_>,
    at: &ReadIn<'_>,
    heads: &[FoundHead],
    listed: &BTreeMap<PointName, JobId>,
) -> Result<Option<String>, CopyError> {
    let (catalog, medium) = (at.catalog, at.medium);
    let listed: BTreeSet<ObjectName> = listed.iter().map(|(name, job)| ObjectName::Point(*job, *name)).collect();
    // What a head that can't be read takes back is not known; where one lies nothing is deleted in any case.
    if heads.iter().all(|head| head.body.is_ok()) {
        for told in newest_told(medium, heads, &[]) {
            expect_told(session, at, &told, &listed)?;
        }
    }
    catalog.drop_unsure_gone(medium, &listed)?;
    for manifest in catalog.unsure(medium)?.intersection(&listed) {
        read_again(at, manifest)?;
    }
    let Some(manifest) = catalog.unsure(medium)?.first().copied() else { return Ok(None) };
    let why = format!("which packs {manifest} needs there is not known");
    (session.tools.tell)(&Told::Note(format!("{}: {why}; nothing is deleted there", session.destination)));
    Ok(Some(why))
}

/// A point that a head there tells of: if it is not there, and did not go on purpose, it is missed.
fn expect_told(
    session: &Session<'_>,
    at: &ReadIn<'_>,
    told: &HeadNewest,
    listed: &BTreeSet<ObjectName>,
) -> Result<(), CopyError> {
    let manifest = ObjectName::Point(told.job, told.point);
    let known = known(at, &manifest)?;
    let is_kept = match &known {
        Some(point) => at.catalog.placement(at.medium, point.order)?.is_some_and(|row| keeps_packs(row.state)),
        None => false,
    };
    if is_kept || listed.contains(&manifest) || at.catalog.went_on_purpose(at.medium, &manifest)? {
        return Ok(());
    }
    if at.store.stat(&manifest.path())?.is_some() {
        return Ok(());
    }
    at.store.still_there()?;
    let text = format!("{}: a head there tells of {manifest}, and it is not there", session.destination);
    (session.tools.tell)(&Told::Note(text));
    match known {
        Some(point) => at.missed(&point),
        None => Ok(at.catalog.note_unsure(at.medium, &manifest)?),
    }
}

/// A list that could not be read when its point was read in.
fn read_again(at: &ReadIn<'_>, manifest: &ObjectName) -> Result<(), CopyError> {
    let Some(point) = known(at, manifest)? else { return Ok(()) };
    let listing = match at.lists.named(at.store, point.job, point.name()).map_err(CopyError::from) {
        Ok(Some(listing)) if listing.is_whole() => listing,
        Err(error) if error.ends_session() => return Err(error),
        _ => return Ok(()),
    };
    let numbers = at.list(&point, &listing)?;
    if at.catalog.placement(at.medium, point.order)?.is_some_and(|row| row.state == State::Damaged) {
        at.catalog.settle_point(at.medium, point.order, &numbers, None, at.now)?;
    }
    Ok(())
}

fn known(at: &ReadIn<'_>, manifest: &ObjectName) -> Result<Option<PointRow>, CopyError> {
    let ObjectName::Point(job, name) = manifest else { return Ok(None) };
    Ok(at.catalog.point(name.order)?.filter(|point| point.id == name.id && point.job == *job))
}

impl ReadIn<'_> {
    /// A point that is known from elsewhere, and whose manifest should be here and is not: which packs it needs here only
    /// another place can tell.
    fn missed(&self, point: &PointRow) -> Result<(), CopyError> {
        let listing = Listing { packs: Vec::new(), lost: Some("its manifest is not there".to_owned()) };
        self.bad_point(point, &listing, Finding::Missing)
    }
}
