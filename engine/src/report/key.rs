//! `engine key`: who opens the vaults, and which media still accept what was taken away.

use serde::Serialize;

use super::media::Drives;
use super::text::as_text;
use super::time::as_utc;
use super::{Align, Page, Report, Table, Tone, size};
use crate::model::{DestinationName, JobName, Time, VaultId};

/// The family's key slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeyReport {
    /// The epoch of the master key that they hold.
    pub epoch: u32,
    /// What opens it.
    pub slots: Vec<KeySlot>,
    /// Every medium.
    pub media: Vec<KeyMedium>,
    /// What was changed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<String>,
    /// What a new key epoch comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationReport>,
    /// A sheet that was written now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<SheetWritten>,
    /// What a person should do now.
    pub advice: Vec<String>,
}

/// A recovery sheet that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SheetWritten {
    /// As text.
    pub text: String,
    /// As a page for a browser.
    pub page: String,
}

/// A new key epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RotationReport {
    /// The epoch before.
    pub from: u32,
    /// The new one.
    pub to: u32,
    /// Are packs of earlier epochs still referred to?
    pub reuses_old: bool,
    /// Bytes that are stored anew with the next points, at home, and then copied to each destination.
    pub bytes: u64,
    /// What this machine seals and writes in a second, measured now; none where nothing is stored anew.
    pub bytes_per_second: Option<u64>,
    /// How long that takes at home at least.
    pub seconds: Option<u64>,
    /// Slots that can't be taken along, for nobody gave their secrets.
    pub dropped: Vec<String>,
    /// By job.
    pub jobs: Vec<RotationJob>,
    /// What is copied then, by destination.
    pub copies: Vec<RotationCopy>,
    /// Only told?
    pub dry_run: bool,
}

/// What of a job is stored anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RotationJob {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As its newest point at home is stored.
    pub bytes: u64,
}

/// What is copied anew to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RotationCopy {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Of the jobs that go there; to each of its media.
    pub bytes: u64,
    /// How long that takes at its `rate` at least; none where it has none.
    pub seconds: Option<u64>,
}

impl RotationReport {
    /// What a person should know before it is done.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.reuses_old {
            lines.push(
                "Packs of earlier key epochs are used on: what they hold stays open to who holds an old master key, also \
                 in points that are made from now on; only what is new is protected"
                    .to_owned(),
            );
        } else {
            let of: Vec<String> = self.jobs.iter().map(|it| format!("{} {}", it.job, size(it.bytes))).collect();
            let (whole, of) = (size(self.bytes), of.join(", "));
            let long = self.seconds.map(|seconds| format!(", {} at home at least", hours(seconds))).unwrap_or_default();
            lines.push(format!(
                "The next point of each job is stored whole again, about {whole}{long} ({of}), and then copied to each \
                 destination"
            ));
            for (copy, seconds) in self.copies.iter().filter_map(|copy| Some((copy, copy.seconds?))) {
                let (name, long) = (&copy.destination, hours(seconds));
                lines.push(format!("That is {} to {name}, {long} at its rate at least", size(copy.bytes)));
            }
        }
        lines.push(
            "Points that were made before stay readable, and stay open to who holds an old master key".to_owned(),
        );
        if !self.dropped.is_empty() {
            lines.push(format!("These open nothing any more: {}; a new sheet is written", self.dropped.join(", ")));
        }
        lines
    }
}

fn hours(seconds: u64) -> String {
    match seconds {
        0..60 => "less than a minute".to_owned(),
        60..3600 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeySlot {
    /// Its id.
    pub slot: String,
    /// `passphrase` or `sheet`.
    pub kind: &'static str,
    /// For people.
    pub label: String,
    /// When it was made.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// Argon2id's memory.
    pub memory_kib: u32,
    /// Its passes.
    pub passes: u32,
    /// Its lanes.
    pub lanes: u32,
    /// Is it the one that this engine works with?
    pub configured: bool,
}

/// What a medium accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeyMedium {
    /// Its destination.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Is it out of use? Then nothing is brought there any more.
    pub retired: bool,
    /// Has it the newest slots, and no older ones?
    pub current: bool,
    /// Slots that were taken away and that open it still, as far as is known.
    pub accepts_revoked: Vec<String>,
}

impl Report for KeyReport {
    fn people(&self, page: &mut Page) {
        if let Some(did) = &self.did {
            page.line(did);
        }
        let mut table = Table::new([
            ("SLOT", Align::Left),
            ("OPENED BY", Align::Left),
            ("LABEL", Align::Left),
            ("MADE", Align::Left),
            ("ARGON2ID", Align::Left),
        ]);
        for slot in &self.slots {
            let by = if slot.configured { format!("{} (configured)", slot.kind) } else { slot.kind.to_owned() };
            let cost = format!("{} MiB, {} passes", slot.memory_kib / 1024, slot.passes);
            table.row([
                slot.slot.clone().into(),
                by.into(),
                slot.label.clone().into(),
                page.time(slot.created).into(),
                cost.into(),
            ]);
        }
        table.write(page, 0);
        let drives = Drives::of(self.media.iter().map(|it| (&it.destination, Some(it.medium))));
        for medium in &self.media {
            let name = drives.name(&medium.destination, Some(medium.medium));
            if !medium.accepts_revoked.is_empty() {
                let which = medium.accepts_revoked.join(", ");
                let until = if medium.retired { "for it is retired" } else { "until it is there again" };
                let line = page.toned(&format!("{name} still accepts {which}, {until}"), Tone::Bad);
                page.line(line);
            } else if !medium.current {
                page.line(format_args!("{name} gets the newest slots when it is there"));
            }
        }
        if let Some(rotation) = &self.rotation {
            page.gap();
            if rotation.dry_run {
                page.line(format_args!("Key epoch {} would begin:", rotation.to));
            }
            rotation.sentences().iter().for_each(|line| page.line(format_args!("{line}.")));
        }
        for advice in &self.advice {
            page.line(format_args!("To do: {advice}"));
        }
    }
}
