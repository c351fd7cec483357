//! The vaults that a rebuild reads: found at the configured places, one family, their keys open, their work at rest.

use std::sync::Arc;

use crate::catalog::locks::{LockName, WorkLock};
use crate::command::context::work_lock;
use crate::command::{Call, Failure};
use crate::config::{Config, Place};
use crate::copy::list_points;
use crate::destination::{ErrorKind, FileStore, Privacy, WriteStore};
use crate::format::{Identity, SlotKind, SlotSet};
use crate::installation::{InstallationError, Lies, find_all, place_text};
use crate::model::{DestinationName, FamilyId, VaultId, chain};
use crate::seal::Keyring;
use crate::vault::{FirstKeys, VaultError, found, identity_of, keys_of, unlock_newest};

/// A vault that is there.
pub(super) struct Vault {
    pub name: DestinationName,
    pub identity: Identity,
    pub store: Arc<dyn WriteStore>,
    /// Where.
    pub place: Place,
}

/// All of them, home first.
pub(super) struct Vaults {
    pub here: Vec<Vault>,
    pub away: Vec<(DestinationName, String)>,
    /// Holds home no point at all: is it new, or made by a rebuild that broke off?
    pub home_is_empty: bool,
}

impl Vaults {
    /// Looks at home and at every destination, or at one.
    ///
    /// # Errors
    /// If none is there, or one is of another family than home, or than the first.
    pub fn find(config: &Config, from: Option<&DestinationName>) -> Result<Self, Failure> {
        let mut vaults = Self { here: home(config)?.into_iter().collect(), away: Vec::new(), home_is_empty: false };
        let wanted: Vec<_> =
            config.destinations.iter().filter(|d| from.is_none_or(|from| *from == d.name)).cloned().collect();
        for (destination, lies) in wanted.iter().zip(find_all(&wanted)) {
            let (name, place) = (destination.name.clone(), destination.place.clone());
            match lies {
                Lies::Vault(identity, store) => vaults.add(Vault { name, identity, store, place })?,
                Lies::Away(why) => vaults.away.push((name, why)),
            }
        }
        if vaults.here.is_empty() {
            let why: Vec<_> = vaults.away.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            let why = format!("there is no home vault at {}; {}", config.home.path.display(), why.join("; "));
            let advice = "connect a destination and try again; `engine init` begins anew";
            return Err(Failure::new("there is nothing to rebuild the catalog from", why, advice));
        }
        Ok(vaults)
    }

    fn add(&mut self, vault: Vault) -> Result<(), Failure> {
        if let Some(first) = self.here.first()
            && first.identity.family != vault.identity.family
        {
            let place = place_text(&vault.place);
            return Err(InstallationError::Foreign { place, family: vault.identity.family.to_string() }.into());
        }
        match self.here.iter().find(|other| other.identity.vault == vault.identity.vault) {
            Some(other) => {
                let why = format!("the vault there is the one that is at {} too", other.name);
                self.away.push((vault.name, why));
            }
            None => self.here.push(vault),
        }
        Ok(())
    }

    /// The family's keys, with the configured passphrase, by the newest slots of all places.
    ///
    /// # Errors
    /// Why not.
    pub fn unlock(&self, call: &Call, config: &Config) -> Result<(Keyring, SlotSet), Failure> {
        let secret = config.key.read().map_err(InstallationError::from)?;
        if let Some(warning) = &secret.warning {
            call.voice.warn(&warning.to_string());
        }
        let (mut found, mut failed) = (Vec::new(), None);
        for vault in &self.here {
            match keys_of(&*vault.store, vault.identity.family) {
                Ok(keys) => found.push(keys),
                Err(error) => failed = failed.or(Some(InstallationError::from(error))),
            }
        }
        if found.is_empty() {
            let none = || InstallationError::Vault(VaultError::Foreign("no place has the family's keys".into()));
            return Err(failed.unwrap_or_else(none).into());
        }
        let opened = unlock_newest(found, SlotKind::Passphrase, &secret.bytes);
        let (keys, keyring) = opened.map_err(InstallationError::from)?;
        Ok((keyring, keys.set))
    }

    /// Makes an absent home vault anew, of the same family. Was it made now?
    ///
    /// # Errors
    /// If it can't be.
    pub fn make_home(&mut self, call: &Call, config: &Config, set: &SlotSet) -> Result<bool, Failure> {
        let made = !self.here.first().is_some_and(|vault| vault.name.is_home());
        if made {
            self.here.insert(0, new_home(call, config, set)?);
        }
        let home = &self.here[0];
        let listed = list_points(&*home.store).map_err(|error| super::unread(home, &error))?;
        self.home_is_empty = listed.is_empty();
        Ok(made)
    }
}

/// The home vault, if one is there.
fn home(config: &Config) -> Result<Option<Vault>, Failure> {
    let path = &config.home.path;
    let unusable = |error: &dyn std::error::Error| {
        Failure::of(
            format!("the home vault {} can't be read", path.display()),
            error,
            "move what lies there aside; a rebuild then makes it anew",
        )
    };
    let store = match FileStore::open(path, Privacy::Private) {
        Ok(store) => store,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&error)),
    };
    match identity_of(&store) {
        Ok(identity) => {
            let name = DestinationName::home();
            Ok(Some(Vault { name, identity, store: Arc::new(store), place: Place::File(path.clone()) }))
        }
        Err(VaultError::Missing { .. }) => Ok(None),
        Err(error) => Err(unusable(&error)),
    }
}

fn new_home(call: &Call, config: &Config, set: &SlotSet) -> Result<Vault, Failure> {
    let path = config.home.path.clone();
    let failed = |why: String| {
        Failure::new(
            format!("the home vault {} can't be made", path.display()),
            why,
            "check the path and its permissions",
        )
    };
    crate::platform::make_private_folders(&path).map_err(|error| failed(error.to_string()))?;
    let store = FileStore::open(&path, Privacy::Private).map_err(|error| failed(chain(&error)))?;
    let mut id = [0; VaultId::BYTES];
    call.entropy.fill(&mut id).map_err(|error| failed(error.to_string()))?;
    let family: FamilyId = set.family;
    let identity = Identity { family, vault: VaultId(id), created: call.clock.now() };
    found(&store, &identity, FirstKeys { set }).map_err(|error| failed(chain(&error)))?;
    Ok(Vault { name: DestinationName::home(), identity, store: Arc::new(store), place: Place::File(path) })
}

/// No capture, copy or removal runs at any of the places while they are read.
///
/// # Errors
/// As a work lock's.
pub(super) fn lock_all(call: &Call, config: &Config, vaults: &Vaults) -> Result<Vec<WorkLock>, Failure> {
    let folder = config.state.join("locks");
    let mut locks = vec![work_lock(call, &folder, &LockName::Home, "the home vault")?];
    for vault in vaults.here.iter().filter(|vault| !vault.name.is_home()) {
        let what = format!("the destination {}", vault.name);
        locks.push(work_lock(call, &folder, &LockName::Medium(vault.identity.vault), &what)?);
    }
    Ok(locks)
}
