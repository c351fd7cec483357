//! Room, and flushing folders.

use std::fs::File;
use std::io;
use std::path::Path;

use super::super::space::Space;

/// Room on the file system of `path`.
///
/// # Errors
/// Of the system.
pub fn space(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Space { total: bytes(found.f_blocks), available: bytes(found.f_bavail) })
}

/// Could names be made, read and removed in the folder at `path` now? Asked, not tried: nothing is written.
///
/// # Errors
/// Why not: a read-only mount or a missing permission, say.
pub fn may_write(path: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    Ok(rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Puts the names in the folder at `path` on the medium.
///
/// # Errors
/// Of the system. Some network and FUSE file systems refuse this for folders: `InvalidInput`, `Unsupported` or EIO.
pub fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Lets this process open as many files as it may: a deep tree takes one for each folder on the way.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    // Where it is refused, what we have must do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_room_and_a_folder_flushes() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let room = space(place.path()).expect("it is there");
        assert!(room.total > 0 && room.available <= room.total);
        flush_folder(place.path()).expect("a local folder");
        assert!(space(&place.path().join("none")).is_err());
        may_write(place.path()).expect("ours");
        assert!(may_write(&place.path().join("none")).is_err());
        let file = place.path().join("file");
        std::fs::write(&file, b"").expect("ours");
        assert!(may_write(&file).is_err(), "no folder, not even for root");
    }
}
