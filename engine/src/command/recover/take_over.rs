//! `engine recover --take-over`: the computer that wrote to a vault is gone, and this one goes on in its place.
//!
//! In: a vault whose keys are open. Out: a configuration (the one that the vault's newest head carries, led to where the
//! vault is now), a catalog of a new writer in a higher epoch, and a head there that fences the old writer off. Nothing is
//! written before it is known that all of it can be. Deliberately absent: fetching points back home (`verify home --repair`).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::RecoverOptions;
use super::secret::passphrase;
use crate::command::context::wrong_configuration;
use crate::command::publish::publish;
use crate::command::rebuild::rebuild;
use crate::command::{Call, Context, Exit, Failure};
use crate::config::{Config, FoundAt, LoadError, SecretSource, as_carried, find, load, of_the_vault_alone, parse};
use crate::destination::WriteStore;
use crate::format::{Head, SlotKind, SlotSet};
use crate::installation::{Lies, find_all, new_passphrase_cost};
use crate::model::{DestinationName, VaultId, VaultPath};
use crate::report::TakenOver;
use crate::seal::{Keyring, NewSlot, SlotError, add_slot, unlock};
use crate::vault::{FoundKeys, keys_of, list_heads, put, unlock_newest};

/// The vault that is taken over, its keys open.
pub(super) struct Vault<'v> {
    pub store: &'v dyn WriteStore,
    pub id: VaultId,
    pub keyring: &'v Keyring,
    pub slots: &'v SlotSet,
    /// What opened them.
    pub secret: &'v [u8],
    pub kind: SlotKind,
}

/// Takes it over.
///
/// # Errors
/// Exit 2 if the configuration that is here does not lead to the vault, or a passphrase is needed and not given; exit 1 if
/// something can't be written. What was written by then can be used again.
pub(super) fn take_over(
    call: &Call,
    options: &RecoverOptions,
    vault: &Vault<'_>,
) -> Result<(TakenOver, Vec<String>, Exit), Failure> {
    let file = match find(call.config.as_deref()) {
        Ok(file) => that_is_here(&file, vault)?,
        Err(LoadError::NotFound(places)) => carried(call, options, vault, &places)?,
        Err(error) => return Err(wrong_configuration(&error)),
    };
    let call = Call { config: Some(file.clone()), ..call.clone() };
    let goes_on = |failure: Failure| {
        let advice = format!("mend that, then `engine --config {} catalog rebuild` goes on", file.display());
        Failure { advice, ..failure }
    };
    let (rebuilt, exit) = rebuild(&call, None).map_err(goes_on)?;
    let context = Context::open(&call)?;
    publish(&context)?;
    let catalog = &context.installation.catalog;
    let epoch = catalog.meta()?.epoch;
    let fenced = catalog.medium(vault.id)?.and_then(|row| row.head).is_some_and(|head| head.epoch == epoch);
    if !fenced {
        let why = "no head of this computer could be left there, so the old one is not fenced off yet";
        let advice = "`engine copy` leaves one as soon as it gets there";
        return Err(Failure::new("the vault is not taken over", why, advice));
    }
    Ok((TakenOver { configuration: file.display().to_string(), epoch }, rebuilt.problems, exit))
}

/// A configuration that lies here already counts, if it leads to the vault.
fn that_is_here(file: &Path, vault: &Vault<'_>) -> Result<PathBuf, Failure> {
    let config = load(file).map_err(|error| wrong_configuration(&error))?;
    let leads = find_all(&config.destinations).iter().any(|lies| leads_to(lies, vault.id));
    if !leads {
        let what = format!("the configuration {} is not one of this vault", file.display());
        let why = "none of its destinations leads to where it lies";
        let advice = "add a [destination.NAME] with its URL, or move that file aside: the one that the vault carries is written then";
        return Err(Failure::usage(what, why, advice));
    }
    opens(&config, vault)?;
    Ok(file.to_owned())
}

fn leads_to(lies: &Lies, id: VaultId) -> bool {
    matches!(lies, Lies::Vault(identity, _) if identity.vault == id)
}

/// Does the passphrase that the configuration names open the vault?
fn opens(config: &Config, vault: &Vault<'_>) -> Result<(), Failure> {
    let advice = "put the right passphrase there and try again";
    let failed = |error: &dyn std::error::Error| {
        Failure::of(format!("the passphrase from {} can't be used", config.key), error, advice)
    };
    let secret = config.key.read().map_err(|error| failed(&error))?;
    unlock(vault.slots, SlotKind::Passphrase, &secret.bytes).map(drop).map_err(|error| failed(&error))
}

