//! Several places as one source of chunks: each object from the first place that has it whole.
//!
//! In: places in order of preference. Out: chunks and manifests, checked down to their identity; what was found wrong
//! where. A place is believed to lack or to have damaged something only while it is still there; one that is gone, or
//! fails several times in a row, is not asked again.
//! Deliberately absent: waiting and back-off (a store's own wrappers do that), and any repair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outcome::{Absent, Damage, DamageKind, in_words};
use super::request::Place;
use crate::destination::{ErrorKind, ReadStore, StoreError};
use crate::format::Manifest;
use crate::model::{ChunkRef, DestinationName, GroupId, JobId, ObjectName, PackId, PointName, VaultPath};
use crate::seal::Keyring;
use crate::vault::{ChunkSource, PackNames, VaultError, VaultReader};

/// So many failures in a row that a retry might help end a place.
const FAILURES_MAX: u32 = 3;

/// What is read: each has its own window of neighbours, for the two are read in turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Entries and lists of packs.
    Tree,
    /// The content of files.
    Content,
}

/// Reads from several places.
pub struct Fallover<'p> {
    places: Vec<Reader<'p>>,
    findings: Mutex<Findings>,
}

/// One lane of a [`Fallover`].
#[derive(Clone, Copy)]
pub struct Chunks<'f, 'p> {
    fallover: &'f Fallover<'p>,
    lane: Lane,
}

/// What was found out: which places served, which ended, and what is wrong where.
#[derive(Debug, Default)]
pub struct Findings {
    damage: BTreeMap<(usize, ObjectName), (DamageKind, String)>,
    places: Vec<Standing>,
}

#[derive(Debug, Clone, Default)]
struct Standing {
    served_bytes: u64,
    failures: u32,
    /// Why it is not asked any more.
    ended: Option<String>,
}

struct Reader<'p> {
    name: DestinationName,
    store: &'p dyn ReadStore,
    tree: VaultReader<'p>,
    content: VaultReader<'p>,
}

/// A manifest and the place it came from.
pub struct Opened {
    /// What it says.
    pub manifest: Manifest,
    /// Where it was read.
    pub place: DestinationName,
}

impl<'p> Fallover<'p> {
    /// A source over `places`, the first preferred.
    #[must_use]
    pub fn new(places: &[Place<'p>], keyring: &'p Keyring) -> Self {
        let reader = |place: &Place<'p>| Reader {
            name: place.name.clone(),
            store: place.store,
            tree: VaultReader::new(place.store, keyring),
            content: VaultReader::new(place.store, keyring),
        };
        let findings = Findings { places: vec![Standing::default(); places.len()], ..Findings::default() };
        Self { places: places.iter().map(reader).collect(), findings: Mutex::new(findings) }
    }

    /// A source of chunks.
    #[must_use]
    pub fn lane(&self, lane: Lane) -> Chunks<'_, 'p> {
        Chunks { fallover: self, lane }
    }

    /// The manifest from the first place where it opens.
    ///
    /// # Errors
    /// Each place and why not.
    pub fn manifest(&self, job: JobId, point: PointName) -> Result<Opened, Vec<Absent>> {
        let mut tried = Vec::new();
        for (at, place) in self.places.iter().enumerate() {
            match self.ask(at, ObjectName::Point(job, point), || place.tree.manifest(job, point)) {
                Ok((manifest, _, bytes)) => {
                    self.findings().places[at].served_bytes += bytes;
                    self.places.iter().for_each(|place| place.content.note(&manifest));
                    return Ok(Opened { manifest, place: place.name.clone() });
                }
                Err(error) => tried.push(Absent { place: place.name.clone(), why: in_words(&error) }),
            }
        }
        Err(tried)
    }

    /// The names of all packs of a point; where its own list is lost, of all packs that lie at the places.
    ///
    /// # Errors
    /// Why the point's own list can't be read, if the places can't be listed either.
    pub fn pack_names(&self, manifest: &Manifest) -> Result<PackNames, VaultError> {
        PackNames::of(manifest, &self.lane(Lane::Tree)).or_else(|error| {
            let listed = self.list_packs();
            if listed.is_empty() { Err(error) } else { Ok(PackNames::new(manifest.group, listed)) }
        })
    }

