//! Entries and bytes to packs and a manifest: one recovery point at home.
//!
//! In: a source, the job's previous point, keys, the home vault, the catalog. Out: a point that is complete at home, and
//! what could not be read. Order of writes (DESIGN 5.2): reserve, packs, a last look, manifest, catalog; a crash in
//! between leaves objects that nothing refers to. Memory is bounded: one pack, one batch, a queue of entries.
//! Deliberately absent: schedules, destinations, retention, any knowledge of what kind of source it reads.

mod alarm;
#[cfg(test)]
mod alarm_twice;
mod canaries;
mod commit;
mod error;
mod packer;
mod planted;
mod preview;
mod queue;
mod read;
mod room;
mod visit;

use std::collections::BTreeSet;
use std::time::Duration;

pub use alarm::rewritten;
pub use canaries::Canaries;
pub use error::CaptureError;
pub use planted::{Planted, planted};
pub use preview::{Preview, preview};
pub use room::{Room, Surveyed, estimate, survey};

use crate::catalog::{AdoptedFile, Catalog, ReservationId};
use crate::chunk::{Cutter, Sizes};
use crate::destination::WriteStore;
use crate::format::Stats;
use crate::model::{GroupId, JobId, JobName, KeyEpoch, PointName, PointOrder, Problem, ShortPack, Time, VaultId};
use crate::port::{Clock, Entropy};
use crate::seal::Keyring;
use crate::source::{LeftOut, Source};
use crate::vault::{EntryStream, VaultReader};

/// Longer than a dirty mapped page waits for its write-back (DESIGN 5.8): a file that changed so shortly before it was
/// read may have changed again under the same times.
pub(crate) const SETTLED: Duration = Duration::from_secs(120);

/// Whether files that seem unchanged are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Only what changed.
    #[default]
    Changed,
    /// Every file: `--paranoid`.
    Everything,
}

/// What a point is made for.
#[derive(Debug, Clone)]
pub struct CaptureJob {
    /// As it is named at destinations.
    pub id: JobId,
    /// As people name it.
    pub name: JobName,
    /// Which group its packs belong to.
    pub group: GroupId,
    /// What is protected, for people.
    pub source: String,
    /// Which files are read.
    pub reading: Reading,
    /// The job's newest point that is whole at home, if any: unchanged files are taken from it.
    pub previous: Option<(PointOrder, PointName)>,
    /// Packs of no earlier key epoch are referred to: what an earlier one has is read and stored anew.
    pub reuse_from: KeyEpoch,
    /// No point of the job is older than this.
    pub not_before: Option<Time>,
    /// Media that the point is owed to.
    pub owed: Vec<VaultId>,
    /// What it is in the words of another program, if that made it.
    pub adopts: Option<Adopts>,
    /// What was found at the source before it is read, and is an alarm; the job's row has it.
    pub suspicions: Vec<String>,
    /// What is no content.
    pub canaries: Canaries,
}

impl CaptureJob {
    /// The previous point, if its packs may be referred to. What a point refers to is of no earlier key epoch than was allowed
    /// when it was made, and that only ever rises: so its own epoch tells.
    #[must_use]
    pub fn refers_to(&self, catalog: &Catalog) -> Option<PointName> {
        let (order, name) = self.previous?;
        let point = catalog.point(order).ok()??;
        (point.group == self.group && point.key_epoch >= self.reuse_from).then_some(name)
    }
}

/// A finished recovery point of another program.
#[derive(Debug, Clone)]
pub struct Adopts {
    /// What that program's files call it.
    pub name: String,
    /// The files, as they were found.
    pub files: Vec<AdoptedFile>,
    /// When they were written last: the point's moment, as far as order and this computer's clock allow it.
    pub written: Time,
    /// The point that it can't be restored without.
    pub base: Option<PointOrder>,
    /// What it is one of a row of.
    pub series: String,
}

/// What a capture works with.
#[derive(Clone, Copy)]
pub struct Ports<'p> {
    /// The home vault.
    pub home: &'p dyn WriteStore,
    /// Its id.
    pub home_id: VaultId,
    /// The family's keys.
    pub keyring: &'p Keyring,
    /// Local state.
    pub catalog: &'p Catalog,
    /// The time.
    pub clock: &'p dyn Clock,
    /// Randomness.
    pub entropy: &'p dyn Entropy,
    /// The lock that this process holds as long as it captures.
    pub lock: &'p str,
    /// How much may be written at home.
    pub room: Room,
    /// Asked once that is used up: is there room for so many bytes more, if need be because older points make it?
    pub make_room: &'p dyn Fn(u64) -> bool,
    /// Asked now and then: stop?
    pub stop: &'p dyn Fn() -> bool,
    /// Told of progress.
    pub progress: &'p dyn Fn(&Progress),
}

