//! Which points are drilled. Pure.
//!
//! In: what lies at a destination, what should lie there, what was asked for. Out: points in order, each with whether
//! it was seen. Invariant: a job's newest point is the newest that *should* be there; a damaged or missing one is
//! chosen all the same, so that an older good one never hides it.

use std::collections::BTreeMap;

use engine::model::{JobId, JobName, PointName, Time};

/// A point's id may be cut to so many digits.
const PREFIX_MIN: usize = 4;

/// A job's points at a destination, as their names list them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// As the destination names it.
    pub job: JobId,
    /// As people name it; none if nothing that could be read tells.
    pub name: Option<JobName>,
    /// In any order.
    pub points: Vec<PointName>,
    /// Those that share their place in the order with another one, for the computer was set back, and when they were
    /// made; none for one that can't be read.
    pub twins: BTreeMap<PointName, Option<Time>>,
}

/// A point that should lie at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedPoint {
    /// Whose.
    pub job: JobId,
    /// As people name it; none if nothing that could be read tells.
    pub name: Option<JobName>,
    /// Which.
    pub point: PointName,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Each job's newest point.
    Newest,
    /// Every point.
    All,
    /// A job's name, `JOB~N`, an id or a prefix of one.
    Named(String),
}

/// Whether a point was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Its manifest is listed.
    Listed,
    /// It should be there, and is not listed.
    NotListed,
}

/// A point to be drilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Whose, as the destination names it.
    pub job: JobId,
    /// Whose, as people name it; the id's digits if nothing tells.
    pub job_name: String,
    /// Which.
    pub point: PointName,
    /// Was it seen?
    pub presence: Presence,
}

/// A prefix that more than one point has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` begins the ids of {1} points: give more digits")]
pub struct Ambiguous(pub String, pub usize);

/// Chooses; nothing if nothing fits.
///
/// # Errors
/// [`Ambiguous`], of one destination's points.
pub fn choose(
    listings: &[Listing],
    expected: &[ExpectedPoint],
    wish: &Wish,
    only: Option<&JobName>,
) -> Result<Vec<Chosen>, Ambiguous> {
    let mut jobs = gather(listings, expected);
    if let Some(only) = only {
        let known = jobs.values().any(|job| job.name.as_ref() == Some(only));
        // A job whose name nothing tells may be the one: it is not left out for its damage.
        jobs.retain(|_, job| job.name.as_ref() == Some(only) || (!known && job.name.is_none()));
    }
    match wish {
        Wish::Newest => Ok(jobs.iter().filter_map(|(id, job)| job.nth(*id, 0)).collect()),
        Wish::All => Ok(jobs.iter().flat_map(|(id, job)| job.all(*id)).collect()),
        Wish::Named(text) => named(&jobs, text),
    }
}

struct Job {
    name: Option<JobName>,
    points: BTreeMap<PointName, Presence>,
    twins: BTreeMap<PointName, Option<Time>>,
}

fn gather(listings: &[Listing], expected: &[ExpectedPoint]) -> BTreeMap<JobId, Job> {
    let mut jobs: BTreeMap<JobId, Job> = BTreeMap::new();
    let empty = || Job { name: None, points: BTreeMap::new(), twins: BTreeMap::new() };
    for listing in listings {
        let job = jobs.entry(listing.job).or_insert_with(empty);
        job.name = job.name.take().or_else(|| listing.name.clone());
        job.points.extend(listing.points.iter().map(|point| (*point, Presence::Listed)));
        job.twins.extend(listing.twins.iter().map(|(point, created)| (*point, *created)));
    }
    for wanted in expected {
        let job = jobs.entry(wanted.job).or_insert_with(empty);
        job.name = job.name.take().or_else(|| wanted.name.clone());
        job.points.entry(wanted.point).or_insert(Presence::NotListed);
    }
    jobs
}

impl Job {
    fn chosen(&self, job: JobId, (point, presence): (&PointName, &Presence)) -> Chosen {
        let job_name = self.name.as_ref().map_or_else(|| job.to_string(), ToString::to_string);
        Chosen { job, job_name, point: *point, presence: *presence }
    }

    /// The newest but `back`.
    fn nth(&self, job: JobId, back: usize) -> Option<Chosen> {
        self.newest_first().nth(back).map(|point| self.chosen(job, point))
    }

    /// Of two points in one place the one that was made later is newer; one that can't be read may be that.
    fn newest_first(&self) -> impl Iterator<Item = (&PointName, &Presence)> {
        let age = |point: &PointName| {
            let created = self.twins.get(point).copied().flatten();
            (point.order, created.is_none(), created, point.id)
        };
        let mut points: Vec<_> = self.points.iter().collect();
        points.sort_by_key(|(point, _)| std::cmp::Reverse(age(point)));
        points.into_iter()
    }

    /// Newest first.
    fn all(&self, job: JobId) -> Vec<Chosen> {
        self.newest_first().map(|point| self.chosen(job, point)).collect()
    }
}

