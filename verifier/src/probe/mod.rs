//! What the data *is*: found by content, never by name, then read whole by the code that people would open it with.
//!
//! In: one restored file. Out: what was run and what it said. Invariants: a probe never writes to the file that it
//! looks at; what was not read to the end is `skipped` with the reason, never `pass`; a probe that panics all the same is `skipped` too.
//! A file that was already broken at the source fails too: its copy is exact, and still does not open.
//! Deliberately absent: whether the file is the one that was backed up, which is `compare`'s question.

mod budget;
mod gzip;
mod kind;
pub mod samples;
mod sqlite;
mod tar;
mod zip;
mod zstd;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;

pub use budget::{Budget, Limits};
pub use kind::{HEAD_BYTES, ProbeKind, recognise};

use crate::verdict::ProbeVerdict;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Does it open?
    pub verdict: ProbeVerdict,
    /// What was run and what it said, or why it was skipped.
    pub detail: String,
}

/// Why a probe can't say that the data opens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// It does not open.
    Broken(String),
    /// It could not be tried, or not to the end.
    Unable(String),
}

/// What was run and what it said.
type Answer = Result<String, Finding>;

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        let (verdict, detail) = match answer {
            Ok(detail) => (ProbeVerdict::Pass, detail),
            Err(Finding::Broken(detail)) => (ProbeVerdict::Fail, detail),
            Err(Finding::Unable(detail)) => (ProbeVerdict::Skipped, detail),
        };
        Self { verdict, detail }
    }
}

/// The kind of the file at `path`, if it is one that a probe knows.
///
/// # Errors
/// If it can't be read.
pub fn kind_of(path: &Path) -> io::Result<Option<ProbeKind>> {
    Ok(recognise(&head_of(path)?))
}

/// Reads the file at `path` whole, as what `kind` says it is. `work` is an empty folder for copies; it is left empty.
#[must_use]
pub fn probe(kind: ProbeKind, path: &Path, work: &Path, budget: &Budget) -> Outcome {
    let begins = head_of(path).map(|head| recognise(&head));
    match begins {
        Ok(Some(found)) if found == kind => {
            let ran = std::panic::catch_unwind(AssertUnwindSafe(|| run(kind, path, work, budget)));
            let broke_off = |_| Err(Finding::Unable("the probe itself broke off: this is a defect".to_owned()));
            ran.unwrap_or_else(broke_off).into()
        }
        Ok(_) => Err(Finding::Broken(format!("it does not begin as {kind} does"))).into(),
        Err(error) => Err(Finding::Unable(format!("it can't be read: {error}"))).into(),
    }
}

fn run(kind: ProbeKind, path: &Path, work: &Path, budget: &Budget) -> Answer {
    if kind == ProbeKind::Sqlite {
        return sqlite::probe(path, work, budget);
    }
    let file = open(path).map_err(|error| Finding::Unable(format!("it can't be read: {error}")))?;
    let answer = match kind {
        ProbeKind::Zip => zip::probe(file, budget),
        ProbeKind::Gzip => gzip::probe(file, budget),
        ProbeKind::Zstd => zstd::probe(file, budget),
        ProbeKind::Tar | ProbeKind::Sqlite => tar::probe(file, budget),
    };
    match (answer, budget.overrun()) {
        (Err(Finding::Broken(_)), Some(why)) => Err(Finding::Unable(why)),
        (answer, _) => answer,
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

#[cfg(test)]
mod tests;
