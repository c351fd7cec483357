//! What lies at a destination, found as after a fire: from its address and a secret alone.
//!
//! In: an open store and a secret. Out: the vault's identity and keys, its newest readable head, each job's points by
//! their names. Nothing local is asked, nothing is written.

use std::collections::BTreeMap;

use engine::destination::{ErrorKind, ReadStore, StoreError};
use engine::format::{FormatError, Head, Identity, SlotKind};
use engine::model::{JobId, JobName, PointName, VaultId, VaultPath, chain};
use engine::seal::{Keyring, SlotError};
use engine::vault::{self, FoundKeys, VaultError, VaultReader};

use crate::choose::Listing;

/// Why nothing at a destination can be drilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// It is not there now.
    Away(String),
    /// It is there and not ours, or newer than this program.
    Refused(String),
    /// It is there and can't be opened any more.
    Damaged(String),
}

/// A vault that was opened.
pub struct Survey {
    /// Whose.
    pub identity: Identity,
    /// The slots, for the negative control.
    pub keys: FoundKeys,
    /// The family's keys.
    pub keyring: Keyring,
    /// Each job's points.
    pub listings: Vec<Listing>,
    /// What a person should know: damaged heads and key files, names that do not belong there.
    pub notes: Vec<String>,
}

impl Survey {
    /// Which vault it is.
    #[must_use]
    pub const fn vault(&self) -> VaultId {
        self.identity.vault
    }
}

/// Surveys the vault at `store`.
///
/// # Errors
/// [`Closed`]; `address` is for its text.
pub fn survey(store: &dyn ReadStore, address: &str, secret: &[u8]) -> Result<Survey, Closed> {
    let identity = vault::identity_of(store).map_err(|error| of_identity(store, address, &error))?;
    let mut notes = Vec::new();
    let keys = vault::keys_of(store, identity.family).map_err(|error| of_vault(&error))?;
    notes.extend(keys.damaged.iter().cloned());
    let keyring = vault::unlock(&keys, SlotKind::Passphrase, secret).map_err(|error| of_slots(&error))?;
    let jobs = named_jobs(store, &identity, &keyring, &mut notes)?;
    let listings = list(store, &keyring, &jobs, &mut notes).map_err(|error| of_store(&error))?;
    Ok(Survey { identity, keys, keyring, listings, notes })
}

fn of_identity(store: &dyn ReadStore, address: &str, error: &VaultError) -> Closed {
    // A drive that lost both files still has packs; an empty mount point has nothing.
    let has_objects = ["packs", "points", "keys"].iter().any(|name| {
        let folder = VaultPath::parse(name).expect("a constant");
        store.list(&folder).is_ok_and(|listed| !listed.is_empty())
    });
    match error {
        VaultError::Missing { .. } if has_objects => {
            Closed::Damaged(format!("{address} has lost the files that say which vault it is"))
        }
        VaultError::Missing { .. } => Closed::Away(format!("no vault at {address}: the drive is not there")),
        error => of_vault(error),
    }
}

fn of_vault(error: &VaultError) -> Closed {
    match error {
        VaultError::Format(FormatError::Newer { .. }) | VaultError::Foreign(_) => Closed::Refused(chain(error)),
        VaultError::Store(error) => of_store(error),
        error => Closed::Damaged(chain(error)),
    }
}

fn of_store(error: &StoreError) -> Closed {
    match error.kind {
        ErrorKind::Gone | ErrorKind::Transient | ErrorKind::NotFound => Closed::Away(chain(error)),
        ErrorKind::Denied => Closed::Refused(chain(error)),
        _ => Closed::Damaged(chain(error)),
    }
}

fn of_slots(error: &SlotError) -> Closed {
    match error {
        SlotError::DamagedSlot | SlotError::Altered => Closed::Damaged(chain(error)),
        SlotError::Format(FormatError::Damaged { .. }) => Closed::Damaged(chain(error)),
        error => Closed::Refused(chain(error)),
    }
}

/// Names of jobs, from every head that can be read, the newest last word.
fn named_jobs(
    store: &dyn ReadStore,
    identity: &Identity,
    keyring: &Keyring,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<JobId, JobName>, Closed> {
    let mut jobs = BTreeMap::new();
    for found in vault::list_heads(store, identity.vault, keyring).map_err(|error| of_vault(&error))? {
        match found.body {
            Ok(Head { jobs: known, .. }) => jobs.extend(known.into_iter().map(|job| (job.id, job.name))),
            Err(error) => notes.push(chain(&error)),
        }
    }
    Ok(jobs)
}

fn list(
    store: &dyn ReadStore,
    keyring: &Keyring,
    jobs: &BTreeMap<JobId, JobName>,
    notes: &mut Vec<String>,
) -> Result<Vec<Listing>, StoreError> {
    let reader = VaultReader::new(store, keyring);
    let mut listings = Vec::new();
    for folder in store.list(&VaultPath::parse("points").expect("a constant"))? {
        let Ok(job) = folder.path.file_name().parse::<JobId>() else {
            notes.push(format!("{} is no job's folder", folder.path));
            continue;
        };
        let points = points_in(store, &folder.path, notes)?;
        if !points.is_empty() {
            let name = jobs.get(&job).cloned().or_else(|| name_told_by(&reader, job, &points));
            listings.push(Listing { job, name, points });
        }
    }
    Ok(listings)
}

fn points_in(store: &dyn ReadStore, folder: &VaultPath, notes: &mut Vec<String>) -> Result<Vec<PointName>, StoreError> {
    let mut points = Vec::new();
    for listed in store.list(folder)? {
        match listed.path.file_name().parse::<PointName>() {
            Ok(name) if listed.bytes.is_some() => points.push(name),
            _ if listed.path.file_name().starts_with(engine::destination::TEMPORARY_PREFIX) => {}
            _ => notes.push(format!("{} is no point's name", listed.path)),
        }
    }
    Ok(points)
}

/// The job's name, from its newest manifest that opens.
fn name_told_by(reader: &VaultReader<'_>, job: JobId, points: &[PointName]) -> Option<JobName> {
    let mut newest_first = points.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    newest_first.into_iter().find_map(|point| reader.manifest(job, point).ok()).map(|(manifest, ..)| manifest.job_name)
}
