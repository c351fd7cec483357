//! That nothing is deleted at a medium: within a session, and as its last one found, for who asks later why it only
//! grows.

use super::error::CopyError;
use super::session::Session;
use crate::catalog::{self, Catalog, Mark, MediumRow};
use crate::model::VaultId;
use crate::plan::Deletions;

/// The name under which a medium remembers why.
const REFUSED: &str = "deletions-refused";

/// Why the last session there deleted nothing; none if it could have.
pub(crate) fn refused_at(row: &MediumRow) -> Option<&str> {
    row.marks.iter().find(|mark| mark.name == REFUSED).map(|mark| mark.value.as_str())
}

/// Why nothing is tried to be deleted at a place that refused it when it was enrolled.
pub(super) fn only_adds(row: &MediumRow) -> Option<String> {
    let (why, name) = (row.only_adds()?, &row.destination);
    Some(format!("it only let us add when it was enrolled ({why}); `engine enrol {name}` asks again"))
}

/// Keeps it; what is as it was is not written.
///
/// # Errors
/// As the catalog answers.
pub(super) fn note(catalog: &Catalog, medium: VaultId, deletions: &Deletions) -> catalog::Result<()> {
    let why = match deletions {
        Deletions::Allowed => None,
        Deletions::Refused(why) => Some(why.as_str()),
    };
    let row = catalog.medium(medium)?;
    if row.as_ref().and_then(refused_at) == why {
        return Ok(());
    }
    catalog.update_medium(medium, &|row| {
        row.marks.retain(|mark| mark.name != REFUSED);
        row.marks.extend(why.map(|why| Mark { name: REFUSED.to_owned(), value: why.to_owned() }));
    })?;
    Ok(())
}

impl Session<'_> {
    /// May anything be deleted there now?
    #[must_use]
    pub fn deletions(&self) -> Deletions {
        match &*self.refused.borrow() {
            Some(why) => Deletions::Refused(why.clone()),
            None => self.deletions.clone(),
        }
    }

    /// The place refused a deletion: nothing more is deleted in this session.
    pub(super) fn refuse_deletions(&self, why: String) -> CopyError {
        *self.refused.borrow_mut() = Some(why.clone());
        CopyError::DeletionsRefused(why)
    }
}
