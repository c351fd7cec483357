//! PostgreSQL: a server of its own in scratch, on a socket only, into which a dump is restored, or started over a base
//! backup.
//!
//! In: a restored file. Out: which tables came back with how many rows, and what amcheck said. Invariants: no setting
//! of the backup's is believed, so none of its commands runs; what this computer lacks (a version, an extension, a
//! locale) is `skipped`, never a failure of the data.

mod asked;
mod base;
mod dump;
mod error;
mod roles;

pub(super) use base::probe as probe_base;
pub(super) use dump::{probe_archive, probe_script};

use std::fs::File;
use std::path::{Path, PathBuf};

use super::sandbox::{Call, Running, Said, Sandbox, at};
use super::tool::postgres_folders;
use super::{Answer, Finding, unable};
use error::ServerError;

/// The database that a dump of one is restored into.
const RESTORED: &str = "restored";
/// Our user in a server: nobody else's name.
const USER: &str = "offsite_drill";
/// Tables that are told by name.
const TABLES_TOLD: usize = 8;
/// How a program's own error begins where it is too old for a file, or was built without what that needs.
const LACKS: [&str; 3] =
    ["unsupported version (", "this build does not support compression", "cannot restore from compressed archive"];

/// The programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    major: u32,
    /// As `15.20`.
    text: String,
    folder: PathBuf,
}

impl Version {
    /// All that are here, the newest first.
    fn all(sandbox: &Sandbox<'_>) -> Result<Vec<Self>, Finding> {
        let mut all = Vec::new();
        for folder in postgres_folders() {
            let said = sandbox.call(&folder.join("postgres")).words(["--version"]).run()?;
            if let Some((major, text)) = version_in(&said.out) {
                all.push(Self { major, text, folder });
            }
        }
        all.sort_by_key(|version| std::cmp::Reverse(version.major));
        Ok(all)
    }

    fn newest(sandbox: &Sandbox<'_>) -> Result<Self, Finding> {
        let newest = Self::all(sandbox)?.into_iter().next();
        newest.ok_or_else(|| unable("PostgreSQL's server (`postgres`, `initdb`, `psql`) is not installed here"))
    }

    fn tool(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The first word that begins with a digit: `postgres (PostgreSQL) 15.20 (Debian …)`.
fn version_in(text: &str) -> Option<(u32, String)> {
    let word = text.split_whitespace().find(|word| word.starts_with(|one: char| one.is_ascii_digit()))?;
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    let word: String = word.chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '.').collect();
    Some((digits.parse().ok()?, word))
}

/// What a program of PostgreSQL's own says of a file, where no server is asked: this computer lacks something if its
/// first line says so.
fn of_tool(what: &str, said: &Said) -> Finding {
    let first = said.errors.lines().next().unwrap_or_default();
    let words = first.split_once(": error: ").map_or("", |(_, words)| words);
    match LACKS.iter().any(|lack| words.starts_with(lack)) {
        true => Finding::Unable(format!("{what}: {}", super::sandbox::last_words(words))),
        false => Finding::Broken(format!("{what}: {}", said.how())),
    }
}

/// What a server's log says of the data: this computer lacks something only where the server's own line says so.
fn of_server(what: &str, how: &str, log: &str) -> Finding {
    let broken = || Finding::Broken(format!("{what}: {how}"));
    ServerError::last(log).map_or_else(broken, |error| error.finding(&format!("{what}: {how}")))
}

/// A server that runs. It is gone when this is.
struct Cluster<'s, 'b> {
    sandbox: &'s Sandbox<'b>,
    version: Version,
    server: Running,
}

impl<'s, 'b> Cluster<'s, 'b> {
    /// An empty one.
    fn fresh(sandbox: &'s Sandbox<'b>, version: Version) -> Result<Self, Finding> {
        let words = ["--no-locale", "--encoding=UTF8", "--no-sync", "--auth=trust", "--username", USER, "--pgdata"];
        let made = sandbox.call(&version.tool("initdb")).words(words).words([at(sandbox, "data")]).run()?;
        if !made.is_good() {
            return Err(unable(format!("no server can be made here: initdb: {}", made.words())));
        }
        Self::start(sandbox, version, &["-c", "wal_level=minimal", "-c", "max_wal_senders=0"])
            .map_err(|finding| unable(format!("no server can be started here: {}", finding.text())))
    }

