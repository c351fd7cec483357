//! What must hold after every step, whatever was done to the world: judged from the media's own bytes and the catalog's
//! words, never from what the engine says of itself.
//!
//! - O-1 A placement that is called complete restores, unless an object of it was damaged since its evidence was taken.
//! - O-2 No pack is deleted that a manifest beside it names.
//! - O-3 A pinned point is not removed, nor are more than `keep-at-least` leaves, nor a last copy where the
//!   configuration keeps it, nor from home what is still owed.
//! - O-7 What leaves home because it only passes through is complete at another place then.
//! - O-4 Objects take no more than the limit.
//! - O-5 Nothing is written where another writer has taken over.
//! - O-6 No manifest is deleted that the newest head beside it tells of (`telling`).

use std::collections::{BTreeMap, BTreeSet};

use super::truth::Files;
use super::world::{Drive, World};
use crate::catalog::{Evidence, Side, Snapshot};
use crate::model::{Digest, ObjectName, PointOrder, State, VaultId, VaultPath, chain};
use crate::plan::{Unwanted, unwanted_text};

/// The world before a step, as far as it is compared with the world after.
pub struct Before {
    placements: BTreeMap<VaultId, BTreeMap<PointOrder, State>>,
    files: BTreeMap<VaultId, Files>,
    changes: BTreeMap<VaultId, u64>,
}

/// Whether a step was the engine's own, or something that was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The engine worked.
    Engine,
    /// The world changed behind its back.
    World,
}

