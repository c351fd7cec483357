//! Heads of drill ledgers at a place: `drills/<verifier>/<sequence>-<digest>`, as `engine/FORMAT.md` 6.3 has them.
//!
//! A verifier adds its own and takes away its own old ones, where that is allowed; it touches nothing else. Heads are
//! not sealed, but signed: a place may hide them, and can't make one.

use engine::destination::{ErrorKind, ReadStore, StoreError, TEMPORARY_PREFIX, WriteStore};
use engine::format::{DrillHead, DrillHeadName, FormatError};
use engine::model::{VaultPath, VerifierId, chain};
use engine::vault::{VaultError, get, put};

use super::judge::{SeenHead, SeenHeads};
use crate::report::PublicKey;

/// Heads of one verifier that stay where deleting is allowed.
pub const KEPT: usize = 32;
/// Heads of one verifier that are read: where nothing can be deleted they are many.
const READ_MAX: usize = 256;

fn drills() -> VaultPath {
    VaultPath::parse("drills").expect("a constant")
}

fn folder_of(verifier: VerifierId) -> VaultPath {
    drills().child(&verifier.to_string()).expect("an id")
}

/// Adds a head, and takes older ones away.
///
/// # Errors
/// For people: why it is not there. That older ones stay is no error where the place only allows to add.
pub fn leave(store: &dyn WriteStore, head: &DrillHead, file: &[u8]) -> Result<(), String> {
    let folder = folder_of(head.verifier);
    let name = DrillHeadName::of(head.sequence, file);
    let path = folder.child(&name.to_string()).expect("a name of ours");
    put(store, &path, file).map_err(|error| chain(&error))?;
    store.still_there().map_err(|error| chain(&error))?;
    match tidy(store, &folder) {
        Err(error) if error.kind != ErrorKind::Denied => {
            Err(format!("it is there; older ones stay: {}", chain(&error)))
        }
        _ => Ok(()),
    }
}

fn tidy(store: &dyn WriteStore, folder: &VaultPath) -> Result<(), StoreError> {
    let listed = store.list(folder)?;
    let mut named: Vec<(DrillHeadName, &VaultPath)> =
        listed.iter().filter_map(|it| Some((it.path.file_name().parse().ok()?, &it.path))).collect();
    named.sort_unstable();
    let old = named.len().saturating_sub(KEPT);
    // A head that a killed call left unfinished: one call at a time writes here.
    let is_unfinished = |path: &VaultPath| {
        path.file_name().strip_prefix(TEMPORARY_PREFIX).is_some_and(|name| name.parse::<DrillHeadName>().is_ok())
    };
    let unfinished = listed.iter().map(|it| &it.path).filter(|path| is_unfinished(path));
    named.into_iter().take(old).map(|(_, path)| path).chain(unfinished).try_for_each(|path| store.delete(path))
}

/// The heads at a place: those of `own` read, of others the newest number only, by its name.
///
/// # Errors
/// If the place can't be asked.
pub fn seen(store: &dyn ReadStore, own: &[VerifierId]) -> Result<SeenHeads, StoreError> {
    let mut found = SeenHeads::default();
    for listed in store.list(&drills())? {
        let Ok(verifier) = listed.path.file_name().parse::<VerifierId>() else { continue };
        let mut names: Vec<DrillHeadName> =
            store.list(&listed.path)?.iter().filter_map(|it| it.path.file_name().parse().ok()).collect();
        names.sort_unstable();
        if own.contains(&verifier) {
            let skipped = names.len().saturating_sub(READ_MAX);
            for name in names.into_iter().skip(skipped) {
                read(store, verifier, name, &mut found)?;
            }
        } else if let Some(newest) = names.last() {
            found.others.push((verifier, newest.sequence));
        }
    }
    Ok(found)
}

/// One head; nothing if it was taken away meanwhile.
fn read(
    store: &dyn ReadStore,
    verifier: VerifierId,
    name: DrillHeadName,
    found: &mut SeenHeads,
) -> Result<(), StoreError> {
    let path = folder_of(verifier).child(&name.to_string()).expect("a name of ours");
    let body = match get(store, &path) {
        Ok(bytes) => opened(verifier, name, &bytes),
        Err(VaultError::Missing { .. }) => return Ok(()),
        Err(VaultError::Store(error)) if error.kind == ErrorKind::NotFound => return Ok(()),
        Err(VaultError::Store(error)) => return Err(error),
        Err(error) => Err(Unread::Damaged(chain(&error))),
    };
    match body {
        Ok(head) => found.heads.push(SeenHead { path: path.to_string(), body: Ok(head) }),
        Err(Unread::Damaged(why)) => found.heads.push(SeenHead { path: path.to_string(), body: Err(why) }),
        Err(Unread::Newer(why)) => found.unread.push(format!("{path}: {why}")),
    }
    Ok(())
}

enum Unread {
    Newer(String),
    Damaged(String),
}

/// What a head's file says, if it is what its name says and was signed by the key that it names.
fn opened(verifier: VerifierId, name: DrillHeadName, bytes: &[u8]) -> Result<DrillHead, Unread> {
    let damaged = |why: &str| Err(Unread::Damaged(why.to_owned()));
    if DrillHeadName::of(name.sequence, bytes) != name {
        return damaged("it is not what its name says");
    }
    let (head, signature) = DrillHead::decode(bytes).map_err(|error| match error {
        FormatError::Newer { .. } | FormatError::Later { .. } => Unread::Newer(error.to_string()),
        FormatError::Damaged { .. } => Unread::Damaged(error.to_string()),
    })?;
    if (head.verifier, head.sequence) != (verifier, name.sequence) {
        damaged("its name tells of another report")
    } else if !PublicKey(head.public_key).has_signed(&head.signed_bytes(), &signature) {
        damaged("its signature does not hold")
    } else {
        Ok(head)
    }
}

#[cfg(test)]
mod tests;
