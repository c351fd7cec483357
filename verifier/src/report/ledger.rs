//! Reports as files under `state/reports`, numbered, each with the digest of the one before.
//!
//! A file is written under a temporary name, flushed, given its name only if nothing has it, and its folder flushed.
//! One verifier at a time writes: the folder's lock is held from looking for the newest to naming the next.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use engine::model::Digest;
use engine::port::Entropy;

use super::record::{Identity, ReportFile};
use crate::drill::Drill;
use crate::private;

/// Digits of a report's number in its name.
const DIGITS: usize = 8;
const LOCK: &str = ".lock";
const VERIFIER_ID: &str = "verifier-id";

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
}

/// Where reports go.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    verifier: String,
}

impl Ledger {
    /// Opens the ledger in `state`; makes what is missing.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(state: &Path, entropy: &dyn Entropy) -> Result<Self, LedgerError> {
        let folder = state.join("reports");
        let unusable = |source| LedgerError::Unusable { path: folder.clone(), source };
        private::folder(&folder).map_err(unusable)?;
        let held = hold(&folder).map_err(unusable)?;
        let id_file = state.join(VERIFIER_ID);
        let verifier = verifier_id(&id_file, entropy).map_err(unusable)?;
        drop(held);
        if verifier.len() == 32 && verifier.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self { folder, verifier })
        } else {
            Err(LedgerError::Id(id_file))
        }
    }

    /// Writes the report of a drill; gives its path.
    ///
    /// # Errors
    /// [`LedgerError::Unusable`].
    pub fn write(&self, drill: &Drill, address: &str) -> Result<PathBuf, LedgerError> {
        self.write_next(drill, address).map_err(|source| LedgerError::Unusable { path: self.folder.clone(), source })
    }

    fn write_next(&self, drill: &Drill, address: &str) -> io::Result<PathBuf> {
        let _held = hold(&self.folder)?;
        let newest = self.newest()?;
        let sequence = newest.as_ref().map_or(1, |(sequence, _)| sequence + 1);
        let previous = newest.map(|(_, path)| fs::read(path)).transpose()?;
        let previous = previous.map(|bytes| Digest(*blake3::hash(&bytes).as_bytes()));
        let identity = Identity { verifier: self.verifier.clone(), sequence, previous, address: address.to_owned() };
        let mut text = serde_json::to_vec_pretty(&ReportFile::of(drill, &identity)).map_err(io::Error::other)?;
        text.push(b'\n');
        let point = drill.point.map_or_else(|| "none".to_owned(), |point| point.id.to_string());
        let name = format!("{sequence:0DIGITS$}-{}-{}-{point}.json", drill.job, drill.destination);
        write_new(&self.folder, &name, &text)
    }

    /// The report with the highest number.
    fn newest(&self) -> io::Result<Option<(u64, PathBuf)>> {
        let mut newest = None;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            newest = newest.max(sequence_of(&path).map(|sequence| (sequence, path)));
        }
        Ok(newest)
    }
}

fn sequence_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    let (digits, _) = name.split_once('-')?;
    (digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn hold(folder: &Path) -> io::Result<File> {
    let lock = private::options().create(true).truncate(false).open(folder.join(LOCK))?;
    lock.lock()?;
    Ok(lock)
}

/// What this installation is called: made once.
fn verifier_id(file: &Path, entropy: &dyn Entropy) -> io::Result<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut random = [0; 16];
            entropy.fill(&mut random)?;
            let id = data_encoding::HEXLOWER.encode(&random);
            let folder = file.parent().unwrap_or(Path::new("."));
            write_new(folder, VERIFIER_ID, format!("{id}\n").as_bytes())?;
            Ok(id)
        }
        text => Ok(text?.trim_end().to_owned()),
    }
}

fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (temporary, path) = (folder.join(format!(".tmp-{name}")), folder.join(name));
    let mut file = private::options().create(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces what has the name.
    fs::hard_link(&temporary, &path)?;
    fs::remove_file(&temporary)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use engine::model::Time;
    use engine::port::SystemEntropy;
    use serde_json::Value;

    use super::*;

    fn drill() -> Drill {
        Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(1_790_000_000))
    }

    #[test]
    fn each_report_names_the_digest_of_the_one_before() {
        let held = tempfile::tempdir().expect("a temporary folder");
        let state = held.path().join("state");
        let mut files = Vec::new();
        for _ in 0..3 {
            let ledger = Ledger::open(&state, &SystemEntropy).expect("usable");
            files.push(ledger.write(&drill(), "file:///media/usb").expect("written"));
        }
        let read = |path: &PathBuf| fs::read(path).expect("there");
        let json = |path: &PathBuf| serde_json::from_slice::<Value>(&read(path)).expect("JSON");
        assert_eq!(json(&files[0])["previous"], Value::Null);
        for pair in files.windows(2) {
            assert_eq!(json(&pair[1])["previous"], blake3::hash(&read(&pair[0])).to_string());
            assert_eq!(json(&pair[1])["verifier"], json(&pair[0])["verifier"], "one id for one installation");
        }
        assert_eq!(json(&files[2])["sequence"], 3);
        assert_eq!(json(&files[2])["started"], "2026-09-21T14:13:20Z");
        assert_eq!(files[2].metadata().expect("there").mode() & 0o777, 0o600);
        assert_eq!(state.metadata().expect("there").mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(state.join("reports")).expect("there").count(), 4, "three reports and the lock");
    }

    #[test]
    fn a_verifier_id_that_is_none_is_refused() {
        let held = tempfile::tempdir().expect("a temporary folder");
        fs::write(held.path().join(VERIFIER_ID), "nonsense").expect("writable");
        assert!(matches!(Ledger::open(held.path(), &SystemEntropy), Err(LedgerError::Id(_))));
    }
}
