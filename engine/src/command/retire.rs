//! `engine retire`: nothing is owed any more to a destination, or to one of its media; what it holds stays known.

use std::sync::Arc;

use super::give_up::give_up_copies;
use super::publish::publish_at;
use super::round::looks;
use super::{Call, Context, Exit, Failure};
use crate::catalog::{Catalog, MediumRow};
use crate::model::{DestinationName, PointOrder, State, VaultId};
use crate::plan::{Unwanted, unwanted_text};
use crate::report::{RetireReport, RetiredMedium};

/// Retires all media of a destination, or one of them.
///
/// # Errors
/// Exit 2 for a name or a medium that is not known; exit 1 if the installation can't be opened.
pub fn retire(call: &Call, name: &DestinationName, medium: Option<VaultId>) -> Result<(RetireReport, Exit), Failure> {
    let context = Context::open(call)?;
    let media = chosen(&context, name, medium)?;
    let in_use: Vec<&MediumRow> = media.iter().filter(|row| row.retired.is_none()).collect();
    // Looked at before: what is retired is no longer found, and its last head is to say so.
    let looks = if in_use.is_empty() { Vec::new() } else { looks(&context)? };
    let mut report = RetireReport { destination: name.clone(), retired: Vec::new(), warnings: Vec::new() };
    for row in in_use {
        report.retired.push(retire_one(&context, row)?);
        report.warnings.extend(only_there(&context.installation.catalog, row)?);
    }
    if !looks.is_empty() {
        publish_at(&context, looks)?;
    }
    Ok((report, Exit::Done))
}

fn chosen(context: &Arc<Context>, name: &DestinationName, medium: Option<VaultId>) -> Result<Vec<MediumRow>, Failure> {
    if name.is_home() {
        return Err(Failure::usage("home can't be retired", "recovery points are made there", ""));
    }
    let all = context.installation.catalog.media()?;
    let of_name: Vec<MediumRow> = all.into_iter().filter(|row| row.destination == *name).collect();
    if of_name.is_empty() {
        context.installation.destination(name)?;
        return Err(Failure::new(
            format!("{name} has no medium yet"),
            "it was never prepared, so nothing is owed to it",
            "remove it from the configuration if it is not wanted",
        ));
    }
    let Some(medium) = medium else { return Ok(of_name) };
    let ids: Vec<String> = of_name.iter().map(|row| row.vault.to_string()).collect();
    let found: Vec<MediumRow> = of_name.into_iter().filter(|row| row.vault == medium).collect();
    if found.is_empty() {
        let why = format!("its media are {}", ids.join(", "));
        return Err(Failure::usage(format!("{name} has no medium {medium}"), why, "name one of them"));
    }
    Ok(found)
}

fn retire_one(context: &Context, row: &MediumRow) -> Result<RetiredMedium, Failure> {
    let (catalog, now) = (&context.installation.catalog, context.call.clock.now());
    give_up_copies(context, row, None)?;
    let placements = catalog.placements_at(row.vault)?;
    let of = |wanted: &dyn Fn(State) -> bool| -> Vec<PointOrder> {
        placements.iter().filter(|(_, placed)| wanted(placed.state)).map(|(order, _)| *order).collect()
    };
    let owed = of(&|state| matches!(state, State::Pending | State::Missing));
    catalog.update_medium(row.vault, &|row| row.retired = Some(now))?;
    let pending = of(&|state| state == State::Pending);
    catalog.decline(row.vault, &pending, unwanted_text(Unwanted::Retired), now)?;
    let count = |points: &[PointOrder]| u64::try_from(points.len()).unwrap_or(u64::MAX);
    Ok(RetiredMedium {
        medium: row.vault,
        place: row.place.clone(),
        points: count(&of(&State::is_there)),
        no_longer_owed: count(&owed),
    })
}

/// What a person should know: points that are whole at no other place offsite.
fn only_there(catalog: &Catalog, row: &MediumRow) -> Result<Option<String>, Failure> {
    let mut only = 0_u64;
    for (order, placed) in catalog.placements_at(row.vault)? {
        let elsewhere = catalog.placements_of(order)?.into_iter().any(|(medium, placed)| {
            let offsite = !medium.destination.is_home() && medium.vault != row.vault && medium.retired.is_none();
            offsite && placed.state == State::Complete
        });
        only += u64::from(placed.state == State::Complete && !elsewhere);
    }
    let text = format!("{only} points on {} are complete at no other place offsite: keep it safe", row.vault);
    Ok((only > 0).then_some(text))
}
