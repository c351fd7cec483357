//! Why a step at a medium did not succeed.

use crate::catalog::{CatalogError, UNFIT};
use crate::destination::{ErrorKind, StoreError};
use crate::model::VaultId;
use crate::vault::VaultError;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The place, or what lies there.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The catalog.
    #[error("can't record it in the catalog")]
    Catalog(#[from] CatalogError),
    /// Another writer has taken over, or is at work there.
    #[error("this engine is fenced off from the vault {medium}: {why}; nothing more is written there")]
    Fenced {
        /// The vault.
        medium: VaultId,
        /// What its heads say.
        why: String,
    },
    /// No good copy of an object to send.
    #[error("{object} can't be sent: {why}")]
    Source {
        /// The object.
        object: String,
        /// What is wrong with it where it should come from.
        why: String,
    },
    /// The place does not keep what it is given.
    #[error("{object} was written there twice and does not read back as written: the drive or server loses data")]
    NotKept {
        /// The object.
        object: String,
    },
    /// A mirror can't hold it under its name.
    #[error("{file}{words}{why}", words = UNFIT)]
    Unfit {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The place is not allowed to be changed so.
    #[error("nothing may be deleted there now: {0}")]
    DeletionsRefused(String),
    /// It was told to stop.
    #[error("stopped; it goes on where it was")]
    Stopped,
}

/// Is it unfit because of what another program has put in its place? That may be over.
#[must_use]
pub(crate) fn is_taken(reason: &str) -> bool {
    reason.ends_with(TAKEN)
}

/// Why a file is unfit whose place has another one.
pub(super) const TAKEN: &str = "another file of that name lies there, and it is not replaced";

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Vault(error.into())
    }
}

impl CopyError {
    /// The kind of the place's error, if it is one.
    #[must_use]
    pub fn store_kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Vault(VaultError::Store(error)) => Some(error.kind),
            _ => None,
        }
    }

    /// Is there no use in going on at this medium now?
    #[must_use]
    pub fn ends_session(&self) -> bool {
        match self {
            // What a rule forbids for one point says nothing of the next.
            Self::Catalog(CatalogError::Refused { .. } | CatalogError::Unknown { .. } | CatalogError::Stale { .. }) => {
                false
            }
            Self::Fenced { .. } | Self::Stopped | Self::Catalog(_) => true,
            _ => matches!(
                self.store_kind(),
                Some(ErrorKind::Gone | ErrorKind::Denied | ErrorKind::Permanent | ErrorKind::Transient)
            ),
        }
    }
}

pub(crate) use crate::model::chain;
