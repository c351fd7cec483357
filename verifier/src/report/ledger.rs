//! Reports as files under `state/reports`, numbered, signed, each with the digest of the one before.
//!
//! A file is written under a temporary name, flushed, given its name only if nothing has it, and its folder flushed.
//! One verifier at a time writes: the folder's lock is held from looking for the newest to naming the next.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use engine::format::DrillHead;
use engine::model::{Digest, Time, VerifierId};
use engine::port::Entropy;

use super::entry::{self, Brief, Entry, Seal};
use super::facts::Setting;
use super::file::write_new;
use super::key::{Key, PublicKey};
use super::past::past;
use super::record::{Identity, ReportFile};
use super::{signed, view};
use crate::drill::Drill;
use crate::private;

const LOCK: &str = ".lock";
const HEADS_LOCK: &str = ".heads-lock";
const VERIFIER_ID: &str = "verifier-id";
/// So many reports are looked at for plots and for the one before.
const PAST_MAX: usize = 400;

/// Why a report can't be written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The state folder can't be used.
    #[error("reports can't be kept at {}", path.display())]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What the verifier is called is not what was written.
    #[error("{} does not hold a verifier's id", .0.display())]
    Id(PathBuf),
    /// The key can't be read, or is none.
    #[error("the key that signs reports can't be used; it is kept as verifier-key in {}", state.display())]
    Key {
        /// The state folder.
        state: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Where reports go.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    verifier: VerifierId,
    key: Key,
    /// Reports have higher numbers than this one.
    above: u64,
}

/// A report that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// Its number.
    pub sequence: u64,
    /// BLAKE3 of its file.
    pub digest: Digest,
    /// Views of it that could not be written.
    pub problems: Vec<String>,
}

/// The folder of reports in a state folder.
#[must_use]
pub fn reports_folder(state: &Path) -> PathBuf {
    state.join("reports")
}

impl Ledger {
    /// Opens the ledger in `state`; makes what is missing.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(state: &Path, entropy: &dyn Entropy) -> Result<Self, LedgerError> {
        let folder = reports_folder(state);
        let unusable = |source| LedgerError::Unusable { path: folder.clone(), source };
        private::folder(&folder).map_err(unusable)?;
        let _held = hold(&folder, LOCK).map_err(unusable)?;
        let verifier = match id_in(state).map_err(unusable)? {
            Some(text) => text.parse().map_err(|_| LedgerError::Id(state.join(VERIFIER_ID)))?,
            None => make_id(state, entropy).map_err(unusable)?,
        };
        let no_key = |source| LedgerError::Key { state: state.to_owned(), source };
        let key = match Key::read(state).map_err(no_key)? {
            Some(key) => key,
            None => Key::make(state, entropy).map_err(no_key)?,
        };
        Ok(Self { folder, verifier, key, above: 0 })
    }

    /// The folder of reports.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// This verifier, and the key that it signs with.
    #[must_use]
    pub fn whose(&self) -> (VerifierId, PublicKey) {
        (self.verifier, self.key.public())
    }

    /// That number was given to a report already, here or not.
    pub fn go_on_above(&mut self, number: Option<u64>) {
        self.above = self.above.max(number.unwrap_or(0));
    }

    /// Writes the report of a drill, and its views beside it. What it notices of the report before is a note of the
    /// drill.
    ///
    /// # Errors
    /// [`LedgerError::Unusable`]; views that can't be written are no error.
    pub fn write(&self, drill: &mut Drill, setting: &Setting) -> Result<Written, LedgerError> {
        self.write_next(drill, setting).map_err(|source| LedgerError::Unusable { path: self.folder.clone(), source })
    }

    fn write_next(&self, drill: &mut Drill, setting: &Setting) -> io::Result<Written> {
        let _held = hold(&self.folder, LOCK)?;
        let entries = newest(entry::numbered(&self.folder)?);
        let newest = entries.last();
        let past = past(&entries, &self.key.public());
        drill.notes.extend(newest.and_then(|newest| self.changed_since(newest)));
        let sequence = newest.map_or(0, |newest| newest.number).max(self.above) + 1;
        let same = |brief: &&Brief| brief.job == drill.job && brief.destination == drill.destination.as_str();
        let identity = Identity {
            verifier: self.verifier.to_string(),
            key: self.key.public(),
            sequence,
            previous: newest.and_then(|newest| newest.digest),
            before: past.drills.iter().rev().find(same).map(Brief::as_before),
            left_out: past.left_out,
        };
        let document =
            serde_json::to_vec_pretty(&ReportFile::of(drill, setting, identity)).map_err(io::Error::other)?;
        let file = signed::sign(&document, &self.key);
        let point = drill.point.map(|point| point.id.to_string());
        let name = entry::name(sequence, (&drill.job, drill.destination.as_str()), point.as_deref());
        let path = write_new(&self.folder, &name, &file)?;
        let problems = view::write(&path, &file, &past.drills, &self.key);
        Ok(Written { path, sequence, digest: entry::digest_of(&file), problems })
    }

    /// What is another one than in the newest report so far.
    fn changed_since(&self, newest: &Entry) -> Option<String> {
        let number = newest.number;
        match (&newest.seal, &newest.brief) {
            (Seal::Signed(key), _) if *key != self.key.public() => Some(format!(
                "report {number}, the one before, was signed by another key: that one was lost or replaced"
            )),
            (_, Ok(brief)) if brief.verifier != self.verifier.to_string() => {
                Some(format!("report {number}, the one before, is of the verifier {}", brief.verifier))
            }
            (Seal::Broken(why), _) => Some(format!("report {number}, the one before, is not as it was written: {why}")),
            _ => None,
        }
    }

    /// What a head says of that report, and its file's bytes.
    #[must_use]
    pub fn head(&self, written: &Written, now: Time) -> (DrillHead, Vec<u8>) {
        let head = DrillHead {
            verifier: self.verifier,
            sequence: written.sequence,
            report: written.digest,
            public_key: self.key.public().0,
            created: now,
        };
        let file = head.encode(&self.key.sign(&head.signed_bytes()));
        (head, file)
    }

    /// Held while heads are written: what is unfinished at a place then is nobody's.
    ///
    /// # Errors
    /// Of the system.
    pub fn hold_heads(&self) -> io::Result<File> {
        hold(&self.folder, HEADS_LOCK)
    }
}

/// The newest of them, the oldest first.
fn newest(numbered: Vec<(u64, PathBuf)>) -> Vec<Entry> {
    let skipped = numbered.len().saturating_sub(PAST_MAX);
    numbered.into_iter().skip(skipped).map(|(number, path)| Entry::read(number, path)).collect()
}

fn hold(folder: &Path, name: &str) -> io::Result<File> {
    let lock = private::options().create(true).truncate(false).open(folder.join(name))?;
    lock.lock()?;
    Ok(lock)
}

/// What this installation is called, if it is called anything yet.
///
/// # Errors
/// Of the system.
pub fn id_in(state: &Path) -> io::Result<Option<String>> {
    match fs::read(state.join(VERIFIER_ID)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => Ok(Some(String::from_utf8_lossy(&text?).trim_end().to_owned())),
    }
}

fn make_id(state: &Path, entropy: &dyn Entropy) -> io::Result<VerifierId> {
    let mut random = [0; 16];
    entropy.fill(&mut random)?;
    let id = VerifierId(random);
    write_new(state, VERIFIER_ID, format!("{id}\n").as_bytes())?;
    Ok(id)
}

#[cfg(test)]
mod tests;
