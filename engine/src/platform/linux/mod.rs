//! What only Linux has, or has in its own way.

mod cache;
mod calls;
mod drive;
mod folder_watch;
mod identity;
mod mounts;
mod pinned;
mod process;
mod quiet;
mod subvolume;
mod superblock;

pub(crate) use cache::CacheWatch;
pub(super) use calls::{
    NO_ATIME, NO_ATTRIBUTE, SEARCH, each_name, empty_path, flush_all, make_node, rename_new, stat, with_path,
};
pub use drive::{
    DriveKind, claim_drive, drive_bytes, drive_kind, flush_mounted, forget_cached, is_claimed, loops_over,
    mounted_from, open_drive, zero_range,
};
pub use folder_watch::FolderWatch;
pub use identity::file_system;
pub use mounts::MountWatch;
pub(super) use pinned::Pinned;
pub(super) use process::{boot_id, process_started};
pub use process::{free_memory, since_boot};
pub use quiet::be_quiet;
pub use subvolume::{PLACEHOLDER_INODE, SUBVOLUME_INODE, Subvolume, is_mount_point};
