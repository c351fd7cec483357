//! Gives a whole temporary file its name, replacing nothing, and looks whether it is there.
//!
//! MOVE with `Overwrite: F` replaces nothing on servers that heed it (the store's `Offer` knows); on others a look goes
//! before, and between the two another writer could finish, which the vault's lock keeps from happening.
//!
//! Invariant: success only after the server said so and the object was seen under its name with its length. An answer
//! that was lost is `Ambiguous`.

use super::failure::Failure;
use super::link::Link;
use super::look::Found;
use super::offer::{Offer, Overwrite};
use crate::destination::ErrorKind;

pub(super) fn taken() -> Failure {
    Failure::Found(ErrorKind::Exists, "an object has this name already, and stays".to_owned())
}

/// See the module. 2 requests, 3 with a look before.
pub(super) async fn name(link: &Link, offer: &Offer, from: &str, to: &str, bytes: u64) -> Result<(), Failure> {
    if offer.overwrite == Overwrite::LookFirst && link.look(to).await? != Found::Nothing {
        return Err(taken());
    }
    match link.rename(from, to, offer.destination).await {
        Ok(()) => seen(link, to, bytes).await,
        Err(Failure::Refused { code: 412, .. }) => Err(taken()),
        Err(refused @ Failure::Refused { code: 404 | 409, .. }) => Err(missing(link, from, refused).await),
        Err(refused @ Failure::Refused { code: 500, .. }) if is_undone(link, from, to).await => Err(refused),
        Err(failure) => Err(failure.ambiguous()),
    }
}

/// Is all as it was before?
async fn is_undone(link: &Link, from: &str, to: &str) -> bool {
    matches!((link.look(from).await, link.look(to).await), (Ok(Found::File(_)), Ok(Found::Nothing)))
}

async fn seen(link: &Link, path: &str, bytes: u64) -> Result<(), Failure> {
    let wrong = |why: String| Err(Failure::Found(ErrorKind::Ambiguous, why));
    match link.look(path).await.map_err(|failure| Failure::Found(ErrorKind::Ambiguous, failure.to_string()))? {
        Found::File(length) if length == bytes => Ok(()),
        Found::File(length) => wrong(format!("under its name lie {length} bytes, not {bytes}")),
        Found::Folder => wrong("under its name lies a folder".to_owned()),
        Found::Nothing => wrong("the server says that it has its name, and shows nothing there".to_owned()),
    }
}

/// The temporary file was there when its length was told, or was just written.
async fn missing(link: &Link, from: &str, refused: Failure) -> Failure {
    match link.still_root().await {
        Err(gone) => gone,
        Ok(()) if matches!(link.look(from).await, Ok(Found::Nothing)) => {
            Failure::Found(ErrorKind::Transient, "its temporary file is gone: it must be written again".to_owned())
        }
        // It is there: Apache answers so where its folder may not be written.
        Ok(()) => Failure::Found(ErrorKind::Denied, format!("{refused}: its user has no right to rename there")),
    }
}
