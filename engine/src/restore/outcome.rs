//! What a restore came to, as values: what was restored, what is lost, and what was found on the way.

use std::fmt;

use crate::model::{DestinationName, EntryPath, ObjectName, Problem};
use crate::vault::{Between, Unread, VaultError};

/// What is wrong with an object at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DamageKind {
    /// The place answers, and it is not there.
    Missing,
    /// It is there, and is not what its name, its seal or an identity says.
    Damaged,
    /// It is there, and the place fails to read it again and again.
    Unreadable,
}

/// An object that should be good at a place and is not: for the catalog, and for the person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// Where.
    pub place: DestinationName,
    /// What.
    pub object: ObjectName,
    /// In which way.
    pub kind: DamageKind,
    /// For people.
    pub why: String,
}

/// A place that could not be asked, or could not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Which.
    pub place: DestinationName,
    /// For people.
    pub why: String,
}

/// Why something can't be had from any place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is damaged or gone where it could be asked for.
    Damage,
    /// Every place that may have it could not be asked.
    Unreachable,
}

/// One path that should have been restored and could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// As it stands in the point.
    pub path: EntryPath,
    /// Whether damage is to blame.
    pub cause: Cause,
    /// For people.
    pub why: String,
}

/// Entries that can't be read: all that stands there is lost, and can't even be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub between: Between,
    /// Whether damage is to blame.
    pub cause: Cause,
    /// For people.
    pub why: String,
}

/// What a restore came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// The places that objects came from; the one that gave most is first.
    pub from: Vec<DestinationName>,
    /// Regular files restored, hard links each.
    pub files: u64,
    /// Their apparent size in bytes, hard links once.
    pub bytes: u64,
    /// Entries of every kind restored.
    pub entries: u64,
    /// Entries that belong to the ordinary user who restored them: only root can give them to their recorded owners.
    pub kept_by_restorer: u64,
    /// What could not be made or set at the target, and paths asked for that are not in the point.
    pub problems: Vec<Problem>,
    /// What could not be had from any place: the first ten thousand.
    pub lost: Vec<Lost>,
    /// Lost paths beyond those in `lost`.
    pub more_lost: u64,
    /// Where the entries themselves can't be read, in order.
    pub gaps: Vec<Gap>,
    /// Found on the way, even where it was routed around.
    pub damage: Vec<Damage>,
    /// Places that could not be asked, or not to the end.
    pub absent: Vec<Absent>,
}

impl Restored {
    /// The exit code: 4 if damage keeps something from being restored, 1 if nothing at all could be had, 3 if
    /// something is missing or wrong for another reason, else 0. Damage that was routed around is told, not counted.
    #[must_use]
    pub fn exit(&self) -> u8 {
        let causes = self.lost.iter().map(|lost| lost.cause).chain(self.gaps.iter().map(|gap| gap.cause));
        let (mut damaged, mut unreachable) = (false, self.more_lost > 0);
        causes.for_each(|cause| match cause {
            Cause::Damage => damaged = true,
            Cause::Unreachable => unreachable = true,
        });
        match (damaged, unreachable, self.problems.is_empty()) {
            (true, ..) => 4,
            (false, true, _) if self.entries == 0 => 1,
            (false, false, true) => 0,
            (false, ..) => 3,
        }
    }
}

impl From<&Unread> for Gap {
    fn from(unread: &Unread) -> Self {
        let (cause, why) = (Cause::of(&unread.source), in_words(&unread.source));
        Self { between: unread.between.clone(), cause, why }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} can't be read: {}", self.between, self.why)
    }
}

impl Cause {
    /// The cause that an error of all places tells.
    #[must_use]
    pub fn of(error: &VaultError) -> Self {
        if error.is_damage() { Self::Damage } else { Self::Unreachable }
    }
}

/// An error and its sources in one line: where a value is kept of it, not the error.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(cause: Cause) -> Lost {
        Lost { path: EntryPath::parse(b"a").expect("a path"), cause, why: String::new() }
    }

    #[test]
    fn the_exit_code_counts_what_is_lost_and_not_what_was_routed_around() {
        let found = Damage {
            place: DestinationName::home(),
            object: ObjectName::Pack(crate::model::PackId([0; 32])),
            kind: DamageKind::Damaged,
            why: String::new(),
        };
        let whole = Restored { entries: 1, damage: vec![found], ..Restored::default() };
        assert_eq!(whole.exit(), 0);
        let odd = Restored { problems: vec![Problem::new(b"a", "no")], ..whole.clone() };
        assert_eq!(odd.exit(), 3);
        assert_eq!(Restored { lost: vec![lost(Cause::Unreachable)], ..whole.clone() }.exit(), 3);
        assert_eq!(Restored { lost: vec![lost(Cause::Damage), lost(Cause::Unreachable)], ..odd }.exit(), 4);
        let gaps = |cause| vec![Gap { between: Between::default(), cause, why: String::new() }];
        assert_eq!(Restored { gaps: gaps(Cause::Damage), ..whole }.exit(), 4);
        assert_eq!(Restored { gaps: gaps(Cause::Unreachable), ..Restored::default() }.exit(), 1);
    }
}
