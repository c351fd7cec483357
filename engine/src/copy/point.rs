//! One point to one medium: its packs, a last look, its manifest, the catalog.

use std::collections::BTreeMap;

use super::error::{CopyError, chain};
use super::evidence::{ReadBack, read_back};
use super::lists::{Lists, record_damage};
use super::send::{Load, Passed, send};
use super::session::Session;
use super::{Told, execute::Origin};
use crate::catalog::{Evidence, Finding, Leftover, NewCopy, PackNo, PackRow, PackState, PointRow, Side};
use crate::destination::ReadStore;
use crate::model::{Digest, ObjectName, PointName, PointOrder, State, Time};
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

fn numbers(session: &Session<'_>, names: &PackNames) -> Result<Vec<PackNo>, CopyError> {
    let unknown = |id| VaultError::Missing { object: format!("the pack {id} in the catalog") };
    let number = |id| Ok(session.tools.catalog.pack_by_id(id)?.ok_or_else(|| unknown(id))?.0);
    names.all().iter().map(number).collect()
}

/// Copies a point; returns its state there and the bytes that were sent.
///
/// # Errors
/// As the place, the origins and the catalog answer; the placement is then as [`Leftover`] says, checkpoints stay.
pub(super) fn copy_point(session: &Session<'_>, wanted: &Wanted<'_>) -> Result<(State, u64), CopyError> {
    let (catalog, medium, order) = (session.tools.catalog, session.medium, wanted.point.order);
    let home = wanted.origins.first().map_or(medium, |origin| origin.medium);
    let work = catalog.begin_copy(&NewCopy {
        from: home,
        to: medium,
        point: order,
        packs: &wanted.packs,
        expected: None,
        now: session.tools.clock.now(),
    })?;
    let told = session.tools.clock.monotonic();
    let mut progress = Progress { session, order, left: work.before, sent: 0, done: 0, total: 0, told };
    let outcome = move_objects(session, wanted, &work.absent, &work.unproven, &mut progress);
    match outcome {
        Ok(manifest) => {
            let state =
                catalog.settle_point(medium, order, &wanted.packs, Some(manifest), session.tools.clock.now())?;
            Ok((state, progress.sent))
        }
        Err(error) => {
            let (reason, left) = (chain(&error), left_there(session, wanted, progress.left));
            // What failed is what matters; a placement left `copying` is taken up again by the next session.
            let _ = catalog.fail_copy(medium, order, left, (&reason, session.tools.clock.now()));
            Err(error)
        }
    }
}

/// Whatever may lie there: if it can be seen that there is no manifest, there is none.
fn left_there(session: &Session<'_>, wanted: &Wanted<'_>, left: Leftover) -> Leftover {
    let is_absent = || {
        let found = session.store.stat(&wanted.object().path());
        matches!(found, Ok(None)) && session.store.still_there().is_ok()
    };
    if left != Leftover::NoManifest && is_absent() { Leftover::NoManifest } else { left }
}

fn move_objects(
    session: &Session<'_>,
    wanted: &Wanted<'_>,
    absent: &[PackNo],
    unproven: &[PackNo],
    progress: &mut Progress<'_>,
) -> Result<Evidence, CopyError> {
    let rows: BTreeMap<PackNo, PackRow> =
        wanted.packs.iter().copied().zip(session.tools.catalog.packs(&wanted.packs)?).collect();
    progress.total = absent.iter().map(|pack| rows[pack].bytes).sum::<u64>() + wanted.point.manifest_bytes;
    for pack in absent.iter().chain(unproven) {
        if (session.tools.stop)() {
            return Err(CopyError::Stopped);
        }
        bring_pack(session, wanted, *pack, &rows[pack], progress)?;
    }
    last_look(session, &rows)?;
    session.look_again()?;
    let object = wanted.object();
    let load = Load { object: &object, digest: &wanted.point.manifest_digest, bytes: wanted.point.manifest_bytes };
    if progress.left == Leftover::NoManifest {
        progress.left = Leftover::Unknown;
    }
    let evidence = from_any(session, wanted, load, progress)?;
    session.store.still_there()?;
    Ok(evidence)
}

/// A pack that lies there is read back; one that does not, or reads back wrong, is sent.
fn bring_pack(
    session: &Session<'_>,
    wanted: &Wanted<'_>,
    number: PackNo,
    row: &PackRow,
    progress: &mut Progress<'_>,
) -> Result<(), CopyError> {
    let (object, digest) = (ObjectName::Pack(row.id), Digest(row.id.0));
    let load = Load { object: &object, digest: &digest, bytes: row.bytes };
    let evidence = from_any(session, wanted, load, progress)?;
    Ok(session.tools.catalog.pack_arrived(session.medium, number, Some(evidence))?)
}

