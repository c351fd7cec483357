//! One point at one medium: what its manifest names, where that can come from, whether it is there and good.

use std::collections::BTreeMap;

use super::error::{CopyError, chain};
use super::evidence::{ReadBack, read_back};
use super::lists::{Lists, record_damage};
use super::mirrored::digest_of;
use super::send::{Lane, LiesThere, Load, Passed, send};
use super::session::Session;
use super::{Told, execute::Origin};
use crate::catalog::{Evidence, Finding, Leftover, PackNo, PackRow, PackState, PointRow, Side};
use crate::destination::ReadStore;
use crate::model::{Digest, ObjectName, PointName, PointOrder, State, Time, VaultPath};
use crate::vault::{PackNames, VaultError, VaultReader};

/// Where a point can come from, and which packs its manifest names.
pub(super) struct Wanted<'w> {
    pub point: PointRow,
    pub packs: Vec<PackNo>,
    pub origins: Vec<&'w Origin<'w>>,
}

impl Wanted<'_> {
    pub(super) fn object(&self) -> ObjectName {
        ObjectName::Point(self.point.job, PointName { order: self.point.order, id: self.point.id })
    }
}

/// The packs that a point's manifest names, read from the first origin that has it.
///
/// # Errors
/// If no origin's manifest can be read, or it names a pack that the catalog does not know.
pub(super) fn wanted<'w>(
    session: &Session<'_>,
    order: PointOrder,
    origins: Vec<&'w Origin<'w>>,
) -> Result<Wanted<'w>, CopyError> {
    let catalog = session.tools.catalog;
    let point = catalog.point(order)?.ok_or_else(|| VaultError::Missing { object: format!("the point {order}") })?;
    let name = PointName { order, id: point.id };
    let mut why = "no place that has it is there now".to_owned();
    if session.store.mirror().is_some() {
        let objects = catalog.mirrored(order)?.map(|row| row.objects());
        return match objects {
            Some(objects) => Ok(Wanted { point, packs: sorted(catalog.pack_numbers(&objects)?), origins }),
            None => Err(unread(format!("points/{}/{name}", point.job))),
        };
    }
    for origin in &origins {
        let reader = VaultReader::new(origin.store, session.tools.keyring);
        match reader.manifest(point.job, name).and_then(|(manifest, ..)| PackNames::of(&manifest, &reader)) {
            Ok(names) => {
                let packs = numbers(session, &names)?;
                return Ok(Wanted { point, packs, origins });
            }
            Err(error) => why = format!("at {}: {}", origin.destination, chain(&error)),
        }
    }
    Err(CopyError::Source { object: format!("points/{}/{name}", point.job), why })
}

fn sorted(mut packs: Vec<PackNo>) -> Vec<PackNo> {
    packs.sort_unstable();
    packs.dedup();
    packs
}

fn unread(object: String) -> CopyError {
    CopyError::Source { object, why: "which files it holds could not be read anywhere".to_owned() }
}

fn numbers(session: &Session<'_>, names: &PackNames) -> Result<Vec<PackNo>, CopyError> {
    let unknown = |id| VaultError::Missing { object: format!("the pack {id} in the catalog") };
    let number = |id| Ok(session.tools.catalog.pack_by_id(id)?.ok_or_else(|| unknown(id))?.0);
    names.all().iter().map(number).collect()
}

/// Whatever may lie there: if it can be seen that there is no manifest, there is none.
pub(super) fn left_there(lane: Lane<'_>, wanted: &Wanted<'_>, left: Leftover) -> Leftover {
    let is_absent = || {
        let found = lane.store.stat(&wanted.object().path());
        matches!(found, Ok(None)) && lane.store.still_there().is_ok()
    };
    if left != Leftover::NoManifest && is_absent() { Leftover::NoManifest } else { left }
}

/// Sends from the first origin whose bytes are right; wrong ones are a finding there.
///
/// # Errors
/// As [`send`].
pub(super) fn send_from_any(
    lane: Lane<'_>,
    wanted: &Wanted<'_>,
    load: Load<'_>,
    passed: &mut dyn FnMut(Passed),
) -> Result<Evidence, CopyError> {
    let mut last = None;
    for origin in &wanted.origins {
        match send(lane, origin.store, load, passed) {
            Err(error @ CopyError::Source { .. }) => {
                look_at_origin(lane, origin, load)?;
                last = Some(error);
            }
            outcome => return outcome,
        }
    }
    let why = "no place that has it is there now".to_owned();
    Err(last.unwrap_or(CopyError::Source { object: load.object.to_string(), why }))
}

/// An object that could not be sent is looked at where it came from: if it is damaged or missing there, the catalog
/// learns it, and deduplication stops relying on it.
fn look_at_origin(lane: Lane<'_>, origin: &Origin<'_>, load: Load<'_>) -> Result<(), CopyError> {
    let is_file = |store: &dyn ReadStore| store.mirror().is_some_and(|index| index.file_of(load.object).is_some());
    if is_file(lane.store) && !is_file(origin.store) {
        // It is put together from packs there: which of them is bad, reading that place back tells.
        return Ok(());
    }
    let finding = match read_back(origin.store, &load.object.path(), load.digest, lane.tools.clock) {
        Ok(ReadBack::Damaged) => Finding::Damaged,
        Ok(ReadBack::Missing) => Finding::Missing,
        Ok(ReadBack::Good(_)) | Err(_) => return Ok(()),
    };
    let now = lane.tools.clock.now();
    let lists = Lists::new(lane.tools.keyring, [(origin.medium, origin.store)]);
    record_damage(lane.tools.catalog, &lists, (origin.medium, load.object), finding, now)?;
    let word = if finding == Finding::Damaged { "damaged" } else { "missing" };
    (lane.tools.tell)(&Told::Note(format!("{}: {} is {word} there", origin.destination, load.object)));
    Ok(())
}

