//! The recovery sheet: a page to print, and the secret read back from it.

use zeroize::Zeroizing;

use crate::config::Config;
use crate::model::FamilyId;
use crate::seal::{SlotError, sheet_text_parse};

/// The page's text.
#[must_use]
pub fn sheet_file(config: &Config, family: FamilyId, secret: &str, made: &str) -> Zeroizing<String> {
    let places: Vec<String> =
        config.destinations.iter().map(|d| format!("    {:<12} {}", d.name, super::place_text(&d.place))).collect();
    Zeroizing::new(format!(
        "OFFSITE RECOVERY SHEET

Print this page, keep it away from this computer, and delete the file.
Whoever has it and one of the places below can read everything that is backed up.

    {secret}

family {family}
made   {made}

The backup copies are at:

{}

To get files back on a new computer, install Offsite and type

    engine recover --from file:///PATH --sheet THIS-FILE
    engine recover --from file:///PATH --sheet THIS-FILE --to NEW-FOLDER

The first line lists what is there, the second restores the newest point of each job.
",
        places.join("\n")
    ))
}

/// The secret on a sheet: the first line that holds one.
///
/// # Errors
/// [`SlotError::Wrong`] if no line does.
pub fn read_sheet(text: &str) -> Result<Zeroizing<Vec<u8>>, SlotError> {
    text.lines().find_map(|line| sheet_text_parse(line).ok()).ok_or(SlotError::Wrong)
}
