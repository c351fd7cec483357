//! What can go wrong with the catalog. A variant is what failed; the cause is the source, never part of the text.

use std::io;
use std::path::PathBuf;

use super::rows::Generation;

/// Why the catalog could not do what was asked. Nothing was changed, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// D-6: no catalog there; beside a home vault that is not an empty catalog.
    #[error("there is no catalog at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Creating would replace a catalog.
    #[error("there is a catalog already at {}", path.display())]
    Exists {
        /// Where it lies.
        path: PathBuf,
    },
    /// Another process was in a write transaction, or rebuilds, for longer than the deadline.
    #[error("the catalog was busy for {seconds} s")]
    Busy {
        /// How long was waited.
        seconds: u64,
    },
    /// A row, a page or the file is not what was written.
    #[error("the catalog is damaged: table {table}, key {key}: {what}")]
    Damaged {
        /// The table, or `-` if the file as a whole is meant.
        table: String,
        /// The key in hex, or `-`.
        key: String,
        /// What was found.
        what: String,
    },
    /// Written by a later version of this program.
    #[error("the catalog has schema {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The file's schema.
        found: u64,
        /// The newest one known.
        known: u64,
    },
    /// The disk or the lock file failed. If that was while it was to `commit`, the change may have happened: look
    /// before it is repeated, since a point that is committed or marked already is refused.
    #[error("the catalog could not {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The disk that holds the catalog is full.
    #[error("the disk that holds the catalog is full")]
    Full {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state that the operation was decided on is no longer the catalog's.
    #[error("the catalog changed meanwhile: generation {found:?}, decided on {expected:?}")]
    Stale {
        /// The generation that was named.
        expected: Generation,
        /// The catalog's.
        found: Generation,
    },
    /// No such job, point, pack, medium or reservation.
    #[error("the catalog does not know {what}")]
    Unknown {
        /// What was asked for.
        what: String,
    },
    /// A rule of DESIGN 5.2 forbids it now.
    #[error("{rule} forbids it: {what}")]
    Refused {
        /// The rule's number, as `D-1`.
        rule: &'static str,
        /// What stands against it.
        what: String,
    },
    /// redb failed in a way that is none of the above.
    #[error("the catalog's store failed to {doing}")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// redb's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Short for the module's results.
pub type Result<T, E = CatalogError> = std::result::Result<T, E>;
