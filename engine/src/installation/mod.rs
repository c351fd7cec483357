//! One installation: its configuration, its catalog, its keys, its home vault, and its destinations as they are now.
//!
//! In: a configuration. Out: opened things, each only when it is asked for: a report needs no passphrase, a restore no
//! home vault. Invariants: a missing catalog beside a home vault is never taken for an empty one (D-6); a destination is
//! there only if a vault that the catalog expects is found at it (DESIGN 5.7).
//! Deliberately absent: what is done with them.

mod ballast;
mod cost;
mod error;
mod init;
mod look;
mod place;
mod probe;
mod refused;
mod sheet;
mod sheet_page;
mod sight;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use cost::new_passphrase_cost;
pub use error::InstallationError;
pub(crate) use init::new_medium;
pub use init::{Made, Moved, Prepared, PreparedPlace, enrol, init};
pub(crate) use look::has_heads;
pub(crate) use look::recognise;
pub use look::{Lies, Look, Opened, find_all, look_all, open_now};
pub(crate) use place::place_text;
pub use place::{as_it_lies, open_destination, open_place, patient, why_away};
pub use probe::Asked;
pub use refused::Refusal;
pub use sheet::{SHEET, Sheet, SheetFileError, SheetFiles, read_sheet, sheet_file, write_sheet};
pub use sight::Sight;
pub(crate) use sight::shares_disk;

use crate::catalog::{CONFIGURATION, CONFIGURATION_FOLDER, Catalog, CatalogError, MediumRow, OpenOptions};
use crate::config::{Config, Destination};
use crate::destination::{ErrorKind, ReadStore};
use crate::destination::{FileStore, Privacy};
use crate::format::{SlotKind, SlotSet};
use crate::model::{DestinationName, FamilyId, Time, VaultId, VaultPath};
use crate::seal::Keyring;
use crate::vault::{FoundKeys, identity_of, keys_of, unlock_newest};

/// An installation with its catalog open.
pub struct Installation {
    /// Its configuration.
    pub config: Config,
    /// Its local state.
    pub catalog: Catalog,
    home: OnceLock<Arc<FileStore>>,
    held: OnceLock<Box<Held>>,
    refusals: refused::Refusals,
    warn: Warn,
}

/// Whether a server is asked that refused us lately, whichever process that was.
#[derive(Clone, Copy)]
pub enum Asking<'a> {
    /// Something is to be done there: it is.
    Anew,
    /// It is only told how it stands: not before the wait has passed. The words for that.
    UnlessRefused(&'a dyn Fn(&Refusal) -> String),
}

/// Keys and the slots that they were opened with, and those that took their place since: a service outlives a key epoch.
struct Held {
    keys: FoundKeys,
    keyring: Keyring,
    next: OnceLock<Box<Held>>,
}

/// Told of warnings, such as a passphrase's file that others can read.
pub type Warn = Arc<dyn Fn(&str) + Send + Sync>;

impl Installation {
    /// Opens the catalog that the configuration names.
    ///
    /// # Errors
    /// [`InstallationError::NotMade`] before `init`; [`InstallationError::CatalogMissing`] if a home vault is there and
    /// the catalog is not (D-6); else as the catalog answers.
    pub fn open(config: Config, warn: Warn) -> Result<Self, InstallationError> {
        let opened = if config.state.try_exists().unwrap_or(true) {
            Catalog::open(&config.state, OpenOptions::default())
        } else {
            // Opening it would make the folder, and looking makes nothing.
            Err(CatalogError::Missing { path: config.state.join("catalog.redb") })
        };
        let catalog = match opened {
            Err(CatalogError::Missing { path }) if holds_vault(&config.home.path) => {
                return Err(InstallationError::CatalogMissing { path, home: config.home.path });
            }
            Err(CatalogError::Missing { .. }) => return Err(InstallationError::NotMade { file: config.file }),
            catalog => catalog?,
        };
        ballast::keep(&config.state);
        catalog.tell_when_full(Arc::clone(&warn));
        // Heads carry it from the next session on; where it can't be noted now, the next command notes it.
        let _later = note_configuration(&catalog, &config);
        let (home, held, refusals) = Default::default();
        Ok(Self { config, catalog, home, held, refusals, warn })
    }

