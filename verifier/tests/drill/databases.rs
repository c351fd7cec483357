//! Dumps and base backups of real servers, sound and in every way broken: the drill restores each into a server of its
//! own and says which one does not come back. Needs root; says SKIPPED without.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fixtures::bench::wait_until;
use fixtures::data::inventory;
use fixtures::{Bench, Server};
use serde_json::Value;

use crate::harness::{bare, copy, drill, drill_command, reports};

/// Runs a client to its end; its output.
#[track_caller]
pub fn ask(command: &mut Command) -> Vec<u8> {
    let ended = command.stdin(Stdio::null()).output().expect("the client is installed");
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    ended.stdout
}

pub fn password(server: &Server) -> String {
    fs::read_to_string(server.folder.join("password")).expect("there").trim().to_owned()
}

/// A bench with a job of the folder `data` and one destination; prepared.
pub fn prepared() -> Bench {
    let bench = bare();
    let _ = bench.folder("data");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    bench
}

/// A point of what lies in `data`, drilled; its probes.
pub fn drilled(bench: &Bench, words: &[&str], code: u8) -> Vec<Value> {
    bench.done(&["run", "--once"]);
    let ran = drill(bench, words).exits(code.into());
    let found = &ran.json()["drills"][0];
    assert_eq!((&found["mismatches"], &found["negative-control"]), (&serde_json::json!([]), &"pass".into()), "{ran}");
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty(), "scratch is left empty");
    found["probes"].as_array().expect("probes").clone()
}

/// What was said of the file whose path ends so, as `VERDICT PROBE: DETAIL`.
#[track_caller]
pub fn said(probes: &[Value], end: &str) -> String {
    let ends = |probe: &&Value| probe["path"].as_str().is_some_and(|path| path.ends_with(end));
    let probe = probes.iter().find(ends).unwrap_or_else(|| panic!("no {end} in {probes:#?}"));
    let text = |key: &str| probe[key].as_str().expect("text").to_owned();
    format!("{} {}: {}", text("verdict"), text("probe"), text("detail"))
}

#[track_caller]
pub fn says(probes: &[Value], end: &str, parts: &[&str]) {
    let said = said(probes, end);
    assert!(said.starts_with(parts[0]) && parts.iter().all(|part| said.contains(part)), "{end}: {said}");
}

/// The first part of a file, beside it.
fn cut(data: &Path, whole: &str, short: &str, percent: usize) {
    let bytes = fs::read(data.join(whole)).expect("there");
    fs::write(data.join(short), &bytes[..bytes.len() / 100 * percent]).expect("writable");
}

pub fn postgres(server: &Server, program: &str, words: &[&str]) -> Vec<u8> {
    let mut client = Command::new(program);
    client.args(["-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", "admin"]).args(words);
    ask(client.env("PGPASSWORD", password(server)))
}

/// A base backup in a folder of its own below `data`.
fn base(server: &Server, data: &Path) -> PathBuf {
    let folder = data.join("sound");
    postgres(server, "pg_basebackup", &["-X", "fetch", "-c", "fast", "-D", &folder.display().to_string()]);
    folder
}

/// The second half of a page of the largest table becomes zeros, and nothing is there to tell but the page itself.
fn tear_a_page(server: &Server, folder: &Path) {
    let query = "select pg_relation_filepath('pgbench_accounts')";
    let file = postgres(server, "psql", &["-X", "-A", "-t", "-d", "sample", "-c", query]);
    let file = folder.join(String::from_utf8(file).expect("UTF-8").trim());
    let file = fs::File::options().write(true).open(file).expect("there");
    file.write_all_at(&[0; 4096], 3 * 8192 + 4096).expect("writable");
    fs::remove_file(folder.join("backup_manifest")).expect("there");
}

