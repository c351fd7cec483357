//! `engine seed forget`: a seed that never arrives is given up, and the upload goes on as if it had never been.

use super::medium_of;
use crate::catalog::locks::LockName;
use crate::command::publish::publish;
use crate::command::{Call, Context, Exit, Failure};
use crate::copy::expect_litter;
use crate::model::DestinationName;
use crate::report::SeedForgetReport;

/// Gives up the seed that is under way to a destination.
///
/// # Errors
/// Exit 2 for an unknown name; exit 1 if none is under way there.
pub fn forget(call: &Call, name: &DestinationName) -> Result<(SeedForgetReport, Exit), Failure> {
    let context = Context::open(call)?;
    let medium = medium_of(&context, name)?;
    let _lock = context.lock(&LockName::Seed(medium.vault), "this seed")?;
    let catalog = &context.installation.catalog;
    let Some(seed) = catalog.open_seed_at(medium.vault)? else {
        let why = "none is under way there";
        return Err(Failure::new(format!("no seed to {name} is given up"), why, "`engine seed status` tells of all"));
    };
    let now = call.clock.now();
    // What was absorbed of it lies there unrecorded: what is needed is found by its name, and the rest is looked for.
    expect_litter(catalog, medium.vault)?;
    catalog.forget_seed(seed.id, now)?;
    publish(&context)?;
    let packs = seed.drives.iter().map(|drive| drive.packs).sum();
    let bytes = seed.drives.iter().map(|drive| drive.bytes).sum();
    Ok((SeedForgetReport { seed: seed.id, destination: name.clone(), medium: medium.vault, packs, bytes }, Exit::Done))
}