    /// Is the ballast laid that lets the catalog commit on a full disk? It is laid now, if there is room for it.
    #[must_use]
    pub fn keeps_ballast(&self) -> bool {
        ballast::keep(&self.config.state);
        ballast::is_held(&self.config.state)
    }

    /// The home vault.
    ///
    /// # Errors
    /// [`InstallationError::HomeMissing`] if it is not there, or another vault is.
    pub fn home(&self) -> Result<Arc<FileStore>, InstallationError> {
        if let Some(home) = self.home.get() {
            return Ok(Arc::clone(home));
        }
        let path = &self.config.home.path;
        let missing = |why: String| InstallationError::HomeMissing { path: path.clone(), why };
        let store = FileStore::open(path, Privacy::Private).map_err(|error| missing(crate::model::chain(&error)))?;
        let identity = identity_of(&store).map_err(|error| missing(crate::model::chain(&error)))?;
        if Some(identity.vault) != self.catalog.meta()?.home {
            return Err(missing("another vault is there than the catalog expects".into()));
        }
        Ok(Arc::clone(self.home.get_or_init(|| Arc::new(store))))
    }

    /// The home vault's id, whether it is there or not.
    ///
    /// # Errors
    /// If the catalog can't be read, or was made without one.
    pub fn home_id(&self) -> Result<VaultId, InstallationError> {
        self.catalog.meta()?.home.ok_or_else(|| InstallationError::NotMade { file: self.config.file.clone() })
    }

    /// The family's keys, unlocked with the configured passphrase; slots from home, or from a destination that is there. They
    /// are unlocked again once another process has begun a new key epoch.
    ///
    /// # Errors
    /// If no slots can be read, or the passphrase does not open them.
    pub fn keyring(&self) -> Result<&Keyring, InstallationError> {
        if let Some(held) = self.newest_held()
            && self.noted_slots()?.is_none_or(|noted| noted.set.epoch <= held.keyring.epoch())
        {
            return Ok(&held.keyring);
        }
        let secret = self.config.key.read()?;
        if let Some(warning) = &secret.warning {
            (self.warn)(&warning.to_string());
        }
        let found = self.slots()?;
        for damaged in found.iter().flat_map(|keys| &keys.damaged) {
            (self.warn)(damaged);
        }
        let (keys, keyring) = unlock_newest(found, SlotKind::Passphrase, &secret.bytes)?;
        self.note_slots(&keys)?;
        Ok(self.hold(keys, keyring))
    }

    /// Looks at every destination for slots of a later key epoch that the configured passphrase opens: this computer was set
    /// back, or never heard of it. They count from then on.
    ///
    /// # Errors
    /// As [`Self::keyring`].
    pub(crate) fn look_for_newer_keys(&self) -> Result<(), InstallationError> {
        let (family, epoch) = (self.catalog.meta()?.family, self.keyring()?.epoch());
        let found: Vec<_> = self.slots_offsite(family)?.into_iter().filter(|keys| keys.set.epoch > epoch).collect();
        let secret = self.config.key.read()?;
        let opened = unlock_newest(found, SlotKind::Passphrase, &secret.bytes);
        // What our passphrase does not open is nobody's business here: `key change` tells of it.
        if let Some((keys, keyring)) = opened.ok().filter(|(_, ring)| ring.succeeds(self.held_keyring())) {
            self.note_slots(&keys)?;
            self.hold(keys, keyring);
        }
        Ok(())
    }

    fn held_keyring(&self) -> Option<&Keyring> {
        self.newest_held().map(|held| &held.keyring)
    }

