//! `keys/<sequence>-<digest>`: all key slots of a family. The highest valid one counts.

use std::fmt;
use std::str::FromStr;

use super::cbor::{In, Out, require_same};
use super::identity::{check_version, open_plain, with_digest};
use super::{FormatError, VERSION};
use crate::model::{FamilyId, KeyEpoch, Time};

const WHAT: &str = "the key slots' file";
const MAGIC: &[u8; 8] = b"OFFSITEK";
/// More slots than anyone needs; a file that claims more is damaged.
const SLOTS_MAX: usize = 16;
/// Trying all slots costs no more than so many passes over a KiB: about ten seconds.
const COST_MAX: u64 = 8 << 20;

/// What a slot is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// A passphrase that a person chose.
    Passphrase,
    /// The recovery sheet's random secret.
    Sheet,
}

/// Argon2id's parameters, within hard bounds: [`Kdf::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kdf {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// One way to the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Random; names the slot.
    pub id: [u8; 8],
    /// What opens it.
    pub kind: SlotKind,
    /// How the secret becomes a key.
    pub kdf: Kdf,
    /// Argon2id's salt.
    pub salt: [u8; 32],
    /// Tells a wrong secret from a damaged slot.
    pub commitment: [u8; 32],
    /// The master key in a box: nonce, 32 bytes, tag.
    pub wrapped: [u8; 60],
    /// When it was made.
    pub created: Time,
    /// For people.
    pub label: String,
}

/// A master key of an earlier epoch, sealed with the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderMaster {
    /// Its epoch.
    pub epoch: KeyEpoch,
    /// In a box: nonce, 32 bytes, tag.
    pub wrapped: [u8; 60],
}

/// All slots of a family, authenticated as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotSet {
    /// Whose.
    pub family: FamilyId,
    /// One more for each change.
    pub sequence: u64,
    /// The epoch of the master key that the slots hold.
    pub epoch: KeyEpoch,
    /// When this set was made.
    pub created: Time,
    /// At least one.
    pub slots: Vec<Slot>,
    /// Earlier masters, oldest first.
    pub older: Vec<OlderMaster>,
    /// Keyed BLAKE3 over [`SlotSet::authenticated`], by a key that only the master gives.
    pub mac: [u8; 32],
}

/// What the file is called: `<sequence, 8 digits>-<first 16 hex digits of its BLAKE3>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeysName {
    /// The set's sequence.
    pub sequence: u64,
    /// Of the whole file.
    pub digest: [u8; 8],
}

impl Kdf {
    /// Memory 8 MiB to 1 GiB, 1 to 16 passes, 1 to 8 lanes: a damaged or hostile slot can't ask for more.
    ///
    /// # Errors
    /// If a parameter is outside.
    pub fn check(&self) -> Result<(), FormatError> {
        let fits = (8192..=1_048_576).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=8).contains(&self.lanes);
        if fits { Ok(()) } else { Err(FormatError::damaged(WHAT, "Argon2id parameters out of bounds")) }
    }

    /// Passes over a KiB of memory: what trying a secret costs.
    fn cost(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}

impl SlotSet {
    /// The bytes that `mac` covers: the set's map without it.
    #[must_use]
    pub fn authenticated(&self) -> Vec<u8> {
        let mut out = Out::default();
        self.encode_fields(&mut out, 7);
        out.finish()
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::after(MAGIC.to_vec());
        self.encode_fields(&mut out, 8);
        out.key(8).bytes(&self.mac);
        with_digest(out.finish())
    }

    /// What the file with those bytes is called.
    #[must_use]
    pub fn name(&self) -> KeysName {
        KeysName { sequence: self.sequence, digest: KeysName::digest_of(&self.encode()) }
    }

    /// Reads the file's bytes; `mac` can only be checked with the master.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly such a file, or its bounds are not kept.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut map = In::new(open_plain(bytes, MAGIC, WHAT)?, WHAT);
        map.map()?;
        map.key(1)?;
        check_version(map.uint()?, WHAT)?;
        let set = Self::decode_fields(&mut map)?;
        if set.slots.is_empty() || set.slots.len() > SLOTS_MAX {
            return Err(FormatError::damaged(WHAT, format!("{} slots", set.slots.len())));
        }
        set.slots.iter().try_for_each(|slot| slot.kdf.check())?;
        if set.slots.iter().map(|slot| slot.kdf.cost()).sum::<u64>() > COST_MAX {
            return Err(FormatError::damaged(WHAT, "trying its slots would cost too much"));
        }
        if !set.older.is_sorted_by(|a, b| a.epoch < b.epoch) || set.older.iter().any(|older| older.epoch >= set.epoch) {
            return Err(FormatError::damaged(WHAT, "the epochs of earlier masters are out of order"));
        }
        require_same(bytes, &set.encode(), WHAT)?;
        Ok(set)
    }

    fn encode_fields(&self, out: &mut Out, fields: usize) {
        out.map(fields).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.family.0).key(3).uint(self.sequence);
        out.key(4).uint(u64::from(self.epoch.0)).key(5).time(self.created).key(6).array(self.slots.len());
        self.slots.iter().for_each(|slot| slot.encode(out));
        out.key(7).array(self.older.len());
        for older in &self.older {
            out.array(2).uint(u64::from(older.epoch.0)).bytes(&older.wrapped);
        }
    }

    fn decode_fields(map: &mut In<'_>) -> Result<Self, FormatError> {
        map.key(2)?;
        let family = map.id()?;
        map.key(3)?;
        let sequence = map.uint()?;
        map.key(4)?;
        let epoch = KeyEpoch(map.uint()?);
        map.key(5)?;
        let created = map.time()?;
        map.key(6)?;
        let slots = map.all(Slot::decode)?;
        map.key(7)?;
        let older = map.all(|item| {
            item.array_of(2)?;
            Ok(OlderMaster { epoch: KeyEpoch(item.uint()?), wrapped: item.id()? })
        })?;
        map.key(8)?;
        Ok(Self { family, sequence, epoch, created, slots, older, mac: map.id()? })
    }
}

