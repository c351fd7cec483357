//! A file that lies at a mirror as the program that made it left it.

use super::entry::EntryPath;
use super::id::Digest;

/// One file of a recovery point that another program made. Where the layout is `mirror`, it is an object of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorFile {
    /// Where it stands in the point, and so below the mirror's folder.
    pub path: EntryPath,
    /// Its bytes, holes as zeros: 1 at least, as an empty file is nothing that could be lost.
    pub bytes: u64,
    /// BLAKE3 of them.
    pub digest: Digest,
}
