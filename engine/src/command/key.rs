//! `engine key`: who opens the family's vaults. Each change is a new set of slots: at home first, then in the catalog, then
//! at every medium that is there, where older sets go once it was read back; media that are away get it with their next
//! session, before anything that only its keys open. What a person has to know of it afterwards is noted before.
//!
//! Who held a revoked secret and kept a copy of an older set, or of the master, opens what was sealed under it: only a new
//! key epoch (`rotate`) protects what is written from then on.

mod rotate;
mod sheet;
mod told;

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::publish::publish;
use super::recover::{passphrase, vault_secret};
use super::{Call, Context, DryRun, Exit, Failure};
use crate::catalog::locks::LockName;
use crate::catalog::{Catalog, KEYS_REUSE, KEYS_REVOKED};
use crate::destination::WriteStore;
use crate::format::{Slot, SlotKind, SlotSet};
use crate::installation::{SheetFiles, new_passphrase_cost};
use crate::model::{VaultPath, chain};
use crate::report::{KeyReport, SheetWritten};
use crate::seal::{
    Keyring, NewSlot, SHEET_COST, SlotError, add_slot, remove_slot, sheet_text, sheet_text_parse, slot_of,
};
use crate::vault::{FoundKeys, get, put, unlock_newest};
pub use rotate::Rotation;
pub(super) use rotate::reuse_from;

/// What opens the family's keys for the change; the configured passphrase if nothing is given.
#[derive(Debug, Clone, Default)]
pub struct Opener {
    /// Another passphrase's file.
    pub passphrase_file: Option<PathBuf>,
    /// The recovery sheet.
    pub sheet: Option<PathBuf>,
}

/// What is to change.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// One more passphrase, with what people call it.
    Add {
        /// The file that holds it.
        passphrase_file: PathBuf,
        /// For people.
        label: Option<String>,
    },
    /// One slot goes, by its id or the beginning of it.
    Remove(String),
    /// Another passphrase in the place of the one that opened the keys, or of the only one.
    Change {
        /// The file that holds the new one.
        passphrase_file: PathBuf,
    },
    /// One more recovery sheet.
    Sheet,
    /// A new key epoch for all that is written from now on.
    Rotate(Rotation),
}

/// The slots, and which media still accept what was taken away. Places that have keys of a later epoch than is known here are
/// learned from.
///
/// # Errors
/// Exit 1 if the installation or its keys can't be opened.
pub fn key_list(call: &Call) -> Result<(KeyReport, Exit), Failure> {
    let context = Context::open(call)?;
    let _ = context.installation.keyring()?;
    context.installation.look_for_newer_keys()?;
    let held = context.installation.slots_held().expect("the keys are open");
    Ok((told::report(&context, &held.set)?, Exit::Done))
}

/// Changes them.
///
/// # Errors
/// Exit 2 for a slot that is not there; exit 1 if the secret does not open the keys, home is not there, or nobody could open
/// them after the change.
pub fn key_change(call: &Call, opener: &Opener, change: &KeyChange) -> Result<(KeyReport, Exit), Failure> {
    let context = Context::open(call)?;
    let _lock = context.lock(&LockName::Keys, "the key slots")?;
    let opened = open(&context, opener)?;
    let planned = match change {
        KeyChange::Rotate(rotation) => Some(rotate::planned(&context, &opened, rotation)?),
        _ => None,
    };
    if let (KeyChange::Rotate(rotation), Some(planned)) = (change, &planned) {
        if rotation.dry_run == DryRun::Yes {
            let report = told::report(&context, &opened.set)?;
            return Ok((KeyReport { rotation: Some(planned.clone()), ..report }, Exit::Done));
        }
        rotate::confirm(call, rotation, planned)?;
    }
    let (changed, written) = {
        // Nothing is captured meanwhile: a point is of one key epoch.
        let _home = planned.is_some().then(|| context.lock(&LockName::Home, "the home vault")).transpose()?;
        let changed = changed(&context, &opened, change)?;
        let written = keep(&context, opened.keyring, &changed)?;
        (changed, written)
    };
    // From here on it is so, whatever happens to the rest.
    if let Some(keyring) = changed.keyring {
        let (set, bytes) = (changed.set.clone(), changed.set.encode());
        context.installation.hold(FoundKeys { set, bytes, damaged: Vec::new() }, keyring);
    }
    publish(&context)?;
    let mut report = told::report(&context, &changed.set)?;
    report.did = Some(changed.did);
    report.rotation = planned;
    report.sheet = written
        .map(|files| SheetWritten { text: files.text.display().to_string(), page: files.page.display().to_string() });
    report.advice.extend(changed.advice);
    if report.rotation.is_some() {
        report.advice.extend(rotate::advice_for_media(&report));
    }
    let revoked_everywhere = report.media.iter().all(|medium| medium.accepts_revoked.is_empty() || medium.retired);
    let exit = if revoked_everywhere { Exit::Done } else { Exit::Partial };
    Ok((report, exit))
}

