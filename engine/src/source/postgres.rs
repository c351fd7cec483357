//! A PostgreSQL server → a dump of each database by `pg_dump`, and its roles and tablespaces by `pg_dumpall`.
//!
//! A dump is in the custom format and not compressed, so that chunks of it that did not change are stored once; it
//! restores with `pg_restore`. Each dump is one transaction of its own: it sees one moment, and no client waits for it.
//!
//! Or the whole server by `pg_basebackup`: its data folder with the log that makes it whole and a manifest of checksums, in
//! one tar as it streams by. Kept as that tar, `base/base.tar`, for the server sends files in no order of names, and an
//! order is only to be had with a second copy on disk; its chunks are found again all the same. Deliberately absent: more
//! than one tablespace (there would be a tar of each, and only one fits a stream), and incremental ones (version 17).

use std::ffi::OsString;
use std::path::Path;

use super::outputs::{List, Output};
use super::program::{Program, Stop};
use super::server::{DatabaseServer, SecretFile, file_name, lines};
use super::{SourceFailed, Visitor};
use crate::model::Problem;

const ADVICE: &str =
    "check the server, the user and the password; the client's version must not be older than the server's";
/// A dump that waits for another's lock that long is given up: who alters a table for hours is not disturbed, and a
/// schedule is not held up.
const LOCKS: &str = "--lock-wait-timeout=10min";
/// After the manifest, the last file of a base backup, stand the two blocks that end a tar.
const MANIFEST_AND_END: &[u8] = &{
    let mut end = [0; 3 + 1024];
    (end[0], end[1], end[2]) = (b'"', b'}', b'\n');
    end
};
/// The folder of a base backup in the job's.
pub const BASE_FOLDER: &str = "base";
const BASE_ADVICE: &str = "check the server, the user (it needs REPLICATION, and a line for `replication` in \
                           pg_hba.conf) and the password; the client's version must fit the server's; with more than one \
                           tablespace, take method = \"dump\"; if log was removed too early, raise wal_keep_size";
const DATABASES: &str =
    "select datname from pg_catalog.pg_database where datallowconn and not datistemplate order by 1";
const SEES_PASSWORDS: &str = "select pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select')";

/// What is dumped of `server`; its password lies in `private` while that goes on.
///
/// # Errors
/// If that can't be.
pub fn dumps(server: DatabaseServer, private: &Path, stop: Stop) -> Result<List, SourceFailed> {
    let password = server.password.as_ref().map(|password| SecretFile::new(private, &password_line(password)));
    let password = password.transpose()?;
    Ok(Box::new(move |visitor| {
        let client = Client { server: &server, password: password.as_ref().map(SecretFile::path) };
        let databases = match &server.database {
            Some(one) => vec![one.clone()],
            None => lines(&client.ask("postgres", DATABASES), &stop, ADVICE)?,
        };
        let globals = client.globals(databases.first().map_or("postgres", String::as_str), &stop, visitor)?;
        Ok(databases.iter().map(|database| client.dump(database)).chain([globals]).collect())
    }))
}

/// The whole of `server` in one tar; its password lies in `private` while that goes on.
///
/// The log is fetched at the end, as only that can go into the same stream; where the server has removed some of it by
/// then, the program fails and there is no point.
///
/// # Errors
/// If that can't be.
pub fn base_backup(server: DatabaseServer, private: &Path) -> Result<List, SourceFailed> {
    let password = server.password.as_ref().map(|password| SecretFile::new(private, &password_line(password)));
    let password = password.transpose()?;
    Ok(Box::new(move |_| {
        let client = Client { server: &server, password: password.as_ref().map(SecretFile::path) };
        let words = ["-w", "--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--label=offsite"];
        let program = client.program("pg_basebackup", &words, "postgres");
        let name = b"base.tar".to_vec();
        Ok(vec![Output { name, program, last: MANIFEST_AND_END, advice: BASE_ADVICE.to_owned() }])
    }))
}

/// As libpq reads it: any host, port, database and user.
fn password_line(password: &str) -> String {
    format!("*:*:*:*:{}\n", password.replace('\\', "\\\\").replace(':', "\\:"))
}

struct Client<'c> {
    server: &'c DatabaseServer,
    password: Option<&'c Path>,
}

impl Client<'_> {
    /// The database goes by the environment: as a word, a name with `=` would be read as many settings.
    fn program(&self, name: &str, words: &[&str], database: &str) -> Program {
        let mut program = Program::new(name, words);
        let mut set = |name: &str, value: OsString| program.environment.push((name.into(), value));
        let server = self.server;
        set("PGDATABASE", database.into());
        set("PGPORT", server.port.to_string().into());
        set("PGCONNECT_TIMEOUT", "20".into());
        set("PGAPPNAME", "offsite".into());
        let socket = server.socket.as_ref().map(|socket| socket.as_os_str().to_owned());
        if let Some(host) = socket.or_else(|| server.host.as_ref().map(OsString::from)) {
            set("PGHOST", host);
        }
        if let Some(user) = &server.user {
            set("PGUSER", user.into());
        }
        if let Some(file) = self.password {
            set("PGPASSFILE", file.into());
        }
        program
    }

    fn ask(&self, database: &str, query: &str) -> Program {
        self.program("psql", &["-w", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", query], database)
    }

    fn dump(&self, database: &str) -> Output {
        let words = ["-w", "--format=custom", "--compress=0", LOCKS];
        self.output(file_name(database, "dump"), self.program("pg_dump", &words, database), b"")
    }

    /// Who may not read the passwords of roles gets all else of them, and is told.
    fn globals(&self, database: &str, stop: &Stop, visitor: &mut dyn Visitor) -> Result<Output, SourceFailed> {
        let may = lines(&self.ask(database, SEES_PASSWORDS), stop, ADVICE)?;
        let mut words = vec!["-w", "--globals-only"];
        if may.first().is_none_or(|answer| answer != "t") {
            words.push("--no-role-passwords");
            let why = "roles are kept without their passwords: this user may not read them (a superuser may)";
            visitor.warning(Problem::new(b"", why));
        }
        let program = self.program("pg_dumpall", &words, database);
        Ok(self.output(b"globals.sql".to_vec(), program, b"-- PostgreSQL database cluster dump complete"))
    }

    fn output(&self, name: Vec<u8>, program: Program, last: &'static [u8]) -> Output {
        Output { name, program, last, advice: ADVICE.to_owned() }
    }
}
