//! Why something can't be read from a vault, or written to it.

use crate::destination::{ErrorKind, StoreError};
use crate::format::{FormatError, SealedHeader};
use crate::seal::{Keyring, SealError};

/// An operation on a vault that failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The place answered with an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Bytes that are not what they should be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An object that its name does not fit.
    #[error("{object} is damaged: {why}")]
    Damaged {
        /// The object.
        object: String,
        /// What does not fit.
        why: String,
    },
    /// An object that should be there.
    #[error("{object} is missing")]
    Missing {
        /// The object.
        object: String,
    },
    /// A vault of another family, or another vault than expected.
    #[error("{0}")]
    Foreign(String),
    /// Sealed under a master that these keys do not have: they are of before a new key epoch.
    #[error(
        "{object} is sealed under the key epoch {epoch}, which these keys do not have; `engine key list` looks for newer ones"
    )]
    LaterKeys {
        /// The object.
        object: String,
        /// The epoch.
        epoch: u32,
    },
    /// Nobody could read it back.
    #[error("{object} would have {bytes} bytes, and at most {most} are read")]
    TooLong {
        /// What was to be written.
        object: String,
        /// Its bytes.
        bytes: u64,
        /// The most that a reader takes.
        most: u64,
    },
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Entropy(#[source] std::io::Error),
}

impl VaultError {
    /// `object` does not open under its key.
    pub fn seal(object: impl ToString, error: SealError) -> Self {
        Self::Damaged { object: object.to_string(), why: error.to_string() }
    }

    /// A file that these keys may open.
    ///
    /// # Errors
    /// [`VaultError::LaterKeys`], which is no damage: other keys of the family open it.
    pub(super) fn known(object: impl ToString, header: &SealedHeader, keyring: &Keyring) -> Result<(), Self> {
        if keyring.knows(header) || header.family != keyring.family() {
            return Ok(());
        }
        Err(Self::LaterKeys { object: object.to_string(), epoch: header.epoch.0 })
    }

    /// Does it say that bytes are wrong or gone, and not merely that the place can't be asked now?
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) => error.kind == ErrorKind::NotFound,
            Self::Format(error) => matches!(error, FormatError::Damaged { .. }),
            Self::Damaged { .. } | Self::Missing { .. } => true,
            Self::Foreign(_) | Self::LaterKeys { .. } | Self::Entropy(_) | Self::TooLong { .. } => false,
        }
    }
}
