//! Destinations as they are now: there, or away and why. One that blocks is waited for in a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use super::place::{another_there, is_refused, open_destination, place_text, why_away};
use super::sight::{Sight, sight};
use crate::catalog::MediumRow;
use crate::config::{Destination, Place};
use crate::destination::{ErrorKind, ReadStore, Space, WriteStore};
use crate::format::{FormatError, Identity};
use crate::model::{Distance, VaultId, VaultPath, chain};
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
    /// Room there when it was looked at; none where the place does not tell.
    pub space: Option<Space>,
    /// What else it showed; none where it was not looked at so.
    pub sight: Option<Sight>,
}

/// What a look found.
#[derive(Clone)]
pub enum Look {
    /// A vault that the catalog expects there.
    Here(Opened),
    /// None; why, for people.
    Away(String),
    /// A server that is there and does not let us in: a wrong password, an unknown host key; what to do, for people.
    Refused(String),
    /// A server that is there and lets us in, and has no vault where a known one should be; why, for people.
    Emptied(String),
}

/// What lies at a destination, whatever a catalog says.
#[derive(Clone)]
pub enum Lies {
    /// A vault.
    Vault(Identity, Arc<dyn WriteStore>),
    /// None that can be read; why, for people.
    Away(String),
}

/// Looks at all destinations at once; each has ten seconds, whatever the others do.
///
/// # Panics
/// Never: one look comes back for each destination, in order.
#[must_use]
pub fn look_all(destinations: &[Destination], media: &Arc<Vec<MediumRow>>, home: &Path) -> Vec<Look> {
    let (media, home) = (Arc::clone(media), home.to_owned());
    ask_all(destinations, move |destination| open_now(destination, &media, &home))
        .into_iter()
        .map(|look| look.unwrap_or_else(Look::Away))
        .collect()
}

/// The vaults at all destinations, for who has no catalog; each has ten seconds.
#[must_use]
pub fn find_all(destinations: &[Destination]) -> Vec<Lies> {
    ask_all(destinations, lies_at).into_iter().map(|lies| lies.unwrap_or_else(Lies::Away)).collect()
}

fn lies_at(destination: &Destination) -> Lies {
    let store = match open_destination(destination) {
        Ok(store) => store,
        Err(error) => return Lies::Away(why_away(&destination.place, &error)),
    };
    match identity_of(&*store) {
        Ok(identity) => Lies::Vault(identity, store),
        Err(VaultError::Missing { .. }) => Lies::Away(format!("no vault at {}", place_text(&destination.place))),
        Err(error) => Lies::Away(format!("its vault can't be read: {}", chain(&error))),
    }
}

/// Asks of all at once, each in a thread of its own; what blocks is waited for no longer than ten seconds.
pub(super) fn ask_all<T: Send + 'static>(
    destinations: &[Destination],
    ask: impl Fn(&Destination) -> T + Send + Sync + 'static,
) -> Vec<Result<T, String>> {
    let ask = Arc::new(ask);
    let begun: Vec<_> = destinations
        .iter()
        .map(|destination| {
            let (send, receive) = crossbeam_channel::bounded(1);
            let (destination, ask) = (destination.clone(), Arc::clone(&ask));
            // Not joined: a look that the kernel holds must hold nothing else.
            let thread = std::thread::Builder::new().name(format!("look-{}", destination.name));
            let begun = thread.spawn(move || drop(send.send(ask(&destination))));
            begun.map(|_| receive)
        })
        .collect();
    let deadline = std::time::Instant::now() + PATIENCE;
    let wait = |begun: std::io::Result<crossbeam_channel::Receiver<T>>| match begun
        .map(|receive| receive.recv_deadline(deadline))
    {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(RecvTimeoutError::Timeout)) => {
            Err(format!("it did not answer within {} s: it blocks", PATIENCE.as_secs()))
        }
        Ok(Err(RecvTimeoutError::Disconnected)) => Err("the look at it broke off".into()),
        Err(error) => Err(format!("no thread to look at it: {error}")),
    };
    begun.into_iter().map(wait).collect()
}

