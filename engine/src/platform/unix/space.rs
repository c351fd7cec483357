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

/// Does a process of that number exist?
pub(in super::super) fn process_exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Asks a process to end, as a service manager does. One that is gone has done so.
pub fn ask_to_end(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // There is nothing to be done where it is refused; who asks waits and then kills.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
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