fn named(jobs: &BTreeMap<JobId, Job>, text: &str) -> Result<Vec<Chosen>, Ambiguous> {
    let (name, back) = match text.rsplit_once('~') {
        Some((name, back)) => (name, back.parse().ok()),
        None => (text, Some(0)),
    };
    let job = jobs.iter().find(|(_, job)| job.name.as_ref().is_some_and(|known| known.as_str() == name));
    if let (Some((id, job)), Some(back)) = (job, back) {
        return Ok(job.nth(*id, back).into_iter().collect());
    }
    let begins = |chosen: &Chosen| text.len() >= PREFIX_MIN && chosen.point.id.to_string().starts_with(text);
    let found: Vec<Chosen> = jobs.iter().flat_map(|(id, job)| job.all(*id)).filter(begins).collect();
    if found.len() > 1 { Err(Ambiguous(text.to_owned(), found.len())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use engine::model::{PointId, PointOrder};

    use super::*;

    fn point(sequence: u64) -> PointName {
        let mut id = [0xab; 8];
        id[1] = u8::try_from(sequence).expect("small");
        PointName { order: PointOrder { epoch: 1, sequence }, id: PointId(id) }
    }

    fn listing(job: u8, name: Option<&str>, sequences: &[u64]) -> Listing {
        let name = name.map(|name| name.parse().expect("a name"));
        let points = sequences.iter().map(|s| point(*s)).collect();
        Listing { job: JobId([job; 8]), name, points, twins: BTreeMap::new() }
    }

    fn expected(job: u8, name: &str, sequence: u64) -> ExpectedPoint {
        ExpectedPoint { job: JobId([job; 8]), name: Some(name.parse().expect("a name")), point: point(sequence) }
    }

    fn chosen(listings: &[Listing], wanted: &[ExpectedPoint], wish: Wish, only: Option<&str>) -> Vec<(String, u64)> {
        let only = only.map(|name| name.parse().expect("a name"));
        let all = choose(listings, wanted, &wish, only.as_ref()).expect("not ambiguous");
        all.into_iter().map(|c| (c.job_name, c.point.order.sequence)).collect()
    }

    #[test]
    fn the_newest_is_the_newest_that_should_be_there() {
        let there = [listing(1, Some("a"), &[3, 1, 2])];
        assert_eq!(chosen(&there, &[], Wish::Newest, None), [("a".into(), 3)]);
        let all = choose(&there, &[expected(1, "a", 4), expected(2, "b", 9)], &Wish::Newest, None).expect("clear");
        let seen: Vec<_> = all.iter().map(|c| (c.point.order.sequence, c.presence)).collect();
        assert_eq!(seen, [(4, Presence::NotListed), (9, Presence::NotListed)]);
    }

    #[test]
    fn of_two_points_in_one_place_the_one_made_later_is_the_newest_and_an_unreadable_one_is_not_hidden() {
        let twin = |id: u8| PointName { id: PointId([id; 8]), ..point(3) };
        let newest = |first: Option<i64>, second: Option<i64>| {
            let twins = [(twin(1), first.map(Time::from_seconds)), (twin(2), second.map(Time::from_seconds))].into();
            let there = Listing { points: vec![twin(1), twin(2)], twins, ..listing(1, Some("a"), &[]) };
            choose(&[there], &[], &Wish::Newest, None).expect("clear")[0].point
        };
        assert_eq!(newest(Some(9), Some(5)), twin(1));
        assert_eq!(newest(Some(5), Some(9)), twin(2));
        assert_eq!(newest(None, Some(9)), twin(1));
    }

    #[test]
    fn names_numbers_and_prefixes_find_their_point() {
        let there = [listing(1, Some("a"), &[1, 2, 3]), listing(2, Some("abab"), &[7])];
        let named = |text: &str| chosen(&there, &[], Wish::Named(text.into()), None);
        assert_eq!(named("a"), [("a".into(), 3)]);
        assert_eq!(named("a~2"), [("a".into(), 1)]);
        assert_eq!(named("abab"), [("abab".into(), 7)], "a job's name wins");
        assert_eq!(named("ab02"), [("a".into(), 2)]);
        assert_eq!(named(&point(7).id.to_string()), [("abab".into(), 7)]);
        for nothing in ["a~3", "a~x", "ab0", "ffff", ""] {
            assert_eq!(named(nothing), [], "{nothing}");
        }
        let twice = [listing(1, Some("a"), &[1]), listing(2, Some("b"), &[1])];
        assert_eq!(choose(&twice, &[], &Wish::Named("ab01".into()), None), Err(Ambiguous("ab01".into(), 2)));
    }

    #[test]
    fn a_job_without_a_readable_name_is_not_left_out() {
        let there = [listing(1, Some("a"), &[1]), listing(2, None, &[5])];
        assert_eq!(chosen(&there, &[], Wish::Newest, Some("a")), [("a".into(), 1)]);
        assert_eq!(chosen(&there, &[], Wish::Newest, Some("b")), [(JobId([2; 8]).to_string(), 5)]);
        assert_eq!(chosen(&there, &[], Wish::All, None).len(), 2);
    }
}
