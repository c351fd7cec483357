//! Jobs of databases that are written to while a point is made: on the real servers, restored by their own tools.
//!
//! Each has a writer that moves amounts from one account to another and never stops: a state that existed is one in
//! which nothing was lost on the way. Needs root; says SKIPPED without.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fixtures::bench::wait_until;
use fixtures::{Bench, Server};

use crate::harness::bench;

/// Runs a client to its end; its output.
#[track_caller]
fn ask(command: &mut Command, input: &str) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the client is installed");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).expect("UTF-8").trim().to_owned()
}

/// A client that writes until it is dropped.
struct Writer(Child);

impl Writer {
    fn new(command: &mut Command, input: Stdio) -> Self {
        Self(command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the client is installed"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bench with a job `db` of this source, which asks with the server's password, and one destination; prepared.
fn protecting(server: &Server, source: &str) -> Bench {
    let bench = bench();
    fs::copy(server.folder.join("password"), bench.path("password")).expect("copied");
    configure(&bench, source);
    bench.done(&["init"]);
    bench
}

fn configure(bench: &Bench, source: &str) {
    bench.configure(&format!(
        "[job.db]\nsource = {{ {source}, password-file = \"password\" }}\noffsite = [\"usb\"]\n\
         [destination.usb]\nurl = \"file://{}\"\n",
        bench.path("usb").display()
    ));
}

/// Two points while somebody writes; the newest, restored from the destination.
fn backed_up_twice(bench: &Bench) -> std::path::PathBuf {
    bench.done(&["backup"]);
    bench.done(&["backup"]);
    bench.done(&["copy"]);
    let to = bench.path("restored");
    bench.done(&["restore", "db", "--from", "usb", "--to", &to.display().to_string()]);
    assert_eq!(logins(bench), 0, "no password stays");
    to.join("db")
}

fn logins(bench: &Bench) -> usize {
    let files = fs::read_dir(bench.path("state")).expect("there").flatten();
    files.filter(|file| file.file_name().to_string_lossy().contains("login")).count()
}

/// With another password there is no point, it is told, and what there was stays.
fn a_wrong_password_is_told(bench: &Bench, why: &str) {
    let points = bench.points().len();
    fs::write(bench.path("password"), "not this one").expect("writable");
    let ran = bench.engine(&["backup"]).exits(1).says(why).says("the last good point stays");
    assert!(!ran.out.contains("not this one") && !ran.err.contains("not this one"), "{ran}");
    assert_eq!((bench.points().len(), logins(bench)), (points, 0));
}

fn psql(server: &Server, database: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &server.port().to_string()]);
    psql.args(["-U", "admin", "-d", database]).env("PGPASSWORD", password(server));
    psql
}

fn password(server: &Server) -> String {
    fs::read_to_string(server.folder.join("password")).expect("there").trim().to_owned()
}

#[test]
fn postgres_is_dumped_while_clients_write_and_restores_to_a_state_that_existed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("postgres", folder.path()) else { return };
    let source = format!("postgres = \"postgresql://admin@127.0.0.1:{}\"", server.port());
    let bench = protecting(&server, &source);
    let mut pgbench = Command::new(Path::new(&server.told("bin")).join("pgbench"));
    pgbench.args(["-n", "-T", "1000", "-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", "admin", "sample"]);
    let writer = Writer::new(pgbench.env("PGPASSWORD", password(&server)), Stdio::null());
    let history = || ask(&mut psql(&server, "sample"), "select count(*) from pgbench_history");
    wait_until("somebody writes", || history() != "0");
    let restored = backed_up_twice(&bench);
    drop(writer);

