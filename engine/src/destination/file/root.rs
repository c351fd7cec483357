//! Which folder it is that was opened: enough to tell it from any other that answers at the same address later.

use std::io;

use super::folder::Folder;

/// A folder's identity for as long as someone holds it open. A held descriptor keeps the device number and the inode
/// from being given to another file system, so equal values mean the same folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    /// `None` where the system does not tell (Linux before 5.8, other systems).
    mount: Option<u64>,
}

impl Identity {
    /// That of an open folder.
    pub fn of(folder: &Folder) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&folder.fd)?;
        #[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // the widths differ by system
        Ok(Self { device: stat.st_dev as u64, inode: u64::from(stat.st_ino), mount: mount_of(folder) })
    }

    /// Does the system still list the block device below? A pulled drive stays mounted until someone unmounts it.
    /// `None` where that can't be told: other systems, network mounts, Btrfs (whose device numbers are its own).
    #[cfg(target_os = "linux")]
    pub fn device_listed(&self) -> Option<bool> {
        let (major, minor) = (rustix::fs::major(self.device), rustix::fs::minor(self.device));
        let listed = |name: &str| std::path::Path::new("/sys/dev/block").join(name).exists();
        (major != 0 && listed("")).then(|| listed(&format!("{major}:{minor}")))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn device_listed(&self) -> Option<bool> {
        None
    }
}

#[cfg(target_os = "linux")]
fn mount_of(folder: &Folder) -> Option<u64> {
    use rustix::fs::{AtFlags, StatxFlags};
    let stat = rustix::fs::statx(&folder.fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_of(_: &Folder) -> Option<u64> {
    None
}
