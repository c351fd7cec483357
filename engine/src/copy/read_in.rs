//! D-3: before anything is deleted at a medium its points are listed, and every manifest that the catalog does not know
//! is read in. What the catalog believes there and is not, is found missing.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::error::{CopyError, chain};
use super::lists::{Listing, Lists};
use super::session::Session;
use super::unsure::unsure;
use crate::catalog::{self, Catalog, ChunkRow, Finding, Found, Naming, NewJobIds, NewPack, PackList, PackNo, PointRow};
use crate::destination::ReadStore;
use crate::format::{FooterEntry, Manifest, PackFooter};
use crate::model::{GroupId, JobId, ObjectName, PackId, PointName, PointOrder, State, Time, VaultId, VaultPath};
use crate::plan::Deletions;
use crate::seal::Keyring;
use crate::vault::{FoundHead, VaultError, VaultReader};

/// A place whose objects are read in.
pub(crate) struct ReadIn<'r> {
    pub catalog: &'r Catalog,
    pub keyring: &'r Keyring,
    pub store: &'r dyn ReadStore,
    pub medium: VaultId,
    /// Pack lists, of this place and of others where it has not got them whole.
    pub lists: &'r Lists<'r>,
    pub now: Time,
}

/// Compares what lies in `points/` with the catalog, and with what the heads there tell; says whether anything may be
/// deleted.
pub(super) fn read_in(session: &Session<'_>, heads: &[FoundHead]) -> Result<Deletions, CopyError> {
    let listed = list_points(session.store)?;
    let known = known(session)?;
    for name in listed.keys() {
        session.tools.catalog.pass_order(name.order)?;
    }
    let removing: BTreeSet<PointOrder> =
        session.tools.catalog.unfinished_removals(session.medium)?.points.into_iter().collect();
    let lists = Lists::new(session.tools.keyring, [(session.medium, session.store as &dyn ReadStore)]);
    let at = ReadIn {
        catalog: session.tools.catalog,
        keyring: session.tools.keyring,
        store: session.store,
        medium: session.medium,
        lists: &lists,
        now: session.tools.clock.now(),
    };
    let mut deletions = Deletions::Allowed;
    for (name, job) in &listed {
        let is_removed = removing.contains(&name.order) && known.contains_key(name);
        if known.get(name) == Some(&true) || is_removed {
            continue;
        }
        if let Err(error) = at.point(*job, *name) {
            if error.ends_session() {
                return Err(error);
            }
            if is_late(&at, &ObjectName::Point(*job, *name), &error)? {
                continue;
            }
            let why =
                format!("the manifest {} there can't be read in: {}", ObjectName::Point(*job, *name), chain(&error));
            (session.tools.tell)(&Told::Note(format!("{}: {why}; nothing is deleted there", session.destination)));
            deletions = Deletions::Refused(why);
        }
    }
    find_missing(session, &listed, &known, &removing)?;
    Ok(unsure(session, &at, heads, &listed)?.map_or(deletions, Deletions::Refused))
}

/// Does only a list that is late still show it? It went on purpose, and a read does not find it.
fn is_late(at: &ReadIn<'_>, manifest: &ObjectName, error: &CopyError) -> Result<bool, CopyError> {
    let is_missing =
        matches!(error, CopyError::Vault(VaultError::Missing { object }) if *object == manifest.path().to_string());
    if !is_missing || !at.catalog.went_on_purpose(at.medium, manifest)? {
        return Ok(false);
    }
    at.store.still_there()?;
    Ok(true)
}

/// The points that the catalog has a placement of there, and whether they are. By their names: after a catalog was set
/// back, another point may have the same place in the order.
fn known(session: &Session<'_>) -> Result<BTreeMap<PointName, bool>, CopyError> {
    let catalog = session.tools.catalog;
    let mut known = BTreeMap::new();
    for (order, row) in catalog.placements_at(session.medium)? {
        if let Some(point) = catalog.point(order)? {
            known.insert(point.name(), row.state.is_there());
        }
    }
    Ok(known)
}

/// The other point that the catalog has in the place of this one: it was made before this computer was set back, or
/// after. The catalog holds one of them only; nothing is deleted where the other one lies.
///
/// # Errors
/// As the catalog answers.
pub(crate) fn twin(catalog: &Catalog, name: PointName) -> catalog::Result<Option<PointRow>> {
    Ok(catalog.point(name.order)?.filter(|known| known.id != name.id))
}

/// The same, for people.
pub(crate) fn twin_text(name: PointName, known: &PointRow) -> String {
    let (id, other) = (name.id, known.id);
    format!(
        "the point {id} has the same place in the order as {other}, for this computer was set back between the two; \
         `engine recover --point {id}` restores it"
    )
}

/// Every manifest that lies there, by the names of the objects.
pub(crate) fn list_points(store: &dyn ReadStore) -> Result<BTreeMap<PointName, JobId>, CopyError> {
    let folder = VaultPath::parse("points").expect("a constant");
    let mut found = BTreeMap::new();
    for job in store.list(&folder)?.iter().filter(|listed| listed.bytes.is_none()) {
        for listed in store.list(&job.path)? {
            if let Some(ObjectName::Point(job, name)) = ObjectName::at(&listed.path) {
                found.insert(name, job);
            }
        }
    }
    Ok(found)
}

