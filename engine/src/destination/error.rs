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
    use io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::AlreadyExists => ErrorKind::Exists,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Denied,
        Io::StorageFull | Io::QuotaExceeded => ErrorKind::Full,
        Io::StaleNetworkFileHandle | Io::NotConnected => ErrorKind::Gone,
        Io::Interrupted | Io::TimedOut | Io::WouldBlock | Io::ResourceBusy | Io::OutOfMemory => ErrorKind::Transient,
        _ if out_of_descriptors(error) => ErrorKind::Transient,
        _ => ErrorKind::Permanent,
    }
}

#[cfg(unix)]
fn out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

#[cfg(not(unix))]
fn out_of_descriptors(_: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn each_number_of_the_system_says_whether_a_retry_helps() {
        for (number, kind) in [
            (libc::ENOENT, ErrorKind::NotFound),
            (libc::EEXIST, ErrorKind::Exists),
            (libc::EROFS, ErrorKind::Denied),
            (libc::EACCES, ErrorKind::Denied),
            (libc::EPERM, ErrorKind::Denied),
            (libc::ENOSPC, ErrorKind::Full),
            (libc::EDQUOT, ErrorKind::Full),
            (libc::ESTALE, ErrorKind::Gone),
            (libc::ENOTCONN, ErrorKind::Gone),
            (libc::EMFILE, ErrorKind::Transient),
            (libc::ETIMEDOUT, ErrorKind::Transient),
            (libc::EIO, ErrorKind::Permanent),
        ] {
            let error = StoreError::from_io("write", "a", io::Error::from_raw_os_error(number));
            assert_eq!(error.kind, kind, "{number}");
        }
    }
}
