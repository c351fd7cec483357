//! What a system says of one name, in one shape for all systems.

use crate::model::{DeviceKind, Seen, Time};

/// Whether a symbolic link in the last part of a name is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The link itself is meant.
    Kept,
    /// What it points to is meant: only for names that a person configured.
    Followed,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device node.
    Device {
        /// Character or block.
        kind: DeviceKind,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// One look at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits with set-id and sticky: `0..=0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Apparent size; meaningful for regular files.
    pub bytes: u64,
    /// Allocated units of 512 bytes.
    pub blocks: u64,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of the inode.
    pub changed: Time,
    /// Device number of the file system.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Number of names.
    pub links: u64,
}

impl Stat {
    /// The part that a point keeps to tell whether the entry has changed; `read` is when the read of it began.
    #[must_use]
    pub const fn seen(&self, read: Time) -> Seen {
        Seen { device: self.device, inode: self.inode, changed: self.changed, read }
    }

    /// Is this the same inode?
    #[must_use]
    pub const fn is_same_inode(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}
