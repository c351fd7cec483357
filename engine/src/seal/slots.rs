//! Key slots: from a secret that a person holds to the master key, and back into a set.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::aead::{open_box, seal_box};
use super::cost::stretch;
use super::keyring::{Keyring, Master};
use crate::format::{FormatError, Kdf, OlderMaster, Slot, SlotKind, SlotSet};
use crate::model::{FamilyId, KeyEpoch, Time};
use crate::port::Entropy;

const WRAP: &str = "offsite-copy v1 2026-11-22 slot wrap";
const WRAP_NONCE: &str = "offsite-copy v1 2026-11-22 slot wrap nonce";
const COMMIT: &str = "offsite-copy v1 2026-11-22 slot commitment";

/// Why a secret does not give the master key.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// No slot was made with this secret.
    #[error("wrong passphrase or recovery sheet")]
    Wrong,
    /// It opened slots that were replaced since.
    #[error("this passphrase or recovery sheet was revoked: newer key slots do not accept it")]
    Revoked,
    /// The secret is right, the slot's bytes are not.
    #[error("the key slot that this secret opens is damaged")]
    DamagedSlot,
    /// The set as a whole was altered.
    #[error("the key slots were altered: their common seal does not hold")]
    Altered,
    /// Parameters that no slot may have.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Entropy(#[source] std::io::Error),
    /// Argon2id could not run.
    #[error("can't derive a key from the secret: {0}")]
    Derive(String),
    /// There are no more than 2^32.
    #[error("no key epoch is left")]
    Epochs,
    /// It needs more memory than there is.
    #[error("there are no {0} KiB of memory for Argon2id, which this key slot asks for")]
    Memory(u32),
}

/// A slot to be made.
pub struct NewSlot<'s> {
    /// What opens it.
    pub kind: SlotKind,
    /// The secret.
    pub secret: &'s [u8],
    /// For people.
    pub label: &'s str,
    /// What guessing it shall cost.
    pub kdf: Kdf,
}

