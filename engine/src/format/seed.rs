//! What lies under `seeds/`: lists of what is on a drive that travels, and receipts of what was taken over from it.
//!
//! In: bytes, or what a list says and its signature. Out: the other one. Deliberately absent: whether the signature
//! holds and whose key it is (`seal`), and any name of a job or a file: who carries a drive may know what stands here.

use std::fmt;
use std::str::FromStr;

use super::cbor::{In, Out, require_same};
use super::identity::{check_version, open_plain, with_digest};
use super::{FormatError, PACK_BYTES_MAX, PACK_TRAILER_BYTES, VERSION};
use crate::model::{Digest, FamilyId, KeyEpoch, PackId, SeedId, Time, VaultId};

const LIST: &str = "the seed's list";
const RECEIPT: &str = "the seed's receipt";
const LIST_MAGIC: &[u8; 8] = b"OFFSITES";
const RECEIPT_MAGIC: &[u8; 8] = b"OFFSITER";
/// Of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// No list is longer: some 1.6 million packs, 100 TiB.
pub const SEED_LIST_BYTES_MAX: u64 = 64 << 20;

/// A pack on a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeedPack {
    /// Its name: the BLAKE3 of its bytes.
    pub id: PackId,
    /// Its length.
    pub bytes: u32,
}

/// What is on one drive, and for which vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedList {
    /// Whose.
    pub family: FamilyId,
    /// The vault that it goes to.
    pub vault: VaultId,
    /// Which seed.
    pub seed: SeedId,
    /// The drive's number in it, from 1.
    pub drive: u32,
    /// Rises with each list of the same drive; the highest one counts.
    pub revision: u32,
    /// Is everything that it names on the drive? The first list of a drive is written before its packs are, and names
    /// none.
    pub finished: bool,
    /// When it was written.
    pub created: Time,
    /// The master that the key comes from.
    pub epoch: KeyEpoch,
    /// Ed25519 key that signs it.
    pub public_key: [u8; 32],
    /// The packs, by name.
    pub packs: Vec<SeedPack>,
}

impl SeedList {
    /// What is signed: magic and map, as the file begins.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut out = Out::after(LIST_MAGIC.to_vec());
        out.map(11).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.family.0).key(3).bytes(&self.vault.0);
        out.key(4).bytes(&self.seed.0).key(5).uint(u64::from(self.drive)).key(6).uint(u64::from(self.revision));
        out.key(7).bool(self.finished).key(8).time(self.created).key(9).uint(u64::from(self.epoch.0));
        out.key(10).bytes(&self.public_key).key(11).array(self.packs.len());
        for pack in &self.packs {
            out.array(2).bytes(&pack.id.0).uint(u64::from(pack.bytes));
        }
        out.finish()
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self, signature: &[u8; SIGNATURE_BYTES]) -> Vec<u8> {
        let mut bytes = self.signed_bytes();
        bytes.extend_from_slice(signature);
        with_digest(bytes)
    }

    /// Reads the file's bytes: what it says, and the signature, which is not verified here.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly such a file.
    pub fn decode(bytes: &[u8]) -> Result<(Self, [u8; SIGNATURE_BYTES]), FormatError> {
        let body = open_plain(bytes, LIST_MAGIC, LIST)?;
        let mut map = In::new(body, LIST);
        map.map()?;
        map.key(1)?;
        check_version(map.uint()?, LIST)?;
        map.key(2)?;
        let family = map.id()?;
        map.key(3)?;
        let vault = map.id()?;
        map.key(4)?;
        let seed = map.id()?;
        map.key(5)?;
        let drive = map.uint()?;
        map.key(6)?;
        let revision = map.uint()?;
        map.key(7)?;
        let finished = map.bool()?;
        map.key(8)?;
        let created = map.time()?;
        map.key(9)?;
        let epoch = KeyEpoch(map.uint()?);
        map.key(10)?;
        let public_key = map.id()?;
        map.key(11)?;
        let packs = map.all(|item| {
            item.array_of(2)?;
            Ok(SeedPack { id: item.id()?, bytes: item.uint()? })
        })?;
        let list = Self { family, vault, seed, drive, revision, finished, created, epoch, public_key, packs };
        list.check()?;
        let signed = list.signed_bytes();
        let rest = bytes.strip_prefix(&signed[..]).and_then(|rest| rest.first_chunk::<SIGNATURE_BYTES>());
        let signature = *rest.ok_or_else(|| FormatError::damaged(LIST, "not in its one deterministic form"))?;
        require_same(bytes, &list.encode(&signature), LIST)?;
        Ok((list, signature))
    }

    /// Bytes of all packs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.packs.iter().map(|pack| u64::from(pack.bytes)).sum()
    }

    fn check(&self) -> Result<(), FormatError> {
        let damaged = |why| Err(FormatError::damaged(LIST, why));
        let is_length = |pack: &SeedPack| pack.bytes as usize > PACK_TRAILER_BYTES && pack.bytes <= PACK_BYTES_MAX;
        match () {
            () if self.drive == 0 => damaged("a drive has no number"),
            () if !self.packs.iter().all(is_length) => damaged("a length that no pack has"),
            () if !self.packs.is_sorted_by(|one, next| one.id < next.id) => damaged("its packs are not in order"),
            () => Ok(()),
        }
    }
}

