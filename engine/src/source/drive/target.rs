//! What the configuration names as a drive → what is read, and who uses it.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::model::EntryPath;
use crate::platform::{self, DriveKind};
use crate::source::SourceFailed;

/// A drive that is there.
pub(super) struct Target {
    /// The block device or the image file.
    pub node: PathBuf,
    /// Where it stands in the point.
    pub entry: EntryPath,
    /// Its size.
    pub bytes: u64,
    is_image: bool,
}

/// Who uses a drive.
pub(super) struct Use {
    /// For people.
    pub why: String,
    /// Where it, or a part of it, is mounted.
    pub mounts: Vec<PathBuf>,
}

impl Target {
    /// Finds it.
    ///
    /// # Errors
    /// [`SourceFailed`]: it is not there, or there is no block device below it.
    pub(super) fn resolve(path: &Path) -> Result<Self, SourceFailed> {
        let shown = path.display();
        let failed = |error: io::Error| SourceFailed::new(format!("{shown} can't be used: {error}"), "check `drive`");
        let other = |why: &str| {
            let advice = "name a block device, a file that holds an image, or a mount point; `folders` takes files";
            Err(SourceFailed::new(format!("{shown} {why}"), advice))
        };
        let (node, name, is_image) = match platform::drive_kind(path).map_err(failed)? {
            DriveKind::Device => (path.to_owned(), with_ending(path), false),
            DriveKind::Image => (path.to_owned(), path.to_owned(), true),
            DriveKind::MountPoint(_, Some(node)) => {
                // The root of all has no name of its own.
                let name = if path.parent().is_none() { with_ending(&node) } else { path.to_owned() };
                (node, name, false)
            }
            DriveKind::MountPoint(kind, None) => return other(&format!("is a {kind}, which lies on no block device")),
            DriveKind::Folder => return other("is a folder, and nothing is mounted there"),
            DriveKind::Other => return other("is no drive"),
        };
        let bytes = platform::open_drive(&node).and_then(|drive| platform::drive_bytes(&drive)).map_err(failed)?;
        let text = name.as_os_str().as_bytes();
        let entry = EntryPath::parse(text.strip_prefix(b"/").unwrap_or(text))
            .map_err(|error| SourceFailed::new(error.to_string(), "give the path as it is, without `..`"))?;
        if bytes == 0 {
            return Err(SourceFailed::new(format!("{shown} is empty"), "is a medium in the drive?"));
        }
        Ok(Self { node, entry, bytes, is_image })
    }

    /// The image file, if it is one.
    pub(super) fn image(&self) -> Option<&Path> {
        self.is_image.then_some(&*self.node)
    }

    /// Opens it to read.
    pub(super) fn open(&self) -> io::Result<File> {
        platform::open_drive(&self.node)
    }

    pub(super) fn failed(&self, error: &io::Error) -> SourceFailed {
        SourceFailed::new(format!("{} can't be read: {error}", self.node.display()), "check the drive")
    }

    /// Who uses it, or a part of it; of an image file, the loop device that shows it.
    pub(super) fn in_use(&self) -> Result<Option<Use>, SourceFailed> {
        let mut nodes = platform::loops_over(&self.node);
        if !self.is_image {
            nodes.insert(0, self.node.clone());
        }
        let mut mounts = Vec::new();
        let mut claimed = false;
        for node in &nodes {
            mounts.extend(platform::mounted_from(node).map_err(|error| self.failed(&error))?);
            claimed |= match platform::is_claimed(node) {
                Ok(claimed) => claimed,
                // A loop device that is gone, or that we may not open, is of no concern where the drive can be read.
                Err(_) if *node != self.node => false,
                Err(error) => return Err(self.failed(&error)),
            };
        }
        if mounts.is_empty() && !claimed {
            return Ok(None);
        }
        let at: Vec<String> = mounts.iter().map(|mount| mount.display().to_string()).collect();
        let why = if at.is_empty() {
            "the system holds it (swap, LVM, RAID, a mount elsewhere)".to_owned()
        } else {
            format!("mounted at {}", at.join(", "))
        };
        Ok(Some(Use { why, mounts }))
    }
}

fn with_ending(device: &Path) -> PathBuf {
    let mut name = device.as_os_str().to_owned();
    name.push(".img");
    name.into()
}
