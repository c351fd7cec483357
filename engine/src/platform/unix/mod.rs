//! What Unix systems have in common.

mod children;
mod content;
mod folder;
mod lease;
mod make;
mod range_lock;
mod signal;
mod space;
mod xattr;

pub(crate) use super::linux::CacheWatch;
pub use super::linux::{MountWatch, be_quiet, file_system, free_memory, since_boot};
pub(super) use super::linux::{boot_id, process_started};
pub(super) use children::process_exists;
pub use children::{ask_to_end, kill_group, lead_group, user_and_group};
pub use content::{next_data, next_hole, read_at, stat_file, stat_path, write_at, xattrs_of_file};
pub use folder::{Folder, is_loop};
pub use lease::is_open_for_writing;
pub(crate) use make::{NodeKind, Owned, Ownership, dress_file, flush_all, make_private_folders};
pub use range_lock::{is_locked_for_writing, lock_shared, unlock_range};
pub use signal::StopSignal;
pub use space::{flush_folder, may_write, raise_open_files, space};
pub(super) use xattr::Subject;