    let globals = fs::read_to_string(restored.join("globals.sql")).expect("there");
    assert!(globals.contains("CREATE ROLE limited") && globals.contains("SCRAM-SHA-256"), "{globals}");
    assert!(restored.join("postgres.dump").exists());
    let dump = restored.join("sample.dump").display().to_string();
    ask(&mut psql(&server, "postgres"), "create database again");
    let mut restore = Command::new("pg_restore");
    restore.args(["-e", "-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", "admin", "-d", "again", &dump]);
    ask(restore.env("PGPASSWORD", password(&server)), "");
    let sums = "select (select sum(abalance) from pgbench_accounts), (select sum(bbalance) from pgbench_branches), \
                (select sum(tbalance) from pgbench_tellers), (select sum(delta) from pgbench_history)";
    let sums = ask(&mut psql(&server, "again"), sums);
    let sums: Vec<&str> = sums.split('|').collect();
    assert!(sums.len() == 4 && sums.iter().all(|sum| *sum == sums[0] && !sum.is_empty()), "{sums:?}");
    assert_eq!(ask(&mut psql(&server, "again"), "select count(*) from pgbench_accounts"), "100000");
    a_wrong_password_is_told(&bench, "password authentication failed");
}

#[test]
fn a_server_that_stops_in_the_middle_of_a_dump_makes_no_point_and_the_next_one_is_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = Server::start("postgres", folder.path()) else { return };
    let source = format!("postgres = \"postgresql://limited@127.0.0.1:{}/sample\"", server.port());
    let bench = protecting(&server, &source);
    let made = bench.done(&["backup"]);
    let warnings = made["points"][0]["warnings"].to_string();
    assert!(warnings.contains("without their passwords"), "who may only read is told: {made:#}");
    // A dump has begun, and waits for the last table.
    let lock = "begin; lock table pgbench_tellers in access exclusive mode; select pg_sleep(1000);";
    let holder = Writer::new(psql(&server, "sample").args(["-c", lock]), Stdio::null());
    let waiting =
        "select count(*) from pg_stat_activity where application_name = 'offsite' and wait_event_type = 'Lock'";
    let running = bench.begin(&["backup"]);
    wait_until("the dump waits", || ask(&mut psql(&server, "postgres"), waiting) == "1");
    server.kill();
    let _ = running.end().exits(1).says("`pg_dump` ended with exit status 1");
    drop(holder);
    assert_eq!(bench.points().len(), 1);
    server.again();
    bench.done(&["backup"]);
    assert_eq!(bench.points().len(), 2);
}

/// A source of the whole server, asked by this user.
fn base_of(server: &Server, user: &str) -> String {
    format!("postgres = \"postgresql://{user}@127.0.0.1:{}\", method = \"basebackup\"", server.port())
}

/// The server's programs run as another user than root.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command
}

/// Unpacks a base backup as the one who restores would.
fn unpacked(restored: &Path) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    let data = place.path().join("data");
    fs::create_dir(&data).expect("new");
    let tar = restored.join("base/base.tar").display().to_string();
    ask(Command::new("tar").args(["-xf", &tar, "-C"]).arg(&data), "");
    ask(Command::new("chmod").args(["-R", "u=rwX,go="]).arg(place.path()), "");
    ask(Command::new("chown").args(["-R", "postgres:postgres"]).arg(place.path()), "");
    place
}

#[test]
fn a_postgres_base_backup_is_whole_and_a_server_starts_from_it_in_a_state_that_existed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("postgres", folder.path()) else { return };
    let bench = protecting(&server, &base_of(&server, "admin"));
    let bin = std::path::PathBuf::from(server.told("bin"));
    let mut pgbench = Command::new(bin.join("pgbench"));
    pgbench.args(["-n", "-T", "1000", "-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", "admin", "sample"]);
    let writer = Writer::new(pgbench.env("PGPASSWORD", password(&server)), Stdio::null());
    let history = || ask(&mut psql(&server, "sample"), "select count(*) from pgbench_history");
    wait_until("somebody writes", || history() != "0");
    let restored = backed_up_twice(&bench);
    drop(writer);

    let place = unpacked(&restored);
    let data = place.path().join("data");
    let verified = ask(as_postgres(&bin.join("pg_verifybackup")).arg(&data), "");
    assert!(verified.contains("successfully verified"), "{verified}");
    let again = Writer::new(
        as_postgres(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c"])
            .arg(format!("unix_socket_directories={}", place.path().display())),
        Stdio::null(),
    );
    let psql = |query: &str| {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-q", "-U", "admin", "-d", "sample", "-c", query, "-h"]).arg(place.path());
        psql.env("PGPASSWORD", password(&server)).output().expect("installed")
    };
    wait_until("the server has recovered", || psql("select 1").status.success());
    let sums = "select (select sum(abalance) from pgbench_accounts), (select sum(bbalance) from pgbench_branches), \
                (select sum(tbalance) from pgbench_tellers), (select sum(delta) from pgbench_history)";
    let sums = String::from_utf8(psql(sums).stdout).expect("UTF-8");
    let sums: Vec<&str> = sums.trim().split('|').collect();
    assert!(sums.len() == 4 && sums.iter().all(|sum| *sum == sums[0] && !sum.is_empty()), "{sums:?}");
    assert_eq!(psql("select count(*) from pgbench_accounts").stdout, b"100000\n");
    let _ = ask(Command::new("kill").arg("-INT").arg(again.0.id().to_string()), "");
    drop(again);

    a_wrong_password_is_told(&bench, "password authentication failed");
}

