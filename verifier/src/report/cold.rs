//! What a report says of a cold drill: which secret opened the vault, and the report that the process wrote which had
//! nothing else.

use serde::{Deserialize, Serialize};

use super::facts::{Objective, Setting, of_before, of_ledger};
use super::record::{Identity, ReportFile};
use super::trend::Forecast;

/// A drill by a process that had an address and one secret: no environment, no configuration, no catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cold {
    /// That process's own report; none in that one itself.
    pub own_report: Option<OwnReport>,
}

/// The report of a cold process, which an entry of the ledger takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OwnReport {
    /// Its file, relative to the folder of reports.
    pub file: String,
    /// BLAKE3 of that.
    pub digest: String,
    /// Whose signature it has: a key that was made for it and is gone.
    pub public_key: String,
}

impl Cold {
    /// For people.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        "cold: by a process that had nothing but the destination's address and one secret"
    }
}

impl ReportFile {
    /// The ledger's entry of what a cold process found: its findings as they are, and what only this installation knows.
    #[must_use]
    pub(super) fn taken_over(mut self, own: OwnReport, setting: &Setting, identity: Identity) -> Self {
        if let Some(cold) = &mut self.drill.cold {
            cold.own_report = Some(own);
        }
        let Setting { method, ledger_before, outside, .. } = setting.clone();
        self.objectives = setting.objectives(self.drill.point_age_seconds, self.drill.restore_seconds);
        self.drill.notes.extend(self.objectives.iter().filter_map(Objective::warning));
        self.forecast = self.drill.forecast(&self.started, setting.rto, &identity.paces);
        self.drill.notes.extend(self.forecast.as_ref().and_then(Forecast::warning));
        self.follow_up.splice(0..0, of_ledger(&ledger_before));
        self.follow_up.extend(identity.before.as_ref().and_then(|before| of_before(before, self.drill.verdict)));
        Self {
            verifier: identity.verifier,
            public_key: Some(identity.key.to_string()),
            key_kind: Some(identity.kind),
            sequence: identity.sequence,
            previous: identity.previous.map(|digest| digest.to_string()),
            before: identity.before,
            left_out: identity.left_out,
            method,
            ledger_before,
            outside,
            ..self
        }
    }
}
