//! `VAULT` and `VAULT.copy`: which family and which vault this is.

use super::cbor::{In, Out, require_same};
use super::{FormatError, VERSION};
use crate::model::{FamilyId, Time, VaultId};

const WHAT: &str = "the vault's identity file";
const MAGIC: &[u8; 8] = b"OFFSITEV";
const DIGEST_BYTES: usize = 32;

/// The identity of one vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The family whose keys open it.
    pub family: FamilyId,
    /// The vault itself.
    pub vault: VaultId,
    /// When it was made.
    pub created: Time,
}

impl Identity {
    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::after(MAGIC.to_vec());
        out.map(4).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.family.0).key(3).bytes(&self.vault.0);
        out.key(4).time(self.created);
        with_digest(out.finish())
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly such a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let body = open_plain(bytes, MAGIC, WHAT)?;
        let mut map = In::new(body, WHAT);
        map.map()?;
        map.key(1)?;
        check_version(map.uint()?, WHAT)?;
        map.key(2)?;
        let family = map.id()?;
        map.key(3)?;
        let vault = map.id()?;
        map.key(4)?;
        let identity = Self { family, vault, created: map.time()? };
        require_same(bytes, &identity.encode(), WHAT)?;
        Ok(identity)
    }
}

/// Adds the BLAKE3 of all before, which ends every plain file.
pub(super) fn with_digest(mut bytes: Vec<u8>) -> Vec<u8> {
    let digest = blake3::hash(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    bytes
}

/// The body of a plain file: between the magic and the digest. Every version keeps both and has its number as field
/// 1, so that a newer file is called newer, and a damaged one damaged even where its version is hit.
pub(super) fn open_plain<'b>(bytes: &'b [u8], magic: &[u8; 8], what: &'static str) -> Result<&'b [u8], FormatError> {
    let rest = bytes.strip_prefix(magic).ok_or_else(|| FormatError::damaged(what, "it does not begin as one"))?;
    let split = rest.len().checked_sub(DIGEST_BYTES).ok_or_else(|| FormatError::damaged(what, "it is too short"))?;
    let (body, digest) = rest.split_at(split);
    if blake3::hash(&bytes[..bytes.len() - DIGEST_BYTES]).as_bytes() == digest {
        Ok(body)
    } else {
        Err(FormatError::damaged(what, "its digest differs"))
    }
}

/// Refuses what a later release wrote.
pub(super) fn check_version(found: u32, what: &'static str) -> Result<(), FormatError> {
    match found {
        VERSION => Ok(()),
        0 => Err(FormatError::damaged(what, "version 0")),
        found => Err(FormatError::Newer { what, found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity {
        family: FamilyId([1; 16]),
        vault: VaultId([2; 16]),
        created: Time { seconds: 1_790_000_000, nanos: 5 },
    };

    #[test]
    fn an_identity_reads_back() {
        assert_eq!(Identity::decode(&IDENTITY.encode()), Ok(IDENTITY));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let good = IDENTITY.encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Identity::decode(&bad).is_err(), "bit flipped at {at}");
            assert!(Identity::decode(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_version_is_called_newer() {
        let mut body = IDENTITY.encode();
        body.truncate(body.len() - 32);
        assert_eq!(body[10], 1, "the version's byte");
        body[10] = 9;
        assert_eq!(Identity::decode(&with_digest(body)), Err(FormatError::Newer { what: WHAT, found: 9 }));
    }
}
