//! One drill as JSON: what the command line prints, and what the file says besides.

use std::time::Duration;

use engine::format::SlotKind;
use engine::model::{Digest, Proof};
use engine::report::{PathText, utc};
use serde::{Deserialize, Serialize};

use super::cold::Cold;
use super::facts::{Check, Coverage, Measured, Objective, Setting};
use super::finding::LedgerBefore;
use super::key::PublicKey;
use super::live::{LiveReport, NotBackedUp};
use super::trend::{Forecast, Pace};
use crate::control;
use crate::drill::{Drill, Probed};
use crate::mismatch::Mismatch;
use crate::probe::ProbeKind;
use crate::verdict::{self, ControlVerdict, ProbeVerdict, Verdict, Warmth};

/// Version of the report's format: 1 was not signed.
pub(super) const FORMAT: u32 = 2;
/// The first that is signed.
pub(super) const SIGNED_FROM: u32 = 2;
/// What a drill serves as evidence for.
const CONTROLS: [&str; 5] = [
    "NIST SP 800-53 CP-9(1): testing for reliability and integrity",
    "NIST SP 800-53 CP-9(2): test restoration using sampling",
    "CIS Controls 11.5: test data recovery",
    "ISO/IEC 27001 A.8.13: information backup",
    "DORA article 12: backup, restoration and recovery",
];

/// One drill, as the contract has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DrillReport {
    /// The point's id; null if there is none.
    pub point: Option<String>,
    /// Whose.
    pub job: String,
    /// From where.
    pub destination: String,
    /// What opened the destination: `passphrase` or `sheet`; null if nothing did, or an older release drilled.
    #[serde(default)]
    pub opened_by: Option<String>,
    /// How it came out.
    pub verdict: Verdict,
    /// How far this drill shows the placement to be good, in the words of `engine points`; null if it did not pass, or
    /// an older release drilled.
    #[serde(default)]
    pub proof: Option<String>,
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
    /// How much of the point was looked at.
    #[serde(default)]
    pub coverage: Coverage,
    pub(crate) not_tested: Vec<NotTested>,
    /// The job's live source beside the point; null where it was not looked at.
    pub live_source: Option<LiveReport>,
    /// Why it was not.
    #[serde(default)]
    pub live_source_reason: Option<String>,
    /// How it was drilled, if cold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<Cold>,
    /// What a person should know beside.
    pub notes: Vec<String>,
    /// What was left in scratch on request.
    pub kept: Option<String>,
    /// The report's file, relative to the configuration's folder.
    pub report: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MismatchReport {
    #[serde(flatten)]
    pub(super) path: PathText,
    pub(super) problem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProbeReport {
    #[serde(flatten)]
    pub(super) path: PathText,
    pub(super) probe: String,
    pub(super) verdict: ProbeVerdict,
    pub(super) detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotTested {
    pub(crate) what: String,
    pub(crate) count: u64,
}

impl DrillReport {
    /// A drill whose report is not written yet.
    #[must_use]
    pub fn of(drill: &Drill) -> Self {
        Self {
            point: drill.point.map(|point| point.id.to_string()),
            job: drill.job.clone(),
            destination: drill.destination.to_string(),
            opened_by: drill.opened_by.map(|kind| word(kind).to_owned()),
            verdict: drill.verdict,
            proof: drill.proof().map(|proof| proof.to_string()),
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
            coverage: Coverage::of(drill),
            not_tested: not_tested(drill),
            live_source: drill.live.as_ref().ok().map(LiveReport::of),
            live_source_reason: drill.live.as_ref().err().cloned(),
            cold: drill.cold.clone(),
            notes: drill.notes.clone(),
            kept: drill.kept.as_ref().map(|path| path.display().to_string()),
            report: None,
        }
    }

    /// Probes that were skipped.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.probes.iter().filter(|probe| probe.verdict == ProbeVerdict::Skipped).count() as u64
    }

    /// How long restores will take, from this one, begun at `started`, and those before it.
    pub(super) fn forecast(&self, started: &str, rto: Option<Duration>, before: &[Pace]) -> Option<Forecast> {
        Forecast::of(
            before,
            Pace::of(started, self.verdict, self.restore_seconds, &self.coverage)?,
            rto.map(|it| it.as_secs()),
        )
    }

    /// How far it shows the placement to be good, by the probes that are here now.
    pub(crate) fn shown(&self) -> Option<Proof> {
        let warmth = if self.cold.is_some() { Warmth::Cold } else { Warmth::Warm };
        let content = self.probes.iter().filter(|probe| probe.probe != ProbeKind::Canary.as_str());
        verdict::proof(self.verdict, content.map(|probe| probe.verdict), warmth)
    }

    /// A probe that could not be run.
    pub(crate) fn skip_probe(&mut self, probe: &str, detail: &str) {
        let (path, probe, detail) = (PathText::new(b""), probe.to_owned(), detail.to_owned());
        self.probes.push(ProbeReport { path, probe, verdict: ProbeVerdict::Skipped, detail });
        self.coverage.probes_skipped = self.coverage.probes_skipped.saturating_add(1);
        self.proof = self.shown().map(|proof| proof.to_string());
    }

    /// What is wrong, of what is kept one by one: whose path, and what.
    pub fn found(&self) -> impl Iterator<Item = (&PathText, &str)> {
        self.mismatches.iter().map(|found| (&found.path, found.problem.as_str()))
    }
}

const fn word(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Passphrase => "passphrase",
        SlotKind::Sheet => "sheet",
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
        Self { path: PathText::new(path), probe: kind.as_str().to_owned(), verdict: *verdict, detail: detail.clone() }
    }
}

