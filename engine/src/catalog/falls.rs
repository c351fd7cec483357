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
    marked(medium, FELL)
}

/// The name under which home remembers when a point left it because it is offsite.
const PASSED: &str = "passed";

/// The first state of the catalog in which the last such point was not at home any more: a removal elsewhere that was
/// planned before may have counted on it.
pub fn passed(home: &MediumRow) -> Option<Generation> {
    marked(home, PASSED)
}

fn marked(medium: &MediumRow, name: &str) -> Option<Generation> {
    let mark = medium.marks.iter().find(|mark| mark.name == name)?;
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
        self.note_now(at, FELL)
    }

    /// A point left home because it is offsite.
    pub fn note_passed(&mut self, home: MediumNo) -> Result<()> {
        self.note_now(home, PASSED)
    }

    fn note_now(&mut self, at: MediumNo, name: &str) -> Result<()> {
        self.moved_on()?;
        let value = self.meta_row()?.generation.to_string();
        for mut row in self.media_in_order()?.into_iter().filter(|row| row.number == at) {
            row.marks.retain(|mark| mark.name != name);
            row.marks.push(Mark { name: name.to_owned(), value: value.clone() });
            self.media.put(&row.vault, &row)?;
        }
        Ok(())
    }
}
