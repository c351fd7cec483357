//! A MariaDB or MySQL database → a dump in one transaction, with routines, triggers and events.
//!
//! It restores with the server's own client into a database of any name. Deliberately absent: a moment for tables whose
//! engine knows no transactions; they are read as they are.

use std::ffi::OsString;
use std::path::Path;

use super::outputs::{List, Output};
use super::program::Program;
use super::server::{DatabaseServer, SecretFile, file_name};
use super::{SourceFailed, Visitor};

const ADVICE: &str = "check the server, the user, its password and its rights (SELECT, SHOW VIEW, TRIGGER, EVENT)";
/// The client's names: MariaDB's, then MySQL's.
const DUMPERS: [&str; 2] = ["mariadb-dump", "mysqldump"];
const DUMP: [&str; 9] = [
    "--single-transaction",
    "--quick",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--no-tablespaces",
    "--skip-dump-date",
    "--default-character-set=utf8mb4",
];

/// The dump of the database that `server` names; the login lies in `private` while that goes on.
///
/// # Errors
/// If that can't be.
pub fn dumps(server: DatabaseServer, private: &Path) -> Result<List, SourceFailed> {
    let login = SecretFile::new(private, &login(&server))?;
    let database = server.database.unwrap_or_default();
    Ok(Box::new(move |_: &mut dyn Visitor| Ok(vec![dump(&database, &login)])))
}

fn dump(database: &str, login: &SecretFile) -> Output {
    let name = DUMPERS.into_iter().find(|name| is_installed(name)).unwrap_or(DUMPERS[0]);
    // The login comes before all other words, and a name may begin with a dash.
    let mut file = OsString::from("--defaults-extra-file=");
    file.push(login.path());
    let words = [file].into_iter().chain(DUMP.map(OsString::from)).chain(["--".into(), database.into()]);
    let program = Program::new(name, words);
    Output { name: file_name(database, "sql"), program, last: b"-- Dump completed", advice: ADVICE.to_owned() }
}

fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// An options file, as the clients read it.
fn login(server: &DatabaseServer) -> String {
    let mut text = "[client]\n".to_owned();
    let mut set = |name: &str, value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        text.push_str(&format!("{name}=\"{value}\"\n"));
    };
    if let Some(user) = &server.user {
        set("user", user);
    }
    if let Some(password) = &server.password {
        set("password", password);
    }
    match (&server.socket, &server.host) {
        (Some(socket), _) => set("socket", &socket.display().to_string()),
        // Its clients take `localhost` for the socket.
        (None, Some(host)) => {
            set("host", host);
            set("port", &server.port.to_string());
            set("protocol", "tcp");
        }
        (None, None) => {}
    }
    text
}
