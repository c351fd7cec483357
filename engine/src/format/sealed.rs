//! The plain beginning of every sealed file: which key opens what follows.

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

/// The plain header: magic, then a map. It is associated data to all that the file seals.
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
    /// No header is longer; so many bytes of a file suffice to read it.
    pub const BYTES_MAX: usize = 128;

    /// The bytes that a sealed file begins with.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::after(self.kind.magic().to_vec());
        out.map(7).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.family.0).key(3).bytes(&self.scope);
        out.key(4).uint(u64::from(self.epoch.0)).key(5).bytes(&self.salt);
        // Recipient (0: from the master) and signature (0: none): room for later, see FORMAT.md.
        out.key(6).uint(0).key(7).uint(0);
        out.finish()
    }

    /// Reads the beginning of `bytes`; gives the header and its length.
    ///
    /// # Errors
    /// [`FormatError`] if they do not begin with a header of that kind.
    pub fn decode(bytes: &[u8], kind: SealedKind) -> Result<(Self, usize), FormatError> {
        let what = kind.what();
        let body =
            bytes.strip_prefix(kind.magic()).ok_or_else(|| FormatError::damaged(what, "it does not begin as one"))?;
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
        let mut later = bytes.clone();
        later[len - 3] = 1;
        let which = "a recipient's stanza";
        assert_eq!(
            SealedHeader::decode(&later, SealedKind::Pack),
            Err(FormatError::Later { what: "the pack", which }),
            "never called damaged"
        );
        let crowded = SealedHeader { scope: [2; 16], ..header };
        assert!(SealedHeader::decode(&crowded.encode(), SealedKind::Pack).is_err(), "scope is id and zeros");
    }
}
