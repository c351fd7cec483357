//! What a removal frees at a medium: one rule, for the planner's question and for the mark itself, so that the answer is
//! exact (D-1, D-5).

use std::collections::{BTreeMap, BTreeSet};

use super::error::Result;
use super::rows::{Interval, PackNo, PackState, PointRow};
use super::tables::{MediumNo, Mode, Tables};
use crate::model::{GroupId, PointOrder};

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// The packs at a medium that nothing needs there once `points` are gone, with their bytes.
    pub fn freed_packs(
        &self,
        at: MediumNo,
        leaving: &[PointOrder],
        points: &[PointRow],
        incoming: Option<PointOrder>,
    ) -> Result<BTreeMap<PackNo, u64>> {
        let groups: BTreeSet<_> = points.iter().map(|point| point.group).collect();
        let mut staying = BTreeMap::new();
        for &group in &groups {
            staying.insert(group, self.staying(at, group, leaving, incoming)?);
        }
        let mut freed = BTreeMap::new();
        for (pack, row) in self.packs_known_at(at)? {
            if matches!(row.state, PackState::Present | PackState::Damaged) {
                let known = self.pack(pack)?;
                let Some(staying) = staying.get(&known.group) else { continue };
                let was_needed = |used: &Interval| leaving.iter().any(|&order| used.holds(order));
                let still_needed = |used: Interval| any_within(staying, &used);
                let last_user_leaves = known.used.filter(was_needed).is_some_and(|used| !still_needed(used));
                if last_user_leaves && !self.is_reserved(at, pack)? {
                    freed.insert(pack, row.bytes);
                }
            }
        }
        Ok(freed)
    }

    /// The points of a group that stay at a medium, in order, and the one that comes.
    fn staying(
        &self,
        at: MediumNo,
        group: GroupId,
        leaving: &[PointOrder],
        incoming: Option<PointOrder>,
    ) -> Result<Vec<PointOrder>> {
        let kept = self.kept(at, group)?.into_iter();
        // A reservation that names a leaving point is refused earlier; here its count tells that it stays.
        let mut staying: Vec<_> =
            kept.filter(|(order, count)| !leaving.contains(order) || *count > 1).map(|(order, _)| order).collect();
        staying.extend(incoming);
        staying.sort_unstable();
        Ok(staying)
    }

    pub fn freed(&self, at: MediumNo, points: &[PointRow], packs: &BTreeMap<PackNo, u64>) -> Result<u64> {
        let mut bytes: u64 = packs.values().sum();
        for point in points {
            if self.manifest_is_there(at, point.order)? {
                bytes = bytes.saturating_add(point.manifest_bytes);
            }
        }
        Ok(bytes)
    }
}

/// Is any of these, which are in order, within the interval?
fn any_within(orders: &[PointOrder], used: &Interval) -> bool {
    let from = orders.partition_point(|order| *order < used.first);
    orders.get(from).is_some_and(|&order| used.holds(order))
}
