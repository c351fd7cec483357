//! A dump of MariaDB or MySQL → a server of its own in scratch, on a socket only, and `CHECK TABLE` of every table.
//!
//! Invariants: a dump that does not end with its mark is cut; what only another server knows (a collation, an engine)
//! is `skipped`.

mod asked;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::budget::Budget;
use super::sandbox::{Running, Said, Sandbox, at};
use super::{Answer, Asked, Finding, broken, tool, unable};

/// Where a dump's last words are.
const END_BYTES: u64 = 256;
const END: &str = "-- Dump completed";
const RESTORED: &str = "restored";
/// Schemas of the server's own.
const OWN: &str = "'mysql', 'information_schema', 'performance_schema', 'sys'";
/// Errors of a server about what it does not have: a collation, a character set, an engine, room in a table or on
/// the disk (MariaDB error codes). Their messages hold names, and nothing of rows.
const LACKS: [u32; 5] = [1273, 1115, 1286, 1114, 1021];
/// So much of a message with names is told.
const TOLD_CHARS: usize = 120;

pub(super) fn probe(path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    ends(&mut open(path)?)?;
    let mut begin = [0; 256];
    let read = open(path)?.read(&mut begin).map_err(broken)?;
    let is_mysql = begin[..read].windows(13).any(|part| part == b"-- MySQL dump");
    let sandbox = Sandbox::open(work, budget)?;
    let server = Server::fresh(&sandbox)?;
    server.ask(&format!("create database {RESTORED}"))?;
    let words = ["--loose-sandbox", "--binary-mode", RESTORED];
    let restored = server.client("mariadb")?.words(words).input(open(path)?).run()?;
    if !restored.is_good() {
        return Err(of_dump(&restored, is_mysql));
    }
    let tables = server.tables()?;
    let rows = server.checked(&tables)?;
    server.ask_all(budget, asked)?;
    Ok(format!("restored into MariaDB {}: {} tables, {rows} rows; CHECK TABLE: ok", server.version()?, tables.len()))
}

fn open(path: &Path) -> Result<File, Finding> {
    super::open(path).map_err(|error| unable(format!("it can't be read: {error}")))
}

fn ends(file: &mut File) -> Result<(), Finding> {
    let mut tail = Vec::new();
    let mut read = || {
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(END_BYTES)))?;
        file.take(END_BYTES).read_to_end(&mut tail)
    };
    read().map_err(broken)?;
    if String::from_utf8_lossy(&tail).contains(END) {
        return Ok(());
    }
    Err(Finding::Broken(format!("it does not end with `{END}`")))
}

/// Of what the client printed, its line about the server's error: `ERROR 1064 (42000) at line 9: and a message`, which
/// may hold a row. It stops at the first, so that nothing in a message is taken for one.
fn finding(what: &str, said: &Said) -> Finding {
    let told = said.errors.lines().find_map(of_line);
    match told {
        Some((number, head, message)) if LACKS.contains(&number) => {
            let message: String = message.chars().filter(|one| !one.is_control()).take(TOLD_CHARS).collect();
            Finding::Unable(format!("{what}: {head}: {message}"))
        }
        Some((_, head, _)) => Finding::Broken(format!("{what}: {head}")),
        None => Finding::Broken(format!("{what}: {}", said.how())),
    }
}

fn of_line(line: &str) -> Option<(u32, &str, &str)> {
    let (head, message) = line.split_once(": ").unwrap_or((line, ""));
    let number = head.strip_prefix("ERROR ")?.split(' ').next()?.parse().ok()?;
    Some((number, head, message))
}

/// The two servers have parted: what one does not understand of the other's is no damage for sure.
fn of_dump(restored: &Said, is_mysql: bool) -> Finding {
    match finding("mariadb", restored) {
        Finding::Broken(why) if is_mysql => unable(format!("it is MySQL's, and MariaDB is what is here: {why}")),
        finding => finding,
    }
}

/// A server that runs. It is gone when this is.
struct Server<'s, 'b> {
    sandbox: &'s Sandbox<'b>,
    _running: Running,
}

