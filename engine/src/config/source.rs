//! What a job protects: one kind of source with its own keys.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Position;
use super::secret::SecretSource;
use crate::model::Grouping;

/// What a job protects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Folders and files.
    Folders(Folders),
    /// A block device, an image file or a mount point.
    Drive(Drive),
    /// SQLite databases.
    Sqlite(Sqlite),
    /// A PostgreSQL server or one of its databases.
    Postgres(Postgres),
    /// A MariaDB or MySQL database.
    MariaDb(Database),
    /// A Firebird database.
    Firebird(Database),
    /// What a command prints.
    Command(CommandOutput),
    /// Finished recovery points that another program makes.
    RecoveryPoints(RecoveryPoints),
}

impl Source {
    /// The key that names its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Folders(_) => "folders",
            Self::Drive(_) => "drive",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::MariaDb(_) => "mariadb",
            Self::Firebird(_) => "firebird",
            Self::Command(_) => "command",
            Self::RecoveryPoints(_) => "recovery-points",
        }
    }

    /// Where its secret comes from, if it has one.
    pub(super) const fn secret(&self) -> Option<&SecretSource> {
        match self {
            Self::Postgres(Postgres { server, .. }) | Self::MariaDb(server) | Self::Firebird(server) => {
                server.password.as_ref()
            }
            Self::Folders(_) | Self::Drive(_) | Self::Sqlite(_) | Self::Command(_) | Self::RecoveryPoints(_) => None,
        }
    }
}

/// Folders and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// One at least; `.` and `..` resolved by name.
    pub paths: Vec<PathBuf>,
    /// Globs as in a `.gitignore`; each parses.
    pub exclude: Vec<String>,
    /// Files of such globs, and where each stands in the configuration; they are read when a point is made.
    pub exclude_files: Vec<(PathBuf, Position)>,
    /// Stay on the file system of each path?
    pub one_file_system: bool,
    /// Read every file, changed or not?
    pub paranoid: bool,
    /// Is a snapshot read rather than the live files?
    pub snapshot: Snapshot,
}

/// How open files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// As they are.
    Off,
    /// From a snapshot where the file system has them.
    Auto,
}

/// A drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// A block device, an image file or a mount point.
    pub path: PathBuf,
    /// May it be read while it is mounted?
    pub live: bool,
}

/// SQLite databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sqlite {
    /// A path, or a glob of paths.
    pub pattern: PathBuf,
}

/// A database server and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Who logs in; the client's default if none.
    pub user: Option<String>,
    /// Lower case; an IPv6 address without brackets; a local socket if none.
    pub host: Option<String>,
    /// As given, or the server's default.
    pub port: u16,
    /// The database: a name, or a path that begins with `/` for Firebird. All of them if none.
    pub database: Option<String>,
    /// The account's password.
    pub password: Option<SecretSource>,
    /// The server's socket, where it has one.
    pub socket: Option<PathBuf>,
}

/// A PostgreSQL server or one of its databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// Which server and database.
    pub server: Database,
    /// How it is read.
    pub method: PostgresMethod,
}

/// How a PostgreSQL server is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostgresMethod {
    /// Each database by `pg_dump`.
    Dump,
    /// The whole server by `pg_basebackup`.
    BaseBackup,
}

/// What a command prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// The program and its arguments; one word at least, the first not empty. No shell.
    pub words: Vec<String>,
    /// The file's name in the recovery point: no `/`, not `.` or `..`; `stdout` by default.
    pub name: String,
}

/// Finished recovery points that another program makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPoints {
    /// Where they lie.
    pub folder: PathBuf,
    /// What makes up one point.
    pub grouping: Grouping,
    /// How long a file must hold still before it counts as finished.
    pub settle: Duration,
    /// A file whose presence says that a point is finished.
    pub marker: Option<String>,
    /// Are new points noticed at once?
    pub watch: bool,
}