impl ReadIn<'_> {
    /// Reads a manifest that the catalog does not know there, and notes its packs: present if they are there with their
    /// length and a footer that opens, else damaged or missing, and the point damaged with them.
    ///
    /// # Errors
    /// If the manifest can't be read; as the place and the catalog answer.
    pub fn point(&self, job: JobId, name: PointName) -> Result<State, CopyError> {
        if let Some(known) = twin(self.catalog, name)? {
            return Err(VaultError::Foreign(twin_text(name, &known)).into());
        }
        let reader = VaultReader::new(self.store, self.keyring);
        let (manifest, digest, bytes) = reader.manifest(job, name)?;
        let row = point_row(&manifest, digest, bytes);
        let ids = NewJobIds { job, group: manifest.group };
        let known = self.catalog.ensure_job(&manifest.job_name, None, &ids)?;
        if known.id != job {
            return Err(VaultError::Foreign(format!("the job {} has another id here", manifest.job_name)).into());
        }
        self.listed_point(&row, &self.lists.of(self.store, &manifest)?)
    }

    /// A point that is known from elsewhere, and whose manifest here is bad or gone although it should be here.
    ///
    /// # Errors
    /// As the place and the catalog answer.
    pub fn bad_point(&self, point: &PointRow, listing: &Listing, finding: Finding) -> Result<(), CopyError> {
        self.listed_point(point, listing)?;
        let (object, naming) = (point.manifest(), Naming::All);
        let found = Found { medium: self.medium, object: &object, finding, naming: &naming, now: self.now };
        self.catalog.found_damaged(&found)?;
        Ok(())
    }

    fn listed_point(&self, point: &PointRow, listing: &Listing) -> Result<State, CopyError> {
        if !listing.is_whole() {
            // At a place that is gone nothing is lost.
            self.store.still_there()?;
        }
        let numbers = self.packs(point, listing)?;
        let list = if listing.is_whole() { PackList::Whole(&numbers) } else { PackList::Part(&numbers) };
        Ok(self.catalog.read_in_point(self.medium, point, list, self.now)?)
    }

    /// A list that was read whole, of a point that is known here: each of its packs as it lies here.
    ///
    /// # Errors
    /// As the place and the catalog answer.
    pub fn list(&self, point: &PointRow, listing: &Listing) -> Result<Vec<PackNo>, CopyError> {
        let numbers = self.packs(point, listing)?;
        self.catalog.pack_list_read(self.medium, point.order, &numbers)?;
        Ok(numbers)
    }

    fn packs(&self, point: &PointRow, listing: &Listing) -> Result<Vec<PackNo>, CopyError> {
        let reader = VaultReader::new(self.store, self.keyring);
        listing.packs.iter().map(|pack| self.pack(&reader, point.group, pack)).collect()
    }

    /// One pack as it lies here: its number.
    ///
    /// # Errors
    /// As the place and the catalog answer.
    pub fn pack(&self, reader: &VaultReader<'_>, group: GroupId, pack: &PackId) -> Result<PackNo, CopyError> {
        let known = self.catalog.pack_by_id(pack)?;
        if let Some((number, _)) = known
            && self.catalog.pack_at(self.medium, number)?.is_some()
        {
            return Ok(number);
        }
        let bad = |finding| Ok(self.catalog.read_in_bad(self.medium, *pack, group, finding)?);
        let Some(bytes) = self.store.stat(&ObjectName::Pack(*pack).path())? else {
            self.store.still_there()?;
            return bad(Finding::Missing);
        };
        let file = self.store.mirror().and_then(|index| index.file(pack)).map(|file| file.bytes);
        let chunks = match file.or(known.map(|(_, row)| row.bytes).filter(|bytes| *bytes > 0)) {
            Some(wanted) if wanted == bytes => Vec::new(),
            Some(_) => return bad(Finding::Damaged),
            None => match reader.footer(group, pack) {
                Ok(footer) => rows(&footer),
                Err(error) if error.is_damage() => return bad(Finding::Damaged),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(self.catalog.read_in_pack(self.medium, &NewPack { id: *pack, bytes, group, chunks })?)
    }
}

fn rows(footer: &PackFooter) -> Vec<ChunkRow> {
    let row = |c: &FooterEntry| ChunkRow { id: c.id, offset: c.offset, stored: c.stored, plain: c.plain };
    footer.chunks.iter().map(row).collect()
}

/// The catalog's row of a point that was read from its manifest.
pub(crate) fn point_row(manifest: &Manifest, digest: crate::model::Digest, bytes: u64) -> PointRow {
    PointRow {
        order: manifest.name.order,
        id: manifest.name.id,
        job: manifest.job,
        group: manifest.group,
        created: manifest.created,
        files: manifest.stats.files,
        bytes: manifest.stats.bytes,
        stored_bytes: manifest.stats.stored_bytes,
        entries: manifest.stats.entries,
        base: manifest.base,
        pinned: false,
        manifest_bytes: bytes,
        manifest_digest: digest,
        key_epoch: manifest.key_epoch,
        removed: None,
    }
}

/// Points that the catalog believes there and that were not listed: each is looked for by name before it is believed.
fn find_missing(
    session: &Session<'_>,
    listed: &BTreeMap<PointName, JobId>,
    known: &BTreeMap<PointName, bool>,
    removing: &BTreeSet<PointOrder>,
) -> Result<(), CopyError> {
    let is_absent = |name: &PointName| !listed.contains_key(name) && !removing.contains(&name.order);
    for (name, _) in known.iter().filter(|(name, is_there)| **is_there && is_absent(name)) {
        let Some(point) = session.tools.catalog.point(name.order)? else { continue };
        let object = ObjectName::Point(point.job, *name);
        if session.store.stat(&object.path())?.is_none() {
            session.store.still_there()?;
            let now = session.tools.clock.now();
            session.tools.catalog.found_damaged(&Found {
                medium: session.medium,
                object: &object,
                finding: Finding::Missing,
                naming: &Naming::All,
                now,
            })?;
            (session.tools.tell)(&Told::Note(format!(
                "{}: the point {} is missing there",
                session.destination, point.id
            )));
        }
    }
    Ok(())
}
