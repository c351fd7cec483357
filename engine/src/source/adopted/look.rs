//! The files below a folder, as one look finds them.

use std::path::{Path, PathBuf};

use crate::model::{EntryPath, Problem, Time};
use crate::source::{FileKind, Folders, FoldersOptions, Item, LeftOut, Source, SourceFailed, Verdict, Visitor, Walked};

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// Below the folder.
    pub path: EntryPath,
    /// Its size.
    pub bytes: u64,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of the inode: can't be set back.
    pub changed: Time,
}

/// What is there.
#[derive(Debug, Default)]
pub struct Sight {
    /// Every regular file, by path.
    pub files: Vec<SeenFile>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

/// Looks at everything below `folder` but the engine's own folders.
///
/// # Errors
/// [`SourceFailed`] if the folder is not there.
pub fn look(folder: &Path, own: &[PathBuf]) -> Result<Sight, SourceFailed> {
    let above = above(folder)?;
    let options = FoldersOptions { roots: vec![folder.to_owned()], own: own.to_vec(), ..FoldersOptions::default() };
    let mut source = Folders::new(&options).map_err(|error| SourceFailed::of(&error, "check the path"))?;
    let mut looker = Looker { above, sight: Sight::default() };
    source.walk(&mut looker)?;
    Ok(looker.sight)
}

/// The path of a folder, as entries below it begin with it.
///
/// # Errors
/// [`SourceFailed`] if it is not there.
pub(super) fn above(folder: &Path) -> Result<EntryPath, SourceFailed> {
    let gone = |why: String| SourceFailed::new(why, "check the path; is a drive not mounted?");
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(gone(format!("{} is no folder", folder.display()))),
        Err(error) => return Err(gone(format!("{} can't be looked at: {error}", folder.display()))),
    }
    let bytes = folder.as_os_str().as_encoded_bytes();
    let below_root = bytes.strip_prefix(b"/").unwrap_or(bytes);
    EntryPath::parse(below_root.strip_suffix(b"/").unwrap_or(below_root)).map_err(|error| SourceFailed::of(&error, ""))
}

/// What of `path` lies below `above`.
pub(super) fn below(path: &EntryPath, above: &EntryPath) -> Option<EntryPath> {
    let rest = path.as_bytes().strip_prefix(above.as_bytes())?.strip_prefix(b"/")?;
    EntryPath::parse(rest).ok()
}

/// A path below the folder, for the system.
#[cfg(unix)]
pub(super) fn as_path(path: &EntryPath) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(path.as_bytes()).into()
}

/// See the other one.
#[cfg(not(unix))]
pub(super) fn as_path(path: &EntryPath) -> PathBuf {
    path.to_string().into()
}

struct Looker {
    above: EntryPath,
    sight: Sight,
}

impl Visitor for Looker {
    fn entry(&mut self, walked: &Walked, _: &mut dyn Item) -> Verdict {
        if walked.stat.kind == FileKind::File
            && let Some(path) = below(&walked.path, &self.above)
        {
            let stat = &walked.stat;
            let (bytes, modified, changed) = (stat.bytes, stat.modified, stat.changed);
            self.sight.files.push(SeenFile { path, bytes, modified, changed });
        }
        Verdict::Kept
    }

    fn problem(&mut self, problem: Problem) {
        self.sight.problems.push(problem);
    }

    fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}

    fn warning(&mut self, _: Problem) {}
}
