//! Did the last process that wrote the file end without closing it? redb recovers from that by itself, but trusts the
//! pages that it does not have to repair.
//!
//! Seen from the file's header (redb's `docs/design.md`: the magic number, then a byte of flags) and from the range lock
//! that every live writer of redb 4.3 and later shares. Should a later redb do either otherwise, a check is made
//! needlessly or not made; nothing else hangs on it.

use std::io;
use std::ops::Bound;

use redb::{BackendError, StorageBackend};

const FLAGS_AT: u64 = 9;
const RECOVERY_REQUIRED: u8 = 2;
const LIVE_WRITER_AT: u64 = (1 << 62) + 4;

/// Is the file marked as being written, and nobody there who writes it?
pub fn ended_unclean(backend: &dyn StorageBackend) -> io::Result<bool> {
    if backend.len()? <= FLAGS_AT {
        return Ok(false);
    }
    let mut flags = [0];
    backend.read(FLAGS_AT, &mut flags)?;
    if flags[0] & RECOVERY_REQUIRED == 0 {
        return Ok(false);
    }
    let live = backend.query_lock_range(Bound::Included(LIVE_WRITER_AT), Bound::Excluded(LIVE_WRITER_AT + 1));
    match live {
        Ok(live) => Ok(!live),
        Err(BackendError::Io(error)) => Err(error),
        Err(_) => Ok(true),
    }
}
