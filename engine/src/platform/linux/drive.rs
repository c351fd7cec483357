//! Drives: block devices and files that hold the image of one. Opened, claimed, measured, zeroed; who has them mounted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, CWD, FallocateFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::calls::NO_ATIME;
use super::mounts::{Mount, mounts};

/// What stands at a path that is to be taken as a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriveKind {
    /// A block device.
    Device,
    /// A regular file.
    Image,
    /// A mount point, of what kind of file system, and the block device below it, if there is one.
    MountPoint(String, Option<PathBuf>),
    /// A folder that is no mount point.
    Folder,
    /// Anything else.
    Other,
}

/// What stands there, links followed.
///
/// # Errors
/// Of the system.
pub fn drive_kind(path: &Path) -> io::Result<DriveKind> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_block_device() {
        return Ok(DriveKind::Device);
    } else if kind.is_file() {
        return Ok(DriveKind::Image);
    } else if !kind.is_dir() {
        return Ok(DriveKind::Other);
    }
    let path = path.canonicalize()?;
    let mount = mounts()?.into_iter().rfind(|mount| mount.mount_point == path);
    Ok(mount.map_or(DriveKind::Folder, |mount| DriveKind::MountPoint(mount.kind.clone(), node_of(&mount))))
}

/// The block device that is mounted there.
fn node_of(mount: &Mount) -> Option<PathBuf> {
    let named = PathBuf::from(&mount.source);
    if named.is_absolute() && device_number(&named).is_some() {
        return Some(named);
    }
    let (major, minor) = (rustix::fs::major(mount.device), rustix::fs::minor(mount.device));
    // Number 0 is that of file systems without a device.
    let link = (major > 0).then(|| std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()).flatten()?;
    let node = Path::new("/dev").join(link.file_name()?);
    (device_number(&node) == Some(mount.device)).then_some(node)
}

fn device_number(node: &Path) -> Option<u64> {
    let found = std::fs::metadata(node).ok()?;
    found.file_type().is_block_device().then(|| found.rdev())
}

/// Opens a drive to read it, without touching its access time where that is permitted.
///
/// # Errors
/// Of the system.
pub fn open_drive(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(CWD, path, flags | NO_ATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(CWD, path, flags, Mode::empty()),
        answer => answer,
    };
    Ok(opened?.into())
}

/// Opens a block device to write it, for us alone: as long as it is open nobody can mount it.
///
/// # Errors
/// `ResourceBusy`: it, or a part of it, is in use. Else of the system.
pub fn claim_drive(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?.into())
}

/// Is a block device, or a part of it, mounted or otherwise in use (swap, LVM, RAID)?
///
/// # Errors
/// Of the system.
pub fn is_claimed(path: &Path) -> io::Result<bool> {
    match rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC, Mode::empty()) {
        Ok(_) => Ok(false),
        Err(Errno::BUSY) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Bytes of an open drive. Moves its position.
///
/// # Errors
/// Of the system.
pub fn drive_bytes(drive: &File) -> io::Result<u64> {
    Ok(rustix::fs::seek(drive, SeekFrom::End(0))?)
}

/// Forgets what of a drive is in memory and not still to be written. Only a hint: never fails.
pub fn forget_cached(drive: &File) {
    let _ = rustix::fs::fadvise(drive, 0, None, Advice::DontNeed);
}

/// Makes a range of a block device read as zeros, by the device's own means where it has them; false if it has none.
pub fn zero_range(drive: &File, offset: u64, bytes: u64) -> bool {
    let flags = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(drive, flags, offset, bytes).is_ok()
}

/// Flushes the file system that is mounted there. Only a courtesy: never fails.
pub fn flush_mounted(mount_point: &Path) {
    if let Ok(folder) = File::open(mount_point) {
        let _ = rustix::fs::syncfs(folder);
    }
}

/// Where a block device, a partition of it or a loop device over it is mounted.
///
/// # Errors
/// Of the system.
pub fn mounted_from(node: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(number) = device_number(node) else { return Ok(Vec::new()) };
    let loops = loops_over(node).into_iter().filter_map(|over| device_number(&over));
    let numbers: BTreeSet<u64> = partitions_of(number).into_iter().chain([number]).chain(loops).collect();
    let is_of = |mount: &Mount| {
        let named = Path::new(&mount.source);
        let source = named.is_absolute().then(|| device_number(named)).flatten();
        numbers.contains(&mount.device) || source.is_some_and(|source| numbers.contains(&source))
    };
    Ok(mounts()?.into_iter().filter(is_of).map(|mount| mount.mount_point).collect())
}

fn partitions_of(number: u64) -> Vec<u64> {
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let Ok(below) = std::fs::read_dir(format!("/sys/dev/block/{major}:{minor}")) else { return Vec::new() };
    let number = |text: String| {
        let (major, minor) = text.trim().split_once(':')?;
        Some(rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?))
    };
    let parts = below.filter_map(Result::ok).filter(|entry| entry.path().join("partition").exists());
    parts.filter_map(|entry| number(std::fs::read_to_string(entry.path().join("dev")).ok()?)).collect()
}

/// The loop devices that show this file, or a part of this device, as a drive.
#[must_use]
pub fn loops_over(image: &Path) -> Vec<PathBuf> {
    let Ok(wanted) = std::fs::metadata(image) else { return Vec::new() };
    let Ok(blocks) = std::fs::read_dir("/sys/block") else { return Vec::new() };
    let is_over = |block: &std::fs::DirEntry| {
        let Ok(behind) = std::fs::read_to_string(block.path().join("loop/backing_file")) else { return false };
        let same = |found: std::fs::Metadata| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino());
        std::fs::metadata(behind.trim_end_matches('\n')).is_ok_and(same)
    };
    let over = blocks.filter_map(Result::ok).filter(is_over);
    over.map(|block| Path::new("/dev").join(block.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_device_below_it_is_told_as_such() {
        let place = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(drive_kind(place.path()).expect("there"), DriveKind::Folder);
        let image = place.path().join("image");
        std::fs::write(&image, b"x").expect("writable");
        assert_eq!(drive_kind(&image).expect("there"), DriveKind::Image);
        assert_eq!(drive_kind(Path::new("/dev/null")).expect("there"), DriveKind::Other);
        assert_eq!(drive_kind(Path::new("/proc")).expect("Linux"), DriveKind::MountPoint("proc".into(), None));
        assert!(loops_over(&image).is_empty());
        assert_eq!(drive_bytes(&open_drive(&image).expect("readable")).expect("told"), 1);
    }
}
