//! What heads tell of the points beside them, judged from the media's own bytes.
//!
//! - O-6 The engine deletes no manifest that the newest head there still tells of.
//! - C-5 In the end the newest head at each place tells of each job's newest point there.

use std::collections::BTreeMap;

use super::truth::Files;
use super::world::World;
use crate::catalog::Snapshot;
use crate::destination::memory::MemoryPlace;
use crate::format::HeadNewest;
use crate::model::{JobId, ObjectName, PointName, State, VaultId, VaultPath, chain};
use crate::vault::{list_heads, newest_told};

impl World {
    /// O-6. A place that is full takes no head.
    pub(super) fn tells_of_no_deleted(&self, vault: VaultId, before: &Files, after: &Files, wrong: &mut Vec<String>) {
        let is_gone = |path: &&VaultPath| !after.contains_key(*path);
        let gone: Vec<PointName> = before.keys().filter(is_gone).filter_map(point_at).collect();
        let has_room = self.all_drives().any(|drive| drive.vault == vault && !drive.place.is_limited());
        if gone.is_empty() || !has_room {
            return;
        }
        match self.told(vault, after) {
            Ok(told) => {
                let lost = told.iter().filter(|told| gone.contains(&told.point));
                wrong.extend(
                    lost.map(|told| format!("O-6 {} was deleted at {vault}, and its head tells of it", told.point)),
                );
            }
            Err(why) => wrong.push(format!("O-6 the heads at {vault} can't be listed: {why}")),
        }
    }

    /// C-5.
    pub(super) fn tells_of_newest(&self, vault: VaultId, files: &Files, snapshot: &Snapshot, wrong: &mut Vec<String>) {
        let mut newest: BTreeMap<JobId, PointName> = BTreeMap::new();
        for (order, row) in snapshot.placements.get(&vault).into_iter().flatten() {
            let should_be_there = row.state.is_there() || row.state == State::Missing;
            if let Some(point) = snapshot.points.get(order).filter(|it| should_be_there && it.removed.is_none()) {
                newest.insert(point.job, point.name());
            }
        }
        let told = self.told(vault, files).unwrap_or_default();
        let told: BTreeMap<JobId, PointName> = told.into_iter().map(|told| (told.job, told.point)).collect();
        for (job, point) in newest.iter().filter(|(job, point)| told.get(job) < Some(point)) {
            wrong.push(format!(
                "C-5 {vault}: the newest point of {job} is {point}, its head tells of {:?}",
                told.get(job)
            ));
        }
    }

    fn told(&self, vault: VaultId, files: &Files) -> Result<Vec<HeadNewest>, String> {
        let place = MemoryPlace::new(1);
        for (path, bytes) in files.iter().filter(|(path, _)| path.as_str().starts_with("heads/")) {
            place.plant(path, bytes);
        }
        let store = place.open().map_err(|error| chain(&error))?;
        let heads = list_heads(&store, vault, &self.keyring).map_err(|error| chain(&error))?;
        Ok(newest_told(vault, &heads, &[]))
    }
}

fn point_at(path: &VaultPath) -> Option<PointName> {
    match ObjectName::at(path) {
        Some(ObjectName::Point(_, name)) => Some(name),
        _ => None,
    }
}