impl<'s, 'b> Server<'s, 'b> {
    fn fresh(sandbox: &'s Sandbox<'b>) -> Result<Self, Finding> {
        let mut data = std::ffi::OsString::from("--datadir=");
        data.push(at(sandbox, "data"));
        let words = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"];
        let install = sandbox.call(&tool::find("mariadb-install-db")?).words(words);
        let made = install.words([data.clone()]).words(["--innodb-flush-method=nosync"]).run()?;
        if !made.is_good() {
            return Err(unable(format!("no server can be made here: mariadb-install-db: {}", made.words())));
        }
        let mut socket = std::ffi::OsString::from("--socket=");
        socket.push(at(sandbox, "socket"));
        if socket.len() > 100 {
            return Err(unable("the path of scratch is too long for a server's socket"));
        }
        let mut pid = std::ffi::OsString::from("--pid-file=");
        pid.push(at(sandbox, "pid"));
        let words = ["--skip-networking", "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0"];
        let call = sandbox.call(&tool::find("mariadbd")?).words(["--no-defaults"]).words([data, socket, pid]);
        // Events are restored, and none runs. Nothing is read from or written to files by what stands in a dump.
        let call = call.words(words).words(["--event-scheduler=OFF", "--local-infile=OFF", "--max-allowed-packet=1G"]);
        let mut running = call.start("server")?;
        loop {
            if running.ended()?.is_some() {
                return Err(unable(format!("no server can be started here: {}", running.words())));
            }
            let asked = client(sandbox, "mariadb")?.words(["-e", "select 1"]).run()?;
            if asked.is_good() {
                return Ok(Self { sandbox, _running: running });
            }
            if asked.errors.contains("ERROR 1045") {
                return Err(unable(format!("the server does not answer: {}", asked.words())));
            }
        }
    }

    fn client(&self, name: &str) -> Result<super::sandbox::Call<'s, 'b>, Finding> {
        client(self.sandbox, name)
    }

    fn ask(&self, query: &str) -> Result<Vec<String>, Finding> {
        let said = self.client("mariadb")?.words(["-N", "-B"]).text(query)?.run()?;
        if !said.is_good() {
            return Err(finding("the server", &said));
        }
        Ok(said.out.lines().map(str::to_owned).collect())
    }

    fn version(&self) -> Result<String, Finding> {
        Ok(self.ask("select version();")?.concat())
    }

    /// Quoted, with their schemas.
    fn tables(&self) -> Result<Vec<String>, Finding> {
        self.ask(&format!(
            "select concat('`', replace(table_schema, '`', '``'), '`.`', replace(table_name, '`', '``'), '`') \
             from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ({OWN}) order by 1;"
        ))
    }

    /// Every table, by the server's own check; then its rows.
    fn checked(&self, tables: &[String]) -> Result<u64, Finding> {
        let checks: String = tables.iter().map(|table| format!("check table {table} extended;\n")).collect();
        for line in self.ask(&checks)? {
            let columns: Vec<&str> = line.split('\t').collect();
            let (kind, says) = (columns.get(2).unwrap_or(&""), columns.get(3).unwrap_or(&""));
            let is_fine =
                matches!(*kind, "note" | "warning" | "info") || *says == "OK" || says.contains("already up to date");
            if !is_fine {
                self.sandbox.hear("CHECK TABLE", &line);
                return Err(Finding::Broken(format!("CHECK TABLE {}: {kind}", columns[0])));
            }
        }
        let counts: String = tables.iter().map(|table| format!("select count(*) from {table};\n")).collect();
        Ok(self.ask(&counts)?.iter().filter_map(|rows| rows.parse::<u64>().ok()).sum())
    }
}

fn client<'s, 'b>(sandbox: &'s Sandbox<'b>, name: &str) -> Result<super::sandbox::Call<'s, 'b>, Finding> {
    let mut socket = std::ffi::OsString::from("--socket=");
    socket.push(at(sandbox, "socket"));
    let call = sandbox.call(&tool::find(name)?).words(["--no-defaults"]).words([socket]);
    Ok(call.words(["--user=root", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"]))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn said(errors: &str) -> Said {
        let status = std::process::ExitStatus::from_raw(1 << 8);
        Said { status, out: String::new(), errors: errors.to_owned() }
    }

    #[test]
    fn what_a_server_lacks_is_no_damage() {
        let lacks = finding("it", &said("ERROR 1273 (HY000) at line 9: Unknown collation: 'x'\n"));
        assert_eq!(lacks, Finding::Unable("it: ERROR 1273 (HY000) at line 9: Unknown collation: 'x'".to_owned()));
    }

    #[test]
    fn what_lies_in_rows_is_neither_told_nor_a_lack() {
        for (printed, told) in [
            ("ERROR 1064 (42000) at line 9: near 'HIDDEN ERROR 1273 (HY000)", "ERROR 1064 (42000) at line 9"),
            ("ERROR 1366 (22007) at line 3: 'HIDDEN\nERROR 1273 (HY000): x", "ERROR 1366 (22007) at line 3"),
            ("ERROR 1030 (HY000) at line 3: Got error 28", "ERROR 1030 (HY000) at line 3"),
            ("HIDDEN Unknown collation", "exit status 1"),
        ] {
            assert_eq!(finding("it", &said(printed)), Finding::Broken(format!("it: {told}")));
        }
    }
}