/// Sends from the first origin whose bytes are right; wrong ones are a finding there.
fn from_any(
    session: &Session<'_>,
    wanted: &Wanted<'_>,
    load: Load<'_>,
    progress: &mut Progress<'_>,
) -> Result<Evidence, CopyError> {
    let mut last = None;
    for origin in &wanted.origins {
        match send(session, origin.store, load, &mut |passed| progress.more(passed)) {
            Err(error @ CopyError::Source { .. }) => {
                look_at_origin(session, origin, load)?;
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
fn look_at_origin(session: &Session<'_>, origin: &Origin<'_>, load: Load<'_>) -> Result<(), CopyError> {
    let finding = match read_back(origin.store, &load.object.path(), load.digest, session.tools.clock) {
        Ok(ReadBack::Damaged) => Finding::Damaged,
        Ok(ReadBack::Missing) => Finding::Missing,
        Ok(ReadBack::Good(_)) | Err(_) => return Ok(()),
    };
    let now = session.tools.clock.now();
    let lists = Lists::new(session.tools.keyring, [(origin.medium, origin.store)]);
    record_damage(session.tools.catalog, &lists, (origin.medium, load.object), finding, now)?;
    let word = if finding == Finding::Damaged { "damaged" } else { "missing" };
    (session.tools.tell)(&Told::Note(format!("{}: {} is {word} there", origin.destination, load.object)));
    Ok(())
}

/// Damage at the session's own medium.
fn damaged(session: &Session<'_>, object: &ObjectName, finding: Finding, now: Time) -> Result<(), CopyError> {
    let lists = Lists::new(session.tools.keyring, [(session.medium, session.store as &dyn ReadStore)]);
    record_damage(session.tools.catalog, &lists, (session.medium, object), finding, now).map(drop)
}

/// DESIGN 5.2: every pack that the manifest names is there with its length.
fn last_look(session: &Session<'_>, rows: &BTreeMap<PackNo, PackRow>) -> Result<(), CopyError> {
    for row in rows.values() {
        let object = ObjectName::Pack(row.id);
        if session.store.stat(&object.path())? != Some(row.bytes) {
            session.store.still_there()?;
            let now = session.tools.clock.now();
            damaged(session, &object, Finding::Missing, now)?;
            return Err(VaultError::Missing { object: object.to_string() }.into());
        }
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
        match read_back(session.store, &object.path(), &Digest(row.id.0), session.tools.clock)? {
            ReadBack::Good(evidence) => catalog.pack_arrived(medium, *number, Some(evidence))?,
            ReadBack::Missing => damaged(session, &object, Finding::Missing, now())?,
            ReadBack::Damaged => damaged(session, &object, Finding::Damaged, now())?,
        }
    }
    let object = wanted.object();
    let manifest = match read_back(session.store, &object.path(), &wanted.point.manifest_digest, session.tools.clock)? {
        ReadBack::Good(evidence) => evidence,
        bad => {
            let finding = if bad == ReadBack::Missing { Finding::Missing } else { Finding::Damaged };
            damaged(session, &object, finding, now())?;
            return Ok(if finding == Finding::Missing { State::Missing } else { State::Damaged });
        }
    };
    Ok(catalog.settle_point(medium, wanted.point.order, &wanted.packs, Some(manifest), now())?)
}

/// Tells how far a copy came, a few times a second at most.
struct Progress<'p> {
    session: &'p Session<'p>,
    order: PointOrder,
    /// What lies there of the point, if the copy ends now.
    left: Leftover,
    sent: u64,
    done: u64,
    total: u64,
    told: std::time::Duration,
}

impl Progress<'_> {
    fn more(&mut self, passed: Passed) {
        self.done += match passed {
            Passed::Sent(bytes) => {
                self.sent += bytes;
                bytes
            }
            Passed::LayThere(bytes) => bytes,
        };
        let tools = &self.session.tools;
        let now = tools.clock.monotonic();
        if now.saturating_sub(self.told) >= std::time::Duration::from_millis(250) {
            self.told = now;
            let destination = self.session.destination.clone();
            (tools.tell)(&Told::Progress { destination, point: self.order, done: self.done, total: self.total });
            // For `status` and `points` only; a copy does not fail for it.
            let _ = tools.catalog.copy_progress(self.session.medium, self.order, self.done);
        }
    }
}

/// Reads a point's bytes back where it comes from, and records what was found there.
///
/// # Errors
/// [`CopyError::Source`] if they are not good: then nothing may be removed in the point's favour.
pub(super) fn read_origin(session: &Session<'_>, wanted: &Wanted<'_>, origin: &Origin<'_>) -> Result<(), CopyError> {
    let catalog = session.tools.catalog;
    for row in catalog.packs(&wanted.packs)? {
        check_origin(session, origin, &ObjectName::Pack(row.id), &Digest(row.id.0), row.bytes)?;
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
            look_at_origin(session, origin, Load { object, digest, bytes })?;
            Err(CopyError::Source {
                object: object.to_string(),
                why: "it is damaged or missing where it comes from".into(),
            })
        }
    }
}
