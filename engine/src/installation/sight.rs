//! What a place shows at a look, without a key and without being written to: which disk it is on, the names of its heads,
//! whether it can be written to.
//!
//! Invariant: what is not known is never taken for the better: a place whose disk is not known is not offsite.

use std::path::Path;

use crate::config::Place;
use crate::destination::ReadStore;
use crate::format::HeadName;
use crate::model::{VaultPath, chain};
use crate::platform::{may_write, stat_path};

/// It.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The device that it is on; 0 if that is not known, or it is no device of this computer.
    pub device: u64,
    /// On the same device as home or the root of this computer, or not known to be on another.
    pub same_disk: bool,
    /// The names of the heads there; or why they can't be listed.
    pub heads: Result<Vec<HeadName>, String>,
    /// Why nothing can be written there now, if so.
    pub unwritable: Option<String>,
}

/// Folders that every session writes into. One that is not there yet is made.
const WRITTEN: [&str; 3] = ["heads", "packs", "points"];

/// Looks. Takes as long as the place takes.
pub(super) fn sight(place: &Place, store: &dyn ReadStore, home: &Path) -> Sight {
    let path = match place {
        Place::File(path) => Some(path.as_path()),
        _ => None,
    };
    Sight {
        device: path.and_then(device).unwrap_or(0),
        same_disk: shares_disk(place, home),
        heads: heads(store),
        unwritable: path.and_then(unwritable),
    }
}

fn heads(store: &dyn ReadStore) -> Result<Vec<HeadName>, String> {
    let folder = VaultPath::parse("heads").expect("a constant");
    let listed = store.list(&folder).map_err(|error| chain(&error))?;
    Ok(listed.iter().filter_map(|listed| listed.path.file_name().parse().ok()).collect())
}

fn unwritable(root: &Path) -> Option<String> {
    let folders = WRITTEN.map(|name| root.join(name));
    let there = folders.iter().filter(|folder| folder.symlink_metadata().is_ok()).map(std::path::PathBuf::as_path);
    let refused = |path: &Path| Some(format!("{}: {}", path.display(), may_write(path).err()?));
    std::iter::once(root).chain(there).find_map(refused)
}

fn device(path: &Path) -> Option<u64> {
    stat_path(path).ok().map(|stat| stat.device)
}

/// Does the place lie on the same device as home or the root of this computer? A server does not.
pub(crate) fn shares_disk(place: &Place, home: &Path) -> bool {
    match place {
        Place::File(path) => is_same_disk(path, home),
        _ => false,
    }
}

/// Is the folder on the same device as home or the root of this computer? One whose device is not known counts as if.
fn is_same_disk(path: &Path, home: &Path) -> bool {
    let Some(here) = device(path) else { return true };
    // A home that is not there was, or will be, where the folder above it is.
    let home = home.ancestors().find_map(device);
    home.is_none_or(|home| home == here) || device(Path::new("/")) == Some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_whose_disk_is_not_known_is_not_offsite() {
        let place = tempfile::tempdir().expect("a folder");
        assert!(is_same_disk(&place.path().join("none"), place.path()));
        assert!(is_same_disk(place.path(), &place.path().join("home/that/is/gone")), "it would be there");
        assert!(!is_same_disk(Path::new("/proc"), Path::new("/")), "another device");
    }
}
