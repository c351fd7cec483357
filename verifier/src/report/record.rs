//! One drill as JSON: what the command line prints, and what the file says besides.

use engine::model::{Digest, Time};
use engine::report::{PathText, utc};
use serde::Serialize;

use super::live::LiveReport;
use crate::drill::{Drill, Probed};
use crate::mismatch::Mismatch;
use crate::verdict::{ControlVerdict, ProbeVerdict, Verdict};

/// Version of the report's format.
const FORMAT: u32 = 1;

/// One drill, as the contract has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DrillReport {
    /// The point's id; null if there is none.
    pub point: Option<String>,
    /// Whose.
    pub job: String,
    /// From where.
    pub destination: String,
    /// How it came out.
    pub verdict: Verdict,
    /// Regular files compared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    pub(super) mismatches: Vec<MismatchReport>,
    /// Of which `mismatches` are the first.
    pub mismatch_count: u64,
    pub(super) probes: Vec<ProbeReport>,
    /// Passed probes beyond those in `probes`.
    pub more_probes: u64,
    /// Can the checks fail?
    pub negative_control: ControlVerdict,
    /// What they missed.
    pub control_missed: Vec<String>,
    /// The point's age when the drill began, whole seconds.
    pub point_age_seconds: Option<u64>,
    /// How long the restore took.
    pub restore_seconds: Option<f64>,
    not_tested: Vec<NotTested>,
    /// The job's live source beside the point; null where it was not looked at.
    pub source: Option<LiveReport>,
    /// What a person should know beside.
    pub notes: Vec<String>,
    /// What was left in scratch on request.
    pub kept: Option<String>,
    /// The report's file, relative to the configuration's folder.
    pub report: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct MismatchReport {
    #[serde(flatten)]
    pub(super) path: PathText,
    pub(super) problem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ProbeReport {
    #[serde(flatten)]
    pub(super) path: PathText,
    pub(super) probe: &'static str,
    pub(super) verdict: ProbeVerdict,
    pub(super) detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct NotTested {
    what: String,
    count: u64,
}

impl DrillReport {
    /// A drill whose report is not written yet.
    #[must_use]
    pub fn of(drill: &Drill) -> Self {
        Self {
            point: drill.point.map(|point| point.id.to_string()),
            job: drill.job.clone(),
            destination: drill.destination.to_string(),
            verdict: drill.verdict,
            files: drill.files,
            bytes: drill.bytes,
            mismatches: drill.mismatches.kept().iter().map(MismatchReport::of).collect(),
            mismatch_count: drill.mismatches.count(),
            probes: drill.probes.iter().map(ProbeReport::of).collect(),
            more_probes: drill.more_probes,
            negative_control: drill.control,
            control_missed: drill.control_missed.clone(),
            point_age_seconds: drill.age.map(|age| age.as_secs()),
            restore_seconds: drill.restore.map(|took| took.as_secs_f64()),
            not_tested: not_tested(drill),
            source: drill.live.as_ref().map(LiveReport::of),
            notes: drill.notes.clone(),
            kept: drill.kept.as_ref().map(|path| path.display().to_string()),
            report: None,
        }
    }

    /// The same, with where its file is.
    #[must_use]
    pub fn written_to(self, report: Option<String>) -> Self {
        Self { report, ..self }
    }
}

impl MismatchReport {
    fn of(mismatch: &Mismatch) -> Self {
        let Mismatch { path, problem, expected, found } = mismatch.clone();
        Self { path: PathText::new(&path), problem, expected, found }
    }
}

impl ProbeReport {
    fn of(probed: &Probed) -> Self {
        let Probed { path, kind, verdict, detail } = probed;
        Self { path: PathText::new(path), probe: kind.as_str(), verdict: *verdict, detail: detail.clone() }
    }
}

/// What could not be tested here, and what no drill tests.
fn not_tested(drill: &Drill) -> Vec<NotTested> {
    let found = drill.mismatches.not_tested().iter().map(|(what, count)| (what.clone(), *count));
    let skipped = drill.probes.iter().filter(|probed| probed.verdict == ProbeVerdict::Skipped).count() as u64;
    let skipped = (skipped > 0).then(|| ("probes that were skipped".to_owned(), skipped));
    let never = ("access times, change times and where holes are".to_owned(), drill.entries);
    found.chain(skipped).chain([never]).map(|(what, count)| NotTested { what, count }).collect()
}

/// Who made a report, of what, after which one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// This verifier installation.
    pub verifier: String,
    /// The report's number in its chain, from 1.
    pub sequence: u64,
    /// BLAKE3 of the report before it; none for the first.
    pub previous: Option<Digest>,
    /// The destination's address, without secrets.
    pub address: String,
}

/// A report's file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportFile {
    report_version: u32,
    tool: String,
    verifier: String,
    sequence: u64,
    previous: Option<String>,
    started: String,
    finished: String,
    address: String,
    vault: Option<String>,
    point_created: Option<String>,
    manifest: Option<String>,
    entries: u64,
    objects: u64,
    object_bytes: u64,
    restored_by: &'static str,
    #[serde(flatten)]
    drill: DrillReport,
}

impl ReportFile {
    /// The file of a drill.
    #[must_use]
    pub fn of(drill: &Drill, identity: &Identity) -> Self {
        let time = |time: Time| utc(time);
        Self {
            report_version: FORMAT,
            tool: format!("verifier {}", env!("CARGO_PKG_VERSION")),
            verifier: identity.verifier.clone(),
            sequence: identity.sequence,
            previous: identity.previous.map(|digest| digest.to_string()),
            started: time(drill.started),
            finished: time(drill.finished),
            address: identity.address.clone(),
            vault: drill.vault.map(|vault| vault.to_string()),
            point_created: drill.created.map(time),
            manifest: drill.manifest.map(|digest| digest.to_string()),
            entries: drill.entries,
            objects: drill.objects,
            object_bytes: drill.object_bytes,
            restored_by: if rustix::process::geteuid().is_root() { "root" } else { "a user who is not root" },
            drill: DrillReport::of(drill),
        }
    }
}
