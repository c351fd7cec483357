//! Which drills come first where there is no time for all: the order of doubt. Pure.
//!
//! In: every point at every destination that is there, and how it came out when it was last drilled there. Out: the order
//! in which they are worth a drill. What was never drilled there comes first (a job's newest point, its oldest one, the newest of
//! the others), then what was drilled longest ago, however it came out: what is known to be bad comes again in its turn, and
//! keeps nobody from what is not known. Among those of one rank destinations take turns, the one
//! that was drilled longest ago first, so that none waits for another to be proved whole.
//! [`Purse`] says how much of that fits a budget.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::model::Time;

/// A point at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The destination's number.
    pub destination: usize,
    /// As the order of points has it: a later one is newer.
    pub age: Age,
    /// When it was last drilled there to an end, and whether it passed; none if it never was.
    pub last: Option<(Time, bool)>,
}

/// Where a point stands among those of its job at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// The newest that should be there.
    Newest,
    /// The oldest.
    Oldest,
    /// So many are newer.
    Between(usize),
}

/// The most doubtful is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Unproved(Age),
    Drilled,
}

impl Candidate {
    const fn rank(&self) -> Rank {
        match (self.last, self.age) {
            (Some(_), _) => Rank::Drilled,
            // All that lie between take turns as one.
            (None, Age::Between(_)) => Rank::Unproved(Age::Between(0)),
            (None, age) => Rank::Unproved(age),
        }
    }

    /// Among those of its rank and destination.
    fn before(&self) -> (Option<Time>, Age) {
        (self.last.map(|(at, _)| at), self.age)
    }
}

/// The candidates by their places, the most doubtful first.
#[must_use]
pub fn queue(candidates: &[Candidate]) -> Vec<usize> {
    let mut drilled = BTreeMap::<usize, Option<Time>>::new();
    for it in candidates {
        let last = drilled.entry(it.destination).or_default();
        *last = (*last).max(it.last.map(|(at, _)| at));
    }
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|at| (candidates[*at].rank(), candidates[*at].before(), *at));
    let mut turns = BTreeMap::<(Rank, usize), usize>::new();
    let mut keyed: Vec<_> = order
        .into_iter()
        .map(|at| {
            let it = &candidates[at];
            let turn = turns.entry((it.rank(), it.destination)).or_default();
            *turn += 1;
            ((it.rank(), *turn, drilled[&it.destination], it.destination), at)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// What all drills of one call may take; no bound where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Time.
    pub time: Option<Duration>,
    /// Bytes of content that are restored.
    pub bytes: Option<u64>,
    /// Bytes that are read from servers.
    pub egress: Option<u64>,
}

/// What a drill takes, or took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// How long; not known beforehand.
    pub time: Duration,
    /// Bytes of content.
    pub bytes: u64,
    /// Bytes read from a server.
    pub egress: u64,
}

/// A budget and what is spent of it.
#[derive(Debug, Clone, Copy)]
pub struct Purse {
    budget: Budget,
    spent: Cost,
    drills: u64,
}

impl Purse {
    /// A full one.
    #[must_use]
    pub const fn of(budget: Budget) -> Self {
        let spent = Cost { time: Duration::ZERO, bytes: 0, egress: 0 };
        Self { budget, spent, drills: 0 }
    }

    /// Is there enough for a drill of that cost? For the first one always: a budget that is too small for any point would
    /// else prove nothing, for ever. Time is a bound on when drills begin.
    #[must_use]
    pub fn affords(&self, cost: Cost) -> bool {
        let within = |most: Option<u64>, spent: u64, more: u64| {
            most.is_none_or(|most| spent.checked_add(more).is_some_and(|sum| sum <= most))
        };
        let on_time = self.budget.time.is_none_or(|most| self.spent.time < most);
        let affordable = within(self.budget.bytes, self.spent.bytes, cost.bytes)
            && within(self.budget.egress, self.spent.egress, cost.egress);
        self.drills == 0 || (on_time && affordable)
    }

