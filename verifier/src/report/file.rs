//! A file in the state folder, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::private;

/// What the name of a file that is not finished begins with.
pub(super) const TEMPORARY: &str = ".tmp-";

/// Writes a file under a temporary name, flushes it, and gives it its name if nothing has it; then its folder is
/// flushed.
///
/// # Errors
/// Of the system; `AlreadyExists`.
pub(super) fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (temporary, path) = (folder.join(format!("{TEMPORARY}{name}")), folder.join(name));
    let mut file = private::options().create(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces what has the name.
    let named = fs::hard_link(&temporary, &path);
    fs::remove_file(&temporary)?;
    named?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// The same where another file may have the name: a view, which is made again.
///
/// # Errors
/// Of the system.
pub(super) fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!("{TEMPORARY}{name}"));
    let mut file = private::options().create(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