/// Writes the configuration that the vault carries, and the passphrase where it says.
fn carried(call: &Call, options: &RecoverOptions, vault: &Vault<'_>, places: &[PathBuf]) -> Result<PathBuf, Failure> {
    let advice = "give --config FILE";
    let file = places.first().ok_or_else(|| Failure::usage("no place for a configuration", "none is known", advice))?;
    let file = std::path::absolute(file).map_err(|error| cant_write(file, &error))?;
    let name = |head: &Head| {
        let known = head.media.iter().find(|medium| medium.medium == vault.id);
        known.map(|medium| medium.destination.clone())
    };
    let heads = list_heads(vault.store, vault.id, vault.keyring).map_err(|error| {
        Failure::of("what the vault carries can't be read", &error, "check the place and try again")
    })?;
    let heads: Vec<&Head> = heads.iter().rev().filter_map(|head| head.body.as_ref().ok()).collect();
    let known = heads.iter().find_map(|head| name(head));
    let at = FoundAt { url: &options.from, keys: &options.keys };
    let text = match heads.iter().find_map(|head| head.configuration.as_ref()) {
        Some(carried) => as_carried(&carried.folder, &carried.text, known.as_ref(), at).map_err(|why| {
            Failure::new("the configuration that the vault carries can't be read", why, "write one and try again")
        })?,
        None => of_the_vault_alone(&known.filter(|name| !name.is_home()).unwrap_or_else(unnamed), at),
    };
    let config = parse(&text, &file).map_err(|errors| wrong_configuration(&LoadError::Wrong(errors)))?;
    // Where this place was away when slots were changed, another one knows.
    let newest = newest_slots(&config, vault)?;
    let vault = &Vault { slots: &newest, ..*vault };
    let new = new_passphrase(call, options, &config, vault)?;
    if let Some(slots) = &new.slots {
        let path = VaultPath::parse(&format!("keys/{}", slots.name())).expect("a name of ours");
        put(vault.store, &path, &slots.encode()).map_err(|error| {
            Failure::of("the new passphrase can't be made one of the vault's", &error, "check the place and try again")
        })?;
    }
    if let (SecretSource::File(path), Some(bytes)) = (&config.key, &new.passphrase) {
        write(path, bytes)?;
    }
    write(&file, text.as_bytes())?;
    Ok(file)
}

/// Those that count of all places that are there, if what opened the vault opens them.
fn newest_slots(config: &Config, vault: &Vault<'_>) -> Result<SlotSet, Failure> {
    let found = find_all(&config.destinations).into_iter().filter_map(|lies| match lies {
        Lies::Vault(identity, store) if identity.family == vault.keyring.family() => {
            keys_of(&*store, identity.family).ok()
        }
        Lies::Vault(..) | Lies::Away(_) => None,
    });
    let (bytes, damaged) = (vault.slots.encode(), Vec::new());
    let here = FoundKeys { set: vault.slots.clone(), bytes, damaged };
    let newest = unlock_newest(found.chain([here]).collect(), vault.kind, vault.secret);
    newest.map(|(keys, _)| keys.set).map_err(|error| {
        let advice = "use what opens the newest slots: the passphrase that came after, or the recovery sheet";
        Failure::of("the vault is not taken over", &error, advice)
    })
}

fn unnamed() -> DestinationName {
    "vault".parse().expect("a name")
}

/// What is to be written so that the configured passphrase opens the vault.
#[derive(Default)]
struct New {
    /// Into the configured file.
    passphrase: Option<zeroize::Zeroizing<Vec<u8>>>,
    /// The vault's next slots.
    slots: Option<SlotSet>,
}

fn new_passphrase(call: &Call, options: &RecoverOptions, config: &Config, vault: &Vault<'_>) -> Result<New, Failure> {
    let is_absent = |path: &Path| path.symlink_metadata().is_err();
    match (&config.key, vault.kind, &options.new_passphrase_file) {
        (SecretSource::File(path), SlotKind::Passphrase, None) if is_absent(path) => {
            Ok(New { passphrase: Some(vault.secret.to_vec().into()), slots: None })
        }
        (SecretSource::File(path), _, Some(file)) if is_absent(path) => {
            let bytes = passphrase(&*call.voice, file)?;
            let slots = next_slots(call, vault, &bytes)?;
            Ok(New { passphrase: Some(bytes), slots })
        }
        (SecretSource::File(path), SlotKind::Sheet, None) if is_absent(path) => {
            let what = "which passphrase is this computer to use?";
            let why = format!("the sheet opens the vault, and nothing is at {}", path.display());
            Err(Failure::usage(what, why, "give --new-passphrase-file FILE: it becomes one of the vault's"))
        }
        _ => opens(config, vault).map(|()| New::default()),
    }
}

/// The slots with one more for this passphrase; none if one of them has it already.
fn next_slots(call: &Call, vault: &Vault<'_>, bytes: &[u8]) -> Result<Option<SlotSet>, Failure> {
    if unlock(vault.slots, SlotKind::Passphrase, bytes).is_ok() {
        return Ok(None);
    }
    let failed =
        |error: SlotError| Failure::of("the new passphrase can't be made one of the vault's", &error, "try again");
    let (label, kdf) = ("passphrase after a take-over", new_passphrase_cost(&*call.clock).map_err(failed)?);
    let slot = NewSlot { kind: SlotKind::Passphrase, secret: bytes, label, kdf };
    let next = add_slot(vault.slots, vault.keyring, &slot, call.clock.now(), &*call.entropy);
    next.map(Some).map_err(failed)
}

/// For its owner only, never over what lies there, and whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    crate::platform::make_private_folders(folder).map_err(|error| cant_write(path, &error))?;
    let temporary = path.with_extension("tmp");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    // Unlike a rename, a link never replaces what has the name.
    let named = written.and_then(|()| {
        std::fs::hard_link(&temporary, path).or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Err(error),
            _ => std::fs::rename(&temporary, path),
        })
    });
    let _ = std::fs::remove_file(&temporary);
    named.map_err(|error| cant_write(path, &error))
}

fn cant_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(format!("can't write {}", path.display()), error, "check the path and its permissions")
}
