//! The words of the design as types. In: nothing. Out: values that are valid because they exist.
//!
//! Deliberately absent: I/O, clocks, randomness, formats and any dependency on another module of ours.

mod canary;
mod chain;
mod distance;
mod entry;
mod grouping;
mod id;
mod keep;
mod mirror;
mod name;
mod placement;
mod point;
mod problem;
mod size;
mod time;
mod vault_path;

pub use canary::{
    CANARY, CANARY_BEGINS, CANARY_UNFINISHED, canary, canary_in, is_canary, is_canary_file, is_canary_path,
    unfinished_canary,
};
pub use chain::chain;
pub use distance::Distance;
pub use entry::{ChunkRef, Content, DeviceKind, Entry, EntryPath, EntryPathError, Kind, Meta, Seen, Span, Xattr};
pub use grouping::Grouping;
pub use id::{
    ChunkId, Digest, FamilyId, GroupId, IdError, JobId, PackId, PointId, SeedId, ShortPack, VaultId, VerifierId,
    WriterId,
};
pub use keep::{Keep, KeepRule};
pub use mirror::MirrorFile;
pub use name::{DestinationName, HOME, JobName, Name, NameError};
pub use placement::{Proof, State, Verify};
pub use point::{KeyEpoch, PointName, PointOrder};
pub use problem::{Problem, reason};
pub use size::size;
pub use time::Time;
pub use vault_path::{ObjectName, VaultPath, VaultPathError};
