//! What a drill asks of the canaries that a job plants, beside that each is whole.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use engine::model::{CANARY, Entry};

use super::{Bench, Drill, Probed};
use crate::probe::ProbeKind;
use crate::verdict::ProbeVerdict;

/// Should a canary stand there? The one kind of file that has a place: rewritten, it begins as anything. Without the
/// job's configuration whatever is called so is asked; with it, a user's own file of that name elsewhere is none.
pub(super) fn is_one(bench: &Bench<'_>, entry: &Entry) -> bool {
    let is_named_so = entry.path.file_name() == CANARY.as_bytes();
    bench.canaries.map_or(is_named_so, |planted| planted.contains(&entry.path))
}

/// Folders that came back without theirs: nothing is told of them. What is no file was never planted.
pub(super) fn missing(bench: &Bench<'_>, tree: &Path, drill: &mut Drill) {
    for canary in bench.canaries.unwrap_or_default() {
        let file = tree.join(OsStr::from_bytes(canary.as_bytes()));
        let (verdict, detail) = match fs::symlink_metadata(&file) {
            Ok(stat) if stat.is_file() => continue,
            Ok(_) => (ProbeVerdict::Fail, "it is no file: something took its place, and maybe that of other files"),
            Err(_) if drill.mismatches.names(canary.as_bytes()) => continue,
            Err(_) if !file.parent().is_some_and(Path::is_dir) => continue,
            Err(_) => (ProbeVerdict::Skipped, "this point has none: it is older, or none could be planted"),
        };
        let (path, kind) = (canary.as_bytes().to_vec(), ProbeKind::Canary);
        drill.add_probe(Probed { path, kind, verdict, detail: detail.to_owned() });
    }
}