/// What could not be tested here, and what no drill tests.
fn not_tested(drill: &Drill) -> Vec<NotTested> {
    let found = drill.mismatches.not_tested().iter().map(|(what, count)| (what.clone(), *count));
    let skipped = drill.probes.iter().filter(|probed| probed.verdict == ProbeVerdict::Skipped).count() as u64;
    let skipped = (skipped > 0).then(|| ("probes that were skipped".to_owned(), skipped));
    let never = ("access times, change times and where holes are".to_owned(), drill.entries);
    let lost = drill.expected.entries.saturating_sub(drill.entries);
    let lost = (lost > 0).then(|| ("entries that did not come back, or were not come to".to_owned(), lost));
    let without = drill.control_without.iter().map(|kind| (no_control(*kind), count_of(drill, *kind)));
    found
        .chain(skipped)
        .chain(lost)
        .chain(without)
        .chain([never])
        .map(|(what, count)| NotTested { what, count })
        .collect()
}

fn no_control(kind: ProbeKind) -> String {
    let is_sampled = ProbeKind::SAMPLED.contains(&kind) || kind.is_question();
    let only = if is_sampled { ": only a sample of it was broken" } else { "" };
    let why = match control::can_be_broken(kind) {
        _ if kind.is_question() => "no single small file answered it",
        true => "no file of it is small enough to copy",
        false => "it is no single file",
    };
    format!("whether the probe of {kind} can fail on what came back: {why}{only}")
}

fn count_of(drill: &Drill, kind: ProbeKind) -> u64 {
    drill.probes.iter().filter(|probed| probed.kind == kind && probed.verdict == ProbeVerdict::Pass).count() as u64
}

/// Which report it is, of whom, after which ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// This verifier installation.
    pub verifier: String,
    /// The key that will sign it.
    pub key: PublicKey,
    /// Whose that is.
    pub kind: KeyKind,
    /// The report's number in its chain, from 1.
    pub sequence: u64,
    /// BLAKE3 of the report before it; none for the first.
    pub previous: Option<Digest>,
    /// The last one of the same job and destination.
    pub before: Option<Before>,
    /// Reports before it that are not believed.
    pub left_out: Vec<u64>,
    /// Restores of the same job and destination that were measured before, the oldest first.
    pub paces: Vec<Pace>,
}

/// An earlier report of the same job and destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Before {
    /// Its number.
    pub sequence: u64,
    /// When that drill began.
    pub started: String,
    /// How it came out.
    pub verdict: Verdict,
}

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// The installation's own, which signs all its reports.
    Installation,
    /// One that was made for this report and is gone.
    Ephemeral,
}

