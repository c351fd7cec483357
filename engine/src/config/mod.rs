//! The configuration: text → checked values, every error with its place.
//!
//! In: the bytes of one TOML file and its path. Out: a [`Config`] in which every value is valid by itself and against
//! the others, or all errors that were found, each with line, column, what is wrong and what is allowed.
//! `parse` is pure but for the user's home folder; `check_places` follows symbolic links; `load` finds and reads the
//! file; [`SecretSource::read`] reads secrets, when they are needed and not before.
//! Deliberately absent: whether a destination on a server can be reached in this version, and anything that is written.

mod carried;
mod destination;
mod error;
mod given;
mod hooks;
mod job;
mod load;
mod path;
mod place;
mod place_read;
mod probe;
mod quantity;
mod read;
mod reader;
mod same_place;
mod secret;
mod secret_keys;
mod source;
mod source_read;
mod starter;
mod table;
mod url;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::model::Verify;
pub use carried::{FoundAt, as_carried, of_the_vault_alone};
pub use destination::{Destination, Evict, Layout};
pub use error::{ConfigError, Position};
pub use given::{Given, Keys, place_given};
pub use hooks::{Hook, Hooks};
pub use job::{Copies, Job};
pub use load::{LoadError, candidates, find, is_tried, load};
pub use place::{
    Endpoint, Ftp, FtpData, FtpTls, ObjectLock, Place, S3, S3Credentials, Server, Sftp, Transport, WebDav,
};
pub use probe::{CommandProbe, Databases, JobProbe, NewestProbe, QueryProbe, Reply};
pub use quantity::{Window, parse_duration, reserve_bytes};
pub use same_place::check_places;
pub use secret::{Secret, SecretError, SecretSource, SecretWarning};
pub use source::{
    CommandOutput, Database, Drive, Folders, Postgres, PostgresMethod, RecoveryPoints, Snapshot, Source, Sqlite,
};
pub use starter::starter;

use crate::model::{DestinationName, JobName, Keep};
use crate::schedule::Schedule;

/// A checked configuration. Paths are absolute if `file` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// The file's folder, which relative paths are relative to.
    pub folder: PathBuf,
    /// The file's text.
    pub text: String,
    /// The vault on this computer.
    pub home: Home,
    /// Where the catalog, reports, ballast and locks lie.
    pub state: PathBuf,
    /// The passphrase of the family's keys.
    pub key: SecretSource,
    /// In the order of the file.
    pub jobs: Vec<Job>,
    /// In the order of the file.
    pub destinations: Vec<Destination>,
    /// The restore drill.
    pub drill: Drill,
}

/// The vault on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its folder.
    pub path: PathBuf,
    /// Where `path`, or else `[home]`, or else the file's beginning stands.
    pub at: Position,
    /// Bytes of objects; no bound if none.
    pub limit: Option<u64>,
    /// Bytes left free; see [`reserve_bytes`] if none.
    pub reserve: Option<u64>,
    /// How long points stay here; the job's rule if none.
    pub keep: Option<Keep>,
}

/// The restore drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// When; only when asked if none.
    pub schedule: Option<Schedule>,
    /// The folder that it restores into.
    pub scratch: PathBuf,
    /// What all drills of one call on schedule may take; then the most doubtful come first.
    pub budget: Option<DrillBudget>,
}

/// What drills may take; no bound where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrillBudget {
    /// After so long none begins.
    pub time: Option<Duration>,
    /// Bytes of content that are restored.
    pub bytes: Option<u64>,
    /// Bytes that are read from servers.
    pub egress: Option<u64>,
}

impl Config {
    /// The job of that name.
    #[must_use]
    pub fn job(&self, name: &JobName) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == *name)
    }

    /// Where each secret comes from that it names: of the key, of destinations, of sources.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        let destinations = self.destinations.iter().flat_map(|destination| destination.place.secrets());
        let sources = self.jobs.iter().filter_map(|job| job.source.secret());
        [&self.key].into_iter().chain(destinations).chain(sources)
    }

    /// The destination of that name.
    #[must_use]
    pub fn destination(&self, name: &DestinationName) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.name == *name)
    }

    /// What works otherwise than it reads, and no worse.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let note = |it: &Destination| {
            let what = match it.place {
                Place::File(_) => "a folder",
                Place::Sftp(_) => "an SFTP server",
                _ => return None,
            };
            let name = &it.name;
            Some(format!(
                "{name}: {what} has no checksums of its own for verify = \"checksum\": every byte is read back"
            ))
        };
        self.destinations.iter().filter(|it| it.verify == Verify::Checksum).filter_map(note).collect()
    }

    /// What the user should change about the destinations' secrets, each once. Looks at files' modes, reads none.
    #[must_use]
    pub fn secret_notes(&self) -> Vec<String> {
        let notes: BTreeSet<String> = self.destinations.iter().flat_map(|it| it.place.secret_notes()).collect();
        notes.into_iter().collect()
    }

    /// An error about this configuration that only its user could find.
    #[must_use]
    pub fn error_at(&self, at: Position, what: impl Into<String>, allowed: impl Into<String>) -> ConfigError {
        let (what, allowed) = (what.into(), allowed.into());
        ConfigError { file: self.file.clone(), line: at.line, column: at.column, what, allowed }
    }
}

/// Parses and checks a configuration that is in `file`. Looks at nothing but the environment's home folder of the
/// user, for `~`.
///
/// # Errors
/// All that were found, in the order of the file, at most 50; one at least.
pub fn parse(text: &str, file: &Path) -> Result<Config, Vec<ConfigError>> {
    read::parse(text, file, std::env::home_dir().filter(|home| home.is_absolute()).as_deref())
}

/// The same from bytes, which may not even be text.
///
/// # Errors
/// As [`parse`].
pub fn parse_bytes(bytes: &[u8], file: &Path) -> Result<Config, Vec<ConfigError>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, file),
        Err(error) => Err(read::not_text(bytes, error.valid_up_to(), file)),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong_tests;
