//! The views beside reports: are they what was made of them?
//!
//! In: entries whose own signature holds, and the files beside them. Out: findings, and how many views there are. A view
//! that is not there is no finding: it says nothing that its report does not.

use serde::Serialize;

use crate::report::entry::{Entry, Seal, read};
use crate::report::{Finding, View, is_signed_by};

/// How many views were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ViewsReport {
    /// As they were made.
    pub sound: u64,
    /// Not there.
    pub not_there: u64,
    /// Made by a release that did not sign them.
    pub unsigned: u64,
}

/// The views of these reports.
#[must_use]
pub fn views(entries: &[Entry]) -> (ViewsReport, Vec<Finding>) {
    let (mut told, mut found) = (ViewsReport::default(), Vec::new());
    for entry in entries {
        View::ALL.iter().for_each(|kind| found.extend(view(entry, *kind, &mut told)));
    }
    (told, found)
}

fn view(entry: &Entry, kind: View, told: &mut ViewsReport) -> Option<Finding> {
    // Of a report that is not as it was written nothing can be told.
    let (Ok(brief), Seal::Signed(key), Some(digest)) = (&entry.brief, &entry.seal, &entry.digest) else { return None };
    let path = entry.path.with_extension(kind.extension());
    let problem = match read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            told.not_there += 1;
            return None;
        }
        Ok(_) if !brief.views_signed => {
            told.unsigned += 1;
            return None;
        }
        Ok(bytes) if is_signed_by(kind, digest, &bytes, key) => {
            told.sound += 1;
            return None;
        }
        Ok(_) => "this view of the report is not as it was made: believe the JSON file beside it".to_owned(),
        Err(error) => format!("this view of the report can't be read: {error}"),
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Some(Finding { report: Some(entry.number), file: Some(file), destination: None, problem })
}
