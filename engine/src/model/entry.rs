//! One thing in a recovery point: a file, a folder, a link or a special file, with all that a POSIX tree says of it.

use std::cmp::Ordering;
use std::fmt;

use super::id::{ChunkId, Digest, ShortPack};
use super::time::Time;

/// Bytes that can't be the path of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the path of an entry: {0:?}")]
pub struct EntryPathError(String);

/// A path as it stands in a recovery point: the source path without the leading slash; any bytes but NUL, parts
/// joined by `/`, none empty, `.` or `..`. Ordered part by part, so that a folder is followed by all below it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntryPath(Box<[u8]>);

impl EntryPath {
    /// Parses a path.
    ///
    /// # Errors
    /// If it is empty, starts or ends with `/`, or has a NUL or an empty, `.` or `..` part.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryPathError> {
        let good = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
        if bytes.split(|&c| c == b'/').all(good) {
            Ok(Self(bytes.into()))
        } else {
            Err(EntryPathError(String::from_utf8_lossy(bytes).into_owned()))
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The parts, from the top.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&c| c == b'/')
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&c| c == b'/').next().unwrap_or(&self.0)
    }

    /// The folder that holds it; none for a top one.
    #[must_use]
    pub fn folder(&self) -> Option<Self> {
        self.0.iter().rposition(|&c| c == b'/').map(|at| Self(self.0[..at].into()))
    }

    /// Is this `other`, or does it lie somewhere below it?
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(other.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> Ordering {
        // A slash sorts before every other byte: that is the order of the parts.
        let rank = |&c: &u8| if c == b'/' { 0 } else { c };
        self.0.iter().map(rank).cmp(other.0.iter().map(rank))
    }
}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for EntryPath {
    /// Lossy where the bytes are not UTF-8.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryPath({:?})", String::from_utf8_lossy(&self.0))
    }
}

/// An extended attribute; POSIX ACLs and capabilities are such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// With its namespace, as in `user.comment`.
    pub name: Box<[u8]>,
    /// Raw bytes.
    pub value: Box<[u8]>,
}

/// What is restored beside the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with set-id and sticky: `0..=0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content.
    pub modified: Time,
    /// Sorted by name.
    pub xattrs: Vec<Xattr>,
}

/// What the source said of the entry when it was read: tells whether it has changed since. Never restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Last change of the inode.
    pub changed: Time,
    /// When the last read of the content began, by this computer's clock, or a time before that says the same.
    pub read: Time,
}

/// Where a chunk lies and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkRef {
    /// The pack, by the first bytes of its name.
    pub pack: ShortPack,
    /// First byte of the sealed chunk in the pack.
    pub offset: u32,
    /// Sealed bytes, with the tag.
    pub stored: u32,
    /// Plain bytes, 1 at least.
    pub plain: u32,
    /// Keyed BLAKE3 of the plain bytes.
    pub id: ChunkId,
}

/// A run of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span<C = ChunkRef> {
    /// Bytes that were stored.
    Data(C),
    /// A hole of that many bytes: read as zeros, never stored.
    Hole(u64),
}

/// A regular file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<C = ChunkRef> {
    /// Apparent size, holes included.
    pub bytes: u64,
    /// BLAKE3 of the whole, holes as zeros, from the bytes as they were read.
    pub digest: Digest,
    /// The runs in order; they add up to `bytes`.
    pub spans: Vec<Span<C>>,
    /// It would not hold still while it was read.
    pub unstable: bool,
}

/// Character or block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// As `/dev/null`.
    Character,
    /// As `/dev/sda`.
    Block,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<C = ChunkRef> {
    /// A regular file, or the first name of one that has several.
    File(Content<C>),
    /// A folder.
    Folder,
    /// A symbolic link and its target's bytes, never followed.
    Symlink(Box<[u8]>),
    /// One more name of the entry at that path, which comes earlier; its metadata is that entry's.
    Hardlink(EntryPath),
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

/// One entry of a recovery point. `C` is how its chunks are referred to: by location once they are in a named pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<C = ChunkRef> {
    /// Where it stands.
    pub path: EntryPath,
    /// What is restored beside the content.
    pub meta: Meta,
    /// What the source said of it.
    pub seen: Seen,
    /// What it is.
    pub kind: Kind<C>,
}

impl<C> Kind<C> {
    /// The contract's word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Folder => "folder",
            Self::Symlink(_) => "symlink",
            Self::Hardlink(_) => "hardlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Device { .. } => "device",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).expect("valid")
    }

    #[test]
    fn a_folder_is_followed_by_all_below_it() {
        let mut paths = [path("a.txt"), path("a/b"), path("a"), path("a-b"), path("a/b/c")];
        paths.sort();
        assert_eq!(paths, [path("a"), path("a/b"), path("a/b/c"), path("a-b"), path("a.txt")]);
    }

    #[test]
    fn paths_that_could_leave_the_target_do_not_parse() {
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0b"] {
            assert!(EntryPath::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(EntryPath::parse(b"caf\xe9/\xff").is_ok());
    }

    #[test]
    fn within_means_whole_parts() {
        assert!(path("a/b").is_within(&path("a")) && path("a").is_within(&path("a")));
        assert!(!path("ab").is_within(&path("a")));
    }
}
