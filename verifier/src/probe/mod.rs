//! What the data *is*: found by content, never by name, then read whole by the code that people would open it with.
//!
//! In: one restored file. Out: what was run and what it said. Invariants: a probe never writes to the file that it
//! looks at; what was not read to the end is `skipped` with the reason, never `pass`; a probe that panics all the same
//! is `skipped` too.
//! A file that was already broken at the source fails too: its copy is exact, and still does not open.
//! Deliberately absent: whether the file is the one that was backed up, which is `compare`'s question.

mod budget;
mod bzip2;
pub(crate) mod canary;
pub(crate) mod command;
mod copy_folder;
mod firebird;
mod gzip;
mod image;
mod kind;
mod mariadb;
mod office;
mod pdf;
mod picture;
mod postgres;
pub(crate) mod question;
pub mod samples;
mod sandbox;
mod sqlite;
mod tar;
mod tool;
mod xz;
mod zip;
mod zstd;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;

pub use budget::{Budget, Limits};
use kind::is_tar;
pub use kind::{HEAD_BYTES, ProbeKind, recognise};
use question::{Looked, Questions, Response};

use crate::verdict::ProbeVerdict;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Does it open?
    pub verdict: ProbeVerdict,
    /// What was run and how it ended, or why it was skipped: names and numbers, nothing of what lies in files.
    pub detail: String,
    /// Last words of programs, which may hold what lies in files: for a terminal, and no report.
    pub words: Vec<String>,
}

/// Why a probe can't say that the data opens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// It does not open.
    Broken(String),
    /// It could not be tried, or not to the end.
    Unable(String),
}

impl Finding {
    fn text(self) -> String {
        let (Self::Broken(text) | Self::Unable(text)) = self;
        text
    }
}

/// What was run and how it ended.
type Answer = Result<String, Finding>;

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        let (verdict, detail) = match answer {
            Ok(detail) => (ProbeVerdict::Pass, detail),
            Err(Finding::Broken(detail)) => (ProbeVerdict::Fail, detail),
            Err(Finding::Unable(detail)) => (ProbeVerdict::Skipped, detail),
        };
        Self { verdict, detail, words: Vec::new() }
    }
}

/// The kind of the file at `path`, if it is one that a probe knows.
///
/// # Errors
/// If it can't be read.
pub fn kind_of(path: &Path) -> io::Result<Option<ProbeKind>> {
    let head = head_of(path)?;
    let Some(kind) = recognise(&head) else {
        return Ok(image::is_image(&open(path)?)?.then_some(ProbeKind::Image));
    };
    // A label of an old backup lies in folders that are none any more, under another name.
    let is_old = kind == ProbeKind::PostgresBase && !is_tar(&head) && !path.ends_with("backup_label");
    Ok((!is_old).then_some(kind))
}

/// Reads the file at `path` whole, as what `kind` says it is. `work` is an empty folder for copies; it is left empty.
#[must_use]
pub fn probe(kind: ProbeKind, path: &Path, work: &Path, budget: &Budget) -> Outcome {
    ask(&Questions::NONE, kind, path, work, budget).0
}

/// The same, and asks a database that opens what a job asks of it.
#[must_use]
pub(crate) fn ask(questions: &Questions<'_>, kind: ProbeKind, path: &Path, work: &Path, budget: &Budget) -> Looked {
    let finding = match kind_of(path) {
        Ok(Some(found)) if found == kind => {
            let mut asked = Asked { questions, responses: Vec::new() };
            let ran = std::panic::catch_unwind(AssertUnwindSafe(|| run(kind, path, work, budget, &mut asked)));
            clear(work);
            let broke_off = |_| Err(Finding::Unable("the probe itself broke off: this is a defect".to_owned()));
            let words = |answer: &Answer| if answer.is_ok() { Vec::new() } else { budget.heard() };
            let answer = ran.unwrap_or_else(broke_off);
            return (Outcome { words: words(&answer), ..answer.into() }, asked.responses);
        }
        Ok(_) => Finding::Broken(format!("it does not begin as {kind} does")),
        Err(error) => Finding::Unable(format!("it can't be read: {error}")),
    };
    (Err(finding).into(), Vec::new())
}

/// What a database is asked once it was found good, and what came of it.
struct Asked<'a> {
    questions: &'a Questions<'a>,
    responses: Vec<Response>,
}

impl Asked<'_> {
    fn ask(&mut self, database: &mut dyn question::Database, budget: &Budget) {
        self.responses.extend(question::ask(self.questions, database, budget));
    }

    /// Is there anything to ask?
    fn is_wanted(&self) -> bool {
        !self.questions.probes.is_empty()
    }
}

fn run(kind: ProbeKind, path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let answer = match kind {
        ProbeKind::Sqlite => return sqlite::probe(path, work, budget, asked),
        ProbeKind::PostgresArchive => postgres::probe_archive(path, work, budget, asked),
        ProbeKind::PostgresScript => postgres::probe_script(path, work, budget, asked),
        ProbeKind::PostgresBase => postgres::probe_base(path, work, budget, asked),
        ProbeKind::MariaDb => mariadb::probe(path, work, budget, asked),
        ProbeKind::Firebird => firebird::probe(path, work, budget, asked),
        ProbeKind::Image => image::probe(path, work, budget),
        ProbeKind::Zip => zip::probe(opened(path)?, budget),
        ProbeKind::Gzip => gzip::probe(opened(path)?, budget),
        ProbeKind::Zstd => zstd::probe(opened(path)?, budget),
        ProbeKind::Tar => tar::probe(opened(path)?, budget),
        ProbeKind::Xz => xz::probe(opened(path)?, budget),
        ProbeKind::Bzip2 => bzip2::probe(opened(path)?, budget),
        ProbeKind::Pdf => pdf::probe(opened(path)?, budget),
        ProbeKind::Png => picture::probe_png(opened(path)?, budget),
        ProbeKind::Jpeg => picture::probe_jpeg(opened(path)?, budget),
        ProbeKind::Canary => canary::probe(opened(path)?, budget),
        ProbeKind::Command | ProbeKind::Newest | ProbeKind::Query => Err(unable("no file is of this kind")),
    };
    match (answer, budget.overrun()) {
        (Err(Finding::Broken(_)), Some(why)) => Err(Finding::Unable(why)),
        (answer, _) => answer,
    }
}

fn opened(path: &Path) -> Result<File, Finding> {
    open(path).map_err(|error| unable(format!("it can't be read: {error}")))
}

/// Leaves `work` empty. What was killed may just be ending; what can't be removed goes with the scratch folder.
fn clear(work: &Path) {
    for _ in 0..100 {
        let entries: Vec<_> = std::fs::read_dir(work).into_iter().flatten().flatten().collect();
        if entries.is_empty() {
            return;
        }
        for entry in entries {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let path = entry.path();
            let gone = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            if gone.is_err() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Opens a regular file; never follows a link, never waits for a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(|_| io::ErrorKind::Unsupported)?;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn broken(error: impl std::fmt::Display) -> Finding {
    Finding::Broken(error.to_string())
}

fn unable(why: impl Into<String>) -> Finding {
    Finding::Unable(why.into())
}

/// Text from a file, short and without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests;
