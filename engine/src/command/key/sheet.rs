//! A new recovery sheet, in the state folder.

use crate::command::{Context, Failure};
use crate::installation::write_sheet;

/// Writes it, for its owner only.
///
/// # Errors
/// If it can't be written.
pub(super) fn write(context: &Context, secret: &str) -> Result<(), Failure> {
    let (family, config) = (context.installation.catalog.meta()?.family, &context.installation.config);
    let written = write_sheet(config, family, secret, context.call.clock.now());
    let advice = "check the state folder; nothing was changed";
    written.map(drop).map_err(|error| Failure::of("the recovery sheet can't be written", &error, advice))
}