#[test]
fn a_base_backup_that_the_server_refuses_or_does_not_finish_makes_no_point() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = Server::start_as("postgres", &["scale=8"], folder.path()) else { return };
    let bench = protecting(&server, &base_of(&server, "limited"));
    let refused = bench.engine(&["backup"]).exits(1).says("`pg_basebackup` ended with exit status 1");
    let refused = refused.says("REPLICATION");
    assert_eq!(bench.points().len(), 0, "{refused}");

    configure(&bench, &base_of(&server, "admin"));
    bench.done(&["backup"]);
    let sent = "select count(*) from pg_stat_progress_basebackup where backup_streamed > 1000000";
    let running = bench.begin(&["backup"]);
    wait_until("it streams", || ask(&mut psql(&server, "postgres"), sent) == "1");
    server.kill();
    let _ = running.end().exits(1).says("`pg_basebackup` ended with exit status 1").says("the last good point stays");
    assert_eq!((bench.points().len(), logins(&bench)), (1, 0));
    server.again();

    let place = folder.path().join("socket/space");
    fs::create_dir(&place).expect("new");
    ask(Command::new("chown").arg("postgres:postgres").arg(&place), "");
    ask(&mut psql(&server, "postgres"), &format!("create tablespace elsewhere location '{}'", place.display()));
    let _ = bench.engine(&["backup"]).exits(1).says("single tablespace").says("method = \"dump\"");
    assert_eq!(bench.points().len(), 1);
}

#[test]
fn a_base_backup_that_ends_early_though_with_success_makes_no_point() {
    let bench = bench();
    let program = bench.folder("bin").join("pg_basebackup");
    fs::write(bench.path("password"), "any").expect("writable");
    configure(&bench, "postgres = \"postgresql://ann@127.0.0.1:1\", method = \"basebackup\"");
    bench.done(&["init"]);
    // A manifest's end, the two blocks of zeros that end a tar, and all but the last byte of that.
    let path = format!("{}:{}", bench.text("bin"), std::env::var("PATH").expect("set"));
    for (zeros, code) in [(1024, 0), (1023, 1)] {
        let script = format!("#!/bin/sh\nprintf 'sum\"}}\\n'; head -c {zeros} /dev/zero\n");
        fs::write(&program, script).expect("writable");
        ask(Command::new("chmod").arg("+x").arg(&program), "");
        let made = fixtures::bench::Ran::of(bench.command(&["backup"]).env("PATH", &path)).exits(code);
        assert_eq!(made.to_string().contains("ends too early"), code == 1, "{made}");
    }
    assert_eq!(bench.points().len(), 1);
}

fn mariadb(server: &Server, database: &str) -> Command {
    let mut client = Command::new("mariadb");
    client.args(["--no-defaults", "-N", "-B", "-h", "127.0.0.1", "-P", &server.port().to_string(), "-u", "ann"]);
    client.arg(format!("-p{}", password(server))).arg(database);
    client
}

