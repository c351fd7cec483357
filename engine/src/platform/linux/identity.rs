//! Which file system a path is on, by what lasts: its UUID.
//!
//! Asked, in this order: the file system itself (`FS_IOC_GETFSUUID`, Linux 6.9: ext4, XFS, Btrfs, f2fs, without root's
//! rights), udev's links under `/dev/disk/by-uuid`, and the first blocks of the device, where we may read it. FUSE,
//! network and memory file systems have none.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::super::space::FileSystem;
use super::mounts::{self, Mount};
use super::superblock;

/// `struct fsuuid2` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Answer {
    bytes: u8,
    uuid: [u8; 16],
}

/// `_IOR(0x15, 0, struct fsuuid2)`.
const GET_UUID: u64 = 0x8011_1500;

/// The file system that `path` is on.
///
/// # Errors
/// If the path can't be looked at.
pub fn file_system(path: &Path) -> io::Result<FileSystem> {
    let device = std::fs::metadata(path)?.dev();
    let mount = mount_of(path, device);
    let source = mount.as_ref().map(|mount| mount.source.clone());
    let uuid = own_uuid(path).or_else(|| {
        let node = source.as_deref().filter(|source| source.starts_with("/dev/"))?;
        linked_uuid(Path::new(node)).or_else(|| superblock_uuid(Path::new(node)))
    });
    let kind = mount.as_ref().map(|mount| mount.kind.clone());
    Ok(FileSystem { device, uuid, kind, source, mount_point: mount.map(|mount| mount.mount_point) })
}

/// The mount that `path` is reached through. Btrfs gives its files other device numbers than the table does: there the
/// longest mount point above the path decides.
fn mount_of(path: &Path, device: u64) -> Option<Mount> {
    let path = path.canonicalize().ok()?;
    let above: Vec<_> = mounts::mounts().ok()?.into_iter().filter(|m| path.starts_with(&m.mount_point)).collect();
    let deepest = |mounts: Vec<Mount>| mounts.into_iter().max_by_key(|mount| mount.mount_point.components().count());
    let same: Vec<_> = above.iter().filter(|mount| mount.device == device).cloned().collect();
    deepest(same).or_else(|| deepest(above))
}

fn own_uuid(path: &Path) -> Option<String> {
    let open = File::open(path).ok()?;
    let mut answer = Answer::default();
    // SAFETY: the request names a structure of 17 bytes that the kernel writes at most once, which is `Answer` (bytes
    // only, so without padding); it lives through the call. A kernel or file system without it answers ENOTTY.
    let done = unsafe { libc::ioctl(open.as_raw_fd(), GET_UUID as _, &raw mut answer) };
    let uuid = answer.uuid.get(..usize::from(answer.bytes))?;
    (done == 0 && uuid.iter().any(|&byte| byte != 0)).then(|| superblock::as_text(uuid))
}

fn linked_uuid(node: &Path) -> Option<String> {
    let node = node.canonicalize().ok()?;
    let mut links = std::fs::read_dir("/dev/disk/by-uuid").ok()?.filter_map(Result::ok);
    let link = links.find(|link| link.path().canonicalize().is_ok_and(|to| to == node))?;
    Some(link.file_name().to_string_lossy().to_lowercase())
}

fn superblock_uuid(node: &Path) -> Option<String> {
    let device = File::open(node).ok()?;
    let mut start = vec![0; superblock::BYTES];
    device.read_exact_at(&mut start, 0).ok()?;
    superblock::uuid(&start)
}

#[cfg(test)]
mod tests {
    use fixtures::drive::{Drive, FILE_SYSTEMS};

    use super::*;

    #[test]
    fn a_path_is_on_a_file_system_with_a_mount_point() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let found = file_system(place.path()).expect("it is there");
        assert_eq!(found.device, std::fs::metadata(place.path()).expect("there").dev());
        assert!(found.kind.is_some() && found.mount_point.is_some());
        assert_eq!(file_system(Path::new("/proc")).expect("Linux").uuid, None);
    }

    #[test]
    fn a_drives_first_blocks_its_file_system_and_mkfs_tell_the_same_name() {
        for name in FILE_SYSTEMS {
            let Some(drive) = Drive::new(name) else { return };
            let read = superblock_uuid(Path::new(drive.device())).expect("the first blocks hold a name");
            assert_eq!(Some(&read), drive.uuid().as_ref(), "{name}");
            assert_eq!(file_system(&drive.path()).expect("mounted").uuid, Some(read.clone()), "{name}");
            assert_eq!(own_uuid(&drive.path()).unwrap_or(read.clone()), read, "{name}");
        }
    }
}
