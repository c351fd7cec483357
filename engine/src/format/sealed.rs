//! The plain beginning of every sealed file: which key opens what follows.
//!
//! A short digest ends it, in every version, so that a flipped bit of a version or a flag is damage and never looks
//! like a file of a later release. What counts against people is that all of it is associated data to each box.

use super::cbor::{In, Out, require_same};
use super::identity::check_version;
use super::{FormatError, VERSION};
use crate::model::{FamilyId, GroupId, JobId, KeyEpoch, VaultId};

/// The kinds of sealed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedKind {
    /// A head.
    Head,
    /// A manifest.
    Manifest,
    /// A pack.
    Pack,
}

/// Bytes of BLAKE3 at the end of a header.
const CHECK_BYTES: usize = 8;

/// The plain header: magic, a map, a check. It is associated data to all that the file seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    /// What file it is.
    pub kind: SealedKind,
    /// Whose.
    pub family: FamilyId,
    /// Head: the vault id. Pack: the group id, then eight zero bytes. Manifest: the job id, then eight zero bytes.
    pub scope: [u8; 16],
    /// Which master key.
    pub epoch: KeyEpoch,
    /// Fresh for each file.
    pub salt: [u8; 32],
}

impl SealedKind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Head => b"OFFSITEH",
            Self::Manifest => b"OFFSITEM",
            Self::Pack => b"OFFSITEP",
        }
    }

    /// Bytes of the id that the scope begins with; zeros fill it up.
    const fn scope_bytes(self) -> usize {
        match self {
            Self::Head => VaultId::BYTES,
            Self::Manifest => JobId::BYTES,
            Self::Pack => GroupId::BYTES,
        }
    }

    /// For messages.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Head => "the head",
            Self::Manifest => "the manifest",
            Self::Pack => "the pack",
        }
    }
}

impl SealedHeader {
    /// No header of any version is longer; so many bytes of a file suffice to read it.
    pub const BYTES_MAX: usize = 512;

    /// The bytes that a sealed file begins with.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::after(self.kind.magic().to_vec());
        out.map(7).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.family.0).key(3).bytes(&self.scope);
        out.key(4).uint(u64::from(self.epoch.0)).key(5).bytes(&self.salt);
        // Recipient (0: from the master) and signature (0: none): room for later, see FORMAT.md.
        out.key(6).uint(0).key(7).uint(0);
        with_check(out.finish())
    }

    /// Reads the beginning of `bytes`; gives the header and its length.
    ///
    /// # Errors
    /// [`FormatError`] if they do not begin with a header of that kind.
    pub fn decode(bytes: &[u8], kind: SealedKind) -> Result<(Self, usize), FormatError> {
        let what = kind.what();
        let bytes = &bytes[..bytes.len().min(Self::BYTES_MAX)];
        let body = checked(bytes, kind)?;
        let mut map = In::new(body, what);
        map.map()?;
        map.key(1)?;
        check_version(map.uint()?, what)?;
        map.key(2)?;
        let family = map.id()?;
        map.key(3)?;
        let scope = map.id()?;
        map.key(4)?;
        let epoch = KeyEpoch(map.uint()?);
        map.key(5)?;
        let header = Self { kind, family, scope, epoch, salt: map.id()? };
        for (key, which) in [(6, "a recipient's stanza"), (7, "a signature")] {
            map.key(key)?;
            if !map.is_zero()? {
                return Err(FormatError::Later { what, which });
            }
        }
        if header.scope[kind.scope_bytes()..].iter().any(|&byte| byte != 0) {
            return Err(FormatError::damaged(what, "its scope is not an id and zeros"));
        }
        let encoded = header.encode();
        require_same(bytes.get(..encoded.len()).unwrap_or(bytes), &encoded, what)?;
        Ok((header, encoded.len()))
    }
}

fn with_check(mut header: Vec<u8>) -> Vec<u8> {
    let digest = blake3::hash(&header);
    header.extend_from_slice(&digest.as_bytes()[..CHECK_BYTES]);
    header
}

/// The map, of whatever version, once the check behind it fits.
fn checked(bytes: &[u8], kind: SealedKind) -> Result<&[u8], FormatError> {
    let damaged = |why| FormatError::damaged(kind.what(), why);
    let body = bytes.strip_prefix(kind.magic()).ok_or_else(|| damaged("it does not begin as one"))?;
    let map = In::new(body, kind.what()).skip()?;
    let (header, rest) = bytes.split_at(kind.magic().len() + map.len());
    if rest.starts_with(&blake3::hash(header).as_bytes()[..CHECK_BYTES]) {
        Ok(map)
    } else {
        Err(damaged("its header's check differs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_kinds_are_not_mixed_up() {
        let header = SealedHeader {
            kind: SealedKind::Pack,
            family: FamilyId([1; 16]),
            scope: [2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0],
            epoch: KeyEpoch(u32::MAX),
            salt: [3; 32],
        };
        let mut bytes = header.encode();
        assert!(bytes.len() <= SealedHeader::BYTES_MAX);
        let len = bytes.len();
        bytes.extend_from_slice(b"what follows");
        assert_eq!(SealedHeader::decode(&bytes, SealedKind::Pack), Ok((header, len)));
        assert!(SealedHeader::decode(&bytes, SealedKind::Head).is_err());
        for cut in 0..len {
            assert!(SealedHeader::decode(&bytes[..cut], SealedKind::Pack).is_err(), "cut at {cut}");
        }
        let crowded = SealedHeader { scope: [2; 16], ..header };
        assert!(SealedHeader::decode(&crowded.encode(), SealedKind::Pack).is_err(), "scope is id and zeros");
    }

    #[test]
    fn what_a_later_release_wrote_is_never_called_damaged_and_damage_never_later() {
        let header = SealedHeader {
            kind: SealedKind::Manifest,
            family: FamilyId([1; 16]),
            scope: [0; 16],
            epoch: KeyEpoch(1),
            salt: [3; 32],
        };
        let good = header.encode();
        let later = |at: usize, value| {
            let mut bytes = good[..good.len() - CHECK_BYTES].to_vec();
            bytes[at] = value;
            SealedHeader::decode(&with_check(bytes), SealedKind::Manifest)
        };
        let (what, version, recipient, signature) = ("the manifest", 10, good.len() - 11, good.len() - 9);
        assert_eq!(later(version, 9), Err(FormatError::Newer { what, found: 9 }));
        assert_eq!(later(recipient, 1), Err(FormatError::Later { what, which: "a recipient's stanza" }));
        assert_eq!(later(signature, 1), Err(FormatError::Later { what, which: "a signature" }));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let found = SealedHeader::decode(&bad, SealedKind::Manifest);
                assert!(matches!(found, Err(FormatError::Damaged { .. })), "bit {bit} at {at}");
            }
        }
    }
}
