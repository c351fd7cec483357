//! The `keep` rule of a configuration.

/// How many points each rule keeps; 0 is a rule that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The newest points, whatever their age.
    pub last: u32,
    /// The newest of an hour, for that many hours that have one.
    pub hourly: u32,
    /// The newest of a day.
    pub daily: u32,
    /// The newest of an ISO week.
    pub weekly: u32,
    /// The newest of a month.
    pub monthly: u32,
    /// The newest of a year.
    pub yearly: u32,
}
