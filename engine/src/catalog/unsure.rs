//! Points of which it is not known what they need at a medium: their pack list could not be read whole there, or a head
//! tells of their manifest and it is gone. While one stands, any pack there may be its, and nothing is removed (D-3).
//!
//! In: manifests by name, as a session, a rebuild or a verify found them. Out: those that still stand. They are kept with
//! the medium, whatever becomes of the placement, until the list was read, the manifest went on purpose, or a person
//! gave them up. Deliberately absent: reading lists and heads.

use std::collections::BTreeSet;

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{Mark, MediumRow, PackNo};
use super::state::refused;
use super::tables::{Mode, Tables, Writing};
use crate::model::{JobId, ObjectName, PointId, PointOrder, State, VaultId, VaultPath};

/// The name under which a medium remembers them.
const UNSURE: &str = "unsure";
/// The name under which it remembers those that a person gave up.
const GIVEN_UP: &str = "unsure-given-up";

/// The packs that a manifest names, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackList<'p> {
    /// All of them.
    Whole(&'p [PackNo]),
    /// These, and it is not known which others.
    Part(&'p [PackNo]),
}

impl<'p> PackList<'p> {
    /// Those that are known.
    #[must_use]
    pub const fn known(self) -> &'p [PackNo] {
        match self {
            Self::Whole(packs) | Self::Part(packs) => packs,
        }
    }
}

impl Catalog {
    /// Manifests at a medium of which it is not known which packs they need there.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn unsure(&self, medium: VaultId) -> Result<BTreeSet<ObjectName>> {
        self.handle.read(|tables| Ok(named(&tables.medium(medium)?, UNSURE)))
    }

    /// A head tells of this manifest, and it is not there. Not noted again once a person gave it up.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn note_unsure(&self, medium: VaultId, manifest: &ObjectName) -> Result<()> {
        self.handle.write(|tables| tables.note_unsure(medium, manifest))
    }

    /// The list of a point was read whole, and each of its packs was looked at there.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn pack_list_read(&self, medium: VaultId, point: PointOrder, packs: &[PackNo]) -> Result<()> {
        self.handle.write(|tables| {
            let manifest = tables.point(point)?.manifest();
            for &pack in packs {
                tables.extend_interval(pack, point)?;
            }
            tables.sure_of(medium, &manifest)?;
            tables.moved_on()
        })
    }

    /// Drops those whose manifests are not in `listed` because they went on purpose: they were removed, evicted or are not
    /// wanted there.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn drop_unsure_gone(&self, medium: VaultId, listed: &BTreeSet<ObjectName>) -> Result<()> {
        if self.unsure(medium)?.iter().all(|manifest| listed.contains(manifest)) {
            return Ok(());
        }
        self.handle.write(|tables| {
            for manifest in named(&tables.medium(medium)?, UNSURE).difference(listed) {
                if tables.went_on_purpose(medium, manifest)? {
                    tables.sure_of(medium, manifest)?;
                }
            }
            Ok(())
        })
    }

    /// Was a manifest that is not at a medium removed there on purpose, or is it wanted no more?
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn went_on_purpose(&self, medium: VaultId, manifest: &ObjectName) -> Result<bool> {
        self.handle.read(|tables| tables.went_on_purpose(medium, manifest))
    }

    /// A person does not wait any longer for points of a job that heads tell of and that this catalog never saw: what may
    /// be theirs may go. Gives them.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn give_up_unsure(&self, job: JobId) -> Result<BTreeSet<PointId>> {
        self.handle.write(|tables| {
            let mut given_up = BTreeSet::new();
            for medium in tables.media_in_order()? {
                for manifest in named(&medium, UNSURE) {
                    let ObjectName::Point(of, name) = manifest else { continue };
                    if of == job && tables.points_by_id.get(&name.id)?.is_none() {
                        given_up.insert(name.id);
                        tables.change_unsure(medium.vault, UNSURE, &|all| all.remove(&manifest))?;
                        tables.change_unsure(medium.vault, GIVEN_UP, &|all| all.insert(manifest))?;
                    }
                }
            }
            if !given_up.is_empty() {
                tables.moved_on()?;
            }
            Ok(given_up)
        })
    }

    /// May a pack be needed at a medium, whether anything is known of it there or not?
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn is_pack_needed(&self, medium: VaultId, pack: PackNo) -> Result<bool> {
        self.handle.read(|tables| tables.is_needed(tables.number(medium)?, pack, &tables.pack(pack)?))
    }
}

fn named(medium: &MediumRow, mark: &str) -> BTreeSet<ObjectName> {
    let values = medium.marks.iter().filter(|known| known.name == mark).flat_map(|known| known.value.split(' '));
    values.filter_map(|path| ObjectName::at(&VaultPath::parse(path).ok()?)).collect()
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Nothing is removed where it is not known what is needed.
    pub fn is_sure_at(&self, medium: &MediumRow) -> Result<()> {
        match named(medium, UNSURE).first() {
            Some(manifest) => Err(refused("D-3", format_args!("which packs {manifest} needs there is not known"))),
            None => Ok(()),
        }
    }

    fn went_on_purpose(&self, medium: VaultId, manifest: &ObjectName) -> Result<bool> {
        let ObjectName::Point(job, name) = manifest else { return Ok(false) };
        let row = self.medium(medium)?;
        let point = self.points.get(&name.order)?.filter(|point| point.id == name.id);
        let placed = self.placements.get(&(row.number, name.order))?.map(|placed| placed.state);
        let is_leaving = self.removals.get(&(row.number, name.order))?.is_some();
        // A mark is of the newest evicted point; older ones may have been kept. A list that is late shows none of them.
        if point.is_some() && placed.is_some_and(State::is_there) && !is_leaving {
            return Ok(false);
        }
        let evicted = row.evicted.iter().any(|mark| mark.job == *job && mark.order >= name.order);
        if evicted || self.removed_unseen()?.contains(&name.id) {
            return Ok(true);
        }
        let is_unwanted = matches!(placed, Some(State::NotWanted | State::Evicted));
        Ok(point.is_some_and(|point| is_leaving || is_unwanted || point.removed.is_some()))
    }
}

impl Tables<'_, Writing> {
    /// It is not known what that manifest needs there.
    pub fn note_unsure(&mut self, medium: VaultId, manifest: &ObjectName) -> Result<()> {
        let row = self.medium(medium)?;
        if named(&row, UNSURE).contains(manifest) || named(&row, GIVEN_UP).contains(manifest) {
            return Ok(());
        }
        self.change_unsure(medium, UNSURE, &|all| all.insert(*manifest))?;
        self.moved_on()
    }

    /// What it needs there is known, or is nothing any more.
    pub fn sure_of(&mut self, medium: VaultId, manifest: &ObjectName) -> Result<()> {
        self.change_unsure(medium, UNSURE, &|all| all.remove(manifest))
    }

    fn change_unsure(
        &mut self,
        medium: VaultId,
        mark: &str,
        change: &dyn Fn(&mut BTreeSet<ObjectName>) -> bool,
    ) -> Result<()> {
        let mut row = self.medium(medium)?;
        let mut all = named(&row, mark);
        if !change(&mut all) {
            return Ok(());
        }
        row.marks.retain(|known| known.name != mark);
        if !all.is_empty() {
            let value = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            row.marks.push(Mark { name: mark.to_owned(), value });
        }
        self.media.put(&medium, &row)
    }
}
