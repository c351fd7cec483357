//! `engine retire`: nothing is owed any more to a destination, or to one of its media; what it holds stays known.

use std::sync::Arc;

use super::give_up::give_up_copies;
use super::publish::publish_at;
use super::round::looks;
use super::{Call, Context, Exit, Failure};
use crate::catalog::{Catalog, MediumRow};
use crate::model::{DestinationName, PointOrder, State};
use crate::plan::{Unwanted, unwanted_text};
use crate::report::{RetireReport, RetiredMedium};

/// So many digits of a medium's id name it, as they do a point.
const SHORTEST: usize = 4;

/// Retires all media of a destination, or one of them.
///
/// # Errors
/// Exit 2 for a name or a medium that is not known; exit 1 if the installation can't be opened.
pub fn retire(call: &Call, name: &DestinationName, medium: Option<&str>) -> Result<(RetireReport, Exit), Failure> {
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
    report.warnings.extend(left_without(&context)?);
    if !looks.is_empty() {
        publish_at(&context, looks)?;
    }
    Ok((report, Exit::Done))
}

fn chosen(context: &Arc<Context>, name: &DestinationName, medium: Option<&str>) -> Result<Vec<MediumRow>, Failure> {
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
    let is_meant = |row: &MediumRow| medium.len() >= SHORTEST && row.vault.to_string().starts_with(medium);
    let found: Vec<MediumRow> = of_name.into_iter().filter(is_meant).collect();
    if found.len() != 1 {
        let why = format!("its media are {}", ids.join(", "));
        let advice = format!("name one of them, by {SHORTEST} digits of its beginning or more");
        return Err(Failure::usage(format!("`{medium}` names no one medium of {name}"), why, advice));
    }
    Ok(found)
}

/// Jobs none of whose destinations takes copies any more.
fn left_without(context: &Context) -> Result<Option<String>, Failure> {
    let media = context.installation.catalog.media()?;
    let in_use = |name: &DestinationName| media.iter().any(|row| row.destination == *name && row.retired.is_none());
    let jobs = context.installation.config.jobs.iter().filter(|job| !job.offsite.iter().any(in_use));
    let names: Vec<_> = jobs.map(|job| job.name.as_str()).collect();
    let text = format!("nothing of {} goes offsite any more: none of its destinations takes copies", names.join(", "));
    Ok((!names.is_empty()).then_some(text))
}

fn retire_one(context: &Context, row: &MediumRow) -> Result<RetiredMedium, Failure> {
    let (catalog, now) = (&context.installation.catalog, context.call.clock.now());
    give_up_copies(context, row, None)?;
    let placements = catalog.placements_at(row.vault)?;
    let of = |wanted: &dyn Fn(State) -> bool| -> Vec<PointOrder> {
        placements.iter().filter(|(_, placed)| wanted(placed.state)).map(|(order, _)| *order).collect()
    };
    let owed = of(&|state| matches!(state, State::Pending | State::Missing));
    // First: what it reserves at home would stay there for good.
    if let Some(seed) = catalog.open_seed_at(row.vault)? {
        catalog.forget_seed(seed.id, now)?;
        let text = format!("{}: the seed {} that was under way to it is given up", row.destination, seed.id);
        context.call.voice.warn(&text);
    }
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
    let points = if only == 1 { "1 point on it is" } else { &format!("{only} points on it are") };
    let text = format!("{points} complete at no other place offsite: keep {} safe", row.vault);
    Ok((only > 0).then_some(text))
}
