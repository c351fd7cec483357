//! Kinds of data, told by their first bytes.

use std::fmt;

use engine::model::CANARY_BEGINS;

/// So many first bytes tell the kind.
pub const HEAD_BYTES: usize = 1024;

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
    /// An archive of `pg_dump`.
    PostgresArchive,
    /// A script of `pg_dump` or `pg_dumpall`.
    PostgresScript,
    /// A base backup of PostgreSQL: its label in a folder, or a tar that begins with it.
    PostgresBase,
    /// A dump of MariaDB or MySQL.
    MariaDb,
    /// A backup of Firebird.
    Firebird,
    /// A drive or a file system as a file.
    Image,
    /// xz, with a tar archive inside or anything else.
    Xz,
    /// bzip2, with a tar archive inside or anything else.
    Bzip2,
    /// A PDF.
    Pdf,
    /// A PNG.
    Png,
    /// A JPEG.
    Jpeg,
    /// A file of known content that was planted.
    Canary,
    /// Not a file: a job's own command, over all that was restored.
    Command,
    /// No kind of file: a job's own question about a table of a database.
    Newest,
    /// No kind of file: a job's own query to a database.
    Query,
}

impl ProbeKind {
    /// Kinds of which a good sample is cheap to make: the negative control breaks one of each, in every drill.
    pub const SAMPLED: [Self; 11] = [
        Self::Sqlite,
        Self::Zip,
        Self::Gzip,
        Self::Zstd,
        Self::Tar,
        Self::Xz,
        Self::Bzip2,
        Self::Pdf,
        Self::Png,
        Self::Jpeg,
        Self::Canary,
    ];

    /// Is it a database, which can be asked something?
    #[must_use]
    pub const fn is_database(self) -> bool {
        use ProbeKind::{Firebird, MariaDb, PostgresArchive, PostgresBase, PostgresScript, Sqlite};
        matches!(self, Sqlite | PostgresArchive | PostgresScript | PostgresBase | MariaDb | Firebird)
    }

    /// Is it what a job asks by itself, over what came back?
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(self, Self::Command) || self.is_question()
    }

    /// Is it asked of databases?
    #[must_use]
    pub const fn is_question(self) -> bool {
        matches!(self, Self::Newest | Self::Query)
    }

    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Tar => "tar",
            Self::PostgresArchive => "postgres-archive",
            Self::PostgresScript => "postgres-script",
            Self::PostgresBase => "postgres-base",
            Self::MariaDb => "mariadb-dump",
            Self::Firebird => "firebird-backup",
            Self::Image => "disk-image",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Canary => "canary",
            Self::Command => "command",
            Self::Newest => "newest",
            Self::Query => "query",
        }
    }
}

impl fmt::Display for ProbeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A line at the beginning of a script of `pg_dump`, and of `pg_dumpall`.
const POSTGRES_SCRIPTS: [&[u8]; 2] =
    [b"--\n-- PostgreSQL database dump\n", b"--\n-- PostgreSQL database cluster dump\n"];
/// The first words of a base backup's label.
const BASE_LABEL: &[u8] = b"START WAL LOCATION: ";
/// The record of gbak's own description, whose first attribute is its format's number: 4 bytes of it.
const FIREBIRD: &[u8] = &[0, 2, 4];

/// The kind that begins with these bytes, of which [`HEAD_BYTES`] are enough; images are known by more
/// ([`super::kind_of`]).
///
/// Sources: SQLite file format 1.3.1; PKWARE APPNOTE 4.3.7 and 4.3.16; RFC 1952 2.3.1 (method 8 is the only one);
/// RFC 8878 3.1.1 (skippable frames are not taken: other formats use them); POSIX pax, ustar header block;
/// xz file format 2.1.1.1; bzip2's block magic; ISO 32000-1 7.5.2; PNG 5.2; ITU T.81 B.1.1.3;
/// PostgreSQL `pg_backup_archiver.h` (`PGDMP`) and `xlogbackup.c`; Firebird `burp.h` (`rec_burp`, `att_backup_format`).
#[must_use]
pub fn recognise(head: &[u8]) -> Option<ProbeKind> {
    match head {
        _ if head.starts_with(b"SQLite format 3\0") => Some(ProbeKind::Sqlite),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(ProbeKind::Zip),
        [0x1f, 0x8b, 8, ..] => Some(ProbeKind::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(ProbeKind::Zstd),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(ProbeKind::Xz),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(ProbeKind::Bzip2),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(ProbeKind::Pdf),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ProbeKind::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ProbeKind::Jpeg),
        _ if head.starts_with(CANARY_BEGINS.as_bytes()) => Some(ProbeKind::Canary),
        _ if head.starts_with(b"PGDMP") => Some(ProbeKind::PostgresArchive),
        _ if POSTGRES_SCRIPTS.iter().any(|script| head.starts_with(script)) => Some(ProbeKind::PostgresScript),
        _ if head.starts_with(BASE_LABEL) => Some(ProbeKind::PostgresBase),
        _ if is_tar(head) && is_base(head) => Some(ProbeKind::PostgresBase),
        _ if is_tar(head) => Some(ProbeKind::Tar),
        _ if is_mariadb(head) => Some(ProbeKind::MariaDb),
        _ if is_firebird(head) => Some(ProbeKind::Firebird),
        _ => None,
    }
}

/// Does a tar archive begin so?
pub(super) fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

fn is_base(head: &[u8]) -> bool {
    head.starts_with(b"backup_label\0") && head.get(512..).is_some_and(|label| label.starts_with(BASE_LABEL))
}

/// Newer dumps begin with a line that keeps older clients from what it holds.
fn is_mariadb(head: &[u8]) -> bool {
    let line_end = head.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let rest = if head.starts_with(b"/*M!999999\\- enable the sandbox mode") { &head[line_end..] } else { head };
    rest.starts_with(b"-- MariaDB dump ") || rest.starts_with(b"-- MySQL dump ")
}

/// Three attributes of four bytes follow each other in it: format, compression, blocking.
fn is_firebird(head: &[u8]) -> bool {
    head.starts_with(FIREBIRD) && head.get(7..9) == Some(&[4, 4]) && head.get(13..15) == Some(&[5, 4])
}
