//! Points that a mirror can't hold, found before room is made for them.
//!
//! In: what points are there, as the catalog knows it; the mirror. Out: the catalog that says which of them can't come, and
//! why. Deliberately absent: names that only the place itself knows to be none of its own; those are told when they are tried.

use std::collections::BTreeSet;

use super::error::{CopyError, is_taken};
use crate::catalog::{Catalog, MirroredRow, PlacementRow, PointRow, UNFIT};
use crate::destination::{Index, ReadStore, unfit_name};
use crate::model::{ObjectName, PointOrder, State, Time, VaultId};

/// Judges all points that `wanted` names and that are not there.
///
/// # Errors
/// As the catalog and the place answer.
pub fn judge_files(
    catalog: &Catalog,
    (medium, store, index): (VaultId, &dyn ReadStore, &Index),
    wanted: &dyn Fn(&PointRow) -> bool,
    now: Time,
) -> Result<(), CopyError> {
    let mut unfit = BTreeSet::<PointOrder>::new();
    for point in catalog.points()?.into_iter().filter(|point| point.removed.is_none() && wanted(point)) {
        let placed = catalog.placement(medium, point.order)?;
        if placed.as_ref().is_some_and(|row| row.state != State::Pending) {
            continue;
        }
        let Some(row) = catalog.mirrored(point.order)? else { continue };
        let base = point.base.filter(|base| unfit.contains(base)).map(|_| "what it is built on".to_owned());
        let known = placed.filter(PlacementRow::is_unfit).map(|row| row.reason);
        let why = match (why(&row, index), base, known) {
            (Some(why), ..) => Some(why),
            (None, Some(base), _) => Some(format!("{base}{UNFIT}so it can't come either")),
            (None, None, Some(known)) if is_taken(&known) && !is_still_taken(store, &row)? => {
                catalog.owe(medium, &[point.order], now)?;
                None
            }
            // That its base did not fit is over.
            (None, None, Some(known)) if known.starts_with("what it is built on") => {
                catalog.owe(medium, &[point.order], now)?;
                None
            }
            (None, None, known) => known,
        };
        if let Some(why) = why {
            unfit.insert(point.order);
            catalog.owe_in_vain(medium, point.order, &why, now)?;
        }
    }
    Ok(())
}

/// Why one of its files can be at no mirror, or not at this one.
fn why(row: &MirroredRow, index: &Index) -> Option<String> {
    row.files.iter().find_map(|file| {
        let file = index.file(&file.id)?;
        let long = index.largest_file().filter(|most| file.bytes > *most);
        let long = long.map(|most| format!("a file there has {most} bytes at most, and it has {}", file.bytes));
        let why = unfit_name(&file).or(long)?;
        Some(CopyError::Unfit { file: file.path.to_string(), why }.to_string())
    })
}

fn is_still_taken(store: &dyn ReadStore, row: &MirroredRow) -> Result<bool, CopyError> {
    for file in &row.files {
        if store.stat(&ObjectName::Pack(file.id).path())?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