impl World {
    /// Remembers what a step is compared with.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub fn before(&self) -> Result<Before, String> {
        let snapshot = self.catalog.snapshot().map_err(|error| chain(&error))?;
        Ok(Before {
            placements: states(&snapshot),
            files: self.all_drives().map(|drive| (drive.vault, drive.place.contents())).collect(),
            changes: self.all_drives().map(|drive| (drive.vault, drive.place.steps_done())).collect(),
        })
    }

    /// Judges the world after a step.
    ///
    /// # Errors
    /// Every rule that does not hold.
    pub fn judge(&mut self, before: &Before, whose: Whose) -> Result<(), Vec<String>> {
        let snapshot = self.catalog.snapshot().map_err(|error| vec![chain(&error)])?;
        let mut wrong = Vec::new();
        for at in 0..=self.drives.len() {
            let vault = if at == 0 { self.home.vault } else { self.drives[at - 1].vault };
            let files = self.drive(vault).place.contents();
            let bad = self.bad_objects(vault, &files);
            self.restores(vault, &files, &bad, &snapshot, &mut wrong);
            if whose == Whose::Engine {
                self.keeps_packs(vault, &before.files[&vault], &files, &mut wrong);
                self.stays_out(vault, before, &mut wrong);
                self.tells_of_no_deleted(vault, &before.files[&vault], &files, &mut wrong);
            }
            self.keeps_limit(vault, &files, &snapshot, &mut wrong);
        }
        if whose == Whose::Engine {
            self.removals(before, &snapshot, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn drive(&self, vault: VaultId) -> &Drive {
        self.all_drives().find(|drive| drive.vault == vault).expect("a vault of this world")
    }

    /// Objects whose bytes are not what their names say; what the simulation damaged and is good again is forgotten.
    fn bad_objects(&mut self, vault: VaultId, files: &Files) -> BTreeSet<VaultPath> {
        let is_bad = |(path, bytes): &(&VaultPath, &Vec<u8>)| match ObjectName::at(path) {
            Some(ObjectName::Pack(id)) => *blake3::hash(bytes).as_bytes() != id.0,
            _ => false,
        };
        let bad: BTreeSet<VaultPath> = files.iter().filter(is_bad).map(|(path, _)| path.clone()).collect();
        let healed =
            |path: &VaultPath| path.as_str().starts_with("packs/") && files.contains_key(path) && !bad.contains(path);
        if let Some(drive) = self.drive_mut(vault) {
            drive.damaged.retain(|path, _| !healed(path));
        }
        bad
    }

    /// O-1.
    fn restores(
        &mut self,
        vault: VaultId,
        files: &Files,
        bad: &BTreeSet<VaultPath>,
        snapshot: &Snapshot,
        wrong: &mut Vec<String>,
    ) {
        if self.drive(vault).set_back {
            return;
        }
        let name = self.name_of(vault, snapshot);
        for (order, placement) in snapshot.placements.get(&vault).into_iter().flatten() {
            let Some(point) = snapshot.points.get(order) else { continue };
            if placement.state != State::Complete {
                continue;
            }
            if self.truths.of(point.id).is_none()
                && let Err(why) = self.truths.learn(point, files, &self.keyring)
                && !self.is_excused_whole(vault)
            {
                wrong.push(format!(
                    "O-1 {name}: point {} is complete and is not what was captured: {why}",
                    point.name()
                ));
            }
            let Some(truth) = self.truths.of(point.id) else { continue };
            let mut healed = Vec::new();
            for (path, digest) in &truth.objects {
                let is_manifest = path.as_str().starts_with("points/");
                let good = match files.get(path) {
                    Some(bytes) if is_manifest => Digest(*blake3::hash(bytes).as_bytes()) == *digest,
                    Some(_) => !bad.contains(path),
                    None => false,
                };
                if good {
                    healed.push(path.clone());
                    continue;
                }
                let evidence = if is_manifest { placement.manifest } else { evidence_of(snapshot, vault, path) };
                match self.drive(vault).damaged.get(path) {
                    Some(excused) if *excused == evidence => {}
                    Some(_) => wrong.push(format!("O-1 {name}: {path} got evidence while it was damaged")),
                    None => wrong.push(format!(
                        "O-1 {name}: point {} is complete, and {path} is {}",
                        point.name(),
                        if files.contains_key(path) { "not what it should be" } else { "not there" }
                    )),
                }
            }
            if let Some(drive) = self.drive_mut(vault) {
                healed.iter().for_each(|path| _ = drive.damaged.remove(path));
            }
        }
    }

    fn is_excused_whole(&self, vault: VaultId) -> bool {
        !self.drive(vault).damaged.is_empty()
    }

    fn name_of(&self, vault: VaultId, snapshot: &Snapshot) -> String {
        let row = snapshot.media.iter().find(|row| row.vault == vault);
        row.map_or_else(|| vault.to_string(), |row| row.destination.to_string())
    }

    /// O-2.
    fn keeps_packs(&self, vault: VaultId, before: &Files, after: &Files, wrong: &mut Vec<String>) {
        let drive = self.drive(vault);
        for path in self.truths.needed(after) {
            let gone = before.contains_key(&path) && !after.contains_key(&path);
            if gone && !drive.damaged.contains_key(&path) {
                wrong.push(format!("O-2 {path} was deleted at {vault}, and a manifest there names it"));
            }
        }
    }

    /// O-5.
    fn stays_out(&self, vault: VaultId, before: &Before, wrong: &mut Vec<String>) {
        let drive = self.drive(vault);
        if drive.fenced && drive.place.steps_done() != before.changes[&vault] {
            wrong.push(format!("O-5 something was written to {vault}, which another writer has taken over"));
        }
    }

    /// O-4.
    fn keeps_limit(&self, vault: VaultId, files: &Files, snapshot: &Snapshot, wrong: &mut Vec<String>) {
        let drive = self.drive(vault);
        let Some(row) = snapshot.media.iter().find(|row| row.vault == vault) else { return };
        let limit = match row.side {
            Side::Home => self.config.home.limit,
            Side::Offsite => self.config.destination(&row.destination).and_then(|it| it.limit),
        };
        let Some(limit) = limit.filter(|_| !drive.unsettled && !drive.set_back) else { return };
        let objects = files.iter().filter(|(path, _)| ObjectName::at(path).is_some());
        let used: u64 = objects.map(|(_, bytes)| bytes.len() as u64).sum();
        if used > limit {
            wrong.push(format!("O-4 {}: {used} bytes of objects, the limit is {limit}", row.destination));
        }
    }

    /// O-3.
    fn removals(&self, before: &Before, snapshot: &Snapshot, wrong: &mut Vec<String>) {
        let after = states(snapshot);
        for (vault, was) in &before.placements {
            let Some(now) = after.get(vault).filter(|_| !self.drive(*vault).set_back) else { continue };
            let gone = |order: &PointOrder| matches!(now.get(order), Some(State::Evicted | State::NotWanted));
            let manifest_went = |order: &PointOrder| {
                let path = snapshot.points.get(order).map(|point| point.manifest().path());
                let after = self.drive(*vault).place.contents();
                path.is_some_and(|path| before.files[vault].contains_key(&path) && !after.contains_key(&path))
            };
            let there = was.iter().filter(|(order, state)| state.is_there() && gone(order));
            let removed: Vec<_> = there.map(|(order, _)| *order).filter(manifest_went).collect();
            for order in removed {
                self.removal(*vault, order, (was, now), &after, snapshot, wrong);
            }
        }
    }

    fn removal(
        &self,
        vault: VaultId,
        order: PointOrder,
        (was, now): (&BTreeMap<PointOrder, State>, &BTreeMap<PointOrder, State>),
        after: &BTreeMap<VaultId, BTreeMap<PointOrder, State>>,
        snapshot: &Snapshot,
        wrong: &mut Vec<String>,
    ) {
        let (Some(point), Some(row)) =
            (snapshot.points.get(&order), snapshot.media.iter().find(|row| row.vault == vault))
        else {
            return;
        };
        let destination = self.config.destination(&row.destination);
        let name = format!("point {} was removed from {}", point.name(), row.destination);
        if point.pinned {
            wrong.push(format!("O-3 {name}, and it is pinned"));
        }
        let of_job = |order: &PointOrder| snapshot.points.get(order).is_some_and(|it| it.job == point.job);
        let counts = |order: &PointOrder| {
            let fell = matches!(now.get(order), Some(State::Present | State::Damaged | State::Missing));
            now.get(order) == Some(&State::Complete) || fell && was.get(order) == Some(&State::Complete)
        };
        let passed = self.passed(vault, order, snapshot);
        let left = now.keys().filter(|order| of_job(order) && counts(order)).count() as u64;
        let least = u64::from(destination.map_or(1, |it| it.keep_at_least));
        if left < least && !passed {
            wrong.push(format!("O-3 {name}: {left} complete ones of its job are left, {least} have to be"));
        }
        let complete_elsewhere = |media: &BTreeMap<VaultId, BTreeMap<PointOrder, State>>| {
            let others = media.iter().filter(|(other, _)| **other != vault && **other != self.home.vault);
            others.into_iter().any(|(_, states)| states.get(&order) == Some(&State::Complete))
        };
        if passed && !complete_elsewhere(after) {
            wrong.push(format!("O-7 {name} as offsite, and it is complete nowhere else"));
        }
        let evicted = now.get(&order) == Some(&State::Evicted);
        if evicted && destination.is_some_and(|it| !it.evict_unique) && !complete_elsewhere(after) {
            wrong.push(format!("O-3 {name}: evicted, and it is complete nowhere else offsite"));
        }
        if row.side == Side::Home {
            let owed = |states: &BTreeMap<PointOrder, State>| {
                matches!(states.get(&order), Some(State::Pending | State::Copying | State::Missing))
            };
            // An older one may be wanted no more where that was not said yet; the newest always is.
            let newest = snapshot.points.iter().filter(|(_, it)| it.job == point.job).map(|(order, _)| *order).max();
            if newest == Some(order) && !passed && after.iter().any(|(other, states)| *other != vault && owed(states)) {
                wrong.push(format!("O-3 {name}, and it is still owed elsewhere"));
            }
        }
    }
}

impl World {
    /// Did it leave home as one that only passes through?
    fn passed(&self, vault: VaultId, order: PointOrder, snapshot: &Snapshot) -> bool {
        let row = snapshot.placements.get(&vault).and_then(|rows| rows.get(&order));
        let spooled = unwanted_text(Unwanted::Spooled);
        vault == self.home.vault && row.is_some_and(|row| row.reason == spooled)
    }
}

fn states(snapshot: &Snapshot) -> BTreeMap<VaultId, BTreeMap<PointOrder, State>> {
    let states = snapshot.placements.iter();
    states.map(|(vault, rows)| (*vault, rows.iter().map(|(order, row)| (*order, row.state)).collect())).collect()
}

/// The evidence that the catalog has of a pack at a place.
#[must_use]
pub fn evidence_of(snapshot: &Snapshot, vault: VaultId, path: &VaultPath) -> Option<Evidence> {
    let Some(ObjectName::Pack(id)) = ObjectName::at(path) else { return None };
    let (number, _) = snapshot.packs.iter().find(|(_, row)| row.id == id)?;
    snapshot.pack_at.get(&vault)?.get(number)?.evidence
}

/// The evidence that the catalog has of any object at a place.
#[must_use]
pub fn evidence_of_any(snapshot: &Snapshot, vault: VaultId, path: &VaultPath) -> Option<Evidence> {
    match ObjectName::at(path) {
        Some(ObjectName::Point(_, name)) => snapshot.placements.get(&vault)?.get(&name.order)?.manifest,
        _ => evidence_of(snapshot, vault, path),
    }
}
