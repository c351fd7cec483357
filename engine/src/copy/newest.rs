//! The newest point of each job that should lie at each medium: what heads tell of it, so that one that is lost there is
//! missed by who has nothing but that place.
//!
//! Rule (FORMAT.md 12.1): a head never tells of a point that is not there. It is told after its manifest was written, and
//! not told any more before it is deleted.
//! Deliberately absent: older points. A head stays small, however long the history.

use std::collections::BTreeMap;

use super::error::CopyError;
use crate::catalog::{Catalog, MediumRow, PointRow};
use crate::format::HeadNewest;
use crate::model::{JobId, PointOrder, State, VaultId};

/// As the catalog knows it of these media. Points are all that it knows.
pub(super) fn newest_known(
    catalog: &Catalog,
    media: &[MediumRow],
    points: &BTreeMap<PointOrder, &PointRow>,
) -> Result<Vec<HeadNewest>, CopyError> {
    let mut newest: BTreeMap<(VaultId, JobId), HeadNewest> = BTreeMap::new();
    for medium in media.iter().filter(|medium| medium.retired.is_none()) {
        for (order, placement) in catalog.placements_at(medium.vault)? {
            let should_be_there = placement.state.is_there() || placement.state == State::Missing;
            if let Some(point) = points.get(&order).filter(|point| should_be_there && point.removed.is_none()) {
                let told = HeadNewest { medium: medium.vault, job: point.job, point: point.name() };
                // Placements come in the order of points: the newest is the last.
                newest.insert((medium.vault, point.job), told);
            }
        }
    }
    Ok(newest.into_values().collect())
}

/// With what earlier heads told of points that the catalog never saw, because it was rebuilt or set back: they are lost
/// until a newer one of their job lies there.
pub(super) fn with_forgotten(
    catalog: &Catalog,
    newest: Vec<HeadNewest>,
    earlier: Vec<HeadNewest>,
) -> Result<Vec<HeadNewest>, CopyError> {
    let mut all: BTreeMap<(VaultId, JobId), HeadNewest> =
        newest.into_iter().map(|told| ((told.medium, told.job), told)).collect();
    for told in earlier {
        let is_newer = all.get(&(told.medium, told.job)).is_none_or(|known| known.point.order < told.point.order);
        if is_newer && catalog.point_by_id(told.point.id)?.is_none() {
            all.insert((told.medium, told.job), told);
        }
    }
    Ok(all.into_values().collect())
}
