//! What is damaged or missing at a medium is replaced from a place that has it whole.
//!
//! In: an inspection's flaws, a session there, the other places. Out: the objects whole again with evidence, the catalog
//! that says so. A damaged object is deleted only after another place's was read back whole: what lies there may be the
//! only one that is left of most of its chunks.
//! Deliberately absent: making a lost object from anything but a whole copy of it.

use super::Told;
use super::error::{CopyError, chain};
use super::evidence::{ReadBack, read_back};
use super::execute::Origin;
use super::inspect::Inspection;
use super::lists::Lists;
use super::mirrored::digest_of;
use super::read_in::ReadIn;
use super::send::{LiesThere, Load, send};
use super::session::Session;
use crate::catalog::{Evidence, keeps_packs};
use crate::destination::ReadStore;
use crate::model::{Digest, ObjectName, PointOrder};

/// Replaces packs, then manifests, then settles the points that they belong to.
///
/// # Errors
/// If the session can't go on; one object that can't be healed is told, and no error.
pub fn heal_objects(session: &Session<'_>, origins: &[Origin<'_>], found: &mut Inspection) -> Result<(), CopyError> {
    let is_point = |object: &ObjectName| matches!(object, ObjectName::Point(..));
    let mut objects: Vec<(usize, ObjectName)> = (0..found.flaws.len())
        .filter(|flaw| !found.flaws[*flaw].healed)
        .filter_map(|flaw| Some((flaw, ObjectName::at(&found.flaws[flaw].path)?)))
        .collect();
    objects.sort_by_key(|(_, object)| is_point(object));
    for (flaw, object) in objects {
        if (session.tools.stop)() {
            return Err(CopyError::Stopped);
        }
        match heal(session, origins, &object) {
            Ok(healed) => found.flaws[flaw].healed = healed,
            Err(error) if error.ends_session() => return Err(error),
            Err(error) => note(session, &format!("{object} can't be replaced: {}", chain(&error))),
        }
    }
    // Read anew: what readers remember may be of bytes that were replaced.
    let others = origins.iter().map(|origin| (origin.medium, origin.store));
    let here = std::iter::once((session.medium, session.store as &dyn ReadStore));
    let lists = Lists::new(session.tools.keyring, here.chain(others));
    let unsettled = std::mem::take(&mut found.unsettled);
    unsettled.iter().try_for_each(|(order, evidence)| settle(session, &lists, *order, *evidence))
}

/// One object, from the first place where it is whole.
fn heal(session: &Session<'_>, origins: &[Origin<'_>], object: &ObjectName) -> Result<bool, CopyError> {
    let Some((digest, bytes)) = expected(session, object)? else { return Ok(false) };
    session.look_again()?;
    for origin in origins.iter().filter(|origin| origin.medium != session.medium) {
        // Damage at the origin is its own inspection's finding.
        if let Ok(ReadBack::Good(_)) = read_back(origin.store, &object.path(), &digest, session.tools.clock) {
            let load = Load { object, digest: &digest, bytes, lies_there: LiesThere::Perhaps };
            let evidence = send(session.lane(), origin.store, load, &mut |_| {})?;
            session.store.still_there()?;
            session.tools.catalog.healed(session.medium, object, evidence)?;
            note(session, &format!("{object} was replaced from {}", origin.destination));
            return Ok(true);
        }
    }
    Ok(false)
}

/// What an object's bytes should be; none if the catalog never saw it whole.
fn expected(session: &Session<'_>, object: &ObjectName) -> Result<Option<(Digest, u64)>, CopyError> {
    let catalog = session.tools.catalog;
    let expected = match object {
        ObjectName::Pack(id) => catalog.pack_by_id(id)?.map(|(_, row)| (digest_of(session.store, id), row.bytes)),
        ObjectName::Point(_, name) => catalog
            .point(name.order)?
            .filter(|point| point.id == name.id)
            .map(|point| (point.manifest_digest, point.manifest_bytes)),
    };
    Ok(expected.filter(|(_, bytes)| *bytes > 0))
}

/// A point's state there, once its objects were tried.
fn settle(
    session: &Session<'_>,
    lists: &Lists<'_>,
    order: PointOrder,
    seen: Option<Evidence>,
) -> Result<(), CopyError> {
    let (catalog, medium) = (session.tools.catalog, session.medium);
    let (Some(point), Some(placement)) = (catalog.point(order)?, catalog.placement(medium, order)?) else {
        return Ok(());
    };
    let Some(manifest) = seen.or(placement.manifest).filter(|_| keeps_packs(placement.state)) else { return Ok(()) };
    let (tools, now) = (session.tools, session.tools.clock.now());
    let reading = ReadIn { catalog, keyring: tools.keyring, store: session.store, medium, lists, now };
    match lists.named(session.store, point.job, point.name()) {
        Ok(Some(listing)) if listing.is_whole() => {
            let numbers = reading.list(&point, &listing)?;
            catalog.settle_point(medium, order, &numbers, Some(manifest), now)?;
        }
        // What its roots alone are worth says nothing of the point: it stays as it was found.
        Ok(_) => {}
        Err(error) => note(session, &format!("the packs of {} can't be told now: {}", point.manifest(), chain(&error))),
    }
    Ok(())
}

pub(super) fn note(session: &Session<'_>, text: &str) {
    (session.tools.tell)(&Told::Note(format!("{}: {text}", session.destination)));
}
