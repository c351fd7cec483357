//! What one medium would hold after the steps so far: its points, packs and bytes, with an exact account of what each
//! removal frees.
//!
//! A pack is needed while some point of its group, with an order inside the pack's interval, is there. Each pack
//! there is watched by one such point, the newest; only when its watcher goes is another looked for, so that a sweep
//! over all points looks at each pack about once. Deliberately absent: any rule about what may go.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Medium, PackNumber, PackThere, State};
use crate::model::{GroupId, PointOrder, State as PlacementState};

/// After every point.
const NEWEST: PointOrder = PointOrder { epoch: u32::MAX, sequence: u64::MAX };

/// What went.
#[derive(Debug, Clone, Default)]
pub(super) struct Freed {
    pub point: Option<PointOrder>,
    pub packs: Vec<PackNumber>,
    pub bytes: u64,
    orphaned: Vec<PackNumber>,
    was: Option<PlacementState>,
}

/// What a copy has to send.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    pub packs: Vec<PackNumber>,
    pub bytes: u64,
    pub replaces: u64,
    pub peak: u64,
}

type Orphan = (GroupId, PointOrder, PackNumber);

/// One medium, simulated.
#[derive(Debug, Clone)]
pub(super) struct Shelf<'a> {
    state: &'a State,
    medium: &'a Medium,
    changed: BTreeMap<PointOrder, PlacementState>,
    live: BTreeMap<GroupId, BTreeSet<PointOrder>>,
    watched: BTreeMap<PointOrder, Vec<PackNumber>>,
    packs: BTreeMap<PackNumber, PackThere>,
    /// Packs there that no point needs, by group and the newest point that used them.
    pub orphans: BTreeSet<Orphan>,
    used: u64,
    free: Option<u64>,
}

impl<'a> Shelf<'a> {
    pub fn new(state: &'a State, medium: &'a Medium) -> Self {
        let mut shelf = Self {
            state,
            medium,
            changed: BTreeMap::new(),
            live: BTreeMap::new(),
            watched: BTreeMap::new(),
            packs: medium.packs.iter().filter(|(_, it)| **it != PackThere::Deleting).map(|(k, it)| (*k, *it)).collect(),
            orphans: BTreeSet::new(),
            used: medium.used,
            free: medium.free,
        };
        for order in medium.placements.keys().filter(|order| medium.holds(**order)) {
            shelf.live.entry(state.points[order].group).or_default().insert(*order);
        }
        let packs: Vec<_> = shelf.packs.keys().copied().collect();
        packs.into_iter().for_each(|pack| shelf.watch(pack));
        shelf
    }

    /// Hands the pack to the newest point that needs it.
    fn watch(&mut self, pack: PackNumber) {
        match self.watcher(pack) {
            Some(order) => self.watched.entry(order).or_default().push(pack),
            None if self.medium.reserved.contains(&pack) => {}
            None => _ = self.orphans.insert(self.orphan(pack)),
        }
    }

    fn orphan(&self, pack: PackNumber) -> Orphan {
        let row = self.state.packs.get(&pack);
        let (group, last) = row.map_or((GroupId([0; GroupId::BYTES]), NEWEST), |row| (row.group, row.last));
        (group, last, pack)
    }

    /// The newest point there that needs the pack.
    pub fn watcher(&self, pack: PackNumber) -> Option<PointOrder> {
        let row = self.state.packs.get(&pack)?;
        self.live.get(&row.group)?.range(row.first..=row.last).next_back().copied()
    }

    fn bytes_of(&self, pack: PackNumber) -> u64 {
        self.state.packs.get(&pack).map_or(0, |row| row.bytes)
    }

    pub fn state_of(&self, point: PointOrder) -> PlacementState {
        self.changed.get(&point).copied().unwrap_or_else(|| self.medium.state_of(point))
    }

    /// Does the point count as there, so that its packs are needed?
    pub fn is_live(&self, point: PointOrder) -> bool {
        self.live.get(&self.state.points[&point].group).is_some_and(|live| live.contains(&point))
    }

    /// Does the point lie there and is it not on its way out?
    pub fn is_there(&self, point: PointOrder) -> bool {
        self.is_live(point) && self.state_of(point).is_there()
    }

