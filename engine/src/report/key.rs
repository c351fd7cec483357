//! `engine key`: who opens the vaults, and which media still accept what was taken away.

use serde::Serialize;

use super::media::Drives;
use super::text::as_text;
use super::time::as_utc;
use super::{Align, Page, Report, Table, Tone};
use crate::model::{DestinationName, Time, VaultId};

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
    /// What a person should do now.
    pub advice: Vec<String>,
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
        for advice in &self.advice {
            page.line(format_args!("To do: {advice}"));
        }
    }
}
