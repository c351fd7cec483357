//! A database server, who asks it, and with which password: the part that all kinds have in common.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::SourceFailed;
use super::program::{Program, Stop};

/// An answer of a server may not be longer: names of databases.
const ANSWER_MAX: usize = 16 << 20;

/// Where a database is and who asks.
#[derive(Debug, Clone, Default)]
pub struct DatabaseServer {
    /// Who logs in; the client's default if none.
    pub user: Option<String>,
    /// A name or an address; a local socket if none.
    pub host: Option<String>,
    /// As configured, or the kind's own.
    pub port: u16,
    /// Where the server's socket is; the client's default if none.
    pub socket: Option<PathBuf>,
    /// One database; all of them if none.
    pub database: Option<String>,
    /// The account's password; the client's own ways to find one if none.
    pub password: Option<Zeroizing<String>>,
}

/// A file that only its owner may read, gone with its handle: how a password reaches a client without being seen.
#[derive(Debug)]
pub(super) struct SecretFile(tempfile::NamedTempFile);

impl SecretFile {
    /// Writes it into a folder of ours.
    pub(super) fn new(folder: &Path, text: &str) -> Result<Self, SourceFailed> {
        let made = tempfile::Builder::new().prefix(".tmp-login-").tempfile_in(folder).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.flush()?;
            Ok(file)
        });
        let failed = |error| SourceFailed::new(format!("can't keep the login for the database's client: {error}"), "");
        made.map(Self).map_err(failed)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What a client answers, line by line.
pub(super) fn lines(program: &Program, stop: &Stop, advice: &str) -> Result<Vec<String>, SourceFailed> {
    let answer = program.answer(stop.clone(), ANSWER_MAX).map_err(|error| SourceFailed::of(&error, advice))?;
    let text = String::from_utf8(answer).map_err(|_| {
        SourceFailed::new(format!("`{}` answers in another encoding than UTF-8", program.shown()), advice)
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A database's name as a file's: what would be a folder is written as in URLs.
pub(super) fn file_name(database: &str, ending: &str) -> Vec<u8> {
    let safe = database.replace('%', "%25").replace('/', "%2F").replace('\0', "%00");
    format!("{safe}.{ending}").into_bytes()
}
