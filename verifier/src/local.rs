//! What this computer may still know: optional, and never what a drill's checks rest on.
//!
//! In: the catalog, if it is there and opens. Out: points that should lie at a medium, a reservation while they are
//! drilled (D-2), and what becomes of a drill in the catalog: the proof that it earned, or the objects that it found
//! damaged or missing. After a fire all of it is absent, and the drill is the same.
//! Deliberately absent: recording what is no object's fault. A file that comes back wrong from sound objects, a probe
//! that fails, a place that can't be read now are in the report, and the catalog has no word for them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use engine::catalog::{Catalog, CatalogError, OpenOptions, ReservationId};
use engine::copy::{Lists, record_damage};
use engine::destination::ReadStore;
use engine::format::Identity;
use engine::model::{
    DestinationName, JobId, JobName, ObjectName, PointId, PointName, Proof, State, Time, VaultId, chain,
};
use engine::seal::Keyring;

use crate::choose::ExpectedPoint;
use crate::objects;
use crate::survey::listed_points;

/// Points that should lie, whole, at that medium. One that was removed on purpose is not among them, even if nobody
/// could delete it there yet.
///
/// # Errors
/// For people: why it can't be told.
pub fn points_at(catalog: &Catalog, medium: VaultId) -> Result<Vec<ExpectedPoint>, String> {
    expected(catalog, medium).map_err(|error| chain(&error))
}

fn expected(catalog: &Catalog, medium: VaultId) -> Result<Vec<ExpectedPoint>, CatalogError> {
    let names: BTreeMap<JobId, JobName> = catalog.jobs()?.into_iter().map(|job| (job.id, job.name)).collect();
    let mut points = Vec::new();
    for (order, placement) in catalog.placements_at(medium)? {
        let should_be_there = placement.state.is_there() || placement.state == State::Missing;
        let being_removed = should_be_there && catalog.removal(medium, order)?.is_some();
        if !should_be_there || being_removed {
            continue;
        }
        if let Some(row) = catalog.point(order)?.filter(|row| row.removed.is_none()) {
            let name = names.get(&row.job).cloned();
            points.push(ExpectedPoint { job: row.job, name, point: PointName { order, id: row.id } });
        }
    }
    Ok(points)
}

/// Does the catalog have a word of its own about that point there?
pub(crate) fn is_placed(catalog: &Catalog, medium: VaultId, point: PointId) -> bool {
    let known = catalog.point_by_id(point).ok().flatten();
    known.is_some_and(|row| matches!(catalog.placement(medium, row.order), Ok(Some(_))))
}

/// Whose a vault is, as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// It is a medium of that destination.
    Destination(DestinationName),
    /// It is of the catalog's family, and not known.
    Family,
    /// It is of another family.
    Others,
}

/// Asks the catalog whose a vault is.
///
/// # Errors
/// For people: why it can't be told.
pub fn whose(catalog: &Catalog, vault: &Identity) -> Result<Whose, String> {
    let known = catalog.medium(vault.vault).map_err(|error| chain(&error))?;
    let family = catalog.meta().map_err(|error| chain(&error))?.family;
    Ok(match known {
        _ if family != vault.family => Whose::Others,
        Some(row) => Whose::Destination(row.destination),
        None => Whose::Family,
    })
}

/// Does a point lie at `store` that the catalog has at a medium of that destination? Then the medium is that one,
/// whatever its identity files say.
#[must_use]
pub fn is_medium_of(catalog: &Catalog, destination: &DestinationName, store: &dyn ReadStore) -> bool {
    let (Ok(media), Ok(listed)) = (catalog.media(), listed_points(store)) else { return false };
    let media: Vec<VaultId> =
        media.into_iter().filter(|row| row.destination == *destination).map(|row| row.vault).collect();
    listed.iter().any(|(job, name)| {
        let known = catalog.point(name.order).ok().flatten();
        let same = known.is_some_and(|row| row.id == name.id && row.job == *job);
        let placed = |medium: &VaultId| {
            catalog.placement(*medium, name.order).ok().flatten().is_some_and(|row| row.state.is_there())
        };
        same && media.iter().any(placed)
    })
}

/// How many of these objects no other place is known to have whole; none where the catalog can't tell.
#[must_use]
pub fn nowhere_else(catalog: &Catalog, medium: VaultId, objects: &[ObjectName]) -> u64 {
    let lost = |object: &&ObjectName| catalog.elsewhere(object, medium).is_ok_and(|places| places.is_empty());
    objects.iter().filter(lost).count() as u64
}

