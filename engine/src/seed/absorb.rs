//! What is on a drive into the vault that it was made for, by whoever received it: without keys, configuration or
//! catalog.
//!
//! Order: the list, then packs, each read back, then the receipt. Whatever breaks off in between leaves packs that the
//! owner's reservation keeps, and the same call goes on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::carry::{Carried, CarryError, Unfit, Wrong, carry};
use super::lists::{BadList, FoundList, is_damage, lists_on, pass_on, write_receipt};
use crate::destination::{ReadStore, StoreError, WriteStore};
use crate::format::{SeedPack, SeedReceipt};
use crate::model::{FamilyId, ObjectName, PackId, SeedId, VaultId, chain};
use crate::port::Clock;
use crate::vault::{VaultError, identity_of};

/// A drive that can't be taken over: nothing of it was written, or no receipt for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No list is on it.
    NoList,
    /// Its lists can't be used.
    BadLists(Vec<BadList>),
    /// It goes to another vault.
    Foreign {
        /// To which.
        wanted: VaultId,
        /// Which one is there.
        found: VaultId,
    },
    /// It was not finished.
    Unfinished {
        /// Its number.
        drive: u32,
    },
    /// Packs that are not what its list says.
    Damaged(Vec<Unfit>),
    /// It is good, and other bytes lie in the vault under the names of these.
    Taken(Vec<PackId>),
}

/// Why nothing could be taken over, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum AbsorbError {
    /// The drive.
    #[error("the drive is refused")]
    Refused(Refused),
    /// The drive can't be read any more.
    #[error("the drive can't be read any more")]
    Drive(#[source] StoreError),
    /// The vault.
    #[error("the vault can't be used")]
    Vault(#[from] VaultError),
    /// A pack, because of the vault.
    #[error(transparent)]
    Carry(CarryError),
}

/// What was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absorbed {
    /// Whose.
    pub family: FamilyId,
    /// Into which vault.
    pub vault: VaultId,
    /// Which seed.
    pub seed: SeedId,
    /// The drive's number.
    pub drive: u32,
    /// Packs that it names.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them lay in the vault already.
    pub lay_there: u64,
}

/// What it is done with.
pub struct Task<'t> {
    /// The drive.
    pub drive: &'t dyn ReadStore,
    /// The vault.
    pub vault: &'t dyn WriteStore,
    /// The time.
    pub clock: &'t dyn Clock,
    /// Asked before each block: stop?
    pub stop: &'t (dyn Fn() -> bool + Sync),
    /// Told how many bytes of how many are there.
    pub progress: &'t (dyn Fn(u64, u64) + Sync),
}

/// Takes over what is on a drive.
///
/// # Errors
/// [`AbsorbError`]; the same call goes on.
pub fn absorb(task: &Task<'_>) -> Result<Absorbed, AbsorbError> {
    let found = the_list(task)?;
    let list = &found.list;
    let unfit = wrong_lengths(task, &list.packs)?;
    if !unfit.is_empty() {
        return Err(AbsorbError::Refused(Refused::Damaged(unfit)));
    }
    pass_on(task.vault, &found)?;
    let lay_there = carry_all(task, &list.packs, list.bytes())?;
    let absorbed = Absorbed {
        family: list.family,
        vault: list.vault,
        seed: list.seed,
        drive: list.drive,
        packs: list.packs.len() as u64,
        bytes: list.bytes(),
        lay_there,
    };
    let receipt = SeedReceipt {
        family: absorbed.family,
        vault: absorbed.vault,
        seed: absorbed.seed,
        drive: absorbed.drive,
        list: found.digest,
        absorbed: task.clock.now(),
        packs: absorbed.packs,
        bytes: absorbed.bytes,
        lay_there,
    };
    write_receipt(task.vault, &receipt)?;
    Ok(absorbed)
}

/// The list on the drive that is for this vault: of the newest drive that it was, its last one. Which list of a drive is
/// the last one its revision tells, whatever the clock did meanwhile.
fn the_list(task: &Task<'_>) -> Result<FoundList, AbsorbError> {
    let refused = |why| Err(AbsorbError::Refused(why));
    let identity = identity_of(task.vault)?;
    let (lists, bad) = lists_on(task.drive).map_err(|error| match error {
        VaultError::Store(error) => AbsorbError::Drive(error),
        other => AbsorbError::Vault(other),
    })?;
    let mut last: BTreeMap<(SeedId, u32), &FoundList> = BTreeMap::new();
    for found in lists.iter().filter(|it| (it.list.family, it.list.vault) == (identity.family, identity.vault)) {
        let known = last.entry((found.list.seed, found.list.drive)).or_insert(found);
        if found.list.revision > known.list.revision {
            *known = found;
        }
    }
    // Of one seed the drive that was written last has the highest number.
    let seed = last.values().max_by_key(|found| found.list.created).map(|found| found.list.seed);
    let of_seed = last.into_values().filter(|found| Some(found.list.seed) == seed);
    let newest = of_seed.max_by_key(|found| found.list.drive);
    match (newest, lists.first()) {
        (Some(newest), _) if newest.list.finished => Ok(newest.clone()),
        // The one that says that it is whole may be the one that can't be read.
        _ if !bad.is_empty() => refused(Refused::BadLists(bad)),
        (Some(newest), _) => refused(Refused::Unfinished { drive: newest.list.drive }),
        (None, Some(other)) => refused(Refused::Foreign { wanted: other.list.vault, found: identity.vault }),
        (None, None) => refused(Refused::NoList),
    }
}

