//! Identifiers: fixed-width bytes, shown as lower-case hex. None converts into another.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

/// A text that is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {what}: {digits} lower-case hex digits are wanted")]
pub struct IdError {
    what: &'static str,
    digits: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Width in bytes.
            pub const BYTES: usize = $bytes;

            /// The raw bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = IdError { what: $what, digits: $bytes * 2 };
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| wrong.clone())?;
                bytes.try_into().map(Self).map_err(|_| wrong)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError { what: $what, digits: $bytes * 2 })
            }
        }
    };
}

id!(
    /// All vaults of one installation: they share its keys.
    FamilyId, 16, "a family id"
);
id!(
    /// One vault, and so one medium.
    VaultId, 16, "a vault id"
);
id!(
    /// One engine installation that writes; a rebuild makes a new one.
    WriterId, 16, "a writer id"
);
id!(
    /// One verifier installation, which has one ledger of drills.
    VerifierId, 16, "a verifier id"
);
id!(
    /// A job as it is named at a destination, where its real name must not show.
    JobId, 8, "a job id"
);
id!(
    /// A dedup group: packs of a group go only where its jobs go.
    GroupId, 8, "a group id"
);
id!(
    /// A recovery point.
    PointId, 8, "a point id"
);
id!(
    /// A seed: objects that travel to one vault on drives.
    SeedId, 8, "a seed's id"
);
id!(
    /// A pack's name: the BLAKE3 of its bytes.
    PackId, 32, "a pack id"
);
id!(
    /// The first eight bytes of a pack's name, as chunk locations hold it.
    ShortPack, 8, "a pack's short id"
);
id!(
    /// A chunk's identity: keyed BLAKE3 of its plain bytes.
    ChunkId, 32, "a chunk id"
);
id!(
    /// A plain BLAKE3, as `b3sum` prints it.
    Digest, 32, "a digest"
);

impl PackId {
    /// The prefix that chunk locations hold.
    #[must_use]
    pub fn short(&self) -> ShortPack {
        let mut short = [0; ShortPack::BYTES];
        short.copy_from_slice(&self.0[..ShortPack::BYTES]);
        ShortPack(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_the_same_id() {
        let id: PointId = "00112233445566ff".parse().expect("valid");
        assert_eq!(id.to_string(), "00112233445566ff");
        assert_eq!(id.0[7], 0xff);
    }

    #[test]
    fn upper_case_and_wrong_widths_are_refused() {
        for text in ["00112233445566FF", "0011", "", "zz112233445566ff"] {
            assert!(text.parse::<PointId>().is_err(), "{text}");
        }
    }
}
