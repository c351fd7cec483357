//! Jobs of SQLite databases that clients write to while a point is made.
//!
//! The clients move amounts from one account to another and never stop: a state that existed is one in which the sum is
//! what it was, and each transfer is booked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use fixtures::Bench;
use fixtures::bench::wait_until;
use rusqlite::Connection;

use crate::harness::bench;

const ACCOUNTS: i64 = 20_000;

/// A database with accounts, in this journal mode.
fn database(path: &Path, mode: &str) -> Connection {
    let database = Connection::open(path).expect("made");
    database
        .execute_batch(&format!(
            "pragma journal_mode = {mode}; create table account (id integer primary key, balance integer, note text);
             create table ledger (number integer primary key, delta integer);
             with recursive n(i) as (select 1 union all select i + 1 from n where i < {ACCOUNTS})
             insert into account select i, 1000, hex(randomblob(40)) from n;"
        ))
        .expect("filled");
    database
}

/// A client that writes until it is dropped.
struct Writer {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// It waits that long for others, and panics if that is not enough.
    fn new(path: &Path, patience: Duration) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (asked, counted, path) = (Arc::clone(&stop), Arc::clone(&done), path.to_owned());
        let thread = std::thread::spawn(move || {
            let mut database = Connection::open(path).expect("there");
            database.busy_timeout(patience).expect("set");
            while !asked.load(Ordering::SeqCst) {
                let turn = i64::try_from(counted.fetch_add(1, Ordering::SeqCst)).expect("few");
                let transfer = database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
                let transfer = transfer.expect("nobody is in the way");
                for (account, delta) in [(turn * 7919 % ACCOUNTS + 1, -1), (turn * 10_4729 % ACCOUNTS + 1, 1)] {
                    let change = "update account set balance = balance + ?2 where id = ?1";
                    transfer.execute(change, [account, delta]).expect("changed");
                    transfer.execute("insert into ledger (delta) values (?1)", [delta]).expect("booked");
                }
                transfer.commit().expect("nobody is in the way");
            }
        });
        let writer = Self { stop, done, thread: Some(thread) };
        wait_until("somebody writes", || writer.done() > 3);
        writer
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// How many transfers it made.
    fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("not ended").join().expect("nobody was in its way");
        self.done()
    }
}

/// A bench with a job `db` of these databases, and one destination; prepared.
fn protecting(pattern: &str) -> Bench {
    let bench = bench();
    let at = bench.path("");
    bench.configure(&format!(
        "[job.db]\nsource = {{ sqlite = \"{0}/{pattern}\" }}\noffsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{0}/usb\"\n",
        at.display()
    ));
    bench.done(&["init"]);
    bench
}

/// The newest point of a database, restored from the destination.
fn restored(bench: &Bench, name: &str) -> PathBuf {
    bench.done(&["copy"]);
    let to = bench.path("restored");
    let _ = fs::remove_dir_all(&to);
    bench.done(&["restore", "db", "--from", "usb", "--to", &to.display().to_string()]);
    to.join(bench.path(name).strip_prefix("/").expect("absolute"))
}

/// It opens, passes its own check, and holds a state that existed: so many transfers.
#[track_caller]
fn transfers(path: &Path) -> u64 {
    let database = Connection::open(path).expect("opens");
    let one = |query: &str| database.query_row(query, [], |row| row.get::<_, i64>(0)).expect("answers");
    let check: String = database.query_row("pragma integrity_check", [], |row| row.get(0)).expect("answers");
    assert_eq!(check, "ok");
    assert_eq!(one("select sum(balance) from account"), ACCOUNTS * 1000);
    assert_eq!(one("select coalesce(sum(delta), 0) from ledger"), 0);
    u64::try_from(one("select count(*) from ledger") / 2).expect("not negative")
}

#[test]
fn a_database_with_a_log_is_read_while_clients_write_and_none_of_them_waits() {
    let bench = protecting("app.db");
    let _open = database(&bench.path("app.db"), "wal");
    // A client that waits for nobody: it would fail at once.
    let writer = Writer::new(&bench.path("app.db"), Duration::ZERO);
    for _ in 0..3 {
        let before = writer.done();
        bench.done(&["backup"]);
        let after = writer.done();
        assert!(after > before + 1, "it went on");
        let found = transfers(&restored(&bench, "app.db"));
        assert!((before - 1..=after + 1).contains(&found), "{before} {found} {after}");
    }
    writer.end();
}

#[test]
fn a_database_without_a_log_is_read_between_transactions() {
    let bench = protecting("app.db");
    drop(database(&bench.path("app.db"), "delete"));
    let writer = Writer::new(&bench.path("app.db"), Duration::from_secs(30));
    for _ in 0..3 {
        let before = writer.done();
        bench.done(&["backup"]);
        let found = transfers(&restored(&bench, "app.db"));
        assert!((before - 1..=writer.done() + 1).contains(&found), "{before} {found}");
    }
    let all = writer.end();
    bench.done(&["backup"]);
    assert_eq!(transfers(&restored(&bench, "app.db")), all, "nobody writes any more");
}

