//! Heads of drill ledgers: which reports a verifier has written, said at places that it does not rule.
//!
//! In: bytes, or what a head says and its signature. Out: the other one. Deliberately absent: whether the signature
//! holds and whose key it is; who verifies that has no need of the rest of this crate.

use std::fmt;
use std::str::FromStr;

use super::cbor::{In, Out};
use super::identity::{check_version, open_plain, with_digest};
use super::{FormatError, VERSION};
use crate::model::{Digest, Time, VerifierId};

const WHAT: &str = "the head of a drill ledger";
const MAGIC: &[u8; 8] = b"OFFSITED";
/// Of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// Digits of the report's number in the name.
const DIGITS: usize = 8;

/// What a head says: the newest report of a ledger when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillHead {
    /// Whose ledger.
    pub verifier: VerifierId,
    /// The report's number in it, from 1.
    pub sequence: u64,
    /// BLAKE3 of the report's whole file.
    pub report: Digest,
    /// Ed25519 key that signs this head and that report.
    pub public_key: [u8; 32],
    /// When this head was written.
    pub created: Time,
}

impl DrillHead {
    /// What is signed: magic and map, as the file begins.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut out = Out::after(MAGIC.to_vec());
        out.map(6).key(1).uint(u64::from(VERSION)).key(2).bytes(&self.verifier.0).key(3).uint(self.sequence);
        out.key(4).bytes(&self.report.0).key(5).bytes(&self.public_key).key(6).time(self.created);
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
        let body = open_plain(bytes, MAGIC, WHAT)?;
        let mut map = In::new(body, WHAT);
        map.map()?;
        map.key(1)?;
        check_version(map.uint()?, WHAT)?;
        map.key(2)?;
        let verifier = map.id()?;
        map.key(3)?;
        let sequence = map.uint()?;
        map.key(4)?;
        let report = map.id()?;
        map.key(5)?;
        let public_key = map.id()?;
        map.key(6)?;
        let head = Self { verifier, sequence, report, public_key, created: map.time()? };
        let signed = head.signed_bytes();
        let rest = bytes.strip_prefix(&signed[..]).and_then(|rest| rest.first_chunk::<SIGNATURE_BYTES>());
        let signature = *rest.ok_or_else(|| FormatError::damaged(WHAT, "not in its one deterministic form"))?;
        super::cbor::require_same(bytes, &head.encode(&signature), WHAT)?;
        Ok((head, signature))
    }
}

/// `<sequence>-<digest>`: what a head is called in its verifier's folder below `drills/`. Ordered by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrillHeadName {
    /// The number of the report that it tells of.
    pub sequence: u64,
    /// Of the whole file.
    pub digest: [u8; 8],
}

impl DrillHeadName {
    /// The name of these bytes.
    #[must_use]
    pub fn of(sequence: u64, file: &[u8]) -> Self {
        let mut digest = [0; 8];
        digest.copy_from_slice(&blake3::hash(file).as_bytes()[..8]);
        Self { sequence, digest }
    }
}

impl fmt::Display for DrillHeadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$}-{}", self.sequence, data_encoding::HEXLOWER.encode(&self.digest))
    }
}

impl FromStr for DrillHeadName {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = || FormatError::damaged(WHAT, format!("`{text}` is not its name"));
        let (sequence, digest) = text.split_once('-').ok_or_else(wrong)?;
        let digest = data_encoding::HEXLOWER.decode(digest.as_bytes()).map_err(|_| wrong())?;
        let name =
            Self { sequence: sequence.parse().map_err(|_| wrong())?, digest: digest.try_into().map_err(|_| wrong())? };
        if name.to_string() == text { Ok(name) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: DrillHead = DrillHead {
        verifier: VerifierId([1; 16]),
        sequence: 70_000,
        report: Digest([2; 32]),
        public_key: [3; 32],
        created: Time { seconds: 1_790_000_000, nanos: 5 },
    };

    #[test]
    fn a_head_reads_back_and_every_flipped_bit_and_every_cut_is_noticed() {
        let good = HEAD.encode(&[4; 64]);
        assert_eq!(DrillHead::decode(&good), Ok((HEAD, [4; 64])));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(DrillHead::decode(&bad).is_err(), "bit flipped at {at}");
            assert!(DrillHead::decode(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_signature_of_another_length_is_no_head() {
        let signed = HEAD.signed_bytes();
        for length in [0, 63, 65, 128] {
            let bytes = with_digest([&signed[..], &vec![4; length]].concat());
            assert!(DrillHead::decode(&bytes).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_newer_version_is_called_newer() {
        let mut body = [HEAD.signed_bytes(), vec![4; 64]].concat();
        assert_eq!(body[10], 1, "the version's byte");
        body[10] = 9;
        assert_eq!(DrillHead::decode(&with_digest(body)), Err(FormatError::Newer { what: WHAT, found: 9 }));
    }

    #[test]
    fn a_name_reads_back_and_no_other_form_does() {
        let name = DrillHeadName::of(7, b"bytes");
        assert_eq!(name.to_string().parse(), Ok(name));
        assert!(name.to_string().starts_with("00000007-"));
        for wrong in ["", "7-00", "7-0011223344556677", "00000007-001122334455667", "+0000007-0011223344556677"] {
            assert!(wrong.parse::<DrillHeadName>().is_err(), "{wrong}");
        }
    }
}
