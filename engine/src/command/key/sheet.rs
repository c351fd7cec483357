//! A new recovery sheet, in the state folder.

use crate::command::{Context, Failure};
use crate::installation::{Sheet, SheetFiles, write_sheet};

/// Writes it under this name, for its owner only; gives where.
///
/// # Errors
/// If it can't be written.
pub(super) fn write(context: &Context, name: &str, letters: &str) -> Result<SheetFiles, Failure> {
    let (family, config) = (context.installation.catalog.meta()?.family, &context.installation.config);
    let written = write_sheet(name, &Sheet { config, family, letters, made: context.call.clock.now() });
    let advice = "check the state folder; nothing was changed";
    written.map_err(|error| Failure::of("the recovery sheet can't be written", &error, advice))
}