    /// A drill was made.
    pub const fn spend(&mut self, cost: Cost) {
        self.drills = self.drills.saturating_add(1);
        self.spent = Cost {
            time: self.spent.time.saturating_add(cost.time),
            bytes: self.spent.bytes.saturating_add(cost.bytes),
            egress: self.spent.egress.saturating_add(cost.egress),
        };
    }
}

/// Sorts a job's points at a destination: the newest, the oldest, and those between.
#[must_use]
pub fn ages<P: Ord>(mut points: Vec<P>) -> Vec<(P, Age)> {
    points.sort_by(|one, other| other.cmp(one));
    let last = points.len().saturating_sub(1);
    let age = |newer: usize| match newer {
        0 => Age::Newest,
        newer if newer == last => Age::Oldest,
        newer => Age::Between(newer),
    };
    points.into_iter().enumerate().map(|(newer, point)| (point, age(newer))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(destination: usize, age: Age, last: Option<(i64, bool)>) -> Candidate {
        Candidate { destination, age, last: last.map(|(at, good)| (Time::from_seconds(at), good)) }
    }

    #[test]
    fn what_was_never_proved_comes_first_then_what_was_drilled_longest_ago() {
        let candidates = [
            at(0, Age::Newest, Some((90, true))),
            at(0, Age::Oldest, Some((10, true))),
            at(0, Age::Between(2), None),
            at(0, Age::Between(1), None),
            at(0, Age::Oldest, None),
            at(0, Age::Newest, None),
            at(0, Age::Between(3), Some((80, false))),
        ];
        assert_eq!(queue(&candidates), [5, 4, 3, 2, 1, 6, 0]);
    }

    #[test]
    fn destinations_take_turns_the_longest_waiting_first() {
        let candidates = [
            at(0, Age::Newest, None),
            at(0, Age::Newest, None),
            at(0, Age::Oldest, Some((50, true))),
            at(1, Age::Newest, None),
            at(1, Age::Newest, None),
            at(1, Age::Oldest, Some((20, true))),
            at(2, Age::Newest, None),
        ];
        assert_eq!(queue(&candidates), [6, 3, 0, 4, 1, 5, 2], "never, 20, 50");
    }

    #[test]
    fn a_budget_bounds_what_is_begun_and_the_first_is_always_made() {
        let budget = Budget { time: Some(Duration::from_secs(60)), bytes: Some(100), egress: None };
        let cost = |seconds: u64, bytes: u64| Cost { time: Duration::from_secs(seconds), bytes, egress: bytes };
        let mut purse = Purse::of(budget);
        assert!(purse.affords(cost(0, 1000)), "the first");
        purse.spend(cost(10, 60));
        assert!(purse.affords(cost(0, 40)) && !purse.affords(cost(0, 41)) && !purse.affords(cost(0, u64::MAX)));
        purse.spend(cost(50, 1));
        assert!(!purse.affords(cost(0, 1)), "out of time");
        let mut purse = Purse::of(Budget { egress: Some(10), ..Budget::default() });
        purse.spend(cost(1000, 9));
        assert!(purse.affords(Cost { egress: 1, ..cost(0, 1 << 40) }) && !purse.affords(cost(0, 2)));
    }

    #[test]
    fn a_jobs_points_are_its_newest_its_oldest_and_the_rest() {
        let told = ages(vec![3, 9, 5]);
        assert_eq!(told, [(9, Age::Newest), (5, Age::Between(1)), (3, Age::Oldest)]);
        assert_eq!(ages(vec![3]), [(3, Age::Newest)]);
    }

    proptest! {
        /// With a budget for one drill each time, all that is there is proved once before anything is proved twice.
        #[test]
        fn everything_has_its_turn(places in proptest::collection::vec(1_usize..6, 1..4)) {
            let mut all: Vec<Candidate> = Vec::new();
            for (destination, points) in places.iter().enumerate() {
                all.extend(ages((0..*points).collect()).into_iter().map(|(_, age)| at(destination, age, None)));
            }
            let mut seen = Vec::new();
            for round in 0..all.len() {
                let next = queue(&all)[0];
                seen.push(next);
                all[next].last = Some((Time::from_seconds(i64::try_from(round).expect("small")), round % 3 > 0));
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..all.len()).collect::<Vec<_>>());
        }
    }
}
