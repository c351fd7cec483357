//! Opening a vault: whose it is, and with which keys.

use std::collections::BTreeMap;

use super::error::VaultError;
use super::objects::get;
use crate::destination::ReadStore;
use crate::format::{FormatError, Identity, KeysName, SlotKind, SlotSet};
use crate::model::{FamilyId, VaultPath};
use crate::seal::{Keyring, SlotError, is_authentic};

/// A family's keys, unlocked.
pub type Ring = Keyring;

/// The key slots' file that counts, and what is wrong with the others.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundKeys {
    /// The highest valid set.
    pub set: SlotSet,
    /// Its bytes: the same at every medium of the family.
    pub bytes: Vec<u8>,
    /// Damaged files beside it, for people.
    pub damaged: Vec<String>,
}

/// The identity of the vault at `store`; from its copy where the first is damaged or missing.
///
/// # Errors
/// [`VaultError::Missing`] if neither file is there: no vault. [`FormatError::Newer`] is never hidden by the copy.
pub fn identity_of(store: &dyn ReadStore) -> Result<Identity, VaultError> {
    let first = read_identity(store, "VAULT");
    match first {
        Err(error) if error.is_damage() => read_identity(store, "VAULT.copy").map_err(|copy| worse(error, copy)),
        first => first,
    }
}

fn read_identity(store: &dyn ReadStore, name: &str) -> Result<Identity, VaultError> {
    let path = VaultPath::parse(name).expect("a constant");
    Ok(Identity::decode(&get(store, &path)?)?)
}

/// Of two failures the one that says more: damage rather than absence.
fn worse(first: VaultError, copy: VaultError) -> VaultError {
    if matches!(first, VaultError::Missing { .. }) { copy } else { first }
}

/// The key slots of `family` that count at `store`. Its identity or the catalog says which family that is: slots of
/// another one, put beside it, must not open anything.
///
/// # Errors
/// [`VaultError::Missing`] if there is no valid file, [`VaultError::Foreign`] if all of them are other families'; a newer
/// one is told as such.
pub fn keys_of(store: &dyn ReadStore, family: FamilyId) -> Result<FoundKeys, VaultError> {
    let folder = VaultPath::parse("keys").expect("a constant");
    let mut named = BTreeMap::new();
    for listed in store.list(&folder)? {
        if let Ok(name) = listed.path.file_name().parse::<KeysName>() {
            named.insert(name, listed.path);
        }
    }
    let (mut damaged, mut foreign) = (Vec::new(), None);
    for (name, path) in named.into_iter().rev() {
        match read_keys(store, name, &path) {
            // Left by an `init` of another installation that came second; the family's own count, if there are any.
            Ok((set, _)) if set.family != family => {
                let why = format!("{path} holds the key slots of another family, {}", set.family);
                foreign.get_or_insert(why);
            }
            Ok((set, bytes)) => return Ok(FoundKeys { set, bytes, damaged }),
            Err(error) if error.is_damage() => damaged.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    if let Some(why) = foreign {
        return Err(VaultError::Foreign(why));
    }
    let object = damaged.into_iter().next().unwrap_or_else(|| "the key slots' file".to_owned());
    Err(VaultError::Missing { object })
}

fn read_keys(store: &dyn ReadStore, name: KeysName, path: &VaultPath) -> Result<(SlotSet, Vec<u8>), VaultError> {
    let bytes = get(store, path)?;
    if KeysName::digest_of(&bytes) != name.digest {
        return Err(FormatError::damaged("the key slots' file", format!("{path} is not what its name says")).into());
    }
    let set = SlotSet::decode(&bytes)?;
    if set.sequence != name.sequence {
        return Err(FormatError::damaged("the key slots' file", format!("{path} tells another sequence")).into());
    }
    Ok((set, bytes))
}

/// Of the slots that several places hold the set that counts, and its keys: the highest that the secret opens, if no higher
/// one was made with the same keys. Places that were away during a change, or set back, hold lower ones; what somebody else
/// put there was not made with our keys and does not count.
///
/// # Errors
/// [`SlotError::Revoked`] if a higher one was; else as the highest answers.
pub fn unlock_newest(found: Vec<FoundKeys>, kind: SlotKind, secret: &[u8]) -> Result<(FoundKeys, Ring), SlotError> {
    let sets: BTreeMap<KeysName, FoundKeys> = found.into_iter().map(|keys| (keys.set.name(), keys)).collect();
    let (mut higher, mut failed): (Vec<FoundKeys>, _) = (Vec::new(), None);
    for keys in sets.into_values().rev() {
        match unlock(&keys, kind, secret) {
            Ok(ring) if higher.iter().any(|higher| is_authentic(&higher.set, &ring)) => return Err(SlotError::Revoked),
            Ok(ring) => return Ok((keys, ring)),
            Err(error) => failed = failed.or(Some(error)),
        }
        higher.push(keys);
    }
    Err(failed.unwrap_or(SlotError::Wrong))
}

/// Opens a set of slots with a secret of that kind.
///
/// # Errors
/// As [`crate::seal::unlock`].
pub fn unlock(keys: &FoundKeys, kind: SlotKind, secret: &[u8]) -> Result<Ring, SlotError> {
    crate::seal::unlock(&keys.set, kind, secret)
}
