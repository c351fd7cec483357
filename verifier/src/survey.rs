//! What lies at a destination, found as after a fire: from its address and a secret alone.
//!
//! In: an open store and a secret. Out: the vault's identity and keys, its heads, each job's points by their names.
//! Nothing local is asked, nothing is written.

use std::collections::BTreeMap;

use engine::destination::{ErrorKind, ReadStore, StoreError};
use engine::format::{FormatError, Identity, KeysName, SlotKind, SlotSet};
use engine::model::{JobId, JobName, PointName, Time, VaultId, VaultPath, chain};
use engine::seal::{Keyring, SlotError};
use engine::vault::{self, FoundHead, FoundKeys, VaultError, VaultReader};

use crate::choose::Listing;
use crate::mismatch::Mismatch;

/// Why nothing at a destination can be drilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// It is not there now.
    Away(String),
    /// It is there, and newer than this program, or not to be opened with this secret, or not to be read by us.
    Refused(String),
    /// Its files say that it is another family's.
    Foreign(String),
    /// It is there and can't be opened any more.
    Damaged(String),
}

/// What a vault is opened with.
#[derive(Clone, Copy)]
pub struct Opener<'s> {
    /// Which slots are tried.
    pub kind: SlotKind,
    /// The passphrase, or a recovery sheet's secret.
    pub secret: &'s [u8],
}

impl Opener<'_> {
    const fn word(&self) -> &'static str {
        match self.kind {
            SlotKind::Passphrase => "passphrase",
            SlotKind::Sheet => "recovery sheet",
        }
    }
}

