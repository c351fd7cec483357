//! D-3: before anything is deleted at a medium its points are listed, and every manifest that the catalog does not know
//! is read in. What the catalog believes there and is not, is found missing.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::error::{CopyError, chain};
use super::session::Session;
use crate::catalog::{ChunkRow, Finding, Found, Naming, NewJobIds, NewPack, PackNo, PointRow};
use crate::destination::ReadStore;
use crate::format::Manifest;
use crate::model::{JobId, ObjectName, PackId, PointName, PointOrder, VaultPath};
use crate::plan::Deletions;
use crate::vault::{PackNames, VaultError, VaultReader};

/// Compares what lies in `points/` with the catalog; says whether anything may be deleted.
pub(super) fn read_in(session: &Session<'_>) -> Result<Deletions, CopyError> {
    let listed = list_points(session.store)?;
    let known = known(session)?;
    for name in listed.keys() {
        session.tools.catalog.pass_order(name.order)?;
    }
    let removing: BTreeSet<PointOrder> =
        session.tools.catalog.unfinished_removals(session.medium)?.points.into_iter().collect();
    let mut deletions = Deletions::Allowed;
    for (name, job) in &listed {
        let is_removed = removing.contains(&name.order) && known.contains_key(name);
        if known.get(name) == Some(&true) || is_removed {
            continue;
        }
        if let Err(error) = read_in_point(session, *job, *name) {
            if error.ends_session() {
                return Err(error);
            }
            let why =
                format!("the manifest {} there can't be read in: {}", ObjectName::Point(*job, *name), chain(&error));
            (session.tools.tell)(&Told::Note(format!("{}: {why}; nothing is deleted there", session.destination)));
            deletions = Deletions::Refused(why);
        }
    }
    find_missing(session, &listed, &known, &removing)?;
    Ok(deletions)
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

/// Every manifest that lies there, by the names of the objects.
pub(super) fn list_points(store: &dyn ReadStore) -> Result<BTreeMap<PointName, JobId>, CopyError> {
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

/// Reads a manifest that the catalog does not know there, and notes its packs as present.
pub(super) fn read_in_point(session: &Session<'_>, job: JobId, name: PointName) -> Result<(), CopyError> {
    let other = session.tools.catalog.point(name.order)?.filter(|known| known.id != name.id);
    if let Some(known) = other {
        let why = format!("the point {} has the same place in the order: this computer was set back", known.name());
        return Err(VaultError::Foreign(why).into());
    }
    let reader = VaultReader::new(session.store, session.tools.keyring);
    let (manifest, digest, bytes) = reader.manifest(job, name)?;
    let names = PackNames::of(&manifest, &reader)?;
    let row = session.tools.catalog.ensure_job(&manifest.job_name, None, &NewJobIds { job, group: manifest.group })?;
    if row.id != job {
        return Err(VaultError::Foreign(format!("the job {} has another id here", manifest.job_name)).into());
    }
    let mut numbers = Vec::new();
    for pack in names.all() {
        numbers.extend(read_in_pack(session, &reader, &manifest, pack)?);
    }
    let point = point_row(&manifest, digest, bytes);
    let now = session.tools.clock.now();
    session.tools.catalog.read_in_point(session.medium, &point, &numbers, now)?;
    Ok(())
}

/// A pack that is missing is noted by the point that names it, not as present.
fn read_in_pack(
    session: &Session<'_>,
    reader: &VaultReader<'_>,
    manifest: &Manifest,
    pack: &PackId,
) -> Result<Option<PackNo>, CopyError> {
    let catalog = session.tools.catalog;
    if let Some((number, _)) = catalog.pack_by_id(pack)?
        && catalog.pack_at(session.medium, number)?.is_some()
    {
        return Ok(Some(number));
    }
    let Some(bytes) = session.store.stat(&ObjectName::Pack(*pack).path())? else {
        return Err(VaultError::Missing { object: ObjectName::Pack(*pack).to_string() }.into());
    };
    let (_, footer) = reader.footer(pack)?;
    let chunks = footer
        .chunks
        .iter()
        .map(|c| ChunkRow { id: c.id, offset: c.offset, stored: c.stored, plain: c.plain })
        .collect();
    Ok(Some(catalog.read_in_pack(session.medium, &NewPack { id: *pack, bytes, group: manifest.group, chunks })?))
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
                now: now,
            })?;
            (session.tools.tell)(&Told::Note(format!(
                "{}: the point {} is missing there",
                session.destination, point.id
            )));
        }
    }
    Ok(())
}
