//! `engine seed`: the first copy on drives by post. Export and forget by the owner, status by the owner too; absorb by
//! whoever receives a drive.

mod absorb;
mod arrival;
mod cargo;
mod export;
mod forget;
mod notice;
mod status;

pub use absorb::{AbsorbOptions, absorb as seed_absorb};
pub(super) use arrival::{Over, arrive, belongs, close};
pub use export::{ExportOptions, GoOn, export as seed_export};
pub use forget::forget as seed_forget;
pub use status::status as seed_status;

use super::{Context, Failure};
use crate::catalog::MediumRow;
use crate::config::Layout;
use crate::model::DestinationName;

/// The one medium that a seed to this destination goes to.
///
/// # Errors
/// Exit 2 for a name that is not known; exit 1 if no seed can go there.
fn medium_of(context: &Context, name: &DestinationName) -> Result<MediumRow, Failure> {
    if name.is_home() {
        return Err(Failure::usage("no seed goes home", "recovery points are made there", "name a destination"));
    }
    let destination = context.installation.destination(name)?;
    let refused = |why: &str, advice: String| Failure::new(format!("no seed can go to {name}"), why, advice);
    if destination.layout == Layout::Mirror {
        return Err(refused("it is a mirror, which holds files and no packs", "copy it there yourself".into()));
    }
    let media = context.installation.catalog.media()?;
    let mut in_use = media.into_iter().filter(|row| row.destination == *name && row.retired.is_none());
    match (in_use.next(), in_use.next()) {
        (Some(row), None) => Ok(row),
        (None, _) => {
            let advice = "when it is there and lets us in, `engine init` prepares it: a seed goes to one vault";
            Err(refused("no vault of it is known yet", advice.into()))
        }
        (Some(_), Some(_)) => {
            Err(refused("it has several media, and a seed goes to one of them", format!("see `engine explain {name}`")))
        }
    }
}
