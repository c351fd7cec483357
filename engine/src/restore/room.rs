//! A look at the target before anything is written: is it empty, and how much fits.

use std::ffi::CString;
use std::io;
use std::path::Path;

use crate::model::EntryPath;
use crate::platform::{FileKind, Folder, Links};

/// How the target was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is there, or an empty folder.
    Empty,
    /// A folder with something in it.
    Filled,
}

/// Looks at the target.
pub(super) fn look_at(target: &Path) -> io::Result<Found> {
    match std::fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            None => Ok(Found::Empty),
            Some(entry) => entry.map(|_| Found::Filled),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Empty),
        Err(error) => Err(error),
    }
}

/// Bytes that can be written at the target, which need not be there yet.
pub(super) fn free_at(target: &Path) -> io::Result<u64> {
    let target = std::path::absolute(target)?;
    let mut there = target.as_path();
    loop {
        match (fs4::available_space(there), there.parent()) {
            (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => there = above,
            (answer, _) => return answer,
        }
    }
}

/// Bytes on the disk that a file in the way of `path` gives back when it is replaced; 0 where that can't be told.
pub(super) fn lies_there(target: &Path, path: &EntryPath) -> u64 {
    let look = || -> io::Result<u64> {
        let mut folder = Folder::open(target)?;
        let parts = path.parts().map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let Some((name, above)) = parts.split_last() else { return Ok(0) };
        for part in above {
            folder = folder.passage(part, Links::Kept)?;
        }
        let found = folder.stat_of(name, Links::Kept)?;
        let alone = found.kind == FileKind::File && found.links == 1;
        Ok(if alone { found.blocks.saturating_mul(512) } else { 0 })
    };
    look().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_not_there_is_empty_and_has_the_room_above_it() {
        let held = tempfile::tempdir().expect("a temporary folder");
        let target = held.path().join("not/there");
        assert_eq!(look_at(&target).expect("looks"), Found::Empty);
        assert!(free_at(&target).expect("some file system is above") > 0);
        std::fs::create_dir_all(target.join("x")).expect("writable");
        assert_eq!(look_at(&target).expect("looks"), Found::Filled);
        assert!(look_at(Path::new("/dev/null")).is_err());
    }
}
