//! `state/ballast` (DESIGN 5.8): room on the disk that holds the catalog, kept so that making room can always commit.
//!
//! In: the folder `state`. Out: a file that takes 16 MiB there. The catalog gives it up when a transaction finds the disk
//! full; here it is laid, and laid again once there is room for it and as much more. Invariant: under its name it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::catalog::BALLAST;
use crate::platform;

/// What a transaction needs at most is a fraction of this; a few dozen removals have room in it.
const BYTES: u64 = 16 << 20;
const TEMPORARY: &str = ".tmp-ballast";

/// Is it there?
pub(super) fn is_held(state: &Path) -> bool {
    fs::metadata(state.join(BALLAST)).is_ok_and(|found| found.len() >= BYTES)
}

/// Lays it, unless it is there or the disk has too little room. What fails is tried again with the next command.
pub(super) fn keep(state: &Path) {
    let roomy = || platform::space(state).ok().is_none_or(|space| space.available >= 2 * BYTES);
    if !is_held(state) && roomy() {
        // Without it everything works, until the disk is full; `status` says that it is missing.
        let _ = lay(state);
    }
}

fn lay(state: &Path) -> io::Result<()> {
    let (temporary, path) = (state.join(TEMPORARY), state.join(BALLAST));
    let laid = allocated(&temporary).and_then(|()| fs::rename(&temporary, &path));
    if laid.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    laid
}

fn allocated(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.write(true).create(true).truncate(true).open(path)?;
    platform::allocate(&mut file, BYTES)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_once_for_this_user_alone_and_again_when_it_was_given_up() {
        let state = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            keep(state.path());
            assert!(is_held(state.path()));
            let found = fs::metadata(state.path().join(BALLAST)).expect("there");
            #[cfg(unix)]
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777, 0o600);
            fs::remove_file(state.path().join(BALLAST)).expect("ours");
        }
        let names: Vec<_> = fs::read_dir(state.path()).expect("a folder").collect();
        assert_eq!(names.len(), 0, "{names:?}");
    }
}
