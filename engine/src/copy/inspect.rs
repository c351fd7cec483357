//! Reads back everything that lies at a medium, or should: packs and manifests here, the other files in
//! `inspect_files`, a part of the objects in `inspect_part`.
//!
//! In: a place, the catalog, the pack lists. Out: what is damaged or missing, each with the points that need it, and the
//! catalog that knows it; evidence for what is good. Reading needs no session and writes nothing to the place; the
//! caller holds the medium's work lock, so that nothing is written or removed there meanwhile.
//! Deliberately absent: repair (`heal`); objects that nothing refers to, which a session sweeps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::{CopyError, chain};
use super::evidence::{ReadBack, read_back};
use super::inspect_part::Drawn;
use super::lists::{Listing, Lists, mark_damage};
use super::mirrored::digest_of;
use super::read_in::{ReadIn, list_points, twin};
use super::{Told, Tools};
use crate::catalog::{Evidence, Finding, Naming, PackAtRow, PackNo, PackRow, PackState, PlacementRow, PointRow};
use crate::destination::{ErrorKind, ReadStore};
use crate::model::{
    DestinationName, Digest, JobId, ObjectName, PackId, PointName, PointOrder, State, VaultId, VaultPath, reason,
};
use crate::vault::{FoundKeys, VaultError, VaultReader};

/// A place that is read back.
pub struct Inspected<'i> {
    /// What is worked with.
    pub tools: Tools<'i>,
    /// Its medium.
    pub medium: VaultId,
    /// Its destination.
    pub destination: DestinationName,
    /// The place.
    pub store: &'i dyn ReadStore,
    /// Pack lists, from this place and all others.
    pub lists: &'i Lists<'i>,
    /// The newest key slots that any place has.
    pub keys: Option<&'i FoundKeys>,
    /// Told of bytes read, and of bytes in all.
    pub progress: &'i dyn Fn(u64, u64),
}

/// Something at a place that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where it lies, or should.
    pub path: VaultPath,
    /// In which way.
    pub finding: Finding,
    /// For people.
    pub problem: String,
    /// The points that need it there.
    pub points: BTreeSet<PointOrder>,
    /// Was it replaced?
    pub healed: bool,
}

/// Something at a place that it refuses to read out: what is there is not known, and nothing is recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Where it lies; a folder where its names are refused.
    pub path: VaultPath,
    /// For people.
    pub problem: String,
}

/// What reading a place back came to, as far as it came.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Objects read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it should be.
    pub flaws: Vec<Flaw>,
    /// What the place refuses to read out.
    pub unread: Vec<Unread>,
    /// Packs and manifests that were asked for and not come to: for lack of time, or because it ended early.
    pub left: u64,
    /// What a random sample shows, if one was asked for.
    pub sample: Option<Drawn>,
    /// Points that something is wrong with, and the evidence of their manifests: settled once they are healed.
    pub(super) unsettled: BTreeMap<PointOrder, Option<Evidence>>,
}

impl<'i> Inspected<'i> {
    fn reading(&self) -> ReadIn<'i> {
        let Tools { catalog, keyring, clock, .. } = self.tools;
        ReadIn { catalog, keyring, store: self.store, medium: self.medium, lists: self.lists, now: clock.now() }
    }
}

impl Flaw {
    pub(super) fn new(path: VaultPath, finding: Finding, problem: impl Into<String>) -> Self {
        Self { path, finding, problem: problem.into(), points: BTreeSet::new(), healed: false }
    }
}

impl Inspection {
    /// Takes an error as what it says of one object: that the place refuses it. Any other error stays one.
    ///
    /// # Errors
    /// The error, if it is no refusal, or the place is there no more.
    pub(super) fn refused(&mut self, at: &Inspected<'_>, path: VaultPath, error: CopyError) -> Result<(), CopyError> {
        match error {
            CopyError::Vault(VaultError::Store(refusal)) if refusal.kind == ErrorKind::Denied => {
                at.store.still_there()?;
                let problem = format!("could not be read: {}", reason(&refusal.source));
                self.unread.push(Unread { path, problem });
                Ok(())
            }
            other => Err(other),
        }
    }
}

/// Reads every pack and manifest back that should be there, and takes in what the catalog does not know.
///
/// # Errors
/// If the place can't be asked any more, or it was told to stop; what was found until then is in `found`.
pub fn inspect_objects(at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
    let there = There::of(at, found)?;
    let mut look = there.look(at, found, Extent::All)?;
    let looked = look.all(&there).and_then(|()| look.twins(&there.twins));
    // What was found counts, even if the look ended early: a drive that fails is when it matters.
    look.mark()?;
    looked
}

/// What should lie at a place.
pub(super) struct There {
    pub(super) packs: Vec<(PackNo, PackRow, PackAtRow)>,
    pub(super) points: Vec<(PointRow, PlacementRow)>,
    pub(super) twins: Vec<(JobId, PointName)>,
}