/// Packs that are missing on the drive, or have another length: known before anything is written.
fn wrong_lengths(task: &Task<'_>, packs: &[SeedPack]) -> Result<Vec<Unfit>, AbsorbError> {
    let mut unfit = Vec::new();
    for pack in packs {
        let why = match task.drive.stat(&ObjectName::Pack(pack.id).path()) {
            Ok(Some(bytes)) if bytes == u64::from(pack.bytes) => continue,
            Ok(Some(_)) => "its length is wrong".to_owned(),
            Ok(None) => "it is missing".to_owned(),
            Err(error) if is_damage(task.drive, &error) => chain(&error),
            Err(error) => return Err(AbsorbError::Drive(error)),
        };
        unfit.push(Unfit { pack: pack.id, why });
    }
    if !unfit.is_empty() {
        task.drive.still_there().map_err(AbsorbError::Drive)?;
    }
    Ok(unfit)
}

/// What several lanes share.
struct Shared<'s> {
    packs: Mutex<std::slice::Iter<'s, SeedPack>>,
    unfit: Mutex<Vec<Unfit>>,
    taken: Mutex<Vec<PackId>>,
    failed: Mutex<Option<CarryError>>,
    halt: AtomicBool,
    done: AtomicU64,
    lay_there: AtomicU64,
    all: u64,
}

/// All packs, as many side by side as the vault takes; gives how many lay there.
fn carry_all(task: &Task<'_>, packs: &[SeedPack], all: u64) -> Result<u64, AbsorbError> {
    let shared = Shared {
        packs: Mutex::new(packs.iter()),
        unfit: Mutex::default(),
        taken: Mutex::default(),
        failed: Mutex::default(),
        halt: AtomicBool::new(false),
        done: AtomicU64::new(0),
        lay_there: AtomicU64::new(0),
        all,
    };
    std::thread::scope(|scope| {
        for _ in 1..task.vault.lanes() {
            scope.spawn(|| lane(task, &shared));
        }
        lane(task, &shared);
    });
    if let Some(error) = taken(shared.failed) {
        return Err(match error {
            CarryError::From(error) => AbsorbError::Drive(error),
            other => AbsorbError::Carry(other),
        });
    }
    let (mut unfit, mut wrong) = (taken(shared.unfit), taken(shared.taken));
    unfit.sort_by_key(|unfit| unfit.pack);
    wrong.sort_unstable();
    match (unfit.is_empty(), wrong.is_empty()) {
        (true, true) => Ok(shared.lay_there.load(Ordering::Relaxed)),
        (true, false) => Err(AbsorbError::Refused(Refused::Taken(wrong))),
        (false, _) => Err(AbsorbError::Refused(Refused::Damaged(unfit))),
    }
}

fn taken<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One pack after the other. A damaged one is noted, and the others go on: they need not travel twice.
fn lane(task: &Task<'_>, shared: &Shared<'_>) {
    let stop = || shared.halt.load(Ordering::Relaxed) || (task.stop)();
    loop {
        let next = held(&shared.packs).next();
        let Some(pack) = next.filter(|_| !shared.halt.load(Ordering::Relaxed)) else { return };
        match carry(task.drive, task.vault, pack, Wrong::Left, &stop) {
            Ok(carried) => {
                shared.lay_there.fetch_add(u64::from(carried == Carried::LayThere), Ordering::Relaxed);
                let bytes = u64::from(pack.bytes);
                (task.progress)(shared.done.fetch_add(bytes, Ordering::Relaxed) + bytes, shared.all);
            }
            Err(CarryError::Unfit(unfit)) => held(&shared.unfit).push(unfit),
            Err(CarryError::Taken(pack)) => held(&shared.taken).push(pack),
            Err(error) => {
                // The first one is told; the others were stopped because of it.
                if !shared.halt.swap(true, Ordering::Relaxed) {
                    *held(&shared.failed) = Some(error);
                }
                return;
            }
        }
    }
}