/// That everything a list names was taken over into the vault, and read back there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedReceipt {
    /// Whose.
    pub family: FamilyId,
    /// The vault.
    pub vault: VaultId,
    /// Which seed.
    pub seed: SeedId,
    /// The drive's number in it.
    pub drive: u32,
    /// BLAKE3 of the list's whole file.
    pub list: Digest,
    /// When it was done.
    pub absorbed: Time,
    /// Packs of the list.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them lay there already.
    pub lay_there: u64,
}

impl SeedReceipt {
    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::after(RECEIPT_MAGIC.to_vec());
        out.map(8).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.family.0).key(3).bytes(&self.vault.0);
        out.key(4).bytes(&self.seed.0).key(5).uint(u64::from(self.drive)).key(6).bytes(&self.list.0);
        out.key(7).time(self.absorbed).key(8).array(3).uint(self.packs).uint(self.bytes).uint(self.lay_there);
        with_digest(out.finish())
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly such a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let body = open_plain(bytes, RECEIPT_MAGIC, RECEIPT)?;
        let mut map = In::new(body, RECEIPT);
        map.map()?;
        map.key(1)?;
        check_version(map.uint()?, RECEIPT)?;
        map.key(2)?;
        let family = map.id()?;
        map.key(3)?;
        let vault = map.id()?;
        map.key(4)?;
        let seed = map.id()?;
        map.key(5)?;
        let drive = map.uint()?;
        map.key(6)?;
        let list = map.id()?;
        map.key(7)?;
        let absorbed = map.time()?;
        map.key(8)?;
        map.array_of(3)?;
        let (packs, bytes_of_packs, lay_there) = (map.uint()?, map.uint()?, map.uint()?);
        let receipt = Self { family, vault, seed, drive, list, absorbed, packs, bytes: bytes_of_packs, lay_there };
        require_same(bytes, &receipt.encode(), RECEIPT)?;
        Ok(receipt)
    }
}

/// What a file in a seed's folder is called: `<drive>-<revision>-<digest>`, or `receipt-<drive>-<digest>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeedName {
    /// A list.
    List {
        /// The drive's number.
        drive: u32,
        /// Of the list.
        revision: u32,
        /// Of the whole file.
        digest: [u8; 8],
    },
    /// A receipt.
    Receipt {
        /// The drive's number.
        drive: u32,
        /// Of the whole file.
        digest: [u8; 8],
    },
}

impl SeedName {
    /// The name of these bytes.
    #[must_use]
    pub fn of_list(list: &SeedList, file: &[u8]) -> Self {
        Self::List { drive: list.drive, revision: list.revision, digest: digest_of(file) }
    }

    /// The same of a receipt.
    #[must_use]
    pub fn of_receipt(receipt: &SeedReceipt, file: &[u8]) -> Self {
        Self::Receipt { drive: receipt.drive, digest: digest_of(file) }
    }
}

fn digest_of(file: &[u8]) -> [u8; 8] {
    let mut digest = [0; 8];
    digest.copy_from_slice(&blake3::hash(file).as_bytes()[..8]);
    digest
}

