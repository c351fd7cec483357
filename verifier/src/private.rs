//! Folders 0700 and files 0600, which is what everything of ours in `state` and in scratch is.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder and what is missing above it; one that is there is fine.
///
/// # Errors
/// Of the system.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// Makes a folder that is not there yet.
///
/// # Errors
/// Of the system; `AlreadyExists`.
pub(crate) fn new_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// To write a file, 0600 if it is made; never through a link.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    options.read(true).write(true).mode(0o600).custom_flags(flags);
    options
}
