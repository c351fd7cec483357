//! Room on a file system, and which file system it is.

/// Room, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Of the whole file system.
    pub total: u64,
    /// That we may still use; less than what is free where some is held back for root.
    pub available: u64,
}

/// The file system that a path is on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileSystem {
    /// Device number now; another one after the next mount.
    pub device: u64,
    /// Its own lasting name: a UUID, or a volume's serial number, lower case. None where it has none or the system
    /// does not tell us; that is never a sign of a change.
    pub uuid: Option<String>,
    /// As in `ext4`.
    pub kind: Option<String>,
    /// What is mounted, as in `/dev/sdb1`.
    pub source: Option<String>,
    /// Where it is mounted.
    pub mount_point: Option<std::path::PathBuf>,
}