#[test]
fn postgres_comes_back_in_a_server_of_its_own_and_what_is_broken_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("postgres", folder.path()) else { return };
    let bench = prepared();
    let data = bench.path("data");
    let write = |name: &str, bytes: Vec<u8>| fs::write(data.join(name), bytes).expect("writable");
    postgres(&server, "psql", &["-d", "sample", "-c", "alter table pgbench_tellers owner to limited"]);
    write("archive", postgres(&server, "pg_dump", &["-F", "custom", "sample"]));
    write("script", postgres(&server, "pg_dump", &["sample"]));
    write("script of all", postgres(&server, "pg_dumpall", &[]));
    write("base tar", postgres(&server, "pg_basebackup", &["-X", "fetch", "-c", "fast", "-F", "tar", "-D", "-"]));
    cut(&data, "archive", "cut archive", 80);
    cut(&data, "script", "cut script", 80);
    cut(&data, "base tar", "cut tar", 80);
    let mut flipped = fs::read(data.join("archive")).expect("there");
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    write("flipped archive", flipped);
    let mut newer = fs::read(data.join("archive")).expect("there");
    // The format's version stands behind the magic (`pg_backup_archiver.c`, `ReadHead`).
    newer[6] = 99;
    write("newer archive", newer);
    let mut script = fs::read_to_string(data.join("script")).expect("there");
    script.insert_str(script.find("\\.\n").expect("data end"), "HIDDEN row\n");
    write("wrong script", script.clone().into_bytes());
    write(
        "script with an extension",
        script.replace("HIDDEN row\n", "").replacen("\nSET ", "\nCREATE EXTENSION nowhere;\nSET ", 1).into(),
    );
    let sound = base(&server, &data);
    for (name, how) in [("torn", 0), ("logless", 1), ("manifest", 2)] {
        let place = data.join(name);
        copy(&sound, &place);
        match how {
            0 => tear_a_page(&server, &place),
            1 => {
                fs::remove_dir_all(place.join("pg_wal")).expect("there");
                fs::create_dir(place.join("pg_wal")).expect("writable");
                fs::remove_file(place.join("backup_manifest")).expect("there");
            }
            _ => fs::remove_file(place.join("global/pg_filenode.map")).expect("there"),
        }
    }
    let probes = drilled(&bench, &[], 4);
    let rows = ["pass", "restored into PostgreSQL", "sample: ", "public.pgbench_accounts 100000", "amcheck: ok"];
    let restored =
        |end: &str, probe: &str| says(&probes, end, &[&rows[..1], &[probe], &rows[1..2], &rows[3..]].concat());
    restored("data/archive", "postgres-archive");
    restored("data/script", "postgres-script");
    restored("data/script of all", "postgres-script");
    let started = ["pass postgres-base", "started as PostgreSQL 15", "pg_verifybackup: ok", rows[3], rows[4]];
    says(&probes, "data/base tar", &started);
    says(&probes, "sound/backup_label", &started);
    says(&probes, "cut archive", &["fail", "pg_restore reads it"]);
    says(&probes, "flipped archive", &["fail", "pg_restore"]);
    says(&probes, "newer archive", &["skipped", "unsupported version"]);
    says(&probes, "cut script", &["fail", "does not end with the mark"]);
    says(&probes, "wrong script", &["fail", "psql: exit status 3: ERROR 22", "line ", " of its data"]);
    says(&probes, "script with an extension", &["skipped", "nowhere", "is not available"]);
    says(&probes, "cut tar", &["fail postgres-base"]);
    says(&probes, "torn/backup_label", &["fail", "amcheck"]);
    says(&probes, "logless/backup_label", &["fail", "the server does not start from it: FATAL XX000"]);
    says(&probes, "manifest/backup_label", &["fail", "pg_verifybackup", "pg_filenode.map"]);
    let reports = reports(&bench);
    assert!(!reports.contains("HIDDEN") && !reports.contains(&password(&server)), "no row and no password");
}

#[test]
fn a_base_backup_of_another_version_is_skipped_and_strictly_that_counts() {
    let bench = prepared();
    let base = bench.folder("data/base");
    fs::write(base.join("backup_label"), "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n")
        .expect("ours");
    fs::write(base.join("PG_VERSION"), "99\n").expect("ours");
    says(&drilled(&bench, &["--strict"], 3), "backup_label", &["skipped postgres-base", "version 99"]);
}

/// Processes whose mounts tell that they run in this scratch.
fn in_scratch(bench: &Bench) -> usize {
    let scratch = bench.text("scratch");
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let mounts = processes.map(|process| fs::read_to_string(process.path().join("mountinfo")).unwrap_or_default());
    mounts.filter(|mounts| mounts.contains(&scratch)).count()
}

