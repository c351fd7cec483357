//! Reports as they lie in a folder: bytes that anybody may have changed, read without trust.
//!
//! In: a folder. Out: each file that has a report's name, with its digest, whether its signature holds, and what a list
//! needs of it. Deliberately absent: judging them together (`audit`).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use engine::model::Digest;
use serde::Deserialize;

use super::facts::Coverage;
use super::key::PublicKey;
use super::record::{Before, ReportFile, SIGNED_FROM};
use super::signed;
use crate::verdict::Verdict;

/// Digits of a report's number in its name.
const DIGITS: usize = 8;
/// A longer file is no report.
const BYTES_MAX: u64 = 256 << 20;
/// No ledger comes so far; a higher number in a file's or a head's name is somebody's joke.
pub const NUMBER_MAX: u64 = 999_999_999_999;

/// One file with a report's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it lies.
    pub path: PathBuf,
    /// The number in its name.
    pub number: u64,
    /// BLAKE3 of the whole file; none if it can't be read.
    pub digest: Option<Digest>,
    /// What it says, or why that can't be told.
    pub brief: Result<Brief, String>,
    /// Does its signature hold?
    pub seal: Seal,
}

/// Whether a report's signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// It is of the first format, which had none.
    Unsigned,
    /// It holds, by this key.
    Signed(PublicKey),
    /// It does not hold.
    Broken(String),
}

/// What a list and a plot need of a report.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Brief {
    /// Its format.
    pub report_version: u32,
    /// Whose.
    pub verifier: String,
    /// By whose key, as hex digits.
    pub public_key: Option<String>,
    /// Its number.
    pub sequence: u64,
    /// BLAKE3 of the one before.
    pub previous: Option<String>,
    /// When the drill began.
    pub started: String,
    /// Whose point.
    pub job: String,
    /// From where.
    pub destination: String,
    /// Which point.
    pub point: Option<String>,
    /// How it came out.
    pub verdict: Verdict,
    /// The point's age.
    pub point_age_seconds: Option<u64>,
    /// How long the restore took.
    pub restore_seconds: Option<f64>,
    /// How much was looked at.
    #[serde(default)]
    pub coverage: Coverage,
    /// Reports before it that it did not believe.
    #[serde(default)]
    pub left_out: Vec<u64>,
    /// Are the views beside it signed? Older releases did not.
    #[serde(default)]
    pub views_signed: bool,
}

impl Brief {
    /// What its file is called.
    #[must_use]
    pub fn name(&self) -> String {
        name(self.sequence, (&self.job, &self.destination), self.point.as_deref())
    }

    /// As a later report names it.
    #[must_use]
    pub fn as_before(&self) -> Before {
        Before { sequence: self.sequence, started: self.started.clone(), verdict: self.verdict }
    }
}

/// `<number>-<job>-<destination>-<point>.json`
pub(super) fn name(number: u64, (job, destination): (&str, &str), point: Option<&str>) -> String {
    format!("{number:0DIGITS$}-{job}-{destination}-{}.json", point.unwrap_or("none"))
}

/// The number in a report's name.
#[must_use]
pub fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    let (digits, _) = name.split_once('-')?;
    let is_number = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number <= NUMBER_MAX)
}

/// Files with a report's name, by their numbers.
///
/// # Errors
/// If the folder can't be listed.
pub fn numbered(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        found.extend(number_of(&path).map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}

/// All reports in a folder, by their numbers.
///
/// # Errors
/// If the folder can't be listed.
pub fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    Ok(numbered(folder)?.into_iter().map(|(number, path)| Entry::read(number, path)).collect())
}

impl Entry {
    /// Reads a file that is called a report of that number.
    #[must_use]
    pub fn read(number: u64, path: PathBuf) -> Self {
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let why = format!("it can't be read: {error}");
                return Self { path, number, digest: None, brief: Err(why.clone()), seal: Seal::Broken(why) };
            }
        };
        let brief = serde_json::from_slice(&bytes).map_err(|error| format!("it is no report: {error}"));
        let seal = seal(&bytes, brief.as_ref().ok());
        Self { path, number, digest: Some(digest_of(&bytes)), brief, seal }
    }

    /// Its file's name, for people.
    #[must_use]
    pub fn file(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// BLAKE3 of a whole file.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// The bytes of a report's file.
///
/// # Errors
/// Of the system; if it is no file, or too long for a report.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let wrong = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    if !fs::metadata(path)?.is_file() {
        return wrong("it is no file");
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX { wrong("it is too long for a report") } else { Ok(bytes) }
}

/// The whole document.
///
/// # Errors
/// For people: why it is none.
pub fn parse(bytes: &[u8]) -> Result<ReportFile, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("it is no report that this release can show: {error}"))
}

fn seal(bytes: &[u8], brief: Option<&Brief>) -> Seal {
    let broken = |why: &str| Seal::Broken(why.to_owned());
    let Some(brief) = brief else { return broken("it is no report") };
    if brief.report_version < SIGNED_FROM && brief.public_key.is_none() && signed::split(bytes).is_none() {
        return Seal::Unsigned;
    }
    match brief.public_key.as_deref().and_then(PublicKey::parse) {
        None => broken("it names no key"),
        Some(key) if signed::is_signed_by(bytes, &key) => Seal::Signed(key),
        Some(_) if signed::split(bytes).is_none() => broken("it has no signature at its end"),
        Some(_) => broken("its signature does not hold: it was changed after it was written"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_a_number_of_eight_digits_and_more_and_json() {
        assert_eq!(number_of(Path::new("a/00000012-job-usb-none.json")), Some(12));
        assert_eq!(number_of(Path::new("123456789-job-usb-none.json")), Some(123_456_789));
        for none in [
            "0000012-a.json",
            "00000012-a.xml",
            "00000012.json",
            "+0000012-a.json",
            ".tmp-00000012-a.json",
            "18446744073709551615-a-b.json",
        ] {
            assert_eq!(number_of(Path::new(none)), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("00000001-a-b-none.json");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        fs::create_dir(folder.path().join("00000002-a-b-none.json")).expect("makable");
        let all = entries(folder.path()).expect("listed");
        assert!(all.iter().all(|entry| entry.brief.is_err() && matches!(entry.seal, Seal::Broken(_))), "{all:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..200) {
            let brief = serde_json::from_slice::<Brief>(&bytes).ok();
            prop_assert!(!matches!(seal(&bytes, brief.as_ref()), Seal::Signed(_)));
            let mut looks_signed = [&bytes[..], b"  \"signature\": \"", &[b'0'; 128], b"\"\n}\n"].concat();
            looks_signed.truncate(looks_signed.len().saturating_sub(cut));
            let _ = signed::split(&looks_signed);
            let _ = parse(&looks_signed);
        }
    }
}
