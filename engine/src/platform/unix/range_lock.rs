//! Locks on bytes of a file that belong to an open description, so that no other thread of this process gives them up.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Takes a shared lock on `bytes` bytes from `start`; `WouldBlock` if somebody writes there.
///
/// # Errors
/// Of the system.
pub fn lock_shared(file: &File, start: i64, bytes: i64) -> io::Result<()> {
    change(file, start, bytes, libc::F_RDLCK)
}

/// Gives it back.
///
/// # Errors
/// Of the system.
pub fn unlock_range(file: &File, start: i64, bytes: i64) -> io::Result<()> {
    change(file, start, bytes, libc::F_UNLCK)
}

/// Has somebody else a lock for writing there?
///
/// # Errors
/// Of the system.
pub fn is_locked_for_writing(file: &File, start: i64, bytes: i64) -> io::Result<bool> {
    let mut lock = range(start, bytes, libc::F_RDLCK);
    // SAFETY: the descriptor is open, and the system writes into a struct of the type that it expects.
    let asked = unsafe { libc::fcntl(file.as_raw_fd(), GET, &raw mut lock) };
    if asked == -1 { Err(io::Error::last_os_error()) } else { Ok(i32::from(lock.l_type) == libc::F_WRLCK) }
}

#[cfg(target_os = "linux")]
const SET: i32 = libc::F_OFD_SETLK;
#[cfg(target_os = "linux")]
const GET: i32 = libc::F_OFD_GETLK;
#[cfg(not(target_os = "linux"))]
const SET: i32 = libc::F_SETLK;
#[cfg(not(target_os = "linux"))]
const GET: i32 = libc::F_GETLK;

fn range(start: i64, bytes: i64, kind: i32) -> libc::flock {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    // From the file's beginning: `SEEK_SET` is 0.
    lock.l_type = libc::c_short::try_from(kind).expect("a small constant");
    lock.l_start = start;
    lock.l_len = bytes;
    lock
}

fn change(file: &File, start: i64, bytes: i64, kind: i32) -> io::Result<()> {
    let lock = range(start, bytes, kind);
    // SAFETY: the descriptor is open, and the system reads a struct of the type that it expects.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), SET, &raw const lock) };
    if done != -1 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    let is_taken = matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES));
    Err(if is_taken { io::ErrorKind::WouldBlock.into() } else { error })
}
