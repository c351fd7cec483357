//! What the catalog is, jobs, and small texts.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{ClockMark, EventRow, Generation, JobRow, MetaRow};
use super::tables::{Tables, Writing};
use crate::model::{GroupId, JobId, JobName, Name};

/// The log keeps so many lines.
pub const EVENTS_MAX: u64 = 10_000;

/// The memo of the configuration's text, which heads carry.
pub const CONFIGURATION: &str = "configuration";
/// The memo of the folder that the configuration's relative paths are relative to.
pub const CONFIGURATION_FOLDER: &str = "configuration-folder";

/// The memo of the family's key slots as hex.
const KEY_SLOTS: &str = "key-slots";
/// The memo of key epochs that refer to packs of earlier ones: a line for each, `EPOCH FROM`. It stands there before the epoch
/// begins, and the last line of an epoch counts.
pub const KEYS_REUSE: &str = "keys-reuse";
/// The memo of the slots that were taken away: a line for each, `ID SEQUENCE KIND LABEL`, by the set that first lacked it. It
/// stands there before that set does, so a slot that is in the set was not taken away.
pub const KEYS_REVOKED: &str = "keys-revoked";

/// Ids for a job that may be new: used only if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewJobIds {
    /// The job's.
    pub job: JobId,
    /// Its group's, if that is new too.
    pub group: GroupId,
}

impl Catalog {
    /// What the catalog is.
    ///
    /// # Errors
    /// As every operation: [`CatalogError::Busy`], [`CatalogError::Damaged`], [`CatalogError::Io`],
    /// [`CatalogError::Full`]; operations name only what they add to these.
    pub fn meta(&self) -> Result<MetaRow> {
        self.handle.read(|tables| tables.meta_row())
    }

