//! SQLite: `integrity_check` and `foreign_key_check`, with what lies in a hot journal or write-ahead log.
//!
//! A database that is whole by itself is opened as it lies, read-only and immutable. One with a journal beside it is
//! copied with it first, for opening it plays the journal.

mod asked;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::budget::Budget;
use super::{Answer, Asked, Finding};
use asked::Held;

/// Virtual machine steps between two looks at the clock.
const STEPS: i32 = 100_000;
/// Findings of `integrity_check` that are asked for, and foreign keys that are told.
const FINDINGS: usize = 20;
/// Beside the database; `-shm` is not wanted: it is made from the log.
const JOURNALS: [&str; 2] = ["-wal", "-journal"];

/// What is said of a database whose log may have been lost.
const WITHOUT_LOG: &str = "; in WAL mode and without its log: as of its last checkpoint";

/// A database's first bytes.
type Begin = [u8; 20];

pub(super) fn probe(path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let journals: Vec<&str> = JOURNALS.into_iter().filter(|end| has_bytes(&beside(path, end))).collect();
    if journals.is_empty() {
        let begin = whole_pages(path)?;
        let note = if is_without_log(path, &begin) { WITHOUT_LOG } else { "" };
        return check(open_immutable(path), budget, asked).map(|detail| format!("{detail}{note}"));
    }
    let copy = copy_with(path, &journals, work)
        .map_err(|error| Finding::Unable(format!("it can't be copied with its {}: {error}", journals.join(" and "))));
    let answer = copy.and_then(|copy| check(open_copy(&copy), budget, asked));
    answer.map(|detail| format!("with its {}: {detail}", journals.join(" and ")))
}

/// SQLite reads a page that the file ends in as if zeros followed, and would find a short file good. Page size: the two
/// bytes at 16, 1 for 64 KiB (file format 1.3.2).
fn whole_pages(path: &Path) -> Result<Begin, Finding> {
    let unable = |error: io::Error| Finding::Unable(format!("it can't be read: {error}"));
    let mut file = super::open(path).map_err(unable)?;
    let bytes = file.metadata().map_err(unable)?.len();
    let mut begin: Begin = [0; 20];
    file.read_exact(&mut begin).map_err(super::broken)?;
    let page = match u16::from_be_bytes([begin[16], begin[17]]) {
        1 => 1 << 16,
        page => u64::from(page),
    };
    if page >= 512 && bytes.is_multiple_of(page) {
        Ok(begin)
    } else {
        Err(Finding::Broken(format!("its {bytes} bytes are no whole number of pages of {page}")))
    }
}

/// Does it say that it writes a log (2 in the two bytes at 18, file format 1.3.3), and none is there, not even an empty
/// one? Who closes the database last removes its log, so this can't be told from a log that was not backed up.
fn is_without_log(path: &Path, begin: &Begin) -> bool {
    begin[18..20] == [2, 2] && fs::symlink_metadata(beside(path, "-wal")).is_err()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

fn has_bytes(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() > 0)
}

fn copy_with(path: &Path, journals: &[&str], work: &Path) -> io::Result<PathBuf> {
    let copy = work.join("probed.db");
    let mut pairs = vec![(path.to_owned(), copy.clone())];
    pairs.extend(journals.iter().map(|end| (beside(path, end), beside(&copy, end))));
    for (from, to) in pairs {
        io::copy(&mut super::open(&from)?, &mut fs::File::create_new(to)?)?;
    }
    Ok(copy)
}

fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags)
}

fn open_copy(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn check(opened: rusqlite::Result<Connection>, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let mut connection = opened.map_err(|error| of_sqlite(&error, budget))?;
    heed(&mut connection, budget).map_err(|error| of_sqlite(&error, budget))?;
    let integrity = rows(&connection, &format!("PRAGMA integrity_check({FINDINGS})"), budget)?;
    if integrity != ["ok"] {
        return Err(Finding::Broken(format!("integrity_check: {}", integrity.join("; "))));
    }
    let keys = rows(&connection, "PRAGMA foreign_key_check", budget)?;
    if let Some(table) = keys.first() {
        let count = if keys.len() < FINDINGS { keys.len().to_string() } else { format!("{FINDINGS} or more") };
        return Err(Finding::Broken(format!("integrity_check: ok; foreign_key_check: {count} rows, first in {table}")));
    }
    if asked.is_wanted() {
        asked.ask(&mut Held::of(connection).map_err(|error| of_sqlite(&error, budget))?, budget);
    }
    Ok("integrity_check: ok; foreign_key_check: ok".to_owned())
}

/// What it does ends with the budget.
fn heed(connection: &mut Connection, budget: &Budget) -> rusqlite::Result<()> {
    let left = budget.clone();
    connection.progress_handler(STEPS, Some(move || !left.spend(0)))
}

/// The first column of the answer.
fn rows(connection: &Connection, question: &str, budget: &Budget) -> Result<Vec<String>, Finding> {
    let ask = || {
        let mut statement = connection.prepare(question)?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?;
        found.take(FINDINGS).collect::<rusqlite::Result<Vec<_>>>()
    };
    ask().map_err(|error| of_sqlite(&error, budget))
}

fn of_sqlite(error: &rusqlite::Error, budget: &Budget) -> Finding {
    let text = error.to_string();
    if let Some(why) = budget.overrun() {
        return Finding::Unable(why);
    }
    let lacks_room = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::OutOfMemory));
    // The application brings modules and collations that its tables need; without them nothing can be said.
    let lacks_module = text.starts_with("no such module: ") || text.starts_with("no such collation sequence: ");
    if lacks_room || lacks_module {
        return Finding::Unable(text);
    }
    // A message may quote what lies in the database.
    Finding::Broken(match error.sqlite_error() {
        Some(error) => error.to_string(),
        None => "its answer is none that SQLite gives".to_owned(),
    })
}
