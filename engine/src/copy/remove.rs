//! Removing points from a medium, in the order that leaves nothing half there: intent, manifest, its absence observed,
//! packs, catalog (DESIGN 5.2, D-1, D-8).

use std::time::Duration;

use super::error::{CopyError, chain};
use super::session::{BATCH, Session};
use crate::catalog::{EventKind, EventRow, Marked, Marking, NewRemoval, PackNo, Untouched, Withheld};
use crate::destination::ErrorKind;
use crate::model::{ObjectName, PointName, PointOrder};
use crate::plan::Deletions;

/// Removes one point and the packs that nothing needs there without it; gives the bytes that this freed, or why it has
/// to stay for now.
///
/// # Errors
/// As the place answers. Where it does not allow deleting, the marks are withdrawn: nothing is half done.
pub(super) fn remove_point(
    session: &Session<'_>,
    new: &NewRemoval<'_>,
) -> Result<std::result::Result<u64, Withheld>, CopyError> {
    allowed(session)?;
    session.look_again()?;
    let marked = match session.tools.catalog.mark_deleting(new)? {
        Marking::Marked(marked) => marked,
        Marking::Withheld(why) => return Ok(Err(why)),
    };
    let told = new.points.iter().try_for_each(|point| session.untell(*point));
    withdrawn_if_denied(session, &marked, told.and_then(|()| delete(session, &marked)))?;
    Ok(Ok(marked.bytes))
}

/// Where the place does not allow deleting, the marks are taken back at once, and nothing more is deleted in this
/// session: a place that only lets us add is served all the same (DESIGN 5.1).
fn withdrawn_if_denied(
    session: &Session<'_>,
    marked: &Marked,
    outcome: Result<(), CopyError>,
) -> Result<(), CopyError> {
    match outcome {
        Err(error) if error.store_kind() == Some(ErrorKind::Denied) => {
            let untouched = untouched(session, marked)?;
            session.tools.catalog.withdraw_deletion(session.medium, untouched, session.tools.clock.now())?;
            Err(session.refuse_deletions(chain(&error)))
        }
        outcome => outcome,
    }
}

/// Packs go after manifests: while every manifest is there, nothing is gone.
fn untouched(session: &Session<'_>, marked: &Marked) -> Result<Untouched, CopyError> {
    for point in &marked.points {
        if session.store.stat(&manifest_of(session, *point)?.path())?.is_none() {
            return Ok(Untouched::Unknown);
        }
    }
    Ok(Untouched::Known)
}

/// D-8: what an earlier session marked is finished where its manifest is gone, and withdrawn where it is still there.
///
/// # Errors
/// As the place answers.
pub(super) fn finish_earlier(session: &Session<'_>) -> Result<u64, CopyError> {
    let catalog = session.tools.catalog;
    let marked = catalog.unfinished_removals(session.medium)?;
    if marked.points.is_empty() && marked.packs.is_empty() {
        return Ok(0);
    }
    session.outlast_deletions()?;
    for point in &marked.points {
        if session.store.stat(&manifest_of(session, *point)?.path())?.is_none() {
            session.store.still_there()?;
            catalog.point_gone(session.medium, *point)?;
        }
    }
    catalog.withdraw_deletion(session.medium, Untouched::Unknown, session.tools.clock.now())?;
    let left = catalog.unfinished_removals(session.medium)?;
    allowed(session)?;
    match delete(session, &left) {
        Err(error) if error.store_kind() == Some(ErrorKind::Denied) => Err(session.refuse_deletions(chain(&error))),
        done => done.map(|()| left.bytes),
    }
}

/// D-9: packs that the catalog knows there and that nothing names.
///
/// # Errors
/// As the place answers.
pub(super) fn sweep(session: &Session<'_>) -> Result<u64, CopyError> {
    allowed(session)?;
    session.look_again()?;
    let marked = session.tools.catalog.mark_unreferenced(session.medium)?;
    withdrawn_if_denied(session, &marked, delete(session, &marked))?;
    Ok(marked.bytes)
}

/// Manifests first, each seen to be gone; then packs.
fn delete(session: &Session<'_>, marked: &Marked) -> Result<(), CopyError> {
    for point in &marked.points {
        let path = manifest_of(session, *point)?.path();
        session.store.delete(&path)?;
        if session.store.stat(&path)?.is_some() {
            let why = "the place says that it deleted a manifest, and still has it".to_owned();
            return Err(CopyError::DeletionsRefused(why));
        }
        session.store.still_there()?;
        session.tools.catalog.point_gone(session.medium, *point)?;
    }
    delete_packs(session, &marked.packs)
}

/// In batches that last no longer than a take-over waits; the heads are looked at before each.
fn delete_packs(session: &Session<'_>, packs: &[PackNo]) -> Result<(), CopyError> {
    let mut batch_ends = session.tools.clock.monotonic() + BATCH;
    for (number, row) in packs.iter().zip(session.tools.catalog.packs(packs)?) {
        if session.tools.clock.monotonic() >= batch_ends {
            session.look_again()?;
            batch_ends = session.tools.clock.monotonic() + BATCH.max(Duration::from_secs(1));
        }
        session.store.delete(&ObjectName::Pack(row.id).path())?;
        session.tools.catalog.pack_gone(session.medium, *number)?;
    }
    Ok(())
}

fn allowed(session: &Session<'_>) -> Result<(), CopyError> {
    match session.deletions() {
        Deletions::Allowed => Ok(()),
        Deletions::Refused(why) => Err(CopyError::DeletionsRefused(why)),
    }
}

fn manifest_of(session: &Session<'_>, order: PointOrder) -> Result<ObjectName, CopyError> {
    let missing = || crate::vault::VaultError::Missing { object: format!("the point {order} in the catalog") };
    let point = session.tools.catalog.point(order)?.ok_or_else(missing)?;
    Ok(ObjectName::Point(point.job, PointName { order, id: point.id }))
}

/// Adds a line to the log that `engine explain` tells from.
pub(super) fn note(
    session: &Session<'_>,
    kind: EventKind,
    point: Option<PointOrder>,
    bytes: u64,
    reason: String,
) -> Result<(), CopyError> {
    let event = EventRow {
        time: session.tools.clock.now(),
        kind,
        job: None,
        point,
        medium: Some(session.medium),
        bytes,
        reason,
    };
    Ok(session.tools.catalog.note_event(&event)?)
}

/// The same at home, where a capture that broke off has left packs that no point names.
///
/// # Errors
/// As [`sweep`].
pub(crate) fn sweep_home(session: &Session<'_>) -> Result<u64, CopyError> {
    session.note_failure();
    sweep(session)
}
