//! What can go wrong at a place, and whether trying again helps.

use std::io;

/// The kind of a place's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// No such object.
    NotFound,
    /// The name is taken.
    Exists,
    /// The place refuses: permission, read-only, append-only.
    Denied,
    /// No room, or a quota is reached.
    Full,
    /// The place is not there any more, or another one is.
    Gone,
    /// It may work a little later.
    Transient,
    /// It will not work by trying again.
    Permanent,
    /// The effect may have happened: only a look resolves it.
    Ambiguous,
}

/// An operation at a place that failed.
#[derive(Debug, thiserror::Error)]
#[error("can't {operation} {path}")]
pub struct StoreError {
    /// Whether a retry helps.
    pub kind: ErrorKind,
    /// The verb: `read`, `write`, `flush`, `rename`, `delete`, `list`, `look at`.
    pub operation: &'static str,
    /// What it was about, as a person would name it.
    pub path: String,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl StoreError {
    /// An error of the operating system, its kind read off its number.
    #[must_use]
    pub fn from_io(operation: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        Self { kind: kind_of(&source), operation, path: path.into(), source }
    }

    /// An error of a stated kind.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str, path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind, operation, path: path.into(), source: io::Error::other(why.into()) }
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::Exists,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        io::ErrorKind::StaleNetworkFileHandle => ErrorKind::Gone,
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::Transient,
        _ => ErrorKind::Permanent,
    }
}