/// The keys, and what opened them.
struct Opened<'o> {
    set: SlotSet,
    keyring: &'o Keyring,
    /// The slot of it.
    by: String,
    kind: SlotKind,
    secret: Zeroizing<Vec<u8>>,
}

fn open<'c>(context: &'c Context, opener: &Opener) -> Result<Opened<'c>, Failure> {
    let installation = &context.installation;
    // A computer that was set back knows less than the places do.
    let found = [installation.slots()?, installation.slots_offsite(installation.catalog.meta()?.family)?].concat();
    let (kind, bytes) = match (&opener.passphrase_file, &opener.sheet) {
        (None, None) => {
            let secret = context.installation.config.key.read();
            let advice = "give --passphrase-file FILE or --sheet FILE";
            let secret = secret.map_err(|error| Failure::of("can't read the configured passphrase", &error, advice))?;
            (SlotKind::Passphrase, secret.bytes)
        }
        (file, sheet) => vault_secret(&*context.call.voice, file.as_deref(), sheet.as_deref())?,
    };
    let (keys, keyring) = unlock_newest(found, kind, &bytes).map_err(wrong)?;
    let (by, set) = (slot_of(&keys.set, kind, &bytes).map_err(wrong)?, keys.set.clone());
    // The configured passphrase may open them no more afterwards, and the places are still to be told.
    Ok(Opened { set, keyring: installation.hold(keys, keyring), by, kind, secret: bytes })
}

fn wrong(error: SlotError) -> Failure {
    let advice = "give another passphrase with --passphrase-file FILE, or the recovery sheet with --sheet FILE";
    Failure::new("the keys stay closed", chain(&crate::installation::InstallationError::Slot(error)), advice)
}

/// What comes of a change.
struct Changed {
    set: SlotSet,
    revoked: Vec<Slot>,
    did: String,
    advice: Vec<String>,
    /// The name of a new sheet's files, and its letters.
    sheet: Option<(String, Zeroizing<String>)>,
    /// The keys of a new epoch, and from which one on packs are referred to.
    keyring: Option<Keyring>,
    reuse: Option<(u32, u32)>,
}

