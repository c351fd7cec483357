//! Btrfs: which subvolume an open folder lies in, and read-only snapshots of it, made and removed by the kernel's own calls
//! (`BTRFS_IOC_SNAP_CREATE_V2`, `BTRFS_IOC_SNAP_DESTROY`). Not by the `btrfs` tool: that need not be installed, and takes
//! paths, where these take open folders, so that nothing that is renamed meanwhile can lead elsewhere.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};
use rustix::thread::CapabilitySet;

use super::super::stat::Links;
use super::super::unix::Folder;

/// The inode of each subvolume's top folder (`BTRFS_FIRST_FREE_OBJECTID`).
pub const SUBVOLUME_INODE: u64 = 256;
/// The inode of the empty folder that stands in a snapshot where the original holds another subvolume
/// (`BTRFS_EMPTY_SUBVOL_DIR_OBJECTID`).
pub const PLACEHOLDER_INODE: u64 = 2;

/// `_IOW(0x94, 23, struct btrfs_ioctl_vol_args_v2)`.
const SNAP_CREATE_V2: u64 = 0x5000_9417;
/// `_IOW(0x94, 15, struct btrfs_ioctl_vol_args)`.
const SNAP_DESTROY: u64 = 0x5000_940f;
/// `BTRFS_SUBVOL_RDONLY`.
const READ_ONLY: u64 = 1 << 1;
/// Bytes of a name in these calls, its NUL among them; shorter than either field.
const NAME_BYTES: usize = 256;

/// `struct btrfs_ioctl_vol_args_v2` of linux/btrfs.h.
#[repr(C)]
struct CreateArguments {
    fd: i64,
    transid: u64,
    flags: u64,
    unused: [u64; 4],
    name: [u8; 4040],
}

/// `struct btrfs_ioctl_vol_args` of linux/btrfs.h.
#[repr(C)]
struct NameArguments {
    fd: i64,
    name: [u8; 4088],
}

const _: () = assert!(size_of::<CreateArguments>() == 4096 && size_of::<NameArguments>() == 4096);

/// A Btrfs subvolume by its top folder, and where below it a folder lies.
#[derive(Debug)]
pub struct Subvolume {
    top: Folder,
    below: Vec<CString>,
}

impl Subvolume {
    /// The subvolume that an open folder lies in; none if that is not on Btrfs.
    ///
    /// # Errors
    /// Of the system; `Unsupported` if its top folder can't be reached from here, as behind a bind mount.
    pub fn of(folder: &Folder) -> io::Result<Option<Self>> {
        const BTRFS: u32 = 0x9123_683E;
        // The kind's width differs by architecture, its value does not.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let kind = rustix::fs::fstatfs(folder)?.f_type as u32;
        if kind != BTRFS {
            return Ok(None);
        }
        let device = folder.stat()?.device;
        let path = path_of(folder)?;
        let mut below = Vec::new();
        for above in path.ancestors() {
            let top = Folder::open(above)?;
            let stat = top.stat()?;
            if stat.device != device {
                break;
            }
            if stat.inode == SUBVOLUME_INODE {
                below.reverse();
                return Ok(Some(Self { top, below }));
            }
            below.push(CString::new(above.file_name().map_or(&b""[..], OsStrExt::as_bytes))?);
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "the top folder of its subvolume can't be reached from here"))
    }

    /// Its top folder.
    #[must_use]
    pub const fn top(&self) -> &Folder {
        &self.top
    }

    /// The names that lead from the top to the folder that was asked about.
    #[must_use]
    pub fn below(&self) -> &[CString] {
        &self.below
    }

    /// Makes a read-only snapshot under `name` in the top folder, and opens it.
    ///
    /// # Errors
    /// Of the system; `PermissionDenied` for who could not remove it again. There is none then.
    pub fn snapshot(&self, name: &CStr) -> io::Result<Folder> {
        if !may_remove() {
            let why = "only root (who has CAP_SYS_ADMIN) may remove it again";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let mut arguments = CreateArguments {
            fd: i64::from(self.top.as_fd().as_raw_fd()),
            transid: 0,
            flags: READ_ONLY,
            unused: [0; 4],
            name: [0; 4040],
        };
        put(name, &mut arguments.name)?;
        // SAFETY: the request names a structure of 4096 bytes, which is `CreateArguments` (checked above; no padding,
        // as its fields of 8 bytes come first); it outlives the call. The kernel reads it and writes at most
        // `transid`; the name ends with a NUL, for `put` leaves one. `fd` is an open folder for as long as `self`.
        // Another file system answers ENOTTY.
        let done = unsafe { libc::ioctl(self.top.as_fd().as_raw_fd(), SNAP_CREATE_V2 as _, &raw mut arguments) };
        answer(done)?;
        self.top.child(name, Links::Kept)
    }

    /// Removes the subvolume `name` from the top folder, with all that is in it.
    ///
    /// # Errors
    /// Of the system; `InvalidInput` if it is no subvolume.
    pub fn remove(&self, name: &CStr) -> io::Result<()> {
        if self.top.stat_of(name, Links::Kept)?.inode != SUBVOLUME_INODE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no subvolume"));
        }
        let mut arguments = NameArguments { fd: 0, name: [0; 4088] };
        put(name, &mut arguments.name)?;
        // SAFETY: as above, with `NameArguments`, which the kernel only reads.
        answer(unsafe { libc::ioctl(self.top.as_fd().as_raw_fd(), SNAP_DESTROY as _, &raw const arguments) })
    }
}

