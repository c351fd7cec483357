//! Whether what a receipt says is so: every length, and some of the bytes, drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::is_damage;
use crate::destination::{ErrorKind, ReadStore};
use crate::doubt::{Sample, Share};
use crate::format::SeedPack;
use crate::model::{Digest, ObjectName, PackId, VaultPath};
use crate::vault::{VaultError, get_digest};

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looked {
    /// Packs that are not there, or have another length.
    pub missing: BTreeSet<PackId>,
    /// Packs that were read and are not what their name says.
    pub damaged: BTreeSet<PackId>,
    /// Packs that were read back and are good.
    pub read: BTreeSet<PackId>,
}

impl Looked {
    /// Is that pack not there as it should be?
    #[must_use]
    pub fn is_wrong(&self, pack: &PackId) -> bool {
        self.missing.contains(pack) || self.damaged.contains(pack)
    }

    /// Is everything that was looked at as it should be?
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty()
    }
}

/// Compares the length of every pack, and reads a sample; once anything is wrong, everything.
///
/// # Errors
/// If the place can't be asked, or it is told to stop (`None`).
pub fn look(
    store: &dyn ReadStore,
    packs: &[SeedPack],
    (share, seed): (Share, [u8; 32]),
    stop: &dyn Fn() -> bool,
) -> Result<Option<Looked>, VaultError> {
    let mut looked = Looked { missing: wrong_lengths(store, packs)?, ..Looked::default() };
    let there: Vec<&SeedPack> = packs.iter().filter(|pack| !looked.missing.contains(&pack.id)).collect();
    let sizes: Vec<u64> = there.iter().map(|pack| u64::from(pack.bytes)).collect();
    let sample: Vec<usize> = if share.is_all() || there.is_empty() || !looked.is_sound() {
        (0..there.len()).collect()
    } else {
        Sample::draw(&sizes, share, seed).objects().collect()
    };
    let drawn: BTreeSet<usize> = sample.iter().copied().collect();
    let rest = (0..there.len()).filter(|at| !drawn.contains(at));
    for (n, at) in sample.iter().copied().chain(rest).enumerate() {
        // One that is bad ends sampling.
        if n >= sample.len() && looked.is_sound() {
            break;
        }
        if stop() {
            return Ok(None);
        }
        read(store, there[at].id, &mut looked)?;
    }
    Ok(Some(looked))
}

fn read(store: &dyn ReadStore, pack: PackId, looked: &mut Looked) -> Result<(), VaultError> {
    match get_digest(store, &ObjectName::Pack(pack).path()) {
        Ok(found) if found == Digest(pack.0) => _ = looked.read.insert(pack),
        Ok(_) => _ = looked.damaged.insert(pack),
        Err(VaultError::Missing { .. }) => _ = looked.missing.insert(pack),
        Err(VaultError::Store(error)) if error.kind == ErrorKind::NotFound => _ = looked.missing.insert(pack),
        Err(VaultError::Store(error)) if is_damage(store, &error) => _ = looked.damaged.insert(pack),
        Err(error) => return Err(error),
    }
    Ok(store.still_there()?)
}

/// One list of a folder stands for many looks; what it does not show is looked for by name, where lists are late.
fn wrong_lengths(store: &dyn ReadStore, packs: &[SeedPack]) -> Result<BTreeSet<PackId>, VaultError> {
    let mut folders: BTreeMap<VaultPath, Vec<&SeedPack>> = BTreeMap::new();
    for pack in packs {
        folders.entry(ObjectName::Pack(pack.id).path().folder()).or_default().push(pack);
    }
    let mut wrong = BTreeSet::new();
    for (folder, packs) in folders {
        let listed: BTreeMap<VaultPath, Option<u64>> =
            store.list(&folder)?.into_iter().map(|listed| (listed.path, listed.bytes)).collect();
        for pack in packs {
            let (path, bytes) = (ObjectName::Pack(pack.id).path(), Some(u64::from(pack.bytes)));
            if listed.get(&path) != Some(&bytes) && store.stat(&path)? != bytes {
                wrong.insert(pack.id);
            }
        }
    }
    if !wrong.is_empty() {
        store.still_there()?;
    }
    Ok(wrong)
}