    /// The state's name.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn generation(&self) -> Result<Generation> {
        self.meta().map(|meta| Generation(meta.generation))
    }

    /// Remembers both clocks.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn set_clock(&self, mark: &ClockMark) -> Result<()> {
        self.handle.write(|tables| tables.update_meta(|meta| meta.clock = Some(mark.clone())))
    }

    /// A head at least as new as the newest point was read, or a person confirms: removals are allowed again.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn confirm(&self) -> Result<()> {
        self.handle.write(|tables| {
            tables.update_meta(|meta| meta.unconfirmed = false)?;
            tables.moved_on()
        })
    }

    /// A take-over: a higher epoch; the order starts over within it.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is not higher.
    pub fn raise_epoch(&self, epoch: u32) -> Result<()> {
        self.handle.write(|tables| {
            let now = tables.meta_row()?.epoch;
            if epoch <= now {
                return Err(super::state::refused("5.1", format_args!("epoch {epoch} is not above {now}")));
            }
            tables.update_meta(|meta| {
                meta.epoch = epoch;
                meta.next_sequence = 1;
            })?;
            tables.moved_on()
        })
    }

    /// This computer was set back: a higher epoch, in which no place in the order was given yet; and nothing is removed
    /// until it is known what was said since. One that was taken meanwhile stands.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn take_epoch(&self, epoch: u32) -> Result<()> {
        self.handle.write(|tables| {
            if epoch <= tables.meta_row()?.epoch {
                return Ok(());
            }
            tables.update_meta(|meta| (meta.epoch, meta.next_sequence, meta.unconfirmed) = (epoch, 1, true))?;
            tables.moved_on()
        })
    }

    /// The job of that name, made with `ids` if it is new. `group` is the name of the dedup group it shares, if any: a
    /// known job that now names one uses it from its next point on, one that names none keeps what it has.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn ensure_job(&self, name: &JobName, group: Option<&Name>, ids: &NewJobIds) -> Result<JobRow> {
        self.handle.write(|tables| {
            let known = tables.jobs_by_name.get(&name.to_string())?;
            let known = known.map(|id| tables.job(id)).transpose()?;
            let wanted = match group {
                Some(group) => tables.shared_group(group, ids.group)?,
                None => known.as_ref().map_or(ids.group, |job| job.group),
            };
            match known {
                Some(job) if job.group == wanted => Ok(job),
                Some(job) => tables.save_job(&JobRow { group: wanted, ..job }),
                None => tables.save_job(&new_job(name, ids.job, wanted)),
            }
        })
    }

    /// The job of that name.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn job_named(&self, name: &JobName) -> Result<Option<JobRow>> {
        self.handle.read(|tables| {
            let id = tables.jobs_by_name.get(&name.to_string())?;
            id.map(|id| tables.job(id)).transpose()
        })
    }

    /// All jobs ever.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn jobs(&self) -> Result<Vec<JobRow>> {
        self.handle.read(|tables| Ok(tables.jobs.all()?.into_iter().map(|(_, job)| job).collect()))
    }

    /// Changes a job's row in one transaction; id, name and group stay.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn update_job(&self, job: JobId, change: &dyn Fn(&mut JobRow)) -> Result<JobRow> {
        self.handle.write(|tables| {
            let before = tables.job(job)?;
            let mut row = before.clone();
            change(&mut row);
            let row = JobRow { id: before.id, name: before.name, group: before.group, ..row };
            tables.save_job(&row)
        })
    }

    /// A small text kept under a name, for the schedule and the like.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn memo(&self, name: &str) -> Result<Option<String>> {
        self.handle.read(|tables| tables.memos.get(&name.to_owned()))
    }

    /// Keeps it; an empty text forgets it. Plans stay good.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn set_memo(&self, name: &str, text: &str) -> Result<()> {
        self.handle.write(|tables| match text {
            "" => tables.memos.remove(&name.to_owned()).map(|_| ()),
            text => tables.memos.put(&name.to_owned(), &text.to_owned()),
        })
    }

    /// The bytes of the family's newest key slots, once they were changed.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn key_slots(&self) -> Result<Option<Vec<u8>>> {
        let text = self.memo(KEY_SLOTS)?;
        Ok(text.and_then(|text| data_encoding::HEXLOWER.decode(text.as_bytes()).ok()))
    }

    /// Keeps them: what each place has is brought up to them.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn set_key_slots(&self, bytes: &[u8]) -> Result<()> {
        self.set_memo(KEY_SLOTS, &data_encoding::HEXLOWER.encode(bytes))
    }

    /// Adds a line to the log; the oldest beyond [`EVENTS_MAX`] are dropped. Plans stay good.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn note_event(&self, event: &EventRow) -> Result<()> {
        self.handle.write(|tables| tables.log(event))
    }

    /// The log, oldest first.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn events(&self) -> Result<Vec<EventRow>> {
        self.handle.read(|tables| Ok(tables.events.all()?.into_iter().map(|(_, event)| event).collect()))
    }
}

fn new_job(name: &JobName, id: JobId, group: GroupId) -> JobRow {
    JobRow {
        id,
        name: name.clone(),
        group,
        newest_created: None,
        last_run: None,
        last_files: 0,
        last_bytes: 0,
        alarm: None,
        clock_jump: None,
    }
}

impl Tables<'_, Writing> {
    /// Adds a line to the log.
    pub fn log(&mut self, event: &EventRow) -> Result<()> {
        let number = self.update_meta(|meta| {
            meta.next_event += 1;
            meta.next_event - 1
        })?;
        self.events.put(&number, event)?;
        if let Some(oldest) = number.checked_sub(EVENTS_MAX) {
            self.events.remove(&oldest)?;
        }
        Ok(())
    }

    fn shared_group(&mut self, name: &Name, new: GroupId) -> Result<GroupId> {
        let name = name.to_string();
        if let Some(known) = self.groups_by_name.get(&name)? {
            return Ok(known);
        }
        self.groups_by_name.put(&name, &new)?;
        Ok(new)
    }

    fn save_job(&mut self, row: &JobRow) -> Result<JobRow> {
        self.jobs.put(&row.id, row)?;
        self.jobs_by_name.put(&row.name.to_string(), &row.id)?;
        self.moved_on()?;
        Ok(row.clone())
    }
}