impl Slot {
    /// The id as people type it.
    #[must_use]
    pub fn name(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.id)
    }

    fn encode(&self, out: &mut Out) {
        let kind = match self.kind {
            SlotKind::Passphrase => 1,
            SlotKind::Sheet => 2,
        };
        out.map(10).key(1).bytes(&self.id).key(2).uint(kind).key(3).uint(u64::from(self.kdf.memory_kib));
        out.key(4).uint(u64::from(self.kdf.passes)).key(5).uint(u64::from(self.kdf.lanes)).key(6).bytes(&self.salt);
        out.key(7)
            .bytes(&self.commitment)
            .key(8)
            .bytes(&self.wrapped)
            .key(9)
            .time(self.created)
            .key(10)
            .text(&self.label);
    }

    fn decode(map: &mut In<'_>) -> Result<Self, FormatError> {
        map.map()?;
        map.key(1)?;
        let id = map.id()?;
        map.key(2)?;
        let kind = match map.uint::<u8>()? {
            1 => SlotKind::Passphrase,
            2 => SlotKind::Sheet,
            other => return Err(map.damaged(format!("a slot of kind {other}"))),
        };
        map.key(3)?;
        let memory_kib = map.uint()?;
        map.key(4)?;
        let passes = map.uint()?;
        map.key(5)?;
        let kdf = Kdf { memory_kib, passes, lanes: map.uint()? };
        map.key(6)?;
        let salt = map.id()?;
        map.key(7)?;
        let commitment = map.id()?;
        map.key(8)?;
        let wrapped = map.id()?;
        map.key(9)?;
        let created = map.time()?;
        map.key(10)?;
        Ok(Self { id, kind, kdf, salt, commitment, wrapped, created, label: map.text()?.to_owned() })
    }
}

impl KeysName {
    /// The digest that a file of those bytes has in its name.
    #[must_use]
    pub fn digest_of(bytes: &[u8]) -> [u8; 8] {
        let mut digest = [0; 8];
        digest.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
        digest
    }
}

impl fmt::Display for KeysName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{}", self.sequence, data_encoding::HEXLOWER.encode(&self.digest))
    }
}

impl FromStr for KeysName {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = || FormatError::damaged("the name of a key slots' file", format!("`{text}`"));
        let (sequence, digest) = text.split_once('-').ok_or_else(wrong)?;
        let digest =
            data_encoding::HEXLOWER.decode(digest.as_bytes()).ok().and_then(|d| d.try_into().ok()).ok_or_else(wrong)?;
        let name = Self { sequence: sequence.parse().map_err(|_| wrong())?, digest };
        if name.to_string() == text { Ok(name) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> SlotSet {
        let slot = Slot {
            id: [7; 8],
            kind: SlotKind::Sheet,
            kdf: Kdf { memory_kib: 8192, passes: 1, lanes: 1 },
            salt: [1; 32],
            commitment: [2; 32],
            wrapped: [3; 60],
            created: Time::from_seconds(5),
            label: "recovery sheet".into(),
        };
        let older = OlderMaster { epoch: KeyEpoch(1), wrapped: [4; 60] };
        SlotSet {
            family: FamilyId([1; 16]),
            sequence: 3,
            epoch: KeyEpoch(2),
            created: Time::from_seconds(6),
            slots: vec![slot],
            older: vec![older],
            mac: [9; 32],
        }
    }

    #[test]
    fn a_set_and_its_name_read_back() {
        let set = set();
        assert_eq!(SlotSet::decode(&set.encode()), Ok(set.clone()));
        assert_eq!(set.name().to_string().parse(), Ok(set.name()));
    }

    #[test]
    fn parameters_that_would_eat_the_machine_are_refused() {
        let mut set = set();
        set.slots[0].kdf.memory_kib = 1 << 30;
        assert!(SlotSet::decode(&set.encode()).is_err());
        set.slots[0].kdf.memory_kib = 8192;
        set.older[0].epoch = set.epoch;
        assert!(SlotSet::decode(&set.encode()).is_err(), "an earlier master of the current epoch");
        set.older.clear();
        assert!(SlotSet::decode(&set.encode()).is_ok());
        set.slots.clear();
        assert!(SlotSet::decode(&set.encode()).is_err(), "no slot at all");
    }

    #[test]
    fn a_set_that_takes_minutes_to_try_is_refused() {
        let mut set = set();
        let slot = Slot { kdf: Kdf { memory_kib: 65_536, passes: 3, lanes: 1 }, ..set.slots[0].clone() };
        set.slots = vec![slot.clone(); 16];
        assert!(SlotSet::decode(&set.encode()).is_ok(), "as many as there may be, of the usual cost");
        set.slots.push(slot);
        assert!(SlotSet::decode(&set.encode()).is_err(), "one more");
        set.slots.truncate(2);
        for slot in &mut set.slots {
            slot.kdf = Kdf { memory_kib: 1 << 20, passes: 4, lanes: 1 };
        }
        assert!(SlotSet::decode(&set.encode()).is_ok(), "the most that there may be");
        set.slots[0].kdf.passes = 5;
        assert!(SlotSet::decode(&set.encode()).is_err(), "one pass more");
    }
}
