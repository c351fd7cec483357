//! What to read back next, and what the reading shows (DESIGN 5.9). Pure.
//!
//! In: the objects at a place, each with its bytes and when it was last read back. Out: the order to read them in, and two
//! statements that are kept apart: a random sample weighted by bytes bounds how much can be bad (`sample`, `bound`); an
//! order by age bounds how long ago any byte was read. Deliberately absent: clocks, entropy, and what an object is.

mod bound;
mod sample;

use std::cmp::Reverse;
use std::time::Duration;

pub use bound::most_bad;
pub use sample::{Sample, Share, Wrong};

use crate::model::Time;

/// How sure statements about samples are.
pub const CONFIDENCE: f64 = 0.95;

/// An object that could be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its size.
    pub bytes: u64,
    /// When it was last read back whole and was good; none if it never was.
    pub read: Option<Time>,
    /// Is it known to be bad?
    pub bad: bool,
}

/// Which of the objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Wish {
    /// Only a random part of the bytes, until something bad is found.
    pub sample: Option<Share>,
    /// Only what was read back longer ago than this, or never.
    pub older_than: Option<Duration>,
}

impl Wish {
    /// The objects that are asked for, by their places in `objects`, the most doubtful first: known to be bad, never read,
    /// read longest ago.
    #[must_use]
    pub fn of(&self, objects: &[Object], now: Time) -> Vec<usize> {
        let wanted = |object: &Object| match (self.older_than, object.read) {
            // A reading in the future was by a clock that was wrong.
            (Some(age), Some(read)) => object.bad || read > now || now.since(read) > age,
            _ => true,
        };
        let mut wanted: Vec<usize> = (0..objects.len()).filter(|at| wanted(&objects[*at])).collect();
        wanted.sort_by_key(|at| (Reverse(objects[*at].bad), objects[*at].read, *at));
        wanted
    }
}

/// How long ago any byte was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// All that should lie there.
    pub bytes: u64,
    /// What is known to be bad.
    pub bad: u64,
    /// What is not known to be bad and was never read back.
    pub never_read: u64,
    /// When the rest was read, at the least; none if nothing was.
    pub oldest: Option<Time>,
}

impl Coverage {
    /// Of all objects at a place.
    #[must_use]
    pub fn of(objects: &[Object]) -> Self {
        let sum = |of: &mut dyn Iterator<Item = &Object>| of.fold(0_u64, |sum, it| sum.saturating_add(it.bytes));
        Self {
            bytes: sum(&mut objects.iter()),
            bad: sum(&mut objects.iter().filter(|object| object.bad)),
            never_read: sum(&mut objects.iter().filter(|object| object.read.is_none() && !object.bad)),
            oldest: objects.iter().filter(|object| !object.bad).filter_map(|object| object.read).min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bytes: u64, read: Option<i64>) -> Object {
        Object { bytes, read: read.map(Time::from_seconds), bad: false }
    }

    #[test]
    fn the_most_doubtful_come_first() {
        let bad = Object { bad: true, ..object(1, Some(99)) };
        let objects = [object(1, Some(50)), object(1, None), bad, object(1, Some(10)), object(1, Some(50))];
        assert_eq!(Wish::default().of(&objects, Time::from_seconds(100)), [2, 1, 3, 0, 4]);
    }

    #[test]
    fn what_was_read_lately_is_left_out_unless_it_is_bad() {
        let bad = Object { bad: true, ..object(1, Some(99)) };
        let objects = [object(1, Some(69)), object(1, Some(70)), object(1, None), bad];
        let wish = Wish { older_than: Some(Duration::from_secs(30)), ..Wish::default() };
        assert_eq!(wish.of(&objects, Time::from_seconds(100)), [3, 2, 0]);
        assert_eq!(wish.of(&objects[..2], Time::from_seconds(60)), [0, 1], "read in the future");
    }

    #[test]
    fn coverage_tells_of_the_oldest_byte_and_of_those_never_read() {
        let bad = Object { bad: true, ..object(2, None) };
        let objects = [object(5, Some(70)), object(7, None), object(1, Some(20)), bad];
        let coverage = Coverage { bytes: 15, bad: 2, never_read: 7, oldest: Some(Time::from_seconds(20)) };
        assert_eq!(Coverage::of(&objects), coverage);
        assert_eq!(Coverage::of(&[]), Coverage::default());
    }
}
