//! A plan as text for people: one line for each step with its reason, then what is stuck and what waits.

use std::fmt::Write;

use super::state::{Hold, State, Unwanted};
use super::steps::{Blocker, CopyReason, Loss, Plan, Problem, RemoveReason, Step, WaitReason};
use crate::model::{PointOrder, Time, VaultId, size};

/// Why a point waits whose packs are on their way by post.
pub const ON_SEED: &str = "on a seed drive";

/// The whole plan. An empty one is the line `nothing to do`.
#[must_use]
pub fn render(state: &State, plan: &Plan) -> String {
    let mut lines = Vec::new();
    for (id, steps) in &plan.media {
        lines.push(format!("{}:", place(state, *id)));
        lines.extend(steps.iter().map(|step| format!("  {}", self::step(state, step))));
    }
    lines.extend(plan.problems.iter().map(|it| format!("problem: {}", problem(state, it))));
    for it in &plan.waiting {
        let why = match &it.reason {
            WaitReason::MediumAway(why) => why.clone(),
            WaitReason::SourceAway => "no place that has it is there".to_owned(),
            WaitReason::NoGoodCopy => "no good copy of it is known anywhere".to_owned(),
            WaitReason::OnSeed => ON_SEED.to_owned(),
        };
        let (place, newest) = (place(state, it.medium), name(state, it.point));
        lines.push(format!("waiting: {} for {place}, newest {newest}: {why}", points(it.points)));
    }
    if lines.is_empty() { "nothing to do\n".to_owned() } else { lines.join("\n") + "\n" }
}

fn place(state: &State, id: VaultId) -> String {
    let Some(medium) = state.media.get(&id) else { return id.to_string() };
    let several = state.media.values().filter(|other| other.destination == medium.destination).count() > 1;
    if several { format!("{} ({id})", medium.destination) } else { medium.destination.to_string() }
}

fn name(state: &State, order: PointOrder) -> String {
    let Some(point) = state.points.get(&order) else { return order.to_string() };
    let job = state.jobs.get(&point.job).map_or_else(|| point.job.to_string(), |job| job.name.to_string());
    format!("{job} {}", point.id)
}

fn points(n: u64) -> String {
    if n == 1 { "1 point".to_owned() } else { format!("{n} points") }
}

fn step(state: &State, step: &Step) -> String {
    match step {
        Step::Finish { points: them, bytes, .. } => {
            let them = points(u64::try_from(them.len()).unwrap_or(u64::MAX));
            format!("finish removals that were begun: {them}, frees {bytes} bytes")
        }
        Step::Decline { point, reason } => format!("not wanted: {}: {}", name(state, *point), unwanted(*reason)),
        Step::Owe { point } => format!("pending again: {}: the copy elsewhere is lost", name(state, *point)),
        Step::Remove { point, reason, bytes, after, .. } => {
            let wait = if after.is_empty() { "" } else { ", once what replaces it is complete" };
            format!("remove {}, frees {bytes} bytes{wait}: {}", name(state, *point), removal(state, *reason))
        }
        Step::Sweep { packs, bytes } => {
            format!("delete {} packs that nothing refers to, frees {bytes} bytes", packs.len())
        }
        Step::VerifyOrigin { point } => {
            format!("read back {} where it comes from, before anything goes for it", name(state, *point))
        }
        Step::Copy { point, sources, bytes, reason, .. } => {
            let from = sources.first().map_or_else(|| "nowhere".to_owned(), |id| place(state, *id));
            format!("copy {} from {from}, {bytes} bytes: {}", name(state, *point), copy(state, *reason))
        }
        Step::Verify { point } => format!("verify {}: its evidence is missing", name(state, *point)),
    }
}

/// Why a step is taken, for the record.
#[must_use]
pub fn reason(state: &State, step: &Step) -> String {
    match step {
        Step::Decline { reason, .. } => unwanted(*reason).to_owned(),
        Step::Remove { reason, .. } => removal(state, *reason),
        Step::Copy { reason, .. } => copy(state, *reason),
        other => self::step(state, other),
    }
}

/// Why a point is not wanted, for people.
#[must_use]
pub const fn unwanted(reason: Unwanted) -> &'static str {
    match reason {
        Unwanted::Keep => "keep would remove it at once",
        Unwanted::OlderThanEvicted => "it is older than a point that was removed there to make room",
        Unwanted::GaveWay => "its copy was begun and gave way to a newer point",
        Unwanted::BaseGone => "the point it depends on is not there",
        Unwanted::Removed => "keep no longer wanted it",
        Unwanted::Forgotten => "it was removed by hand",
        Unwanted::Retired => "the medium is retired",
        Unwanted::Elsewhere => "one copy is enough, and another destination has it",
        Unwanted::NotOffsite => "the job does not go there",
        Unwanted::Unfit => "a file of it does not fit this mirror",
        Unwanted::Spooled => SPOOLED,
        Unwanted::GivenUp => "home was full and gave it up before it could be copied",
    }
}

const BY_KEEP: &str = "keep no longer wants it";
const BY_KEEP_SOON: &str = "keep won't want it once ";
const BY_HAND: &str = "asked for by hand";
const SPOOLED: &str = "spool: it is offsite";

fn removal(state: &State, reason: RemoveReason) -> String {
    match reason {
        RemoveReason::Retention => BY_KEEP.to_owned(),
        RemoveReason::Superseded { by } => format!("{BY_KEEP_SOON}{} is there", name(state, by)),
        RemoveReason::Eviction { by } => format!("makes room for {}", name(state, by)),
        RemoveReason::Forgotten => BY_HAND.to_owned(),
        RemoveReason::Spooled => SPOOLED.to_owned(),
        RemoveReason::Overflow(Loss::Nothing) => {
            format!("home is full: it makes room for the next point{}, and stays offsite", coming(state))
        }
        RemoveReason::Overflow(Loss::Copies) => {
            format!("home is full: given up for the next point{} before every place had it", coming(state))
        }
        RemoveReason::Overflow(Loss::ThePoint) => {
            format!("home is full: given up for the next point{} before it could be copied", coming(state))
        }
    }
}

