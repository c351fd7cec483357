//! Names of jobs and destinations: `[a-z0-9][a-z0-9-]{0,31}`, one namespace, `home` reserved.

use std::fmt;
use std::str::FromStr;

/// The name under which the home vault appears among destinations.
pub const HOME: &str = "home";

/// A text that can't name a job or a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Characters or length outside the rule.
    #[error("`{0}` is not a name: 1 to 32 of a-z, 0-9 and -, not starting with -")]
    Shape(String),
    /// The word `home`.
    #[error("`home` is reserved for the vault on this computer")]
    Reserved,
}

/// A valid name of a job or a destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A job's name.
pub type JobName = Name;
/// A destination's name; `home` for the home vault.
pub type DestinationName = Name;

impl Name {
    /// The name of the home vault, which no job and no destination can take.
    #[must_use]
    pub fn home() -> Self {
        Self(HOME.to_owned())
    }

    /// Is this the home vault?
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.0 == HOME
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let first = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = text.as_bytes();
        let shape = (1..=32).contains(&bytes.len()) && first(bytes[0]) && bytes.iter().all(|&c| first(c) || c == b'-');
        match (shape, text) {
            (false, _) => Err(NameError::Shape(text.to_owned())),
            (true, HOME) => Err(NameError::Reserved),
            (true, _) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        for good in ["a", "0", "documents", "usb-2", &"x".repeat(32)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a b", "é", "home", &"x".repeat(33)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
