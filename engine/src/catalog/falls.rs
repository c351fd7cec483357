//! When something that was complete at a medium was last found not to be: a removal that was planned before that may
//! rely on it.

use super::error::Result;
use super::rows::{Generation, Mark, MediumRow};
use super::tables::{MediumNo, Tables, Writing};
use crate::model::State;

/// The name under which a medium remembers it.
const FELL: &str = "fell";

/// The first state of the catalog in which it was known; none if nothing ever fell.
pub fn fell(medium: &MediumRow) -> Option<Generation> {
    let mark = medium.marks.iter().find(|mark| mark.name == FELL)?;
    // One that can't be read is of a time that is not known: nothing is newer.
    Some(Generation(mark.value.parse().unwrap_or(u64::MAX)))
}

/// Is that a fall? What is removed on purpose has not fallen.
pub fn is_fall(before: Option<State>, after: State) -> bool {
    before == Some(State::Complete) && !matches!(after, State::Complete | State::NotWanted | State::Evicted)
}

impl Tables<'_, Writing> {
    /// A complete placement there is so no longer. The generation moves on with it.
    pub fn note_fall(&mut self, at: MediumNo) -> Result<()> {
        self.moved_on()?;
        let value = self.meta_row()?.generation.to_string();
        for mut row in self.media_in_order()?.into_iter().filter(|row| row.number == at) {
            row.marks.retain(|mark| mark.name != FELL);
            row.marks.push(Mark { name: FELL.to_owned(), value: value.clone() });
            self.media.put(&row.vault, &row)?;
        }
        Ok(())
    }
}
