//! Windows, through the standard library alone: enough to read, restore and run, and honest about the rest.
//!
//! Folders are paths here, not handles, so what is swapped meanwhile is not noticed; owners, modes, ACLs, alternate
//! streams and holes are neither read nor restored; a wait is not woken by a drive and a console's stop ends the process
//! at once, which every order of writes survives. Not tried on such a machine yet.

mod content;
mod folder;
mod host;

pub use content::{next_data, next_hole, read_at, stat_file, stat_path, write_at, xattrs_of_file};
pub use folder::{Folder, is_loop};
pub(crate) use folder::{NodeKind, Owned, Ownership, dress_file, flush_all, make_private_folders};
pub(crate) use host::CacheWatch;
pub use host::{
    MountWatch, StopSignal, ask_to_end, be_quiet, file_system, flush_folder, free_memory, is_open_for_writing,
    may_write, raise_open_files, since_boot, space,
};
pub(super) use host::{boot_id, process_exists, process_started};