/// Opens the catalog in `state`, if there is one. One that is missing is no error; one that does not open is told.
///
/// # Errors
/// For people: why it does not open.
pub fn open(state: &Path) -> Result<Option<Catalog>, String> {
    match Catalog::open(state, OpenOptions::default()) {
        Ok(catalog) => Ok(Some(catalog)),
        Err(CatalogError::Missing { .. }) => Ok(None),
        Err(error) => Err(chain(&error)),
    }
}

/// D-2: a point stays at a medium while it is drilled; ends when dropped, or when this process does.
pub struct Reservation<'c> {
    catalog: &'c Catalog,
    id: ReservationId,
    /// Held as long as the reservation counts.
    _lock: File,
    path: PathBuf,
}

impl<'c> Reservation<'c> {
    /// Reserves; none if the catalog does not know the point there: then nothing of ours would delete it.
    ///
    /// # Errors
    /// For people: why not.
    pub fn begin(
        catalog: &'c Catalog,
        state: &Path,
        lock: &str,
        at: (VaultId, PointName),
    ) -> Result<Option<Self>, String> {
        let (medium, point) = at;
        if !is_held(catalog, point)? {
            return Ok(None);
        }
        let path = state.join("locks").join(lock);
        let held = hold(&path).map_err(|error| format!("the lock {} can't be held: {error}", path.display()))?;
        match catalog.begin_restore(lock, medium, &[point.order]) {
            Ok(id) => Ok(Some(Self { catalog, id, _lock: held, path })),
            Err(CatalogError::Unknown { .. } | CatalogError::Refused { .. }) => {
                let _ = std::fs::remove_file(path);
                Ok(None)
            }
            Err(error) => Err(chain(&error)),
        }
    }

    /// Tells the catalog of objects of the reserved point that are damaged or missing: every point there that names one
    /// is damaged then, until `engine verify --repair` heals it. Each is looked at once more, for another process may
    /// have replaced it since. Gives how many points of the medium are damaged by them.
    ///
    /// # Errors
    /// For people: why it did not take note. Nothing is recorded of a place that is not there any more.
    pub fn record(&self, at: &Damaged<'_>, now: Time) -> Result<usize, String> {
        let Damaged { medium, store, keyring, job, objects } = *at;
        let lists = Lists::new(keyring, [(medium, store)]);
        let mut points = std::collections::BTreeSet::new();
        for object in objects {
            let Some(finding) = objects::look(store, keyring, job, object) else { continue };
            store.still_there().map_err(|error| chain(&error))?;
            match record_damage(self.catalog, &lists, (medium, object), finding, now) {
                Ok(damaged) => points.extend(damaged),
                Err(engine::copy::CopyError::Catalog(CatalogError::Unknown { .. })) => {}
                Err(error) => return Err(chain(&error)),
            }
        }
        Ok(points.len())
    }
}

/// Is it that point which the catalog has in its place in the order? Another one may be there, where this computer was
/// set back: what is shown of one says nothing of the other.
fn is_held(catalog: &Catalog, point: PointName) -> Result<bool, String> {
    let known = catalog.point(point.order).map_err(|error| chain(&error))?;
    Ok(known.is_some_and(|row| row.id == point.id))
}

/// Objects of a point that a drill found damaged or missing, and where.
#[derive(Clone, Copy)]
pub struct Damaged<'d> {
    /// The medium.
    pub medium: VaultId,
    /// Its store.
    pub store: &'d dyn ReadStore,
    /// The family's keys.
    pub keyring: &'d Keyring,
    /// Whose point.
    pub job: JobId,
    /// What is wrong.
    pub objects: &'d [ObjectName],
}

fn hold(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        crate::private::folder(folder)?;
    }
    let file = crate::private::options().create_new(true).open(path)?;
    file.lock()?;
    Ok(file)
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        // One that stays behind goes with its lock, at the next session.
        let _ = self.catalog.end_restore(self.id);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Raises the proof of a placement that a drill has shown to be good.
///
/// # Errors
/// For people: why the catalog did not take it. One that does not know the placement has nothing to raise.
pub fn prove(catalog: &Catalog, medium: VaultId, point: PointName, proof: Proof, now: Time) -> Result<(), String> {
    if !is_held(catalog, point)? {
        return Ok(());
    }
    match catalog.set_proof(medium, point.order, proof, now) {
        Ok(()) | Err(CatalogError::Unknown { .. }) => Ok(()),
        Err(error) => Err(chain(&error)),
    }
}