/// Damage at the session's own medium.
fn damaged(lane: Lane<'_>, object: &ObjectName, finding: Finding, now: Time) -> Result<(), CopyError> {
    let lists = Lists::new(lane.tools.keyring, [(lane.medium, lane.store as &dyn ReadStore)]);
    record_damage(lane.tools.catalog, &lists, (lane.medium, object), finding, now).map(drop)
}

/// DESIGN 5.2: every pack that the manifest names is there with its length.
///
/// # Errors
/// If one is not, which is recorded, or as the place answers.
pub(super) fn last_look(lane: Lane<'_>, packs: &[(PackNo, PackRow)]) -> Result<(), CopyError> {
    let mut folders: BTreeMap<VaultPath, Vec<&PackRow>> = BTreeMap::new();
    for (_, row) in packs {
        folders.entry(ObjectName::Pack(row.id).path().folder()).or_default().push(row);
    }
    folders.iter().try_for_each(|(folder, rows)| look_in(lane, folder, rows))
}

/// At a server one list stands for many looks. What it shows with its length is there; what it does not may be there all
/// the same, where lists are late.
fn look_in(lane: Lane<'_>, folder: &VaultPath, rows: &[&PackRow]) -> Result<(), CopyError> {
    let listed = match rows.len() > 1 && lane.store.lanes() > 1 {
        true => lane.store.list(folder)?,
        false => Vec::new(),
    };
    let listed: BTreeMap<VaultPath, Option<u64>> = listed.into_iter().map(|it| (it.path, it.bytes)).collect();
    for row in rows {
        let object = ObjectName::Pack(row.id);
        let path = object.path();
        if listed.get(&path) == Some(&Some(row.bytes)) || lane.store.stat(&path)? == Some(row.bytes) {
            continue;
        }
        lane.store.still_there()?;
        damaged(lane, &object, Finding::Missing, lane.tools.clock.now())?;
        return Err(VaultError::Missing { object: object.to_string() }.into());
    }
    Ok(())
}

/// Takes the evidence that a placement lacks: every object that it names is read back there.
///
/// # Errors
/// As the place answers; damage is recorded and is no error.
pub(super) fn verify_point(session: &Session<'_>, wanted: &Wanted<'_>) -> Result<State, CopyError> {
    let (catalog, medium, now) = (session.tools.catalog, session.medium, || session.tools.clock.now());
    for (number, row) in wanted.packs.iter().zip(catalog.packs(&wanted.packs)?) {
        if (session.tools.stop)() {
            return Err(CopyError::Stopped);
        }
        let object = ObjectName::Pack(row.id);
        let known = catalog.pack_at(medium, *number)?.filter(|at| at.state == PackState::Present);
        // The same at home: that it was written is not yet that it reads back.
        if known.and_then(|at| at.evidence).is_some_and(|evidence| evidence.suffices(Side::Offsite)) {
            continue;
        }
        match read_back(session.store, &object.path(), &digest_of(session.store, &row.id), session.tools.clock)? {
            ReadBack::Good(evidence) => catalog.pack_arrived(medium, *number, Some(evidence))?,
            ReadBack::Missing => damaged(session.lane(), &object, Finding::Missing, now())?,
            ReadBack::Damaged => damaged(session.lane(), &object, Finding::Damaged, now())?,
        }
    }
    let object = wanted.object();
    let manifest = match read_back(session.store, &object.path(), &wanted.point.manifest_digest, session.tools.clock)? {
        ReadBack::Good(evidence) => evidence,
        bad => {
            let finding = if bad == ReadBack::Missing { Finding::Missing } else { Finding::Damaged };
            damaged(session.lane(), &object, finding, now())?;
            return Ok(if finding == Finding::Missing { State::Missing } else { State::Damaged });
        }
    };
    Ok(catalog.settle_point(medium, wanted.point.order, &wanted.packs, Some(manifest), now())?)
}

/// Reads a point's bytes back where it comes from, and records what was found there.
///
/// # Errors
/// [`CopyError::Source`] if they are not good: then nothing may be removed in the point's favour.
pub(super) fn read_origin(session: &Session<'_>, wanted: &Wanted<'_>, origin: &Origin<'_>) -> Result<(), CopyError> {
    let catalog = session.tools.catalog;
    for row in catalog.packs(&wanted.packs)? {
        check_origin(session, origin, &ObjectName::Pack(row.id), &digest_of(session.store, &row.id), row.bytes)?;
    }
    check_origin(session, origin, &wanted.object(), &wanted.point.manifest_digest, wanted.point.manifest_bytes)?;
    Ok(catalog.set_proof(
        origin.medium,
        wanted.point.order,
        crate::model::Proof::BytesRead,
        session.tools.clock.now(),
    )?)
}

fn check_origin(
    session: &Session<'_>,
    origin: &Origin<'_>,
    object: &ObjectName,
    digest: &Digest,
    bytes: u64,
) -> Result<(), CopyError> {
    match read_back(origin.store, &object.path(), digest, session.tools.clock)? {
        ReadBack::Good(_) => Ok(()),
        _ => {
            look_at_origin(session.lane(), origin, Load { object, digest, bytes, lies_there: LiesThere::Perhaps })?;
            Err(CopyError::Source {
                object: object.to_string(),
                why: "it is damaged or missing where it comes from".into(),
            })
        }
    }
}
