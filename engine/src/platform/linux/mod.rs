//! What only Linux has, or has in its own way.

mod cache;
mod calls;
mod identity;
mod mounts;
mod pinned;
mod process;
mod quiet;
mod superblock;

pub(crate) use cache::CacheWatch;
pub(super) use calls::{
    NO_ATIME, NO_ATTRIBUTE, SEARCH, each_name, empty_path, flush_all, make_node, rename_new, stat, with_path,
};
pub use identity::file_system;
pub use mounts::MountWatch;
pub(super) use pinned::Pinned;
pub use process::since_boot;
pub(super) use process::{boot_id, process_started};
pub use quiet::be_quiet;
