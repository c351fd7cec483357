//! Founding a vault: identity twice, keys, and the text for a person who finds it.

use super::error::VaultError;
use super::objects::put;
use crate::destination::{ErrorKind, ReadStore, WriteStore};
use crate::format::{Identity, SlotSet};
use crate::model::VaultPath;

/// Where the text for people lies.
pub const RESTORE_PATH: &str = "RESTORE.txt";
const OF_A_VAULT: &str = "This folder is a vault: encrypted backup copies, made by Offsite.";
const OF_A_MIRROR: &str = "This folder belongs to the one above it, a mirror: files that another program made, and which Offsite \
     copied there as they are. They can be used from there. Here lies what proves them, and what puts them back.";

/// What a vault's keys folder begins with.
#[derive(Debug, Clone, Copy)]
pub struct FirstKeys<'k> {
    /// The family's slots.
    pub set: &'k SlotSet,
}

/// Writes an empty vault. `VAULT` comes last: without it there is no vault, and the step can be repeated.
///
/// # Errors
/// As the store answers.
pub fn found(store: &dyn WriteStore, identity: &Identity, keys: FirstKeys<'_>) -> Result<(), VaultError> {
    let path = |text: &str| VaultPath::parse(text).expect("a name of ours");
    let slots = path(&format!("keys/{}", keys.set.name()));
    put(store, &slots, &keys.set.encode())?;
    let rest = || {
        put_text(store, &path(RESTORE_PATH), &restore_text(identity, store))?;
        put(store, &path("VAULT.copy"), &identity.encode())?;
        put(store, &path("VAULT"), &identity.encode())
    };
    let founded = rest();
    if matches!(&founded, Err(VaultError::Store(error)) if error.kind == ErrorKind::Exists) {
        // Somebody else founds one here: our slots have no place among theirs.
        let _ = store.delete(&slots);
    }
    founded
}

/// One that a step that broke off left is of an identity that nothing has: it gives way, where it may go.
fn put_text(store: &dyn WriteStore, path: &VaultPath, text: &str) -> Result<(), VaultError> {
    let is = |error: &VaultError, kind| matches!(error, VaultError::Store(error) if error.kind == kind);
    match put(store, path, text.as_bytes()) {
        Err(error) if is(&error, ErrorKind::Exists) => match store.delete(path) {
            Ok(()) => put(store, path, text.as_bytes()),
            Err(error) if error.kind == ErrorKind::Denied => Ok(()),
            Err(error) => Err(error.into()),
        },
        put => put,
    }
}

/// What a person reads who finds the drive.
#[must_use]
pub fn restore_text(identity: &Identity, store: &dyn ReadStore) -> String {
    let (is, folder, place) = match store.mirror() {
        Some(_) => (OF_A_MIRROR, "THE/FOLDER/ABOVE", "THE-FOLDER-ABOVE"),
        None => (OF_A_VAULT, "THIS/FOLDER", "THIS-FOLDER"),
    };
    format!(
        "{is}

Nothing here is damaged by looking at it. Please do not rename, move or delete anything in it.

To get the files back you need the passphrase or the recovery sheet that belongs to it, and one of these:

1. The program itself, on any computer, with no configuration and no catalog:

     engine recover --from file:///PATH/TO/{folder} --passphrase-file FILE
     engine recover --from file:///PATH/TO/{folder} --passphrase-file FILE --to NEW-FOLDER

   The first line lists what is here, the second restores the newest point of each job.
   With the recovery sheet, give --sheet FILE in place of --passphrase-file.

2. The independent reader, one Python file that shares no code with the program:

     python3 read_vault.py {place} --passphrase-file FILE --list
     python3 read_vault.py {place} --passphrase-file FILE --point ID --to NEW-FOLDER

3. FORMAT.md of the program's source, which describes every byte here (format version {}).

family {}
vault  {}
",
        crate::format::VERSION,
        identity.family,
        identity.vault
    )
}
