//! A new recovery sheet, in the state folder.

use std::path::PathBuf;

use crate::command::{Context, Failure};
use crate::installation::write_sheet;

/// Writes it under this name, for its owner only; gives where.
///
/// # Errors
/// If it can't be written.
pub(super) fn write(context: &Context, name: &str, secret: &str) -> Result<PathBuf, Failure> {
    let (family, config) = (context.installation.catalog.meta()?.family, &context.installation.config);
    let written = write_sheet(config, name, family, secret, context.call.clock.now());
    let advice = "check the state folder; nothing was changed";
    written.map_err(|error| Failure::of("the recovery sheet can't be written", &error, advice))
}
