//! A medium's key slots, brought up to those of the family: a passphrase that was revoked must not open it any more.
//!
//! In: a session that is open, the slots as the catalog remembers them since they were changed first. Out: the newest set
//! at the medium, read back, and then no older one. A mark on the medium says which set it has, so that a session where
//! nothing changed asks for nothing. What can't be done is told, and tried again by the next session.

use super::error::{CopyError, chain};
use super::session::Session;
use super::{Told, begin};
use crate::catalog::Catalog;
use crate::destination::ReadStore;
use crate::format::{KeysName, SlotSet};
use crate::model::VaultPath;
use crate::plan::Deletions;
use crate::seal::is_authentic;
use crate::vault::{VaultError, get, put};

/// The mark: the name of the set that is the only one there.
pub const KEYS: &str = "keys";

/// The set that every medium should have; none if it was never changed.
///
/// # Errors
/// As the catalog answers.
pub fn wanted(catalog: &Catalog) -> Result<Option<SlotSet>, CopyError> {
    Ok(catalog.key_slots()?.and_then(|bytes| SlotSet::decode(&bytes).ok()))
}

/// Brings them there, if they are not known to be. A home that was set back is not known to be: it is asked each time.
///
/// # Errors
/// If the session can't go on.
pub(super) fn bring(session: &Session<'_>) -> Result<(), CopyError> {
    let (Some(set), Some(row)) = (wanted(session.tools.catalog)?, session.tools.catalog.medium(session.medium)?) else {
        return Ok(());
    };
    let name = set.name().to_string();
    let is_known = begin::mark(&row, KEYS) == Some(&name) && !session.destination.is_home();
    if is_known || !is_authentic(&set, session.tools.keyring) {
        return Ok(());
    }
    match replace(session, &set) {
        Ok(None) => return session.set_marks(&[(KEYS, Some(name))]),
        Ok(Some(why)) => tell(session, &why),
        Err(error @ (CopyError::Fenced { .. } | CopyError::Stopped | CopyError::Catalog(_))) => return Err(error),
        // Copies are worth more than that slots go at once.
        Err(error) => tell(session, &chain(&error)),
    }
    Ok(())
}

/// Lays the newest set there before anything is written that only its keys open: once there was a new key epoch, and as long
/// as the medium is not known to have that set. Older sets stay until [`bring`].
///
/// # Errors
/// If it can't be laid there: then nothing of the new epoch may lie there either.
pub(super) fn lay(session: &Session<'_>) -> Result<(), CopyError> {
    let (Some(set), Some(row)) = (wanted(session.tools.catalog)?, session.tools.catalog.medium(session.medium)?) else {
        return Ok(());
    };
    let is_known = begin::mark(&row, KEYS) == Some(&set.name().to_string()) && !session.destination.is_home();
    if set.older.is_empty() || is_known || !is_authentic(&set, session.tools.keyring) {
        return Ok(());
    }
    let (path, bytes) = (path_of(set.name()), set.encode());
    put(session.store, &path, &bytes)?;
    if get(session.store, &path)? == bytes {
        return Ok(());
    }
    let why = "it does not read back as it was written, and what comes next only its keys open".to_owned();
    Err(VaultError::Damaged { object: path.to_string(), why }.into())
}

fn tell(session: &Session<'_>, why: &str) {
    let text = format!("{}: key slots that were revoked still open it: {why}", session.destination);
    (session.tools.tell)(&Told::Note(text));
}

/// Puts the set there, then takes older ones away; why not, if they stay.
fn replace(session: &Session<'_>, set: &SlotSet) -> Result<Option<String>, CopyError> {
    let (store, name, bytes) = (session.store, set.name(), set.encode());
    let others = others(store, set)?;
    let newer = |other: &&Other| other.name > name && is_authentic_there(other, session);
    if let Some(newer) = others.iter().find(newer) {
        let number = newer.name.sequence;
        return Ok(Some(format!(
            "newer ones (number {number}) lie there than this computer has, which was set back; `engine key change` with what \
             opens those, the recovery sheet say, makes all places one again"
        )));
    }
    let path = path_of(name);
    put(store, &path, &bytes)?;
    if get(store, &path)? != bytes {
        return Ok(Some(format!("{path} does not read back as it was written")));
    }
    store.still_there()?;
    // Of one number, too: one of a time that was set back.
    let older: Vec<Other> = others.into_iter().filter(|other| other.name < name).collect();
    if older.is_empty() {
        return Ok(None);
    }
    if let Deletions::Refused(why) = &session.deletions {
        return Ok(Some(why.clone()));
    }
    session.look_again()?;
    older.iter().try_for_each(|other| store.delete(&path_of(other.name)))?;
    Ok(None)
}

/// Another file of slots.
struct Other {
    name: KeysName,
    /// What it holds; none of one that can't be read.
    set: Option<SlotSet>,
}

/// Sets of this family, or files that can't be read. Those of another family's `init` are none of our business.
fn others(store: &dyn ReadStore, ours: &SlotSet) -> Result<Vec<Other>, CopyError> {
    let listed = store.list(&VaultPath::parse("keys").expect("a constant"))?;
    let names = listed.iter().filter_map(|listed| listed.path.file_name().parse::<KeysName>().ok());
    let mut others = Vec::new();
    for name in names.filter(|name| *name != ours.name()) {
        let set = match get(store, &path_of(name)) {
            Ok(bytes) => SlotSet::decode(&bytes).ok(),
            Err(VaultError::Missing { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if set.as_ref().is_none_or(|set| set.family == ours.family) {
            others.push(Other { name, set });
        }
    }
    Ok(others)
}

fn is_authentic_there(other: &Other, session: &Session<'_>) -> bool {
    other.set.as_ref().is_some_and(|set| set.name() == other.name && is_authentic(set, session.tools.keyring))
}

fn path_of(name: KeysName) -> VaultPath {
    VaultPath::parse(&format!("keys/{name}")).expect("a name of ours")
}
