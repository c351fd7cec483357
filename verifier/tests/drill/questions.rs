//! What a job asks of its databases: the newest row of a table, and queries, of real databases of every kind. Those of
//! servers need root; they say SKIPPED without.

use std::fs;
use std::process::Command;

use fixtures::{Bench, Server};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::databases::{ask, drilled, mariadb, password, postgres};
use crate::harness::{bare, drill, reports};

/// What every kind of database is asked: what the drill says of it, by a part of the detail.
const ASKED: &str = r#"
[[job.data.probe]]
newest = { table = 'weird"name', column = "made", within = "1d" }
[[job.data.probe]]
newest = { table = "stale", column = "made", within = "1d" }
[[job.data.probe]]
newest = { table = "stale", column = "other" }
[[job.data.probe]]
newest = { table = "gone", column = "made" }
[[job.data.probe]]
newest = { table = 'stale"; drop table stale; --', column = "made" }
[[job.data.probe]]
query = "select count(*) from stale;"
[[job.data.probe]]
query = "select count(*) - 1 from stale"
[[job.data.probe]]
query = "select note from stale"
[[job.data.probe]]
query = "select * from stale"
expect = "rows 1"
[[job.data.probe]]
query = "select stale.* from stale"
expect = "rows 2.."
[[job.data.probe]]
query = "delete from stale"
[[job.data.probe]]
query = "select count(*) from gone"
"#;

