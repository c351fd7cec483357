//! A recovery point's place in the order of all points, and its name.

use std::fmt;
use std::str::FromStr;

use super::id::{IdError, PointId};

/// The number of a master key: 1 is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyEpoch(pub u32);

/// A point's place: taken from the catalog before capture begins, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointOrder {
    /// The writer's epoch: 1 for the first writer, one more for each rebuild or take-over.
    pub epoch: u32,
    /// The number within the epoch, from 1.
    pub sequence: u64,
}

/// What a manifest is called at a destination: `<epoch>-<sequence>-<point id>`, 8 and 12 decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointName {
    /// The place in the order.
    pub order: PointOrder,
    /// The random id.
    pub id: PointId,
}

impl fmt::Display for PointOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{:012}", self.epoch, self.sequence)
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.order, self.id)
    }
}

impl FromStr for PointName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || "".parse::<PointId>().map(|_| unreachable!("an empty text is no id")).unwrap_err();
        let mut parts = text.splitn(3, '-');
        let (epoch, sequence, id) = (parts.next(), parts.next(), parts.next());
        let (Some(epoch), Some(sequence), Some(id)) = (epoch, sequence, id) else { return Err(wrong()) };
        let name = Self {
            order: PointOrder {
                epoch: epoch.parse().map_err(|_| wrong())?,
                sequence: sequence.parse().map_err(|_| wrong())?,
            },
            id: id.parse()?,
        };
        // Widths are fixed: an outlandish number in a foreign file's name must not become the next sequence.
        let fits = name.order.sequence < 1_000_000_000_000 && name.order.epoch < 100_000_000;
        if fits && name.to_string() == text { Ok(name) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_points_do_and_read_back() {
        let older = PointName { order: PointOrder { epoch: 1, sequence: 99 }, id: PointId([0xff; 8]) };
        let newer = PointName { order: PointOrder { epoch: 1, sequence: 100 }, id: PointId([0; 8]) };
        assert!(older.to_string() < newer.to_string() && older < newer);
        assert_eq!(older.to_string().parse(), Ok(older));
        for bad in [
            "00000001-18446744073709551614-ffffffffffffffff",
            "1-99-ffffffffffffffff",
            "",
            "00000001-000000000099",
            "+0000001-000000000099-ffffffffffffffff",
        ] {
            assert!(bad.parse::<PointName>().is_err(), "{bad}");
        }
    }
}
