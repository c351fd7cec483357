//! Which drills come first where there is no time for all: the order of doubt. Pure.
//!
//! In: every point at every destination that is there, and how it came out when it was last drilled there. Out: the order
//! in which they are worth a drill. What was never drilled there comes first (a job's newest point, its oldest one, the newest of
//! the others), then what was drilled longest ago, however it came out: what is known to be bad comes again in its turn, and
//! keeps nobody from what is not known. Among those of one rank destinations take turns, the one
//! that was drilled longest ago first, so that none waits for another to be proved whole.
//!
//! Where points come as fast as the budget drills them, the newest would have all of it for ever. So of each [`ROUND`]
//! drills one is of the oldest copy that no drill was begun for, and one of the copy whose last drill is longest ago, whatever
//! came of it: a copy that k of its kind wait before has its turn within `ROUND` times k + 1 drills, whatever comes meanwhile.
//! [`Purse`] says how much of that fits a budget.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use engine::model::{PointOrder, Time};

/// So many drills have one place for what was never tried, and one for what was tried longest ago.
const ROUND: u64 = 8;
const FOR_UNTRIED: u64 = 3;
const FOR_TRIED: u64 = 7;

/// A point at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The destination's number.
    pub destination: usize,
    /// Its place in the order of points: what is older has a lower one.
    pub order: PointOrder,
    /// As the order of points has it: a later one is newer.
    pub age: Age,
    /// When it was last drilled there to an end, and whether it passed; none if it never was.
    pub last: Option<(Time, bool)>,
    /// When a drill of it was last begun there, whatever came of it; none if none was.
    pub tried: Option<Time>,
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

/// The candidates by their places, in the order in which they are drilled after `made` other drills.
#[must_use]
pub fn queue(candidates: &[Candidate], made: u64) -> Vec<usize> {
    let mut doubtful = VecDeque::from(by_doubt(candidates));
    let (mut untried, mut tried) = by_waiting(candidates);
    let mut taken = BTreeSet::new();
    let mut all = Vec::with_capacity(candidates.len());
    for turn in (0..ROUND).cycle().skip(usize::try_from(made % ROUND).unwrap_or(0)) {
        let first = match turn {
            FOR_UNTRIED => next(&mut untried, &taken),
            FOR_TRIED => next(&mut tried, &taken),
            _ => None,
        };
        let Some(it) = first.or_else(|| next(&mut doubtful, &taken)) else { break };
        taken.insert(it);
        all.push(it);
    }
    all
}

fn next(from: &mut VecDeque<usize>, taken: &BTreeSet<usize>) -> Option<usize> {
    std::iter::from_fn(|| from.pop_front()).find(|it| !taken.contains(it))
}

/// Those that were never tried, the oldest first; and those that were, what waits longest first.
fn by_waiting(candidates: &[Candidate]) -> (VecDeque<usize>, VecDeque<usize>) {
    let (mut tried, mut untried): (Vec<_>, Vec<_>) =
        (0..candidates.len()).partition(|at| candidates[*at].tried.is_some());
    untried.sort_by_key(|at| (candidates[*at].order, *at));
    tried.sort_by_key(|at| (candidates[*at].tried, *at));
    (untried.into(), tried.into())
}

/// The most doubtful first.
fn by_doubt(candidates: &[Candidate]) -> Vec<usize> {
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
        let sequence = match age {
            Age::Newest => 1000,
            Age::Oldest => 0,
            Age::Between(newer) => 999_u64.saturating_sub(newer as u64),
        };
        let last = last.map(|(at, good)| (Time::from_seconds(at), good));
        Candidate { destination, order: PointOrder { epoch: 1, sequence }, age, last, tried: last.map(|(at, _)| at) }
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
        assert_eq!(by_doubt(&candidates), [5, 4, 3, 2, 1, 6, 0]);
        assert_eq!(queue(&candidates, 0), [5, 4, 3, 2, 1, 6, 0]);
        assert_eq!(
            queue(&candidates, 2),
            [5, 4, 3, 2, 1, 6, 0],
            "the second is for what was never tried, the oldest of all"
        );
        assert_eq!(queue(&candidates, 7), [1, 5, 4, 3, 2, 6, 0], "the first is for what was tried longest ago");
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
        assert_eq!(by_doubt(&candidates), [6, 3, 0, 4, 1, 5, 2], "never, 20, 50");
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
        /// Each is in the queue, once.
        #[test]
        fn a_queue_holds_all(tried in proptest::collection::vec(proptest::option::of(0_i64..50), 0..30), made: u64) {
            let all: Vec<_> = tried.into_iter().map(|tried| at(0, Age::Between(1), tried.map(|at| (at, true)))).collect();
            let mut queue = queue(&all, made);
            queue.sort_unstable();
            prop_assert_eq!(queue, (0..all.len()).collect::<Vec<_>>());
        }

        /// With a budget for one drill each time, new points meanwhile as fast as they are drilled, drills that come to nothing,
        /// and old points that go: whatever stays is drilled within the stated bound.
        #[test]
        fn nothing_waits_for_ever(places in 1_usize..4, first in 1_u64..6, arrivals in proptest::collection::vec(0_u8..3, 60..120)) {
            let mut world = World { all: Vec::new(), made: 0 };
            for sequence in 1..=first {
                world.arrive(places, sequence);
            }
            for (round, arriving) in arrivals.into_iter().enumerate() {
                let arrives = arriving > 0;
                if arrives {
                    world.arrive(places, first + 1 + round as u64);
                }
                world.drill(arriving == 1);
                world.nobody_is_late();
            }
        }
    }

    struct World {
        /// With the number of the drill by which it has to have its turn.
        all: Vec<(Candidate, u64)>,
        made: u64,
    }

    impl World {
        fn arrive(&mut self, places: usize, sequence: u64) {
            for destination in 0..places {
                let before = self.all.iter().filter(|(it, _)| it.tried.is_none()).count() as u64;
                let order = PointOrder { epoch: 1, sequence };
                let it = Candidate { destination, order, age: Age::Newest, last: None, tried: None };
                self.all.push((it, self.made + ROUND * (before + 1)));
            }
            let newest = self.all.iter().map(|(it, _)| it.order).max();
            for (it, _) in &mut self.all {
                it.age = if Some(it.order) == newest { Age::Newest } else { Age::Between(1) };
            }
        }

        fn drill(&mut self, comes_to_an_end: bool) {
            let candidates: Vec<_> = self.all.iter().map(|(it, _)| *it).collect();
            let next = queue(&candidates, self.made)[0];
            let now = Time::from_seconds(i64::try_from(self.made).expect("small"));
            let before = self.all.iter().filter(|(it, _)| it.tried.is_some()).count() as u64;
            self.made += 1;
            let (it, due) = &mut self.all[next];
            *due = self.made + ROUND * (before + 1);
            it.tried = Some(now);
            it.last = if comes_to_an_end { Some((now, true)) } else { it.last };
        }

        fn nobody_is_late(&self) {
            for (it, due) in &self.all {
                assert!(self.made <= *due, "{it:?} waits since before drill {due}, this is {}", self.made);
            }
        }
    }
}