fn changed(context: &Context, opened: &Opened<'_>, change: &KeyChange) -> Result<Changed, Failure> {
    match change {
        KeyChange::Add { passphrase_file, label } => {
            let secret = new_passphrase(context, opened, passphrase_file)?;
            let label = label.as_deref().unwrap_or("passphrase");
            let set = added(context, opened, SlotKind::Passphrase, &secret, label)?;
            Ok(done(set, Vec::new(), "one more passphrase opens the vaults"))
        }
        KeyChange::Sheet => {
            let text = sheet_text(&*context.call.entropy).map_err(failed)?;
            let secret = sheet_text_parse(&text).map_err(failed)?;
            let set = added(context, opened, SlotKind::Sheet, &secret, "recovery sheet")?;
            // Beside one that was not printed yet.
            let name = sheet_name(&set);
            let mut changed = done(set, Vec::new(), "one more recovery sheet opens the vaults");
            changed.advice.push(print(context, &name));
            Ok(Changed { sheet: Some((name, text)), ..changed })
        }
        KeyChange::Change { passphrase_file } => {
            let old = replaced(opened)?;
            let secret = new_passphrase(context, opened, passphrase_file)?;
            let set = added(context, opened, SlotKind::Passphrase, &secret, &old.label)?;
            let set = remove_slot(&set, opened.keyring, &old.name(), context.call.clock.now()).map_err(failed)?;
            let mut changed = done(set, vec![old], "another passphrase opens the vaults in the place of the old one");
            changed
                .advice
                .push(format!("put it into {} now: the next command needs it", context.installation.config.key));
            Ok(changed)
        }
        KeyChange::Remove(id) => {
            let slot = named(&opened.set, id)?;
            stays_open(context, opened, &slot)?;
            let set =
                remove_slot(&opened.set, opened.keyring, &slot.name(), context.call.clock.now()).map_err(failed)?;
            let did = format!("the slot {} ({}) opens nothing any more", slot.name(), slot.label);
            let last_sheet = slot.kind == SlotKind::Sheet && set.slots.iter().all(|it| it.kind != SlotKind::Sheet);
            let mut changed = done(set, vec![slot], &did);
            let no_sheet = "no recovery sheet opens the vaults now: where the passphrase is forgotten, nothing does. \
                `engine key sheet` makes one";
            changed.advice.extend(last_sheet.then(|| no_sheet.to_owned()));
            Ok(changed)
        }
        KeyChange::Rotate(rotation) => rotate::rotated(context, opened, rotation),
    }
}

/// What the files of the newest slot's sheet are called.
fn sheet_name(set: &SlotSet) -> String {
    format!("recovery-sheet-{}", set.slots.last().map(Slot::name).unwrap_or_default())
}

fn print(context: &Context, name: &str) -> String {
    let SheetFiles { text, page } = SheetFiles::of(&context.installation.config, name);
    format!("print {} or {}, keep it elsewhere, delete both files", text.display(), page.display())
}

fn done(set: SlotSet, revoked: Vec<Slot>, did: &str) -> Changed {
    Changed { set, revoked, did: did.to_owned(), advice: Vec::new(), sheet: None, keyring: None, reuse: None }
}

fn failed(error: SlotError) -> Failure {
    let why = chain(&crate::installation::InstallationError::Slot(error));
    Failure::new("the key slots can't be changed so", why, "`engine key list` shows them; nothing was changed")
}

fn added(
    context: &Context,
    opened: &Opened<'_>,
    kind: SlotKind,
    secret: &[u8],
    label: &str,
) -> Result<SlotSet, Failure> {
    let kdf = match kind {
        SlotKind::Passphrase => new_passphrase_cost(&*context.call.clock).map_err(failed)?,
        SlotKind::Sheet => SHEET_COST,
    };
    let slot = NewSlot { kind, secret, label, kdf };
    let next = add_slot(&opened.set, opened.keyring, &slot, context.call.clock.now(), &*context.call.entropy);
    next.map_err(failed)
}

/// A passphrase that no slot has yet.
fn new_passphrase(
    context: &Context,
    opened: &Opened<'_>,
    file: &std::path::Path,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let secret = passphrase(&*context.call.voice, file)?;
    match slot_of(&opened.set, SlotKind::Passphrase, &secret) {
        Err(SlotError::Wrong) => Ok(secret),
        Ok(id) => {
            let why = format!("the slot {} has it already", id);
            Err(Failure::new("this passphrase is no new one", why, "choose another; nothing was changed"))
        }
        Err(error) => Err(failed(error)),
    }
}

/// The slot that a new passphrase takes the place of.
fn replaced(opened: &Opened<'_>) -> Result<Slot, Failure> {
    let slots = || opened.set.slots.iter().filter(|slot| slot.kind == SlotKind::Passphrase);
    if opened.kind == SlotKind::Passphrase {
        return named(&opened.set, &opened.by);
    }
    match (slots().next(), slots().nth(1)) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Failure::usage(
            "there is no passphrase to change",
            "only sheets open the vaults",
            "use `engine key add`",
        )),
        _ => {
            let advice = "`engine key add` makes a new one, then `engine key remove ID`";
            Err(Failure::usage(
                "which passphrase is to change?",
                "the sheet opened the vaults, and there are several",
                advice,
            ))
        }
    }
}

