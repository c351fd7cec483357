//! Systems without Btrfs: no folder lies in a subvolume.

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::io;

use super::Folder;

/// No folder has it here.
pub const SUBVOLUME_INODE: u64 = 256;
/// No folder has it here.
pub const PLACEHOLDER_INODE: u64 = 2;

/// There is none.
#[derive(Debug)]
pub struct Subvolume(Infallible);

impl Subvolume {
    /// None.
    ///
    /// # Errors
    /// Never.
    #[allow(clippy::unnecessary_wraps)]
    pub const fn of(_: &Folder) -> io::Result<Option<Self>> {
        Ok(None)
    }

    /// Never asked.
    #[must_use]
    pub const fn top(&self) -> &Folder {
        match self.0 {}
    }

    /// Never asked.
    #[must_use]
    pub const fn below(&self) -> &[CString] {
        match self.0 {}
    }

    /// Never asked.
    ///
    /// # Errors
    /// Never.
    pub const fn snapshot(&self, _: &CStr) -> io::Result<Folder> {
        match self.0 {}
    }

    /// Never asked.
    ///
    /// # Errors
    /// Never.
    pub const fn remove(&self, _: &CStr) -> io::Result<()> {
        match self.0 {}
    }
}

/// Not told here.
///
/// # Errors
/// Never.
#[allow(clippy::unnecessary_wraps)]
pub const fn is_mount_point(_: &Folder, _: &CStr) -> io::Result<bool> {
    Ok(false)
}
