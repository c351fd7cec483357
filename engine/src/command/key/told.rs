//! The slots and what each medium accepts, as a report.

use std::collections::BTreeSet;

use crate::catalog::{KEYS_REVOKED, MediumRow};
use crate::command::{Context, Failure};
use crate::copy::{KEYS, wanted_slots};
use crate::format::{KeysName, Slot, SlotKind, SlotSet};
use crate::report::{KeyMedium, KeyReport, KeySlot};
use crate::seal::slot_of;

/// In the contract's word style.
pub(super) const fn kind(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Passphrase => "passphrase",
        SlotKind::Sheet => "sheet",
    }
}

/// A slot that was taken away.
struct Revoked {
    id: String,
    /// Of the first set without it.
    sequence: u64,
    label: String,
}

pub(super) fn report(context: &Context, set: &SlotSet) -> Result<KeyReport, Failure> {
    let (config, catalog) = (&context.installation.config, &context.installation.catalog);
    let secret = config.key.read().ok();
    let configured = secret.and_then(|secret| slot_of(set, SlotKind::Passphrase, &secret.bytes).ok());
    let slot = |slot: &Slot| KeySlot {
        slot: slot.name(),
        kind: kind(slot.kind),
        label: slot.label.clone(),
        created: slot.created,
        memory_kib: slot.kdf.memory_kib,
        passes: slot.kdf.passes,
        lanes: slot.kdf.lanes,
        configured: configured.as_deref() == Some(&*slot.name()),
    };
    let mut revoked = revoked(&catalog.memo(KEYS_REVOKED)?.unwrap_or_default());
    // What was noted of a change that never came about says nothing.
    revoked.retain(|it| it.sequence <= set.sequence && !set.slots.iter().any(|slot| slot.name() == it.id));
    let changed =
        wanted_slots(catalog).map_err(|error| Failure::of("the catalog can't be read", &error, ""))?.is_some();
    let media = catalog.media()?;
    let media = media.iter().filter(|row| row.retired.is_none() || changed);
    let medium = |row: &MediumRow| {
        let mark = row.marks.iter().find(|mark| mark.name == KEYS);
        let has = mark.and_then(|mark| mark.value.parse::<KeysName>().ok()).map_or(1, |name| name.sequence);
        let still = revoked.iter().filter(|revoked| revoked.sequence > has);
        KeyMedium {
            destination: row.destination.clone(),
            medium: row.vault,
            retired: row.retired.is_some(),
            current: !changed || has >= set.sequence,
            accepts_revoked: BTreeSet::from_iter(still.map(|it| format!("{} ({})", it.id, it.label)))
                .into_iter()
                .collect(),
        }
    };
    Ok(KeyReport {
        epoch: set.epoch.0,
        slots: set.slots.iter().map(slot).collect(),
        media: media.map(medium).collect(),
        did: None,
        rotation: None,
        sheet: None,
        advice: Vec::new(),
    })
}

fn revoked(text: &str) -> Vec<Revoked> {
    let one = |line: &str| {
        let mut parts = line.splitn(4, ' ');
        let (id, sequence) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let _kind = parts.next()?;
        Some(Revoked { id, sequence, label: parts.next().unwrap_or_default().to_owned() })
    };
    text.lines().filter_map(one).collect()
}
