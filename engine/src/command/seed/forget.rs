//! `engine seed forget`: a seed that never arrives is given up, and the upload goes on as if it had never been.

use crate::catalog::SeedRow;
use crate::catalog::locks::LockName;
use crate::command::publish::publish;
use crate::command::{Call, Context, Exit, Failure};
use crate::copy::expect_litter;
use crate::model::{DestinationName, VaultId};
use crate::report::SeedForgetReport;

/// Gives up the seed that is under way to a destination.
///
/// # Errors
/// Exit 2 for an unknown name; exit 1 if none is under way there.
pub fn forget(call: &Call, name: &DestinationName) -> Result<(SeedForgetReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let media = catalog.media()?;
    let its = |medium: &VaultId| media.iter().any(|row| row.vault == *medium && row.destination == *name);
    if !media.iter().any(|row| row.destination == *name) {
        context.installation.destination(name)?;
    }
    let none = || {
        let what = format!("no seed to {name} is given up");
        Failure::new(what, "none is under way there", "`engine seed status` tells of all")
    };
    // Whatever became of the place meanwhile, and of what the configuration says of it.
    let open = |seed: &SeedRow| seed.is_open() && its(&seed.medium);
    let medium = catalog.seeds()?.into_iter().find(open).ok_or_else(none)?.medium;
    let _lock = context.lock(&LockName::Seed(medium), "this seed")?;
    let seed = catalog.open_seed_at(medium)?.ok_or_else(none)?;
    let now = call.clock.now();
    // What was absorbed of it lies there unrecorded: what is needed is found by its name, and the rest is looked for.
    expect_litter(catalog, medium)?;
    catalog.forget_seed(seed.id, now)?;
    publish(&context)?;
    let packs = seed.drives.iter().map(|drive| drive.packs).sum();
    let bytes = seed.drives.iter().map(|drive| drive.bytes).sum();
    Ok((SeedForgetReport { seed: seed.id, destination: name.clone(), medium, packs, bytes }, Exit::Done))
}
