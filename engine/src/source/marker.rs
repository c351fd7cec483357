//! Folders that say of themselves that their contents need no copy.

use std::ffi::CStr;

use super::LeftOut;
use super::names::Names;
use super::view::View;
use crate::platform::{self, Links};

/// The tag of a cache folder and how it must begin (bford.info/cachedir).
const CACHE_TAG: &CStr = c"CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// The marker that other backup programs know too; its contents don't matter.
const NO_BACKUP: &CStr = c".nobackup";

/// The marker among the sorted `names` of `folder`, if there is a valid one: it stays, all else is left out.
pub(super) fn find(folder: &View, names: &Names) -> Option<(&'static CStr, LeftOut)> {
    if names.contains(NO_BACKUP) {
        return Some((NO_BACKUP, LeftOut::NoBackup));
    }
    let tagged = names.contains(CACHE_TAG) && has_signature(folder);
    tagged.then_some((CACHE_TAG, LeftOut::CacheTag))
}

fn has_signature(folder: &View) -> bool {
    let mut start = Vec::new();
    folder
        .open_file(CACHE_TAG, Links::Kept)
        .and_then(|(file, _)| platform::read_at(&file, 0, CACHE_SIGNATURE.len(), &mut start))
        .is_ok_and(|_| start == CACHE_SIGNATURE)
}
