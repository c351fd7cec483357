//! A retention rule: how many points of each kind of period stay.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

/// One kind of period that a point can be the newest of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeepRule {
    /// Every point is its own period.
    Last,
    /// Hours of the day, local time.
    Hourly,
    /// Local days.
    Daily,
    /// ISO 8601 weeks, from Monday, local time.
    Weekly,
    /// Calendar months, local time.
    Monthly,
    /// Calendar years, local time.
    Yearly,
}

impl KeepRule {
    /// All rules, finest first.
    pub const ALL: [Self; 6] = [Self::Last, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    /// The configuration's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}

impl fmt::Display for KeepRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many periods of each kind keep their newest point. At least one count is not zero: a `Keep` that keeps
/// nothing does not exist, and a job that keeps everything has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keep(BTreeMap<KeepRule, NonZeroU32>);

impl Keep {
    /// The rule with these counts; a later count for the same kind replaces the one before. `None` if all are zero.
    #[must_use]
    pub fn new(counts: impl IntoIterator<Item = (KeepRule, u32)>) -> Option<Self> {
        let last_wins: BTreeMap<_, _> = counts.into_iter().collect();
        let set = last_wins.into_iter().filter_map(|(rule, count)| Some((rule, NonZeroU32::new(count)?)));
        Some(Self(set.collect())).filter(|keep| !keep.0.is_empty())
    }

    /// Periods of that kind that keep a point; 0 if the rule does not speak of it.
    #[must_use]
    pub fn count(&self, rule: KeepRule) -> u32 {
        self.0.get(&rule).map_or(0, |count| count.get())
    }

    /// The counts that are not zero, finest first.
    pub fn counts(&self) -> impl Iterator<Item = (KeepRule, u32)> {
        self.0.iter().map(|(&rule, count)| (rule, count.get()))
    }
}

impl fmt::Display for Keep {
    /// As in `last 3, daily 7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.counts().map(|(rule, count)| format!("{rule} {count}")).collect();
        f.pad(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_keeps_nothing_does_not_exist() {
        assert_eq!(Keep::new([]), None);
        assert_eq!(Keep::new([(KeepRule::Last, 0), (KeepRule::Yearly, 0)]), None);
        assert_eq!(Keep::new([(KeepRule::Last, 3), (KeepRule::Last, 0)]), None);
    }

    #[test]
    fn counts_read_back_finest_first() {
        let keep = Keep::new([(KeepRule::Daily, 7), (KeepRule::Last, 3), (KeepRule::Weekly, 0)]).expect("not empty");
        assert_eq!(keep.to_string(), "last 3, daily 7");
        assert_eq!((keep.count(KeepRule::Daily), keep.count(KeepRule::Weekly)), (7, 0));
    }
}