/// The first set of a new family, with a fresh master key, and the keyring.
///
/// # Errors
/// [`SlotError`] if there is no entropy, or Argon2id can't run.
pub fn first_set(
    family: FamilyId,
    slots: &[NewSlot<'_>],
    now: Time,
    entropy: &dyn Entropy,
) -> Result<(SlotSet, Keyring), SlotError> {
    let master = Master::new(*random::<32>(entropy)?);
    let keyring = Keyring::new(family, BTreeMap::from([(KeyEpoch(1), master)]));
    let mut set = SlotSet {
        family,
        sequence: 1,
        epoch: KeyEpoch(1),
        created: now,
        slots: Vec::new(),
        older: Vec::new(),
        mac: [0; 32],
    };
    for slot in slots {
        set.slots.push(make_slot(slot, &keyring, now, entropy)?);
    }
    authenticate(&mut set, &keyring);
    Ok((set, keyring))
}

/// The next set: with one more slot.
///
/// # Errors
/// As [`first_set`].
pub fn add_slot(
    set: &SlotSet,
    keyring: &Keyring,
    slot: &NewSlot<'_>,
    now: Time,
    entropy: &dyn Entropy,
) -> Result<SlotSet, SlotError> {
    let mut slots = set.slots.clone();
    slots.push(make_slot(slot, keyring, now, entropy)?);
    next_set(set, keyring, slots, now)
}

/// The next set: without one slot, whose secret opens nothing that is written from then on; of what was there it opens
/// whatever set still has it.
///
/// # Errors
/// [`SlotError::Wrong`] if it has no such slot; [`SlotError::Format`] if none would be left.
pub fn remove_slot(set: &SlotSet, keyring: &Keyring, name: &str, now: Time) -> Result<SlotSet, SlotError> {
    let slots: Vec<Slot> = set.slots.iter().filter(|slot| slot.name() != name).cloned().collect();
    if slots.len() == set.slots.len() { Err(SlotError::Wrong) } else { next_set(set, keyring, slots, now) }
}

/// The next set, of a new key epoch: a fresh master, which every slot has to be made for anew, and which seals all those
/// before it. With it the keys of all epochs.
///
/// # Errors
/// As [`first_set`]; [`SlotError::Epochs`] if no epoch is left.
pub fn rotate(
    set: &SlotSet,
    keyring: &Keyring,
    slots: &[NewSlot<'_>],
    now: Time,
    entropy: &dyn Entropy,
) -> Result<(SlotSet, Keyring), SlotError> {
    let next = keyring.rotated(Master::new(*random::<32>(entropy)?)).ok_or(SlotError::Epochs)?;
    let older = keyring.masters().map(|(epoch, older)| {
        let wrapped = next.newest().seal_older(&set.family, epoch, older);
        OlderMaster { epoch, wrapped: wrapped.try_into().expect("a nonce of 12, 32 bytes and a tag of 16") }
    });
    let mut rotated = SlotSet { epoch: next.epoch(), older: older.collect(), ..set.clone() };
    rotated.slots = slots.iter().map(|slot| make_slot(slot, &next, now, entropy)).collect::<Result<_, _>>()?;
    let made = rotated.slots.clone();
    Ok((next_set(&rotated, &next, made, now)?, next))
}

/// One that can be read again, or none.
fn next_set(set: &SlotSet, keyring: &Keyring, slots: Vec<Slot>, now: Time) -> Result<SlotSet, SlotError> {
    let mut next = SlotSet { sequence: set.sequence + 1, created: now, slots, ..set.clone() };
    authenticate(&mut next, keyring);
    SlotSet::decode(&next.encode())?;
    Ok(next)
}

/// The name of the slot that a secret of that kind opens.
///
/// # Errors
/// [`SlotError::Wrong`] if none does; other variants if the slot is damaged.
pub fn slot_of(set: &SlotSet, kind: SlotKind, secret: &[u8]) -> Result<String, SlotError> {
    for slot in set.slots.iter().filter(|slot| slot.kind == kind) {
        match open_slot(set, slot, secret) {
            Err(SlotError::Wrong) => {}
            opened => return opened.map(|_| slot.name()),
        }
    }
    Err(SlotError::Wrong)
}

/// Opens the set with a secret of that kind: only slots of that kind are tried. [`SlotSet::decode`] bounds what all of
/// them cost.
///
/// # Errors
/// [`SlotError::Wrong`] if no slot was made with it; other variants if the set is damaged.
pub fn unlock(set: &SlotSet, kind: SlotKind, secret: &[u8]) -> Result<Keyring, SlotError> {
    let mut outcome = Err(SlotError::Wrong);
    for slot in set.slots.iter().filter(|slot| slot.kind == kind) {
        outcome = open_slot(set, slot, secret);
        if !matches!(outcome, Err(SlotError::Wrong)) {
            break;
        }
    }
    let master = outcome?;
    if master.slots_mac(&set.family, &set.authenticated()) != set.mac {
        return Err(SlotError::Altered);
    }
    let mut masters = BTreeMap::new();
    for older in &set.older {
        masters.insert(older.epoch, open_older(set, older, &master)?);
    }
    masters.insert(set.epoch, master);
    Ok(Keyring::new(set.family, masters))
}

/// Was the set made by someone who has these keys, and is it of their newest epoch?
#[must_use]
pub fn is_authentic(set: &SlotSet, keyring: &Keyring) -> bool {
    (set.family, set.epoch) == (keyring.family(), keyring.epoch())
        && keyring.newest().slots_mac(&set.family, &set.authenticated()) == set.mac
}

fn make_slot(new: &NewSlot<'_>, keyring: &Keyring, now: Time, entropy: &dyn Entropy) -> Result<Slot, SlotError> {
    let (id, salt, kdf) = (*random::<8>(entropy)?, *random::<32>(entropy)?, new.kdf);
    let keys = derive(new.secret, &salt, &kdf)?;
    let data = slot_data(&keyring.family(), keyring.epoch(), &id);
    let sealed = seal_box(&keys.wrap, &keys.nonce, &data, &keyring.newest().0);
    let wrapped = sealed.try_into().expect("a nonce of 12, 32 bytes and a tag of 16");
    let (commitment, label) = (keys.commitment, new.label.to_owned());
    Ok(Slot { id, kind: new.kind, kdf, salt, commitment, wrapped, created: now, label })
}

fn open_slot(set: &SlotSet, slot: &Slot, secret: &[u8]) -> Result<Master, SlotError> {
    slot.kdf.check()?;
    let keys = derive(secret, &slot.salt, &slot.kdf)?;
    if keys.commitment != slot.commitment {
        return Err(SlotError::Wrong);
    }
    let plain = open_box(&keys.wrap, &slot_data(&set.family, set.epoch, &slot.id), &slot.wrapped);
    let plain = plain.map_err(|_| SlotError::DamagedSlot)?;
    Ok(Master(plain.as_slice().try_into().map_err(|_| SlotError::DamagedSlot)?))
}

fn open_older(set: &SlotSet, older: &OlderMaster, newest: &Master) -> Result<Master, SlotError> {
    let plain = newest.open_older(&set.family, older.epoch, &older.wrapped).map_err(|_| SlotError::Altered)?;
    Ok(Master(plain.as_slice().try_into().map_err(|_| SlotError::Altered)?))
}

/// What a secret gives, with a slot's salt.
struct SlotKeys {
    wrap: Zeroizing<[u8; 32]>,
    nonce: Zeroizing<[u8; 32]>,
    commitment: [u8; 32],
}

fn derive(secret: &[u8], salt: &[u8; 32], kdf: &Kdf) -> Result<SlotKeys, SlotError> {
    let key = stretch(secret, salt, kdf)?;
    let purpose = |context| Zeroizing::new(blake3::derive_key(context, &*key));
    Ok(SlotKeys { wrap: purpose(WRAP), nonce: purpose(WRAP_NONCE), commitment: *purpose(COMMIT) })
}

fn slot_data(family: &FamilyId, epoch: KeyEpoch, id: &[u8; 8]) -> Vec<u8> {
    [&family.0[..], &epoch.0.to_be_bytes(), id].concat()
}

fn authenticate(set: &mut SlotSet, keyring: &Keyring) {
    set.mac = keyring.newest().slots_mac(&set.family, &set.authenticated());
}

pub(super) fn random<const N: usize>(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; N]>, SlotError> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy.fill(&mut *bytes).map_err(SlotError::Entropy)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::SystemEntropy;
    use crate::seal::{PASSPHRASE_LEAST, SHEET_COST, sheet_text, sheet_text_parse};

    fn set_of(sheet: &str) -> (SlotSet, Keyring) {
        let secret = sheet_text_parse(sheet).expect("own sheet");
        let slots = [
            NewSlot { kind: SlotKind::Sheet, secret: &secret, label: "recovery sheet", kdf: SHEET_COST },
            NewSlot {
                kind: SlotKind::Passphrase,
                secret: b"correct horse",
                label: "passphrase",
                kdf: PASSPHRASE_LEAST,
            },
        ];
        first_set(FamilyId([1; 16]), &slots, Time::from_seconds(1), &SystemEntropy).expect("made")
    }

    #[test]
    fn passphrase_and_sheet_give_the_same_master() {
        let sheet = sheet_text(&SystemEntropy).expect("entropy");
        let (set, keyring) = set_of(&sheet);
        let typed = sheet_text_parse(&sheet.to_lowercase().replace('-', " ").replace('0', "o")).expect("typed");
        for (kind, secret) in [(SlotKind::Passphrase, &b"correct horse"[..]), (SlotKind::Sheet, &typed)] {
            assert_eq!(unlock(&set, kind, secret).expect("opens").identity(), keyring.identity());
        }
        assert!(matches!(unlock(&set, SlotKind::Passphrase, b"wrong"), Err(SlotError::Wrong)));
        let as_sheet = unlock(&set, SlotKind::Sheet, b"correct horse");
        assert!(matches!(as_sheet, Err(SlotError::Wrong)), "slots of the other kind are not tried");
    }

    #[test]
    fn a_wrong_secret_a_damaged_slot_and_an_altered_set_are_told_apart() {
        let sheet = sheet_text(&SystemEntropy).expect("entropy");
        let (set, _) = set_of(&sheet);
        let mut damaged = set.clone();
        damaged.slots[1].wrapped[0] ^= 1;
        assert!(matches!(unlock(&damaged, SlotKind::Passphrase, b"correct horse"), Err(SlotError::DamagedSlot)));
        let mut altered = set.clone();
        altered.slots.remove(0);
        assert!(matches!(unlock(&altered, SlotKind::Passphrase, b"correct horse"), Err(SlotError::Altered)));
    }

    #[test]
    fn masters_of_earlier_epochs_come_with_the_newest() {
        let sheet = sheet_text(&SystemEntropy).expect("entropy");
        let (mut set, keyring) = set_of(&sheet);
        let older = Master::new([7; 32]);
        let sealed = keyring.newest().seal_older(&set.family, KeyEpoch(0), &older);
        let wrapped = sealed.try_into().expect("a nonce of 12, 32 bytes and a tag of 16");
        set.older = vec![OlderMaster { epoch: KeyEpoch(0), wrapped }];
        authenticate(&mut set, &keyring);
        let opened = unlock(&set, SlotKind::Passphrase, b"correct horse").expect("opens");
        assert_eq!(opened.identities().len(), 2);
        set.older[0].epoch = KeyEpoch(7);
        authenticate(&mut set, &keyring);
        assert!(
            matches!(unlock(&set, SlotKind::Passphrase, b"correct horse"), Err(SlotError::Altered)),
            "another epoch's"
        );
    }

    #[test]
    fn a_slot_that_is_removed_opens_the_next_set_no_more_and_the_last_one_stays() {
        let sheet = sheet_text(&SystemEntropy).expect("entropy");
        let (set, keyring) = set_of(&sheet);
        let passphrase = slot_of(&set, SlotKind::Passphrase, b"correct horse").expect("its own");
        let next = remove_slot(&set, &keyring, &passphrase, Time::from_seconds(2)).expect("there");
        assert!(is_authentic(&next, &keyring) && next.sequence == set.sequence + 1);
        assert!(matches!(unlock(&next, SlotKind::Passphrase, b"correct horse"), Err(SlotError::Wrong)));
        assert!(unlock(&set, SlotKind::Passphrase, b"correct horse").is_ok(), "an older file still has it");
        let last = next.slots[0].name();
        assert!(matches!(remove_slot(&next, &keyring, &last, Time::from_seconds(3)), Err(SlotError::Format(_))));
        assert!(matches!(remove_slot(&next, &keyring, &passphrase, Time::from_seconds(3)), Err(SlotError::Wrong)));
    }

    #[test]
    fn a_new_epoch_opens_what_all_before_it_sealed_and_no_old_secret_opens_it() {
        let sheet = sheet_text(&SystemEntropy).expect("entropy");
        let (set, keyring) = set_of(&sheet);
        let new = [NewSlot { kind: SlotKind::Passphrase, secret: b"kept", label: "passphrase", kdf: SHEET_COST }];
        let turn = |set: &SlotSet, keyring: &Keyring| {
            rotate(set, keyring, &new, Time::from_seconds(2), &SystemEntropy).expect("made")
        };
        let (second, ring) = turn(&set, &keyring);
        let (third, _) = turn(&second, &ring);
        assert_eq!((third.epoch, third.sequence, third.older.len()), (KeyEpoch(3), set.sequence + 2, 2));
        let opened = unlock(&third, SlotKind::Passphrase, b"kept").expect("opens");
        assert_eq!(opened.identities().last(), keyring.identities().last(), "the first master came along");
        assert_eq!(opened.identities_from(KeyEpoch(2)).len(), 2);
        assert_eq!(opened.chunker_of(KeyEpoch(1)), keyring.chunker());
        assert!(is_authentic(&third, &opened) && !is_authentic(&third, &ring) && !is_authentic(&second, &opened));
        let old = sheet_text_parse(&sheet).expect("own sheet");
        assert!(matches!(unlock(&third, SlotKind::Sheet, &old), Err(SlotError::Wrong)));
        assert!(matches!(unlock(&third, SlotKind::Passphrase, b"correct horse"), Err(SlotError::Wrong)));
    }

    #[test]
    fn more_slots_than_a_reader_takes_are_never_made() {
        let sheet = sheet_text(&SystemEntropy).expect("entropy");
        let (mut set, keyring) = set_of(&sheet);
        let slot = NewSlot { kind: SlotKind::Sheet, secret: b"another sheet", label: "sheet", kdf: SHEET_COST };
        let add = |set: &SlotSet| add_slot(set, &keyring, &slot, Time::from_seconds(2), &SystemEntropy);
        while set.slots.len() < 16 {
            set = add(&set).expect("there is room");
        }
        assert!(matches!(add(&set), Err(SlotError::Format(_))));
    }
}