#[test]
fn mariadb_is_dumped_while_clients_write_and_restores_to_a_state_that_existed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("mariadb", folder.path()) else { return };
    let bench = protecting(&server, &format!("mariadb = \"mysql://ann@127.0.0.1:{}/sample\"", server.port()));
    let moves = "create procedure moves() begin declare f, t int; while true do \
                 set f = 1 + floor(rand() * 20000), t = 1 + floor(rand() * 20000); start transaction; \
                 update account set balance = balance - 1 where id = f; \
                 update account set balance = balance + 1 where id = t; commit; end while; end";
    ask(&mut mariadb(&server, "sample"), &format!("delimiter //\n{moves}//\n"));
    let writer = Writer::new(mariadb(&server, "sample").args(["-e", "call moves()"]), Stdio::null());
    let booked = || ask(&mut mariadb(&server, "sample"), "select count(*) from ledger");
    wait_until("somebody writes", || booked() != "0");
    let restored = backed_up_twice(&bench);
    drop(writer);

    let dump = fs::read_to_string(restored.join("sample.sql")).expect("there");
    ask(&mut mariadb(&server, "mysql"), "create database again");
    ask(&mut mariadb(&server, "again"), &dump);
    let sums = "select total(), (select sum(delta) from ledger), (select count(*) > 0 from ledger), \
                (select count(*) from account)";
    assert_eq!(ask(&mut mariadb(&server, "again"), sums), "20000000\t0\t1\t20000");
    let kept = "select (select count(*) from information_schema.triggers where trigger_schema = 'again'), \
                (select count(*) from information_schema.events where event_schema = 'again'), \
                (select count(*) from information_schema.routines where routine_schema = 'again')";
    assert_eq!(ask(&mut mariadb(&server, "again"), kept), "1\t1\t2");
    let note = ask(&mut mariadb(&server, "again"), "select note from account where id = 7");
    assert!(note.starts_with("nöte "), "{note}");
    a_wrong_password_is_told(&bench, "Access denied");
}

#[test]
fn firebird_is_backed_up_while_clients_write_and_restores_to_a_state_that_existed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("firebird", folder.path()) else { return };
    let at = format!("127.0.0.1/{}", server.port());
    let url = format!("firebird://SYSDBA@127.0.0.1:{}{}", server.port(), server.told("database"));
    let bench = protecting(&server, &format!("firebird = \"{url}\""));
    let isql = |database: &str| {
        let mut isql = Command::new("isql-fb");
        isql.args(["-q", "-b", "-user", "SYSDBA", "-password", &password(&server), &format!("{at}:{database}")]);
        isql
    };
    let script = bench.path("moves.sql");
    let mut moves = fs::File::create(&script).expect("writable");
    for round in 0..200_000_u64 {
        let (from, to) = (1 + round * 7919 % 20_000, 1 + round * 104_729 % 20_000);
        writeln!(moves, "update account set balance = balance - 1 where id = {from};").expect("room");
        writeln!(moves, "update account set balance = balance + 1 where id = {to};\ncommit;").expect("room");
    }
    let script = fs::File::open(&script).expect("there");
    let writer = Writer::new(&mut isql(&server.told("database")), Stdio::from(script));
    let count = |database: &str, query: &str| ask(&mut isql(database), &format!("set heading off;\n{query};\n"));
    wait_until("somebody writes", || count(&server.told("database"), "select count(*) from ledger") != "0");
    let restored = backed_up_twice(&bench);
    drop(writer);

    let again = format!("{}/again.fdb", server.told("data"));
    let mut gbak = Command::new("gbak");
    gbak.args(["-c", "-user", "SYSDBA", "-password", &password(&server)]);
    ask(gbak.arg(restored.join("database.fbk")).arg(format!("{at}:{again}")), "");
    let sums = "select sum(balance) || ' ' || count(*) from account";
    assert_eq!(count(&again, sums), "20000000 20000");
    assert_eq!(count(&again, "select coalesce(sum(delta), 0) from ledger"), "0");
    a_wrong_password_is_told(&bench, "user name and password");
}
