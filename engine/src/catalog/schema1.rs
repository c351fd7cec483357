//! Schema 1, and the step to schema 2: jobs get a mark for a jump of the clock, events name their job.

use redb::WriteTransaction;
use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::error::Result;
use super::rows::{EventKind, EventRow, JobRow, PointRow, RunMark};
use super::stored::{GroupIdDef, JobIdDef, NameText, PointOrderDef, TimeDef, VaultIdDef};
use super::tables::Rows;
use super::value::rkyv_rows;
use crate::model::{GroupId, JobId, JobName, PointOrder, Time, VaultId};

/// A job as schema 1 had it.
#[derive(Archive, Serialize, Deserialize)]
pub struct JobRow1 {
    #[rkyv(with = JobIdDef)]
    id: JobId,
    #[rkyv(with = NameText)]
    name: JobName,
    #[rkyv(with = GroupIdDef)]
    group: GroupId,
    #[rkyv(with = Map<TimeDef>)]
    newest_created: Option<Time>,
    last_run: Option<RunMark>,
    last_files: u64,
    last_bytes: u64,
    alarm: Option<String>,
}

/// An event as schema 1 had it.
#[derive(Archive, Serialize, Deserialize)]
pub struct EventRow1 {
    #[rkyv(with = TimeDef)]
    time: Time,
    kind: EventKind,
    #[rkyv(with = Map<PointOrderDef>)]
    point: Option<PointOrder>,
    #[rkyv(with = Map<VaultIdDef>)]
    medium: Option<VaultId>,
    bytes: u64,
    reason: String,
}

rkyv_rows!(JobRow1, EventRow1);

/// Rewrites jobs and events.
pub fn to_schema2(transaction: &WriteTransaction) -> Result<()> {
    let jobs = Rows::<_, JobId, JobRow1>::open(transaction, "jobs")?.all()?;
    let mut new_jobs = Rows::<_, JobId, JobRow>::open(transaction, "jobs")?;
    for (id, job) in jobs {
        new_jobs.put(&id, &job_of_schema2(job))?;
    }
    let points = Rows::<_, PointOrder, PointRow>::open(transaction, "points")?;
    let events = Rows::<_, u64, EventRow1>::open(transaction, "events")?.all()?;
    let mut new_events = Rows::<_, u64, EventRow>::open(transaction, "events")?;
    for (number, event) in events {
        let point = event.point.map(|order| points.get(&order)).transpose()?.flatten();
        new_events.put(&number, &event_of_schema2(event, point.map(|point| point.job)))?;
    }
    Ok(())
}

fn job_of_schema2(job: JobRow1) -> JobRow {
    JobRow {
        id: job.id,
        name: job.name,
        group: job.group,
        newest_created: job.newest_created,
        last_run: job.last_run,
        last_files: job.last_files,
        last_bytes: job.last_bytes,
        alarm: job.alarm,
        clock_jump: None,
    }
}

fn event_of_schema2(event: EventRow1, job: Option<JobId>) -> EventRow {
    EventRow {
        time: event.time,
        kind: event.kind,
        job,
        point: event.point,
        medium: event.medium,
        bytes: event.bytes,
        reason: event.reason,
    }
}
