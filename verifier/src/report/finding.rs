//! Something in a ledger that is not as it was written; and what was known of the ledger when a report was begun.

use serde::{Deserialize, Serialize};

/// Findings that a report keeps one by one; more are only counted.
const KEPT_MAX: usize = 20;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The report's number, if it is about one.
    pub report: Option<u64>,
    /// Its file, or a head's path.
    pub file: Option<String>,
    /// Where the head lies that tells so.
    pub destination: Option<String>,
    /// What is wrong.
    pub problem: String,
}

/// The ledger as a call found it, before it wrote its first report. It does not change a verdict: the data are as they
/// are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LedgerBefore {
    /// What is not as it was written, the first of it.
    pub findings: Vec<Finding>,
    /// All of it.
    pub finding_count: u64,
    /// The highest number of a report that is here or that a head names.
    pub highest: Option<u64>,
    /// Places whose heads could not be compared, and why.
    pub not_compared: Vec<String>,
}

impl LedgerBefore {
    /// Of all that was found.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>, highest: Option<u64>, not_compared: Vec<String>) -> Self {
        let finding_count = findings.len() as u64;
        findings.truncate(KEPT_MAX);
        Self { findings, finding_count, highest, not_compared }
    }

    /// One sentence for people; none where nothing is wrong.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let first = self.findings.first()?;
        let more = match self.finding_count {
            1 => String::new(),
            count => format!(" (the first of {count} findings)"),
        };
        Some(format!("the ledger of reports before this one is not as it was written: {first}{more}"))
    }
}

impl LedgerBefore {
    /// What is not kept one by one, for people.
    #[must_use]
    pub fn more(&self) -> Option<String> {
        let more = self.finding_count.saturating_sub(self.findings.len() as u64);
        (more > 0).then(|| format!("and {more} more"))
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place: Vec<&str> = [&self.destination, &self.file].into_iter().flatten().map(String::as_str).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&self.problem)
    }
}
