//! A medium's key slots, brought up to those of the family: a passphrase that was revoked must not open it any more.
//!
//! In: a session that is open, the slots as the catalog remembers them since they were changed first. Out: the newest set
//! at the medium, read back, and then no older one. A mark on the medium says which set it has, so that a session where
//! nothing changed asks for nothing. What can't be done is told, and tried again by the next session.

use std::collections::BTreeSet;

use super::error::{CopyError, chain};
use super::session::Session;
use super::{Told, begin};
use crate::catalog::{Catalog, MediumRow};
use crate::destination::ReadStore;
use crate::format::{KeysName, SlotSet};
use crate::model::{FamilyId, VaultPath};
use crate::plan::Deletions;
use crate::seal::is_authentic;
use crate::vault::{VaultError, get, put};

/// The mark: the sequence of the set that is the only one there.
pub const KEYS: &str = "keys";

/// The set that every medium should have; none if it was never changed.
///
/// # Errors
/// As the catalog answers.
pub fn wanted(catalog: &Catalog) -> Result<Option<SlotSet>, CopyError> {
    Ok(catalog.key_slots()?.and_then(|bytes| SlotSet::decode(&bytes).ok()))
}

/// Brings them there, if they are not known to be.
///
/// # Errors
/// If the session can't go on.
pub(super) fn bring(session: &Session<'_>, row: &MediumRow) -> Result<(), CopyError> {
    let Some(set) = wanted(session.tools.catalog)? else { return Ok(()) };
    let sequence = set.sequence.to_string();
    if begin::mark(row, KEYS) == Some(&sequence) || !is_authentic(&set, session.tools.keyring) {
        return Ok(());
    }
    match replace(session, &set) {
        Ok(None) => return session.set_marks(&[(KEYS, Some(sequence))]),
        Ok(Some(why)) => tell(session, &why),
        Err(error) if error.ends_session() => return Err(error),
        Err(error) => tell(session, &chain(&error)),
    }
    Ok(())
}

fn tell(session: &Session<'_>, why: &str) {
    let text = format!("{}: key slots that were revoked still open it: {why}", session.destination);
    (session.tools.tell)(&Told::Note(text));
}

/// Puts the set there, then takes older ones away; why not, if they stay.
fn replace(session: &Session<'_>, set: &SlotSet) -> Result<Option<String>, CopyError> {
    let (store, name, bytes) = (session.store, set.name(), set.encode());
    let path = path_of(name);
    put(store, &path, &bytes)?;
    if get(store, &path)? != bytes {
        return Ok(Some(format!("{path} does not read back as it was written")));
    }
    store.still_there()?;
    let older = older(store, set)?;
    if older.is_empty() {
        return Ok(None);
    }
    if let Deletions::Refused(why) = &session.deletions {
        return Ok(Some(why.clone()));
    }
    session.look_again()?;
    older.into_iter().try_for_each(|name| store.delete(&path_of(name)))?;
    Ok(None)
}

/// Sets of this family, or files that can't be read, which come before the newest one.
fn older(store: &dyn ReadStore, newest: &SlotSet) -> Result<BTreeSet<KeysName>, CopyError> {
    let listed = store.list(&VaultPath::parse("keys").expect("a constant"))?;
    let names = listed.iter().filter_map(|listed| listed.path.file_name().parse::<KeysName>().ok());
    let mut older = BTreeSet::new();
    for name in names.filter(|name| name.sequence < newest.sequence) {
        if !is_foreign(store, name, newest.family)? {
            older.insert(name);
        }
    }
    Ok(older)
}

/// Left by another family's `init`, which is none of our business.
fn is_foreign(store: &dyn ReadStore, name: KeysName, family: FamilyId) -> Result<bool, CopyError> {
    match get(store, &path_of(name)) {
        Ok(bytes) => Ok(SlotSet::decode(&bytes).is_ok_and(|set| set.family != family)),
        Err(VaultError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn path_of(name: KeysName) -> VaultPath {
    VaultPath::parse(&format!("keys/{name}")).expect("a name of ours")
}