impl There {
    /// Takes in what the catalog does not know.
    pub(super) fn of(at: &Inspected<'_>, found: &mut Inspection) -> Result<Self, CopyError> {
        let twins = read_in_unknown(at, found)?;
        let packs = packs(at)?;
        Ok(Self { packs, points: points(at)?, twins })
    }

    pub(super) fn look<'l>(
        &self,
        at: &'l Inspected<'l>,
        found: &'l mut Inspection,
        extent: Extent,
    ) -> Result<Look<'l>, CopyError> {
        let unsure = at.tools.catalog.unsure(at.medium)?;
        nowhere(at, &unsure, found)?;
        let total = self.packs.iter().map(|(_, row, _)| row.bytes).sum::<u64>()
            + self.points.iter().map(|(point, _)| point.manifest_bytes).sum::<u64>();
        let (packs, named) = (BTreeMap::new(), BTreeMap::new());
        Ok(Look { at, found, total, told: Duration::ZERO, packs, named, unsure, extent })
    }
}

/// How much of a place is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every object.
    All,
    /// Some: a pack that was not looked at is neither good nor bad.
    Part,
}

/// Packs that should lie there.
pub(super) fn packs(at: &Inspected<'_>) -> Result<Vec<(PackNo, PackRow, PackAtRow)>, CopyError> {
    Ok(at.tools.catalog.packs_at(at.medium)?.into_iter().filter(|(.., known)| expected(known)).collect())
}

/// Points that a head tells of, and that lie nowhere that was read: nothing can heal them yet.
fn nowhere(at: &Inspected<'_>, unsure: &BTreeSet<ObjectName>, found: &mut Inspection) -> Result<(), CopyError> {
    for manifest in unsure {
        let ObjectName::Point(_, name) = manifest else { continue };
        if at.tools.catalog.point_by_id(name.id)?.is_none() {
            let problem = "missing: a head there tells of it";
            found.flaws.push(Flaw::new(manifest.path(), Finding::Missing, problem));
        }
    }
    Ok(())
}

const fn expected(known: &PackAtRow) -> bool {
    !matches!(known.state, PackState::Deleting)
}

/// Points whose manifest should lie there.
pub(super) fn points(at: &Inspected<'_>) -> Result<Vec<(PointRow, PlacementRow)>, CopyError> {
    let catalog = at.tools.catalog;
    let mut points = Vec::new();
    for (order, placement) in catalog.placements_at(at.medium)? {
        if placement.state.is_there() || placement.state == State::Missing {
            points.extend(catalog.point(order)?.map(|point| (point, placement)));
        }
    }
    Ok(points)
}

/// Takes in manifests that lie there and that the catalog does not know there; gives those that it can't hold, for another
/// point has their place in the order.
fn read_in_unknown(at: &Inspected<'_>, found: &mut Inspection) -> Result<Vec<(JobId, PointName)>, CopyError> {
    let catalog = at.tools.catalog;
    let removing: BTreeSet<PointOrder> = catalog.unfinished_removals(at.medium)?.points.into_iter().collect();
    let reading = at.reading();
    let listed = match list_points(at.store) {
        Ok(listed) => listed,
        Err(error) => {
            found.refused(at, VaultPath::parse("points").expect("a constant"), error)?;
            return Ok(Vec::new());
        }
    };
    let mut twins = Vec::new();
    for (name, job) in listed {
        if twin(catalog, name)?.is_some() {
            twins.push((job, name));
            continue;
        }
        let placed = catalog.placement(at.medium, name.order)?;
        let settled = placed.is_some_and(|row| row.state.is_there() || row.state == State::Missing);
        if settled || removing.contains(&name.order) {
            continue;
        }
        match reading.point(job, name) {
            Ok(_) => {}
            Err(error) if error.ends_session() => {
                found.refused(at, ObjectName::Point(job, name).path(), error)?;
            }
            Err(error) => unreadable(at, &reading, ObjectName::Point(job, name), &error, found)?,
        }
    }
    Ok(twins)
}

/// A manifest that lies there and does not open: of a point that is known from elsewhere it is one more damaged object.
fn unreadable(
    at: &Inspected<'_>,
    reading: &ReadIn<'_>,
    object: ObjectName,
    error: &CopyError,
    found: &mut Inspection,
) -> Result<(), CopyError> {
    let ObjectName::Point(job, name) = object else { return Ok(()) };
    if matches!(error, CopyError::Vault(VaultError::LaterKeys { .. })) {
        found.unread.push(Unread { path: object.path(), problem: chain(error) });
        return Ok(());
    }
    let known = at.tools.catalog.point(name.order)?.filter(|point| point.id == name.id && point.job == job);
    // What no place can tell now is not known: the manifest is damaged all the same.
    match known.zip(at.lists.named(at.store, job, name).ok().flatten()) {
        Some((point, listing)) => reading.bad_point(&point, &listing, Finding::Damaged),
        None => {
            let problem = format!("damaged: {}", chain(error));
            found.flaws.push(Flaw::new(object.path(), Finding::Damaged, problem));
            Ok(())
        }
    }
}