/// Opens a destination if a vault that the catalog expects there is found; `home` is the folder of the home vault. Takes
/// as long as the place takes.
#[must_use]
pub fn open_now(destination: &Destination, media: &[MediumRow], home: &Path) -> Look {
    let store = match open_destination(destination) {
        Ok(store) => store,
        Err(error) if is_refused(&destination.place, &error) => {
            return Look::Refused(why_away(&destination.place, &error));
        }
        Err(error) => {
            let why = turns(destination, why_away(&destination.place, &error));
            let is_gone = error.kind == ErrorKind::NotFound;
            return if is_gone { without_vault(destination, media, why) } else { Look::Away(why) };
        }
    };
    let known = recognise(destination, &*store, media).and_then(|medium| match moved(destination, medium, media) {
        Some(why) => Err(why),
        None => Ok(medium),
    });
    match known {
        Ok(medium) => {
            let space = store.space().ok().flatten();
            let sight = Some(sight(&destination.place, &*store, home));
            Look::Here(Opened { medium, store, space, sight })
        }
        Err(why) if matches!(identity_of(&*store), Err(VaultError::Missing { .. })) && !has_heads(&*store) => {
            without_vault(destination, media, why)
        }
        Err(why) => Look::Away(why),
    }
}

/// No vault: a drive is not there then, but a server that answers has lost it, if it had one.
fn without_vault(destination: &Destination, media: &[MediumRow], why: String) -> Look {
    let had_one = media.iter().any(|row| row.destination == destination.name && row.retired.is_none());
    let is_server = destination.place.distance() == Distance::Server;
    if had_one && is_server { Look::Emptied(why) } else { Look::Away(why) }
}

/// DESIGN 5.1: a known vault on another file system than before, a copy of the drive say, is asked about. An unknown file
/// system is no change.
pub(super) fn moved(destination: &Destination, medium: VaultId, media: &[MediumRow]) -> Option<String> {
    let Place::File(path) = &destination.place else { return None };
    let before = media.iter().find(|row| row.vault == medium).map(|row| row.file_system.as_str())?;
    let now = crate::platform::file_system(path).ok()?.uuid?;
    (!before.is_empty() && now != before).then(|| {
        let (name, place) = (&destination.name, place_text(&destination.place));
        format!(
            "the vault at {place} is on another file system ({now}) than before ({before}): is it a copy of the drive? \
             `engine enrol {name} --moved` accepts it where it is now"
        )
    })
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
        Err(VaultError::Missing { .. }) if has_heads(store) => {
            let repair = format!("`engine verify {} --repair` writes them again", destination.name);
            return Err(format!("VAULT and VAULT.copy are gone at {place}: {repair}"));
        }
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
            "the vault at {place} is not known here: if it is of this installation, `engine enrol {}` makes it one more \
             medium; `engine recover` reads that of another",
            destination.name
        )),
    }
}

/// Does a vault lie there, although it has no name?
pub(crate) fn has_heads(store: &dyn ReadStore) -> bool {
    let heads = VaultPath::parse("heads").expect("a constant");
    store.list(&heads).is_ok_and(|listed| !listed.is_empty())
}

fn no_vault(place: &str, media: &[MediumRow], destination: &Destination) -> String {
    let known = media.iter().any(|medium| medium.destination == destination.name);
    if !known {
        return format!("no vault at {place}: it was never prepared; `engine init` does that");
    }
    turns(destination, format!("no vault at {place}: {}", another_there(&destination.place)))
}

/// What is to be done where drives take turns.
fn turns(destination: &Destination, why: String) -> String {
    if !destination.rotation {
        return why;
    }
    format!("{why}; if it is a new one that takes its turn, `engine enrol {}`", destination.name)
}