fn coming(state: &State) -> String {
    let job = state.coming.and_then(|coming| state.jobs.get(&coming.job));
    job.map_or_else(String::new, |job| format!(" of {}", job.name))
}

/// Why a point is not wanted, from the words that were recorded when it was removed.
#[must_use]
pub fn removal_of(text: &str) -> Option<Unwanted> {
    match text {
        BY_KEEP => Some(Unwanted::Removed),
        BY_HAND => Some(Unwanted::Forgotten),
        SPOOLED => Some(Unwanted::Spooled),
        _ => text.starts_with(BY_KEEP_SOON).then_some(Unwanted::Removed),
    }
}

fn copy(state: &State, reason: CopyReason) -> String {
    match reason {
        CopyReason::Owed => "it is owed".to_owned(),
        CopyReason::NeededBy(point) => format!("{} depends on it", name(state, point)),
        CopyReason::Interrupted => "an earlier copy was interrupted".to_owned(),
        CopyReason::Damaged => "it is damaged there".to_owned(),
        CopyReason::Missing => "it is missing there".to_owned(),
        CopyReason::FellThrough { past } => format!("{past} earlier destinations could not take it"),
        CopyReason::LostElsewhere => "the copy at another destination is lost".to_owned(),
    }
}

/// What is stuck, for people.
#[must_use]
pub fn problem(state: &State, problem: &Problem) -> String {
    match problem {
        Problem::Full { medium, point, needs, room, freeable, blocked_by, others, deadline } => {
            let rules: Vec<_> = blocked_by.iter().map(|it| blocker(*it)).collect();
            let mut text = format!("{} is full: {} needs {}", place(state, *medium), name(state, *point), size(*needs));
            _ = write!(text, ", there are {} and {} could be freed", size(*room), size(*freeable));
            if !rules.is_empty() {
                _ = write!(text, "; in the way: {}", rules.join(", "));
            }
            if *others > 0 {
                _ = write!(text, "; {} more wait behind it", points(*others));
            }
            text + "; " + &self::deadline(state, *point, *deadline)
        }
        Problem::ChainOutgrows { medium, point, needs, next, capacity } => {
            let (place, point) = (place(state, *medium), name(state, *point));
            let (needs, next, capacity) = (size(*needs), size(*next), size(*capacity));
            format!(
                "the chain of {point} soon outgrows {place}: it has {needs}, one more point of it may need {next}, and \
                 {capacity} is the most there can be; an unfinished chain is never removed to make room"
            )
        }
        Problem::NeverFits { medium, point, needs, capacity, shared } => {
            let (place, point) = (place(state, *medium), name(state, *point));
            let never = if problem.is_for_ever() { "never fits" } else { "does not fit" };
            let mut text = format!("{point} {never} on {place}: it needs {}", size(*needs));
            if !problem.is_for_ever() {
                _ = write!(text, ", {} of it in packs with data of older points, which go there whole", size(*shared));
            }
            text + &format!(", and {} is the most there can be", size(*capacity))
        }
        Problem::OverLimit { medium, over } => {
            format!("{} holds {} more than its limit", place(state, *medium), size(*over))
        }
        Problem::Irreparable { medium, point } => {
            format!("{} is damaged at {}, and no good copy is known", name(state, *point), place(state, *medium))
        }
    }
}

/// Until when it has to be solved.
fn deadline(state: &State, order: PointOrder, deadline: Option<Time>) -> String {
    let job = state.points.get(&order).and_then(|point| state.jobs.get(&point.job));
    let job = job.map_or_else(|| "its job".to_owned(), |job| job.name.to_string());
    match deadline {
        Some(time) if time < state.now => format!("the deadline of {job} passed at {}", moment(state, time)),
        Some(time) => format!("the deadline of {job} passes at {}", moment(state, time)),
        None => format!("{job} has no `expect`, so there is no deadline"),
    }
}

/// By the clocks of the state's zone; by UTC, and said so, where the calendar has no local time.
fn moment(state: &State, time: Time) -> String {
    match jiff::Timestamp::from_second(time.seconds) {
        Ok(stamp) => stamp.to_zoned(state.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => time.text(),
    }
}

/// A rule that keeps a point where it is, for people.
#[must_use]
pub const fn blocker(blocker: Blocker) -> &'static str {
    match blocker {
        Blocker::EvictNever => "evict = \"never\"",
        Blocker::DeletionsRefused => "nothing can be deleted there now",
        Blocker::Pinned => "pinned points",
        Blocker::Held(Hold::Alarm) => "an alarm of the job",
        Blocker::Held(Hold::ClockJump) => "a clock that jumped",
        Blocker::Held(Hold::Rebuilt) => "a rebuilt catalog that nobody confirmed",
        Blocker::KeepAtLeast => "keep-at-least",
        Blocker::LastProved => "the last point that a drill proved",
        Blocker::Unique => "evict-unique = false",
        Blocker::NotOlder => "points that are not older",
        Blocker::Dependents => "points that others depend on",
        Blocker::Unfinished => "unfinished chains",
        Blocker::OwedElsewhere => "points that another place still needs from there",
        Blocker::NotOffsiteYet => "points that are not offsite yet",
        Blocker::Copying => "points that are being copied",
        Blocker::Reserved => "points that a copy or a restore relies on",
        Blocker::Retired => "the medium is retired",
        Blocker::Away => "the medium is not there",
    }
}
