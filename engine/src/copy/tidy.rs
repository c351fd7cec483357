//! The end of a session in which something failed, or that comes after one that broke off: files of ours that the catalog does not know go (D-9).

use std::collections::BTreeSet;

use super::error::CopyError;
use super::session::Session;
use crate::catalog::PointRow;
use crate::destination::temporary;
use crate::model::{ObjectName, PackId, VaultPath};
use crate::plan::Deletions;

/// Temporary names begin so.
const TEMPORARY: &str = ".tmp-";

/// Deletes packs that the catalog does not know there and temporary files that no checkpoint needs. Only if something
/// failed or broke off, and only where deleting is allowed; never what the engine did not write.
///
/// # Errors
/// As the place answers.
pub(super) fn tidy(session: &Session<'_>) -> Result<(), CopyError> {
    if !session.may_have_litter() || session.deletions() != Deletions::Allowed {
        return Ok(());
    }
    if session.tools.catalog.open_seed_at(session.medium)?.is_some() {
        // D-9: another one adds packs there and leaves files under temporary names. The session that ends without a seed
        // looks for what nobody needs.
        return Ok(());
    }
    let resumable = resumable(session)?;
    session.look_again()?;
    for folder in folders_of_ours(session)? {
        for listed in session.store.list(&folder)? {
            if (session.tools.stop)() {
                return Ok(());
            }
            if listed.bytes.is_some() && is_litter(session, &listed.path, &resumable)? {
                session.store.delete(&listed.path)?;
            }
        }
    }
    Ok(())
}

/// What a copy may go on with. A checkpoint of what no point needs any more goes: the point was forgotten meanwhile.
fn resumable(session: &Session<'_>) -> Result<BTreeSet<VaultPath>, CopyError> {
    let catalog = session.tools.catalog;
    let points: Vec<PointRow> = catalog.points()?.into_iter().filter(|point| point.removed.is_none()).collect();
    let mut resumable = BTreeSet::new();
    for (object, _) in catalog.checkpoints(session.medium)? {
        if is_wanted(session, &object, &points)? {
            resumable.insert(object.path());
        } else {
            catalog.drop_checkpoint(session.medium, &object)?;
            if session.store.mirror().is_some_and(|index| index.file_of(&object).is_some()) {
                // No list shows it: it lies where another program's files do.
                session.store.delete(&temporary(&object.path())?)?;
            }
        }
    }
    Ok(resumable)
}

fn is_wanted(session: &Session<'_>, object: &ObjectName, points: &[PointRow]) -> Result<bool, CopyError> {
    match object {
        ObjectName::Point(_, name) => Ok(points.iter().any(|point| (point.order, point.id) == (name.order, name.id))),
        ObjectName::Pack(id) => {
            let row = session.tools.catalog.pack_by_id(id)?.map(|(_, row)| row);
            let used = row.and_then(|row| row.used.map(|used| (row.group, used)));
            Ok(used.is_some_and(|(group, used)| points.iter().any(|it| it.group == group && used.holds(it.order))))
        }
    }
}

/// Folders in which the engine writes under temporary names.
fn folders_of_ours(session: &Session<'_>) -> Result<Vec<VaultPath>, CopyError> {
    let path = |text: &str| VaultPath::parse(text).expect("a name of ours");
    let mut folders = vec![VaultPath::root(), path("keys"), path("heads")];
    for above in ["points", "packs"] {
        folders.extend(
            session
                .store
                .list(&path(above))?
                .into_iter()
                .filter(|listed| listed.bytes.is_none())
                .map(|listed| listed.path),
        );
    }
    Ok(folders)
}

fn is_litter(session: &Session<'_>, path: &VaultPath, resumable: &BTreeSet<VaultPath>) -> Result<bool, CopyError> {
    if let Some(name) = path.file_name().strip_prefix(TEMPORARY) {
        if is_probe(name) {
            return Ok(path.folder() == VaultPath::root());
        }
        let of = path.folder().child(name);
        return Ok(of.is_ok_and(|of| is_name_of_ours(&of) && !resumable.contains(&of)));
    }
    match ObjectName::at(path) {
        Some(ObjectName::Pack(id)) => is_unknown(session, &id),
        _ => Ok(false),
    }
}

/// What an enrolment that broke off tried the place with, finished or not.
fn is_probe(name: &str) -> bool {
    let digits = name.strip_prefix(TEMPORARY).unwrap_or(name).strip_prefix("probe-");
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn is_name_of_ours(path: &VaultPath) -> bool {
    let parts: Vec<&str> = path.parts().collect();
    ObjectName::at(path).is_some()
        || matches!(parts[..], ["VAULT" | "VAULT.copy" | "RESTORE.txt"] | ["keys" | "heads", _])
}

/// A pack that was written and never recorded, and that no point there may need. Another process may be about to record
/// one at home: it holds the pack's capture lock, and home is tidied only while no capture runs.
fn is_unknown(session: &Session<'_>, id: &PackId) -> Result<bool, CopyError> {
    let catalog = session.tools.catalog;
    let Some((number, _)) = catalog.pack_by_id(id)? else { return Ok(true) };
    Ok(catalog.pack_at(session.medium, number)?.is_none() && !catalog.is_pack_needed(session.medium, number)?)
}