    /// What was found, for each place.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        let findings = self.findings();
        let damage = |(&(at, object), (kind, why)): (&(usize, ObjectName), &(DamageKind, String))| Damage {
            place: self.places[at].name.clone(),
            object,
            kind: *kind,
            why: why.clone(),
        };
        findings.damage.iter().map(damage).collect()
    }

    /// Places that ended, and why.
    #[must_use]
    pub fn absent(&self) -> Vec<Absent> {
        let findings = self.findings();
        let ended = self.places.iter().zip(&findings.places);
        ended.filter_map(|(place, s)| Some(Absent { place: place.name.clone(), why: s.ended.clone()? })).collect()
    }

    /// Places that gave something, the one that gave most first.
    #[must_use]
    pub fn served(&self) -> Vec<DestinationName> {
        let findings = self.findings();
        let mut served: Vec<_> =
            self.places.iter().zip(&findings.places).filter(|(_, standing)| standing.served_bytes > 0).collect();
        served.sort_by_key(|(_, standing)| std::cmp::Reverse(standing.served_bytes));
        served.into_iter().map(|(place, _)| place.name.clone()).collect()
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chunk(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef, lane: Lane) -> Result<Vec<u8>, VaultError> {
        let object = ObjectName::Pack(*pack);
        let mut failed = None;
        for at in self.order_for(object) {
            let place = &self.places[at];
            let reader = if lane == Lane::Tree { &place.tree } else { &place.content };
            let object = reader.object_of(pack, chunk);
            match self.ask(at, object, || reader.chunk(group, pack, chunk)) {
                Ok(plain) => {
                    self.findings().places[at].served_bytes += u64::from(chunk.stored);
                    return Ok(plain);
                }
                Err(error) => failed = Some(worse(failed, error)),
            }
        }
        Err(failed.unwrap_or_else(|| self.nowhere(object)))
    }

    /// The places to ask for `object`: first those where nothing is wrong with it, then those where it is damaged,
    /// for another part of it may be whole; not those where it is missing.
    fn order_for(&self, object: ObjectName) -> Vec<usize> {
        let findings = self.findings();
        let found = |at: usize| findings.damage.get(&(at, object)).map(|(kind, _)| *kind);
        let there = || (0..self.places.len()).filter(|&at| findings.places[at].ended.is_none());
        let whole = there().filter(|&at| found(at).is_none());
        whole.chain(there().filter(|&at| found(at).is_some_and(|kind| kind != DamageKind::Missing))).collect()
    }

    /// The error where no place is left to ask.
    fn nowhere(&self, object: ObjectName) -> VaultError {
        let missing = (0..self.places.len()).any(|at| self.findings().damage.contains_key(&(at, object)));
        if missing {
            return VaultError::Missing { object: object.to_string() };
        }
        StoreError::new(ErrorKind::Gone, "read", object.to_string(), "no place is left that may have it").into()
    }

    /// One request to a place, once more where that may help, and what its failure says of the place.
    fn ask<T>(&self, at: usize, object: ObjectName, read: impl Fn() -> Result<T, VaultError>) -> Result<T, VaultError> {
        let answer =
            read().or_else(|error| if kind_of(&error) == Some(ErrorKind::Transient) { read() } else { Err(error) });
        match answer {
            Ok(value) => {
                self.findings().places[at].failures = 0;
                Ok(value)
            }
            Err(error) => Err(self.judge(at, object, error)),
        }
    }

    fn judge(&self, at: usize, object: ObjectName, error: VaultError) -> VaultError {
        let kind = match (&error, kind_of(&error)) {
            (VaultError::Missing { .. }, _) | (_, Some(ErrorKind::NotFound)) => DamageKind::Missing,
            (_, Some(ErrorKind::Permanent)) => DamageKind::Unreadable,
            (_, Some(kind)) => {
                self.failed(at, kind, &error);
                return error;
            }
            (error, None) if error.is_damage() => DamageKind::Damaged,
            _ => return error,
        };
        if let Some(known) = self.findings().damage.get(&(at, object)) {
            return as_damage(object, known.0, error);
        }
        // A drive that was pulled seems to lack everything.
        if let Err(gone) = self.places[at].store.still_there() {
            let kind = gone.kind;
            let gone = VaultError::from(gone);
            self.failed(at, kind, &gone);
            return gone;
        }
        self.findings().damage.insert((at, object), (kind, in_words(&error)));
        as_damage(object, kind, error)
    }

    fn failed(&self, at: usize, kind: ErrorKind, error: &VaultError) {
        let mut findings = self.findings();
        let standing = &mut findings.places[at];
        standing.failures += u32::from(matches!(kind, ErrorKind::Transient | ErrorKind::Ambiguous));
        if kind == ErrorKind::Gone || standing.failures >= FAILURES_MAX {
            standing.ended.get_or_insert_with(|| in_words(error));
        }
    }

    fn list_packs(&self) -> Vec<PackId> {
        let mut found = BTreeSet::new();
        for place in &self.places {
            for byte in 0..=u8::MAX {
                let folder = VaultPath::parse(&format!("packs/{byte:02x}")).expect("a name of ours");
                let Ok(listed) = place.store.list(&folder) else { break };
                found.extend(listed.iter().filter_map(|listed| match ObjectName::at(&listed.path) {
                    Some(ObjectName::Pack(id)) => Some(id),
                    _ => None,
                }));
            }
        }
        found.into_iter().collect()
    }
}

impl ChunkSource for Chunks<'_, '_> {
    fn chunk(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        self.fallover.chunk(group, pack, chunk, self.lane)
    }
}

fn kind_of(error: &VaultError) -> Option<ErrorKind> {
    if let VaultError::Store(error) = error { Some(error.kind) } else { None }
}

/// A place's constant failure to read is damage to whoever needs the object.
fn as_damage(object: ObjectName, kind: DamageKind, error: VaultError) -> VaultError {
    match kind {
        DamageKind::Unreadable => VaultError::Damaged { object: object.to_string(), why: in_words(&error) },
        DamageKind::Missing => VaultError::Missing { object: object.to_string() },
        DamageKind::Damaged => error,
    }
}

/// Of two failures the one that says more: damage rather than a place that does not answer.
fn worse(first: Option<VaultError>, next: VaultError) -> VaultError {
    match first {
        Some(first) if first.is_damage() || !next.is_damage() => first,
        _ => next,
    }
}