/// Is something mounted at `name`, a folder within `folder`?
///
/// # Errors
/// Of the system.
pub fn is_mount_point(folder: &Folder, name: &CStr) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let told = rustix::fs::statx(folder, name, flags, StatxFlags::empty())?;
    Ok(told.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

fn may_remove() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Where an open folder is reached.
fn path_of(folder: &Folder) -> io::Result<PathBuf> {
    std::fs::read_link(Path::new("/proc/self/fd").join(folder.as_fd().as_raw_fd().to_string()))
}

/// The name into a field of zeros, of which one stays.
fn put(name: &CStr, field: &mut [u8]) -> io::Result<()> {
    let bytes = name.to_bytes();
    if bytes.is_empty() || bytes.len() >= NAME_BYTES || bytes.contains(&b'/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    field[..bytes.len()].copy_from_slice(bytes);
    Ok(())
}

fn answer(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use fixtures::drive::Drive;

    use super::*;

    #[test]
    fn a_snapshot_is_made_of_a_whole_subvolume_and_removed_again() {
        let Some(drive) = Drive::new("btrfs") else { return };
        let deep = drive.path().join("a/b");
        std::fs::create_dir_all(&deep).and_then(|()| std::fs::write(deep.join("x"), "one")).expect("writable");
        let folder = Folder::open(&deep).expect("there");
        let subvolume = Subvolume::of(&folder).expect("asked").expect("on Btrfs");
        assert_eq!(subvolume.below(), [c"a".to_owned(), c"b".to_owned()]);
        let made = subvolume.snapshot(c".mine").expect("made");
        std::fs::write(deep.join("x"), "two").expect("writable");
        assert_eq!(std::fs::read(drive.path().join(".mine/a/b/x")).expect("there"), b"one");
        assert_ne!(made.stat().expect("open").device, folder.stat().expect("open").device);
        drop(made);
        subvolume.remove(c".mine").expect("removed");
        assert!(!drive.path().join(".mine").exists());
        let refused = subvolume.remove(c"a").expect_err("a folder");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn elsewhere_there_is_no_subvolume() {
        let folder = Folder::open(Path::new("/proc")).expect("Linux");
        assert!(Subvolume::of(&folder).expect("asked").is_none());
    }
}
