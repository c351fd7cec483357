//! Where a system has no word of changes in folders: they are looked at.

use std::io;
use std::path::Path;
use std::time::Duration;

/// Hears nothing.
#[derive(Debug)]
pub struct FolderWatch;

impl FolderWatch {
    /// Never hears anything.
    ///
    /// # Errors
    /// None.
    pub const fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub const fn listen(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Waits; never hears anything.
    ///
    /// # Errors
    /// None.
    pub fn wait(&self, most: Duration) -> io::Result<bool> {
        std::thread::sleep(most);
        Ok(false)
    }
}