fn named(set: &SlotSet, id: &str) -> Result<Slot, Failure> {
    let mut found = set.slots.iter().filter(|slot| id.len() >= 4 && slot.name().starts_with(&id.to_lowercase()));
    match (found.next(), found.next()) {
        (Some(slot), None) => Ok(slot.clone()),
        _ => {
            let all: Vec<String> = set.slots.iter().map(|slot| format!("{} ({})", slot.name(), slot.label)).collect();
            let why = format!("there are: {}", all.join(", "));
            Err(Failure::usage(format!("`{id}` names no one slot"), why, "give 4 digits of its beginning or more"))
        }
    }
}

/// Whoever takes away the configured passphrase takes the engine's own away.
fn stays_open(context: &Context, opened: &Opened<'_>, slot: &Slot) -> Result<(), Failure> {
    let configured = context.installation.config.key.read().ok();
    let configured = configured.and_then(|secret| slot_of(&opened.set, SlotKind::Passphrase, &secret.bytes).ok());
    if configured.as_deref() != Some(&*slot.name()) {
        return Ok(());
    }
    let why = format!("it is the one from {}, which this engine works with", context.installation.config.key);
    let advice =
        "`engine key change` puts another one in its place, or configure another one first; nothing was changed";
    Err(Failure::new(format!("the slot {} stays", slot.name()), why, advice))
}

/// What is taken away, then at home, read back, then in the catalog. A new sheet is written before: a slot that nobody can
/// open is worth nothing.
fn keep(context: &Arc<Context>, keyring: &Keyring, changed: &Changed) -> Result<Option<SheetFiles>, Failure> {
    let (home, catalog) = (context.installation.home()?, &context.installation.catalog);
    let sheet = changed.sheet.as_ref().map(|(name, letters)| sheet::write(context, name, letters)).transpose()?;
    let kept = noted(catalog, changed).and_then(|()| {
        let keyring = changed.keyring.as_ref().unwrap_or(keyring);
        at_home(&*home, keyring, changed)
    });
    kept.inspect_err(|_| {
        // What is on it opens nothing.
        sheet.iter().for_each(SheetFiles::remove);
    })?;
    catalog.set_key_slots(&changed.set.encode()).map_err(|error| {
        let advice = format!(
            "it counts at home all the same: {}; mend that, and `engine key list` brings it to the places",
            changed.did
        );
        Failure { advice, ..Failure::from(error) }.with_exit(Exit::Partial)
    })?;
    Ok(sheet)
}

fn at_home(home: &dyn WriteStore, keyring: &Keyring, changed: &Changed) -> Result<(), Failure> {
    let path = VaultPath::parse(&format!("keys/{}", changed.set.name())).expect("a name of ours");
    let (bytes, advice) = (changed.set.encode(), "check the disk; nothing was changed");
    put(home, &path, &bytes).map_err(|error| Failure::of("the new slots can't be written at home", &error, advice))?;
    let back = get(home, &path).map_err(|error| Failure::of("the new slots can't be read back", &error, advice))?;
    if back != bytes || !crate::seal::is_authentic(&changed.set, keyring) {
        return Err(Failure::new("the new slots do not read back as they were written", "", advice));
    }
    Ok(())
}

/// Before it is so: whoever dies in between leaves what counts once it is.
fn noted(catalog: &Catalog, changed: &Changed) -> Result<(), Failure> {
    let mut revoked = catalog.memo(KEYS_REVOKED)?.unwrap_or_default();
    for slot in &changed.revoked {
        let label = slot.label.replace(['\n', '\r'], " ");
        revoked.push_str(&format!("{} {} {} {label}\n", slot.name(), changed.set.sequence, told::kind(slot.kind)));
    }
    catalog.set_memo(KEYS_REVOKED, &revoked)?;
    if let Some((epoch, from)) = changed.reuse {
        let before = catalog.memo(KEYS_REUSE)?.unwrap_or_default();
        catalog.set_memo(KEYS_REUSE, &format!("{before}{epoch} {from}\n"))?;
    }
    Ok(())
}
