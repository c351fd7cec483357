//! Leaving no page cache behind: pages that a read brought in go again, those that were there stay.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

/// Remembers whether a file was in the page cache before it was read.
///
/// Asked with `cachestat` (Linux 6.5), one cheap call for the whole file. Where that is missing, or some of the file
/// was cached, nothing is dropped: to tell single pages would need a mapping for each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheWatch {
    /// No page of it was there: ours to drop.
    WasCold,
    /// Some were, or the system does not say.
    Leave,
}

#[repr(C)]
struct Range {
    offset: u64,
    bytes: u64,
}

#[repr(C)]
#[derive(Default)]
struct Counts {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// The same number on every architecture, as for all calls since 2019 but on alpha, where it answers ENOSYS.
const CACHESTAT: libc::c_long = 451;

impl CacheWatch {
    /// Looks before the read.
    pub(crate) fn before(file: &File) -> Self {
        match cached_pages(file.as_raw_fd()) {
            Some(0) => Self::WasCold,
            _ => Self::Leave,
        }
    }

    /// Drops what the read brought in. Only a hint: never fails.
    pub(crate) fn after(self, file: &File) {
        if self == Self::WasCold {
            let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }
}

/// Pages of the whole file in the cache; none where the system does not say.
pub(super) fn cached_pages(fd: RawFd) -> Option<u64> {
    let range = Range { offset: 0, bytes: 0 };
    let mut counts = Counts::default();
    // SAFETY: both structures have the layout of `struct cachestat_range` and `struct cachestat` (linux/mman.h) and
    // outlive the call; the kernel reads the first, writes the second and keeps neither. A kernel without the call
    // answers ENOSYS and touches nothing.
    let answer = unsafe { libc::syscall(CACHESTAT, fd, &raw const range, &raw mut counts, 0_u32) };
    (answer == 0).then_some(counts.cached)
}
