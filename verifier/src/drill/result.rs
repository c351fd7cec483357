//! What a drill came to.

use std::path::PathBuf;
use std::time::Duration;

use engine::format::{SlotKind, Stats};
use engine::model::{DestinationName, Digest, Kind, ObjectName, PointName, Proof, Time, VaultId};

use crate::live::Live;
use crate::mismatch::Mismatches;
use crate::probe::ProbeKind;
use crate::report::Cold;
use crate::verdict::{self, ControlVerdict, ProbeVerdict, Verdict, Warmth};

/// Probes that are kept one by one; more passed ones are only counted.
pub const PROBES_MAX: usize = 10_000;

/// One probe and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// As it stands in the point.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: ProbeKind,
    /// Does it open?
    pub verdict: ProbeVerdict,
    /// What was run and what it said.
    pub detail: String,
}

/// Counts of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Of every kind.
    pub entries: u64,
    /// Regular files, hard links each.
    pub files: u64,
    /// Their bytes, hard links once.
    pub bytes: u64,
}

impl Counts {
    /// Counts one more entry: a hard link is a file without bytes of its own.
    pub const fn count<C>(&mut self, kind: &Kind<C>) {
        self.entries += 1;
        match kind {
            Kind::File(content) => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(content.bytes);
            }
            Kind::Hardlink(_) => self.files += 1,
            _ => {}
        }
    }

    /// Counts another point as well.
    pub const fn add(&mut self, more: Stats) {
        self.entries = self.entries.saturating_add(more.entries);
        self.files = self.files.saturating_add(more.files);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

/// What became of what was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CleanUp {
    /// Nothing was restored.
    Nothing,
    /// All of it was removed.
    Removed,
    /// It stays, as was asked for.
    Kept,
    /// Something is left: where and why.
    Left(String),
}

impl std::fmt::Display for CleanUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing was restored"),
            Self::Removed => f.write_str("all that was restored was removed"),
            Self::Kept => f.write_str("what was restored stays, as was asked for"),
            Self::Left(why) => write!(f, "something is left: {why}"),
        }
    }
}

/// One drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// Whose point, as people name the job.
    pub job: String,
    /// From where.
    pub destination: DestinationName,
    /// From which vault, if it opened.
    pub vault: Option<VaultId>,
    /// With what, if it opened.
    pub opened_by: Option<SlotKind>,
    /// Which point, if there is one.
    pub point: Option<PointName>,
    /// What that one is built on, the oldest first; drilled with it.
    pub built_on: Vec<PointName>,
    /// As of when the point is.
    pub created: Option<Time>,
    /// BLAKE3 of its manifest.
    pub manifest: Option<Digest>,
    /// What was protected, as the point says.
    pub source: Option<String>,
    /// What the manifests of all points that were drilled say.
    pub expected: Counts,
    /// When the drill began.
    pub started: Time,
    /// When it ended.
    pub finished: Time,
    /// How it came out.
    pub verdict: Verdict,
    /// It was refused before anything was done.
    pub refused: bool,
    /// Entries compared.
    pub entries: u64,
    /// Regular files compared, hard links each.
    pub files: u64,
    /// Their bytes, hard links once.
    pub bytes: u64,
    /// Objects read whole.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// What differs.
    pub mismatches: Mismatches,
    /// What is damaged of the vault's own files, of `mismatches`.
    pub flaws: Vec<Vec<u8>>,
    /// Objects that are missing or not what their names say.
    pub damaged: Vec<ObjectName>,
    /// So many of them no other place is known to have whole.
    pub nowhere_else: u64,
    /// What the data are.
    pub probes: Vec<Probed>,
    /// Probes that passed beyond those in `probes`.
    pub more_probes: u64,
    /// Can the checks fail?
    pub control: ControlVerdict,
    /// What they missed.
    pub control_missed: Vec<String>,
    /// Kinds whose probe passed, and was given no broken copy of what came back.
    pub control_without: Vec<ProbeKind>,
    /// The job's live source beside the point, or why it was not looked at.
    pub live: Result<Live, String>,
    /// The point's age when the drill began.
    pub age: Option<Duration>,
    /// How long the restore took.
    pub restore: Option<Duration>,
    /// How long until the first content was there again.
    pub first: Option<Duration>,
    /// What became of what was restored.
    pub clean_up: CleanUp,
    /// How it was drilled, if cold.
    pub cold: Option<Cold>,
    /// What a person should know beside.
    pub notes: Vec<String>,
    /// What was left in scratch, if it was to stay.
    pub kept: Option<PathBuf>,
}

impl Drill {
    /// A drill that has not shown anything yet.
    #[must_use]
    pub fn begin(job: &str, destination: &DestinationName, now: Time) -> Self {
        Self {
            job: job.to_owned(),
            destination: destination.clone(),
            vault: None,
            opened_by: None,
            point: None,
            built_on: Vec::new(),
            created: None,
            manifest: None,
            source: None,
            expected: Counts::default(),
            started: now,
            finished: now,
            verdict: Verdict::Incomplete,
            refused: false,
            entries: 0,
            files: 0,
            bytes: 0,
            objects: 0,
            object_bytes: 0,
            mismatches: Mismatches::default(),
            flaws: Vec::new(),
            damaged: Vec::new(),
            nowhere_else: 0,
            probes: Vec::new(),
            more_probes: 0,
            control: ControlVerdict::Skipped,
            control_missed: Vec::new(),
            control_without: Vec::new(),
            live: Err("there was no point to compare it with".to_owned()),
            age: None,
            restore: None,
            first: None,
            clean_up: CleanUp::Nothing,
            cold: None,
            notes: Vec::new(),
            kept: None,
        }
    }

    /// Probes that were skipped.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.probes.iter().filter(|probed| probed.verdict == ProbeVerdict::Skipped).count() as u64
    }

    /// How far it shows the placement to be good; none if it did not pass.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        let warmth = if self.cold.is_some() { Warmth::Cold } else { Warmth::Warm };
        // A canary opens whatever the rest is.
        let content = self.probes.iter().filter(|probed| probed.kind != ProbeKind::Canary);
        verdict::proof(self.verdict, content.map(|probed| probed.verdict), warmth)
    }

    /// Takes note of a probe. Passed ones are bounded, others never dropped.
    pub fn add_probe(&mut self, probed: Probed) {
        if probed.verdict == ProbeVerdict::Pass && self.probes.len() >= PROBES_MAX {
            self.more_probes += 1;
        } else {
            self.probes.push(probed);
        }
    }
}
