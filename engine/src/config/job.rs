//! One job: what to protect, when, where its copies go, how long they stay.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use super::error::{Position, Wrong, quoted};
use super::hooks::{Hooks, hooks};
use super::probe::{JobProbe, probes};
use super::quantity::duration;
use super::reader::{Read, Reader};
use super::source::Source;
use super::source_read::source;
use super::table::{Item, Table};
use crate::model::{DestinationName, EntryPath, JobName, Keep, KeepRule, Name, canary_in};
use crate::schedule::{Schedule, ScheduleError};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: JobName,
    /// Where its header stands in the file.
    pub at: Position,
    /// What it protects.
    pub source: Source,
    /// Where `source` stands in the file.
    pub source_at: Position,
    /// When; only when asked if none.
    pub schedule: Option<Schedule>,
    /// Where its copies go, in order of preference, each named once; empty if the key is absent: home only.
    pub offsite: Vec<DestinationName>,
    /// To how many of them.
    pub copies: Copies,
    /// How long points stay; everything, until it is full, if none.
    pub keep: Option<Keep>,
    /// Without a newer verified offsite copy for this long, the job is in trouble.
    pub expect: Option<Duration>,
    /// So long may a restore of its newest point take, from any of its destinations: drills measure it.
    pub rto: Option<Duration>,
    /// Jobs of one group share packs, and have the same `offsite`; the job's own name by default.
    pub dedup_group: Name,
    /// Do points stay at home? If not, it is a spool only.
    pub home: bool,
    /// What runs around it.
    pub hooks: Hooks,
    /// What tells a drill whether it came back good, in the order of the file.
    pub probes: Vec<JobProbe>,
    /// Is a file of known content planted in each of its folders?
    pub canary: bool,
}

impl Job {
    /// Where its canaries stand in its points.
    #[must_use]
    pub fn canaries(&self) -> Vec<EntryPath> {
        let Source::Folders(folders) = &self.source else { return Vec::new() };
        folders.paths.iter().filter(|_| self.canary).filter_map(|path| canary_in(path)).collect()
    }
}

/// To how many of its destinations a job's points go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// To all, in the end.
    All,
    /// To the first one that can take it.
    First,
}

/// Reads `[job.name]`; `destinations` are the names that `offsite` may hold.
pub(super) fn job(name: JobName, item: &Item<'_>, destinations: &BTreeSet<Name>) -> Read<Job> {
    let mut table = item.table(format!("[job.{name}]"))?;
    let at = item.reader.position(table.at);
    let mut source_at = at;
    let source =
        table.required("source", "source = { folders = [\"/home/ann/Documents\"] } or another source", |item| {
            source_at = item.reader.position(item.at);
            source(&item)
        });
    let schedule = table.optional("schedule", |item| schedule(&item));
    let offsite = table.or("offsite", Vec::new(), |item| offsite(&item, destinations));
    let nothing_offsite = offsite.as_deref().is_ok_and(<[_]>::is_empty);
    let copies = table.or("copies", Copies::All, |item| item.choice(&[("all", Copies::All), ("first", Copies::First)]));
    let keep = table.optional("keep", |item| keep(&item));
    let expect = expect(&mut table, nothing_offsite);
    let rto = table.optional("rto", |item| some_time(&item, "more than nothing, such as \"4h\""));
    let dedup_group = table.or("dedup-group", name.clone(), |item| named(&item));
    let hooks = hooks(&mut table);
    let probes = table.or("probe", Vec::new(), |item| probes(&item));
    let canary = table.or("canary", false, |item| canary(&item, source.as_ref().ok()));
    let home = table.take("home");
    let home = home.map_or(Ok(true), |item| spool(&item, nothing_offsite));
    table.finish()?;
    Ok(Job {
        name,
        at,
        source: source?,
        source_at,
        schedule: schedule?,
        offsite: offsite?,
        copies: copies?,
        keep: keep?,
        expect: expect?,
        rto: rto?,
        dedup_group: dedup_group?,
        home: home?,
        hooks: hooks?,
        probes: probes?,
        canary: canary?,
    })
}

/// Reads a schedule.
pub(super) fn schedule(item: &Item<'_>) -> Read<Schedule> {
    item.parse(|text| Schedule::from_str(text).map_err(|wrong| Wrong::new(wrong.to_string(), ScheduleError::ALLOWED)))
}