#[test]
fn what_only_the_log_of_a_crash_has_is_in_the_point_and_a_log_begun_anew_is_not_mixed_in() {
    let bench = protecting("app.db");
    let open = database(&bench.path("app.db"), "wal");
    open.execute_batch("pragma wal_autocheckpoint = 0; insert into ledger (delta) values (1), (-1);").expect("booked");
    // As after a power cut: the index of the log is gone.
    fs::create_dir(bench.path("crashed")).expect("new");
    for ending in ["", "-wal"] {
        let name = format!("app.db{ending}");
        fs::copy(bench.path(&name), bench.path("crashed").join(name)).expect("copied");
    }
    bench.done(&["backup"]);
    assert_eq!(transfers(&restored(&bench, "app.db")), 1, "in the log only");
    open.execute_batch("pragma wal_checkpoint(full);").expect("all of it is in the database");
    open.execute_batch("insert into ledger (delta) values (2), (-2);").expect("the log begins anew");
    bench.done(&["backup"]);
    assert_eq!(transfers(&restored(&bench, "app.db")), 2);
    drop(open);
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(bench.path(&format!("app.db{ending}")));
        let _ = fs::copy(bench.path("crashed").join(format!("app.db{ending}")), bench.path(&format!("app.db{ending}")));
    }
    bench.done(&["backup"]);
    assert_eq!(transfers(&restored(&bench, "app.db")), 1, "without an index");
    assert!(bench.path("app.db-wal").exists(), "nothing of the source is changed");
}

#[test]
fn a_transaction_that_broke_off_makes_no_point_and_is_told() {
    let bench = protecting("app.db");
    let open = database(&bench.path("app.db"), "delete");
    bench.done(&["backup"]);
    // More than its cache holds is written to the database before the end.
    open.execute_batch("pragma cache_size = 10; begin; update account set balance = 0;").expect("not ended");
    let (crashed, journal) = (bench.path("app.new"), bench.path("journal.new"));
    fs::copy(bench.path("app.db"), &crashed).expect("copied");
    fs::copy(bench.path("app.db-journal"), &journal).expect("copied");
    drop(open);
    fs::rename(&crashed, bench.path("app.db")).expect("ours");
    fs::rename(&journal, bench.path("app.db-journal")).expect("ours");
    let _ = bench.engine(&["backup"]).exits(1).says("broke off").says("the last good point stays");
    assert_eq!(bench.points().len(), 1);
    assert_eq!(transfers(&restored(&bench, "app.db")), 0);
    // Its program opens it, and it is put right.
    assert_eq!(transfers(&bench.path("app.db")), 0);
    bench.done(&["backup"]);
    assert_eq!(bench.points().len(), 2);
}

#[test]
fn a_glob_takes_every_database_below_and_not_what_lies_beside_them() {
    let bench = protecting("data/**/*.db*");
    for name in ["data/a.db", "data/deep/er/b.db", "data/deep/c.dbx"] {
        let path = bench.path(name);
        fs::create_dir_all(path.parent().expect("below")).expect("made");
        std::mem::forget(database(&path, "wal"));
    }
    fs::write(bench.path("data/note.txt"), "no database").expect("writable");
    let made = bench.done(&["backup"]);
    assert_eq!(made["points"][0]["files"], 3, "{made:#}");
    for name in ["data/a.db", "data/deep/er/b.db", "data/deep/c.dbx"] {
        assert_eq!(transfers(&restored(&bench, name)), 0, "{name}");
    }
    let none = protecting("nothing/*.db");
    fs::create_dir(none.path("nothing")).expect("new");
    let _ = none.engine(&["backup"]).exits(1).says("no database fits");
}

#[test]
fn a_database_that_stays_locked_makes_no_point_and_the_last_good_one_stays_the_newest() {
    let bench = protecting("app.db");
    let open = database(&bench.path("app.db"), "delete");
    bench.done(&["backup"]);
    open.execute_batch(
        "pragma locking_mode = exclusive; begin exclusive; insert into ledger (delta) values (1), (-1);",
    )
    .expect("nobody else has it");
    let _ = bench.engine(&["backup"]).exits(1).says("holds it locked").says("the last good point stays");
    assert_eq!(bench.points().len(), 1);
    assert_eq!(transfers(&restored(&bench, "app.db")), 0);
}

#[test]
fn encrypted_pages_are_copied_whole_while_a_program_writes_them() {
    for mode in ["wal", "delete"] {
        let folder = tempfile::tempdir().expect("a folder");
        let words = format!("mode={mode}");
        let Some(writer) = fixtures::Server::start_as("sqlcipher", &[&words], folder.path()) else { return };
        let bench = bench();
        let ledger = writer.data().join("ledger.db");
        bench.configure(&format!("[job.data]\nsource = {{ sqlite = \"{}\" }}\n", ledger.display()));
        bench.done(&["init"]);
        for _ in 0..2 {
            bench.done(&["backup"]);
            let restored = bench.restored("data", "home", &ledger);
            let mut check = std::process::Command::new(writer.told("python"));
            let checked = check.arg(writer.told("script")).arg("check").arg(&restored.path).output().expect("it runs");
            assert!(checked.status.success(), "{mode}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}