#[test]
fn a_server_of_a_killed_drill_dies_with_it_and_the_next_drill_cleans_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("postgres", folder.path()) else { return };
    let bench = prepared();
    let wait = "-- PostgreSQL database dump\n--\nselect pg_sleep(10000);\n-- PostgreSQL database dump complete\n";
    fs::write(bench.path("data/script"), format!("--\n{wait}")).expect("writable");
    bench.done(&["run", "--once"]);
    let mut running =
        drill_command(&bench, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let sleeps = || {
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let named = |name: &str| {
            processes
                .map(|it| fs::read_to_string(it.path().join("cmdline")).unwrap_or_default())
                .any(|it| it.contains(name))
        };
        named("offsite_drill restored [local] SELECT")
    };
    wait_until("a client of the drill's server sleeps", || sleeps() && in_scratch(&bench) > 3);
    running.kill().expect("ours");
    running.wait().expect("ours");
    wait_until("all of it is gone", || in_scratch(&bench) == 0);
    assert!(!inventory(&bench.path("scratch")).expect("readable").is_empty(), "it was killed in the middle");
    fs::write(bench.path("data/script"), "nothing").expect("writable");
    assert!(drilled(&bench, &[], 0).is_empty());
    drop(server);
}

pub fn mariadb(server: &Server, program: &str, words: &[&str]) -> Vec<u8> {
    let mut client = Command::new(program);
    client.args(["--no-defaults", "-h", "127.0.0.1", "-P", &server.port().to_string(), "-u", "ann"]);
    ask(client.arg(format!("-p{}", password(server))).args(words))
}

#[test]
fn a_dump_of_mariadb_comes_back_and_what_is_broken_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("mariadb", folder.path()) else { return };
    let bench = prepared();
    let data = bench.path("data");
    let dump = mariadb(&server, "mariadb-dump", &["--routines", "--triggers", "--events", "sample"]);
    fs::write(data.join("sample"), &dump).expect("writable");
    let many = mariadb(&server, "mariadb-dump", &["--databases", "sample"]);
    fs::write(data.join("databases"), many).expect("writable");
    cut(&data, "sample", "cut", 60);
    let dump = String::from_utf8(dump).expect("UTF-8");
    fs::write(data.join("wrong"), dump.replacen("(7,1000,", "('HIDDEN',1000,,", 1)).expect("writable");
    let other =
        dump.replacen("COLLATE=", "COLLATE=utf8mb4_nowhere_ci #", 1).replacen("-- MariaDB dump", "-- MySQL dump", 1);
    assert!(other.contains("nowhere"), "it was another server's");
    fs::write(data.join("others"), other).expect("writable");
    let probes = drilled(&bench, &[], 4);
    let restored = ["pass mariadb-dump", "restored into MariaDB 10", "2 tables, 20000 rows", "CHECK TABLE: ok"];
    says(&probes, "data/sample", &restored);
    says(&probes, "data/databases", &restored);
    says(&probes, "data/cut", &["fail", "-- Dump completed"]);
    says(&probes, "data/wrong", &["fail", "ERROR 1064"]);
    says(&probes, "data/others", &["skipped", "nowhere"]);
    assert!(!reports(&bench).contains("HIDDEN"), "no row");
}

#[test]
fn a_backup_of_firebird_comes_back_and_what_is_broken_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("firebird", folder.path()) else { return };
    let bench = prepared();
    let data = bench.path("data");
    let database = format!("127.0.0.1/{}:{}", server.port(), server.told("database"));
    let mut gbak = Command::new("gbak");
    gbak.args(["-b", "-user", "SYSDBA", "-password", &password(&server), &database]).arg(data.join("whole"));
    ask(&mut gbak);
    cut(&data, "whole", "cut", 60);
    let mut flipped = fs::read(data.join("whole")).expect("there");
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    let mut file = fs::File::create(data.join("flipped")).expect("writable");
    file.write_all(&flipped).expect("writable");
    let probes = drilled(&bench, &[], 4);
    says(&probes, "data/whole", &["pass firebird-backup", "nothing found", "2 tables, 20000 rows"]);
    says(&probes, "data/cut", &["fail", "gbak: exit status 1"]);
    says(&probes, "data/flipped", &["fail", "gbak"]);
}
