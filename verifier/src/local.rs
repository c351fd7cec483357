//! What this computer may still know: optional, and never what a drill's checks rest on.
//!
//! In: the catalog, if it is there and opens. Out: points that should lie at a medium, a reservation while they are
//! drilled (D-2), and the proof that a drill earned. After a fire all of it is absent, and the drill is the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use engine::catalog::{Catalog, CatalogError, OpenOptions, ReservationId};
use engine::model::{JobId, JobName, PointName, PointOrder, Proof, State, Time, VaultId, chain};

use crate::choose::ExpectedPoint;

/// What is known beside the destination itself.
pub trait Expected {
    /// Points that should lie, whole, at that medium.
    ///
    /// # Errors
    /// Why it can't be told.
    fn points_at(&self, medium: VaultId) -> Result<Vec<ExpectedPoint>, String>;
}

/// Nothing is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Expected for Nothing {
    fn points_at(&self, _: VaultId) -> Result<Vec<ExpectedPoint>, String> {
        Ok(Vec::new())
    }
}

impl Expected for Catalog {
    fn points_at(&self, medium: VaultId) -> Result<Vec<ExpectedPoint>, String> {
        expected(self, medium).map_err(|error| chain(&error))
    }
}

fn expected(catalog: &Catalog, medium: VaultId) -> Result<Vec<ExpectedPoint>, CatalogError> {
    if catalog.medium(medium)?.is_none() {
        return Ok(Vec::new());
    }
    let names: BTreeMap<JobId, JobName> = catalog.jobs()?.into_iter().map(|job| (job.id, job.name)).collect();
    let mut points = Vec::new();
    for (order, placement) in catalog.placements_at(medium)? {
        let should_be_there = placement.state.is_there() || placement.state == State::Missing;
        let being_removed = should_be_there && catalog.removal(medium, order)?.is_some();
        if !should_be_there || being_removed {
            continue;
        }
        if let Some(row) = catalog.point(order)?
            && let Some(name) = names.get(&row.job)
        {
            points.push(ExpectedPoint { job: row.job, name: name.clone(), point: PointName { order, id: row.id } });
        }
    }
    Ok(points)
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
        at: (VaultId, PointOrder),
    ) -> Result<Option<Self>, String> {
        let (medium, point) = at;
        let path = state.join("locks").join(lock);
        let held = hold(&path).map_err(|error| format!("the lock {} can't be held: {error}", path.display()))?;
        match catalog.begin_restore(lock, medium, &[point]) {
            Ok(id) => Ok(Some(Self { catalog, id, _lock: held, path })),
            Err(CatalogError::Unknown { .. } | CatalogError::Refused { .. }) => {
                let _ = std::fs::remove_file(path);
                Ok(None)
            }
            Err(error) => Err(chain(&error)),
        }
    }
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
pub fn prove(catalog: &Catalog, medium: VaultId, point: PointOrder, proof: Proof, now: Time) -> Result<(), String> {
    match catalog.set_proof(medium, point, proof, now) {
        Ok(()) | Err(CatalogError::Unknown { .. } | CatalogError::Refused { .. }) => Ok(()),
        Err(error) => Err(chain(&error)),
    }
}
