//! A session that writes to one medium: it leaves a head first, and looks at the heads again before each manifest and
//! each batch of deletions.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::begin::{Begun, HEAD, INTENDED, OPEN, SUCCEEDS, begin, heads_there, intended, mark, medium_row, succeeds};
use super::error::{CopyError, chain};
use super::send::Lane;
use super::{Told, Tools, confirm, newest, news, read_in, refused, slots};
use crate::catalog::{self, CONFIGURATION, CONFIGURATION_FOLDER, Catalog, MediumRow, PointRow, keeps_packs};
use crate::destination::late::LONGEST as DELETIONS_LAST;
use crate::destination::{ErrorKind, WriteStore};
use crate::format::{
    Head, HeadConfiguration, HeadJob, HeadMark, HeadMedium, HeadName, HeadNewest, HeadProof, HeadSeed,
};
use crate::model::{DestinationName, Distance, PointId, PointOrder, Proof, VaultId, Verify, WriterId};
use crate::plan::Deletions;
use crate::vault::{FoundHead, HEADS_KEPT, VaultError, list_heads, newest_told, write_head};

/// A batch of deletions lasts no longer; a session that distrusts what it finds waits longer than that.
pub(super) const BATCH: Duration = Duration::from_secs(5);
const TAKE_OVER_WAIT: Duration = Duration::from_secs(10);
/// The same at a server: a request there is given up after half a minute, and begun anew for not as long again.
const TAKE_OVER_WAIT_AT_SERVER: Duration = Duration::from_secs(90);

/// Whether the session before this one ended as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It did: nothing unknown lies there.
    Ended,
    /// It did not, or it is not known: what nothing refers to has to be looked for.
    Broke,
}

/// How many objects a session sends side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// As many as are best there.
    AsManyAsThePlaceTakes,
    /// One, and one point at a time: on a place that is nearly full, what comes takes no room from what comes before it.
    One,
}

/// What a session does once a place that tells no room of its own says that it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It begins nothing more: no older point takes the room that is made for a newer one.
    Stop,
    /// It goes on with the points that come next: no room will be made, and they may be small enough.
    GoOn,
}

/// A session at one medium. The caller holds the medium's work lock as long as it lasts.
pub struct Session<'s> {
    pub(super) tools: Tools<'s>,
    pub(crate) store: &'s dyn WriteStore,
    /// The medium.
    pub medium: VaultId,
    /// Its destination.
    pub destination: DestinationName,
    /// May anything be deleted there?
    pub deletions: Deletions,
    /// What is believed of an object that was sent; read back, if nobody says otherwise.
    pub verify: Verify,
    /// Bytes of objects that lay there when the place, which tells no room of its own, said that it is full.
    pub full_at: Option<u64>,
    /// How many objects go side by side.
    pub lanes: Lanes,
    /// What is done once it is full.
    pub when_full: WhenFull,
    /// How the session before ended.
    pub before: Before,
    /// Why the place let nothing be deleted, once it has refused.
    pub(super) refused: RefCell<Option<String>>,
    /// Did something fail in this one?
    failed: Cell<bool>,
    writer: WriterId,
    epoch: u32,
    /// Of the last head that was left; each has its own.
    number: Cell<u64>,
    /// When the heads were looked at last.
    looked: Cell<Option<Duration>>,
    /// What that head tells of this medium.
    told: RefCell<Vec<HeadNewest>>,
}

impl<'s> Session<'s> {
    /// Begins: judges the heads, heeds what they tell, writes one, reads in what the catalog does not know (D-3).
    ///
    /// # Errors
    /// [`CopyError::Fenced`], or as place and catalog answer.
    pub fn open(tools: Tools<'s>, store: &'s dyn WriteStore, medium: VaultId) -> Result<Self, CopyError> {
        let heads = heads_there(&tools, store, medium)?;
        let Begun { row, meta, number, distrusted } = begin(&tools, medium, &heads)?;
        tools.catalog.note_fence(medium, None)?;
        let waits = distrusted.is_some() || succeeds(&row, &heads, meta.epoch);
        let before = if mark(&row, OPEN).is_some() || row.head.is_none() || distrusted.is_some() {
            Before::Broke
        } else {
            Before::Ended
        };
        let mut session = Self {
            tools,
            store,
            medium,
            destination: row.destination.clone(),
            deletions: Deletions::Allowed,
            verify: Verify::ReadBack,
            full_at: None,
            lanes: Lanes::AsManyAsThePlaceTakes,
            when_full: WhenFull::GoOn,
            before,
            refused: RefCell::default(),
            failed: Cell::new(false),
            writer: meta.writer,
            epoch: meta.epoch,
            number: Cell::new(number),
            looked: Cell::new(None),
            told: RefCell::default(),
        };
        if waits {
            session.set_marks(&[(SUCCEEDS, Some(String::new()))])?;
        }
        if let Some(why) = distrusted {
            session.distrust(&why)?;
        }
        session.heed(&row, &heads)?;
        slots::lay(&session)?;
        session.leave_head(&heads)?;
        if waits {
            session.outlast()?;
        }
        session.deletions = session.may_delete(&row, &heads)?;
        refused::note(tools.catalog, medium, &session.deletions)?;
        confirm::confirm(&session, &heads)?;
        slots::bring(&session)?;
        Ok(session)
    }