    /// Over what lies in `data` on the stage.
    fn start(sandbox: &'s Sandbox<'b>, version: Version, further: &[&str]) -> Result<Self, Finding> {
        let mut socket = at(sandbox, ".s.PGSQL.5432");
        if socket.len() > 100 {
            return Err(unable("the path of scratch is too long for a server's socket"));
        }
        let call = sandbox.call(&version.tool("postgres")).words(own_settings(sandbox)?).words(further);
        let mut server = call.start("server")?;
        socket = at(sandbox, "");
        loop {
            if server.ended()?.is_some() {
                sandbox.hear("postgres", &server.words());
                return Err(of_server("the server does not start", "it ended", &server.errors_since(0)));
            }
            let asked = client(sandbox, &version, "psql").words(["-c", "select 1", "-d", "template1"]).run()?;
            if asked.is_good() {
                return Ok(Self { sandbox, version, server });
            }
            if asked.errors.contains("FATAL") && !asked.errors.contains("starting up") {
                let what = format!("the server at {} does not answer", socket.display());
                return Err(of_server(&what, &asked.how(), &server.errors_since(0)));
            }
        }
    }

    /// Runs a client, which is to end well.
    fn run(&self, what: &str, call: Call<'_, '_>) -> Result<Said, Finding> {
        let before = self.server.errors_bytes();
        let said = call.run()?;
        if said.is_good() { Ok(said) } else { Err(of_server(what, &said.how(), &self.server.errors_since(before))) }
    }

    /// Its answer, line by line.
    fn ask(&self, database: &str, query: &str) -> Result<Vec<String>, Finding> {
        let psql = client(self.sandbox, &self.version, "psql").words(["-v", "ON_ERROR_STOP=1", "-d", database]);
        let said = self.run(&format!("database {database}"), psql.text(query)?)?;
        Ok(said.out.lines().map(str::to_owned).collect())
    }

    /// Those that take clients.
    fn databases(&self) -> Result<Vec<String>, Finding> {
        let databases = "select datname from pg_database where datallowconn and datname <> 'template1' order by 1;";
        self.ask("template1", databases)
    }

    /// Reads every row of every table.
    fn count(&self) -> Answer {
        let (mut counts, mut held) = (Vec::new(), 0_u64);
        for database in self.databases()? {
            let tables = self.ask(
                &database,
                "select quote_ident(nspname) || '.' || quote_ident(relname) from pg_class c \
                 join pg_namespace n on n.oid = c.relnamespace where relkind in ('r', 'm') and relispopulated \
                 and nspname <> 'information_schema' and nspname !~ '^pg_' order by 1;",
            )?;
            let queries: String = tables.iter().map(|table| format!("select count(*) from only {table};\n")).collect();
            let rows = self.ask(&database, &queries)?;
            held += u64::from(!tables.is_empty());
            let rows = rows.iter().map(|row| row.parse::<u64>().unwrap_or(0));
            counts.extend(rows.zip(tables).map(|(rows, table)| (rows, format!("{database}: {table}"))));
        }
        Ok(counted(held, counts))
    }