    pub fn set(&mut self, point: PointOrder, state: PlacementState) {
        self.changed.insert(point, state);
    }

    /// Would that many bytes more keep limit and reserve?
    pub fn fits(&self, bytes: u64) -> bool {
        let limit = self.medium.limit.unwrap_or(u64::MAX);
        let reserved = self.medium.reserve.saturating_add(bytes);
        self.used.saturating_add(bytes) <= limit && (bytes == 0 || self.free.is_none_or(|free| free >= reserved))
    }

    /// Bytes that may still be added.
    pub fn room(&self) -> u64 {
        let by_limit = self.medium.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.used));
        by_limit.min(self.free.map_or(u64::MAX, |free| free.saturating_sub(self.medium.reserve)))
    }

    /// Bytes that it could hold if nothing else of ours were there.
    pub fn capacity(&self) -> u64 {
        let by_free =
            self.free.map_or(u64::MAX, |free| self.used.saturating_add(free).saturating_sub(self.medium.reserve));
        self.medium.limit.unwrap_or(u64::MAX).min(by_free)
    }

    /// Bytes above the limit.
    pub fn over(&self) -> u64 {
        self.used.saturating_sub(self.medium.limit.unwrap_or(u64::MAX))
    }

    fn free_bytes(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        self.free = self.free.map(|free| free.saturating_add(bytes));
    }

    fn take_bytes(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        self.free = self.free.map(|free| free.saturating_sub(bytes));
    }

    /// Finishes what an earlier session marked: those points' manifests and the packs that nothing needs any more.
    pub fn finish(&mut self) -> Freed {
        let marked = self.medium.packs.iter().filter(|(_, it)| **it == PackThere::Deleting).map(|(pack, _)| *pack);
        let mut freed = Freed { packs: marked.collect(), ..Freed::default() };
        let manifests = self.medium.removing.iter().filter(|order| self.medium.state_of(**order).is_there());
        freed.bytes = manifests.map(|order| self.state.points[order].manifest_bytes).sum();
        freed.bytes += freed.packs.iter().map(|pack| self.bytes_of(*pack)).sum::<u64>();
        let removing: Vec<_> = self.medium.removing.iter().copied().collect();
        removing.into_iter().for_each(|order| self.set(order, PlacementState::NotWanted));
        self.free_bytes(freed.bytes);
        freed
    }

    /// Removes a point and the packs that nothing then needs, but for those in `claimed`, which become orphans.
    pub fn remove(&mut self, point: PointOrder, then: PlacementState, claimed: impl Fn(PackNumber) -> bool) -> Freed {
        let was = self.state_of(point);
        let row = &self.state.points[&point];
        if let Some(live) = self.live.get_mut(&row.group) {
            live.remove(&point);
        }
        let bytes = if was.is_there() { row.manifest_bytes } else { 0 };
        let mut freed = Freed { point: Some(point), bytes, was: Some(was), ..Freed::default() };
        for pack in self.watched.remove(&point).unwrap_or_default() {
            let reserved = self.medium.reserved.contains(&pack);
            match self.watcher(pack) {
                Some(other) => self.watched.entry(other).or_default().push(pack),
                None if reserved => {}
                None if claimed(pack) => freed.orphaned.push(pack),
                None => freed.take(pack, self.bytes_of(pack), &mut self.packs),
            }
        }
        freed.packs.sort_unstable();
        let orphaned: Vec<_> = freed.orphaned.iter().map(|pack| self.orphan(*pack)).collect();
        self.orphans.extend(orphaned);
        self.set(point, then);
        self.free_bytes(freed.bytes);
        freed
    }

    /// Takes a removal back.
    pub fn restore(&mut self, freed: &Freed) {
        self.take_bytes(freed.bytes);
        for pack in &freed.packs {
            let there = self.medium.packs.get(pack).copied().unwrap_or(PackThere::Present);
            self.packs.insert(*pack, there);
        }
        let Some(point) = freed.point else {
            let swept: Vec<_> = freed.packs.iter().map(|pack| self.orphan(*pack)).collect();
            self.orphans.extend(swept);
            return;
        };
        self.set(point, freed.was.unwrap_or(PlacementState::Present));
        self.live.entry(self.state.points[&point].group).or_default().insert(point);
        for pack in &freed.orphaned {
            let orphan = self.orphan(*pack);
            self.orphans.remove(&orphan);
        }
        self.watched.entry(point).or_default().extend(freed.packs.iter().chain(&freed.orphaned).copied());
    }

    /// Deletes the orphans that nothing claims.
    pub fn sweep(&mut self, claimed: impl Fn(PackNumber) -> bool) -> Freed {
        let mut freed = Freed::default();
        let orphans = std::mem::take(&mut self.orphans);
        for orphan in orphans {
            let pack = orphan.2;
            if claimed(pack) {
                self.orphans.insert(orphan);
            } else if self.watcher(pack).is_none() {
                freed.take(pack, self.bytes_of(pack), &mut self.packs);
            }
        }
        freed.packs.sort_unstable();
        self.free_bytes(freed.bytes);
        freed
    }

    /// What copying these points, in order, has to send for each.
    pub fn loads(&self, unit: &[PointOrder]) -> Vec<Load> {
        let mut sent = BTreeSet::new();
        unit.iter().map(|point| self.load(*point, &mut sent)).collect()
    }

    fn load(&self, point: PointOrder, sent: &mut BTreeSet<PackNumber>) -> Load {
        let row = &self.state.points[&point];
        let mut load = Load { bytes: row.manifest_bytes, ..Load::default() };
        let mut largest = 0;
        if self.state_of(point) == PlacementState::Damaged {
            (load.replaces, largest) = (row.manifest_bytes, row.manifest_bytes);
        }
        for pack in self.medium.objects_of(row) {
            let there = self.packs.get(pack);
            if matches!(there, Some(PackThere::Present | PackThere::Proved | PackThere::Travelling))
                || !sent.insert(*pack)
            {
                continue;
            }
            let bytes = self.bytes_of(*pack);
            load.packs.push(*pack);
            load.bytes += bytes;
            if there == Some(&PackThere::Damaged) {
                load.replaces += bytes;
                largest = largest.max(bytes);
            }
        }
        load.peak = (load.bytes - load.replaces).saturating_add(largest);
        load
    }

    /// Adds a point with what was sent for it.
    pub fn add(&mut self, point: PointOrder, load: &Load) {
        self.take_bytes(load.bytes.saturating_sub(load.replaces));
        self.live.entry(self.state.points[&point].group).or_default().insert(point);
        for pack in &load.packs {
            if self.packs.insert(*pack, PackThere::Proved).is_none() {
                self.watched.entry(point).or_default().push(*pack);
            }
        }
        self.adopt(point);
        self.set(point, PlacementState::Complete);
    }

    /// Orphans that the point may need are its own now: D-1 goes by intervals, whatever it names.
    fn adopt(&mut self, point: PointOrder) {
        let group = self.state.points[&point].group;
        let later = self.orphans.range((group, point, PackNumber(0))..=(group, NEWEST, PackNumber(u64::MAX)));
        let needs = |pack: PackNumber| self.state.packs.get(&pack).is_some_and(|row| row.first <= point);
        let adopted: Vec<_> = later.copied().filter(|orphan| needs(orphan.2)).collect();
        adopted.iter().for_each(|orphan| _ = self.orphans.remove(orphan));
        self.watched.entry(point).or_default().extend(adopted.into_iter().map(|orphan| orphan.2));
    }

    /// Bytes of these packs, there or not.
    pub fn bytes_of_all<'p>(&self, packs: impl IntoIterator<Item = &'p PackNumber>) -> u64 {
        packs.into_iter().map(|pack| self.bytes_of(*pack)).sum()
    }

    /// Bytes of the packs in `wanted` that lie there.
    pub fn bytes_there(&self, wanted: &BTreeSet<PackNumber>) -> u64 {
        wanted.iter().filter(|pack| self.packs.contains_key(pack)).map(|pack| self.bytes_of(*pack)).sum()
    }
}

impl Freed {
    fn take(&mut self, pack: PackNumber, bytes: u64, packs: &mut BTreeMap<PackNumber, PackThere>) {
        packs.remove(&pack);
        self.packs.push(pack);
        self.bytes += bytes;
    }
}
