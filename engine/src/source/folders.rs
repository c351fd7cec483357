//! Configured folders as a source: what is in it, and what is left out.

use std::path::PathBuf;

use super::exclude::{ExcludeError, Excludes};
use super::roots::RootNode;
use super::snapshots::{Snapshots, SnapshotsOf};
use super::walk::Walk;
use super::{Source, SourceFailed, Visitor};

/// A source that can't be.
#[derive(Debug, thiserror::Error)]
pub enum FoldersError {
    /// No folder at all.
    #[error("no folder is given")]
    NoRoots,
    /// A folder that does not say where it is.
    #[error("{} is not an absolute path without `..`", .0.display())]
    NotAbsolute(PathBuf),
    /// A pattern.
    #[error("the excludes can't be used")]
    Exclude(#[from] ExcludeError),
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileSystems {
    /// Into whatever is mounted below a root.
    #[default]
    All,
    /// Only on each root's own; mount points stay, as empty folders. On Btrfs each subvolume is one of its own.
    One,
}

/// What a source of folders is made of.
#[derive(Debug, Clone, Default)]
pub struct FoldersOptions {
    /// Absolute paths of folders or single files; may overlap, be links, or lead through links. The folders above them
    /// are entries too, and so come back with their modes.
    pub roots: Vec<PathBuf>,
    /// Patterns of what is left out; the module `exclude` says how they read.
    pub exclude: Vec<String>,
    /// Files of such patterns, one a line.
    pub exclude_files: Vec<PathBuf>,
    /// How far to go.
    pub file_systems: FileSystems,
    /// Folders of the engine itself, home, state and local destinations, that are never in a point. They need not be
    /// there yet; they are looked at when a walk begins.
    pub own: Vec<PathBuf>,
    /// Whose snapshots are read where a root lies on a file system that has them; if none, nothing is made or removed.
    pub snapshots: Option<SnapshotsOf>,
}

/// Folders to walk.
#[derive(Debug)]
pub struct Folders {
    pub(super) roots: RootNode,
    pub(super) excludes: Excludes,
    pub(super) file_systems: FileSystems,
    pub(super) own: Vec<PathBuf>,
    /// The roots as they are named.
    pub(super) root_paths: Vec<PathBuf>,
    /// Made by the first walk, kept for the next ones, gone with the source.
    snapshots: Snapshots,
}

impl Folders {
    /// Looks at nothing but the files of patterns.
    ///
    /// # Errors
    /// If there is no root, a root is not absolute, or a pattern is wrong.
    pub fn new(options: &FoldersOptions) -> Result<Self, FoldersError> {
        if options.roots.is_empty() {
            return Err(FoldersError::NoRoots);
        }
        let roots = RootNode::of(options.roots.iter().map(PathBuf::as_path))
            .map_err(|root| FoldersError::NotAbsolute(root.to_owned()))?;
        let excludes = Excludes::new(&options.roots, &options.exclude, &options.exclude_files)?;
        let snapshots = Snapshots::new(options.snapshots.clone());
        let (own, root_paths) = (options.own.clone(), options.roots.clone());
        Ok(Self { roots, excludes, file_systems: options.file_systems, own, root_paths, snapshots })
    }
}

impl Source for Folders {
    /// What can't be read is a problem of its own, and the rest is worth a point.
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed> {
        let mut snapshots = std::mem::take(&mut self.snapshots);
        snapshots.begin_walk();
        let _ = Walk::new(self, &mut snapshots, visitor).run();
        self.snapshots = snapshots;
        Ok(())
    }
}
