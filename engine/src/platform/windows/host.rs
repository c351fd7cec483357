//! The computer: what the standard library does not tell is said to be unsupported.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::super::space::{FileSystem, Space};
use super::super::{Unquiet, Woken};

/// No word of mounts: the service looks at an interval.
#[derive(Debug)]
pub struct MountWatch;

impl MountWatch {
    /// Never fails.
    ///
    /// # Errors
    /// None.
    pub const fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// How often to look: a drive is to be noticed within two seconds.
    #[must_use]
    pub const fn poll_interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

/// The request to stop; only set from inside the process here.
#[derive(Debug, Default)]
pub struct StopSignal {
    asked: Mutex<bool>,
    bell: Condvar,
}

impl StopSignal {
    /// The same one each time.
    ///
    /// # Errors
    /// None.
    pub fn listen() -> io::Result<&'static Self> {
        static LISTENING: OnceLock<StopSignal> = OnceLock::new();
        Ok(LISTENING.get_or_init(Self::default))
    }

    /// Was a stop asked for?
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a stop.
    pub fn set(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Waits for a stop or the end of `span`.
    ///
    /// # Errors
    /// None.
    pub fn wait(&self, span: Duration, _: Option<&MountWatch>) -> io::Result<Woken> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.bell.wait_timeout_while(asked, span, |asked| !*asked);
        let (asked, _) = answer.unwrap_or_else(PoisonError::into_inner);
        Ok(if *asked { Woken::Stop } else { Woken::Time })
    }
}

/// Not to be had through the standard library.
#[must_use]
pub fn be_quiet() -> Vec<Unquiet> {
    ["processor", "disk"].map(|what| Unquiet { what, source: ErrorKind::Unsupported.into() }).into()
}

/// Could names be made in the folder at `path` now? Asked, not tried; this system's lists of permissions are not asked.
///
/// # Errors
/// Why not.
pub fn may_write(path: &Path) -> io::Result<()> {
    let read_only = std::fs::metadata(path)?.permissions().readonly();
    if read_only { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
}

/// Not told.
///
/// # Errors
/// Always `Unsupported`.
pub fn space(_: &Path) -> io::Result<Space> {
    Err(ErrorKind::Unsupported.into())
}

/// Nothing is told of it.
///
/// # Errors
/// If the path can't be looked at.
pub fn file_system(path: &Path) -> io::Result<FileSystem> {
    std::fs::metadata(path).map(|_| FileSystem::default())
}

/// Names are flushed with their files here.
///
/// # Errors
/// None.
pub fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// There is no such bound.
pub fn raise_open_files() {}

/// There is no such request; who asks waits and then kills.
pub const fn ask_to_end(_: u32) {}

/// Groups are not told apart here.
pub const fn lead_group(_: &mut std::process::Command) {}

/// Its leader is killed by its handle; what that started lives on.
pub const fn kill_group(_: &std::process::Child) {}

/// Owners have no numbers here.
#[must_use]
pub const fn user_and_group() -> (u32, u32) {
    (0, 0)
}

/// Not told: it may.
pub(in super::super) const fn process_exists(_: u32) -> bool {
    true
}

/// Not told.
pub(in super::super) const fn process_started(_: u32) -> Option<u64> {
    None
}

/// Not told.
pub(in super::super) const fn boot_id() -> String {
    String::new()
}

/// Not told.
pub const fn free_memory() -> Option<u64> {
    None
}

/// Not told.
pub const fn since_boot() -> Option<(String, Duration)> {
    None
}

/// The page cache can't be asked: nothing is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheWatch {
    /// The only answer.
    Leave,
}

impl CacheWatch {
    /// Looks before the read.
    pub(crate) const fn before(_: &File) -> Self {
        Self::Leave
    }

    /// Does nothing.
    pub(crate) const fn after(self, _: &File) {}
}

/// Has somebody the file open for writing? Windows tells by refusing to share it with none who writes.
#[must_use]
pub fn is_open_for_writing(path: &Path) -> bool {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    const SHARING_VIOLATION: i32 = 32;
    let opened = std::fs::OpenOptions::new().read(true).share_mode(FILE_SHARE_READ).open(path);
    opened.is_err_and(|error| error.raw_os_error() == Some(SHARING_VIOLATION))
}