impl fmt::Display for SeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |digest: &[u8; 8]| data_encoding::HEXLOWER.encode(digest);
        match self {
            Self::List { drive, revision, digest } => write!(f, "{drive:04}-{revision:08}-{}", hex(digest)),
            Self::Receipt { drive, digest } => write!(f, "receipt-{drive:04}-{}", hex(digest)),
        }
    }
}

impl FromStr for SeedName {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = || FormatError::damaged(LIST, format!("`{text}` is not its name"));
        let (front, digest) = text.rsplit_once('-').ok_or_else(wrong)?;
        let digest = data_encoding::HEXLOWER.decode(digest.as_bytes()).map_err(|_| wrong())?;
        let digest = digest.try_into().map_err(|_| wrong())?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        let name = match front.split_once('-').ok_or_else(wrong)? {
            ("receipt", drive) => Self::Receipt { drive: number(drive)?, digest },
            (drive, revision) => Self::List { drive: number(drive)?, revision: number(revision)?, digest },
        };
        if name.to_string() == text { Ok(name) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> SeedList {
        SeedList {
            family: FamilyId([1; 16]),
            vault: VaultId([2; 16]),
            seed: SeedId([3; 8]),
            drive: 2,
            revision: 1,
            finished: true,
            created: Time { seconds: 1_795_000_000, nanos: 0 },
            epoch: KeyEpoch(1),
            public_key: [4; 32],
            packs: vec![SeedPack { id: PackId([5; 32]), bytes: 13 }, SeedPack { id: PackId([6; 32]), bytes: 64 << 20 }],
        }
    }

    fn receipt() -> SeedReceipt {
        SeedReceipt {
            family: FamilyId([1; 16]),
            vault: VaultId([2; 16]),
            seed: SeedId([3; 8]),
            drive: 2,
            list: Digest([7; 32]),
            absorbed: Time { seconds: 1_795_000_000, nanos: 5 },
            packs: 2,
            bytes: 70,
            lay_there: 1,
        }
    }

    #[test]
    fn lists_and_receipts_read_back_and_so_do_their_names() {
        let (list, receipt) = (list(), receipt());
        let file = list.encode(&[9; 64]);
        assert_eq!(SeedList::decode(&file), Ok((list.clone(), [9; 64])));
        let name = SeedName::of_list(&list, &file);
        assert!(name.to_string().starts_with("0002-00000001-"), "{name}");
        assert_eq!(name.to_string().parse(), Ok(name));
        let file = receipt.encode();
        assert_eq!(SeedReceipt::decode(&file), Ok(receipt));
        let name = SeedName::of_receipt(&receipt, &file);
        assert!(name.to_string().starts_with("receipt-0002-"), "{name}");
        assert_eq!(name.to_string().parse(), Ok(name));
        for bad in ["", "1-00000001-0011223344556677", "receipt-0002", "0002-00000001-00112233445566FF", "a-b-c"] {
            assert!(bad.parse::<SeedName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (list, receipt) = (list().encode(&[9; 64]), receipt().encode());
        for (file, is_list) in [(&list, true), (&receipt, false)] {
            let reads = |bytes: &[u8]| {
                if is_list { SeedList::decode(bytes).is_ok() } else { SeedReceipt::decode(bytes).is_ok() }
            };
            for at in 0..file.len() {
                let mut bad = file.clone();
                bad[at] ^= 1;
                assert!(!reads(&bad) && !reads(&file[..at]), "byte {at}");
            }
        }
    }

    #[test]
    fn what_no_writer_makes_is_refused() {
        let refused = |change: &dyn Fn(&mut SeedList)| {
            let mut list = list();
            change(&mut list);
            SeedList::decode(&list.encode(&[9; 64])).is_err()
        };
        assert!(refused(&|list| list.drive = 0));
        assert!(refused(&|list| list.packs.reverse()));
        assert!(refused(&|list| list.packs[1].id = list.packs[0].id));
        assert!(refused(&|list| list.packs[0].bytes = 12));
        assert!(refused(&|list| list.packs[0].bytes = (64 << 20) + 1));
    }
}
