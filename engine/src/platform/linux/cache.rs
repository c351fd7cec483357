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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_a_read_brought_in_go_and_those_that_were_there_stay() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        std::io::Write::write_all(&mut file, &vec![1; 1 << 20]).expect("writable");
        file.sync_all().expect("it flushes");
        let pages = || cached_pages(file.as_raw_fd());
        CacheWatch::WasCold.after(&file);
        if pages() != Some(0) {
            eprintln!("SKIPPED: pages are not told, or this file system has nowhere else to keep them");
            return;
        }
        let mut block = Vec::new();
        let watch = CacheWatch::before(&file);
        super::super::super::read_at(&file, 0, 1 << 20, &mut block).expect("readable");
        assert!(watch == CacheWatch::WasCold && pages() > Some(0));
        watch.after(&file);
        assert_eq!(pages(), Some(0));
        super::super::super::read_at(&file, 0, 4096, &mut block).expect("readable");
        let warm = CacheWatch::before(&file);
        warm.after(&file);
        assert!(warm == CacheWatch::Leave && pages() > Some(0));
    }
}