/// How far a capture came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Entries seen.
    pub entries: u64,
    /// Apparent bytes of the files seen.
    pub bytes: u64,
    /// Bytes written to the vault.
    pub stored_bytes: u64,
}

/// A point that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its name.
    pub name: PointName,
    /// As of when.
    pub created: Time,
    /// Counts.
    pub stats: Stats,
    /// Of its files, those that are content: no canaries, and nothing that stands where one is planted.
    pub content_files: u64,
    /// Plain bytes that were not stored before.
    pub new_bytes: u64,
    /// Files whose content was read.
    pub read_files: u64,
    /// What could not be read, or would not hold still.
    pub problems: Vec<Problem>,
    /// What was left out, for people: how often for which reason.
    pub left_out: Vec<(LeftOut, u64)>,
    /// What a person should know, and that took nothing out of the point.
    pub warnings: Vec<Problem>,
    /// Why nothing of the job may be removed until a person has looked; the job's row has it too.
    pub alarm: Option<String>,
}

/// Makes a recovery point of `source`.
///
/// # Errors
/// [`CaptureError`]; then there is no point, and packs already written go at the next session's end (D-9).
pub fn capture(source: &mut dyn Source, job: &CaptureJob, ports: &Ports<'_>) -> Result<Captured, CaptureError> {
    let order = ports.catalog.take_order()?;
    let reservation = ports.catalog.begin_capture(ports.lock)?;
    let outcome = capture_reserved(source, job, ports, order, reservation);
    if outcome.is_err() {
        // The error that matters is the one at hand; a reservation left behind goes with the lock.
        let _ = ports.catalog.abandon_capture(reservation);
    }
    outcome
}

fn capture_reserved(
    source: &mut dyn Source,
    job: &CaptureJob,
    ports: &Ports<'_>,
    order: PointOrder,
    reservation: ReservationId,
) -> Result<Captured, CaptureError> {
    let started = ports.clock.now();
    let as_of = job.adopts.as_ref().map_or(started, |adopts| adopts.written.min(started));
    let created = job.not_before.map_or(as_of, |before| before.max(as_of));
    let key = ports.keyring.chunker_of(job.reuse_from);
    let cutters = Cutters { content: Cutter::new(Sizes::CONTENT, &key), tree: Cutter::new(Sizes::TREE, &key) };
    let reader = VaultReader::new(ports.home, ports.keyring);
    let base = previous(job, ports, &reader, reservation);
    let context = packer::Context { job, ports, reservation };
    let mut visit = visit::Visit::new(context, &cutters, base);
    let walked = source.walk(&mut visit);
    let read = visit.finish()?;
    // Told to stop, it failed for that.
    walked.map_err(|failed| if (ports.stop)() { CaptureError::Stopped } else { CaptureError::Source(failed) })?;
    commit::commit(read, &context, PointName { order, id: point_id(ports)? }, created)
}

struct Cutters {
    content: Cutter,
    tree: Cutter,
}

/// The previous point, as far as it can be relied on.
struct Base<'s> {
    stream: EntryStream<'s>,
    /// May its packs be referred to? Else all files are read, and it is only compared with.
    reuses: bool,
    /// Its packs that are not healthy at home: files in them are read again.
    withdrawn: BTreeSet<ShortPack>,
}

/// Opens the previous point. One that can't be read is no reason to fail: then everything is read.
fn previous<'s>(
    job: &CaptureJob,
    ports: &Ports<'_>,
    reader: &'s VaultReader<'s>,
    reservation: ReservationId,
) -> Option<Base<'s>> {
    let (order, name) = job.previous?;
    // What lies in another dedup group's packs can't be referred to.
    ports.catalog.point(order).ok()?.filter(|point| point.group == job.group)?;
    ports.catalog.reserve_base(reservation, order).ok()?;
    let (manifest, ..) = reader.manifest(job.id, name).ok()?;
    let names = crate::vault::PackNames::of(&manifest, reader).ok()?;
    let mut withdrawn = BTreeSet::new();
    for pack in names.all() {
        if !commit::is_healthy(ports, pack).ok()? {
            withdrawn.insert(pack.short());
        }
    }
    let reuses = job.refers_to(ports.catalog).is_some();
    Some(Base { stream: EntryStream::new(&manifest, reader), reuses, withdrawn })
}

fn point_id(ports: &Ports<'_>) -> Result<crate::model::PointId, CaptureError> {
    let mut id = [0; 8];
    ports.entropy.fill(&mut id).map_err(CaptureError::Entropy)?;
    Ok(crate::model::PointId(id))
}
