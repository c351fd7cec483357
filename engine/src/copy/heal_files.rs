//! Identity, key slots, heads and the text for people, put right at a medium: each from what it is written from.
//!
//! In: flaws of `inspect_files`, a session that was opened after they were found. Out: the files, whole again.
//! A damaged file goes only when what replaces it is known.

use super::error::{CopyError, chain};
use super::heal::note;
use super::inspect::{Flaw, Inspected, Inspection};
use super::session::Session;
use super::slots::KEYS;
use crate::catalog::Finding;
use crate::format::Identity;
use crate::model::{ObjectName, VaultPath};
use crate::vault::{RESTORE_PATH, identity_of, put, restore_text};

/// Puts them right.
///
/// # Errors
/// If the session can't go on; a file that can't be healed is told, and no error.
pub fn heal_files(session: &Session<'_>, at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
    for flaw in found.flaws.iter_mut().filter(|flaw| !flaw.healed && ObjectName::at(&flaw.path).is_none()) {
        match heal(session, at, flaw) {
            Ok(healed) => flaw.healed = healed,
            Err(error) if error.ends_session() => return Err(error),
            Err(error) => note(session, &format!("{} can't be replaced: {}", flaw.path, chain(&error))),
        }
    }
    Ok(())
}

fn heal(session: &Session<'_>, at: &Inspected<'_>, flaw: &Flaw) -> Result<bool, CopyError> {
    session.look_again()?;
    let parts: Vec<&str> = flaw.path.parts().collect();
    match parts[..] {
        ["VAULT" | "VAULT.copy"] => identity(session)?.map_or(Ok(false), |it| replace(session, flaw, &it.encode())),
        [RESTORE_PATH] => identity(session)?
            .map_or(Ok(false), |it| replace(session, flaw, restore_text(&it, session.store).as_bytes())),
        ["keys", _] => keys(session, at, flaw),
        ["heads", _] => head(session, flaw),
        _ => Ok(false),
    }
}

/// From whichever of the two is whole; none if that is another vault's. Where neither is whole, whoever opened a session
/// here knew all the same which vault it is: its heads are sealed for it. Only when it was made is the catalog's word.
fn identity(session: &Session<'_>) -> Result<Option<Identity>, CopyError> {
    let (family, vault) = (session.tools.keyring.family(), session.medium);
    match identity_of(session.store) {
        Ok(identity) => return Ok(Some(identity).filter(|it| (it.family, it.vault) == (family, vault))),
        Err(error) if error.is_damage() => {}
        Err(error) => return Err(error.into()),
    }
    let created = session.tools.catalog.medium(vault)?.map_or_else(|| session.tools.clock.now(), |row| row.enrolled);
    Ok(Some(Identity { family, vault, created }))
}

/// The family's newest slots are written again; any other file of slots that is damaged goes, once they are there.
fn keys(session: &Session<'_>, at: &Inspected<'_>, flaw: &Flaw) -> Result<bool, CopyError> {
    let Some(keys) = at.keys else { return Ok(false) };
    // The next session looks whether older ones lie beside them.
    session.set_marks(&[(KEYS, None)])?;
    let newest = VaultPath::parse(&format!("keys/{}", keys.set.name())).expect("a name of ours");
    if flaw.path == newest {
        return replace(session, flaw, &keys.bytes);
    }
    put(session.store, &newest, &keys.bytes)?;
    session.store.delete(&flaw.path)?;
    Ok(true)
}

/// The session's own head tells what a damaged or missing one told; one that can't be read keeps all from being deleted.
fn head(session: &Session<'_>, flaw: &Flaw) -> Result<bool, CopyError> {
    if flaw.finding == Finding::Damaged {
        session.store.delete(&flaw.path)?;
    }
    Ok(true)
}

fn replace(session: &Session<'_>, flaw: &Flaw, bytes: &[u8]) -> Result<bool, CopyError> {
    if flaw.finding == Finding::Damaged {
        session.store.delete(&flaw.path)?;
    }
    put(session.store, &flaw.path, bytes)?;
    session.store.still_there()?;
    note(session, &format!("{} was written again", flaw.path));
    Ok(true)
}
