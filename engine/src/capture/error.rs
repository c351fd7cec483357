//! Why there is no new recovery point.

use crate::catalog::CatalogError;
use crate::format::FormatError;
use crate::source::SourceFailed;
use crate::vault::VaultError;

/// A capture that made no point.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The home vault.
    #[error("can't write to the home vault")]
    Home(#[from] VaultError),
    /// The catalog.
    #[error("can't record the point")]
    Catalog(#[from] CatalogError),
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Entropy(#[source] std::io::Error),
    /// A part of the source can't be had, and it is one whole.
    #[error(transparent)]
    Source(#[from] SourceFailed),
    /// It was told to stop.
    #[error("stopped before the point was finished; nothing was lost, the next run starts anew")]
    Stopped,
    /// The home vault has no room for it.
    #[error("the home vault has no room: {needed} more bytes are needed, {room} are left under its limit and reserve")]
    Full {
        /// Bytes that are needed at least.
        needed: u64,
        /// Bytes that may still be written.
        room: u64,
    },
    /// An entry that can't be written down: the source or the catalog contradicts itself.
    #[error("the entry {path} can't be written")]
    Entry {
        /// Where.
        path: String,
        /// What does not fit.
        #[source]
        source: FormatError,
    },
    /// A pack that was written is not there any more; it is withdrawn, so that a capture begun anew stores its chunks again.
    #[error("the pack {0} is not in the home vault any more")]
    PackVanished(String),
}
