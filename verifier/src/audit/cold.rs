//! Reports of cold processes, which entries of a ledger took over: are they what was taken over?
//!
//! In: entries whose own signature holds, and the files that they name. Out: findings.

use std::path::{Component, Path};

use crate::report::entry::{Entry, Seal};
use crate::report::{Finding, OwnReport};

/// What is wrong with the reports that these entries took over.
#[must_use]
pub fn taken_over(entries: &[Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| matches!(entry.seal, Seal::Signed(_))) {
        let cold = entry.brief.as_ref().ok().and_then(|brief| brief.cold.as_ref());
        let Some(own) = cold.and_then(|cold| cold.own_report.as_ref()) else { continue };
        let problem = wrong(entry.path.parent().unwrap_or(Path::new("")), own);
        found.extend(problem.map(|problem| Finding {
            report: Some(entry.number),
            file: Some(own.file.clone()),
            destination: None,
            problem,
        }));
    }
    found
}

fn wrong(folder: &Path, own: &OwnReport) -> Option<String> {
    let below = Path::new(&own.file);
    if !below.components().all(|part| matches!(part, Component::Normal(_))) {
        return Some("the cold process's report is told to lie elsewhere".to_owned());
    }
    let read = Entry::read(1, folder.join(below));
    let Some(digest) = read.digest else {
        return Some(format!(
            "the cold process's report, which this one took over, can't be read: {}",
            read.brief.err()?
        ));
    };
    match read.seal {
        _ if digest.to_string() != own.digest => {
            Some("the cold process's report is not the one that was taken over: it has another digest".to_owned())
        }
        Seal::Signed(key) if key.to_string() == own.public_key => None,
        _ => Some("the cold process's report is not signed by the key that this report names".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(file: &str, bytes: &[u8]) -> OwnReport {
        let digest = crate::report::entry::digest_of(bytes).to_string();
        OwnReport { file: file.to_owned(), digest, public_key: "0".repeat(64) }
    }

    #[test]
    fn a_report_elsewhere_missing_changed_or_unsigned_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.json"), b"{}").expect("writable");
        let told = |own: &OwnReport| wrong(folder.path(), own).expect("a finding");
        for elsewhere in ["../a.json", "/etc/passwd", "cold/../../a"] {
            assert!(told(&own(elsewhere, b"")).contains("elsewhere"), "{elsewhere}");
        }
        assert!(told(&own("none.json", b"")).contains("can't be read"));
        assert!(told(&own("a.json", b"other")).contains("another digest"));
        assert!(told(&own("a.json", b"{}")).contains("not signed"));
    }
}