    /// These keys and slots from now on.
    pub(crate) fn hold(&self, keys: FoundKeys, keyring: Keyring) -> &Keyring {
        let mut new = Some(Box::new(Held { keys, keyring, next: OnceLock::new() }));
        let mut place = &self.held;
        loop {
            let held = place.get_or_init(|| new.take().expect("it is placed once"));
            if new.is_none() {
                return &held.keyring;
            }
            place = &held.next;
        }
    }

    fn newest_held(&self) -> Option<&Held> {
        let mut held = self.held.get()?;
        while let Some(next) = held.next.get() {
            held = next;
        }
        Some(held)
    }

    /// The slots that the keys were opened with; none before [`Self::keyring`].
    pub(crate) fn slots_held(&self) -> Option<&FoundKeys> {
        self.newest_held().map(|held| &held.keys)
    }

    /// Notes the slots that every place should have, where they are newer than what was noted: a change of them broke off,
    /// or the catalog was rebuilt. The first set is every place's own.
    fn note_slots(&self, keys: &FoundKeys) -> Result<(), InstallationError> {
        let noted = self.noted_slots()?.map_or(1, |noted| noted.set.sequence);
        if keys.set.sequence > noted {
            self.catalog.set_key_slots(&keys.bytes)?;
        }
        Ok(())
    }

    /// The slots that the catalog remembers, once they were changed.
    fn noted_slots(&self) -> Result<Option<FoundKeys>, InstallationError> {
        let bytes = self.catalog.key_slots()?;
        let found = |bytes: Vec<u8>| Some(FoundKeys { set: SlotSet::decode(&bytes).ok()?, bytes, damaged: Vec::new() });
        Ok(bytes.and_then(found))
    }

    /// The key slots of the catalog's family: those that it remembers and those at home, which may have been set back; where
    /// there are none, those of the destinations that are there.
    ///
    /// # Errors
    /// As the home vault answers, if nothing has any.
    pub fn slots(&self) -> Result<Vec<FoundKeys>, InstallationError> {
        let family = self.catalog.meta()?.family;
        // Whose keys they are, the catalog says: a home whose identity is lost has them all the same.
        let nameless = || FileStore::open(&self.config.home.path, Privacy::Private).ok();
        let at_home = match self.home() {
            Ok(home) => keys_of(&*home, family).map_err(InstallationError::from),
            Err(error) => nameless().and_then(|store| keys_of(&store, family).ok()).ok_or(error),
        };
        let (at_home, error) = match at_home {
            Ok(keys) => (Some(keys), None),
            Err(error) => (None, Some(error)),
        };
        let found: Vec<FoundKeys> = self.noted_slots()?.into_iter().chain(at_home).collect();
        match (found.is_empty(), error) {
            (true, Some(error)) => Some(self.slots_offsite(family)?).filter(|found| !found.is_empty()).ok_or(error),
            _ => Ok(found),
        }
    }

