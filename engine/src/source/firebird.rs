//! A Firebird database → a backup by `gbak` through the server's service manager.
//!
//! It is one transaction, sees one moment, and restores with `gbak -c`. The server reads the database; what it makes of
//! it comes over the connection, and lies on no disk.

use std::ffi::OsString;
use std::path::Path;

use super::outputs::{List, Output};
use super::program::Program;
use super::server::{DatabaseServer, SecretFile};
use super::{SourceFailed, Visitor};

const ADVICE: &str = "check the server, the path of the database on it, the user and the password";

/// What is backed up of `server`; its password lies in `private` while that goes on.
///
/// # Errors
/// If that can't be.
pub fn backup(server: &DatabaseServer, private: &Path) -> Result<List, SourceFailed> {
    let password = server.password.as_ref().map(|password| SecretFile::new(private, &format!("{}\n", **password)));
    let password = password.transpose()?;
    let database = server.database.clone().unwrap_or_default();
    let mut words: Vec<OsString> = ["-backup_database", "-garbage_collect", "-service"].map(Into::into).into();
    words.push(service(server).into());
    if let Some(user) = &server.user {
        words.extend(["-user".into(), user.into()]);
    }
    if let Some(file) = &password {
        words.extend(["-fetch_password".into(), file.path().into()]);
    }
    words.extend([database.into(), "stdout".into()]);
    Ok(Box::new(move |_: &mut dyn Visitor| {
        // It lives as long as the list.
        let _ = &password;
        let program = Program::new("gbak", &words);
        Ok(vec![Output { name: b"database.fbk".to_vec(), program, last: b"", advice: ADVICE.to_owned() }])
    }))
}

/// As in `localhost/3050:service_mgr`.
fn service(server: &DatabaseServer) -> String {
    match &server.host {
        Some(host) if host.contains(':') => format!("[{host}]/{}:service_mgr", server.port),
        Some(host) => format!("{host}/{}:service_mgr", server.port),
        None => "service_mgr".to_owned(),
    }
}