/// Reads a name that needs not be known elsewhere.
fn named(item: &Item<'_>) -> Read<Name> {
    item.parse(|text| Name::from_str(text).map_err(name_wrong))
}

/// What is wrong with a name.
pub(super) fn name_wrong(wrong: crate::model::NameError) -> Wrong {
    let what = match &wrong {
        crate::model::NameError::Shape(text) => format!("{} is not a name", quoted(text)),
        crate::model::NameError::Reserved => wrong.to_string(),
    };
    Wrong::new(what, "1 to 32 of a-z, 0-9 and -, not starting with -, not `home`")
}

fn offsite(item: &Item<'_>, destinations: &BTreeSet<Name>) -> Read<Vec<DestinationName>> {
    let names: Vec<_> = destinations.iter().map(Name::as_str).collect();
    let allowed = if names.is_empty() { "no destination is configured".to_owned() } else { names.join(", ") };
    let seen = std::cell::RefCell::new(BTreeSet::new());
    item.some(&format!("one destination or more: {allowed}"), |item| {
        let text = item.text()?;
        let known = Name::from_str(text).ok().filter(|name| destinations.contains(name));
        let Some(name) = known else {
            return item.wrong(Wrong::new(format!("there is no destination {}", quoted(text)), &*allowed));
        };
        if seen.borrow_mut().insert(text) {
            Ok(name)
        } else {
            item.wrong(Wrong::new(format!("`{name}` is named twice"), "each destination once"))
        }
    })
}

/// A deadline of nothing can't be met, and without destinations none can.
fn expect(table: &mut Table<'_>, nothing_offsite: bool) -> Read<Option<Duration>> {
    table.optional("expect", |item| {
        let span = some_time(&item, "more than nothing, such as \"26h\"")?;
        if !nothing_offsite {
            return Ok(span);
        }
        item.wrong(Wrong::new("`expect` waits for an offsite copy and the job has no `offsite`", "`offsite` beside it"))
    })
}

fn canary(item: &Item<'_>, source: Option<&Source>) -> Read<bool> {
    match (item.flag()?, source) {
        (true, Some(source)) if !matches!(source, Source::Folders(_)) => {
            item.wrong(Wrong::new("a canary is planted in folders", "`canary` of a job with `folders`"))
        }
        (planted, _) => Ok(planted),
    }
}

fn some_time(item: &Item<'_>, allowed: &str) -> Read<Duration> {
    let span = item.parse(duration)?;
    counted(item, span.as_secs(), 1, allowed).map(|_| span)
}

fn spool(item: &Item<'_>, nothing_offsite: bool) -> Read<bool> {
    let home = item.flag()?;
    if !home && nothing_offsite {
        return item.wrong(Wrong::new("the job's points would stay nowhere", "true, or `offsite` beside it"));
    }
    Ok(home)
}

/// A number that must not be below `min`.
pub(super) fn counted(item: &Item<'_>, number: u64, min: u64, allowed: &str) -> Read<u64> {
    if number >= min { Ok(number) } else { item.wrong(Wrong::new(format!("`{}` is {number}", item.key), allowed)) }
}

/// Reads `keep`, of a job or of home.
pub(super) fn keep(item: &Item<'_>) -> Read<Keep> {
    let mut table = item.table("`keep`")?;
    let counts = KeepRule::ALL.map(|rule| table.or(rule.as_str(), 0, |item| item.count()).map(|count| (rule, count)));
    table.finish()?;
    let counts = counts.into_iter().collect::<Read<Vec<_>>>()?;
    let nothing =
        || Wrong::new("`keep` keeps nothing", "one count at least that is not 0, or no `keep` for everything");
    Keep::new(counts).map_or_else(|| item.wrong(nothing()), Ok)
}

/// Jobs of one group have the same destinations.
pub(super) fn check_groups(jobs: &[Job], reader: &Reader<'_>) {
    for (index, job) in jobs.iter().enumerate() {
        let other = jobs[..index].iter().find(|other| other.dedup_group == job.dedup_group);
        if let Some(other) = other.filter(|other| other.offsite != job.offsite) {
            let what = format!(
                "jobs `{}` and `{}` share the dedup-group `{}` but not `offsite`",
                other.name, job.name, job.dedup_group
            );
            reader.wrong_at(job.at, Wrong::new(what, "the same `offsite` in all jobs of a group"));
        }
    }
}