/// A bench whose job asks that.
fn asking(lines: &str) -> Bench {
    let bench = bare();
    let _ = bench.folder("data");
    bench.configure_simply(lines, &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    bench
}

/// A moment so many days ago, as databases write it, in UTC.
fn days_ago(days: i64) -> String {
    let then = Timestamp::now() - SignedDuration::from_hours(24 * days);
    then.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The answers about a file whose detail has all these parts, as `VERDICT PROBE: DETAIL`.
fn said(probes: &[Value], end: &str, parts: &[&str]) -> Vec<String> {
    let text = |probe: &Value, key: &str| probe[key].as_str().expect("text").to_owned();
    let own = probes.iter().filter(|probe| probe["probe"] == "newest" || probe["probe"] == "query");
    let here =
        own.filter(|probe| text(probe, "path").ends_with(end) && end.is_empty() == text(probe, "path").is_empty());
    let all = here.map(|it| format!("{} {}: {}", text(it, "verdict"), text(it, "probe"), text(it, "detail")));
    all.filter(|said| parts.iter().all(|part| said.contains(part))).collect()
}

#[track_caller]
fn one(probes: &[Value], end: &str, parts: &[&str]) -> String {
    let found = said(probes, end, parts);
    let all = said(probes, end, &[]);
    assert_eq!(found.len(), 1, "{end}: {parts:?}: {all:#?}");
    found[0].clone()
}

/// All of [`ASKED`], of one database in a file whose path ends so.
#[track_caller]
fn answers(probes: &[Value], end: &str) {
    let days = format!("newest row of stale.made: {}", &days_ago(3)[..8]);
    let _ = one(probes, end, &["pass newest: ", "newest row of weird\"name.made: ", " before the point)"]);
    let _ = one(probes, end, &["fail newest: ", &days, "(3 days before the point), expected: within 24 h"]);
    let _ = one(probes, end, &["fail newest: ", "newest row of stale.other: the table has no such column"]);
    let _ = one(probes, end, &["pass query: ", "`select count(*) from stale;`: as expected: true"]);
    let _ = one(probes, end, &["fail query: ", "`select count(*) - 1 from stale`: not as expected: true"]);
    let _ = one(probes, end, &["fail query: ", "`select note from stale`: not as expected: true"]);
    let _ = one(probes, end, &["pass query: ", "`select * from stale`: as expected: 1 row"]);
    let _ = one(probes, end, &["fail query: ", "`select stale.* from stale`: not as expected: 2 rows or more"]);
    let _ = one(probes, end, &["fail query: ", "`delete from stale`: it does more than read"]);
    assert_eq!(said(probes, end, &[]).len(), 9, "{:#?}", said(probes, end, &[]));
}

/// What no database answers, of so many.
#[track_caller]
fn unanswered(probes: &[Value], databases: &str) {
    let told = format!("in {databases} that opened");
    for part in ["newest row of gone.made", "newest row of stale\"; drop table stale; --.made"] {
        let _ = one(probes, "", &["fail newest: ", part, "no such table", &told]);
    }
    let _ = one(probes, "", &["fail query: ", "`select count(*) from gone`", "what it names is not", &told]);
}

#[test]
fn an_sqlite_database_answers_and_its_rows_stand_in_no_report() {
    let bench = asking(ASKED);
    let database = rusqlite::Connection::open(bench.path("data/app.db")).expect("a database");
    let rows = format!(
        "create table \"weird\"\"name\" (made text); insert into \"weird\"\"name\" values ('{}');
         create table stale (made text, note text); insert into stale values ('{}', 'HIDDEN');",
        days_ago(0),
        days_ago(3)
    );
    database.execute_batch(&rows).expect("SQL");
    drop(database);
    fs::write(bench.path("data/text"), "no database").expect("writable");
    rusqlite::Connection::open(bench.path("data/other.db"))
        .expect("one")
        .execute_batch("create table t (a)")
        .expect("SQL");
    let probes = drilled(&bench, &[], 4);
    answers(&probes, "data/app.db");
    unanswered(&probes, "2 databases");
    assert_eq!(said(&probes, "data/other.db", &[]), Vec::<String>::new(), "it knows nothing of all that");
    let ran = drill(&bench, &["--verbose"]).exits(4);
    assert!(ran.err.contains("HIDDEN") && !ran.out.contains("HIDDEN") && !reports(&bench).contains("HIDDEN"), "{ran}");
    let untested = ran.json()["drills"][0]["not-tested"].to_string();
    assert!(!untested.contains("can fail on what came back"), "copies of it were broken: {untested}");
}

#[test]
fn a_fresh_database_passes_and_one_that_is_lost_or_stale_fails_the_drill() {
    let probe = "probe = { newest = { table = \"orders\", column = \"at\", within = \"1d\" }, in = \"data/app.db\" }";
    let bench = asking(probe);
    let fill = |name: &str, days: i64| {
        let database = rusqlite::Connection::open(bench.path("data").join(name)).expect("a database");
        let rows = format!(
            "create table if not exists orders (at); delete from orders; insert into orders values ('{}')",
            days_ago(days)
        );
        database.execute_batch(&rows).expect("SQL");
    };
    fill("app.db", 0);
    fill("old copy.db", 400);
    let told = one(&drilled(&bench, &["--strict"], 0), "app.db", &["pass newest: newest row of orders.at: "]);
    assert!(told.ends_with("before the point)"), "{told}");
    fill("app.db", 2);
    let _ = one(&drilled(&bench, &[], 4), "app.db", &["fail newest: ", "expected: within 24 h"]);
    fs::remove_file(bench.path("data/app.db")).expect("there");
    let _ = one(&drilled(&bench, &[], 4), "", &["fail newest: ", "no database in `data/app.db` opened"]);
}

#[test]
fn what_a_database_that_can_not_be_tried_would_answer_is_skipped() {
    let bench = asking("probe = { query = \"select 1\" }");
    let base = bench.folder("data/base");
    let label = "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n";
    fs::write(base.join("backup_label"), label).expect("ours");
    fs::write(base.join("PG_VERSION"), "99\n").expect("ours");
    let _ = one(&drilled(&bench, &["--strict"], 3), "", &["skipped query: ", "and 1 could not be tried"]);
}

#[test]
fn postgres_answers_from_an_archive_a_script_and_a_base_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("postgres", folder.path()) else { return };
    let more = "[[job.data.probe]]\nnewest = { table = 'only \"here', column = \"Made\", within = \"1d\" }\n";
    let bench = asking(&format!("{ASKED}{more}"));
    let sql = format!(
        "create table \"weird\"\"name\" (made timestamptz); insert into \"weird\"\"name\" values (now());
         create table stale (made timestamp, note text); insert into stale values ('{}', 'HIDDEN');
         create schema \"s\"\"x\"; create table \"s\"\"x\".\"only \"\"here\" (\"Made\" bigint, made int);
         insert into \"s\"\"x\".\"only \"\"here\" values (extract(epoch from now()), 1);
         drop table pgbench_accounts;",
        days_ago(3)
    );
    postgres(&server, "psql", &["-v", "ON_ERROR_STOP=1", "-d", "sample", "-c", &sql]);
    let write = |name: &str, bytes: Vec<u8>| fs::write(bench.path("data").join(name), bytes).expect("writable");
    write("archive", postgres(&server, "pg_dump", &["-F", "custom", "sample"]));
    write("script of all", postgres(&server, "pg_dumpall", &[]));
    write("base tar", postgres(&server, "pg_basebackup", &["-X", "fetch", "-c", "fast", "-F", "tar", "-D", "-"]));
    let probes = drilled(&bench, &[], 4);
    for end in ["data/archive", "data/script of all", "data/base tar"] {
        let own = one(&probes, end, &["pass newest: ", "newest row of only \"here.Made: ", "before the point)"]);
        assert_eq!(own.contains("database sample: "), end != "data/archive", "{own}");
        let others: Vec<Value> = probes
            .iter()
            .filter(|it| !it["detail"].as_str().is_some_and(|it| it.contains("only \"here")))
            .cloned()
            .collect();
        answers(&others, end);
    }
    unanswered(&probes, "3 databases");
    for made in ["archive", "script of all"] {
        fs::remove_file(bench.path("data").join(made)).expect("there");
    }
    let _ = drilled(&bench, &[], 4);
    let told = "the probe of newest can fail on what came back: no single small file answered it: only a sample of it";
    assert!(reports(&bench).contains(told), "a base backup is no single file");
    assert!(!reports(&bench).contains("HIDDEN"), "no row");
}

#[test]
fn a_dump_of_mariadb_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("mariadb", folder.path()) else { return };
    let more = "[[job.data.probe]]\nnewest = { table = \"tick`s\", column = \"MADE\", within = \"1d\" }\n";
    let bench = asking(&format!("{ASKED}{more}"));
    let sql = format!(
        "create table `weird\"name` (made timestamp); insert into `weird\"name` values (current_timestamp);
         create table stale (made datetime, note text); insert into stale values ('{}', 'HIDDEN');
         create table `tick``s` (made datetime); insert into `tick``s` values (utc_timestamp);",
        days_ago(3)
    );
    mariadb(&server, "mariadb", &["sample", "-e", &sql]);
    let write = |name: &str, bytes: Vec<u8>| fs::write(bench.path("data").join(name), bytes).expect("writable");
    write("one", mariadb(&server, "mariadb-dump", &["sample"]));
    write("databases", mariadb(&server, "mariadb-dump", &["--databases", "sample"]));
    let probes = drilled(&bench, &[], 4);
    for end in ["data/one", "data/databases"] {
        let own = one(&probes, end, &["pass newest: ", "newest row of tick`s.MADE: ", "before the point)"]);
        assert_eq!(own.contains("database sample: "), end == "data/databases", "{own}");
        let others: Vec<Value> = probes
            .iter()
            .filter(|it| !it["detail"].as_str().is_some_and(|it| it.contains("tick`s")))
            .cloned()
            .collect();
        answers(&others, end);
    }
    unanswered(&probes, "2 databases");
    assert!(!reports(&bench).contains("HIDDEN"), "no row");
}

#[test]
fn a_backup_of_firebird_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("firebird", folder.path()) else { return };
    let bench = asking(ASKED);
    let database = format!("127.0.0.1/{}:{}", server.port(), server.told("database"));
    let login = ["-user".to_owned(), "SYSDBA".to_owned(), "-password".to_owned(), password(&server)];
    let sql = format!(
        "create table \"weird\"\"name\" (made timestamp);\ncreate table stale (made timestamp, note varchar(80));\n\
         commit;\ninsert into \"weird\"\"name\" values ('{}');\ninsert into stale values ('{}', 'HIDDEN');\ncommit;\n",
        days_ago(0),
        days_ago(3)
    );
    fs::write(bench.path("made.sql"), sql).expect("writable");
    ask(Command::new("isql-fb").args(["-q", "-b"]).args(&login).arg(&database).arg("-i").arg(bench.path("made.sql")));
    ask(Command::new("gbak").arg("-b").args(&login).arg(&database).arg(bench.path("data/backup")));
    let probes = drilled(&bench, &[], 4);
    answers(&probes, "data/backup");
    unanswered(&probes, "1 database");
    assert!(!reports(&bench).contains("HIDDEN"), "no row");
}