    /// Heaps and indexes against each other, where amcheck is here.
    fn amcheck(&self) -> Answer {
        let tool = self.version.tool("pg_amcheck");
        let has = self.ask("template1", "select count(*) from pg_available_extensions where name = 'amcheck';")?;
        if !tool.exists() || has != ["1"] {
            return Ok("amcheck is not available here".to_owned());
        }
        let call = client(self.sandbox, &self.version, "pg_amcheck");
        let call = call.words(["--all", "--install-missing", "--heapallindexed", "--no-strict-names"]);
        self.run("amcheck", call).map(|_| "amcheck: ok".to_owned())
    }
}

/// As `2 databases, 4 tables, 120 rows (sample: public.a 100, …)`.
fn counted(databases: u64, mut counts: Vec<(u64, String)>) -> String {
    counts.sort_by(|a, b| b.cmp(a));
    let rows: u64 = counts.iter().map(|(rows, _)| *rows).sum();
    let told = counts.iter().take(TABLES_TOLD).map(|(rows, table)| format!("{table} {rows}"));
    let mut told: Vec<String> = told.collect();
    if counts.len() > TABLES_TOLD {
        told.push("…".to_owned());
    }
    let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
    format!("{databases} databases, {} tables, {rows} rows{told}", counts.len())
}

/// A client of our server.
fn client<'s, 'b>(sandbox: &'s Sandbox<'b>, version: &Version, name: &str) -> Call<'s, 'b> {
    let call = sandbox.call(&version.tool(name)).words(["-h"]).words([at(sandbox, "")]).words(["-U", USER]);
    if name == "psql" { call.words(["-X", "-A", "-t", "-q"]) } else { call }
}

/// Where its data are, and settings that are ours alone.
fn own_settings(sandbox: &Sandbox<'_>) -> Result<Vec<std::ffi::OsString>, Finding> {
    sandbox.write("server.conf", "")?;
    sandbox.write("access.conf", "local all all trust\n")?;
    let mut words = vec!["-D".into(), at(sandbox, "data")];
    let mut set = |name: &str, value: &std::ffi::OsStr| {
        let mut word = std::ffi::OsString::from(format!("{name}="));
        word.push(value);
        words.extend(["-c".into(), word]);
    };
    for (name, file) in [("config_file", "server.conf"), ("hba_file", "access.conf"), ("ident_file", "server.conf")] {
        set(name, &at(sandbox, file));
    }
    set("unix_socket_directories", &at(sandbox, ""));
    for (name, value) in [
        ("listen_addresses", ""),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("autovacuum", "off"),
        ("archive_mode", "off"),
        ("shared_buffers", "32MB"),
        ("log_line_prefix", "%e "),
    ] {
        set(name, value.as_ref());
    }
    Ok(words)
}

fn open(path: &Path) -> Result<File, Finding> {
    super::open(path).map_err(|error| unable(format!("it can't be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(version_in("postgres (PostgreSQL) 15.20 (Debian 15.20-0)"), Some((15, "15.20".to_owned())));
        assert_eq!(version_in("postgres (PostgreSQL) 18beta1"), Some((18, "18beta1".to_owned())));
        assert_eq!(version_in("no number"), None);
    }

    #[test]
    fn what_a_program_lacks_is_no_damage_and_what_it_prints_is_not_told() {
        use std::os::unix::process::ExitStatusExt as _;
        let status = std::process::ExitStatus::from_raw(1 << 8);
        let of = |errors: &str| of_tool("it", &Said { status, out: String::new(), errors: errors.to_owned() });
        let lacks = of("pg_restore: error: unsupported version (1.99) in file header");
        assert_eq!(lacks, Finding::Unable("it: unsupported version (1.99) in file header".to_owned()));
        for damage in ["pg_restore: error: could not read", "HIDDEN\npg_restore: error: unsupported version (1)", ""] {
            assert_eq!(of(damage), Finding::Broken("it: exit status 1".to_owned()));
        }
    }

    #[test]
    fn the_largest_tables_are_told() {
        let counts = vec![(1, "a: s.b".to_owned()), (7, "a: s.c".to_owned())];
        assert_eq!(counted(1, counts), "1 databases, 2 tables, 8 rows (a: s.c 7, a: s.b 1)");
        assert_eq!(counted(0, Vec::new()), "0 databases, 0 tables, 0 rows");
    }
}