/// A vault that was opened.
pub struct Survey {
    /// Whose.
    pub identity: Identity,
    /// The slots, for the negative control.
    pub keys: FoundKeys,
    /// Which of them opened it.
    pub opened_by: SlotKind,
    /// The family's keys.
    pub keyring: Keyring,
    /// Each job's points.
    pub listings: Vec<Listing>,
    /// All heads, oldest first, also those that can't be read.
    pub heads: Vec<FoundHead>,
    /// Names of jobs, as heads tell them.
    pub names: BTreeMap<JobId, JobName>,
    /// What a person should know: names that do not belong there.
    pub notes: Vec<String>,
    /// What is damaged of the vault's own files: identity, key slots, heads. A twin or an older one did instead.
    pub flaws: Vec<Mismatch>,
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
pub fn survey(store: &dyn ReadStore, address: &str, opener: Opener<'_>) -> Result<Survey, Closed> {
    let identity = vault::identity_of(store).map_err(|error| of_identity(store, address, &error))?;
    let mut flaws = identity_flaws(store, &identity);
    let keys = vault::keys_of(store, identity.family).map_err(|error| of_keys(store, address, opener, &error))?;
    flaws.extend(keys.damaged.iter().map(|why| Mismatch::new(b"keys", why.clone())));
    let keyring = vault::unlock(&keys, opener.kind, opener.secret).map_err(|error| of_slots(&error))?;
    let heads = vault::list_heads(store, identity.vault, &keyring).map_err(|error| of_vault(&error))?;
    let bad_head = |found: &FoundHead| Some((found.path.clone(), chain(found.body.as_ref().err()?)));
    let bad_heads = heads.iter().filter_map(bad_head);
    flaws.extend(bad_heads.map(|(path, why)| Mismatch::new(path.as_str().as_bytes(), why)));
    let mut notes = Vec::new();
    let names = named_jobs(&heads);
    let listings = list(store, &keyring, &names, &mut notes).map_err(|error| of_store(&error))?;
    Ok(Survey { identity, keys, opened_by: opener.kind, keyring, listings, heads, names, notes, flaws })
}

/// One of the two identity files may be damaged: nobody would miss it until the other one is too.
fn identity_flaws(store: &dyn ReadStore, identity: &Identity) -> Vec<Mismatch> {
    let is_whole = |name: &&str| {
        let path = VaultPath::parse(name).expect("a constant");
        vault::get(store, &path).is_ok_and(|bytes| Identity::decode(&bytes).as_ref() == Ok(identity))
    };
    let bad = ["VAULT", "VAULT.copy"].into_iter().filter(|name| !is_whole(name));
    let why = "it is damaged or missing; its twin told whose vault this is";
    bad.map(|name| Mismatch::new(name.as_bytes(), why)).collect()
}

/// The identity files say one family and the key slots another. If the secret opens those, all that lies here is of
/// the secret's own family, and the identity files were lost to another one's.
fn of_keys(store: &dyn ReadStore, address: &str, opener: Opener<'_>, error: &VaultError) -> Closed {
    let closed = of_vault(error);
    match closed {
        Closed::Foreign(_) if opens_any_keys(store, opener) => Closed::Damaged(format!(
            "{address} has lost the files that say which vault it is: those that are there name another family than \
             its keys, which this {} opens",
            opener.word()
        )),
        closed => closed,
    }
}

fn opens_any_keys(store: &dyn ReadStore, opener: Opener<'_>) -> bool {
    let listed = store.list(&VaultPath::parse("keys").expect("a constant")).unwrap_or_default();
    let names = listed.iter().filter(|listed| listed.path.file_name().parse::<KeysName>().is_ok());
    let sets = names.filter_map(|listed| SlotSet::decode(&vault::get(store, &listed.path).ok()?).ok());
    let families: std::collections::BTreeSet<_> = sets.map(|set| set.family).collect();
    let opens = |family: &_| {
        let keys = vault::keys_of(store, *family);
        keys.is_ok_and(|keys| vault::unlock(&keys, opener.kind, opener.secret).is_ok())
    };
    families.iter().any(opens)
}

fn of_identity(store: &dyn ReadStore, address: &str, error: &VaultError) -> Closed {
    // A drive that lost both files still has packs; an empty mount point has nothing.
    let has_objects = ["packs", "points", "keys", "heads"].iter().any(|name| {
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
        VaultError::Format(FormatError::Newer { .. }) => Closed::Refused(chain(error)),
        VaultError::Foreign(_) => Closed::Foreign(chain(error)),
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
fn named_jobs(heads: &[FoundHead]) -> BTreeMap<JobId, JobName> {
    let readable = heads.iter().filter_map(|found| found.body.as_ref().ok());
    readable.flat_map(|head| &head.jobs).map(|job| (job.id, job.name.clone())).collect()
}

/// All points by their names alone: no key is needed.
pub(crate) fn listed_points(store: &dyn ReadStore) -> Result<Vec<(JobId, PointName)>, StoreError> {
    let mut all = Vec::new();
    for (job, folder) in job_folders(store, &mut Vec::new())? {
        all.extend(points_in(store, &folder, &mut Vec::new())?.into_iter().map(|point| (job, point)));
    }
    Ok(all)
}

fn job_folders(store: &dyn ReadStore, notes: &mut Vec<String>) -> Result<Vec<(JobId, VaultPath)>, StoreError> {
    let mut folders = Vec::new();
    for folder in store.list(&VaultPath::parse("points").expect("a constant"))? {
        match folder.path.file_name().parse::<JobId>() {
            Ok(job) => folders.push((job, folder.path)),
            Err(_) => notes.push(format!("{} is no job's folder", folder.path)),
        }
    }
    Ok(folders)
}

fn list(
    store: &dyn ReadStore,
    keyring: &Keyring,
    jobs: &BTreeMap<JobId, JobName>,
    notes: &mut Vec<String>,
) -> Result<Vec<Listing>, StoreError> {
    let reader = VaultReader::new(store, keyring);
    let mut listings = Vec::new();
    for (job, folder) in job_folders(store, notes)? {
        let points = points_in(store, &folder, notes)?;
        if !points.is_empty() {
            let name = jobs.get(&job).cloned().or_else(|| name_told_by(&reader, job, &points));
            let twins = twins(&reader, job, &points);
            listings.push(Listing { job, name, points, twins });
        }
    }
    Ok(listings)
}

/// When those were made that share their place in the order with another one; none for what can't be read.
fn twins(reader: &VaultReader<'_>, job: JobId, points: &[PointName]) -> BTreeMap<PointName, Option<Time>> {
    let mut seen = BTreeMap::<_, u32>::new();
    points.iter().for_each(|point| *seen.entry(point.order).or_default() += 1);
    let created = |point: &PointName| reader.manifest(job, *point).ok().map(|(manifest, ..)| manifest.created);
    points.iter().filter(|point| seen[&point.order] > 1).map(|it| (*it, created(it))).collect()
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
