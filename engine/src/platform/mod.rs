//! All that differs by operating system, behind one small interface. In: names, descriptors, folders. Out: values that
//! mean the same everywhere, or an `Unsupported` error where a system truly has nothing.
//!
//! The only folder beside `copy`'s mapped windows where `unsafe` may stand: a few system calls that no crate wraps, each
//! with its proof. Deliberately absent: decisions. What to read, to skip, to restore is said elsewhere.

mod allocate;
#[cfg(not(target_os = "linux"))]
mod folder_watch;
mod process;
mod space;
mod stat;
#[cfg(not(target_os = "linux"))]
mod subvolume;
mod terminal;
mod wake;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(unix, not(target_os = "linux")))]
#[path = "other_unix.rs"]
mod linux;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

pub use allocate::allocate;
#[cfg(not(target_os = "linux"))]
pub use folder_watch::FolderWatch;
#[cfg(target_os = "linux")]
pub use linux::{
    DriveKind, FolderWatch, PLACEHOLDER_INODE, SUBVOLUME_INODE, Subvolume, claim_drive, drive_bytes, drive_kind,
    flush_mounted, forget_cached, is_claimed, is_mount_point, loops_over, mounted_from, open_drive, zero_range,
};
pub use process::{ProcessId, ProcessIdError};
pub use space::{FileSystem, Space};
pub use stat::{FileKind, Links, Stat};
#[cfg(not(target_os = "linux"))]
pub use subvolume::{PLACEHOLDER_INODE, SUBVOLUME_INODE, Subvolume, is_mount_point};
pub(crate) use system::{CacheWatch, NodeKind, Owned, Ownership, dress_file, flush_all, make_private_folders};
pub use system::{
    Folder, MountWatch, StopSignal, ask_to_end, be_quiet, file_system, flush_folder, free_memory, is_loop,
    is_open_for_writing, kill_group, lead_group, may_write, next_data, next_hole, raise_open_files, read_at,
    since_boot, space, stat_file, stat_path, user_and_group, write_at, xattrs_of_file,
};
use system::{boot_id, process_exists, process_started};
#[cfg(unix)]
pub use system::{is_locked_for_writing, lock_shared, unlock_range};
pub(crate) use terminal::without_echo;
pub use wake::{Unquiet, Woken};