/// One look at a place.
pub(super) struct Look<'l> {
    pub(super) at: &'l Inspected<'l>,
    pub(super) found: &'l mut Inspection,
    total: u64,
    told: Duration,
    /// Every pack that was looked at, and what was seen of it.
    pub(super) packs: BTreeMap<PackId, PackSeen>,
    /// The points that name a bad pack.
    pub(super) named: BTreeMap<PackId, BTreeSet<PointOrder>>,
    /// Manifests of which it was not known which packs they need there.
    unsure: BTreeSet<ObjectName>,
    extent: Extent,
}

/// What was seen of a pack.
#[derive(Clone, Copy)]
pub(super) enum PackSeen {
    Good,
    Bad(Finding),
    Unread,
}

/// What was seen of an object.
pub(super) enum Seen {
    Good(Evidence),
    Bad(Finding),
    Unread,
}

/// The packs of a point that are not good there.
#[derive(Default)]
pub(super) struct NotGood {
    pub(super) bad: Vec<PackId>,
    unread: bool,
    /// There are some that were not looked at.
    left_out: bool,
}

impl Look<'_> {
    fn all(&mut self, there: &There) -> Result<(), CopyError> {
        self.found.left = (there.packs.len() + there.points.len()) as u64;
        for (number, row, known) in &there.packs {
            self.pack(*number, row, known)?;
            self.found.left -= 1;
        }
        for (point, placement) in &there.points {
            self.point(point, placement)?;
            self.found.left -= 1;
        }
        Ok(())
    }

    pub(super) fn pack(&mut self, number: PackNo, row: &PackRow, known: &PackAtRow) -> Result<(), CopyError> {
        let (catalog, medium, object) = (self.at.tools.catalog, self.at.medium, ObjectName::Pack(row.id));
        let seen = self.read(&object, &digest_of(self.at.store, &row.id), row.bytes)?;
        let seen = match seen {
            Seen::Good(evidence) => {
                match known.state {
                    PackState::Present => catalog.pack_arrived(medium, number, Some(evidence))?,
                    _ => drop(catalog.healed(medium, &object, evidence)?),
                }
                PackSeen::Good
            }
            Seen::Bad(finding) => PackSeen::Bad(finding),
            Seen::Unread => PackSeen::Unread,
        };
        self.packs.insert(row.id, seen);
        Ok(())
    }

    pub(super) fn point(&mut self, point: &PointRow, placement: &PlacementRow) -> Result<(), CopyError> {
        let (catalog, medium, object) = (self.at.tools.catalog, self.at.medium, point.manifest());
        let seen = self.read(&object, &point.manifest_digest, point.manifest_bytes)?;
        let (listing, packs) = self.listed(point)?;
        for pack in &packs.bad {
            self.named.entry(*pack).or_default().insert(point.order);
        }
        match (seen, listing) {
            // What is not known stays as it was.
            (Seen::Unread, _) => {}
            (Seen::Good(_), _) if packs.unread && packs.bad.is_empty() => {}
            (Seen::Bad(finding), _) => {
                let now = self.at.tools.clock.now();
                mark_damage(catalog, (medium, &object), finding, &Naming::All, now)?;
                let flaw = Flaw::new(object.path(), finding, word(finding));
                self.found.flaws.push(Flaw { points: BTreeSet::from([point.order]), ..flaw });
                self.found.unsettled.insert(point.order, None);
            }
            (Seen::Good(evidence), Some(listing)) if packs.bad.is_empty() && listing.is_whole() => {
                if matches!(placement.state, State::Missing | State::Damaged) {
                    catalog.healed(medium, &object, evidence)?;
                }
                if packs.left_out && placement.state == State::Complete {
                    return Ok(catalog.manifest_read(medium, point.order, evidence)?);
                }
                let numbers = catalog.pack_numbers(&listing.packs)?;
                catalog.settle_point(medium, point.order, &numbers, Some(evidence), self.at.tools.clock.now())?;
            }
            (Seen::Good(evidence), _) => {
                if placement.state == State::Missing {
                    catalog.healed(medium, &object, evidence)?;
                }
                self.found.unsettled.insert(point.order, Some(evidence));
            }
        }
        Ok(())
    }

    /// The packs that a point names, as far as any place can tell, and those that are not good there.
    pub(super) fn listed(&mut self, point: &PointRow) -> Result<(Option<Listing>, NotGood), CopyError> {
        let listing = match self.at.lists.named(self.at.store, point.job, point.name()) {
            Ok(Some(listing)) => listing,
            Ok(None) => return Ok((None, NotGood::default())),
            Err(error) => {
                let problem = format!("which packs it needs could not be read: {}", chain(&error));
                self.found.unread.push(Unread { path: point.manifest().path(), problem });
                return Ok((None, NotGood { unread: true, ..NotGood::default() }));
            }
        };
        let packs = self.not_good(point, &listing)?;
        if listing.is_whole() && !packs.unread && self.unsure.contains(&point.manifest()) {
            self.reading().list(point, &listing)?;
        }
        Ok((Some(listing), packs))
    }

    /// The packs of a point that are not good there; one that the catalog did not expect there is looked at now.
    fn not_good(&mut self, point: &PointRow, listing: &Listing) -> Result<NotGood, CopyError> {
        let mut not_good = NotGood::default();
        for pack in &listing.packs {
            if self.extent == Extent::Part && !self.packs.contains_key(pack) {
                not_good.left_out = true;
                continue;
            }
            if !self.packs.contains_key(pack)
                && let Err(error) = self.unexpected(point, pack)
            {
                self.found.refused(self.at, ObjectName::Pack(*pack).path(), error)?;
                self.packs.insert(*pack, PackSeen::Unread);
            }
            match self.packs.get(pack) {
                Some(PackSeen::Bad(_)) => not_good.bad.push(*pack),
                Some(PackSeen::Unread) => not_good.unread = true,
                Some(PackSeen::Good) | None => {}
            }
        }
        Ok(not_good)
    }

    fn reading(&self) -> ReadIn<'_> {
        self.at.reading()
    }

    fn unexpected(&mut self, point: &PointRow, pack: &PackId) -> Result<(), CopyError> {
        let tools = self.at.tools;
        let number = self.reading().pack(&VaultReader::new(self.at.store, tools.keyring), point.group, pack)?;
        let known = tools.catalog.pack_at(self.at.medium, number)?.filter(expected);
        match (known, tools.catalog.packs(&[number])?.first()) {
            (Some(known), Some(row)) => self.pack(number, row, &known),
            _ => Ok(()),
        }
    }

    /// Bad packs become known as such, each with the points that name it. One that no point names is withdrawn from
    /// deduplication, and no flaw: nothing is lost with it.
    pub(super) fn mark(self) -> Result<(), CopyError> {
        let (catalog, medium) = (self.at.tools.catalog, self.at.medium);
        for (id, seen) in self.packs {
            let PackSeen::Bad(finding) = seen else { continue };
            let Some((number, _)) = catalog.pack_by_id(&id)? else { continue };
            let points = self.named.get(&id).cloned().unwrap_or_default();
            let looked_at = catalog.may_name(medium, number)?;
            let naming = Naming::Exactly { naming: points.iter().copied().collect(), looked_at };
            let object = ObjectName::Pack(id);
            mark_damage(catalog, (medium, &object), finding, &naming, self.at.tools.clock.now())?;
            if !points.is_empty() {
                let flaw = Flaw::new(object.path(), finding, word(finding));
                self.found.flaws.push(Flaw { points, ..flaw });
            }
        }
        Ok(())
    }

    /// Reads one object back: evidence, or what is wrong with it.
    pub(super) fn read(&mut self, object: &ObjectName, digest: &Digest, bytes: u64) -> Result<Seen, CopyError> {
        let tools = self.at.tools;
        if (tools.stop)() {
            return Err(CopyError::Stopped);
        }
        let seen = match read_back(self.at.store, &object.path(), digest, tools.clock) {
            Ok(ReadBack::Good(evidence)) => Seen::Good(evidence),
            Ok(ReadBack::Missing) => Seen::Bad(Finding::Missing),
            Ok(ReadBack::Damaged) => Seen::Bad(Finding::Damaged),
            Err(error) => {
                self.found.refused(self.at, object.path(), error)?;
                Seen::Unread
            }
        };
        if matches!(seen, Seen::Good(_) | Seen::Bad(Finding::Damaged)) {
            self.found.objects += 1;
            self.found.bytes = self.found.bytes.saturating_add(bytes);
        }
        self.tell();
        Ok(seen)
    }

    fn tell(&mut self) {
        let now = self.at.tools.clock.monotonic();
        if now.saturating_sub(self.told) >= Duration::from_millis(250) {
            self.told = now;
            (self.at.progress)(self.found.bytes, self.total);
        }
    }
}

pub(super) const fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Missing => "missing",
        Finding::Damaged => "damaged: its bytes are not what was written",
    }
}

pub(super) fn say(at: &Inspected<'_>, text: &str) {
    (at.tools.tell)(&Told::Note(format!("{}: {text}", at.destination)));
}
