//! What every command that reads points has to do beside reading: reserve them (D-2), and record the damage it meets.

use std::collections::BTreeSet;

use super::places::{Here, Places};
use super::{Context, Failure};
use crate::catalog::locks::{LockName, WorkLock};
use crate::catalog::{CatalogError, Finding, PointRow, ReservationId};
use crate::copy::{Lists, ReadBack, digest_of, read_back, record_damage};
use crate::destination::ReadStore;
use crate::model::{Digest, ObjectName, PointOrder, VaultId};
use crate::restore::Damage;

/// What is read stays where it is while it is read; where a point is being removed just now it is not read.
pub(super) struct Reserved<'r> {
    context: &'r Context,
    ids: Vec<ReservationId>,
    refused: BTreeSet<(VaultId, PointOrder)>,
    lock: WorkLock,
}

impl<'r> Reserved<'r> {
    /// Reserves these points at these places, as far as they are there.
    ///
    /// # Errors
    /// If the catalog can't be read or written.
    pub(super) fn take(context: &'r Context, places: &[&Here], points: &[&PointRow]) -> Result<Self, Failure> {
        let number = u64::from_be_bytes(context.random()?);
        let lock = context.lock(&LockName::Restore(number), "a restore")?;
        let mut reserved = Self { context, ids: Vec::new(), refused: BTreeSet::new(), lock };
        for here in places {
            reserved.take_at(here, points)?;
        }
        Ok(reserved)
    }

    fn take_at(&mut self, here: &Here, points: &[&PointRow]) -> Result<(), Failure> {
        let known: BTreeSet<PointOrder> =
            self.context.installation.catalog.placements_at(here.medium)?.into_iter().map(|(order, _)| order).collect();
        // Of what the catalog knows nothing there, nothing of ours is removed there either.
        let wanted: Vec<PointOrder> = points.iter().map(|it| it.order).filter(|order| known.contains(order)).collect();
        if wanted.is_empty() || self.reserve(here.medium, &wanted)? {
            return Ok(());
        }
        for order in wanted {
            if !self.reserve(here.medium, &[order])? {
                self.refused.insert((here.medium, order));
            }
        }
        Ok(())
    }

    fn reserve(&mut self, medium: VaultId, points: &[PointOrder]) -> Result<bool, Failure> {
        let name = self.lock.name().to_string();
        match self.context.installation.catalog.begin_restore(&name, medium, points) {
            Ok(id) => self.ids.push(id),
            Err(CatalogError::Refused { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// May the point be read there?
    pub(super) fn may_read(&self, here: &Here, point: &PointRow) -> bool {
        !self.refused.contains(&(here.medium, point.order))
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        for id in &self.ids {
            // What stays is dropped when the next command finds that no process holds the lock.
            let _ = self.context.installation.catalog.end_restore(*id);
        }
    }
}

/// Damage becomes known once the object was read back and found so.
///
/// # Errors
/// If it can't be recorded.
pub(super) fn record(context: &Context, all: &Places, chosen: &[&Here], damage: &[Damage]) -> Result<(), Failure> {
    if damage.is_empty() {
        return Ok(());
    }
    let catalog = &context.installation.catalog;
    let stores = all.here.iter().map(|here| (here.medium, &*here.store as &dyn ReadStore));
    let lists = Lists::new(context.installation.keyring()?, stores);
    for damage in damage {
        context.call.voice.warn(&format!("{} at {}: {}", damage.object, damage.place, damage.why));
        let Some(here) = chosen.iter().find(|here| here.name == damage.place) else { continue };
        let Some(digest) = digest(context, &*here.store, &damage.object)? else { continue };
        let seen = read_back(&*here.store, &damage.object.path(), &digest, &*context.call.clock);
        let finding = match seen {
            Ok(ReadBack::Missing) => Finding::Missing,
            Ok(ReadBack::Damaged) => Finding::Damaged,
            Ok(ReadBack::Good(_)) | Err(_) => continue,
        };
        let now = context.call.clock.now();
        record_damage(catalog, &lists, (here.medium, &damage.object), finding, now)
            .map_err(|error| Failure::of("damage that was found can't be recorded", &error, ""))?;
    }
    Ok(())
}

/// What an object that the catalog knows should be.
fn digest(context: &Context, at: &dyn ReadStore, object: &ObjectName) -> Result<Option<Digest>, Failure> {
    let catalog = &context.installation.catalog;
    Ok(match object {
        ObjectName::Pack(id) => catalog.pack_by_id(id)?.map(|_| digest_of(at, id)),
        ObjectName::Point(_, name) => {
            catalog.point(name.order)?.filter(|point| point.id == name.id).map(|point| point.manifest_digest)
        }
    })
}
