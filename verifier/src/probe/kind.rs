//! Kinds of data, told by their first bytes.

use std::fmt;

/// So many first bytes tell the kind.
pub const HEAD_BYTES: usize = 512;

/// A kind of data that a probe knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    /// An SQLite 3 database.
    Sqlite,
    /// A zip archive, and all documents that are one.
    Zip,
    /// gzip, one member or more, with a tar archive inside or anything else.
    Gzip,
    /// Zstandard, one frame or more, with a tar archive inside or anything else.
    Zstd,
    /// A POSIX or GNU tar archive.
    Tar,
}

impl ProbeKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Sqlite, Self::Zip, Self::Gzip, Self::Zstd, Self::Tar];

    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Tar => "tar",
        }
    }
}

impl fmt::Display for ProbeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The kind that begins with these bytes, of which [`HEAD_BYTES`] are enough.
///
/// Sources: SQLite file format 1.3.1; PKWARE APPNOTE 4.3.7 and 4.3.16; RFC 1952 2.3.1 (method 8 is the only one);
/// RFC 8878 3.1.1 (skippable frames are not taken: other formats use them); POSIX pax, ustar header block.
#[must_use]
pub fn recognise(head: &[u8]) -> Option<ProbeKind> {
    match head {
        _ if head.starts_with(b"SQLite format 3\0") => Some(ProbeKind::Sqlite),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(ProbeKind::Zip),
        [0x1f, 0x8b, 8, ..] => Some(ProbeKind::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(ProbeKind::Zstd),
        _ if head.get(257..262) == Some(b"ustar") => Some(ProbeKind::Tar),
        _ => None,
    }
}
