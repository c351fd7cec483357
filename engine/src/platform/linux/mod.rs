//! What only Linux has, or has in its own way.

mod cache;
mod calls;

pub(crate) use cache::CacheWatch;
pub(super) use calls::{
    NO_ATIME, NO_ATTRIBUTE, SEARCH, each_name, empty_path, flush_all, make_node, rename_new, stat, with_path,
};
