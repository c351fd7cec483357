//! A vault whose VAULT and VAULT.copy are both gone or damaged, known by where it lies and by its heads.
//!
//! In: a configured place where no identity can be read. Out: which of the known media it is, if that is certain: the
//! catalog has it at this place, on this file system where that is known, and a head there opens with our keys as one
//! of that vault, for heads are sealed for the vault that they lie in. Writes nothing; `--repair` then writes both anew.

use std::sync::Arc;

use super::{Context, Failure, Here};
use crate::catalog::MediumRow;
use crate::config::Place;
use crate::destination::{FileStore, Privacy, ReadStore, WriteStore};
use crate::installation::{has_heads, open_destination, place_text};
use crate::model::DestinationName;
use crate::seal::{Keyring, is_authentic};
use crate::vault::{VaultError, identity_of, keys_of, list_heads};

/// The vault that lies there without a name, or why it is not certain which one it is; none where that is not what is
/// wrong with the place.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn find(
    context: &Context,
    keyring: &Keyring,
    name: &DestinationName,
) -> Result<Option<Result<Here, String>>, Failure> {
    let config = &context.installation.config;
    let (place, store) = match config.destination(name) {
        Some(it) => (it.place.clone(), open_destination(it).map(|store| context.patient(name, store))),
        None if name.is_home() => {
            let home = FileStore::open(&config.home.path, Privacy::Private);
            (Place::File(config.home.path.clone()), home.map(|store| Arc::new(store) as Arc<dyn WriteStore>))
        }
        None => return Ok(None),
    };
    let Ok(store) = store else { return Ok(None) };
    if !identity_of(&*store).is_err_and(|error| error.is_damage()) || !has_heads(&*store) {
        return Ok(None);
    }
    let media = context.installation.catalog.media()?;
    let mine = media.iter().filter(|row| row.destination == *name && row.retired.is_none());
    let found = certain(&place, &*store, keyring, mine);
    Ok(Some(found.map(|row| Here { name: name.clone(), medium: row.vault, store: Arc::clone(&store) })))
}

fn certain<'m>(
    place: &Place,
    store: &dyn ReadStore,
    keyring: &Keyring,
    media: impl Iterator<Item = &'m MediumRow>,
) -> Result<&'m MediumRow, String> {
    let uuid = match place {
        Place::File(path) => crate::platform::file_system(path).ok().and_then(|file_system| file_system.uuid),
        _ => None,
    };
    let (uuid, place) = (uuid.unwrap_or_default(), place_text(place));
    let same_disk = |row: &&MediumRow| row.file_system.is_empty() || uuid.is_empty() || row.file_system == uuid;
    let mut here = media.filter(|row| row.place == place).filter(same_disk);
    let opens = |row: &&MediumRow| {
        list_heads(store, row.vault, keyring).is_ok_and(|heads| heads.iter().any(|head| head.body.is_ok()))
    };
    let foreign = match keys_of(store, keyring.family()) {
        Ok(keys) => !is_authentic(&keys.set, keyring),
        Err(error) => matches!(error, VaultError::Foreign(_)),
    };
    let row = here.find(opens).filter(|_| !foreign);
    row.ok_or_else(|| {
        format!(
            "VAULT and VAULT.copy are gone at {place}, and it is not certain which vault lies there: connect the drive that \
             was known here, or put either file back; else move what is there aside and enrol the place anew"
        )
    })
}
