//! Destinations as they are now: there, or away and why. One that blocks is waited for in a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use super::is_absent;
use crate::catalog::MediumRow;
use crate::config::{Destination, Place};
use crate::destination::{FileStore, Privacy};
use crate::destination::{ReadStore, WriteStore};
use crate::format::FormatError;
use crate::model::{VaultId, chain};
use crate::vault::{VaultError, identity_of};

/// CONTRACT: looked at now, at most ten seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A destination that is there.
#[derive(Clone)]
pub struct Opened {
    /// Which of its media.
    pub medium: VaultId,
    /// The place.
    pub store: Arc<dyn WriteStore>,
}

/// What a look found.
#[derive(Clone)]
pub enum Look {
    /// A vault that the catalog expects there.
    Here(Opened),
    /// None; why, for people.
    Away(String),
}

/// Looks at all destinations at once; each has ten seconds, whatever the others do.
///
/// # Panics
/// Never: one look comes back for each destination, in order.
#[must_use]
pub fn look_all(destinations: &[Destination], media: &Arc<Vec<MediumRow>>) -> Vec<Look> {
    let begun: Vec<_> = destinations
        .iter()
        .map(|destination| {
            let (send, receive) = crossbeam_channel::bounded(1);
            let (destination, media) = (destination.clone(), Arc::clone(media));
            // Not joined: a look that the kernel holds must hold nothing else.
            let thread = std::thread::Builder::new().name(format!("look-{}", destination.name));
            let begun = thread.spawn(move || drop(send.send(open_now(&destination, &media))));
            begun.map(|_| receive)
        })
        .collect();
    let deadline = std::time::Instant::now() + PATIENCE;
    let wait = |begun: std::io::Result<crossbeam_channel::Receiver<Look>>| match begun
        .map(|receive| receive.recv_deadline(deadline))
    {
        Ok(Ok(look)) => look,
        Ok(Err(RecvTimeoutError::Timeout)) => {
            Look::Away(format!("it did not answer within {} s: it blocks", PATIENCE.as_secs()))
        }
        Ok(Err(RecvTimeoutError::Disconnected)) => Look::Away("the look at it broke off".into()),
        Err(error) => Look::Away(format!("no thread to look at it: {error}")),
    };
    begun.into_iter().map(wait).collect()
}

/// Opens a destination if a vault that the catalog expects there is found.
pub(super) fn open_now(destination: &Destination, media: &[MediumRow]) -> Look {
    let store = match open_place(&destination.place) {
        Ok(store) => store,
        Err(why) => return Look::Away(why),
    };
    match recognise(destination, &*store, media) {
        Ok(medium) => Look::Here(Opened { medium, store }),
        Err(why) => Look::Away(why),
    }
}

/// Which of a destination's media is at `store`.
///
/// # Errors
/// Why it is none that the catalog expects there, for people.
pub(crate) fn recognise(
    destination: &Destination,
    store: &dyn ReadStore,
    media: &[MediumRow],
) -> Result<VaultId, String> {
    let place = place_text(&destination.place);
    let identity = match identity_of(store) {
        Ok(identity) => identity,
        Err(VaultError::Missing { .. }) => return Err(no_vault(&place, media, destination)),
        Err(VaultError::Format(error @ FormatError::Newer { .. })) => return Err(error.to_string()),
        Err(error) => return Err(format!("its vault can't be read: {}", chain(&error))),
    };
    match media.iter().find(|medium| medium.vault == identity.vault) {
        Some(medium) if medium.destination == destination.name && medium.retired.is_some() => {
            Err(format!("the medium {} that is there was retired", identity.vault))
        }
        Some(medium) if medium.destination == destination.name => Ok(identity.vault),
        Some(medium) => Err(format!("the vault at {place} belongs to `{}`", medium.destination)),
        None => Err(format!(
            "the vault at {place} is not known here: `engine enrol {}` makes it one more medium",
            destination.name
        )),
    }
}

fn no_vault(place: &str, media: &[MediumRow], destination: &Destination) -> String {
    let known = media.iter().any(|medium| medium.destination == destination.name);
    let hint = if known {
        "the drive is not there, or another one is"
    } else {
        "it was never prepared; `engine init` does that"
    };
    format!("no vault at {place}: {hint}")
}

/// Opens the place itself, vault or not.
///
/// # Errors
/// Why it can't be, for people.
pub fn open_place(place: &Place) -> Result<Arc<dyn WriteStore>, String> {
    let Place::File(path) = place else {
        return Err(format!("{} destinations come with a later release", place.scheme()));
    };
    match FileStore::open(path, Privacy::Umask) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) if is_absent(&error) => Err(format!("no vault at {}: the drive is not there", path.display())),
        Err(error) => Err(chain(&error)),
    }
}

/// A place as people know it, without secrets.
pub(super) fn place_text(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        other => format!("{}://", other.scheme()),
    }
}

/// Is the folder on the same device as home or the root of this computer?
pub(super) fn is_same_disk(path: &Path, home: &Path) -> bool {
    let device = |path: &Path| crate::platform::file_system(path).ok().map(|file_system| file_system.device);
    let here = device(path);
    here.is_some() && (here == device(home) || here == device(Path::new("/")))
}