    /// The key slots of each destination that is there.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub(crate) fn slots_offsite(&self, family: FamilyId) -> Result<Vec<FoundKeys>, InstallationError> {
        let looks = look_all(&self.config.destinations, &Arc::new(self.catalog.media()?), &self.config.home.path);
        let stores = looks.into_iter().filter_map(|look| match look {
            Look::Here(opened) => Some(opened.store),
            Look::Away(_) | Look::Refused(_) | Look::Emptied(_) => None,
        });
        Ok(stores.filter_map(|store| keys_of(&*store, family).ok()).collect())
    }

    /// A destination as it is now, waited for at most ten seconds.
    ///
    /// # Errors
    /// If the catalog can't be read; that it is away is no error.
    pub fn look_at(&self, destination: &Destination) -> Result<Look, InstallationError> {
        let media: Arc<Vec<MediumRow>> = Arc::new(self.catalog.media()?);
        Ok(look_all(std::slice::from_ref(destination), &media, &self.config.home.path).remove(0))
    }

    /// Every destination as it is now, in the configuration's order, and what it shows is noted. One that refused us
    /// lately is not asked again: what it said stands.
    ///
    /// # Errors
    /// If the catalog can't be read; that one is away is no error.
    pub fn looks(&self, asking: Asking<'_>, now: Time) -> Result<Vec<(DestinationName, Look)>, InstallationError> {
        let media = Arc::new(self.catalog.media()?);
        let destinations = &self.config.destinations;
        let refused = destinations.iter().map(|destination| match asking {
            Asking::UnlessRefused(words) if let Some(refusal) = refused::stands(&self.catalog, destination, now)? => {
                Ok(Some(words(&refusal)))
            }
            _ => Ok(self.refusals.lately(&destination.name)),
        });
        let refused: Vec<_> = refused.collect::<Result<_, InstallationError>>()?;
        let asked = destinations.iter().zip(&refused).filter(|(_, refused)| refused.is_none());
        let asked: Vec<_> = asked.map(|(destination, _)| destination.clone()).collect();
        let found = look_all(&asked, &media, &self.config.home.path);
        asked.iter().zip(&found).for_each(|(destination, look)| self.note(&destination.name, look, now));
        let mut found = found.into_iter();
        let looks = refused.into_iter().map(|refused| refused.map(Look::Refused).or_else(|| found.next()));
        let named = destinations.iter().zip(looks);
        Ok(named.filter_map(|(destination, look)| Some((destination.name.clone(), look?))).collect())
    }

    /// Notes whether a destination refused us, and on which disk its medium was found. Where the catalog can't be
    /// written to now, the next look notes it: who tells of the disk goes by the look.
    pub fn note(&self, name: &DestinationName, look: &Look, now: Time) {
        self.refusals.note(name, look);
        if let Some(destination) = self.config.destination(name) {
            let _later = refused::keep(&self.catalog, destination, look, now);
        }
        if let Look::Here(Opened { medium, sight: Some(sight), .. }) = look {
            let _later = self.catalog.found_on(*medium, sight.device, sight.same_disk);
        }
    }

    /// A configured destination by its name.
    ///
    /// # Errors
    /// [`InstallationError::NoDestination`].
    pub fn destination(&self, name: &DestinationName) -> Result<&Destination, InstallationError> {
        let all = || self.config.destinations.iter().map(|destination| destination.name.to_string()).collect();
        self.config
            .destination(name)
            .ok_or_else(|| InstallationError::NoDestination { name: name.to_string(), all: all() })
    }

    /// Folders that are never in a point: home, state, and destinations on this computer.
    #[must_use]
    pub fn own_folders(&self) -> Vec<PathBuf> {
        let places = self.config.destinations.iter().filter_map(|destination| match &destination.place {
            crate::config::Place::File(path) => Some(path.clone()),
            _ => None,
        });
        [self.config.home.path.clone(), self.config.state.clone()].into_iter().chain(places).collect()
    }
}

/// Notes what the installation works by, if it is another text than before.
fn note_configuration(catalog: &Catalog, config: &Config) -> Result<(), CatalogError> {
    let folder = config.folder.to_string_lossy();
    for (name, value) in [(CONFIGURATION_FOLDER, &*folder), (CONFIGURATION, &config.text)] {
        if catalog.memo(name)?.as_deref() != Some(value) {
            catalog.set_memo(name, value)?;
        }
    }
    Ok(())
}

/// Does a vault's identity lie in that folder?
fn holds_vault(path: &Path) -> bool {
    let store = FileStore::open(path, Privacy::Umask);
    let there =
        |store: &FileStore, name| VaultPath::parse(name).is_ok_and(|name| matches!(store.stat(&name), Ok(Some(_))));
    store.is_ok_and(|store| there(&store, "VAULT") || there(&store, "VAULT.copy"))
}

/// Is nothing at all there: no such folder? A mount whose server or daemon died is there, and says so.
pub(crate) fn is_absent(error: &crate::destination::StoreError) -> bool {
    error.kind == ErrorKind::NotFound
}