/// A report's file, without its signature. What is optional was not told by the first format, or not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportFile {
    /// Its format.
    pub report_version: u32,
    /// The program and its version.
    pub tool: String,
    /// Operating system and processor. The computer's name is not told: a report may be handed on.
    pub system: Option<String>,
    /// This verifier installation.
    pub verifier: String,
    /// Which key signed it, as hex digits.
    pub public_key: Option<String>,
    /// Whose key that is.
    pub key_kind: Option<KeyKind>,
    /// Its number.
    pub sequence: u64,
    /// BLAKE3 of the file of the report before it.
    pub previous: Option<String>,
    /// When the drill began.
    pub started: String,
    /// When it ended.
    pub finished: String,
    /// The destination's address, without secrets.
    pub address: String,
    /// The medium.
    pub vault: Option<String>,
    /// As of when the point is.
    pub point_created: Option<String>,
    /// BLAKE3 of its manifest.
    pub manifest: Option<String>,
    /// Points that it is built on, the oldest first.
    #[serde(default)]
    pub built_on: Vec<String>,
    /// What kind of source it was made from, as it is configured now.
    pub method: Option<String>,
    /// What was protected, as the point says.
    pub source: Option<String>,
    /// Where it was restored to.
    pub restored_to: Option<String>,
    /// Entries compared.
    pub entries: u64,
    /// Objects read whole.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// With whose rights.
    pub restored_by: String,
    /// What was to be reached.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// What was measured.
    #[serde(default)]
    pub measured: Measured,
    /// How long restores will take.
    #[serde(default)]
    pub forecast: Option<Forecast>,
    /// Each check.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The rule that gave the verdict.
    #[serde(default)]
    pub verdict_rule: String,
    /// What to do about what was found.
    #[serde(default)]
    pub follow_up: Vec<String>,
    /// What became of what was restored.
    #[serde(default)]
    pub clean_up: String,
    /// The last report of the same job and destination.
    pub before: Option<Before>,
    /// Folders that no job has.
    #[serde(flatten)]
    pub outside: NotBackedUp,
    /// The ledger as it was found before this call wrote to it.
    #[serde(default)]
    pub ledger_before: LedgerBefore,
    /// Reports before it that are not believed: nothing of them is shown as a fact.
    #[serde(default)]
    pub left_out: Vec<u64>,
    /// Are the views beside it signed?
    #[serde(default)]
    pub views_signed: bool,
    /// What this is evidence for.
    #[serde(default)]
    pub controls: Vec<String>,
    /// What the command line prints too.
    #[serde(flatten)]
    pub drill: DrillReport,
}

impl ReportFile {
    /// The file of a drill.
    #[must_use]
    pub fn of(drill: &Drill, setting: &Setting, identity: Identity) -> Self {
        let mut told = DrillReport::of(drill);
        let forecast = told.forecast(&utc(drill.started), setting.rto, &identity.paces);
        let objectives =
            setting.objectives(drill.age.map(|age| age.as_secs()), drill.restore.map(|took| took.as_secs_f64()));
        told.notes.extend(objectives.iter().filter_map(Objective::warning));
        told.notes.extend(forecast.as_ref().and_then(Forecast::warning));
        let Setting { address, method, restored_to, ledger_before, outside, .. } = setting.clone();
        Self {
            report_version: FORMAT,
            tool: format!("verifier {}", env!("CARGO_PKG_VERSION")),
            system: Some(format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
            verifier: identity.verifier,
            public_key: Some(identity.key.to_string()),
            key_kind: Some(identity.kind),
            sequence: identity.sequence,
            previous: identity.previous.map(|digest| digest.to_string()),
            started: utc(drill.started),
            finished: utc(drill.finished),
            address,
            vault: drill.vault.map(|vault| vault.to_string()),
            point_created: drill.created.map(utc),
            manifest: drill.manifest.map(|digest| digest.to_string()),
            built_on: drill.built_on.iter().map(|point| point.id.to_string()).collect(),
            method,
            source: drill.source.clone(),
            restored_to: restored_to.filter(|_| drill.restore.is_some()),
            entries: drill.entries,
            objects: drill.objects,
            object_bytes: drill.object_bytes,
            restored_by: if is_root() { "root" } else { "a user who is not root" }.to_owned(),
            objectives,
            measured: Measured::of(drill),
            checks: super::facts::checks(drill),
            verdict_rule: super::facts::rule(drill),
            follow_up: super::facts::follow_up(drill, identity.before.as_ref(), &ledger_before),
            clean_up: drill.clean_up.to_string(),
            before: identity.before,
            outside,
            ledger_before,
            left_out: identity.left_out,
            views_signed: true,
            controls: CONTROLS.map(str::to_owned).to_vec(),
            forecast,
            drill: told,
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
