//! MariaDB and Firebird: clients that type into the databases' own shells and wait for each answer.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fixtures::Server;

use super::{CLIENTS, Database, RATE, password};

/// Answered last, in a line.
const MARK: &str = "that-is-all";
/// Rows of some 150 bytes for each unit of scale.
const ROWS: u32 = 100_000;
/// Of the servers' sample data.
const ACCOUNTS: u32 = 20_000;

pub fn mariadb(folder: &Path, scale: u32) -> Result<Database> {
    let server = Server::start("mariadb", folder).context("it needs root")?;
    let rows = scale * ROWS;
    let fill = format!(
        "create table bulk (id int primary key, note varchar(160));\n\
         insert into bulk select seq, repeat(md5(seq), 4) from seq_1_to_{rows};\nselect '{MARK}';\n"
    );
    answered(&mut mariadb_shell(&server)?, &fill)?;
    let source = format!("mariadb = \"mysql://ann@127.0.0.1:{}/sample\"", server.port());
    let clients = |server: &Server, _: &str, seconds| transactions(&|| mariadb_shell(server), "", &maria_turn, seconds);
    Ok(Database { name: "MariaDB", server, source, clients: Box::new(clients) })
}

fn mariadb_shell(server: &Server) -> Result<Command> {
    let mut shell = Command::new("mariadb");
    shell.args(["--no-defaults", "--batch", "--unbuffered", "--skip-column-names", "-h", "127.0.0.1", "-u", "ann"]);
    shell.args(["-P", &server.port().to_string(), "sample"]).env("MYSQL_PWD", password(server)?);
    Ok(shell)
}

fn maria_turn(account: u32) -> String {
    format!(
        "start transaction; update account set balance = balance + 1 where id = {account}; commit; select '{MARK}';\n"
    )
}

pub fn firebird(folder: &Path, scale: u32) -> Result<Database> {
    let server = Server::start("firebird", folder).context("it needs root")?;
    let rows = scale * ROWS;
    let fill = format!(
        "create table bulk (id int not null primary key, note varchar(160));\ncommit;\nset term ^;\n\
         execute block as declare i int = 1; begin while (i <= {rows}) do begin\n\
         insert into bulk values (:i, rpad(uuid_to_char(gen_uuid()), 130, uuid_to_char(gen_uuid()))); i = i + 1; end end^\n\
         set term ;^\ncommit;\n{FIREBIRD_MARK}"
    );
    answered(&mut firebird_shell(&server)?, &fill)?;
    let source = format!("firebird = \"firebird://SYSDBA@localhost:{}{}\"", server.port(), server.told("database"));
    let begin = "set heading off;\n";
    let clients = move |server: &Server, _: &str, seconds| {
        transactions(&|| firebird_shell(server), begin, &firebird_turn, seconds)
    };
    Ok(Database { name: "Firebird", server, source, clients: Box::new(clients) })
}

const FIREBIRD_MARK: &str = "select 'that-is' || '-all' from rdb$database;\n";

fn firebird_shell(server: &Server) -> Result<Command> {
    let at = format!("localhost/{}:{}", server.port(), server.told("database"));
    let mut shell = Command::new("isql-fb");
    shell.args(["-q", "-b", "-user", "SYSDBA", "-password", &password(server)?, &at]);
    Ok(shell)
}

fn firebird_turn(account: u32) -> String {
    format!("update account set balance = balance + 1 where id = {account}; commit; {FIREBIRD_MARK}")
}

/// Types it all and waits for the mark.
fn answered(shell: &mut Command, text: &str) -> Result<()> {
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    shell.stdin.take().context("piped")?.write_all(text.as_bytes())?;
    let mut lines = BufReader::new(shell.stdout.take().context("piped")?).lines().map_while(Result::ok);
    let done = lines.any(|line| line.contains(MARK));
    ensure!(shell.wait()?.success() && done, "the sample data could not be made");
    Ok(())
}

/// What all clients measured.
fn transactions(
    shell: &(dyn Fn() -> Result<Command> + Sync),
    begin: &str,
    turn: &(dyn Fn(u32) -> String + Sync),
    seconds: u32,
) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || client(shell()?, begin, turn, number, seconds))).collect();
        for client in clients {
            all.extend(client.join().map_err(|_| anyhow::anyhow!("a client broke off"))??);
        }
        anyhow::Ok(())
    })?;
    Ok(all)
}

/// One client: a transaction at each of its times, or as soon as the one before is over. Rows are its own.
fn client(
    mut shell: Command,
    begin: &str,
    turn: &dyn Fn(u32) -> String,
    number: u32,
    seconds: u32,
) -> Result<Vec<u64>> {
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut to, from) = (shell.stdin.take().context("piped")?, shell.stdout.take().context("piped")?);
    let mut lines = BufReader::new(from).lines();
    // The login is nobody's latency.
    to.write_all(format!("{begin}{}", turn(1 + number)).as_bytes())?;
    while !lines.next().context("the shell ended")??.contains(MARK) {}
    let (each, begun, mut all) = (Duration::from_secs(1) * CLIENTS / RATE, Instant::now(), Vec::new());
    for nth in 0..seconds * RATE / CLIENTS {
        let due = begun + each * nth + each * number / CLIENTS;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        to.write_all(turn(1 + (nth * CLIENTS + number) % ACCOUNTS).as_bytes())?;
        while !lines.next().context("the shell ended")??.contains(MARK) {}
        all.push(u64::try_from(due.elapsed().as_micros())?);
    }
    drop(to);
    ensure!(shell.wait()?.success(), "the shell failed");
    Ok(all)
}
