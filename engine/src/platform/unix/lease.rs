//! Has somebody a file open for writing?

#![allow(unsafe_code)]

use std::path::Path;

/// Linux's `fcntl.h`; the `libc` crate has no name for it.
#[cfg(target_os = "linux")]
const F_SETSIG: libc::c_int = 10;

/// Asks by a lease for reading, which the kernel grants only if nobody has the file open for writing. It is given back at
/// once; who opens the file for writing in between waits for that long. False where the system has no leases, or grants
/// us none on that file (another user's): then only how long the file held still tells.
#[must_use]
#[cfg(target_os = "linux")]
pub fn is_open_for_writing(path: &Path) -> bool {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOATIME;
    let open = |flags| std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let Ok(file) = open(flags).or_else(|_| open(flags & !libc::O_NOATIME)) else { return false };
    let descriptor = file.as_raw_fd();
    // A lease that is broken sends SIGIO, which ends a process that does not expect it; SIGURG is ignored by default.
    // SAFETY: the descriptor is open for as long as `file` lives, and these calls take numbers only.
    unsafe {
        if libc::fcntl(descriptor, F_SETSIG, libc::SIGURG) == -1 {
            return false;
        }
        if libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_RDLCK) == -1 {
            return std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN);
        }
        libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK);
    }
    false
}

/// See the other one: this system has no leases.
#[must_use]
#[cfg(not(target_os = "linux"))]
pub fn is_open_for_writing(_: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_seen_and_not_disturbed_and_a_reader_is_none() {
        use std::io::Write;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut writer = std::fs::File::create(&path).expect("made");
        assert!(is_open_for_writing(&path));
        writer.write_all(b"more").expect("written");
        drop(writer);
        let reader = std::fs::File::open(&path).expect("opened");
        assert!(!is_open_for_writing(&path));
        drop(reader);
        let writer = std::fs::OpenOptions::new().append(true).open(&path).expect("no lease is left");
        assert!(is_open_for_writing(&path));
        drop(writer);
        assert!(!is_open_for_writing(&folder.path().join("absent")));
    }
}
