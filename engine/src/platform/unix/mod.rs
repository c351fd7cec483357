//! What Unix systems have in common.

mod content;
mod folder;
mod make;
mod xattr;

pub(crate) use super::linux::CacheWatch;
pub use content::{next_data, next_hole, read_at, stat_file, stat_path, write_at, xattrs_of_file};
pub use folder::{Folder, is_loop};
pub(crate) use make::{NodeKind, Ownership, dress_file, flush_all, make_private_folders};
