//! What was found damaged or missing, and what was healed. One damaged object makes every point that names it damaged
//! there, in one transaction; at home its chunks are withdrawn from deduplication by the same change.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{EventKind, EventRow, Evidence, MediumRow, PackAtRow, PackNo, PackState, PlacementRow, PointRow};
use super::state::{refused, unknown};
use super::tables::{MediumNo, Mode, Tables, Writing};
use crate::model::{JobId, ObjectName, PackId, PointName, PointOrder, Proof, State, Time, VaultId};

/// What was found wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It is not there.
    Missing,
    /// It is not what its name says.
    Damaged,
}

/// Which points name a pack: the catalog knows only which may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// Their manifests could not be read: all that may.
    All,
    /// These, of those that [`Catalog::may_name`] listed.
    Exactly {
        /// Whose manifests name it.
        naming: Vec<PointOrder>,
        /// Whose manifests were looked at.
        looked_at: Vec<PointOrder>,
    },
}

/// An object that was found damaged or missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// Where.
    pub medium: VaultId,
    /// What.
    pub object: &'a ObjectName,
    /// How.
    pub finding: Finding,
    /// Which points name it, if it is a pack.
    pub naming: &'a Naming,
    /// Now.
    pub now: Time,
}

impl Catalog {
    /// Points at a medium that may name the pack, oldest first.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn may_name(&self, medium: VaultId, pack: PackNo) -> Result<Vec<PointOrder>> {
        self.handle.read(|tables| tables.may_name(tables.number(medium)?, pack))
    }

    /// One transaction: the object is damaged or missing there, what was known of it is dropped (D-4), and every point
    /// that names it is damaged there (missing, if its own manifest is). Returns those points. A pack that is marked for
    /// deletion there, and a point that is being removed, stay as they are.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if a point that may name the pack came after they were looked at: look again.
    /// [`CatalogError::Unknown`].
    pub fn found_damaged(&self, found: &Found<'_>) -> Result<Vec<PointOrder>> {
        self.handle.write(|tables| {
            let medium = tables.medium(found.medium)?;
            let points = match found.object {
                ObjectName::Pack(id) => tables.pack_found(&medium, id, found)?,
                ObjectName::Point(_, name) => tables.manifest_found(&medium, *name, found)?,
            };
            tables.checkpoints.remove(&(medium.number, *found.object))?;
            tables.log(&EventRow {
                time: found.now,
                kind: EventKind::Damaged,
                job: tables.job_of(points.first())?,
                point: points.first().copied(),
                medium: Some(found.medium),
                bytes: 0,
                reason: format!("{} is {}", found.object, word(found.finding)),
            })?;
            tables.moved_on()?;
            Ok(points)
        })
    }

    /// The object is good again there. Returns the damaged points that may have been so because of it, each to be
    /// settled with [`Catalog::settle_point`].
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is being removed there; [`CatalogError::Unknown`].
    pub fn healed(&self, medium: VaultId, object: &ObjectName, evidence: Evidence) -> Result<Vec<PointOrder>> {
        self.handle.write(|tables| {
            let medium = tables.medium(medium)?;
            let points = match object {
                ObjectName::Pack(id) => tables.pack_healed(medium.number, id, evidence)?,
                ObjectName::Point(_, name) => tables.manifest_healed(medium.number, *name, evidence)?,
            };
            tables.log(&EventRow {
                time: evidence.time,
                kind: EventKind::Healed,
                job: tables.job_of(points.first())?,
                point: points.first().copied(),
                medium: Some(medium.vault),
                bytes: 0,
                reason: object.to_string(),
            })?;
            tables.moved_on()?;
            Ok(points)
        })
    }

    /// The manifest of a point that is complete there was read back again; what is known of its packs stays as it is.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is not complete there; [`CatalogError::Unknown`].
    pub fn manifest_read(&self, medium: VaultId, point: PointOrder, evidence: Evidence) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let (point, row) = (tables.point(point)?, tables.placement(at, point)?);
            if row.state != State::Complete {
                return Err(refused("5.2", format_args!("point {} is {} there", point.order, row.state)));
            }
            tables.put_placement(at, &point, &PlacementRow { manifest: Some(evidence), ..row })
        })
    }
}

const fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Missing => "missing",
        Finding::Damaged => "damaged",
    }
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    fn may_name(&self, at: MediumNo, pack: PackNo) -> Result<Vec<PointOrder>> {
        let pack = self.pack(pack)?;
        let mut points = Vec::new();
        for order in self.kept_within(at, &pack)? {
            if self.placements.get(&(at, order))?.is_some_and(|row| row.state.is_there()) {
                points.push(order);
            }
        }
        Ok(points)
    }

    /// A pack's number, by its name.
    pub fn pack_number(&self, id: &PackId) -> Result<PackNo> {
        self.packs_by_id.get(id)?.ok_or_else(|| unknown(format_args!("pack {id}")))
    }

    fn job_of(&self, point: Option<&PointOrder>) -> Result<Option<JobId>> {
        point.map(|&order| self.point(order).map(|row| row.job)).transpose()
    }

    fn point_named(&self, name: PointName) -> Result<PointRow> {
        let point = self.point(name.order)?;
        if point.id == name.id { Ok(point) } else { Err(unknown(format_args!("point {name}"))) }
    }
}

impl Tables<'_, Writing> {
    fn pack_found(&mut self, medium: &MediumRow, id: &PackId, found: &Found<'_>) -> Result<Vec<PointOrder>> {
        let (at, pack) = (medium.number, self.pack_number(id)?);
        let before = self.pack_at.get(&(at, pack))?;
        if before.is_some_and(|row| row.state == PackState::Deleting) {
            return Ok(Vec::new());
        }
        let may = self.may_name(at, pack)?;
        let naming: Vec<_> = match found.naming {
            Naming::All => may,
            Naming::Exactly { looked_at, .. } if may.iter().any(|order| !looked_at.contains(order)) => {
                return Err(refused("5.2", format_args!("points that may name pack {id} came meanwhile")));
            }
            Naming::Exactly { naming, .. } => may.into_iter().filter(|order| naming.contains(order)).collect(),
        };
        let state = match found.finding {
            Finding::Missing => PackState::Missing,
            Finding::Damaged => PackState::Damaged,
        };
        let row = PackAtRow { state, evidence: None, bytes: self.pack(pack)?.bytes };
        self.put_pack_at(at, pack, Some(&row))?;
        for &order in &naming {
            let reason = format!("pack {id} is {}", word(found.finding));
            self.fall(at, order, State::Damaged, reason, found.now)?;
        }
        Ok(naming)
    }

    fn manifest_found(&mut self, medium: &MediumRow, name: PointName, found: &Found<'_>) -> Result<Vec<PointOrder>> {
        let order = self.point_named(name)?.order;
        let before = self.placements.get(&(medium.number, order))?;
        if !before.is_some_and(|row| row.state.is_there() || row.state == State::Missing) {
            return Ok(Vec::new());
        }
        let state = match found.finding {
            Finding::Missing => State::Missing,
            Finding::Damaged => State::Damaged,
        };
        self.fall(medium.number, order, state, format!("its manifest is {}", word(found.finding)), found.now)?;
        let row = self.placement(medium.number, order)?;
        self.placements.put(&(medium.number, order), &PlacementRow { manifest: None, ..row })?;
        Ok(vec![order])
    }

    fn fall(&mut self, at: MediumNo, order: PointOrder, state: State, reason: String, now: Time) -> Result<()> {
        let point = self.point(order)?;
        let row = self.placement(at, order)?;
        let row = PlacementRow { state, proof: Proof::None, reason, changed: now, ..row };
        self.put_placement(at, &point, &row)
    }

    fn pack_healed(&mut self, at: MediumNo, id: &PackId, evidence: Evidence) -> Result<Vec<PointOrder>> {
        let pack = self.pack_number(id)?;
        self.arrive(at, pack, Some(evidence))?;
        let mut damaged = Vec::new();
        for order in self.may_name(at, pack)? {
            if self.placement(at, order)?.state == State::Damaged {
                damaged.push(order);
            }
        }
        Ok(damaged)
    }

    fn manifest_healed(&mut self, at: MediumNo, name: PointName, evidence: Evidence) -> Result<Vec<PointOrder>> {
        let point = self.point_named(name)?;
        let row = self.placement(at, point.order)?;
        if !matches!(row.state, State::Missing | State::Damaged) {
            return match row.state {
                State::Present | State::Complete => Ok(Vec::new()),
                state => Err(refused("5.2", format_args!("point {} is {state} there", point.order))),
            };
        }
        let row = PlacementRow { state: State::Damaged, manifest: Some(evidence), ..row };
        self.put_placement(at, &point, &row)?;
        Ok(vec![point.order])
    }
}