    /// Reads in what the catalog does not know, and says whether anything may be deleted there.
    fn may_delete(&self, row: &MediumRow, heads: &[FoundHead]) -> Result<Deletions, CopyError> {
        let deletions = read_in::read_in(self, heads)?;
        if let Some(why) = refused::only_adds(row) {
            return Ok(Deletions::Refused(why));
        }
        if let Some(why) = self.tools.catalog.fenced()? {
            return Ok(Deletions::Refused(why));
        }
        if let Some(head) = heads.iter().find(|head| head.body.is_err()) {
            // What it says is not known: a pin, or that another one writes there (FORMAT 12.2).
            let why = format!("the head {} there can't be read", head.path);
            (self.tools.tell)(&Told::Note(format!("{}: {why}; nothing is deleted there", self.destination)));
            return Ok(Deletions::Refused(why));
        }
        Ok(deletions)
    }

    /// What objects are sent with.
    pub(super) fn lane(&self) -> Lane<'_> {
        Lane { tools: self.tools, store: self.store, medium: self.medium, verify: self.verify }
    }

    /// The same as [`Self::look_again`] before a manifest. Where many are on their way at once one look stands for those
    /// of a batch.
    ///
    /// # Errors
    /// [`CopyError::Fenced`] if another one has.
    pub(super) fn look_again_if_due(&self) -> Result<(), CopyError> {
        let lately = |at: Duration| self.tools.clock.monotonic().saturating_sub(at) < BATCH;
        if self.store.lanes() > 1 && self.looked.get().is_some_and(lately) { Ok(()) } else { self.look_again() }
    }

    /// Has anybody else begun to write here? Asked before each manifest and each batch of deletions.
    ///
    /// # Errors
    /// [`CopyError::Fenced`] if so.
    pub fn look_again(&self) -> Result<(), CopyError> {
        let folder = crate::model::VaultPath::parse("heads").expect("a constant");
        let began = self.tools.clock.monotonic();
        let names = self.store.list(&folder)?;
        let names: Vec<HeadName> = names.iter().filter_map(|listed| listed.path.file_name().parse().ok()).collect();
        let row = medium_row(self.tools.catalog, self.medium)?;
        let recorded = row.head.filter(|head| head.epoch == self.epoch).map_or(0, |head| head.session);
        let latest = recorded.max(intended(&row).unwrap_or(0)).max(self.number.get());
        let foreign = |name: &&HeadName| name.epoch > self.epoch || (name.epoch == self.epoch && name.session > latest);
        let twin = |name: &&HeadName| {
            names.iter().any(|other| (other.epoch, other.session) == (name.epoch, name.session) && other != *name)
        };
        match names.iter().find(|name| foreign(name) || (name.epoch == self.epoch && twin(name))) {
            Some(name) => {
                Err(CopyError::Fenced { medium: self.medium, why: format!("the head {name} appeared there") })
            }
            None => {
                self.store.still_there()?;
                self.looked.set(Some(began));
                Ok(())
            }
        }
    }

    /// Ends: a last head tells what is the newest there now, old heads of ours go, and the session is known to have ended.
    ///
    /// # Errors
    /// As place and catalog answer; what was done stays done.
    pub fn close(self) -> Result<(), CopyError> {
        if self.newest_here()? != *self.told.borrow() {
            self.leave_another_head()?;
        }
        super::tidy::tidy(&self)?;
        self.drop_old_heads()?;
        // Litter that could not be looked for, because nothing may be deleted there now, is the next session's.
        let seeding = self.tools.catalog.open_seed_at(self.medium)?.is_some();
        if !seeding && self.deletions() == Deletions::Allowed || !self.may_have_litter() {
            self.set_marks(&[(OPEN, None)])?;
        }
        Ok(())
    }

    /// A head that does not tell of this point any more: before its manifest is deleted (FORMAT 12.1).
    ///
    /// # Errors
    /// As place and catalog answer.
    pub(super) fn untell(&self, point: PointOrder) -> Result<(), CopyError> {
        if !self.told.borrow().iter().any(|told| told.point.order == point) {
            return Ok(());
        }
        self.leave_another_head()
    }

    /// Something failed: what it left there is looked for at the end.
    pub(super) fn note_failure(&self) {
        self.failed.set(true);
    }

    /// May files lie there that nobody recorded?
    pub(super) fn may_have_litter(&self) -> bool {
        self.before == Before::Broke || self.failed.get()
    }

    fn distrust(&self, why: &str) -> Result<(), CopyError> {
        (self.tools.tell)(&Told::Note(format!("{}: {why}; everything there is looked at anew", self.destination)));
        self.tools.catalog.distrust(self.medium, why, self.tools.clock.now())?;
        // A place that was set back has slots that were revoked since.
        self.set_marks(&[(slots::KEYS, None)])
    }

    /// FORMAT 12.2: after our first head where another one may have been at work, its last request is waited for; what it
    /// did by then is found when the place is listed.
    fn outlast(&self) -> Result<(), CopyError> {
        let seconds = self.take_over_wait().as_secs();
        let text = format!("another one may have been at work there; its last work is waited for, {seconds} s");
        (self.tools.tell)(&Told::Note(format!("{}: {text}", self.destination)));
        self.wait(self.take_over_wait())?;
        self.look_again()?;
        self.set_marks(&[(SUCCEEDS, None)])
    }

    /// D-8: a session that broke off while it deleted may have left a request that its server carries out yet: nothing
    /// of what it marked is looked at before that is over.
    ///
    /// # Errors
    /// [`CopyError::Stopped`].
    pub(super) fn outlast_deletions(&self) -> Result<(), CopyError> {
        if self.before == Before::Ended || self.store.distance() == Distance::Local {
            return Ok(());
        }
        let seconds = DELETIONS_LAST.as_secs();
        let text = format!(
            "the last session broke off while it deleted; what it may have asked for is waited for, {seconds} s"
        );
        (self.tools.tell)(&Told::Note(format!("{}: {text}", self.destination)));
        self.wait(DELETIONS_LAST)
    }

    /// What heads there tell and this catalog may not know: it was rebuilt, or set back.
    fn heed(&self, row: &MediumRow, heads: &[FoundHead]) -> Result<(), CopyError> {
        let (catalog, now) = (self.tools.catalog, self.tools.clock.now());
        for newest in heads.iter().filter_map(|head| head.body.as_ref().ok()).filter_map(|head| head.newest) {
            catalog.pass_order(newest)?;
        }
        let Some(newest) = heads.iter().rev().find_map(|head| head.body.as_ref().ok()) else { return Ok(()) };
        let is_ours = (newest.writer, newest.epoch) == (self.writer, self.epoch);
        let is_recorded = is_ours && Some(newest.session) == intended(row);
        if !is_recorded && news::is_news(row, (newest.epoch, newest.session)) {
            news::heed(catalog, self.medium, newest, now)?;
        }
        Ok(catalog.heed_removed(&newest.removed.iter().copied().collect(), now)?)
    }

    fn take_over_wait(&self) -> Duration {
        match self.store.distance() {
            Distance::Local => TAKE_OVER_WAIT,
            Distance::Server => TAKE_OVER_WAIT_AT_SERVER,
        }
    }

    fn wait(&self, span: Duration) -> Result<(), CopyError> {
        let until = self.tools.clock.monotonic() + span;
        while self.tools.clock.monotonic() < until {
            if (self.tools.stop)() {
                return Err(CopyError::Stopped);
            }
            self.tools.clock.sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// One more head, under the next number: what the last one tells of this medium does not hold any more. A full
    /// place that has no room for it is told of, and is no reason to fail: the next session leaves one.
    fn leave_another_head(&self) -> Result<(), CopyError> {
        let heads = list_heads(self.store, self.medium, self.tools.keyring)?;
        self.number.set(self.number.get() + 1);
        match self.leave_head(&heads) {
            Err(error) if error.store_kind() == Some(ErrorKind::Full) => {
                let text = format!("{}: no room for a head there: {}", self.destination, chain(&error));
                (self.tools.tell)(&Told::Note(text));
                self.note_failure();
                Ok(())
            }
            left => left,
        }
    }

    /// The newest points that should lie here, as it is now.
    fn newest_here(&self) -> Result<Vec<HeadNewest>, CopyError> {
        let catalog = self.tools.catalog;
        let points = catalog.points()?;
        let points = points.iter().map(|point| (point.order, point)).collect();
        let known = newest::newest_known(catalog, &[medium_row(catalog, self.medium)?], &points)?;
        newest::with_forgotten(catalog, known, self.told.borrow().clone())
    }

    /// The intent first, then the head, then the record of it: a crash in between is told from a medium set back.
    fn leave_head(&self, heads: &[FoundHead]) -> Result<(), CopyError> {
        let number = self.number.get().to_string();
        self.set_marks(&[(INTENDED, Some(number.clone())), (OPEN, Some(number))])?;
        let body = self.body(heads)?;
        let name = self.place_head(&body, heads)?.to_string();
        self.look_again()?;
        let here = body.newest_at.into_iter().filter(|told| told.medium == self.medium);
        self.told.replace(here.collect());
        let (epoch, session, now) = (self.epoch, self.number.get(), self.tools.clock.now());
        self.tools.catalog.update_medium(self.medium, &|row| {
            row.head = Some(catalog::HeadMark { epoch, session });
            row.last_seen = Some(now);
            row.marks.retain(|mark| mark.name != INTENDED && mark.name != HEAD);
            row.marks.push(catalog::Mark { name: HEAD.to_owned(), value: name.clone() });
        })?;
        Ok(())
    }

    /// A full place takes a head once our oldest one there is gone: making room needs no room.
    fn place_head(&self, body: &Head, heads: &[FoundHead]) -> Result<HeadName, CopyError> {
        let write = || write_head(self.store, self.medium, body, self.tools.keyring, self.tools.entropy);
        let ours = |head: &&FoundHead| head.body.as_ref().is_ok_and(|head| head.writer == self.writer);
        let oldest = heads.iter().filter(ours).count().checked_sub(2).and_then(|_| heads.iter().find(ours));
        match (write(), oldest) {
            (Err(VaultError::Store(error)), Some(oldest)) if error.kind == ErrorKind::Full => {
                // What was written of the first one lies there under a name of its own.
                self.note_failure();
                self.store.delete(&oldest.path)?;
                Ok(write()?)
            }
            (written, _) => Ok(written?),
        }
    }

    pub(super) fn set_marks(&self, marks: &[(&str, Option<String>)]) -> Result<(), CopyError> {
        self.tools.catalog.update_medium(self.medium, &|row| {
            for (name, value) in marks {
                row.marks.retain(|mark| mark.name != *name);
                row.marks
                    .extend(value.iter().map(|value| catalog::Mark { name: (*name).to_owned(), value: value.clone() }));
            }
        })?;
        Ok(())
    }

    fn drop_old_heads(&self) -> Result<(), CopyError> {
        if self.deletions() != Deletions::Allowed {
            return Ok(());
        }
        let heads = list_heads(self.store, self.medium, self.tools.keyring)?;
        let ours = |head: &&FoundHead| head.body.as_ref().is_ok_and(|body| body.writer == self.writer);
        let ours: Vec<&FoundHead> = heads.iter().filter(ours).collect();
        for head in ours.iter().take(ours.len().saturating_sub(HEADS_KEPT)) {
            match self.store.delete(&head.path) {
                // A place that only lets us add keeps them all.
                Err(error) if error.kind == ErrorKind::Denied => return Ok(()),
                done => done?,
            }
        }
        Ok(())
    }

    /// What the catalog knows and a rebuild must not lose; of earlier heads, what this version does not understand and
    /// what the catalog never saw.
    fn body(&self, heads: &[FoundHead]) -> Result<Head, CopyError> {
        let catalog = self.tools.catalog;
        let points = catalog.points()?;
        let media = catalog.media()?;
        let lying = lying(catalog, &media, &points)?;
        let rows = points.iter().map(|point| (point.order, point)).collect();
        let newest = newest::newest_known(catalog, &media, &rows)?;
        let newest_at = newest::with_forgotten(catalog, newest, newest_told(self.medium, heads, &[]))?;
        let earlier = heads.iter().rev().find_map(|head| head.body.as_ref().ok());
        let marks = media.iter().flat_map(|medium| {
            medium.evicted.iter().map(|mark| HeadMark { medium: medium.vault, job: mark.job, evicted: mark.order })
        });
        let told = |medium: &MediumRow| HeadMedium {
            medium: medium.vault,
            destination: medium.destination.clone(),
            retired: medium.retired.is_some(),
            epoch: medium.head.map_or(0, |head| head.epoch),
            session: medium.head.map_or(0, |head| head.session),
        };
        let pinned = points.iter().filter(|point| point.pinned).map(|point| point.id);
        let jobs = catalog.jobs()?.into_iter().map(|job| HeadJob {
            id: job.id,
            name: job.name,
            group: job.group,
            // A clock that jumped stops the same, and must not be forgotten either.
            alarm: job.alarm.into_iter().chain(job.clock_jump).reduce(|alarm, jump| format!("{alarm}; {jump}")),
        });
        Ok(Head {
            writer: self.writer,
            epoch: self.epoch,
            session: self.number.get(),
            created: self.tools.clock.now(),
            newest: points.last().map(|point| point.order),
            jobs: jobs.collect(),
            pins: pinned.chain(catalog.pinned_unseen()?).collect(),
            marks: marks.collect(),
            media: media.iter().map(told).collect(),
            seeds: seeds(catalog)?,
            proofs: lying.proofs,
            removed: lying.removed.into_iter().chain(catalog.removed_unseen()?).collect(),
            newest_at,
            configuration: configuration(catalog)?.or_else(|| earlier.and_then(|head| head.configuration.clone())),
            unknown: earlier.map(|head| head.unknown.clone()).unwrap_or_default(),
        })
    }
}

/// Seeds under way.
fn seeds(catalog: &Catalog) -> Result<Vec<HeadSeed>, CopyError> {
    let open = catalog.seeds()?.into_iter().filter(catalog::SeedRow::is_open);
    Ok(open.map(|seed| HeadSeed { id: seed.id.0, medium: seed.medium, state: seed.state_text().to_owned() }).collect())
}

/// What the installation works by, as it was opened last.
fn configuration(catalog: &Catalog) -> Result<Option<HeadConfiguration>, CopyError> {
    let (folder, text) = (catalog.memo(CONFIGURATION_FOLDER)?, catalog.memo(CONFIGURATION)?);
    Ok(text.map(|text| HeadConfiguration { folder: folder.unwrap_or_default(), text }))
}

/// Leaves one head with the state as it is now: a pin, an alarm, an eviction mark, a retired medium must not be lost.
///
/// # Errors
/// As [`Session::open`].
pub fn publish_head(tools: Tools<'_>, store: &dyn WriteStore, medium: VaultId) -> Result<(), CopyError> {
    Session::open(tools, store, medium)?.close()
}

/// What a head tells of the points that lie at media.
struct Lying {
    proofs: Vec<HeadProof>,
    removed: Vec<PointId>,
}

/// What drills have shown, the newest point of each medium, job and proof: lesser proofs are taken again, and older ones
/// say no more. And points that were removed and are not known to be deleted at each medium: a head stays small,
/// however long the history.
fn lying(catalog: &Catalog, media: &[MediumRow], points: &[PointRow]) -> Result<Lying, CopyError> {
    let points: BTreeMap<PointOrder, &PointRow> = points.iter().map(|point| (point.order, point)).collect();
    let mut proofs = BTreeMap::new();
    let mut removed = BTreeSet::new();
    for medium in media.iter().filter(|medium| medium.retired.is_none()) {
        for (order, placement) in catalog.placements_at(medium.vault)? {
            let Some(point) = points.get(&order) else { continue };
            if point.removed.is_some() && keeps_packs(placement.state) {
                removed.insert(point.id);
            }
            if placement.proof > Proof::BytesRead && placement.state.is_there() {
                let (proof, time) = (placement.proof, placement.verified.unwrap_or(placement.changed));
                let told = HeadProof { medium: medium.vault, point: point.id, proof, time };
                // Placements come in the order of points: the newest is the last.
                proofs.insert((medium.vault, point.job, proof), told);
            }
        }
    }
    Ok(Lying { proofs: proofs.into_values().collect(), removed: removed.into_iter().collect() })
}
